//! One recording: read, freed of its offset and of silence, kept at every rate that was asked for.

use super::PromptError;
use crate::audio::Resampler;
use hualu_core::SampleRate;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Windows of 5 ms below this are silence: −46 dBov.
const SILENCE_RMS: f32 = 165.0;
/// Frames of 20 ms above this count as active speech: −40 dBov.
const ACTIVE_RMS: f32 = 328.0;
/// How much silence stays at both ends.
const MARGIN_MS: usize = 20;
/// Longer files are no prompts; they would fill the memory of every process.
const SECONDS_MAX: u32 = 120;

pub(super) struct Recording {
    samples: Vec<i16>,
    rate_hz: u32,
    /// Resampled forms; there are as many as rates in use, which are few.
    at_rate: Mutex<HashMap<u32, Arc<[i16]>>>,
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recording({} samples at {} Hz)", self.samples.len(), self.rate_hz)
    }
}

impl Recording {
    pub(super) fn load(path: &Path) -> Result<Self, PromptError> {
        let broken = |reason: String| PromptError::Recording { file: path.display().to_string(), reason };
        let mut reader = hound::WavReader::open(path).map_err(|error| match error {
            hound::Error::IoError(error) => broken(format!("{error}: record it or take it out of prompts.toml")),
            error => broken(format!("it is no WAV file that can be read ({error}): convert it to 16-bit PCM, mono")),
        })?;
        let spec = reader.spec();
        if spec.channels != 1 {
            return Err(broken(format!("it has {} channels: convert it to mono", spec.channels)));
        }
        if SampleRate::new(spec.sample_rate).is_none() {
            return Err(broken(format!("its rate of {} Hz is outside 8,000 to 48,000 Hz", spec.sample_rate)));
        }
        if reader.duration() > SECONDS_MAX * spec.sample_rate {
            return Err(broken(format!("it is longer than {SECONDS_MAX} s")));
        }
        let samples: Result<Vec<i16>, hound::Error> = match (spec.sample_format, spec.bits_per_sample) {
            (hound::SampleFormat::Int, 16) => reader.samples::<i16>().collect(),
            (hound::SampleFormat::Float, 32) => {
                reader.samples::<f32>().map(|s| s.map(|s| (s * 32_767.0).clamp(-32_768.0, 32_767.0) as i16)).collect()
            }
            (_, bits) => return Err(broken(format!("{bits}-bit samples: convert it to 16-bit PCM"))),
        };
        let mut samples = samples.map_err(|error| broken(error.to_string()))?;
        remove_offset(&mut samples);
        let samples = trim(&samples, spec.sample_rate);
        if samples.is_empty() {
            return Err(broken("it is silent".to_owned()));
        }
        Ok(Self { samples, rate_hz: spec.sample_rate, at_rate: Mutex::default() })
    }

    /// The samples at a rate; `None` when there is no way to it.
    pub(super) fn at(&self, rate: SampleRate) -> Option<Arc<[i16]>> {
        let mut known = self.at_rate.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(samples) = known.get(&rate.hz()) {
            return Some(Arc::clone(samples));
        }
        let samples: Arc<[i16]> = if rate.hz() == self.rate_hz {
            self.samples.as_slice().into()
        } else {
            let mut resampler = Resampler::new(self.rate_hz, rate.hz())?;
            let mut samples = resampler.push(&self.samples);
            samples.extend(resampler.flush());
            samples.into()
        };
        known.insert(rate.hz(), Arc::clone(&samples));
        Some(samples)
    }

    pub(super) fn amplify(&mut self, gain: f32, limit: impl Fn(&mut [i16])) {
        for sample in &mut self.samples {
            *sample = (f32::from(*sample) * gain).clamp(-32_768.0, 32_767.0) as i16;
        }
        limit(&mut self.samples);
    }
}

/// The level of the frames that hold speech, over all recordings; `None` when none does.
pub(super) fn active_level_dbov<'a>(recordings: impl Iterator<Item = &'a Recording>) -> Option<f32> {
    let (mut power, mut frames) = (0.0_f64, 0_u32);
    for recording in recordings {
        for frame in recording.samples.chunks(recording.rate_hz as usize / 50) {
            let rms = rms(frame);
            if rms > ACTIVE_RMS {
                power += f64::from(rms * rms);
                frames += 1;
            }
        }
    }
    (frames > 0).then(|| (10.0 * (power / f64::from(frames)).log10() - 20.0 * 32_768_f64.log10()) as f32)
}

fn rms(samples: &[i16]) -> f32 {
    let power: f32 = samples.iter().map(|&s| f32::from(s) * f32::from(s)).sum();
    (power / samples.len().max(1) as f32).sqrt()
}

fn remove_offset(samples: &mut [i16]) {
    let sum: i64 = samples.iter().map(|&s| i64::from(s)).sum();
    let offset = (sum / samples.len().max(1) as i64) as i32;
    for sample in samples {
        *sample = (i32::from(*sample) - offset).clamp(-32_768, 32_767) as i16;
    }
}

/// Cuts silence off both ends, leaves a margin, and moves the cuts outwards to a zero crossing so that none clicks.
fn trim(samples: &[i16], rate_hz: u32) -> Vec<i16> {
    let window = rate_hz as usize / 200;
    let loud = |samples: &[i16]| rms(samples) > SILENCE_RMS;
    let Some(first) = samples.chunks(window).position(loud) else { return Vec::new() };
    let last = samples.chunks(window).rposition(loud).unwrap_or(first);
    let margin = MARGIN_MS * rate_hz as usize / 1_000;
    let mut start = (first * window).saturating_sub(margin);
    let mut end = ((last + 1) * window + margin).min(samples.len());
    let crosses = |at: usize| samples[at] == 0 || (samples[at - 1] >= 0) != (samples[at] >= 0);
    while start > 0 && !crosses(start) {
        start -= 1;
    }
    while end < samples.len() && !crosses(end) {
        end += 1;
    }
    samples[start..end].to_vec()
}
