//! What a conversation remembers. Cloning it is cheap enough to try out an answer on a copy.

use super::Assistant;
use super::chunks::Chunks;
use super::propose::Proposal;
use crate::bot::expr::Scope;
use crate::bot::listen::Listen;
use crate::bot::model::{Flow, Mood, Op, Step};
use crate::value::Value;
use chrono::NaiveDateTime;
use chrono_tz::Tz;
use hualu_core::TurnId;
use hualu_core::dialogue::{CallStarted, Say, SayAs};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How many transitions are kept.
const TRACE_MAX: usize = 256;
/// Flows on top of each other; deeper digressions are refused.
pub(super) const STACK_MAX: usize = 8;

/// A place in a flow.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub flow: usize,
    /// The step that is executed or waits.
    pub pc: usize,
    pub cause: Cause,
    /// What the caller agreed to, until an action uses it up.
    pub agreed: Option<Agreement>,
}

/// Why a flow was entered; decides what happens when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The caller turned to it: the flow below waits and is resumed.
    Digression,
    /// A step entered it: the flow below goes on.
    Step,
}

/// A confirmation holds for the values that were read out, and for one action.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Agreement {
    /// The slot that was agreed to: the agreement is for an action that takes it. `None` is for any action.
    pub slot: Option<String>,
    /// Every value at the time of the answer.
    pub values: BTreeMap<String, Value>,
}

/// A slot's value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filled {
    pub value: Value,
    pub confidence: f32,
    /// The caller agreed to it or it was checked already.
    pub is_settled: bool,
}

/// What the conversation waits for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Waiting {
    /// Nothing: between two steps.
    #[default]
    Nothing,
    /// One of a `choose` step's options, or any intent.
    Choice,
    /// A slot's value.
    Slot(String),
    /// Yes or no to a slot's value.
    SlotConfirm(String),
    /// Yes or no to a `confirm` step.
    Confirm,
    /// Which of these intents was meant.
    Clarify(Vec<String>),
    /// The result of an action.
    Action(u64),
    /// The end of the call.
    Over,
}

/// How often things went wrong in a row, and how often an intent was heard.
#[derive(Clone, Debug, Default)]
pub(super) struct Counters {
    /// How often in a row nobody answered the step that waits.
    pub no_input: u32,
    /// The flow and step of that count: another question begins anew.
    pub no_input_at: Option<(usize, usize)>,
    pub no_match: u32,
    pub intents: BTreeMap<String, u32>,
    /// How many turns sounded so.
    pub moods: BTreeMap<Mood, u32>,
    pub slot_tries: BTreeMap<String, u32>,
    /// How often flows with an offer were entered.
    pub pitches: BTreeMap<usize, u32>,
    /// The caller's turns, and the last one counted.
    pub turns: u32,
    pub counted: Option<TurnId>,
}

/// One transition, without personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceEntry {
    /// The turn in which it happened.
    pub turn: TurnId,
    /// What happened: `enter plan`, `plan:12 confirm`, `heard change_plan 0.84`.
    pub what: String,
}

/// Everything a conversation remembers.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub call: CallStarted,
    pub turn: TurnId,
    pub stack: Vec<Frame>,
    pub slots: BTreeMap<String, Filled>,
    pub results: BTreeMap<String, Value>,
    pub waiting: Waiting,
    /// A question to a language model that is open.
    pub proposal: Option<Proposal>,
    /// What was asked last, for the polarity of its answer.
    pub question: String,
    pub counters: Counters,
    /// The last reply, to be repeated on request.
    pub said: Vec<Say>,
    /// The newest turn that the call has spoken of.
    pub newest: TurnId,
    /// The call tells what of a reply was heard. Until it does nothing can be told to be lost.
    pub reports_heard: bool,
    /// Clauses that must be heard and were not yet, each with the turn in which it was last said.
    pub must_say: Vec<(Say, TurnId)>,
    /// Of these, those that were stopped or never begun, to be said with the next reply.
    pub owed: Vec<Say>,
    /// The prompts that were said, by name.
    pub said_prompts: BTreeSet<String>,
    /// The caller has said or pressed something, or kept silent when asked.
    pub is_answering: bool,
    /// What is known of a number that is given in groups.
    pub chunks: Option<Chunks>,
    /// Keys of an answer that is not complete.
    pub keys: String,
    /// A flow that the caller turned to has ended.
    pub is_served: bool,
    /// Finished flows, for the summary.
    pub finished: Vec<usize>,
    /// The last sentence of the caller, for the summary.
    pub last_words: String,
    pub variant: u64,
    pub trace: VecDeque<TraceEntry>,
}

impl State {
    pub fn new(seed: u64, call: CallStarted) -> Self {
        Self {
            call,
            turn: TurnId(0),
            stack: Vec::new(),
            slots: BTreeMap::new(),
            results: BTreeMap::new(),
            waiting: Waiting::Nothing,
            proposal: None,
            question: String::new(),
            counters: Counters::default(),
            said: Vec::new(),
            newest: TurnId(0),
            reports_heard: false,
            must_say: Vec::new(),
            owed: Vec::new(),
            said_prompts: BTreeSet::new(),
            is_answering: false,
            chunks: None,
            keys: String::new(),
            is_served: false,
            finished: Vec::new(),
            last_words: String::new(),
            variant: seed,
            trace: VecDeque::new(),
        }
    }

    /// Notes a transition.
    pub fn note(&mut self, what: String) {
        if self.trace.len() == TRACE_MAX {
            self.trace.pop_front();
        }
        self.trace.push_back(TraceEntry { turn: self.turn, what });
    }

    /// Whether a yes is awaited to something that can be done.
    pub fn is_at_barrier(&self) -> bool {
        matches!(self.waiting, Waiting::Confirm | Waiting::SlotConfirm(_))
    }

    /// The flow on top of the stack.
    pub fn flow<'a>(&self, assistant: &'a Assistant) -> Option<&'a Flow> {
        self.stack.last().and_then(|frame| assistant.bot.flows.get(frame.flow))
    }

    /// The step that is executed or waits.
    pub fn step<'a>(&self, assistant: &'a Assistant) -> Option<&'a Step> {
        let frame = self.stack.last()?;
        assistant.bot.flows.get(frame.flow)?.steps.get(frame.pc)
    }

    /// What that step does.
    pub fn op<'a>(&self, assistant: &'a Assistant) -> Option<&'a Op> {
        self.step(assistant).map(|step| &step.op)
    }

    /// How patient the bot is with the answer to it.
    pub fn listen(&self, assistant: &Assistant) -> Listen {
        let flow = self.flow(assistant).map(|flow| flow.listen).unwrap_or_default();
        let step = self.step(assistant).map(|step| step.listen).unwrap_or_default();
        step.or(flow).or(assistant.bot.listen)
    }

    /// Every slot and variable with its value.
    pub fn values(&self) -> BTreeMap<String, Value> {
        let slots = self.slots.iter().map(|(name, filled)| (name.clone(), filled.value.clone()));
        self.results.iter().map(|(name, value)| (name.clone(), value.clone())).chain(slots).collect()
    }

    /// Sets a slot or, for other names, a variable. A slot that is set to nothing is empty again.
    pub fn set(&mut self, assistant: &Assistant, name: &str, value: Value) {
        if assistant.bot.slots.contains_key(name) && value.is_null() {
            self.slots.remove(name);
        } else if assistant.bot.slots.contains_key(name) {
            self.slots.insert(name.to_owned(), Filled { value, confidence: 1.0, is_settled: true });
        } else {
            self.results.insert(name.to_owned(), value);
        }
    }
}

/// What expressions see.
pub(super) struct StateScope<'a> {
    pub assistant: &'a Assistant,
    pub state: &'a State,
    pub now: NaiveDateTime,
}

impl Scope for StateScope<'_> {
    fn value(&self, name: &str) -> Value {
        let text = |text: &str| Value::Text(text.to_owned());
        if let Some(filled) = self.state.slots.get(name) {
            return filled.value.clone();
        }
        if let Some(value) = self.state.results.get(name) {
            return value.clone();
        }
        let call = &self.state.call;
        match name {
            "call" => Value::Map(BTreeMap::from([
                ("id".to_owned(), text(call.call.as_str())),
                ("ani".to_owned(), text(call.caller.reveal())),
                ("dnis".to_owned(), text(call.called.reveal())),
            ])),
            "vars" => Value::Map(
                call.variables.iter().map(|(key, value)| (key.clone(), Value::from_variable(value))).collect(),
            ),
            _ => self.assistant.backends.get(name).map_or(Value::Null, |base| text(base)),
        }
    }

    fn say_as(&self, name: &str) -> Option<SayAs> {
        self.assistant.bot.slots.get(name)?.kind.say_as()
    }

    /// What a slot holds is personal when it says so; what back ends and trunks tell about a caller always is.
    fn is_personal(&self, name: &str) -> bool {
        self.assistant.bot.slots.get(name).is_none_or(|slot| slot.sensitive)
    }

    fn now(&self) -> NaiveDateTime {
        self.now
    }

    fn zone(&self) -> Tz {
        self.assistant.bot.zone
    }

    fn confirmed(&self) -> BTreeSet<String> {
        let actions = self.assistant.bot.actions.iter();
        let agreed = actions.filter(|(_, action)| self.state.agreement_for(action, &[]).is_some());
        agreed.map(|(name, _)| name.clone()).collect()
    }
}
