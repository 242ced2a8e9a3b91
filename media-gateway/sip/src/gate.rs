//! The guard with its counters and its clock: what both transports call for every message.

use crate::guard::{self, DropReason, Verdict};
use crate::limits::Sources;
use rsipstack::sip::SipMessage;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Counts of messages at the gate.
#[derive(Debug)]
pub(crate) struct Gate {
    sources: Mutex<Sources>,
    passed: AtomicU64,
    answered: AtomicU64,
    dropped: [AtomicU64; DropReason::ALL.len()],
}

/// What the gate has seen so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateStats {
    /// Messages that went on to the stack.
    pub passed: u64,
    /// Requests that were answered at the gate.
    pub answered: u64,
    /// Messages dropped, by reason, in the order of [`DropReason::ALL`].
    pub dropped: [u64; DropReason::ALL.len()],
}

impl Gate {
    pub(crate) fn new(sources: Sources) -> Self {
        Self {
            sources: Mutex::new(sources),
            passed: AtomicU64::default(),
            answered: AtomicU64::default(),
            dropped: Default::default(),
        }
    }

    /// Judges one message of `source`.
    pub(crate) fn judge(&self, now: Instant, bytes: &[u8], source: SocketAddr, len_max: usize) -> Verdict {
        let verdict = match self.admit(now, source) {
            Err(reason) => Verdict::Drop(reason),
            Ok(()) if bytes.len() > len_max => Verdict::Drop(DropReason::TooLong),
            Ok(()) => self.read(bytes, source),
        };
        self.count(&verdict);
        verdict
    }

    fn admit(&self, now: Instant, source: SocketAddr) -> Result<(), DropReason> {
        // A panic while the lock was held cannot leave the table in a state that matters.
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).admit(now, source.ip())
    }

    /// What passes here but cannot be read by the stack would be met with silence; it gets its 400 here.
    fn read(&self, bytes: &[u8], source: SocketAddr) -> Verdict {
        match guard::check(bytes, source) {
            Verdict::Pass(plain) if SipMessage::try_from(plain.as_slice()).is_err() => {
                guard::bad_request(&plain, source)
            }
            verdict => verdict,
        }
    }

    fn count(&self, verdict: &Verdict) {
        let outcome = match verdict {
            Verdict::Pass(_) => {
                self.passed.fetch_add(1, Ordering::Relaxed);
                "passed"
            }
            Verdict::Answer(_) => {
                self.answered.fetch_add(1, Ordering::Relaxed);
                "answered"
            }
            Verdict::Drop(reason) => {
                let index = DropReason::ALL.iter().position(|known| known == reason);
                if let Some(count) = index.and_then(|index| self.dropped.get(index)) {
                    count.fetch_add(1, Ordering::Relaxed);
                }
                reason.as_str()
            }
        };
        metrics::counter!("hualu_sip_messages_total", "outcome" => outcome).increment(1);
    }

    pub(crate) fn stats(&self) -> GateStats {
        let mut stats = GateStats {
            passed: self.passed.load(Ordering::Relaxed),
            answered: self.answered.load(Ordering::Relaxed),
            ..GateStats::default()
        };
        for (to, from) in stats.dropped.iter_mut().zip(&self.dropped) {
            *to = from.load(Ordering::Relaxed);
        }
        stats
    }
}
