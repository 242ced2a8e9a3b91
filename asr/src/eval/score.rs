//! Errors counted, and how far the counts can be trusted.

/// Edits between a reference and what was recognized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Errors {
    /// Substitutions, deletions and insertions together.
    pub edits: usize,
    /// Length of the reference.
    pub length: usize,
}

/// The fewest edits that turn `reference` into `heard`.
#[must_use]
pub fn compare<T: PartialEq>(reference: &[T], heard: &[T]) -> Errors {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (at, item) in reference.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, other) in heard.iter().enumerate() {
            let substituted = diagonal + usize::from(item != other);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(diagonal + 1).min(row[column] + 1);
        }
    }
    Errors { edits: row[heard.len()], length: reference.len() }
}

/// A rate in percent with half the width of its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Percent.
    pub percent: f64,
    /// Percent to either side.
    pub margin: f64,
}

/// Edits over reference length. Utterances are the independent samples, not their characters: within one they share a
/// speaker and a line.
#[must_use]
pub fn error_rate(errors: impl Iterator<Item = Errors> + Clone) -> Rate {
    let (edits, length) = errors.clone().fold((0, 0), |sum, error| (sum.0 + error.edits, sum.1 + error.length));
    let length = length.max(1) as f64;
    let rate = edits as f64 / length;
    let squares: f64 = errors.map(|error| (error.edits as f64 - rate * error.length as f64).powi(2)).sum();
    Rate { percent: 100.0 * rate, margin: 196.0 * squares.sqrt() / length }
}

/// A share of `count` with Wilson's interval, whose half width holds near 0 and 100 % too.
#[must_use]
pub fn share(hits: usize, count: usize) -> Rate {
    let n = count.max(1) as f64;
    let (p, z) = (hits as f64 / n, 1.96_f64);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt() / (1.0 + z * z / n);
    Rate { percent: 100.0 * p, margin: 100.0 * half }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edits(reference: &str, heard: &str) -> usize {
        compare(&reference.chars().collect::<Vec<_>>(), &heard.chars().collect::<Vec<_>>()).edits
    }

    #[test]
    fn edits_are_counted() {
        assert_eq!(edits("查话费", "查话费"), 0);
        assert_eq!(edits("查话费", "茶话"), 2);
        assert_eq!(edits("", "查"), 1);
        assert_eq!(edits("幺三八", "三幺八"), 2);
    }

    #[test]
    fn intervals_shrink_with_more_recordings() {
        let errors = [Errors { edits: 1, length: 5 }, Errors { edits: 0, length: 5 }];
        let few = error_rate(errors.iter().copied());
        let many = error_rate(errors.iter().copied().cycle().take(200));
        assert!((few.percent - 10.0).abs() < 1e-9 && (many.percent - 10.0).abs() < 1e-9);
        assert!(many.margin < few.margin / 5.0);
        assert!(share(10, 10).margin > 5.0 && share(1_000, 1_000).margin < 1.0);
    }
}
