//! Choosing from a closed list by the probability that the model gives to each entry: what a fixed grammar would do.

use crate::decoder::log_add;
use crate::error::AsrError;
use crate::units::{Syllables, UnitId, Units};
use std::path::Path;

/// The entries of a closed list.
#[derive(Clone, Debug)]
pub struct Choices {
    entries: Vec<(String, String, Vec<UnitId>)>,
}

impl Choices {
    /// Reads lines of text TAB toneless pinyin.
    ///
    /// # Errors
    /// [`AsrError::Io`] and [`AsrError::Table`].
    pub fn open(path: &Path, syllables: &Syllables) -> Result<Self, AsrError> {
        let text = std::fs::read_to_string(path).map_err(AsrError::io(path))?;
        let mut entries = Vec::new();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            let fail = |reason: String| AsrError::Table { path: path.to_owned(), line: at + 1, reason };
            let (text, pinyin) = line.split_once('\t').ok_or_else(|| fail("expected text TAB pinyin".to_owned()))?;
            let mut units = Vec::new();
            for name in pinyin.split_whitespace() {
                let id = syllables.find(name).ok_or_else(|| fail(format!("`{name}` is no syllable of the model")))?;
                units.extend_from_slice(syllables.units(id));
            }
            entries.push((text.to_owned(), pinyin.to_owned(), units));
        }
        Ok(Self { entries })
    }

    /// The entry that explains `log_probs` `[frames, units]` best.
    #[must_use]
    pub fn best(&self, log_probs: &[f32], units: &Units) -> usize {
        let scores: Vec<f32> = self.entries.iter().map(|(_, _, entry)| forced(log_probs, entry, units)).collect();
        (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or(0)
    }

    /// Whether entry `at` is what was said: the same text, or the same sound.
    #[must_use]
    pub fn matches(&self, at: usize, text: &str, pinyin: &str) -> bool {
        self.entries.get(at).is_some_and(|(entry, sound, _)| entry == text || sound == pinyin)
    }
}

/// The log-probability that CTC gives to a sequence of units, over all alignments.
fn forced(log_probs: &[f32], sequence: &[UnitId], units: &Units) -> f32 {
    let blank = usize::from(units.blank());
    let labels: Vec<usize> = sequence.iter().flat_map(|&unit| [blank, usize::from(unit)]).chain([blank]).collect();
    let mut alpha = vec![f32::NEG_INFINITY; labels.len()];
    alpha[0] = 0.0;
    for (t, row) in log_probs.chunks_exact(units.len()).enumerate() {
        for s in (0..labels.len()).rev() {
            let mut sum = alpha[s];
            // At the first frame only the leading blank and the first unit can begin.
            if s > 0 && (t > 0 || s == 1) {
                sum = log_add(sum, alpha[s - 1]);
            }
            if s > 1 && t > 0 && labels[s] != blank && labels[s] != labels[s - 2] {
                sum = log_add(sum, alpha[s - 2]);
            }
            alpha[s] = sum + row[labels[s]];
        }
    }
    match labels.len() {
        1 => alpha[0],
        len => log_add(alpha[len - 1], alpha[len - 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_that_was_emitted_wins_and_probabilities_sum_over_alignments() {
        let units = Units::new(["<blk>", "a", "b"].map(str::to_owned).to_vec(), 0).expect("fits");
        let row = |best: usize| -> Vec<f32> {
            (0..3).map(|unit| if unit == best { 0.8_f32.ln() } else { 0.1_f32.ln() }).collect()
        };
        let log_probs = [row(1), row(0), row(2)].concat();
        assert!(forced(&log_probs, &[1, 2], &units) > forced(&log_probs, &[2, 1], &units) + 2.0);
        // Two frames, one unit: a-, -a and aa.
        let two = [row(1), row(1)].concat();
        let expected = 0.8_f32 * 0.1 + 0.1 * 0.8 + 0.8 * 0.8;
        assert!((forced(&two, &[1], &units).exp() - expected).abs() < 1e-4);
        assert_eq!(forced(&row(1), &[1, 1], &units), f32::NEG_INFINITY, "one frame cannot hold two units");
    }
}
