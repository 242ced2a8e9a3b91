//! Months: 上个月, 十月份, 去年三月. The value is `2026-10`.

use super::date::{MONTHS, Reader, shift_months};
use super::{Bias, Found, Mode};
use crate::utterance::Utterance;
use crate::value::Value;
use chrono::{Datelike, NaiveDate, NaiveDateTime};

/// Every month in the utterance. Where one is awaited, a bare number is one, too.
pub(super) fn find(utterance: &Utterance, mode: Mode, now: NaiveDateTime, bias: Bias, by_sound: bool) -> Vec<Found> {
    let reader = Reader::new(utterance, now, bias, by_sound);
    reader.scan(|at| {
        if let Some((months, end)) = reader.longest(at, &MONTHS) {
            let month = shift_months(now.date().with_day(1)?, months)?;
            return Some((Found::new(at..end, of(month), 0.95), end));
        }
        numbered(&reader, at, mode)
    })
}

fn numbered(reader: &Reader<'_>, at: usize, mode: Mode) -> Option<(Found, usize)> {
    let today = reader.now.date();
    let (year, from) = reader.year_at(at).unwrap_or((None, at));
    let (month, end) = reader.number(from).filter(|(month, _)| (1..=12).contains(month))?;
    let unit = reader.any(end, &["月份", "月"]);
    let is_bare = unit == 0 && end == reader.utterance.chars.len() && 2 * (end - at) > reader.utterance.content_len();
    // 两个月, 三月五号: a length, or a day.
    if unit == 0 && !(mode == Mode::Awaited && is_bare) {
        return None;
    }
    let end = end + unit;
    let found = match year {
        Some(year) => Found::new(at..end, value(year, month), 0.95),
        None => {
            let year = year_of(month, today, reader.bias);
            let other = year_of(month, today, if reader.bias == Bias::Past { Bias::Future } else { Bias::Past });
            Found::new(at..end, value(year, month), if is_bare { 0.7 } else { 0.9 }).or([value(other, month)])
        }
    };
    Some((found, end))
}

/// The year of a month without one.
pub(super) fn year_of(month: u32, today: NaiveDate, bias: Bias) -> i32 {
    match bias {
        Bias::Past if month > today.month() => today.year() - 1,
        Bias::Future if month < today.month() => today.year() + 1,
        _ => today.year(),
    }
}

/// The value of a month.
pub(super) fn value(year: i32, month: u32) -> Value {
    Value::Text(format!("{year:04}-{month:02}"))
}

fn of(month: NaiveDate) -> Value {
    value(month.year(), month.month())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::utterance::Pronouncer;

    fn read(text: &str, mode: Mode, bias: Bias) -> Option<String> {
        let now =
            NaiveDate::from_ymd_opt(2026, 11, 22).and_then(|date| date.and_hms_opt(10, 0, 0)).expect("a real time");
        let utterance = Utterance::new(text, "", 1.0, &Pronouncer::default());
        find(&utterance, mode, now, bias, false).first().map(|found| found.value.plain())
    }

    #[test]
    fn months_by_name_and_number() {
        for (text, month) in [
            ("上个月的账单", "2026-10"),
            ("上上个月", "2026-09"),
            ("这个月", "2026-11"),
            ("十月份", "2026-10"),
            ("查十二月的", "2025-12"),
            ("去年三月", "2025-03"),
            ("二零二五年六月份的", "2025-06"),
        ] {
            assert_eq!(read(text, Mode::Anywhere, Bias::Past).as_deref(), Some(month), "{text}");
        }
        assert_eq!(read("三月", Mode::Anywhere, Bias::Future).as_deref(), Some("2027-03"));
        assert_eq!(read("九", Mode::Awaited, Bias::Past).as_deref(), Some("2026-09"));
        assert_eq!(read("九", Mode::Anywhere, Bias::Past), None);
        assert_eq!(read("用了两个月了", Mode::Anywhere, Bias::Past), None);
        assert_eq!(read("十三月", Mode::Awaited, Bias::Past), None);
    }
}
