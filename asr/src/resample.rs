//! Resampling at the recognizer's door: a streaming polyphase filter for any two rates.

use hualu_core::SampleRate;
use std::f64::consts::PI;

/// Zero crossings of the sinc on each side of its centre, at the lower of the two rates.
const HALF_WIDTH: f64 = 12.0;
/// How much of the narrower band passes; the rest is the filter's slope.
const PASS: f64 = 0.92;

/// Turns a stream of samples at one rate into a stream at another. At equal rates it copies.
#[derive(Debug)]
pub struct Resampler {
    /// Output samples per `step` input samples.
    phases: usize,
    /// Input samples per `phases` output samples.
    step: usize,
    /// `[phases, taps]`, each row normalised to unit gain.
    filters: Vec<f32>,
    taps: usize,
    history: Vec<f32>,
    /// Position of the next output, in `1 / phases` of an input sample from the start of `history`.
    position: usize,
}

impl Resampler {
    /// Prepares the filter from `from` to `to`.
    #[must_use]
    pub fn new(from: SampleRate, to: SampleRate) -> Self {
        let divisor = gcd(from.hz(), to.hz());
        let (phases, step) = ((to.hz() / divisor) as usize, (from.hz() / divisor) as usize);
        if phases == step {
            return Self { phases: 1, step: 1, filters: Vec::new(), taps: 0, history: Vec::new(), position: 0 };
        }
        let cutoff = PASS * f64::from(to.hz().min(from.hz())) / f64::from(from.hz());
        let taps = 2 * (HALF_WIDTH / cutoff).ceil() as usize;
        let mut filters = Vec::with_capacity(phases * taps);
        for phase in 0..phases {
            filters.extend(row(phase as f64 / phases as f64, taps, cutoff));
        }
        Self { phases, step, filters, taps, history: vec![0.0; taps / 2 - 1], position: 0 }
    }

    /// Takes 16-bit samples and appends what they complete to `out`, in `-1.0..1.0`.
    pub fn push(&mut self, samples: &[i16], out: &mut Vec<f32>) {
        let scaled = samples.iter().map(|&sample| f32::from(sample) / 32_768.0);
        if self.taps == 0 {
            out.extend(scaled);
            return;
        }
        self.history.extend(scaled);
        loop {
            let start = self.position / self.phases;
            let Some(window) = self.history.get(start..start + self.taps) else { break };
            let phase = self.position % self.phases;
            let filter = &self.filters[phase * self.taps..(phase + 1) * self.taps];
            out.push(window.iter().zip(filter).map(|(sample, tap)| sample * tap).sum());
            self.position += self.step;
        }
        let used = (self.position / self.phases).min(self.history.len());
        self.history.drain(..used);
        self.position -= used * self.phases;
    }
}

/// One row of the filter bank: a Hann-windowed sinc that looks `fraction` of a sample past the row's centre.
fn row(fraction: f64, taps: usize, cutoff: f64) -> impl Iterator<Item = f32> {
    let centre = taps as f64 / 2.0 - 1.0 + fraction;
    let half = taps as f64 / 2.0;
    let tap = move |at: usize| {
        let x = at as f64 - centre;
        let sinc = if x.abs() < 1e-9 { cutoff } else { (PI * cutoff * x).sin() / (PI * x) };
        let window = if x.abs() < half { 0.5 + 0.5 * (PI * x / half).cos() } else { 0.0 };
        sinc * window
    };
    let gain: f64 = (0..taps).map(tap).sum();
    (0..taps).map(move |at| (tap(at) / gain) as f32)
}

const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: f64, hz: f64, count: usize) -> Vec<i16> {
        (0..count).map(|n| (8_000.0 * (2.0 * PI * hz * n as f64 / rate).sin()) as i16).collect()
    }

    fn run(from: u32, to: u32, input: &[i16], block: usize) -> Vec<f32> {
        let rate = |hz| SampleRate::new(hz).expect("a rate");
        let mut resampler = Resampler::new(rate(from), rate(to));
        let mut out = Vec::new();
        input.chunks(block).for_each(|samples| resampler.push(samples, &mut out));
        out
    }

    fn rms(samples: &[f32]) -> f32 {
        (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
    }

    #[test]
    fn a_tone_in_the_band_keeps_its_level_and_place() {
        for (from, to) in [(16_000, 8_000), (8_000, 16_000), (48_000, 8_000), (44_100, 8_000)] {
            let out = run(from, to, &tone(f64::from(from), 1_000.0, from as usize / 2), 160);
            let expected: Vec<f32> = (0..out.len())
                .map(|n| (0.244_14 * (2.0 * PI * 1_000.0 * n as f64 / f64::from(to)).sin()) as f32)
                .collect();
            let middle = 100..out.len() - 100;
            let error: Vec<f32> = middle.clone().map(|n| out[n] - expected[n]).collect();
            assert!(rms(&error) < 0.002, "{from} to {to}: error {}", rms(&error));
            assert!(out.len().abs_diff(to as usize / 2) <= 40, "{from} to {to}: {} samples", out.len());
        }
    }

    #[test]
    fn a_tone_above_the_new_band_is_gone() {
        let out = run(16_000, 8_000, &tone(16_000.0, 5_500.0, 8_000), 320);
        assert!(rms(&out[100..]) < 0.001, "{}", rms(&out[100..]));
    }

    #[test]
    fn block_size_changes_nothing_and_equal_rates_copy() {
        let input = tone(16_000.0, 700.0, 3_000);
        assert_eq!(run(16_000, 8_000, &input, 37), run(16_000, 8_000, &input, 3_000));
        assert_eq!(run(8_000, 8_000, &[16_384, -32_768], 1), [0.5, -1.0]);
    }
}
