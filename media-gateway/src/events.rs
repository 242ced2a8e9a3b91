//! What a gateway tells whoever started it: calls, turns and their ends, as they happen.

use hualu_core::{CallId, Pii};
use hualu_session::{Termination, TurnRecord};
use tokio::sync::broadcast;

/// Events that wait for a slow listener. Full means that the listener misses the oldest ones, and is told how many.
const QUEUE: usize = 1_024;

/// One thing worth telling.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum GatewayEvent {
    /// A call was answered.
    Started {
        /// The call.
        call: CallId,
        /// The calling number.
        caller: Pii<String>,
        /// The called number.
        called: Pii<String>,
    },
    /// A turn of it is over.
    Turn {
        /// The call.
        call: CallId,
        /// What it came to.
        record: Box<TurnRecord>,
    },
    /// The call is over.
    Ended {
        /// The call.
        call: CallId,
        /// Why.
        termination: Termination,
    },
    /// The gateway has stopped: nothing follows.
    Stopped,
}

/// The sending side, shared by all calls.
#[derive(Clone, Debug)]
pub(crate) struct EventSender(broadcast::Sender<GatewayEvent>);

impl EventSender {
    pub fn new() -> Self {
        Self(broadcast::channel(QUEUE).0)
    }

    pub fn send(&self, event: GatewayEvent) {
        // Nobody listening is no fault.
        let _ = self.0.send(event);
    }

    pub fn subscribe(&self) -> broadcast::Receiver<GatewayEvent> {
        self.0.subscribe()
    }
}
