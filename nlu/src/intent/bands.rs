//! Where the margin decides between acting, asking back and giving up.

/// Accepted answers should be right so often in cross-validation.
const ACCEPT_PRECISION: f32 = 0.975;

/// So much more than nothing must be known of a sentence.
const KNOWN_MIN: f32 = 0.05;

/// Margins between the bands.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Bands {
    /// At or above: act on it.
    pub accept: f32,
    /// At or above, but below `accept`: ask back.
    pub clarify: f32,
    /// Below: out of scope.
    pub oos: f32,
}

/// What a margin allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Band {
    /// Nothing that the bot knows: ask again, and in the end a person.
    Person,
    /// Perhaps the best intent: worth a second scorer, and a question once the caller was not understood.
    Unsure,
    /// One of the two best: ask which.
    Clarify,
    /// Act on it.
    Accept,
}

impl Bands {
    /// The band of a margin.
    #[must_use]
    pub fn of(&self, margin: f32) -> Band {
        match margin {
            _ if margin >= self.accept => Band::Accept,
            _ if margin >= self.clarify => Band::Clarify,
            _ if margin >= self.oos => Band::Unsure,
            _ => Band::Person,
        }
    }

    /// The same bands, but none of them takes in what scores no more than `nothing`: a sentence without any known feature.
    pub(super) fn above(self, nothing: f32) -> Self {
        let least = nothing + KNOWN_MIN;
        Self { accept: self.accept.max(least), clarify: self.clarify.max(least), oos: self.oos.max(least) }
    }

    /// Fitted to the best margins of examples that were left out of training, and whether the best was right.
    pub(super) fn fit(mut judged: Vec<(f32, bool)>) -> Self {
        if judged.is_empty() {
            return Self { accept: 0.0, clarify: -0.5, oos: -0.7 };
        }
        judged.sort_by(|a, b| a.0.total_cmp(&b.0));
        let quantile = |share: f32| {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "an index"
            )]
            let at = (share * judged.len() as f32) as usize;
            judged[at.min(judged.len() - 1)].0
        };
        let (oos, clarify) = (quantile(0.02), quantile(0.05));
        let mut accept = quantile(0.35);
        let mut right = judged.iter().filter(|(_, right)| *right).count();
        for (i, (margin, is_right)) in judged.iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "counts of examples")]
            let precision = right as f32 / (judged.len() - i) as f32;
            if precision >= ACCEPT_PRECISION {
                accept = accept.min(*margin);
                break;
            }
            right -= usize::from(*is_right);
        }
        Self { accept: accept.max(clarify), clarify, oos: oos.min(clarify) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acceptance_begins_where_answers_are_right_often_enough() {
        let wrong = (0..10_u8).map(|i| (f32::from(i) / 100.0, false));
        let right = (0..90_u8).map(|i| (0.2 + f32::from(i) / 100.0, true));
        let bands = Bands::fit(wrong.chain(right).collect());
        assert!(bands.accept > 0.05 && bands.accept <= 0.2, "{bands:?}");
        assert!(bands.oos <= bands.clarify && bands.clarify <= bands.accept, "{bands:?}");
        let of = [bands.accept, bands.clarify, bands.oos, -9.0].map(|margin| bands.of(margin));
        assert_eq!(of, [Band::Accept, Band::Clarify, Band::Unsure, Band::Person]);
    }
}
