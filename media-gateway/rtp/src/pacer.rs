//! When to send: one slot per packet time, never a burst.
//!
//! A thread that wakes late sends at most two packets at once, and when it is later than 60 ms it drops the slots it
//! missed: catching up all of them at once would starve the packets that come in.

use std::time::{Duration, Instant};

/// The most slots handed out at once.
const SLOTS_MAX: u32 = 2;
/// A slot that is later than this is dropped.
const LATE_MAX: Duration = Duration::from_millis(60);

/// What is to be done now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Packets to send now: 0, 1 or 2.
    pub send: u32,
    /// Slots dropped before them: their audio is dropped too and their time counts as sent.
    pub skipped: u32,
}

/// The send clock of one stream.
#[derive(Clone, Copy, Debug)]
pub struct Pacer {
    next: Instant,
    period: Duration,
}

impl Pacer {
    /// The first slot is at `start`, then one every `period` (the packet time; at least 1 ms).
    #[must_use]
    pub fn new(start: Instant, period: Duration) -> Self {
        Self { next: start, period: period.max(Duration::from_millis(1)) }
    }

    /// When the next slot is due.
    #[must_use]
    pub const fn next_slot(&self) -> Instant {
        self.next
    }

    /// Takes the slots that are due at `now`. Call again at [`Self::next_slot`], which may have passed already.
    pub fn take(&mut self, now: Instant) -> Due {
        let Some(late) = now.checked_duration_since(self.next) else { return Due::default() };
        let overdue = u32::try_from(late.as_micros() / self.period.as_micros()).unwrap_or(u32::MAX - 1) + 1;
        let due = if late > LATE_MAX {
            Due { send: 1, skipped: overdue - 1 }
        } else {
            Due { send: overdue.min(SLOTS_MAX), skipped: 0 }
        };
        let slots = due.send.saturating_add(due.skipped);
        // An overflow would take centuries of lateness; start over from now rather than stop sending.
        let next = self.period.checked_mul(slots).and_then(|passed| self.next.checked_add(passed));
        self.next = next.unwrap_or(now);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ms, start};
    use proptest::prelude::*;

    #[test]
    fn one_slot_per_packet_time_however_often_it_is_asked() {
        let base = start();
        let mut pacer = Pacer::new(base, ms(20));
        let sent: Vec<u64> = (0..100).filter(|n| pacer.take(base + ms(*n)).send == 1).collect();
        assert_eq!(sent, [0, 20, 40, 60, 80]);
    }

    #[test]
    fn a_late_thread_catches_up_two_at_a_time() {
        let base = start();
        let mut pacer = Pacer::new(base, ms(20));
        assert_eq!(pacer.take(base + ms(59)), Due { send: 2, skipped: 0 });
        assert_eq!(pacer.take(base + ms(59)), Due { send: 1, skipped: 0 });
        assert_eq!(pacer.take(base + ms(59)), Due::default());
        assert_eq!(pacer.next_slot(), base + ms(60));
    }

    #[test]
    fn what_is_later_than_60_ms_is_dropped() {
        let base = start();
        let mut pacer = Pacer::new(base, ms(20));
        assert_eq!(pacer.take(base + ms(105)), Due { send: 1, skipped: 5 });
        assert_eq!(pacer.next_slot(), base + ms(120));
    }

    proptest! {
        #[test]
        fn slots_and_time_stay_together(steps in proptest::collection::vec(0_u64..200, 1..100)) {
            let base = start();
            let mut pacer = Pacer::new(base, ms(20));
            let (mut now, mut slots) = (base, 0);
            for step in steps {
                now += ms(step);
                let due = pacer.take(now);
                prop_assert!(due.send <= 2);
                slots += due.send + due.skipped;
                prop_assert_eq!(pacer.next_slot(), base + ms(20) * slots);
                prop_assert!(pacer.next_slot() + ms(60) > now, "never more than 60 ms behind after a call");
            }
        }
    }
}
