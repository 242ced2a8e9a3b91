//! What one answer gives while a value is awaited, without a conversation around it: for judging the grammars.

use super::Assistant;
use super::interpret::{Command, interpret};
use super::state::{State, Waiting};
use crate::entity::{self, Kind, Mode};
use crate::utterance::Utterance;
use crate::value::Value;
use chrono::NaiveDateTime;
use hualu_core::CallId;
use hualu_core::dialogue::{CallStarted, Hypothesis};
use std::collections::BTreeMap;

impl Assistant {
    /// What the slot `name` holds; for a name that is no slot of the bot, the kind of that name with its defaults.
    #[must_use]
    pub fn awaited_kind(&self, name: &str) -> Option<Kind> {
        self.bot.slots.get(name).map(|slot| slot.kind.clone()).or_else(|| Kind::plain(name))
    }

    /// The value that `heard` gives in the first answer to the question for a slot, or for a bare kind, as
    /// [`Self::awaited_kind`] finds it. Nothing when the words are taken for something else, or for a part of a number.
    #[must_use]
    pub fn read_answer(&self, name: &str, heard: &Hypothesis, now: NaiveDateTime) -> Option<Value> {
        let readings = Utterance::all(heard, &self.pronouncer);
        let Some(slot) = self.bot.slots.get(name) else {
            let kind = Kind::plain(name)?;
            let found = readings.iter().find_map(|one| entity::find(&kind, one, Mode::Awaited, now).into_iter().next());
            return found.filter(|found| kind.form().is_none() || !found.is_open).map(|found| found.value);
        };
        let (caller, called) = (String::new().into(), String::new().into());
        let call =
            CallStarted { call: CallId::new(""), bot: String::new(), caller, called, variables: BTreeMap::new() };
        let mut state = State::new(0, call);
        state.waiting = Waiting::Slot(name.to_owned());
        state.question = slot.ask.skeleton();
        match interpret(self, &state, &readings, now).command {
            Command::Fill { slot, value, .. } if slot == name => Some(value),
            _ => None,
        }
    }
}
