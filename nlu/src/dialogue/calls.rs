//! Calling back ends: the barrier in front of what cannot be undone, and results on their way back.

use super::guard::StepError;
use super::machine::Machine;
use super::state::{Agreement, Cause, State, Waiting};
use super::{ActionOutcome, ActionRequest, Await, Output, Prefetch};
use crate::bot::expr::Expr;
use crate::bot::model::{Action, Op};
use crate::value::Value;

/// Queries that the guesses of one turn may send.
const GUESSES_MAX: usize = 4;

impl Machine<'_> {
    /// Executes a `call` step: sends the request, or takes over one that a guess has sent.
    pub fn call(
        &mut self,
        name: &str,
        args: &[(String, Expr)],
        ok: usize,
        error: Option<usize>,
    ) -> Result<(), StepError> {
        let Some(action) = self.assistant.bot.actions.get(name) else {
            self.jump(ok);
            return Ok(());
        };
        if let Some(reason) = self.bars_call(name, args) {
            tracing::error!(action = name, reason, "refused to call the action");
            self.state.note(format!("refuse {name}: {reason}"));
            self.after_error(error);
            return Ok(());
        }
        if self.is_speculative && !action.safe {
            self.is_blocked = true;
            return Ok(());
        }
        if action.requires_confirm
            && let Some(at) = self.state.agreement_for(action, args)
        {
            // It holds for one action.
            self.state.stack[at].agreed = None;
        }
        let request = ActionRequest::build(name, action, args, &self.scope())?;
        self.state.note(format!("call {name}"));
        let known = self.prefetched.iter().position(|known| action.safe && known.request.is_same(&request));
        // A guess leaves the result for the turn that follows it.
        let known = known
            .map(|at| if self.is_speculative { self.prefetched[at].clone() } else { self.prefetched.swap_remove(at) });
        self.speculation.used += u32::from(known.is_some() && !self.is_speculative);
        match known {
            Some(Prefetch { outcome: Some(outcome), .. }) => self.take_result(&outcome),
            Some(Prefetch { request, outcome: None }) => {
                if !self.is_speculative {
                    self.requests.push(Output::Await(Await::for_request(&request, action)));
                }
                self.state.waiting = Waiting::Action(request.id);
            }
            None if self.is_speculative && self.prefetched.len() >= GUESSES_MAX => self.is_blocked = true,
            None => {
                *self.next_request += 1;
                let request = ActionRequest { id: *self.next_request, ..request };
                self.state.waiting = Waiting::Action(request.id);
                if self.is_speculative {
                    self.speculation.sent += 1;
                    self.prefetched.push(Prefetch { request: request.clone(), outcome: None });
                    self.requests.push(Output::Run(request));
                } else {
                    let wait = Await::for_request(&request, action);
                    self.requests.extend([Output::Run(request), Output::Await(wait)]);
                }
            }
        }
        Ok(())
    }

    /// Takes an action's result and places the flow behind its step; the caller runs on.
    pub fn take_result(&mut self, outcome: &ActionOutcome) {
        if let Some(proposal) = self.state.proposal.take() {
            return self.take_proposal(proposal, outcome);
        }
        let Some(Op::Call { action, ok, error, .. }) = self.state.op(self.assistant) else { return };
        self.state.waiting = Waiting::Nothing;
        match outcome {
            Ok(json) => {
                let results = self.assistant.bot.actions.get(action).map_or(&[][..], |known| &known.results);
                for (path, name) in results {
                    let value =
                        path.split('.').try_fold(json, |at, key| at.get(key)).map_or(Value::Null, Value::from_json);
                    self.state.set(self.assistant, name, value);
                }
                self.state.note(format!("done {action}"));
                self.jump(*ok);
            }
            Err(fault) => {
                self.state.note(format!("failed {action}: {fault}"));
                self.after_error(*error);
            }
        }
    }
}

impl State {
    /// Where on the stack an agreement covers everything that the action's request depends on. What was agreed to
    /// before the caller turned to something else is no agreement to that.
    pub fn agreement_for(&self, action: &Action, args: &[(String, Expr)]) -> Option<usize> {
        let added = args.iter().flat_map(|(_, expr)| expr.names().iter().map(String::as_str));
        let inputs: Vec<&str> = action.inputs().chain(added).collect();
        let values = self.values();
        let covers = |agreed: &Agreement| {
            agreed.slot.as_ref().is_none_or(|slot| inputs.contains(&slot.as_str()))
                && inputs.iter().all(|input| agreed.values.get(*input) == values.get(*input))
        };
        for (at, frame) in self.stack.iter().enumerate().rev() {
            if frame.agreed.as_ref().is_some_and(covers) {
                return Some(at);
            }
            if frame.cause == Cause::Digression {
                return None;
            }
        }
        None
    }
}
