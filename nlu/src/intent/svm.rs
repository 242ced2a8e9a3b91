//! One-vs-rest linear SVM with squared hinge loss, trained by dual coordinate descent.

use super::features::Sparse;

const COST: f32 = 1.0;
const EPOCHS_MAX: usize = 60;
/// Training stops when no multiplier moved more than this.
const TOLERANCE: f32 = 0.02;

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

/// Trains on `samples` (features, class); deterministic.
pub(crate) fn train(samples: &[(&Sparse, usize)], features: usize, classes: usize) -> Weights {
    let mut weights = Weights { classes, rows: vec![0.0; features * classes], bias: vec![0.0; classes] };
    for class in 0..classes {
        let (column, bias) = one_against_rest(samples, features, class);
        for (feature, weight) in column.into_iter().enumerate() {
            weights.rows[feature * classes + class] = weight;
        }
        weights.bias[class] = bias;
    }
    weights
}

fn one_against_rest(samples: &[(&Sparse, usize)], features: usize, class: usize) -> (Vec<f32>, f32) {
    let diagonal = 1.0 / (2.0 * COST);
    let mut weights = vec![0.0_f32; features];
    let mut bias = 0.0_f32;
    let mut alphas = vec![0.0_f32; samples.len()];
    let norms: Vec<f32> = samples.iter().map(|(x, _)| 1.0 + x.iter().map(|(_, v)| v * v).sum::<f32>()).collect();
    let mut order: Vec<usize> = (0..samples.len()).collect();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..EPOCHS_MAX {
        shuffle(&mut order, &mut random);
        let mut moved_most = 0.0_f32;
        for &i in &order {
            let (x, label) = samples[i];
            let sign = if label == class { 1.0 } else { -1.0 };
            let margin = bias + x.iter().map(|(index, value)| weights[*index as usize] * value).sum::<f32>();
            let gradient = sign * margin - 1.0 + diagonal * alphas[i];
            let projected = if alphas[i] > 0.0 { gradient } else { gradient.min(0.0) };
            if projected.abs() < 1e-6 {
                continue;
            }
            let old = alphas[i];
            alphas[i] = (old - gradient / (norms[i] + diagonal)).max(0.0);
            let step = (alphas[i] - old) * sign;
            moved_most = moved_most.max(step.abs());
            bias += step;
            for (index, value) in x {
                weights[*index as usize] += step * value;
            }
        }
        if moved_most < TOLERANCE {
            break;
        }
    }
    (weights, bias)
}

/// Fisher-Yates with a xorshift generator: the same order in every run.
fn shuffle(order: &mut [usize], random: &mut u64) {
    for i in (1..order.len()).rev() {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        #[expect(clippy::cast_possible_truncation, reason = "below the length")]
        order.swap(i, (*random % (i as u64 + 1)) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_separable_classes_get_margins_of_opposite_sign() {
        let a: Vec<Sparse> = (0..4).map(|_| vec![(0, 1.0)]).collect();
        let b: Vec<Sparse> = (0..4).map(|_| vec![(1, 1.0)]).collect();
        let samples: Vec<(&Sparse, usize)> = a.iter().map(|x| (x, 0)).chain(b.iter().map(|x| (x, 1))).collect();
        let weights = train(&samples, 2, 2);
        let margins = weights.margins(&a[0]);
        assert!(margins[0] > 0.7 && margins[1] < -0.7, "{margins:?}");
    }
}
