//! What the law and good manners ask: the caller knows who speaks and that it is recorded, a person is within reach, and
//! nothing is done without a yes.

use super::Linter;
use crate::bot::guardrail::Before;
use crate::bot::model::{Flow, HandoffRule, Op, Rung};
use crate::bot::template::Template;

/// Words that tell the caller that a machine speaks.
const MACHINE: [&str; 6] = ["智能", "机器人", "AI", "语音助手", "虚拟", "自动语音"];
/// Words that tell the caller of the recording.
const RECORDING: [&str; 2] = ["录音", "录制"];

impl Linter<'_> {
    /// What is said before the first question must name the machine and the recording.
    pub(super) fn notices(&mut self) {
        let entry = self.bot.entry;
        let mut texts = Vec::new();
        self.opening(entry, &mut texts, 0);
        let first = self.bot.guardrails.must_say.iter().filter(|rule| rule.before == Before::FirstReply);
        let prompts = first.filter_map(|rule| self.bot.prompts.get(&rule.prompt));
        texts.extend(prompts.flat_map(|prompt| common(&prompt.variants)));
        let said = |words: &[&str]| texts.iter().any(|text| words.iter().any(|word| text.contains(word)));
        let (machine, recording) = (said(&MACHINE), said(&RECORDING));
        let Some(flow) = self.bot.flows.get(entry) else { return };
        let place = self.sources.step(entry, flow.steps.first().map_or(0, |step| step.line));
        let field = format!("flows.{}", flow.id);
        if !machine {
            let reason = "the opening does not say that a machine speaks";
            self.warn("machine-notice", place, field.clone(), reason, "say so before the first question: 我是智能客服");
        }
        if !recording {
            let reason = "the opening does not say that the call is recorded";
            self.warn("recording-notice", place, field, reason, "say so before the first question: 本次通话会录音");
        }
    }

    /// The texts that a caller hears for certain before the first question: every variant of a text has to say it.
    fn opening(&self, flow: usize, texts: &mut Vec<String>, depth: usize) -> bool {
        let Some(flow) = self.bot.flows.get(flow).filter(|_| depth < 8) else { return true };
        let mut at = 0;
        // Jumps only go forward here, so this ends.
        while let Some(step) = flow.steps.get(at) {
            at += 1;
            match &step.op {
                Op::Say(_) | Op::Prompt(_) => {
                    let said = step.op.prompt(self.bot);
                    texts.extend(said.into_iter().flat_map(|prompt| common(&prompt.variants)));
                }
                Op::Confirm { text, .. } => {
                    texts.push(text.skeleton());
                    return true;
                }
                Op::Choose { prompt, .. } => {
                    texts.extend(prompt.iter().map(Template::skeleton));
                    return true;
                }
                Op::Collect { slot, .. } => {
                    texts.extend(self.bot.slots.get(slot).map(|slot| slot.ask.skeleton()));
                    return true;
                }
                Op::Enter { flow, returns } => {
                    if self.opening(*flow, texts, depth + 1) || !returns {
                        return true;
                    }
                }
                Op::Jump(to) if *to > at => at = *to,
                Op::Call { ok, .. } if *ok >= at => at = *ok,
                Op::Set(_) => {}
                _ => return true,
            }
        }
        false
    }

    /// A person must be within reach by words, by key and when nothing is understood.
    pub(super) fn person(&mut self) {
        let bot = self.bot;
        let by_rule = bot.policies.handoff.rules.iter().any(|rule| matches!(rule, HandoffRule::Intent { .. }));
        let mut by_words = by_rule;
        let mut by_key = false;
        for (i, flow) in bot.flows.iter().enumerate() {
            // What leads to a person at once, not only when something fails on the way.
            let leads = self.hands_over_at_once(i);
            by_words |= leads && (flow.is_global || !flow.intents.is_empty());
            by_key |= leads && flow.key.is_some();
        }
        let place = self.sources.place(&["policies"]);
        if !by_words {
            let advice = "add an intent such as `transfer_agent` and `handoff: {on: [\"intent:transfer_agent x1\"]}`";
            self.warn("person-path", place, "policies.handoff", "nothing that a caller says leads to a person", advice);
        }
        if !by_key {
            let advice = "trigger a flow that hands over with `dtmf: \"0\"`";
            self.warn("person-path", place, "policies.handoff", "no key leads to a person", advice);
        }
        let rules = &bot.policies.handoff.rules;
        let by_ladder = bot.policies.no_match.iter().any(|rung| matches!(rung, Rung::Handoff(_)))
            || rules.iter().any(|rule| matches!(rule, HandoffRule::NoMatch(_)));
        if !by_ladder {
            let place = self.sources.place(&["policies", "no_match"]);
            let reason = "a caller who is never understood does not come to a person";
            self.warn("person-path", place, "policies.no_match", reason, "end the ladder with `{handoff: general}`");
        }
    }

    fn hands_over_at_once(&self, flow: usize) -> bool {
        let mut at = flow;
        for _ in 0..8 {
            let Some(Flow { steps, .. }) = self.bot.flows.get(at) else { return false };
            let next = steps.iter().find(|step| !matches!(step.op, Op::Say(_) | Op::Prompt(_) | Op::Set(_)));
            match next.map(|step| &step.op) {
                Some(Op::Handoff(_)) => return true,
                Some(Op::Enter { flow, .. }) => at = *flow,
                // A reason or a queue is asked for first; every way then ends with a person.
                Some(Op::Confirm { .. } | Op::Collect { .. } | Op::Choose { .. } | Op::If { .. }) => {
                    return steps.iter().any(|step| matches!(step.op, Op::Handoff(_)))
                        && !steps.iter().any(|step| matches!(step.op, Op::Call { .. } | Op::End(_)));
                }
                _ => return false,
            }
        }
        false
    }

    /// Actions that change something without asking the caller first.
    pub(super) fn side_effects(&mut self) {
        for (name, action) in &self.bot.actions {
            if action.safe || action.requires_confirm {
                continue;
            }
            let place = self.sources.place(&["actions", name]);
            self.warn(
                "unconfirmed-action",
                place,
                format!("actions.{name}"),
                "changes something but does not require a confirmation",
                "add `requires: [confirm]`, or `safe: true` if it only looks something up",
            );
        }
    }
}

/// What every variant says: the variants themselves when there is one, else those words of notices that all contain.
fn common(variants: &[Template]) -> Vec<String> {
    let variants: Vec<String> = variants.iter().map(Template::skeleton).collect();
    if variants.len() <= 1 {
        return variants;
    }
    let in_all = |words: &[&str]| variants.iter().all(|text| words.iter().any(|word| text.contains(word)));
    [&MACHINE[..], &RECORDING[..]].into_iter().filter(|words| in_all(words)).map(|words| words.concat()).collect()
}
