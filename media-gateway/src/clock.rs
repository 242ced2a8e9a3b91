//! The one place in the gateway that reads the time.

use std::time::{Instant, SystemTime};

/// The monotonic time: stamps packets, drives sessions, measures stages.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the gateway's one monotonic clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// The time of day, for records and file names only; never for measuring.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the gateway's one wall clock")]
pub fn wall() -> SystemTime {
    SystemTime::now()
}
