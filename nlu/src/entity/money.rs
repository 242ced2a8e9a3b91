//! Amounts of money: 五十九块, 一百二, 一块五, 八毛, 五十九那个.

use super::number::{Number, Symbol, number_at, symbols};
use super::{Found, Mode};
use crate::utterance::{Utterance, prefix_len};
use crate::value::Value;

const YUAN: [&str; 6] = ["块钱", "元钱", "块", "元", "圆", "快钱"];
/// What follows a plan that is named by its price.
const REFERENCE: [&str; 11] = ["那个", "那档", "这个", "这档", "套餐", "档", "一档", "一个月", "每月", "的", "元的"];
/// What makes a number something other than money.
const OTHER_UNITS: [&str; 24] = [
    "g", "个g", "兆", "m", "月", "号", "日", "点", "天", "年", "位", "次", "个", "下", "些", "样", "直", "共", "定",
    "会", "起", "分钟", "楼", "路",
];

/// Every amount in the utterance.
pub(crate) fn find(utterance: &Utterance, mode: Mode, by_sound: bool) -> Vec<Found> {
    let symbols = symbols(utterance, by_sound);
    let mut found = Vec::new();
    let mut at = 0;
    while at < symbols.len() {
        match number_at(&symbols, at).and_then(|number| amount(utterance, &symbols, at, number, mode)) {
            Some(one) => {
                at = one.span.end;
                found.push(one);
            }
            None => at += number_at(&symbols, at).map_or(1, |number| number.end - at),
        }
    }
    found
}

fn after(utterance: &Utterance, at: usize, words: &[&str]) -> usize {
    words.iter().map(|word| prefix_len(&utterance.chars[at..], word)).max().unwrap_or(0)
}

fn amount(utterance: &Utterance, symbols: &[Symbol], start: usize, number: Number, mode: Mode) -> Option<Found> {
    let end = number.end;
    let unit = after(utterance, end, &YUAN);
    if unit > 0 {
        let (cents, cents_len) = small_change(utterance, symbols, end + unit);
        let value = Value::number(number.value + cents);
        return Some(result(start..end + unit + cents_len, value, 0.95, false));
    }
    if after(utterance, end, &["毛", "角"]) > 0 {
        return Some(result(start..end + 1, Value::number(number.value / 10.0), 0.9, false));
    }
    if end - start == 1 && utterance.chars.len() > 4 && number.value < 10.0 && mode == Mode::Anywhere {
        return None;
    }
    let is_other = after(utterance, end, &OTHER_UNITS) > 0 && after(utterance, end, &REFERENCE) == 0;
    if is_other || preceded_by_other(utterance, start) {
        return None;
    }
    let is_reference = after(utterance, end, &REFERENCE) > 0;
    let confidence = if is_reference { 0.9 } else { 0.7 };
    (mode == Mode::Awaited || is_reference || number.value >= 10.0)
        .then(|| result(start..end, Value::number(number.value), confidence, number.is_open && !is_reference))
}

/// 第一, 按一, 4G 之类 are not amounts.
fn preceded_by_other(utterance: &Utterance, start: usize) -> bool {
    start > 0 && matches!(utterance.chars[start - 1], '第' | '按' | '号' | '尾')
}

/// 一块五, 五十八块三毛二: what follows the unit.
fn small_change(utterance: &Utterance, symbols: &[Symbol], at: usize) -> (f64, usize) {
    match (symbols.get(at), symbols.get(at + 1)) {
        (Some(Symbol::Half), _) => (0.5, 1),
        (Some(Symbol::Digit(tenths)), next) => {
            let has_unit = after(utterance, at + 1, &["毛", "角"]) > 0;
            let cents = if has_unit { symbols.get(at + 2) } else { next };
            match cents {
                Some(Symbol::Digit(digit)) => {
                    let len = if has_unit { 3 } else { 2 };
                    let unit = usize::from(after(utterance, at + len, &["分"]) > 0);
                    (f64::from(*tenths) / 10.0 + f64::from(*digit) / 100.0, len + unit)
                }
                _ => (f64::from(*tenths) / 10.0, if has_unit { 2 } else { 1 }),
            }
        }
        _ => (0.0, 0),
    }
}

fn result(span: std::ops::Range<usize>, value: Value, confidence: f32, is_open: bool) -> Found {
    Found { span, value, confidence, is_open }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::utterance::Pronouncer;

    fn read(text: &str, mode: Mode) -> Vec<String> {
        let utterance = Utterance::new(text, "", 1.0, &Pronouncer::default());
        let mut found = find(&utterance, mode, false);
        if found.is_empty() && mode == Mode::Awaited {
            found = find(&utterance, mode, true);
        }
        found.iter().map(|found| found.value.plain()).collect()
    }

    #[test]
    fn amounts_as_they_are_said() {
        for (text, value) in [
            ("五十九块", "59"),
            ("换成一百二十九的", "129"),
            ("一百二", "120"),
            ("五十九那个吧", "59"),
            ("要三十九元的套餐", "39"),
            ("一块五", "1.5"),
            ("五十八块三毛二", "58.32"),
            ("一百二十八块五", "128.5"),
            ("八毛", "0.8"),
            ("幺二九", "129"),
            ("129那个", "129"),
        ] {
            assert_eq!(read(text, Mode::Awaited), [value], "{text}");
        }
    }

    #[test]
    fn homophones_count_only_where_an_amount_is_awaited() {
        assert_eq!(read("舞师就", Mode::Anywhere), [""; 0]);
        assert_eq!(read("武十九", Mode::Awaited), ["19"]);
        assert_eq!(read("五师九", Mode::Anywhere), [""; 0]);
    }

    #[test]
    fn other_numbers_are_not_money() {
        for text in ["查一下", "换一个", "五g套餐", "三月五号", "我是第一次打"] {
            assert_eq!(read(text, Mode::Anywhere), [""; 0], "{text}");
        }
    }
}
