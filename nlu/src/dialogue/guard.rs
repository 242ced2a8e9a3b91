//! Guardrails at work: what the bot must say, must not say and must not do, whoever asks for it.

use super::machine::Machine;
use crate::bot::expr::{Expr, ExprError};
use crate::bot::guardrail::Before;
use crate::value::Value;
use hualu_core::dialogue::Span;

/// Why a step was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    /// An expression has no value.
    #[error(transparent)]
    Expr(#[from] ExprError),
    /// A guardrail bars what would be asked.
    #[error("a guardrail bars what the step would ask")]
    Barred,
}

impl Machine<'_> {
    /// Whether a flow may be entered now: its guard holds and it was not entered too often.
    pub fn may_enter(&mut self, flow: usize) -> bool {
        let bot = &self.assistant.bot;
        let id = &bot.flows[flow].id;
        if !is_open(bot.flows[flow].guard.as_ref(), &self.scope()) {
            self.state.note(format!("refuse {id}: guard"));
            return false;
        }
        if let Some(pitch) = bot.guardrails.pitches.iter().find(|pitch| pitch.flow == flow) {
            let entered = self.state.counters.pitches.entry(flow).or_default();
            if *entered >= pitch.times {
                self.state.note(format!("refuse {id}: max_pitch"));
                return false;
            }
            *entered += 1;
        }
        true
    }

    /// Whether a guardrail bars these words now.
    pub fn is_barred(&self, spans: &[Span]) -> bool {
        let rules = &self.assistant.bot.guardrails.never_say;
        if rules.is_empty() {
            return false;
        }
        let text: String = spans.iter().map(|span| span.text.as_str()).collect();
        let scope = self.scope();
        rules.iter().any(|rule| {
            let is_allowed = rule.until.as_ref().is_some_and(|until| until.surely_holds(&scope));
            // A pattern that cannot be made bars everything: better silence than a word that must not fall.
            !is_allowed && rule.pattern(&scope).is_none_or(|pattern| pattern.is_match(&text))
        })
    }

    /// Says what must come before this and was not said yet.
    pub fn say_due(&mut self, point: &Before) {
        let bot = &self.assistant.bot;
        for rule in bot.guardrails.must_say.iter().filter(|rule| rule.before == *point) {
            if !self.state.said_prompts.contains(&rule.prompt) {
                self.state.note(format!("must say {}", rule.prompt));
                if let Err(error) = self.say_prompt(&rule.prompt) {
                    tracing::error!(%error, prompt = rule.prompt, "what must be said cannot be said");
                }
            }
        }
    }

    /// Why an action must not be called now, if so. `args` are the arguments that the step adds.
    pub fn bars_call(&self, name: &str, args: &[(String, Expr)]) -> Option<&'static str> {
        let bot = &self.assistant.bot;
        let action = bot.actions.get(name)?;
        let scope = self.scope();
        let is_allowed = |unless: &Option<Expr>| unless.as_ref().is_some_and(|expr| expr.surely_holds(&scope));
        if bot.guardrails.never_call.iter().any(|rule| rule.action == name && !is_allowed(&rule.unless)) {
            return Some("a guardrail");
        }
        if action.requires_identity && self.state.results.get("identity") != Some(&Value::Bool(true)) {
            return Some("no identity");
        }
        if action.requires_confirm && self.state.agreement_for(action, args).is_none() {
            return Some("no confirmation");
        }
        None
    }

    /// Counts a turn of the caller; true when there were so many that a person takes over.
    pub fn count_turn(&mut self) -> bool {
        if self.state.counters.counted != Some(self.state.turn) {
            self.state.counters.counted = Some(self.state.turn);
            self.state.counters.turns += 1;
        }
        let is_over = self.assistant.bot.guardrails.turns_max.is_some_and(|most| self.state.counters.turns > most);
        if is_over {
            self.state.note("max_turns".to_owned());
        }
        is_over
    }
}

/// Whether a guard lets callers in; without one there is nothing to hold them.
pub(super) fn is_open(guard: Option<&Expr>, scope: &super::state::StateScope<'_>) -> bool {
    guard.is_none_or(|guard| guard.surely_holds(scope))
}
