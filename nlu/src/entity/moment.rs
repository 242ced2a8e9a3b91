//! Days with a time: 明天下午三点, 后天上午, 半小时后. A time alone is the next time that the clock shows it.

use super::date::{Day, Reader};
use super::time::{Clock, clock_at};
use super::{Bias, Found};
use crate::utterance::Utterance;
use crate::value::Value;
use chrono::{Duration, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

const AFTER: [&str; 4] = ["以后", "之后", "过后", "后"];
const NOW: [&str; 6] = ["现在", "马上", "立刻", "立马", "这会儿", "这就"];
/// What may stand between a day and its time.
const BETWEEN: [&str; 13] =
    ["的", "那天", "大概", "大约", "差不多", "就", "嗯", "吧", "呢", "啊", "那个", "可以", "行"];

/// Every day with a time.
pub(super) fn find(utterance: &Utterance, now: NaiveDateTime, bias: Bias, by_sound: bool) -> Vec<Found> {
    let reader = Reader::new(utterance, now, bias, by_sound);
    reader.scan(|at| {
        if let Some((minutes, end)) = offset_at(&reader, at) {
            let moment = now.checked_add_signed(Duration::minutes(minutes))?.with_second(0)?.with_nanosecond(0)?;
            return Some((Found::new(at..end, Value::DateTime(moment), 0.9), end));
        }
        let now_len = reader.any(at, &NOW);
        if now_len > 0 {
            let found = Found::new(at..at + now_len, Value::DateTime(now.with_second(0)?.with_nanosecond(0)?), 0.7);
            return Some((found, at + now_len));
        }
        if let Some(day) = reader.day_at(at) {
            return of_day(&reader, at, &day);
        }
        let clock = clock_at(&reader, at, true)?;
        // 下午三点，明天的: the day behind its time.
        let behind = between(&reader, clock.end);
        if let Some(day) =
            reader.day_at(behind).filter(|day| clock_at(&reader, between(&reader, day.end), true).is_none())
        {
            return Some((joined(at..day.end, &day, &clock), day.end));
        }
        let moment = next(now, &clock, clock.time)?;
        let other = clock.other.and_then(|time| next(now, &clock, time)).map(Value::DateTime);
        let found = Found::new(at..clock.end, Value::DateTime(moment), clock.confidence).open(clock.is_open).or(other);
        Some((found, clock.end))
    })
}

fn of_day(reader: &Reader<'_>, at: usize, day: &Day) -> Option<(Found, usize)> {
    let clock = clock_at(reader, between(reader, day.end), true)?;
    Some((joined(at..clock.end, day, &clock), clock.end))
}

/// Where what may stand between a day and its time ends.
fn between(reader: &Reader<'_>, mut at: usize) -> usize {
    loop {
        match reader.any(at, &BETWEEN) {
            0 => return at,
            skip => at += skip,
        }
    }
}

fn joined(span: std::ops::Range<usize>, day: &Day, clock: &Clock) -> Found {
    let date = |date: NaiveDate| {
        let date = if clock.is_next_day { date.succ_opt().unwrap_or(date) } else { date };
        date.and_time(clock.time)
    };
    let others = day.other.map(date).into_iter().chain(clock.other.map(|time| day.date.and_time(time)));
    let value = Value::DateTime(date(day.date));
    let found = Found::new(span, value, day.confidence.min(clock.confidence)).open(clock.is_open);
    found.or(others.map(Value::DateTime))
}

fn next(now: NaiveDateTime, clock: &Clock, time: NaiveTime) -> Option<NaiveDateTime> {
    let today = now.date().and_time(time);
    if today > now && !clock.is_next_day { Some(today) } else { today.checked_add_signed(Duration::days(1)) }
}

/// 半小时后, 一个半小时以后, 二十分钟之后: in minutes.
fn offset_at(reader: &Reader<'_>, at: usize) -> Option<(i64, usize)> {
    let from = at + reader.any(at, &["再过", "过"]);
    let (mut minutes, mut end) = match reader.char(from) {
        Some('半') => (30, from + 1),
        _ => {
            let (count, end) = reader.number(from)?;
            (i64::from(count) * 60, end)
        }
    };
    end += reader.any(end, &["个"]);
    if reader.char(end) == Some('半') && minutes > 30 {
        (minutes, end) = (minutes + 30, end + 1);
    }
    end += reader.any(end, &["个"]);
    let hours = reader.any(end, &["小时", "钟头"]);
    let unit = if hours > 0 { hours } else { reader.any(end, &["分钟"]) };
    if unit == 0 {
        return None;
    }
    if hours == 0 {
        minutes /= 60;
    }
    end += unit;
    let after = reader.any(end, &AFTER);
    (after > 0 || from > at).then_some((minutes, end + after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::utterance::Pronouncer;

    fn now() -> NaiveDateTime {
        NaiveDate::from_ymd_opt(2026, 11, 22).and_then(|date| date.and_hms_opt(10, 0, 0)).expect("a real time")
    }

    fn read(text: &str) -> Vec<Found> {
        find(&Utterance::new(text, "", 1.0, &Pronouncer::default()), now(), Bias::Future, false)
    }

    #[test]
    fn days_with_times() {
        for (text, moment) in [
            ("明天下午三点", "2026-11-23T15:00"),
            ("九点吧", "2026-11-23T09:00"),
            ("三点", "2026-11-22T15:00"),
            ("明晚八点半", "2026-11-23T20:30"),
            ("下周三上午十点", "2026-11-25T10:00"),
            ("后天的下午两点以后", "2026-11-24T14:00"),
            ("后天上午", "2026-11-24T09:00"),
            ("今天晚上十二点", "2026-11-23T00:00"),
            ("半小时后", "2026-11-22T10:30"),
            ("一个半小时以后", "2026-11-22T11:30"),
            ("过二十分钟", "2026-11-22T10:20"),
            ("五号早上八点", "2026-12-05T08:00"),
            ("明天吧那个下午五点", "2026-11-23T17:00"),
            ("下午三点明天的", "2026-11-23T15:00"),
        ] {
            assert_eq!(read(text).first().map(|found| found.value.plain()).as_deref(), Some(moment), "{text}");
        }
        assert!(read("后天").is_empty(), "a day alone is no moment");
    }

    #[test]
    fn a_part_of_the_day_may_go_on() {
        assert!(read("后天下午")[0].is_open);
        assert!(!read("后天下午三点")[0].is_open);
        assert_eq!(read("明天八点")[0].alternatives[0].plain(), "2026-11-23T20:00");
    }
}
