//! Whether a piece of sound has a pitch and overtones: vowels do; coughs, keyboards, hiss and line tones do not.
//!
//! Normalised autocorrelation over the lags of human voices (Boersma 1993 describes the measure), after pre-emphasis, so that a
//! thump below the telephone band is no voice.

use hualu_core::PcmFrame;

/// The samples of one frame at 8 kHz, to which everything is brought down.
const FRAME: usize = 160;
/// How many frames are looked at: the last one and what its longest lag reaches back to.
const FRAMES: usize = 3;
/// Samples that are compared with themselves: 30 ms, three periods of a low voice.
const WINDOW: usize = 240;
/// From 400 Hz down to 60 Hz, as lags at 8 kHz.
const LAGS: std::ops::Range<usize> = 20..134;
/// How much of each sample is taken from the next.
const EMPHASIS: f32 = 0.9;
/// Quieter than this (mean square after pre-emphasis) is a line at rest, which repeats itself exactly.
const QUIET: f32 = 400.0;
/// A sound that is as like itself one period later has a pitch; noise stays below half of it.
const PITCHED: f32 = 0.7;

/// Whether the last of `frames` has a pitch. Fewer than three frames have none.
pub(crate) fn is_pitched<'a>(frames: impl DoubleEndedIterator<Item = &'a PcmFrame>) -> bool {
    let mut wave = [0.0_f32; FRAMES * FRAME];
    let mut taken = 0;
    for (frame, part) in frames.rev().zip(wave.rchunks_exact_mut(FRAME)) {
        fill(part, frame);
        taken += 1;
    }
    if taken < FRAMES {
        return false;
    }
    for at in (1..wave.len()).rev() {
        let before = wave.get(at - 1).copied().unwrap_or_default();
        if let Some(sample) = wave.get_mut(at) {
            *sample -= EMPHASIS * before;
        }
    }
    repeats(&wave)
}

/// A frame of any rate as 8 kHz; the mean of neighbours is filter enough for what is asked of it.
fn fill(part: &mut [f32], frame: &PcmFrame) {
    let step = (frame.samples().len() / FRAME).max(1);
    for (to, from) in part.iter_mut().zip(frame.samples().chunks(step)) {
        *to = from.iter().map(|sample| f32::from(*sample)).sum::<f32>() / step as f32;
    }
}

/// A tone is foretold from two samples before it (a sine is a second-order recurrence) but for this share of its power.
const TONE: f32 = 0.005;

/// Whether one sine makes up the sound: a dial tone, a modem. The prediction error is that of Levinson's recursion.
fn is_tone(last: &[f32], own: f32) -> bool {
    let lagged = |lag: usize| {
        let (late, early) = (last.get(lag..).unwrap_or_default(), last.get(..last.len() - lag).unwrap_or_default());
        let sum: f32 = late.iter().zip(early).map(|(a, b)| a * b).sum();
        sum / own * last.len() as f32 / late.len().max(1) as f32
    };
    let (one, two) = (lagged(1), lagged(2));
    let left = 1.0 - one * one;
    if left <= TONE {
        return true;
    }
    let reflection = (two - one * one) / left;
    left * (1.0 - reflection * reflection) < TONE
}

/// Whether the end of `wave` is like what was one period before it, at any lag.
fn repeats(wave: &[f32]) -> bool {
    let from = wave.len().saturating_sub(WINDOW);
    let last = wave.get(from..).unwrap_or_default();
    let own = dot(last, last);
    if own < QUIET * WINDOW as f32 || is_tone(last, own) {
        return false;
    }
    LAGS.into_iter().any(|lag| {
        let earlier = from.checked_sub(lag).and_then(|at| wave.get(at..at + WINDOW)).unwrap_or_default();
        dot(last, earlier) >= PITCHED * (own * dot(earlier, earlier)).sqrt().max(1.0)
    })
}

/// The sum of products, in eight sums that the compiler can keep side by side.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hualu_core::SampleRate;
    use std::f32::consts::TAU;

    fn frames(rate: SampleRate, sound: impl Fn(f32) -> f32) -> Vec<PcmFrame> {
        let len = rate.hz() as usize / 50;
        let frame = |n: usize| {
            let at = |k| (n * len + k) as f32 / rate.hz() as f32;
            PcmFrame::new(&(0..len).map(|k| sound(at(k)) as i16).collect::<Vec<_>>(), rate).expect("fits")
        };
        (0..4).map(frame).collect()
    }

    /// A buzz with the overtones of a vowel.
    fn vowel(pitch: f32) -> impl Fn(f32) -> f32 {
        move |t| (1..20).map(|k| 3_000.0 / k as f32 * (TAU * pitch * k as f32 * t).sin()).sum()
    }

    /// The same noise at each time.
    fn noise(t: f32) -> f32 {
        let mut bits = t.to_bits().wrapping_mul(0x9E37_79B9);
        bits ^= bits >> 15;
        bits = bits.wrapping_mul(0x85EB_CA6B);
        bits ^= bits >> 13;
        f32::from((bits >> 16) as i16) / 4.0
    }

    #[test]
    fn vowels_have_a_pitch_at_any_rate_and_noise_has_none() {
        for rate in [SampleRate::HZ_8000, SampleRate::HZ_16000] {
            for pitch in [75.0, 120.0, 210.0, 330.0] {
                assert!(is_pitched(frames(rate, vowel(pitch)).iter()), "{pitch} Hz at {rate:?}");
            }
            assert!(!is_pitched(frames(rate, noise).iter()), "noise at {rate:?}");
            for tone in [110.0, 440.0, 1_000.0, 2_100.0] {
                let sine = |t: f32| 3_000.0 * (TAU * tone * t).sin();
                assert!(!is_pitched(frames(rate, sine).iter()), "a tone of {tone} Hz at {rate:?}");
            }
            assert!(!is_pitched(frames(rate, |_| 0.0).iter()), "silence");
            assert!(!is_pitched(frames(rate, |_| 8.0).iter()), "A-law's silence");
        }
    }

    #[test]
    fn too_little_sound_has_no_pitch() {
        let all = frames(SampleRate::HZ_8000, vowel(120.0));
        assert!(!is_pitched(all[..2].iter()));
        assert!(!is_pitched([].iter()));
    }
}
