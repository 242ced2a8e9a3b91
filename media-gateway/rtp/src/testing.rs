//! What the tests of this crate share: an instant to count from, and packets.

use crate::packet::{RtpPacket, RtpTimestamp, SeqNum};
use std::time::{Duration, Instant};

/// The instant from which a test counts. Only differences to it matter.
#[expect(clippy::disallowed_methods, reason = "a test needs some instant to count from")]
pub(crate) fn start() -> Instant {
    Instant::now()
}

pub(crate) const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A packet of A-law from one source.
pub(crate) fn packet(seq: u16, timestamp: u32, payload: &[u8]) -> RtpPacket<'_> {
    RtpPacket {
        marker: false,
        payload_type: 8,
        seq: SeqNum(seq),
        timestamp: RtpTimestamp(timestamp),
        ssrc: 0x5151_5151,
        csrc: &[],
        extension: None,
        payload,
        padding_len: 0,
    }
}
