//! Tone sandhi: 一, 不, and third tones in a row.

use super::{Kind, Word};

const NUMERALS: &str = "零一二三四五六七八九十百千万亿两幺";
/// After these 一 names a place in a row and keeps its tone.
const ORDINAL_BEFORE: &str = "第周期拜初之";
/// Before these it does too: 一月, 一号, 一楼.
const ORDINAL_AFTER: &str = "月号日级等楼栋期层季";

/// Before 不 in the middle of a word these negate what follows; after all others 不 only says that something cannot be
/// done: 听不清, 办不了.
const ADVERBS: &str = "并也都还就决绝从再毫很最又更才";

/// Where a syllable stands: word and place in the word.
type Place = (usize, usize);

/// 一 becomes yi2 before a fourth tone and yi4 before the others, unless it is a digit or an ordinal; 不 becomes bu2
/// before a fourth tone; both are neutral between two equal characters (看一看, 是不是), 不 also before a complement.
pub(super) fn yi_and_bu(words: &mut [Word]) {
    let places: Vec<Place> = words
        .iter()
        .enumerate()
        .filter(|(_, word)| word.kind != Kind::Latin)
        .flat_map(|(at, word)| (0..word.chars.len()).map(move |place| (at, place)))
        .collect();
    for (index, &(at, place)) in places.iter().enumerate() {
        let word = &words[at];
        let (c, tone) = (word.chars[place], word.syllables[place].1);
        if word.kind == Kind::Digits || !matches!((c, tone), ('一', 1) | ('不', 4)) {
            continue;
        }
        let before = index.checked_sub(1).map(|i| places[i]);
        let after = places.get(index + 1).copied();
        if let Some(tone) = changed(words, (at, place), before, after) {
            words[at].syllables[place].1 = tone;
        }
    }
}

fn changed(words: &[Word], here: Place, before: Option<Place>, after: Option<Place>) -> Option<u8> {
    let char_at = |(at, place): Place| words[at].chars[place];
    let after = after?;
    let next_tone = words[after.0].syllables[after.1].1;
    let doubled = before.is_some_and(|before| char_at(before) == char_at(after));
    if char_at(here) == '不' {
        let chars = &words[here.0].chars;
        let cannot = (chars.len() == 3 || chars.get(2) == Some(&'了')) && here.1 == 1 && !ADVERBS.contains(chars[0]);
        return if doubled || cannot { Some(5) } else { (next_tone == 4).then_some(2) };
    }
    if doubled && !NUMERALS.contains(char_at(after)) {
        return Some(5);
    }
    let word = &words[here.0];
    let next = char_at(after);
    let ends_word = word.kind == Kind::Hanzi && word.chars.len() > 1 && here.1 + 1 == word.chars.len();
    let scaled = "百千万亿".contains(next);
    let in_number = NUMERALS.contains(next) && !scaled || next == '点' && words[after.0].kind == Kind::Number;
    let ends_number = before.is_some_and(|before| NUMERALS.contains(char_at(before))) && !scaled;
    let ordinal = before.is_some_and(|before| ORDINAL_BEFORE.contains(char_at(before))) || ORDINAL_AFTER.contains(next);
    if ends_word || in_number || ends_number || ordinal {
        return None;
    }
    Some(if matches!(next_tone, 4 | 5) { 2 } else { 4 })
}

/// A third tone before a third tone becomes a second: inside words first, then where the words of a prosodic word meet.
/// `is_word` tells how a word of three is built: 展览|馆 but 小|老虎.
pub(super) fn third_tones(words: &mut [Word], is_word: impl Fn(&str) -> bool) {
    for word in words.iter_mut() {
        let pairs: &[usize] = match word.syllables.len() {
            3 if word.kind == Kind::Hanzi && built_from_the_right(&word.chars, &is_word) => &[1, 0],
            4 if word.kind == Kind::Hanzi => &[0, 2, 1],
            len => &(0..len.saturating_sub(1)).collect::<Vec<_>>(),
        };
        for &first in pairs {
            if word.syllables[first].1 == 3 && word.syllables[first + 1].1 == 3 {
                word.syllables[first].1 = 2;
            }
        }
    }
    for border in 1..words.len() {
        let (left, right) = words.split_at_mut(border);
        let (Some(last), Some(first)) = (left.last_mut(), right.first()) else { continue };
        if let (Some(last), Some(first)) = (last.syllables.last_mut(), first.syllables.first())
            && (last.1, first.1) == (3, 3)
        {
            last.1 = 2;
        }
    }
}

fn built_from_the_right(chars: &[char], is_word: &impl Fn(&str) -> bool) -> bool {
    let word = |range: &[char]| is_word(&range.iter().collect::<String>());
    chars.len() == 3 && !word(&chars[..2]) && word(&chars[1..])
}
