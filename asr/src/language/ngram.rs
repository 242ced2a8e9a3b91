//! N-grams with Witten-Bell smoothing over a handful of sentences: a bot's own, numbers, yes and no, dates.

use crate::hash::IntMap;
use crate::language::lexicon::WordId;
use std::collections::HashMap;

/// The edge before a sentence.
pub const BOS: WordId = WordId::MAX;
/// The edge after a sentence.
pub const EOS: WordId = WordId::MAX - 1;

/// What a model remembers of the words so far.
pub type ContextId = u32;

/// The context that remembers nothing.
pub const ROOT: ContextId = 0;

#[derive(Clone, Copy, Debug)]
struct Arc {
    probability: f32,
    next: ContextId,
}

/// A back-off model over its own small vocabulary. Words outside it have probability 0.
#[derive(Debug, Default)]
pub struct NGram {
    arcs: IntMap<u64, Arc>,
    /// Per context: where to look next, and the weight of what is found there.
    fallback: Vec<(ContextId, f32)>,
    start: ContextId,
}

impl NGram {
    /// Counts `sentences` with their weights, up to `order` words at once.
    #[must_use]
    pub fn train(sentences: &[(Vec<WordId>, f32)], order: usize) -> Self {
        let mut counts: HashMap<Vec<WordId>, IntMap<WordId, f32>> = HashMap::new();
        counts.insert(Vec::new(), IntMap::default());
        for (words, weight) in sentences.iter().filter(|(words, weight)| !words.is_empty() && *weight > 0.0) {
            let mut padded = vec![BOS];
            padded.extend_from_slice(words);
            padded.push(EOS);
            for at in 1..padded.len() {
                for len in 0..order.min(at + 1) {
                    let context = padded[at - len..at].to_vec();
                    *counts.entry(context).or_default().entry(padded[at]).or_insert(0.0) += weight;
                }
            }
        }
        Self::estimate(&counts)
    }

    fn estimate(counts: &HashMap<Vec<WordId>, IntMap<WordId, f32>>) -> Self {
        let mut contexts: Vec<&Vec<WordId>> = counts.keys().collect();
        contexts.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
        let ids: HashMap<&[WordId], ContextId> =
            contexts.iter().enumerate().map(|(id, context)| (context.as_slice(), id as ContextId)).collect();
        let mut model = Self::default();
        for context in &contexts {
            let id = ids[context.as_slice()];
            let words = &counts[*context];
            let total: f32 = words.values().sum();
            // A word seen less than once counts as less than a kind of its own: weights may be small fractions.
            let kinds: f32 = words.values().map(|count| count.min(1.0)).sum();
            let sum = (total + kinds).max(f32::MIN_POSITIVE);
            let shorter = context.get(1..).map(|shorter| ids[shorter]);
            model.fallback.push((shorter.unwrap_or(ROOT), if shorter.is_some() { kinds / sum } else { 0.0 }));
            for (&word, count) in words {
                let lower = match shorter {
                    Some(shorter) => model.probability(shorter, word).0,
                    None => 1.0 / words.len() as f32,
                };
                let probability = (count + kinds * lower) / sum;
                let mut history = (*context).clone();
                history.push(word);
                let next = (0..=history.len()).find_map(|skip| ids.get(&history[skip..]).copied()).unwrap_or(ROOT);
                model.arcs.insert(key(id, word), Arc { probability, next });
            }
        }
        model.start = ids.get([BOS].as_slice()).copied().unwrap_or(ROOT);
        model
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.arcs.is_empty()
    }

    /// The context of the beginning of a sentence.
    #[must_use]
    pub const fn start(&self) -> ContextId {
        self.start
    }

    /// `P(word | context)` and the context after it.
    #[must_use]
    pub fn probability(&self, mut context: ContextId, word: WordId) -> (f32, ContextId) {
        let mut weight = 1.0;
        loop {
            if let Some(arc) = self.arcs.get(&key(context, word)) {
                return (weight * arc.probability, arc.next);
            }
            match self.fallback.get(context as usize) {
                Some(&(shorter, left)) if context != ROOT => {
                    weight *= left;
                    context = shorter;
                }
                _ => return (0.0, ROOT),
            }
        }
    }

    /// Where a context falls back to, and with what weight; `None` at the root.
    #[must_use]
    pub fn fallback(&self, context: ContextId) -> Option<(ContextId, f32)> {
        if context == ROOT { None } else { self.fallback.get(context as usize).copied() }
    }

    /// How many contexts there are.
    #[must_use]
    pub fn contexts(&self) -> usize {
        self.fallback.len()
    }

    /// Every `(context, word, probability)` that was seen, edges of sentences left out.
    pub fn seen(&self) -> impl Iterator<Item = (ContextId, WordId, f32)> + '_ {
        self.arcs
            .iter()
            .map(|(key, arc)| ((key >> 32) as ContextId, *key as WordId, arc.probability))
            .filter(|&(_, word, _)| word != EOS)
    }

    /// Whether `word` is in the vocabulary.
    #[must_use]
    pub fn knows(&self, word: WordId) -> bool {
        self.arcs.contains_key(&key(ROOT, word))
    }
}

const fn key(context: ContextId, word: WordId) -> u64 {
    (context as u64) << 32 | word as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> NGram {
        NGram::train(&[(vec![1, 2, 3], 1.0), (vec![1, 2, 4], 1.0), (vec![5, 3], 0.5)], 3)
    }

    #[test]
    fn every_context_sums_to_one() {
        let model = model();
        for context in 0..model.contexts() as ContextId {
            let sum: f32 = [1, 2, 3, 4, 5, EOS].iter().map(|&word| model.probability(context, word).0).sum();
            assert!((sum - 1.0).abs() < 1e-5, "context {context} sums to {sum}");
        }
    }

    #[test]
    fn a_sentence_that_was_seen_is_likelier_than_a_mixture_and_strangers_are_impossible() {
        let model = model();
        let score = |words: &[WordId]| {
            let mut context = model.start();
            words
                .iter()
                .map(|&word| {
                    let (p, next) = model.probability(context, word);
                    context = next;
                    p
                })
                .product::<f32>()
        };
        assert!(score(&[1, 2, 3, EOS]) > 3.0 * score(&[5, 2, 3, EOS]));
        assert!(score(&[5, 2, 3, EOS]) > 0.0, "new orders of known words stay possible");
        assert_eq!(model.probability(model.start(), 9), (0.0, ROOT));
    }

    #[test]
    fn nothing_counted_is_an_empty_model() {
        let model = NGram::train(&[], 3);
        assert!(model.is_empty());
        assert_eq!(model.probability(model.start(), 1), (0.0, ROOT));
    }
}
