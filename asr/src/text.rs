//! The recognizer's side of text: what a written hint sounds like, and what the dialogue wants to read.
//!
//! Recognized text is what was said: Chinese characters, digits as characters (一三八零零, 幺 where 幺 was said), Latin
//! letters as the bot writes them, no punctuation.

/// Characters of which spoken numbers are made. Strings of them are never words of their own, so that any number can
/// be decoded and none is preferred.
pub const NUMBER_CHARS: &str = "零〇一二三四五六七八九十百千万亿两幺点";

/// The ten digits and 幺, each as it is said one by one.
pub const DIGITS: [&str; 11] = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九", "幺"];

/// Units that may follow a number; a number and its unit are separate words, for the same reason.
const COUNTED: &str = "元块毛角分兆号月日点年";

/// Whether `word` is a spoken number of two and more characters, or a number with its unit.
#[must_use]
pub fn is_number_phrase(word: &str) -> bool {
    let mut chars: Vec<char> = word.chars().collect();
    if chars.len() < 2 {
        return false;
    }
    if chars.last().is_some_and(|&last| COUNTED.contains(last)) || chars.len() > 2 {
        chars.pop();
    }
    chars.iter().all(|&c| NUMBER_CHARS.contains(c))
}

/// Whether `word` is one spoken digit.
#[must_use]
pub fn is_digit(word: &str) -> bool {
    DIGITS.contains(&word)
}

/// The ways in which a written sentence may be said: punctuation gone, Arabic numbers spelt out. A number of three and
/// more digits has more than one way: as a number, digit by digit, and with 幺 for 1.
#[must_use]
pub fn spoken_forms(written: &str) -> Vec<String> {
    let chars: Vec<char> = written.chars().map(narrow).collect();
    let mut forms = vec![String::new()];
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let len = chars[at..].iter().take_while(|c| c.is_ascii_digit()).count();
        if len == 0 {
            if c.is_alphanumeric() {
                forms.iter_mut().for_each(|form| form.push(c.to_ascii_uppercase()));
            }
            at += 1;
            continue;
        }
        let mut digits: String = chars[at..at + len].iter().collect();
        at += len;
        let point = matches!((chars.get(at), chars.get(at + 1)), (Some('.'), Some(next)) if next.is_ascii_digit());
        if point {
            let tail: String = chars[at + 1..].iter().take_while(|c| c.is_ascii_digit()).collect();
            at += 1 + tail.len();
            digits = format!("{}点{}", cardinal(&digits), one_by_one(&tail, "一"));
            forms.iter_mut().for_each(|form| form.push_str(&digits));
            continue;
        }
        let ways = ways_of(&digits);
        forms = forms.iter().flat_map(|form| ways.iter().map(move |way| format!("{form}{way}"))).collect();
        forms.truncate(8);
    }
    forms.retain(|form| !form.is_empty());
    forms
}

/// Full-width Latin letters and digits to their plain forms.
fn narrow(c: char) -> char {
    match c {
        '！'..='～' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        _ => c,
    }
}

fn ways_of(digits: &str) -> Vec<String> {
    let mut ways = Vec::new();
    if digits.len() <= 4 && !(digits.starts_with('0') && digits.len() > 1) {
        ways.push(cardinal(digits));
    }
    if digits.len() >= 3 || digits.starts_with('0') {
        ways.push(one_by_one(digits, "幺"));
        ways.push(one_by_one(digits, "一"));
    }
    ways.dedup();
    ways
}

fn one_by_one(digits: &str, one: &str) -> String {
    digits
        .chars()
        .filter_map(|c| c.to_digit(10))
        .map(|digit| if digit == 1 { one } else { DIGITS[digit as usize] })
        .collect()
}

/// A number below 100,000,000 as it is said; longer ones digit by digit.
#[must_use]
pub fn cardinal(digits: &str) -> String {
    let Some(value) = digits.parse::<u32>().ok().filter(|&value| value < 100_000_000) else {
        return one_by_one(digits, "一");
    };
    if value == 0 {
        return "零".to_owned();
    }
    let (high, low) = (value / 10_000, value % 10_000);
    let mut text = String::new();
    if high > 0 {
        text.push_str(&below_ten_thousand(high, false));
        text.push('万');
    }
    if low > 0 {
        text.push_str(&below_ten_thousand(low, high > 0));
    }
    text
}

fn below_ten_thousand(value: u32, inner: bool) -> String {
    let mut text = String::new();
    let mut zero = inner && value < 1_000;
    for (weight, unit) in [(1_000, "千"), (100, "百"), (10, "十"), (1, "")] {
        let digit = value / weight % 10;
        if digit == 0 {
            zero |= !text.is_empty();
            continue;
        }
        if zero {
            text.push('零');
            zero = false;
        }
        let silent_one = digit == 1 && weight == 10 && text.is_empty() && !inner;
        if !silent_one {
            text.push_str(if digit == 2 && weight >= 1_000 { "两" } else { DIGITS[digit as usize] });
        }
        text.push_str(unit);
    }
    text
}

/// How Latin letters and a few words are said, in toneless pinyin.
#[must_use]
pub fn latin_reading(word: &str) -> Vec<&'static str> {
    let whole: &[&str] = match word {
        "WIFI" => &["wai", "fai"],
        "SIM" => &["xi", "mu"],
        "OK" => &["ou", "kei"],
        _ => &[],
    };
    if !whole.is_empty() {
        return whole.to_vec();
    }
    word.chars().flat_map(letter).copied().collect()
}

fn letter(c: char) -> &'static [&'static str] {
    match c {
        'A' => &["ei"],
        'B' => &["bi"],
        'C' => &["xi"],
        'D' => &["di"],
        'E' => &["yi"],
        'F' => &["ai", "fu"],
        'G' => &["ji"],
        'H' => &["ai", "chi"],
        'I' => &["ai"],
        'J' => &["zhei"],
        'K' => &["kai"],
        'L' => &["ai", "lu"],
        'M' => &["ai", "mu"],
        'N' => &["en"],
        'O' => &["ou"],
        'P' => &["pi"],
        'Q' => &["kiu"],
        'R' => &["a"],
        'S' => &["ai", "si"],
        'T' => &["ti"],
        'U' => &["you"],
        'V' => &["wei"],
        'W' => &["da", "bu", "liu"],
        'X' => &["ai", "ke", "si"],
        'Y' => &["wai"],
        'Z' => &["zei"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spelt_as_they_are_said() {
        for (digits, said) in [
            ("0", "零"),
            ("10", "十"),
            ("59", "五十九"),
            ("110", "一百一十"),
            ("129", "一百二十九"),
            ("305", "三百零五"),
            ("2000", "两千"),
            ("2026", "两千零二十六"),
            ("10010", "一万零一十"),
            ("32000", "三万两千"),
        ] {
            assert_eq!(cardinal(digits), said, "{digits}");
        }
    }

    #[test]
    fn a_hint_is_said_in_every_usual_way() {
        assert_eq!(spoken_forms("我要办59元套餐！"), ["我要办五十九元套餐"]);
        assert_eq!(spoken_forms("打10086"), ["打幺零零八六", "打一零零八六"]);
        assert_eq!(spoken_forms("5g，ＡＰＰ"), ["五GAPP"]);
        assert_eq!(spoken_forms("还有3.5元"), ["还有三点五元"]);
        assert_eq!(spoken_forms("！？"), Vec::<String>::new());
        assert!(spoken_forms("129").contains(&"一百二十九".to_owned()));
    }

    #[test]
    fn number_phrases_are_told_from_words() {
        for phrase in ["五十", "十九元", "一百兆", "三点", "一月", "两千万"] {
            assert!(is_number_phrase(phrase), "{phrase}");
        }
        for word in ["五", "一下", "一个", "三星", "点击", "万能钥匙"] {
            assert!(!is_number_phrase(word), "{word}");
        }
    }
}
