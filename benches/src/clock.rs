//! The one place where this binary reads the time.

use std::time::Instant;

/// The time now.
#[expect(clippy::disallowed_methods, reason = "what is measured here is time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
