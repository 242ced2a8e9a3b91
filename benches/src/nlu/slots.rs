//! Answers to the bot's questions that were written after its grammars: what value each gives.

use anyhow::{Context, ensure};
use chrono::NaiveDateTime;
use hualu_core::dialogue::Hypothesis;
use hualu_nlu::Assistant;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Figures that were asked of the slots, in percent.
const ASKED: f64 = 92.0;

#[derive(Clone, Copy, Default)]
struct Counts {
    answers: u32,
    /// Answers that gave a value.
    given: u32,
    /// Whose value is exactly the one that was meant.
    right: u32,
}

impl Counts {
    fn add(&mut self, is_given: bool, is_right: bool) {
        self.answers += 1;
        self.given += u32::from(is_given);
        self.right += u32::from(is_right);
    }

    fn row(&self, name: &str) -> String {
        let share = |of: u32| if of == 0 { 0.0 } else { 100.0 * f64::from(self.right) / f64::from(of) };
        let f1 = 200.0 * f64::from(self.right) / f64::from(self.given + self.answers).max(1.0);
        format!("| {name} | {} | {:.1} | {:.1} | {f1:.1} |", self.answers, share(self.given), share(self.answers),)
    }
}

/// Prints precision, recall and F1 of the file's `slots: [{slot, text, value}]`, relative to its `clock`. Only totals are
/// told: whoever sees single failures has spent the file.
pub(super) fn run(path: &Path, assistant: &Assistant) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let corpus: Value = serde_saphyr::from_str(&text).with_context(|| path.display().to_string())?;
    let Some(answers) = corpus["slots"].as_array() else { return Ok(()) };
    let clock = corpus["clock"].as_str().unwrap_or_default();
    let now = NaiveDateTime::parse_from_str(clock, "%Y-%m-%dT%H:%M")
        .with_context(|| format!("{}: `clock: {clock}` is no day with a time", path.display()))?;
    let (mut all, mut kinds) = (Counts::default(), BTreeMap::<&str, Counts>::new());
    for (i, answer) in answers.iter().enumerate() {
        let field = |name: &str| answer[name].as_str().unwrap_or_default();
        let (slot, said, value) = (field("slot"), field("text"), field("value"));
        let kind = assistant.awaited_kind(slot);
        ensure!(
            kind.is_some() && !said.is_empty() && !value.is_empty(),
            "{}: answer {} lacks slot, text or value, or names no slot",
            path.display(),
            i + 1
        );
        let heard = Hypothesis { text: said.to_owned().into(), confidence: 0.9, ..Hypothesis::default() };
        let found = assistant.read_answer(slot, &heard, now).map(|found| found.plain());
        let is_right = found.as_deref() == Some(value);
        all.add(found.is_some(), is_right);
        kinds.entry(kind.map_or("", |kind| kind.name())).or_default().add(found.is_some(), is_right);
    }
    println!("Values of answers, exactly as meant; F1 asked: {ASKED:.0} %.\n");
    println!("| kind | answers | precision | recall | F1 |\n|---|---|---|---|---|");
    for (kind, counts) in &kinds {
        println!("{}", counts.row(kind));
    }
    println!("{}\n", all.row("**all**"));
    Ok(())
}
