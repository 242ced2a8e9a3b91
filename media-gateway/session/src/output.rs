//! What a call wants done.

use crate::input::Failure;
use crate::ladder::Rung;
use crate::media::MediaStats;
use crate::record::TurnRecord;
use crate::termination::Termination;
use crate::turn::State;
use hualu_core::dialogue::CallInput;
use hualu_core::speech::{RecognizeCommand, SynthesizeCommand};
use hualu_core::{ClauseId, PcmFrame, Pii, Samples, Stage, TurnId};
use std::time::{Duration, Instant};

/// One thing to do. Take them until [`Output::Timeout`] after every input.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "packets and frames are inline so that passing one allocates nothing")]
pub enum Output {
    /// Send this on the RTP socket.
    Transmit(Datagram),
    /// Send this on the RTCP socket.
    TransmitControl(Datagram),
    /// For the recognizer, in order.
    Recognize(RecognizeCommand),
    /// For the dialogue, in order.
    Converse(CallInput),
    /// For the voice.
    Synthesize(SynthesizeCommand),
    /// The clause is of no use any more; what comes for it is dropped here too.
    Cancel {
        /// The turn of the clause.
        turn: TurnId,
        /// The clause.
        clause: ClauseId,
    },
    /// Everything was said: hand the call over, then answer with [`Input::HangUp`](crate::Input::HangUp)
    /// ([`EndReason::Transferred`](crate::EndReason::Transferred)) or [`Input::TransferFailed`](crate::Input::TransferFailed).
    Transfer {
        /// A queue name or SIP URI.
        target: String,
        /// What the conversation was about.
        summary: Pii<String>,
    },
    /// 20 ms of both directions, for the recorder.
    Record(StereoFrame),
    /// For metrics, turn records and traces.
    Event(SessionEvent),
    /// The call is over: end the dialog and drop the session. Comes once; nothing but [`Output::Timeout`] follows.
    End(Termination),
    /// Nothing more to do until then, or until the next input.
    Timeout(Instant),
}

/// A datagram to send, held inline.
#[derive(Clone, Copy)]
pub struct Datagram {
    bytes: [u8; Self::CAPACITY],
    len: u16,
}

impl Datagram {
    /// The most bytes of one datagram: an RTP header and 60 ms of G.711.
    pub const CAPACITY: usize = 12 + 480;

    /// An empty datagram, to be written by `write`, which returns how many bytes it used.
    pub(crate) fn build(write: impl FnOnce(&mut [u8]) -> usize) -> Self {
        let mut bytes = [0; Self::CAPACITY];
        let len = write(&mut bytes).min(Self::CAPACITY) as u16;
        Self { bytes, len }
    }

    /// The bytes to send.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

impl std::fmt::Debug for Datagram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Datagram({} bytes)", self.len)
    }
}

/// What was heard and said during the same 20 ms.
#[derive(Clone, Copy, Debug)]
pub struct StereoFrame {
    /// Where the frame begins, counted from the start of the call. A gap to the frame before is silence.
    pub at: Samples,
    /// The caller.
    pub caller: PcmFrame,
    /// The bot.
    pub bot: PcmFrame,
}

/// Something worth counting or keeping.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SessionEvent {
    /// The turn machine moved.
    Turn {
        /// The turn that it is in now.
        turn: TurnId,
        /// Where it was.
        from: State,
        /// Where it is.
        to: State,
    },
    /// A stage of the response path is done.
    StageDone {
        /// The turn.
        turn: TurnId,
        /// The stage.
        stage: Stage,
        /// What it took.
        spent: Duration,
        /// What it was given.
        budget: Duration,
    },
    /// A stage did not make it; what was done instead.
    StageMissed(Missed),
    /// The caller interrupted the bot.
    BargedIn {
        /// The turn that was interrupted.
        turn: TurnId,
        /// From the first voiced frame to the last packet with the prompt in it.
        after: Duration,
    },
    /// The caller made a sound over a prompt that was not meant to interrupt it.
    Dismissed {
        /// The turn whose prompt it was.
        turn: TurnId,
        /// What it was taken for.
        idle: Idle,
        /// The prompt had been stopped for it and is said again.
        stopped: bool,
    },
    /// What came of speaking ahead in one turn; only when there was something.
    Guessed {
        /// The turn.
        turn: TurnId,
        /// Whether the reply began with a clause spoken ahead.
        hit: bool,
        /// Clauses spoken for nothing.
        wasted: u32,
        /// Their audio.
        wasted_samples: Samples,
    },
    /// The bot owed an answer and was silent for so long: a defect, whatever the reason.
    DeadAir {
        /// The turn.
        turn: TurnId,
        /// How long it has been silent when this is noticed.
        silent: Duration,
    },
    /// An answer came for something that is over.
    Stale {
        /// Whose answer.
        stage: Stage,
        /// The turn that it named.
        turn: TurnId,
    },
    /// A clip was asked for that the prompt folder does not hold.
    ClipMissing {
        /// The clip's id.
        clip: String,
    },
    /// A queue was full and something was dropped.
    Overflow {
        /// Which queue.
        queue: &'static str,
    },
    /// A turn is over.
    TurnEnded(Box<TurnRecord>),
    /// What the media came to; once, just before the end.
    Media(Box<MediaStats>),
}

/// A stage that missed its budget, and the rung of its ladder that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The turn.
    pub turn: TurnId,
    /// The stage.
    pub stage: Stage,
    /// When, counted from the start of the turn.
    pub at: Duration,
    /// What it has taken so far.
    pub spent: Duration,
    /// What it was given.
    pub budget: Duration,
    /// What is done instead.
    pub rung: Rung,
    /// Why: `None` when the time ran out.
    pub why: Option<Failure>,
}

/// A sound of the caller that was not meant for the bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Idle {
    /// No words: a cough, a door.
    Noise,
    /// A word or two that the recognizer hardly trusts, over a prompt.
    Unsure,
    /// Somebody who is much quieter than the caller was, over a prompt.
    Background,
    /// 嗯 and the like, while the bot explains.
    Backchannel,
    /// The bot's own words, out of a loudspeaker.
    Echo,
}

impl Idle {
    /// The label used in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Noise => "noise",
            Self::Unsure => "unsure",
            Self::Background => "background",
            Self::Backchannel => "backchannel",
            Self::Echo => "echo",
        }
    }
}
