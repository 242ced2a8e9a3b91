//! One of a list, by its words or, where it is awaited, by their sound.

use super::Found;
use crate::utterance::{Pronouncer, Utterance};
use crate::value::Value;
use aho_corasick::{AhoCorasick, MatchKind};

/// Finds the values of one list.
#[derive(Clone, Debug)]
pub struct ListMatcher {
    values: Vec<Value>,
    texts: Vec<String>,
    automaton: AhoCorasick,
    /// For each pattern: its value and its syllables.
    patterns: Vec<(usize, Vec<String>)>,
}

impl ListMatcher {
    /// Values and how each is said.
    pub(crate) fn new(entries: Vec<(Value, Vec<String>)>) -> Self {
        let pronouncer = Pronouncer::default();
        let mut values = Vec::new();
        let mut texts = Vec::new();
        let mut patterns = Vec::new();
        for (value, spoken) in entries {
            for text in spoken {
                let utterance = Utterance::new(&text, "", 1.0, &pronouncer);
                if utterance.is_empty() {
                    continue;
                }
                texts.push(utterance.text());
                patterns.push((values.len(), utterance.syllables));
            }
            values.push(value);
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&texts)
            .expect("a bot's lists are far below the automaton's limits");
        Self { values, texts, automaton, patterns }
    }

    /// The value at this place of the list.
    pub(crate) fn value(&self, at: usize) -> Option<&Value> {
        self.values.get(at)
    }

    /// Every word that a caller may say for a value of the list.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(String::as_str)
    }

    /// Every value in the utterance.
    pub(crate) fn find(&self, utterance: &Utterance, by_sound: bool) -> Vec<Found> {
        if by_sound {
            return self.nearest_by_sound(utterance).into_iter().collect();
        }
        let text = utterance.text();
        let chars_before = |byte: usize| text[..byte].chars().count();
        let of = |m: aho_corasick::Match| {
            let value = self.patterns[m.pattern().as_usize()].0;
            found(chars_before(m.start())..chars_before(m.end()), self.values[value].clone(), 0.95)
        };
        self.automaton.find_iter(&text).map(of).collect()
    }

    /// The pattern whose syllables are nearest to a window of the utterance: at most one edit in three syllables.
    fn nearest_by_sound(&self, utterance: &Utterance) -> Option<Found> {
        let heard = &utterance.syllables;
        let mut best: Option<(usize, usize, usize, usize)> = None;
        for (value, pattern) in &self.patterns {
            let len = pattern.len();
            if len < 2 || len > heard.len() {
                continue;
            }
            for start in 0..=heard.len() - len {
                let edits = pattern.iter().zip(&heard[start..start + len]).filter(|(a, b)| a != b).count();
                if edits <= len / 3
                    && best.is_none_or(|(least, longest, ..)| (edits, usize::MAX - len) < (least, usize::MAX - longest))
                {
                    best = Some((edits, len, start, *value));
                }
            }
        }
        let (edits, len, start, value) = best?;
        let confidence = if edits == 0 { 0.85 } else { 0.65 };
        Some(found(start..start + len, self.values[value].clone(), confidence))
    }
}

fn found(span: std::ops::Range<usize>, value: Value, confidence: f32) -> Found {
    Found::new(span, value, confidence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_sounds() {
        let list = ListMatcher::new(vec![
            (Value::Text("los_red".into()), vec!["红灯".into(), "红灯闪".into()]),
            (Value::Text("normal".into()), vec!["都正常".into(), "绿灯".into()]),
        ]);
        let read = |text: &str, by_sound| {
            let utterance = Utterance::new(text, "", 1.0, &Pronouncer::default());
            list.find(&utterance, by_sound).first().map(|found| found.value.plain())
        };
        assert_eq!(read("是红灯在闪", false).as_deref(), Some("los_red"));
        assert_eq!(read("洪登", true).as_deref(), Some("los_red"));
        assert_eq!(read("都正长", true).as_deref(), Some("normal"));
        assert_eq!(read("不知道", true), None);
    }
}
