//! What the bot has just been saying, to know its own words when a loudspeaker brings them back.
//!
//! An echo is heard while the bot speaks and not much longer, and its words are those that were played in that very time.
//! A caller who repeats an option of the question does so after it; that is an answer.

use crate::reply::Clause;
use hualu_core::dialogue::Hypothesis;
use hualu_core::{ClauseId, Samples};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Clauses that are remembered: more than an echo can be behind.
const CLAUSES_MAX: usize = 8;
/// An echo begins while the bot speaks, or so much after.
const TAIL: Duration = Duration::from_millis(150);

/// The last clauses with the times at which they went out.
#[derive(Debug, Default)]
pub(crate) struct Mouth {
    said: VecDeque<Spoken>,
}

#[derive(Debug)]
struct Spoken {
    clause: ClauseId,
    characters: Vec<String>,
    syllables: Vec<String>,
    from: Instant,
    until: Instant,
    /// The share of the clause that went out from `from` to `until`.
    share: f64,
}

impl Mouth {
    /// Notes that a packet with a part of `clause` goes out at `now`.
    pub(crate) fn speak(&mut self, now: Instant, clause: &Clause) {
        let share = clause.share_sent();
        if let Some(last) = self.said.back_mut().filter(|last| last.clause == clause.id) {
            (last.until, last.share) = (now, share);
            return;
        }
        if self.said.len() == CLAUSES_MAX {
            self.said.pop_front();
        }
        let (characters, syllables) = (characters(&clause.text()), syllables(clause.pinyin()));
        self.said.push_back(Spoken { clause: clause.id, characters, syllables, from: now, until: now, share });
    }

    /// Whether `heard`, spoken from `onset` to `last`, is what the bot said itself; an echo is at most `delay` late.
    /// Fewer than `least` syllables are taken for the caller's.
    pub(crate) fn echoes(
        &self,
        heard: &Hypothesis,
        (onset, last): (Instant, Instant),
        delay: Duration,
        least: usize,
    ) -> bool {
        let during = |spoken: &&Spoken| spoken.from <= onset && onset <= spoken.until + TAIL;
        let ends = self.said.back().is_some_and(|spoken| last <= spoken.until + delay);
        if !ends || !self.said.iter().any(|spoken| during(&spoken)) {
            return false;
        }
        let from = onset.checked_sub(delay + TAIL).unwrap_or(onset);
        let by_sound = syllables(heard.pinyin.reveal());
        let said = self.units(from, last, |spoken| &spoken.syllables);
        if !by_sound.is_empty() && !said.is_empty() {
            return by_sound.len() >= least && is_part_of(&by_sound, &said);
        }
        let by_text = characters(heard.text.reveal());
        by_text.len() >= least && is_part_of(&by_text, &self.units(from, last, |spoken| &spoken.characters))
    }

    /// What was said between two times, to the nearest unit.
    fn units(&self, from: Instant, until: Instant, of: impl Fn(&Spoken) -> &Vec<String>) -> Vec<String> {
        let mut units = Vec::new();
        for spoken in &self.said {
            let all = of(spoken);
            let place = |at: Instant| spoken.place(at) * all.len() as f64;
            let (first, last) = (place(from).floor() as usize, place(until).ceil() as usize);
            if until >= spoken.from && from <= spoken.until {
                units.extend(all.get(first..last.min(all.len())).unwrap_or(&[]).iter().cloned());
            }
        }
        units
    }
}

impl Spoken {
    /// How far into the clause the bot was at `at`: 0 to 1.
    fn place(&self, at: Instant) -> f64 {
        let whole = self.until.saturating_duration_since(self.from).as_secs_f64();
        let part = at.saturating_duration_since(self.from).as_secs_f64();
        if whole <= 0.0 { self.share } else { (part / whole).min(1.0) * self.share }
    }
}

fn characters(text: &str) -> Vec<String> {
    text.chars().filter(|c| c.is_alphanumeric()).map(String::from).collect()
}

fn syllables(pinyin: &str) -> Vec<String> {
    pinyin.split_ascii_whitespace().map(str::to_owned).collect()
}

/// Whether `part` stands somewhere in `whole`, with at most one unit in three heard wrongly.
fn is_part_of(part: &[String], whole: &[String]) -> bool {
    !part.is_empty() && distance_within(part, whole) <= part.len() / 3
}

/// The fewest edits that make `part` a stretch of `whole` (Sellers' variant of the edit distance).
fn distance_within(part: &[String], whole: &[String]) -> usize {
    let mut column: Vec<usize> = (0..=part.len()).collect();
    let mut best = part.len();
    for unit in whole {
        let mut diagonal = 0;
        let mut above = 0;
        for (cell, wanted) in column.iter_mut().skip(1).zip(part) {
            let edits = (diagonal + usize::from(wanted != unit)).min(*cell + 1).min(above + 1);
            diagonal = *cell;
            *cell = edits;
            above = edits;
        }
        best = best.min(above);
    }
    best
}

/// The share of `total` that `sent` is.
pub(crate) fn share(sent: Samples, total: u64) -> f64 {
    if total == 0 { 0.0 } else { (sent.0 as f64 / total as f64).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hualu_core::dialogue::Say;
    use hualu_core::{Pii, TurnId};

    const DELAY: Duration = Duration::from_millis(300);

    fn at(base: Instant, ms: u64) -> Instant {
        base + Duration::from_millis(ms)
    }

    #[expect(clippy::disallowed_methods, reason = "a test needs one instant to count from")]
    fn base() -> Instant {
        Instant::now()
    }

    fn heard(text: &str, pinyin: &str) -> Hypothesis {
        Hypothesis { text: Pii::new(text.to_owned()), pinyin: Pii::new(pinyin.to_owned()), ..Hypothesis::default() }
    }

    /// Says 请问您要办理什么业务 in two seconds: 200 ms a character.
    fn mouth(base: Instant) -> Mouth {
        let say = Say {
            pinyin: "qing wen nin yao ban li shen me ye wu".into(),
            ..Say::plain("请问您要办理什么业务？")
        };
        let mut clause = Clause::say(ClauseId(1), TurnId(1), say);
        clause.audio.push(vec![1; 16_000], true);
        let mut mouth = Mouth::default();
        for slot in 0..100 {
            clause.audio.read(&mut [0; 160]);
            mouth.speak(at(base, 20 * slot), &clause);
        }
        mouth
    }

    #[test]
    fn what_the_bot_said_just_now_is_an_echo() {
        let base = base();
        let mouth = mouth(base);
        let sounds = heard("班里什么叶", "ban li shen me ye");
        assert!(mouth.echoes(&sounds, (at(base, 1_000), at(base, 2_050)), DELAY, 2), "200 ms late");
        let noisy = heard("办理神", "ban ni shen");
        assert!(mouth.echoes(&noisy, (at(base, 1_000), at(base, 1_600)), DELAY, 2), "one of three is wrong");
        let without_sound = heard("办理什么", "");
        assert!(mouth.echoes(&without_sound, (at(base, 1_000), at(base, 1_800)), DELAY, 2));
    }

    #[test]
    fn the_callers_words_are_not() {
        let base = base();
        let mouth = mouth(base);
        let (onset, last) = (at(base, 1_000), at(base, 1_900));
        assert!(!mouth.echoes(&heard("查话费", "cha hua fei"), (onset, last), DELAY, 2));
        assert!(!mouth.echoes(&heard("请问", "qing wen"), (at(base, 1_700), last), DELAY, 2), "said 1.7 s ago");
        assert!(!mouth.echoes(&heard("务", "wu"), (onset, last), DELAY, 2), "one syllable may be anything");
        let repeated = heard("什么业务", "shen me ye wu");
        assert!(!mouth.echoes(&repeated, (at(base, 2_050), at(base, 2_850)), DELAY, 2), "it goes on after the bot");
        assert!(!mouth.echoes(&repeated, (at(base, 2_300), at(base, 2_380)), DELAY, 2), "it begins after the bot");
    }
}
