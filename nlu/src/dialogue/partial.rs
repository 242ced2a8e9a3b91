//! Answers to partials: what was understood so far and, when that is stable, what the reply would be.
//!
//! The reply is worked out on a copy of the state. Only safe queries leave it, and the turn that follows uses their
//! results; anything else ends the guess.

use super::interpret::{Command, interpret};
use super::machine::{Entry, Machine};
use super::state::{State, Waiting};
use super::{ActionOutcome, Conversation, Output, sound, wrap};
use crate::utterance::Utterance;
use chrono::NaiveDateTime;
use hualu_core::dialogue::{Act, Completeness, Hypothesis, TurnAct};

/// How far above the band of acceptance a guess must be, as long as that is not beyond what any sentence reaches.
const CONFIDENCE_EXTRA: f32 = 0.1;
const CONFIDENCE_ENOUGH: f32 = 0.6;
/// For how many partials in a row the same command must be heard.
const STABLE_PARTIALS: u32 = 2;

/// What would be answered if the caller had finished.
#[derive(Debug)]
pub(super) struct Draft {
    command: Command,
    /// How many partials in a row gave this command.
    seen: u32,
    /// The copy, once the command was tried on it.
    tried: Option<Tried>,
}

#[derive(Debug)]
struct Tried {
    state: State,
    /// The partial that it answers.
    revision: u32,
}

impl Conversation {
    /// Answers a partial.
    pub(super) fn partial(&mut self, now: NaiveDateTime, hypothesis: &Hypothesis, revision: u32) -> Vec<Output> {
        let Some(state) = &self.state else { return Vec::new() };
        let turn = state.turn;
        let readings = Utterance::all(hypothesis, &self.assistant.pronouncer);
        let heard = interpret(&self.assistant, state, &readings, now);
        let understanding = self.understand(&heard, &readings, now);
        let is_unfinished = understanding.completeness == Completeness::Unfinished;
        let margin = heard.best.as_ref().map_or(f32::MIN, |best| best.margin);
        let is_sure = match &heard.command {
            Command::Start { .. } => {
                let accept = self.assistant.classifier.bands().accept;
                margin >= (accept + CONFIDENCE_EXTRA).min(accept.max(CONFIDENCE_ENOUGH))
            }
            Command::Unknown { .. } | Command::Clarify(_) => false,
            _ => true,
        };
        let is_busy = matches!(state.waiting, Waiting::Action(_));
        let mut outputs =
            vec![Output::Act(TurnAct { turn, revision, last: true, act: Act::Understanding(understanding) })];
        match &mut self.draft {
            Some(draft) if draft.command == heard.command => draft.seen += 1,
            _ => self.draft = Some(Draft { command: heard.command.clone(), seen: 1, tried: None }),
        }
        let is_due = self.draft.as_ref().is_some_and(|draft| draft.seen >= STABLE_PARTIALS && draft.tried.is_none());
        if is_due && is_sure && !is_unfinished && !is_busy {
            let reply = self.try_out(now, revision, |machine| machine.apply(heard));
            if !reply.is_empty() {
                if let Some(Output::Act(first)) = outputs.first_mut() {
                    first.last = false;
                }
                outputs.extend(reply);
            }
        }
        outputs
    }

    /// Runs a command on a copy; empty when that would have to do something irreversible.
    fn try_out(&mut self, now: NaiveDateTime, revision: u32, run: impl FnOnce(&mut Machine<'_>)) -> Vec<Output> {
        let Some(state) = &self.state else { return Vec::new() };
        let mut copy = state.clone();
        let Some(outputs) = self.speculate(now, revision, &mut copy, run) else { return Vec::new() };
        if let Some(draft) = &mut self.draft {
            draft.tried = Some(Tried { state: copy, revision });
        }
        outputs
    }

    fn speculate(
        &mut self,
        now: NaiveDateTime,
        revision: u32,
        state: &mut State,
        run: impl FnOnce(&mut Machine<'_>),
    ) -> Option<Vec<Output>> {
        let mut machine = Machine {
            assistant: &self.assistant,
            state,
            now,
            acts: Vec::new(),
            requests: Vec::new(),
            is_speculative: true,
            is_blocked: false,
            interruptible: true,
            prefetched: &mut self.prefetched,
            speculation: &mut self.speculation,
            next_request: &mut self.next_request,
        };
        run(&mut machine);
        if machine.is_blocked {
            return None;
        }
        let (mut acts, requests) = (machine.acts, machine.requests);
        sound(&mut acts, &self.assistant.pronouncer);
        Some(wrap(state, revision, acts, requests))
    }

    /// A result for a guess: kept for the turn that follows, and the guess goes on.
    pub(super) fn draft_result(&mut self, now: NaiveDateTime, id: u64, outcome: ActionOutcome) -> Vec<Output> {
        let Some(known) = self.prefetched.iter_mut().find(|known| known.request.id == id) else { return Vec::new() };
        known.outcome = Some(outcome.clone());
        let waits = |tried: &Tried| tried.state.waiting == Waiting::Action(id);
        let Some(tried) = self.draft.as_mut().and_then(|draft| draft.tried.take_if(|tried| waits(tried))) else {
            return Vec::new();
        };
        let Tried { mut state, revision } = tried;
        let outputs = self.speculate(now, revision, &mut state, |machine| {
            machine.take_result(&outcome);
            if machine.state.waiting == Waiting::Nothing {
                machine.run(Entry::Fresh);
            }
        });
        if let Some(draft) = &mut self.draft {
            draft.tried = Some(Tried { state, revision });
        }
        outputs.unwrap_or_default()
    }
}
