//! `hualu asr eval DIR`: how well and how fast a folder of recordings is recognized, as a caller would be.
//!
//! The folder holds WAV files and `transcripts.tsv`: file TAB text TAB toneless pinyin TAB group. Audio is brought to
//! 8 kHz and through A-law, then fed in 20 ms frames to the same stream, engine and decoder that serve calls.

mod audio;
mod choice;
mod report;
mod score;

use crate::decoder::DecoderOptions;
use crate::engine::{self, Engine};
use crate::error::AsrError;
use crate::language::LanguageModel;
use crate::stream::Stream;
use hualu_core::SampleRate;
use hualu_core::dialogue::{Expect, Hypothesis};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use audio::telephone;
pub use choice::Choices;
pub use report::{Report, Utterance};

/// What to evaluate.
#[derive(Clone, Debug)]
pub struct Options {
    /// The recordings and their `transcripts.tsv`.
    pub folder: PathBuf,
    /// The acoustic model's folder.
    pub model: PathBuf,
    /// What guides the decoder.
    pub language_model: Arc<LanguageModel>,
    /// The knobs of the decoder.
    pub decoder: DecoderOptions,
    /// What kind of answer the decoder is told to expect.
    pub expect: Expect,
    /// A closed list to choose from as well: lines of text TAB toneless pinyin.
    pub choices: Option<PathBuf>,
    /// Evaluate every so manieth recording only; 1 for all.
    pub every: usize,
}

struct Transcript {
    file: String,
    text: String,
    pinyin: String,
    group: String,
}

/// Recognizes every recording and compares.
///
/// # Errors
/// [`AsrError`] for a folder, model or table that cannot be read; a recording that cannot be read is an error too, so
/// that no figure is ever printed of fewer recordings than were asked for.
pub fn run(options: &Options) -> Result<Report, AsrError> {
    let mut engine = engine::open(&options.model)?;
    options.language_model.check_units(&options.model, &engine.spec().units)?;
    let transcripts = read_transcripts(&options.folder.join("transcripts.tsv"))?;
    let syllables = options.language_model.lexicon().syllables().clone();
    let choices = options.choices.as_deref().map(|path| Choices::open(path, &syllables)).transpose()?;
    let state = engine.new_state();
    let spec = engine.spec().clone();
    let model = &options.language_model;
    let mut stream = Stream::new(&spec, state, SampleRate::HZ_8000, model, options.decoder.clone());
    let mut utterances = Vec::new();
    for transcript in transcripts.iter().step_by(options.every.max(1)) {
        let path = options.folder.join(&transcript.file);
        let samples = audio::telephone(&path)?;
        stream.start(options.expect);
        stream.keep_log_probs(choices.is_some());
        let timing = recognize(&mut stream, engine.as_mut(), &samples)?;
        let hypothesis = stream.hypothesis();
        let units = transcript.pinyin.split(' ').filter_map(|name| syllables.find(name));
        let units: Vec<_> = units.flat_map(|id| syllables.units(id).to_vec()).collect();
        let chosen = choices.as_ref().map(|choices| {
            let best = choices.best(stream.kept_log_probs(), &spec.units);
            choices.matches(best, &transcript.text, &transcript.pinyin)
        });
        utterances.push(Utterance {
            file: transcript.file.clone(),
            group: transcript.group.clone(),
            characters: score::compare(&chars(&transcript.text), &chars(hypothesis.text.reveal())),
            syllables: score::compare(&words(&transcript.pinyin), &words(hypothesis.pinyin.reveal())),
            units: score::compare(&units, stream.decoder().greedy_units()),
            reference: transcript.text.clone(),
            alternatives: hypothesis.alternatives.iter().map(|other| other.text.reveal().clone()).collect(),
            confidence: hypothesis.confidence,
            hypothesis: hypothesis.text.into_revealed(),
            chosen,
            audio: Duration::from_micros(samples.len() as u64 * 125),
            cpu: timing.cpu,
            final_cpu: timing.final_cpu,
        });
    }
    Ok(Report { model: spec.version, folder: options.folder.clone(), utterances })
}

/// The words in 8 kHz `samples`, read in one go with the model of folder `model`.
///
/// # Errors
/// [`AsrError`] when the model cannot be opened or run.
pub fn transcribe(model: &Path, words: &Arc<LanguageModel>, samples: &[i16]) -> Result<Hypothesis, AsrError> {
    let mut engine = engine::open(model)?;
    words.check_units(model, &engine.spec().units)?;
    let state = engine.new_state();
    let spec = engine.spec().clone();
    let mut stream = Stream::new(&spec, state, SampleRate::HZ_8000, words, DecoderOptions::default());
    stream.start(Expect::Free);
    recognize(&mut stream, engine.as_mut(), samples)?;
    Ok(stream.hypothesis())
}

struct Timing {
    cpu: Duration,
    final_cpu: Duration,
}

fn recognize(stream: &mut Stream, engine: &mut dyn Engine, samples: &[i16]) -> Result<Timing, AsrError> {
    let start = audio::cpu_time();
    let chunk = engine.spec().chunk_len;
    for frame in samples.chunks(160) {
        stream.push(frame);
        while stream.frames() >= chunk {
            engine.step(chunk, &mut [stream.slot(chunk)])?;
            stream.decode(chunk);
            let _ = stream.partial();
        }
    }
    let ended = audio::cpu_time();
    stream.finish();
    let frames = stream.frames();
    engine.step(frames, &mut [stream.slot(frames)])?;
    stream.decode(frames);
    let _ = stream.hypothesis();
    let done = audio::cpu_time();
    Ok(Timing { cpu: done.saturating_sub(start), final_cpu: done.saturating_sub(ended) })
}

fn read_transcripts(path: &Path) -> Result<Vec<Transcript>, AsrError> {
    let text = std::fs::read_to_string(path).map_err(AsrError::io(path))?;
    let mut transcripts = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [file, text, pinyin, group] = fields[..] else {
            let reason = format!("has {} columns, expected file, text, pinyin and group", fields.len());
            return Err(AsrError::Table { path: path.to_owned(), line: at + 1, reason });
        };
        let [file, text, pinyin, group] = [file, text, pinyin, group].map(str::to_owned);
        transcripts.push(Transcript { file, text, pinyin, group });
    }
    Ok(transcripts)
}

fn chars(text: &str) -> Vec<char> {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

fn words(pinyin: &str) -> Vec<&str> {
    pinyin.split_whitespace().collect()
}
