//! What a caller says while giving a number in groups: digits, and words about them (不对, 后面是, 最后四位是).

use super::digits::{Form, piece_at, symbols_of};
use super::number::Symbol;
use crate::utterance::{Utterance, prefix_len};

/// A word about the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// 不对: what follows replaces something.
    Wrong,
    /// 不是: what follows is wrong, or, like 不对, what went before.
    IsNot,
    /// 是, 应该是.
    Is,
    /// 改成.
    Becomes,
    /// 后面是.
    After,
    /// 前面是, 前三位是.
    Front,
    /// 最后四位是, 尾号是.
    Tail,
    /// 中间是.
    Middle,
    /// 第三位是, counted from 1.
    Nth(usize),
    /// 倒数第二位是, counted from 1.
    NthLast(usize),
    /// 重新说.
    Restart,
    /// 没了, 说完了.
    Done,
    /// 等一下, 我看看.
    Wait,
    /// 嗯, 继续.
    GoOn,
    /// 对: what was read back is right.
    Agreed,
    /// A word that means nothing here although it may hold a digit: 一下.
    Filler,
}

/// A piece of what was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(Word),
    /// Digits in one breath, and the same with every 十 read as a misheard 四.
    Digits(String, String),
}

const WORDS: [(&str, Word); 84] = [
    ("不对", Word::Wrong),
    ("错了", Word::Wrong),
    ("说错了", Word::Wrong),
    ("念错了", Word::Wrong),
    ("记错了", Word::Wrong),
    ("弄错了", Word::Wrong),
    ("搞错了", Word::Wrong),
    ("说错", Word::Wrong),
    ("不不不", Word::Wrong),
    ("不不", Word::Wrong),
    ("不好意思", Word::Wrong),
    ("更正一下", Word::Wrong),
    ("改一下", Word::Wrong),
    ("纠正一下", Word::Wrong),
    ("不是的", Word::Wrong),
    ("不是不是", Word::Wrong),
    ("不是", Word::IsNot),
    ("应该是", Word::Is),
    ("而是", Word::Is),
    ("就是", Word::Is),
    ("是", Word::Is),
    ("改成", Word::Becomes),
    ("换成", Word::Becomes),
    ("改为", Word::Becomes),
    ("后面是", Word::After),
    ("后边是", Word::After),
    ("后头是", Word::After),
    ("后面", Word::After),
    ("后边", Word::After),
    ("接下来是", Word::After),
    ("接下来", Word::After),
    ("下面是", Word::After),
    ("然后是", Word::After),
    ("然后", Word::After),
    ("接着是", Word::After),
    ("接着", Word::After),
    ("再就是", Word::After),
    ("剩下的是", Word::After),
    ("剩下是", Word::After),
    ("再", Word::After),
    ("前面是", Word::Front),
    ("前边是", Word::Front),
    ("前头是", Word::Front),
    ("前面", Word::Front),
    ("开头是", Word::Front),
    ("开头", Word::Front),
    ("最后是", Word::Tail),
    ("最后", Word::Tail),
    ("结尾是", Word::Tail),
    ("尾号是", Word::Tail),
    ("尾号", Word::Tail),
    ("末尾是", Word::Tail),
    ("末尾", Word::Tail),
    ("中间是", Word::Middle),
    ("中间", Word::Middle),
    ("重新说", Word::Restart),
    ("重新报", Word::Restart),
    ("重新来", Word::Restart),
    ("重说", Word::Restart),
    ("重来", Word::Restart),
    ("从头来", Word::Restart),
    ("从头说", Word::Restart),
    ("从头", Word::Restart),
    ("我再说一遍", Word::Restart),
    ("我再报一遍", Word::Restart),
    ("我再来一遍", Word::Restart),
    ("没有了", Word::Done),
    ("没了", Word::Done),
    ("说完了", Word::Done),
    ("就这些", Word::Done),
    ("就这么多", Word::Done),
    ("等一下", Word::Wait),
    ("等一等", Word::Wait),
    ("等等", Word::Wait),
    ("稍等", Word::Wait),
    ("看一下", Word::Wait),
    ("找一下", Word::Wait),
    ("看看", Word::Wait),
    ("继续", Word::GoOn),
    ("嗯", Word::GoOn),
    ("对的", Word::Agreed),
    ("对", Word::Agreed),
    ("一下", Word::Filler),
    ("一遍", Word::Filler),
];
/// Before 四位: which end of the number is meant.
const SIDES: [(&str, Word); 11] = [
    ("最前面", Word::Front),
    ("前面", Word::Front),
    ("前", Word::Front),
    ("头", Word::Front),
    ("中间", Word::Middle),
    ("最后面", Word::Tail),
    ("最后", Word::Tail),
    ("后面", Word::Tail),
    ("后", Word::Tail),
    ("末", Word::Tail),
    ("倒数", Word::Tail),
];
/// Characters that carry nothing of the number.
const IDLE: &str =
    "我的手机电话号码区数字呃额啊哦噢喔喂那个您你听记吧呢了就好谢请这位嘛呀哈身份证验卡账户给把要说是念报到吗行";

/// Every token of what was said, and how many characters could not be understood.
pub(super) fn tokens(utterance: &Utterance, form: Form, by_sound: bool) -> (Vec<Token>, usize) {
    let chars = &utterance.chars;
    let symbols = symbols_of(utterance, by_sound);
    let (mut tokens, mut lost, mut at) = (Vec::<Token>::new(), 0, 0);
    let mut digits_end = None;
    while at < chars.len() {
        if let Some((word, len)) = word_at(chars, &symbols, at) {
            tokens.push(Token::Word(word));
            at += len;
            continue;
        }
        let goes_on = digits_end == Some(at);
        if let Some(piece) = piece_at(utterance, &symbols, at, form, goes_on, by_sound) {
            at = piece.span.end;
            match tokens.last_mut() {
                Some(Token::Digits(digits, other)) if goes_on => {
                    digits.push_str(&piece.digits);
                    other.push_str(&piece.other);
                }
                _ => tokens.push(Token::Digits(piece.digits, piece.other)),
            }
            digits_end = Some(at);
            continue;
        }
        // A particle that touches digits and sounds like one may be one: 六三把四.
        let is_digit = |at: usize| matches!(symbols.get(at), Some(Symbol::Digit(_)));
        let touches = (goes_on && is_digit(at + 1)) || (is_digit(at + 1) && is_digit(at + 2));
        let is_doubtful = touches && matches!(chars[at], '把' | '要' | '就');
        lost += usize::from(is_doubtful || !IDLE.contains(chars[at]));
        at += 1;
    }
    tokens.retain(|token| *token != Token::Word(Word::Filler));
    (tokens, lost)
}

fn word_at(chars: &[char], symbols: &[Symbol], at: usize) -> Option<(Word, usize)> {
    let rest = &chars[at..];
    if let Some(found) = place_at(chars, symbols, at) {
        return Some(found);
    }
    let known = WORDS.iter().map(|(text, word)| (*word, prefix_len(rest, text))).filter(|(_, len)| *len > 0);
    known.max_by_key(|(_, len)| *len)
}

/// 最后四位是, 前三位, 第三位是, 倒数第二个是.
fn place_at(chars: &[char], symbols: &[Symbol], at: usize) -> Option<(Word, usize)> {
    let rest = &chars[at..];
    let is_last = prefix_len(rest, "倒数第") > 0;
    let nth = prefix_len(rest, "倒数第").max(prefix_len(rest, "第"));
    let count_at = |skip: usize| match symbols.get(at + skip)? {
        Symbol::Digit(count @ 1..) => Some((usize::from(*count), skip + 1)),
        Symbol::Unit(1) => match symbols.get(at + skip + 1) {
            Some(Symbol::Digit(ones)) => Some((10 + usize::from(*ones), skip + 2)),
            _ => Some((10, skip + 1)),
        },
        _ => None,
    };
    let closed = |len: usize| {
        let rest = &rest[len..];
        let unit = ["个数字", "个数", "位数", "位", "个"].iter().map(|unit| prefix_len(rest, unit)).max().unwrap_or(0);
        (unit > 0).then(|| len + unit + prefix_len(&rest[unit..], "是"))
    };
    if nth > 0 {
        let (count, len) = count_at(nth)?;
        let word = if is_last { Word::NthLast(count) } else { Word::Nth(count) };
        return Some((word, closed(len)?));
    }
    let (side, len) = SIDES.iter().map(|(text, side)| (*side, prefix_len(rest, text))).max_by_key(|(_, len)| *len)?;
    let (_, len) = count_at(len).filter(|_| len > 0)?;
    // 后两个八 are digits; 后两个是 is a place.
    if chars.get(at + len) == Some(&'个') && matches!(symbols.get(at + len + 1), Some(Symbol::Digit(_))) {
        return None;
    }
    Some((side, closed(len)?))
}
