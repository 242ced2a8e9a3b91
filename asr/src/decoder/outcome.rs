//! From the beam to what the dialogue reads: the best text, how sure it is, and what else it may have been.

use super::history::{EMPTY, Histories, HistoryId};
use super::options::DecoderOptions;
use super::search::Search;
use super::vocabulary::Vocabulary;
use crate::text::is_digit;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A whole reading of the utterance.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What was said.
    pub text: String,
    /// Toneless syllables separated by spaces.
    pub pinyin: String,
    /// Acoustic and language score.
    pub score: f32,
    /// The acoustic part.
    pub acoustic: f32,
    /// How many syllables it has.
    pub syllables: usize,
}

/// How many paths are unfolded at most while looking for different texts.
const PATHS_MAX: usize = 64;
/// What an answer of the wrong number of digits costs (nats) when the number is known.
const WRONG_LENGTH: f32 = 2.5;

struct Path {
    score: f32,
    acoustic: f32,
    head: HistoryId,
    tail: Vec<u32>,
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Path {}

impl PartialOrd for Path {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Path {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.head.cmp(&self.head))
    }
}

/// The text and pinyin of a sequence of readings.
#[must_use]
pub fn spell(readings: &[u32], words: &Vocabulary) -> (String, String, usize) {
    let model = words.model();
    let (mut text, mut pinyin, mut syllables) = (String::new(), String::new(), 0);
    for &id in readings {
        let reading = model.reading(id);
        text.push_str(model.text(reading.word));
        for &syllable in &reading.syllables {
            if !pinyin.is_empty() {
                pinyin.push(' ');
            }
            pinyin.push_str(model.lexicon().syllables().name(syllable));
            syllables += 1;
        }
    }
    (text, pinyin, syllables)
}

/// The different texts of the beam, best first, as if the utterance ended here.
#[must_use]
pub fn outcomes(search: &Search, words: &Vocabulary, histories: &Histories, options: &DecoderOptions) -> Vec<Outcome> {
    let mut heap: BinaryHeap<Path> = BinaryHeap::new();
    for token in search.tokens().iter().filter(|token| token.is_between_words()) {
        let state = histories.node(token.history()).state;
        let score = token.score() + words.end(state);
        heap.push(Path { score, acoustic: token.acoustic(), head: token.history(), tail: Vec::new() });
    }
    let mut found: Vec<Outcome> = Vec::new();
    for _ in 0..PATHS_MAX {
        let Some(path) = heap.pop() else { break };
        let mut readings = histories.readings(path.head);
        readings.extend_from_slice(&path.tail);
        let (text, pinyin, syllables) = spell(&readings, words);
        if !found.iter().any(|outcome| outcome.text == text) {
            let score = path.score - length_penalty(&readings, words);
            found.push(Outcome { text, pinyin, score, acoustic: path.acoustic, syllables });
            if found.len() > 2 * options.alternatives_max + 1 {
                break;
            }
        }
        unfold(&path, histories, &mut heap);
    }
    // A stable sort: only a wrong number of digits can have changed the order.
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found
}

/// Adds what was dropped somewhere along `path` in favour of it.
fn unfold(path: &Path, histories: &Histories, heap: &mut BinaryHeap<Path>) {
    let mut at = path.head;
    let mut tail: Vec<u32> = path.tail.iter().rev().copied().collect();
    loop {
        for rival in histories.rivals(at) {
            heap.push(Path {
                score: path.score - rival.behind,
                acoustic: path.acoustic - rival.acoustic_behind,
                head: rival.history,
                tail: tail.iter().rev().copied().collect(),
            });
        }
        if at == EMPTY {
            return;
        }
        tail.push(histories.node(at).reading);
        at = histories.node(at).parent;
    }
}

fn length_penalty(readings: &[u32], words: &Vocabulary) -> f32 {
    let Some((min, max)) = words.tilt().digits() else { return 0.0 };
    let model = words.model();
    let digits = readings.iter().filter(|&&id| is_digit(model.text(model.reading(id).word))).count();
    if digits > 0 && !(usize::from(min)..=usize::from(max)).contains(&digits) { WRONG_LENGTH } else { 0.0 }
}
