//! The neural voice: encoder, prosody by rule, causal decoder, vocoder. Streams in chunks that equal the whole.

use super::graph::{COND, Decoder, DecoderState, Encoder};
use super::prosody::{Layout, durations, f0_contour, voiced_hold};
use super::shape::{Shaper, limit};
use super::spec::VoiceSpec;
use super::vocoder::{H_BANDS, N_BANDS, SubFrame, Vocoder};
use super::{Boundary, Engine, EngineError, Plan, Prosody, Syllable};
use std::collections::HashMap;
use std::path::Path;

/// Sub-frames (5 ms) that the decoder makes of a frame (10 ms).
pub(super) const SUB_FRAMES: usize = 2;
/// Frames of the first chunk and of those after it: sound soon, then less overhead.
const FIRST_CHUNK: usize = 12;
const NEXT_CHUNK: usize = 40;
/// Where the noise starts; any number would do, a fixed one makes equal clauses equal sound.
const SEED: u64 = 1;
/// More syllables than any clause has; bounds the memory of a plan.
const SYLLABLES_MAX: usize = 512;

/// A voice package, loaded.
///
/// The sound of a clause ends with the pause that its last boundary asks for (40 ms where there is none), so clauses
/// can be played one after the other. One engine serves any number of plans, one step at a time.
#[derive(Debug)]
pub struct NeuralEngine {
    spec: VoiceSpec,
    voice_id: String,
    phone_ids: HashMap<String, i64>,
    shaper: Shaper,
    encoder: Encoder,
    decoder: Decoder,
    first_chunk: usize,
    next_chunk: usize,
}

/// A clause under way.
#[derive(Debug)]
struct Clause {
    /// `[dim, phones]`.
    h: Vec<f32>,
    phones: usize,
    /// Phone of each frame.
    index: Vec<usize>,
    /// `[COND]` of each frame.
    cond: Vec<[f32; COND]>,
    /// F0 of each sub-frame, and how firmly it is voiced.
    f0_hz: Vec<f32>,
    hold: Vec<f32>,
    /// Frames given to the decoder, and frames that came out of it as sound.
    fed: usize,
    spoken: usize,
    state: DecoderState,
    vocoder: Vocoder,
    gain: f32,
}

impl NeuralEngine {
    /// Loads the voice package in `directory`: `voice.json`, `encoder.onnx`, `decoder.onnx`.
    ///
    /// # Errors
    /// [`EngineError::Voice`] with the file and the reason if a part is missing, of another version, or does not
    /// speak; [`EngineError::Runtime`] if ONNX Runtime cannot be opened.
    pub fn open(directory: &Path) -> Result<Self, EngineError> {
        let spec = VoiceSpec::load(directory)?;
        let mut engine = Self {
            voice_id: format!("{}-{}", spec.id, spec.version),
            phone_ids: spec.phone_ids(),
            shaper: Shaper::new(&spec.shaping),
            encoder: Encoder::open(directory, &spec)?,
            decoder: Decoder::open(directory, &spec)?,
            first_chunk: FIRST_CHUNK,
            next_chunk: NEXT_CHUNK,
            spec,
        };
        engine.prove().map_err(|reason| EngineError::Voice { path: directory.to_owned(), reason })?;
        Ok(engine)
    }

    /// Sets the frames of 10 ms in the first chunk and in those after it.
    #[must_use]
    pub fn with_chunks(mut self, first: usize, next: usize) -> Self {
        (self.first_chunk, self.next_chunk) = (first.max(1), next.max(1));
        self
    }

    /// Speaks four syllables: a voice that loads but cannot speak is found now and not in a call.
    fn prove(&mut self) -> Result<(), String> {
        let say = |pinyin: &str, boundary| Syllable { pinyin: pinyin.into(), tone: 4, boundary, emphasis: false };
        let words =
            [("dian", Boundary::None), ("hua", Boundary::Word), ("ye", Boundary::None), ("wu", Boundary::Sentence)];
        let syllables: Vec<_> = words.iter().map(|&(pinyin, boundary)| say(pinyin, boundary)).collect();
        let mut plan = self.prepare(&syllables, &Prosody::default()).map_err(|error| error.to_string())?;
        let mut samples = Vec::new();
        while let Some(chunk) = self.next_chunk(&mut plan).map_err(|error| error.to_string())? {
            samples.extend(chunk);
        }
        let seconds = samples.len() as f32 / self.spec.sample_rate_hz as f32;
        let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
        if !(0.4..6.0).contains(&seconds) || peak < 300 {
            return Err(format!("four test syllables took {seconds:.2} s with a peak of {peak}"));
        }
        Ok(())
    }

    /// Decodes up to `frames` frames and turns them into samples.
    fn speak(&mut self, clause: &mut Clause, frames: usize) -> Result<Vec<i16>, EngineError> {
        let total = clause.index.len();
        let until = (clause.spoken + frames).min(total);
        let lead = clause.fed.min(self.spec.lookahead);
        let columns: Vec<usize> = (clause.fed..until + self.spec.lookahead).map(|t| t.min(total - 1)).collect();
        let mut g = Vec::with_capacity(self.spec.dim * columns.len());
        for row in clause.h.chunks_exact(clause.phones) {
            g.extend(columns.iter().map(|&t| row[clause.index[t]]));
        }
        let mut cond = Vec::with_capacity(COND * columns.len());
        for kind in 0..COND {
            cond.extend(columns.iter().map(|&t| clause.cond[t][kind]));
        }
        let mut features = self.decoder.run(&g, &cond, &mut clause.state)?;
        if features.iter().any(|value| !value.is_finite()) {
            return Err(EngineError::Inference {
                graph: "decoder",
                reason: "it gave a value that is no number".into(),
            });
        }
        clause.fed = until + self.spec.lookahead;
        let width = self.spec.features();
        let skip = (self.spec.lookahead - lead) * SUB_FRAMES * width;
        let mut sound = Vec::with_capacity((until - clause.spoken) * 80);
        for (n, sub) in features[skip..].chunks_exact_mut(width).enumerate() {
            let at = clause.spoken * SUB_FRAMES + n;
            self.shaper.shape(sub, clause.hold[at]);
            let (harmonic, rest) = sub.split_at(H_BANDS);
            let (noise, voicing) = rest.split_at(N_BANDS);
            let frame = SubFrame { harmonic, noise, voicing: voicing[0], f0_hz: clause.f0_hz[at] };
            clause.vocoder.push(frame, &mut sound);
        }
        clause.spoken = until;
        let samples = sound.into_iter().map(|x| (limit(x * clause.gain) * 32_768.0).round() as i16);
        Ok(samples.collect())
    }
}

impl Engine for NeuralEngine {
    fn sample_rate_hz(&self) -> u32 {
        self.spec.sample_rate_hz
    }

    fn voice_id(&self) -> &str {
        &self.voice_id
    }

    fn prepare(&mut self, syllables: &[Syllable], prosody: &Prosody) -> Result<Plan, EngineError> {
        let beyond = syllables.len().saturating_sub(SYLLABLES_MAX);
        let syllables = &syllables[..syllables.len() - beyond];
        let layout = Layout::new(syllables, &self.phone_ids);
        if layout.skipped + beyond > 0 {
            metrics::counter!("hualu_tts_syllables_skipped_total").increment((layout.skipped + beyond) as u64);
        }
        if layout.skipped == syllables.len() && !syllables.is_empty() {
            return Err(EngineError::Unspeakable { count: syllables.len() });
        }
        let within = |value: f32, low: f32, high: f32| if value.is_finite() { value.clamp(low, high) } else { 1.0 };
        let rate = f64::from(within(prosody.rate, 0.5, 2.0));
        let encoded = self.encoder.run(&layout.ph, &layout.tone, &layout.pos)?;
        let frames = durations(&layout, syllables, &encoded.logdur, rate, &self.spec);
        let contour = f0_contour(&layout, syllables, &frames, &encoded.f0, &self.spec);
        let (index, cond) = conditioning(&frames, &contour);
        let volume_db = if prosody.volume_db.is_finite() { prosody.volume_db.clamp(-40.0, 12.0) } else { 0.0 };
        Ok(Plan::new(Clause {
            hold: voiced_hold(&layout, &frames, &self.spec),
            h: encoded.h,
            phones: layout.ph.len(),
            index,
            cond,
            f0_hz: contour.iter().map(|z| (z * self.spec.f0_scale + self.spec.f0_mean_ln).exp() as f32).collect(),
            fed: 0,
            spoken: 0,
            state: self.decoder.new_state(),
            vocoder: Vocoder::new(SEED, within(prosody.pitch, 0.4, 2.0), within(prosody.formant, 0.6, 1.5)),
            gain: 10.0_f32.powf((self.spec.gain_db + volume_db) / 20.0),
        }))
    }

    fn next_chunk(&mut self, plan: &mut Plan) -> Result<Option<Vec<i16>>, EngineError> {
        let clause: &mut Clause = plan.state_mut().ok_or(EngineError::ForeignPlan)?;
        if clause.spoken == clause.index.len() {
            return Ok(None);
        }
        let frames = if clause.spoken == 0 { self.first_chunk } else { self.next_chunk };
        self.speak(clause, frames).map(Some)
    }
}

/// Phone of each frame, and what the decoder is told of the frame besides.
fn conditioning(frames: &[usize], contour: &[f64]) -> (Vec<usize>, Vec<[f32; COND]>) {
    let (mut index, mut cond) = (Vec::new(), Vec::new());
    for (phone, &count) in frames.iter().enumerate() {
        for n in 0..count {
            let at = index.len() * SUB_FRAMES;
            let pitch = contour[at..at + SUB_FRAMES].iter().sum::<f64>() / SUB_FRAMES as f64;
            let (inside, length) = (n as f64 + 0.5, count as f64);
            let place = [inside / length, (-inside / 4.0).exp(), ((inside - length) / 4.0).exp()];
            cond.push([pitch, place[0], place[1], place[2], (length / 10.0).ln()].map(|value| value as f32));
            index.push(phone);
        }
    }
    (index, cond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_knows_its_phone_and_its_place_in_it() {
        let (index, cond) = conditioning(&[2, 3], &[0.5; 10]);
        assert_eq!(index, [0, 0, 1, 1, 1]);
        assert_eq!(cond[1][0], 0.5);
        assert!((cond[1][1] - 0.75).abs() < 1e-6 && (cond[2][1] - 1.0 / 6.0).abs() < 1e-6);
        assert!((cond[4][3] - (-0.125_f32).exp()).abs() < 1e-6);
    }

    #[test]
    fn a_folder_that_is_no_voice_is_refused_with_the_file() {
        let error = NeuralEngine::open(Path::new("/nonexistent")).expect_err("there is no such folder").to_string();
        assert!(error.contains("voice.json"), "{error}");
    }
}
