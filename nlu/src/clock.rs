//! The one place of this crate that reads the calendar; everything else takes the time as an argument.

use chrono::{DateTime, Utc};

/// The time by the system's clock.
#[must_use]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}
