//! Times of day: 晚上八点半, 两点一刻, 差五分三点, 两点以后.

use super::date::Reader;
use super::number::Symbol;
use super::{Bias, Found};
use crate::utterance::Utterance;
use crate::value::Value;
use chrono::{NaiveDateTime, NaiveTime};

/// A part of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Night,
    Morning,
    Noon,
    Afternoon,
    Evening,
}

const PARTS: [(&str, Part); 24] = [
    ("凌晨", Part::Night),
    ("半夜", Part::Night),
    ("清早", Part::Morning),
    ("清晨", Part::Morning),
    ("大清早", Part::Morning),
    ("早上", Part::Morning),
    ("早晨", Part::Morning),
    ("早晌", Part::Morning),
    ("一早", Part::Morning),
    ("一大早", Part::Morning),
    ("上午", Part::Morning),
    ("早", Part::Morning),
    ("中午", Part::Noon),
    ("正午", Part::Noon),
    ("午间", Part::Noon),
    ("下午", Part::Afternoon),
    ("午后", Part::Afternoon),
    ("傍晚", Part::Evening),
    ("晚上", Part::Evening),
    ("晚间", Part::Evening),
    ("夜里", Part::Evening),
    ("夜晚", Part::Evening),
    ("深夜", Part::Evening),
    ("晚", Part::Evening),
];
/// Behind a time, it is the beginning of what suits.
const FROM: [&str; 6] = ["以后", "之后", "过后", "往后", "后", "开始"];
/// Behind a time, it is not exact.
const ABOUT: [&str; 9] = ["左右", "前后", "上下", "多", "来钟", "以前", "之前", "出头", "前"];

/// A time of day that was found.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    pub time: NaiveTime,
    /// 晚上十二点 is midnight, which the next day begins with.
    pub is_next_day: bool,
    pub end: usize,
    pub other: Option<NaiveTime>,
    pub confidence: f32,
    pub is_open: bool,
}

/// Every time of day in the utterance.
pub(super) fn find(utterance: &Utterance, now: NaiveDateTime, by_sound: bool) -> Vec<Found> {
    let reader = Reader::new(utterance, now, Bias::Future, by_sound);
    reader.scan(|at| {
        let clock = clock_at(&reader, at, false)?;
        let found = Found::new(at..clock.end, Value::Time(clock.time), clock.confidence).open(clock.is_open);
        Some((found.or(clock.other.map(Value::Time)), clock.end))
    })
}

/// The time that begins at `at`; with `is_part_enough`, 下午 alone is one that may go on.
pub(super) fn clock_at(reader: &Reader<'_>, at: usize, is_part_enough: bool) -> Option<Clock> {
    let (part, from) = match reader.longest(at, &PARTS) {
        // A single 早 or 晚 is a part of the day only before an hour or behind a day.
        Some((_, end)) if end == at + 1 && !is_part_enough && !is_hour(reader, end) => return None,
        Some((part, end)) => (Some(part), end + usize::from(reader.char(end) == Some('的'))),
        None => (None, at),
    };
    let short_of = short_of(reader, from);
    let (minus, from_hour) = short_of.unwrap_or((0, from));
    let Some((hour, range, end)) = hour_at(reader, from_hour) else {
        return part.filter(|_| is_part_enough && short_of.is_none()).map(|part| of_part(part, from));
    };
    let (minute, end, is_whole) = if minus > 0 { (0, end, true) } else { minute_at(reader, end)? };
    if part.is_none() && is_a_little(reader, at, end) {
        return None;
    }
    let (hour, is_next_day, other) = hour_of_day(part, hour)?;
    let of = |hour: u32| {
        let minutes = (hour * 60 + minute + 1440 - minus) % 1440;
        NaiveTime::from_hms_opt(minutes / 60, minutes % 60, 0)
    };
    let (from_len, about) = (reader.any(end, &FROM), reader.any(end, &ABOUT));
    let until = range_end(reader, end);
    let other = other.and_then(of).or(range.and_then(|hour| of(hour_of_day(part, hour)?.0)));
    let confidence = match () {
        () if about > from_len || range.is_some() => 0.6,
        () if part.is_none() && hour < 13 => 0.8,
        () => 0.9,
    };
    Some(Clock {
        time: of(hour)?,
        is_next_day,
        end: (end + from_len.max(about)).max(until),
        other,
        confidence,
        is_open: !is_whole,
    })
}

/// 下午 without an hour: when a visit in that part of the day begins.
fn of_part(part: Part, end: usize) -> Clock {
    let hour = match part {
        Part::Night => 0,
        Part::Morning => 9,
        Part::Noon => 12,
        Part::Afternoon => 14,
        Part::Evening => 19,
    };
    let time = NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default();
    Clock { time, is_next_day: false, end, other: None, confidence: 0.6, is_open: true }
}

fn is_hour(reader: &Reader<'_>, at: usize) -> bool {
    hour_at(reader, at).is_some() || short_of(reader, at).is_some()
}

/// 八点, 八点钟, 十四时三十, and 七八点 with the later one.
fn hour_at(reader: &Reader<'_>, at: usize) -> Option<(u32, Option<u32>, usize)> {
    let (mut hour, mut end) = reader.number(at)?;
    let mut range = None;
    if let (Some(Symbol::Digit(low)), Some(Symbol::Digit(high))) = (reader.symbols.get(at), reader.symbols.get(at + 1))
        && *high == low + 1
        && *low > 0
        && end == at + 2
        && !reader.char(at)?.is_ascii()
    {
        (hour, range) = (u32::from(*low), Some(u32::from(*high)));
    }
    let behind = reader.char(end + 1);
    match reader.char(end)? {
        // 两点流量包 is no hour; 一点都 is none either.
        '点' if !matches!(behind, Some('都' | '也' | '儿')) => end += 1,
        '时' if behind.is_none_or(|c| c != '候' && c != '间') => end += 1,
        _ => return None,
    }
    end += reader.any(end, &["钟", "整"]);
    (hour <= 24).then_some((hour, range, end))
}

/// 差五分, 差一刻, before the hour that it is short of.
fn short_of(reader: &Reader<'_>, at: usize) -> Option<(u32, usize)> {
    if reader.char(at) != Some('差') {
        return None;
    }
    let (number, end) = reader.number(at + 1)?;
    match reader.char(end) {
        Some('刻') => Some((number * 15, end + 1)),
        Some('分') => Some((number, end + 1 + reader.any(end + 1, &["钟"]))),
        _ => Some((number, end)),
    }
    .filter(|(minutes, _)| *minutes < 60)
}

/// 便宜一点, 一点流量: a little, unless the words around it are those of a time.
fn is_a_little(reader: &Reader<'_>, at: usize, end: usize) -> bool {
    let before = at.checked_sub(1).and_then(|i| reader.char(i));
    let is_led = before.is_none_or(|c| "是在到约天号日就嗯".contains(c));
    let is_followed = reader.char(end).is_none_or(|c| "吧以之左前后可行来到".contains(c));
    end == at + 2 && reader.char(at) == Some('一') && !(is_led && is_followed)
}

/// The minutes behind an hour, where they end and whether they are whole: 八点五 may become 八点五十. Nothing where
/// the 点 was a decimal point.
fn minute_at(reader: &Reader<'_>, at: usize) -> Option<(u32, usize, bool)> {
    match (reader.symbols.get(at), reader.char(at + 1)) {
        (Some(Symbol::Half), _) => return Some((30, at + 1, true)),
        (Some(Symbol::Digit(quarters @ 1..=3)), Some('刻')) => return Some((u32::from(*quarters) * 15, at + 2, true)),
        (Some(Symbol::Digit(_) | Symbol::Unit(1)), _) => {}
        _ => return Some((0, at, true)),
    }
    let Some((minute, end)) = reader.number(at) else { return Some((0, at, true)) };
    match reader.char(end) {
        Some('块' | '元' | '兆' | 'g' | 'm' | '毛' | '倍' | '折') => None,
        // A number that something else follows is not the minutes: 两点三个人.
        Some('个' | '号' | '月' | '点') => Some((0, at, true)),
        _ if minute >= 60 => Some((0, at, true)),
        next => {
            let unit = usize::from(next == Some('分'));
            Some((minute, end + unit, unit > 0 || end - at > 1))
        }
    }
}

/// 三点到五点: where the later time ends.
fn range_end(reader: &Reader<'_>, at: usize) -> usize {
    let joint = reader.any(at, &["到", "至"]);
    if joint == 0 {
        return at;
    }
    clock_at(reader, at + joint, false).map_or(at, |clock| clock.end)
}

/// The hour on the clock of 24, whether it is the next day's, and what else it may be.
fn hour_of_day(part: Option<Part>, hour: u32) -> Option<(u32, bool, Option<u32>)> {
    let (hour, is_next_day, other) = match (part, hour) {
        (_, 13..=23) | (Some(_), 0) => (hour, false, None),
        (_, 24) => (0, true, None),
        (Some(Part::Night), 12) => (0, true, None),
        (Some(Part::Night | Part::Morning), _) => (hour, false, None),
        (Some(Part::Noon), 1..=3) => (hour + 12, false, None),
        (Some(Part::Noon), _) => (hour, false, None),
        (Some(Part::Afternoon), 12) => (12, false, None),
        (Some(Part::Evening), 12) => (0, true, None),
        (Some(Part::Afternoon | Part::Evening), _) => (hour + 12, false, None),
        // Nobody is visited or called back before seven.
        (None, 1..=6) => (hour + 12, false, Some(hour)),
        (None, 7..=11) => (hour, false, Some(hour + 12)),
        (None, _) => (hour, false, None),
    };
    (hour < 24).then_some((hour, is_next_day, other))
}

/// The same utterance with homophones of the calendar's words in their places: 名天下无三点 is 明天下午三点.
pub(super) fn by_sound(utterance: &Utterance) -> Utterance {
    const WORDS: [(&str, char); 37] = [
        ("ming", '明'),
        ("hou", '后'),
        ("tian", '天'),
        ("jin", '今'),
        ("zuo", '昨'),
        ("da", '大'),
        ("xia", '下'),
        ("shang", '上'),
        ("zhong", '中'),
        ("zhou", '周'),
        ("xing", '星'),
        ("li", '礼'),
        ("yue", '月'),
        ("hao", '号'),
        ("dian", '点'),
        ("ban", '半'),
        ("ke", '刻'),
        ("fen", '分'),
        ("wan", '晚'),
        ("zao", '早'),
        ("chen", '晨'),
        ("ge", '个'),
        ("nian", '年'),
        ("di", '底'),
        ("mo", '末'),
        ("yi", '一'),
        ("er", '二'),
        ("liang", '两'),
        ("san", '三'),
        ("si", '四'),
        ("wu", '五'),
        ("liu", '六'),
        ("qi", '七'),
        ("ba", '八'),
        ("jiu", '九'),
        ("shi", '十'),
        ("ling", '零'),
    ];
    /// Characters that are read as they are.
    const KEPT: &str = "一二两三四五六七八九十零百半点分刻时年月日号天周星期礼拜上下中午早晚晨凌明后前今昨大个底初末这本去是把要有我就的到以之过再差钟";
    let mut out = utterance.clone();
    for i in 0..out.chars.len() {
        if KEPT.contains(out.chars[i]) {
            continue;
        }
        let before = i.checked_sub(1).map(|before| out.chars[before]);
        let sound = out.syllables[i].as_str();
        let next = out.syllables.get(i + 1).map_or("", String::as_str);
        let word = match (sound, before) {
            ("wu", Some('上' | '下' | '中')) => Some('午'),
            ("qi", Some('星')) => Some('期'),
            ("bai", Some('礼')) => Some('拜'),
            ("ling", _) if next == "chen" => Some('凌'),
            _ => WORDS.iter().find(|(known, _)| *known == sound).map(|(_, word)| *word),
        };
        if let Some(word) = word {
            out.chars[i] = word;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::utterance::Pronouncer;
    use chrono::NaiveDate;

    fn read(text: &str, by_sound: bool) -> Vec<Found> {
        let now =
            NaiveDate::from_ymd_opt(2026, 11, 22).and_then(|date| date.and_hms_opt(10, 0, 0)).expect("a real time");
        find(&Utterance::new(text, "", 1.0, &Pronouncer::default()), now, by_sound)
    }

    #[test]
    fn times_of_day() {
        for (text, time) in [
            ("晚上八点半", "20:30"),
            ("上午九点", "09:00"),
            ("下午两点一刻", "14:15"),
            ("十点二十分", "10:20"),
            ("早八点", "08:00"),
            ("中午十二点", "12:00"),
            ("中午一点", "13:00"),
            ("晚上十二点", "00:00"),
            ("凌晨两点", "02:00"),
            ("十四点零五", "14:05"),
            ("下午差五分三点", "14:55"),
            ("差一刻八点", "07:45"),
            ("八点整", "08:00"),
            ("两点以后", "14:00"),
            ("下午三点到五点", "15:00"),
            ("9点30", "09:30"),
        ] {
            let found = read(text, false);
            assert_eq!(found.first().map(|found| found.value.plain()).as_deref(), Some(time), "{text}");
            assert_eq!(found.len(), 1, "{text}");
        }
    }

    #[test]
    fn an_hour_without_its_part_of_the_day_may_be_another() {
        let found = &read("八点", false)[0];
        assert_eq!((found.value.plain().as_str(), found.alternatives[0].plain().as_str()), ("08:00", "20:00"));
        let rough = &read("七八点吧", false)[0];
        assert_eq!(rough.value.plain(), "07:00");
        assert!(rough.confidence < 0.7);
        assert!(read("八点五", false)[0].is_open);
    }

    #[test]
    fn what_is_no_time() {
        for text in ["一点都不好", "有点慢", "二十五点", "早", "三点八块钱", "能不能便宜一点", "给我一点流量", "第三点"]
        {
            assert_eq!(read(text, false), [], "{text}");
        }
        assert_eq!(read("一点吧", false)[0].value.plain(), "13:00");
        assert_eq!(read("下无三点", true)[0].value.plain(), "15:00");
    }
}
