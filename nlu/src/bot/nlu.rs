//! Reads `nlu`: intents, lists and bands.

use super::fault::Faults;
use super::model::{BandSettings, Intent, ListEntry, RESERVED_INTENTS};
use super::node::Data;
use super::read::Item;
use crate::tagger::unmark;
use crate::value::Value;
use std::collections::BTreeMap;

/// At most so many sentences come of one example that names lists.
const EXPANSIONS_MAX: usize = 64;

/// Fewer examples than this make an intent too thin to be told from others.
const EXAMPLES_MIN: usize = 3;

/// The `nlu` section.
#[derive(Debug)]
pub(crate) struct Nlu {
    pub intents: Vec<Intent>,
    pub lists: BTreeMap<String, Vec<ListEntry>>,
    pub bands: BandSettings,
    pub context_boost: f32,
    /// The examples that mark values, with their marks.
    pub marked: Vec<String>,
}

impl Default for Nlu {
    fn default() -> Self {
        Self {
            intents: Vec::new(),
            lists: BTreeMap::new(),
            bands: BandSettings::default(),
            context_boost: 0.3,
            marked: Vec::new(),
        }
    }
}

/// Reads the section; it may be spread over several files.
pub(crate) fn read(sections: &[Item<'_>], faults: &mut Faults) -> Nlu {
    let mut nlu = Nlu::default();
    let mut intents = Vec::new();
    for section in sections {
        let Some(mut fields) = section.fields(faults) else { continue };
        if let Some(lists) = fields.take("lists") {
            for (name, item) in lists.entries(faults) {
                nlu.lists.insert(name.to_owned(), list(&item, faults));
            }
        }
        if let Some(item) = fields.take("intents") {
            intents.push(item);
        }
        if let Some(item) = fields.take("bands") {
            nlu.bands = bands(&item, faults);
        }
        if let Some(boost) = fields.take("context_boost").and_then(|item| item.number(faults)) {
            #[expect(clippy::cast_possible_truncation, reason = "a boost is a small number")]
            let boost = boost as f32;
            nlu.context_boost = boost;
        }
        fields.finish(faults);
    }
    for section in &intents {
        for (id, item) in section.entries(faults) {
            if nlu.intents.iter().any(|known| known.id == id) {
                item.fault("is declared twice", "put all its examples in one place", faults);
                continue;
            }
            if let Some(intent) = intent(id, &item, &nlu.lists, &mut nlu.marked, faults) {
                nlu.intents.push(intent);
            }
        }
    }
    nlu
}

/// Reads the values of a list: texts, or `{value, synonyms}`.
pub(crate) fn list(item: &Item<'_>, faults: &mut Faults) -> Vec<ListEntry> {
    let mut entries = Vec::new();
    for entry in item.items(faults) {
        if !matches!(entry.node.data, Data::Map(_)) {
            if let Some(text) = entry.text(faults) {
                entries.push(ListEntry { value: scalar(&entry, faults), spoken: vec![text] });
            }
            continue;
        }
        let Some(mut fields) = entry.fields(faults) else { continue };
        let value = fields.need("value", faults);
        let mut spoken = fields.take("synonyms").map_or_else(Vec::new, |item| item.texts(faults));
        if let Some(value) = value
            && let Some(text) = value.text(faults)
        {
            if !text.is_ascii() || spoken.is_empty() {
                spoken.insert(0, text);
            }
            entries.push(ListEntry { value: scalar(&value, faults), spoken });
        }
        fields.finish(faults);
    }
    entries
}

/// A scalar as a slot's value.
pub(crate) fn scalar(item: &Item<'_>, faults: &mut Faults) -> Value {
    match &item.node.data {
        Data::Null => Value::Null,
        Data::Bool(value) => Value::Bool(*value),
        Data::Int(value) => Value::Int(*value),
        Data::Float(value) => Value::Float(*value),
        Data::Text(text) => Value::Text(text.clone()),
        Data::List(_) | Data::Map(_) => item.wrong("a single value", faults).unwrap_or_default(),
    }
}

fn bands(item: &Item<'_>, faults: &mut Faults) -> BandSettings {
    let Some(mut fields) = item.fields(faults) else { return BandSettings::default() };
    let mut band = |name: &'static str| {
        let item = fields.take(name)?;
        if matches!(&item.node.data, Data::Text(text) if text == "auto") {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "a margin is a small number")]
        item.number(faults).map(|margin| margin as f32)
    };
    let bands = BandSettings { accept: band("accept"), clarify: band("clarify"), oos: band("oos") };
    fields.finish(faults);
    if let (Some(accept), Some(clarify)) = (bands.accept, bands.clarify)
        && clarify > accept
    {
        item.fault("`clarify` is above `accept`", "margins must satisfy oos <= clarify <= accept", faults);
    }
    bands
}

fn intent(
    id: &str,
    item: &Item<'_>,
    lists: &BTreeMap<String, Vec<ListEntry>>,
    marked: &mut Vec<String>,
    faults: &mut Faults,
) -> Option<Intent> {
    let mut fields = item.fields(faults)?;
    let label = fields.take("label").and_then(|label| label.text(faults));
    let global = fields.take("global").and_then(|flag| flag.flag(faults)).unwrap_or(false);
    let mut examples = Vec::new();
    if let Some(list) = fields.need("examples", faults) {
        for example in list.items(faults) {
            let Some(text) = example.text(faults) else { continue };
            match expand(&text, lists) {
                Ok(expanded) => {
                    examples.extend(expanded.iter().map(|text| unmark(text)));
                    marked.extend(expanded.into_iter().filter(|text| text.contains("](")));
                }
                Err(reason) => example.fault(reason, "declare the list under `nlu.lists`", faults),
            }
        }
        examples.dedup();
        if examples.len() < EXAMPLES_MIN && !RESERVED_INTENTS.contains(&id) {
            let reason = format!("has {} example(s), too few to be told from other intents", examples.len());
            list.fault(reason, "give at least 3, better 50, as callers really say it", faults);
        }
    }
    fields.finish(faults);
    Some(Intent { id: id.to_owned(), label, examples, global })
}

/// Expands `${list}`.
fn expand(text: &str, lists: &BTreeMap<String, Vec<ListEntry>>) -> Result<Vec<String>, String> {
    let mut done = Vec::new();
    let mut open = vec![text.to_owned()];
    while let Some(text) = open.pop() {
        let Some(start) = text.find("${") else {
            done.push(text);
            continue;
        };
        let end = text[start..].find('}').ok_or_else(|| "`${` without `}`".to_owned())? + start;
        let name = &text[start + 2..end];
        let list = lists.get(name).ok_or_else(|| {
            format!(
                "names the list `{name}`, which does not exist; {}",
                super::fault::nearest(name, lists.keys().map(String::as_str))
            )
        })?;
        for spoken in list.iter().flat_map(|entry| &entry.spoken) {
            if done.len() + open.len() < EXPANSIONS_MAX {
                open.push(format!("{}{spoken}{}", &text[..start], &text[end + 1..]));
            }
        }
    }
    done.sort();
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_expanded() {
        let entry = |value: &str, synonym: &str| ListEntry {
            value: Value::Text(value.into()),
            spoken: vec![value.into(), synonym.into()],
        };
        let lists =
            BTreeMap::from([("fee".to_owned(), vec![entry("五十九", "五十九块"), entry("一百二", "一百二的")])]);
        assert_eq!(expand("换${fee}", &lists).expect("expands").len(), 4);
        assert!(expand("换${fees}", &lists).expect_err("unknown").contains("did you mean `fee`"));
    }
}
