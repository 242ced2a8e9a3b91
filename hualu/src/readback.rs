//! Recognises a stereo recording back: whether the words of the conversation can be heard in it, on the side where they
//! were spoken. A silent, swapped or garbled channel has none of them.

use crate::services::{self, RecognizerWords};
use anyhow::{Context, ensure};
use hualu_models::lexicon::Lexicon;
use hualu_models::{Kind, Manifest};
use std::path::Path;

/// A phrase counts as heard with at most one syllable in so many wrong: the embedded recognizer is small, and a phrase
/// that is not there is not this near: every one here has four syllables or more.
const SYLLABLES_PER_ERROR: usize = 3;

/// A pause that ends a piece of speech, in samples: 500 ms.
const PAUSE: usize = 4_000;
/// What is kept around a piece, so that no soft onset is cut: 200 ms.
const MARGIN: usize = 1_600;
/// Louder is voice: -40 dBov.
const VOICED: u16 = 328;

/// One channel read back.
pub struct Track {
    /// What was heard, piece by piece.
    pub heard: Vec<String>,
    /// Phrases that were not.
    pub missing: Vec<String>,
}

/// Reads recordings back.
pub struct Reader {
    words: RecognizerWords,
    lexicon: Lexicon,
}

impl Reader {
    /// Opens the embedded recognizer without any bot's sentences: nothing helps it to hear what it should.
    pub fn open() -> anyhow::Result<Self> {
        let lexicon = Manifest::find()?.model(Kind::Lexicon, "")?.directory().join("lexicon.tsv");
        Ok(Self { words: services::recognizer_words(None)?, lexicon: Lexicon::load(&lexicon)? })
    }

    /// Looks for the phrases of the caller in the left channel of a WAV file and for those of the bot in the right one.
    pub fn check(&self, path: &Path, caller: &[&str], bot: &[&str]) -> anyhow::Result<(Track, Track)> {
        let (left, right) = channels(path).with_context(|| format!("cannot read {} back", path.display()))?;
        Ok((self.track(&left, caller)?, self.track(&right, bot)?))
    }

    fn track(&self, pcm: &[i16], phrases: &[&str]) -> anyhow::Result<Track> {
        let (mut heard, mut syllables) = (Vec::new(), Vec::new());
        for piece in pieces(pcm) {
            let hypothesis = hualu_asr::eval::transcribe(&self.words.model, &self.words.language_model, piece)?;
            heard.push(hypothesis.text.into_revealed());
            syllables.extend(hypothesis.pinyin.reveal().split(' ').map(str::to_owned));
        }
        let is_missing = |phrase: &&&str| {
            let wanted: Vec<&str> = self.lexicon.pinyin(phrase).iter().map(|syllable| syllable.base).collect();
            wanted.is_empty() || edits_within(&wanted, &syllables) > wanted.len() / SYLLABLES_PER_ERROR
        };
        let missing = phrases.iter().filter(is_missing).map(|phrase| (*phrase).to_owned()).collect();
        Ok(Track { heard, missing })
    }
}

/// Both channels of a WAV file as `hualu call` writes it.
fn channels(path: &Path) -> anyhow::Result<(Vec<i16>, Vec<i16>)> {
    let mut reader = hound::WavReader::open(path)?;
    let spec = reader.spec();
    let fits = spec.channels == 2 && spec.sample_rate == 8_000 && spec.bits_per_sample == 16;
    ensure!(fits, "expected 16-bit stereo at 8,000 Hz, found {spec:?}");
    let samples = reader.samples::<i16>().collect::<Result<Vec<_>, _>>()?;
    let channel = |at| samples.iter().skip(at).step_by(2).copied().collect();
    Ok((channel(0), channel(1)))
}

/// The pieces of speech between pauses.
fn pieces(pcm: &[i16]) -> Vec<&[i16]> {
    let mut pieces = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    for (at, _) in pcm.iter().enumerate().filter(|(_, sample)| sample.unsigned_abs() > VOICED) {
        open = match open {
            Some((from, last)) if at - last <= PAUSE => Some((from, at)),
            done => {
                pieces.extend(done);
                Some((at, at))
            }
        };
    }
    pieces.extend(open);
    let cut = |(from, last): (usize, usize)| &pcm[from.saturating_sub(MARGIN)..(last + MARGIN).min(pcm.len())];
    pieces.into_iter().map(cut).collect()
}

/// The fewest edits that turn `phrase` into any run of `heard`.
fn edits_within(phrase: &[&str], heard: &[String]) -> usize {
    // The phrase may begin anywhere, so a run before it costs nothing.
    let mut row = vec![0; heard.len() + 1];
    for (at, syllable) in phrase.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, other) in heard.iter().enumerate() {
            let substituted = diagonal + usize::from(syllable != other);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row.into_iter().min().unwrap_or(phrase.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hualu_core::SampleRate;
    use hualu_core::dialogue::Say;
    use hualu_tts::engine::Prosody;

    fn syllables(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_phrase_is_found_anywhere_with_its_errors_counted() {
        let heard = syllables("hao de wo xiang huan ge tao can xie xie");
        assert_eq!(edits_within(&["wo", "xiang", "huan", "ge", "tao", "can"], &heard), 0);
        assert_eq!(edits_within(&["wo", "xiang", "fan", "ge", "tao", "can"], &heard), 1);
        assert_eq!(edits_within(&["wo", "xiang", "ge", "tao", "can"], &heard), 1);
        assert_eq!(edits_within(&["ping", "guo"], &heard), 2);
        assert_eq!(edits_within(&["ping", "guo"], &[]), 2);
    }

    #[test]
    fn pieces_are_cut_at_pauses() {
        let mut pcm = vec![0; 8_000];
        pcm.extend([1_000; 800]);
        pcm.extend([0; 3_000]);
        pcm.extend([1_000; 800]);
        pcm.extend([0; 8_000]);
        pcm.extend([1_000; 800]);
        let lens: Vec<usize> = pieces(&pcm).iter().map(|piece| piece.len()).collect();
        assert_eq!(lens, [800 + 3_000 + 800 - 1 + 2 * MARGIN, 800 + MARGIN]);
        assert!(pieces(&[0; 8_000]).is_empty());
    }

    fn write(path: &Path, left: &[i16], right: &[i16]) {
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(path, spec).expect("a file");
        for (left, right) in left.iter().zip(right) {
            writer.write_sample(*left).expect("written");
            writer.write_sample(*right).expect("written");
        }
        writer.finalize().expect("written");
    }

    #[tokio::test]
    async fn what_was_said_is_heard_and_a_silent_swapped_or_garbled_channel_is_not() {
        if let Err(error) = hualu_models::runtime::ensure() {
            println!("skipped: {error}");
            return;
        }
        const PHRASE: &str = "我想换个套餐";
        let voice = services::open_voice(Prosody::default(), None).expect("a voice");
        let said = voice.render(&Say::plain(PHRASE), SampleRate::HZ_8000).await.expect("audio");
        let silence = vec![0; said.len()];
        let backwards: Vec<i16> = said.iter().rev().copied().collect();
        let reader = Reader::open().expect("a recognizer");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("call.wav");
        for (left, right, caller_is_heard, bot_is_heard) in
            [(&said, &silence, true, false), (&silence, &said, false, true), (&backwards, &said, false, true)]
        {
            write(&path, left, right);
            let (caller, bot) = reader.check(&path, &[PHRASE], &[PHRASE]).expect("a good file");
            assert_eq!((caller.missing.is_empty(), bot.missing.is_empty()), (caller_is_heard, bot_is_heard));
        }
    }
}
