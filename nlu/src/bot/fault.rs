//! Faults of a bot's files: all of them are collected before any is reported.

use std::fmt;

/// One fault of a bot's files.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// The file, relative to the bot's folder.
    pub file: String,
    /// The line, counted from 1; 0 when it is not known.
    pub line: u32,
    /// The path of the field: `slots.plan_fee.validate.expr`.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
    /// What to do about it; empty when nothing sensible can be said.
    pub suggestion: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.field.is_empty() {
            write!(f, ": `{}`", self.field)?;
        }
        write!(f, ": {}", self.reason)?;
        if !self.suggestion.is_empty() {
            write!(f, " ({})", self.suggestion)?;
        }
        Ok(())
    }
}

/// Everything that is wrong with a bot, in the order of its files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct BotFaults(pub Vec<Fault>);

impl fmt::Display for BotFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the bot has {} fault(s)", self.0.len())?;
        for fault in &self.0 {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}

/// Where a node stands: a file of the bot and a line in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Index into the bot's files.
    pub file: u16,
    /// From 1; 0 when unknown.
    pub line: u32,
}

/// Collects faults while a bot is read and checked.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    files: Vec<String>,
    found: Vec<(Place, Fault)>,
}

impl Faults {
    /// Registers a file and returns its index.
    pub fn add_file(&mut self, name: &str) -> u16 {
        self.files.push(name.to_owned());
        u16::try_from(self.files.len() - 1).unwrap_or(u16::MAX)
    }

    /// Records one fault.
    pub fn add(&mut self, place: Place, field: &str, reason: impl Into<String>, suggestion: impl Into<String>) {
        let file = self.files.get(usize::from(place.file)).cloned().unwrap_or_default();
        let fault = Fault {
            file,
            line: place.line,
            field: field.to_owned(),
            reason: reason.into(),
            suggestion: suggestion.into(),
        };
        if !self.found.iter().any(|(_, known)| *known == fault) {
            self.found.push((place, fault));
        }
    }

    /// Ends the collection.
    pub fn finish(mut self) -> Result<(), BotFaults> {
        if self.found.is_empty() {
            return Ok(());
        }
        self.found.sort_by_key(|(place, _)| *place);
        Err(BotFaults(self.found.into_iter().map(|(_, fault)| fault).collect()))
    }
}

/// "did you mean `x`?" for the known name that is nearest to `name`, or the list of what is known when it is short.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let best = known.iter().map(|candidate| (edit_distance(name, candidate), *candidate)).min();
    match best {
        Some((distance, candidate)) if distance <= 1 + name.chars().count() / 3 => {
            format!("did you mean `{candidate}`?")
        }
        _ if !known.is_empty() && known.len() <= 16 => format!("known here: {}", known.join(", ")),
        _ => String::new(),
    }
}

/// Levenshtein distance in characters.
pub(crate) fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_and_a_far_one_is_not() {
        assert_eq!(nearest("colect", ["collect", "confirm"]), "did you mean `collect`?");
        assert_eq!(nearest("xyzzy", ["say", "end"]), "known here: say, end");
        assert_eq!(edit_distance("kitten", "sitting"), 3);
    }
}
