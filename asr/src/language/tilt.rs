//! How much each part of the language model counts, given what the bot has asked.

use hualu_core::dialogue::Expect;

/// Which built-in part an expectation brings in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Focus {
    None,
    YesNo,
    Digits,
    Date,
}

/// Weights of the general part, the bot, numbers and the focus; they sum to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tilt {
    /// Between numbers.
    open: [f32; 4],
    /// After a digit or another word of a number.
    in_number: [f32; 4],
    focus: Focus,
    digits: Option<(u8, u8)>,
}

impl Tilt {
    pub(super) fn new(expect: Expect, has_bot: bool) -> Self {
        let (open, in_number, focus) = match expect {
            Expect::Free => ([0.30, 0.57, 0.13, 0.0], [0.12, 0.40, 0.48, 0.0], Focus::None),
            Expect::YesNo => ([0.18, 0.34, 0.06, 0.42], [0.12, 0.40, 0.48, 0.0], Focus::YesNo),
            Expect::Digits { .. } => ([0.05, 0.10, 0.05, 0.80], [0.02, 0.03, 0.05, 0.90], Focus::Digits),
            Expect::Choice => ([0.15, 0.73, 0.12, 0.0], [0.08, 0.52, 0.40, 0.0], Focus::None),
            Expect::Date => ([0.12, 0.24, 0.14, 0.50], [0.08, 0.14, 0.28, 0.50], Focus::Date),
        };
        let digits = match expect {
            Expect::Digits { len_min, len_max } if len_max > 0 => Some((len_min, len_max)),
            _ => None,
        };
        let settle = |[general, bot, number, focus]: [f32; 4]| {
            if has_bot { [general, bot, number, focus] } else { [general + bot, 0.0, number, focus] }
        };
        Self { open: settle(open), in_number: settle(in_number), focus, digits }
    }

    /// The weights of the general part, the bot, numbers and the focus.
    pub(super) const fn weights(&self, in_number: bool) -> [f32; 4] {
        if in_number { self.in_number } else { self.open }
    }

    pub(super) const fn focus(&self) -> Focus {
        self.focus
    }

    /// The fewest and the most digits of the answer, when digits are awaited and their number is known.
    #[must_use]
    pub const fn digits(&self) -> Option<(u8, u8)> {
        self.digits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_always_sum_to_one() {
        let digits = Expect::Digits { len_min: 11, len_max: 11 };
        for expect in [Expect::Free, Expect::YesNo, digits, Expect::Choice, Expect::Date] {
            for has_bot in [true, false] {
                let tilt = Tilt::new(expect, has_bot);
                for in_number in [true, false] {
                    let sum: f32 = tilt.weights(in_number).iter().sum();
                    assert!((sum - 1.0).abs() < 1e-5, "{expect:?} {has_bot} {in_number}: {sum}");
                }
            }
        }
        assert_eq!(Tilt::new(digits, true).digits(), Some((11, 11)));
    }
}
