//! What turns syllables into sound: the engine interface, the neural voice and the test tone.

mod graph;
mod neural;
mod phones;
mod prosody;
mod shape;
mod spec;
pub mod tone;
pub mod vocoder;

pub use neural::NeuralEngine;

use hualu_models::RuntimeError;
use std::any::Any;
use std::path::PathBuf;

/// One syllable to speak, after tone sandhi.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Syllable {
    /// Toneless pinyin, `v` for ü.
    pub pinyin: String,
    /// 1 to 5 after sandhi; 5 is the neutral tone.
    pub tone: u8,
    /// What follows the syllable.
    pub boundary: Boundary,
    /// Whether it is spoken with focus.
    pub emphasis: bool,
}

/// What lies between a syllable and the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Boundary {
    /// Inside a word.
    #[default]
    None,
    /// Between prosodic words, without a pause.
    Word,
    /// A short pause: 、
    Phrase,
    /// A pause: ，
    Clause,
    /// The end of a statement: 。！
    Sentence,
    /// The end of a question: ？
    Question,
}

/// How a clause is spoken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prosody {
    /// Speed; 1.0 is the voice's own, 0.5 to 2 are heard.
    pub rate: f32,
    /// Factor on the fundamental frequency; 0.4 to 2 are heard. 0.55 with `formant` 0.82 makes a plausible man.
    pub pitch: f32,
    /// Factor on the frequencies of the formants: below 1 a longer throat, 0.6 to 1.5 are heard.
    pub formant: f32,
    /// Gain in dB.
    pub volume_db: f32,
}

impl Default for Prosody {
    fn default() -> Self {
        Self { rate: 1.0, pitch: 1.0, formant: 1.0, volume_db: 0.0 }
    }
}

/// A clause under way: what an engine keeps between its chunks. Dropping it cancels the clause.
pub struct Plan(Box<dyn Any + Send>);

impl Plan {
    /// Wraps an engine's own state.
    pub fn new<T: Any + Send>(state: T) -> Self {
        Self(Box::new(state))
    }

    /// The state, if it is of the type that [`Plan::new`] was given.
    pub fn state_mut<T: Any>(&mut self) -> Option<&mut T> {
        self.0.downcast_mut()
    }
}

/// Speaks syllables, a chunk at a time.
pub trait Engine: Send {
    /// The rate of the samples that it makes, in hertz.
    fn sample_rate_hz(&self) -> u32;

    /// Names the voice and its version; part of every cache key.
    fn voice_id(&self) -> &str;

    /// Lays out a clause.
    ///
    /// # Errors
    /// [`EngineError`] when a syllable or a model step fails.
    fn prepare(&mut self, syllables: &[Syllable], prosody: &Prosody) -> Result<Plan, EngineError>;

    /// The next samples of a clause, mono; `None` after the last.
    ///
    /// # Errors
    /// [`EngineError`] when a model step fails or the plan is another engine's.
    fn next_chunk(&mut self, plan: &mut Plan) -> Result<Option<Vec<i16>>, EngineError>;
}

/// Why an engine could not speak.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The plan was made by another engine.
    #[error("the plan was made by another engine")]
    ForeignPlan,
    /// A file of the voice package cannot be used.
    #[error("voice refused: {path}: {reason}", path = path.display())]
    Voice {
        /// The file, or the folder if the parts do not work together.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// ONNX Runtime cannot be used.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The voice has a sound for none of the syllables.
    #[error("none of the {count} syllables can be spoken by this voice")]
    Unspeakable {
        /// How many there were.
        count: usize,
    },
    /// A model step failed.
    #[error("{graph} failed: {reason}")]
    Inference {
        /// `encoder` or `decoder`.
        graph: &'static str,
        /// What it said.
        reason: String,
    },
}
