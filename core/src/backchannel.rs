//! Short words of a listener: 嗯 and 对 while the bot explains only say that somebody is there; after a yes/no question
//! they are the answer. Session and dialogue must agree on them, so they stand here.

use crate::dialogue::Expect;

/// Words that show attention and say nothing else.
const ATTENTION: [&str; 11] = ["嗯", "恩", "哦", "噢", "喔", "啊", "呃", "额", "哎", "诶", "唉"];
/// Words that ask whether somebody is there; over a prompt, the prompt answers them.
const GREETING: [&str; 4] = ["喂", "你好", "您好", "哈喽"];
/// Words that agree: attention while the bot talks, a yes when it has asked.
const AGREEMENT: [&str; 19] = [
    "对对",
    "对的",
    "对啊",
    "对呀",
    "对",
    "好的",
    "好嘞",
    "好吧",
    "好啊",
    "好",
    "是的",
    "是啊",
    "是",
    "行吧",
    "行",
    "可以",
    "没错",
    "明白",
    "知道了",
];
/// Words that refuse. They are never mere attention.
const REFUSAL: [&str; 17] = [
    "不是的",
    "不是",
    "不用了",
    "不用",
    "不要了",
    "不要",
    "不对",
    "不行",
    "不可以",
    "不需要",
    "不办了",
    "不办",
    "没有了",
    "没有",
    "没了",
    "算了",
    "不",
];

/// What a short utterance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Attention,
    Greeting,
    Agreement,
    Refusal,
}

/// Whether `text` says no more than that somebody listens: 嗯, 对对, 好的嗯, 喂.
#[must_use]
pub fn is_backchannel(text: &str) -> bool {
    kinds(text).is_some_and(|kinds| !kinds.contains(&Kind::Refusal))
}

/// Whether `text` is a whole answer to a yes/no question by itself: 对, 嗯好的, 不用了.
#[must_use]
pub fn is_yes_or_no(text: &str) -> bool {
    kinds(text).is_some_and(|kinds| !kinds.contains(&Kind::Greeting))
}

/// Whether `text` is an answer to what was asked although it is as short as a backchannel.
#[must_use]
pub fn answers(expect: Expect, text: &str) -> bool {
    expect == Expect::YesNo && is_yes_or_no(text)
}

/// The words that `text` is made of when it is made of nothing else.
fn kinds(text: &str) -> Option<Vec<Kind>> {
    let mut rest: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
    let mut kinds = Vec::new();
    while !rest.is_empty() {
        let (kind, word) = longest(&rest)?;
        rest.drain(..word.len());
        kinds.push(kind);
    }
    (!kinds.is_empty()).then_some(kinds)
}

fn longest(text: &str) -> Option<(Kind, &'static str)> {
    let of = |kind, words: &[&'static str]| {
        words
            .iter()
            .copied()
            .filter(|word| text.starts_with(word))
            .max_by_key(|word| word.len())
            .map(|word| (kind, word))
    };
    let all = [
        of(Kind::Refusal, &REFUSAL),
        of(Kind::Agreement, &AGREEMENT),
        of(Kind::Attention, &ATTENTION),
        of(Kind::Greeting, &GREETING),
    ];
    all.into_iter().flatten().max_by_key(|(_, word)| word.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_told_from_a_speaker() {
        for text in ["嗯", "嗯嗯", "对", "对对对", "好的", "嗯好的", "哦，是的", "喂你好"] {
            assert!(is_backchannel(text), "{text}");
        }
        for text in ["", "不用", "嗯不对", "对我要查话费", "好像不行", "等一下", "喂我要查", "人工"]
        {
            assert!(!is_backchannel(text), "{text}");
        }
    }

    #[test]
    fn the_question_makes_it_an_answer() {
        for text in ["对", "嗯", "好的", "不是", "不用了", "嗯不用"] {
            assert!(answers(Expect::YesNo, text), "{text}");
            assert!(!answers(Expect::Free, text), "{text}");
        }
        assert!(!answers(Expect::YesNo, "五十九的"));
        assert!(!answers(Expect::YesNo, ""));
        assert!(!answers(Expect::YesNo, "喂"));
    }
}
