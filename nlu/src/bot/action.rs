//! Reads `actions`.

use super::expr::Expr;
use super::fault::Faults;
use super::model::{Action, Filler, Method};
use super::node::{Data, Node};
use super::read::Item;
use super::slot::{expr, one_of, template};
use super::template::Template;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Reads every action; the names of back ends that their addresses begin with are added to `backends`.
pub(crate) fn read(
    sections: &[Item<'_>],
    backends: &mut BTreeSet<String>,
    faults: &mut Faults,
) -> BTreeMap<String, Action> {
    let mut actions = BTreeMap::new();
    for section in sections {
        for (name, item) in section.entries(faults) {
            if let Some(action) = action(&item, backends, faults) {
                actions.insert(name.to_owned(), action);
            }
        }
    }
    actions
}

fn action(item: &Item<'_>, backends: &mut BTreeSet<String>, faults: &mut Faults) -> Option<Action> {
    let mut fields = item.fields(faults)?;
    let (by_http, by_grpc) = (fields.take("http"), fields.take("grpc"));
    let request = match (by_http, by_grpc) {
        (Some(item), None) => http(&item, backends, faults),
        (None, Some(item)) => grpc(&item, backends, faults),
        _ => {
            item.fault("needs either `http` or `grpc`", "", faults);
            None
        }
    };
    let timeout =
        fields.take("timeout_ms").and_then(|item| item.millis(faults)).unwrap_or(Duration::from_millis(1_500));
    let retries = fields.take("retries").and_then(|item| item.whole(0..=5, faults)).unwrap_or(0);
    let filler = fields.take("filler").and_then(|item| filler(&item, faults));
    let safe = fields.take("safe").and_then(|item| item.flag(faults)).unwrap_or(false);
    let requires = fields.take("requires").map_or_else(Vec::new, |item| {
        item.items(faults).iter().filter_map(|entry| one_of(entry, &["confirm", "identity"], faults)).collect()
    });
    let args = fields.take("args").map_or_else(Vec::new, |item| arguments(&item, faults));
    let results = fields.take("result").map_or_else(Vec::new, |item| results(&item, faults));
    let idempotency = fields.take("idempotency").and_then(|item| template(&item, faults));
    let mock = fields.take("mock").map(|item| json(item.node));
    fields.finish(faults);
    if safe && requires.iter().any(|name| name == "confirm") {
        item.fault("is `safe` but `requires` a confirmation", "an action that changes something is not safe", faults);
    }
    if retries > 0 && !safe && idempotency.is_none() {
        item.fault("is retried without an `idempotency` key", "give it one, or it may be done twice", faults);
    }
    let (method, url) = request?;
    Some(Action {
        method,
        url,
        timeout,
        retries: u32::try_from(retries).unwrap_or(0),
        filler,
        safe,
        requires_confirm: requires.iter().any(|name| name == "confirm"),
        requires_identity: requires.iter().any(|name| name == "identity"),
        args,
        results,
        idempotency,
        mock,
    })
}

fn http(item: &Item<'_>, backends: &mut BTreeSet<String>, faults: &mut Faults) -> Option<(Method, Template)> {
    let mut fields = item.fields(faults)?;
    let (get, post) = (fields.take("get"), fields.take("post"));
    fields.finish(faults);
    let (method, url_item) = match (get, post) {
        (Some(url), None) => (Method::Get, url),
        (None, Some(url)) => (Method::Post, url),
        _ => {
            item.fault("needs either `get` or `post`", "", faults);
            return None;
        }
    };
    let text = url_item.text(faults)?;
    match text.strip_prefix("${").and_then(|rest| rest.split_once('}')) {
        Some((name, path)) if is_name(name) && path.starts_with('/') => {
            backends.insert(name.to_owned());
        }
        _ if text.starts_with("http://") || text.starts_with("https://") => {}
        _ => url_item.fault(
            "must begin with a back end or `http`",
            "write `${crm}/path` and name `crm` in the configuration",
            faults,
        ),
    }
    Some((method, template(&url_item, faults)?))
}

/// `{service: crm.Orders, method: Renew}`: the first part of the service is the back end.
fn grpc(item: &Item<'_>, backends: &mut BTreeSet<String>, faults: &mut Faults) -> Option<(Method, Template)> {
    let mut fields = item.fields(faults)?;
    let service = fields.need("service", faults);
    let method = fields.need("method", faults);
    fields.finish(faults);
    let (service_item, method_item) = (service?, method?);
    let (service, method) = (service_item.text(faults)?, method_item.text(faults)?);
    if !service.split('.').all(is_name) {
        service_item.fault(
            format!("`{service}` is not a service"),
            "write `crm.Orders`, with the back end first",
            faults,
        );
        return None;
    }
    if !is_name(&method) {
        method_item.fault(format!("`{method}` is not a method"), "letters, digits and _ only", faults);
        return None;
    }
    let backend = service.split('.').next()?;
    backends.insert(backend.to_owned());
    let url = Template::compile(&format!("${{{backend}}}/{service}/{method}")).ok()?;
    Some((Method::Grpc, url))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn filler(item: &Item<'_>, faults: &mut Faults) -> Option<Filler> {
    let mut fields = item.fields(faults)?;
    let after = fields.take("after_ms").and_then(|item| item.millis(faults)).unwrap_or(Duration::from_millis(600));
    let every = fields.take("every_ms").and_then(|item| item.millis(faults));
    let say = fields.need("say", faults).and_then(|item| template(&item, faults));
    fields.finish(faults);
    Some(Filler { after, every, say: say? })
}

/// Arguments are expressions: `{fee: plan_fee}`.
pub(crate) fn arguments(item: &Item<'_>, faults: &mut Faults) -> Vec<(String, Expr)> {
    let entries = item.entries(faults);
    entries.into_iter().filter_map(|(name, item)| Some((name.to_owned(), expr(&item, faults)?))).collect()
}

fn results(item: &Item<'_>, faults: &mut Faults) -> Vec<(String, String)> {
    let mut results = Vec::new();
    for (path, name) in item.entries(faults) {
        let Some(variable) = name.text(faults) else { continue };
        if is_name(&variable) {
            results.push((path.to_owned(), variable));
        } else {
            name.fault(format!("`{variable}` is not a name"), "letters, digits and _ only", faults);
        }
    }
    results
}

/// A node as JSON.
pub(crate) fn json(node: &Node) -> serde_json::Value {
    match &node.data {
        Data::Null => serde_json::Value::Null,
        Data::Bool(value) => (*value).into(),
        Data::Int(value) => (*value).into(),
        Data::Float(value) => (*value).into(),
        Data::Text(text) => text.clone().into(),
        Data::List(items) => items.iter().map(json).collect(),
        Data::Map(entries) => {
            serde_json::Value::Object(entries.iter().map(|(key, node)| (key.clone(), json(node))).collect())
        }
    }
}
