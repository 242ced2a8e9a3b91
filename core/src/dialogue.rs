//! What travels between a call and its dialogue: events in, acts out.
//!
//! These are the plain forms of `hualu.nlu.v1`; `hualu-proto` converts both ways, so that no crate but the services'
//! edges sees a generated type.

use crate::id::{CallId, ClauseId, TurnId};
use crate::pii::Pii;
use std::collections::BTreeMap;
use std::time::Duration;

/// What the recognizer believes was said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hypothesis {
    /// Mandarin text, digits as characters (一三八零零), no punctuation.
    pub text: Pii<String>,
    /// Toneless pinyin syllables separated by spaces, `v` for ü. May be empty when the engine cannot tell.
    pub pinyin: Pii<String>,
    /// Posterior-like confidence in `0.0..=1.0`.
    pub confidence: f32,
    /// Other readings, best first, without this one.
    pub alternatives: Vec<Alternative>,
}

/// Another reading of the same speech.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alternative {
    /// See [`Hypothesis::text`].
    pub text: Pii<String>,
    /// See [`Hypothesis::pinyin`].
    pub pinyin: Pii<String>,
    /// See [`Hypothesis::confidence`].
    pub confidence: f32,
}

/// One event of a call, for its conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct CallInput {
    /// The turn that the event belongs to; acts answer under the same number.
    pub turn: TurnId,
    /// What is left of the turn's budget for the dialogue stage.
    pub budget: Duration,
    /// What happened.
    pub event: CallEvent,
}

/// What can happen in a call.
#[derive(Clone, Debug, PartialEq)]
pub enum CallEvent {
    /// The call was answered. Always the first event; the greeting is its answer (turn 0).
    Started(CallStarted),
    /// The caller is still speaking; the text so far. Nothing irreversible may follow from it.
    Partial {
        /// The text so far.
        hypothesis: Hypothesis,
        /// Counts the partials of a turn from 1; a speculative answer names the one that it answers.
        revision: u32,
    },
    /// The caller finished speaking.
    Final {
        /// What was said.
        hypothesis: Hypothesis,
        /// The recognizer missed its deadline and the last partial was promoted.
        promoted: bool,
    },
    /// Keys were pressed (RFC 4733): digits, `*`, `#`.
    Keys(Pii<String>),
    /// Nobody spoke for so long while the bot was waiting for an answer.
    Silence(Duration),
    /// The caller interrupted the bot; what was really heard of the reply.
    BargeIn(Heard),
    /// A clause was played to its end.
    Heard(Heard),
    /// The call is over; the stream closes after this.
    HangUp {
        /// The label of the termination reason.
        reason: String,
    },
}

/// What a conversation is told when a call starts.
#[derive(Clone, Debug, PartialEq)]
pub struct CallStarted {
    /// The call.
    pub call: CallId,
    /// The bot that answers it; empty for the service's default.
    pub bot: String,
    /// The calling number as the trunk gave it.
    pub caller: Pii<String>,
    /// The called number.
    pub called: Pii<String>,
    /// Variables from the trunk's headers or the campaign.
    pub variables: BTreeMap<String, String>,
}

/// How much of a clause left the gateway as RTP.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    /// The clause.
    pub clause: ClauseId,
    /// The part of its text that was heard.
    pub text: Pii<String>,
    /// Whether all of it was.
    pub complete: bool,
}

/// One act of a conversation, answering one turn.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnAct {
    /// The turn that this answers.
    pub turn: TurnId,
    /// The partial that this answers ([`CallEvent::Partial`]); 0 when it answers anything else.
    pub revision: u32,
    /// Nothing more comes for this turn (and revision).
    pub last: bool,
    /// What to do.
    pub act: Act,
}

/// What a conversation can ask of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Say one clause.
    Say(Say),
    /// Wait for the caller.
    Ask(Ask),
    /// Play a recorded clip by its id in the prompt folder.
    Play {
        /// The clip's id.
        clip: String,
        /// Whether the caller may interrupt it.
        interruptible: bool,
    },
    /// Hand the call to a person or another number.
    Transfer {
        /// A queue name or SIP URI, resolved by the gateway's configuration.
        target: String,
        /// What the conversation was about, for the person who takes over.
        summary: Pii<String>,
    },
    /// End the call once everything was said.
    HangUp {
        /// The disposition from the bot's `end` step.
        disposition: String,
    },
    /// What was understood; it changes nothing by itself, but the endpointer and the turn record use it.
    Understanding(Understanding),
}

/// One clause to say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Say {
    /// The text, in spans of one reading each.
    pub spans: Vec<Span>,
    /// Whether the caller may interrupt it.
    pub interruptible: bool,
    /// Whether it must be said again when it was interrupted.
    pub must_say: bool,
    /// A filler while something slow runs: dropped if the real reply is ready first.
    pub filler: bool,
    /// How it sounds: toneless pinyin syllables separated by spaces, `v` for ü. By it the bot's own words are known when
    /// a loudspeaker brings them back. May be empty; then the text is compared.
    pub pinyin: String,
}

impl Say {
    /// A plain, interruptible clause.
    #[must_use]
    pub fn plain(text: &str) -> Self {
        Self { spans: vec![Span::plain(text)], interruptible: true, ..Self::default() }
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> String {
        self.spans.iter().map(|span| span.text.as_str()).collect()
    }

    /// Whether any span holds personal data; such clauses are never cached or logged.
    #[must_use]
    pub fn is_personal(&self) -> bool {
        self.spans.iter().any(|span| span.personal)
    }
}

/// A piece of text that is read in one way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// The text.
    pub text: String,
    /// How to read digits in it.
    pub say_as: SayAs,
    /// Whether it holds personal data.
    pub personal: bool,
}

impl Span {
    /// Plain text.
    #[must_use]
    pub fn plain(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }
}

/// How the digits of a span are read (SSML `say-as`). It comes from the slot's type and is never guessed when given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SayAs {
    /// By the rules for running text.
    #[default]
    Plain,
    /// As one number: 一百二十九.
    Cardinal,
    /// Digit by digit, 幺 for 1.
    Digits,
    /// Digit by digit, 幺 for 1, grouped 3-4-4.
    Telephone,
    /// Money in yuan: 58.3 is 五十八元三角.
    Money,
    /// A date: 2026-11-22.
    Date,
    /// A time of day: 14:30.
    Time,
    /// A data size: 5GB, 300MB.
    DataSize,
    /// Letter by letter.
    Characters,
}

/// The bot has asked and waits for the caller.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ask {
    /// What kind of answer is awaited.
    pub expect: Expect,
    /// After so long without an answer a [`CallEvent::Silence`] is due; zero means the call's own.
    pub no_input: Duration,
    /// How long the caller may pause in the answer.
    pub pauses: Pauses,
}

/// The silence that ends an utterance, by what its words sound like; `None` means the call's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pauses {
    /// After a whole answer.
    pub complete: Option<Duration>,
    /// After words of which nobody knows.
    pub unknown: Option<Duration>,
    /// After half a sentence, or a number with digits missing.
    pub unfinished: Option<Duration>,
}

/// What kind of answer is awaited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expect {
    /// Anything.
    #[default]
    Free,
    /// Yes or no.
    YesNo,
    /// Digits, spoken or pressed.
    Digits {
        /// The fewest digits of a whole answer.
        len_min: u8,
        /// The most digits of a whole answer.
        len_max: u8,
    },
    /// One of a list that the bot named.
    Choice,
    /// A date or a time.
    Date,
}

/// What the dialogue made of a hypothesis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Understanding {
    /// The intent, empty when none was accepted.
    pub intent: String,
    /// The classifier's margin for it.
    pub score: f32,
    /// Slot values found, by name.
    pub slots: Vec<(String, Pii<String>)>,
    /// Whether the sentence sounds finished.
    pub completeness: Completeness,
}

/// Whether the caller sounds finished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Completeness {
    /// Cannot tell.
    #[default]
    Unknown,
    /// The words make a whole answer.
    Complete,
    /// Something is missing: digits of a number, the object of 我想….
    Unfinished,
}
