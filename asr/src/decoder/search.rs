//! CTC prefix beam search through the tree of words.
//!
//! A hypothesis is a place in the tree and the words before it. For each, the probability of all alignments that end in
//! blank and of those that end in its last unit are summed exactly; hypotheses that can no longer be told apart by
//! anything still to come (same place, same language state, same last unit) are then reduced to the best one, and the
//! others are remembered as its rivals for the list of alternatives.

use super::acoustic::Frame;
use super::history::{EMPTY, Histories, History, HistoryId, Rival};
use super::options::DecoderOptions;
use super::vocabulary::Vocabulary;
use crate::hash::IntMap;
use crate::language::{NodeId, TOP};
use crate::units::UnitId;

const NEVER: f32 = f32::NEG_INFINITY;

/// One hypothesis.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    node: NodeId,
    history: HistoryId,
    /// Log-probability of the alignments that end in blank.
    blank: f32,
    /// Log-probability of the alignments that end in the last unit.
    label: f32,
    /// Language score of the words, and the estimate for the one that has begun.
    language: f32,
}

impl Token {
    /// Acoustic and language score together.
    #[must_use]
    pub fn score(&self) -> f32 {
        self.acoustic() + self.language
    }

    /// Log-probability of all alignments.
    #[must_use]
    pub fn acoustic(&self) -> f32 {
        log_add(self.blank, self.label)
    }

    /// The words so far.
    #[must_use]
    pub const fn history(&self) -> HistoryId {
        self.history
    }

    /// Whether no word has begun.
    #[must_use]
    pub const fn is_between_words(&self) -> bool {
        self.node == TOP
    }
}

/// The beam of one utterance.
#[derive(Debug, Default)]
pub struct Search {
    tokens: Vec<Token>,
    next: Vec<Token>,
    index: IntMap<u64, u32>,
    merged: IntMap<u64, u32>,
    best: f32,
}

impl Search {
    /// Begins an utterance: nothing was said.
    pub fn start(&mut self) {
        self.tokens.clear();
        self.tokens.push(Token { node: TOP, history: EMPTY, blank: 0.0, label: NEVER, language: 0.0 });
    }

    /// The surviving hypotheses, best first.
    #[must_use]
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// Takes one frame.
    pub fn advance(
        &mut self,
        frame: &Frame,
        words: &mut Vocabulary,
        histories: &mut Histories,
        options: &DecoderOptions,
    ) {
        if frame.active().is_empty() {
            self.stay(frame, words, histories);
            return;
        }
        self.next.clear();
        self.index.clear();
        self.best = NEVER;
        let tokens = std::mem::take(&mut self.tokens);
        for token in &tokens {
            self.repeat(token, frame, last_unit(token, words, histories));
        }
        for token in &tokens {
            self.expand(token, frame, words, histories, options);
        }
        self.tokens = tokens;
        self.prune(words, histories, options);
    }

    /// A frame of which every unit is ruled out changes no hypothesis but its scores.
    fn stay(&mut self, frame: &Frame, words: &Vocabulary, histories: &Histories) {
        for token in &mut self.tokens {
            let last = last_unit(token, words, histories);
            token.blank = token.acoustic() + frame.blank();
            token.label = if token.label == NEVER { NEVER } else { token.label + frame.score(last) };
        }
    }

    fn repeat(&mut self, token: &Token, frame: &Frame, last: UnitId) {
        let blank = token.acoustic() + frame.blank();
        let label = if token.label == NEVER { NEVER } else { token.label + frame.score(last) };
        let kept = Token { blank, label, ..*token };
        self.best = self.best.max(kept.score());
        self.index.insert(key(token.node, token.history), self.next.len() as u32);
        self.next.push(kept);
    }

    fn expand(
        &mut self,
        token: &Token,
        frame: &Frame,
        words: &mut Vocabulary,
        histories: &mut Histories,
        options: &DecoderOptions,
    ) {
        let from = *histories.node(token.history);
        let last = last_unit(token, words, histories);
        let acoustic = token.acoustic();
        for &unit in frame.active() {
            let source = if unit == last { token.blank } else { acoustic };
            let label = source + frame.score(unit);
            // Units come best first: once the plain continuation is out of the beam, so are the rest, give or take
            // the language model's second thoughts.
            if label + token.language < self.best - options.beam_width {
                if unit == last { continue } else { break }
            }
            let Some(child) = words.model().trie().child(token.node, unit) else { continue };
            if !words.model().trie().children(child).is_empty() {
                let language = from.score + words.lookahead(from.state, child);
                self.add(child, token.history, label, language, options);
            }
            for at in words.choices(from.state, child) {
                let choice = words.choice(at);
                let language = from.score + choice.score;
                if label + language < self.best - options.beam_width {
                    break;
                }
                let history = histories.extend(token.history, choice.reading, || History {
                    parent: token.history,
                    reading: choice.reading,
                    state: choice.state,
                    score: language,
                    last: unit,
                });
                self.add(TOP, history, label, language, options);
            }
        }
    }

    fn add(&mut self, node: NodeId, history: HistoryId, label: f32, language: f32, options: &DecoderOptions) {
        if label + language < self.best - options.beam_width {
            return;
        }
        let at = *self.index.entry(key(node, history)).or_insert_with(|| {
            self.next.push(Token { node, history, blank: NEVER, label: NEVER, language });
            self.next.len() as u32 - 1
        });
        let token = &mut self.next[at as usize];
        token.label = log_add(token.label, label);
        self.best = self.best.max(token.score());
    }

    fn prune(&mut self, words: &Vocabulary, histories: &mut Histories, options: &DecoderOptions) {
        let limit = self.best - options.beam_width;
        self.next.retain(|token| token.score() >= limit);
        // Best first, and equal scores in a fixed order: the same audio must always give the same text.
        self.next.sort_unstable_by(|a, b| {
            b.score().total_cmp(&a.score()).then_with(|| (a.node, a.history).cmp(&(b.node, b.history)))
        });
        self.tokens.clear();
        self.merged.clear();
        for token in &self.next {
            let state = histories.node(token.history).state;
            let last = last_unit(token, words, histories);
            let alike = key(token.node, state) ^ u64::from(last) << 24;
            match self.merged.get(&alike) {
                None if self.tokens.len() < options.beam_size => {
                    self.merged.insert(alike, self.tokens.len() as u32);
                    self.tokens.push(*token);
                }
                None => break,
                Some(&at) => {
                    let winner = &self.tokens[at as usize];
                    let behind = winner.score() - token.score();
                    let acoustic_behind = winner.acoustic() - token.acoustic();
                    histories.give_up(winner.history, Rival { history: token.history, behind, acoustic_behind });
                }
            }
        }
    }
}

fn last_unit(token: &Token, words: &Vocabulary, histories: &Histories) -> UnitId {
    if token.node == TOP { histories.node(token.history).last } else { words.model().trie().unit(token.node) }
}

/// `ln(exp(a) + exp(b))`.
#[must_use]
pub fn log_add(a: f32, b: f32) -> f32 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    if low == NEVER { high } else { high + (low - high).exp().ln_1p() }
}

const fn key(node: NodeId, other: u32) -> u64 {
    (node as u64) << 32 | other as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_add_in_the_log_domain() {
        assert!((log_add(0.5_f32.ln(), 0.25_f32.ln()) - 0.75_f32.ln()).abs() < 1e-6);
        assert_eq!(log_add(NEVER, -3.0), -3.0);
        assert_eq!(log_add(NEVER, NEVER), NEVER);
    }
}
