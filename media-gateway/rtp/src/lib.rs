//! RTP without I/O: packets, RTCP, jitter buffer, G.711, key events, concealment and pacing.
//!
//! Nothing here opens a socket, reads a clock or allocates per packet. Bytes and the time come in as arguments;
//! frames, packets and the next deadline go out.
//!
//! ```
//! use hualu_rtp::{Law, Pop, JitterBuffer, JitterConfig, RtpPacket, RtpSender};
//! # use std::time::{Duration, Instant};
//! # #[expect(clippy::disallowed_methods, reason = "an example needs some instant")]
//! # let now = Instant::now();
//! // Send 20 ms of A-law silence ...
//! let mut sender = RtpSender::new(0x1234_5678, 1, 0);
//! let mut datagram = [0; 200];
//! let len = sender.write_audio(8, &[Law::A.encode_sample(0); 160], &mut datagram)?;
//!
//! // ... and receive it.
//! let mut jitter = JitterBuffer::new(JitterConfig::default());
//! let packet = RtpPacket::parse(datagram.get(..len).unwrap_or(&[]))?;
//! jitter.push(now, &packet)?;
//! assert!(matches!(jitter.pop(now), Pop::Frame(_)));
//! assert!(matches!(jitter.pop(now), Pop::NotYet));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod concealment;
pub mod delay;
pub mod dtmf;
pub mod g711;
pub mod jitter;
pub mod latch;
pub mod pacer;
pub mod packet;
pub mod rtcp;
pub mod sender;
pub mod stats;
pub mod timeline;

#[cfg(test)]
mod testing;

pub use concealment::Concealer;
pub use dtmf::{DtmfEvent, DtmfReceiver, DtmfSender, Key};
pub use g711::{CodecError, Law};
pub use jitter::{JitterBuffer, JitterConfig, JitterStats, Pop};
pub use latch::SourceLatch;
pub use pacer::{Due, Pacer};
pub use packet::{Discard, Extension, Fault, RtpPacket, RtpTimestamp, SeqNum, WriteError, is_rtcp};
pub use rtcp::{ReportBlock, RtcpPacket, SenderInfo};
pub use sender::RtpSender;
pub use stats::ReceptionStats;
pub use timeline::{FRAME_TICKS, Frame, Run};

/// The RTP clock of G.711, G.722 (RFC 3551 §4.5.2) and their telephone events: ticks per second.
pub const CLOCK_RATE_HZ: u32 = 8_000;
