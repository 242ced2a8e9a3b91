//! What a bot author describes as a regular expression: account numbers, order codes.

use super::Found;
use super::number::{Symbol, symbol};
use crate::utterance::Utterance;
use crate::value::Value;
use regex::{Regex, RegexBuilder};

/// A compiled expression may not take more memory than this, so that a bot cannot exhaust the service.
const SIZE_MAX: usize = 1 << 20;

/// A compiled regular expression. It sees small letters and, for digits in any writing, the figures `0` to `9`; the
/// value is its first group if it has one.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
}

impl Pattern {
    /// Compiles `source`.
    pub(super) fn compile(source: &str) -> Result<Self, String> {
        let built = RegexBuilder::new(source).case_insensitive(true).size_limit(SIZE_MAX).build();
        let regex = built.map_err(|error| {
            let reason = error.to_string();
            let last = reason.lines().last().unwrap_or_default().trim();
            format!("`{source}` is not a regular expression: {last}")
        })?;
        if regex.is_match("") {
            return Err(format!("`{source}` matches nothing at all, so every answer would be one"));
        }
        Ok(Self { regex })
    }

    /// Every match.
    pub(super) fn find(&self, utterance: &Utterance) -> Vec<Found> {
        let figures: String = utterance.chars.iter().map(|c| figure(*c)).collect();
        let mut found = self.find_in(&figures);
        if found.is_empty() {
            found = self.find_in(&utterance.text());
        }
        found
    }

    fn find_in(&self, text: &str) -> Vec<Found> {
        let chars_before = |byte: usize| text[..byte].chars().count();
        let matches = self.regex.captures_iter(text).filter_map(|captures| captures.get(1).or(captures.get(0)));
        matches
            .map(|m| {
                let value = Value::Text(m.as_str().to_owned());
                Found::new(chars_before(m.start())..chars_before(m.end()), value, 0.9)
            })
            .collect()
    }
}

/// One figure for one character, so that spans stay the utterance's.
fn figure(c: char) -> char {
    match symbol(c) {
        Symbol::Digit(digit) => char::from(b'0' + digit),
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::utterance::Pronouncer;

    #[test]
    fn digits_in_any_writing_and_the_first_group() {
        let read = |source: &str, text: &str| {
            let pattern = Pattern::compile(source).expect("compiles");
            let found = pattern.find(&Utterance::new(text, "", 1.0, &Pronouncer::default()));
            found.first().map(|found| (found.value.plain(), found.span.clone()))
        };
        assert_eq!(read("[A-Z]{2}[0-9]{4}", "工单是GD三五幺七"), Some(("gd3517".to_owned(), 3..9)));
        assert_eq!(read("第([0-9]+)次", "这是第三次了"), Some(("3".to_owned(), 3..4)));
        assert_eq!(read("三楼", "在三楼"), Some(("三楼".to_owned(), 1..3)));
    }

    #[test]
    fn faulty_ones_are_refused_with_a_reason() {
        assert!(Pattern::compile("[0-9").expect_err("open class").contains("unclosed"));
        assert!(Pattern::compile("[0-9]*").expect_err("empty").contains("every answer"));
        assert!(Pattern::compile("(\\w{500}){500}").is_err(), "too large");
    }
}
