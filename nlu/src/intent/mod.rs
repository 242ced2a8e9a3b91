//! Intents: a linear classifier over characters and sounds, trained from the bot's own examples at start-up.
//!
//! Rejection works on the raw one-vs-rest margin. The bands between accepting, asking back and giving up are fitted by
//! cross-validation on the examples themselves, never on out-of-scope data.

mod bands;
mod cache;
mod confusion;
mod features;
mod svm;
mod training;

pub use bands::{Band, Bands};
pub use cache::CacheError;
pub use confusion::{Judged, cross_validate};
pub(crate) use features::hash;
pub(crate) use svm::{draw, shuffle};

use crate::bot::Bot;
use crate::utterance::{Pronouncer, Utterance};
use features::{Sparse, Vocabulary};
use hualu_core::dialogue::Hypothesis;
use std::path::Path;
use svm::Weights;
use training::Set;

/// The price of a violated margin that bots are trained with.
pub const COST: f32 = 1.0;
/// An alternative reading costs so much, plus what the recognizer trusts it less.
const ALTERNATIVE_PENALTY: f32 = 0.1;

/// What the engine itself understands in every bot.
const BUILT_IN: [(&str, &str); 2] = [
    (
        "repeat",
        "再说一遍 请再说一遍 你再说一遍 麻烦再说一遍 再讲一遍 重复一遍 重复一下 没听清 我没听清楚 没听清你说什么 刚才说什么 你说什么 \
         什么再说一次 再说一次 没听明白再说一遍 听不清 刚才没听到 没听见 我没听见 再来一遍 啊你说啥 你刚说的啥",
    ),
    (
        "cancel",
        "算了不办了 取消吧 取消 不弄了 先不办了 我不办了 不要办了 算了不要了 不换了算了 退出 返回上一级 返回主菜单 不想办了 算了下次再说 \
         我再考虑考虑 先不弄了 停停不办了 别办了 不操作了 这个先不办",
    ),
];

/// One intent and its margin.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// The intent's id.
    pub intent: String,
    /// The raw margin, with the context's boost.
    pub margin: f32,
}

/// A trained classifier.
#[derive(Clone, Debug, PartialEq)]
pub struct Classifier {
    intents: Vec<String>,
    vocabulary: Vocabulary,
    weights: Weights,
    bands: Bands,
}

impl Classifier {
    /// Trains on the bot's examples, or loads what an earlier start left in `cache`.
    ///
    /// A cache that cannot be read or written is reported and passed over: training takes a fraction of a second.
    #[must_use]
    pub fn load_or_train(bot: &Bot, pronouncer: &Pronouncer, cache: Option<&Path>) -> Self {
        let samples = samples(bot);
        let key = cache::key(&samples, pronouncer.tag());
        if let Some(dir) = cache
            && let Some(mut found) = cache::load(dir, &key)
        {
            found.apply_settings(bot);
            return found;
        }
        let mut trained = Self::train(&samples, pronouncer, COST);
        if let Some(dir) = cache
            && let Err(error) = cache::store(dir, &key, &trained)
        {
            tracing::warn!(%error, "the trained classifier is not cached");
        }
        trained.apply_settings(bot);
        trained
    }

    fn apply_settings(&mut self, bot: &Bot) {
        self.bands.accept = bot.bands.accept.unwrap_or(self.bands.accept);
        self.bands.clarify = bot.bands.clarify.unwrap_or(self.bands.clarify).min(self.bands.accept);
        self.bands.oos = bot.bands.oos.unwrap_or(self.bands.oos).min(self.bands.clarify);
    }

    /// Trains on pairs of intent and sentence and fits the bands by cross-validation; sentences in a Latin script are
    /// read word by word, all others character by character.
    #[must_use]
    pub fn train(samples: &[(String, String)], pronouncer: &Pronouncer, cost: f32) -> Self {
        let set = Set::new(samples, pronouncer);
        let judged = set.cross_validate(cost);
        let judged = judged.iter().zip(&set.classes).map(|((best, margin), class)| (*margin, best == class));
        let bands = Bands::fit(judged.collect());
        let (vocabulary, weights) = set.fit(cost);
        // In a bot with few intents even a sentence of which nothing is known lies near the best of them.
        let nothing = weights.margins(&Sparse::new()).into_iter().fold(f32::MIN, f32::max);
        let bands = bands.above(nothing);
        Self { intents: set.intents, vocabulary, weights, bands }
    }

    /// As [`Classifier::train`], in a sixth of the time: with bands that are given.
    #[must_use]
    pub fn train_within(bands: Bands, samples: &[(String, String)], pronouncer: &Pronouncer, cost: f32) -> Self {
        let set = Set::new(samples, pronouncer);
        let (vocabulary, weights) = set.fit(cost);
        Self { intents: set.intents, vocabulary, weights, bands }
    }

    /// The intents that it knows, those of the engine among them.
    #[must_use]
    pub fn intents(&self) -> &[String] {
        &self.intents
    }

    /// The margins between the bands.
    #[must_use]
    pub fn bands(&self) -> Bands {
        self.bands
    }

    /// Scores every intent for a sentence, best first.
    #[must_use]
    pub fn classify_text(&self, text: &str, pronouncer: &Pronouncer) -> Vec<Scored> {
        self.classify(&[Utterance::new(text, "", 1.0, pronouncer)], &[], 0.0)
    }

    /// Scores every intent for what a recognizer heard, with its sounds and other readings; best first.
    #[must_use]
    pub fn classify_hypothesis(&self, hypothesis: &Hypothesis, pronouncer: &Pronouncer) -> Vec<Scored> {
        self.classify(&Utterance::all(hypothesis, pronouncer), &[], 0.0)
    }

    /// Scores every intent, best first. Other readings count less than the first; `expected` intents get `boost`.
    pub(crate) fn classify(&self, readings: &[Utterance], expected: &[String], boost: f32) -> Vec<Scored> {
        let Some(best) = readings.first().filter(|reading| !reading.is_empty()) else { return Vec::new() };
        let mut margins = self.weights.margins(&self.vocabulary.features(best));
        for other in readings.iter().skip(1).filter(|reading| !reading.is_empty()) {
            let penalty = ALTERNATIVE_PENALTY + (best.confidence - other.confidence).clamp(0.0, 1.0);
            let others = self.weights.margins(&self.vocabulary.features(other));
            for (margin, other) in margins.iter_mut().zip(others) {
                *margin = margin.max(other - penalty);
            }
        }
        let mut scored: Vec<Scored> = self
            .intents
            .iter()
            .zip(margins)
            .map(|(intent, margin)| Scored {
                intent: intent.clone(),
                margin: if expected.contains(intent) { margin + boost } else { margin },
            })
            .collect();
        scored.sort_by(|a, b| b.margin.total_cmp(&a.margin));
        scored
    }
}

/// Intent and sentence, in a fixed order. A bot that gives a built-in phrase to an intent of its own means it so.
fn samples(bot: &Bot) -> Vec<(String, String)> {
    let own =
        bot.intents.iter().flat_map(|intent| intent.examples.iter().map(|text| (intent.id.clone(), text.clone())));
    let built_in = BUILT_IN
        .iter()
        .flat_map(|(id, texts)| texts.split_whitespace().map(|text| ((*id).to_owned(), text.to_owned())))
        .filter(|(_, text)| !bot.intents.iter().any(|intent| intent.examples.contains(text)));
    own.chain(built_in).collect()
}

/// The built-in phrases, for the recognizer.
pub(crate) fn built_in_phrases() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().flat_map(|(_, texts)| texts.split_whitespace())
}

/// The share of examples that a model trained without them takes for what they are.
#[must_use]
pub fn accuracy_left_out(samples: &[(String, String)], pronouncer: &Pronouncer, cost: f32) -> f64 {
    let set = Set::new(samples, pronouncer);
    let judged = set.cross_validate(cost);
    let right = judged.iter().zip(&set.classes).filter(|((best, _), class)| best == *class).count();
    #[expect(clippy::cast_precision_loss, reason = "counts of examples")]
    let share = right as f64 / judged.len().max(1) as f64;
    share
}
