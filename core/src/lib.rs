//! The vocabulary every Hualu crate shares. No I/O, no runtime, no clock.
//!
//! ```
//! use hualu_core::{LatencyBudget, Stage};
//!
//! let budget = LatencyBudget::default();
//! assert!(budget.check().is_ok());
//! assert_eq!(budget.limit(Stage::Asr).as_millis(), 60);
//! ```

pub mod backchannel;
pub mod budget;
pub mod clause;
pub mod dialogue;
pub mod fault;
pub mod frame;
pub mod id;
pub mod pii;
pub mod speech;
pub mod vad;

pub use budget::{BudgetError, Deadline, LatencyBudget, Stage};
pub use fault::panic_message;
pub use frame::{PcmFrame, SampleRate, Samples};
pub use id::{CallId, ClauseId, StreamId, TurnId};
pub use pii::Pii;
pub use vad::{Activity, Hysteresis, HysteresisConfig, VoiceActivity};
