//! Days and times: 后天, 下周三, 下个月五号, 晚上八点半. Always relative to the clock that is passed in.

use super::Found;
use super::number::{Symbol, number_at, symbols};
use crate::utterance::{Utterance, prefix_len};
use crate::value::Value;
use chrono::{Datelike, Days, Duration, Months, NaiveDate, NaiveDateTime, NaiveTime};
use std::ops::Range;

const RELATIVE: [(&str, i64); 9] = [
    ("大后天", 3),
    ("后天", 2),
    ("明天", 1),
    ("明儿", 1),
    ("今天", 0),
    ("今儿", 0),
    ("大前天", -3),
    ("前天", -2),
    ("昨天", -1),
];
const WEEKS: [(&str, i64); 9] = [
    ("下下周", 2),
    ("下个星期", 1),
    ("下个礼拜", 1),
    ("下星期", 1),
    ("下礼拜", 1),
    ("下周", 1),
    ("上周", -1),
    ("这周", 0),
    ("本周", 0),
];
const WEEK_WORDS: [&str; 3] = ["周", "星期", "礼拜"];
const MONTHS: [(&str, i64); 8] = [
    ("下下个月", 2),
    ("下个月", 1),
    ("下月", 1),
    ("这个月", 0),
    ("本月", 0),
    ("上上个月", -2),
    ("上个月", -1),
    ("上月", -1),
];
/// Part of the day and what an hour of 1 to 11 in it is shifted by.
const PARTS: [(&str, u32); 9] = [
    ("凌晨", 0),
    ("早上", 0),
    ("早晨", 0),
    ("上午", 0),
    ("中午", 12),
    ("下午", 12),
    ("傍晚", 12),
    ("晚上", 12),
    ("夜里", 12),
];

/// Every day in the utterance.
pub(crate) fn find_dates(utterance: &Utterance, now: NaiveDateTime) -> Vec<Found> {
    scan(utterance, |symbols, at| {
        date_at(utterance, symbols, at, now.date()).map(|(date, end)| (Value::Date(date), end))
    })
}

/// Every time of day in the utterance.
pub(crate) fn find_times(utterance: &Utterance) -> Vec<Found> {
    scan(utterance, |symbols, at| time_at(utterance, symbols, at).map(|(time, end)| (Value::Time(time), end)))
}

/// Every day with a time; a time alone is the next time that the clock shows it.
pub(crate) fn find_datetimes(utterance: &Utterance, now: NaiveDateTime) -> Vec<Found> {
    scan(utterance, |symbols, at| {
        if let Some((date, end)) = date_at(utterance, symbols, at, now.date()) {
            let (time, end) = time_at(utterance, symbols, end)?;
            return Some((Value::DateTime(date.and_time(time)), end));
        }
        let (time, end) = time_at(utterance, symbols, at)?;
        let today = now.date().and_time(time);
        let next = if today > now { today } else { today + Duration::days(1) };
        Some((Value::DateTime(next), end))
    })
}

fn scan(utterance: &Utterance, read: impl Fn(&[Symbol], usize) -> Option<(Value, usize)>) -> Vec<Found> {
    let symbols = symbols(utterance, false);
    let mut found = Vec::new();
    let mut at = 0;
    while at < utterance.chars.len() {
        match read(&symbols, at) {
            Some((value, end)) => {
                let span: Range<usize> = at..end;
                found.push(Found { span, value, confidence: 0.9, is_open: false });
                at = end;
            }
            None => at += 1,
        }
    }
    found
}

fn longest<T: Copy>(chars: &[char], words: &[(&str, T)]) -> Option<(T, usize)> {
    words
        .iter()
        .map(|(word, value)| (*value, prefix_len(chars, word)))
        .filter(|(_, len)| *len > 0)
        .max_by_key(|(_, len)| *len)
}

fn date_at(utterance: &Utterance, symbols: &[Symbol], at: usize, today: NaiveDate) -> Option<(NaiveDate, usize)> {
    let rest = utterance.chars.get(at..)?;
    if let Some((days, len)) = longest(rest, &RELATIVE) {
        return Some((today.checked_add_signed(Duration::days(days))?, at + len));
    }
    if let Some(found) = week_day(rest, symbols, at, today) {
        return Some(found);
    }
    if let Some((months, len)) = longest(rest, &MONTHS) {
        let first = shift_months(today.with_day(1)?, months)?;
        return day_of_month(utterance, symbols, at + len, first);
    }
    if let Some(found) = month_edge(rest, at, today) {
        return Some(found);
    }
    let number = number_at(symbols, at)?;
    let next = utterance.chars.get(number.end)?;
    let whole = whole(number.value)?;
    match next {
        '月' => {
            let first = NaiveDate::from_ymd_opt(today.year(), whole, 1)?;
            let (date, end) = day_of_month(utterance, symbols, number.end + 1, first)?;
            // A day that lies far back means next year's.
            let date =
                if today - date > Duration::days(180) { date.checked_add_months(Months::new(12))? } else { date };
            Some((date, end))
        }
        '号' | '日' => {
            let this = today.with_day(whole);
            let date = match this {
                Some(date) if date >= today => date,
                _ => shift_months(today.with_day(1)?, 1)?.with_day(whole)?,
            };
            Some((date, number.end + 1))
        }
        _ => None,
    }
}

fn week_day(rest: &[char], symbols: &[Symbol], at: usize, today: NaiveDate) -> Option<(NaiveDate, usize)> {
    let (weeks, len) = match longest(rest, &WEEKS) {
        Some((weeks, len)) => (Some(weeks), len),
        None => (None, WEEK_WORDS.iter().map(|word| prefix_len(rest, word)).max().filter(|len| *len > 0)?),
    };
    let day = match (rest.get(len)?, symbols.get(at + len)?) {
        ('日' | '天', _) => 7,
        (_, Symbol::Digit(day @ 1..=6)) => i64::from(*day),
        _ => return None,
    };
    let monday = today.checked_sub_days(Days::new(u64::from(today.weekday().num_days_from_monday())))?;
    let mut date = monday.checked_add_signed(Duration::days(day - 1 + 7 * weeks.unwrap_or(0)))?;
    if weeks.is_none() && date < today {
        date = date.checked_add_days(Days::new(7))?;
    }
    Some((date, at + len + 1))
}

fn month_edge(rest: &[char], at: usize, today: NaiveDate) -> Option<(NaiveDate, usize)> {
    if prefix_len(rest, "月底") > 0 {
        let next = shift_months(today.with_day(1)?, 1)?;
        return Some((next.pred_opt()?, at + 2));
    }
    if prefix_len(rest, "月初") > 0 {
        return Some((shift_months(today.with_day(1)?, 1)?, at + 2));
    }
    None
}

fn shift_months(first: NaiveDate, months: i64) -> Option<NaiveDate> {
    let count = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    if months < 0 { first.checked_sub_months(count) } else { first.checked_add_months(count) }
}

fn day_of_month(utterance: &Utterance, symbols: &[Symbol], at: usize, first: NaiveDate) -> Option<(NaiveDate, usize)> {
    let number = number_at(symbols, at)?;
    let date = first.with_day(whole(number.value)?)?;
    let unit = usize::from(matches!(utterance.chars.get(number.end), Some('号' | '日')));
    Some((date, number.end + unit))
}

fn whole(value: f64) -> Option<u32> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a small whole number")]
    (value.fract() == 0.0 && (1.0..=31.0).contains(&value)).then_some(value as u32)
}

fn time_at(utterance: &Utterance, symbols: &[Symbol], start: usize) -> Option<(NaiveTime, usize)> {
    let rest = utterance.chars.get(start..)?;
    let (shift, len) = longest(rest, &PARTS).unwrap_or((0, 0));
    let at = start + len;
    // 点 is a decimal point to the number grammar: read the hour without it.
    let end = (at..symbols.len()).find(|i| symbols[*i] == Symbol::Point || symbols[*i] == Symbol::Other)?;
    let number = number_at(&symbols[..end], at).filter(|number| number.end == end)?;
    if utterance.chars.get(end) != Some(&'点') {
        return None;
    }
    let hour = if number.value == 0.0 { 0 } else { whole(number.value)? };
    let hour = if hour < 12 { hour + if shift == 12 && hour > 0 { 12 } else { 0 } } else { hour };
    let after = end + 1 + usize::from(utterance.chars.get(end + 1) == Some(&'钟'));
    let (minute, end) = match (symbols.get(after), utterance.chars.get(after + 1)) {
        (Some(Symbol::Half), _) => (30, after + 1),
        (Some(Symbol::Digit(quarters @ 1..=3)), Some('刻')) => (u32::from(*quarters) * 15, after + 2),
        (Some(Symbol::Digit(_) | Symbol::Unit(1)), _) => match number_at(symbols, after) {
            Some(number) if number.value < 60.0 => {
                let unit = usize::from(utterance.chars.get(number.end) == Some(&'分'));
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 60")]
                (number.value as u32, number.end + unit)
            }
            _ => (0, after),
        },
        _ => (0, after),
    };
    Some((NaiveTime::from_hms_opt(hour % 24, minute, 0)?, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::utterance::Pronouncer;

    /// A Sunday.
    fn now() -> NaiveDateTime {
        NaiveDate::from_ymd_opt(2026, 11, 22).and_then(|date| date.and_hms_opt(10, 0, 0)).expect("a real time")
    }

    fn read(text: &str, find: impl Fn(&Utterance) -> Vec<Found>) -> Option<String> {
        let utterance = Utterance::new(text, "", 1.0, &Pronouncer::default());
        find(&utterance).first().map(|found| found.value.plain())
    }

    #[test]
    fn days() {
        for (text, day) in [
            ("后天", "2026-11-24"),
            ("大后天上午", "2026-11-25"),
            ("下周三", "2026-11-25"),
            ("周日", "2026-11-22"),
            ("下个月五号", "2026-12-05"),
            ("十二月三号", "2026-12-03"),
            ("二十五号", "2026-11-25"),
            ("五号", "2026-12-05"),
            ("月底", "2026-11-30"),
            ("一月八号", "2027-01-08"),
        ] {
            assert_eq!(read(text, |u| find_dates(u, now())).as_deref(), Some(day), "{text}");
        }
    }

    #[test]
    fn times() {
        for (text, time) in
            [("晚上八点半", "20:30"), ("上午九点", "09:00"), ("下午两点一刻", "14:15"), ("十点二十分", "10:20")]
        {
            assert_eq!(read(text, find_times).as_deref(), Some(time), "{text}");
        }
        assert_eq!(read("明天下午三点", |u| find_datetimes(u, now())).as_deref(), Some("2026-11-23T15:00"));
        assert_eq!(read("九点吧", |u| find_datetimes(u, now())).as_deref(), Some("2026-11-23T09:00"));
    }
}
