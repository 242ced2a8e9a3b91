//! What travels between a call and its recognizer and voice.

use crate::dialogue::{Expect, Hypothesis, Say};
use crate::frame::{PcmFrame, SampleRate, Samples};
use crate::id::{ClauseId, TurnId};
use std::time::Duration;

/// A call's order to its recognition stream. Orders are executed in the order in which they are given.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "audio travels inline, so that a frame costs no allocation")]
pub enum RecognizeCommand {
    /// An utterance begins; decoder state starts anew, acoustic state stays.
    Start {
        /// The turn that it belongs to.
        turn: TurnId,
        /// What the bot has asked, which tilts the language model.
        expect: Expect,
    },
    /// The next 20 ms of the utterance (pre-roll included).
    Audio(PcmFrame),
    /// The utterance is over: flush and answer with a final within `budget`.
    End {
        /// The turn.
        turn: TurnId,
        /// What is left for this stage.
        budget: Duration,
    },
    /// The utterance is of no interest any more; no answer is due.
    Cancel {
        /// The turn.
        turn: TurnId,
    },
}

/// What a recognition stream answers.
#[derive(Clone, Debug, PartialEq)]
pub struct RecognizeEvent {
    /// The turn of the utterance.
    pub turn: TurnId,
    /// Counts the changed partials of an utterance from 1; the final one goes on counting.
    pub revision: u32,
    /// Whether this is the final hypothesis of the utterance.
    pub is_final: bool,
    /// What was said so far.
    pub hypothesis: Hypothesis,
    /// How much audio of the utterance it covers.
    pub audio: Samples,
}

/// A call's order to its voice: speak one clause.
#[derive(Clone, Debug, PartialEq)]
pub struct SynthesizeCommand {
    /// The turn that the clause belongs to.
    pub turn: TurnId,
    /// The clause's number.
    pub clause: ClauseId,
    /// What to say.
    pub say: Say,
    /// The rate at which PCM is wanted.
    pub rate: SampleRate,
    /// What is left until the first PCM must be there.
    pub budget: Duration,
}

/// A piece of a clause, spoken.
#[derive(Clone, Debug, PartialEq)]
pub struct SynthesizeEvent {
    /// The turn of the clause.
    pub turn: TurnId,
    /// The clause.
    pub clause: ClauseId,
    /// Mono PCM at the rate that was asked for; may be empty when `last`.
    pub pcm: Vec<i16>,
    /// Where it came from.
    pub source: AudioSource,
    /// Nothing more comes for this clause.
    pub last: bool,
}

/// Where spoken audio came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AudioSource {
    /// Synthesised for this request.
    #[default]
    Engine,
    /// From the clause cache.
    Cache,
    /// From the prompt folder.
    Recorded,
}

impl AudioSource {
    /// The label used in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Cache => "cache",
            Self::Recorded => "recorded",
        }
    }
}
