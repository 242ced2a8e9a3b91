//! The general part of the language model: how often words occur, and which follow which.

use crate::error::AsrError;
use crate::hash::IntMap;
use crate::language::lexicon::WordId;
use crate::language::ngram::{BOS, EOS};
use std::path::Path;

/// Taken from the count of every pair that was seen, and given to those that were not.
const DISCOUNT: f32 = 0.5;
/// How much of the word frequencies comes from dialogues, where there are any; the rest comes from the dictionary.
const DIALOGUE_SHARE: f32 = 0.6;
/// The least that a context leaves to the unigrams: dialogues are few, and callers say what nobody wrote down.
const LEFT_MIN: f32 = 0.2;
/// The probability that a sentence ends, after a word of which nothing is known.
const END: f32 = 0.1;
/// The probability of a word that only a bot knows.
const UNKNOWN: f32 = 1e-8;

/// No word is remembered.
pub const NO_CONTEXT: WordId = WordId::MAX - 2;

/// Word frequencies with pairs, `P(word | previous word)`.
#[derive(Debug, Default)]
pub struct General {
    unigrams: Vec<f32>,
    pairs: IntMap<u64, f32>,
    /// What a context leaves to the unigrams.
    contexts: IntMap<WordId, f32>,
}

impl General {
    /// Word frequencies from the dictionary's counts alone.
    #[must_use]
    pub fn from_counts(counts: &[f32]) -> Self {
        let sum: f32 = counts.iter().sum::<f32>().max(1.0);
        let unigrams = counts.iter().map(|count| (count / sum).max(UNKNOWN)).collect();
        Self { unigrams, ..Self::default() }
    }

    /// Adds the counts of dialogues: lines `word TAB count` and `word TAB word TAB count`; `<s>` and `</s>` are the edges
    /// of a sentence. Words that `find` does not know are left out.
    ///
    /// # Errors
    /// [`AsrError::Io`] and [`AsrError::Table`].
    pub fn add_dialogues(&mut self, path: &Path, find: impl Fn(&str) -> Option<WordId>) -> Result<(), AsrError> {
        let text = std::fs::read_to_string(path).map_err(AsrError::io(path))?;
        let fail = |at: usize, reason: &str| AsrError::Table {
            path: path.to_owned(),
            line: at + 1,
            reason: reason.to_owned(),
        };
        let find = |word: &str| match word {
            "<s>" => Some(BOS),
            "</s>" => Some(EOS),
            word => find(word),
        };
        let mut words: IntMap<WordId, f32> = IntMap::default();
        let mut pairs: Vec<(WordId, WordId, f32)> = Vec::new();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split('\t').collect();
            let count = fields.last().and_then(|count| count.parse::<f32>().ok());
            let count = count.ok_or_else(|| fail(at, "expected words and a count, separated by tabs"))?;
            match fields[..fields.len() - 1] {
                [word] => {
                    find(word).map(|id| words.insert(id, count));
                }
                [first, second] => {
                    if let (Some(first), Some(second)) = (find(first), find(second)) {
                        pairs.push((first, second, count));
                    }
                }
                _ => return Err(fail(at, "expected one or two words and a count")),
            }
        }
        self.mix_unigrams(&words);
        self.add_pairs(&words, &pairs);
        Ok(())
    }

    fn mix_unigrams(&mut self, words: &IntMap<WordId, f32>) {
        let said = |id: &WordId| *id != BOS && *id != EOS;
        let sum: f32 = words.iter().filter(|(id, _)| said(id)).map(|(_, count)| count).sum();
        if sum <= 0.0 {
            return;
        }
        self.unigrams.iter_mut().for_each(|p| *p *= 1.0 - DIALOGUE_SHARE);
        for (id, count) in words.iter().filter(|(id, _)| said(id)) {
            if let Some(p) = self.unigrams.get_mut(*id as usize) {
                *p += DIALOGUE_SHARE * count / sum;
            }
        }
    }

    fn add_pairs(&mut self, words: &IntMap<WordId, f32>, pairs: &[(WordId, WordId, f32)]) {
        let mut seen: IntMap<WordId, f32> = IntMap::default();
        for &(first, second, count) in pairs {
            let Some(&total) = words.get(&first).filter(|&&total| total >= count) else { continue };
            let p = (count - DISCOUNT).max(0.0) / total;
            *seen.entry(first).or_insert(0.0) += p;
            self.pairs.insert(key(first, second), p);
        }
        for (pair, p) in &mut self.pairs {
            *p *= ((1.0 - LEFT_MIN) / seen[&((pair >> 32) as WordId)]).min(1.0);
        }
        self.contexts = seen.into_iter().map(|(first, mass)| (first, (1.0 - mass).max(LEFT_MIN))).collect();
    }

    /// The word's frequency whatever came before.
    #[must_use]
    pub fn unigram(&self, word: WordId) -> f32 {
        self.unigrams.get(word as usize).copied().unwrap_or(UNKNOWN)
    }

    /// `P(word | previous)`; [`EOS`] as `word` asks for the end of the sentence.
    #[must_use]
    pub fn probability(&self, previous: WordId, word: WordId) -> f32 {
        let base = if word == EOS { END } else { self.unigram(word) };
        let Some(left) = self.contexts.get(&previous) else { return base };
        self.pairs.get(&key(previous, word)).copied().unwrap_or(0.0) + left * base
    }

    /// What has to be remembered of `word`: itself if pairs begin with it, else [`NO_CONTEXT`].
    #[must_use]
    pub fn context(&self, word: WordId) -> WordId {
        if self.contexts.contains_key(&word) { word } else { NO_CONTEXT }
    }
}

const fn key(first: WordId, second: WordId) -> u64 {
    (first as u64) << 32 | second as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_that_were_seen_are_preferred_and_the_rest_falls_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("general.tsv");
        std::fs::write(&path, "# counts\n<s>\t4\n查\t4\n话费\t3\n<s>\t查\t4\n查\t话费\t3\n").expect("written");
        let mut general = General::from_counts(&[10.0, 10.0, 80.0]);
        let find = |word: &str| ["查", "话费", "茶"].iter().position(|other| *other == word).map(|at| at as WordId);
        general.add_dialogues(&path, find).expect("a good file");
        assert!(general.probability(BOS, 0) > 0.7);
        assert!(general.probability(0, 1) > 0.6);
        assert!(general.probability(0, 2) < general.unigram(2));
        assert_eq!(general.context(1), NO_CONTEXT);
        let sum: f32 = (0..3).map(|word| general.unigram(word)).sum();
        assert!((sum - 1.0).abs() < 1e-3, "{sum}");
    }

    #[test]
    fn a_line_without_a_count_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("general.tsv");
        std::fs::write(&path, "查\t4\n话费\n").expect("written");
        let refused = General::from_counts(&[1.0]).add_dialogues(&path, |_| Some(0)).expect_err("no count");
        assert!(refused.to_string().contains("line 2"), "{refused}");
    }
}
