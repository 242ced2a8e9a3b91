//! From unit probabilities to Chinese text.
//!
//! Each frame of the acoustic model goes through [`acoustic`] smoothing into a prefix beam search over the tree of
//! words, guided by the language model. The decoder is pure computation: no audio, no clock, no thread.

pub mod acoustic;
mod confidence;
mod history;
mod options;
mod outcome;
mod partial;
mod search;
mod vocabulary;

use crate::language::LanguageModel;
use crate::units::{UnitId, Units};
use acoustic::Frame;
use confidence::Evidence;
use history::Histories;
use hualu_core::Pii;
use hualu_core::dialogue::{Alternative, Expect, Hypothesis};
use outcome::Outcome;
use partial::Partials;
use search::Search;
use std::sync::Arc;
use vocabulary::Vocabulary;

pub use options::DecoderOptions;
pub use search::log_add;

/// A partial is compared with nothing; this margin (nats) is that of an ordinary final.
const PARTIAL_MARGIN: f32 = 2.0;

/// Decodes the utterances of one stream, one after the other.
#[derive(Debug)]
pub struct Decoder {
    options: DecoderOptions,
    units: usize,
    blank: UnitId,
    frame: Frame,
    words: Vocabulary,
    histories: Histories,
    search: Search,
    partials: Partials,
    /// Log-probability of the best alignment without lexicon and language model.
    free: f32,
    greedy: Vec<UnitId>,
    greedy_last: UnitId,
}

impl Decoder {
    /// A decoder for a model's `units`; it begins with an utterance that expects anything.
    #[must_use]
    pub fn new(units: &Units, model: &Arc<LanguageModel>, options: DecoderOptions) -> Self {
        let mut decoder = Self {
            units: units.len(),
            blank: units.blank(),
            frame: Frame::new(units),
            words: Vocabulary::new(Arc::clone(model), &options),
            histories: Histories::default(),
            search: Search::default(),
            partials: Partials::default(),
            free: 0.0,
            greedy: Vec::new(),
            greedy_last: units.blank(),
            options,
        };
        decoder.start(Expect::Free);
        decoder
    }

    /// Begins an utterance in which an answer of the kind `expect` is awaited.
    pub fn start(&mut self, expect: Expect) {
        let tilt = self.words.model().tilt(expect);
        let state = self.words.start(tilt);
        self.histories.clear(state, self.blank);
        self.search.start();
        self.partials.clear();
        self.free = 0.0;
        self.greedy.clear();
        self.greedy_last = self.blank;
    }

    /// Takes the model's output `[frames, units]`, row by row.
    pub fn advance(&mut self, log_probs: &[f32]) {
        for row in log_probs.chunks_exact(self.units) {
            self.frame.load(row, &self.options);
            let best = self.frame.best();
            self.free += self.frame.score(best);
            if best != self.blank && best != self.greedy_last {
                self.greedy.push(best);
            }
            self.greedy_last = best;
            self.search.advance(&self.frame, &mut self.words, &mut self.histories, &self.options);
        }
    }

    /// The text so far, if it is worth telling: it has grown, or it has changed and stayed so.
    pub fn partial(&mut self) -> Option<Hypothesis> {
        let token = self.search.tokens().first()?;
        let readings = self.histories.readings(token.history());
        let (text, pinyin, syllables) = outcome::spell(&readings, &self.words);
        if !self.partials.offer(&text) {
            return None;
        }
        let margin = PARTIAL_MARGIN;
        let (acoustic, language) = (token.acoustic(), token.score() - token.acoustic());
        let confidence = Evidence { margin, acoustic, free: self.free, language, syllables }.belief();
        Some(Hypothesis { text: Pii::new(text), pinyin: Pii::new(pinyin), confidence, alternatives: Vec::new() })
    }

    /// What was said, as if the utterance ended here, with other readings. Empty with confidence 0 for silence.
    #[must_use]
    pub fn hypothesis(&self) -> Hypothesis {
        let outcomes = outcome::outcomes(&self.search, &self.words, &self.histories, &self.options);
        let Some((best, others)) = outcomes.split_first().filter(|(best, _)| !best.text.is_empty()) else {
            return Hypothesis::default();
        };
        let confidence = self.belief(best, others);
        let alternatives = others
            .iter()
            .filter(|other| !other.text.is_empty())
            .take(self.options.alternatives_max)
            .map(|other| Alternative {
                text: Pii::new(other.text.clone()),
                pinyin: Pii::new(other.pinyin.clone()),
                confidence: confidence::of_alternative(confidence, best.score - other.score),
            })
            .collect();
        Hypothesis {
            text: Pii::new(best.text.clone()),
            pinyin: Pii::new(best.pinyin.clone()),
            confidence,
            alternatives,
        }
    }

    fn belief(&self, best: &Outcome, others: &[Outcome]) -> f32 {
        let margin = others.first().map_or(f32::INFINITY, |other| best.score - other.score);
        let language = best.score - best.acoustic;
        Evidence { margin, acoustic: best.acoustic, free: self.free, language, syllables: best.syllables }.belief()
    }

    /// The units of the best alignment without lexicon and language model.
    #[must_use]
    pub fn greedy_units(&self) -> &[UnitId] {
        &self.greedy
    }
}
