//! How well a bot understands sentences that it was not trained on: accuracy, bands, confusions and time.

mod data;
mod report;

pub use data::{DataError, Sentences, read};
pub use report::{Confusion, Counts, Evaluation, IntentRow, Latency};

use crate::bot::fault::nearest;
use crate::dialogue::Assistant;
use crate::intent::Scored;
use std::collections::BTreeMap;
use std::time::Duration;

/// The name that data gives to sentences that belong to no intent.
pub const OUT_OF_SCOPE: &str = "none";

/// What became of one sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Right,
    Wrong,
    /// Asked back, with the right intent among the two.
    AskedRight,
    AskedWrong,
    Rejected,
}

/// Judges every sentence; `clock` tells the time since any moment, to know how long each took.
///
/// # Errors
/// [`DataError::Intents`] when the data names intents that the bot does not have.
pub fn evaluate(
    assistant: &Assistant,
    sentences: &Sentences,
    clock: &mut dyn FnMut() -> Duration,
) -> Result<Evaluation, DataError> {
    check_names(assistant, sentences)?;
    let examples = assistant.bot().intents.iter().flat_map(|intent| &intent.examples);
    let examples: std::collections::BTreeSet<&str> = examples.map(String::as_str).collect();
    let mut evaluation = Evaluation { bands: assistant.classifier().bands(), ..Evaluation::default() };
    let mut micros = Vec::with_capacity(sentences.0.len());
    let mut confused: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    let mut rows: BTreeMap<String, IntentRow> = BTreeMap::new();
    for (intent, text) in &sentences.0 {
        let began = clock();
        let scored = assistant.classifier().classify_text(text, &assistant.pronouncer);
        micros.push(clock().saturating_sub(began).as_secs_f64() * 1e6);
        let verdict = verdict(assistant, &scored, intent);
        let best = scored.first().map_or("", |best| best.intent.as_str());
        evaluation.seen += usize::from(examples.contains(text.as_str()));
        let row =
            rows.entry(intent.clone()).or_insert_with(|| IntentRow { intent: intent.clone(), ..Default::default() });
        for counts in
            [&mut row.counts, if intent == OUT_OF_SCOPE { &mut evaluation.unknown } else { &mut evaluation.known }]
        {
            counts.add(verdict, best == intent);
        }
        if verdict != Verdict::Rejected && best != intent {
            confused.entry((intent.clone(), best.to_owned())).or_default().push(text.clone());
        }
    }
    evaluation.intents = rows.into_values().collect();
    evaluation.confusions =
        confused.into_iter().map(|((intent, taken_for), texts)| Confusion { intent, taken_for, texts }).collect();
    evaluation.confusions.sort_by_key(|confusion| std::cmp::Reverse(confusion.texts.len()));
    evaluation.latency = Latency::of(micros);
    Ok(evaluation)
}

fn check_names(assistant: &Assistant, sentences: &Sentences) -> Result<(), DataError> {
    let known = assistant.classifier().intents();
    let mut unknown: BTreeMap<&str, String> = BTreeMap::new();
    for (intent, _) in &sentences.0 {
        if intent != OUT_OF_SCOPE && !known.contains(intent) {
            unknown.entry(intent).or_insert_with(|| nearest(intent, known.iter().map(String::as_str)));
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    let named = |(intent, hint): (&str, String)| {
        if hint.is_empty() { format!("`{intent}`") } else { format!("`{intent}` ({hint})") }
    };
    Err(DataError::Intents(unknown.into_iter().map(named).collect::<Vec<_>>().join(", ")))
}

fn verdict(assistant: &Assistant, scored: &[Scored], intent: &str) -> Verdict {
    let bands = assistant.classifier().bands();
    let Some(best) = scored.first() else { return Verdict::Rejected };
    if best.margin >= bands.accept {
        return if best.intent == intent { Verdict::Right } else { Verdict::Wrong };
    }
    if best.margin < bands.clarify {
        return Verdict::Rejected;
    }
    let is_offered = scored.iter().take(2).any(|scored| scored.intent == intent);
    if is_offered { Verdict::AskedRight } else { Verdict::AskedWrong }
}
