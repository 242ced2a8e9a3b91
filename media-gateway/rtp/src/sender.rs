//! The sending side of a stream: sequence numbers, timestamps, the marker, and the counts for sender reports.

use crate::dtmf::DtmfPacket;
use crate::packet::{RtpPacket, RtpTimestamp, SeqNum, WriteError};
use crate::timeline::FRAME_TICKS;

/// Writes the packets of one stream. Its timestamp follows time: what is not sent is skipped.
#[derive(Clone, Debug)]
pub struct RtpSender {
    ssrc: u32,
    seq: SeqNum,
    timestamp: RtpTimestamp,
    marker: bool,
    packets: u32,
    octets: u32,
}

impl RtpSender {
    /// A stream that starts at the given numbers, which are to be random (RFC 3550 §5.1).
    #[must_use]
    pub const fn new(ssrc: u32, first_seq: u16, first_timestamp: u32) -> Self {
        Self {
            ssrc,
            seq: SeqNum(first_seq),
            timestamp: RtpTimestamp(first_timestamp),
            marker: true,
            packets: 0,
            octets: 0,
        }
    }

    /// The stream's source.
    #[must_use]
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The time of the next packet.
    #[must_use]
    pub const fn timestamp(&self) -> RtpTimestamp {
        self.timestamp
    }

    /// Packets and payload bytes sent so far, both wrapping (RFC 3550 §6.4.1).
    #[must_use]
    pub const fn counts(&self) -> (u32, u32) {
        (self.packets, self.octets)
    }

    /// Writes one packet of audio with one byte per clock tick to the start of `out` and returns its length. The first
    /// packet, and the first after a skip, carry the marker (RFC 3551 §4.1).
    ///
    /// # Errors
    /// [`WriteError`]; nothing has been counted then.
    pub fn write_audio(&mut self, payload_type: u8, payload: &[u8], out: &mut [u8]) -> Result<usize, WriteError> {
        let len = self.write(self.marker, payload_type, self.timestamp, payload, out)?;
        self.marker = false;
        self.timestamp = self.timestamp.plus(payload.len() as u32);
        Ok(len)
    }

    /// Writes one packet of a key event instead of 20 ms of audio and returns its length.
    ///
    /// # Errors
    /// [`WriteError`]; nothing has been counted then.
    pub fn write_event(&mut self, payload_type: u8, event: &DtmfPacket, out: &mut [u8]) -> Result<usize, WriteError> {
        let len = self.write(event.marker, payload_type, event.timestamp, &event.payload, out)?;
        self.skip(FRAME_TICKS as u32);
        Ok(len)
    }

    /// Lets time pass without sending.
    pub fn skip(&mut self, ticks: u32) {
        self.timestamp = self.timestamp.plus(ticks);
        self.marker = true;
    }

    fn write(
        &mut self,
        marker: bool,
        payload_type: u8,
        timestamp: RtpTimestamp,
        payload: &[u8],
        out: &mut [u8],
    ) -> Result<usize, WriteError> {
        let packet = RtpPacket {
            marker,
            payload_type,
            seq: self.seq,
            timestamp,
            ssrc: self.ssrc,
            csrc: &[],
            extension: None,
            payload,
            padding_len: 0,
        };
        let len = packet.write(out)?;
        self.seq = self.seq.next();
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload.len() as u32);
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtmf::{DtmfSender, Key};
    use crate::testing::ms;

    fn parsed(out: &[u8]) -> (bool, u16, u32) {
        let packet = RtpPacket::parse(out).expect("our own packet");
        (packet.marker, packet.seq.0, packet.timestamp.0)
    }

    #[test]
    fn numbers_follow_packets_and_timestamps_follow_time() {
        let mut sender = RtpSender::new(7, 0xffff, 0xffff_ffc0);
        let mut out = [0; 200];
        let mut send = |sender: &mut RtpSender| {
            let len = sender.write_audio(8, &[0xd5; 160], &mut out).expect("fits");
            parsed(&out[..len])
        };
        assert_eq!(send(&mut sender), (true, 0xffff, 0xffff_ffc0));
        assert_eq!(send(&mut sender), (false, 0, 96));
        sender.skip(8_000);
        assert_eq!(send(&mut sender), (true, 1, 8_256), "the marker follows a silence");
        assert_eq!(send(&mut sender), (false, 2, 8_416));
        assert_eq!(sender.counts(), (4, 640));
    }

    #[test]
    fn a_packet_that_does_not_fit_changes_nothing() {
        let mut sender = RtpSender::new(7, 1, 1);
        assert!(sender.write_audio(8, &[0; 160], &mut [0; 100]).is_err());
        assert_eq!((sender.counts(), sender.timestamp()), ((0, 0), RtpTimestamp(1)));
    }

    #[test]
    fn a_key_takes_the_place_of_audio() {
        let mut sender = RtpSender::new(7, 1, 1_000);
        let mut out = [0; 200];
        let mut key = DtmfSender::new(Key::FIVE, ms(40), sender.timestamp());
        let mut stamps = Vec::new();
        while let Some(event) = key.next_packet() {
            let len = sender.write_event(101, &event, &mut out).expect("fits");
            stamps.push(parsed(&out[..len]));
        }
        assert_eq!(stamps, [(true, 1, 1_000), (false, 2, 1_000), (false, 3, 1_000), (false, 4, 1_000)]);
        let len = sender.write_audio(8, &[0; 160], &mut out).expect("fits");
        assert_eq!(parsed(&out[..len]), (true, 5, 1_000 + 4 * 160));
    }
}
