//! Text normalisation: everything that is not a Chinese character becomes something that can be said.
//!
//! How the digits of a span are read is the caller's decision ([`SayAs`], it comes from the slot's type) and is guessed
//! only for running text. The result is a list of [`Token`]s, whose text form is also the key of recorded prompts and
//! of the clause cache.

mod classes;
mod number;
mod running;

use crate::engine::Boundary;
use hualu_core::dialogue::{SayAs, Span};

/// A piece of normalised text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// Running Chinese text, to be cut into words.
    Hanzi(String),
    /// A number that is read as one: 一百二十九, 五十八点三.
    Number(String),
    /// A group of digits that are read one by one: 幺三八.
    Digits(String),
    /// A Latin word or abbreviation in upper case: APP.
    Latin(String),
    /// A pause.
    Pause(Boundary),
}

/// Text that is ready for pronunciation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Normalized {
    /// What to say, in order. Never begins with a pause, and no two pauses follow each other.
    pub tokens: Vec<Token>,
    /// How many characters could not be read and were left out: emoji, other scripts.
    pub skipped: usize,
}

impl Normalized {
    /// The text form: characters and upper-case letters as they are said, pauses as 、 ， 。 ？.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for token in &self.tokens {
            match token {
                Token::Hanzi(piece) | Token::Number(piece) | Token::Digits(piece) | Token::Latin(piece) => {
                    text.push_str(piece);
                }
                Token::Pause(boundary) => text.push_str(match boundary {
                    Boundary::None | Boundary::Word => "",
                    Boundary::Phrase => "、",
                    Boundary::Clause => "，",
                    Boundary::Sentence => "。",
                    Boundary::Question => "？",
                }),
            }
        }
        text
    }

    fn hanzi(&mut self, text: &str) {
        match self.tokens.last_mut() {
            _ if text.is_empty() => {}
            Some(Token::Hanzi(last)) => last.push_str(text),
            _ => self.tokens.push(Token::Hanzi(text.to_owned())),
        }
    }

    fn number(&mut self, text: impl Into<String>) {
        self.tokens.push(Token::Number(text.into()));
    }

    fn digits(&mut self, text: impl Into<String>) {
        self.tokens.push(Token::Digits(text.into()));
    }

    fn latin(&mut self, word: &str) {
        self.tokens.push(Token::Latin(word.to_ascii_uppercase()));
    }

    fn pause(&mut self, boundary: Boundary) {
        match self.tokens.last_mut() {
            None => {}
            Some(Token::Pause(last)) => *last = boundary.max(*last),
            Some(_) => self.tokens.push(Token::Pause(boundary)),
        }
    }
}

/// Normalises the spans of one clause.
#[must_use]
pub fn normalize(spans: &[Span]) -> Normalized {
    let texts: Vec<String> = spans.iter().map(|span| span.text.chars().map(halfwidth).collect()).collect();
    let mut out = Normalized::default();
    let mut unit_said = false;
    for (index, span) in spans.iter().enumerate() {
        let mut text = texts[index].as_str();
        if unit_said {
            // A money slot brings its own 元; the template's is not said again.
            text = text.strip_prefix(['元', '块']).unwrap_or(text);
        }
        let after = texts.get(index + 1).map_or("", String::as_str);
        let fits = classes::read(span.say_as, text.trim(), after, &mut out);
        unit_said = fits && span.say_as == SayAs::Money;
        if !fits {
            running::read(text, after, &mut out);
        }
    }
    out
}

/// Full-width, circled and Roman digits, full-width letters and symbols, and letters with accents as ASCII. Chinese
/// punctuation keeps its own form, because what it means does not depend on its neighbours.
const fn halfwidth(c: char) -> char {
    match c {
        '，' | '！' | '？' | '；' | '：' | '（' | '）' => c,
        '\u{ff01}'..='\u{ff5e}' => match char::from_u32(c as u32 - 0xfee0) {
            Some(ascii) => ascii,
            None => c,
        },
        '①'..='⑨' => (b'1' + (c as u32 - '①' as u32) as u8) as char,
        'Ⅰ'..='Ⅸ' => (b'1' + (c as u32 - 'Ⅰ' as u32) as u8) as char,
        'à'..='å' | 'À'..='Å' | 'ā' | 'ǎ' => 'a',
        'è'..='ë' | 'È'..='Ë' | 'ē' | 'ě' => 'e',
        'ì'..='ï' | 'Ì'..='Ï' | 'ī' | 'ǐ' => 'i',
        'ò'..='ö' | 'Ò'..='Ö' | 'ō' | 'ǒ' => 'o',
        'ù'..='ü' | 'Ù'..='Ü' | 'ū' | 'ǔ' => 'u',
        'ç' | 'Ç' => 'c',
        'ñ' | 'Ñ' => 'n',
        '￥' => '¥',
        '〇' => '零',
        '\u{3000}' => ' ',
        _ => c,
    }
}

/// Whether `text` begins with something that is counted, so that 2 before it is said 两.
fn is_counted(text: &str) -> bool {
    const MEASURES: &str =
        "个元块角毛分天年次位张条种套台部周倍件份名户家笔项点秒兆人岁只把支片盒袋瓶杯页本门首句字万亿千百";
    const WORDS: [&str; 6] = ["小时", "分钟", "星期", "礼拜", "公里", "公斤"];
    // 二点五 is written 2.5, 二等 and 二号 are names; 单元, 级, 楼, 月, 日, 号 are not counted but numbered.
    text.chars().next().is_some_and(|c| MEASURES.contains(c)) || WORDS.iter().any(|word| text.starts_with(word))
}

#[cfg(test)]
mod tests;
