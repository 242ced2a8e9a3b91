//! Sounds that are no speech, out of a seeded generator: the same seed makes the same sound.

use crate::caller::Pcm;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::f32::consts::TAU;

const RATE: f32 = 8_000.0;

/// A cough: two or three bursts of air, each abrupt and fading, through a throat.
#[must_use]
pub fn cough(seed: u64) -> Pcm {
    let mut random = StdRng::seed_from_u64(seed);
    let mut sound = Vec::new();
    for _ in 0..random.random_range(2..=3) {
        let len = samples(random.random_range(0.12..0.22));
        let (first, second) = (random.random_range(500.0..900.0), random.random_range(1_400.0..2_200.0));
        let (mut low, mut high) = (Resonator::new(first, 180.0), Resonator::new(second, 300.0));
        for n in 0..len {
            let air = random.random_range(-1.0..1.0_f32) * (-4.0 * n as f32 / len as f32).exp();
            sound.push(low.next(air) + 0.6 * high.next(air));
        }
        sound.extend(std::iter::repeat_n(0.0, samples(random.random_range(0.04..0.12))));
    }
    scaled(&sound, 0.35)
}

/// A knock on a table or a door that shuts: two thumps.
#[must_use]
pub fn knock(seed: u64) -> Pcm {
    let mut random = StdRng::seed_from_u64(seed);
    let mut sound = Vec::new();
    for _ in 0..2 {
        let (pitch, len) = (random.random_range(90.0..160.0), samples(0.18));
        for n in 0..len {
            let fading = (-9.0 * n as f32 / len as f32).exp();
            let click = if n < 24 { random.random_range(-0.8..0.8_f32) } else { 0.0 };
            sound.push(fading * (TAU * pitch * n as f32 / RATE).sin() + click);
        }
        sound.extend(std::iter::repeat_n(0.0, samples(random.random_range(0.05..0.15))));
    }
    scaled(&sound, 0.3)
}

/// Two seconds of an office: air, a keyboard, and people far away whose words nobody could make out.
#[must_use]
pub fn office(seed: u64) -> Pcm {
    let mut random = StdRng::seed_from_u64(seed);
    let len = samples(2.0);
    let mut air = Resonator::new(250.0, 400.0);
    let mut sound: Vec<f32> = (0..len).map(|_| air.next(random.random_range(-0.05..0.05_f32))).collect();
    for _ in 0..random.random_range(8..16) {
        let at = random.random_range(0..len - 80);
        for sample in &mut sound[at..at + 60] {
            *sample += random.random_range(-0.5..0.5_f32);
        }
    }
    for _ in 0..3 {
        let (first, second) = (random.random_range(400.0..700.0), random.random_range(1_000.0..1_800.0));
        let (mut low, mut high) = (Resonator::new(first, 90.0), Resonator::new(second, 140.0));
        let (pitch, pace) = (random.random_range(100.0..220.0), random.random_range(3.0..5.0));
        for (n, sample) in sound.iter_mut().enumerate() {
            let t = n as f32 / RATE;
            let pulse = if (t * pitch).fract() < pitch / RATE { 1.0 } else { 0.0 };
            let syllable = (TAU * pace * t).sin().max(0.0);
            *sample += 0.05 * (low.next(pulse) + high.next(pulse)) * syllable;
        }
    }
    scaled(&sound, 0.12)
}

fn samples(seconds: f32) -> usize {
    (seconds * RATE) as usize
}

/// The sound with its loudest sample at `peak` of full scale.
fn scaled(sound: &[f32], peak: f32) -> Pcm {
    let loudest = sound.iter().fold(f32::EPSILON, |loudest, sample| loudest.max(sample.abs()));
    sound.iter().map(|sample| (sample / loudest * peak * 32_767.0) as i16).collect()
}

/// A two-pole filter that rings at one frequency, as a mouth does.
struct Resonator {
    feedback: [f32; 2],
    past: [f32; 2],
}

impl Resonator {
    fn new(frequency_hz: f32, bandwidth_hz: f32) -> Self {
        let radius = (-std::f32::consts::PI * bandwidth_hz / RATE).exp();
        let feedback = [2.0 * radius * (TAU * frequency_hz / RATE).cos(), -radius * radius];
        Self { feedback, past: [0.0; 2] }
    }

    fn next(&mut self, input: f32) -> f32 {
        let [a, b] = self.feedback;
        let out = input + a * self.past[0] + b * self.past[1];
        self.past = [out, self.past[0]];
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_sound_and_another_seed_another() {
        for make in [cough, knock, office] {
            assert_eq!(make(7), make(7));
            assert_ne!(make(7), make(8));
            let loudest = make(7).iter().map(|sample| sample.unsigned_abs()).max();
            assert!((3_000..13_000).contains(&loudest.unwrap_or_default()), "{loudest:?}");
        }
    }
}
