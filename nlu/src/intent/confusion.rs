//! Which examples of a bot are taken for another intent when they are left out of training.

use super::training::Set;
use super::{COST, samples};
use crate::bot::Bot;
use crate::utterance::Pronouncer;

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
    let own: usize = bot.intents.iter().map(|intent| intent.examples.len()).sum();
    let samples = samples(bot);
    let set = Set::new(&samples, pronouncer);
    let judged = set.cross_validate(COST);
    let read = |((intent, text), (best, margin)): ((String, String), (usize, f32))| Judged {
        text,
        intent,
        taken_for: set.intents[best].clone(),
        margin,
    };
    // The bot's own examples come first.
    samples.into_iter().zip(judged).take(own).map(read).collect()
}
