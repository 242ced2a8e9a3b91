//! `voice.json`: what a voice package says of itself.

use super::EngineError;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;

/// The contents of `voice.json`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct VoiceSpec {
    pub id: String,
    pub version: String,
    pub sample_rate_hz: u32,
    pub hop_samples: usize,
    pub sub_frames: usize,
    pub noise_fft: usize,
    pub harmonic_bands: usize,
    pub noise_bands: usize,
    pub dim: usize,
    pub states: usize,
    pub state_len: usize,
    pub lookahead: usize,
    pub f0_points: usize,
    pub f0_mean_ln: f64,
    pub f0_scale: f64,
    pub gain_db: f32,
    pub phones: Vec<String>,
    pub prosody: Rules,
    pub shaping: Shaping,
}

/// Constants of the prosody rules; see `prosody.rs`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Rules {
    pub initial_ms: f64,
    pub initial_ref_ms: f64,
    pub final_ms: f64,
    pub final_ref_ms: f64,
    pub compression: f64,
    pub initial_min_ms: f64,
    pub voiced_initial_min_ms: f64,
    pub final_min_ms: f64,
    pub toned_final_min_ms: f64,
    pub word_stretch: f64,
    pub phrase_stretch: f64,
    pub clause_stretch: f64,
    pub emphasis_stretch: f64,
    pub lead_ms: f64,
    pub fragment_pause_ms: f64,
    pub phrase_pause_ms: f64,
    pub clause_pause_ms: f64,
    pub sentence_pause_ms: f64,
    pub f0_range: f64,
    pub f0_shift_st: f64,
    pub declination_start_st: f64,
    pub declination_st_per_s: f64,
    pub declination_min_st: f64,
    pub final_fall_st: f64,
    pub question_rise_st: f64,
    pub emphasis_range: f64,
    pub emphasis_st: f64,
    pub f0_floor_hz: f64,
    pub f0_ceiling_hz: f64,
}

/// How the decoder's features are shaped before the vocoder; see `shape.rs`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Shaping {
    pub harmonic_sharpen: f32,
    pub noise_sharpen: f32,
    pub sharpen_reach: usize,
    pub tilt_db: f32,
    pub tilt_from_hz: f32,
    pub tilt_to_hz: f32,
    pub voicing_low: f32,
    pub voicing_high: f32,
    pub hold: f32,
    pub hold_noise_db: f32,
    pub noise_gain_db: f32,
    pub breath_gain_db: f32,
}

impl VoiceSpec {
    /// Reads and checks `voice.json` in `directory`.
    pub fn load(directory: &Path) -> Result<Self, EngineError> {
        let path = directory.join("voice.json");
        let refuse = |reason: String| EngineError::Voice { path: path.clone(), reason };
        let text = std::fs::read_to_string(&path).map_err(|error| refuse(error.to_string()))?;
        let spec: Self = serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
        spec.check().map_err(refuse)?;
        Ok(spec)
    }

    fn check(&self) -> Result<(), String> {
        let fixed = [
            ("sample_rate_hz", self.sample_rate_hz as usize, super::vocoder::RATE_HZ as usize),
            ("hop_samples", self.hop_samples, super::vocoder::HOP),
            ("noise_fft", self.noise_fft, super::vocoder::N_FFT),
            ("harmonic_bands", self.harmonic_bands, super::vocoder::H_BANDS),
            ("noise_bands", self.noise_bands, super::vocoder::N_BANDS),
            ("sub_frames", self.sub_frames, super::neural::SUB_FRAMES),
        ];
        if let Some((name, found, expected)) = fixed.into_iter().find(|(_, found, expected)| found != expected) {
            return Err(format!("`{name}` is {found}, this engine works with {expected}"));
        }
        let counts = [("dim", self.dim), ("states", self.states), ("state_len", self.state_len)];
        if let Some((name, _)) = counts.into_iter().find(|&(_, count)| count == 0 || count > 4_096) {
            return Err(format!("`{name}` must be 1 to 4096"));
        }
        if self.f0_points == 0 || self.f0_points > 64 || self.lookahead > 256 {
            return Err("`f0_points` must be 1 to 64 and `lookahead` at most 256".to_owned());
        }
        if self.phones.first().is_none_or(|phone| phone != "sil") {
            return Err("the first of `phones` must be `sil`".to_owned());
        }
        let pitch_fits = self.f0_scale > 0.0 && self.prosody.f0_floor_hz > 20.0;
        if !pitch_fits || self.prosody.f0_ceiling_hz <= self.prosody.f0_floor_hz {
            return Err("`f0_scale`, `f0_floor_hz` and `f0_ceiling_hz` do not fit together".to_owned());
        }
        if self.shaping.sharpen_reach >= self.noise_bands || self.shaping.voicing_high <= self.shaping.voicing_low {
            return Err("`shaping` does not fit the bands".to_owned());
        }
        Ok(())
    }

    /// Features of one sub-frame: both envelopes and the voicing.
    pub fn features(&self) -> usize {
        self.harmonic_bands + self.noise_bands + 1
    }

    /// Phone name to id.
    pub fn phone_ids(&self) -> HashMap<String, i64> {
        self.phones.iter().enumerate().map(|(id, name)| (name.clone(), id as i64)).collect()
    }
}
