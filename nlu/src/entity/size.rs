//! Amounts of data: 五个G, 半个G, 三百兆, 不限量.

use super::Found;
use super::number::{number_at, symbols};
use crate::utterance::{Utterance, prefix_len};
use crate::value::Value;

const GIGA: [&str; 6] = ["个gb", "个g", "gb", "g", "个吉", "吉"];
const MEGA: [&str; 4] = ["兆", "mb", "m", "个兆"];
const UNLIMITED: [&str; 3] = ["不限量", "无限量", "不限流量"];

/// Every amount in the utterance.
pub(crate) fn find(utterance: &Utterance, by_sound: bool) -> Vec<Found> {
    let symbols = symbols(utterance, by_sound);
    let unit_at = |at: usize| {
        let rest = utterance.chars.get(at..).unwrap_or_default();
        let longest = |units: &[&str]| units.iter().map(|unit| prefix_len(rest, unit)).max().unwrap_or(0);
        match (longest(&GIGA), longest(&MEGA)) {
            (0, 0) => None,
            (giga, 0) => Some(("GB", giga)),
            (_, mega) => Some(("MB", mega)),
        }
    };
    let mut found = Vec::new();
    let mut at = 0;
    while at < utterance.chars.len() {
        let rest = &utterance.chars[at..];
        let unlimited = UNLIMITED.iter().map(|word| prefix_len(rest, word)).max().unwrap_or(0);
        let number =
            if rest[0] == '半' { Some((0.5, at + 1)) } else { number_at(&symbols, at).map(|n| (n.value, n.end)) };
        let (value, end) = match number {
            _ if unlimited > 0 => ("不限量".to_owned(), at + unlimited),
            Some((number, end)) => match unit_at(end) {
                Some((unit, len)) => (format!("{}{unit}", Value::number(number).plain()), end + len),
                None => {
                    at = end;
                    continue;
                }
            },
            None => {
                at += 1;
                continue;
            }
        };
        found.push(Found { span: at..end, value: Value::Text(value), confidence: 0.9, is_open: false });
        at = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::utterance::Pronouncer;

    #[test]
    fn sizes_as_they_are_said() {
        for (text, value) in [
            ("还剩五个G", "5GB"),
            ("半个G", "0.5GB"),
            ("三百兆", "300MB"),
            ("一点五G", "1.5GB"),
            ("不限量的", "不限量"),
        ] {
            let utterance = Utterance::new(text, "", 1.0, &Pronouncer::default());
            let found = find(&utterance, false);
            assert_eq!(found.first().map(|found| found.value.plain()).as_deref(), Some(value), "{text}");
        }
        let none = Utterance::new("五十九块", "", 1.0, &Pronouncer::default());
        assert!(find(&none, false).is_empty());
    }
}
