//! Mandarin synthesis: text front end, engines, recorded prompts, clause cache and gRPC server.
//!
//! A clause goes through [`text`] (digits, money, dates and letters become words), [`g2p`] (words become syllables with
//! tones and pauses) and an [`engine::Engine`], which makes audio in chunks, so that the first of it is heard before
//! the last is made. [`Voice`] ties them together with a cache and a scheduler that serves the earliest deadline first.
//!
//! ```
//! use hualu_core::dialogue::{SayAs, Span};
//! use hualu_tts::text::normalize;
//!
//! let spans = [Span::plain("余额是"), Span { say_as: SayAs::Money, ..Span::plain("58.3") }, Span::plain("元。")];
//! assert_eq!(normalize(&spans).text(), "余额是五十八元三角。");
//! ```

mod audio;
mod cache;
mod clip;
pub mod engine;
pub mod g2p;
pub mod prompts;
mod scheduler;
pub mod server;
pub mod text;
mod voice;
mod worker;

pub use clip::SynthesisStream;
pub use voice::{Voice, VoiceConfig};

/// Why a voice cannot start or a clause cannot be spoken. Never holds what was to be said.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TtsError {
    /// The lexicon is malformed.
    #[error("the lexicon cannot be used: {0}")]
    Lexicon(String),
    /// The prompt folder is malformed.
    #[error(transparent)]
    Prompts(#[from] prompts::PromptError),
    /// The engine cannot be loaded or failed on a clause.
    #[error("the speech engine failed: {0}")]
    Engine(String),
    /// A worker thread cannot be started.
    #[error("cannot start a synthesis thread: {0}; raise the limit on threads")]
    Thread(String),
    /// There is no way from the engine's rate to the asked one.
    #[error("cannot resample from {from_hz} Hz to {to_hz} Hz")]
    Rate {
        /// The engine's rate.
        from_hz: u32,
        /// The asked rate.
        to_hz: u32,
    },
    /// Too many clauses wait already.
    #[error("too many clauses wait for the voice; add workers or admit fewer calls")]
    Overloaded,
    /// The voice was shut down.
    #[error("the voice was shut down")]
    Stopped,
}

impl From<engine::EngineError> for TtsError {
    fn from(error: engine::EngineError) -> Self {
        Self::Engine(error.to_string())
    }
}

impl From<hualu_models::lexicon::LexiconError> for TtsError {
    fn from(error: hualu_models::lexicon::LexiconError) -> Self {
        Self::Lexicon(error.to_string())
    }
}
