//! One stream as its worker serves it: orders in, events out, and where in an utterance it is.

use super::queue::{Idle, Order, Reader};
use super::{Place, Sink};
use crate::engine::Slot;
use crate::stream::Stream;
use hualu_core::dialogue::{Expect, Hypothesis};
use hualu_core::speech::{RecognizeCommand, RecognizeEvent};
use hualu_core::{CallId, TurnId};

/// Stop reading orders while so many chunks wait: a stream that was starved must not starve others when it catches up.
const CHUNKS_AHEAD: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Between utterances.
    Idle,
    /// In an utterance.
    Listening,
    /// The utterance is over and its last frames wait for the model.
    Finishing,
}

/// A stream, its queue and its listener.
pub struct Served {
    call: CallId,
    stream: Stream,
    orders: Reader,
    /// Before the sink: whoever sees the sink dropped finds the place free.
    _place: Place,
    sink: Sink,
    phase: Phase,
    turn: TurnId,
    revision: u32,
    closed: bool,
}

impl Served {
    /// A stream that waits for its first utterance.
    pub fn new(call: CallId, stream: Stream, orders: Reader, sink: Sink, place: Place) -> Self {
        Self {
            call,
            stream,
            orders,
            sink,
            phase: Phase::Idle,
            turn: TurnId(0),
            revision: 0,
            closed: false,
            _place: place,
        }
    }

    /// The call, for logs.
    pub const fn call(&self) -> &CallId {
        &self.call
    }

    /// Whether the caller's end is gone.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Takes the orders that wait, up to the end of the utterance: what follows an `End` is read after its final.
    pub fn read_orders(&mut self, chunk_len: usize) {
        while self.phase != Phase::Finishing && self.stream.frames() < CHUNKS_AHEAD * chunk_len {
            match self.orders.next() {
                Ok(order) => self.take(order),
                Err(Idle::Empty) => return,
                Err(Idle::Closed) => {
                    self.closed = true;
                    return;
                }
            }
        }
    }

    fn take(&mut self, Order { turn, command }: Order) {
        match command {
            RecognizeCommand::Start { expect, .. } => self.begin(turn, expect),
            RecognizeCommand::Cancel { .. } if turn == self.turn => self.phase = Phase::Idle,
            RecognizeCommand::Cancel { .. } => {}
            RecognizeCommand::Audio(frame) => {
                // The `Start` of this turn was lost in a full queue: what is left of the utterance still counts.
                if turn != self.turn {
                    self.begin(turn, Expect::Free);
                }
                if self.phase == Phase::Listening {
                    self.stream.push_frame(&frame);
                }
            }
            RecognizeCommand::End { .. } => {
                if turn != self.turn {
                    self.begin(turn, Expect::Free);
                }
                if self.phase == Phase::Listening {
                    self.stream.finish();
                    self.phase = Phase::Finishing;
                }
            }
        }
    }

    fn begin(&mut self, turn: TurnId, expect: Expect) {
        self.stream.start(expect);
        self.turn = turn;
        self.revision = 0;
        self.phase = Phase::Listening;
    }

    /// How many frames this stream wants to step by now: a chunk, or at the end of an utterance all that is left, so
    /// that the final is one step away.
    pub fn due(&self, chunk_len: usize) -> Option<usize> {
        match self.phase {
            Phase::Idle => None,
            Phase::Listening => (self.stream.frames() >= chunk_len).then_some(chunk_len),
            Phase::Finishing => Some(self.stream.frames().min(2 * CHUNKS_AHEAD * chunk_len)),
        }
    }

    /// Whether a final is awaited.
    pub const fn is_finishing(&self) -> bool {
        matches!(self.phase, Phase::Finishing)
    }

    /// The stream's part of a step.
    pub fn slot(&mut self, frames: usize) -> Slot<'_> {
        self.stream.slot(frames)
    }

    /// Decodes what a step has brought and tells the caller what changed.
    pub fn decode(&mut self, frames: usize) {
        self.stream.decode(frames);
        if self.phase == Phase::Finishing && self.stream.frames() == 0 {
            self.finish();
        } else if let Some(hypothesis) = self.stream.partial() {
            self.tell(hypothesis, false);
        }
    }

    fn finish(&mut self) {
        self.phase = Phase::Idle;
        let hypothesis = self.stream.hypothesis();
        self.tell(hypothesis, true);
    }

    /// Gives the utterance up after a failed step; a final that is owed says what was understood until then.
    pub fn abandon(&mut self) {
        if self.phase == Phase::Finishing {
            self.finish();
        }
        self.phase = Phase::Idle;
    }

    fn tell(&mut self, hypothesis: Hypothesis, is_final: bool) {
        self.revision += 1;
        (self.sink)(RecognizeEvent {
            turn: self.turn,
            revision: self.revision,
            is_final,
            hypothesis,
            audio: self.stream.heard(),
        });
    }
}
