//! Audio as it moves between threads: 20 ms of mono PCM, held inline so that passing one allocates nothing.

use std::fmt;
use std::time::Duration;

/// A sampling rate in hertz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SampleRate(u32);

impl SampleRate {
    /// 8 kHz: G.711, and the rate of the embedded recognizer and voice.
    pub const HZ_8000: Self = Self(8_000);
    /// 16 kHz: G.722 and most production recognizers.
    pub const HZ_16000: Self = Self(16_000);

    /// Accepts 8,000 to 48,000 Hz; `None` for any other rate.
    #[must_use]
    pub const fn new(rate_hz: u32) -> Option<Self> {
        if rate_hz >= 8_000 && rate_hz <= 48_000 { Some(Self(rate_hz)) } else { None }
    }

    /// The rate in hertz.
    #[must_use]
    pub const fn hz(self) -> u32 {
        self.0
    }

    /// How many samples `duration` holds, rounded down.
    #[must_use]
    pub const fn samples(self, duration: Duration) -> Samples {
        Samples(duration.as_micros() as u64 * self.0 as u64 / 1_000_000)
    }
}

/// A count of samples of one channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Samples(pub u64);

impl Samples {
    /// How long so many samples last at `rate`.
    #[must_use]
    pub const fn duration(self, rate: SampleRate) -> Duration {
        Duration::from_micros(self.0 * 1_000_000 / rate.0 as u64)
    }
}

/// At most 20 ms of mono 16-bit PCM at up to 16 kHz, inline.
#[derive(Clone, Copy)]
pub struct PcmFrame {
    samples: [i16; Self::CAPACITY],
    len: u16,
    rate: SampleRate,
}

impl PcmFrame {
    /// The most samples one frame holds: 20 ms at 16 kHz.
    pub const CAPACITY: usize = 320;
    /// How long a full frame lasts.
    pub const DURATION: Duration = Duration::from_millis(20);

    /// Copies `samples`; `None` if there are more than [`Self::CAPACITY`].
    #[must_use]
    pub fn new(samples: &[i16], rate: SampleRate) -> Option<Self> {
        let mut frame = Self { samples: [0; Self::CAPACITY], len: u16::try_from(samples.len()).ok()?, rate };
        frame.samples.get_mut(..samples.len())?.copy_from_slice(samples);
        Some(frame)
    }

    /// 20 ms of digital silence at `rate` (capped at [`Self::CAPACITY`] samples).
    #[must_use]
    pub fn silence(rate: SampleRate) -> Self {
        let len = (rate.hz() / 50).min(Self::CAPACITY as u32) as u16;
        Self { samples: [0; Self::CAPACITY], len, rate }
    }

    /// The samples.
    #[must_use]
    pub fn samples(&self) -> &[i16] {
        self.samples.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// The samples, to be changed in place.
    pub fn samples_mut(&mut self) -> &mut [i16] {
        self.samples.get_mut(..usize::from(self.len)).unwrap_or(&mut [])
    }

    /// The sampling rate.
    #[must_use]
    pub const fn rate(&self) -> SampleRate {
        self.rate
    }

    /// How long this frame lasts.
    #[must_use]
    pub const fn duration(&self) -> Duration {
        Samples(self.len as u64).duration(self.rate)
    }
}

impl fmt::Debug for PcmFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PcmFrame({} samples at {} Hz)", self.len, self.rate.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_it_was_given_and_refuses_more() {
        let frame = PcmFrame::new(&[1, -2, 3], SampleRate::HZ_8000).expect("three samples fit");
        assert_eq!(frame.samples(), [1, -2, 3]);
        assert!(PcmFrame::new(&[0; 321], SampleRate::HZ_16000).is_none());
        assert_eq!(PcmFrame::silence(SampleRate::HZ_8000).duration(), PcmFrame::DURATION);
    }

    #[test]
    fn counts_samples_and_time_alike() {
        assert_eq!(SampleRate::HZ_8000.samples(Duration::from_millis(25)), Samples(200));
        assert_eq!(Samples(200).duration(SampleRate::HZ_8000), Duration::from_millis(25));
        assert_eq!(SampleRate::new(7_999), None);
    }
}
