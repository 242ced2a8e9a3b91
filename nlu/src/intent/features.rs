//! Sparse features of an utterance: two groups of n-grams, sublinear tf-idf, each group of unit length.
//!
//! Mandarin is read as character 1-4-grams and toneless-pinyin 1-3-grams. A Latin script is read as word 1-2-grams and
//! pairs with a word left out between them, and character 2-5-grams within words.

use crate::utterance::Utterance;
use std::collections::HashMap;
use std::ops::RangeInclusive;

const CHAR_GRAMS: RangeInclusive<usize> = 1..=4;
const SOUND_GRAMS: RangeInclusive<usize> = 1..=3;
const WORD_GRAMS: RangeInclusive<usize> = 1..=2;
const LETTER_GRAMS: RangeInclusive<usize> = 2..=5;

/// The features of one utterance: index and weight, by rising index.
pub(crate) type Sparse = Vec<(u32, f32)>;

/// The grams of one utterance in each group: hash and count, by rising hash.
pub(crate) type Grams = [Vec<(u64, u32)>; 2];

/// How sentences are cut into grams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Script {
    /// Characters, and how they sound.
    #[default]
    Han,
    /// Words, and the letters within them.
    Latin,
}

impl Script {
    /// The script that most characters of a training set are written in.
    pub fn of<'a>(utterances: impl Iterator<Item = &'a Utterance>) -> Self {
        let (mut latin, mut han) = (0_usize, 0_usize);
        for utterance in utterances {
            let letters = utterance.chars.iter().filter(|c| c.is_ascii_alphabetic()).count();
            latin += letters;
            han += utterance.chars.iter().filter(|c| !c.is_ascii()).count();
        }
        // A Han character carries what several letters do.
        if latin > 4 * han { Self::Latin } else { Self::Han }
    }

    /// Cuts an utterance.
    pub fn grams(self, utterance: &Utterance) -> Grams {
        let mut hashes = match self {
            Self::Han => han(utterance),
            Self::Latin => latin(utterance),
        };
        hashes.each_mut().map(|group| {
            group.sort_unstable();
            group.chunk_by(|a, b| a == b).map(|same| (same[0], u32::try_from(same.len()).unwrap_or(u32::MAX))).collect()
        })
    }
}

/// Which features exist and how much each weighs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Vocabulary {
    pub script: Script,
    /// Hash of a gram -> index.
    pub index: HashMap<u64, u32>,
    /// Inverse document frequency by index.
    pub idf: Vec<f32>,
}

impl Vocabulary {
    /// Counts the grams of a training set.
    pub fn fit(script: Script, sentences: &[&Grams]) -> Self {
        let mut documents: HashMap<u64, u32> = HashMap::new();
        for (gram, _) in sentences.iter().flat_map(|groups| groups.iter().flatten()) {
            *documents.entry(*gram).or_default() += 1;
        }
        let mut grams: Vec<(u64, u32)> = documents.into_iter().collect();
        grams.sort_unstable();
        #[expect(clippy::cast_precision_loss, reason = "counts of sentences are small")]
        let idf = |df: u32| ((1.0 + sentences.len() as f32) / (1.0 + df as f32)).ln() + 1.0;
        Self {
            script,
            idf: grams.iter().map(|(_, df)| idf(*df)).collect(),
            index: grams.iter().zip(0..).map(|((gram, _), i)| (*gram, i)).collect(),
        }
    }

    /// How many features there are.
    pub fn len(&self) -> usize {
        self.idf.len()
    }

    /// The features of an utterance.
    pub fn features(&self, utterance: &Utterance) -> Sparse {
        self.weigh(&self.script.grams(utterance))
    }

    /// The features of an utterance that was cut; grams that training never saw are left out.
    pub fn weigh(&self, grams: &Grams) -> Sparse {
        let mut features = Vec::with_capacity(grams.iter().map(Vec::len).sum());
        for group in grams {
            let start = features.len();
            for (gram, count) in group {
                if let Some(index) = self.index.get(gram) {
                    #[expect(clippy::cast_precision_loss, reason = "counts within one sentence are small")]
                    let weight = (1.0 + (*count as f32).ln()) * self.idf[*index as usize];
                    features.push((*index, weight));
                }
            }
            let norm = features[start..].iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt();
            for (_, weight) in &mut features[start..] {
                *weight /= norm.max(f32::MIN_POSITIVE);
            }
        }
        features.sort_unstable_by_key(|(index, _)| *index);
        features
    }
}

fn han(utterance: &Utterance) -> [Vec<u64>; 2] {
    let chars = edged(utterance.chars.iter().map(|c| u64::from(u32::from(*c))));
    let of_sound = |(syllable, c): (&String, &char)| {
        if syllable.is_empty() { u64::from(u32::from(*c)) } else { hash(syllable.bytes().map(u64::from), 7) }
    };
    let sounds = edged(utterance.syllables.iter().zip(&utterance.chars).map(of_sound));
    let mut grams = [Vec::with_capacity(4 * chars.len()), Vec::with_capacity(3 * sounds.len())];
    count(&chars, CHAR_GRAMS, 0x10, &mut grams[0]);
    count(&sounds, SOUND_GRAMS, 0x20, &mut grams[1]);
    grams
}

fn latin(utterance: &Utterance) -> [Vec<u64>; 2] {
    let ends = utterance.gaps.iter().copied().chain([utterance.chars.len()]);
    let starts = [0].into_iter().chain(utterance.gaps.iter().copied());
    let words = starts.zip(ends).flat_map(|(start, end)| utterance.chars[start..end].split(|c| *c == '.'));
    let letters = |word: &[char]| word.iter().map(|c| u64::from(u32::from(*c))).collect::<Vec<_>>();
    let words: Vec<Vec<u64>> = words.filter(|word| !word.is_empty()).map(letters).collect();
    let mut grams = [Vec::with_capacity(2 * words.len()), Vec::with_capacity(5 * utterance.chars.len())];
    let sentence = edged(words.iter().map(|word| hash(word.iter().copied(), 9)));
    count(&sentence, WORD_GRAMS, 0x30, &mut grams[0]);
    // Of three words the outer two: what stands between is often a particle. Both edges around one word say nothing.
    let pairs = sentence.windows(3).filter(|three| three[0] != START || three[2] != END);
    grams[0].extend(pairs.map(|three| hash([three[0], three[2]].into_iter(), 0x38)));
    for word in words {
        count(&edged(word.into_iter()), LETTER_GRAMS, 0x40, &mut grams[1]);
    }
    grams
}

const START: u64 = u64::MAX - 1;
const END: u64 = u64::MAX - 2;

fn edged(units: impl Iterator<Item = u64>) -> Vec<u64> {
    std::iter::once(START).chain(units).chain(std::iter::once(END)).collect()
}

fn count(units: &[u64], lens: RangeInclusive<usize>, seed: u64, grams: &mut Vec<u64>) {
    for len in lens {
        for gram in units.windows(len) {
            // An edge alone says nothing.
            if len > 1 || (gram[0] != START && gram[0] != END) {
                grams.push(hash(gram.iter().copied(), seed + len as u64));
            }
        }
    }
}

/// FNV-1a over words: stable between runs and builds, which the cache of trained models needs.
pub(crate) fn hash(units: impl Iterator<Item = u64>, seed: u64) -> u64 {
    let mix = |sum: u64, unit: u64| {
        let mixed = (sum ^ unit).wrapping_mul(0x0100_0000_01b3);
        mixed ^ (mixed >> 29)
    };
    mix(units.fold(0xcbf2_9ce4_8422_2325 ^ seed, mix), seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::utterance::Pronouncer;

    fn utterance(text: &str) -> Utterance {
        Utterance::new(text, "", 1.0, &Pronouncer::default())
    }

    #[test]
    fn the_script_of_most_letters_decides() {
        let of = |texts: &[&str]| Script::of(texts.iter().map(|text| utterance(text)).collect::<Vec<_>>().iter());
        assert_eq!(of(&["what is my balance", "你好"]), Script::Latin);
        assert_eq!(of(&["打开wifi", "查5G套餐"]), Script::Han);
        assert_eq!(of(&[]), Script::Han);
    }

    #[test]
    fn a_word_that_training_never_saw_has_no_features() {
        let known = Script::Latin.grams(&utterance("hello"));
        let vocabulary = Vocabulary::fit(Script::Latin, &[&known]);
        assert_eq!(vocabulary.features(&utterance("quiz")), []);
        assert!(!vocabulary.features(&utterance("hello")).is_empty());
    }

    #[test]
    fn words_are_told_from_their_letters_and_counted() {
        let [words, letters] = Script::Latin.grams(&utterance("pay pay pal"));
        // pay, pal; start-pay, pay-pay, pay-pal, pal-end; start.pay, pay.pal, pay.end
        assert_eq!(words.len(), 9);
        assert!(words.iter().any(|(_, count)| *count == 2));
        // "_pay_" and "_pal_" share _p, pa, _pa.
        assert_eq!(letters.len(), 2 * 10 - 3);
    }
}
