//! What can be wrong with how a call is driven. A peer's faults are never errors: they are counted and the call goes on.

/// Why an input was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionError {
    /// The outputs of earlier inputs were not taken.
    #[error("call {call}: {waiting} outputs wait: poll until `Output::Timeout` after each input")]
    NotDrained {
        /// The call.
        call: String,
        /// How many outputs wait.
        waiting: usize,
    },
}
