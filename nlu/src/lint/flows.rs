//! Flows that nothing starts, and keys that are missing.

use super::Linter;
use crate::bot::model::{Choice, Keys, Op, RESERVED_INTENTS, Slot};
use crate::entity::Kind;

/// A text that says this names its keys.
const PRESS: &str = "按";

impl Linter<'_> {
    /// Flows without a way in.
    pub(super) fn flows(&mut self) {
        let bot = self.bot;
        let mut open: Vec<usize> = (0..bot.flows.len())
            .filter(|i| {
                let flow = &bot.flows[*i];
                *i == bot.entry || flow.is_global || !flow.intents.is_empty() || flow.key.is_some()
            })
            .collect();
        let mut seen = vec![false; bot.flows.len()];
        while let Some(at) = open.pop() {
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            open.extend(bot.flows[at].steps.iter().filter_map(|step| match step.op {
                Op::Enter { flow, .. } => Some(flow),
                _ => None,
            }));
        }
        for (flow, _) in bot.flows.iter().zip(&seen).filter(|(_, seen)| !**seen) {
            let place = self.sources.place(&["flows", &flow.id]);
            self.warn(
                "unreachable-flow",
                place,
                format!("flows.{}", flow.id),
                "nothing starts this flow",
                "give it a `trigger`, enter it with a `flow:` step, or remove it",
            );
        }
    }

    /// Questions that cannot be answered on the keypad. `confirm` always can: 1 is yes, 2 is no.
    pub(super) fn keypad(&mut self) {
        let bot = self.bot;
        let collected = bot.flows.iter().flat_map(|flow| &flow.collects);
        for (name, slot) in bot.slots.iter().filter(|(name, _)| collected.clone().any(|slot| slot == *name)) {
            self.slot_keys(name, slot);
        }
        for (i, flow) in bot.flows.iter().enumerate() {
            for step in &flow.steps {
                let Op::Choose { options, .. } = &step.op else { continue };
                let missing: Vec<&str> = options.iter().filter(|option| option.key.is_none()).map(name_of).collect();
                // A menu that only awaits yes and no is the open question; its keys are those that start flows.
                let is_open = options
                    .iter()
                    .all(|option| option.intent.as_deref().is_some_and(|intent| RESERVED_INTENTS.contains(&intent)));
                if !missing.is_empty() && !is_open {
                    let reason = format!("no key chooses {}", missing.join(", "));
                    let place = self.sources.step(i, step.line);
                    let field = format!("flows.{}", flow.id);
                    self.warn("keypad-twin", place, field, reason, "give each option a `dtmf: \"1\"` and say the keys");
                }
            }
        }
        let starts = bot.flows.iter().filter(|flow| !flow.intents.is_empty());
        if starts.clone().count() > 0 && !starts.clone().any(|flow| flow.key.is_some()) {
            let place = self.sources.place(&["flows"]);
            let reason = "no flow can be started on the keypad";
            self.warn("keypad-twin", place, "flows", reason, "give the main flows `trigger: {dtmf: \"1\"}`");
        }
    }

    fn slot_keys(&mut self, name: &str, slot: &Slot) {
        let place = self.sources.place(&["slots", name]);
        let field = format!("slots.{name}");
        if !has_keys(slot) {
            let advice = match slot.kind {
                Kind::List(_) => "add `dtmf: {map: {\"1\": value}}` and say the keys in `reprompt`",
                _ => "add `dtmf: {terminator: \"#\"}` or a `map`, and say so in `reprompt`",
            };
            self.warn("keypad-twin", place, field, "cannot be answered on the keypad", advice);
            return;
        }
        let said = std::iter::once(&slot.ask).chain(&slot.reprompt).any(|text| text.skeleton().contains(PRESS));
        if !said {
            let reason = "can be answered on the keypad, but no text tells the caller so";
            self.warn("keypad-unsaid", place, field, reason, "name the keys in a `reprompt`: 请按键…");
        }
    }
}

fn has_keys(slot: &Slot) -> bool {
    let Keys { length, terminator, map } = &slot.keys;
    let by_kind = slot.kind.keys_len().is_some();
    by_kind || length.is_some() || terminator.is_some() || !map.is_empty()
}

fn name_of(option: &Choice) -> &str {
    option.intent.as_deref().or(option.words.first().map(String::as_str)).unwrap_or("an option")
}
