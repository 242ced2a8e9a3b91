//! A network that loses, delays, repeats and reorders packets, as its seed wants it.

use rand::Rng;
use rand::rngs::StdRng;
use std::time::Duration;

/// What the network does to the caller's packets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    /// The share that is lost.
    pub loss: f64,
    /// The share that comes twice.
    pub duplicate: f64,
    /// The transit of the fastest packet.
    pub delay: Duration,
    /// What slower packets take on top, at most. More than 20 ms reorders.
    pub jitter: Duration,
}

impl Network {
    /// Everything comes at once.
    pub const PERFECT: Self = Self { loss: 0.0, duplicate: 0.0, delay: Duration::ZERO, jitter: Duration::ZERO };

    /// When the copies of one packet arrive, counted from its sending. Empty when it is lost.
    pub(crate) fn deliveries(&self, rng: &mut StdRng) -> Vec<Duration> {
        if rng.random_bool(self.loss) {
            return Vec::new();
        }
        let copies = 1 + usize::from(rng.random_bool(self.duplicate));
        (0..copies).map(|_| self.delay + self.jitter.mul_f64(rng.random::<f64>())).collect()
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::PERFECT
    }
}
