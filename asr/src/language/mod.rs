//! The language model: what callers say in general, interpolated with what this bot is likely to hear.
//!
//! Four parts vote on every word: the general part (dictionary and dialogues), the bot's own sentences, numbers of any
//! length, and what the question just asked calls for ([`Expect`]). Their weights are the tilt.

mod builtin;
mod general;
mod lexicon;
mod lookahead;
mod ngram;
mod segment;
mod tilt;
mod trie;

use crate::error::AsrError;
use crate::text;
use crate::units::{UnitId, Units};
use hualu_core::dialogue::Expect;
use lookahead::Lookahead;
use ngram::NGram;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

pub use lexicon::{Lexicon, Reading, WordId};
pub use ngram::{BOS, EOS};
pub use tilt::Tilt;
pub use trie::{NodeId, TOP, Trie};

/// The bot's sentences are counted up to three words at once, the built-in parts up to two.
const BOT_ORDER: usize = 3;
/// See [`BOT_ORDER`].
const BUILTIN_ORDER: usize = 2;
/// So many words that sound the same can be told apart by what surrounds them; rarer ones are never guessed.
const HOMOPHONES_MAX: usize = 20;

/// A sentence that the bot's callers may say, lists and grammars already expanded.
#[derive(Clone, Debug, PartialEq)]
pub struct Hint {
    /// The sentence as it is written in the bot.
    pub text: String,
    /// How often it is to be expected; 1 for an ordinary example, less for one of many expansions.
    pub weight: f32,
}

#[derive(Debug, Default)]
struct Part {
    model: NGram,
    lookahead: Lookahead,
}

/// What the model remembers of the words so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    general: WordId,
    /// Of the bot, of numbers, and of what is expected.
    parts: [ngram::ContextId; 3],
}

/// A compiled language model, shared by all streams that speak to one bot.
#[derive(Debug)]
pub struct LanguageModel {
    lexicon: Arc<Lexicon>,
    own_texts: Vec<String>,
    own_readings: Vec<Reading>,
    trie: Trie,
    general_lookahead: Vec<f32>,
    bot: Part,
    numbers: Part,
    yes_no: Part,
    digits: Part,
    dates: Part,
}

impl LanguageModel {
    /// Compiles `hints` on top of the general part. Without hints it is a general recognizer that knows numbers.
    #[must_use]
    pub fn compile(lexicon: &Arc<Lexicon>, hints: &[Hint]) -> Arc<Self> {
        let mut model = Self {
            lexicon: Arc::clone(lexicon),
            own_texts: Vec::new(),
            own_readings: Vec::new(),
            trie: Trie::default(),
            general_lookahead: Vec::new(),
            bot: Part::default(),
            numbers: Part::default(),
            yes_no: Part::default(),
            digits: Part::default(),
            dates: Part::default(),
        };
        let hinted: Vec<(String, f32)> = hints
            .iter()
            .flat_map(|hint| {
                let forms = text::spoken_forms(&hint.text);
                let weight = hint.weight / forms.len().max(1) as f32;
                forms.into_iter().map(move |form| (form, weight))
            })
            .collect();
        let numbers = builtin::numbers();
        model.learn_latin(hinted.iter().chain(&numbers));
        model.bot.model = model.count(&hinted, BOT_ORDER);
        model.numbers.model = model.count(&numbers, BUILTIN_ORDER);
        model.yes_no.model = model.count(&builtin::yes_no(), BUILTIN_ORDER);
        model.digits.model = model.count(&builtin::digits(), BUILTIN_ORDER);
        model.dates.model = model.count(&builtin::dates(), BUILTIN_ORDER);
        model.build_trie();
        model.build_lookahead();
        Arc::new(model)
    }

    /// Adds the Latin words of `sentences`, spelt letter by letter unless they are known.
    fn learn_latin<'a>(&mut self, sentences: impl Iterator<Item = &'a (String, f32)>) {
        let mut known: HashSet<&str> = HashSet::new();
        for (sentence, _) in sentences {
            for word in sentence.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty()) {
                if self.lexicon.find(word).is_some() || !known.insert(word) {
                    continue;
                }
                let syllables = self.lexicon.syllables();
                let spelt: Option<Box<[_]>> =
                    text::latin_reading(word).iter().map(|name| syllables.find(name)).collect();
                let Some(syllables) = spelt.filter(|spelt| !spelt.is_empty()) else { continue };
                let word_id = (self.lexicon.len() + self.own_texts.len()) as WordId;
                self.own_readings.push(Reading { word: word_id, share: 1.0, syllables });
                self.own_texts.push(word.to_owned());
            }
        }
    }

    fn count(&self, sentences: &[(String, f32)], order: usize) -> NGram {
        let own: HashMap<&str, WordId> =
            self.own_texts.iter().zip(self.lexicon.len() as WordId..).map(|(text, id)| (text.as_str(), id)).collect();
        let find = |text: &str| {
            let word = self.lexicon.find(text).or_else(|| own.get(text).copied())?;
            Some((word, self.lexicon.general().unigram(word)))
        };
        let cut: Vec<(Vec<WordId>, f32)> =
            sentences.iter().map(|(sentence, weight)| (segment::segment(sentence, find), *weight)).collect();
        NGram::train(&cut, order)
    }

    fn build_trie(&mut self) {
        let readings = self.lexicon.readings().iter().chain(&self.own_readings);
        let spellings = readings
            .enumerate()
            .map(|(id, reading)| {
                let wanted = self.parts().iter().any(|part| part.model.knows(reading.word));
                let rank = self.lexicon.general().unigram(reading.word) * reading.share + f32::from(u8::from(wanted));
                trie::Spelling { units: self.units(reading).into(), reading: id as u32, rank }
            })
            .collect();
        self.trie = Trie::build(spellings, HOMOPHONES_MAX);
    }

    fn build_lookahead(&mut self) {
        let mut best = vec![0.0_f32; self.trie.len()];
        for node in (0..self.trie.len() as NodeId).rev() {
            let here = self.trie.readings(node).iter().map(|&id| {
                let reading = self.reading(id);
                self.lexicon.general().unigram(reading.word) * reading.share
            });
            let below = self.trie.children(node).map(|child| best[child as usize]);
            best[node as usize] = here.chain(below).fold(0.0, f32::max);
        }
        self.general_lookahead = best;
        let built = self.parts().map(|part| {
            Lookahead::build(&part.model, &self.trie, |word| {
                self.readings_of(word)
                    .iter()
                    .map(|reading| (self.units(reading), reading.share))
                    .collect::<Vec<_>>()
                    .into_iter()
            })
        });
        let [bot, numbers, yes_no, digits, dates] = built;
        self.bot.lookahead = bot;
        self.numbers.lookahead = numbers;
        self.yes_no.lookahead = yes_no;
        self.digits.lookahead = digits;
        self.dates.lookahead = dates;
    }

    const fn parts(&self) -> [&Part; 5] {
        [&self.bot, &self.numbers, &self.yes_no, &self.digits, &self.dates]
    }

    fn focus(&self, tilt: &Tilt) -> Option<&Part> {
        match tilt.focus() {
            tilt::Focus::None => None,
            tilt::Focus::YesNo => Some(&self.yes_no),
            tilt::Focus::Digits => Some(&self.digits),
            tilt::Focus::Date => Some(&self.dates),
        }
    }

    /// The weights of the parts for an answer of the kind that is awaited.
    #[must_use]
    pub fn tilt(&self, expect: Expect) -> Tilt {
        Tilt::new(expect, !self.bot.model.is_empty())
    }

    /// The state at the beginning of an utterance.
    #[must_use]
    pub fn start(&self, tilt: &Tilt) -> State {
        let focus = self.focus(tilt).map_or(ngram::ROOT, |part| part.model.start());
        let general = self.lexicon.general().context(BOS);
        State { general, parts: [self.bot.model.start(), self.numbers.model.start(), focus] }
    }

    /// `P(word | state)` and the state after the word; [`EOS`] as `word` asks for the end.
    #[must_use]
    pub fn step(&self, tilt: &Tilt, state: State, word: WordId) -> (f32, State) {
        let [general, bot, number, focus] = self.weights(tilt, state);
        let (p_bot, bot_next) = self.bot.model.probability(state.parts[0], word);
        let (p_number, number_next) = self.numbers.model.probability(state.parts[1], word);
        let (p_focus, focus_next) =
            self.focus(tilt).map_or((0.0, ngram::ROOT), |part| part.model.probability(state.parts[2], word));
        let p_general = self.lexicon.general().probability(state.general, word);
        let p = general * p_general + bot * p_bot + number * p_number + focus * p_focus;
        let next = State { general: self.lexicon.general().context(word), parts: [bot_next, number_next, focus_next] };
        (p, next)
    }

    /// An estimate of the best [`Self::step`] with a word below `node` of the tree.
    #[must_use]
    pub fn lookahead(&self, tilt: &Tilt, state: State, node: NodeId) -> f32 {
        let [general, bot, number, focus] = self.weights(tilt, state);
        let part = |weight: f32, part: &Part, context| {
            if weight > 0.0 { weight * part.lookahead.probability(&part.model, context, node) } else { 0.0 }
        };
        let p_focus = self.focus(tilt).map_or(0.0, |focused| part(focus, focused, state.parts[2]));
        general * self.general_lookahead[node as usize]
            + part(bot, &self.bot, state.parts[0])
            + part(number, &self.numbers, state.parts[1])
            + p_focus
    }

    fn weights(&self, tilt: &Tilt, state: State) -> [f32; 4] {
        let number = state.parts[1];
        tilt.weights(number != ngram::ROOT && number != self.numbers.model.start())
    }

    /// The tree of all words.
    #[must_use]
    pub const fn trie(&self) -> &Trie {
        &self.trie
    }

    /// The lexicon below.
    #[must_use]
    pub const fn lexicon(&self) -> &Arc<Lexicon> {
        &self.lexicon
    }

    /// A reading by the id that the tree holds.
    #[must_use]
    pub fn reading(&self, id: u32) -> &Reading {
        let shared = self.lexicon.readings();
        shared.get(id as usize).unwrap_or_else(|| &self.own_readings[id as usize - shared.len()])
    }

    /// Checks that the words are spelt in the units that the acoustic model in `model` hears.
    ///
    /// # Errors
    /// [`AsrError::Model`] if they are not.
    pub fn check_units(&self, model: &Path, units: &Units) -> Result<(), AsrError> {
        if self.lexicon.syllables().spelt_in() == units {
            return Ok(());
        }
        let reason =
            "its units differ from those of the words (`units.txt`): fetch the model again, or give words and \
                      model of one folder"
                .to_owned();
        Err(AsrError::Model { path: model.to_owned(), reason })
    }

    fn readings_of(&self, word: WordId) -> &[Reading] {
        match (word as usize).checked_sub(self.lexicon.len()) {
            None => self.lexicon.readings_of(word),
            Some(own) => self.own_readings.get(own..=own).unwrap_or(&[]),
        }
    }

    /// A word's text.
    #[must_use]
    pub fn text(&self, word: WordId) -> &str {
        match (word as usize).checked_sub(self.lexicon.len()) {
            None => self.lexicon.text(word),
            Some(own) => self.own_texts.get(own).map_or("", String::as_str),
        }
    }

    /// The units of a reading.
    #[must_use]
    pub fn units(&self, reading: &Reading) -> Vec<UnitId> {
        let syllables = self.lexicon.syllables();
        reading.syllables.iter().flat_map(|&syllable| syllables.units(syllable).iter().copied()).collect()
    }
}
