//! What one turn came to: the line of the turn record and the source of "time of each stage".

use crate::output::Missed;
use hualu_core::dialogue::Completeness;
use hualu_core::speech::AudioSource;
use hualu_core::{ClauseId, Pii, Samples, Stage, TurnId};
use std::time::Duration;

/// One finished turn.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnRecord {
    /// The turn.
    pub turn: TurnId,
    /// When it began, counted from the start of the call. All other times of this record count from here.
    pub at: Duration,
    /// What began it.
    pub cause: Cause,
    /// How much voice it holds.
    pub voiced: Duration,
    /// When the caller's last voiced frame was heard.
    pub last_voiced: Option<Duration>,
    /// What the caller said or pressed, as the dialogue got it.
    pub text: Pii<String>,
    /// The recognizer's confidence in it.
    pub confidence: f32,
    /// The text is a partial that stood in for a late final.
    pub promoted: bool,
    /// The partials as they came; the last one stands for all beyond [`PartialNote::MAX`].
    pub partials: Vec<PartialNote>,
    /// Why the utterance was taken to be over; `None` when it was not speech or was given up.
    pub endpoint: Option<EndpointReason>,
    /// When it was.
    pub ended: Option<Duration>,
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
    /// When each of them was done.
    pub done: [Option<Duration>; Stage::ALL.len()],
    /// Last voiced frame to the first packet with audio in it, whatever that audio was. Without a voiced frame (greeting,
    /// keys, silence) it counts from what began the turn.
    pub response: Option<Duration>,
    /// Stages that missed their budget and what was done, in order.
    pub missed: Vec<Missed>,
    /// What came of speaking ahead.
    pub guesses: Guesses,
    /// The longest silence of the bot while it owed an answer, if it was long enough to be a defect.
    pub dead_air: Option<Duration>,
    /// How it ended.
    pub outcome: Outcome,
}

/// Words as they were believed at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct PartialNote {
    /// When.
    pub at: Duration,
    /// All words so far.
    pub text: Pii<String>,
}

impl PartialNote {
    /// Partials that one record keeps.
    pub const MAX: usize = 64;
}

/// Clauses spoken for a reply that might come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guesses {
    /// How many were ordered.
    pub made: u32,
    /// The reply began with one of them.
    pub hit: bool,
    /// It was played before the dialogue had confirmed it.
    pub trusted: bool,
    /// How many were of no use.
    pub wasted: u32,
    /// The audio that came for those.
    pub wasted_samples: Samples,
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

impl Cause {
    /// The label used in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Speech => "speech",
            Self::Keys => "keys",
            Self::Silence => "silence",
        }
    }
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
    /// It was said over a prompt and was no more than a sign of attention, or the bot's own words.
    Idle,
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
            Self::Idle => "idle",
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
    /// The words were a sign of attention over a prompt, which went on.
    Backchannel,
    /// The words were the bot's own.
    Echo,
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
            Self::Backchannel => "backchannel",
            Self::Echo => "echo",
            Self::CallEnded => "call_ended",
        }
    }
}

/// One clause as it was played.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// The clause.
    pub clause: ClauseId,
    /// When it began to be heard.
    pub at: Duration,
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
