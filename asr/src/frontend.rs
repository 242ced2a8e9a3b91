//! Log-mel features, computed as they were for training: no padding, no pre-emphasis, no normalisation.

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex32};
use std::f64::consts::PI;
use std::fmt;
use std::sync::Arc;

/// How a model wants its features; read from the model's metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureSpec {
    /// Samples per second of the audio that the model was trained on.
    pub sample_rate_hz: u32,
    /// Points of the transform; the window is padded with zeros at its end.
    pub n_fft: usize,
    /// Samples in a window (periodic Hann).
    pub win_len: usize,
    /// Samples from one window to the next.
    pub hop_len: usize,
    /// Triangles, equally spaced in HTK mel, height 1.
    pub n_mels: usize,
    /// Lower edge of the first triangle in Hz.
    pub f_min: f64,
    /// Upper edge of the last triangle in Hz.
    pub f_max: f64,
    /// Powers below this are raised to it before the logarithm.
    pub log_floor: f32,
}

impl FeatureSpec {
    /// Says what makes the spec unusable.
    ///
    /// # Errors
    /// A sentence naming the value.
    pub fn check(&self) -> Result<(), String> {
        let nyquist = f64::from(self.sample_rate_hz) / 2.0;
        if self.win_len == 0 || self.win_len > self.n_fft || self.n_fft > 1 << 14 {
            return Err(format!("`win_len` {} does not fit `n_fft` {}", self.win_len, self.n_fft));
        }
        if self.hop_len == 0 || self.n_mels == 0 {
            return Err("`hop_len` and `n_mels` must be above 0".to_owned());
        }
        if !(self.f_min >= 0.0 && self.f_min < self.f_max && self.f_max <= nyquist) {
            return Err(format!("mel range {} to {} Hz does not fit a band of {nyquist} Hz", self.f_min, self.f_max));
        }
        if self.log_floor.is_nan() || self.log_floor <= 0.0 {
            return Err(format!("`log_floor` is {}, expected above 0", self.log_floor));
        }
        Ok(())
    }
}

/// A triangle of the mel filter bank, without its zeros.
#[derive(Debug)]
struct Triangle {
    first: usize,
    weights: Vec<f32>,
}

/// Streaming log-mel: samples in, frames of `n_mels` values out.
pub struct LogMel {
    spec: FeatureSpec,
    window: Vec<f32>,
    triangles: Vec<Triangle>,
    fft: Arc<dyn RealToComplex<f32>>,
    input: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
    power: Vec<f32>,
    pending: Vec<f32>,
}

impl fmt::Debug for LogMel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogMel").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl LogMel {
    /// Prepares window, transform and filter bank.
    #[must_use]
    pub fn new(spec: &FeatureSpec) -> Self {
        let fft = RealFftPlanner::<f32>::new().plan_fft_forward(spec.n_fft);
        let hann = |n: usize| 0.5 - 0.5 * (2.0 * PI * n as f64 / spec.win_len as f64).cos();
        Self {
            window: (0..spec.win_len).map(|n| hann(n) as f32).collect(),
            triangles: triangles(spec),
            input: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            power: vec![0.0; spec.n_fft / 2 + 1],
            pending: Vec::new(),
            spec: spec.clone(),
            fft,
        }
    }

    /// Takes samples in `-1.0..1.0` and appends the frames that they complete to `out`; answers how many.
    ///
    /// Frame `t` covers the samples `hop_len * t .. hop_len * t + win_len` since the last [`Self::reset`].
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) -> usize {
        self.pending.extend_from_slice(samples);
        let (mut start, mut frames) = (0, 0);
        while start + self.spec.win_len <= self.pending.len() {
            self.frame(start, out);
            start += self.spec.hop_len;
            frames += 1;
        }
        self.pending.drain(..start.min(self.pending.len()));
        frames
    }

    /// Appends `frames` frames of digital silence to `out` and forgets samples that did not fill a frame.
    pub fn flush(&mut self, frames: usize, out: &mut Vec<f32>) {
        // The last words may still lie in a window that never filled: complete those windows with zeros first.
        let open = self.pending.len().div_ceil(self.spec.hop_len);
        let zeros = vec![0.0; self.spec.win_len + self.spec.hop_len * open.max(1)];
        let made = self.push(&zeros, out);
        let floor = self.spec.log_floor.ln();
        out.extend(std::iter::repeat_n(floor, frames.saturating_sub(made) * self.spec.n_mels));
        self.reset();
    }

    /// Forgets samples that did not fill a frame: the next sample starts frame 0.
    pub fn reset(&mut self) {
        self.pending.clear();
    }

    fn frame(&mut self, start: usize, out: &mut Vec<f32>) {
        let samples = &self.pending[start..start + self.spec.win_len];
        for (slot, (sample, weight)) in self.input.iter_mut().zip(samples.iter().zip(&self.window)) {
            *slot = sample * weight;
        }
        self.input[self.spec.win_len..].fill(0.0);
        self.fft
            .process_with_scratch(&mut self.input, &mut self.spectrum, &mut self.scratch)
            .expect("the buffers were made by this transform");
        for (power, bin) in self.power.iter_mut().zip(&self.spectrum) {
            *power = bin.norm_sqr();
        }
        for triangle in &self.triangles {
            let bins = &self.power[triangle.first..triangle.first + triangle.weights.len()];
            let energy: f32 = bins.iter().zip(&triangle.weights).map(|(power, weight)| power * weight).sum();
            out.push(energy.max(self.spec.log_floor).ln());
        }
    }
}

fn triangles(spec: &FeatureSpec) -> Vec<Triangle> {
    let mel = |hz: f64| 2_595.0 * (1.0 + hz / 700.0).log10();
    let hz = |mel: f64| 700.0 * (10.0_f64.powf(mel / 2_595.0) - 1.0);
    let (low, high) = (mel(spec.f_min), mel(spec.f_max));
    let edge = |n: usize| hz(low + (high - low) * n as f64 / (spec.n_mels + 1) as f64);
    let bin_hz = f64::from(spec.sample_rate_hz) / spec.n_fft as f64;
    (0..spec.n_mels)
        .map(|n| {
            let (start, peak, end) = (edge(n), edge(n + 1), edge(n + 2));
            let height = |bin: usize| {
                let at = bin as f64 * bin_hz;
                ((at - start) / (peak - start)).min((end - at) / (end - peak)).max(0.0) as f32
            };
            let bins: Vec<usize> = (0..=spec.n_fft / 2).filter(|&bin| height(bin) > 0.0).collect();
            let first = bins.first().copied().unwrap_or(0);
            Triangle { first, weights: bins.iter().map(|&bin| height(bin)).collect() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> FeatureSpec {
        FeatureSpec {
            sample_rate_hz: 8_000,
            n_fft: 256,
            win_len: 200,
            hop_len: 80,
            n_mels: 40,
            f_min: 60.0,
            f_max: 3_800.0,
            log_floor: 1e-7,
        }
    }

    fn noise(count: usize) -> Vec<f32> {
        let mut seed = 1_u32;
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 9) as f32 / (1 << 23) as f32 - 0.5
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn a_stream_in_pieces_gives_the_same_frames_as_one_in_whole() {
        let samples = noise(4_321);
        let (mut whole, mut pieces) = (Vec::new(), Vec::new());
        let frames = LogMel::new(&spec()).push(&samples, &mut whole);
        assert_eq!(frames, (4_321 - 200) / 80 + 1);
        let mut logmel = LogMel::new(&spec());
        for block in samples.chunks(53) {
            logmel.push(block, &mut pieces);
        }
        assert_eq!(whole, pieces);
    }

    #[test]
    fn a_tone_stands_in_its_own_mel_band() {
        let samples: Vec<f32> = (0..400).map(|n| (2.0 * PI * 1_000.0 * f64::from(n) / 8_000.0).sin() as f32).collect();
        let mut out = Vec::new();
        LogMel::new(&spec()).push(&samples, &mut out);
        let best = (0..40).max_by(|&a, &b| out[a].total_cmp(&out[b])).expect("40 bands");
        let mel = |hz: f64| 2_595.0 * (1.0 + hz / 700.0).log10();
        let width = (mel(3_800.0) - mel(60.0)) / 41.0;
        let expected = ((mel(1_000.0) - mel(60.0)) / width).round() as usize - 1;
        assert!(best.abs_diff(expected) <= 1, "band {best}, expected {expected}");
    }

    #[test]
    fn a_flush_completes_the_open_windows_and_then_is_silence() {
        let mut logmel = LogMel::new(&spec());
        let mut out = Vec::new();
        logmel.push(&noise(250), &mut out);
        out.clear();
        logmel.flush(20, &mut out);
        assert_eq!(out.len(), 20 * 40);
        let floor = 1e-7_f32.ln();
        assert!(out[..40].iter().any(|&value| value > floor + 5.0), "the tail is heard");
        assert!(out[19 * 40..].iter().all(|&value| value == floor), "and then nothing is");
    }

    #[test]
    fn a_spec_that_cannot_work_says_why() {
        let refused = FeatureSpec { f_max: 5_000.0, ..spec() }.check().expect_err("above the band");
        assert!(refused.contains("5000"), "{refused}");
        assert!(FeatureSpec { win_len: 300, ..spec() }.check().is_err());
        assert_eq!(spec().check(), Ok(()));
    }
}
