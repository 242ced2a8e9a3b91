//! G.711 A-law and µ-law: decoding by table, encoding by segment search.

/// A lossy pair of lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// One byte is one sample, so both sides must be equally long.
    #[error("g711: {payload_len} bytes do not make {pcm_len} samples")]
    Length {
        /// Bytes of G.711.
        payload_len: usize,
        /// Samples of PCM.
        pcm_len: usize,
    },
}

/// The companding law of a G.711 stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Law {
    /// A-law: PCMA, static payload type 8 (RFC 3551 §4.5.14).
    A,
    /// µ-law: PCMU, static payload type 0 (RFC 3551 §4.5.14).
    Mu,
}

impl Law {
    /// The static payload type (RFC 3551 §6, table 4).
    #[must_use]
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::A => 8,
            Self::Mu => 0,
        }
    }

    /// The encoding name in SDP's rtpmap (RFC 3551 §6).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "PCMA",
            Self::Mu => "PCMU",
        }
    }

    /// The byte of digital silence.
    #[must_use]
    pub const fn silence(self) -> u8 {
        match self {
            Self::A => 0xd5,
            Self::Mu => 0xff,
        }
    }

    /// Decodes one byte.
    #[must_use]
    pub fn decode_sample(self, byte: u8) -> i16 {
        let table = match self {
            Self::A => &A_TO_PCM,
            Self::Mu => &MU_TO_PCM,
        };
        table.get(usize::from(byte)).copied().unwrap_or_default()
    }

    /// Encodes one sample.
    #[must_use]
    pub const fn encode_sample(self, sample: i16) -> u8 {
        match self {
            Self::A => pcm_to_a(sample),
            Self::Mu => pcm_to_mu(sample),
        }
    }

    /// Decodes `payload`, one byte a sample at 8 kHz, into `pcm` of the same length: 160 for a 20 ms packet.
    ///
    /// # Errors
    /// [`CodecError::Length`] if the two lengths differ.
    pub fn decode(self, payload: &[u8], pcm: &mut [i16]) -> Result<(), CodecError> {
        check(payload.len(), pcm.len())?;
        for (sample, byte) in pcm.iter_mut().zip(payload) {
            *sample = self.decode_sample(*byte);
        }
        Ok(())
    }

    /// Encodes `pcm` at 8 kHz into `payload` of the same length.
    ///
    /// # Errors
    /// [`CodecError::Length`] if the two lengths differ.
    pub fn encode(self, pcm: &[i16], payload: &mut [u8]) -> Result<(), CodecError> {
        check(payload.len(), pcm.len())?;
        for (byte, sample) in payload.iter_mut().zip(pcm) {
            *byte = self.encode_sample(*sample);
        }
        Ok(())
    }
}

const fn check(payload_len: usize, pcm_len: usize) -> Result<(), CodecError> {
    if payload_len == pcm_len { Ok(()) } else { Err(CodecError::Length { payload_len, pcm_len }) }
}

static A_TO_PCM: [i16; 256] = decode_table(Law::A);
static MU_TO_PCM: [i16; 256] = decode_table(Law::Mu);

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which checks the bounds")]
const fn decode_table(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = match law {
            Law::A => a_to_pcm(code as u8),
            Law::Mu => mu_to_pcm(code as u8),
        };
        code += 1;
    }
    table
}

/// A-law: even bits are inverted on the line; sign, 3 bits of segment, 4 bits of step. 13-bit values, left aligned.
const fn a_to_pcm(code: u8) -> i16 {
    let code = code ^ 0x55;
    let segment = (code >> 4) & 7;
    let step = (code & 15) as i16;
    let magnitude = if segment == 0 { step * 16 + 8 } else { (step * 16 + 264) << (segment - 1) };
    if code & 0x80 != 0 { magnitude } else { -magnitude }
}

/// µ-law: all bits are inverted on the line; the segments carry a bias of 33 (of 8,192), here times 4.
const fn mu_to_pcm(code: u8) -> i16 {
    let code = !code;
    let segment = (code >> 4) & 7;
    let step = (code & 15) as i16;
    let magnitude = ((step * 8 + 132) << segment) - 132;
    if code & 0x80 != 0 { -magnitude } else { magnitude }
}

/// Negative samples are mirrored at -½, as the ITU's own tools (G.191) do: -1 falls into the first negative interval.
const fn magnitude(sample: i16) -> u16 {
    (if sample < 0 { !sample } else { sample }) as u16
}

const fn pcm_to_a(sample: i16) -> u8 {
    let level = magnitude(sample) >> 4;
    let code = if level < 32 {
        level
    } else {
        let segment = 12 - level.leading_zeros() as u16;
        (segment << 4) | ((level >> (segment - 1)) & 15)
    };
    let sign = if sample >= 0 { 0x80 } else { 0 };
    (code as u8 | sign) ^ 0x55
}

const fn pcm_to_mu(sample: i16) -> u8 {
    let biased = (magnitude(sample) >> 2) + 33;
    let level = if biased > 0x1fff { 0x1fff } else { biased };
    let segment = 10 - level.leading_zeros() as u16;
    let code = (segment << 4) | ((level >> (segment + 1)) & 15);
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(code as u8 | sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The decision value (lower edge) and the output value of interval `n`, on the scale of 16-bit PCM, from tables
    /// 1a and 2a of G.711, which count in 1/4,096 (A-law) and 1/8,159 (µ-law).
    fn interval(law: Law, n: u32) -> (i32, i32) {
        let (segment, step) = (n / 16, (n % 16) as i32);
        match law {
            Law::A if segment < 2 => (n as i32 * 16, n as i32 * 16 + 8),
            Law::A => (((16 + step) * 16) << (segment - 1), ((33 + 2 * step) * 8) << (segment - 1)),
            Law::Mu => {
                let output = ((33 + 2 * step) << segment) - 33;
                let edge = if n == 0 { 0 } else { output - (1 << segment) };
                (edge * 4, output * 4)
            }
        }
    }

    fn on_the_line(law: Law, n: u32, negative: bool) -> u8 {
        match law {
            Law::A => (n as u8 | if negative { 0 } else { 0x80 }) ^ 0x55,
            Law::Mu => !(n as u8 | if negative { 0x80 } else { 0 }),
        }
    }

    #[test]
    fn every_code_decodes_to_the_output_value_of_the_itu_tables() {
        for law in [Law::A, Law::Mu] {
            for n in 0..128 {
                let output = interval(law, n).1;
                assert_eq!(i32::from(law.decode_sample(on_the_line(law, n, false))), output, "{law:?} {n}");
                assert_eq!(i32::from(law.decode_sample(on_the_line(law, n, true))), -output, "{law:?} -{n}");
            }
        }
    }

    #[test]
    fn every_sample_is_encoded_into_the_interval_that_holds_it() {
        for law in [Law::A, Law::Mu] {
            for sample in i16::MIN..=i16::MAX {
                let level = i32::from(if sample < 0 { !sample } else { sample });
                let n = (0..128).rev().find(|n| interval(law, *n).0 <= level).expect("interval 0 starts at 0");
                assert_eq!(law.encode_sample(sample), on_the_line(law, n, sample < 0), "{law:?} {sample}");
            }
        }
    }

    #[test]
    fn every_code_survives_decode_and_encode_but_the_second_zero() {
        for law in [Law::A, Law::Mu] {
            for code in 0..=u8::MAX {
                let again = law.encode_sample(law.decode_sample(code));
                let negative_zero = law == Law::Mu && code == 0x7f;
                assert_eq!(again, if negative_zero { 0xff } else { code }, "{law:?}");
            }
            assert_eq!(law.silence(), law.encode_sample(0));
        }
    }

    #[test]
    fn unequal_lengths_are_refused() {
        let error = CodecError::Length { payload_len: 160, pcm_len: 159 };
        assert_eq!(Law::A.decode(&[0; 160], &mut [0; 159]), Err(error));
        assert_eq!(Law::Mu.encode(&[0; 159], &mut [0; 160]), Err(error));
    }
}
