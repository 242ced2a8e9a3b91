//! Personal data that must not reach a log by accident.

use std::fmt;

/// Holds personal data (a number, a transcript, a slot value) and prints it redacted.
///
/// Both `Debug` and `Display` show only the length, so a value that slips into a log line or an error leaks nothing.
/// Reading the value is spelled out: [`Pii::reveal`].
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Pii<T>(T);

impl<T> Pii<T> {
    /// Wraps a personal value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Every use is a place where personal data leaves its wrapper.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// Takes the value out of its wrapper.
    pub fn into_revealed(self) -> T {
        self.0
    }
}

impl<T> From<T> for Pii<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: AsRef<str>> Pii<T> {
    fn redact(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} chars>", self.0.as_ref().chars().count())
    }
}

impl<T: AsRef<str>> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.redact(f)
    }
}

impl<T: AsRef<str>> fmt::Display for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.redact(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_only_the_length() {
        let number = Pii::new("13800138000".to_owned());
        assert_eq!(format!("{number:?} {number}"), "<11 chars> <11 chars>");
        assert_eq!(number.reveal(), "13800138000");
    }
}
