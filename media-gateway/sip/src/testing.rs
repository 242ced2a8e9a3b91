//! What the unit tests share.

use std::time::Instant;

/// The instant from which a test counts. Only differences to it matter.
#[expect(clippy::disallowed_methods, reason = "a test needs some instant to count from")]
pub(crate) fn start() -> Instant {
    Instant::now()
}
