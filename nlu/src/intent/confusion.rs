//! Which examples of a bot are taken for another intent when they are left out of training.

use super::{FOLDS, fit, samples};
use crate::bot::Bot;
use crate::utterance::{Pronouncer, Utterance};

/// What a classifier that never saw an example takes it for.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The example.
    pub text: String,
    /// The intent that it belongs to.
    pub intent: String,
    /// The intent that it was taken for.
    pub taken_for: String,
    /// The margin of that.
    pub margin: f32,
}

/// Every example of the bot, judged by a classifier that was trained on four fifths of the examples without it.
///
/// The engine's own phrases take part in training and are not judged.
#[must_use]
pub fn cross_validate(bot: &Bot, pronouncer: &Pronouncer) -> Vec<Judged> {
    let mut intents: Vec<String> = Vec::new();
    let mut of_intent: Vec<usize> = Vec::new();
    let own: usize = bot.intents.iter().map(|intent| intent.examples.len()).sum();
    let samples = samples(bot);
    let mut utterances = Vec::with_capacity(samples.len());
    let mut folds = Vec::with_capacity(samples.len());
    for (intent, text) in &samples {
        let class = intents.iter().position(|known| known == intent).unwrap_or_else(|| {
            intents.push(intent.clone());
            of_intent.push(0);
            intents.len() - 1
        });
        utterances.push((Utterance::new(text, "", 1.0, pronouncer), class));
        of_intent[class] += 1;
        folds.push(of_intent[class] % FOLDS);
    }
    let mut judged = Vec::with_capacity(own);
    for fold in 0..FOLDS {
        let training: Vec<&(Utterance, usize)> =
            utterances.iter().zip(&folds).filter(|(_, of)| **of != fold).map(|(sample, _)| sample).collect();
        let (vocabulary, weights) = fit(&training, intents.len());
        // The bot's own examples come first.
        for (i, (utterance, _)) in utterances[..own].iter().enumerate().filter(|(i, _)| folds[*i] == fold) {
            let margins = weights.margins(&vocabulary.features(utterance));
            let best = margins.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            if let Some((best, margin)) = best {
                let (intent, text) = samples[i].clone();
                judged.push(Judged { text, intent, taken_for: intents[best].clone(), margin: *margin });
            }
        }
    }
    judged
}
