//! Reads `policies.llm`: what a language model may be asked for.

use super::fault::{Faults, nearest};
use super::model::Action;
use super::read::Item;
use super::slot::one_of;
use std::collections::BTreeMap;
use std::time::Duration;

/// The back end that a bot's model is unless it names another.
const BACKEND: &str = "llm";

/// What a language model may be asked for. A bot without it asks none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LlmPolicy {
    /// The name of the model's server in the service's configuration.
    pub backend: String,
    pub model: String,
    /// Safe actions that it may have run.
    pub tools: Vec<String>,
    pub budget: Duration,
    /// It may say what stands in the bot's documents.
    pub faq: bool,
    /// It may say something civil that claims nothing.
    pub chitchat: bool,
    /// It may propose commands where the bot is unsure.
    pub unsure: bool,
    pub grounded_only: bool,
}

/// Reads the policy; `tools` must be safe actions.
pub(crate) fn read(item: &Item<'_>, actions: &BTreeMap<String, Action>, faults: &mut Faults) -> Option<LlmPolicy> {
    let mut fields = item.fields(faults)?;
    let endpoint = fields.take("endpoint").and_then(|item| backend(&item, faults));
    let model = fields.need("model", faults).and_then(|item| item.text(faults));
    if let Some(stream) = fields.take("stream") {
        stream.flag(faults);
    }
    let mut tools = Vec::new();
    for tool in fields.take("tools").map_or_else(Vec::new, |item| item.items(faults)) {
        let Some(name) = tool.text(faults) else { continue };
        match actions.get(&name) {
            Some(action) if action.safe => tools.push(name),
            Some(_) => {
                tool.fault(format!("`{name}` is not `safe`"), "a model may only have pure queries run", faults);
            }
            None => {
                let suggestion = nearest(&name, actions.keys().map(String::as_str));
                tool.fault(format!("there is no action `{name}`"), suggestion, faults);
            }
        }
    }
    if let Some(knowledge) = fields.take("knowledge") {
        one_of(&knowledge, &["bm25"], faults);
    }
    let budget = fields.take("budget_ms").and_then(|item| item.whole(100..=5_000, faults)).unwrap_or(900);
    if let Some(fallback) = fields.take("on_timeout") {
        one_of(&fallback, &["no_match"], faults);
    }
    let scope = fields.take("scope").map_or_else(Vec::new, |item| {
        item.items(faults).iter().filter_map(|one| one_of(one, &["faq", "chitchat", "unsure"], faults)).collect()
    });
    if let Some(output) = fields.take("output") {
        one_of(&output, &["commands", "commands+text"], faults);
    }
    let grounded_only = fields.take("grounded_only").and_then(|item| item.flag(faults)).unwrap_or(true);
    fields.finish(faults);
    let has = |name: &str| scope.iter().any(|one| one == name);
    Some(LlmPolicy {
        backend: endpoint.unwrap_or_else(|| BACKEND.to_owned()),
        model: model?,
        tools,
        budget: Duration::from_millis(budget.unsigned_abs()),
        faq: has("faq"),
        chitchat: has("chitchat"),
        unsure: has("unsure"),
        grounded_only,
    })
}

/// `${llm}`: the address stands in the service's configuration, where its hosts are allowed.
fn backend(item: &Item<'_>, faults: &mut Faults) -> Option<String> {
    let text = item.text(faults)?;
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    match name {
        Some(name) if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
            Some(name.to_owned())
        }
        _ => {
            item.fault("must name a back end", "write `${llm}` and give `llm` an address in the configuration", faults);
            None
        }
    }
}
