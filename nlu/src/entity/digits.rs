//! Numbers that are said digit by digit: 幺三八零零, 三个六, 尾号三八七六, 二X, with hesitations between the groups.

use super::number::{Symbol, number_at, symbols};
use super::{Found, Mode, groups, id, phone};
use crate::utterance::{Utterance, prefix_len};
use crate::value::Value;
use std::ops::Range;

/// What may stand between the groups of one number.
const JOINTS: [&str; 22] = [
    "然后是",
    "然后",
    "后面是",
    "后面",
    "接下来是",
    "接下来",
    "接着是",
    "接着",
    "最后是",
    "最后",
    "再就是",
    "嗯",
    "呃",
    "额",
    "啊",
    "那个",
    "再",
    "空",
    "杠",
    "是",
    "转",
    "哦",
];
/// How the X at the end of an identity number is said.
const LETTERS: [&str; 6] = ["大写x", "艾克斯", "埃克斯", "爱克斯", "x", "叉"];
/// How the letter sounds.
const LETTER_SOUNDS: [&[&str]; 2] = [&["ai", "ke", "si"], &["cha"]];

/// Which strings are whole answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Any digits.
    Digits { len_min: u8, len_max: u8 },
    /// A telephone number.
    Phone,
    /// A resident's identity number.
    IdNumber,
    /// The last characters of one.
    IdTail { len: u8 },
}

/// How far a string is a whole answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fit {
    /// It is one, with this confidence.
    Whole(f32),
    /// It may become one: at least so many characters are missing.
    Short(u8),
    /// It has too many.
    Long,
    /// It cannot be one: a prefix that nobody has, a check character that is wrong.
    Wrong,
}

impl Form {
    /// How far `text` (digits and `X`) is a whole answer.
    pub fn fit(self, text: &str) -> Fit {
        let within = |min: u8, max: u8| match text.len() {
            len if len < usize::from(min) => Fit::Short(u8::try_from(usize::from(min) - len).unwrap_or(u8::MAX)),
            len if len > usize::from(max) => Fit::Long,
            _ => Fit::Whole(0.95),
        };
        match self {
            Self::Phone => phone::fit(phone::national(text)),
            Self::IdNumber => id::fit(text),
            Self::IdTail { len } => within(len, len),
            Self::Digits { len_min, len_max } => within(len_min, len_max),
        }
    }

    /// The text as it is kept: a phone number without what is dialled before it.
    pub fn value(self, text: &str) -> Value {
        Value::Text(if self == Self::Phone { phone::national(text) } else { text }.to_owned())
    }

    /// How long `text` will be when it is whole; `None` when more than one length would do.
    pub fn len_whole(self, text: &str) -> Option<usize> {
        match self {
            Self::Phone if text.starts_with('1') || text.is_empty() => Some(11),
            Self::Phone => match phone::fit(text) {
                _ if text.starts_with("01") || text.starts_with("02") => Some(11),
                _ if text.starts_with("400") || text.starts_with("800") => Some(10),
                _ => None,
            },
            Self::IdNumber => Some(id::LEN),
            Self::IdTail { len } => Some(usize::from(len)),
            Self::Digits { len_min, len_max } => (len_min == len_max).then_some(usize::from(len_max)),
        }
    }

    /// The most characters that an answer may have.
    pub fn len_max(self) -> usize {
        match self {
            Self::Phone => 12,
            Self::IdNumber => id::LEN,
            Self::IdTail { len } => usize::from(len),
            Self::Digits { len_max, .. } => usize::from(len_max),
        }
    }

    fn has_letter(self) -> bool {
        matches!(self, Self::IdNumber | Self::IdTail { .. })
    }
}

/// A run of digits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    pub span: Range<usize>,
    pub digits: String,
    /// The same with every 十 read as a misheard 四: 四十三 as 443.
    pub other: String,
}

impl Run {
    /// The reading that is a whole answer, the usual one if both or none are.
    pub fn best(&self, form: Form) -> &str {
        let is_whole = |text: &str| matches!(form.fit(text), Fit::Whole(_));
        if !is_whole(&self.digits) && is_whole(&self.other) { &self.other } else { &self.digits }
    }
}

/// Every run of digits. With `by_sound`, homophones count; with `joined`, groups with hesitations between them are one.
pub(crate) fn runs(utterance: &Utterance, form: Form, by_sound: bool, joined: bool) -> Vec<Run> {
    let symbols = symbols_of(utterance, by_sound);
    let mut runs: Vec<Run> = Vec::new();
    let mut at = 0;
    while at < symbols.len() {
        let goes_on =
            runs.last().is_some_and(|run| run.span.end == at || (joined && is_joint(utterance, run.span.end, at)));
        let Some(piece) = piece_at(utterance, &symbols, at, form, goes_on, by_sound) else {
            at += 1;
            continue;
        };
        let end = piece.span.end;
        match runs.last_mut() {
            Some(run) if goes_on => {
                run.digits.push_str(&piece.digits);
                run.other.push_str(&piece.other);
                run.span.end = end;
            }
            _ => runs.push(piece),
        }
        at = end;
    }
    runs
}

/// The symbols of a number that is said digit by digit. By sound a particle between two digits counts as one, too.
pub(super) fn symbols_of(utterance: &Utterance, by_sound: bool) -> Vec<Symbol> {
    let mut symbols = symbols(utterance, by_sound);
    if !by_sound {
        return symbols;
    }
    let is_digit = |symbol: Option<&Symbol>| matches!(symbol, Some(Symbol::Digit(_) | Symbol::Unit(1)));
    for i in 0..symbols.len() {
        let is_between =
            i.checked_sub(1).is_some_and(|before| is_digit(symbols.get(before))) && is_digit(symbols.get(i + 1));
        let is_first = is_digit(symbols.get(i + 1)) && is_digit(symbols.get(i + 2));
        if symbols[i] == Symbol::Other && (is_between || is_first) {
            symbols[i] = match utterance.syllables[i].as_str() {
                "yao" => Symbol::Digit(1),
                "ba" => Symbol::Digit(8),
                "gou" | "jiu" => Symbol::Digit(9),
                "shan" => Symbol::Digit(3),
                "shi" => Symbol::Unit(1),
                "lin" => Symbol::Digit(0),
                _ => Symbol::Other,
            };
        }
    }
    symbols
}

/// One digit, a repeated one (三个六), a short number (七十三), or the letter at the end of an identity number.
pub(super) fn piece_at(
    utterance: &Utterance,
    symbols: &[Symbol],
    at: usize,
    form: Form,
    goes_on: bool,
    by_sound: bool,
) -> Option<Run> {
    let chars = &utterance.chars;
    let run = |len: usize, digits: String| Some(Run { span: at..at + len, other: digits.clone(), digits });
    match *symbols.get(at)? {
        Symbol::Digit(count @ 1..=9) if chars.get(at + 1) == Some(&'个') => match symbols.get(at + 2) {
            Some(Symbol::Digit(which)) => run(3, which.to_string().repeat(usize::from(count))),
            _ => run(1, count.to_string()),
        },
        Symbol::Digit(which) if matches!(chars[at], '俩' | '仨') => match symbols.get(at + 1) {
            Some(Symbol::Digit(next)) => run(2, next.to_string().repeat(usize::from(which))),
            _ => run(1, which.to_string()),
        },
        Symbol::Digit(digit) if !matches!(symbols.get(at + 1), Some(Symbol::Unit(1..=3))) => run(1, digit.to_string()),
        Symbol::Digit(_) => short_number(symbols, at),
        Symbol::Unit(1) if goes_on || matches!(symbols.get(at + 1), Some(Symbol::Digit(_))) => {
            short_number(symbols, at)
        }
        // 洞幺拐勾: the nine of soldiers and railwaymen.
        Symbol::Other if goes_on && matches!(chars[at], '勾' | '钩') => run(1, "9".to_owned()),
        Symbol::Other if goes_on && form.has_letter() => {
            let rest = &chars[at..];
            let by_word = LETTERS.iter().map(|word| prefix_len(rest, word)).max().unwrap_or(0);
            let sounds = utterance.syllables.get(at..).unwrap_or_default();
            let is_heard =
                |sound: &&&[&str]| sounds.len() == sound.len() && sounds.iter().zip(**sound).all(|(a, b)| a == b);
            let by_ear = if by_sound { LETTER_SOUNDS.iter().find(is_heard).map_or(0, |sound| sound.len()) } else { 0 };
            let len = by_word.max(by_ear);
            (len > 0).then(|| run(len, "X".to_owned())).flatten()
        }
        _ => None,
    }
}

/// 八十三 among digits is 83; where that makes no whole answer, the 十 may be a misheard 四.
fn short_number(symbols: &[Symbol], at: usize) -> Option<Run> {
    let number = number_at(symbols, at).filter(|number| number.range.is_none() && number.value < 10_000.0);
    let end = number.map(|number| number.end).filter(|end| *end > at)?;
    let other: String = symbols[at..end]
        .iter()
        .map(|symbol| match symbol {
            Symbol::Digit(digit) => char::from(b'0' + digit),
            _ => '4',
        })
        .collect();
    let digits = Value::number(number?.value).plain();
    Some(Run { span: at..end, digits, other })
}

/// Whether most of what was said are digits.
pub(crate) fn is_mostly(utterance: &Utterance) -> bool {
    let digits = symbols(utterance, false).iter().filter(|symbol| matches!(symbol, Symbol::Digit(_))).count();
    digits >= 2 && 2 * digits >= utterance.content_len()
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

/// Answers of this form; those with characters missing are open. What can be no answer is left out.
pub(super) fn find(utterance: &Utterance, form: Form, mode: Mode, by_sound: bool) -> Vec<Found> {
    let of = |run: Run| {
        let text = run.best(form);
        let is_all = utterance.chars.len() <= 2;
        // A single digit in a sentence is a word of it: 查一下.
        if text.len() < 2 && !is_all && (mode == Mode::Anywhere || form.len_max() > 1) {
            return None;
        }
        match form.fit(text) {
            Fit::Whole(confidence) => {
                let other = if text == run.digits { &run.other } else { &run.digits };
                let other = matches!(form.fit(other), Fit::Whole(_)).then(|| form.value(other));
                Some(Found::new(run.span.clone(), form.value(text), confidence).or(other))
            }
            Fit::Short(_) if mode == Mode::Awaited => {
                Some(Found::new(run.span.clone(), form.value(text), 0.3).open(true))
            }
            _ => None,
        }
    };
    let found: Vec<Found> = runs(utterance, form, by_sound, true).into_iter().filter_map(of).collect();
    let told = if mode == Mode::Awaited && !by_sound { told_in_words(utterance, form) } else { None };
    match told {
        // 幺三八…七二，说错了，最后一位是三: what the words make of the digits, not the digits as they stand.
        Some(told) if found.first().is_none_or(|first| first.is_open || first.value != told.value) => vec![told],
        _ => found,
    }
}

/// The number that digits and words about them (不对, 最后两位是, 区号) make together in one answer.
fn told_in_words(utterance: &Utterance, form: Form) -> Option<Found> {
    let step = groups::take(form, &groups::Groups::default(), std::slice::from_ref(utterance))?;
    let (value, confidence) = step.whole(form)?;
    Some(Found::new(0..utterance.chars.len(), value, confidence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::utterance::Pronouncer;

    fn found(text: &str, form: Form, by_sound: bool) -> Vec<Found> {
        find(&Utterance::new(text, "", 1.0, &Pronouncer::default()), form, Mode::Awaited, by_sound)
    }

    fn whole(text: &str, form: Form) -> Vec<String> {
        found(text, form, false).iter().filter(|found| !found.is_open).map(|found| found.value.plain()).collect()
    }

    #[test]
    fn phone_numbers_in_groups() {
        for (text, number) in [
            ("一三八零零幺三八零零零", "13800138000"),
            ("幺三九嗯三个六然后是八八七七二", "13966688772"),
            ("我的号码是幺三八洞洞拐拐八四五六谢谢", "13800778456"),
            ("一八六五零七十三八十三幺幺", "18650738311"),
            ("幺三八仨零后面是五个八", "13800088888"),
            ("八六幺三八零零幺三八零零零", "13800138000"),
            ("零二幺六幺二三四五六七", "02161234567"),
            ("13800138000", "13800138000"),
        ] {
            assert_eq!(whole(text, Form::Phone), [number], "{text}");
        }
    }

    #[test]
    fn a_short_number_is_open_and_a_service_number_none() {
        let short = found("幺三八零零", Form::Phone, false);
        assert!(short[0].is_open);
        assert_eq!(Form::Phone.fit("13800"), Fit::Short(6));
        assert!(found("幺零零八六", Form::Phone, false).is_empty());
        let code = Form::Digits { len_min: 6, len_max: 6 };
        assert_eq!(whole("三五七九二四", code), ["357924"]);
        assert_eq!(whole("三五七九二四八", code), [""; 0], "one digit too many is no code");
    }

    #[test]
    fn a_ten_that_is_one_digit_too_few_is_a_misheard_four() {
        let code = Form::Digits { len_min: 4, len_max: 4 };
        assert_eq!(whole("二十三七八", Form::Digits { len_min: 5, len_max: 5 }), ["24378"]);
        assert_eq!(whole("二十三七八", code), ["2378"]);
    }

    #[test]
    fn homophones_and_letters() {
        let by_sound = |text: &str, form| found(text, form, true).first().map(|found| found.value.plain());
        assert_eq!(by_sound("要三八凌零幺三巴零零零", Form::Phone).as_deref(), Some("13800138000"));
        let tail = Form::IdTail { len: 4 };
        assert_eq!(whole("尾号是零零二叉", tail), ["002X"]);
        assert_eq!(whole("零零二x", tail), ["002X"]);
        assert_eq!(whole("零零二大写x", tail), ["002X"]);
        assert_eq!(by_sound("零零二差", tail).as_deref(), Some("002X"));
        let number = "幺幺零幺零五幺九四九幺二三幺零零二叉";
        assert_eq!(whole(number, Form::IdNumber), ["11010519491231002X"]);
        assert_eq!(whole("幺幺零幺零五幺九四九幺二三幺零零二幺", Form::IdNumber), [""; 0], "checksum");
    }
}
