//! Callers: the embedded voice, changed into other people.

use hualu_core::SampleRate;
use hualu_core::dialogue::Say;
use hualu_gateway::clock;
use hualu_models::lexicon::Lexicon;
use hualu_models::{Kind, Manifest};
use hualu_tts::engine::{NeuralEngine, Prosody};
use hualu_tts::{Voice, VoiceConfig};
use std::sync::Arc;

/// A clip that a phone can play: 8 kHz mono.
pub type Pcm = Arc<[i16]>;

/// Different people: two men, two women, one who is hurried and one who is slow and quiet.
pub const SPEAKERS: [Prosody; 6] = [
    Prosody { rate: 1.0, pitch: 0.62, formant: 0.88, volume_db: 0.0 },
    Prosody { rate: 1.0, pitch: 1.0, formant: 1.0, volume_db: 0.0 },
    Prosody { rate: 1.12, pitch: 0.55, formant: 0.82, volume_db: 2.0 },
    Prosody { rate: 0.95, pitch: 1.15, formant: 1.06, volume_db: -2.0 },
    Prosody { rate: 1.25, pitch: 0.7, formant: 0.92, volume_db: 0.0 },
    Prosody { rate: 0.88, pitch: 0.85, formant: 0.95, volume_db: -4.0 },
];

/// Samples louder than this are voice, as the phone has it.
const VOICED: u16 = 328;

/// One person.
pub struct Caller(Voice);

impl Caller {
    /// Opens the embedded voice as somebody who speaks like `prosody`.
    ///
    /// # Errors
    /// When the voice or the lexicon cannot be opened.
    pub fn open(prosody: Prosody) -> anyhow::Result<Self> {
        let manifest = Manifest::find()?;
        let lexicon = manifest.model(Kind::Lexicon, "")?.directory().join("lexicon.tsv");
        let config = VoiceConfig {
            voice_dir: manifest.model(Kind::Tts, "")?.directory().to_owned(),
            prompts_dir: None,
            lexicon: Arc::new(Lexicon::load(&lexicon)?),
            cache_bytes: 1 << 20,
            workers: 1,
            prosody,
            clock: clock::now,
        };
        Ok(Self(Voice::start(config, |directory| Ok(Box::new(NeuralEngine::open(directory)?)))?))
    }

    /// Says `text`, without silence before or after it.
    ///
    /// # Errors
    /// When the voice fails.
    pub async fn say(&self, text: &str) -> anyhow::Result<Pcm> {
        let pcm = self.0.render(&Say::plain(text), SampleRate::HZ_8000).await?;
        Ok(trimmed(&pcm).into())
    }
}

/// The clip from its first voiced sample to its last.
fn trimmed(pcm: &[i16]) -> &[i16] {
    let is_voice = |sample: &i16| sample.unsigned_abs() > VOICED;
    let from = pcm.iter().position(is_voice).unwrap_or(0);
    let to = pcm.iter().rposition(is_voice).map_or(0, |last| last + 1);
    pcm.get(from..to).unwrap_or(&[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_around_a_clip_is_cut_and_silence_in_it_stays() {
        assert_eq!(trimmed(&[0, 5, 900, 0, 0, -900, 3]), [900, 0, 0, -900]);
        assert!(trimmed(&[0, 1]).is_empty());
    }
}
