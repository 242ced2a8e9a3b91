//! Sparse features of an utterance: character 1-4-grams and toneless-pinyin 1-3-grams, sublinear tf-idf, each group of
//! unit length.

use crate::utterance::Utterance;
use std::collections::HashMap;

const CHAR_GRAM_MAX: usize = 4;
const SOUND_GRAM_MAX: usize = 3;

/// Which group a feature belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Group {
    Chars,
    Sounds,
}

/// The features of one utterance: index and weight, by rising index.
pub(crate) type Sparse = Vec<(u32, f32)>;

/// Which features exist and how much each weighs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Vocabulary {
    /// Hash of a gram -> index.
    pub index: HashMap<u64, u32>,
    /// Inverse document frequency by index.
    pub idf: Vec<f32>,
}

impl Vocabulary {
    /// Counts the grams of a training set.
    pub fn fit(utterances: &[&Utterance]) -> Self {
        let mut documents: HashMap<u64, u32> = HashMap::new();
        for utterance in utterances {
            for (gram, _) in counts(utterance) {
                *documents.entry(gram.0).or_default() += 1;
            }
        }
        let mut grams: Vec<(u64, u32)> = documents.into_iter().collect();
        grams.sort_unstable();
        #[expect(clippy::cast_precision_loss, reason = "counts of sentences are small")]
        let idf = |df: u32| ((1.0 + utterances.len() as f32) / (1.0 + df as f32)).ln() + 1.0;
        Self {
            idf: grams.iter().map(|(_, df)| idf(*df)).collect(),
            index: grams.iter().zip(0..).map(|((gram, _), i)| (*gram, i)).collect(),
        }
    }

    /// How many features there are.
    pub fn len(&self) -> usize {
        self.idf.len()
    }

    /// The features of an utterance; grams that training never saw are left out.
    pub fn features(&self, utterance: &Utterance) -> Sparse {
        let mut groups: [Sparse; 2] = [Vec::new(), Vec::new()];
        for ((gram, group), count) in counts(utterance) {
            if let Some(index) = self.index.get(&gram) {
                #[expect(clippy::cast_precision_loss, reason = "counts within one sentence are small")]
                let weight = (1.0 + (count as f32).ln()) * self.idf[*index as usize];
                groups[usize::from(group == Group::Sounds)].push((*index, weight));
            }
        }
        let mut features = Vec::new();
        for mut group in groups {
            let norm = group.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt();
            for (_, weight) in &mut group {
                *weight /= norm.max(f32::MIN_POSITIVE);
            }
            features.append(&mut group);
        }
        features.sort_unstable_by_key(|(index, _)| *index);
        features
    }
}

type Counts = HashMap<GramKey, u32>;
type GramKey = (u64, Group);

fn counts(utterance: &Utterance) -> impl Iterator<Item = (GramKey, u32)> {
    let mut counts: Counts = HashMap::with_capacity(8 * utterance.chars.len());
    let chars: Vec<u64> = edges(utterance.chars.iter().map(|c| u64::from(u32::from(*c))));
    let sounds: Vec<u64> = edges(
        utterance
            .syllables
            .iter()
            .zip(&utterance.chars)
            .map(|(s, c)| if s.is_empty() { u64::from(u32::from(*c)) } else { hash(s.bytes().map(u64::from), 7) }),
    );
    for (group, units, max) in [(Group::Chars, &chars, CHAR_GRAM_MAX), (Group::Sounds, &sounds, SOUND_GRAM_MAX)] {
        for len in 1..=max {
            for gram in units.windows(len) {
                // An edge alone says nothing.
                if len > 1 || (gram[0] != START && gram[0] != END) {
                    let seed = if group == Group::Chars { 0x10 } else { 0x20 } + len as u64;
                    *counts.entry((hash(gram.iter().copied(), seed), group)).or_default() += 1;
                }
            }
        }
    }
    counts.into_iter()
}

const START: u64 = u64::MAX - 1;
const END: u64 = u64::MAX - 2;

fn edges(units: impl Iterator<Item = u64>) -> Vec<u64> {
    std::iter::once(START).chain(units).chain(std::iter::once(END)).collect()
}

/// FNV-1a over words: stable between runs and builds, which the cache of trained models needs.
fn hash(units: impl Iterator<Item = u64>, seed: u64) -> u64 {
    let mix = |sum: u64, unit: u64| {
        let mixed = (sum ^ unit).wrapping_mul(0x0100_0000_01b3);
        mixed ^ (mixed >> 29)
    };
    mix(units.fold(0xcbf2_9ce4_8422_2325 ^ seed, mix), seed)
}
