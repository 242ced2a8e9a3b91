//! What a command does to the conversation.

use super::interpret::{Command, Interpretation};
use super::machine::{Entry, Machine};
use super::state::{Cause, STACK_MAX, Waiting};
use crate::bot::model::{Allow, HandoffRule, Op};
use crate::faq;
use crate::value::Value;
use hualu_core::dialogue::Act;
use std::collections::BTreeSet;

impl Machine<'_> {
    /// Does what the caller wants.
    pub fn apply(&mut self, interpretation: Interpretation) {
        let Interpretation { command, best, emotion, .. } = interpretation;
        if let Some(best) = &best {
            self.state.note(format!("heard {} {:.2}: {}", best.intent, best.margin, command.name()));
        }
        if self.count_turn() {
            return self.transfer("");
        }
        if self.count_emotion(emotion) {
            return self.transfer("");
        }
        match &command {
            Command::Unknown { near } if self.ask_model(near) => return,
            Command::Unknown { near } => return self.no_match_near(near),
            Command::Clarify(options) => return self.clarify(options.clone()),
            _ => {
                self.state.counters.no_match = 0;
                self.state.counters.no_input = 0;
            }
        }
        match command {
            Command::Start { intent, values } => self.start_intent(&intent, values),
            Command::Fill { slot, value, confidence } => {
                self.fill(&slot, value, confidence);
                self.run(Entry::Fresh);
            }
            Command::Group { slot, step } => self.take_group(&slot, step),
            Command::Correct { slot, value } => self.correct(&slot, value),
            Command::Affirm => self.answer(true),
            Command::Deny => self.answer(false),
            Command::Choose(index) => self.choose(index),
            Command::Repeat => self.repeat(),
            Command::Cancel => self.cancel(),
            Command::Faq(found) => self.answer_faq(found),
            Command::Unknown { .. } | Command::Clarify(_) => {}
        }
    }

    /// Yes or no to whatever was asked.
    pub fn answer(&mut self, is_yes: bool) {
        self.state.note(format!("answer {}", if is_yes { "yes" } else { "no" }));
        match self.state.waiting.clone() {
            Waiting::Confirm => {
                let Some(Op::Confirm { set, yes, no, .. }) = self.state.op(self.assistant) else { return };
                if let Some(name) = set {
                    self.state.set(self.assistant, name, Value::Bool(is_yes));
                }
                if is_yes {
                    self.agree(None);
                }
                self.jump(if is_yes { *yes } else { *no });
                self.run(Entry::Fresh);
            }
            Waiting::SlotConfirm(name) => {
                if is_yes {
                    self.settle(&name);
                    self.agree(Some(name));
                } else {
                    let filled = self.state.slots.remove(&name);
                    if self.count_try(&name) {
                        return self.transfer("");
                    }
                    if let Some(filled) = filled {
                        self.doubt(&name, &filled.value);
                    }
                }
                self.run(Entry::Fresh);
            }
            Waiting::Clarify(options) => match options.first() {
                Some(only) if is_yes && options.len() == 1 => {
                    let intent = only.clone();
                    self.start_intent(&intent, Vec::new());
                }
                _ => self.no_match(),
            },
            _ => self.no_match(),
        }
    }

    fn choose(&mut self, index: usize) {
        let Some(Op::Choose { options, .. }) = self.state.op(self.assistant) else { return };
        if let Some(option) = options.get(index) {
            self.jump(option.goto);
            self.run(Entry::Fresh);
        }
    }

    /// Turns to an intent: a person, a global answer, or a flow.
    pub fn start_intent(&mut self, intent: &str, values: Vec<(String, Value, f32)>) {
        let count = self.state.counters.intents.entry(intent.to_owned()).or_default();
        *count += 1;
        let count = *count;
        let bot = &self.assistant.bot;
        let to_person =
            |rule: &HandoffRule| matches!(rule, HandoffRule::Intent { id, times } if id == intent && count >= *times);
        if bot.policies.handoff.rules.iter().any(to_person) {
            return self.transfer("");
        }
        if let Some(flow) = bot.policies.global.get(intent) {
            return self.digress(*flow, intent, Vec::new());
        }
        match bot.flow_of_intent(intent) {
            Some(flow) => self.digress(flow, intent, values),
            None => self.no_match(),
        }
    }

    fn digress(&mut self, flow: usize, intent: &str, values: Vec<(String, Value, f32)>) {
        let bot = &self.assistant.bot;
        if let Some(depth) = self.state.stack.iter().position(|frame| frame.flow == flow) {
            // It waits below already: everything above it is left.
            while self.state.stack.len() > depth + 1 {
                self.state.stack.pop();
            }
            for (slot, value, confidence) in values {
                self.fill(&slot, value, confidence);
            }
            return self.run(Entry::Again);
        }
        let is_free = bot.flows[flow].is_global || bot.intents.iter().any(|known| known.id == intent && known.global);
        let is_allowed = match &bot.policies.allow {
            Allow::All => true,
            Allow::Only(allowed) => allowed.iter().any(|known| known == intent),
        };
        if self.state.stack.len() > 1 && !is_free && !is_allowed || self.state.stack.len() >= STACK_MAX {
            self.say_or_log(&bot.policies.refuse_say);
            return self.run(Entry::Again);
        }
        if !self.may_enter(flow) {
            return self.no_match();
        }
        for (slot, value, confidence) in values {
            self.fill(&slot, value, confidence);
        }
        self.push(flow, Cause::Digression);
        self.run(Entry::Fresh);
    }

    /// A key that starts a flow from anywhere.
    pub fn start_by_key(&mut self, key: &str) -> bool {
        let Some(flow) = self.assistant.bot.flow_of_key(key) else { return false };
        self.state.note(format!("key starts {}", self.assistant.bot.flows[flow].id));
        self.digress(flow, "", Vec::new());
        true
    }

    /// A filled slot gets another value, or none and is asked for again: everything that depended on it is forgotten, and its flow goes on behind it.
    fn correct(&mut self, slot: &str, value: Value) {
        let flows = &self.assistant.bot.flows;
        let depth =
            self.state.stack.iter().rposition(|frame| flows[frame.flow].collects.iter().any(|name| name == slot));
        let Some(depth) = depth else { return self.no_match() };
        self.state.note(format!("correct {slot}"));
        self.state.stack.truncate(depth + 1);
        for name in self.dependents(slot) {
            self.state.results.remove(&name);
        }
        for frame in &mut self.state.stack {
            frame.agreed = None;
        }
        if value.is_null() {
            self.state.slots.remove(slot);
        } else {
            self.fill(slot, value, 1.0);
        }
        let steps = &flows[self.state.stack[depth].flow].steps;
        let at = steps.iter().position(|step| matches!(&step.op, Op::Collect { slot: known, .. } if known == slot));
        if let Some(at) = at {
            self.jump(at);
        }
        self.run(Entry::Fresh);
    }

    /// The results and variables that depend on a slot, directly or through others: answers of back ends, what was worked
    /// out from it, and what the caller said to a question that named it.
    fn dependents(&self, slot: &str) -> BTreeSet<String> {
        let mut changed: BTreeSet<String> = BTreeSet::from([slot.to_owned()]);
        loop {
            let before = changed.len();
            for action in self.assistant.bot.actions.values() {
                if action.inputs().any(|input| changed.contains(input)) {
                    changed.extend(action.results.iter().map(|(_, name)| name.clone()));
                }
            }
            for step in self.assistant.bot.flows.iter().flat_map(|flow| &flow.steps) {
                match &step.op {
                    Op::Set(assignments) => {
                        for (name, expr) in assignments {
                            if expr.names().iter().any(|input| changed.contains(input)) {
                                changed.insert(name.clone());
                            }
                        }
                    }
                    Op::Confirm { text, set: Some(name), .. } if text.names().any(|input| changed.contains(input)) => {
                        changed.insert(name.clone());
                    }
                    _ => {}
                }
            }
            if changed.len() == before {
                changed.remove(slot);
                return changed;
            }
        }
    }

    /// Quotes the bot's documents and comes back to what was going on.
    fn answer_faq(&mut self, found: faq::Match) {
        let Some(entry) = self.assistant.faq.entry(found.entry) else { return self.no_match() };
        self.state.note(format!("faq {} {:.2}", entry.source, found.score));
        if !self.quote(&entry.answer) {
            return self.no_match();
        }
        self.state.is_served = true;
        if self.state.stack.len() > 1
            && let Some(text) = &self.assistant.bot.policies.resume_say
        {
            self.say_or_log(text);
        }
        self.run(Entry::Again);
    }

    /// Says the last reply again.
    fn repeat(&mut self) {
        let said = self.state.said.clone();
        if said.is_empty() {
            return self.run(Entry::Again);
        }
        self.acts.extend(said.into_iter().map(Act::Say));
        let waiting = self.state.waiting.clone();
        self.await_answer(waiting);
    }

    /// Leaves the running flow. At the bottom there is nothing to leave: that is a no, or nothing was to be done.
    pub fn cancel(&mut self) {
        if self.state.stack.len() <= 1 {
            let by_no = match self.state.op(self.assistant) {
                Some(Op::Choose { options, .. }) => {
                    options.iter().position(|option| option.intent.as_deref() == Some("deny"))
                }
                _ => None,
            };
            return match by_no {
                Some(index) => self.choose(index),
                None => {
                    // A menu without words of its own for this would leave the caller in silence.
                    self.say_or_log(&self.assistant.bot.policies.cancel_say);
                    self.run(Entry::Again);
                }
            };
        }
        let say = &self.assistant.bot.policies.cancel_say;
        self.say_or_log(say);
        while self.state.stack.last().is_some_and(|frame| frame.cause == Cause::Step) && self.state.stack.len() > 1 {
            self.state.stack.pop();
        }
        let finished = self.state.finished.len();
        let entry = self.pop();
        self.state.finished.truncate(finished);
        self.run(if self.state.stack.len() == 1 { Entry::Again } else { entry });
    }
}

impl Command {
    /// Its name in the trace.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Start { .. } => "start_flow",
            Self::Fill { .. } => "set_slot",
            Self::Group { .. } => "add_group",
            Self::Correct { .. } => "correct_slot",
            Self::Affirm => "affirm",
            Self::Deny => "deny",
            Self::Choose(_) => "choose",
            Self::Clarify(_) => "clarify",
            Self::Repeat => "repeat",
            Self::Cancel => "cancel",
            Self::Faq(_) => "faq",
            Self::Unknown { .. } => "out_of_scope",
        }
    }
}
