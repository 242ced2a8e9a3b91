//! YAML as a tree that knows its lines, read with YAML 1.2 rules (`yes`, `no` and `on` are strings).

use super::fault::{Faults, Place};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::fmt;

/// One YAML value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub data: Data,
}

/// The kinds of YAML values.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// A string.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<(String, Node)>),
}

impl Data {
    /// What to call it in a message.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true/false",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// Parses one file; a syntax error becomes a fault.
pub(crate) fn parse(file: u16, text: &str, faults: &mut Faults) -> Option<Node> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options) {
        Ok(raw) => Some(place(file, raw)),
        Err(error) => {
            let line = error.location().map_or(0, |location| u32::try_from(location.line()).unwrap_or(0));
            faults.add(Place { file, line }, "", format!("not valid YAML: {error}"), "");
            None
        }
    }
}

fn place(file: u16, raw: Spanned<Raw>) -> Node {
    let at = Place { file, line: u32::try_from(raw.referenced.line()).unwrap_or(0) };
    let data = match raw.value {
        Raw::Plain(data) => data,
        Raw::List(items) => Data::List(items.into_iter().map(|item| place(file, item)).collect()),
        Raw::Map(entries) => Data::Map(entries.into_iter().map(|(key, value)| (key, place(file, value))).collect()),
    };
    Node { place: at, data }
}

/// What the deserializer yields before places are known.
enum Raw {
    Plain(Data),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(String, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Plain(Data::Null))
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Plain(Data::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Plain(Data::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Plain(Data::Int(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Plain(i64::try_from(value).map_or(Data::Text(value.to_string()), Data::Int)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Plain(Data::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Plain(Data::Text(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element::<Spanned<Raw>>()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = access.next_key::<String>()? {
            entries.push((key, access.next_value::<Spanned<Raw>>()?));
        }
        Ok(Raw::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_known_and_yes_is_a_string() {
        let mut faults = Faults::default();
        let file = faults.add_file("a.yaml");
        let node = parse(file, "a: 1\nb:\n  - {yes: [嗯], \"1\": 07}\n", &mut faults).expect("valid");
        let Data::Map(entries) = &node.data else { panic!("a mapping") };
        let Data::List(items) = &entries[1].1.data else { panic!("a list") };
        assert_eq!(items[0].place.line, 3);
        let Data::Map(inner) = &items[0].data else { panic!("a mapping") };
        assert_eq!(inner[0].0, "yes");
        assert!(matches!(&inner[1].1.data, Data::Text(text) if text == "07"));
        assert!(faults.finish().is_ok());
    }

    #[test]
    fn a_syntax_error_names_the_line() {
        let mut faults = Faults::default();
        let file = faults.add_file("a.yaml");
        assert!(parse(file, "a: 1\nb: [1, 2\n", &mut faults).is_none());
        let found = faults.finish().expect_err("a fault");
        assert!(found.0[0].line >= 2, "{found}");
    }
}
