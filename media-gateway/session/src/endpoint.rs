//! How long a pause must be before the utterance is over: as short as its words allow.

use crate::config::TurnConfig;
use crate::record::EndpointReason;
use hualu_core::LatencyBudget;
use hualu_core::dialogue::{Completeness, Expect};
use std::time::Duration;

/// The silence that ends the utterance, and the reason to record when it does.
///
/// `words` is the newest partial text, `completeness` what the dialogue said of exactly these words
/// ([`Completeness::Unknown`] while it has not).
pub(crate) fn silence_needed(
    config: &TurnConfig,
    budget: &LatencyBudget,
    expect: Expect,
    words: &str,
    completeness: Completeness,
) -> (Duration, EndpointReason) {
    let completeness = match completeness {
        Completeness::Unknown => judge_by_expectation(expect, words),
        told => told,
    };
    let silence = match completeness {
        Completeness::Complete => config.endpoint_complete.min(budget.endpoint),
        Completeness::Unknown => config.endpoint_unknown.max(budget.endpoint),
        Completeness::Unfinished => budget.endpoint_unfinished,
    };
    (silence, completeness.into())
}

/// Digits are counted here, so that a number dictated in groups is never cut even if the dialogue is slow to say so.
fn judge_by_expectation(expect: Expect, words: &str) -> Completeness {
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
        let (silence, reason) =
            silence_needed(&TurnConfig::default(), &LatencyBudget::default(), expect, words, completeness);
        (silence.as_millis(), reason)
    }

    #[test]
    fn what_the_dialogue_says_decides() {
        assert_eq!(needed(Expect::Free, "查话费", Completeness::Complete), (200, EndpointReason::Complete));
        assert_eq!(needed(Expect::Free, "查话费", Completeness::Unknown), (500, EndpointReason::Unknown));
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
        assert_eq!(needed(phone, "我不知道", Completeness::Unknown).0, 500);
        let code = Expect::Digits { len_min: 4, len_max: 6 };
        assert_eq!(needed(code, "一二三四五", Completeness::Unknown).0, 500, "long enough, but more may come");
    }
}
