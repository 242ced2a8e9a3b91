//! Prosodic words: two or three syllables that are said in one breath, the domain of tone sandhi.

use super::{Kind, Word};

/// Particles and localisers that lean on the word before them.
const ENCLITICS: &str = "的了吗呢吧啊着过们里得地呀嘛么内前后";
/// What follows a number and is said together with it.
const MEASURES: &str = "元角分个年月日号点秒兆条次天张位种项级层楼折岁人度";
const NUMBER_SYLLABLES_MAX: usize = 4;

/// Cuts a long number after its units, so that it is said in portions: 一千|二百|三十四.
pub(super) fn split_number(text: &str) -> Vec<&str> {
    if text.chars().count() <= NUMBER_SYLLABLES_MAX {
        return vec![text];
    }
    text.split_inclusive(['亿', '万', '千', '百', '点']).collect()
}

/// Groups the words of a phrase into prosodic words.
pub(super) fn group(words: Vec<Word>) -> Vec<Vec<Word>> {
    let mut groups: Vec<Vec<Word>> = Vec::new();
    for word in words {
        if word.kind != Kind::Hanzi {
            lean_back(&mut groups);
        }
        match groups.last_mut() {
            Some(last) if joins(last, &word) => last.push(word),
            _ => groups.push(vec![word]),
        }
    }
    lean_back(&mut groups);
    groups
}

/// A lone syllable at the end of the phrase or before a number leans on a short word before it: 余额是|五十八元.
fn lean_back(groups: &mut Vec<Vec<Word>>) {
    let [.., before, last] = groups.as_mut_slice() else { return };
    let hanzi = before.iter().chain(last.iter()).all(|word| word.kind == Kind::Hanzi);
    let is_prefix = matches!(last.as_slice(), [word] if matches!(word.chars[..], ['第'] | ['负']));
    if hanzi && !is_prefix && syllables(last) == 1 && syllables(before) <= 2 {
        let tail = std::mem::take(last);
        before.extend(tail);
        groups.pop();
    }
}

fn joins(group: &[Word], word: &Word) -> bool {
    let Some(last) = group.last() else { return false };
    let len = syllables(group);
    let added = word.syllables.len();
    match (last.kind, word.kind) {
        (Kind::Number, Kind::Hanzi) if is_measure(word) => len + added <= 5,
        // 二零二六年, 五G.
        (Kind::Digits, Kind::Hanzi) => matches!(word.chars[..], ['年']),
        (Kind::Number, Kind::Latin) => len + added <= 3,
        (_, Kind::Hanzi) if is_enclitic(word) => len < 5,
        // 按一.
        (Kind::Hanzi, Kind::Digits) if added == 1 => len <= 2,
        // 第 and 负 belong to their number.
        (Kind::Hanzi, Kind::Number) => matches!(last.chars[..], ['第'] | ['负']),
        (Kind::Hanzi, Kind::Hanzi) => {
            // Only monosyllables that stand before a word are open to it.
            let open = group.iter().all(|word| word.syllables.len() == 1 && !is_enclitic(word));
            open && len + added <= if group.len() == 1 { 4 } else { 3 }
        }
        _ => false,
    }
}

fn syllables(group: &[Word]) -> usize {
    group.iter().map(|word| word.syllables.len()).sum()
}

fn is_enclitic(word: &Word) -> bool {
    matches!(word.chars[..], [c] if ENCLITICS.contains(c)) || matches!(word.syllables[..], [(_, 5)])
}

fn is_measure(word: &Word) -> bool {
    word.syllables.len() <= 2 && word.chars.first().is_some_and(|c| MEASURES.contains(*c))
}
