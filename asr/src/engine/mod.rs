//! Acoustic models: features in, log-probabilities of units out, state carried per stream and batched across streams.
//!
//! One module per model family. A family is recognised by the `model_type` in the model's own metadata.

mod hualu_ctc;

use crate::error::AsrError;
use crate::frontend::FeatureSpec;
use crate::units::Units;
use std::path::Path;

pub use hualu_ctc::HualuCtc;

/// What a model is, as far as its callers need to know.
#[derive(Clone, Debug)]
pub struct EngineSpec {
    /// The model's own name and version, for logs and records.
    pub version: String,
    /// How it wants its features.
    pub features: FeatureSpec,
    /// Its output symbols.
    pub units: Units,
    /// Input frames to one output frame.
    pub subsampling: usize,
    /// Input frames of one step.
    pub chunk_len: usize,
    /// Input frames of silence that bring out what the model still holds back at the end of an utterance.
    pub flush_frames: usize,
}

/// What a model remembers of one stream between steps: one slab per state tensor, without the batch axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EngineState(Vec<Vec<f32>>);

impl EngineState {
    /// Forgets the stream: the state of a stream that has heard nothing.
    pub fn reset(&mut self) {
        self.0.iter_mut().for_each(|slab| slab.fill(0.0));
    }
}

/// One stream's part of a step.
#[derive(Debug)]
pub struct Slot<'a> {
    /// `[frames, n_mels]`, row by row.
    pub features: &'a [f32],
    /// The stream's state, replaced by the step.
    pub state: &'a mut EngineState,
    /// `[frames / subsampling, units]` log-probabilities are appended here.
    pub log_probs: &'a mut Vec<f32>,
}

/// A loaded model. It belongs to one thread; many streams share it.
pub trait Engine: Send {
    /// What the model is.
    fn spec(&self) -> &EngineSpec;

    /// The state of a stream that has heard nothing.
    fn new_state(&self) -> EngineState;

    /// Runs one step for all `slots`, each of `frames` input frames, a multiple of [`EngineSpec::subsampling`].
    ///
    /// # Errors
    /// [`AsrError::Inference`]; the slots' states are then as they were before.
    fn step(&mut self, frames: usize, slots: &mut [Slot<'_>]) -> Result<(), AsrError>;
}

/// Opens the model in `folder` (`model.onnx`) with the engine of its family.
///
/// # Errors
/// [`AsrError::Runtime`] without ONNX Runtime, [`AsrError::Model`] if the file is not a model that fits.
pub fn open(folder: &Path) -> Result<Box<dyn Engine>, AsrError> {
    Ok(Box::new(HualuCtc::open(&folder.join("model.onnx"))?))
}
