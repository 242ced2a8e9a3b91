//! How much of what TCP peers sent may wait for the stack below, whose own queues have no bound.
//!
//! A message counts from when it is handed over until the stack takes it up. A connection that has too many waiting is
//! not read until there is room again, so that its peer is held up by TCP itself and no memory grows.

use rsipstack::transaction::endpoint::TransportEventInspector;
use rsipstack::transport::{SipAddr, TransportEvent};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Messages of one connection that may wait, and of all: at 64 KiB each, the longest, 64 MiB.
const PER_CONNECTION: usize = 64;
const ALL: usize = 1_024;
/// A stack that takes nothing up for so long is stuck, and the connection is closed.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// What waits, by connection.
#[derive(Default)]
pub(crate) struct Backlog {
    waiting: Mutex<Waiting>,
    room: Notify,
}

#[derive(Default)]
struct Waiting {
    /// The sum of `connections`.
    all: usize,
    connections: HashMap<SipAddr, usize>,
}

impl Backlog {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing between two changes of it can panic.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection begins with nothing waiting.
    pub(crate) fn open(&self, peer: &SipAddr) {
        self.close(peer);
        self.lock().connections.insert(peer.clone(), 0);
    }

    /// A connection is over; what still waits of it is dropped by the stack.
    pub(crate) fn close(&self, peer: &SipAddr) {
        let mut waiting = self.lock();
        let left = waiting.connections.remove(peer).unwrap_or_default();
        waiting.all -= left;
        drop(waiting);
        self.room.notify_waiters();
    }

    /// Waits until one more message of `peer` may be handed over; false when there was no room in time.
    pub(crate) async fn enter(&self, peer: &SipAddr) -> bool {
        let entered = async {
            loop {
                let room = self.room.notified();
                if self.try_enter(peer) {
                    return;
                }
                room.await;
            }
        };
        tokio::time::timeout(WAIT_MAX, entered).await.is_ok()
    }

    fn try_enter(&self, peer: &SipAddr) -> bool {
        let mut guard = self.lock();
        let waiting = &mut *guard;
        let has_room = waiting.all < ALL;
        let Some(count) = waiting.connections.get_mut(peer).filter(|count| has_room && **count < PER_CONNECTION) else {
            return false;
        };
        *count += 1;
        waiting.all += 1;
        true
    }

    /// The stack took up a message of `peer`.
    fn leave(&self, peer: &SipAddr) {
        let mut guard = self.lock();
        let waiting = &mut *guard;
        // None waits when the connection was closed meanwhile.
        let Some(count) = waiting.connections.get_mut(peer).filter(|count| **count > 0) else { return };
        *count -= 1;
        waiting.all -= 1;
        drop(guard);
        self.room.notify_waiters();
    }
}

/// Tells the backlog what the stack takes up.
pub(crate) struct TakenUp(pub(crate) Arc<Backlog>);

#[async_trait::async_trait]
impl TransportEventInspector for TakenUp {
    async fn handle(&self, event: TransportEvent) -> Option<TransportEvent> {
        if let TransportEvent::Incoming(_, _, peer) = &event {
            self.0.leave(peer);
        }
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::tcp_address;
    use std::net::SocketAddr;

    fn peer(port: u16) -> SipAddr {
        tcp_address(SocketAddr::from(([192, 0, 2, 1], port)))
    }

    #[tokio::test]
    async fn a_connection_waits_for_room() {
        let backlog = Arc::new(Backlog::default());
        backlog.open(&peer(1));
        for _ in 0..PER_CONNECTION {
            assert!(backlog.enter(&peer(1)).await);
        }
        assert!(!backlog.try_enter(&peer(1)));
        let waiting = tokio::spawn({
            let backlog = Arc::clone(&backlog);
            async move { backlog.enter(&peer(1)).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        backlog.leave(&peer(1));
        assert!(waiting.await.expect("it returns"), "there was room again");
        assert!(!backlog.try_enter(&peer(1)));
    }

    #[test]
    fn all_connections_together_are_bounded_and_a_closed_one_makes_room() {
        let backlog = Backlog::default();
        let connections = (ALL / PER_CONNECTION) as u16;
        for port in 0..=connections {
            backlog.open(&peer(port));
        }
        for port in 0..connections {
            for _ in 0..PER_CONNECTION {
                assert!(backlog.try_enter(&peer(port)));
            }
        }
        assert!(!backlog.try_enter(&peer(connections)));
        backlog.close(&peer(0));
        assert!(backlog.try_enter(&peer(connections)));
        backlog.leave(&peer(0));
        assert_eq!(backlog.lock().all, ALL - PER_CONNECTION + 1, "what a closed connection left behind counts once");
    }
}
