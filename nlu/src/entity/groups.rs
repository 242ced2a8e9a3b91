//! A number that is said in groups, over several turns, with corrections: 幺三八 … 零零幺三 … 不对，是九不是七 … 后面是三个八.
//!
//! Digits that are not known yet although others behind them are (前面是幺三八，最后四位是八零零零) stand as `?`.

use super::digits::{Fit, Form};
use super::spoken::{Token, Word, tokens};
use crate::utterance::Utterance;
use crate::value::Value;

/// What is known of a number so far. `Debug` shows how much, not what: numbers are personal data.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Groups {
    text: String,
    /// Where the last group begins.
    last: usize,
    /// The caller said that some of it is wrong: digits are taken as what is right.
    is_doubted: bool,
}

/// What an utterance did to the number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub groups: Groups,
    pub note: Note,
}

/// What the caller should be told about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Note {
    /// The number is whole, with this confidence.
    Whole(f32),
    /// A group was added.
    Added,
    /// Something was replaced.
    Changed,
    /// Nothing was added: the caller looks for the number, or waits to be asked on.
    Waits,
    /// The caller has finished, but so many digits are missing.
    Missing(u8),
    /// The caller begins again, or said that the last group is wrong without saying what is right.
    Again,
    /// There are more digits than the number may have; they were not added.
    TooLong,
    /// No such number exists.
    Impossible,
}

impl std::fmt::Debug for Groups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<{} digits>", self.text.len())
    }
}

impl Groups {
    /// Digits that were known before.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), last: 0, is_doubted: false }
    }

    /// Digits of which some are wrong.
    pub fn doubted(text: &str) -> Self {
        Self { is_doubted: true, ..Self::new(text) }
    }

    /// Whether some of them are wrong.
    pub fn is_doubted(&self) -> bool {
        self.is_doubted
    }

    /// The digits, `?` for those that are not known yet.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The last group.
    pub fn last_group(&self) -> &str {
        self.text.get(self.last..).unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Puts digits behind it.
    pub fn push(&mut self, digits: &str) {
        if !digits.is_empty() {
            self.last = self.text.len();
            self.text.push_str(digits);
        }
    }

    fn set(&mut self, text: String, last: usize) {
        self.last = last.min(text.len());
        self.text = text;
    }

    fn fit(&self, form: Form) -> Fit {
        match self.text.matches('?').count() {
            0 => form.fit(&self.text),
            gaps => Fit::Short(u8::try_from(gaps).unwrap_or(u8::MAX)),
        }
    }
}

/// What the readings of an utterance do to a number, by the one that is understood best. `None` when none of them speaks
/// of a number.
pub(crate) fn take(form: Form, known: &Groups, readings: &[Utterance]) -> Option<Step> {
    let mut best: Option<((bool, std::cmp::Reverse<usize>), Step)> = None;
    for (rank, reading) in readings.iter().enumerate() {
        for by_sound in [false, true] {
            let (tokens, lost) = tokens(reading, form, by_sound);
            let has_digits = tokens.iter().any(|token| matches!(token, Token::Digits(..)));
            // Words without digits count only if nothing else was said.
            if tokens.is_empty() || (!has_digits && lost > 1) || 2 * lost > reading.chars.len() {
                continue;
            }
            let is_clear = has_digits && lost == 0;
            let Some(mut step) = Merge::new(form, known).run(&tokens) else { continue };
            if let Note::Whole(confidence) = &mut step.note {
                *confidence *= if rank > 0 || by_sound { 0.8 } else { 1.0 };
            }
            let merit = (matches!(step.note, Note::Whole(_)), std::cmp::Reverse(lost));
            if best.as_ref().is_none_or(|(known, _)| merit > *known) {
                best = Some((merit, step));
            }
            // What is wholly understood needs no homophones.
            if is_clear {
                break;
            }
        }
    }
    best.map(|(_, step)| step)
}

impl Step {
    /// The whole number and its confidence.
    pub fn whole(&self, form: Form) -> Option<(Value, f32)> {
        match self.note {
            Note::Whole(confidence) => Some((form.value(&self.groups.text), confidence)),
            _ => None,
        }
    }
}

/// Joins the tokens of one utterance to a number.
struct Merge {
    form: Form,
    groups: Groups,
    was_empty: bool,
    was_doubted: bool,
    /// A word said that something is wrong.
    is_wrong: bool,
    is_added: bool,
    is_changed: bool,
    is_too_long: bool,
    is_again: bool,
    is_done: bool,
}

impl Merge {
    fn new(form: Form, known: &Groups) -> Self {
        Self {
            form,
            groups: Groups { is_doubted: false, ..known.clone() },
            was_empty: known.is_empty(),
            is_wrong: known.is_doubted,
            was_doubted: known.is_doubted,
            is_added: false,
            is_changed: false,
            is_too_long: false,
            is_again: false,
            is_done: false,
        }
    }

    fn run(mut self, tokens: &[Token]) -> Option<Step> {
        let mut at = 0;
        let mut place = None;
        let mut is_agreed = false;
        while let Some(token) = tokens.get(at) {
            if let Some(len) = self.replaced(&tokens[at..]) {
                (at, place) = (at + len, None);
                continue;
            }
            at += 1;
            match token {
                Token::Word(Word::Wrong | Word::IsNot | Word::Becomes) => self.is_wrong = true,
                Token::Word(Word::Restart) => {
                    self.groups = Groups::default();
                    self.is_again = true;
                }
                Token::Word(Word::Done) => self.is_done = true,
                Token::Word(Word::Agreed) => is_agreed = true,
                Token::Word(Word::Is | Word::Wait | Word::GoOn | Word::Filler) => {}
                Token::Word(word) => place = Some(*word),
                Token::Digits(digits, other) => {
                    let digits = self.fitting(digits, other);
                    // 对，零零幺三: the group that was read back.
                    if !(is_agreed && !self.is_wrong && place.is_none() && self.groups.last_group() == digits) {
                        self.digits(place.take(), digits);
                    }
                }
            }
        }
        let note = self.note(tokens)?;
        Some(Step { groups: self.groups, note })
    }

    /// What came of it all.
    fn note(&mut self, tokens: &[Token]) -> Option<Note> {
        let is_moved = self.is_added || self.is_changed;
        if self.is_too_long && !is_moved {
            return Some(Note::TooLong);
        }
        if !is_moved && self.was_doubted {
            return None;
        }
        if !is_moved && self.is_wrong {
            // 不对 alone: the last group is said again.
            let last = self.groups.last;
            self.groups.text.truncate(last);
            self.groups.last = last;
            return (!self.was_empty).then_some(Note::Again);
        }
        match self.groups.fit(self.form) {
            Fit::Whole(confidence) => {
                let corrected = if self.is_changed { 0.95 } else { 1.0 };
                Some(Note::Whole(confidence * corrected))
            }
            Fit::Wrong | Fit::Long => {
                // Nothing of it can be kept but an identity number, in which one digit may be put right.
                if self.form != Form::IdNumber || self.groups.text.len() < self.form.len_max() {
                    self.groups = Groups::default();
                }
                Some(Note::Impossible)
            }
            Fit::Short(missing) if self.is_done && !self.was_empty => Some(Note::Missing(missing)),
            Fit::Short(_) if self.is_changed => Some(Note::Changed),
            Fit::Short(_) if self.is_added => Some(Note::Added),
            Fit::Short(_) if self.is_again => Some(Note::Again),
            Fit::Short(_) => {
                let says = |word| tokens.contains(&Token::Word(word));
                let goes_on = says(Word::GoOn) || says(Word::Agreed);
                (says(Word::Wait) || (goes_on && !self.was_empty)).then_some(Note::Waits)
            }
        }
    }

    /// 是九不是七, 不是七是九, 七改成九: how many tokens it took.
    fn replaced(&mut self, tokens: &[Token]) -> Option<usize> {
        use Token::{Digits, Word as Said};
        use Word::{Becomes, Is, IsNot, Wrong};
        let (new, old, len) = match tokens {
            [Digits(new, _), Said(IsNot), Digits(old, _), ..] if self.groups.text.contains(old.as_str()) => {
                (new, old, 3)
            }
            [Said(IsNot), Digits(old, _), Said(Is | Becomes | Wrong), Said(Is), Digits(new, _), ..]
                if self.groups.text.contains(old.as_str()) =>
            {
                (new, old, 5)
            }
            [Said(IsNot), Digits(old, _), Said(Is | Becomes), Digits(new, _), ..]
                if self.groups.text.contains(old.as_str()) =>
            {
                (new, old, 4)
            }
            [Digits(old, _), Said(Becomes), Digits(new, _), ..] if self.groups.text.contains(old.as_str()) => {
                (new, old, 3)
            }
            _ => return None,
        };
        self.replace(old, new);
        Some(len)
    }

    /// The last place of `old` that makes a possible number with `new` in it; else its last place.
    fn replace(&mut self, old: &str, new: &str) {
        let text = &self.groups.text;
        let places: Vec<usize> = (0..text.len()).filter(|at| text[*at..].starts_with(old)).collect();
        let with = |at: usize| format!("{}{new}{}", &text[..at], &text[at + old.len()..]);
        let is_whole = |at: &&usize| is_surely_whole(self.form, &with(**at));
        let Some(at) = places.iter().rev().find(is_whole).or(places.last()).copied() else { return };
        let changed = with(at);
        let last = self.groups.last;
        self.groups.set(changed, last);
        self.is_changed = true;
    }

    /// The reading of a group that makes the number whole, the usual one if none does.
    fn fitting<'t>(&self, digits: &'t str, other: &'t str) -> &'t str {
        let is_whole = |text: &str| matches!(self.form.fit(&format!("{}{text}", self.groups.text)), Fit::Whole(_));
        if digits != other && !is_whole(digits) && is_whole(other) { other } else { digits }
    }

    fn digits(&mut self, place: Option<Word>, digits: &str) {
        match place {
            Some(Word::Front) => self.front(digits),
            Some(Word::Tail) => self.tail(digits),
            Some(Word::Middle) => self.middle(digits),
            Some(Word::Nth(nth)) => self.set_at(nth.checked_sub(1), digits),
            Some(Word::NthLast(nth)) => self.set_at(self.groups.text.len().checked_sub(nth), digits),
            _ if self.is_wrong && !self.groups.is_empty() => self.correct(digits),
            _ => self.append(digits),
        }
    }

    fn target(&self, with: &str) -> Option<usize> {
        self.form.len_whole(&format!("{}{with}", self.groups.text))
    }

    fn limit(&self, with: &str) -> usize {
        self.target(with).unwrap_or(self.form.len_max())
    }

    fn append(&mut self, digits: &str) {
        let text = self.groups.text.clone();
        if let Some(gap) = text.find('?') {
            let len = text.matches('?').count();
            return if digits.len() <= len { self.write(gap, digits, false) } else { self.restart(digits) };
        }
        // The whole number once more, from its beginning, unless it fits as the rest.
        let is_rest = self.target(digits) == Some(text.len() + digits.len());
        if !is_rest && text.len() >= 3 && digits.len() > text.len() && digits.starts_with(&text) {
            return self.restart(digits);
        }
        let limit = self.limit(digits);
        if text.len() + digits.len() <= limit {
            self.groups.push(digits);
            self.is_added = true;
            return;
        }
        // The last group once more, and the next one with it.
        let overlap = (1..=text.len().min(digits.len()))
            .rev()
            .find(|len| text.ends_with(&digits[..*len]) && text.len() + digits.len() - len <= limit);
        if let Some(len) = overlap {
            self.groups.push(&digits[len..]);
            self.is_added = true;
            return;
        }
        self.restart(digits);
    }

    /// A number from its beginning; one that is neither whole nor begins like the one before is too much.
    fn restart(&mut self, digits: &str) {
        let is_whole = is_surely_whole(self.form, digits) || self.form.len_whole("") == Some(digits.len());
        let begins_alike = digits.len() >= 3 && self.groups.text.get(..3) == digits.get(..3);
        if is_whole || begins_alike {
            self.groups = Groups::new(digits);
            self.is_changed = true;
        } else {
            self.is_too_long = true;
        }
    }

    /// Digits behind 不对: they stand where they differ least from what was taken down.
    fn correct(&mut self, digits: &str) {
        self.is_wrong = false;
        if is_surely_whole(self.form, digits) {
            return self.restart(digits);
        }
        let text = self.groups.text.clone();
        let (len, last) = (digits.len(), self.groups.last);
        let last_len = text.len() - last;
        if len == 1 {
            return self.write(text.len() - 1, digits, true);
        }
        // The last group with what comes after it: the digits complete the number.
        if let Some(target) = self.target("")
            && let Some(surplus) = (text.len() + len).checked_sub(target).filter(|surplus| (1..len).contains(surplus))
            && surplus <= text.len()
            && 2 * differences(&text[text.len() - surplus..], digits) <= surplus
        {
            let start = text.len() - surplus;
            return self.write(start, digits, true);
        }
        let cost = |at: usize| {
            let is_group = at == last && len == last_len;
            (differences(&text[at..], digits), !is_group, text.len() - at)
        };
        let nearest = (0..(text.len() + 1).saturating_sub(len)).min_by_key(|at| cost(*at));
        match nearest.map(|at| (at, cost(at).0)) {
            // They stand there already: what was taken down is right after all.
            Some((_, 0)) => {
                self.is_changed = !self.was_doubted;
                return;
            }
            Some((at, wrong)) if 2 * wrong <= len => return self.write(at, digits, true),
            _ => {}
        }
        let start = if len < last_len { text.len() - len } else { last };
        if start + len <= self.form.len_max() { self.write(start, digits, true) } else { self.is_too_long = true }
    }

    fn front(&mut self, digits: &str) {
        let text = self.groups.text.clone();
        let is_wrong = std::mem::take(&mut self.is_wrong);
        if text.is_empty() {
            return self.append(digits);
        }
        let gap_at_front = text.starts_with('?');
        if !is_wrong && !gap_at_front && Some(text.len() + digits.len()) == self.form.len_whole(digits) {
            // What was said before was the end of the number.
            self.groups.set(format!("{digits}{text}"), 0);
            self.is_added = true;
            return;
        }
        self.write(0, digits, !gap_at_front);
    }

    fn tail(&mut self, digits: &str) {
        let text = self.groups.text.clone();
        let is_wrong = std::mem::take(&mut self.is_wrong);
        let Some(target) = self.target("") else { return self.append(digits) };
        if text.len() >= target || is_wrong {
            return match text.len().checked_sub(digits.len()) {
                Some(start) => self.write(start, digits, true),
                None => self.restart(digits),
            };
        }
        match target.checked_sub(digits.len()) {
            Some(start) if start >= text.len() => {
                let filled = format!("{text}{}{digits}", "?".repeat(start - text.len()));
                self.groups.set(filled, start);
                self.is_added = true;
            }
            // 最后是 before a group that does not end the number yet, or one that was said already.
            _ => self.append(digits),
        }
    }

    fn middle(&mut self, digits: &str) {
        self.is_wrong = false;
        let text = &self.groups.text;
        if text.contains('?') {
            return self.append(digits);
        }
        // A mobile number is read 3-4-4.
        if text.len() >= 7 && digits.len() == 4 && self.target("") == Some(11) {
            return self.write(3, digits, true);
        }
        if text.is_empty() { self.append(digits) } else { self.correct(digits) }
    }

    fn set_at(&mut self, at: Option<usize>, digits: &str) {
        self.is_wrong = false;
        match at.filter(|at| at + digits.len() <= self.groups.text.len()) {
            Some(at) => self.write(at, digits, true),
            None => self.is_too_long = true,
        }
    }

    /// Digits over what stood there, or beyond the end.
    fn write(&mut self, at: usize, digits: &str, is_change: bool) {
        let text = &self.groups.text;
        let end = (at + digits.len()).min(text.len());
        let written = format!("{}{digits}{}", &text[..at], &text[end..]);
        let last = if is_change { self.groups.last.min(at) } else { at };
        self.groups.set(written, last);
        if is_change { self.is_changed = true } else { self.is_added = true }
    }
}

/// Seven digits may be a number without its area code, but hardly behind the beginning of another one.
fn is_surely_whole(form: Form, digits: &str) -> bool {
    matches!(form.fit(digits), Fit::Whole(confidence) if confidence > 0.8)
}

/// In how many places two strings differ, as far as both reach.
fn differences(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).filter(|(a, b)| a != b).count()
}

#[cfg(test)]
mod tests;
