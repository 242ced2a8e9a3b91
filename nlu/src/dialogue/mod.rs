//! One conversation: what happens in a call goes in, what to do comes out.
//!
//! Deterministic and without I/O: the time is an argument, requests to back ends are handed out as [`Output::Run`] and
//! their results handed in with [`Conversation::action_done`]. Partials are answered from a copy of the state, so that
//! a guess never changes what was agreed.

mod answer;
mod apply;
mod assistant;
mod calls;
mod chunks;
mod completeness;
mod guard;
mod interpret;
mod keys;
mod machine;
mod partial;
mod propose;
mod repair;
mod reply;
mod request;
#[cfg(test)]
mod soak;
mod state;

pub use assistant::{Assistant, AssistantError};
pub(crate) use reply::clauses;
pub use request::{ActionFault, ActionOutcome, ActionRequest, Await};
pub use state::TraceEntry;

use crate::bot::expr::Scope as _;
use crate::bot::guardrail::Before;
use crate::utterance::Utterance;
use chrono::{DateTime, NaiveDateTime, Utc};
use hualu_core::dialogue::{Act, CallEvent, CallInput, Completeness, Heard, Hypothesis, Say, TurnAct, Understanding};
use interpret::interpret;
use machine::{Entry, Machine};
use partial::Draft;
use state::{State, StateScope, Waiting};
use std::sync::Arc;

/// What a conversation wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// To the call.
    Act(TurnAct),
    /// To a back end.
    Run(ActionRequest),
    /// The turn goes on when this request's result is there.
    Await(Await),
}

/// Queries that were sent on a guess.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Speculation {
    /// How many were sent.
    pub sent: u32,
    /// How many of them the turn that followed could use.
    pub used: u32,
}

/// A request that was sent on a guess, and its result once it is there.
#[derive(Clone, Debug)]
pub(crate) struct Prefetch {
    request: ActionRequest,
    outcome: Option<ActionOutcome>,
}

/// The state of one call's dialogue.
#[derive(Debug)]
pub struct Conversation {
    assistant: Arc<Assistant>,
    seed: u64,
    state: Option<State>,
    draft: Option<Draft>,
    /// Results of guesses that the committed turn may use.
    prefetched: Vec<Prefetch>,
    speculation: Speculation,
    next_request: u64,
    /// Words that came while an action ran; the last ones, to be handled after it.
    held: Option<Hypothesis>,
    /// The caller speaks: partials came and their final has not. Acts of this turn would be dropped until then.
    is_speaking: bool,
    /// A result that came while the caller spoke.
    late: Option<(u64, ActionOutcome)>,
}

impl Conversation {
    /// A conversation that has not begun; `seed` decides between variants of prompts.
    #[must_use]
    pub fn new(assistant: Arc<Assistant>, seed: u64) -> Self {
        Self {
            assistant,
            seed,
            state: None,
            draft: None,
            prefetched: Vec::new(),
            speculation: Speculation::default(),
            next_request: 0,
            held: None,
            is_speaking: false,
            late: None,
        }
    }

    /// The bot that it is held with.
    #[must_use]
    pub fn assistant(&self) -> &Assistant {
        &self.assistant
    }

    /// Whether the bot has ended or handed over the call.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.waiting == Waiting::Over)
    }

    /// What came of guesses so far.
    #[must_use]
    pub const fn speculation(&self) -> Speculation {
        self.speculation
    }

    /// The newest transitions, oldest first; without personal data.
    pub fn trace(&self) -> impl Iterator<Item = &TraceEntry> {
        self.state.iter().flat_map(|state| &state.trace)
    }

    /// A slot or variable in its written form, for tests and tools.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<hualu_core::Pii<String>> {
        let state = self.state.as_ref()?;
        let scope = StateScope { assistant: &self.assistant, state, now: NaiveDateTime::MIN };
        let value = scope.value(name);
        (!value.is_null()).then(|| value.plain().into())
    }

    /// Takes one event. Events that need no answer ([`CallEvent::Heard`], [`CallEvent::BargeIn`],
    /// [`CallEvent::HangUp`]) give none; all others end with an act whose `last` is set, at once or when the action
    /// that they wait for is done.
    pub fn handle(&mut self, now: DateTime<Utc>, input: CallInput) -> Vec<Output> {
        let now = self.local(now);
        let turn = input.turn;
        if let CallEvent::Started(call) = input.event {
            if self.state.is_some() {
                // A call starts once; whoever says so again is answered like any event without an answer.
                return Vec::new();
            }
            let mut state = State::new(self.seed, call);
            state.turn = turn;
            self.state = Some(state);
            return self.commit(now, |machine| machine.start());
        }
        let Some(state) = self.state.as_mut() else { return Vec::new() };
        if state.waiting == Waiting::Over && !matches!(input.event, CallEvent::HangUp { .. }) {
            return Vec::new();
        }
        // What was heard of a reply is told under the reply's turn; that takes nobody back to it.
        if !matches!(input.event, CallEvent::Heard(_) | CallEvent::BargeIn(_)) {
            state.turn = turn;
            state.newest = state.newest.max(turn);
        }
        state.is_answering |=
            matches!(input.event, CallEvent::Final { .. } | CallEvent::Keys(_) | CallEvent::Silence(_));
        match input.event {
            CallEvent::Started(_) | CallEvent::HangUp { .. } => Vec::new(),
            CallEvent::Heard(heard) => {
                state.heard(&heard);
                Vec::new()
            }
            CallEvent::BargeIn(heard) => {
                state.cut(&heard);
                Vec::new()
            }
            CallEvent::Partial { hypothesis, revision } => {
                self.is_speaking = true;
                self.partial(now, &hypothesis, revision)
            }
            CallEvent::Final { hypothesis, .. } => {
                self.is_speaking = false;
                self.heard_words(now, hypothesis)
            }
            CallEvent::Keys(keys) => self.without_words(now, |machine| machine.press(keys.reveal())),
            CallEvent::Silence(_) => self.without_words(now, |machine| machine.no_input()),
        }
    }

    /// Keys and silence: while an action runs the caller is asked to wait.
    fn without_words(&mut self, now: NaiveDateTime, run: impl FnOnce(&mut Machine<'_>)) -> Vec<Output> {
        self.is_speaking = false;
        self.draft = None;
        self.prefetched.clear();
        if let Some(state) = &mut self.state
            && state.proposal.is_some()
        {
            state.drop_proposal();
            self.late = None;
        }
        if let Some((id, outcome)) = self.late.take() {
            return self.finish_action(now, id, &outcome);
        }
        self.commit(now, |machine| {
            if matches!(machine.state.waiting, Waiting::Action(_)) { machine.say_wait() } else { run(machine) }
        })
    }

    fn local(&self, now: DateTime<Utc>) -> NaiveDateTime {
        now.with_timezone(&self.assistant.bot.zone).naive_local()
    }

    fn heard_words(&mut self, now: NaiveDateTime, hypothesis: Hypothesis) -> Vec<Output> {
        self.draft = None;
        let Some(state) = self.state.as_mut() else { return Vec::new() };
        // New words are better than a guess at the old ones.
        if state.proposal.is_some() {
            state.drop_proposal();
            self.late = None;
        }
        if state.turn < state.newest && state.is_at_barrier() {
            // Words that come this late were said before the question; they agree to nothing.
            state.note("late words at a barrier".to_owned());
            return self.commit(now, |_| ());
        }
        let readings = Utterance::all(&hypothesis, &self.assistant.pronouncer);
        let interpretation = interpret(&self.assistant, state, &readings, now);
        let understanding = self.understand(&interpretation, &readings, now);
        let Some(state) = self.state.as_mut() else { return Vec::new() };
        if matches!(state.waiting, Waiting::Action(_)) {
            // A person is always within reach; everything else waits for the action.
            let wants_person = interpretation.is_accepted
                && interpretation.best.as_ref().is_some_and(|best| self.assistant.is_person(&best.intent));
            if !wants_person {
                return self.hold(now, hypothesis, understanding);
            }
            self.late = None;
        }
        if let Some(best) = readings.first().filter(|best| !best.is_empty()) {
            state.last_words = best.text();
        }
        let outputs = self.commit(now, |machine| {
            machine.acts.push(Act::Understanding(understanding));
            machine.apply(interpretation);
        });
        self.prefetched.clear();
        outputs
    }

    /// Words that came while an action runs wait for its result.
    fn hold(&mut self, now: NaiveDateTime, hypothesis: Hypothesis, understanding: Understanding) -> Vec<Output> {
        self.held = (!hypothesis.text.reveal().is_empty()).then_some(hypothesis);
        let late = self.late.take();
        let is_late = late.is_some();
        let mut outputs = self.commit(now, |machine| {
            machine.acts.push(Act::Understanding(understanding));
            if !is_late {
                machine.say_wait();
            }
        });
        if let Some((id, outcome)) = late {
            outputs.extend(self.finish_action(now, id, &outcome));
        }
        outputs
    }

    /// Takes the result of a request.
    pub fn action_done(&mut self, now: DateTime<Utc>, id: u64, outcome: ActionOutcome) -> Vec<Output> {
        let now = self.local(now);
        if !self.state.as_ref().is_some_and(|state| state.waiting == Waiting::Action(id)) {
            return self.draft_result(now, id, outcome);
        }
        if self.is_speaking {
            self.late = Some((id, outcome));
            return Vec::new();
        }
        self.finish_action(now, id, &outcome)
    }

    fn finish_action(&mut self, now: NaiveDateTime, id: u64, outcome: &ActionOutcome) -> Vec<Output> {
        debug_assert!(self.state.as_ref().is_some_and(|state| state.waiting == Waiting::Action(id)));
        let mut outputs = self.commit(now, |machine| {
            machine.take_result(outcome);
            if machine.state.waiting == Waiting::Nothing {
                machine.run(Entry::Fresh);
            }
        });
        self.handle_held(now, &mut outputs);
        outputs
    }

    /// Words that came while the action ran are answered now, unless the bot has asked something else since.
    fn handle_held(&mut self, now: NaiveDateTime, outputs: &mut Vec<Output>) {
        let is_waiting =
            self.state.as_ref().is_some_and(|state| matches!(state.waiting, Waiting::Action(_) | Waiting::Over));
        if is_waiting {
            return;
        }
        let Some(hypothesis) = self.held.take() else { return };
        let is_open = self.state.as_ref().is_some_and(|state| state.waiting == Waiting::Choice);
        if !is_open {
            return;
        }
        for output in outputs.iter_mut() {
            if let Output::Act(act) = output {
                act.last = false;
            }
        }
        outputs.extend(self.heard_words(now, hypothesis));
    }

    /// A request that the turn waits for is slow: says the action's filler.
    pub fn action_slow(&mut self, now: DateTime<Utc>, id: u64) -> Vec<Output> {
        let now = self.local(now);
        match &self.state {
            Some(state) if state.waiting == Waiting::Action(id) && !self.is_speaking => {
                self.commit(now, |machine| machine.say_filler())
            }
            _ => Vec::new(),
        }
    }

    /// Runs the machine on the committed state and wraps what it did.
    fn commit(&mut self, now: NaiveDateTime, run: impl FnOnce(&mut Machine<'_>)) -> Vec<Output> {
        let Some(state) = self.state.as_mut() else { return Vec::new() };
        let acts = state.take_owed().into_iter().map(Act::Say).collect();
        let mut machine = Machine {
            assistant: &self.assistant,
            state,
            now,
            acts,
            requests: Vec::new(),
            is_speculative: false,
            is_blocked: false,
            interruptible: true,
            prefetched: &mut self.prefetched,
            speculation: &mut self.speculation,
            next_request: &mut self.next_request,
        };
        if machine.state.is_answering && machine.state.turn >= machine.state.newest {
            machine.say_due(&Before::FirstReply);
        }
        run(&mut machine);
        let (mut acts, requests) = (machine.acts, machine.requests);
        sound(&mut acts, &self.assistant.pronouncer);
        let said: Vec<Say> = replies(&acts).cloned().collect();
        if !said.is_empty() {
            state.said = said;
        }
        wrap(state, 0, acts, requests)
    }

    fn understand(
        &self,
        interpretation: &interpret::Interpretation,
        readings: &[Utterance],
        now: NaiveDateTime,
    ) -> Understanding {
        let Some(state) = &self.state else { return Understanding::default() };
        let scope = StateScope { assistant: &self.assistant, state, now };
        let completeness =
            readings.first().map_or(Completeness::Unknown, |best| completeness::of(&scope, interpretation, best));
        let mut understanding = interpretation.understanding(completeness);
        if let interpret::Command::Faq(found) = &interpretation.command {
            // The record of the turn says what was quoted.
            let source = self.assistant.faq.entry(found.entry).map(|entry| entry.source.clone());
            understanding.intent = "faq".to_owned();
            understanding.score = found.score;
            understanding.slots.extend(source.map(|source| ("faq".to_owned(), source.into())));
        }
        understanding
    }
}

impl interpret::Interpretation {
    fn understanding(&self, completeness: Completeness) -> Understanding {
        use interpret::Command;
        let slots = match &self.command {
            Command::Start { values, .. } => {
                values.iter().map(|(name, value, _)| (name.clone(), value.plain().into())).collect()
            }
            Command::Fill { slot, value, .. } | Command::Correct { slot, value } => {
                vec![(slot.clone(), value.plain().into())]
            }
            Command::Group { slot, step } => vec![(slot.clone(), step.groups.text().to_owned().into())],
            _ => Vec::new(),
        };
        let intent = match &self.command {
            Command::Start { intent, .. } => intent.clone(),
            Command::Affirm => "affirm".to_owned(),
            Command::Deny => "deny".to_owned(),
            Command::Repeat => "repeat".to_owned(),
            Command::Cancel => "cancel".to_owned(),
            _ => self.best.as_ref().filter(|_| self.is_accepted).map(|best| best.intent.clone()).unwrap_or_default(),
        };
        Understanding { intent, score: self.best.as_ref().map_or(0.0, |best| best.margin), slots, completeness }
    }
}

impl State {
    /// Notes what was heard of a clause. One that must be heard and stopped by itself is owed; heard whole, it is owed no
    /// longer, even if the call said it again of its own accord.
    fn heard(&mut self, heard: &Heard) {
        self.reports_heard = true;
        let text = heard.text.reveal();
        if text.is_empty() {
            return;
        }
        if heard.complete {
            if let Some(at) = self.must_say.iter().position(|(say, _)| say.text() == *text) {
                self.must_say.remove(at);
            }
            if let Some(at) = self.owed.iter().position(|say| say.text() == *text) {
                self.owed.remove(at);
            }
            return;
        }
        let lost = self.must_say.iter().find(|(say, _)| say.text().starts_with(text.as_str()));
        if let Some((lost, _)) = lost.filter(|(lost, _)| !self.owed.contains(lost)) {
            self.owed.push(lost.clone());
        }
    }

    /// The reply was stopped in this clause. Nothing behind it was heard either, so all that must be heard and was not is
    /// owed, in its order.
    fn cut(&mut self, heard: &Heard) {
        self.reports_heard = true;
        if heard.complete {
            self.heard(heard);
        }
        self.owed = self.must_say.iter().map(|(say, _)| say.clone()).collect();
    }

    /// The clauses to be said again with this reply. Beside those that were cut these are all that were said under an
    /// earlier turn and of which the call has told nothing: their acts came too late and were dropped. A reply to a turn
    /// that the call has left will be dropped too, so it carries none.
    fn take_owed(&mut self) -> Vec<Say> {
        if self.turn < self.newest {
            return Vec::new();
        }
        let (turn, reports) = (self.turn, self.reports_heard);
        let mut owed = std::mem::take(&mut self.owed);
        for (say, said) in &mut self.must_say {
            if reports && *said < turn && !owed.contains(say) {
                owed.push(say.clone());
            }
            if owed.contains(say) {
                *said = turn;
            }
        }
        owed
    }
}

impl Machine<'_> {
    fn say_filler(&mut self) {
        if self.state.proposal.is_some() {
            return self.say_wait();
        }
        let Some(crate::bot::model::Op::Call { action, .. }) = self.state.op(self.assistant) else { return };
        let filler = self.assistant.bot.actions.get(action).and_then(|action| action.filler.as_ref());
        let from = self.acts.len();
        self.say_or_log(filler.map_or(&self.assistant.bot.policies.wait_say, |filler| &filler.say));
        for act in &mut self.acts[from..] {
            if let Act::Say(say) = act {
                say.filler = true;
            }
        }
    }

    fn say_wait(&mut self) {
        self.say_or_log(&self.assistant.bot.policies.wait_say);
        for act in &mut self.acts {
            if let Act::Say(say) = act {
                say.filler = true;
            }
        }
    }
}

fn replies(acts: &[Act]) -> impl Iterator<Item = &Say> {
    acts.iter().filter_map(|act| if let Act::Say(say) = act { Some(say) } else { None }).filter(|say| !say.filler)
}

/// Notes how each clause sounds, so that the call knows the bot's own words when a loudspeaker brings them back.
fn sound(acts: &mut [Act], pronouncer: &crate::utterance::Pronouncer) {
    for act in acts {
        if let Act::Say(say) = act
            && say.pinyin.is_empty()
        {
            say.pinyin = pronouncer.pinyin(&say.text());
        }
    }
}

/// Gives acts their turn; the last one is marked unless an action's result is still to come.
fn wrap(state: &State, revision: u32, mut acts: Vec<Act>, requests: Vec<Output>) -> Vec<Output> {
    let is_open = matches!(state.waiting, Waiting::Action(_));
    if acts.is_empty() && !is_open {
        acts.push(Act::Understanding(Understanding::default()));
    }
    let count = acts.len();
    let wrapped = acts
        .into_iter()
        .enumerate()
        .map(|(i, act)| Output::Act(TurnAct { turn: state.turn, revision, last: !is_open && i + 1 == count, act }));
    wrapped.chain(requests).collect()
}
