//! The schema is what the compiler asks for, no key more and none less; it is committed, and every bot satisfies it.

use super::*;
use crate::bot::fault::Faults;
use crate::bot::read::ASKED;
use crate::bot::{Bot, json, node};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Uses every kind of mapping that the compiler reads; that it makes no sense as a bot does not matter.
const EVERYTHING: &str = "
bot: {id: t, entry: f, listen: {complete_ms: 200}}
nlu:
  lists: {l: [a, {value: b, synonyms: [c]}]}
  bands: {accept: auto}
  intents: {i: {examples: [甲, 乙, 丙]}}
entities:
  list: {kind: list, list: l}
  values: {kind: list, values: [x, {value: y, synonyms: [z]}]}
  digits: {kind: digits}
  tail: {kind: id_tail}
  place: {kind: address}
  regex: {kind: regex, pattern: a}
slots:
  s: {type: money, ask: 问, validate: {expr: s > 1, say: 不对}, dtmf: {map: {\"1\": 2}}}
actions:
  a: {http: {get: \"${crm}/x\"}, filler: {say: 等}}
  b: {grpc: {service: crm.Orders, method: Renew}}
prompts: {hello: {say: 您好}}
faq: [{ask: [几点开门], say: 九点}]
policies:
  no_input: [{say: 喂}]
  no_match: [{handoff: general}]
  global_intents: {i: [{resume: true}]}
  repair: {digression: {allow: all}}
  handoff: {queue: general}
  llm: {model: m}
  guardrails:
    - {must_say: hello, before: first_reply}
    - {never_say: 保证, until: s > 1}
    - {never_call: a, unless: s > 1}
    - {max_turns: 9}
    - {max_pitch: 1, flow: f}
flows:
  f:
    trigger: {intents: [i]}
    listen: {complete_ms: 200}
    steps:
      - {say: 您好}
      - {collect: s, listen: {complete_ms: 200}}
      - {confirm: 办吗, yes: [], no: []}
      - {call: a, ok: [], error: []}
      - {if: s > 1, then: [], else: []}
      - {choose: {options: [{intent: i, steps: []}]}}
      - {set: {v: s}}
      - {flow: f}
      - {goto: x}
      - {handoff: general}
      - {end: done}
";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn the_committed_schema_is_this_one() {
    let path = root().join(FILE);
    if std::env::var_os("HUALU_WRITE").is_some() {
        std::fs::write(&path, text()).expect("writable");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text(), "{FILE} is old: run this test with HUALU_WRITE=1, or `hualu bot schema > {FILE}`");
}

/// The schemas that a node at a path must satisfy one of, with references followed and alternatives apart.
fn expand<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    if let Some(name) = schema["$ref"].as_str() {
        return expand(root, root.pointer(&name[1..]).unwrap_or_else(|| panic!("{name} is defined")));
    }
    match schema["anyOf"].as_array() {
        Some(several) => several.iter().flat_map(|one| expand(root, one)).collect(),
        None => vec![schema],
    }
}

fn descend<'a>(root: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut at = vec![root];
    for segment in path.split(['.', '[']).filter(|segment| !segment.is_empty()) {
        let key = if segment.ends_with(']') { "items" } else { "additionalProperties" };
        let next =
            |schema: &&'a Value| schema["properties"].get(segment).or(schema.get(key)).filter(|next| next.is_object());
        at = at.iter().filter_map(next).flat_map(|next| expand(root, next)).collect();
    }
    at.retain(|schema| schema["properties"].is_object());
    at
}

fn properties(schemas: &[&Value]) -> BTreeSet<String> {
    schemas.iter().filter_map(|schema| schema["properties"].as_object()).flat_map(|map| map.keys().cloned()).collect()
}

/// A path, the keys that the schema knows there and those that the compiler asked for.
type Asked = (String, BTreeSet<String>, BTreeSet<String>);

#[test]
fn the_schema_knows_the_keys_that_the_compiler_asks_for() {
    ASKED.with_borrow_mut(Vec::clear);
    let _ = Bot::from_texts(&[("all.yaml", EVERYTHING)]);
    let schema = schema();
    let mut asked: BTreeMap<Vec<*const Value>, Asked> = BTreeMap::new();
    for (path, keys) in ASKED.with_borrow(Clone::clone) {
        let schemas = descend(&schema, &path);
        assert!(!schemas.is_empty(), "the schema knows nothing of `{path}`, which has the keys {keys:?}");
        let group = schemas.iter().map(|schema| std::ptr::from_ref(*schema)).collect();
        let entry = asked.entry(group).or_insert_with(|| (path, properties(&schemas), BTreeSet::new()));
        entry.2.extend(keys.into_iter().map(str::to_owned));
    }
    let mut told = Vec::new();
    for (path, known, asked) in asked.values() {
        let missing: Vec<_> = asked.difference(known).collect();
        let left: Vec<_> = known.difference(asked).collect();
        if !missing.is_empty() || !left.is_empty() {
            told.push(format!("`{path}`: schema.rs lacks {missing:?}, and the compiler does not know {left:?}"));
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
    let seen: BTreeSet<_> = asked.keys().flatten().copied().collect();
    let mut open = vec![&schema];
    while let Some(next) = open.pop() {
        let is_root = std::ptr::eq(next, &raw const schema);
        assert!(
            is_root || !next["properties"].is_object() || seen.contains(&std::ptr::from_ref(next)),
            "EVERYTHING does not use {}",
            next["description"]
        );
        match next {
            Value::Object(map) => open.extend(map.values()),
            Value::Array(list) => open.extend(list),
            _ => {}
        }
    }
}

/// What a value lacks of a schema, in the words of draft 7 that this schema uses.
fn fault(root: &Value, schema: &Value, value: &Value) -> Option<String> {
    if let Some(name) = schema["$ref"].as_str() {
        return fault(root, root.pointer(&name[1..])?, value);
    }
    if let Some(several) = schema["anyOf"].as_array() {
        let faults: Vec<String> = several.iter().map_while(|one| fault(root, one, value)).collect();
        return (faults.len() == several.len()).then(|| faults.join(" or "));
    }
    let is = |name: &str| match name {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        other => panic!("type {other}"),
    };
    let types: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let listed = schema["enum"].as_array().is_none_or(|names| names.contains(value));
    let constant = schema.get("const").is_none_or(|wanted| wanted == value);
    if !listed || !constant || (!types.is_empty() && !types.iter().any(|name| is(name))) {
        return Some(format!("{value} is not {}", schema["description"]));
    }
    if let (Some(pattern), Some(text)) = (schema["pattern"].as_str(), value.as_str())
        && !Regex::new(pattern).expect("a pattern").is_match(text)
    {
        return Some(format!("{text} is not like {pattern}"));
    }
    let number = value.as_f64().unwrap_or_default();
    if schema["minimum"].as_f64().is_some_and(|low| number < low)
        || schema["maximum"].as_f64().is_some_and(|high| number > high)
    {
        return Some(format!("{value} is out of range"));
    }
    if let Some(items) = value.as_array() {
        return items.iter().find_map(|item| fault(root, schema.get("items")?, item));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            return Some(format!("{name} is missing"));
        }
    }
    value.as_object()?.iter().find_map(|(key, inner)| match schema["properties"].get(key) {
        Some(own) => fault(root, own, inner).map(|fault| format!("{key}: {fault}")),
        None if schema["additionalProperties"] == false => Some(format!("{key} is unknown")),
        None => fault(root, schema.get("additionalProperties")?, inner).map(|fault| format!("{key}: {fault}")),
    })
}

fn fault_of(text: &str) -> Option<String> {
    let node = node::parse(0, text, &mut Faults::default()).expect("YAML");
    let schema = schema();
    fault(&schema, &schema, &json(&node))
}

#[test]
fn every_bot_satisfies_the_schema() {
    let bots = std::fs::read_dir(root().join("bots")).expect("the repository has bots").filter_map(Result::ok);
    let files = bots.filter_map(|bot| std::fs::read_dir(bot.path()).ok()).flatten().filter_map(Result::ok);
    let mut count = 0;
    for file in files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|ext| ext == "yaml")) {
        count += 1;
        let text = std::fs::read_to_string(&file).expect("readable");
        assert_eq!(fault_of(&text), None, "{}", file.display());
    }
    assert!(count > 0);
    assert_eq!(fault_of(EVERYTHING), None);
}

#[test]
fn what_the_compiler_refuses_is_marked() {
    for (text, told) in [
        ("flow: {}", "unknown"),
        ("slots: {s: {ask: 问}}", "type is missing"),
        ("slots: {s: {type: money, ask: 问, max_tries: 99}}", "out of range"),
        ("actions: {a: {http: {get: x}, requires: [confrim]}}", "confrim"),
        ("flows: {f: {steps: [{colect: s}]}}", "collect is missing"),
    ] {
        assert!(fault_of(text).is_some_and(|fault| fault.contains(told)), "{text}: {:?}", fault_of(text));
    }
}
