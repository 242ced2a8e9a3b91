//! Mandarin numbers: 一百二十九, 一百二 (120), 两百五 (250), 一二九, 129.

use crate::utterance::Utterance;

/// One symbol of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Symbol {
    /// 0 to 9.
    Digit(u8),
    /// 十 百 千 万: the power of ten.
    Unit(u32),
    /// 点, before decimals.
    Point,
    /// 半.
    Half,
    /// Anything else.
    Other,
}

/// A number that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Number {
    pub value: f64,
    /// One past its last character.
    pub end: usize,
    /// It ends in a way that may go on: 一百, 五十 (…九).
    pub is_open: bool,
}

/// The symbol of a character.
pub(crate) fn symbol(c: char) -> Symbol {
    match c {
        '0'..='9' => Symbol::Digit(u8::try_from(u32::from(c) - u32::from('0')).unwrap_or(0)),
        '零' | '〇' | '洞' => Symbol::Digit(0),
        '一' | '幺' | '壹' => Symbol::Digit(1),
        '二' | '两' | '俩' | '贰' => Symbol::Digit(2),
        '三' | '仨' => Symbol::Digit(3),
        '四' => Symbol::Digit(4),
        '五' => Symbol::Digit(5),
        '六' => Symbol::Digit(6),
        '七' | '拐' => Symbol::Digit(7),
        '八' => Symbol::Digit(8),
        '九' => Symbol::Digit(9),
        '十' => Symbol::Unit(1),
        '百' => Symbol::Unit(2),
        '千' => Symbol::Unit(3),
        '万' => Symbol::Unit(4),
        '点' | '.' => Symbol::Point,
        '半' => Symbol::Half,
        _ => Symbol::Other,
    }
}

/// The symbol of a syllable: what a homophone may have meant. Only for places where a number is awaited.
fn symbol_of_sound(syllable: &str) -> Symbol {
    match syllable {
        "ling" | "dong" => Symbol::Digit(0),
        "yi" | "yao" => Symbol::Digit(1),
        "er" | "liang" => Symbol::Digit(2),
        "san" => Symbol::Digit(3),
        "si" => Symbol::Digit(4),
        "wu" => Symbol::Digit(5),
        "liu" => Symbol::Digit(6),
        "qi" | "guai" => Symbol::Digit(7),
        "ba" => Symbol::Digit(8),
        "jiu" => Symbol::Digit(9),
        "shi" => Symbol::Unit(1),
        "bai" => Symbol::Unit(2),
        "qian" => Symbol::Unit(3),
        "wan" => Symbol::Unit(4),
        "dian" => Symbol::Point,
        _ => Symbol::Other,
    }
}

/// The symbols of an utterance. With `by_sound`, homophones of number words count as such.
pub(crate) fn symbols(utterance: &Utterance, by_sound: bool) -> Vec<Symbol> {
    let of = |(i, c): (usize, &char)| match symbol(*c) {
        Symbol::Other if by_sound => {
            // These stand before an amount far more often than they are misheard for a digit in it.
            let is_particle = matches!(c, '把' | '是' | '要' | '有');
            if is_particle { Symbol::Other } else { symbol_of_sound(&utterance.syllables[i]) }
        }
        known => known,
    };
    utterance.chars.iter().enumerate().map(of).collect()
}

/// The longest number that begins at `start`.
pub(crate) fn number_at(symbols: &[Symbol], start: usize) -> Option<Number> {
    let first = *symbols.get(start)?;
    if !matches!(first, Symbol::Digit(_) | Symbol::Unit(1 | 2)) {
        return None;
    }
    let digits = symbols[start..].iter().take_while(|s| matches!(s, Symbol::Digit(_))).count();
    let unit_follows = matches!(symbols.get(start + digits), Some(Symbol::Unit(_)));
    let number =
        if digits >= 2 && !unit_follows { digit_string(symbols, start, digits) } else { cardinal(symbols, start)? };
    Some(decimals(symbols, number))
}

fn digit_string(symbols: &[Symbol], start: usize, digits: usize) -> Number {
    let value = symbols[start..start + digits]
        .iter()
        .fold(0.0, |sum, symbol| sum * 10.0 + if let Symbol::Digit(digit) = symbol { f64::from(*digit) } else { 0.0 });
    Number { value, end: start + digits, is_open: false }
}

/// Units that fall: 三千二百零五; a digit behind a unit without one of its own counts in the next lower unit (一百二).
fn cardinal(symbols: &[Symbol], start: usize) -> Option<Number> {
    let (mut total, mut section, mut pending) = (0.0, 0.0, None::<u8>);
    let mut unit_last = None::<u32>;
    let mut saw_zero = false;
    let mut at = start;
    while let Some(symbol) = symbols.get(at) {
        match *symbol {
            Symbol::Digit(0) if pending.is_none() && unit_last.is_some() => saw_zero = true,
            Symbol::Digit(digit) if pending.is_none() => pending = Some(digit),
            Symbol::Unit(4) if total == 0.0 && (section > 0.0 || pending.is_some()) => {
                total = (section + f64::from(pending.take().unwrap_or(0))) * 10_000.0;
                section = 0.0;
                unit_last = Some(4);
            }
            Symbol::Unit(unit) if unit < 4 && (unit_last.is_none_or(|last| unit < last) || unit_last == Some(4)) => {
                // 百八十 leaves out the 一; so does 十五.
                section += f64::from(pending.take().unwrap_or(1)) * 10_f64.powi(i32::try_from(unit).unwrap_or(0));
                unit_last = Some(unit);
                saw_zero = false;
            }
            _ => break,
        }
        at += 1;
    }
    if at == start || (pending.is_none() && unit_last.is_none()) {
        return None;
    }
    let mut is_open = unit_last.is_some() && pending.is_none();
    if let Some(digit) = pending {
        let is_short = !saw_zero && matches!(unit_last, Some(2..=4));
        let scale = if is_short { 10_f64.powi(i32::try_from(unit_last.unwrap_or(1)).unwrap_or(1) - 1) } else { 1.0 };
        section += f64::from(digit) * scale;
        is_open |= is_short;
    }
    Some(Number { value: total + section, end: at, is_open })
}

fn decimals(symbols: &[Symbol], number: Number) -> Number {
    if symbols.get(number.end) != Some(&Symbol::Point) {
        return number;
    }
    let digits: Vec<u8> = symbols[number.end + 1..]
        .iter()
        .map_while(|symbol| if let Symbol::Digit(digit) = symbol { Some(*digit) } else { None })
        .collect();
    if digits.is_empty() {
        return number;
    }
    let fraction = digits.iter().rev().fold(0.0, |sum, digit| (sum + f64::from(*digit)) / 10.0);
    Number { value: number.value + fraction, end: number.end + 1 + digits.len(), is_open: false }
}

/// How a whole number below 10,000 is said, the usual way first: 一百二十九, 幺二九, 一二九.
pub(crate) fn spoken(value: i64) -> Vec<String> {
    const DIGITS: [char; 10] = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'];
    let Ok(value) = usize::try_from(value) else { return Vec::new() };
    if value >= 10_000 {
        return Vec::new();
    }
    let mut usual = String::new();
    let mut skipped = false;
    for (scale, unit) in [(1_000, "千"), (100, "百"), (10, "十"), (1, "")] {
        let digit = value / scale % 10;
        if digit == 0 {
            skipped = !usual.is_empty();
            continue;
        }
        if skipped {
            usual.push('零');
            skipped = false;
        }
        if !(scale == 10 && digit == 1 && usual.is_empty()) {
            usual.push(DIGITS[digit]);
        }
        usual.push_str(unit);
    }
    if value == 0 {
        usual.push('零');
    }
    let by_digit: String =
        value.to_string().chars().filter_map(|c| c.to_digit(10)).map(|d| DIGITS[d as usize]).collect();
    let mut ways = vec![usual, by_digit.replace('一', "幺"), by_digit];
    ways.dedup();
    ways
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<f64> {
        let symbols: Vec<Symbol> = text.chars().map(symbol).collect();
        number_at(&symbols, 0).map(|number| number.value)
    }

    #[test]
    fn numbers_as_they_are_said() {
        for (text, value) in [
            ("一百二十九", 129.0),
            ("一百二", 120.0),
            ("两百五", 250.0),
            ("一百零五", 105.0),
            ("十五", 15.0),
            ("五十", 50.0),
            ("三千二", 3200.0),
            ("三千零二", 3002.0),
            ("百八十", 180.0),
            ("一万二", 12_000.0),
            ("两万三千四百五十六", 23_456.0),
            ("幺二九", 129.0),
            ("129", 129.0),
            ("五十八点三", 58.3),
            ("二", 2.0),
        ] {
            let found = read(text).unwrap_or(f64::NAN);
            assert!((found - value).abs() < 1e-9, "{text}: {found}");
        }
        for value in [0, 7, 10, 19, 29, 105, 120, 129, 1_005, 9_999] {
            for text in spoken(value) {
                let found = read(&text).unwrap_or(f64::NAN);
                #[expect(clippy::cast_precision_loss, reason = "small")]
                let wanted = value as f64;
                assert!((found - wanted).abs() < 1e-9, "{text}: {found}");
            }
        }
        assert_eq!(read("万一"), None);
        assert_eq!(read("话费"), None);
    }
}
