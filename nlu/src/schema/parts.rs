//! What the schema is put together from.

use serde_json::{Map, Value, json};

pub(super) fn object(about: &str, fields: Vec<(&'static str, Value)>) -> Value {
    let properties: Map<String, Value> = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    json!({"description": about, "type": "object", "properties": properties, "additionalProperties": false})
}

pub(super) fn required(mut object: Value, names: &[&str]) -> Value {
    object["required"] = json!(names);
    object
}

pub(super) fn named(about: &str, each: Value) -> Value {
    json!({"description": about, "type": "object", "additionalProperties": each})
}

pub(super) fn list(about: &str, each: Value) -> Value {
    json!({"description": about, "type": "array", "items": each})
}

pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/definitions/{name}")})
}

/// Numbers are taken by their spelling.
pub(super) fn word() -> Value {
    json!({"type": ["string", "number"]})
}

pub(super) fn text_of(about: &str) -> Value {
    json!({"type": ["string", "number"], "description": about})
}

pub(super) fn cel(about: &str) -> Value {
    json!({"type": ["string", "number"], "description": format!("{about} A CEL expression.")})
}

pub(super) fn one_of(about: &str, names: &[&str]) -> Value {
    json!({"description": about, "enum": names})
}

pub(super) fn flag(about: &str) -> Value {
    json!({"description": about, "enum": [true, false, "on", "off"]})
}

pub(super) fn whole(about: &str) -> Value {
    json!({"type": "integer", "minimum": 1, "description": about})
}

pub(super) fn millis(about: &str) -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": 600_000, "description": format!("{about} In milliseconds.")})
}

pub(super) fn key(about: &str) -> Value {
    json!({"type": ["string", "integer"], "pattern": "^[0-9*#]$", "description": about})
}

pub(super) fn intents(about: &str) -> Value {
    json!({"anyOf": [word(), list("Intents.", word())], "description": about})
}
