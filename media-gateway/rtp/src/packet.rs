//! RTP packets (RFC 3550 §5): a view on received bytes, and the writer that makes the same bytes again.

use std::fmt;

/// The fixed part of every RTP header, in bytes (RFC 3550 §5.1).
pub const HEADER_LEN: usize = 12;

/// A sequence number. It wraps, so it has a distance instead of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SeqNum(pub u16);

impl SeqNum {
    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// How many packets this one comes after `earlier`; negative when it comes before.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i16 {
        self.0.wrapping_sub(earlier.0) as i16
    }
}

impl fmt::Display for SeqNum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A time in ticks of the RTP clock. It wraps, and for G.722 a tick is not a sample (RFC 3551 §4.5.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RtpTimestamp(pub u32);

impl RtpTimestamp {
    /// The time `ticks` later.
    #[must_use]
    pub const fn plus(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }

    /// How many ticks this is after `earlier`; negative when it is before.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i32 {
        self.0.wrapping_sub(earlier.0) as i32
    }
}

/// Why a received datagram or packet goes no further. The call goes on; the reason is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Discard {
    /// The bytes are not an RTP or RTCP packet.
    #[error("rtp: {len} bytes are malformed: {fault}")]
    Malformed {
        /// Length of the datagram.
        len: usize,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The version field is not 2.
    #[error("rtp: version {version} is not 2")]
    WrongVersion {
        /// The version found.
        version: u8,
    },
    /// The payload type was not agreed on in SDP.
    #[error("rtp: ssrc {ssrc:08x} seq {seq} has payload type {payload_type}, which was not negotiated")]
    UnknownPayload {
        /// The packet's source.
        ssrc: u32,
        /// The packet's sequence number.
        seq: SeqNum,
        /// The type found.
        payload_type: u8,
    },
    /// The packet comes from another source than the stream, and that source has not proved itself yet.
    #[error("rtp: ssrc {found:08x} is not the stream's {expected:08x}")]
    WrongSsrc {
        /// The stream's source.
        expected: u32,
        /// The packet's source.
        found: u32,
    },
    /// The packet's time has been played already.
    #[error("rtp: seq {seq} came {behind} ticks after its time was played")]
    Late {
        /// The packet's sequence number.
        seq: SeqNum,
        /// How far behind the play-out position its end is.
        behind: u32,
    },
    /// The packet was received before.
    #[error("rtp: seq {seq} was received before")]
    Duplicate {
        /// The packet's sequence number.
        seq: SeqNum,
    },
    /// The timestamp jumped, and no second packet has confirmed the new timeline yet.
    #[error("rtp: seq {seq} jumps {ticks} ticks away from the stream")]
    Jump {
        /// The packet's sequence number.
        seq: SeqNum,
        /// Ticks from the play-out position.
        ticks: i32,
    },
}

impl Discard {
    /// The label used in metrics: a closed set.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed",
            Self::WrongVersion { .. } => "wrong_version",
            Self::UnknownPayload { .. } => "unknown_payload",
            Self::WrongSsrc { .. } => "wrong_ssrc",
            Self::Late { .. } => "late",
            Self::Duplicate { .. } => "duplicate",
            Self::Jump { .. } => "jump",
        }
    }
}

/// What is wrong with malformed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Shorter than the fixed header.
    #[error("shorter than a header")]
    Header,
    /// The CSRC list runs past the end.
    #[error("csrc list runs past the end")]
    Csrc,
    /// The header extension runs past the end.
    #[error("header extension runs past the end")]
    Extension,
    /// The padding count is zero or larger than the payload.
    #[error("padding count does not fit")]
    Padding,
    /// The payload is empty, or larger than any agreed packet time.
    #[error("payload length is out of range")]
    Payload,
    /// A telephone-event payload is shorter than 4 bytes, or its event is no key.
    #[error("telephone event is too short or not a key")]
    Event,
    /// An RTCP packet or report block runs past the end.
    #[error("rtcp length does not fit")]
    Rtcp,
}

/// The caller's buffer is too small, or a field cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The packet does not fit into the buffer.
    #[error("rtp: packet needs {need} bytes but the buffer holds {len}")]
    Buffer {
        /// Bytes needed.
        need: usize,
        /// Bytes there.
        len: usize,
    },
    /// A field is out of its range or not a multiple of four bytes.
    #[error("rtp: {field} cannot be written: out of range")]
    Field {
        /// The field's name.
        field: &'static str,
    },
}

/// A header extension (RFC 3550 §5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// The 16 bits that name the profile.
    pub profile: u16,
    /// The words after the length, a multiple of 4 bytes.
    pub data: &'a [u8],
}

/// One RTP packet; slices borrow from the datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    /// The marker: for audio, the first packet after a silence (RFC 3551 §4.1).
    pub marker: bool,
    /// The payload type, 7 bits.
    pub payload_type: u8,
    /// The sequence number.
    pub seq: SeqNum,
    /// The time of the payload's first sample.
    pub timestamp: RtpTimestamp,
    /// The synchronisation source.
    pub ssrc: u32,
    /// The contributing sources, 4 bytes each, at most 15.
    pub csrc: &'a [u8],
    /// The header extension, if any.
    pub extension: Option<Extension<'a>>,
    /// The payload without padding.
    pub payload: &'a [u8],
    /// Bytes of padding after the payload; 0 for none, else the last of them holds this count.
    pub padding_len: u8,
}

/// Whether a datagram on a multiplexed port is RTCP rather than RTP (RFC 5761 §4).
#[must_use]
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [_, 192..=223, ..])
}

/// Reads a big-endian `u16` at `at`.
pub(crate) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|chunk| u16::from_be_bytes(*chunk))
}

/// Reads a big-endian `u32` at `at`.
pub(crate) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|chunk| u32::from_be_bytes(*chunk))
}

impl<'a> RtpPacket<'a> {
    /// Reads a datagram (RFC 3550 §5.1, checks of A.1).
    ///
    /// # Errors
    /// [`Discard::WrongVersion`], or [`Discard::Malformed`] when a length runs past the end.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Discard> {
        let malformed = |fault| Discard::Malformed { len: datagram.len(), fault };
        let (head, rest) = datagram.split_first_chunk::<HEADER_LEN>().ok_or(malformed(Fault::Header))?;
        let [flags, kind, ..] = *head;
        if flags >> 6 != 2 {
            return Err(Discard::WrongVersion { version: flags >> 6 });
        }
        let csrc_len = usize::from(flags & 0x0f) * 4;
        let (csrc, mut rest) = rest.split_at_checked(csrc_len).ok_or(malformed(Fault::Csrc))?;
        let mut extension = None;
        if flags & 0x10 != 0 {
            let profile = be16(rest, 0).ok_or(malformed(Fault::Extension))?;
            let words = be16(rest, 2).ok_or(malformed(Fault::Extension))?;
            let body = rest.get(4..).ok_or(malformed(Fault::Extension))?;
            let (data, after) = body.split_at_checked(usize::from(words) * 4).ok_or(malformed(Fault::Extension))?;
            extension = Some(Extension { profile, data });
            rest = after;
        }
        let mut padding_len = 0;
        if flags & 0x20 != 0 {
            padding_len = *rest.last().ok_or(malformed(Fault::Padding))?;
            let payload_len = rest.len().checked_sub(usize::from(padding_len));
            let payload_len = payload_len.filter(|_| padding_len > 0).ok_or(malformed(Fault::Padding))?;
            rest = rest.get(..payload_len).ok_or(malformed(Fault::Padding))?;
        }
        Ok(Self {
            marker: kind & 0x80 != 0,
            payload_type: kind & 0x7f,
            seq: SeqNum(be16(head, 2).unwrap_or_default()),
            timestamp: RtpTimestamp(be32(head, 4).unwrap_or_default()),
            ssrc: be32(head, 8).unwrap_or_default(),
            csrc,
            extension,
            payload: rest,
            padding_len,
        })
    }

    /// How many bytes [`Self::write`] makes.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        let extension = self.extension.map_or(0, |extension| 4 + extension.data.len());
        HEADER_LEN + self.csrc.len() + extension + self.payload.len() + usize::from(self.padding_len)
    }

    /// Writes the packet to the start of `out` and returns its length in bytes.
    ///
    /// # Errors
    /// [`WriteError::Buffer`] if `out` is too small, [`WriteError::Field`] if a payload type is above 127 or the CSRC
    /// list or extension is not made of whole words.
    pub fn write(&self, out: &mut [u8]) -> Result<usize, WriteError> {
        let words = self.checked_extension_words()?;
        let need = self.wire_len();
        let len = out.len();
        let mut cursor = Cursor(out.get_mut(..need).ok_or(WriteError::Buffer { need, len })?);
        let csrc_count = (self.csrc.len() / 4) as u8;
        let padding = u8::from(self.padding_len > 0) << 5;
        let extension = u8::from(self.extension.is_some()) << 4;
        cursor.put(&[0x80 | padding | extension | csrc_count]);
        cursor.put(&[u8::from(self.marker) << 7 | self.payload_type]);
        cursor.put(&self.seq.0.to_be_bytes());
        cursor.put(&self.timestamp.0.to_be_bytes());
        cursor.put(&self.ssrc.to_be_bytes());
        cursor.put(self.csrc);
        if let Some(extension) = self.extension {
            cursor.put(&extension.profile.to_be_bytes());
            cursor.put(&words.to_be_bytes());
            cursor.put(extension.data);
        }
        cursor.put(self.payload);
        if let Some((last, zeros)) = cursor.0.split_last_mut() {
            zeros.fill(0);
            *last = self.padding_len;
        }
        Ok(need)
    }

    fn checked_extension_words(&self) -> Result<u16, WriteError> {
        if self.payload_type > 127 {
            return Err(WriteError::Field { field: "payload type" });
        }
        if !self.csrc.len().is_multiple_of(4) || self.csrc.len() > 60 {
            return Err(WriteError::Field { field: "csrc list" });
        }
        let data = self.extension.map_or(&[][..], |extension| extension.data);
        let words = u16::try_from(data.len() / 4).ok().filter(|_| data.len().is_multiple_of(4));
        words.ok_or(WriteError::Field { field: "header extension" })
    }
}

/// What is left of a buffer that is being written; the length was checked before, so nothing is ever cut.
pub(crate) struct Cursor<'a>(pub(crate) &'a mut [u8]);

impl Cursor<'_> {
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        let rest = std::mem::take(&mut self.0);
        debug_assert!(rest.len() >= bytes.len(), "the length was checked before writing");
        if let Some((here, after)) = rest.split_at_mut_checked(bytes.len()) {
            here.copy_from_slice(bytes);
            self.0 = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(payload: &[u8]) -> RtpPacket<'_> {
        RtpPacket {
            marker: true,
            payload_type: 8,
            seq: SeqNum(0xfffe),
            timestamp: RtpTimestamp(0x0102_0304),
            ssrc: 0xdead_beef,
            csrc: &[],
            extension: None,
            payload,
            padding_len: 0,
        }
    }

    #[test]
    fn the_fixed_header_is_laid_out_as_in_rfc_3550_5_1() {
        let mut out = [0; 16];
        assert_eq!(plain(&[7; 4]).write(&mut out), Ok(16));
        assert_eq!(out, [0x80, 0x88, 0xff, 0xfe, 1, 2, 3, 4, 0xde, 0xad, 0xbe, 0xef, 7, 7, 7, 7]);
    }

    #[test]
    fn lying_lengths_are_malformed() {
        let fault = |bytes: &[u8]| match RtpPacket::parse(bytes) {
            Err(Discard::Malformed { fault, .. }) => Some(fault),
            _ => None,
        };
        let head = |flags: u8| [flags, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(fault(&head(0x80)[..11]), Some(Fault::Header));
        assert_eq!(fault(&head(0x8f)), Some(Fault::Csrc));
        assert_eq!(fault(&head(0x90)), Some(Fault::Extension));
        assert_eq!(fault(&[&head(0x90)[..], &[0, 0, 0xff, 0xff]].concat()), Some(Fault::Extension));
        assert_eq!(fault(&head(0xa0)), Some(Fault::Padding));
        assert_eq!(fault(&[&head(0xa0)[..], &[1, 2, 0]].concat()), Some(Fault::Padding));
        assert_eq!(fault(&[&head(0xa0)[..], &[1, 2, 4]].concat()), Some(Fault::Padding));
        assert_eq!(RtpPacket::parse(&head(0x40)), Err(Discard::WrongVersion { version: 1 }));
    }

    #[test]
    fn the_writer_refuses_what_the_wire_cannot_hold() {
        let mut out = [0; 64];
        assert_eq!(plain(&[0; 60]).write(&mut out), Err(WriteError::Buffer { need: 72, len: 64 }));
        let field = |packet: RtpPacket<'_>| packet.write(&mut [0; 200]).is_err();
        assert!(field(RtpPacket { payload_type: 128, ..plain(&[]) }));
        assert!(field(RtpPacket { csrc: &[1, 2, 3], ..plain(&[]) }));
        assert!(field(RtpPacket { csrc: &[0; 64], ..plain(&[]) }));
        assert!(field(RtpPacket { extension: Some(Extension { profile: 1, data: &[0; 3] }), ..plain(&[]) }));
    }

    #[test]
    fn sequence_numbers_and_timestamps_wrap() {
        assert_eq!(SeqNum(2).since(SeqNum(0xffff)), 3);
        assert_eq!(SeqNum(0xffff).since(SeqNum(2)), -3);
        assert_eq!(SeqNum(0xffff).next(), SeqNum(0));
        assert_eq!(RtpTimestamp(0xffff_ff00).plus(0x200).since(RtpTimestamp(0xffff_ff00)), 0x200);
    }

    #[test]
    fn rtcp_is_told_from_rtp_on_one_port() {
        assert!(is_rtcp(&[0x80, 200]));
        assert!(!is_rtcp(&[0x80, 0x88]));
        assert!(!is_rtcp(&[0x80]));
    }

    proptest! {
        #[test]
        fn what_is_written_is_parsed_back(
            marker: bool, payload_type in 0_u8..128, seq: u16, timestamp: u32, ssrc: u32, padding_len: u8,
            csrc_words in 0_usize..16, extension in proptest::option::of((any::<u16>(), 0_usize..8)),
            payload in proptest::collection::vec(any::<u8>(), 0..400),
        ) {
            let words = [0x5a_u8; 64];
            let packet = RtpPacket {
                marker, payload_type, seq: SeqNum(seq), timestamp: RtpTimestamp(timestamp), ssrc, padding_len,
                csrc: &words[..csrc_words * 4],
                extension: extension.map(|(profile, count)| Extension { profile, data: &words[..count * 4] }),
                payload: &payload,
            };
            let mut out = [0xaa; 1_000];
            let len = packet.write(&mut out).expect("the buffer is large enough");
            prop_assert_eq!(len, packet.wire_len());
            prop_assert_eq!(RtpPacket::parse(&out[..len]), Ok(packet));
        }

        #[test]
        fn any_bytes_are_parsed_or_discarded_and_print_themselves(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(packet) = RtpPacket::parse(&bytes) {
                let mut out = [0; 80];
                let len = packet.write(&mut out).expect("it came from 80 bytes");
                prop_assert_eq!(len, bytes.len());
                prop_assert_eq!(RtpPacket::parse(&out[..len]), Ok(packet));
            }
        }
    }
}
