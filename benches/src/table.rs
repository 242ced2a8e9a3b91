//! Quantiles, printed as cells of a Markdown table.

use std::fmt;
use std::time::Duration;

/// Durations of one kind.
#[derive(Clone, Debug, Default)]
pub struct Quantiles(Vec<Duration>);

impl Extend<Duration> for Quantiles {
    fn extend<T: IntoIterator<Item = Duration>>(&mut self, more: T) {
        self.0.extend(more);
        self.0.sort_unstable();
    }
}

impl FromIterator<Duration> for Quantiles {
    fn from_iter<T: IntoIterator<Item = Duration>>(all: T) -> Self {
        let mut quantiles = Self::default();
        quantiles.extend(all);
        quantiles
    }
}

impl Quantiles {
    /// The smallest duration that at least `share` of all do not exceed; zero when there are none.
    #[must_use]
    pub fn at(&self, share: f64) -> Duration {
        let rank = (share * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |share| self.at(share).as_millis();
        write!(f, "{} | {} | {} | {} | {}", self.0.len(), ms(0.5), ms(0.95), ms(0.99), ms(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_four_is_the_second() {
        let mut quantiles = Quantiles::default();
        quantiles.extend([4, 1, 3, 2].map(Duration::from_millis));
        assert_eq!(quantiles.to_string(), "4 | 2 | 4 | 4 | 4");
        assert_eq!(Quantiles::default().at(0.5), Duration::ZERO);
    }
}
