//! Rates, levels and frames.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};

/// Peaks above −3 dBov are bent towards full scale instead of being cut off.
const KNEE: f32 = 0.707;

/// Takes a stream of samples from one rate to another, its own delay removed.
pub(crate) struct Resampler {
    inner: Fft<f32>,
    pending: Vec<f32>,
    from_hz: u64,
    to_hz: u64,
    delay_left: usize,
    in_samples: u64,
    out_samples: u64,
}

impl Resampler {
    /// `None` when the library knows no way between the two rates.
    pub(crate) fn new(from_hz: u32, to_hz: u32) -> Option<Self> {
        let chunk = from_hz as usize / 100;
        let inner = Fft::new(from_hz as usize, to_hz as usize, chunk, 1, FixedSync::Both).ok()?;
        let delay_left = inner.output_delay();
        let (from_hz, to_hz) = (from_hz.into(), to_hz.into());
        Some(Self { inner, pending: Vec::new(), from_hz, to_hz, delay_left, in_samples: 0, out_samples: 0 })
    }

    /// Takes more input and returns what is ready.
    pub(crate) fn push(&mut self, samples: &[i16]) -> Vec<i16> {
        self.in_samples += samples.len() as u64;
        self.pending.extend(samples.iter().map(|&s| f32::from(s)));
        self.drain()
    }

    /// Returns what is still inside; the stream is over.
    pub(crate) fn flush(&mut self) -> Vec<i16> {
        let total = self.in_samples * self.to_hz / self.from_hz;
        let mut out = Vec::new();
        while self.out_samples < total {
            let before = self.out_samples;
            self.pending.resize(self.inner.input_frames_next().max(self.pending.len()), 0.0);
            let more = self.drain();
            out.extend_from_slice(&more);
            if self.out_samples == before && self.delay_left == 0 {
                break;
            }
        }
        out.truncate(out.len().saturating_sub(self.out_samples.saturating_sub(total) as usize));
        out
    }

    fn drain(&mut self) -> Vec<i16> {
        let mut out = Vec::new();
        loop {
            let wanted = self.inner.input_frames_next();
            if self.pending.len() < wanted {
                return out;
            }
            let input =
                InterleavedSlice::new(&self.pending[..wanted], 1, wanted).expect("the slice has `wanted` frames");
            let made = self.inner.process(&input, None).expect("one channel and as many frames as were asked for");
            self.pending.drain(..wanted);
            let made = made.take_data();
            let skip = self.delay_left.min(made.len());
            self.delay_left -= skip;
            self.out_samples += (made.len() - skip) as u64;
            out.extend(made[skip..].iter().map(|&s| s.round().clamp(-32_768.0, 32_767.0) as i16));
        }
    }
}

/// Bends what is above −3 dBov so that it never clips.
pub(crate) fn soft_limit(samples: &mut [i16]) {
    for sample in samples {
        let x = f32::from(*sample) / 32_768.0;
        if x.abs() > KNEE {
            let over = (x.abs() - KNEE) / (1.0 - KNEE);
            let bent = KNEE + (1.0 - KNEE) * over.tanh() * 0.98;
            *sample = (bent.copysign(x) * 32_768.0) as i16;
        }
    }
}

/// Cuts a stream into pieces of whole 20 ms frames.
pub(crate) struct Framer {
    frame: usize,
    rest: Vec<i16>,
}

impl Framer {
    pub(crate) fn new(rate_hz: u32) -> Self {
        Self { frame: rate_hz as usize / 50, rest: Vec::new() }
    }

    /// Takes more samples and returns the whole frames so far, maybe none.
    pub(crate) fn push(&mut self, samples: &[i16]) -> Vec<i16> {
        self.rest.extend_from_slice(samples);
        let whole = self.rest.len() / self.frame * self.frame;
        let rest = self.rest.split_off(whole);
        std::mem::replace(&mut self.rest, rest)
    }

    /// The rest, filled up with silence to a whole frame.
    pub(crate) fn flush(&mut self) -> Vec<i16> {
        let mut rest = std::mem::take(&mut self.rest);
        rest.resize(rest.len().next_multiple_of(self.frame), 0);
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::TAU;

    fn sine(rate_hz: u32, len: usize) -> Vec<i16> {
        (0..len).map(|n| (10_000.0 * (TAU * 440.0 * n as f32 / rate_hz as f32).sin()) as i16).collect()
    }

    #[test]
    fn resampling_keeps_length_phase_and_level_however_it_is_cut() {
        for (from_hz, to_hz) in [(8_000, 16_000), (16_000, 8_000), (22_050, 8_000), (44_100, 16_000)] {
            let input = sine(from_hz, from_hz as usize / 2);
            let mut resampler = Resampler::new(from_hz, to_hz).expect("both rates are usual");
            let mut output: Vec<i16> = input.chunks(333).flat_map(|piece| resampler.push(piece)).collect();
            output.extend(resampler.flush());
            let expected = sine(to_hz, to_hz as usize / 2);
            assert_eq!(output.len(), expected.len(), "{from_hz} to {to_hz}");
            // The filter rings at the edges; the middle must be the same wave.
            let middle = output.len() / 4..output.len() * 3 / 4;
            let worst = middle.map(|i| (i32::from(output[i]) - i32::from(expected[i])).abs()).max();
            // A quarter of a sample of delay, which is what odd ratios leave, is 860 at this pitch and level.
            assert!(worst < Some(860), "{from_hz} to {to_hz}: off by {worst:?}");
        }
    }

    #[test]
    fn the_limiter_leaves_speech_alone_and_bends_peaks_in_order() {
        let mut samples = [0, 1_000, -23_000, 26_000, 30_000, 32_767, i16::MIN];
        soft_limit(&mut samples);
        assert_eq!(samples[..3], [0, 1_000, -23_000]);
        assert!(23_000 < samples[3] && samples[3] < samples[4] && samples[4] < samples[5] && samples[5] < 32_700);
        assert!(samples[6] > -32_700);
    }

    #[test]
    fn frames_are_whole_and_nothing_is_lost() {
        let mut framer = Framer::new(8_000);
        assert_eq!(framer.push(&[1; 100]).len(), 0);
        assert_eq!(framer.push(&[1; 300]).len(), 320);
        let tail = framer.flush();
        assert_eq!((tail.len(), tail.iter().filter(|s| **s == 1).count()), (160, 80));
        assert!(framer.flush().is_empty());
    }
}
