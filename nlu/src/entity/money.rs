//! Amounts of money: 五十九块, 一百二, 块五, 八毛, 五十九那个, and rough ones: 七八十块, 五十多.

use super::number::{Number, Symbol, number_at, symbols};
use super::{Found, Mode};
use crate::utterance::{Utterance, prefix_len};
use crate::value::Value;

const YUAN: [&str; 8] = ["块钱", "元钱", "块", "元", "圆", "快钱", "人民币", "元人民币"];
/// What follows a plan that is named by its price.
const REFERENCE: [&str; 12] =
    ["那个", "那档", "那款", "这个", "这档", "套餐", "档", "一档", "一个月", "每月", "的", "元的"];
/// What makes a number something other than money.
const OTHER_UNITS: [&str; 30] = [
    "g", "个g", "兆", "m", "月", "号", "日", "点", "天", "年", "位", "次", "个", "下", "些", "样", "直", "共", "定",
    "会", "起", "分钟", "楼", "路", "栋", "单元", "室", "岁", "折", "倍",
];
/// Before a unit or behind the amount, it is not exact.
const ROUGH: [&str; 9] = ["左右", "上下", "多", "来", "出头", "以内", "以下", "以上", "不到"];

/// Every amount in the utterance.
pub(super) fn find(utterance: &Utterance, mode: Mode, by_sound: bool) -> Vec<Found> {
    let symbols = symbols(utterance, by_sound);
    let mut found = Vec::new();
    let mut at = 0;
    while at < symbols.len() {
        let number = number_at(&symbols, at);
        let one = match number {
            Some(number) => amount(utterance, &symbols, at, number, mode),
            None => bare_unit(utterance, &symbols, at),
        };
        match one {
            Some(one) => {
                at = one.span.end;
                found.push(one);
            }
            None => at += number.map_or(1, |number| number.end - at),
        }
    }
    found
}

fn after(utterance: &Utterance, at: usize, words: &[&str]) -> usize {
    let rest = utterance.chars.get(at..).unwrap_or_default();
    words.iter().map(|word| prefix_len(rest, word)).max().unwrap_or(0)
}

fn amount(utterance: &Utterance, symbols: &[Symbol], start: usize, number: Number, mode: Mode) -> Option<Found> {
    // 十几块, 几十块: nobody knows how many.
    let is_some = |at: Option<usize>| at.and_then(|at| utterance.chars.get(at)) == Some(&'几');
    if is_some(Some(number.end)) || is_some(start.checked_sub(1)) {
        return None;
    }
    let about = after(utterance, number.end, &["多", "来"]);
    let unit_at = number.end + about;
    let unit = after(utterance, unit_at, &YUAN);
    if unit > 0 {
        let (cents, cents_len) = small_change(utterance, symbols, unit_at + unit);
        return Some(yuan(utterance, start, number, cents, unit_at + unit + cents_len, about > 0));
    }
    if let Some(found) = small_only(utterance, symbols, start, number) {
        return Some(found);
    }
    let end = number.end;
    if end - start == 1 && utterance.chars.len() > 4 && number.value < 10.0 && mode == Mode::Anywhere {
        return None;
    }
    let is_reference = after(utterance, end, &REFERENCE) > 0;
    let is_other = after(utterance, end, &OTHER_UNITS) > 0 && !is_reference;
    if is_other || preceded_by_other(utterance, start) || number.value < 0.0 {
        return None;
    }
    if !(mode == Mode::Awaited || is_reference || number.value >= 10.0) {
        return None;
    }
    let is_open = number.is_open && !is_reference;
    let is_rough = number.range.is_some() || after(utterance, end, &ROUGH) > 0;
    let confidence = match (is_rough, is_reference) {
        (true, _) => 0.5,
        (false, true) => 0.9,
        _ => 0.7,
    };
    let found = Found::new(start..end, Value::number(number.value), confidence).open(is_open);
    Some(found.or(bounds(number)))
}

/// An amount with its unit, and what may be said of it behind that.
fn yuan(utterance: &Utterance, start: usize, number: Number, cents: f64, end: usize, is_about: bool) -> Found {
    let value = number.value + cents;
    let half_len = after(utterance, end, &["的半价", "半价"]);
    if half_len > 0 {
        let found = Found::new(start..end + half_len, Value::number(value / 2.0), 0.6);
        return found.or([Value::number(value)]);
    }
    let is_rough = is_about || number.range.is_some() || after(utterance, end, &ROUGH) > 0;
    let confidence = if is_rough { 0.55 } else { 0.95 };
    Found::new(start..end, Value::number(value), confidence).or(bounds(number))
}

fn bounds(number: Number) -> Vec<Value> {
    number.range.map_or_else(Vec::new, |(low, high)| vec![Value::number(low), Value::number(high)])
}

/// 八毛, 三毛二, 五分钱: nothing of a whole yuan.
fn small_only(utterance: &Utterance, symbols: &[Symbol], start: usize, number: Number) -> Option<Found> {
    let end = number.end;
    let tenths = after(utterance, end, &["毛", "角"]);
    if tenths > 0 {
        let mut value = number.value / 10.0;
        let mut end = end + tenths;
        if let Some(Symbol::Digit(cents)) = symbols.get(end)
            && after(utterance, end + 1, &OTHER_UNITS) == 0
        {
            value += f64::from(*cents) / 100.0;
            end += 1 + after(utterance, end + 1, &["分"]);
        }
        end += after(utterance, end, &["钱"]);
        return Some(Found::new(start..end, Value::number(value), 0.9));
    }
    let cents = after(utterance, end, &["分钱"]);
    (cents > 0).then(|| Found::new(start..end + cents, Value::number(number.value / 100.0), 0.9))
}

/// 块五, 毛八: the one is left out.
fn bare_unit(utterance: &Utterance, symbols: &[Symbol], at: usize) -> Option<Found> {
    let before = at.checked_sub(1).map(|i| (symbols[i], utterance.chars[i]));
    let is_free = before.is_none_or(|(symbol, c)| symbol == Symbol::Other && c != '几');
    let Some(Symbol::Digit(digit @ 1..=9)) = symbols.get(at + 1).filter(|_| is_free) else { return None };
    if after(utterance, at + 2, &OTHER_UNITS) > 0
        || matches!(symbols.get(at + 2), Some(Symbol::Digit(_) | Symbol::Unit(_)))
    {
        return None;
    }
    let (unit, len) = match utterance.chars[at] {
        '块' => (1.0, 2 + after(utterance, at + 2, &["毛", "钱"])),
        '毛' => (0.1, 2 + after(utterance, at + 2, &["分", "钱"])),
        _ => return None,
    };
    Some(Found::new(at..at + len, Value::number(unit * (1.0 + f64::from(*digit) / 10.0)), 0.8))
}

/// 第一, 按一, 4G 之类 are not amounts.
fn preceded_by_other(utterance: &Utterance, start: usize) -> bool {
    start > 0 && matches!(utterance.chars[start - 1], '第' | '按' | '号' | '尾')
}

/// 一块五, 五十八块三毛二, 一百块零五毛: what follows the unit. 五十块三个月 has none.
fn small_change(utterance: &Utterance, symbols: &[Symbol], at: usize) -> (f64, usize) {
    let is_counted = |at: usize| after(utterance, at, &OTHER_UNITS) > 0;
    match (symbols.get(at), symbols.get(at + 1)) {
        (Some(Symbol::Half), _) if after(utterance, at, &["半价", "半年", "半个"]) == 0 => (0.5, 1),
        (Some(Symbol::Digit(0)), Some(Symbol::Digit(digit))) => {
            let tenths = after(utterance, at + 2, &["毛", "角"]);
            let scale = if tenths > 0 { 10.0 } else { 100.0 };
            (f64::from(*digit) / scale, 2 + tenths.max(after(utterance, at + 2, &["分"])))
        }
        (Some(Symbol::Digit(tenths)), next) => {
            let has_unit = after(utterance, at + 1, &["毛", "角"]) > 0;
            let cents = if has_unit { symbols.get(at + 2) } else { next };
            match cents {
                Some(Symbol::Digit(digit)) if !is_counted(at + if has_unit { 3 } else { 2 }) => {
                    let len = if has_unit { 3 } else { 2 };
                    let unit = usize::from(after(utterance, at + len, &["分"]) > 0);
                    (f64::from(*tenths) / 10.0 + f64::from(*digit) / 100.0, len + unit)
                }
                _ if has_unit => (f64::from(*tenths) / 10.0, 2 + after(utterance, at + 2, &["钱"])),
                _ if is_counted(at + 1) || matches!(next, Some(Symbol::Unit(_))) => (0.0, 0),
                _ => (f64::from(*tenths) / 10.0, 1),
            }
        }
        _ => (0.0, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::utterance::Pronouncer;

    fn found(text: &str, mode: Mode) -> Vec<Found> {
        let utterance = Utterance::new(text, "", 1.0, &Pronouncer::default());
        let mut found = find(&utterance, mode, false);
        if found.is_empty() && mode == Mode::Awaited {
            found = find(&utterance, mode, true);
        }
        found
    }

    fn read(text: &str, mode: Mode) -> Vec<String> {
        found(text, mode).iter().map(|found| found.value.plain()).collect()
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
            ("块五", "1.5"),
            ("块八毛", "1.8"),
            ("五十八块三毛二", "58.32"),
            ("一百二十八块五", "128.5"),
            ("一块零五", "1.05"),
            ("一百块零五毛", "100.5"),
            ("八毛", "0.8"),
            ("三毛二", "0.32"),
            ("五分钱", "0.05"),
            ("五十块三个月", "50"),
            ("一万二", "12000"),
            ("两万块", "20000"),
            ("五十八块的半价", "29"),
            ("幺二九", "129"),
            ("129那个", "129"),
            ("充一百元人民币", "100"),
        ] {
            assert_eq!(read(text, Mode::Awaited), [value], "{text}");
        }
    }

    #[test]
    fn rough_amounts_are_unsure_and_name_their_bounds() {
        let one =
            |text: &str| found(text, Mode::Awaited).into_iter().next().unwrap_or_else(|| panic!("{text}: nothing"));
        for text in ["百八十块", "七八十块钱", "五十多块", "五十块左右", "一百来块"] {
            assert!(one(text).confidence < 0.6, "{text}");
        }
        let rough = one("七八十块");
        assert_eq!((rough.value.plain().as_str(), rough.alternatives[0].plain().as_str()), ("70", "80"));
        assert_eq!(one("百八十块").value.plain(), "100");
        for text in ["十几块", "几十块"] {
            assert_eq!(read(text, Mode::Awaited), [""; 0], "{text}");
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
        for text in ["查一下", "换一个", "五g套餐", "三月五号", "我是第一次打", "这块二楼信号不好"]
        {
            assert_eq!(read(text, Mode::Anywhere), [""; 0], "{text}");
        }
    }
}
