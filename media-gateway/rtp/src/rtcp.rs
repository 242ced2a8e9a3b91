//! RTCP (RFC 3550 §6): sender and receiver reports, CNAME and BYE, read from and written as compound packets.

use crate::packet::{Cursor, Discard, Fault, WriteError, be16, be32};

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const CNAME: u8 = 1;
const BLOCK_LEN: usize = 24;

/// The sender's part of a sender report (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderInfo {
    /// Wall-clock time: seconds since 1900 and their fraction, 32 bits each.
    pub ntp: u64,
    /// The same time in ticks of the RTP clock.
    pub rtp_timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Payload bytes sent.
    pub octets: u32,
}

impl SenderInfo {
    /// The middle 32 bits of the NTP time, which come back in [`ReportBlock::last_sr`].
    #[must_use]
    pub const fn ntp_middle(&self) -> u32 {
        (self.ntp >> 16) as u32
    }
}

/// One reception report (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source that is reported on.
    pub ssrc: u32,
    /// The share lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost in all; 24 bits on the wire, may be negative.
    pub cumulative_lost: i32,
    /// The highest sequence number, with cycles in the upper half.
    pub highest_seq: u32,
    /// Interarrival jitter in clock ticks.
    pub jitter: u32,
    /// The middle of the NTP time of the last sender report; 0 if there was none.
    pub last_sr: u32,
    /// The delay since that report in 1/65,536 s.
    pub delay_since_sr: u32,
}

impl ReportBlock {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let lost = be32(bytes, 4)?;
        Some(Self {
            ssrc: be32(bytes, 0)?,
            fraction_lost: (lost >> 24) as u8,
            // Sign extension of the lower 24 bits.
            cumulative_lost: ((lost << 8) as i32) >> 8,
            highest_seq: be32(bytes, 8)?,
            jitter: be32(bytes, 12)?,
            last_sr: be32(bytes, 16)?,
            delay_since_sr: be32(bytes, 20)?,
        })
    }

    fn write(&self, cursor: &mut Cursor<'_>) {
        let lost = self.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0x00ff_ffff;
        let words = [
            self.ssrc,
            u32::from(self.fraction_lost) << 24 | lost,
            self.highest_seq,
            self.jitter,
            self.last_sr,
            self.delay_since_sr,
        ];
        for word in words {
            cursor.put(&word.to_be_bytes());
        }
    }

    /// The round-trip time, if the block answers a sender report of ours; `ntp_middle` is the time of arrival.
    #[must_use]
    pub fn round_trip(&self, ntp_middle: u32) -> Option<std::time::Duration> {
        if self.last_sr == 0 {
            return None;
        }
        let units = ntp_middle.wrapping_sub(self.last_sr).wrapping_sub(self.delay_since_sr);
        // A negative result, by clock resolution, is no measurement.
        (units < 1 << 31).then(|| std::time::Duration::from_micros(u64::from(units) * 1_000_000 / 65_536))
    }
}

/// One packet of a compound; slices borrow from the datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RtcpPacket<'a> {
    /// A sender report.
    SenderReport {
        /// Who sends.
        ssrc: u32,
        /// Its counts and clocks.
        info: SenderInfo,
        /// What it hears.
        blocks: ReportBlocks<'a>,
    },
    /// A receiver report.
    ReceiverReport {
        /// Who reports.
        ssrc: u32,
        /// What it hears.
        blocks: ReportBlocks<'a>,
    },
    /// A source description.
    Description {
        /// The first source's canonical name, if it is given.
        cname: Option<&'a [u8]>,
    },
    /// A source leaves.
    Bye {
        /// The first source; `None` if the packet names none.
        ssrc: Option<u32>,
    },
    /// Anything else, by its packet type.
    Other {
        /// The packet type.
        packet_type: u8,
    },
}

/// The report blocks of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlocks<'a>(&'a [u8]);

impl<'a> ReportBlocks<'a> {
    /// The blocks in order, at most 31.
    pub fn iter(self) -> impl Iterator<Item = ReportBlock> + 'a {
        self.0.chunks_exact(BLOCK_LEN).filter_map(ReportBlock::parse)
    }
}

/// Reads a compound packet. The whole datagram is checked first (RFC 3550 A.2): a report stands first, every version is
/// 2, and the lengths add up.
///
/// # Errors
/// [`Discard::WrongVersion`] or [`Discard::Malformed`].
pub fn parse_compound(datagram: &[u8]) -> Result<impl Iterator<Item = RtcpPacket<'_>>, Discard> {
    let malformed = Discard::Malformed { len: datagram.len(), fault: Fault::Rtcp };
    let mut rest = datagram;
    while !rest.is_empty() {
        let (packet, after) = split(rest).ok_or(malformed)?;
        let [flags, ..] = packet.head;
        if flags >> 6 != 2 {
            return Err(Discard::WrongVersion { version: flags >> 6 });
        }
        parse_one(&packet).ok_or(malformed)?;
        rest = after;
    }
    if !matches!(datagram, [_, SENDER_REPORT | RECEIVER_REPORT, ..]) {
        return Err(malformed);
    }
    let mut rest = datagram;
    Ok(std::iter::from_fn(move || {
        let (packet, after) = split(rest)?;
        rest = after;
        parse_one(&packet)
    }))
}

struct Raw<'a> {
    head: [u8; 4],
    body: &'a [u8],
}

fn split(bytes: &[u8]) -> Option<(Raw<'_>, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    let (body, after) = rest.split_at_checked(usize::from(be16(head, 2)?) * 4)?;
    Some((Raw { head: *head, body }, after))
}

fn parse_one<'a>(packet: &Raw<'a>) -> Option<RtcpPacket<'a>> {
    let [flags, packet_type, ..] = packet.head;
    let count = usize::from(flags & 0x1f);
    let body = packet.body;
    let blocks = |from: usize| body.get(from..from + count * BLOCK_LEN).map(ReportBlocks);
    Some(match packet_type {
        SENDER_REPORT => RtcpPacket::SenderReport {
            ssrc: be32(body, 0)?,
            info: SenderInfo {
                ntp: u64::from(be32(body, 4)?) << 32 | u64::from(be32(body, 8)?),
                rtp_timestamp: be32(body, 12)?,
                packets: be32(body, 16)?,
                octets: be32(body, 20)?,
            },
            blocks: blocks(24)?,
        },
        RECEIVER_REPORT => RtcpPacket::ReceiverReport { ssrc: be32(body, 0)?, blocks: blocks(4)? },
        DESCRIPTION => RtcpPacket::Description { cname: if count == 0 { None } else { cname(body) } },
        BYE => RtcpPacket::Bye { ssrc: if count == 0 { None } else { Some(be32(body, 0)?) } },
        packet_type => RtcpPacket::Other { packet_type },
    })
}

/// The CNAME of the first chunk (RFC 3550 §6.5.1).
fn cname(body: &[u8]) -> Option<&[u8]> {
    let mut items = body.get(4..)?;
    while let [kind @ 1..=255, len, rest @ ..] = items {
        let (text, after) = rest.split_at_checked(usize::from(*len))?;
        if *kind == CNAME {
            return Some(text);
        }
        items = after;
    }
    None
}

/// What goes into one compound packet of ours.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// Our source.
    pub ssrc: u32,
    /// Set when we have sent media since the last report.
    pub sender: Option<SenderInfo>,
    /// What we hear; a call has one source at most.
    pub block: Option<ReportBlock>,
    /// Our canonical name, at most 255 bytes: random, never a user or host name (RFC 7022).
    pub cname: &'a str,
    /// Whether we leave.
    pub bye: bool,
}

impl Report<'_> {
    /// Writes the compound to the start of `out` and returns its length: a report, the CNAME, perhaps a BYE.
    ///
    /// # Errors
    /// [`WriteError`] if `out` is too small or the CNAME too long.
    pub fn write(&self, out: &mut [u8]) -> Result<usize, WriteError> {
        let name_len = u8::try_from(self.cname.len()).map_err(|_| WriteError::Field { field: "cname" })?;
        let sender_len = if self.sender.is_some() { 20 } else { 0 };
        let report_len = 8 + sender_len + if self.block.is_some() { BLOCK_LEN } else { 0 };
        // Item header, text, and at least one zero byte up to the next word.
        let chunk_len = (4 + 2 + self.cname.len() + 1).next_multiple_of(4);
        let need = report_len + 4 + chunk_len + if self.bye { 8 } else { 0 };
        let len = out.len();
        let mut cursor = Cursor(out.get_mut(..need).ok_or(WriteError::Buffer { need, len })?);
        let kind = if self.sender.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
        head(&mut cursor, u8::from(self.block.is_some()), kind, report_len);
        cursor.put(&self.ssrc.to_be_bytes());
        if let Some(info) = self.sender {
            cursor.put(&info.ntp.to_be_bytes());
            for word in [info.rtp_timestamp, info.packets, info.octets] {
                cursor.put(&word.to_be_bytes());
            }
        }
        if let Some(block) = self.block {
            block.write(&mut cursor);
        }
        head(&mut cursor, 1, DESCRIPTION, 4 + chunk_len);
        cursor.put(&self.ssrc.to_be_bytes());
        cursor.put(&[CNAME, name_len]);
        cursor.put(self.cname.as_bytes());
        for _ in 0..chunk_len - 6 - self.cname.len() {
            cursor.put(&[0]);
        }
        if self.bye {
            head(&mut cursor, 1, BYE, 8);
            cursor.put(&self.ssrc.to_be_bytes());
        }
        Ok(need)
    }
}

fn head(cursor: &mut Cursor<'_>, count: u8, packet_type: u8, len: usize) {
    let words = (len / 4).saturating_sub(1) as u16;
    let [high, low] = words.to_be_bytes();
    cursor.put(&[0x80 | count, packet_type, high, low]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const INFO: SenderInfo = SenderInfo { ntp: 0x0102_0304_0506_0708, rtp_timestamp: 9, packets: 10, octets: 11 };

    #[test]
    fn the_middle_of_the_ntp_time_measures_the_round_trip() {
        assert_eq!(INFO.ntp_middle(), 0x0304_0506);
        let block = ReportBlock { last_sr: 0x1000_0000, delay_since_sr: 65_536, ..ReportBlock::default() };
        // Two seconds after our report, one of which the peer sat on it.
        assert_eq!(block.round_trip(0x1002_0000), Some(std::time::Duration::from_secs(1)));
        assert_eq!(block.round_trip(0x1000_8000), None, "a negative time is no measurement");
        assert_eq!(ReportBlock::default().round_trip(7), None, "no report was received yet");
    }

    #[test]
    fn lying_compounds_are_malformed_as_a_whole() {
        let report = Report { ssrc: 1, sender: None, block: None, cname: "x", bye: true };
        let mut out = [0; 64];
        let len = report.write(&mut out).expect("fits");
        assert!(parse_compound(&out[..len]).is_ok());
        assert!(parse_compound(&out[..len - 4]).is_err(), "cut");
        assert!(parse_compound(&out[8..len]).is_err(), "no report stands first");
        assert!(parse_compound(&[]).is_err());
        assert!(parse_compound(&[0x80, 201, 0, 0]).is_err(), "a receiver report without a source");
        assert!(parse_compound(&[0x9f, 201, 0, 1, 0, 0, 0, 1]).is_err(), "31 blocks that are not there");
        assert!(parse_compound(&[0x40, 201, 0, 1, 0, 0, 0, 1]).is_err(), "version 1");
        assert!(parse_compound(&[0x80, 200, 0xff, 0xff]).is_err(), "a length past the end");
    }

    proptest! {
        #[test]
        fn what_is_written_is_parsed_back(
            ssrc: u32, has_sender: bool, has_block: bool, bye: bool, cname in "[a-z0-9]{0,40}",
            fraction_lost: u8, cumulative_lost in -0x80_0000_i32..0x80_0000, words: [u32; 5],
        ) {
            let [about, highest_seq, jitter, last_sr, delay_since_sr] = words;
            let block = ReportBlock { ssrc: about, fraction_lost, cumulative_lost, highest_seq, jitter, last_sr, delay_since_sr };
            let (sender, block) = (has_sender.then_some(INFO), has_block.then_some(block));
            let mut out = [0xaa; 200];
            let len = Report { ssrc, sender, block, cname: &cname, bye }.write(&mut out).expect("fits");
            let packets: Vec<_> = parse_compound(&out[..len]).expect("our own").collect();
            let blocks = match packets[0] {
                RtcpPacket::SenderReport { ssrc: from, info, blocks } if has_sender => {
                    prop_assert_eq!((from, info), (ssrc, INFO));
                    blocks
                }
                RtcpPacket::ReceiverReport { ssrc: from, blocks } if !has_sender => {
                    prop_assert_eq!(from, ssrc);
                    blocks
                }
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            };
            prop_assert_eq!(blocks.iter().next(), block);
            prop_assert_eq!(packets[1], RtcpPacket::Description { cname: Some(cname.as_bytes()) });
            prop_assert_eq!(packets.get(2).copied(), bye.then_some(RtcpPacket::Bye { ssrc: Some(ssrc) }));
            prop_assert_eq!(Report { ssrc, sender, block, cname: &cname, bye }.write(&mut out[..len - 1]).is_err(), true);
        }

        #[test]
        fn any_bytes_are_parsed_or_discarded(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            if let Ok(packets) = parse_compound(&bytes) {
                prop_assert!(packets.count() >= 1);
            }
        }
    }
}
