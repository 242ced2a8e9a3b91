//! Ducking: the prompt goes down while it is decided whether the caller interrupts it, and comes up again if not.

/// Samples of one ramp: 20 ms, short enough to be prompt and long enough not to click.
const RAMP: f32 = 160.0;

/// The loudness of what is played: a factor that moves to its target in a straight line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gain {
    now: f32,
    target: f32,
    step: f32,
}

impl Gain {
    /// As loud as it was made.
    pub(crate) const fn full() -> Self {
        Self { now: 1.0, target: 1.0, step: 0.0 }
    }

    /// Moves to `target` within 20 ms.
    pub(crate) fn ramp_to(&mut self, target: f32) {
        self.target = target.clamp(0.0, 1.0);
        self.step = (self.target - self.now) / RAMP;
    }

    /// Scales `pcm`, which is played next.
    pub(crate) fn apply(&mut self, pcm: &mut [i16]) {
        if self.now == 1.0 && self.target == 1.0 {
            return;
        }
        for sample in pcm {
            let left = self.target - self.now;
            self.now = if left.abs() <= 1.5 * self.step.abs() { self.target } else { self.now + self.step };
            *sample = (f32::from(*sample) * self.now) as i16;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_in_a_line_over_twenty_milliseconds_and_stays() {
        let mut gain = Gain::full();
        let mut pcm = [10_000; 160];
        gain.apply(&mut pcm);
        assert_eq!(pcm, [10_000; 160], "nothing is touched at full gain");
        gain.ramp_to(0.25);
        gain.apply(&mut pcm);
        assert!(pcm.windows(2).all(|pair| (0..=48).contains(&(pair[0] - pair[1]))), "no step is heard: {pcm:?}");
        assert_eq!(pcm[159], 2_500);
        let mut pcm = [10_000; 160];
        gain.apply(&mut pcm);
        assert_eq!(pcm, [2_500; 160]);
        gain.ramp_to(1.0);
        gain.apply(&mut pcm);
        let mut pcm = [-10_000; 160];
        gain.apply(&mut pcm);
        assert_eq!(pcm, [-10_000; 160]);
    }

    #[test]
    fn turning_round_in_the_middle_makes_no_step() {
        let mut gain = Gain::full();
        gain.ramp_to(0.25);
        let mut pcm = [10_000; 320];
        gain.apply(&mut pcm[..80]);
        gain.ramp_to(1.0);
        gain.apply(&mut pcm[80..]);
        assert!(pcm.windows(2).all(|pair| (pair[0] - pair[1]).abs() <= 48));
        assert_eq!(pcm[319], 10_000);
    }
}
