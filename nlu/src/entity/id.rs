//! Identity numbers of residents: 17 digits and a check character (GB 11643-1999).

use super::digits::Fit;
use chrono::NaiveDate;

pub(super) const LEN: usize = 18;

/// How far `text` is an identity number.
pub(super) fn fit(text: &str) -> Fit {
    let missing = LEN.saturating_sub(text.len());
    let is_x_early = text.bytes().position(|b| b == b'X').is_some_and(|at| at + 1 != LEN);
    if is_x_early || !is_birth_possible(text) || matches!(text.as_bytes().first(), Some(b'0' | b'9')) {
        return Fit::Wrong;
    }
    match missing {
        0 if text.len() > LEN => Fit::Long,
        0 if check(text) == text.chars().last() => Fit::Whole(0.98),
        0 => Fit::Wrong,
        missing => Fit::Short(u8::try_from(missing).unwrap_or(u8::MAX)),
    }
}

/// The check character for the first 17 digits (ISO 7064 MOD 11-2).
fn check(text: &str) -> Option<char> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const CHECKS: [char; 11] = ['1', '0', 'X', '9', '8', '7', '6', '5', '4', '3', '2'];
    let mut sum = 0;
    for (c, weight) in text.chars().zip(WEIGHTS) {
        sum += c.to_digit(10)? * weight;
    }
    CHECKS.get(usize::try_from(sum % 11).ok()?).copied()
}

/// Characters 7 to 14 are the day of birth.
fn is_birth_possible(text: &str) -> bool {
    let number = |range: std::ops::Range<usize>| text.get(range).and_then(|part| part.parse::<i32>().ok());
    let Some(year) = number(6..10) else { return true };
    if !(1880..2100).contains(&year) {
        return false;
    }
    let (Some(month), Some(day)) = (number(10..12), number(12..14)) else { return true };
    let part = |value: i32| u32::try_from(value).unwrap_or(0);
    NaiveDate::from_ymd_opt(year, part(month), part(day)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    // The examples of the standard's annex: no living person's numbers.
    #[test]
    fn the_check_character_decides() {
        assert_eq!(fit("11010519491231002X"), Fit::Whole(0.98));
        assert_eq!(fit("440524188001010014"), Fit::Whole(0.98));
        assert_eq!(fit("110105194912310021"), Fit::Wrong);
        assert_eq!(fit("110105194913310021"), Fit::Wrong, "no thirteenth month");
        assert_eq!(fit("11010519491231"), Fit::Short(4));
        assert_eq!(fit("1101051949123100X"), Fit::Wrong, "an X before the end");
        assert_eq!(fit("11010519491231002X1"), Fit::Long);
        assert_eq!(fit("4405241880010100141"), Fit::Long);
    }
}
