//! From normalised text to syllables: word-aware readings, prosodic words, tone sandhi.

mod prosody;
mod sandhi;

use crate::engine::{Boundary, Syllable};
use crate::text::{Normalized, Token};
use hualu_models::lexicon::{Lexicon, LexiconError, char_syllable};
use std::collections::HashMap;
use std::sync::Arc;

/// Pronounces Mandarin text.
#[derive(Debug)]
pub struct G2p {
    lexicon: Lexicon,
    latin: HashMap<&'static str, &'static str>,
}

/// What is to be spoken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pronunciation {
    /// The syllables, after sandhi, with what follows each.
    pub syllables: Vec<Syllable>,
    /// How many characters have no known reading and were left out.
    pub skipped: usize,
}

/// A lexical word of a phrase. One syllable belongs to each character, except in Latin words, which have none.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    chars: Vec<char>,
    syllables: Vec<(String, u8)>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Hanzi,
    /// Part of a number that is read as one.
    Number,
    /// Digits that are read one by one.
    Digits,
    Latin,
}

/// Words that keep their 儿: it means a child there, or stands for itself.
const CHILD_WORDS: &str = "女儿 婴儿 孤儿 胎儿 幼儿 少儿 小儿 侄儿 健儿 男儿 新生儿 混血儿 宠儿 孩儿 低能儿";

impl G2p {
    /// Puts the hotline words over the given lexicon.
    ///
    /// # Errors
    /// [`LexiconError`] if the hotline words are malformed, which a test rules out.
    pub fn new(lexicon: Arc<Lexicon>) -> Result<Self, LexiconError> {
        let lexicon = Lexicon::layered(lexicon, "overlay.tsv", include_str!("../data/overlay.tsv"))?;
        let latin = include_str!("../data/latin.tsv").lines().filter(|line| !line.starts_with('#'));
        Ok(Self { lexicon, latin: latin.filter_map(|line| line.split_once('\t')).collect() })
    }

    /// Pronounces one clause.
    #[must_use]
    pub fn pronounce(&self, text: &Normalized) -> Pronunciation {
        let mut out = Pronunciation::default();
        for phrase in text.tokens.split_inclusive(|token| matches!(token, Token::Pause(_))) {
            let end = match phrase.last() {
                Some(Token::Pause(boundary)) => *boundary,
                _ => Boundary::Word,
            };
            let words: Vec<Word> = phrase.iter().flat_map(|token| self.words(token, &mut out.skipped)).collect();
            self.push_phrase(words, end, &mut out.syllables);
        }
        out
    }

    fn push_phrase(&self, words: Vec<Word>, end: Boundary, out: &mut Vec<Syllable>) {
        let mut words = words;
        sandhi::yi_and_bu(&mut words);
        let start = out.len();
        for mut prosodic_word in prosody::group(words) {
            sandhi::third_tones(&mut prosodic_word, |word| self.lexicon.lookup(word).len() > 0);
            for (pinyin, tone) in prosodic_word.into_iter().flat_map(|word| word.syllables) {
                out.push(Syllable { pinyin, tone, boundary: Boundary::None, emphasis: false });
            }
            if let Some(last) = out[start..].last_mut() {
                last.boundary = Boundary::Word;
            }
        }
        // A phrase without a readable character still pauses, after whatever was said before it.
        if let Some(last) = out.last_mut() {
            last.boundary = last.boundary.max(end);
        }
    }

    fn words(&self, token: &Token, skipped: &mut usize) -> Vec<Word> {
        match token {
            Token::Hanzi(text) => {
                let words = self.lexicon.segment(text).into_iter().flat_map(|word| self.halves(word));
                words.filter_map(|word| self.word(word, Kind::Hanzi, skipped)).collect()
            }
            Token::Number(text) => prosody::split_number(text)
                .into_iter()
                .filter_map(|part| self.word(part, Kind::Number, skipped))
                .collect(),
            Token::Digits(text) => self.word(text, Kind::Digits, skipped).into_iter().collect(),
            Token::Latin(text) => self.latin(text),
            Token::Pause(_) => Vec::new(),
        }
    }

    /// A compound of four characters is two prosodic words: 手机|号码. Both halves must be words, read as in the whole.
    fn halves<'t>(&self, word: &'t str) -> impl Iterator<Item = &'t str> + use<'t> {
        let middle = word.char_indices().nth(2).map_or(word.len(), |(at, _)| at);
        let (left, right) = word.split_at(middle);
        let reading = |text: &str| self.lexicon.lookup(text).next().map(|entry| entry.reading);
        let splits = right.chars().count() == 2
            && match (reading(word), reading(left), reading(right)) {
                (Some(whole), Some(left), Some(right)) => whole == format!("{left} {right}"),
                _ => false,
            };
        let parts = if splits { [left, right] } else { [word, ""] };
        parts.into_iter().filter(|part| !part.is_empty())
    }

    fn word(&self, text: &str, kind: Kind, skipped: &mut usize) -> Option<Word> {
        let known = if kind == Kind::Hanzi { self.lexicon.lookup(text).next() } else { None };
        let mut word = Word { chars: Vec::new(), syllables: Vec::new(), kind };
        if let Some(entry) = known {
            word.chars = text.chars().collect();
            word.syllables = entry.syllables().map(|s| (s.base.to_owned(), s.tone)).collect();
            self.erhua(text, &mut word);
            return Some(word);
        }
        for c in text.chars() {
            let entry = self.lexicon.lookup(c.encode_utf8(&mut [0; 4])).next();
            match entry.and_then(|entry| entry.syllables().next()).or_else(|| char_syllable(c)) {
                Some(syllable) => {
                    word.chars.push(c);
                    word.syllables.push((syllable.base.to_owned(), syllable.tone));
                }
                None => *skipped += 1,
            }
        }
        (!word.syllables.is_empty()).then_some(word)
    }

    /// The voice has no rhotic finals. 这儿, 那儿, 哪儿 are said as 这里, 那里, 哪里; elsewhere the suffix is dropped, as
    /// announcers do: 一点儿 as 一点.
    fn erhua(&self, text: &str, word: &mut Word) {
        let is_suffix =
            word.chars.len() > 1 && text.ends_with('儿') && word.syllables.last().is_some_and(|s| s.0 == "er");
        if !is_suffix || CHILD_WORDS.split(' ').any(|child| child == text) {
            return;
        }
        word.chars.pop();
        word.syllables.pop();
        if matches!(word.chars[..], ['这' | '那' | '哪']) {
            word.chars.push('里');
            word.syllables.push(("li".to_owned(), 3));
        }
    }

    /// A known word is said as one; others letter by letter, three letters to a prosodic word.
    fn latin(&self, text: &str) -> Vec<Word> {
        let word = |readings: &[&str]| Word {
            chars: Vec::new(),
            syllables: readings.iter().flat_map(|reading| parse_syllables(reading)).collect(),
            kind: Kind::Latin,
        };
        if let Some(reading) = self.latin.get(text) {
            return vec![word(&[reading])];
        }
        let letters: Vec<&str> =
            text.char_indices().filter_map(|(at, c)| self.latin.get(&text[at..at + c.len_utf8()]).copied()).collect();
        letters.chunks(3).map(word).collect()
    }
}

fn parse_syllables(reading: &str) -> Vec<(String, u8)> {
    let parsed = reading.split(' ').filter_map(hualu_models::lexicon::Syllable::parse);
    parsed.map(|syllable| (syllable.base.to_owned(), syllable.tone)).collect()
}

#[cfg(test)]
mod tests;
