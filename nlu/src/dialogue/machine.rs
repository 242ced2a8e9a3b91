//! Executes steps until the conversation waits for something.

use super::chunks;
use super::guard::StepError;
use super::interpret::needs_confirm;
use super::reply::clauses;
use super::state::{Agreement, Cause, Filled, Frame, STACK_MAX, State, StateScope, Waiting};
use super::{Assistant, Output, Prefetch, Speculation};
use crate::bot::expr::Expr;
use crate::bot::guardrail::Before;
use crate::bot::model::{Op, Prompt, SlotConfirm};
use crate::bot::template::Template;
use crate::value::Value;
use chrono::NaiveDateTime;
use hualu_core::dialogue::{Act, Ask, Expect, Say, Span};

/// A flow that makes more steps than this without waiting runs in a circle.
const STEPS_MAX: usize = 500;

/// Clauses whose hearing is watched.
const MUST_SAY_MAX: usize = 16;

/// How a step is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// For the first time.
    Fresh,
    /// Again, after something else came between.
    Again,
}

/// Runs one conversation state for one event. On a speculation nothing but safe queries may leave it.
pub(super) struct Machine<'a> {
    pub assistant: &'a Assistant,
    pub state: &'a mut State,
    pub now: NaiveDateTime,
    pub acts: Vec<Act>,
    pub requests: Vec<Output>,
    pub is_speculative: bool,
    /// The speculation would have had to do something that cannot be undone.
    pub is_blocked: bool,
    /// Whether the caller may interrupt what is said now.
    pub interruptible: bool,
    pub prefetched: &'a mut Vec<Prefetch>,
    pub speculation: &'a mut Speculation,
    pub next_request: &'a mut u64,
}

impl Machine<'_> {
    /// What expressions see now.
    pub fn scope(&self) -> StateScope<'_> {
        StateScope { assistant: self.assistant, state: self.state, now: self.now }
    }

    /// Enters the bot's first flow.
    pub fn start(&mut self) {
        let entry = self.assistant.bot.entry;
        if self.may_enter(entry) {
            self.push(entry, Cause::Step);
        }
        self.run(Entry::Fresh);
    }

    /// Puts a flow on the stack.
    pub fn push(&mut self, flow: usize, cause: Cause) {
        self.state.note(format!("enter {}", self.assistant.bot.flows[flow].id));
        self.state.stack.push(Frame { flow, pc: 0, cause, agreed: None });
    }

    /// Executes steps from the top frame on until something is awaited.
    pub fn run(&mut self, mut entry: Entry) {
        self.state.waiting = Waiting::Nothing;
        for _ in 0..STEPS_MAX {
            let Some(op) = self.state.op(self.assistant) else {
                if self.state.stack.is_empty() {
                    return self.hang_up("completed");
                }
                entry = self.pop();
                continue;
            };
            if matches!(op, Op::Resume) {
                entry = self.pop();
                continue;
            }
            self.interruptible = self.state.step(self.assistant).is_none_or(|step| step.interruptible);
            let result = self.step(op, entry);
            self.interruptible = true;
            entry = Entry::Fresh;
            if let Err(error) = result {
                tracing::error!(bot = self.assistant.bot.id, %error, "a step failed");
                return self.give_up();
            }
            if self.state.waiting != Waiting::Nothing || self.is_blocked {
                return;
            }
        }
        tracing::error!(bot = self.assistant.bot.id, "a flow runs in a circle");
        self.give_up();
    }

    fn step(&mut self, op: &Op, entry: Entry) -> Result<(), StepError> {
        if let Some(frame) = self.state.stack.last()
            && entry == Entry::Fresh
        {
            self.say_due(&Before::Step { flow: frame.flow, at: frame.pc });
        }
        match op {
            Op::Say(prompt) => {
                self.say_variant(prompt, prompt.must_say)?;
                self.advance();
            }
            Op::Prompt(id) => {
                self.say_prompt(id)?;
                self.advance();
            }
            Op::Collect { slot, when } => {
                if self.holds(when.as_ref())? {
                    self.collect(slot)?
                } else {
                    self.advance()
                }
            }
            Op::Confirm { text, .. } => {
                self.say(text)?;
                self.state.question = text.skeleton();
                self.await_answer(Waiting::Confirm);
            }
            Op::Call { action, args, ok, error } => self.call(action, args, *ok, *error)?,
            Op::If { condition, otherwise } => {
                if condition.holds(&self.scope())? {
                    self.advance()
                } else {
                    self.jump(*otherwise)
                }
            }
            Op::Choose { prompt, again, .. } => {
                // Before anything was done for the caller there is nothing to ask "what else" about.
                let is_back = entry == Entry::Again && self.state.is_served;
                let text = if is_back { again.as_ref().or(prompt.as_ref()) } else { prompt.as_ref() };
                self.state.question = text.map(Template::skeleton).unwrap_or_default();
                if let Some(text) = text {
                    self.say(text)?;
                }
                self.await_answer(Waiting::Choice);
            }
            Op::Set(assignments) => {
                for (name, expr) in assignments {
                    let value = expr.eval(&self.scope())?;
                    self.state.set(self.assistant, name, value);
                }
                self.advance();
            }
            Op::Enter { flow, returns } => self.enter(*flow, *returns),
            Op::Jump(to) => self.jump(*to),
            Op::Handoff(queue) => self.transfer(queue),
            Op::End(disposition) => self.hang_up(disposition),
            Op::Resume => {}
        }
        Ok(())
    }

    fn enter(&mut self, flow: usize, returns: bool) {
        if self.state.stack.len() >= STACK_MAX {
            return self.give_up();
        }
        self.advance();
        if !self.may_enter(flow) {
            return;
        }
        if returns {
            self.push(flow, Cause::Step);
        } else if let Some(frame) = self.state.stack.last_mut() {
            (frame.flow, frame.pc) = (flow, 0);
            self.state.note(format!("enter {}", self.assistant.bot.flows[flow].id));
        }
    }

    /// Leaves the top flow; what it collected is forgotten unless it is kept for the call.
    pub fn pop(&mut self) -> Entry {
        let Some(frame) = self.state.stack.pop() else { return Entry::Fresh };
        let flow = &self.assistant.bot.flows[frame.flow];
        self.state.note(format!("leave {}", flow.id));
        for name in &flow.collects {
            let is_kept = self.assistant.bot.slots.get(name).is_some_and(|slot| slot.keep_for_call);
            let is_used_below =
                self.state.stack.iter().any(|below| self.assistant.bot.flows[below.flow].collects.contains(name));
            if !is_kept && !is_used_below {
                self.state.slots.remove(name);
                self.state.chunks.take_if(|chunks| chunks.slot == *name);
                self.state.counters.slot_tries.remove(name);
            }
        }
        self.state.is_served |= !flow.is_global;
        if !flow.is_global && !self.state.finished.contains(&frame.flow) {
            self.state.finished.push(frame.flow);
        }
        if frame.cause == Cause::Step {
            // A flow that was entered by a step hands its agreement back to no one.
            return Entry::Fresh;
        }
        if self.state.stack.len() > 1
            && !flow.is_global
            && let Some(text) = &self.assistant.bot.policies.resume_say
        {
            self.say_or_log(text);
        }
        Entry::Again
    }

    /// Goes to the next step.
    pub fn advance(&mut self) {
        if let Some(frame) = self.state.stack.last_mut() {
            frame.pc += 1;
        }
    }

    /// Goes to a step.
    pub fn jump(&mut self, to: usize) {
        if let Some(frame) = self.state.stack.last_mut() {
            frame.pc = to;
        }
    }

    fn holds(&self, when: Option<&Expr>) -> Result<bool, StepError> {
        Ok(when.map_or(Ok(true), |expr| expr.holds(&self.scope()))?)
    }

    fn collect(&mut self, name: &str) -> Result<(), StepError> {
        let Some(slot) = self.assistant.bot.slots.get(name) else {
            self.advance();
            return Ok(());
        };
        let Some(filled) = self.state.slots.get(name).cloned() else {
            if self.ask_for_rest(name) {
                return Ok(());
            }
            self.say(&slot.ask)?;
            self.state.question = slot.ask.skeleton();
            self.await_answer(Waiting::Slot(name.to_owned()));
            return Ok(());
        };
        if let Some((rule, say)) = &slot.validate
            && !rule.holds(&self.scope())?
        {
            self.say(say)?;
            self.state.slots.remove(name);
            self.state.question = say.skeleton();
            if self.count_try(name) {
                self.transfer("");
            } else {
                self.await_answer(Waiting::Slot(name.to_owned()));
            }
            return Ok(());
        }
        if needs_confirm(slot.confirm, filled.confidence)
            && !filled.is_settled
            && let Some(say) = &slot.confirm_say
        {
            self.say(say)?;
            self.state.question = say.skeleton();
            self.await_answer(Waiting::SlotConfirm(name.to_owned()));
            return Ok(());
        }
        if slot.confirm == SlotConfirm::Implicit
            && !filled.is_settled
            && let Some(say) = &slot.confirm_say
        {
            self.say(say)?;
        }
        self.settle(name);
        self.advance();
        Ok(())
    }

    /// Marks a slot's value as agreed or checked.
    pub fn settle(&mut self, name: &str) {
        if let Some(filled) = self.state.slots.get_mut(name) {
            filled.is_settled = true;
        }
    }

    /// Fills a slot with what the caller said.
    pub fn fill(&mut self, name: &str, value: Value, confidence: f32) {
        self.state.chunks.take_if(|chunks| chunks.slot == name);
        self.state.slots.insert(name.to_owned(), Filled { value, confidence, is_settled: false });
    }

    /// Counts a failed try at a slot; true when there were too many.
    pub fn count_try(&mut self, name: &str) -> bool {
        let tries = self.state.counters.slot_tries.entry(name.to_owned()).or_default();
        *tries += 1;
        self.assistant.bot.slots.get(name).is_some_and(|slot| *tries >= slot.tries_max)
    }

    /// The caller agreed to what was read out; holds for one action with the same values, and when it was a slot's
    /// value that was read out, for one that takes it.
    pub fn agree(&mut self, slot: Option<String>) {
        let values = self.state.values();
        if let Some(frame) = self.state.stack.last_mut() {
            frame.agreed = Some(Agreement { slot, values });
        }
    }

    /// Says a text in clauses, one that the step cannot do without.
    pub fn say(&mut self, text: &Template) -> Result<(), StepError> {
        if self.say_with(text, false)? { Ok(()) } else { Err(StepError::Barred) }
    }

    /// Says a prompt by its name.
    pub fn say_prompt(&mut self, id: &str) -> Result<(), StepError> {
        let Some(prompt) = self.assistant.bot.prompts.get(id) else { return Ok(()) };
        self.state.said_prompts.insert(id.to_owned());
        // What a guardrail asks for is owed until it was heard, whatever the prompt says of itself.
        let must_say = prompt.must_say || self.assistant.bot.guardrails.must_say.iter().any(|rule| rule.prompt == id);
        self.say_variant(prompt, must_say)
    }

    /// Says one of a prompt's variants; what a guardrail bars is left out.
    fn say_variant(&mut self, prompt: &Prompt, must_say: bool) -> Result<(), StepError> {
        self.state.variant = self.state.variant.wrapping_add(1);
        #[expect(clippy::cast_possible_truncation, reason = "below the number of variants")]
        let index = (self.state.variant % prompt.variants.len().max(1) as u64) as usize;
        let before = std::mem::replace(&mut self.interruptible, prompt.interruptible);
        let said = prompt.variants.get(index).map(|text| self.say_with(text, must_say));
        self.interruptible = before;
        said.transpose().map(|_| ())
    }

    /// Says a text whose failure must not stop the flow.
    pub fn say_or_log(&mut self, text: &Template) {
        if let Err(error) = self.say(text) {
            tracing::error!(%error, "a text cannot be said");
        }
    }

    /// Says a text unless a guardrail bars it; whether it was said.
    fn say_with(&mut self, text: &Template, must_say: bool) -> Result<bool, StepError> {
        let spans = text.spans(&self.scope())?;
        if self.is_barred(&spans) {
            self.state.note("refuse to say".to_owned());
            return Ok(false);
        }
        let says: Vec<Say> = clauses(&spans, self.interruptible, must_say);
        if must_say {
            // Full means that the gateway never reports what it played; the newest matter most.
            let turn = self.state.turn;
            self.state.must_say.extend(says.iter().map(|say| (say.clone(), turn)));
            let excess = self.state.must_say.len().saturating_sub(MUST_SAY_MAX);
            self.state.must_say.drain(..excess);
        }
        self.acts.extend(says.into_iter().map(Act::Say));
        Ok(true)
    }

    /// Says a text that is no template, as it stands, unless a guardrail bars it; whether it was said.
    pub fn quote(&mut self, text: &str) -> bool {
        let spans = [Span::plain(text)];
        if self.is_barred(&spans) {
            self.state.note("refuse to say".to_owned());
            return false;
        }
        self.acts.extend(clauses(&spans, self.interruptible, false).into_iter().map(Act::Say));
        true
    }

    /// Waits for the caller.
    pub fn await_answer(&mut self, waiting: Waiting) {
        self.state.waiting = waiting;
        self.state.keys.clear();
        let listen = self.state.listen(self.assistant);
        let no_input = listen.no_input.unwrap_or_default();
        self.acts.push(Act::Ask(Ask { expect: self.expect(), no_input, pauses: listen.pauses }));
    }

    /// What kind of answer is awaited now.
    pub fn expect(&self) -> Expect {
        match &self.state.waiting {
            Waiting::Confirm | Waiting::SlotConfirm(_) => Expect::YesNo,
            Waiting::Clarify(options) => {
                if options.len() == 1 {
                    Expect::YesNo
                } else {
                    Expect::Choice
                }
            }
            Waiting::Slot(name) => {
                let slot = self.assistant.bot.slots.get(name);
                slot.map_or(Expect::Free, |slot| chunks::expect(self.state, name, slot))
            }
            _ => Expect::Free,
        }
    }
}
