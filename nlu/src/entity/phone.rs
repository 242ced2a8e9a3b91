//! What makes a string of digits a telephone number in mainland China (numbering plan of the MIIT, 2017 edition).

use super::digits::Fit;

/// Second and third digits of the mobile ranges that are given out to people.
const MOBILE: [(u8, &str); 7] = [
    (b'3', "0123456789"),
    (b'4', "56789"),
    (b'5', "012356789"),
    (b'6', "2567"),
    (b'7', "012345678"),
    (b'8', "0123456789"),
    (b'9', "0123456789"),
];

/// How far `digits` are a telephone number. Short numbers of services (10086, 95588, 110) are none: nobody can be
/// called back there.
pub(super) fn fit(digits: &str) -> Fit {
    let bytes = digits.as_bytes();
    match bytes {
        [] => Fit::Short(11),
        [b'1'] => Fit::Short(10),
        [b'1', b'3'..=b'9', ..] => exact(bytes.len(), 11, 11, if is_given_out(bytes) { 0.98 } else { 0.6 }),
        [b'1', ..] => Fit::Wrong,
        [b'0', b'0', ..] => Fit::Wrong,
        // 010, 02x and eight digits; 0xxx and seven or eight.
        [b'0', b'1' | b'2', ..] => exact(bytes.len(), 11, 11, 0.85),
        [b'0', ..] => exact(bytes.len(), 11, 12, 0.85),
        [b'4' | b'8', b'0', b'0', ..] => exact(bytes.len(), 10, 10, 0.9),
        [b'9', ..] if bytes.len() >= 5 => Fit::Wrong,
        _ => exact(bytes.len(), 7, 8, 0.75),
    }
}

/// What is dialled before a number and is no part of it: 86, and the zero before a mobile number.
pub(super) fn national(digits: &str) -> &str {
    let is_mobile = |rest: &str| rest.starts_with('1') && rest.len() == 11 && matches!(fit(rest), Fit::Whole(_));
    let without =
        ["0086", "86", "0"].iter().find_map(|prefix| digits.strip_prefix(prefix).filter(|rest| is_mobile(rest)));
    without.unwrap_or(digits)
}

fn is_given_out(bytes: &[u8]) -> bool {
    let Some(third) = bytes.get(2) else { return true };
    MOBILE.iter().any(|(second, thirds)| *second == bytes[1] && thirds.as_bytes().contains(third))
}

fn exact(len: usize, min: usize, max: usize, confidence: f32) -> Fit {
    if len < min {
        return Fit::Short(u8::try_from(min - len).unwrap_or(u8::MAX));
    }
    if len > max { Fit::Long } else { Fit::Whole(confidence) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_prefixes() {
        assert_eq!(fit("13800138000"), Fit::Whole(0.98));
        assert_eq!(fit("15400138000"), Fit::Whole(0.6), "154 is not given out");
        assert_eq!(fit("1380013"), Fit::Short(4));
        assert_eq!(fit("138001380001"), Fit::Long);
        assert_eq!(fit("02161234567"), Fit::Whole(0.85));
        assert_eq!(fit("05716123456"), Fit::Whole(0.85));
        assert_eq!(fit("057161234567"), Fit::Whole(0.85));
        assert_eq!(fit("61234567"), Fit::Whole(0.75));
        assert_eq!(fit("4008123123"), Fit::Whole(0.9));
        for none in ["10086", "110", "95588", "0086"] {
            assert_eq!(fit(none), Fit::Wrong, "{none}");
        }
        assert_eq!(fit("3876"), Fit::Short(3));
    }

    #[test]
    fn what_is_dialled_before_it() {
        assert_eq!(national("8613800138000"), "13800138000");
        assert_eq!(national("013800138000"), "13800138000");
        assert_eq!(national("02161234567"), "02161234567");
    }
}
