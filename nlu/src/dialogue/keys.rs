//! Keys as answers: every question has a twin on the keypad.

use super::chunks;
use super::machine::{Entry, Machine};
use super::state::Waiting;
use crate::bot::model::Op;
use crate::entity::{self, Kind};

/// More keys than this in one answer are noise.
const KEYS_MAX: usize = 32;

impl Machine<'_> {
    /// Takes keys in the order in which they were pressed.
    pub fn press(&mut self, keys: &str) {
        if self.count_turn() {
            return self.transfer("");
        }
        let keys = keys.chars().filter(|key| key.is_ascii_digit() || matches!(key, '*' | '#')).take(KEYS_MAX);
        for (at, key) in keys.enumerate() {
            if matches!(self.state.waiting, Waiting::Over | Waiting::Action(_)) || self.is_blocked {
                return;
            }
            // Nobody agrees to a question that was not asked yet: keys that were pressed ahead end before it.
            if at > 0 && self.state.is_at_barrier() {
                return self.state.note("drop keys".to_owned());
            }
            self.key(key);
        }
    }

    fn key(&mut self, key: char) {
        let text = key.to_string();
        self.state.counters.no_input = 0;
        let is_taken = match self.state.waiting.clone() {
            Waiting::Slot(name) => self.key_for_slot(&name, key),
            Waiting::Confirm | Waiting::SlotConfirm(_) => self.key_for_yes_no(key),
            Waiting::Clarify(options) if options.len() == 1 => self.key_for_yes_no(key),
            Waiting::Clarify(options) => {
                match key.to_digit(10).and_then(|digit| options.get((digit as usize).wrapping_sub(1))) {
                    Some(intent) => {
                        let intent = intent.clone();
                        self.start_intent(&intent, Vec::new());
                        true
                    }
                    None => false,
                }
            }
            Waiting::Choice => self.key_for_choice(&text),
            Waiting::Nothing | Waiting::Action(_) | Waiting::Over => false,
        };
        if is_taken || self.start_by_key(&text) {
            self.state.counters.no_match = 0;
        } else if key == '*' {
            self.run(Entry::Again);
        } else {
            self.no_match();
        }
    }

    fn key_for_yes_no(&mut self, key: char) -> bool {
        match key {
            '1' => self.answer(true),
            '2' => self.answer(false),
            _ => return false,
        }
        true
    }

    fn key_for_choice(&mut self, key: &str) -> bool {
        let Some(Op::Choose { options, .. }) = self.state.op(self.assistant) else { return false };
        let Some(option) = options.iter().find(|option| option.key.as_deref() == Some(key)) else { return false };
        self.jump(option.goto);
        self.run(Entry::Fresh);
        true
    }

    fn key_for_slot(&mut self, name: &str, key: char) -> bool {
        let Some(slot) = self.assistant.bot.slots.get(name) else { return false };
        if self.state.keys.is_empty()
            && let Some(value) = slot.keys.map.get(&key.to_string())
        {
            let value = entity::of_key(&slot.kind, value, &self.assistant.pronouncer, self.now);
            self.fill(name, value, 1.0);
            self.run(Entry::Fresh);
            return true;
        }
        if let Kind::List(list) = &slot.kind
            && slot.keys.map.is_empty()
            && let Some(value) = key.to_digit(10).and_then(|digit| list.value((digit as usize).wrapping_sub(1)))
        {
            // A list without keys of its own is counted through.
            let value = value.clone();
            self.fill(name, value, 1.0);
            self.run(Entry::Fresh);
            return true;
        }
        let length = slot.keys.length.or(slot.kind.keys_len());
        let ends = slot.keys.terminator == Some(key) || (key == '#' && !self.state.keys.is_empty());
        if !ends {
            let is_taken =
                key.is_ascii_digit() || (key == '*' && slot.kind.takes_star() && !self.state.keys.is_empty());
            if !is_taken || (length.is_none() && slot.keys.terminator.is_none()) {
                return false;
            }
            self.state.keys.push(key);
            if length.is_none_or(|length| chunks::keyed(self.state, name, slot).len() < length) {
                return self.state.keys.len() <= KEYS_MAX;
            }
        }
        let keys = chunks::keyed(self.state, name, slot);
        self.state.keys.clear();
        let Some(value) = slot.kind.keyed(&keys, self.now) else { return false };
        self.fill(name, value, 1.0);
        self.run(Entry::Fresh);
        true
    }
}
