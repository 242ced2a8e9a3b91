//! A training set, cut into grams once, and what is learnt from it or from parts of it.

use super::features::{Grams, Script, Sparse, Vocabulary};
use super::svm::{self, Weights};
use crate::utterance::{Pronouncer, Utterance};
use std::collections::HashMap;

/// Every fifth example of each class is left out in turn.
const FOLDS: usize = 5;

/// Examples with their classes.
pub(super) struct Set {
    pub intents: Vec<String>,
    /// Indices into `intents`.
    pub classes: Vec<usize>,
    script: Script,
    grams: Vec<Grams>,
}

impl Set {
    /// Reads pairs of intent and sentence.
    pub fn new(samples: &[(String, String)], pronouncer: &Pronouncer) -> Self {
        let mut intents: Vec<String> = Vec::new();
        let mut known: HashMap<&str, usize> = HashMap::new();
        let mut classes = Vec::with_capacity(samples.len());
        for (intent, _) in samples {
            classes.push(*known.entry(intent).or_insert_with(|| {
                intents.push(intent.clone());
                intents.len() - 1
            }));
        }
        let read = |text: &str| Utterance::new(text, "", 1.0, pronouncer);
        let utterances: Vec<Utterance> = samples.iter().map(|(_, text)| read(text)).collect();
        let script = Script::of(utterances.iter());
        let grams = utterances.iter().map(|utterance| script.grams(utterance)).collect();
        Self { intents, classes, script, grams }
    }

    /// Learns from all examples.
    pub fn fit(&self, cost: f32) -> (Vocabulary, Weights) {
        self.fit_to(&(0..self.classes.len()).collect::<Vec<_>>(), cost)
    }

    fn fit_to(&self, picked: &[usize], cost: f32) -> (Vocabulary, Weights) {
        let vocabulary = Vocabulary::fit(self.script, &picked.iter().map(|i| &self.grams[*i]).collect::<Vec<_>>());
        let features: Vec<Sparse> = picked.iter().map(|i| vocabulary.weigh(&self.grams[*i])).collect();
        let labelled: Vec<(&Sparse, usize)> = features.iter().zip(picked.iter().map(|i| self.classes[*i])).collect();
        let weights = svm::train(&labelled, vocabulary.len(), self.intents.len(), cost);
        (vocabulary, weights)
    }

    /// For each example its best class and the margin, by a model that was trained without its fold.
    pub fn cross_validate(&self, cost: f32) -> Vec<(usize, f32)> {
        let mut seen = vec![0_usize; self.intents.len()];
        let fold_of = |class: &usize| {
            seen[*class] += 1;
            seen[*class] % FOLDS
        };
        let folds: Vec<usize> = self.classes.iter().map(fold_of).collect();
        let mut judged = vec![(0, f32::NEG_INFINITY); self.classes.len()];
        for fold in 0..FOLDS {
            let (out, kept): (Vec<usize>, Vec<usize>) = (0..folds.len()).partition(|i| folds[*i] == fold);
            let (vocabulary, weights) = self.fit_to(&kept, cost);
            for i in out {
                let margins = weights.margins(&vocabulary.weigh(&self.grams[i]));
                let best = margins.into_iter().enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
                judged[i] = best.expect("an example has a class");
            }
        }
        judged
    }
}
