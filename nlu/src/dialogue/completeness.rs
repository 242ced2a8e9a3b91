//! Whether a caller sounds finished: the endpointer waits less for whole answers and longer for half ones.

use super::interpret::{Command, Interpretation};
use super::state::{StateScope, Waiting};
use crate::entity::groups::Note;
use crate::utterance::Utterance;
use hualu_core::dialogue::Completeness;

/// A sentence that ends like this goes on.
const DANGLING: &str = "我想 我要 我想要 我想问 我想问一下 我想查 我想查一下 我想换 我要换 我要查 帮我 帮我查 帮我查一下 给我 给我查一下 麻烦 \
                        麻烦你 麻烦您 请问 请 请问一下 那个 这个 就是 就是说 然后 还有 但是 因为 如果 所以 不过 嗯 呃 额 和 跟 把 被 我的 我家 \
                        我家的 我们家 你们 你们那个 想换 想查 想问 换成 改成 改为 换到 号码是 我 我这个 我那个 为什么 怎么 能不能";
/// A whole sentence may end like this although its beginning looks like a half one.
const CLOSING: [char; 8] = ['吗', '吧', '呢', '了', '么', '嘛', '呗', '啊'];

/// Judges the best reading.
pub(super) fn of(scope: &StateScope<'_>, heard: &Interpretation, best: &Utterance) -> Completeness {
    if best.is_empty() {
        return Completeness::Unknown;
    }
    match &heard.command {
        // 三十九那个: a value makes an answer whole, whatever follows it.
        Command::Start { .. } | Command::Unknown { .. } | Command::Clarify(_) | Command::Faq(_) if ends_open(best) => {
            Completeness::Unfinished
        }
        // 不是 is a whole answer; 不是换成 is not.
        Command::Correct { value, .. } if value.is_null() => {
            if ends_open(best) {
                Completeness::Unfinished
            } else {
                Completeness::Complete
            }
        }
        Command::Fill { slot, .. } if heard.is_open => of_open_value(scope, slot, heard),
        Command::Fill { slot, .. } | Command::Correct { slot, .. } => of_value(scope, slot, heard),
        // 我想问一下 says nothing yet, whatever it resembles.
        Command::Start { .. } | Command::Choose(_) if names_no_object(best) && best.content_len() <= 1 => {
            Completeness::Unfinished
        }
        // 嗯那个: an answer that goes on.
        Command::Group { step, .. } => of_group(step.note),
        Command::Affirm | Command::Deny | Command::Choose(_) if trails_off(best) => Completeness::Unfinished,
        Command::Affirm | Command::Deny | Command::Choose(_) | Command::Repeat | Command::Cancel => {
            Completeness::Complete
        }
        Command::Start { .. } => Completeness::Complete,
        Command::Unknown { .. } if waits_for_digits(scope) && has_digit(best) => Completeness::Unfinished,
        Command::Unknown { .. } | Command::Clarify(_)
            if ends_with_half_noun(best) || names_no_object(best) || ends_with_somebody(best) =>
        {
            Completeness::Unfinished
        }
        Command::Clarify(_) | Command::Unknown { .. } | Command::Faq(_) => {
            let closes = best.chars.last().is_some_and(|c| CLOSING.contains(c));
            if closes && best.content_len() > 3 { Completeness::Complete } else { Completeness::Unknown }
        }
    }
}

fn ends_open(best: &Utterance) -> bool {
    let text = best.text();
    trails_off(best)
        || DANGLING.split(' ').any(|word| text == word)
        || ["嗯", "呃", "把", "和", "跟", "就", "给"].iter().any(|word| text.ends_with(word))
}

/// Words that announce more: 嗯那个, 帮我查一下. A 嗯 alone is an answer, and 话费帮我查一下 is whole.
fn trails_off(best: &Utterance) -> bool {
    let text = best.text();
    let is_end = |word: &str| word.chars().count() > 1 && text.ends_with(word);
    DANGLING.split(' ').any(|word| is_end(word) && (text == word || !text.ends_with("一下")))
}

/// 帮忙看看我, 你好我这边: who or where, and what of it is still to come.
fn ends_with_somebody(best: &Utterance) -> bool {
    let text = best.text();
    ["我", "我们", "我这边", "我那边", "我这儿", "我这里", "我家里", "我妈", "我爸"]
        .iter()
        .any(|word| text.ends_with(word))
}

/// 麻烦你给我查一下: what is to be looked up is still to come.
fn names_no_object(best: &Utterance) -> bool {
    let text = best.text();
    ["查一下", "问一下", "看一下", "办一下", "查下", "问下", "看下", "办下"].iter().any(|word| text.ends_with(word))
}

/// 你们那个宽带的: something is to follow that is the caller's, unless it ends a 是…的.
fn ends_with_half_noun(best: &Utterance) -> bool {
    // 就是 only hesitates.
    best.chars.last() == Some(&'的') && !best.text().replace("就是", "").contains('是')
}

/// A number that may go on is whole when the bot's own rule accepts it: 五十九 of 五十(九).
fn of_open_value(scope: &StateScope<'_>, slot: &str, heard: &Interpretation) -> Completeness {
    let is_digits = scope.assistant.bot.slots.get(slot).is_some_and(|slot| slot.kind.form().is_some());
    match is_digits {
        true => Completeness::Unfinished,
        _ if is_valid(scope, slot, heard) == Some(true) => Completeness::Unknown,
        _ => Completeness::Unfinished,
    }
}

fn of_value(scope: &StateScope<'_>, slot: &str, heard: &Interpretation) -> Completeness {
    match is_valid(scope, slot, heard) {
        Some(false) => Completeness::Unknown,
        _ => Completeness::Complete,
    }
}

/// Groups of a number go on until it is whole; a caller who looks for the number waits for a word.
fn of_group(note: Note) -> Completeness {
    match note {
        Note::Added | Note::Changed => Completeness::Unfinished,
        Note::Again | Note::TooLong | Note::Impossible => Completeness::Unknown,
        Note::Waits | Note::Missing(_) | Note::Whole(_) => Completeness::Complete,
    }
}

/// What the slot's rule says about the value, tried on a copy.
fn is_valid(scope: &StateScope<'_>, slot: &str, heard: &Interpretation) -> Option<bool> {
    let (rule, _) = scope.assistant.bot.slots.get(slot)?.validate.as_ref()?;
    let (Command::Fill { value, .. } | Command::Correct { value, .. }) = &heard.command else { return None };
    let mut state = scope.state.clone();
    state.set(scope.assistant, slot, value.clone());
    rule.holds(&StateScope { assistant: scope.assistant, state: &state, now: scope.now }).ok()
}

fn waits_for_digits(scope: &StateScope<'_>) -> bool {
    let Waiting::Slot(name) = &scope.state.waiting else { return false };
    let slot = scope.assistant.bot.slots.get(name);
    slot.is_some_and(|slot| slot.kind.form().is_some())
}

fn has_digit(best: &Utterance) -> bool {
    use crate::entity::number::{Symbol, symbol};
    best.chars.iter().any(|c| matches!(symbol(*c), Symbol::Digit(_)))
}
