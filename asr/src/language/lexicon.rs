//! The words that can be recognized, how they sound, and how often they occur.

use crate::error::AsrError;
use crate::language::general::General;
use crate::text::is_number_phrase;
use crate::units::{SyllableId, Syllables};
use std::collections::HashMap;
use std::path::Path;

/// A word of the lexicon, or of a bot beyond it.
pub type WordId = u32;

/// One way to say a word.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The word.
    pub word: WordId,
    /// How often the word is said like this, all its readings together being 1.
    pub share: f32,
    /// Its toneless syllables.
    pub syllables: Box<[SyllableId]>,
}

/// Words with readings and frequencies, shared by every language model of a recognizer.
#[derive(Debug)]
pub struct Lexicon {
    syllables: Syllables,
    texts: Vec<Box<str>>,
    by_text: Vec<WordId>,
    readings: Vec<Reading>,
    general: General,
    skipped: usize,
}

/// A word while its lines are being read.
struct Entry<'a> {
    text: &'a str,
    count: f32,
    spellings: Vec<(Box<[SyllableId]>, f32)>,
}

impl Lexicon {
    /// Reads `lexicon.tsv` (word TAB tone-numbered pinyin TAB count), and `general.tsv` with the counts of dialogues
    /// where there is one.
    ///
    /// # Errors
    /// [`AsrError::Io`] and [`AsrError::Table`].
    pub fn open(lexicon: &Path, dialogues: Option<&Path>, syllables: Syllables) -> Result<Self, AsrError> {
        let text = std::fs::read_to_string(lexicon).map_err(AsrError::io(lexicon))?;
        let fail = |(line, reason)| AsrError::Table { path: lexicon.to_owned(), line, reason };
        let mut read = Self::parse(&text, syllables).map_err(fail)?;
        if let Some(path) = dialogues {
            let mut general = std::mem::take(&mut read.general);
            general.add_dialogues(path, |word| read.find(word))?;
            read.general = general;
        }
        Ok(read)
    }

    /// Parses the text of `lexicon.tsv`. Words that the model's syllables cannot spell are left out and counted; spoken
    /// numbers are left out because they are decoded character by character.
    ///
    /// # Errors
    /// The line, counted from 1, and what is wrong with it.
    pub fn parse(text: &str, syllables: Syllables) -> Result<Self, (usize, String)> {
        let mut words: HashMap<&str, usize> = HashMap::new();
        let mut entries: Vec<Entry<'_>> = Vec::new();
        let mut skipped = 0;
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [word, pinyin, count] = fields[..] else {
                return Err((at + 1, "expected word TAB pinyin TAB count".to_owned()));
            };
            let count: f32 = count.parse().map_err(|_| (at + 1, format!("`{count}` is no count")))?;
            if is_number_phrase(word) {
                continue;
            }
            let spelt: Option<Box<[SyllableId]>> = pinyin.split(' ').map(|syllable| syllables.find(syllable)).collect();
            let Some(spelt) = spelt.filter(|spelt| !spelt.is_empty()) else {
                skipped += 1;
                continue;
            };
            let id = *words.entry(word).or_insert_with(|| {
                entries.push(Entry { text: word, count: 0.0, spellings: Vec::new() });
                entries.len() - 1
            });
            let entry = &mut entries[id];
            entry.count += count;
            match entry.spellings.iter_mut().find(|(known, _)| *known == spelt) {
                Some((_, known)) => *known += count,
                None => entry.spellings.push((spelt, count)),
            }
        }
        if entries.is_empty() {
            return Err((1, "no word can be spelt with the model's syllables".to_owned()));
        }
        Ok(Self::build(entries, syllables, skipped))
    }

    fn build(entries: Vec<Entry<'_>>, syllables: Syllables, skipped: usize) -> Self {
        let counts: Vec<f32> = entries.iter().map(|entry| entry.count).collect();
        let mut readings = Vec::new();
        let mut texts: Vec<Box<str>> = Vec::with_capacity(entries.len());
        for (id, Entry { text, count: total, spellings }) in entries.into_iter().enumerate() {
            texts.push(Box::from(text));
            readings.extend(spellings.into_iter().map(|(syllables, count)| Reading {
                word: id as WordId,
                share: count / total.max(1.0),
                syllables,
            }));
        }
        let mut by_text: Vec<WordId> = (0..texts.len() as WordId).collect();
        by_text.sort_unstable_by(|&a, &b| texts[a as usize].cmp(&texts[b as usize]));
        Self { syllables, texts, by_text, readings, general: General::from_counts(&counts), skipped }
    }

    /// How many words there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.texts.len()
    }

    /// Never: a lexicon has at least one word.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// How many lines could not be spelt with the model's syllables.
    #[must_use]
    pub const fn skipped(&self) -> usize {
        self.skipped
    }

    /// A word by its text.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<WordId> {
        let at = self.by_text.binary_search_by(|&id| self.texts[id as usize].as_ref().cmp(text)).ok()?;
        Some(self.by_text[at])
    }

    /// A word's text; empty for an id outside the lexicon.
    #[must_use]
    pub fn text(&self, word: WordId) -> &str {
        self.texts.get(word as usize).map_or("", |text| text)
    }

    /// Every reading of every word, in the order of the words.
    #[must_use]
    pub fn readings(&self) -> &[Reading] {
        &self.readings
    }

    /// The readings of one word.
    #[must_use]
    pub fn readings_of(&self, word: WordId) -> &[Reading] {
        let start = self.readings.partition_point(|reading| reading.word < word);
        let len = self.readings[start..].partition_point(|reading| reading.word == word);
        &self.readings[start..start + len]
    }

    /// The model's syllables.
    #[must_use]
    pub const fn syllables(&self) -> &Syllables {
        &self.syllables
    }

    /// How often words occur and follow each other.
    #[must_use]
    pub const fn general(&self) -> &General {
        &self.general
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Units;

    fn syllables() -> Syllables {
        let units = Units::new(["<blk>", "h", "ua", "f", "ei", "ai", "uan", "sh", "ir"].map(str::to_owned).to_vec(), 0);
        Syllables::parse("hua\th ua\nfei\tf ei\nhai\th ai\nhuan\th uan\nshi\tsh ir\n", &units.expect("fits"))
            .expect("fits")
    }

    #[test]
    fn readings_keep_their_share_and_tones_fall_together() {
        let text = "还\thai2\t850\n还\thuan2\t100\n还\thuan4\t50\n话费\thua4 fei4\t20\n";
        let lexicon = Lexicon::parse(text, syllables()).expect("good");
        let word = lexicon.find("还").expect("is there");
        let shares: Vec<f32> = lexicon.readings_of(word).iter().map(|reading| reading.share).collect();
        assert_eq!(shares, [0.85, 0.15]);
        assert_eq!(lexicon.readings_of(lexicon.find("话费").expect("is there")).len(), 1);
        assert_eq!(lexicon.find("华"), None);
    }

    #[test]
    fn what_the_model_cannot_spell_is_counted_and_numbers_stay_single() {
        let lexicon =
            Lexicon::parse("话\thua4\t9\n雪\txue3\t5\n十九\tshi2 jiu3\t7\n十\tshi2\t7\n", syllables()).expect("good");
        assert_eq!((lexicon.len(), lexicon.skipped()), (2, 1));
        assert!(Lexicon::parse("话 hua4 9\n", syllables()).is_err());
    }
}
