//! What a receiver reports about a stream: loss and jitter as RFC 3550 §6.4.1, A.3 and A.8 define them.

use crate::CLOCK_RATE_HZ;
use crate::packet::{RtpTimestamp, SeqNum};
use crate::rtcp::ReportBlock;
use std::time::{Duration, Instant};

/// Counts one received stream for reports and call records.
#[derive(Clone, Debug, Default)]
pub struct ReceptionStats {
    stream: Option<Stream>,
    received: u64,
    /// Interarrival jitter, scaled by 16 as in A.8.
    jitter_scaled: u64,
    expected_prior: u64,
    received_prior: u64,
    last_report: Option<(u32, Instant)>,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    first: u64,
    highest: u64,
    arrival: Instant,
    timestamp: RtpTimestamp,
}

impl ReceptionStats {
    /// Takes every packet of the stream that arrives, duplicates included (A.3).
    pub fn on_packet(&mut self, now: Instant, seq: SeqNum, timestamp: RtpTimestamp) {
        self.received += 1;
        let Some(stream) = &mut self.stream else {
            let first = u64::from(seq.0) + (1 << 16);
            self.stream = Some(Stream { first, highest: first, arrival: now, timestamp });
            return;
        };
        let ahead = seq.since(SeqNum(stream.highest as u16));
        if ahead > 0 {
            stream.highest += u64::from(ahead.unsigned_abs());
        }
        let apart = now.saturating_duration_since(stream.arrival).as_micros() as i64;
        let apart_ticks = apart * i64::from(CLOCK_RATE_HZ) / 1_000_000;
        let sent_apart = i64::from(timestamp.since(stream.timestamp));
        let difference = (apart_ticks - sent_apart).unsigned_abs().min(u64::from(CLOCK_RATE_HZ));
        self.jitter_scaled = (self.jitter_scaled + difference).saturating_sub((self.jitter_scaled + 8) >> 4);
        stream.arrival = now;
        stream.timestamp = timestamp;
    }

    /// Takes the middle 32 bits of the NTP time of a sender report, for [`ReportBlock::last_sr`].
    pub fn on_sender_report(&mut self, now: Instant, ntp_middle: u32) {
        self.last_report = Some((ntp_middle, now));
    }

    /// Packets received, duplicates included.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Packets expected by sequence number.
    #[must_use]
    pub fn expected(&self) -> u64 {
        self.stream.map_or(0, |stream| stream.highest - stream.first + 1)
    }

    /// Packets lost; negative when duplicates outnumber losses (A.3).
    #[must_use]
    pub fn lost(&self) -> i64 {
        self.expected() as i64 - self.received as i64
    }

    /// Interarrival jitter (A.8).
    #[must_use]
    pub const fn jitter(&self) -> Duration {
        Duration::from_micros((self.jitter_scaled >> 4) * 1_000_000 / CLOCK_RATE_HZ as u64)
    }

    /// The report block about this stream from `ssrc`, and the start of the next interval. `None` before any packet.
    pub fn report(&mut self, now: Instant, ssrc: u32) -> Option<ReportBlock> {
        let stream = self.stream?;
        let expected = self.expected();
        let expected_interval = expected - self.expected_prior;
        let received_interval = self.received - self.received_prior;
        let lost_interval = expected_interval.saturating_sub(received_interval);
        self.expected_prior = expected;
        self.received_prior = self.received;
        let fraction_lost = (lost_interval << 8).checked_div(expected_interval).unwrap_or_default();
        let (last_sr, delay) = self
            .last_report
            .map_or((0, Duration::ZERO), |(ntp_middle, at)| (ntp_middle, now.saturating_duration_since(at)));
        Some(ReportBlock {
            ssrc,
            fraction_lost: fraction_lost.min(255) as u8,
            cumulative_lost: self.lost().clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest_seq: (stream.highest - (1 << 16)) as u32,
            jitter: (self.jitter_scaled >> 4) as u32,
            last_sr,
            delay_since_sr: u32::try_from(delay.as_micros() * 65_536 / 1_000_000).unwrap_or(u32::MAX),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ms, start};

    #[test]
    fn loss_is_counted_across_the_wrap_and_per_interval() {
        let (base, mut stats) = (start(), ReceptionStats::default());
        for n in (0..100_u16).filter(|n| n % 4 != 3) {
            let seq = SeqNum(n.wrapping_add(65_500));
            stats.on_packet(base + ms(20) * u32::from(n), seq, RtpTimestamp(u32::from(n) * 160));
        }
        assert_eq!((stats.expected(), stats.received(), stats.lost()), (99, 75, 24));
        let block = stats.report(base, 9).expect("packets came");
        assert_eq!((block.fraction_lost, block.cumulative_lost), (62, 24), "24/99 of 256");
        assert_eq!(block.highest_seq, (1 << 16) + 62, "one cycle, then 65,500 + 98 - 65,536");
        assert_eq!(stats.report(base, 9).expect("packets came").fraction_lost, 0, "nothing new was lost");
    }

    #[test]
    fn jitter_converges_to_the_mean_difference() {
        let (base, mut stats) = (start(), ReceptionStats::default());
        for n in 0..500_u16 {
            // Every other packet is 10 ms late: successive transits differ by 10 ms.
            let arrival = base + ms(20) * u32::from(n) + ms(u64::from(n % 2) * 10);
            stats.on_packet(arrival, SeqNum(n), RtpTimestamp(u32::from(n) * 160));
        }
        assert!(stats.jitter().abs_diff(ms(10)) <= ms(1), "{:?}", stats.jitter());
    }

    #[test]
    fn the_delay_since_a_sender_report_is_in_1_65536_s() {
        let (base, mut stats) = (start(), ReceptionStats::default());
        assert_eq!(stats.report(base, 1), None);
        stats.on_packet(base, SeqNum(1), RtpTimestamp(0));
        stats.on_sender_report(base, 0x1234_5678);
        let block = stats.report(base + ms(1_500), 1).expect("a packet came");
        assert_eq!((block.last_sr, block.delay_since_sr), (0x1234_5678, 98_304));
    }
}
