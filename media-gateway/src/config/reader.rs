//! Reads a TOML document key by key and collects every fault, so that a user mends a file once and not fault by fault.

use serde::de::DeserializeOwned;
use std::fmt;
use std::ops::RangeInclusive;
use toml::{Table, Value};

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where: `section.key`.
    pub field: String,
    /// What is wrong and what to do.
    pub reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.reason)
    }
}

/// A document being read: sections are taken out of it, and what is left over is unknown.
#[derive(Debug)]
pub struct Reader {
    document: Table,
    sections: Vec<&'static str>,
    faults: Vec<Fault>,
}

/// One section being read.
pub struct Section<'a> {
    name: String,
    table: Table,
    keys: Vec<&'static str>,
    faults: &'a mut Vec<Fault>,
}

impl Reader {
    /// Starts to read a parsed document.
    #[must_use]
    pub const fn new(document: Table) -> Self {
        Self { document, sections: Vec::new(), faults: Vec::new() }
    }

    /// Takes the section `name` out of the document; an absent one is empty.
    pub fn section(&mut self, name: &'static str) -> Section<'_> {
        self.sections.push(name);
        let table = match self.document.remove(name) {
            None => Table::new(),
            Some(Value::Table(table)) => table,
            Some(other) => {
                let reason = format!("is a {}, but must be a section: [{name}]", other.type_str());
                self.faults.push(Fault { field: name.to_owned(), reason });
                Table::new()
            }
        };
        Section { name: name.to_owned(), table, keys: Vec::new(), faults: &mut self.faults }
    }

    /// A table that [`Self::list`] gave, as a section; `name` says where it stands.
    pub const fn inside(&mut self, name: String, table: Table) -> Section<'_> {
        Section { name, table, keys: Vec::new(), faults: &mut self.faults }
    }

    /// Takes the entries of the list of sections `name`; an absent one is empty. Values are not shown: they may be secret.
    pub fn list(&mut self, name: &'static str) -> Vec<Table> {
        self.sections.push(name);
        let entries = match self.document.remove(name) {
            None => return Vec::new(),
            Some(Value::Array(entries)) => entries,
            Some(other) => {
                self.fault(name, format!("is a {}, but must be a list of sections: [[{name}]]", other.type_str()));
                return Vec::new();
            }
        };
        let mut tables = Vec::new();
        for (index, entry) in entries.into_iter().enumerate() {
            match entry {
                Value::Table(table) => tables.push(table),
                other => {
                    let reason = format!("is a {}, but must be a section: [[{name}]]", other.type_str());
                    self.fault(&format!("{name}[{index}]"), reason);
                }
            }
        }
        tables
    }

    /// Records a fault that concerns several fields.
    pub fn fault(&mut self, field: &str, reason: String) {
        self.faults.push(Fault { field: field.to_owned(), reason });
    }

    /// Takes the tables of the section `name`, each under a name of the user's.
    pub fn named(&mut self, name: &'static str) -> Vec<(String, Table)> {
        self.sections.push(name);
        let table = match self.document.remove(name) {
            None => return Vec::new(),
            Some(Value::Table(table)) => table,
            Some(other) => {
                self.fault(name, format!("is a {}, but must hold sections: [{name}.NAME]", other.type_str()));
                return Vec::new();
            }
        };
        let mut tables = Vec::new();
        for (key, value) in table {
            match value {
                Value::Table(table) => tables.push((key, table)),
                other => {
                    let reason = format!("is a {}, but must be a section: [{name}.{key}]", other.type_str());
                    self.fault(&format!("{name}.{key}"), reason);
                }
            }
        }
        tables
    }

    /// Takes over the faults of a document inside this one.
    pub fn absorb(&mut self, prefix: &str, inner: Self) {
        let under = |fault: Fault| Fault { field: format!("{prefix}.{}", fault.field), ..fault };
        self.faults.extend(inner.finish().into_iter().map(under));
    }

    /// All faults, unknown sections included.
    #[must_use]
    pub fn finish(mut self) -> Vec<Fault> {
        for key in self.document.keys() {
            self.faults.push(Fault { field: key.clone(), reason: unknown("section", key, &self.sections) });
        }
        self.faults
    }
}

impl Section<'_> {
    /// The value of `key` as a `T`, or `None` when it is absent or wrong (which is recorded).
    pub fn take<T: DeserializeOwned>(&mut self, key: &'static str) -> Option<T> {
        self.keys.push(key);
        let value = self.table.remove(key)?;
        let shown = value.to_string();
        match value.try_into() {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(key, format!("{} (found {shown})", error.to_string().trim().replace('\n', " ")));
                None
            }
        }
    }

    /// The text under `key`, which no fault shows: a password is a mistake away from a log.
    pub fn take_unseen(&mut self, key: &'static str) -> Option<String> {
        self.keys.push(key);
        match self.table.remove(key)? {
            Value::String(text) => Some(text),
            other => {
                self.fault(key, format!("is a {}, but must be a text in quotes", other.type_str()));
                None
            }
        }
    }

    /// How many faults the document has so far.
    pub const fn faults(&self) -> usize {
        self.faults.len()
    }

    /// The value of `key` after `parse`, or `None` when it is absent or wrong (which is recorded).
    pub fn parse<T, E: fmt::Display>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text: String = self.take(key)?;
        parse(&text).map_err(|error| self.fault(key, format!("`{text}`: {error}"))).ok()
    }

    /// A whole number within limits; what is outside is recorded and left out.
    pub fn within(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let value: u64 = self.take(key)?;
        if range.contains(&value) {
            return Some(value);
        }
        self.fault(key, format!("{value} is not between {} and {}", range.start(), range.end()));
        None
    }

    /// Records a fault of `key`.
    pub fn fault(&mut self, key: &str, reason: String) {
        self.faults.push(Fault { field: format!("{}.{key}", self.name), reason });
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        for key in self.table.keys() {
            let field = format!("{}.{key}", self.name);
            self.faults.push(Fault { field, reason: unknown("key", key, &self.keys) });
        }
    }
}

fn unknown(what: &str, found: &str, known: &[&str]) -> String {
    let near = known.iter().min_by_key(|name| distance(name, found)).filter(|name| distance(name, found) <= 3);
    match near {
        Some(name) => format!("unknown {what}; did you mean `{name}`?"),
        None => format!("unknown {what}; known are: {}", known.join(", ")),
    }
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.chars()) {
            let best = (diagonal + usize::from(x != y)).min(*cell + 1).min(left + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("calls_max", "calls_max"), 0);
        assert_eq!(distance("calls_max", "call_max"), 1);
        assert_eq!(distance("udp", "tcp"), 2);
    }

    #[test]
    fn every_fault_is_found_in_one_go() {
        let document = "[sip]\nudp = 5\nport = 1\n[limit]\nx = 1\n".parse::<Table>().expect("valid TOML");
        let mut reader = Reader::new(document);
        let udp: Option<String> = reader.section("sip").take("udp");
        assert_eq!(udp, None);
        let _ = reader.section("limits").take::<u32>("calls_max");
        let faults: Vec<_> = reader.finish().iter().map(ToString::to_string).collect();
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[0].starts_with("sip.udp: ") && faults[0].ends_with("(found 5)"), "{faults:?}");
        assert_eq!(faults[1], "sip.port: unknown key; known are: udp");
        assert_eq!(faults[2], "limit: unknown section; did you mean `limits`?");
    }
}
