//! Harmonic-plus-noise synthesis at 8 kHz: two envelopes, voicing and F0 every 5 ms become samples. No model, no I/O.
//!
//! Harmonics are one oscillator bank on a running phase; their complex amplitudes, with the minimum phase of the
//! envelope, are drawn linearly from one sub-frame to the next, so nothing ever steps. Noise is random-phase spectra
//! in sine windows of 10 ms, added at half their length. Noise depends on the seed and the number of the sub-frame
//! alone: how the input is cut into chunks changes nothing.

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use std::f64::consts::TAU;
use std::fmt;
use std::sync::Arc;

/// The rate of the sound, in hertz.
pub const RATE_HZ: u32 = 8_000;
/// Samples of a sub-frame (5 ms).
pub const HOP: usize = 40;
/// Points of the harmonic envelope, equally spaced in mel from 100 to 3900 Hz.
pub const H_BANDS: usize = 32;
/// Bands of the noise envelope, equally wide in mel from 0 to 4000 Hz.
pub const N_BANDS: usize = 20;
/// Points of the transforms.
pub const N_FFT: usize = 128;
/// ln amplitude that counts as silence, about −80 dBov.
pub const FLOOR_LN: f32 = -9.2;

const BINS: usize = N_FFT / 2 + 1;
const WINDOW: usize = 2 * HOP;
/// Harmonics fade out between these, below the edge of the band.
const FADE_HZ: (f32, f32) = (3_500.0, 3_850.0);
const HARMONICS_MAX: usize = 96;

fn mel(hz: f32) -> f32 {
    1_127.0 * (hz / 700.0).ln_1p()
}

fn unmel(mel: f32) -> f32 {
    700.0 * (mel / 1_127.0).exp_m1()
}

/// Frequencies of the points of the harmonic envelope.
pub fn harmonic_axis_hz() -> [f32; H_BANDS] {
    let (low, high) = (mel(100.0), mel(3_900.0));
    std::array::from_fn(|band| unmel(low + (high - low) * band as f32 / (H_BANDS - 1) as f32))
}

/// Centre frequencies of the bands of the noise envelope.
pub fn noise_centres_hz() -> [f32; N_BANDS] {
    let edge = |n: usize| unmel(mel(4_000.0) * n as f32 / N_BANDS as f32);
    std::array::from_fn(|band| 0.5 * (edge(band) + edge(band + 1)))
}

/// One sub-frame as the vocoder plays it.
#[derive(Clone, Copy, Debug)]
pub struct SubFrame<'a> {
    /// ln amplitude of a harmonic at each of the [`H_BANDS`] points.
    pub harmonic: &'a [f32],
    /// ln standard deviation of the noise in each of the [`N_BANDS`] bands.
    pub noise: &'a [f32],
    /// Gain of the harmonics, 0 to 1.
    pub voicing: f32,
    /// F0 of the speaker's own voice.
    pub f0_hz: f32,
}

/// The synthesizer of one clause.
pub struct Vocoder {
    inverse: Arc<dyn ComplexToReal<f32>>,
    forward: Arc<dyn RealToComplex<f32>>,
    seed: u64,
    pitch: f32,
    formant: f32,
    harmonic_at: [f32; BINS],
    noise_at: [f32; BINS],
    window: [f32; WINDOW],
    next_frame: u64,
    phase: f64,
    f0_hz: f32,
    amplitudes: Vec<Complex<f32>>,
    noise_tail: [f32; HOP],
    spectrum: Vec<Complex<f32>>,
    time: Vec<f32>,
}

impl fmt::Debug for Vocoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vocoder").field("next_frame", &self.next_frame).finish_non_exhaustive()
    }
}

impl Vocoder {
    /// A synthesizer at the start of a clause. `pitch` is a factor on F0, `formant` one on the formants' frequencies.
    pub fn new(seed: u64, pitch: f32, formant: f32) -> Self {
        let mut planner = RealFftPlanner::<f32>::new();
        let bin_hz = |bin: usize| bin as f32 * RATE_HZ as f32 / N_FFT as f32;
        Self {
            inverse: planner.plan_fft_inverse(N_FFT),
            forward: planner.plan_fft_forward(N_FFT),
            seed,
            pitch,
            formant,
            harmonic_at: std::array::from_fn(|bin| harmonic_position(bin_hz(bin), formant)),
            noise_at: std::array::from_fn(|bin| noise_position(bin_hz(bin), formant)),
            window: std::array::from_fn(|n| (std::f32::consts::PI * (n as f32 + 0.5) / WINDOW as f32).sin()),
            next_frame: 0,
            phase: 0.0,
            f0_hz: 0.0,
            amplitudes: Vec::with_capacity(HARMONICS_MAX),
            noise_tail: [0.0; HOP],
            spectrum: vec![Complex::default(); BINS],
            time: vec![0.0; N_FFT],
        }
    }

    /// Takes the next sub-frame and appends the [`HOP`] samples between the one before and it; the first gives none.
    pub fn push(&mut self, frame: SubFrame<'_>, out: &mut Vec<f32>) {
        let f0_hz = frame.f0_hz * self.pitch;
        let amplitudes = self.amplitudes_of(&frame, f0_hz);
        let (rising, falling) = self.noise_of(frame.noise);
        if self.next_frame > 0 {
            self.draw(&amplitudes, f0_hz, &rising, out);
        }
        self.amplitudes = amplitudes;
        self.f0_hz = f0_hz;
        self.noise_tail = falling;
        self.next_frame += 1;
    }

    fn draw(&mut self, next: &[Complex<f32>], f0_hz: f32, rising: &[f32; HOP], out: &mut Vec<f32>) {
        let zero = Complex::default();
        let count = next.len().max(self.amplitudes.len());
        let pairs: Vec<(Complex<f32>, Complex<f32>)> = (0..count)
            .map(|k| {
                let from = self.amplitudes.get(k).copied().unwrap_or(zero);
                (from, next.get(k).copied().unwrap_or(zero) - from)
            })
            .collect();
        for (n, (rising, falling)) in rising.iter().zip(self.noise_tail).enumerate() {
            let share = n as f32 / HOP as f32;
            let f0 = f64::from(self.f0_hz) + f64::from(f0_hz - self.f0_hz) * f64::from(share);
            self.phase = (self.phase + TAU * f0 / f64::from(RATE_HZ)) % TAU;
            let (sin, cos) = (self.phase as f32).sin_cos();
            let turn = Complex::new(cos, sin);
            let (mut rotor, mut sum) = (turn, 0.0);
            for &(from, step) in &pairs {
                let c = from + step * share;
                sum += c.re * rotor.re - c.im * rotor.im;
                rotor *= turn;
            }
            out.push(sum + rising + falling);
        }
    }

    /// Complex amplitude of every harmonic below the edge of the band.
    fn amplitudes_of(&mut self, frame: &SubFrame<'_>, f0_hz: f32) -> Vec<Complex<f32>> {
        if frame.voicing <= 0.0 {
            return Vec::new();
        }
        let phase = self.minimum_phase(frame.harmonic);
        let gain = frame.voicing * (f0_hz / frame.f0_hz).sqrt();
        let count = ((FADE_HZ.1 / f0_hz) as usize).min(HARMONICS_MAX);
        (1..=count)
            .map(|k| {
                let hz = f0_hz * k as f32;
                let fade = ((FADE_HZ.1 - hz) / (FADE_HZ.1 - FADE_HZ.0)).clamp(0.0, 1.0);
                let amplitude = lerp(frame.harmonic, harmonic_position(hz, self.formant)).exp();
                let angle = lerp(&phase, hz * N_FFT as f32 / RATE_HZ as f32);
                Complex::from_polar(amplitude * fade * gain, angle)
            })
            .collect()
    }

    /// Phase in radians, per bin, of the minimum-phase system with this envelope (folded real cepstrum).
    fn minimum_phase(&mut self, envelope: &[f32]) -> [f32; BINS] {
        for (value, &at) in self.spectrum.iter_mut().zip(&self.harmonic_at) {
            *value = Complex::new(lerp(envelope, at), 0.0);
        }
        self.back_to_time();
        for (n, value) in self.time.iter_mut().enumerate() {
            *value *= if (1..N_FFT / 2).contains(&n) { 2.0 } else { 0.0 };
        }
        self.forward.process(&mut self.time, &mut self.spectrum).expect("buffers have the planned lengths");
        std::array::from_fn(|bin| self.spectrum[bin].im)
    }

    /// The windowed noise of the sub-frame about to be taken: its rising and its falling half.
    fn noise_of(&mut self, envelope: &[f32]) -> ([f32; HOP], [f32; HOP]) {
        let mut random = self.seed ^ self.next_frame.wrapping_mul(0xD1B5_4A32_D192_ED03);
        let mut drawn = 0;
        self.spectrum[0] = Complex::default();
        self.spectrum[BINS - 1] = Complex::default();
        for bin in 1..BINS - 1 {
            if (bin - 1) % 4 == 0 {
                drawn = splitmix(&mut random);
            }
            let turns = (drawn & 0xFFFF) as f32 / 65_536.0;
            drawn >>= 16;
            let magnitude = lerp(envelope, self.noise_at[bin]).exp() * (N_FFT as f32).sqrt();
            self.spectrum[bin] = Complex::from_polar(magnitude, std::f32::consts::TAU * turns);
        }
        self.back_to_time();
        let from = (N_FFT - WINDOW) / 2;
        let half = |start: usize| std::array::from_fn(|n| self.time[from + start + n] * self.window[start + n]);
        (half(0), half(HOP))
    }

    /// `spectrum` to `time`, scaled by 1 / N_FFT.
    fn back_to_time(&mut self) {
        self.inverse.process(&mut self.spectrum, &mut self.time).expect("both ends of the spectrum are real");
        self.time.iter_mut().for_each(|value| *value /= N_FFT as f32);
    }
}

fn harmonic_position(hz: f32, formant: f32) -> f32 {
    let (low, high) = (mel(100.0), mel(3_900.0));
    ((mel(hz / formant) - low) / (high - low) * (H_BANDS - 1) as f32).clamp(0.0, (H_BANDS - 1) as f32)
}

fn noise_position(hz: f32, formant: f32) -> f32 {
    let centres = noise_centres_hz();
    let (low, high) = (mel(centres[0]), mel(centres[N_BANDS - 1]));
    ((mel(hz / formant) - low) / (high - low) * (N_BANDS - 1) as f32).clamp(0.0, (N_BANDS - 1) as f32)
}

fn lerp(table: &[f32], position: f32) -> f32 {
    let low = (position as usize).min(table.len() - 2);
    let share = position - low as f32;
    table[low] + share * (table[low + 1] - table[low])
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(frames: usize, voicing: f32, noise_ln: f32, f0: impl Fn(usize) -> f32) -> Vec<f32> {
        let (harmonic, noise) = (std::array::from_fn::<_, H_BANDS, _>(|n| -3.0 - 0.2 * n as f32), [noise_ln; N_BANDS]);
        let mut vocoder = Vocoder::new(7, 1.0, 1.0);
        let mut out = Vec::new();
        for m in 0..frames {
            vocoder.push(SubFrame { harmonic: &harmonic, noise: &noise, voicing, f0_hz: f0(m) }, &mut out);
        }
        out
    }

    #[test]
    fn the_first_sub_frame_primes_and_every_other_gives_a_hop() {
        assert_eq!(play(11, 1.0, -5.0, |_| 200.0).len(), 10 * HOP);
    }

    #[test]
    fn noise_has_the_asked_level() {
        let out = play(400, 0.0, -2.0, |_| 200.0);
        let power = out.iter().map(|x| x * x).sum::<f32>() / out.len() as f32;
        assert!((power.sqrt().ln() + 2.0).abs() < 0.05, "{}", power.sqrt().ln());
    }

    #[test]
    fn harmonics_repeat_with_the_period_and_never_step() {
        let steady = play(60, 1.0, -20.0, |_| 200.0);
        let error: f32 = (800..1_600).map(|n| (steady[n] - steady[n + 40]).abs()).fold(0.0, f32::max);
        assert!(error < 1e-3, "200 Hz repeats every 40 samples: {error}");
        let gliding = play(60, 1.0, -20.0, |m| 180.0 + 2.0 * m as f32);
        let jump = |x: &[f32]| x.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0_f32, f32::max);
        let (gliding, steady) = (jump(&gliding), jump(&steady));
        assert!(gliding < 1.6 * steady, "a glide steps by {gliding}, a steady tone by {steady}");
    }

    #[test]
    fn a_seed_repeats_and_another_differs() {
        assert_eq!(play(20, 0.5, -4.0, |_| 220.0), play(20, 0.5, -4.0, |_| 220.0));
        let mut other = Vocoder::new(8, 1.0, 1.0);
        let (mut out, noise) = (Vec::new(), [-4.0; N_BANDS]);
        for _ in 0..20 {
            other.push(SubFrame { harmonic: &[-3.0; H_BANDS], noise: &noise, voicing: 0.5, f0_hz: 220.0 }, &mut out);
        }
        assert_ne!(out, play(20, 0.5, -4.0, |_| 220.0));
    }
}
