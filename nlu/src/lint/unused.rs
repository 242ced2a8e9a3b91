//! What is declared and never used.

use super::Linter;
use crate::bot::model::Op;
use std::collections::BTreeSet;

impl Linter<'_> {
    /// Slots that no step asks for, actions that no step calls, entities, lists and prompts that nothing names.
    pub(super) fn unused(&mut self) {
        let bot = self.bot;
        let steps = || bot.flows.iter().flat_map(|flow| &flow.steps);
        let collected: BTreeSet<&str> = bot.flows.iter().flat_map(|flow| &flow.collects).map(String::as_str).collect();
        let called: BTreeSet<&str> = steps()
            .filter_map(|step| match &step.op {
                Op::Call { action, .. } => Some(action.as_str()),
                _ => None,
            })
            .collect();
        let texts = self.sources.texts();
        let is_named = |name: &str| texts.contains(&name);
        for name in bot.slots.keys().filter(|name| !collected.contains(name.as_str())) {
            self.unused_part(&["slots", name], "no step collects this slot");
        }
        for name in bot.actions.keys().filter(|name| !called.contains(name.as_str()) && !is_named(name)) {
            self.unused_part(&["actions", name], "no step calls this action");
        }
        let own = |path: &[&str], is_used: &dyn Fn(&str) -> bool| -> Vec<&str> {
            self.sources.keys(path).into_iter().filter(|name| !is_named(name) && !is_used(name)).collect()
        };
        let is_marked = |name: &str| texts.iter().any(|text| text.contains(&format!("]({name})")));
        let is_expanded = |name: &str| texts.iter().any(|text| text.contains(&format!("${{{name}}}")));
        let prompts = own(&["prompts"], &|_| false);
        let entities = own(&["entities"], &is_marked);
        let lists = own(&["nlu", "lists"], &is_expanded);
        for name in prompts {
            self.unused_part(&["prompts", name], "no step says this prompt");
        }
        for name in entities {
            self.unused_part(&["entities", name], "no slot has this type");
        }
        for name in lists {
            self.unused_part(&["nlu", "lists", name], "no example and no entity names this list");
        }
    }

    fn unused_part(&mut self, path: &[&str], reason: &str) {
        let place = self.sources.place(path);
        self.warn("unused", place, path.join("."), reason, "use it or remove it");
    }
}
