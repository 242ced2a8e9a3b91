//! What a caller said, made ready for classifier and grammars: characters and, beside each, its toneless syllable.

use hualu_core::dialogue::{Alternative, Hypothesis};
use hualu_models::lexicon::{Lexicon, char_syllable};
use hualu_models::{Kind, Manifest};
use std::sync::Arc;

/// Longer transcripts are cut: nobody says more in one breath, and hostile input must not cost more.
const CHARS_MAX: usize = 400;

/// Turns text into toneless syllables.
#[derive(Clone, Debug, Default)]
pub struct Pronouncer {
    lexicon: Option<Arc<Lexicon>>,
}

impl Pronouncer {
    /// Reads words with `lexicon`; without one each character has its most frequent reading.
    #[must_use]
    pub fn new(lexicon: Option<Arc<Lexicon>>) -> Self {
        Self { lexicon }
    }

    /// Reads words with the lexicon of the installed models; character by character, with a warning, without it.
    #[must_use]
    pub fn installed() -> Self {
        let lexicon = Manifest::find().ok().and_then(|manifest| {
            let dir = manifest.model(Kind::Lexicon, "").ok()?.directory().to_owned();
            Lexicon::load(&dir.join("lexicon.tsv")).ok().map(Arc::new)
        });
        if lexicon.is_none() {
            tracing::warn!("no lexicon: words are read character by character");
        }
        Self::new(lexicon)
    }

    /// Tells models apart that were trained with different readings.
    pub(crate) fn tag(&self) -> usize {
        self.lexicon.as_ref().map_or(0, |lexicon| lexicon.len())
    }

    /// How `text` sounds: syllables separated by spaces. What has none, as digits and signs, is left out.
    #[must_use]
    pub fn pinyin(&self, text: &str) -> String {
        let clean: String = text.chars().filter_map(normal).take(CHARS_MAX).collect();
        let mut syllables = self.syllables(&clean);
        syllables.retain(|syllable| !syllable.is_empty());
        syllables.join(" ")
    }

    /// One syllable for each character of `text`; empty for characters that have none.
    fn syllables(&self, text: &str) -> Vec<String> {
        let by_char = |c: char| char_syllable(c).map_or_else(String::new, |s| s.base.to_owned());
        let Some(lexicon) = &self.lexicon else { return text.chars().map(by_char).collect() };
        let mut out = Vec::with_capacity(text.len() / 3);
        for word in lexicon.segment(text) {
            let count = word.chars().count();
            let read: Vec<String> = lexicon.pinyin(word).iter().map(|s| s.base.to_owned()).collect();
            if read.len() == count { out.extend(read) } else { out.extend(word.chars().map(by_char)) }
        }
        out
    }
}

/// One reading of what was said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Utterance {
    pub chars: Vec<char>,
    /// As many as there are characters.
    pub syllables: Vec<String>,
    /// Characters before which a space or a sign stood, by rising index: they part the words of a Latin script.
    pub gaps: Vec<usize>,
    /// The recognizer's confidence in this reading.
    pub confidence: f32,
}

impl Utterance {
    /// Keeps letters, digits and Han characters; capitals become small, full-width forms become ASCII.
    pub fn new(text: &str, pinyin: &str, confidence: f32, pronouncer: &Pronouncer) -> Self {
        let (chars, gaps) = clean(text);
        let clean: String = chars.iter().collect();
        let mut syllables = pronouncer.syllables(&clean);
        let heard: Vec<&str> = pinyin.split_ascii_whitespace().collect();
        let is_han = |c: &char| !c.is_ascii();
        if !heard.is_empty() && heard.len() == chars.iter().filter(|c| is_han(c)).count() {
            let mut heard = heard.into_iter();
            for (syllable, c) in syllables.iter_mut().zip(&chars) {
                if is_han(c)
                    && let Some(exact) = heard.next()
                {
                    *syllable = exact.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
                }
            }
        }
        syllables.resize(chars.len(), String::new());
        Self { chars, syllables, gaps, confidence }
    }

    /// Every reading of a hypothesis, best first, at most five.
    pub fn all(hypothesis: &Hypothesis, pronouncer: &Pronouncer) -> Vec<Self> {
        let best = Self::new(hypothesis.text.reveal(), hypothesis.pinyin.reveal(), hypothesis.confidence, pronouncer);
        let other = |a: &Alternative| Self::new(a.text.reveal(), a.pinyin.reveal(), a.confidence, pronouncer);
        std::iter::once(best).chain(hypothesis.alternatives.iter().take(4).map(other)).collect()
    }

    /// The clean text.
    pub fn text(&self) -> String {
        self.chars.iter().collect()
    }

    /// A part of it.
    pub fn part(&self, range: std::ops::Range<usize>) -> Self {
        Self {
            chars: self.chars.get(range.clone()).unwrap_or_default().to_vec(),
            syllables: self.syllables.get(range.clone()).unwrap_or_default().to_vec(),
            gaps: self.gaps.iter().filter(|at| range.contains(at)).map(|at| at - range.start).collect(),
            confidence: self.confidence,
        }
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.chars.is_empty()
    }

    /// What is left without hesitations, particles and politeness.
    pub fn content(&self) -> Self {
        let mut left = Self { confidence: self.confidence, ..Self::default() };
        let mut at = 0;
        while at < self.chars.len() {
            let skip = filler_len(&self.chars[at..]);
            if skip == 0 {
                left.chars.push(self.chars[at]);
                left.syllables.push(self.syllables.get(at).cloned().unwrap_or_default());
            }
            at += skip.max(1);
        }
        left
    }

    /// How many characters carry meaning: hesitations and particles are not counted.
    pub fn content_len(&self) -> usize {
        content_len(&self.chars)
    }
}

/// Hesitations and particles: they carry no meaning of their own.
const FILLERS: &str = "就是说 那个 这个 就是 然后 麻烦你 麻烦您 麻烦 请问 请 帮我 给我 我想要 我想 我要 嗯 呃 额 啊 哦 噢 喂 你好 您好 \
                       吧 呢 嘛 呀 哈 了 的 一下 那 诶";

/// Characters left after hesitations and particles are taken out.
pub(crate) fn content_len(chars: &[char]) -> usize {
    let mut at = 0;
    let mut count = 0;
    while at < chars.len() {
        let skip = filler_len(&chars[at..]);
        if skip == 0 {
            count += 1;
        }
        at += skip.max(1);
    }
    count
}

/// The length of the longest filler that `chars` begins with.
fn filler_len(chars: &[char]) -> usize {
    FILLERS.split(' ').map(|filler| prefix_len(chars, filler)).max().unwrap_or(0)
}

/// The length in characters of `word` if `chars` begins with it, else 0.
pub(crate) fn prefix_len(chars: &[char], word: &str) -> usize {
    let mut len = 0;
    for c in word.chars() {
        if chars.get(len) != Some(&c) {
            return 0;
        }
        len += 1;
    }
    len
}

/// The characters that count, and where something that does not stood between two of them.
pub(crate) fn clean(text: &str) -> (Vec<char>, Vec<usize>) {
    let (mut chars, mut gaps) = (Vec::new(), Vec::new());
    let mut is_parted = false;
    for c in text.chars() {
        match normal(c) {
            Some(_) if chars.len() == CHARS_MAX => break,
            Some(c) => {
                if is_parted && !chars.is_empty() {
                    gaps.push(chars.len());
                }
                is_parted = false;
                chars.push(c);
            }
            // don't is one word.
            None => is_parted |= !matches!(c, '\'' | '\u{2019}'),
        }
    }
    (chars, gaps)
}

fn normal(c: char) -> Option<char> {
    let c = match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        _ => c,
    };
    match c {
        '.' => Some('.'),
        _ if c.is_ascii_alphanumeric() => Some(c.to_ascii_lowercase()),
        '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '〇' => Some(c),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heard_pinyin_wins_over_the_dictionary_and_digits_stay() {
        let utterance = Utterance::new("查ＡＢ１2话费，吧!", "cha hua fei ba", 1.0, &Pronouncer::default());
        assert_eq!(utterance.text(), "查ab12话费吧");
        assert_eq!(utterance.syllables, ["cha", "", "", "", "", "hua", "fei", "ba"]);
        assert_eq!(utterance.content_len(), 7);
    }

    #[test]
    fn spaces_and_signs_part_words_and_an_apostrophe_does_not() {
        let utterance = Utterance::new(" What's up, doc?", "", 1.0, &Pronouncer::default());
        assert_eq!((utterance.text().as_str(), utterance.gaps.as_slice()), ("whatsupdoc", &[5, 7][..]));
        assert_eq!(utterance.part(4..9).gaps, [1, 3]);
    }

    #[test]
    fn hostile_length_is_cut() {
        let text = "啊".repeat(10_000);
        assert_eq!(Utterance::new(&text, "", 1.0, &Pronouncer::default()).chars.len(), CHARS_MAX);
    }
}
