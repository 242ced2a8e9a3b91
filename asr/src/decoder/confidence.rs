//! How sure a hypothesis is: the chance that its text is exactly right, from three things that can be measured without
//! knowing the truth. The weights were fitted by logistic regression on recordings that the acoustic model never heard.

/// The weights of [`Evidence`] in the log-odds of being right.
const BIAS: f32 = 0.51;
/// See [`BIAS`].
const MARGIN: f32 = 1.8;
/// See [`BIAS`].
const LOSS: f32 = -1.33;
/// See [`BIAS`].
const LANGUAGE: f32 = 0.63;
/// A margin beyond this (nats) says no more.
const MARGIN_MAX: f32 = 20.0;
/// How fast belief in another reading falls with its distance (nats) from the best.
const FALL: f32 = 0.35;

/// What speaks for and against a hypothesis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// How far it is ahead (nats) of the best other text.
    pub margin: f32,
    /// Its acoustic score, all alignments together.
    pub acoustic: f32,
    /// The score of the best string of units without lexicon and language model: what the audio would rather be.
    pub free: f32,
    /// What the language model and its bonuses gave.
    pub language: f32,
    /// How many syllables it has.
    pub syllables: usize,
}

impl Evidence {
    /// The chance that the text is exactly right, in `0.0..=1.0`.
    #[must_use]
    pub fn belief(&self) -> f32 {
        let syllables = self.syllables.max(1) as f32;
        let margin = self.margin.clamp(0.0, MARGIN_MAX).ln_1p();
        let loss = (self.free - self.acoustic) / syllables;
        let odds = BIAS + MARGIN * margin + LOSS * loss + LANGUAGE * self.language / syllables;
        1.0 / (1.0 + (-odds).exp())
    }
}

/// The belief in another reading that is `behind` (nats) a best one believed as `best`; never more than is left.
#[must_use]
pub fn of_alternative(best: f32, behind: f32) -> f32 {
    (best * (-FALL * behind.max(0.0)).exp()).min(1.0 - best)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAR: Evidence = Evidence { margin: 6.0, acoustic: -2.0, free: -1.8, language: -6.0, syllables: 4 };

    #[test]
    fn each_piece_of_evidence_moves_belief_its_own_way() {
        let belief = CLEAR.belief();
        assert!(belief > 0.8, "{belief}");
        assert!(Evidence { margin: 0.1, ..CLEAR }.belief() < 0.6);
        assert!(Evidence { language: -30.0, ..CLEAR }.belief() < belief);
        assert!(Evidence { acoustic: -22.0, ..CLEAR }.belief() < 0.1, "it does not sound like that");
        assert!(Evidence { acoustic: f32::NEG_INFINITY, ..CLEAR }.belief() < 1e-6);
    }

    #[test]
    fn other_readings_are_believed_less() {
        assert!(of_alternative(0.5, 2.0) < of_alternative(0.5, 1.0));
        assert!(of_alternative(0.9, 0.0) <= 0.1 + f32::EPSILON);
    }
}
