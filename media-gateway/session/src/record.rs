//! What one turn came to: the line of the turn record and the source of "time of each stage".

use crate::output::Missed;
use hualu_core::dialogue::Completeness;
use hualu_core::speech::AudioSource;
use hualu_core::{ClauseId, Pii, Stage, TurnId};
use std::time::Duration;

/// One finished turn.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnRecord {
    /// The turn.
    pub turn: TurnId,
    /// What began it.
    pub cause: Cause,
    /// What the caller said or pressed, as the dialogue got it.
    pub text: Pii<String>,
    /// The recognizer's confidence in it.
    pub confidence: f32,
    /// The text is a partial that stood in for a late final.
    pub promoted: bool,
    /// How many partials there were.
    pub partials: u32,
    /// Why the utterance was taken to be over; `None` when it was not speech or was given up.
    pub endpoint: Option<EndpointReason>,
    /// The intent that the dialogue accepted, empty for none.
    pub intent: String,
    /// The classifier's margin for it.
    pub score: f32,
    /// Slot values found.
    pub slots: Vec<(String, Pii<String>)>,
    /// What was said to the caller, in order.
    pub said: Vec<Said>,
    /// The time of each stage that ran, in the order of [`Stage::ALL`].
    pub stages: [Option<Duration>; Stage::ALL.len()],
    /// Last voiced frame to the first packet with audio in it, whatever that audio was. Without a voiced frame (greeting,
    /// keys, silence) it counts from what began the turn.
    pub response: Option<Duration>,
    /// Stages that missed their budget and what was done, in order.
    pub missed: Vec<Missed>,
    /// How it ended.
    pub outcome: Outcome,
}

/// What began a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The call.
    Started,
    /// The caller spoke.
    Speech,
    /// The caller pressed keys.
    Keys,
    /// The caller did not answer.
    Silence,
}

/// Why an utterance was taken to be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndpointReason {
    /// The words were complete.
    Complete,
    /// Nobody could tell, and the silence was long enough.
    Unknown,
    /// Something was missing, and it did not come.
    Unfinished,
    /// The utterance was too long.
    TooLong,
}

impl EndpointReason {
    /// The label used in metrics and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Unknown => "unknown",
            Self::Unfinished => "unfinished",
            Self::TooLong => "too_long",
        }
    }
}

impl From<Completeness> for EndpointReason {
    fn from(completeness: Completeness) -> Self {
        match completeness {
            Completeness::Complete => Self::Complete,
            Completeness::Unknown => Self::Unknown,
            Completeness::Unfinished => Self::Unfinished,
        }
    }
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The dialogue's reply was played to its end (or it had nothing to say).
    #[default]
    Answered,
    /// The caller interrupted the reply.
    Interrupted,
    /// The caller went on speaking before the reply began; the words are part of the next turn.
    Joined,
    /// A prepared sentence stood in for the reply.
    FellBack,
    /// There were no words: noise.
    Wordless,
    /// The call ended first.
    CallEnded,
}

impl Outcome {
    /// The label used in metrics and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Interrupted => "interrupted",
            Self::Joined => "joined",
            Self::FellBack => "fell_back",
            Self::Wordless => "wordless",
            Self::CallEnded => "call_ended",
        }
    }
}

/// One clause as it was played.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// The clause.
    pub clause: ClauseId,
    /// All of its words.
    pub text: Pii<String>,
    /// The words that left as RTP.
    pub heard: Pii<String>,
    /// How long it was heard.
    pub played: Duration,
    /// Whether all of it was.
    pub complete: bool,
    /// Where its audio came from.
    pub source: AudioSource,
}
