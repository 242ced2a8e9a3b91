//! Conversions between generated messages and core types. A message that lacks a required part is a [`WireError`],
//! never a panic: the peer may be of another version.

mod asr;
mod nlu;
mod tts;

use std::time::Duration;

/// A message that does not say what it must.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// A required field is absent.
    #[error("message {message} lacks field `{field}`")]
    Missing {
        /// The message's name.
        message: &'static str,
        /// The field's name.
        field: &'static str,
    },
    /// A field holds a value that has no meaning.
    #[error("message {message} has `{field}` = {value}, which is out of range")]
    Range {
        /// The message's name.
        message: &'static str,
        /// The field's name.
        field: &'static str,
        /// What it held.
        value: u64,
    },
    /// PCM of 16-bit samples with an odd number of bytes.
    #[error("pcm of {len} bytes is not a whole number of 16-bit samples")]
    OddPcm {
        /// How many bytes came.
        len: usize,
    },
}

impl WireError {
    const fn missing(message: &'static str, field: &'static str) -> Self {
        Self::Missing { message, field }
    }
}

/// 16-bit samples as little-endian bytes.
#[must_use]
pub fn pcm_to_wire(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// Little-endian bytes as 16-bit samples.
///
/// # Errors
/// [`WireError::OddPcm`] if a byte is left over.
pub fn pcm_from_wire(bytes: &[u8]) -> Result<Vec<i16>, WireError> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(WireError::OddPcm { len: bytes.len() });
    }
    Ok(pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect())
}

/// Milliseconds, capped: a budget of more than seven weeks is none.
fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
