//! Mandarin numbers: 一百二十九, 一百二 (120), 两百五 (250), 一二九, 129, and rough ones: 七八十, 百八十.

use crate::utterance::Utterance;

/// One symbol of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Symbol {
    /// 0 to 9.
    Digit(u8),
    /// 十 百 千 万 亿: the power of ten.
    Unit(u32),
    /// 点, before decimals.
    Point,
    /// 半.
    Half,
    /// 负.
    Minus,
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
    /// A rough number (七八十, 百八十) lies between these two.
    pub range: Option<(f64, f64)>,
}

impl Number {
    const fn exact(value: f64, end: usize, is_open: bool) -> Self {
        Self { value, end, is_open, range: None }
    }
}

/// The symbol of a character.
pub(crate) fn symbol(c: char) -> Symbol {
    match c {
        '0'..='9' => Symbol::Digit(u8::try_from(u32::from(c) - u32::from('0')).unwrap_or(0)),
        '零' | '〇' | '洞' => Symbol::Digit(0),
        '一' | '幺' | '壹' => Symbol::Digit(1),
        '二' | '两' | '俩' | '贰' => Symbol::Digit(2),
        '三' | '仨' | '叁' => Symbol::Digit(3),
        '四' | '肆' => Symbol::Digit(4),
        '五' | '伍' => Symbol::Digit(5),
        '六' | '陆' => Symbol::Digit(6),
        '七' | '拐' | '柒' => Symbol::Digit(7),
        '八' | '捌' => Symbol::Digit(8),
        '九' | '玖' => Symbol::Digit(9),
        '十' | '拾' => Symbol::Unit(1),
        '百' | '佰' => Symbol::Unit(2),
        '千' | '仟' => Symbol::Unit(3),
        '万' => Symbol::Unit(4),
        '亿' => Symbol::Unit(8),
        '点' | '.' => Symbol::Point,
        '半' => Symbol::Half,
        '负' => Symbol::Minus,
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
    if first == Symbol::Minus {
        let number = number_at(symbols, start + 1).filter(|number| number.value > 0.0)?;
        return Some(Number { value: -number.value, range: None, ..number });
    }
    if !matches!(first, Symbol::Digit(_) | Symbol::Unit(1..=4)) {
        return None;
    }
    if let Some(rough) = rough(symbols, start) {
        return Some(rough);
    }
    let digits = symbols[start..].iter().take_while(|s| matches!(s, Symbol::Digit(_))).count();
    let unit_follows = matches!(symbols.get(start + digits), Some(Symbol::Unit(_)));
    let number = match digits {
        2.. if !unit_follows => digit_string(symbols, start, digits),
        // The last digit belongs to the unit behind it, unless the digits are a number in figures (300万).
        3.. => digit_string(symbols, start, digits),
        _ => cardinal(symbols, start)?,
    };
    Some(scaled(symbols, decimals(symbols, number)))
}

/// Two neighbouring digits before a unit (七八十, 三五百), or a unit that leads another (百八十, 百十).
fn rough(symbols: &[Symbol], start: usize) -> Option<Number> {
    let power = |unit: u32| 10_f64.powi(i32::try_from(unit).unwrap_or(0));
    let at = |i: usize| symbols.get(start + i).copied();
    match (at(0)?, at(1)?, at(2)) {
        (Symbol::Digit(low), Symbol::Digit(high), Some(Symbol::Unit(unit)))
            if low > 0 && (high == low + 1 || (low, high) == (3, 5)) =>
        {
            let mut len = 3;
            let mut scale = power(unit);
            // 三四十万
            if let Some(Symbol::Unit(big @ (4 | 8))) = at(3)
                && unit < big
            {
                (len, scale) = (4, scale * power(big));
            }
            let (low, high) = (f64::from(low) * scale, f64::from(high) * scale);
            Some(Number { range: Some((low, high)), ..Number::exact(low, start + len, false) })
        }
        (Symbol::Unit(big @ 2..=4), Symbol::Digit(part), Some(Symbol::Unit(small)))
            if small + 1 == big && part >= 8 =>
        {
            let range = Some((f64::from(part) * power(small), power(big)));
            Some(Number { range, ..Number::exact(power(big), start + 3, false) })
        }
        (Symbol::Unit(2), Symbol::Unit(1), _) => {
            Some(Number { range: Some((100.0, 120.0)), ..Number::exact(110.0, start + 2, false) })
        }
        _ => None,
    }
}

fn digit_string(symbols: &[Symbol], start: usize, digits: usize) -> Number {
    let value = symbols[start..start + digits]
        .iter()
        .fold(0.0, |sum, symbol| sum * 10.0 + if let Symbol::Digit(digit) = symbol { f64::from(*digit) } else { 0.0 });
    Number::exact(value, start + digits, false)
}

/// Units that fall: 三千二百零五; a digit behind a unit without one of its own counts in the next lower unit (一百二).
fn cardinal(symbols: &[Symbol], start: usize) -> Option<Number> {
    let (mut total, mut section, mut pending) = (0.0, 0.0, None::<u8>);
    let (mut unit_last, mut big_last) = (None::<u32>, None::<u32>);
    let mut saw_zero = false;
    let mut at = start;
    while let Some(symbol) = symbols.get(at) {
        match *symbol {
            Symbol::Digit(0) if pending.is_none() && unit_last.is_some() => saw_zero = true,
            Symbol::Digit(digit) if pending.is_none() => pending = Some(digit),
            Symbol::Unit(unit @ (4 | 8))
                if (section > 0.0 || pending.is_some()) && big_last.is_none_or(|last| unit < last) =>
            {
                let scale = 10_f64.powi(i32::try_from(unit).unwrap_or(0));
                total += (section + f64::from(pending.take().unwrap_or(0))) * scale;
                section = 0.0;
                (unit_last, big_last, saw_zero) = (Some(unit), Some(unit), false);
            }
            Symbol::Unit(unit @ 1..=3) if unit_last.is_none_or(|last| unit < last) => {
                // 百八 leaves out the 一; so does 十五.
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
        let is_short = !saw_zero && matches!(unit_last, Some(2..=8));
        let scale = if is_short { 10_f64.powi(i32::try_from(unit_last.unwrap_or(1)).unwrap_or(1) - 1) } else { 1.0 };
        section += f64::from(digit) * scale;
        is_open |= is_short;
    }
    Some(Number::exact(total + section, at, is_open))
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
    Number::exact(number.value + fraction, number.end + 1 + digits.len(), false)
}

/// 六点四二万, 300万: a large unit behind a number that is whole by itself.
fn scaled(symbols: &[Symbol], number: Number) -> Number {
    match symbols.get(number.end) {
        Some(Symbol::Unit(unit @ (4 | 8))) if !number.is_open && number.value < 10_000.0 => {
            let scale = 10_f64.powi(i32::try_from(*unit).unwrap_or(0));
            Number::exact(number.value * scale, number.end + 1, false)
        }
        _ => number,
    }
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
            ("百八十", 100.0),
            ("七八十", 70.0),
            ("三五百", 300.0),
            ("一万二", 12_000.0),
            ("一亿二", 120_000_000.0),
            ("三百一十五万", 3_150_000.0),
            ("六点四二万", 64_200.0),
            ("负三十", -30.0),
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

    #[test]
    fn rough_numbers_have_a_range() {
        let range = |text: &str| {
            let symbols: Vec<Symbol> = text.chars().map(symbol).collect();
            number_at(&symbols, 0).and_then(|number| number.range)
        };
        assert_eq!(range("七八十"), Some((70.0, 80.0)));
        assert_eq!(range("百八十"), Some((80.0, 100.0)));
        assert_eq!(range("三四十万"), Some((300_000.0, 400_000.0)));
        assert_eq!(range("七十八"), None);
    }
}
