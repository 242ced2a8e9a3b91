//! Recordings as a telephone would deliver them, and the time spent on them.

use crate::error::AsrError;
use crate::resample::Resampler;
use hound::{SampleFormat, WavReader};
use hualu_core::SampleRate;
use std::path::Path;
use std::time::Duration;

/// Reads a WAV file as mono 8 kHz and sends it through A-law and back.
///
/// # Errors
/// [`AsrError::Io`] for a file that is no WAV of 8,000 to 48,000 Hz in 16-bit PCM or 32-bit float.
pub fn telephone(path: &Path) -> Result<Vec<i16>, AsrError> {
    let refuse = |reason: String| AsrError::Io { path: path.to_owned(), source: std::io::Error::other(reason) };
    let mut reader = WavReader::open(path).map_err(|error| refuse(error.to_string()))?;
    let format = reader.spec();
    let rate = SampleRate::new(format.sample_rate)
        .ok_or_else(|| refuse(format!("is at {} Hz, expected 8,000 to 48,000", format.sample_rate)))?;
    let interleaved: Result<Vec<i16>, _> = match (format.sample_format, format.bits_per_sample) {
        (SampleFormat::Int, 16) => reader.samples::<i16>().collect(),
        (SampleFormat::Float, 32) => reader.samples::<f32>().map(|sample| sample.map(to_i16)).collect(),
        (_, bits) => return Err(refuse(format!("has {bits} bits a sample, expected 16-bit PCM or 32-bit float"))),
    };
    let interleaved = interleaved.map_err(|error| refuse(error.to_string()))?;
    let channels = usize::from(format.channels.max(1));
    let mono: Vec<i16> = interleaved
        .chunks_exact(channels)
        .map(|frame| (frame.iter().map(|&sample| i32::from(sample)).sum::<i32>() / channels as i32) as i16)
        .collect();
    let mut narrow = Vec::new();
    Resampler::new(rate, SampleRate::HZ_8000).push(&mono, &mut narrow);
    Ok(narrow.into_iter().map(|sample| alaw_round_trip(to_i16(sample))).collect())
}

fn to_i16(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

/// What is left of a sample after G.711 A-law: 13 bits, a segment of eight and four bits within it.
#[must_use]
pub fn alaw_round_trip(sample: i16) -> i16 {
    let magnitude = if sample < 0 { -(i32::from(sample) + 1) } else { i32::from(sample) };
    let step_bits = if magnitude < 512 { 4 } else { 31 - magnitude.leading_zeros() as i32 - 4 };
    let restored = (magnitude >> step_bits << step_bits) + (1 << (step_bits - 1));
    if sample < 0 { -restored as i16 } else { restored as i16 }
}

/// CPU time of this thread, where the system tells it (Linux); zero elsewhere.
pub fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let on_cpu_ns = text.split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0);
    Duration::from_nanos(on_cpu_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_law_has_256_levels_and_is_idempotent() {
        let mut levels: Vec<i16> = (i16::MIN..=i16::MAX).map(alaw_round_trip).collect();
        assert!(levels.iter().all(|&level| alaw_round_trip(level) == level));
        levels.sort_unstable();
        levels.dedup();
        assert_eq!(levels.len(), 256);
        assert_eq!((levels[0], levels[127], levels[128], levels[255]), (-32_256, -8, 8, 32_256));
    }

    #[test]
    fn a_wide_band_stereo_file_arrives_as_narrow_mono() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.wav");
        let format =
            hound::WavSpec { channels: 2, sample_rate: 16_000, bits_per_sample: 16, sample_format: SampleFormat::Int };
        let mut writer = hound::WavWriter::create(&path, format).expect("a file");
        for _ in 0..16_000 {
            writer.write_sample(1_000_i16).expect("written");
            writer.write_sample(3_000_i16).expect("written");
        }
        writer.finalize().expect("written");
        let samples = telephone(&path).expect("a good file");
        assert!(samples.len().abs_diff(8_000) < 40, "{}", samples.len());
        assert!((i32::from(samples[4_000]) - 2_000).abs() < 64, "{}", samples[4_000]);
        assert!(telephone(&folder.path().join("b.wav")).is_err());
    }
}
