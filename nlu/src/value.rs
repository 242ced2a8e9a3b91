//! The values of slots, results and variables.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use chrono_tz::Tz;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A value of a slot, an action's result or a variable. `Debug` names only its kind: values are personal data.
#[derive(Clone, Default, PartialEq)]
pub enum Value {
    /// Nothing; what an unfilled slot has.
    #[default]
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// A text.
    Text(String),
    /// A day.
    Date(NaiveDate),
    /// A time of day.
    Time(NaiveTime),
    /// A point in time on the bot's clock.
    DateTime(NaiveDateTime),
    /// Several values.
    List(Vec<Value>),
    /// Named values.
    Map(BTreeMap<String, Value>),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool(_) => "<bool>",
            Self::Int(_) => "<int>",
            Self::Float(_) => "<float>",
            Self::Text(_) => "<text>",
            Self::Date(_) => "<date>",
            Self::Time(_) => "<time>",
            Self::DateTime(_) => "<datetime>",
            Self::List(_) => "<list>",
            Self::Map(_) => "<map>",
        })
    }
}

impl Value {
    /// Whether it is nothing.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The value under `key` of named values; nothing when there is no such key.
    pub(crate) fn take(self, key: &str) -> Option<Self> {
        if let Self::Map(mut map) = self { map.remove(key) } else { None }
    }

    /// A call's variable, which always travels as text: numbers of at most nine digits, ISO 8601 days and times, and
    /// `true` and `false` are taken as what they are; everything else, a telephone number too, stays text.
    pub(crate) fn from_variable(text: &str) -> Self {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_number = digits.len() <= 9
            && digits.chars().all(|c| c.is_ascii_digit() || c == '.')
            && digits.starts_with(|c: char| c.is_ascii_digit())
            && (digits == "0" || !digits.starts_with('0') || digits.starts_with("0."));
        if is_number && let Ok(number) = text.parse() {
            return Self::number(number);
        }
        let at = || NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").map(Self::DateTime);
        match text {
            "true" => Self::Bool(true),
            "false" => Self::Bool(false),
            _ => text.parse().map(Self::Date).or_else(|_| at()).unwrap_or_else(|_| Self::Text(text.to_owned())),
        }
    }

    /// A number: whole when it is one.
    #[must_use]
    pub fn number(value: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
        if value.fract() == 0.0 && value.abs() < 9e15 { Self::Int(value as i64) } else { Self::Float(value) }
    }

    /// The written form: what goes into text, URLs and logs of tests. Dates are ISO 8601.
    #[must_use]
    pub fn plain(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => {
                let text = format!("{value:.2}");
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
            Self::Text(text) => text.clone(),
            Self::Date(date) => date.format("%Y-%m-%d").to_string(),
            Self::Time(time) => time.format("%H:%M").to_string(),
            Self::DateTime(at) => at.format("%Y-%m-%dT%H:%M").to_string(),
            Self::List(_) | Self::Map(_) => self.to_json().to_string(),
        }
    }

    /// As JSON, for the body of an action.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::Float(value) => (*value).into(),
            Self::Text(_) | Self::Date(_) | Self::Time(_) | Self::DateTime(_) => self.plain().into(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(map) => {
                serde_json::Value::Object(map.iter().map(|(key, value)| (key.clone(), value.to_json())).collect())
            }
        }
    }

    /// From JSON, as an action's result gives it.
    #[must_use]
    pub fn from_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => {
                number.as_i64().map_or_else(|| Self::Float(number.as_f64().unwrap_or(f64::NAN)), Self::Int)
            }
            serde_json::Value::String(text) => Self::Text(text.clone()),
            serde_json::Value::Array(items) => Self::List(items.iter().map(Self::from_json).collect()),
            serde_json::Value::Object(map) => {
                Self::Map(map.iter().map(|(key, value)| (key.clone(), Self::from_json(value))).collect())
            }
        }
    }

    /// As a CEL value; dates become timestamps in the bot's time zone.
    #[must_use]
    pub(crate) fn to_cel(&self, zone: Tz) -> cel::Value {
        match self {
            Self::Null => cel::Value::Null,
            Self::Bool(value) => cel::Value::Bool(*value),
            Self::Int(value) => cel::Value::Int(*value),
            Self::Float(value) => cel::Value::Float(*value),
            Self::Text(text) => cel::Value::String(Arc::new(text.clone())),
            Self::Date(date) => timestamp(date.and_time(NaiveTime::MIN), zone),
            Self::Time(_) => cel::Value::String(Arc::new(self.plain())),
            Self::DateTime(at) => timestamp(*at, zone),
            Self::List(items) => cel::Value::List(Arc::new(items.iter().map(|item| item.to_cel(zone)).collect())),
            Self::Map(map) => {
                let map: std::collections::HashMap<String, cel::Value> =
                    map.iter().map(|(key, value)| (key.clone(), value.to_cel(zone))).collect();
                cel::Value::Map(map.into())
            }
        }
    }

    /// From a CEL value; kinds that a bot cannot hold become nothing.
    #[must_use]
    pub(crate) fn from_cel(value: &cel::Value, zone: Tz) -> Self {
        match value {
            cel::Value::Bool(value) => Self::Bool(*value),
            cel::Value::Int(value) => Self::Int(*value),
            cel::Value::UInt(value) => i64::try_from(*value).map_or(Self::Null, Self::Int),
            cel::Value::Float(value) => Self::number(*value),
            cel::Value::String(text) => Self::Text(text.as_ref().clone()),
            cel::Value::Timestamp(at) => Self::DateTime(at.with_timezone(&zone).naive_local()),
            cel::Value::List(items) => Self::List(items.iter().map(|item| Self::from_cel(item, zone)).collect()),
            cel::Value::Map(map) => {
                Self::Map(map.map.iter().map(|(key, value)| (key.to_string(), Self::from_cel(value, zone))).collect())
            }
            _ => Self::Null,
        }
    }
}

fn timestamp(at: NaiveDateTime, zone: Tz) -> cel::Value {
    let at: Option<DateTime<Tz>> = zone.from_local_datetime(&at).earliest();
    at.map_or(cel::Value::Null, |at| cel::Value::Timestamp(at.fixed_offset()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are_spoken() {
        assert_eq!(Value::number(129.0).plain(), "129");
        assert_eq!(Value::number(58.30).plain(), "58.3");
        assert_eq!(Value::Float(0.1 + 0.2).plain(), "0.3");
    }

    #[test]
    fn a_variable_is_taken_as_what_it_looks_like() {
        assert_eq!(Value::from_variable("59"), Value::Int(59));
        assert_eq!(Value::from_variable("59.9"), Value::Float(59.9));
        assert_eq!(Value::from_variable("true"), Value::Bool(true));
        assert!(matches!(Value::from_variable("2026-12-31"), Value::Date(_)));
        assert!(matches!(Value::from_variable("2026-12-31T09:30"), Value::DateTime(_)));
        for text in ["13800138000", "007", "1.2.3", "-", "", "张三", "${x}", "1e5", "."] {
            assert_eq!(Value::from_variable(text), Value::Text(text.to_owned()), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_content() {
        assert_eq!(format!("{:?}", Value::Text("13800138000".into())), "<text>");
    }
}
