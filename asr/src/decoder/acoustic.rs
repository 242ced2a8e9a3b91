//! One frame of the model's output, made ready for the search.

use super::options::DecoderOptions;
use crate::units::{UnitId, Units};

/// Units that speakers of other dialects, and narrow telephone bands, mix up.
const CONFUSED: [(&str, &str); 15] = [
    ("z", "zh"),
    ("c", "ch"),
    ("s", "sh"),
    ("iz", "ir"),
    ("n", "l"),
    ("f", "h"),
    ("l", "r"),
    ("an", "ang"),
    ("en", "eng"),
    ("in", "ing"),
    ("ian", "iang"),
    ("uan", "uang"),
    ("b", "p"),
    ("d", "t"),
    ("s", "f"),
];

/// Log-probabilities of a frame after smoothing, with the units worth trying.
#[derive(Debug)]
pub struct Frame {
    neighbours: Vec<Vec<UnitId>>,
    blank: UnitId,
    plain: Vec<f32>,
    scores: Vec<f32>,
    active: Vec<UnitId>,
    best: UnitId,
}

impl Frame {
    /// Prepares the tables for a model's units.
    #[must_use]
    pub fn new(units: &Units) -> Self {
        let mut neighbours = vec![Vec::new(); units.len()];
        for (one, other) in CONFUSED {
            if let (Some(one), Some(other)) = (units.find(one), units.find(other)) {
                neighbours[usize::from(one)].push(other);
                neighbours[usize::from(other)].push(one);
            }
        }
        let len = units.len();
        Self {
            neighbours,
            blank: units.blank(),
            plain: vec![0.0; len],
            scores: vec![0.0; len],
            active: Vec::with_capacity(len),
            best: units.blank(),
        }
    }

    /// Takes the log-probabilities of the next frame, one per unit.
    pub fn load(&mut self, log_probs: &[f32], options: &DecoderOptions) {
        for (plain, log) in self.plain.iter_mut().zip(log_probs) {
            *plain = log.exp();
        }
        let spread = options.flatten / self.plain.len() as f32;
        for (unit, score) in self.scores.iter_mut().enumerate() {
            let confused: f32 = self.neighbours[unit].iter().map(|&other| self.plain[usize::from(other)]).sum();
            let smooth = (1.0 - options.flatten) * (self.plain[unit] + options.confusion * confused) + spread;
            *score = smooth.ln();
        }
        self.scores[usize::from(self.blank)] -= options.blank_penalty;
        let mut best = self.blank;
        for unit in 0..self.scores.len() as UnitId {
            if self.score(unit) > self.score(best) {
                best = unit;
            }
        }
        self.best = best;
        let limit = self.score(best) - options.unit_width;
        self.active.clear();
        let worth = (0..self.scores.len() as UnitId)
            .filter(|&unit| unit != self.blank && self.scores[usize::from(unit)] > limit);
        self.active.extend(worth);
        let scores = &self.scores;
        self.active.sort_unstable_by(|&a, &b| scores[usize::from(b)].total_cmp(&scores[usize::from(a)]));
        self.active.truncate(options.units_max);
    }

    /// The smoothed log-probability of a unit.
    #[must_use]
    pub fn score(&self, unit: UnitId) -> f32 {
        self.scores[usize::from(unit)]
    }

    /// The smoothed log-probability of blank.
    #[must_use]
    pub fn blank(&self) -> f32 {
        self.score(self.blank)
    }

    /// The likeliest symbol, blank included.
    #[must_use]
    pub const fn best(&self) -> UnitId {
        self.best
    }

    /// The units worth trying, likeliest first, without blank.
    #[must_use]
    pub fn active(&self) -> &[UnitId] {
        &self.active
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(probabilities: &[f32]) -> Frame {
        let units = Units::new(["<blk>", "z", "zh", "b", "a"].map(str::to_owned).to_vec(), 0).expect("fits");
        let mut frame = Frame::new(&units);
        let logs: Vec<f32> = probabilities.iter().map(|p: &f32| p.max(1e-12).ln()).collect();
        frame.load(&logs, &DecoderOptions { unit_width: 6.0, ..DecoderOptions::default() });
        frame
    }

    #[test]
    fn a_confused_unit_is_tried_and_an_unrelated_one_is_not() {
        let frame = frame(&[0.1, 0.9, 0.0, 0.0, 0.0]);
        assert_eq!(frame.best(), 1);
        assert_eq!(frame.active(), [1, 2]);
        assert!(frame.score(2) > frame.score(3) + 3.0);
    }

    #[test]
    fn silence_leaves_nothing_to_try() {
        let frame = frame(&[1.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(frame.best(), 0);
        assert!(frame.active().is_empty());
        assert!(frame.blank() > frame.score(1) + 5.0);
    }
}
