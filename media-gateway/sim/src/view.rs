//! What can be seen of a call from outside: what was heard, told, reported and recorded.

use crate::alphabet::Sound;
use crate::world::{Entry, World};
use hualu_core::dialogue::{CallEvent, CallInput};
use hualu_session::{Missed, SessionEvent, State, StereoFrame, TurnRecord};
use std::time::Duration;

/// How long one packet lasts.
pub(crate) const PACKET_TIME: Duration = Duration::from_millis(20);

impl World {
    /// All that the caller heard so far, read from the packets that were sent.
    #[must_use]
    pub fn heard(&self) -> String {
        self.bot_voice.words(&self.heard)
    }

    /// How long the caller has heard nothing.
    #[must_use]
    pub fn quiet(&self) -> Duration {
        PACKET_TIME * self.heard.iter().rev().take_while(|sound| **sound == Sound::Silence).count() as u32
    }

    /// When the caller began to hear `character`, counted from the start of the call.
    #[must_use]
    pub fn heard_at(&self, character: char) -> Option<Duration> {
        let at = self.heard.iter().position(|sound| *sound == Sound::Voice(character))?;
        Some(PACKET_TIME * at as u32)
    }

    /// The time since the start of the call.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// The payload type of the last packet that the caller was sent.
    #[must_use]
    pub const fn last_payload_type(&self) -> Option<u8> {
        self.last_payload_type
    }

    /// Who has the floor.
    #[must_use]
    pub fn state(&self) -> State {
        self.session.state()
    }

    /// Whether the call has ended.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.session.is_over()
    }

    /// Everything that the call did, and when.
    #[must_use]
    pub fn log(&self) -> &[(Duration, Entry)] {
        &self.log
    }

    /// What was recorded of both sides.
    #[must_use]
    pub fn tape(&self) -> &[StereoFrame] {
        &self.tape
    }

    /// What the dialogue was told, in order.
    pub fn told(&self) -> impl Iterator<Item = &CallInput> {
        self.log.iter().filter_map(|(_, entry)| if let Entry::Told(input) = entry { Some(input) } else { None })
    }

    /// The final hypotheses that the dialogue was given.
    #[must_use]
    pub fn finals(&self) -> Vec<String> {
        self.told()
            .filter_map(|input| match &input.event {
                CallEvent::Final { hypothesis, .. } => Some(hypothesis.text.reveal().clone()),
                _ => None,
            })
            .collect()
    }

    /// The events that the call reported.
    pub fn events(&self) -> impl Iterator<Item = &SessionEvent> {
        self.log.iter().filter_map(|(_, entry)| if let Entry::Event(event) = entry { Some(event) } else { None })
    }

    /// The records of the turns that are over.
    pub fn records(&self) -> impl Iterator<Item = &TurnRecord> {
        self.events()
            .filter_map(|event| if let SessionEvent::TurnEnded(record) = event { Some(&**record) } else { None })
    }

    /// The budgets that were missed.
    pub fn missed(&self) -> impl Iterator<Item = &Missed> {
        self.events()
            .filter_map(|event| if let SessionEvent::StageMissed(missed) = event { Some(missed) } else { None })
    }
}
