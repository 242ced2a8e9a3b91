//! What the turn records of a run say: the only part of the measurement that is not taken from the audio.

use hualu_core::{LatencyBudget, Stage};
use hualu_gateway::records::{self, MissedEntry, TurnEntry, What};
use std::path::Path;
use std::time::Duration;

/// Records are rounded, and a timer fires when its time is over.
const ROUNDING_MS: f64 = 1.0;

/// Every turn in a folder, with its call.
///
/// # Errors
/// When the folder or a line of it cannot be read.
pub fn read(folder: &Path) -> anyhow::Result<Vec<(String, TurnEntry)>> {
    let mut all = Vec::new();
    for file in records::files(folder)? {
        for entry in records::entries(&file)? {
            let entry = entry?;
            if let What::Turn(turn) = entry.what {
                all.push((entry.call, *turn));
            }
        }
    }
    Ok(all)
}

/// What an answered turn took beyond its endpoint and its engines: receiving, passing on, waiting for the next packet's slot.
/// Stages may overlap, because replies are prepared while the caller still speaks.
#[must_use]
pub fn overhead(turn: &TurnEntry) -> Option<Duration> {
    let elsewhere = [Stage::Endpoint, Stage::Asr, Stage::Nlu, Stage::Tts].map(Stage::as_str);
    // What a late engine costs is not the pipeline's; a late packet is.
    let is_late = |missed: &MissedEntry| elsewhere.contains(&missed.stage.as_str());
    if turn.cause != "speech" || turn.outcome != "answered" || turn.missed.iter().any(is_late) {
        return None;
    }
    let (from, response) = (turn.last_voiced_ms?, turn.response_ms?);
    let mut spans: Vec<(f64, f64)> = turn
        .stages
        .iter()
        .filter(|stage| elsewhere.contains(&stage.stage.as_str()))
        .filter_map(|stage| Some((stage.done_ms? - stage.spent_ms, stage.done_ms?)))
        .collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut at, mut waited) = (from, 0.0);
    for (begin, done) in spans {
        waited += (begin - at).max(0.0);
        at = at.max(done);
    }
    waited += (from + response - at).max(0.0);
    Some(Duration::from_secs_f64(waited / 1_000.0))
}

/// The stages that took longer than they may without a rung in the record, and whether a whole answer is missing so.
#[must_use]
pub fn missed_without_a_rung(turn: &TurnEntry, budget: &LatencyBudget) -> Vec<String> {
    let has_rung = |stage: Stage| turn.missed.iter().any(|missed| missed.stage == stage.as_str());
    // Words that are not complete are waited for outside the budget.
    let waits = |stage| stage == Stage::Endpoint && turn.endpoint.as_deref() != Some("complete");
    let mut found: Vec<String> = Stage::ALL
        .into_iter()
        .filter(|stage| !waits(*stage) && !has_rung(*stage))
        .filter_map(|stage| {
            let (spent, limit) = (spent(turn, stage)?, budget.limit(stage).as_secs_f64() * 1_000.0);
            (spent > limit + ROUNDING_MS).then(|| format!("{} took {spent} of {limit} ms", stage.as_str()))
        })
        .collect();
    let owes = turn.cause == "speech" && ["answered", "fell_back"].contains(&turn.outcome.as_str());
    if owes && turn.said.is_empty() && turn.missed.is_empty() {
        found.push("nothing was said".to_owned());
    }
    found
}

fn spent(turn: &TurnEntry, stage: Stage) -> Option<f64> {
    turn.stages.iter().find(|one| one.stage == stage.as_str()).map(|one| one.spent_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hualu_gateway::records::{SaidEntry, StageEntry};

    /// An answered turn whose stages follow each other from 1,000 ms on.
    fn turn(stages: &[(&str, f64)]) -> TurnEntry {
        let mut at = 1_000.0;
        let stages = stages.iter().map(|(stage, spent_ms)| {
            at += spent_ms;
            StageEntry { stage: (*stage).to_owned(), spent_ms: *spent_ms, done_ms: Some(at) }
        });
        TurnEntry {
            cause: "speech".into(),
            outcome: "answered".into(),
            endpoint: Some("complete".into()),
            last_voiced_ms: Some(1_000.0),
            stages: stages.collect(),
            said: vec![SaidEntry::default()],
            ..TurnEntry::default()
        }
    }

    #[test]
    fn overhead_is_what_endpoint_and_engines_leave() {
        let stages = [("endpoint", 200.0), ("asr", 2.0), ("nlu", 1.0), ("tts", 0.0), ("playout", 9.0)];
        let mut turn = TurnEntry { response_ms: Some(213.5), ..turn(&stages) };
        let overhead_us = |turn: &TurnEntry| overhead(turn).map(|spent| spent.as_micros());
        assert_eq!(overhead_us(&turn), Some(10_500));
        // The reply was there before the endpoint.
        turn.stages[2].done_ms = Some(1_150.0);
        turn.stages[3].done_ms = Some(1_151.0);
        assert_eq!(overhead_us(&turn), Some(11_500));
        turn.missed.push(MissedEntry { stage: "playout".into(), ..MissedEntry::default() });
        assert_eq!(overhead_us(&turn), Some(11_500), "a late packet is overhead");
        turn.missed.push(MissedEntry { stage: "nlu".into(), ..MissedEntry::default() });
        assert_eq!(overhead_us(&turn), None, "a late engine is not");
        turn.missed.clear();
        turn.outcome = "interrupted".into();
        assert_eq!(overhead_us(&turn), None);
    }

    #[test]
    fn a_late_stage_needs_a_rung() {
        let budget = LatencyBudget::default();
        let mut late = turn(&[("endpoint", 200.0), ("nlu", 180.0)]);
        assert_eq!(missed_without_a_rung(&late, &budget), ["nlu took 180 of 100 ms"]);
        late.missed.push(MissedEntry { stage: "nlu".into(), rung: "wait".into(), ..MissedEntry::default() });
        assert!(missed_without_a_rung(&late, &budget).is_empty());
    }

    #[test]
    fn words_that_are_not_complete_are_waited_for() {
        let waited = TurnEntry { endpoint: Some("unfinished".into()), ..turn(&[("endpoint", 1_900.0)]) };
        assert!(missed_without_a_rung(&waited, &LatencyBudget::default()).is_empty());
    }

    #[test]
    fn an_answer_without_words_is_a_miss() {
        let silent = TurnEntry { said: Vec::new(), ..turn(&[]) };
        assert_eq!(missed_without_a_rung(&silent, &LatencyBudget::default()), ["nothing was said"]);
    }
}
