//! Reads `prompts`: texts that have a name, so that steps and guardrails can speak of them.

use super::fault::Faults;
use super::model::Prompt;
use super::read::Item;
use super::slot::templates;
use std::collections::BTreeMap;

/// Reads every prompt.
pub(crate) fn read(sections: &[Item<'_>], faults: &mut Faults) -> BTreeMap<String, Prompt> {
    let mut prompts = BTreeMap::new();
    for section in sections {
        for (id, item) in section.entries(faults) {
            let Some(prompt) = prompt(&item, faults) else { continue };
            if prompts.insert(id.to_owned(), prompt).is_some() {
                item.fault("is declared twice", "", faults);
            }
        }
    }
    prompts
}

fn prompt(item: &Item<'_>, faults: &mut Faults) -> Option<Prompt> {
    let mut fields = item.fields(faults)?;
    let variants = fields.need("say", faults).map_or_else(Vec::new, |item| templates(&item, faults));
    let must_say = fields.take("must_say").and_then(|item| item.flag(faults)).unwrap_or(false);
    let interruptible = fields.take("barge_in").and_then(|item| item.flag(faults)).unwrap_or(true);
    fields.finish(faults);
    Some(Prompt { variants, must_say, interruptible })
}
