//! How long a pause must be before the utterance is over: as short as its words allow.

use crate::config::TurnConfig;
use crate::record::EndpointReason;
use hualu_core::dialogue::{Completeness, Expect, Pauses};
use hualu_core::{LatencyBudget, backchannel};
use std::time::Duration;

/// The longest pause that a bot may ask for.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// The silence that ends an utterance, by how its words sound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Silences {
    pub(crate) complete: Duration,
    pub(crate) unknown: Duration,
    pub(crate) unfinished: Duration,
}

impl Silences {
    /// The call's own silences, or where the bot's question has others, those. Each is at least as long as the one before.
    pub(crate) fn new(config: &TurnConfig, budget: &LatencyBudget, asked: Pauses) -> Self {
        let limit = |pause: Duration| pause.min(PAUSE_MAX);
        let complete = asked.complete.map_or_else(|| config.endpoint_complete.min(budget.endpoint), limit);
        let unknown = asked.unknown.map_or_else(|| config.endpoint_unknown.max(budget.endpoint), limit).max(complete);
        let unfinished = asked.unfinished.map_or(budget.endpoint_unfinished, limit).max(unknown);
        Self { complete, unknown, unfinished }
    }

    /// The silence that ends the utterance, and the reason to record when it does.
    ///
    /// `words` is the newest partial text, `completeness` what the dialogue said of exactly these words
    /// ([`Completeness::Unknown`] while it has not).
    pub(crate) fn needed(&self, expect: Expect, words: &str, completeness: Completeness) -> (Duration, EndpointReason) {
        let completeness = match completeness {
            Completeness::Unknown => judge_by_expectation(expect, words),
            told => told,
        };
        let silence = match completeness {
            Completeness::Complete => self.complete,
            Completeness::Unknown => self.unknown,
            Completeness::Unfinished => self.unfinished,
        };
        (silence, completeness.into())
    }
}

/// A yes or no is known here, and digits are counted, so that a short answer is never kept waiting, nor a number dictated
/// in groups cut, even if the dialogue is slow to say so.
fn judge_by_expectation(expect: Expect, words: &str) -> Completeness {
    if backchannel::answers(expect, words) {
        return Completeness::Complete;
    }
    let Expect::Digits { len_min, len_max } = expect else { return Completeness::Unknown };
    let digits = words.chars().filter(|c| is_digit(*c)).count();
    match digits {
        0 => Completeness::Unknown,
        n if n < usize::from(len_min) => Completeness::Unfinished,
        n if n >= usize::from(len_max) => Completeness::Complete,
        _ => Completeness::Unknown,
    }
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || "零〇一二三四五六七八九幺两".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed(expect: Expect, words: &str, completeness: Completeness) -> (u128, EndpointReason) {
        let silences = Silences::new(&TurnConfig::default(), &LatencyBudget::default(), Pauses::default());
        let (silence, reason) = silences.needed(expect, words, completeness);
        (silence.as_millis(), reason)
    }

    #[test]
    fn what_the_dialogue_says_decides() {
        assert_eq!(needed(Expect::Free, "查话费", Completeness::Complete), (200, EndpointReason::Complete));
        assert_eq!(needed(Expect::Free, "查话费", Completeness::Unknown), (1_000, EndpointReason::Unknown));
        assert_eq!(needed(Expect::Free, "我想", Completeness::Unfinished), (2_000, EndpointReason::Unfinished));
        let phone = Expect::Digits { len_min: 11, len_max: 11 };
        assert_eq!(needed(phone, "算了", Completeness::Complete).0, 200, "an answer that is no number");
    }

    #[test]
    fn digits_are_counted_when_it_says_nothing() {
        let phone = Expect::Digits { len_min: 11, len_max: 11 };
        assert_eq!(needed(phone, "一三八零零", Completeness::Unknown).0, 2_000);
        assert_eq!(needed(phone, "一三八零零一三八零零零", Completeness::Unknown).0, 200);
        assert_eq!(needed(phone, "幺三八00138000", Completeness::Unknown).0, 200);
        assert_eq!(
            needed(phone, "等一下", Completeness::Unknown).0,
            2_000,
            "一 is a digit in 等一下 too: patience costs little"
        );
        assert_eq!(needed(phone, "我不知道", Completeness::Unknown).0, 1_000);
        let code = Expect::Digits { len_min: 4, len_max: 6 };
        assert_eq!(needed(code, "一二三四五", Completeness::Unknown).0, 1_000, "long enough, but more may come");
    }

    #[test]
    fn a_yes_or_no_needs_no_dialogue_to_be_whole() {
        for words in ["对", "不是", "好的", "嗯"] {
            assert_eq!(needed(Expect::YesNo, words, Completeness::Unknown).0, 200, "{words}");
            assert_eq!(needed(Expect::Free, words, Completeness::Unknown).0, 1_000, "{words}");
        }
    }

    #[test]
    fn the_question_may_have_pauses_of_its_own() {
        let ms = |ms| Some(Duration::from_millis(ms));
        let with = |pauses| {
            let silences = Silences::new(&TurnConfig::default(), &LatencyBudget::default(), pauses);
            [silences.complete, silences.unknown, silences.unfinished].map(|silence| silence.as_millis())
        };
        assert_eq!(with(Pauses::default()), [200, 1_000, 2_000]);
        assert_eq!(with(Pauses { unfinished: ms(4_000), ..Pauses::default() }), [200, 1_000, 4_000]);
        assert_eq!(
            with(Pauses { complete: ms(700), ..Pauses::default() }),
            [700, 1_000, 2_000],
            "in order whatever is sent"
        );
        assert_eq!(with(Pauses { unfinished: ms(60_000), ..Pauses::default() }), [200, 1_000, 10_000]);
    }
}
