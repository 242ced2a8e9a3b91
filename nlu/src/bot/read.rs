//! Typed access to the YAML tree; what does not fit becomes a fault and reading goes on.

use super::fault::{Faults, Place, nearest};
use super::node::{Data, Node};
use std::time::Duration;

/// A node with the path that leads to it.
#[derive(Clone, Debug)]
pub(crate) struct Item<'a> {
    /// `slots.plan_fee.ask`
    pub path: String,
    /// The node.
    pub node: &'a Node,
}

impl<'a> Item<'a> {
    /// A node under its path.
    pub fn new(path: impl Into<String>, node: &'a Node) -> Self {
        Self { path: path.into(), node }
    }

    /// Where it stands.
    pub fn place(&self) -> Place {
        self.node.place
    }

    /// Records that the value is not what was wanted.
    pub fn wrong<T>(&self, wanted: &str, faults: &mut Faults) -> Option<T> {
        faults.add(self.place(), &self.path, format!("expected {wanted}, found {}", self.node.data.kind()), "");
        None
    }

    /// Records a fault of this value.
    pub fn fault(&self, reason: impl Into<String>, suggestion: impl Into<String>, faults: &mut Faults) {
        faults.add(self.place(), &self.path, reason, suggestion);
    }

    /// A text; numbers are taken by their spelling.
    pub fn text(&self, faults: &mut Faults) -> Option<String> {
        match &self.node.data {
            Data::Text(text) if text.trim().is_empty() => self.wrong("a text that is not empty", faults),
            Data::Text(text) => Some(text.clone()),
            Data::Int(number) => Some(number.to_string()),
            Data::Float(number) => Some(number.to_string()),
            _ => self.wrong("a text", faults),
        }
    }

    /// One text or a list of texts.
    pub fn texts(&self, faults: &mut Faults) -> Vec<String> {
        match &self.node.data {
            Data::List(_) => self.items(faults).iter().filter_map(|item| item.text(faults)).collect(),
            _ => self.text(faults).into_iter().collect(),
        }
    }

    /// `true` or `false`; `on` and `off` are understood too.
    pub fn flag(&self, faults: &mut Faults) -> Option<bool> {
        match &self.node.data {
            Data::Bool(value) => Some(*value),
            Data::Text(text) if text == "on" => Some(true),
            Data::Text(text) if text == "off" => Some(false),
            _ => self.wrong("true or false", faults),
        }
    }

    /// A whole number within `range`.
    pub fn whole(&self, range: std::ops::RangeInclusive<i64>, faults: &mut Faults) -> Option<i64> {
        match self.node.data {
            Data::Int(value) if range.contains(&value) => Some(value),
            Data::Int(value) => {
                self.fault(format!("{value} is outside {}..={}", range.start(), range.end()), "", faults);
                None
            }
            _ => self.wrong("a whole number", faults),
        }
    }

    /// Any number.
    pub fn number(&self, faults: &mut Faults) -> Option<f64> {
        match self.node.data {
            #[expect(clippy::cast_precision_loss, reason = "settings are small numbers")]
            Data::Int(value) => Some(value as f64),
            Data::Float(value) => Some(value),
            _ => self.wrong("a number", faults),
        }
    }

    /// Milliseconds, 1 to 600,000.
    pub fn millis(&self, faults: &mut Faults) -> Option<Duration> {
        let value = self.whole(1..=600_000, faults)?;
        Some(Duration::from_millis(value.unsigned_abs()))
    }

    /// The entries of a list.
    pub fn items(&self, faults: &mut Faults) -> Vec<Item<'a>> {
        match &self.node.data {
            Data::List(list) => {
                list.iter().enumerate().map(|(i, node)| Item::new(format!("{}[{i}]", self.path), node)).collect()
            }
            _ => self.wrong::<()>("a list", faults).map_or_else(Vec::new, |()| Vec::new()),
        }
    }

    /// The entries of a mapping with free names.
    pub fn entries(&self, faults: &mut Faults) -> Vec<(&'a str, Item<'a>)> {
        match &self.node.data {
            Data::Map(entries) => {
                entries.iter().map(|(key, node)| (key.as_str(), Item::new(join(&self.path, key), node))).collect()
            }
            _ => self.wrong::<()>("a mapping", faults).map_or_else(Vec::new, |()| Vec::new()),
        }
    }

    /// A mapping with fixed names.
    pub fn fields(&self, faults: &mut Faults) -> Option<Fields<'a>> {
        let Data::Map(_) = &self.node.data else { return self.wrong("a mapping", faults) };
        Some(Fields { path: self.path.clone(), place: self.place(), left: self.entries(faults), known: Vec::new() })
    }
}

#[cfg(test)]
thread_local! {
    /// Every mapping that this thread read: its path and the names that were asked of it, for the test of the schema.
    pub(crate) static ASKED: std::cell::RefCell<Vec<(String, Vec<&'static str>)>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// A mapping with fixed names, taken one by one; [`Fields::finish`] reports what nobody asked for.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    /// The path of the mapping.
    pub path: String,
    /// Where it begins.
    pub place: Place,
    left: Vec<(&'a str, Item<'a>)>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Takes a field that may be absent; an explicit null counts as absent.
    pub fn take(&mut self, name: &'static str) -> Option<Item<'a>> {
        self.known.push(name);
        let at = self.left.iter().position(|(key, _)| *key == name)?;
        let (_, item) = self.left.remove(at);
        (!matches!(item.node.data, Data::Null)).then_some(item)
    }

    /// Takes a field that must be there.
    pub fn need(&mut self, name: &'static str, faults: &mut Faults) -> Option<Item<'a>> {
        let item = self.take(name);
        if item.is_none() {
            faults.add(self.place, &join(&self.path, name), "is missing", format!("add `{name}:`"));
        }
        item
    }

    /// Whether a field is still there.
    pub fn has(&self, name: &str) -> bool {
        self.left.iter().any(|(key, _)| *key == name)
    }

    /// Reports every field that was not taken.
    pub fn finish(self, faults: &mut Faults) {
        #[cfg(test)]
        ASKED.with_borrow_mut(|asked| asked.push((self.path.clone(), self.known.clone())));
        for (key, item) in &self.left {
            let suggestion = nearest(key, self.known.iter().copied());
            faults.add(item.place(), &item.path, "unknown key", suggestion);
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
