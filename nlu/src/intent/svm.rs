//! One-vs-rest linear SVM with squared hinge loss, trained by dual coordinate descent: examples in random order, those
//! that cannot move set aside (Hsieh et al., ICML 2008, algorithm 3).

use super::features::Sparse;

const EPOCHS_MAX: usize = 200;
/// Training stops when the projected gradients of all multipliers lie within this.
const TOLERANCE: f32 = 0.1;
/// Classes are trained side by side on so many threads.
const THREADS: usize = 2;

/// Weights of every class; a class's margin is `weights · features + bias`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Weights {
    pub classes: usize,
    /// `[features, classes]`, row by row: one utterance touches few rows.
    pub rows: Vec<f32>,
    /// `[classes]`
    pub bias: Vec<f32>,
}

impl Weights {
    /// The margin of every class.
    pub fn margins(&self, features: &Sparse) -> Vec<f32> {
        let mut margins = self.bias.clone();
        for (index, value) in features {
            let row = &self.rows[*index as usize * self.classes..][..self.classes];
            for (margin, weight) in margins.iter_mut().zip(row) {
                *margin += weight * value;
            }
        }
        margins
    }
}

/// Trains on `samples` (features, class) with the price `cost` of a violated margin; deterministic.
pub(crate) fn train(samples: &[(&Sparse, usize)], features: usize, classes: usize, cost: f32) -> Weights {
    let problem = Problem {
        samples,
        norms: samples.iter().map(|(x, _)| 1.0 + x.iter().map(|(_, v)| v * v).sum::<f32>()).collect(),
        features,
        diagonal: 1.0 / (2.0 * cost),
    };
    let mut weights = Weights { classes, rows: vec![0.0; features * classes], bias: vec![0.0; classes] };
    let mut take = |class: usize, (column, bias): (Vec<f32>, f32)| {
        for (feature, weight) in column.into_iter().enumerate() {
            weights.rows[feature * classes + class] = weight;
        }
        weights.bias[class] = bias;
    };
    std::thread::scope(|scope| {
        let problem = &problem;
        let share = |thread: usize| (thread..classes).step_by(THREADS);
        let solve = move |thread| share(thread).map(|class| (class, problem.solve(class))).collect::<Vec<_>>();
        let others: Vec<_> = (1..THREADS).map(|thread| scope.spawn(move || solve(thread))).collect();
        for (class, solved) in solve(0) {
            take(class, solved);
        }
        for other in others {
            for (class, solved) in other.join().expect("training does not panic") {
                take(class, solved);
            }
        }
    });
    weights
}

struct Problem<'a> {
    samples: &'a [(&'a Sparse, usize)],
    /// Squared lengths, with the bias's constant.
    norms: Vec<f32>,
    features: usize,
    /// What squared hinge loss adds to the diagonal of the dual.
    diagonal: f32,
}

impl Problem<'_> {
    /// One class against all others: its weights and its bias.
    fn solve(&self, class: usize) -> (Vec<f32>, f32) {
        let mut weights = vec![0.0_f32; self.features];
        let mut bias = 0.0_f32;
        let mut alphas = vec![0.0_f32; self.samples.len()];
        let mut order: Vec<u32> =
            (0..u32::try_from(self.samples.len()).expect("examples are counted in u32")).collect();
        let mut active = order.len();
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        // A multiplier at zero whose gradient is above the largest violation of the last round stays there.
        let mut set_aside_above = f32::INFINITY;
        for _ in 0..EPOCHS_MAX {
            shuffle(&mut order[..active], &mut random);
            let (mut highest, mut lowest) = (f32::NEG_INFINITY, f32::INFINITY);
            let mut at = 0;
            while at < active {
                let i = order[at] as usize;
                let (x, label) = self.samples[i];
                let sign = if label == class { 1.0 } else { -1.0 };
                let margin = bias + x.iter().map(|(index, value)| weights[*index as usize] * value).sum::<f32>();
                let gradient = sign * margin - 1.0 + self.diagonal * alphas[i];
                if alphas[i] == 0.0 && gradient > set_aside_above {
                    active -= 1;
                    order.swap(at, active);
                    continue;
                }
                at += 1;
                let projected = if alphas[i] > 0.0 { gradient } else { gradient.min(0.0) };
                highest = highest.max(projected);
                lowest = lowest.min(projected);
                if projected.abs() < 1e-6 {
                    continue;
                }
                let old = alphas[i];
                alphas[i] = (old - gradient / (self.norms[i] + self.diagonal)).max(0.0);
                let step = (alphas[i] - old) * sign;
                bias += step;
                for (index, value) in x {
                    weights[*index as usize] += step * value;
                }
            }
            if active == 0 || highest - lowest <= TOLERANCE {
                if active == order.len() {
                    break;
                }
                // Solved without those that were set aside: one more look at all of them.
                active = order.len();
                set_aside_above = f32::INFINITY;
            } else {
                set_aside_above = if highest > 0.0 { highest } else { f32::INFINITY };
            }
        }
        (weights, bias)
    }
}

/// Fisher-Yates with a xorshift generator: the same order in every run.
pub(crate) fn shuffle<T>(order: &mut [T], random: &mut u64) {
    for i in (1..order.len()).rev() {
        #[expect(clippy::cast_possible_truncation, reason = "below the length")]
        order.swap(i, (draw(random) % (i as u64 + 1)) as usize);
    }
}

/// The next number of a xorshift generator, whose state is never zero.
pub(crate) fn draw(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_separable_classes_get_margins_of_opposite_sign() {
        let a: Vec<Sparse> = (0..4).map(|_| vec![(0, 1.0)]).collect();
        let b: Vec<Sparse> = (0..4).map(|_| vec![(1, 1.0)]).collect();
        let samples: Vec<(&Sparse, usize)> = a.iter().map(|x| (x, 0)).chain(b.iter().map(|x| (x, 1))).collect();
        let weights = train(&samples, 2, 2, 1.0);
        let margins = weights.margins(&a[0]);
        assert!(margins[0] > 0.7 && margins[1] < -0.7, "{margins:?}");
    }

    /// At the optimum `alpha = max(0, -gradient)` in every coordinate; with two examples it is known by hand.
    #[test]
    fn the_optimum_of_two_examples_is_found() {
        // One feature, x = ±1, cost 1: w minimises w²/2 + b²/2 + 2(1-w)², so w = 4/5 and b = 0.
        let (a, b): (Sparse, Sparse) = (vec![(0, 1.0)], vec![(0, -1.0)]);
        let weights = train(&[(&a, 0), (&b, 1)], 1, 2, 1.0);
        assert!((weights.rows[0] - 0.8).abs() < 0.05, "{weights:?}");
        assert!((weights.rows[1] + 0.8).abs() < 0.05 && weights.bias[0].abs() < 0.05, "{weights:?}");
    }

    #[test]
    fn an_empty_set_trains_to_nothing() {
        assert_eq!(train(&[], 0, 0, 1.0), Weights::default());
    }
}
