//! Streaming Mandarin recognition: features, engine, decoder, worker pool and gRPC server.
//!
//! The pieces, in the order in which a frame of audio meets them: [`vad`] judges it on the media thread; [`Pool`] takes
//! it over a bounded queue to a worker; [`stream`] resamples it and makes features ([`frontend`]); [`engine`] runs the
//! acoustic model for many streams at once; [`decoder`] searches for the words, guided by the [`language`] model.
//!
//! ```
//! use hualu_asr::text;
//!
//! assert_eq!(text::spoken_forms("打10086"), ["打幺零零八六", "打一零零八六"]);
//! ```

pub mod decoder;
pub mod engine;
pub mod error;
pub mod eval;
pub mod frontend;
pub mod hash;
pub mod language;
pub mod pool;
pub mod resample;
pub mod server;
pub mod stream;
pub mod text;
pub mod units;
pub mod vad;

pub use error::AsrError;
pub use language::{Hint, LanguageModel, Lexicon};
pub use pool::{Dropped, Pool, PoolConfig, StreamHandle};

use std::path::Path;
use std::sync::Arc;

/// Opens the words that a recognizer knows: the units of the acoustic model in folder `model` (`units.txt`,
/// `syllables.tsv`), the readings of folder `lexicon` (`lexicon.tsv`), and the dialogue counts of folder `dialogues`
/// (`general.tsv`, left out where there is none).
///
/// # Errors
/// [`AsrError::Io`], [`AsrError::Table`], and [`AsrError::Model`] for units that repeat or lack a blank.
pub fn open_lexicon(model: &Path, lexicon: &Path, dialogues: &Path) -> Result<Arc<Lexicon>, AsrError> {
    let path = model.join("units.txt");
    let text = std::fs::read_to_string(&path).map_err(AsrError::io(&path))?;
    let names = text.lines().map(str::to_owned).collect();
    let units = units::Units::new(names, 0).map_err(|reason| AsrError::Model { path, reason })?;
    let syllables = units::Syllables::open(&model.join("syllables.tsv"), &units)?;
    let counts = dialogues.join("general.tsv");
    let counts = counts.is_file().then_some(counts);
    Ok(Arc::new(Lexicon::open(&lexicon.join("lexicon.tsv"), counts.as_deref(), syllables)?))
}
