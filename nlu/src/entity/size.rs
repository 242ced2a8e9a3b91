//! Amounts of data: 五个G, 半个G, 一个半G, 三百兆, 不限量.

use super::Found;
use super::number::{Symbol, number_at, symbols};
use crate::utterance::{Utterance, prefix_len};
use crate::value::Value;

const UNITS: [(&str, &str); 17] = [
    ("个gb", "GB"),
    ("个g", "GB"),
    ("gb", "GB"),
    ("g", "GB"),
    ("个吉", "GB"),
    ("吉字节", "GB"),
    ("吉", "GB"),
    ("个兆", "MB"),
    ("兆", "MB"),
    ("mb", "MB"),
    ("m", "MB"),
    ("个t", "TB"),
    ("tb", "TB"),
    ("t", "TB"),
    ("个m", "MB"),
    ("个半g", "+GB"),
    ("个半吉", "+GB"),
];
const UNLIMITED: [&str; 5] = ["不限流量", "不限量", "无限流量", "无限量", "随便用"];

/// A unit and its length, also by how it sounds: 五个级 is 5GB where a size is awaited.
fn unit_at(utterance: &Utterance, at: usize, by_sound: bool) -> Option<(&'static str, usize)> {
    let rest = utterance.chars.get(at..).unwrap_or_default();
    let known = UNITS.iter().map(|(word, unit)| (*unit, prefix_len(rest, word))).filter(|(_, len)| *len > 0);
    if let Some(found) = known.max_by_key(|(_, len)| *len) {
        return Some(found);
    }
    if !by_sound {
        return None;
    }
    let skip = usize::from(rest.first() == Some(&'个'));
    match utterance.syllables.get(at + skip)?.as_str() {
        "ji" => Some(("GB", skip + 1)),
        "zhao" => Some(("MB", skip + 1)),
        _ => None,
    }
}

/// Every amount in the utterance.
pub(super) fn find(utterance: &Utterance, by_sound: bool) -> Vec<Found> {
    let symbols = symbols(utterance, by_sound);
    let mut found = Vec::new();
    let mut at = 0;
    while at < utterance.chars.len() {
        let rest = &utterance.chars[at..];
        let unlimited = UNLIMITED.iter().map(|word| prefix_len(rest, word)).max().unwrap_or(0);
        if unlimited > 0 {
            found.push(Found::new(at..at + unlimited, Value::Text("不限量".to_owned()), 0.9));
            at += unlimited;
            continue;
        }
        let number = match rest[0] {
            '半' => Some((0.5, at + 1, None)),
            _ => number_at(&symbols, at).map(|number| (number.value, number.end, number.range)),
        };
        let Some((value, end, range)) = number else {
            at += 1;
            continue;
        };
        let rough = usize::from(matches!(utterance.chars.get(end), Some('多' | '来')));
        let Some((unit, len)) = unit_at(utterance, end + rough, by_sound) else {
            at = end;
            continue;
        };
        let mut end = end + rough + len;
        let mut value = value;
        if let Some(half) = unit.strip_prefix('+') {
            found.push(sized(at..end, value + 0.5, half, 0.9));
            at = end;
            continue;
        }
        // 一个G半
        if symbols.get(end) == Some(&Symbol::Half) && unit != "MB" {
            (value, end) = (value + 0.5, end + 1);
        }
        let confidence = if rough > 0 || range.is_some() { 0.5 } else { 0.9 };
        let bounds = range.map_or_else(Vec::new, |(_, high)| vec![text(high, unit)]);
        found.push(sized(at..end, value, unit, confidence).or(bounds));
        at = end;
    }
    found
}

fn sized(span: std::ops::Range<usize>, value: f64, unit: &str, confidence: f32) -> Found {
    Found::new(span, text(value, unit), confidence)
}

fn text(value: f64, unit: &str) -> Value {
    Value::Text(format!("{}{unit}", Value::number(value).plain()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::utterance::Pronouncer;

    fn read(text: &str, by_sound: bool) -> Option<String> {
        let utterance = Utterance::new(text, "", 1.0, &Pronouncer::default());
        find(&utterance, by_sound).first().map(|found| found.value.plain())
    }

    #[test]
    fn sizes_as_they_are_said() {
        for (text, value) in [
            ("还剩五个G", "5GB"),
            ("半个G", "0.5GB"),
            ("一个半G", "1.5GB"),
            ("一个G半", "1.5GB"),
            ("三百兆", "300MB"),
            ("一点五G", "1.5GB"),
            ("二十G的那个", "20GB"),
            ("一个T", "1TB"),
            ("不限量的", "不限量"),
        ] {
            assert_eq!(read(text, false).as_deref(), Some(value), "{text}");
        }
        assert_eq!(read("五十九块", false), None);
    }

    #[test]
    fn units_by_sound_where_a_size_is_awaited() {
        assert_eq!(read("五个级", false), None);
        assert_eq!(read("五个级", true).as_deref(), Some("5GB"));
        assert_eq!(read("三百照", true).as_deref(), Some("300MB"));
    }
}
