//! Asking a language model what the bot does not understand, and judging what it proposes. It proposes; the engine
//! disposes: whatever is not one of few commands, or words that are plain and stand in the sources, is refused.

use super::Output;
use super::machine::{Entry, Machine};
use super::request::{ActionOutcome, ActionRequest, Await};
use super::state::{State, Waiting};
use crate::bot::llm::LlmPolicy;
use crate::bot::model::Method;
use crate::entity::{self, Mode};
use crate::llm;
use crate::utterance::Utterance;
use crate::value::Value;
use std::time::Duration;

/// Documents that a model is given.
const KNOWLEDGE_MAX: usize = 3;
/// How sure the bot is of a value that a model proposed; `confirm: below(..)` reads it back.
const CONFIDENCE: f32 = 0.5;
/// When the caller is told to wait for a model, in time for the call not to give the dialogue up.
const SLOW_AFTER: Duration = Duration::from_millis(600);
/// The name of its requests, which no action has.
pub(crate) const LLM: &str = "@llm";

/// A question to a model that is open.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Proposal {
    /// What the conversation waited for, and waits for again.
    pub waiting: Waiting,
    /// The intents that came nearest, for when nothing comes of it.
    pub near: Vec<String>,
    /// What the model was given.
    pub knowledge: Vec<String>,
    /// The query that was made for it; it makes no second.
    pub tool: Option<String>,
}

impl State {
    /// Forgets an open question to a model: the conversation waits for what it waited for.
    pub fn drop_proposal(&mut self) {
        if let Some(proposal) = self.proposal.take() {
            self.waiting = proposal.waiting;
        }
    }
}

impl Machine<'_> {
    /// Asks the bot's model about words that were not understood; whether it was asked. Never over an open barrier, and
    /// never on a guess.
    pub fn ask_model(&mut self, near: &[String]) -> bool {
        let assistant = self.assistant;
        let Some(policy) = &assistant.bot.llm else { return false };
        let is_free = matches!(self.state.waiting, Waiting::Choice | Waiting::Slot(_) | Waiting::Clarify(_));
        if !is_free || self.is_speculative || self.state.last_words.is_empty() {
            return false;
        }
        let words = Utterance::new(&self.state.last_words, "", 1.0, &assistant.pronouncer);
        let found = assistant.faq.near(&words, KNOWLEDGE_MAX);
        let quote = |at: usize| assistant.faq.entry(at).map(|entry| entry.answer.clone());
        let knowledge: Vec<String> = found.iter().filter_map(|found| quote(found.entry)).collect();
        let proposal = Proposal { waiting: self.state.waiting.clone(), near: near.to_vec(), knowledge, tool: None };
        self.send(policy, proposal)
    }

    fn send(&mut self, policy: &LlmPolicy, proposal: Proposal) -> bool {
        let assistant = self.assistant;
        let Some(base) = assistant.backends.get(&policy.backend) else { return false };
        let intents = assistant.bot.intents.iter().filter(|_| policy.unsure);
        let context = llm::Context {
            model: &policy.model,
            intents: intents.filter_map(|intent| Some((intent.id.as_str(), intent.label.as_deref()?))).collect(),
            slot: if let Waiting::Slot(name) = &proposal.waiting { Some(name) } else { None },
            question: &self.state.question,
            tools: if proposal.tool.is_none() { policy.tools.iter().map(String::as_str).collect() } else { Vec::new() },
            knowledge: &proposal.knowledge,
            words: &self.state.last_words,
        };
        let request = ActionRequest {
            id: 0,
            action: LLM.to_owned(),
            method: Method::Chat,
            url: format!("{base}/chat/completions").into(),
            body: llm::body(&context).into(),
            timeout: policy.budget,
            retries: 0,
            idempotency: None,
            mock: None,
        };
        self.state.note("ask llm".to_owned());
        self.run_for_model(request, proposal);
        true
    }

    fn run_for_model(&mut self, request: ActionRequest, proposal: Proposal) {
        *self.next_request += 1;
        let request = ActionRequest { id: *self.next_request, ..request };
        self.state.waiting = Waiting::Action(request.id);
        self.state.proposal = Some(proposal);
        let wait = Await { id: request.id, slow_after: SLOW_AFTER, slow_every: None };
        self.requests.extend([Output::Run(request), Output::Await(wait)]);
    }

    /// Takes what came of a question to a model, or of the query that it asked for.
    pub fn take_proposal(&mut self, proposal: Proposal, outcome: &ActionOutcome) {
        self.state.waiting = proposal.waiting.clone();
        let assistant = self.assistant;
        let Some(policy) = &assistant.bot.llm else { return self.no_match_near(&proposal.near) };
        let reply = match (outcome, &proposal.tool) {
            (Err(fault), _) => {
                self.state.note(format!("failed llm: {fault}"));
                None
            }
            (Ok(json), Some(tool)) if json.get("content").is_none() => {
                return self.take_query(policy, &tool.clone(), json, proposal);
            }
            (Ok(json), _) => json.get("content").and_then(serde_json::Value::as_str).and_then(llm::parse),
        };
        let is_done = reply.is_some_and(|reply| self.dispose(policy, &proposal, &reply));
        if !is_done && self.state.proposal.is_none() {
            self.state.note("refuse llm".to_owned());
            self.no_match_near(&proposal.near);
        }
    }

    /// Does what a model proposes if that is allowed; whether it was.
    fn dispose(&mut self, policy: &LlmPolicy, proposal: &Proposal, reply: &llm::Reply) -> bool {
        if let Some(tool) = &reply.tool {
            return self.query(policy, proposal, tool);
        }
        match reply.command.as_deref().filter(|_| policy.unsure) {
            Some("start_flow") => {
                let Some(intent) = reply.intent.as_deref().filter(|intent| self.may_start(intent)) else {
                    return false;
                };
                self.understood("start_flow");
                self.start_intent(intent, Vec::new());
                true
            }
            Some("set_slot") => self.propose_value(proposal, reply),
            Some("repeat") => {
                self.understood("repeat");
                self.run(Entry::Again);
                true
            }
            Some("cancel") => {
                self.understood("cancel");
                self.cancel();
                true
            }
            Some("handoff") => {
                self.understood("handoff");
                self.transfer("");
                true
            }
            Some("out_of_scope") | None => self.propose_words(policy, proposal, reply),
            // 同意 is the caller's to say, and orders are the flows' to place.
            Some(_) => false,
        }
    }

    fn understood(&mut self, command: &str) {
        self.state.note(format!("llm {command}"));
        self.state.counters.no_match = 0;
    }

    /// Only what callers are asked about can be started, and only where a flow lets them in.
    fn may_start(&self, intent: &str) -> bool {
        let bot = &self.assistant.bot;
        let scope = self.scope();
        bot.label(intent).is_some()
            && bot
                .flow_of_intent(intent)
                .is_some_and(|flow| super::guard::is_open(bot.flows[flow].guard.as_ref(), &scope))
    }

    /// A value for the slot that is awaited, read by the slot's own grammar as if the caller had said it.
    fn propose_value(&mut self, proposal: &Proposal, reply: &llm::Reply) -> bool {
        let Waiting::Slot(name) = &proposal.waiting else { return false };
        let (Some(slot), Some(value)) = (self.assistant.bot.slots.get(name), &reply.value) else { return false };
        if reply.slot.as_ref() != Some(name) {
            return false;
        }
        let words = Utterance::new(value, "", 1.0, &self.assistant.pronouncer);
        let found = entity::find(&slot.kind, &words, Mode::Awaited, self.now).into_iter().find(|found| !found.is_open);
        let Some(found) = found else { return false };
        self.understood("set_slot");
        self.fill(name, found.value, found.confidence.min(CONFIDENCE));
        self.run(Entry::Fresh);
        true
    }

    /// Words to the caller: plain, allowed, and standing in what the model was given.
    fn propose_words(&mut self, policy: &LlmPolicy, proposal: &Proposal, reply: &llm::Reply) -> bool {
        let Some(text) = reply.say.as_deref().filter(|text| llm::is_speakable(text)) else { return false };
        let is_grounded = policy.faq && llm::is_grounded(text, &proposal.knowledge);
        let is_chat = policy.chitchat && !policy.grounded_only && llm::is_claimless(text);
        if !(is_grounded || is_chat) || !self.quote(text) {
            return false;
        }
        self.understood("say");
        self.state.is_served = true;
        self.run(Entry::Again);
        true
    }

    /// Has a safe query run, once; its inputs are the conversation's, never the model's.
    fn query(&mut self, policy: &LlmPolicy, proposal: &Proposal, tool: &str) -> bool {
        let is_allowed = policy.tools.iter().any(|known| known == tool) && proposal.tool.is_none();
        let Some(action) = self.assistant.bot.actions.get(tool).filter(|action| is_allowed && action.safe) else {
            return false;
        };
        if self.bars_call(tool, &[]).is_some() {
            return false;
        }
        let Ok(request) = ActionRequest::build(tool, action, &[], &self.scope()) else { return false };
        self.state.note(format!("llm query {tool}"));
        self.run_for_model(request, Proposal { tool: Some(tool.to_owned()), ..proposal.clone() });
        true
    }

    /// The result of a query becomes part of what the model is given, and it is asked again.
    fn take_query(&mut self, policy: &LlmPolicy, tool: &str, json: &serde_json::Value, proposal: Proposal) {
        let results = self.assistant.bot.actions.get(tool).map_or(&[][..], |action| &action.results);
        let mut knowledge = proposal.knowledge.clone();
        for (path, name) in results {
            let value = path.split('.').try_fold(json, |at, key| at.get(key)).map_or(Value::Null, Value::from_json);
            knowledge.push(format!("{name}：{}", value.plain()));
            self.state.set(self.assistant, name, value);
        }
        let near = proposal.near.clone();
        if !self.send(policy, Proposal { knowledge, ..proposal }) {
            self.no_match_near(&near);
        }
    }
}
