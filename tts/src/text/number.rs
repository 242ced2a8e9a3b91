//! Numbers in Chinese characters.

const DIGITS: [char; 10] = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'];

/// Numbers of more digits than this are read one digit at a time: nobody says 兆亿.
const CARDINAL_DIGITS_MAX: usize = 16;

/// Reads ASCII digits one by one. `one` is how 1 is said: 幺 in numbers that are dialled or checked, 一 in years and
/// after a decimal point. Other characters are left out.
pub(crate) fn one_by_one(digits: &str, one: char) -> String {
    let spoken = digits.chars().filter_map(|c| c.to_digit(10)).map(|d| if d == 1 { one } else { DIGITS[d as usize] });
    spoken.collect()
}

/// Reads ASCII digits as one number: `10800` is 一万零八百. 2 is 二 by itself, and 两 before 百 (at the start), 千, 万, 亿.
pub(crate) fn cardinal(digits: &str) -> String {
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return "零".to_owned();
    }
    if digits.len() > CARDINAL_DIGITS_MAX {
        return one_by_one(digits, '一');
    }
    let mut out = String::new();
    let mut gap = false;
    let sections = digits.len().div_ceil(4);
    for section in (0..sections).rev() {
        let end = digits.len() - section * 4;
        let value: u32 = digits[end.saturating_sub(4)..end].parse().unwrap_or(0);
        if value == 0 {
            gap = true;
            continue;
        }
        if !out.is_empty() && (gap || value < 1_000) {
            out.push('零');
        }
        gap = false;
        // 二 alone before 万 or 亿 is said 两.
        if value == 2 && section > 0 {
            out.push('两');
        } else {
            push_section(&mut out, value);
        }
        out.push_str(["", "万", "亿", "万亿"][section]);
    }
    out
}

/// One group of four digits, 1 to 9999, after what was said before it.
fn push_section(out: &mut String, value: u32) {
    let starts_number = out.is_empty();
    let mut said = false;
    let mut gap = false;
    for (scale, unit) in [(1_000, "千"), (100, "百"), (10, "十"), (1, "")] {
        let digit = value / scale % 10;
        if digit == 0 {
            gap = said;
            continue;
        }
        if gap {
            out.push('零');
            gap = false;
        }
        let first = starts_number && !said;
        match (digit, scale) {
            (1, 10) if first => {}
            (2, 1_000) => out.push('两'),
            (2, 100) if first => out.push('两'),
            _ => out.push(DIGITS[digit as usize]),
        }
        out.push_str(unit);
        said = true;
    }
}

/// Reads `-1,234.50` with 负 and 点. `None` unless it is a number in that form.
pub(crate) fn decimal(text: &str) -> Option<String> {
    let (negative, unsigned) = match text.strip_prefix(['-', '−']) {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let plain: String = unsigned.chars().filter(|&c| c != ',').collect();
    let (whole, fraction) = plain.split_once('.').map_or((plain.as_str(), None), |(w, f)| (w, Some(f)));
    let is_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !fraction.is_none_or(is_digits) {
        return None;
    }
    let mut out = String::from(if negative { "负" } else { "" });
    out.push_str(&cardinal(whole));
    if let Some(fraction) = fraction {
        out.push('点');
        out.push_str(&one_by_one(fraction, '一'));
    }
    Some(out)
}

/// Like [`decimal`], for a number that counts something: 2 alone is 两.
pub(crate) fn counted(text: &str) -> Option<String> {
    if text == "2" { Some("两".to_owned()) } else { decimal(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cardinals() {
        for (digits, spoken) in [
            ("0", "零"),
            ("2", "二"),
            ("10", "十"),
            ("12", "十二"),
            ("20", "二十"),
            ("22", "二十二"),
            ("100", "一百"),
            ("101", "一百零一"),
            ("110", "一百一十"),
            ("200", "两百"),
            ("222", "两百二十二"),
            ("1001", "一千零一"),
            ("1010", "一千零一十"),
            ("1200", "一千二百"),
            ("2002", "两千零二"),
            ("10000", "一万"),
            ("10800", "一万零八百"),
            ("12345", "一万两千三百四十五"),
            ("20000", "两万"),
            ("22000", "两万两千"),
            ("100010", "十万零一十"),
            ("120000", "十二万"),
            ("10000000", "一千万"),
            ("200000000", "两亿"),
            ("100000001", "一亿零一"),
            ("1234567890", "十二亿三千四百五十六万七千八百九十"),
            ("12345678901234567", "一二三四五六七八九零一二三四五六七"),
        ] {
            assert_eq!(cardinal(digits), spoken, "{digits}");
        }
    }

    #[test]
    fn decimals_negatives_and_refusals() {
        assert_eq!(decimal("58.30").as_deref(), Some("五十八点三零"));
        assert_eq!(decimal("-1,234.5").as_deref(), Some("负一千二百三十四点五"));
        assert_eq!(decimal("1.2.3"), None);
        assert_eq!(decimal("12元"), None);
        assert_eq!(decimal("."), None);
        assert_eq!(counted("2").as_deref(), Some("两"));
        assert_eq!(counted("2.5").as_deref(), Some("二点五"));
    }

    #[test]
    fn digits_one_by_one() {
        assert_eq!(one_by_one("10086", '幺'), "幺零零八六");
        assert_eq!(one_by_one("2011", '一'), "二零一一");
    }
}
