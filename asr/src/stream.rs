//! One call's recognition: audio in at the call's rate, features, model state, decoder.

use crate::decoder::{Decoder, DecoderOptions};
use crate::engine::{EngineSpec, EngineState, Slot};
use crate::frontend::LogMel;
use crate::language::LanguageModel;
use crate::resample::Resampler;
use hualu_core::dialogue::{Expect, Hypothesis};
use hualu_core::{PcmFrame, SampleRate, Samples};
use std::sync::Arc;

/// Every utterance is preceded by so much silence: a word that begins with the first sample is heard as an onset.
const LEAD_IN_FRAMES: usize = 12;

/// What one stream remembers between steps. It does no inference itself: whoever owns the engine steps many streams at
/// once, through [`Stream::slot`].
#[derive(Debug)]
pub struct Stream {
    rate: SampleRate,
    resampler: Resampler,
    logmel: LogMel,
    resampled: Vec<f32>,
    features: Vec<f32>,
    state: EngineState,
    log_probs: Vec<f32>,
    kept: Option<Vec<f32>>,
    decoder: Decoder,
    heard: Samples,
    spec: EngineSpec,
}

impl Stream {
    /// A stream at `rate` for an engine of `spec` with the fresh `state`.
    #[must_use]
    pub fn new(
        spec: &EngineSpec,
        state: EngineState,
        rate: SampleRate,
        model: &Arc<LanguageModel>,
        options: DecoderOptions,
    ) -> Self {
        Self {
            rate,
            resampler: Resampler::new(rate, model_rate(spec)),
            logmel: LogMel::new(&spec.features),
            resampled: Vec::new(),
            features: Vec::new(),
            state,
            log_probs: Vec::new(),
            kept: None,
            decoder: Decoder::new(&spec.units, model, options),
            heard: Samples(0),
            spec: spec.clone(),
        }
    }

    /// Begins an utterance. The model starts from silence, as every utterance did in training.
    pub fn start(&mut self, expect: Expect) {
        self.resampler = Resampler::new(self.rate, model_rate(&self.spec));
        self.logmel.reset();
        self.features.clear();
        let silence = self.spec.features.log_floor.ln();
        self.features.resize(LEAD_IN_FRAMES * self.spec.features.n_mels, silence);
        self.log_probs.clear();
        self.state.reset();
        self.decoder.start(expect);
        self.heard = Samples(0);
    }

    /// Takes a frame of the utterance. One at another rate than the stream's is what a codec change in a call brings.
    pub fn push_frame(&mut self, frame: &PcmFrame) {
        if frame.rate() != self.rate {
            self.rate = frame.rate();
            self.resampler = Resampler::new(self.rate, model_rate(&self.spec));
        }
        self.push(frame.samples());
    }

    /// Takes samples of the utterance at the stream's rate.
    pub fn push(&mut self, samples: &[i16]) {
        self.heard.0 += samples.len() as u64;
        self.resampled.clear();
        self.resampler.push(samples, &mut self.resampled);
        self.logmel.push(&self.resampled, &mut self.features);
    }

    /// Ends the utterance: adds the silence that brings out what the model holds back. All frames become due.
    pub fn finish(&mut self) {
        let have = self.frames();
        let wanted = (have + self.spec.flush_frames).next_multiple_of(self.spec.subsampling);
        self.logmel.flush(wanted - have, &mut self.features);
        let surplus = self.frames() % self.spec.subsampling;
        self.features.truncate(self.features.len() - surplus * self.spec.features.n_mels);
    }

    /// How many input frames wait for the model.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.features.len() / self.spec.features.n_mels
    }

    /// The stream's part of a step of `frames` input frames; follow the step with [`Self::decode`].
    pub fn slot(&mut self, frames: usize) -> Slot<'_> {
        let len = frames * self.spec.features.n_mels;
        Slot { features: &self.features[..len], state: &mut self.state, log_probs: &mut self.log_probs }
    }

    /// Takes what a step of `frames` input frames has added.
    pub fn decode(&mut self, frames: usize) {
        self.features.drain(..frames * self.spec.features.n_mels);
        self.decoder.advance(&self.log_probs);
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(&self.log_probs);
        }
        self.log_probs.clear();
    }

    /// Whether to keep the model's output of the utterance, for [`Self::kept_log_probs`].
    pub fn keep_log_probs(&mut self, keep: bool) {
        self.kept = keep.then(Vec::new);
    }

    /// The model's output since [`Self::keep_log_probs`], `[frames, units]`.
    #[must_use]
    pub fn kept_log_probs(&self) -> &[f32] {
        self.kept.as_deref().unwrap_or(&[])
    }

    /// See [`Decoder::partial`].
    pub fn partial(&mut self) -> Option<Hypothesis> {
        self.decoder.partial()
    }

    /// See [`Decoder::hypothesis`].
    #[must_use]
    pub fn hypothesis(&self) -> Hypothesis {
        self.decoder.hypothesis()
    }

    /// The decoder, for what an evaluation wants to know beyond the text.
    #[must_use]
    pub const fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// How much audio of the utterance was taken.
    #[must_use]
    pub const fn heard(&self) -> Samples {
        self.heard
    }
}

fn model_rate(spec: &EngineSpec) -> SampleRate {
    SampleRate::new(spec.features.sample_rate_hz).expect("checked when the model was opened")
}
