//! Digit strings: 幺三八零零, 三个六, with hesitations between the groups.

use super::Found;
use super::number::{Symbol, symbols};
use crate::utterance::{Utterance, prefix_len};
use crate::value::Value;

/// What may stand between the groups of one number.
const JOINTS: [&str; 14] =
    ["然后是", "然后", "后面是", "后面", "接着", "嗯", "呃", "额", "啊", "那个", "再", "空", "杠", "是"];

struct Run {
    span: std::ops::Range<usize>,
    digits: String,
}

fn runs(utterance: &Utterance, by_sound: bool) -> Vec<Run> {
    let symbols = symbols(utterance, by_sound);
    let mut runs: Vec<Run> = Vec::new();
    let mut at = 0;
    while at < symbols.len() {
        let Symbol::Digit(digit) = symbols[at] else {
            at += 1;
            continue;
        };
        let (text, len) = repeated(utterance, &symbols, at, digit);
        match runs.last_mut() {
            Some(run) if is_joint(utterance, run.span.end, at) => {
                run.digits.push_str(&text);
                run.span.end = at + len;
            }
            _ => runs.push(Run { span: at..at + len, digits: text }),
        }
        at += len;
    }
    runs
}

/// 三个六 is 666; anything else is the digit itself.
fn repeated(utterance: &Utterance, symbols: &[Symbol], at: usize, digit: u8) -> (String, usize) {
    if (2..=9).contains(&digit)
        && utterance.chars.get(at + 1) == Some(&'个')
        && let Some(Symbol::Digit(which)) = symbols.get(at + 2)
    {
        return (which.to_string().repeat(usize::from(digit)), 3);
    }
    (digit.to_string(), 1)
}

fn is_joint(utterance: &Utterance, mut from: usize, to: usize) -> bool {
    while from < to {
        let skip = JOINTS.iter().map(|joint| prefix_len(&utterance.chars[from..to], joint)).max().unwrap_or(0);
        if skip == 0 {
            return false;
        }
        from += skip;
    }
    true
}

/// Digit strings of `len_min..=len_max` digits; shorter ones are returned as open.
pub(crate) fn find(utterance: &Utterance, len_min: u8, len_max: u8, by_sound: bool) -> Vec<Found> {
    let (min, max) = (usize::from(len_min), usize::from(len_max));
    let of = |run: Run| {
        let len = run.digits.len();
        let is_open = len < min;
        let confidence = match len {
            _ if is_open => 0.3,
            _ if len > max => 0.2,
            _ => 0.95,
        };
        Found { span: run.span, value: Value::Text(run.digits), confidence, is_open }
    };
    let is_single = |run: &Run| run.digits.len() > 1 || min == 1 || utterance.chars.len() <= 2;
    runs(utterance, by_sound).into_iter().filter(is_single).map(of).collect()
}

/// Mobile numbers (11 digits, 1 and 3-9) and fixed ones (7 to 12 digits).
pub(crate) fn find_phone(utterance: &Utterance, by_sound: bool) -> Vec<Found> {
    let of = |run: Run| {
        let digits = run.digits.as_bytes();
        let is_mobile = digits.first() == Some(&b'1') && digits.get(1).is_none_or(|d| (b'3'..=b'9').contains(d));
        let confidence = match digits.len() {
            11 if is_mobile => 0.98,
            7..=12 if !is_mobile => 0.8,
            _ => 0.3,
        };
        let is_open = if is_mobile { digits.len() < 11 } else { digits.len() < 7 };
        Found { span: run.span, value: Value::Text(run.digits), confidence, is_open }
    };
    runs(utterance, by_sound).into_iter().filter(|run| run.digits.len() > 2).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::utterance::Pronouncer;

    fn read(text: &str) -> Vec<String> {
        let utterance = Utterance::new(text, "", 1.0, &Pronouncer::default());
        find_phone(&utterance, false).iter().map(|found| found.value.plain()).collect()
    }

    #[test]
    fn phone_numbers_in_groups() {
        assert_eq!(read("一三八零零幺三八零零零"), ["13800138000"]);
        assert_eq!(read("幺三九嗯三个六然后是八八七七二"), ["13966688772"]);
        assert_eq!(read("我的号码是幺三八洞洞拐拐八四五六谢谢"), ["13800778456"]);
    }

    #[test]
    fn a_short_number_is_open() {
        let utterance = Utterance::new("幺三八零零", "", 1.0, &Pronouncer::default());
        assert!(find_phone(&utterance, false)[0].is_open);
        let code = Utterance::new("三五七九二四", "", 1.0, &Pronouncer::default());
        let found = find(&code, 6, 6, false);
        assert_eq!((found[0].value.plain().as_str(), found[0].is_open), ("357924", false));
    }
}
