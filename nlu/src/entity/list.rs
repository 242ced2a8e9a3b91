//! One of a list: by its words, by the price in its name (一百二十九那个), or, where it is awaited, by how it sounds.

use super::number::{number_at, symbols};
use super::{Found, Mode, money};
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
    /// Prices that the names of one value alone hold, and that value.
    prices: Vec<(f64, usize)>,
}

/// Smaller numbers in a name are generations and versions (5G), not prices.
const PRICE_MIN: f64 = 10.0;

impl ListMatcher {
    /// Values and how each is said.
    pub(crate) fn new(entries: Vec<(Value, Vec<String>)>) -> Self {
        let pronouncer = Pronouncer::default();
        let mut values = Vec::new();
        let mut texts = Vec::new();
        let mut patterns = Vec::new();
        let mut prices = Vec::new();
        for (value, spoken) in entries {
            let named = Utterance::new(&value.plain(), "", 1.0, &pronouncer);
            prices.extend(numbers(&named).map(|price| (price, values.len())));
            for text in spoken {
                let utterance = Utterance::new(&text, "", 1.0, &pronouncer);
                if utterance.is_empty() {
                    continue;
                }
                prices.extend(numbers(&utterance).map(|price| (price, values.len())));
                texts.push(utterance.text());
                patterns.push((values.len(), utterance.syllables));
            }
            values.push(value);
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&texts)
            .expect("a bot's lists are far below the automaton's limits");
        let is_alone = |(price, value): &(f64, usize)| prices.iter().all(|(other, of)| other != price || of == value);
        let prices = prices.iter().copied().filter(is_alone).collect();
        Self { values, texts, automaton, patterns, prices }
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
        let mut all: Vec<Found> = self.automaton.find_iter(&text).map(of).collect();
        all.extend(self.by_price(utterance));
        all
    }

    /// A value that is named by its price alone. Words of the list beside it count more.
    fn by_price(&self, utterance: &Utterance) -> impl Iterator<Item = Found> {
        let amounts = if self.prices.is_empty() { Vec::new() } else { money::find(utterance, Mode::Anywhere, false) };
        amounts.into_iter().filter_map(|amount| {
            let price = match amount.value {
                #[expect(clippy::cast_precision_loss, reason = "prices are small")]
                Value::Int(price) => price as f64,
                Value::Float(price) => price,
                _ => return None,
            };
            let (_, value) = self.prices.iter().find(|(known, _)| (known - price).abs() < 0.005)?;
            Some(found(amount.span, self.values[*value].clone(), amount.confidence.min(0.85)))
        })
    }

    /// The pattern whose syllables are nearest to a window of the utterance: at most one edit in three syllables.
    fn nearest_by_sound(&self, utterance: &Utterance) -> Option<Found> {
        let heard = &utterance.syllables;
        let mut best: Option<(usize, usize, usize, usize)> = None;
        for (value, pattern) in &self.patterns {
            if pattern.len() < 2 {
                continue;
            }
            // With three syllables one may be missing or too many.
            let slack = usize::from(pattern.len() >= 3);
            let windows = (pattern.len() - slack..=pattern.len() + slack).filter(|len| *len <= heard.len());
            for (len, start) in windows.flat_map(|len| (0..=heard.len() - len).map(move |start| (len, start))) {
                let edits = distance(pattern, &heard[start..start + len]);
                if edits <= pattern.len() / 3
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

/// The numbers in a name that may be a price.
fn numbers(name: &Utterance) -> impl Iterator<Item = f64> {
    let symbols = symbols(name, false);
    let (mut numbers, mut at) = (Vec::new(), 0);
    while at < symbols.len() {
        match number_at(&symbols, at) {
            Some(number) => {
                at = number.end;
                numbers.push(number.value);
            }
            None => at += 1,
        }
    }
    numbers.into_iter().filter(|number| *number >= PRICE_MIN)
}

/// How many syllables must be changed, put in or left out to turn one into the other.
fn distance(a: &[String], b: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let kept = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = kept.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
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

    #[test]
    fn plans_by_their_price_and_with_a_syllable_lost() {
        let plan = |name: &str, spoken: &[&str]| {
            let all = std::iter::once(name).chain(spoken.iter().copied()).map(str::to_owned).collect();
            (Value::Text(name.to_owned()), all)
        };
        let list = ListMatcher::new(vec![
            plan("5G畅享129", &["畅享套餐"]),
            plan("轻享59", &["五十九那档"]),
            plan("校园卡59", &["校园卡"]),
            plan("老人关爱卡19", &["老人关爱卡"]),
        ]);
        let read = |text: &str, by_sound| {
            let utterance = Utterance::new(text, "", 1.0, &Pronouncer::default());
            list.find(&utterance, by_sound).first().map(|found| found.value.plain())
        };
        assert_eq!(read("一百二十九那个吧", false).as_deref(), Some("5G畅享129"));
        assert_eq!(read("十九块的", false).as_deref(), Some("老人关爱卡19"));
        assert_eq!(read("五十九块那个", false), None, "two plans cost that");
        assert_eq!(read("校园卡五十九块的", false).as_deref(), Some("校园卡59"));
        assert_eq!(read("老人关卡", true).as_deref(), Some("老人关爱卡19"));
        assert_eq!(read("5g的", false), None);
    }
}
