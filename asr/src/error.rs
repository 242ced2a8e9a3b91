//! What can go wrong between a model's file and a caller's sentence.

use std::path::PathBuf;

/// Why the recognizer refuses something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AsrError {
    /// Every place in the pool is taken. The call is refused at the door, it does not queue.
    #[error("recognizer is full: all {streams_max} streams are taken, retry later or raise the pool's `streams_max`")]
    Busy {
        /// How many streams the pool serves.
        streams_max: usize,
    },
    /// The pool is shutting down or its worker is gone.
    #[error("recognizer worker {worker} has stopped: restart the service")]
    Stopped {
        /// Which worker.
        worker: usize,
    },
    /// The caller asked for a language model that was never compiled.
    #[error("no language model is called `{name}`: compile it with the pool or leave the name empty")]
    UnknownLanguageModel {
        /// The name that was asked for.
        name: String,
    },
    /// A model whose metadata, shapes or units do not fit.
    #[error("model `{}`: {reason}", path.display())]
    Model {
        /// The model's file.
        path: PathBuf,
        /// What does not fit and what was expected.
        reason: String,
    },
    /// A table that cannot be read.
    #[error("`{}` line {line}: {reason}", path.display())]
    Table {
        /// The table's file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that cannot be read or written.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// ONNX Runtime is missing or too old.
    #[error(transparent)]
    Runtime(#[from] hualu_models::RuntimeError),
    /// A step of the model failed; the streams of that batch start anew.
    #[error("model step failed: {0}")]
    Inference(String),
}

impl AsrError {
    /// Wraps an error of the file system with the file that it concerns.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
