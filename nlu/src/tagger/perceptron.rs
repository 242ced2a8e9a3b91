//! An averaged structured perceptron over characters and their sounds (Collins, EMNLP 2002), with labels that begin,
//! continue, end or are a span, and Viterbi over the transitions that training saw.

use super::marks::parts;
use crate::intent::{draw, hash, shuffle};
use crate::utterance::{Pronouncer, Utterance, clean};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

const EPOCHS_MIN: usize = 8;
/// A small set is gone through more often: the average must outweigh what was guessed in the beginning.
const STEPS_MIN: usize = 4_000;
/// What each wrong label of a guess is given while it learns. Without it a guess that only ties with the truth passes
/// for right, nothing is learnt from it, and the average falls to either side.
const MARGIN: f32 = 1.0;
/// Of a hundred features, so many are left out at random in each step, so that a value is found by all that stands around
/// it together: a caller's sentence shares only some of it with the examples.
const LEFT_OUT: u64 = 40;
/// What hidden values are written as; no feature sees it.
const HIDDEN_VALUES: [&str; 3] = ["某某", "某某某", "某某某某"];
/// Features of one character.
const FEATURES: usize = 16;
/// Labels of one class, behind label 0, which is outside of any span.
const BEGIN: usize = 0;
const INSIDE: usize = 1;
const END: usize = 2;
const SINGLE: usize = 3;
const EACH: usize = 4;
const OUTSIDE: usize = 0;
/// The hash of a feature that is not to be learnt from.
const NO_FEATURE: u64 = 0;
/// The row of a feature without weights.
const NO_ROW: u32 = u32::MAX;

/// An example: its features and its labels, character by character.
pub(super) struct Sample {
    features: Vec<[u64; FEATURES]>,
    labels: Vec<usize>,
}

impl Sample {
    /// Reads an example; marks whose name has no class are text. Behind it come copies whose values are hidden and of
    /// other lengths, from which only what stands around a value can be learnt.
    pub fn read(marked: &str, classes: &BTreeMap<String, usize>, pronouncer: &Pronouncer) -> Vec<Self> {
        let class = |name: Option<&str>| name.and_then(|name| classes.get(name)).copied();
        let parts: Vec<(&str, Option<usize>)> =
            parts(marked).into_iter().map(|(text, name)| (text, class(name))).collect();
        let mut samples = vec![Self::new(&parts, false, pronouncer)];
        let is_value = |part: &(&str, Option<usize>)| part.1.is_some();
        if parts.iter().any(is_value) && !parts.iter().all(is_value) {
            for value in HIDDEN_VALUES {
                let hide = |(text, class): &(_, Option<usize>)| (if class.is_some() { value } else { *text }, *class);
                samples.push(Self::new(&parts.iter().map(hide).collect::<Vec<_>>(), true, pronouncer));
            }
        }
        samples
    }

    fn new(parts: &[(&str, Option<usize>)], hide: bool, pronouncer: &Pronouncer) -> Self {
        let text: String = parts.iter().map(|(text, _)| *text).collect();
        let utterance = Utterance::new(&text, "", 1.0, pronouncer);
        let mut labels = Vec::with_capacity(utterance.chars.len());
        for (text, class) in parts {
            let len = clean(text).0.len();
            match class {
                Some(class) => labels.extend((0..len).map(|at| label(*class, at, len))),
                None => labels.extend(std::iter::repeat_n(OUTSIDE, len)),
            }
        }
        labels.resize(utterance.chars.len(), OUTSIDE);
        let is_hidden = |at: usize| hide && labels[at] != OUTSIDE;
        Self { features: features(&utterance, is_hidden), labels }
    }
}

fn label(class: usize, at: usize, len: usize) -> usize {
    let place = match (at == 0, at + 1 == len) {
        (true, true) => SINGLE,
        (true, false) => BEGIN,
        (false, true) => END,
        (false, false) => INSIDE,
    };
    1 + EACH * class + place
}

/// A trained tagger.
#[derive(Clone, Debug)]
pub(crate) struct Perceptron {
    labels: usize,
    /// Hash of a feature -> row.
    index: HashMap<u64, u32>,
    /// `[features, labels]`
    emissions: Vec<f32>,
    /// `[labels + 1, labels]`: from a label, or from the start in the last row; minus infinity where there is no way.
    transitions: Vec<f32>,
    /// `[labels]`: whether a sentence may end so.
    is_last: Vec<bool>,
}

impl Perceptron {
    /// Learns `classes` kinds of spans; deterministic.
    pub fn train(samples: &[Sample], classes: usize) -> Self {
        let labels = 1 + EACH * classes;
        let mut index: HashMap<u64, u32> = HashMap::new();
        for feature in samples.iter().flat_map(|sample| sample.features.iter().flatten()) {
            if *feature != NO_FEATURE {
                let next = u32::try_from(index.len()).expect("features are counted in u32");
                index.entry(*feature).or_insert(next);
            }
        }
        let rows: Vec<Vec<[u32; FEATURES]>> = samples.iter().map(|sample| rows_of(&index, &sample.features)).collect();
        let mut model = Self {
            labels,
            emissions: vec![0.0; index.len() * labels],
            transitions: ways(samples, labels),
            is_last: (0..labels).map(|label| matches!(place(label), None | Some(END | SINGLE))).collect(),
            index,
        };
        // The average over all steps is the last weight less the mean of what each step added before it.
        let mut sums = (vec![0.0_f32; model.emissions.len()], vec![0.0_f32; model.transitions.len()]);
        let mut step = 1.0_f32;
        let mut order: Vec<usize> = (0..samples.len()).collect();
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..EPOCHS_MIN.max(STEPS_MIN / samples.len().max(1)) {
            shuffle(&mut order, &mut random);
            for &i in &order {
                let truth = &samples[i].labels;
                let mut rows = rows[i].clone();
                for row in rows.iter_mut().flatten() {
                    if (draw(&mut random) >> 32) % 100 < LEFT_OUT {
                        *row = NO_ROW;
                    }
                }
                let guess = model.decode(&rows, Some(truth));
                if guess != *truth {
                    model.learn(&rows, truth, 1.0, step, &mut sums);
                    model.learn(&rows, &guess, -1.0, step, &mut sums);
                }
                step += 1.0;
            }
        }
        for (weight, sum) in model.emissions.iter_mut().zip(&sums.0) {
            *weight -= sum / step;
        }
        for (weight, sum) in model.transitions.iter_mut().zip(&sums.1) {
            *weight -= sum / step;
        }
        model
    }

    fn learn(
        &mut self,
        rows: &[[u32; FEATURES]],
        labels: &[usize],
        delta: f32,
        step: f32,
        sums: &mut (Vec<f32>, Vec<f32>),
    ) {
        let mut from = self.labels;
        for (row, label) in rows.iter().zip(labels) {
            for feature in row.iter().filter(|feature| **feature != NO_ROW) {
                let at = *feature as usize * self.labels + label;
                self.emissions[at] += delta;
                sums.0[at] += step * delta;
            }
            let at = from * self.labels + label;
            self.transitions[at] += delta;
            sums.1[at] += step * delta;
            from = *label;
        }
    }

    /// The spans in an utterance and their classes, from left to right.
    pub fn spans(&self, utterance: &Utterance) -> Vec<(Range<usize>, usize)> {
        let rows = rows_of(&self.index, &features(utterance, |_| false));
        let mut spans = Vec::new();
        let mut start = 0;
        for (at, label) in self.decode(&rows, None).into_iter().enumerate() {
            match place(label) {
                Some(BEGIN) => start = at,
                Some(SINGLE) => spans.push((at..at + 1, (label - 1) / EACH)),
                Some(END) => spans.push((start..at + 1, (label - 1) / EACH)),
                _ => {}
            }
        }
        spans
    }

    /// The labels of the best path (Viterbi); against a truth, every other label is better off by the margin.
    fn decode(&self, rows: &[[u32; FEATURES]], truth: Option<&[usize]>) -> Vec<usize> {
        let labels = self.labels;
        let mut scores = vec![f32::NEG_INFINITY; labels];
        let mut came_from = Vec::with_capacity(rows.len() * labels);
        let mut emission = vec![0.0_f32; labels];
        for (at, row) in rows.iter().enumerate() {
            emission.fill(0.0);
            if let Some(truth) = truth {
                emission.fill(MARGIN);
                emission[truth[at]] = 0.0;
            }
            for feature in row.iter().filter(|feature| **feature != NO_ROW) {
                let weights = &self.emissions[*feature as usize * labels..][..labels];
                for (sum, weight) in emission.iter_mut().zip(weights) {
                    *sum += weight;
                }
            }
            let mut next = vec![f32::NEG_INFINITY; labels];
            for to in 0..labels {
                let way = |from: usize, score: f32| (score + self.transitions[from * labels + to], from);
                let (score, from) = if at == 0 {
                    way(labels, 0.0)
                } else {
                    let ways = scores.iter().enumerate().map(|(from, score)| way(from, *score));
                    ways.fold((f32::NEG_INFINITY, OUTSIDE), |best, next| if next.0 > best.0 { next } else { best })
                };
                next[to] = score + emission[to];
                came_from.push(from);
            }
            scores = next;
        }
        let ends = (0..labels).filter(|label| self.is_last[*label]);
        let best = ends.fold(OUTSIDE, |best, label| if scores[label] > scores[best] { label } else { best });
        let mut path = vec![best; rows.len()];
        for at in (1..rows.len()).rev() {
            path[at - 1] = came_from[at * labels + path[at]];
        }
        path
    }
}

/// A feature that training never saw has no row.
fn rows_of(index: &HashMap<u64, u32>, features: &[[u64; FEATURES]]) -> Vec<[u32; FEATURES]> {
    features.iter().map(|all| all.map(|feature| index.get(&feature).copied().unwrap_or(NO_ROW))).collect()
}

/// The place of a label in its span; `None` outside of spans.
fn place(label: usize) -> Option<usize> {
    label.checked_sub(1).map(|label| label % EACH)
}

/// Zero where a transition was seen, else no way. Within spans of a class that was seen any length may come: values are
/// longer in calls than in examples.
fn ways(samples: &[Sample], labels: usize) -> Vec<f32> {
    let mut ways = vec![f32::NEG_INFINITY; (labels + 1) * labels];
    let mut open = |from: usize, to: usize| ways[from * labels + to] = 0.0;
    open(labels, OUTSIDE);
    open(OUTSIDE, OUTSIDE);
    for sample in samples {
        let mut from = labels;
        for &to in &sample.labels {
            open(from, to);
            if place(to) == Some(BEGIN) {
                for (this, next) in [(BEGIN, INSIDE), (INSIDE, INSIDE), (INSIDE, END), (BEGIN, END)] {
                    open(to - BEGIN + this, to - BEGIN + next);
                }
            }
            from = to;
        }
    }
    ways
}

/// What stands at each character and around it: characters, sounds, pairs of both, and the kind of character.
/// What touches a hidden character is [`NO_FEATURE`].
fn features(utterance: &Utterance, is_hidden: impl Fn(usize) -> bool) -> Vec<[u64; FEATURES]> {
    /// Before the first and behind the last character.
    const EDGE: u64 = u64::MAX;
    const HIDDEN: u64 = u64::MAX - 1;
    let chars: Vec<u64> = utterance.chars.iter().map(|c| u64::from(u32::from(*c))).collect();
    let mut sounds: Vec<u64> = utterance.syllables.iter().map(|s| hash(s.bytes().map(u64::from), 0)).collect();
    sounds.resize(chars.len(), EDGE);
    let near = |units: &[u64], at: usize, offset: isize| {
        let at = at.checked_add_signed(offset).filter(|at| *at < units.len());
        at.map_or(EDGE, |at| if is_hidden(at) { HIDDEN } else { units[at] })
    };
    let kind = |c: char| if c.is_ascii_digit() { 1 } else { u64::from(c.is_ascii_alphabetic()) * 2 };
    let of = |at: usize| {
        let c = |offset| near(&chars, at, offset);
        let s = |offset| near(&sounds, at, offset);
        let units: [[u64; 2]; FEATURES] = [
            [c(-2), 0],
            [c(-1), 0],
            [c(0), 0],
            [c(1), 0],
            [c(2), 0],
            [c(-2), c(-1)],
            [c(-1), c(0)],
            [c(0), c(1)],
            [c(1), c(2)],
            [c(-1), c(1)],
            [s(-1), 0],
            [s(0), 0],
            [s(1), 0],
            [s(-1), s(0)],
            [s(0), s(1)],
            [if is_hidden(at) { HIDDEN } else { kind(utterance.chars[at]) }, 0],
        ];
        let mut template = 0;
        units.map(|pair| {
            template += 1;
            if pair.contains(&HIDDEN) { NO_FEATURE } else { hash(pair.into_iter(), template) }
        })
    };
    (0..chars.len()).map(of).collect()
}

#[cfg(test)]
mod tests;
