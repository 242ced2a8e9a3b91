//! A voice of tones for tests: each syllable is 100 ms of a sine whose pitch is a hash of the syllable.

use super::{Boundary, Engine, EngineError, Plan, Prosody, Syllable};
use std::f32::consts::TAU;

/// The test voice, at 8 kHz: no model, no files, instant.
#[derive(Debug, Default)]
pub struct ToneEngine;

const RATE_HZ: u32 = 8_000;
const AMPLITUDE: f32 = 8_000.0;

struct State {
    pitches_hz: Vec<(f32, usize)>,
    next: usize,
    len_samples: usize,
}

impl Engine for ToneEngine {
    fn sample_rate_hz(&self) -> u32 {
        RATE_HZ
    }

    fn voice_id(&self) -> &'static str {
        "tone-1"
    }

    fn prepare(&mut self, syllables: &[Syllable], prosody: &Prosody) -> Result<Plan, EngineError> {
        let pitches_hz = syllables.iter().map(|s| (pitch_hz(s) * prosody.pitch, pause_samples(s.boundary))).collect();
        let len_samples = (RATE_HZ as f32 / 10.0 / prosody.rate.clamp(0.25, 4.0)) as usize;
        Ok(Plan::new(State { pitches_hz, next: 0, len_samples }))
    }

    fn next_chunk(&mut self, plan: &mut Plan) -> Result<Option<Vec<i16>>, EngineError> {
        let state: &mut State = plan.state_mut().ok_or(EngineError::ForeignPlan)?;
        let Some(&(pitch_hz, pause)) = state.pitches_hz.get(state.next) else { return Ok(None) };
        state.next += 1;
        let mut samples: Vec<i16> = (0..state.len_samples)
            .map(|n| (AMPLITUDE * (TAU * pitch_hz * n as f32 / RATE_HZ as f32).sin()) as i16)
            .collect();
        samples.resize(samples.len() + pause, 0);
        Ok(Some(samples))
    }
}

fn pitch_hz(syllable: &Syllable) -> f32 {
    let hash = syllable.pinyin.bytes().fold(u32::from(syllable.tone), |h, b| h.wrapping_mul(31).wrapping_add(b.into()));
    300.0 + (hash % 2_400) as f32
}

fn pause_samples(boundary: Boundary) -> usize {
    let ms = match boundary {
        Boundary::None | Boundary::Word => 0,
        Boundary::Phrase => 80,
        Boundary::Clause => 180,
        Boundary::Sentence | Boundary::Question => 350,
    };
    ms * RATE_HZ as usize / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syllable_is_a_tenth_of_a_second_and_a_comma_a_pause() {
        let mut engine = ToneEngine;
        let syllable = |boundary| Syllable { pinyin: "ma".into(), tone: 1, boundary, emphasis: false };
        let syllables = [syllable(Boundary::None), syllable(Boundary::Clause)];
        let mut plan = engine.prepare(&syllables, &Prosody::default()).expect("tones always prepare");
        assert_eq!(engine.next_chunk(&mut plan).expect("tone").map(|c| c.len()), Some(800));
        assert_eq!(engine.next_chunk(&mut plan).expect("tone").map(|c| c.len()), Some(800 + 1_440));
        assert_eq!(engine.next_chunk(&mut plan).expect("tone"), None);
    }
}
