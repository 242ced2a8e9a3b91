//! Voice activity for the media path: webrtc-vad behind an energy gate.
//!
//! webrtc-vad alone takes the hiss of an idle telephone line for speech. The gate follows the noise floor of the line
//! and lets a frame count only as far as it stands above it.

use hualu_core::{PcmFrame, SampleRate, VoiceActivity};
use std::fmt;
use webrtc_vad::{SampleRate as VadRate, Vad, VadMode};

/// How readily a frame is taken for speech.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Misses least, hears noise most.
    Quality,
    /// For narrow lines.
    LowBitrate,
    /// The usual choice on telephone lines.
    #[default]
    Aggressive,
    /// Hears noise least, clips soft speech.
    VeryAggressive,
}

/// Frames quieter than this (dB below full scale) are never speech.
const SILENCE_DBFS: f32 = -58.0;
/// A frame this far above the noise floor starts to count, and at [`FULL_DB`] above it counts fully.
const START_DB: f32 = 4.0;
/// See [`START_DB`].
const FULL_DB: f32 = 9.0;
/// The noise floor is the quietest block of this many past ones, each of [`BLOCK_FRAMES`] frames: 3 s in all.
const BLOCKS: usize = 6;
/// See [`BLOCKS`].
const BLOCK_FRAMES: u32 = 25;
/// The floor is never taken to be higher than this.
const FLOOR_MAX_DBFS: f32 = -38.0;
/// Nor higher than this before a whole block was heard: the caller may be speaking from the first frame.
const FLOOR_EARLY_DBFS: f32 = -42.0;

/// webrtc-vad with an energy gate. It is not `Send`: it is made on the media thread that owns the call.
pub struct WebrtcVad {
    vad: Vad,
    mode: Mode,
    rate: SampleRate,
    floor: NoiseFloor,
    padded: Vec<i16>,
}

impl fmt::Debug for WebrtcVad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebrtcVad").field("mode", &self.mode).field("rate", &self.rate).finish_non_exhaustive()
    }
}

impl WebrtcVad {
    /// A detector for one call.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        Self {
            vad: open(mode, VadRate::Rate8kHz),
            mode,
            rate: SampleRate::HZ_8000,
            floor: NoiseFloor::new(),
            padded: Vec::with_capacity(PcmFrame::CAPACITY),
        }
    }

    /// Whether webrtc-vad hears a voice. It knows frames of 10, 20 or 30 ms at 8 and 16 kHz only and panics on an empty
    /// one, so the frame is padded to 20 ms; at any other rate the gate decides alone.
    fn voiced(&mut self, frame: &PcmFrame) -> bool {
        let rate = match frame.rate() {
            SampleRate::HZ_8000 => VadRate::Rate8kHz,
            SampleRate::HZ_16000 => VadRate::Rate16kHz,
            _ => return true,
        };
        if frame.rate() != self.rate {
            self.vad = open(self.mode, rate);
            self.rate = frame.rate();
        }
        self.padded.clear();
        self.padded.extend_from_slice(frame.samples());
        self.padded.resize((frame.rate().hz() / 50) as usize, 0);
        self.vad.is_voice_segment(&self.padded).unwrap_or(false)
    }
}

impl VoiceActivity for WebrtcVad {
    fn score(&mut self, frame: &PcmFrame) -> f32 {
        if frame.samples().is_empty() {
            return 0.0;
        }
        let level = level_dbfs(frame.samples());
        let floor = self.floor.push(level);
        let voiced = self.voiced(frame);
        if !voiced || level < SILENCE_DBFS {
            return 0.0;
        }
        ((level - floor - START_DB) / (FULL_DB - START_DB)).clamp(0.0, 1.0)
    }
}

fn open(mode: Mode, rate: VadRate) -> Vad {
    let mode = match mode {
        Mode::Quality => VadMode::Quality,
        Mode::LowBitrate => VadMode::LowBitrate,
        Mode::Aggressive => VadMode::Aggressive,
        Mode::VeryAggressive => VadMode::VeryAggressive,
    };
    Vad::new_with_rate_and_mode(rate, mode)
}

/// Mean power in dB below a full-scale square wave; -100 for digital silence.
fn level_dbfs(samples: &[i16]) -> f32 {
    let energy: f64 = samples.iter().map(|&sample| f64::from(sample) * f64::from(sample)).sum();
    let power = energy / samples.len() as f64 / (32_768.0 * 32_768.0);
    (10.0 * power.max(1e-10).log10()) as f32
}

/// The quietest recent level of the line, by minimum statistics.
#[derive(Debug)]
struct NoiseFloor {
    smooth: Option<f32>,
    blocks: [f32; BLOCKS],
    current: f32,
    frames: u32,
}

impl NoiseFloor {
    const fn new() -> Self {
        Self { smooth: None, blocks: [f32::INFINITY; BLOCKS], current: f32::INFINITY, frames: 0 }
    }

    /// Takes the level of a frame, answers the floor.
    fn push(&mut self, level: f32) -> f32 {
        // Digital silence says nothing about the line: networks that suppress silence send it between sentences.
        if level > -90.0 {
            let smooth = self.smooth.map_or(level, |smooth| smooth + 0.3 * (level - smooth));
            self.smooth = Some(smooth);
            self.current = self.current.min(smooth);
            self.frames += 1;
            if self.frames == BLOCK_FRAMES {
                self.blocks.rotate_right(1);
                self.blocks[0] = self.current;
                self.current = f32::INFINITY;
                self.frames = 0;
            }
        }
        let complete = self.blocks.iter().copied().fold(f32::INFINITY, f32::min);
        let highest = if complete.is_finite() { FLOOR_MAX_DBFS } else { FLOOR_EARLY_DBFS };
        complete.min(self.current).clamp(-90.0, highest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    struct Noise(u32);

    impl Noise {
        fn sample(&mut self, amplitude: f64) -> f64 {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            amplitude * (f64::from(self.0 >> 8) / f64::from(1 << 23) - 1.0)
        }
    }

    fn frame(noise: &mut Noise, hiss: f64, vowel: f64, at: usize) -> PcmFrame {
        let samples: Vec<i16> = (0..160)
            .map(|n| {
                let t = (at * 160 + n) as f64 / 8_000.0;
                // A buzz at 120 Hz through two formants, near enough to a vowel.
                let voice: f64 = (1..25)
                    .map(|k| {
                        let hz = 120.0 * f64::from(k);
                        let gain =
                            (-((hz - 700.0) / 200.0).powi(2)).exp() + 0.6 * (-((hz - 1_200.0) / 250.0).powi(2)).exp();
                        gain * (2.0 * PI * hz * t).sin()
                    })
                    .sum();
                (noise.sample(hiss) + vowel * voice) as i16
            })
            .collect();
        PcmFrame::new(&samples, SampleRate::HZ_8000).expect("160 samples fit")
    }

    #[test]
    fn line_noise_is_not_speech_and_a_vowel_over_it_is() {
        let mut vad = WebrtcVad::new(Mode::default());
        let mut noise = Noise(7);
        let hiss: Vec<f32> = (0..200).map(|at| vad.score(&frame(&mut noise, 120.0, 0.0, at))).collect();
        assert!(hiss.iter().filter(|&&score| score >= 0.5).count() <= 2, "{hiss:?}");
        let vowel: Vec<f32> = (200..225).map(|at| vad.score(&frame(&mut noise, 120.0, 900.0, at))).collect();
        assert!(vowel.iter().filter(|&&score| score >= 0.5).count() >= 20, "{vowel:?}");
        let after: Vec<f32> = (225..300).map(|at| vad.score(&frame(&mut noise, 120.0, 0.0, at))).collect();
        assert!(after[10..].iter().all(|&score| score < 0.35), "{after:?}");
    }

    #[test]
    fn silence_short_and_empty_frames_score_zero() {
        let mut vad = WebrtcVad::new(Mode::VeryAggressive);
        for samples in [&[][..], &[0; 160][..], &[1; 37][..]] {
            let frame = PcmFrame::new(samples, SampleRate::HZ_8000).expect("fits");
            assert_eq!(vad.score(&frame), 0.0);
        }
    }

    #[test]
    fn the_rate_may_change_within_a_call() {
        let mut vad = WebrtcVad::new(Mode::Quality);
        let mut noise = Noise(3);
        for at in 0..5 {
            assert!(vad.score(&frame(&mut noise, 10.0, 900.0, at)) >= 0.0);
        }
        assert_eq!(vad.score(&PcmFrame::silence(SampleRate::HZ_16000)), 0.0);
        assert_eq!(vad.rate, SampleRate::HZ_16000);
    }
}
