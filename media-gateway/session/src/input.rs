//! What a call can be told.

use crate::config::MediaParams;
use crate::termination::EndReason;
use hualu_core::dialogue::TurnAct;
use hualu_core::speech::{RecognizeEvent, SynthesizeEvent};
use hualu_core::{ClauseId, Stage, TurnId};
use hualu_rtp::Key;

/// One thing that happened to a call.
#[derive(Debug)]
pub enum Input<'a> {
    /// A datagram came on the RTP socket.
    Packet(&'a [u8]),
    /// A datagram came on the RTCP socket.
    Control(&'a [u8]),
    /// The time that [`Output::Timeout`](crate::Output::Timeout) asked for has come. Harmless when early.
    Timeout,
    /// The recognizer answered.
    Recognized(RecognizeEvent),
    /// The dialogue wants something done.
    Act(TurnAct),
    /// The voice spoke a piece of a clause.
    Spoken(SynthesizeEvent),
    /// An engine or its stream broke while it worked for `turn`.
    Failed {
        /// [`Stage::Asr`], [`Stage::Nlu`] or [`Stage::Tts`]; others are ignored.
        stage: Stage,
        /// The turn it worked for.
        turn: TurnId,
        /// The clause, when one synthesis failed; `None` means all of the turn.
        clause: Option<ClauseId>,
        /// How it broke.
        reason: Failure,
    },
    /// The call is over: the peer hung up, the signalling failed, the server stops at once.
    HangUp(EndReason),
    /// A key came by signalling (SIP INFO, RFC 6086). One that comes on the audio path as well is taken once.
    Key(Key),
    /// The server wants to stop: say goodbye, then end.
    Drain,
    /// The transfer asked for by [`Output::Transfer`](crate::Output::Transfer) was refused; the bot keeps the call.
    TransferFailed,
    /// Offer and answer changed the media (re-INVITE): hold, resume, another codec.
    Media(MediaParams),
}

/// How an engine broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// It cannot be reached.
    Unavailable,
    /// Its own deadline passed.
    DeadlineExceeded,
    /// It refused for lack of room, or our queue towards it was full.
    Overloaded,
    /// It broke off or answered nonsense.
    Broken,
}

impl Failure {
    /// The label used in metrics and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Overloaded => "overloaded",
            Self::Broken => "broken",
        }
    }
}
