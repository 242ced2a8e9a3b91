//! Yes and no, by the question's polarity: to 还有问题吗, 没有 ends the matter; to 确认办理吗, 没问题 agrees.

use crate::utterance::{Pronouncer, Utterance, content_len, prefix_len};
use std::sync::LazyLock;

/// Words that decline.
static NO: LazyLock<Vec<&str>> = LazyLock::new(|| {
    words_of(
        "不用了 不用 不要了 不要 不需要 不办了 不办 不换了 不换 不是 不对 不行 不可以 不想 不了 不确认 不确定 不同意 不好 不能 不必 不
         没有了 没有 还没 没 没了 没啥 没什么 没别的 没事了 没事 算了 取消 先不 再想想 再说吧 再说 再考虑 考虑一下 考虑考虑 等等再 否 错了 错 别 甭",
    )
});
/// Words that agree.
static YES: LazyLock<Vec<&str>> = LazyLock::new(|| {
    words_of(
        "是的 是啊 是呀 是 对的 对对 对啊 对呀 没错 对 好的 好啊 好吧 好嘞 好呀 好 行的 行吧 行啊 行 可以的 可以 嗯嗯 嗯 恩 确认 确定
         同意 办理 办吧 办 开吧 发吧 退吧 订吧 寄吧 登记吧 不错 中 得嘞 成 要的 要 需要 ok 有的 有 愿意 当然 换吧 肯定",
    )
});
/// These agree to an offer, but end the matter when the question was what else there is.
static DONE: LazyLock<Vec<&str>> = LazyLock::new(|| words_of("没问题 没有问题 没意见 就这样吧 就这样 就这些 就这么办"));
/// A no, but to 确认取消吗 it agrees.
const CANCEL: &str = "取消";
/// What may stand before a short yes: 嗯对, 那好, 就是.
const OPENINGS: &str = "嗯啊哦噢呃额那就欸诶";

fn words_of(list: &'static str) -> Vec<&'static str> {
    list.split_whitespace().collect()
}

/// An answer to a yes/no question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Polarity {
    pub is_yes: bool,
    pub confidence: f32,
    /// How many characters with a meaning of their own it leaves over.
    pub rest: usize,
}

/// Whether a question asks for something that is missing or wrong: its 没问题 is a no.
pub(crate) fn asks_for_more(question: &str) -> bool {
    question.contains("还有")
        || question.contains("问题吗")
        || question.contains("疑问")
        || question.contains("什么可以帮")
}

/// Reads an answer to `question`.
pub(crate) fn read(utterance: &Utterance, question: &str) -> Option<Polarity> {
    let chars = &utterance.chars;
    if chars.is_empty() || is_question(chars) {
        return None;
    }
    if let Some(found) = by_words(chars, asks_for_more(question), question.contains(CANCEL)) {
        return Some(found);
    }
    by_sound(&utterance.syllables)
}

fn by_words(chars: &[char], is_about_more: bool, asks_to_cancel: bool) -> Option<Polarity> {
    let longest =
        |at: usize, words: &[&str]| words.iter().map(|word| prefix_len(&chars[at..], word)).max().unwrap_or(0);
    let (mut yes, mut no, mut matched) = (0_usize, 0_usize, vec![false; chars.len()]);
    let mut first = None;
    let mut at = 0;
    while at < chars.len() {
        let (mut y, mut n, done) = (longest(at, &YES), longest(at, &NO), longest(at, &DONE));
        if asks_to_cancel && prefix_len(&chars[at..], CANCEL) == n {
            (y, n) = (y.max(n), 0);
        }
        let len = y.max(n).max(done);
        let is_yes = if done == len { !is_about_more } else { y > n };
        // One syllable in the middle of a sentence is no answer: 换成, 有点, 中午.
        let is_short_yes = is_yes && len == 1;
        let is_part = is_short_yes && !(opens(&chars[..at], &matched[..at]) && stands_alone(&chars[at..]))
            // 没 is an answer alone: 没听清 is none.
            || len == 1 && chars[at] == '没' && content_len(&chars[at + 1..]) > 0;
        if len == 0 || is_part {
            at += 1;
            continue;
        }
        // A bare 嗯 only opens many answers (嗯，不用了).
        if !matches!(chars[at], '嗯' | '恩') {
            first.get_or_insert(is_yes);
        }
        if is_yes {
            yes += 1
        } else {
            no += 1
        }
        matched[at..at + len].fill(true);
        at += len;
    }
    if yes + no == 0 {
        return None;
    }
    let left: Vec<char> = chars.iter().zip(&matched).filter(|(_, matched)| !**matched).map(|(c, _)| *c).collect();
    let is_yes = no == 0 || (yes > 0 && first == Some(true) && !is_refused(chars));
    let confidence = if yes > 0 && no > 0 { 0.6 } else { 0.95 };
    Some(Polarity { is_yes, confidence, rest: content_len(&left) })
}

/// 中 and 要 agree when nothing follows; 对 and 好 may open a longer answer.
fn stands_alone(rest: &[char]) -> bool {
    !matches!(rest.first(), Some('中' | '成' | '要' | '有' | '办')) || content_len(&rest[1..]) == 0
}

/// Whether nothing but other yes words and hesitations comes before.
fn opens(before: &[char], matched: &[bool]) -> bool {
    before.iter().zip(matched).all(|(c, matched)| *matched || OPENINGS.contains(*c))
}

/// A question is no answer: nobody agrees to an order by asking 是五十九吗.
fn is_question(chars: &[char]) -> bool {
    const CHOICES: [&str; 10] =
        ["是不是", "能不能", "可不可以", "有没有", "行不行", "要不要", "好不好", "对不对", "是多少", "多少钱"];
    // 没有没有 is a no, said twice.
    let text = chars.iter().collect::<String>().replace("没有没有", "没有");
    matches!(chars.last(), Some('吗' | '么')) && !text.ends_with("什么")
        || CHOICES.iter().any(|words| text.contains(words))
}

/// 好像不对, 可以不办: a yes word that is taken back.
fn is_refused(chars: &[char]) -> bool {
    let text: String = chars.iter().collect();
    ["不用", "不要", "不办", "不换", "不对", "算了", "取消", "不需要", "不行"].iter().any(|word| text.contains(word))
}

struct Sounds {
    yes: Vec<Vec<String>>,
    no: Vec<Vec<String>>,
}

static SOUNDS: LazyLock<Sounds> = LazyLock::new(|| {
    let pronouncer = Pronouncer::default();
    let read = |words: &[&str]| {
        let long = words.iter().filter(|word| word.chars().count() > 1);
        long.map(|word| Utterance::new(word, "", 1.0, &pronouncer).syllables).collect()
    };
    Sounds { yes: read(&YES), no: read(&NO) }
});

/// The whole answer sounds like a word for yes or no.
fn by_sound(syllables: &[String]) -> Option<Polarity> {
    let is_any = |words: &[Vec<String>]| words.iter().any(|word| word == syllables);
    let is_yes = match (is_any(&SOUNDS.yes), is_any(&SOUNDS.no)) {
        (true, false) => true,
        (false, true) => false,
        _ => return None,
    };
    Some(Polarity { is_yes, confidence: 0.7, rest: 0 })
}

/// Words for yes and no, for the recognizer.
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    YES.iter().chain(NO.iter()).chain(DONE.iter()).copied().filter(|word| word.chars().count() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str, question: &str) -> Option<bool> {
        let utterance = Utterance::new(text, "", 1.0, &Pronouncer::default());
        read(&utterance, question).map(|polarity| polarity.is_yes)
    }

    #[test]
    fn yes_and_no_to_a_plain_question() {
        let question = "确认办理吗？";
        for text in ["好的", "嗯", "行办吧", "没问题", "可以可以", "确认办理", "对的没错", "要的", "好嘞", "中"]
        {
            assert_eq!(answer(text, question), Some(true), "{text}");
        }
        for text in
            ["不用了", "算了吧", "嗯不要", "先不办了", "我再考虑一下", "不对", "没有", "没有没有", "取消吧", "别办"]
        {
            assert_eq!(answer(text, question), Some(false), "{text}");
        }
        for text in ["五十九块", "是五十九吗", "这个要多少钱", "能不能便宜点", "换成", "中午吃饭"]
        {
            assert_eq!(answer(text, question), None, "{text}");
        }
        assert_eq!(answer("那就这样吧", question), Some(true));
    }

    #[test]
    fn the_question_decides() {
        assert_eq!(answer("没问题", "请问还有问题吗？"), Some(false));
        assert_eq!(answer("没有了", "请问还有什么可以帮您？"), Some(false));
        assert_eq!(answer("取消吧", "确认开通彩铃吗？"), Some(false));
        assert_eq!(answer("取消吧", "确认取消彩铃吗？"), Some(true));
        assert_eq!(answer("先不取消", "确认取消彩铃吗？"), Some(false));
        assert_eq!(answer("不要取消", "确认取消彩铃吗？"), Some(false));
        assert_eq!(answer("开吧", "确认开通彩铃吗？"), Some(true));
        assert_eq!(answer("就这些", "请问还有什么可以帮您？"), Some(false));
        assert_eq!(answer("没问题", "我帮您办理可以吗？"), Some(true));
    }

    #[test]
    fn homophones_of_a_whole_answer() {
        assert_eq!(answer("事的", "确认吗？"), Some(true));
        assert_eq!(answer("部用", "确认吗？"), Some(false));
    }
}
