//! The language model as the search asks it: states numbered, answers remembered for the length of an utterance.

use super::options::DecoderOptions;
use crate::hash::IntMap;
use crate::language::{EOS, LanguageModel, NodeId, State, Tilt};
use std::collections::HashMap;
use std::sync::Arc;

/// Answers of each kind for which a stream keeps room between utterances.
const CACHE_KEPT: usize = 8_192;

/// A word that may end at a node of the tree, in some language state.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// Its reading.
    pub reading: u32,
    /// What it adds to a hypothesis: scaled language score and bonus.
    pub score: f32,
    /// The number of the state after it.
    pub state: u32,
}

/// Remembers what the language model answered.
#[derive(Debug)]
pub struct Vocabulary {
    model: Arc<LanguageModel>,
    tilt: Tilt,
    scale: f32,
    bonus: f32,
    homophones_max: usize,
    states: Vec<State>,
    numbers: HashMap<State, u32>,
    choices: Vec<Choice>,
    ends: IntMap<u64, (u32, u32)>,
    lookahead: IntMap<u64, f32>,
}

impl Vocabulary {
    /// Nothing asked yet.
    #[must_use]
    pub fn new(model: Arc<LanguageModel>, options: &DecoderOptions) -> Self {
        Self {
            tilt: model.tilt(hualu_core::dialogue::Expect::Free),
            model,
            scale: options.language_scale,
            bonus: options.syllable_bonus,
            homophones_max: options.homophones_max,
            states: Vec::new(),
            numbers: HashMap::new(),
            choices: Vec::new(),
            ends: IntMap::default(),
            lookahead: IntMap::default(),
        }
    }

    /// Forgets everything and begins an utterance; answers the number of its first state.
    pub fn start(&mut self, tilt: Tilt) -> u32 {
        self.states.clear();
        self.numbers.clear();
        self.choices.clear();
        self.ends.clear();
        self.lookahead.clear();
        // One long utterance must not cost its call memory for the rest of the day.
        self.ends.shrink_to(CACHE_KEPT);
        self.lookahead.shrink_to(CACHE_KEPT);
        self.tilt = tilt;
        let state = self.model.start(&self.tilt);
        self.number(state)
    }

    fn number(&mut self, state: State) -> u32 {
        let states = &mut self.states;
        *self.numbers.entry(state).or_insert_with(|| {
            states.push(state);
            states.len() as u32 - 1
        })
    }

    /// The scaled estimate for words that begin with the units down to `node`.
    pub fn lookahead(&mut self, state: u32, node: NodeId) -> f32 {
        let (model, tilt, states, scale) = (&self.model, &self.tilt, &self.states, self.scale);
        *self
            .lookahead
            .entry(key(state, node))
            .or_insert_with(|| scale * model.lookahead(tilt, states[state as usize], node).max(1e-12).ln())
    }

    /// The range, for [`Self::choice`], of the words that may end at `node`.
    pub fn choices(&mut self, state: u32, node: NodeId) -> std::ops::Range<usize> {
        let (start, end) = match self.ends.get(&key(state, node)) {
            Some(&known) => known,
            None => self.choose(state, node),
        };
        start as usize..end as usize
    }

    /// One word of a range that [`Self::choices`] gave.
    #[must_use]
    pub fn choice(&self, at: usize) -> Choice {
        self.choices[at]
    }

    fn choose(&mut self, state: u32, node: NodeId) -> (u32, u32) {
        let from = self.states[state as usize];
        let model = Arc::clone(&self.model);
        let mut found: Vec<(f32, u32, State)> = Vec::new();
        for &id in model.trie().readings(node) {
            let reading = model.reading(id);
            let (p, next) = model.step(&self.tilt, from, reading.word);
            found.push((p * reading.share, id, next));
        }
        found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        found.truncate(self.homophones_max);
        let start = self.choices.len() as u32;
        for (p, id, next) in found {
            let syllables = model.reading(id).syllables.len() as f32;
            let score = self.scale * p.max(1e-12).ln() + self.bonus * syllables;
            let state = self.number(next);
            self.choices.push(Choice { reading: id, score, state });
        }
        let range = (start, self.choices.len() as u32);
        self.ends.insert(key(state, node), range);
        range
    }

    /// The scaled score of the utterance's end in `state`.
    #[must_use]
    pub fn end(&self, state: u32) -> f32 {
        self.scale * self.model.step(&self.tilt, self.states[state as usize], EOS).0.max(1e-6).ln()
    }

    /// The language model.
    #[must_use]
    pub const fn model(&self) -> &Arc<LanguageModel> {
        &self.model
    }

    /// The weights in use.
    #[must_use]
    pub const fn tilt(&self) -> &Tilt {
        &self.tilt
    }
}

const fn key(state: u32, node: NodeId) -> u64 {
    (state as u64) << 32 | node as u64
}
