//! Keys pressed: single ones answer at once, numbers are collected.

use crate::call::CallSession;
use crate::deadline::Timer;
use crate::record::{Cause, Outcome};
use hualu_core::Pii;
use hualu_core::dialogue::{CallEvent, Expect};
use hualu_core::speech::RecognizeCommand;
use hualu_rtp::Key;

/// Keys kept; more than any number has are dropped.
const KEYS_MAX: usize = 32;

/// How a key reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// As an event on the audio path (RFC 4733).
    Event,
    /// By signalling.
    Signalling,
}

/// Keys on their way to the dialogue.
#[derive(Default)]
pub(crate) struct KeyBuffer {
    keys: String,
    entered: bool,
    /// The way by which the first key came. A peer that sends each key both ways is heard on this one only.
    way: Option<Way>,
}

impl KeyBuffer {
    /// Takes a key; `expect` tells when the answer is whole.
    fn press(&mut self, key: Key, expect: Expect) {
        let ends = match expect {
            Expect::Digits { len_max, .. } => {
                let ends = key.as_char() == '#' && !self.keys.is_empty();
                if !ends && self.keys.len() < KEYS_MAX {
                    self.keys.push(key.as_char());
                }
                ends || self.keys.len() >= usize::from(len_max)
            }
            _ => {
                if self.keys.len() < KEYS_MAX {
                    self.keys.push(key.as_char());
                }
                true
            }
        };
        self.entered |= ends;
    }

    /// Whether keys that come this way count.
    fn admits(&mut self, way: Way) -> bool {
        *self.way.get_or_insert(way) == way
    }

    /// The media was renegotiated: another peer may send its keys by another way.
    pub(crate) const fn forget_way(&mut self) {
        self.way = None;
    }

    /// No more keys came: what there is, is the answer.
    pub(crate) const fn close(&mut self) {
        self.entered = !self.keys.is_empty();
    }

    pub(crate) const fn is_entered(&self) -> bool {
        self.entered
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn take(&mut self) -> String {
        self.entered = false;
        std::mem::take(&mut self.keys)
    }
}

impl CallSession {
    pub(crate) fn on_signalled_key(&mut self, key: Key) {
        self.on_key(key, Way::Signalling);
    }

    pub(crate) fn on_key(&mut self, key: Key, way: Way) {
        if !self.keys.admits(way) || self.leave.is_some() || self.reply.finish.is_some() {
            return;
        }
        self.keys.press(key, self.asked.expect);
        self.timers.stop(Timer::NoInput);
        self.timers.set(Timer::Keys, self.now + self.config.turn.key_gap);
    }

    /// Keys stop a prompt that may be stopped; behind another they wait for its end.
    pub(crate) fn wants_hush(&self) -> bool {
        !self.keys.is_empty() && self.reply.is_interruptible()
    }

    pub(crate) fn hush_for_keys(&mut self) {
        self.hush();
        self.close_record(Outcome::Interrupted);
    }

    /// The keys are the answer; words spoken at the same time are not.
    pub(crate) fn put_keys(&mut self) {
        self.timers.stop(Timer::Keys);
        self.abandon_utterance();
        self.begin_turn(Cause::Keys, Outcome::Joined);
        let keys = Pii::new(self.keys.take());
        self.exchange.record.text = keys.clone();
        if let Some(target) = self.menu_target(keys.reveal()) {
            return self.hand_over(target);
        }
        self.put(CallEvent::Keys(keys));
    }

    /// Where a key of the menu that was offered leads.
    fn menu_target(&self, keys: &str) -> Option<String> {
        let menu = self.config.prompts.menu.as_ref().filter(|_| self.menu_open)?;
        let mut keys = keys.chars();
        let key = keys.next().filter(|_| keys.next().is_none())?;
        menu.keys.get(&key).cloned()
    }

    /// Closes a recognition that nobody wants any more.
    pub(crate) fn abandon_utterance(&mut self) {
        self.ears.dismiss();
        self.drop_probe();
        if self.open {
            self.open = false;
            self.recognize(RecognizeCommand::Cancel { turn: self.exchange.turn() });
        }
    }
}
