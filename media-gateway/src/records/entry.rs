//! The lines of the files. Times are milliseconds with one decimal; what a turn did not have is left out.

use crate::events::GatewayEvent;
use chrono::{DateTime, Utc};
use hualu_core::{Pii, SampleRate, Stage};
use hualu_session::{Guesses, Missed, PartialNote, Said, TurnRecord};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was written.
    pub at: DateTime<Utc>,
    /// The call.
    pub call: String,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened in a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// It was answered.
    Started {
        /// The calling number.
        #[serde(with = "revealed")]
        caller: Pii<String>,
        /// The called number.
        #[serde(with = "revealed")]
        called: Pii<String>,
    },
    /// A turn of it is over.
    Turn(Box<TurnEntry>),
    /// It is over.
    Ended {
        /// Whose doing.
        result: String,
        /// Why.
        reason: String,
        /// The disposition of the bot's `end` step.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        disposition: String,
    },
}

/// A turn: see [`TurnRecord`], whose fields these are. Its times count from `at_ms`, and that from the call's start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "every field is the field of the same name of TurnRecord, Missed or Said")]
pub struct TurnEntry {
    pub turn: u32,
    pub at_ms: f64,
    pub cause: String,
    pub voiced_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_voiced_ms: Option<f64>,
    #[serde(with = "revealed")]
    pub text: Pii<String>,
    pub confidence: f32,
    pub promoted: bool,
    pub partials: Vec<PartialEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<f64>,
    pub intent: String,
    pub score: f32,
    pub slots: Vec<SlotEntry>,
    pub stages: Vec<StageEntry>,
    pub missed: Vec<MissedEntry>,
    pub said: Vec<SaidEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guesses: Option<GuessesEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_air_ms: Option<f64>,
    pub outcome: String,
}

/// Words as they were believed at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PartialEntry {
    /// When, counted from the start of the turn.
    pub at_ms: f64,
    /// All words so far.
    #[serde(with = "revealed")]
    pub text: Pii<String>,
}

/// What came of speaking ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the other fields are the fields of the same name of Guesses")]
pub struct GuessesEntry {
    pub made: u32,
    pub hit: bool,
    pub trusted: bool,
    pub wasted: u32,
    /// The audio that came for those.
    pub wasted_ms: f64,
}

/// One slot value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SlotEntry {
    /// The slot.
    pub name: String,
    /// Its value.
    #[serde(with = "revealed")]
    pub value: Pii<String>,
}

/// One stage that ran.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageEntry {
    /// Its label.
    pub stage: String,
    /// What it took.
    pub spent_ms: f64,
    /// When it was done, counted from the start of the turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_ms: Option<f64>,
}

/// A stage that missed its budget, and the rung that was taken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "every field is the field of the same name of Missed")]
pub struct MissedEntry {
    pub stage: String,
    pub at_ms: f64,
    pub spent_ms: f64,
    pub budget_ms: f64,
    pub rung: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// One clause as it was played.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "every field is the field of the same name of Said")]
pub struct SaidEntry {
    pub clause: u32,
    pub at_ms: f64,
    #[serde(with = "revealed")]
    pub text: Pii<String>,
    #[serde(with = "revealed")]
    pub heard: Pii<String>,
    pub played_ms: f64,
    pub complete: bool,
    pub source: String,
}

impl Entry {
    /// The line for an event; `None` for one that concerns no call.
    pub(super) fn new(at: DateTime<Utc>, event: &GatewayEvent) -> Option<Self> {
        let (call, what) = match event {
            GatewayEvent::Started { call, caller, called } => {
                (call, What::Started { caller: caller.clone(), called: called.clone() })
            }
            GatewayEvent::Turn { call, record } => (call, What::Turn(Box::new(TurnEntry::from(record.as_ref())))),
            GatewayEvent::Ended { call, termination } => {
                let (result, reason) = (termination.result.as_str().to_owned(), termination.reason.as_str().to_owned());
                (call, What::Ended { result, reason, disposition: termination.disposition.clone() })
            }
            GatewayEvent::Stopped => return None,
        };
        Some(Self { at, call: call.as_str().to_owned(), what })
    }
}

impl From<&TurnRecord> for TurnEntry {
    fn from(record: &TurnRecord) -> Self {
        let slots = record.slots.iter().map(|(name, value)| SlotEntry { name: name.clone(), value: value.clone() });
        let stages =
            Stage::ALL.iter().zip(record.stages.iter().zip(&record.done)).filter_map(|(stage, (spent, done))| {
                let spent_ms = ms((*spent)?);
                Some(StageEntry { stage: stage.as_str().to_owned(), spent_ms, done_ms: done.map(ms) })
            });
        let partial = |note: &PartialNote| PartialEntry { at_ms: ms(note.at), text: note.text.clone() };
        Self {
            turn: record.turn.0,
            at_ms: ms(record.at),
            cause: record.cause.as_str().to_owned(),
            voiced_ms: ms(record.voiced),
            last_voiced_ms: record.last_voiced.map(ms),
            text: record.text.clone(),
            confidence: record.confidence,
            promoted: record.promoted,
            partials: record.partials.iter().map(partial).collect(),
            endpoint: record.endpoint.map(|reason| reason.as_str().to_owned()),
            ended_ms: record.ended.map(ms),
            intent: record.intent.clone(),
            score: record.score,
            slots: slots.collect(),
            stages: stages.collect(),
            missed: record.missed.iter().map(MissedEntry::from).collect(),
            said: record.said.iter().map(SaidEntry::from).collect(),
            response_ms: record.response.map(ms),
            guesses: (record.guesses.made > 0).then(|| GuessesEntry::from(&record.guesses)),
            dead_air_ms: record.dead_air.map(ms),
            outcome: record.outcome.as_str().to_owned(),
        }
    }
}

impl From<&Guesses> for GuessesEntry {
    fn from(guesses: &Guesses) -> Self {
        let Guesses { made, hit, trusted, wasted, wasted_samples } = *guesses;
        Self { made, hit, trusted, wasted, wasted_ms: ms(wasted_samples.duration(SampleRate::HZ_8000)) }
    }
}

impl From<&Missed> for MissedEntry {
    fn from(missed: &Missed) -> Self {
        Self {
            stage: missed.stage.as_str().to_owned(),
            at_ms: ms(missed.at),
            spent_ms: ms(missed.spent),
            budget_ms: ms(missed.budget),
            rung: missed.rung.as_str().to_owned(),
            why: missed.why.map(|why| why.as_str().to_owned()),
        }
    }
}

impl From<&Said> for SaidEntry {
    fn from(said: &Said) -> Self {
        Self {
            clause: said.clause.0,
            at_ms: ms(said.at),
            text: said.text.clone(),
            heard: said.heard.clone(),
            played_ms: ms(said.played),
            complete: said.complete,
            source: said.source.as_str().to_owned(),
        }
    }
}

/// Milliseconds, to a tenth.
fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}

/// Personal text in the file, where it may be read, and wrapped everywhere else.
mod revealed {
    use hualu_core::Pii;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(text: &Pii<String>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(text.reveal())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pii<String>, D::Error> {
        String::deserialize(deserializer).map(Pii::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hualu_core::speech::AudioSource;
    use hualu_core::{CallId, ClauseId, Samples, TurnId};
    use hualu_session::{Cause, EndpointReason, Failure, Outcome, Rung};
    use serde_json::{Value, json};

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

    fn entry() -> Entry {
        let event = GatewayEvent::Turn { call: CallId::new("c1"), record: Box::new(record()) };
        Entry::new(DateTime::UNIX_EPOCH, &event).expect("a turn of a call")
    }

    #[test]
    fn a_waterfall_finds_everything_with_its_time() {
        let json: Value = serde_json::to_value(entry()).expect("plain data");
        assert_eq!((&json["call"], &json["event"], &json["turn"]), (&json!("c1"), &json!("turn"), &json!(3)));
        assert_eq!(json["partials"], json!([{"at_ms": 300.0, "text": "我是王"}]));
        assert_eq!((&json["endpoint"], &json["ended_ms"]), (&json!("complete"), &json!(900.0)));
        assert_eq!(json["stages"][1], json!({"stage": "asr", "done_ms": 925.0, "spent_ms": 25.0}));
        let missed = json!({"stage": "asr", "at_ms": 960.0, "budget_ms": 60.0, "spent_ms": 61.0,
                            "rung": "promote_partial", "why": "unavailable"});
        assert_eq!(json["missed"], json!([missed]));
        assert_eq!(json["said"][0]["heard"], "王小明");
        assert_eq!(json["said"][0]["source"], "cache");
        assert_eq!(json["guesses"]["wasted_ms"], 1_000.0);
        assert_eq!(json["outcome"], "interrupted");
        assert!(json.get("dead_air_ms").is_none(), "what a turn did not have is left out");
    }

    #[test]
    fn a_line_reads_back_as_what_was_written() {
        let line = serde_json::to_string(&entry()).expect("plain data");
        assert_eq!(serde_json::from_str::<Entry>(&line).expect("its own form"), entry());
    }

    #[test]
    fn nothing_personal_stands_in_a_debug_print() {
        let text = format!("{:?}", entry());
        assert!(!text.contains('王') && !text.contains('好'), "{text}");
        assert!(text.contains("<5 chars>"), "{text}");
    }
}
