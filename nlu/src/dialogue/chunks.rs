//! A number that is given in groups: each is read back, and the bot listens on until the number is whole.

use super::interpret::Command;
use super::machine::Machine;
use super::reply::clauses;
use super::state::{State, Waiting};
use crate::bot::model::Slot;
use crate::entity::groups::{Groups, Note, Step, take};
use crate::utterance::Utterance;
use crate::value::Value;
use hualu_core::dialogue::{Act, Expect, SayAs, Span};

/// A number that is not whole after so many turns is not understood.
const TURNS_MAX: u32 = 12;

/// What is known of an awaited number.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Chunks {
    /// The slot that it is for.
    pub slot: String,
    pub groups: Groups,
    /// In how many turns it was spoken of.
    pub turns: u32,
}

/// What the words do to the number that a chunked slot awaits, keys that were pressed before them included.
pub(super) fn interpret(state: &State, name: &str, slot: &Slot, readings: &[Utterance]) -> Option<Command> {
    let form = slot.kind.form().filter(|_| slot.chunked)?;
    let step = take(form, &known(state, name), readings)?;
    Some(match step.whole(form) {
        Some((value, confidence)) => Command::Fill { slot: name.to_owned(), value, confidence },
        None => Command::Group { slot: name.to_owned(), step },
    })
}

/// Another number for a slot that is filled, by what is wrong with it: 不对，最后一位是八.
pub(super) fn correct(slot: &Slot, filled: &Value, readings: &[Utterance]) -> Option<Value> {
    let form = slot.kind.form()?;
    let step = take(form, &Groups::new(&filled.plain()), readings)?;
    step.whole(form).map(|(value, _)| value)
}

fn known(state: &State, name: &str) -> Groups {
    let mut groups = state
        .chunks
        .as_ref()
        .filter(|chunks| chunks.slot == name)
        .map_or_else(Groups::default, |chunks| chunks.groups.clone());
    groups.push(&state.keys);
    groups
}

/// The keys of an answer, behind the groups that were said before them unless they begin the number anew.
pub(super) fn keyed(state: &State, name: &str, slot: &Slot) -> String {
    let said = state.chunks.as_ref().filter(|chunks| slot.chunked && chunks.slot == name);
    let said = said.map_or("", |chunks| chunks.groups.text());
    // Three keys that are those of the beginning are hardly the rest by chance.
    let begins_alike = state.keys.len() >= 3 && said.starts_with(&state.keys);
    let is_anew = said.contains('?') || state.keys.starts_with(said) || begins_alike;
    if is_anew { state.keys.clone() } else { format!("{said}{}", state.keys) }
}

/// What is awaited of a number of which this much is known.
pub(super) fn expect(state: &State, name: &str, slot: &Slot) -> Expect {
    let Some(form) = slot.kind.form().filter(|_| slot.chunked) else { return slot.kind.expect() };
    let groups = known(state, name);
    let left = form.len_max().saturating_sub(groups.text().len()).max(1);
    // A group may be short, and a correction may be any part of the number.
    Expect::Digits { len_min: 1, len_max: u8::try_from(left).unwrap_or(u8::MAX) }
}

impl Machine<'_> {
    /// Takes a group and listens for the next one.
    pub fn take_group(&mut self, name: &str, step: Step) {
        let turns =
            self.state.chunks.as_ref().filter(|chunks| chunks.slot == name).map_or(0, |chunks| chunks.turns) + 1;
        let is_hopeless = turns >= TURNS_MAX || matches!(step.note, Note::Impossible) && self.count_try(name);
        if is_hopeless {
            self.state.chunks = None;
            return self.transfer("");
        }
        let spans = self.answer_to(name, &step);
        self.state.chunks = Some(Chunks { slot: name.to_owned(), groups: step.groups, turns });
        let interruptible = self.interruptible;
        self.acts.extend(clauses(&spans, interruptible, false).into_iter().map(Act::Say));
        self.await_answer(Waiting::Slot(name.to_owned()));
    }

    /// Asks for the rest of a number that something else came into the middle of.
    pub fn ask_for_rest(&mut self, name: &str) -> bool {
        let Some(groups) =
            self.state.chunks.as_ref().filter(|chunks| chunks.slot == name).map(|chunks| chunks.groups.clone())
        else {
            return false;
        };
        if groups.is_empty() {
            return false;
        }
        let digits = self.digits(name, groups.text());
        let spans = if groups.is_doubted() {
            [Span::plain("我记的是"), digits, Span::plain("，请把不对的几位或者整个号码再说一遍。")]
        } else {
            [Span::plain("刚才记到"), digits, Span::plain("，请继续。")]
        };
        let interruptible = self.interruptible;
        self.acts.extend(clauses(&spans, interruptible, false).into_iter().map(Act::Say));
        self.await_answer(Waiting::Slot(name.to_owned()));
        true
    }

    /// The number that was read back is wrong: asks for what is wrong in it.
    pub fn doubt(&mut self, name: &str, value: &Value) {
        let is_chunked =
            self.assistant.bot.slots.get(name).is_some_and(|slot| slot.chunked && slot.kind.form().is_some());
        if is_chunked {
            let groups = Groups::doubted(&value.plain());
            self.state.chunks = Some(Chunks { slot: name.to_owned(), groups, turns: 0 });
        }
    }

    fn answer_to(&self, name: &str, step: &Step) -> Vec<Span> {
        let text = step.groups.text();
        let plain = |text: &str| vec![Span::plain(text)];
        let with = |before: &str, digits: &str, after: &str| {
            let mut spans = vec![Span::plain(before), self.digits(name, digits), Span::plain(after)];
            spans.retain(|span| !span.text.is_empty());
            spans
        };
        match step.note {
            // Where places are still open in the middle, what was heard is clearer than what is known.
            Note::Added if text.contains('?') => {
                with("", step.groups.last_group().trim_matches('?'), "，还差前面几位，请继续。")
            }
            Note::Added => with("", step.groups.last_group(), "，请继续。"),
            Note::Changed if !text.contains('?') => with("好的，改为", text, "，请继续。"),
            Note::Changed => plain("好的，改好了，请继续。"),
            Note::Waits => plain("好的，不着急，您请说。"),
            Note::Missing(missing) => with("现在是", text, &format!("，还差{missing}位，请继续。")),
            Note::Again if text.is_empty() => plain("好的，请从头再说一遍。"),
            Note::Again => with("好的，前面是", text, "，后面请再说一遍。"),
            Note::TooLong if text.is_empty() => plain("位数好像多了，请再说一遍。"),
            Note::TooLong => with("位数好像多了，前面记的是", text, "，请接着说后面的。"),
            Note::Impossible if text.is_empty() => plain("这个号码好像不对，请从头再说一遍。"),
            Note::Impossible => with("我记的是", text, "，好像有一位不对，请问哪一位要改？"),
            Note::Whole(_) => Vec::new(),
        }
    }

    fn digits(&self, name: &str, text: &str) -> Span {
        let personal = self.assistant.bot.slots.get(name).is_none_or(|slot| slot.sensitive);
        Span { text: text.to_owned(), say_as: SayAs::Digits, personal }
    }
}
