//! One turn as JSON: everything that a waterfall of it shows, all times in milliseconds from the start of the turn.

use hualu_core::{CallId, Pii, SampleRate, Stage};
use hualu_session::{Missed, Said, TurnRecord};
use serde_json::{Value, json};
use std::time::Duration;

/// The record of one turn. Personal data stands in it only with `reveal`; without, it stands as it prints, redacted.
#[must_use]
pub fn turn_json(call: &CallId, record: &TurnRecord, reveal: bool) -> Value {
    let text = |text: &Pii<String>| if reveal { text.reveal().clone() } else { format!("{text:?}") };
    let partials = record.partials.iter().map(|partial| json!({"at_ms": ms(partial.at), "text": text(&partial.text)}));
    let slots = record.slots.iter().map(|(name, value)| (name.clone(), Value::String(text(value))));
    let stages = Stage::ALL.into_iter().zip(record.stages.iter().zip(&record.done));
    let stages = stages.filter_map(|(stage, (spent, done))| {
        Some(json!({"stage": stage.as_str(), "done_ms": ms((*done)?), "spent_ms": ms((*spent)?)}))
    });
    let guesses = record.guesses;
    json!({
        "call": call.as_str(),
        "turn": record.turn.0,
        "at_ms": ms(record.at),
        "cause": record.cause.as_str(),
        "text": text(&record.text),
        "confidence": record.confidence,
        "promoted": record.promoted,
        "voiced_ms": ms(record.voiced),
        "last_voiced_ms": record.last_voiced.map(ms),
        "partials": partials.collect::<Vec<_>>(),
        "endpoint": record.endpoint.map(|reason| json!({"reason": reason.as_str(), "at_ms": record.ended.map(ms)})),
        "intent": record.intent,
        "score": record.score,
        "slots": slots.collect::<serde_json::Map<_, _>>(),
        "said": record.said.iter().map(|said| said_json(said, &text)).collect::<Vec<_>>(),
        "stages": stages.collect::<Vec<_>>(),
        "response_ms": record.response.map(ms),
        "missed": record.missed.iter().map(missed_json).collect::<Vec<_>>(),
        "guesses": {
            "made": guesses.made,
            "hit": guesses.hit,
            "trusted": guesses.trusted,
            "wasted": guesses.wasted,
            "wasted_ms": ms(guesses.wasted_samples.duration(SampleRate::HZ_8000)),
        },
        "dead_air_ms": record.dead_air.map(ms),
        "outcome": record.outcome.as_str(),
    })
}

fn said_json(said: &Said, text: &impl Fn(&Pii<String>) -> String) -> Value {
    json!({
        "clause": said.clause.0,
        "at_ms": ms(said.at),
        "text": text(&said.text),
        "heard": text(&said.heard),
        "played_ms": ms(said.played),
        "complete": said.complete,
        "source": said.source.as_str(),
    })
}

fn missed_json(missed: &Missed) -> Value {
    json!({
        "stage": missed.stage.as_str(),
        "at_ms": ms(missed.at),
        "budget_ms": ms(missed.budget),
        "spent_ms": ms(missed.spent),
        "rung": missed.rung.as_str(),
        "why": missed.why.map_or("late", |why| why.as_str()),
    })
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hualu_core::speech::AudioSource;
    use hualu_core::{ClauseId, Samples, TurnId};
    use hualu_session::{Cause, EndpointReason, Failure, Guesses, Outcome, PartialNote, Rung};

    fn record() -> TurnRecord {
        let at = Duration::from_millis;
        let pii = |text: &str| Pii::new(text.to_owned());
        TurnRecord {
            turn: TurnId(3),
            at: at(12_000),
            cause: Cause::Speech,
            voiced: at(600),
            last_voiced: Some(at(700)),
            text: pii("我是王小明"),
            confidence: 0.5,
            promoted: true,
            partials: vec![PartialNote { at: at(300), text: pii("我是王") }],
            endpoint: Some(EndpointReason::Complete),
            ended: Some(at(900)),
            intent: "name".to_owned(),
            score: 0.25,
            slots: vec![("name".to_owned(), pii("王小明"))],
            said: vec![Said {
                clause: ClauseId(7),
                at: at(1_000),
                text: pii("王小明您好"),
                heard: pii("王小明"),
                played: at(600),
                complete: false,
                source: AudioSource::Cache,
            }],
            stages: [None, Some(at(200)), Some(at(25)), None, None, None],
            done: [None, Some(at(900)), Some(at(925)), None, None, None],
            response: Some(at(300)),
            missed: vec![Missed {
                turn: TurnId(3),
                stage: Stage::Asr,
                at: at(960),
                spent: at(61),
                budget: at(60),
                rung: Rung::PromotePartial,
                why: Some(Failure::Unavailable),
            }],
            guesses: Guesses { made: 1, hit: true, trusted: true, wasted: 1, wasted_samples: Samples(8_000) },
            dead_air: None,
            outcome: Outcome::Interrupted,
        }
    }

    #[test]
    fn a_waterfall_finds_everything_with_its_time() {
        let json = turn_json(&CallId::new("c1"), &record(), true);
        assert_eq!(json["partials"], json!([{"at_ms": 300, "text": "我是王"}]));
        assert_eq!(json["endpoint"], json!({"reason": "complete", "at_ms": 900}));
        assert_eq!(json["stages"][1], json!({"stage": "asr", "done_ms": 925, "spent_ms": 25}));
        let missed = json!({"stage": "asr", "at_ms": 960, "budget_ms": 60, "spent_ms": 61,
                            "rung": "promote_partial", "why": "unavailable"});
        assert_eq!(json["missed"], json!([missed]));
        assert_eq!(json["said"][0]["heard"], "王小明");
        assert_eq!(json["said"][0]["source"], "cache");
        assert_eq!(json["guesses"]["wasted_ms"], 1_000);
        assert_eq!(json["outcome"], "interrupted");
    }

    #[test]
    fn nothing_personal_stands_in_it_unless_asked_for() {
        let text = turn_json(&CallId::new("c1"), &record(), false).to_string();
        assert!(!text.contains('王') && !text.contains('好'), "{text}");
        assert!(text.contains("<5 chars>"), "{text}");
    }
}
