//! The timers of one call: each has one meaning and one slot, and the earliest is when the call wants to be woken.

use std::time::Instant;

/// What a call can be waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// The next packet is due.
    Slot,
    /// The receive path wants to be looked at although no packet came.
    Receive,
    /// Silence has lasted long enough to end the utterance.
    Endpoint,
    /// It must be decided whether speech over a prompt interrupts it.
    Decide,
    /// The utterance is too long.
    Utterance,
    /// The final hypothesis is late.
    Asr,
    /// The first act is late.
    Nlu,
    /// The whole answer is late: say so and ask again.
    NluHard,
    /// The audio of a clause is late, or stopped in its middle.
    Tts,
    /// Nothing was heard for so long that a filler is due.
    Filler,
    /// The caller has not answered.
    NoInput,
    /// No further key came.
    Keys,
    /// No packet came for too long.
    MediaTimeout,
    /// The call is too long.
    MaxCall,
    /// The last packets have had time to be heard.
    Linger,
    /// Nobody said how the transfer went.
    Transfer,
    /// A report to the peer is due (RFC 3550 §6.2).
    Report,
}

impl Timer {
    /// Every timer, in the order in which those due at one moment are handled.
    pub const ALL: [Self; 17] = [
        Self::Receive,
        Self::Endpoint,
        Self::Decide,
        Self::Utterance,
        Self::Asr,
        Self::Nlu,
        Self::NluHard,
        Self::Tts,
        Self::Filler,
        Self::Keys,
        Self::Slot,
        Self::NoInput,
        Self::MediaTimeout,
        Self::MaxCall,
        Self::Linger,
        Self::Transfer,
        Self::Report,
    ];
}

/// When each timer is due.
#[derive(Clone, Debug, Default)]
pub struct TimerTable {
    due: [Option<Instant>; Timer::ALL.len()],
}

impl TimerTable {
    /// Sets `timer`, replacing an earlier setting.
    pub fn set(&mut self, timer: Timer, at: Instant) {
        if let Some(slot) = self.due.get_mut(timer as usize) {
            *slot = Some(at);
        }
    }

    /// Sets `timer` or stops it.
    pub fn set_or_stop(&mut self, timer: Timer, at: Option<Instant>) {
        if let Some(slot) = self.due.get_mut(timer as usize) {
            *slot = at;
        }
    }

    /// Stops `timer`.
    pub fn stop(&mut self, timer: Timer) {
        self.set_or_stop(timer, None);
    }

    /// When `timer` is due.
    #[must_use]
    pub fn due(&self, timer: Timer) -> Option<Instant> {
        self.due.get(timer as usize).copied().flatten()
    }

    /// The earliest setting.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.due.iter().flatten().min().copied()
    }
}
