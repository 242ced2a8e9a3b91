//! Cuts a sentence into the lexicon's words: the cut whose words are most frequent together.

use crate::language::lexicon::WordId;

/// The most characters that a word has.
const WORD_CHARS_MAX: usize = 8;

/// Cuts `text` into words. `find` knows a word's id and frequency; characters that nobody knows are
/// left out.
pub fn segment(text: &str, find: impl Fn(&str) -> Option<(WordId, f32)>) -> Vec<WordId> {
    let ends: Vec<usize> = text.char_indices().map(|(at, c)| at + c.len_utf8()).collect();
    let start = |n: usize| if n == 0 { 0 } else { ends[n - 1] };
    // best[n]: the best cut of the first n characters, as (log probability, where its last word starts, that word).
    let mut best: Vec<(f32, usize, Option<WordId>)> = vec![(0.0, 0, None)];
    for n in 1..=ends.len() {
        let skip = (best[n - 1].0 - 30.0, n - 1, None);
        let mut chosen = skip;
        for len in 1..=WORD_CHARS_MAX.min(n) {
            let from = n - len;
            if let Some((word, frequency)) = find(&text[start(from)..ends[n - 1]]) {
                let score = best[from].0 + frequency.max(1e-12).ln();
                if score > chosen.0 {
                    chosen = (score, from, Some(word));
                }
            }
        }
        best.push(chosen);
    }
    let mut words = Vec::new();
    let mut at = ends.len();
    while at > 0 {
        let (_, from, word) = best[at];
        words.extend(word);
        at = from;
    }
    words.reverse();
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<&'static str> {
        const WORDS: [(&str, f32); 8] = [
            ("查", 0.01),
            ("话费", 0.01),
            ("话", 0.01),
            ("费", 0.005),
            ("查话", 1e-9),
            ("五", 0.01),
            ("十", 0.01),
            ("WIFI", 1e-8),
        ];
        let find = |word: &str| WORDS.iter().position(|(text, _)| *text == word).map(|at| (at as WordId, WORDS[at].1));
        segment(text, find).into_iter().map(|id| WORDS[id as usize].0).collect()
    }

    #[test]
    fn the_most_frequent_words_win_and_strangers_are_left_out() {
        assert_eq!(cut("查话费"), ["查", "话费"]);
        assert_eq!(cut("查🙂话费"), ["查", "话费"]);
        assert_eq!(cut("五十WIFI"), ["五", "十", "WIFI"]);
        assert_eq!(cut(""), Vec::<&str>::new());
    }
}
