//! Turn records on disk: one line of JSON for each call's start, each turn and each end, in one file a day.
//!
//! The files hold what callers said and are the operator's own: nobody else may read them, and nothing of them reaches a
//! log. `hualu explain` reads them.

mod entry;
mod read;
mod write;

pub use entry::{Entry, GuessesEntry, MissedEntry, PartialEntry, SaidEntry, SlotEntry, StageEntry, TurnEntry, What};
pub use read::{LineError, entries, files};
pub(crate) use write::TurnLog;
