//! Reads `entities` and `slots`.

use super::expr::Expr;
use super::fault::{Faults, nearest};
use super::model::{Keys, ListEntry, Slot, SlotConfirm};
use super::nlu::{list, scalar};
use super::read::{Fields, Item};
use super::template::Template;
use crate::entity::{Bias, Kind};
use crate::tagger::Tagged;
use crate::utterance::Pronouncer;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use std::collections::BTreeMap;

/// What a sentence can hold.
pub(crate) const KINDS: [&str; 14] = [
    "money",
    "data_size",
    "phone",
    "digits",
    "id_number",
    "id_tail",
    "date",
    "month",
    "time",
    "datetime",
    "address",
    "list",
    "regex",
    "crf",
];

/// Any time will do to see whether words name a day or a time.
const NOON: NaiveDateTime =
    NaiveDateTime::new(NaiveDate::from_ymd_opt(2026, 1, 5).unwrap(), NaiveTime::from_hms_opt(12, 0, 0).unwrap());

/// Reads every entity: name -> kind.
pub(crate) fn entities(
    sections: &[Item<'_>],
    lists: &BTreeMap<String, Vec<ListEntry>>,
    faults: &mut Faults,
) -> BTreeMap<String, Kind> {
    let mut entities = BTreeMap::new();
    for section in sections {
        for (name, item) in section.entries(faults) {
            if let Some(kind) = entity(name, &item, lists, faults) {
                entities.insert(name.to_owned(), kind);
            }
        }
    }
    entities
}

fn entity(
    entity: &str,
    item: &Item<'_>,
    lists: &BTreeMap<String, Vec<ListEntry>>,
    faults: &mut Faults,
) -> Option<Kind> {
    let mut fields = item.fields(faults)?;
    let kind_item = fields.need("kind", faults)?;
    let name = kind_item.text(faults)?;
    let kind = match name.as_str() {
        "crf" => Some(Kind::Tagged(Tagged::new(entity))),
        "digits" => Some(digits(&mut fields, faults)),
        "id_tail" => Some(id_tail(&mut fields, faults)),
        "list" => list_kind(item, &mut fields, lists, faults),
        "address" => Some(address(&mut fields, lists, faults)),
        "regex" => regex(&mut fields, faults),
        name => Kind::plain(name),
    };
    let kind = match (kind, fields.take("bias")) {
        (Some(kind), Some(item)) => Some(biased(kind, &item, faults)),
        (kind, _) => kind,
    };
    if kind.is_none() && !KINDS.contains(&name.as_str()) {
        kind_item.fault(format!("unknown kind `{name}`"), nearest(&name, KINDS), faults);
    }
    fields.finish(faults);
    kind
}

/// `bias: past` or `future`, for kinds that have two sides.
fn biased(kind: Kind, item: &Item<'_>, faults: &mut Faults) -> Kind {
    let bias = match one_of(item, &["past", "future"], faults).as_deref() {
        Some("past") => Bias::Past,
        Some(_) => Bias::Future,
        None => return kind,
    };
    kind.with_bias(bias).unwrap_or_else(|| {
        item.fault("has no past and future", "only date, month and datetime have a `bias`", faults);
        kind
    })
}

fn id_tail(fields: &mut Fields<'_>, faults: &mut Faults) -> Kind {
    let len = fields.take("length").and_then(|item| item.whole(2..=12, faults)).unwrap_or(4);
    Kind::IdTail { len: u8::try_from(len).unwrap_or(4) }
}

fn regex(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Kind> {
    let item = fields.need("pattern", faults)?;
    let source = item.text(faults)?;
    Kind::regex(&source).map_err(|reason| item.fault(reason, "", faults)).ok()
}

/// The regions of an address are a list of the bot's: `list: districts`.
fn address(fields: &mut Fields<'_>, lists: &BTreeMap<String, Vec<ListEntry>>, faults: &mut Faults) -> Kind {
    let regions = fields.take("list").and_then(|name| named_list(&name, lists, faults));
    Kind::address(regions.map(|regions| regions.into_iter().map(|entry| (entry.value, entry.spoken)).collect()))
}

fn named_list(
    name: &Item<'_>,
    lists: &BTreeMap<String, Vec<ListEntry>>,
    faults: &mut Faults,
) -> Option<Vec<ListEntry>> {
    let id = name.text(faults)?;
    let found = lists.get(&id).cloned();
    if found.is_none() {
        let suggestion = nearest(&id, lists.keys().map(String::as_str));
        name.fault(format!("there is no list `{id}`"), suggestion, faults);
    }
    found
}

fn digits(fields: &mut Fields<'_>, faults: &mut Faults) -> Kind {
    let mut len = |name| {
        let value = fields.take(name).and_then(|item| item.whole(1..=32, faults));
        value.and_then(|value| u8::try_from(value).ok())
    };
    let exact = len("length");
    let (min, max) = (len("min"), len("max"));
    let len_min = exact.or(min).unwrap_or(1);
    Kind::Digits { len_min, len_max: exact.or(max).unwrap_or(32).max(len_min) }
}

fn list_kind(
    item: &Item<'_>,
    fields: &mut Fields<'_>,
    lists: &BTreeMap<String, Vec<ListEntry>>,
    faults: &mut Faults,
) -> Option<Kind> {
    let named = fields.take("list");
    let values = fields.take("values").map(|values| list(&values, faults));
    let entries = match (named, values) {
        (Some(name), None) => named_list(&name, lists, faults)?,
        (None, Some(values)) => values,
        _ => {
            item.fault("a list needs either `list` or `values`", "", faults);
            return None;
        }
    };
    Some(Kind::list(entries.into_iter().map(|entry| (entry.value, entry.spoken)).collect()))
}

/// Reads every slot.
pub(crate) fn slots(
    sections: &[Item<'_>],
    entities: &BTreeMap<String, Kind>,
    faults: &mut Faults,
) -> BTreeMap<String, Slot> {
    let mut slots = BTreeMap::new();
    for section in sections {
        for (name, item) in section.entries(faults) {
            if let Some(slot) = slot(&item, entities, faults) {
                slots.insert(name.to_owned(), slot);
            }
        }
    }
    slots
}

fn slot(item: &Item<'_>, entities: &BTreeMap<String, Kind>, faults: &mut Faults) -> Option<Slot> {
    let mut fields = item.fields(faults)?;
    let kind = fields.need("type", faults).and_then(|item| slot_kind(&item, entities, faults));
    let ask = fields.need("ask", faults).and_then(|item| template(&item, faults));
    let reprompt = fields.take("reprompt").map_or_else(Vec::new, |item| templates(&item, faults));
    let validate = fields.take("validate").and_then(|item| validation(&item, faults));
    let confirm = fields.take("confirm").map_or(SlotConfirm::Never, |item| slot_confirm(&item, faults));
    let confirm_say = fields.take("confirm_say").and_then(|item| template(&item, faults));
    let keys = fields.take("dtmf").map_or_else(Keys::default, |item| keys(&item, kind.as_ref(), faults));
    let sensitive = fields.take("sensitive").and_then(|item| item.flag(faults)).unwrap_or(false);
    let keep = fields.take("keep").and_then(|item| one_of(&item, &["flow", "call"], faults));
    let tries = fields.take("max_tries").and_then(|item| item.whole(1..=10, faults)).unwrap_or(3);
    let kind = match (kind, fields.take("bias")) {
        (Some(kind), Some(item)) => Some(biased(kind, &item, faults)),
        (kind, _) => kind,
    };
    let chunked = fields.take("chunked").and_then(|item| item.flag(faults).filter(|on| *on).map(|_| item));
    if let (Some(item), Some(kind)) = (&chunked, &kind)
        && kind.form().is_none_or(|form| form.len_max() < 2)
    {
        item.fault("is said at once", "only phone, digits, id_number and id_tail can be `chunked`", faults);
    }
    if let Some(Kind::Address(_)) = kind
        && matches!(confirm, SlotConfirm::Never | SlotConfirm::Implicit)
    {
        let suggestion = "`confirm: explicit` with a `confirm_say`, or `below(0.9)`";
        item.fault("is an address, which is only as good as it was heard: read it back", suggestion, faults);
    }
    fields.finish(faults);
    if matches!(confirm, SlotConfirm::Explicit | SlotConfirm::Below(_)) && confirm_say.is_none() {
        item.fault("is confirmed but has no `confirm_say`", "say the value back: `confirm_say: ${..}，对吗？`", faults);
    }
    Some(Slot {
        kind: kind?,
        ask: ask?,
        reprompt,
        validate,
        confirm,
        confirm_say,
        keys,
        chunked: chunked.is_some(),
        sensitive,
        keep_for_call: keep.as_deref() == Some("call"),
        tries_max: u32::try_from(tries).unwrap_or(3),
    })
}

fn slot_kind(item: &Item<'_>, entities: &BTreeMap<String, Kind>, faults: &mut Faults) -> Option<Kind> {
    let name = item.text(faults)?;
    let kind = entities.get(&name).cloned().or_else(|| Kind::plain(&name));
    if kind.is_none() {
        let known = entities.keys().map(String::as_str).chain(KINDS);
        item.fault(format!("there is no entity or kind `{name}`"), nearest(&name, known), faults);
    }
    kind
}

fn validation(item: &Item<'_>, faults: &mut Faults) -> Option<(Expr, Template)> {
    let mut fields = item.fields(faults)?;
    let expr = fields.need("expr", faults).and_then(|item| expr(&item, faults));
    let say = fields.need("say", faults).and_then(|item| template(&item, faults));
    fields.finish(faults);
    Some((expr?, say?))
}

fn slot_confirm(item: &Item<'_>, faults: &mut Faults) -> SlotConfirm {
    let Some(text) = item.text(faults) else { return SlotConfirm::Never };
    match text.as_str() {
        "never" => SlotConfirm::Never,
        "implicit" => SlotConfirm::Implicit,
        "explicit" => SlotConfirm::Explicit,
        other => {
            let below = other.strip_prefix("below(").and_then(|rest| rest.strip_suffix(')'));
            match below.and_then(|number| number.parse::<f32>().ok()) {
                Some(limit) if (0.0..=1.0).contains(&limit) => SlotConfirm::Below(limit),
                _ => {
                    item.fault(
                        format!("`{other}` is not a way to confirm"),
                        "never, implicit, explicit or below(0.8)",
                        faults,
                    );
                    SlotConfirm::Never
                }
            }
        }
    }
}

fn keys(item: &Item<'_>, kind: Option<&Kind>, faults: &mut Faults) -> Keys {
    let Some(mut fields) = item.fields(faults) else { return Keys::default() };
    let length = fields.take("length").and_then(|item| item.whole(1..=32, faults));
    let terminator = fields.take("terminator").and_then(|item| one_of(&item, &["#", "*"], faults));
    let mut map = std::collections::BTreeMap::new();
    if let Some(entries) = fields.take("map") {
        for (key, value) in entries.entries(faults) {
            if !is_key(key) {
                value.fault(format!("`{key}` is not a key"), "one of 0-9, * and #", faults);
            }
            let meant = scalar(&value, faults);
            let read = kind.map(|kind| crate::entity::of_key(kind, &meant, &Pronouncer::default(), NOON));
            if read.is_some_and(|read| read.is_null() && !meant.is_null()) {
                value.fault("cannot be read as the slot's kind", "write it as callers say it: 明天上午十点", faults);
            }
            map.insert(key.to_owned(), meant);
        }
    }
    fields.finish(faults);
    Keys {
        length: length.and_then(|value| usize::try_from(value).ok()),
        terminator: terminator.and_then(|text| text.chars().next()),
        map,
    }
}

/// Whether `key` is one key of a telephone.
pub(crate) fn is_key(key: &str) -> bool {
    key.len() == 1 && key.chars().all(|c| c.is_ascii_digit() || c == '*' || c == '#')
}

/// A text out of a closed set.
pub(crate) fn one_of(item: &Item<'_>, known: &[&str], faults: &mut Faults) -> Option<String> {
    let text = item.text(faults)?;
    if known.contains(&text.as_str()) {
        return Some(text);
    }
    item.fault(format!("`{text}` is not known here"), nearest(&text, known.iter().copied()), faults);
    None
}

/// A compiled text.
pub(crate) fn template(item: &Item<'_>, faults: &mut Faults) -> Option<Template> {
    let text = item.text(faults)?;
    Template::compile(&text).map_err(|reason| item.fault(reason, "", faults)).ok()
}

/// One compiled text or several.
pub(crate) fn templates(item: &Item<'_>, faults: &mut Faults) -> Vec<Template> {
    let texts = item.texts(faults);
    texts
        .iter()
        .filter_map(|text| Template::compile(text).map_err(|reason| item.fault(reason, "", faults)).ok())
        .collect()
}

/// A compiled expression.
pub(crate) fn expr(item: &Item<'_>, faults: &mut Faults) -> Option<Expr> {
    let text = item.text(faults)?;
    Expr::compile(&text).map_err(|reason| item.fault(reason, "", faults)).ok()
}
