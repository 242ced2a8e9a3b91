//! Cuts a reply into clauses while it is still being written, so that the first is heard early.
//!
//! Sans-IO: text goes in as it comes, clauses come out, `now` is an argument. Nothing is lost or changed: the clauses of
//! a reply, joined, are the reply. A cut never falls inside a number, a Latin word, quotation marks or a tag.
//!
//! ```
//! use hualu_core::clause::clauses;
//!
//! assert_eq!(clauses("您好，我是小话。您的余额是29.9元，"), ["您好，我是小话。", "您的余额是29.9元，"]);
//! ```

use std::time::{Duration, Instant};

/// When a clause is long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClauseConfig {
    /// A comma ends the first clause from so many characters on.
    pub first_chars_min: usize,
    /// A comma ends a later clause from so many characters on.
    pub later_chars_min: usize,
    /// When no text came for so long, the clause is cut at a word border.
    pub idle: Duration,
    /// The fewest characters of a clause that is cut so.
    pub idle_chars_min: usize,
    /// A clause is cut at a word border when it grows longer than this; quotation marks hold no longer either.
    pub chars_max: usize,
}

impl Default for ClauseConfig {
    fn default() -> Self {
        Self {
            first_chars_min: 6,
            later_chars_min: 12,
            idle: Duration::from_millis(80),
            idle_chars_min: 8,
            chars_max: 60,
        }
    }
}

/// A clause of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// Its text, punctuation included.
    pub text: String,
    /// Nothing follows in this reply. When the reply ends with a clause that had been cut already, none says so.
    pub last: bool,
}

/// Collects the text of one reply.
#[derive(Clone, Debug)]
pub struct ClauseChunker {
    config: ClauseConfig,
    text: String,
    first: bool,
    finished: bool,
    idle_at: Option<Instant>,
}

/// What may follow a place in the text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    None,
    Soft,
    Hard,
}

impl ClauseChunker {
    /// An empty reply.
    #[must_use]
    pub const fn new(config: ClauseConfig) -> Self {
        Self { config, text: String::new(), first: true, finished: false, idle_at: None }
    }

    /// More text of the reply.
    pub fn push(&mut self, now: Instant, delta: &str) {
        self.text.push_str(delta);
        self.idle_at = Some(now + self.config.idle);
    }

    /// The reply is complete.
    pub fn finish(&mut self) {
        self.finished = true;
        self.idle_at = None;
    }

    /// When to poll again although no text came.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        if self.text.is_empty() { None } else { self.idle_at }
    }

    /// The next clause that is complete. Call until it returns `None`.
    ///
    /// `last_border` answers where the last word of a text begins, in bytes; it is asked only when no punctuation helps.
    pub fn poll(&mut self, now: Instant, last_border: impl Fn(&str) -> usize) -> Option<Clause> {
        let end = self.stop().or_else(|| self.word_border(now, last_border))?;
        let rest = self.text.split_off(end);
        let text = std::mem::replace(&mut self.text, rest);
        self.first = false;
        Some(Clause { text, last: self.finished && self.text.is_empty() })
    }

    /// Where the first clause ends by punctuation, or the end of the reply.
    fn stop(&self) -> Option<usize> {
        let chars_min = if self.first { self.config.first_chars_min } else { self.config.later_chars_min };
        let mut quotes = Quotes::default();
        let mut speakable = 0;
        let mut held = Stop::None;
        let mut chars = self.text.char_indices().peekable();
        let mut before = None;
        while let Some((at, c)) = chars.next() {
            let after = chars.peek().map(|(_, c)| *c);
            speakable += usize::from(c.is_alphanumeric());
            quotes.push(c, after, self.config.chars_max);
            let stop = stop_after(before, c, after, self.finished)?;
            // A stop inside quotation marks counts where they close.
            held = if stop != Stop::None || is_closing(c) { held.max(stop) } else { Stop::None };
            before = Some(c);
            let due = match held {
                Stop::None => false,
                Stop::Soft => speakable >= chars_min,
                Stop::Hard => speakable > 0,
            };
            // What can only end this clause stays with it: ？！ and closing marks. A straight quote may open the next one.
            let more = after
                .is_some_and(|c| c != '"' && is_closing(c) || stop_after(before, c, None, true) == Some(Stop::Hard));
            if due && !more && quotes.are_closed() {
                let end = at + c.len_utf8();
                // An emoji or a blank after the last stop makes no clause of its own.
                let ends_reply = self.finished && !self.text[end..].contains(char::is_alphanumeric);
                return Some(if ends_reply { self.text.len() } else { end });
            }
        }
        (self.finished && !self.text.is_empty()).then_some(self.text.len())
    }

    /// Where to cut without punctuation: the text has stopped coming, or there is too much of it.
    fn word_border(&mut self, now: Instant, last_border: impl Fn(&str) -> usize) -> Option<usize> {
        let count = self.text.chars().filter(|c| c.is_alphanumeric()).count();
        let idle = self.idle_at.is_some_and(|at| now >= at);
        if idle {
            self.idle_at = None;
        }
        let due = idle && count >= self.config.idle_chars_min || count > self.config.chars_max;
        if !due {
            return None;
        }
        let asked = last_border(&self.text);
        let places = self.text.char_indices().map(|(at, _)| at).filter(|at| *at > 0 && *at <= asked);
        places.rev().find(|at| self.may_cut(*at))
    }

    fn may_cut(&self, at: usize) -> bool {
        let (left, right) = self.text.split_at(at);
        let mut quotes = Quotes::default();
        let mut chars = left.chars().chain(right.chars().take(1)).peekable();
        for _ in left.chars() {
            if let Some(c) = chars.next() {
                quotes.push(c, chars.peek().copied(), self.config.chars_max);
            }
        }
        let said = left.chars().any(char::is_alphanumeric);
        said && !are_joined(left, right) && quotes.are_closed()
    }
}

/// Cuts a whole reply.
#[must_use]
pub fn clauses(text: &str) -> Vec<String> {
    let config = ClauseConfig { chars_max: usize::MAX, ..ClauseConfig::default() };
    let mut chunker = ClauseChunker { text: text.to_owned(), finished: true, ..ClauseChunker::new(config) };
    let mut all = Vec::new();
    while let Some(end) = chunker.stop() {
        let rest = chunker.text.split_off(end);
        all.push(std::mem::replace(&mut chunker.text, rest));
        chunker.first = false;
    }
    all
}

/// What ends after `c`; `None` when that depends on text that has not come yet.
fn stop_after(before: Option<char>, c: char, after: Option<char>, finished: bool) -> Option<Stop> {
    let stop = match c {
        '。' | '！' | '？' | '；' | '…' | '\n' => return Some(Stop::Hard),
        '，' | '、' | '—' => return Some(Stop::Soft),
        '.' | '!' | '?' | ';' => Stop::Hard,
        ',' | ':' | '：' => Stop::Soft,
        _ => return Some(Stop::None),
    };
    if !before.is_some_and(is_word) {
        return Some(stop);
    }
    match after {
        Some(after) if is_word(after) => Some(Stop::None),
        None if !finished => None,
        _ => Some(stop),
    }
}

impl Stop {
    fn max(self, other: Self) -> Self {
        if self == Self::Hard || other == Self::None { self } else { other }
    }
}

/// Quotation marks, titles and tags that are open.
#[derive(Default)]
struct Quotes {
    open: Vec<char>,
    chars: usize,
}

impl Quotes {
    fn push(&mut self, c: char, after: Option<char>, chars_max: usize) {
        self.chars = if self.open.is_empty() { 0 } else { self.chars + 1 };
        if self.open.last() == Some(&c) {
            self.open.pop();
        } else if let Some(close) = closing(c, after) {
            self.open.push(close);
        }
        if self.chars > chars_max {
            // Never closed, or a quotation too long to wait for.
            self.open.clear();
        }
    }

    fn are_closed(&self) -> bool {
        self.open.is_empty()
    }
}

fn closing(c: char, after: Option<char>) -> Option<char> {
    Some(match c {
        '“' => '”',
        '‘' => '’',
        '「' => '」',
        '『' => '』',
        '《' => '》',
        '〈' => '〉',
        '（' => '）',
        '(' => ')',
        '"' => '"',
        '<' if after.is_some_and(|c| c.is_ascii_alphabetic() || c == '/') => '>',
        _ => return None,
    })
}

fn is_closing(c: char) -> bool {
    "”’」』》〉）)\"".contains(c)
}

/// Part of a number or a Latin word.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '０'..='９' | 'Ａ'..='Ｚ' | 'ａ'..='ｚ')
}

/// Whether a number or Latin word goes on from one text to the next: 29.9, 14:30, 5G, wi-fi.
fn are_joined(left: &str, right: &str) -> bool {
    let is_glue = |c: char| ".,:：/-~%@_+*'".contains(c);
    let mut backwards = left.chars().rev();
    let (Some(a), Some(b)) = (backwards.next(), right.chars().next()) else { return false };
    is_word(a) && (is_word(b) || is_glue(b)) || is_glue(a) && is_word(b) && backwards.next().is_some_and(is_word)
}

#[cfg(test)]
mod tests;
