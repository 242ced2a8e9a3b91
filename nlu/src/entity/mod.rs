//! Grammars for what callers name: money, numbers digit by digit, days and times, addresses, list values, yes and no.
//!
//! They work on characters and, where an answer is awaited, fall back to the sound of the characters, so that a
//! recognizer's homophones (五师九) still read as what was said. Every match returns its span, value, confidence and
//! the other values that the same words may mean. Times are relative to a clock that is passed in.

mod address;
mod date;
pub(crate) mod digits;
pub(crate) mod groups;
mod id;
mod kind;
mod list;
mod moment;
mod money;
mod month;
pub(crate) mod number;
mod pattern;
mod phone;
pub(crate) mod polarity;
mod size;
mod spoken;
mod time;

pub use kind::{Bias, Kind};

use crate::utterance::{Pronouncer, Utterance, prefix_len};
use crate::value::Value;
use chrono::NaiveDateTime;
use std::ops::Range;

/// A value that was found in an utterance.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    /// Characters of the utterance.
    pub span: Range<usize>,
    pub value: Value,
    /// `0.0..=1.0`
    pub confidence: f32,
    /// Whether it may go on: 五十(九), a phone number with digits missing.
    pub is_open: bool,
    /// What else the same words may mean, likeliest first: 八点 in the evening, the other bound of 七八十块.
    pub alternatives: Vec<Value>,
}

impl Found {
    /// A value without alternatives that does not go on.
    pub fn new(span: Range<usize>, value: Value, confidence: f32) -> Self {
        Self { span, value, confidence, is_open: false, alternatives: Vec::new() }
    }

    /// It may go on.
    pub fn open(mut self, is_open: bool) -> Self {
        self.is_open = is_open;
        self
    }

    /// The words may also mean these.
    pub fn or(mut self, alternatives: impl IntoIterator<Item = Value>) -> Self {
        self.alternatives.extend(alternatives.into_iter().filter(|value| *value != self.value));
        self
    }

    /// Itself and then every alternative in its place.
    pub fn readings(self) -> impl Iterator<Item = Self> {
        let others = self.alternatives.clone();
        let other = {
            let first = self.clone();
            move |value| Self { value, confidence: first.confidence * 0.8, alternatives: Vec::new(), ..first.clone() }
        };
        std::iter::once(self).chain(others.into_iter().map(other))
    }
}

/// What is said behind a value that will not do, and what may stand before it.
const REFUSED: [&str; 10] = ["不行", "不可以", "不要", "没空", "没时间", "没有空", "不方便", "来不及", "太早", "太晚"];
const REFUSED_AFTER: [&str; 6] = ["的", "我", "就", "可能", "那个", "的话"];

/// How freely a grammar may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A value may stand anywhere: it must be marked as one (块, 的, a list's own word).
    Anywhere,
    /// The value is what the caller was asked for: bare numbers count, and homophones do.
    Awaited,
}

/// What a key stands for: a day or a time is written in words (明天上午十点) and means another one each day. Words that
/// cannot be read are nothing.
pub(crate) fn of_key(kind: &Kind, value: &Value, pronouncer: &Pronouncer, now: NaiveDateTime) -> Value {
    match (kind, value) {
        (Kind::Date(_) | Kind::Month(_) | Kind::Time | Kind::DateTime(_), Value::Text(text)) => {
            let words = Utterance::new(text, "", 1.0, pronouncer);
            find(kind, &words, Mode::Awaited, now).into_iter().next().map_or(Value::Null, |found| found.value)
        }
        _ => value.clone(),
    }
}

/// Everything of one kind in an utterance, best first. Where the value is awaited, readings by sound are added behind.
pub(crate) fn find(kind: &Kind, utterance: &Utterance, mode: Mode, now: NaiveDateTime) -> Vec<Found> {
    let mut found = read(kind, utterance, mode, false, now);
    drop_refused(&mut found, utterance);
    found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(b.span.len().cmp(&a.span.len())));
    if mode == Mode::Awaited {
        let longest = found.iter().map(|each| each.span.len()).max().unwrap_or(0);
        let mut by_sound = read(kind, utterance, mode, true, now);
        // A homophone of a number in a long sentence is an accident; one that explains more of a short answer is not.
        by_sound.retain(|each| each.span.len() > longest && 2 * each.span.len() >= utterance.content_len());
        for each in &mut by_sound {
            each.confidence *= 0.8;
        }
        found.append(&mut by_sound);
        // A number that lacks digits only if its characters are read must not stand before one that sounds whole.
        found.sort_by_key(|each| each.is_open && kind.form().is_some());
    }
    found
}

/// 十点半不行，十一点吧: of several values those that the caller refuses are not meant.
fn drop_refused(found: &mut Vec<Found>, utterance: &Utterance) {
    let is_refused = |one: &Found| {
        let rest = utterance.chars.get(one.span.end..).unwrap_or_default();
        let skip = REFUSED_AFTER.iter().map(|word| prefix_len(rest, word)).max().unwrap_or(0);
        REFUSED.iter().any(|word| prefix_len(&rest[skip..], word) > 0)
    };
    if found.len() > 1 && found.iter().any(|one| !is_refused(one)) {
        found.retain(|one| !is_refused(one));
    }
}

fn read(kind: &Kind, utterance: &Utterance, mode: Mode, by_sound: bool, now: NaiveDateTime) -> Vec<Found> {
    if let Some(form) = kind.form() {
        return digits::find(utterance, form, mode, by_sound);
    }
    match kind {
        Kind::Money => money::find(utterance, mode, by_sound),
        Kind::DataSize => size::find(utterance, by_sound),
        Kind::Date(bias) => date::find(utterance, now, *bias, by_sound),
        Kind::Month(bias) => month::find(utterance, mode, now, *bias, by_sound),
        Kind::Time => time::find(utterance, now, by_sound),
        Kind::DateTime(bias) => moment::find(utterance, now, *bias, by_sound),
        Kind::Address(regions) => address::find(utterance, mode, regions.as_deref()),
        Kind::List(matcher) => matcher.find(utterance, by_sound),
        Kind::Regex(pattern) => pattern.find(utterance),
        Kind::Tagged(_) if by_sound => Vec::new(),
        Kind::Tagged(tagged) => tagged.find(utterance),
        Kind::Phone | Kind::Digits { .. } | Kind::IdNumber | Kind::IdTail { .. } => Vec::new(),
    }
}

#[cfg(test)]
mod vectors;
