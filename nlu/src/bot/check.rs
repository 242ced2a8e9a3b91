//! Checks across the parts of a bot: names that must exist, steps that must be reachable, barriers that must stand.

use super::fault::{Faults, Place, nearest};
use super::flow::names_of;
use super::model::{Allow, Bot, Flow, HandoffRule, Op, RESERVED_INTENTS, SlotConfirm};
use crate::entity::Kind;
use crate::tagger::parts;
use std::collections::BTreeSet;

/// Names that every expression may read.
const BUILT_IN: [&str; 2] = ["call", "vars"];

/// What the checks need to know about where flows and other parts stand.
pub(crate) struct Places {
    /// The file of each flow, by index.
    pub flows: Vec<u16>,
    /// Where the other parts stand: path and place.
    pub parts: Vec<(String, Place)>,
}

impl Places {
    fn of(&self, path: &str) -> Place {
        self.parts.iter().find(|(known, _)| known == path).map(|(_, place)| *place).unwrap_or_default()
    }
}

/// Runs every check.
pub(crate) fn check(bot: &Bot, places: &Places, faults: &mut Faults) {
    let names = variables(bot);
    check_intents(bot, places, faults);
    check_slots(bot, places, &names, faults);
    check_actions(bot, places, &names, faults);
    check_prompts(bot, places, &names, faults);
    check_guardrails(bot, places, &names, faults);
    for (i, flow) in bot.flows.iter().enumerate() {
        let file = places.flows.get(i).copied().unwrap_or_default();
        let mut checker = FlowChecker { bot, flow, file, names: &names, faults };
        checker.names();
        checker.patience();
        checker.reachable();
        checker.barriers();
    }
}

/// Every name that an expression may read.
fn variables(bot: &Bot) -> BTreeSet<&str> {
    let mut names: BTreeSet<&str> = BUILT_IN.into_iter().collect();
    // `requires: [identity]` reads it, whoever fills it.
    names.insert("identity");
    names.extend(bot.slots.keys().map(String::as_str));
    names.extend(bot.actions.values().flat_map(|action| action.results.iter().map(|(_, name)| name.as_str())));
    for step in bot.flows.iter().flat_map(|flow| &flow.steps) {
        match &step.op {
            Op::Set(assignments) => names.extend(assignments.iter().map(|(name, _)| name.as_str())),
            Op::Confirm { set: Some(name), .. } => {
                names.insert(name);
            }
            _ => {}
        }
    }
    names
}

fn unknown_name(name: &str, names: &BTreeSet<&str>, place: Place, field: &str, faults: &mut Faults) {
    if !names.contains(name) {
        let suggestion = nearest(name, names.iter().copied());
        faults.add(place, field, format!("reads `{name}`, which nothing fills"), suggestion);
    }
}

fn is_intent(bot: &Bot, id: &str) -> bool {
    RESERVED_INTENTS.contains(&id) || bot.intents.iter().any(|intent| intent.id == id)
}

fn need_intent(bot: &Bot, id: &str, place: Place, field: &str, faults: &mut Faults) {
    if !is_intent(bot, id) {
        let known = bot.intents.iter().map(|intent| intent.id.as_str());
        faults.add(place, field, format!("there is no intent `{id}`"), nearest(id, known));
    }
}

fn check_intents(bot: &Bot, places: &Places, faults: &mut Faults) {
    for (i, flow) in bot.flows.iter().enumerate() {
        let field = format!("flows.{}.trigger.intents", flow.id);
        let place = places.of(&format!("flows.{}", flow.id));
        for intent in &flow.intents {
            need_intent(bot, intent, place, &field, faults);
            let other = bot.flows[..i].iter().find(|other| other.intents.contains(intent));
            if let Some(other) = other {
                faults.add(place, &field, format!("`{intent}` already starts the flow `{}`", other.id), "");
            }
        }
        if let Some(key) = &flow.key
            && let Some(other) = bot.flows[..i].iter().find(|other| other.key.as_ref() == Some(key))
        {
            let field = format!("flows.{}.trigger.dtmf", flow.id);
            faults.add(place, &field, format!("key `{key}` already starts the flow `{}`", other.id), "");
        }
    }
    for intent in bot.policies.global.keys() {
        let field = format!("policies.global_intents.{intent}");
        need_intent(bot, intent, places.of("policies"), &field, faults);
    }
    for rule in &bot.policies.handoff.rules {
        if let HandoffRule::Intent { id, .. } = rule {
            need_intent(bot, id, places.of("policies"), "policies.handoff.on", faults);
        }
    }
    if let Allow::Only(allowed) = &bot.policies.allow {
        for intent in allowed {
            need_intent(bot, intent, places.of("policies"), "policies.repair.digression.allow", faults);
        }
    }
    for intent in &bot.intents {
        let path = format!("nlu.intents.{}", intent.id);
        let is_used = RESERVED_INTENTS.contains(&intent.id.as_str())
            || bot.policies.global.contains_key(&intent.id)
            || bot.flow_of_intent(&intent.id).is_some()
            || bot.policies.handoff.rules.iter().any(|rule| matches!(rule, HandoffRule::Intent { id, .. } if *id == intent.id))
            || bot.flows.iter().flat_map(|flow| &flow.steps).any(|step| {
                matches!(&step.op, Op::Choose { options, .. } if options.iter().any(|o| o.intent.as_ref() == Some(&intent.id)))
            });
        if !is_used {
            let suggestion = "let a flow be triggered by it, or remove it";
            faults.add(places.of(&path), &path, "nothing answers this intent", suggestion);
        }
    }
}

fn check_prompts(bot: &Bot, places: &Places, names: &BTreeSet<&str>, faults: &mut Faults) {
    for (id, prompt) in &bot.prompts {
        let path = format!("prompts.{id}");
        for name in prompt.variants.iter().flat_map(super::template::Template::names) {
            unknown_name(name, names, places.of(&path), &path, faults);
        }
    }
}

fn check_guardrails(bot: &Bot, places: &Places, names: &BTreeSet<&str>, faults: &mut Faults) {
    let field = "policies.guardrails";
    let place = places.of("policies");
    for (rule, expr) in bot.guardrails.expressions() {
        for name in expr.names() {
            unknown_name(name, names, place, &format!("{field}.{rule}"), faults);
        }
    }
    for name in bot.guardrails.pattern_names() {
        unknown_name(name, names, place, &format!("{field}.never_say"), faults);
    }
    for flow in &bot.flows {
        let path = format!("flows.{}", flow.id);
        for name in flow.guard.iter().flat_map(|guard| guard.names()) {
            unknown_name(name, names, places.of(&path), &format!("{path}.guard"), faults);
        }
    }
}

fn check_slots(bot: &Bot, places: &Places, names: &BTreeSet<&str>, faults: &mut Faults) {
    for (name, slot) in &bot.slots {
        let path = format!("slots.{name}");
        let place = places.of(&path);
        let texts = [Some(&slot.ask), slot.confirm_say.as_ref()].into_iter().flatten().chain(&slot.reprompt);
        let in_texts = texts.flat_map(super::template::Template::names);
        let in_rule =
            slot.validate.iter().flat_map(|(expr, say)| expr.names().iter().map(String::as_str).chain(say.names()));
        for used in in_texts.chain(in_rule) {
            unknown_name(used, names, place, &path, faults);
        }
        if let Kind::Tagged(tagged) = &slot.kind
            && !bot
                .marked
                .iter()
                .flat_map(|text| parts(text))
                .any(|(_, mark)| mark.is_some_and(|mark| mark == name || mark == tagged.entity()))
        {
            let reason = "holds what is learnt from marked examples, and no example marks it";
            let suggestion = format!("mark values in examples: `我叫[王小明]({})`, in twenty or more", tagged.entity());
            faults.add(place, &path, reason, &suggestion);
        }
    }
}

fn check_actions(bot: &Bot, places: &Places, names: &BTreeSet<&str>, faults: &mut Faults) {
    for (name, action) in &bot.actions {
        let path = format!("actions.{name}");
        let place = places.of(&path);
        let in_key = action.idempotency.iter().flat_map(super::template::Template::names);
        let in_filler = action.filler.iter().flat_map(|filler| filler.say.names());
        for used in action.inputs().chain(in_key).chain(in_filler) {
            if !bot.backends.contains(used) {
                unknown_name(used, names, place, &path, faults);
            }
        }
        for (_, variable) in &action.results {
            if BUILT_IN.contains(&variable.as_str()) {
                faults.add(place, &path, format!("`{variable}` is a name of the engine"), "choose another name");
            }
        }
    }
}

struct FlowChecker<'a> {
    bot: &'a Bot,
    flow: &'a Flow,
    file: u16,
    names: &'a BTreeSet<&'a str>,
    faults: &'a mut Faults,
}

impl FlowChecker<'_> {
    fn fault(&mut self, line: u32, reason: impl Into<String>, suggestion: impl Into<String>) {
        let field = format!("flows.{}", self.flow.id);
        self.faults.add(Place { file: self.file, line }, &field, reason, suggestion);
    }

    fn names(&mut self) {
        for step in &self.flow.steps {
            for name in names_of(&step.op) {
                let field = format!("flows.{}", self.flow.id);
                unknown_name(name, self.names, Place { file: self.file, line: step.line }, &field, self.faults);
            }
            match &step.op {
                Op::Collect { slot, .. } if !self.bot.slots.contains_key(slot) => {
                    let suggestion = nearest(slot, self.bot.slots.keys().map(String::as_str));
                    self.fault(step.line, format!("collects `{slot}`, which is not a slot"), suggestion);
                }
                Op::Call { action, .. } if !self.bot.actions.contains_key(action) => {
                    let suggestion = nearest(action, self.bot.actions.keys().map(String::as_str));
                    self.fault(step.line, format!("calls `{action}`, which is not an action"), suggestion);
                }
                Op::Choose { options, .. } => {
                    for intent in options.iter().filter_map(|option| option.intent.as_deref()) {
                        let field = format!("flows.{}", self.flow.id);
                        need_intent(self.bot, intent, Place { file: self.file, line: step.line }, &field, self.faults);
                    }
                }
                Op::Confirm { by, .. } => {
                    for (intent, _) in by {
                        let field = format!("flows.{}", self.flow.id);
                        need_intent(self.bot, intent, Place { file: self.file, line: step.line }, &field, self.faults);
                    }
                }
                Op::Resume if !self.flow.is_global => {
                    self.fault(step.line, "`resume` stands in a flow", "it belongs to `policies.global_intents`");
                }
                _ => {}
            }
        }
    }

    /// Each level is in order by itself; what comes of them together must be too.
    fn patience(&mut self) {
        for step in &self.flow.steps {
            let asks = matches!(step.op, Op::Collect { .. } | Op::Confirm { .. } | Op::Choose { .. });
            let whole = step.listen.or(self.flow.listen).or(self.bot.listen);
            let is_own = step.listen.disorder().is_some() || self.flow.listen.or(self.bot.listen).disorder().is_some();
            if asks
                && !is_own
                && let Some(disorder) = whole.disorder()
            {
                self.fault(step.line, format!("listens out of order: {disorder}"), "set the other pauses here, too");
            }
        }
        if self.flow.listen.disorder().is_none()
            && self.bot.listen.disorder().is_none()
            && let Some(disorder) = self.flow.listen.or(self.bot.listen).disorder()
        {
            let line = self.flow.steps.first().map_or(0, |step| step.line);
            self.fault(line, format!("listens out of order: {disorder}"), "set the other pauses here, too");
        }
    }

    fn reachable(&mut self) {
        let steps = &self.flow.steps;
        let mut seen = vec![false; steps.len()];
        let mut open = vec![0];
        while let Some(at) = open.pop() {
            if at >= steps.len() || std::mem::replace(&mut seen[at], true) {
                continue;
            }
            match &steps[at].op {
                Op::Jump(to) => open.push(*to),
                Op::Confirm { yes, no, .. } => open.extend([*yes, *no]),
                Op::Call { ok, error, .. } => open.extend([Some(*ok), *error].into_iter().flatten()),
                Op::If { otherwise, .. } => open.extend([at + 1, *otherwise]),
                // Behind the options: where they go on. Without options the step only listens.
                Op::Choose { options, .. } => open.extend(options.iter().map(|option| option.goto)),
                Op::Handoff(_) | Op::End(_) | Op::Resume | Op::Enter { returns: false, .. } => {}
                _ => open.push(at + 1),
            }
        }
        let lost: Vec<u32> = steps
            .iter()
            .zip(&seen)
            .filter(|(step, seen)| !**seen && !matches!(step.op, Op::Jump(_) | Op::Resume))
            .map(|(step, _)| step.line)
            .collect();
        if let Some(line) = lost.first() {
            self.fault(*line, "is never reached", "an earlier step ends or jumps away");
        }
    }

    /// An action that needs a confirmation must come after one; the engine refuses it at run time too.
    fn barriers(&mut self) {
        for (at, step) in self.flow.steps.iter().enumerate() {
            let Op::Call { action, .. } = &step.op else { continue };
            let Some(known) = self.bot.actions.get(action) else { continue };
            if !known.requires_confirm {
                continue;
            }
            let is_confirmed = self.flow.steps[..at].iter().any(|earlier| match &earlier.op {
                Op::Confirm { .. } => true,
                Op::Collect { slot, .. } => {
                    self.bot.slots.get(slot).is_some_and(|slot| slot.confirm == SlotConfirm::Explicit)
                }
                _ => false,
            });
            let is_called = self.bot.flows.iter().any(|flow| {
                flow.steps
                    .iter()
                    .any(|s| matches!(&s.op, Op::Enter { flow, .. } if self.bot.flows[*flow].id == self.flow.id))
            });
            if !is_confirmed && !is_called {
                let reason = format!("calls `{action}`, which requires a confirmation, without asking for one");
                self.fault(step.line, reason, "put it into the `yes` branch of a `confirm` step");
            }
        }
    }
}
