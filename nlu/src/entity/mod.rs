//! Grammars for what callers name: money, digits, dates, list values, yes and no.
//!
//! They work on characters and, where an answer is awaited, fall back to the sound of the characters, so that a
//! recognizer's homophones (五师九) still read as what was said. Every match returns its span, value and confidence.
//! Times are relative to a clock that is passed in.

mod date;
mod digits;
mod list;
mod money;
pub(crate) mod number;
pub(crate) mod polarity;
mod size;

use crate::utterance::Utterance;
use crate::value::Value;
use chrono::NaiveDateTime;
use list::ListMatcher;
use std::ops::Range;
use std::sync::Arc;

/// What a slot holds and, with it, the grammar that finds it.
#[derive(Clone, Debug)]
pub enum Kind {
    /// An amount in yuan.
    Money,
    /// An amount of data: `5GB`, `300MB`.
    DataSize,
    /// A telephone number.
    Phone,
    /// A string of digits.
    Digits {
        /// The fewest digits of a whole answer.
        len_min: u8,
        /// The most digits of a whole answer.
        len_max: u8,
    },
    /// A day.
    Date,
    /// A time of day.
    Time,
    /// A day with a time.
    DateTime,
    /// One of a list.
    List(Arc<ListMatcher>),
}

impl Kind {
    /// The values of a list and how each is said.
    pub(crate) fn list(entries: Vec<(Value, Vec<String>)>) -> Self {
        Self::List(Arc::new(ListMatcher::new(entries)))
    }
}

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
}

/// How freely a grammar may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A value may stand anywhere: it must be marked as one (块, 的, a list's own word).
    Anywhere,
    /// The value is what the caller was asked for: bare numbers count, and homophones do.
    Awaited,
}

/// Everything of one kind in an utterance, best first. Where the value is awaited, readings by sound are added behind.
pub(crate) fn find(kind: &Kind, utterance: &Utterance, mode: Mode, now: NaiveDateTime) -> Vec<Found> {
    let mut found = read(kind, utterance, mode, false, now);
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
    }
    found
}

fn read(kind: &Kind, utterance: &Utterance, mode: Mode, by_sound: bool, now: NaiveDateTime) -> Vec<Found> {
    match kind {
        Kind::Money => money::find(utterance, mode, by_sound),
        Kind::DataSize => size::find(utterance, by_sound),
        Kind::Phone => digits::find_phone(utterance, by_sound),
        Kind::Digits { len_min, len_max } => digits::find(utterance, *len_min, *len_max, by_sound),
        Kind::Date => date::find_dates(utterance, now),
        Kind::Time => date::find_times(utterance),
        Kind::DateTime => date::find_datetimes(utterance, now),
        Kind::List(matcher) => matcher.find(utterance, by_sound),
    }
}
