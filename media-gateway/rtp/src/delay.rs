//! How long to wait for a missing packet: the fastest recent transit as the base, and a quantile of what came slower.

use crate::packet::RtpTimestamp;
use std::time::{Duration, Instant};

const MICROS_PER_TICK: i64 = 125;
const BUCKETS: usize = 26;
const BUCKET_MICROS: i64 = 10_000;
/// The whole mass of the histogram; each observation moves 1/128 of it, so it forgets within about 10 s.
const MASS: u32 = 1 << 24;
const FORGET_SHIFT: u32 = 7;
/// Packets slower than the wait: at most 1 in 50 of those seen lately.
const TAIL: u32 = MASS / 50;
/// The base is the fastest transit of the present and the last window, so a slower route or clock is believed in time.
const WINDOW: Duration = Duration::from_secs(4);

/// Maps timestamps to the time at which they can be expected, and learns how late packets of this stream come.
#[derive(Clone, Debug)]
pub struct DelayEstimator {
    min: Duration,
    max: Duration,
    anchor: Option<Anchor>,
    buckets: [u32; BUCKETS],
}

#[derive(Clone, Copy, Debug)]
struct Anchor {
    at: Instant,
    timestamp: RtpTimestamp,
    window_end: Instant,
    fastest_now: i64,
    fastest_before: i64,
}

impl Anchor {
    const fn base(&self) -> i64 {
        if self.fastest_now < self.fastest_before { self.fastest_now } else { self.fastest_before }
    }
}

impl DelayEstimator {
    /// The wait starts 20 ms above `min` and stays between `min` and `max`.
    #[must_use]
    pub fn new(min: Duration, max: Duration) -> Self {
        let mut buckets = [0; BUCKETS];
        let start = (min.as_micros() as i64 / BUCKET_MICROS).clamp(0, BUCKETS as i64 - 1);
        if let Some(bucket) = buckets.get_mut(start as usize) {
            *bucket = MASS;
        }
        Self { min, max, anchor: None, buckets }
    }

    /// Takes a packet's arrival into account and returns how much slower it was than the fastest.
    pub fn observe(&mut self, now: Instant, timestamp: RtpTimestamp) -> Duration {
        let anchor = self.anchor.get_or_insert(Anchor {
            at: now,
            timestamp,
            window_end: now + WINDOW,
            fastest_now: 0,
            fastest_before: 0,
        });
        let transit = signed_micros(now, anchor.at) - i64::from(timestamp.since(anchor.timestamp)) * MICROS_PER_TICK;
        anchor.fastest_now = anchor.fastest_now.min(transit);
        if now >= anchor.window_end {
            // The anchor moves along so that timestamps never wrap against it.
            let fastest = anchor.fastest_now;
            *anchor = Anchor {
                at: now,
                timestamp,
                window_end: now + WINDOW,
                fastest_now: 0,
                fastest_before: fastest - transit,
            };
            self.count(transit - fastest);
            return micros(transit - fastest);
        }
        let slower = transit - anchor.base();
        self.count(slower);
        micros(slower)
    }

    /// When the packet that starts at `timestamp` would arrive if it were as fast as the fastest. `None` before the
    /// first packet.
    #[must_use]
    pub fn expected(&self, timestamp: RtpTimestamp) -> Option<Instant> {
        let anchor = self.anchor?;
        let offset = anchor.base() + i64::from(timestamp.since(anchor.timestamp)) * MICROS_PER_TICK;
        if offset >= 0 { anchor.at.checked_add(micros(offset)) } else { anchor.at.checked_sub(micros(-offset)) }
    }

    /// How long after [`Self::expected`] a missing packet is given up.
    #[must_use]
    pub fn wait(&self) -> Duration {
        let mut above = 0;
        for (index, bucket) in self.buckets.iter().enumerate().rev() {
            above += bucket;
            if above > TAIL {
                return micros((index as i64 + 2) * BUCKET_MICROS).clamp(self.min, self.max);
            }
        }
        self.min
    }

    /// Forgets the mapping of timestamps to time, but not how late packets come: the stream jumped.
    pub fn restart(&mut self) {
        self.anchor = None;
    }

    fn count(&mut self, slower: i64) {
        let mut moved = 0;
        for bucket in &mut self.buckets {
            let part = *bucket >> FORGET_SHIFT;
            *bucket -= part;
            moved += part;
        }
        let index = (slower / BUCKET_MICROS).clamp(0, BUCKETS as i64 - 1);
        if let Some(bucket) = self.buckets.get_mut(index as usize) {
            *bucket += moved;
        }
    }
}

fn signed_micros(later: Instant, earlier: Instant) -> i64 {
    let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    micros(later.saturating_duration_since(earlier)) - micros(earlier.saturating_duration_since(later))
}

fn micros(count: i64) -> Duration {
    Duration::from_micros(u64::try_from(count).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ms, start};

    fn estimator() -> DelayEstimator {
        DelayEstimator::new(ms(40), ms(200))
    }

    #[test]
    fn a_steady_stream_needs_the_least_wait_only() {
        let (base, mut delay) = (start(), estimator());
        assert_eq!(delay.wait(), ms(60), "the first guess");
        for n in 0..1_000 {
            delay.observe(base + ms(20) * n, RtpTimestamp(n * 160));
        }
        assert_eq!(delay.wait(), ms(40));
        assert_eq!(delay.expected(RtpTimestamp(160_000)), Some(base + ms(20_000)));
    }

    #[test]
    fn jitter_raises_the_wait_and_calm_lowers_it_within_ten_seconds() {
        let (base, mut delay) = (start(), estimator());
        for n in 0..500 {
            delay.observe(base + ms(20) * n + ms(u64::from(n * 37 % 101)), RtpTimestamp(n * 160));
        }
        let wait = delay.wait();
        assert!(wait >= ms(100) && wait <= ms(120), "{wait:?}");
        for n in 500..1_000 {
            delay.observe(base + ms(20) * n, RtpTimestamp(n * 160));
        }
        assert!(delay.wait() <= ms(50), "{:?}", delay.wait());
    }

    #[test]
    fn the_base_follows_a_slow_clock_and_a_slower_route() {
        let (base, mut delay) = (start(), estimator());
        // 500 ppm slow for ten minutes: the last packet arrives 300 ms after the fastest mapping of the first.
        for n in 0..30_000_u32 {
            delay.observe(base + Duration::from_micros(20_010) * n, RtpTimestamp(n * 160));
        }
        let expected = delay.expected(RtpTimestamp(30_000 * 160)).expect("packets were seen");
        let true_arrival = base + Duration::from_micros(20_010) * 30_000;
        assert!(true_arrival.duration_since(expected) <= ms(5), "{:?}", true_arrival - expected);
        assert_eq!(delay.wait(), ms(40));
    }

    #[test]
    fn a_restart_keeps_what_was_learnt_about_jitter() {
        let (base, mut delay) = (start(), estimator());
        for n in 0..500 {
            delay.observe(base + ms(20) * n + ms(u64::from(n % 2) * 90), RtpTimestamp(n * 160));
        }
        delay.restart();
        assert_eq!(delay.expected(RtpTimestamp(0)), None);
        assert!(delay.wait() >= ms(90));
    }
}
