//! The project's own bots on sentences that were written after their examples, as they were said and misheard.

use super::homophones::{error_rate, mishear};
use anyhow::{Context, ensure};
use hualu_core::dialogue::{Alternative, Hypothesis};
use hualu_models::lexicon::Lexicon;
use hualu_nlu::Assistant;
use hualu_nlu::intent::Band;
use hualu_nlu::utterance::Pronouncer;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;
use std::path::Path;

/// Character errors that the misheard sentences have.
const ERRORS: f64 = 0.22;
/// Each sentence is misheard so often.
const DRAWS: usize = 5;
const SEED: u64 = 22;
/// What belongs to no intent.
const NONE: &str = "none";

/// Shares in percent.
#[derive(Default)]
struct Score {
    all: f64,
    best: f64,
    accepted_right: f64,
    accepted_wrong: f64,
    with_clarifying: f64,
}

/// The intents that a sentence may honestly belong to, and the sentence.
type Sentence = (Vec<String>, String);

/// Reads `utterances: [{text, intent: one or several}]`.
fn read(path: &Path) -> anyhow::Result<Vec<Sentence>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let corpus: Value = serde_saphyr::from_str(&text).with_context(|| path.display().to_string())?;
    let texts = |value: &Value| -> Vec<String> {
        let many = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        many.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut sentences = Vec::new();
    for (i, item) in corpus["utterances"].as_array().into_iter().flatten().enumerate() {
        let (intents, text) = (texts(&item["intent"]), item["text"].as_str().unwrap_or_default().to_owned());
        ensure!(
            !intents.is_empty() && !text.is_empty(),
            "{}: utterance {} lacks text or intent",
            path.display(),
            i + 1
        );
        sentences.push((intents, text));
    }
    ensure!(!sentences.is_empty(), "{}: no utterances", path.display());
    Ok(sentences)
}

/// Prints the bot's row of held-out sentences and its rows of misheard ones.
pub(super) fn run(
    path: &Path,
    lexicon: &Lexicon,
    pronouncer: &Pronouncer,
    assistant: &Assistant,
) -> anyhow::Result<()> {
    let is_unknown = |(intents, _): &Sentence| intents.iter().any(|intent| intent == NONE);
    let (unknown, known): (Vec<Sentence>, Vec<Sentence>) = read(path)?.into_iter().partition(is_unknown);
    let plain = |text: &str| Hypothesis { text: text.to_owned().into(), confidence: 0.9, ..Hypothesis::default() };
    let accept = |text: &str| {
        let best = assistant.classifier().classify_hypothesis(&plain(text), pronouncer).into_iter().next();
        best.is_some_and(|best| assistant.classifier().bands().of(best.margin) == Band::Accept)
    };
    let rejected = unknown.iter().filter(|(_, text)| !accept(text)).count();
    println!("### {}\n", assistant.bot().id());
    println!(
        "{} held-out sentences; of {} that belong to no intent {rejected} are not accepted. {:?}\n",
        known.len(),
        unknown.len(),
        assistant.classifier().bands()
    );
    println!(
        "| sentences | best intent right | accepted right | accepted wrong | right, or in the question back |\n|---|---|---|---|---|"
    );
    let row = |name: &str, score: Score| {
        let of = |count: f64| 100.0 * count / score.all;
        println!(
            "| {name} | {:.1} | {:.1} | {:.1} | {:.1} |",
            of(score.best),
            of(score.accepted_right),
            of(score.accepted_wrong),
            of(score.with_clarifying)
        );
    };
    row("as said", judge(assistant, pronouncer, known.iter().map(|(intents, text)| (intents.as_slice(), plain(text)))));
    let share = calibrate(&known, lexicon);
    let misheard = draw(&known, share, lexicon);
    let rate = error_rate(misheard.iter().map(|(_, said, heard)| (*said, heard[0].as_str())));
    let name = |what: &str| format!("{:.1} % of characters wrong, {what}", 100.0 * rate);
    let texts = misheard.iter().map(|(intent, _, heard)| (*intent, plain(&heard[0])));
    row(&name("text alone"), judge(assistant, pronouncer, texts));
    let sounds = misheard.iter().map(|(intent, said, heard)| {
        (*intent, Hypothesis { pinyin: pronouncer.pinyin(said).into(), ..plain(&heard[0]) })
    });
    row(&name("with the sounds as they were said"), judge(assistant, pronouncer, sounds));
    let several = misheard.iter().map(|(intent, _, heard)| {
        let other =
            |text: &String| Alternative { text: text.clone().into(), confidence: 0.8, ..Alternative::default() };
        (*intent, Hypothesis { alternatives: heard[1..].iter().map(other).collect(), ..plain(&heard[0]) })
    });
    row(&name("with two more readings, as wrong as the first"), judge(assistant, pronouncer, several));
    println!();
    Ok(())
}

fn judge<'a>(
    assistant: &Assistant,
    pronouncer: &Pronouncer,
    sentences: impl Iterator<Item = (&'a [String], Hypothesis)>,
) -> Score {
    let mut score = Score::default();
    for (intents, hypothesis) in sentences {
        let scored = assistant.classifier().classify_hypothesis(&hypothesis, pronouncer);
        score.all += 1.0;
        let Some(best) = scored.first() else { continue };
        let is_right = intents.contains(&best.intent);
        score.best += f64::from(is_right);
        match assistant.classifier().bands().of(best.margin) {
            Band::Accept if is_right => {
                score.accepted_right += 1.0;
                score.with_clarifying += 1.0;
            }
            Band::Accept => score.accepted_wrong += 1.0,
            Band::Clarify if scored.iter().take(2).any(|one| intents.contains(&one.intent)) => {
                score.with_clarifying += 1.0
            }
            _ => {}
        }
    }
    score
}

/// Intents, what was said, and three readings of it.
type Drawn<'a> = (&'a [String], &'a str, [String; 3]);

/// Each sentence [`DRAWS`] times, with three readings of what might have been heard.
fn draw<'a>(sentences: &'a [Sentence], share: f64, lexicon: &Lexicon) -> Vec<Drawn<'a>> {
    let mut random = StdRng::seed_from_u64(SEED);
    let mut drawn = Vec::with_capacity(DRAWS * sentences.len());
    for (intents, text) in sentences {
        for _ in 0..DRAWS {
            let heard = std::array::from_fn(|_| mishear(text, share, lexicon, &mut random));
            drawn.push((intents.as_slice(), text.as_str(), heard));
        }
    }
    drawn
}

/// The share of words to replace that gives [`ERRORS`]: not every character of another word is another one.
fn calibrate(sentences: &[Sentence], lexicon: &Lexicon) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..7 {
        let middle = (low + high) / 2.0;
        let drawn = draw(sentences, middle, lexicon);
        let rate = error_rate(drawn.iter().map(|(_, said, heard)| (*said, heard[0].as_str())));
        if rate < ERRORS { low = middle } else { high = middle }
    }
    high
}
