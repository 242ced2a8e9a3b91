//! Days: 后天, 下周三, 下个月五号, 月底, 三天后. Always relative to the clock that is passed in.

use super::number::{Symbol, number_at, symbols};
use super::{Bias, Found};
use crate::utterance::{Utterance, prefix_len};
use crate::value::Value;
use chrono::{Datelike, Days, Duration, Months, NaiveDate, NaiveDateTime};
use std::borrow::Cow;

const RELATIVE: [(&str, i64); 24] = [
    ("大后天", 3),
    ("大后儿", 3),
    ("后天", 2),
    ("后儿个", 2),
    ("后儿", 2),
    ("后日", 2),
    ("明天", 1),
    ("明儿个", 1),
    ("明儿", 1),
    ("明日", 1),
    ("第二天", 1),
    ("今天", 0),
    ("今儿个", 0),
    ("今儿", 0),
    ("今日", 0),
    ("当天", 0),
    ("大前天", -3),
    ("前天", -2),
    ("前儿", -2),
    ("前日", -2),
    ("昨天", -1),
    ("昨儿个", -1),
    ("昨儿", -1),
    ("昨日", -1),
];
/// These stand for a day only before a part of it: 明早, 今晚, 明下午.
const SHORT: [(&str, i64); 4] = [("明", 1), ("今", 0), ("昨", -1), ("当", 0)];
const PARTS_SHORT: [&str; 5] = ["早", "晚", "上午", "中午", "下午"];
const WEEKS: [(&str, i64); 24] = [
    ("下下个星期", 2),
    ("下下个礼拜", 2),
    ("下下星期", 2),
    ("下下礼拜", 2),
    ("下下周", 2),
    ("下个星期", 1),
    ("下个礼拜", 1),
    ("下个周", 1),
    ("下星期", 1),
    ("下礼拜", 1),
    ("下周", 1),
    ("上上个星期", -2),
    ("上上周", -2),
    ("上个星期", -1),
    ("上个礼拜", -1),
    ("上星期", -1),
    ("上礼拜", -1),
    ("上周", -1),
    ("这个星期", 0),
    ("这个礼拜", 0),
    ("这个周", 0),
    ("这礼拜", 0),
    ("这周", 0),
    ("本周", 0),
];
const WEEK_WORDS: [&str; 3] = ["周", "星期", "礼拜"];
pub(super) const MONTHS: [(&str, i32); 16] = [
    ("下下个月", 2),
    ("下下月", 2),
    ("下个月", 1),
    ("下月", 1),
    ("这个月", 0),
    ("这月", 0),
    ("本月", 0),
    ("当月", 0),
    ("上上个月", -2),
    ("上上月", -2),
    ("大上个月", -2),
    ("大上月", -2),
    ("前个月", -2),
    ("上个月", -1),
    ("上月", -1),
    ("头个月", -1),
];
pub(super) const YEARS: [(&str, i32); 6] =
    [("大前年", -3), ("前年", -2), ("去年", -1), ("今年", 0), ("明年", 1), ("后年", 2)];
/// Holidays with a fixed day.
const HOLIDAYS: [(&str, (u32, u32)); 11] = [
    ("元旦", (1, 1)),
    ("劳动节", (5, 1)),
    ("五一节", (5, 1)),
    ("五一那天", (5, 1)),
    ("五一当天", (5, 1)),
    ("十一那天", (10, 1)),
    ("十一当天", (10, 1)),
    ("儿童节", (6, 1)),
    ("国庆节", (10, 1)),
    ("国庆", (10, 1)),
    ("圣诞节", (12, 25)),
];
/// What announces a day of the lunar calendar, which is not read.
const LUNAR: [&str; 5] = ["农历", "阴历", "旧历", "正月", "腊月"];
const AFTER: [&str; 5] = ["以后", "之后", "过后", "后", "之内"];
const BEFORE: [&str; 3] = ["以前", "之前", "前"];

/// An utterance with what its days are relative to.
pub(super) struct Reader<'a> {
    pub utterance: Cow<'a, Utterance>,
    pub symbols: Vec<Symbol>,
    pub now: NaiveDateTime,
    pub bias: Bias,
}

/// A day that was found.
pub(super) struct Day {
    pub date: NaiveDate,
    pub end: usize,
    pub other: Option<NaiveDate>,
    pub confidence: f32,
}

impl Day {
    fn sure(date: Option<NaiveDate>, end: usize) -> Option<Self> {
        Some(Self { date: date?, end, other: None, confidence: 0.9 })
    }
}

impl<'a> Reader<'a> {
    pub fn new(utterance: &'a Utterance, now: NaiveDateTime, bias: Bias, by_sound: bool) -> Self {
        let utterance = if by_sound { Cow::Owned(super::time::by_sound(utterance)) } else { Cow::Borrowed(utterance) };
        Self { symbols: symbols(&utterance, false), utterance, now, bias }
    }

    pub fn rest(&self, at: usize) -> &[char] {
        self.utterance.chars.get(at..).unwrap_or_default()
    }

    pub fn char(&self, at: usize) -> Option<char> {
        self.utterance.chars.get(at).copied()
    }

    /// The longest of `words` at `at`: its meaning and where it ends.
    pub fn longest<T: Copy>(&self, at: usize, words: &[(&str, T)]) -> Option<(T, usize)> {
        let rest = self.rest(at);
        let found = words.iter().map(|(word, value)| (*value, prefix_len(rest, word))).filter(|(_, len)| *len > 0);
        found.max_by_key(|(_, len)| *len).map(|(value, len)| (value, at + len))
    }

    /// The length of the longest of `words` at `at`, 0 for none.
    pub fn any(&self, at: usize, words: &[&str]) -> usize {
        let rest = self.rest(at);
        words.iter().map(|word| prefix_len(rest, word)).max().unwrap_or(0)
    }

    /// A whole number below 10,000 and where it ends. 点 ends it: it is no decimal point here. The end of a longer
    /// number and 第三 are none.
    pub fn number(&self, at: usize) -> Option<(u32, usize)> {
        let before = at.checked_sub(1);
        let is_inside = before.is_some_and(|i| matches!(self.symbols.get(i), Some(Symbol::Digit(_) | Symbol::Unit(_))));
        if is_inside || before.and_then(|i| self.char(i)) == Some('第') {
            return None;
        }
        let cut = (at..self.symbols.len()).find(|i| self.symbols[*i] == Symbol::Point).unwrap_or(self.symbols.len());
        let number = number_at(&self.symbols[..cut], at).filter(|number| number.range.is_none())?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole and small")]
        let whole = |value: f64| (value.fract() == 0.0 && (0.0..10_000.0).contains(&value)).then_some(value as u32);
        Some((whole(number.value)?, number.end))
    }

    /// Every value that `read` finds, from left to right.
    pub fn scan(&self, read: impl Fn(usize) -> Option<(Found, usize)>) -> Vec<Found> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < self.utterance.chars.len() {
            match read(at) {
                Some((one, end)) => {
                    found.push(one);
                    at = end.max(at + 1);
                }
                None => at += 1,
            }
        }
        found
    }

    fn today(&self) -> NaiveDate {
        self.now.date()
    }

    /// The day on the bias's side among `this` and the one a period before or behind; the other is the alternative.
    fn sided(&self, this: Option<NaiveDate>, shifted: impl Fn(i32) -> Option<NaiveDate>, end: usize) -> Option<Day> {
        let today = self.today();
        let (kept, step) = match self.bias {
            Bias::Future => (this.filter(|date| *date >= today), 1),
            Bias::Past => (this.filter(|date| *date <= today), -1),
        };
        let date = kept.or_else(|| shifted(step)).or_else(|| shifted(2 * step))?;
        let other = if kept.is_some() { shifted(-step) } else { this };
        Some(Day { date, end, other, confidence: 0.9 })
    }

    /// The day that begins at `at`.
    pub fn day_at(&self, at: usize) -> Option<Day> {
        if at.checked_sub(2).is_some_and(|before| self.any(before, &LUNAR) > 0) {
            return None;
        }
        let shift = |days: i64| self.today().checked_add_signed(Duration::days(days));
        if let Some((days, end)) = self.longest(at, &RELATIVE) {
            return Day::sure(shift(days), end);
        }
        if let Some((days, end)) = self.longest(at, &SHORT)
            && self.any(end, &PARTS_SHORT) > 0
        {
            return Day::sure(shift(days), end);
        }
        self.weekday_at(at)
            .or_else(|| self.in_named_month(at))
            .or_else(|| self.month_edge(at, self.first_of(0)?, true))
            .or_else(|| self.offset_at(at))
            .or_else(|| self.holiday_at(at))
            .or_else(|| self.numbered_at(at))
    }

    fn first_of(&self, months: i32) -> Option<NaiveDate> {
        shift_months(self.today().with_day(1)?, months)
    }

    /// 下周三: weeks begin on Monday. 周末 is Saturday, or Sunday.
    fn weekday_at(&self, at: usize) -> Option<Day> {
        let (weeks, end) = match self.longest(at, &WEEKS) {
            Some((weeks, end)) => (Some(weeks), end),
            None => (None, at + Some(self.any(at, &WEEK_WORDS)).filter(|len| *len > 0)?),
        };
        let day = match (self.char(end)?, self.symbols.get(end)?) {
            ('日' | '天', _) => 7,
            ('末', _) => 6,
            (_, Symbol::Digit(day @ 1..=6)) => i64::from(*day),
            _ => return None,
        };
        let today = self.today();
        let monday = today.checked_sub_days(Days::new(u64::from(today.weekday().num_days_from_monday())))?;
        let of_week = |weeks: i64| monday.checked_add_signed(Duration::days(day - 1 + 7 * weeks));
        let mut found = match weeks {
            Some(weeks) => Day::sure(of_week(weeks), end + 1)?,
            None => self.sided(of_week(0), |step| of_week(i64::from(step)), end + 1)?,
        };
        if self.char(end) == Some('末') {
            found.other = found.date.succ_opt();
        }
        Some(found)
    }

    /// 下个月五号, 上个月底, 这个月十五.
    fn in_named_month(&self, at: usize) -> Option<Day> {
        let (months, end) = self.longest(at, &MONTHS)?;
        let first = self.first_of(months)?;
        if let Some(edge) = self.month_edge(end - 1, first, false).or_else(|| self.month_edge(end, first, false)) {
            return Some(edge);
        }
        let (day, end) = self.number(end)?;
        Day::sure(first.with_day(day), end + usize::from(matches!(self.char(end), Some('号' | '日'))))
    }

    /// 月底, 月初, 月中 of the month that begins with `first`; without a name of the month 月初 is the next one's.
    fn month_edge(&self, at: usize, first: NaiveDate, is_bare: bool) -> Option<Day> {
        const EDGES: [(&str, u32); 8] = [
            ("月底", 31),
            ("月末", 31),
            ("月尾", 31),
            ("月初", 1),
            ("月头", 1),
            ("月中旬", 15),
            ("月中", 15),
            ("月上旬", 5),
        ];
        // 五月初三, 正月初五 are days of the lunar calendar.
        let before = at.checked_sub(1);
        let is_lunar = before.and_then(|i| self.char(i)).is_some_and(|c| "正腊个".contains(c))
            || before.is_some_and(|i| matches!(self.symbols.get(i), Some(Symbol::Digit(_) | Symbol::Unit(_))));
        if is_bare && is_lunar {
            return None;
        }
        let (day, end) = self.longest(at, &EDGES)?;
        let of = |first: NaiveDate| {
            if day == 31 { shift_months(first, 1)?.pred_opt() } else { first.with_day(day) }
        };
        let found = if is_bare {
            self.sided(of(first), |step| of(shift_months(first, step)?), end)
        } else {
            Day::sure(of(first), end)
        };
        found.map(|day| Day { confidence: 0.7, ..day })
    }

    /// 三天后, 过两天, 一周以后, 半个月之前.
    fn offset_at(&self, at: usize) -> Option<Day> {
        let led = self.any(at, &["再过", "过"]);
        let from = at + led;
        let (count, end) = if self.char(from) == Some('半') {
            (None, from + 1)
        } else {
            let (count, end) = self.number(from)?;
            (Some(count), end)
        };
        let end = end + usize::from(self.char(end) == Some('个'));
        let units: [(&str, u32); 5] = [("天", 1), ("周", 7), ("星期", 7), ("礼拜", 7), ("月", 30)];
        let (unit, end) = self.longest(end, &units)?;
        let (after, before) = (self.any(end, &AFTER), self.any(end, &BEFORE));
        if led == 0 && after == 0 && before == 0 {
            return None;
        }
        let sign = if before > after { -1 } else { 1 };
        let today = self.today();
        let days = |days: u32| today.checked_add_signed(Duration::days(i64::from(days) * i64::from(sign)));
        let date = match (count, unit) {
            (None, 30) => days(15),
            (None, _) => None,
            (Some(count), 30) => shift_months(today, sign * i32::try_from(count).ok()?),
            (Some(count), unit) => days(count.checked_mul(unit)?),
        };
        Day::sure(date, end + after.max(before))
    }

    fn holiday_at(&self, at: usize) -> Option<Day> {
        let (year, from) = self.year_at(at).unwrap_or((None, at));
        let ((month, day), end) = self.longest(from, &HOLIDAYS)?;
        self.in_year(year, month, day, end)
    }

    fn in_year(&self, year: Option<i32>, month: u32, day: u32, end: usize) -> Option<Day> {
        let this = self.today().year();
        match year {
            Some(year) => Day::sure(NaiveDate::from_ymd_opt(year, month, day), end),
            None => {
                let of = |step: i32| NaiveDate::from_ymd_opt(this + step, month, day);
                self.sided(of(0), of, end)
            }
        }
    }

    /// 二零二六年, 二六年, 明年.
    pub fn year_at(&self, at: usize) -> Option<(Option<i32>, usize)> {
        let this = self.today().year();
        if let Some((years, end)) = self.longest(at, &YEARS) {
            return Some((Some(this + years), end));
        }
        let (number, end) = self.number(at)?;
        if self.char(end) != Some('年') || end - at < 2 {
            return None;
        }
        let number = i32::try_from(number).ok()?;
        let year = match number {
            0..=99 if number > this % 100 + 10 => 1900 + number,
            0..=99 => 2000 + number,
            1900..=2100 => number,
            _ => return None,
        };
        Some((Some(year), end + 1))
    }

    /// 十一月三号, 明年三月五号, 二十五号, 十二月底.
    fn numbered_at(&self, at: usize) -> Option<Day> {
        let (year, from) = self.year_at(at).unwrap_or((None, at));
        let (number, end) = self.number(from)?;
        match self.char(end)? {
            '月' => {
                if let Some(edge) =
                    self.month_edge(end, NaiveDate::from_ymd_opt(self.today().year(), number, 1)?, false)
                {
                    return self.in_year(year, number, edge.date.day(), edge.end);
                }
                let (day, end) = self.number(end + 1)?;
                let unit = usize::from(matches!(self.char(end), Some('号' | '日')));
                self.in_year(year, number, day, end + unit)
            }
            '号' | '日'
                if year.is_none()
                    && at.checked_sub(1).and_then(|i| self.char(i)) != Some('月')
                    && self.any(end, &["号楼", "号线", "号码", "号院", "号店"]) == 0 =>
            {
                let of = |step: i32| self.first_of(step)?.with_day(number);
                self.sided(of(0), of, end + 1)
            }
            _ => None,
        }
    }
}

/// Every day in the utterance.
pub(super) fn find(utterance: &Utterance, now: NaiveDateTime, bias: Bias, by_sound: bool) -> Vec<Found> {
    let reader = Reader::new(utterance, now, bias, by_sound);
    reader.scan(|at| {
        let day = reader.day_at(at)?;
        let found = Found::new(at..day.end, Value::Date(day.date), day.confidence).or(day.other.map(Value::Date));
        Some((found, day.end))
    })
}

/// The same day so many months later; its month's last day if it has no such day.
pub(super) fn shift_months(date: NaiveDate, months: i32) -> Option<NaiveDate> {
    let count = Months::new(months.unsigned_abs());
    if months < 0 { date.checked_sub_months(count) } else { date.checked_add_months(count) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::utterance::Pronouncer;

    /// A Sunday.
    fn now() -> NaiveDateTime {
        NaiveDate::from_ymd_opt(2026, 11, 22).and_then(|date| date.and_hms_opt(10, 0, 0)).expect("a real time")
    }

    fn read(text: &str, bias: Bias, by_sound: bool) -> Option<String> {
        let utterance = Utterance::new(text, "", 1.0, &Pronouncer::default());
        find(&utterance, now(), bias, by_sound).first().map(|found| found.value.plain())
    }

    #[test]
    fn days_to_come() {
        for (text, day) in [
            ("后天", "2026-11-24"),
            ("大后天上午", "2026-11-25"),
            ("明早", "2026-11-23"),
            ("下周三", "2026-11-25"),
            ("下下周一", "2026-11-30"),
            ("这周六", "2026-11-21"),
            ("周日", "2026-11-22"),
            ("周一", "2026-11-23"),
            ("周末", "2026-11-28"),
            ("礼拜天", "2026-11-22"),
            ("下个月五号", "2026-12-05"),
            ("下下个月初", "2027-01-01"),
            ("下个月底", "2026-12-31"),
            ("十二月三号", "2026-12-03"),
            ("二十五号", "2026-11-25"),
            ("五号", "2026-12-05"),
            ("三十一号", "2026-12-31"),
            ("月底", "2026-11-30"),
            ("月初", "2026-12-01"),
            ("一月八号", "2027-01-08"),
            ("明年三月五号", "2027-03-05"),
            ("二零二七年二月二十八日", "2027-02-28"),
            ("三天后", "2026-11-25"),
            ("过两天", "2026-11-24"),
            ("一周以后", "2026-11-29"),
            ("半个月之后", "2026-12-07"),
            ("元旦", "2027-01-01"),
            ("十二月底", "2026-12-31"),
        ] {
            assert_eq!(read(text, Bias::Future, false).as_deref(), Some(day), "{text}");
        }
    }

    #[test]
    fn days_gone_by() {
        for (text, day) in [
            ("五号", "2026-11-05"),
            ("二十五号", "2026-10-25"),
            ("上上个月十号", "2026-09-10"),
            ("上周五", "2026-11-13"),
            ("周五", "2026-11-20"),
            ("十二月三号", "2025-12-03"),
            ("月初", "2026-11-01"),
            ("三天前", "2026-11-19"),
            ("去年国庆", "2025-10-01"),
            ("上个月底", "2026-10-31"),
        ] {
            assert_eq!(read(text, Bias::Past, false).as_deref(), Some(day), "{text}");
        }
    }

    #[test]
    fn what_is_no_day() {
        for text in ["五号楼", "农历五月初三", "正月初五", "三天", "十三月一号", "二月三十号", "幺三八零零", "一百二"]
        {
            assert_eq!(read(text, Bias::Future, false), None, "{text}");
        }
    }

    #[test]
    fn the_other_side_is_an_alternative_and_homophones_count_when_asked() {
        let utterance = Utterance::new("二十号", "", 1.0, &Pronouncer::default());
        let found = find(&utterance, now(), Bias::Future, false);
        assert_eq!(found[0].value.plain(), "2026-12-20");
        assert_eq!(found[0].alternatives[0].plain(), "2026-11-20");
        assert_eq!(read("名天", Bias::Future, false), None);
        assert_eq!(read("名天", Bias::Future, true).as_deref(), Some("2026-11-23"));
        assert_eq!(read("夏周散", Bias::Future, true).as_deref(), Some("2026-11-25"));
    }
}
