//! Addresses: 浦东新区张江路三十八弄五号楼二单元幺零零二室.
//!
//! Nobody lists every street, so the value is the words themselves with the house's numbers in figures. How sure it is
//! depends on how many parts of an address it has; bots read it back.

use super::list::ListMatcher;
use super::number::{Symbol, number_at, symbol};
use super::{Found, Mode};
use crate::utterance::{Utterance, prefix_len};
use crate::value::Value;

/// What follows the name of a place, from large to small.
const PLACES: [&str; 27] = [
    "自治区",
    "自治州",
    "新区",
    "开发区",
    "省",
    "市",
    "区",
    "县",
    "旗",
    "镇",
    "乡",
    "村",
    "屯",
    "街道",
    "大街",
    "大道",
    "街",
    "路",
    "巷",
    "胡同",
    "小区",
    "花园",
    "公寓",
    "大厦",
    "广场",
    "家园",
    "社区",
];
/// What follows a number of a house.
const UNITS: [&str; 12] = ["号楼", "号院", "栋", "幢", "座", "单元", "号", "弄", "室", "楼", "层", "组"];
/// What is said before an address.
const OPENINGS: [&str; 20] = [
    "我家的地址是",
    "我家地址是",
    "我的地址是",
    "地址就是",
    "地址是",
    "我家住在",
    "我家住",
    "我们家在",
    "我家在",
    "我住在",
    "就住在",
    "住在",
    "我住",
    "就在",
    "我这边是",
    "我这里是",
    "是在",
    "在",
    "嗯",
    "是",
];
/// What is said behind one.
const CLOSINGS: [&str; 8] = ["这里", "这边", "这儿", "谢谢", "吧", "啊", "呀", "的"];

/// The address of the utterance.
pub(super) fn find(utterance: &Utterance, mode: Mode, regions: Option<&ListMatcher>) -> Vec<Found> {
    let chars = &utterance.chars;
    let (start, end) = bounds(chars);
    if start >= end {
        return Vec::new();
    }
    let named = regions.map_or(0, |regions| regions.find(&utterance.part(start..end), false).len().min(2));
    let places = PLACES.iter().filter(|place| has_place(&chars[start..end], place)).count().min(3);
    let (text, houses) = figures(&chars[start..end]);
    let parts = named + places + houses;
    let needed = if mode == Mode::Awaited { 1 } else { 3 };
    if parts < needed || (mode == Mode::Anywhere && houses == 0) {
        return Vec::new();
    }
    let confidence = match (parts, houses) {
        (4.., 2..) => 0.8,
        (3.., 1..) => 0.7,
        _ => 0.5,
    };
    // Without the number of a house there is more to come.
    vec![Found::new(start..end, Value::Text(text), confidence).open(houses == 0)]
}

fn bounds(chars: &[char]) -> (usize, usize) {
    let (mut start, mut end) = (0, chars.len());
    while let Some(skip) = OPENINGS.iter().map(|word| prefix_len(&chars[start..], word)).max().filter(|skip| *skip > 0)
    {
        start += skip;
    }
    let ends_with = |end: usize, word: &str| {
        let len = word.chars().count();
        end >= start + len && prefix_len(&chars[end - len..end], word) == len
    };
    while let Some(word) = CLOSINGS.iter().find(|word| ends_with(end, word)) {
        end -= word.chars().count();
    }
    (start, end)
}

/// A place needs a name before its word: 张江路, but not 路.
fn has_place(chars: &[char], place: &str) -> bool {
    (1..chars.len()).any(|at| prefix_len(&chars[at..], place) > 0)
}

/// The text with the numbers before a house's words in figures, and how many there are.
fn figures(chars: &[char]) -> (String, usize) {
    let symbols: Vec<Symbol> = chars.iter().map(|c| symbol(*c)).collect();
    let (mut text, mut count, mut at) = (String::new(), 0, 0);
    while at < chars.len() {
        let number = number_at(&symbols, at).map(|number| (number, &chars[number.end..]));
        match number {
            Some((number, rest)) if UNITS.iter().any(|unit| prefix_len(rest, unit) > 0) => {
                text.push_str(&house_number(&symbols[at..number.end], number.value));
                count += 1;
                at = number.end;
            }
            // 五号楼二单元一零零二: a last number of three or four digits is a room.
            Some((number, [])) if count > 0 && number.end - at >= 3 => {
                text.push_str(&house_number(&symbols[at..number.end], number.value));
                count += 1;
                at = number.end;
            }
            Some((number, _)) => {
                text.extend(&chars[at..number.end]);
                at = number.end;
            }
            None => {
                text.push(chars[at]);
                at += 1;
            }
        }
    }
    (text, count)
}

/// Digits that are said one by one keep their zeros: 零三零二室.
fn house_number(symbols: &[Symbol], value: f64) -> String {
    let digit = |symbol: &Symbol| if let Symbol::Digit(digit) = symbol { Some(char::from(b'0' + digit)) } else { None };
    let by_digit: Option<String> = symbols.iter().map(digit).collect();
    by_digit.unwrap_or_else(|| Value::number(value).plain())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::utterance::Pronouncer;

    fn read(text: &str, mode: Mode) -> Option<Found> {
        let regions = ListMatcher::new(vec![(Value::Text("浦东新区".into()), vec!["浦东新区".into(), "浦东".into()])]);
        let utterance = Utterance::new(text, "", 1.0, &Pronouncer::default());
        find(&utterance, mode, Some(&regions)).into_iter().next()
    }

    #[test]
    fn addresses_keep_their_words_and_get_figures() {
        for (text, value) in [
            ("我家住在浦东新区张江路三十八弄五号楼二单元幺零零二室", "浦东新区张江路38弄5号楼2单元1002室"),
            ("地址是幸福小区十二栋三单元零三零二吧", "幸福小区12栋3单元0302"),
            ("嗯在人民大街八十八号", "人民大街88号"),
        ] {
            let found = read(text, Mode::Awaited).unwrap_or_else(|| panic!("{text}: nothing"));
            assert_eq!((found.value.plain().as_str(), found.is_open), (value, false), "{text}");
        }
    }

    #[test]
    fn half_an_address_is_open_and_other_words_are_none() {
        assert!(read("浦东张江路", Mode::Awaited).expect("a street").is_open);
        assert_eq!(read("不知道", Mode::Awaited), None);
        assert_eq!(read("我要改套餐", Mode::Awaited), None);
        assert_eq!(read("五十九块那个", Mode::Anywhere), None);
        assert!(read("浦东新区张江路三十八号二单元宽带坏了", Mode::Anywhere).is_some());
    }
}
