//! Keys as RTP telephone events (RFC 4733).
//!
//! One key press is many packets with one timestamp: updates with a growing duration, then three with the end bit.
//! The receiver reports each press once, on whichever of its packets comes first.

use crate::packet::{Discard, Fault, RtpPacket, RtpTimestamp};
use crate::timeline::FRAME_TICKS;
use std::fmt;
use std::time::{Duration, Instant};

/// A key without a packet for so long counts as released: its end packets were lost (RFC 4733 §2.6.2.2).
const END_LOST: Duration = Duration::from_millis(200);
/// A timestamp further back than this is a new timeline, not an old packet: 5 s.
const OLD_TICKS: i32 = -40_000;
/// Packets that carry the end bit (RFC 4733 §2.5.1.4).
const END_PACKETS: u8 = 3;
/// -10 dBm0, in the middle of what telephones send.
const VOLUME: u8 = 10;

/// One of the 16 keys: 0-9, `*`, `#`, A-D.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u8);

impl Key {
    /// The key 5.
    pub const FIVE: Self = Self(5);

    /// The key of an event code (RFC 4733 §3.2), `None` above 15.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        if code < 16 { Some(Self(code)) } else { None }
    }

    /// The key of a character, `None` for any other than `0`-`9`, `*`, `#` and `A`-`D`.
    #[must_use]
    pub const fn from_char(symbol: char) -> Option<Self> {
        match symbol {
            '0'..='9' => Some(Self(symbol as u8 - b'0')),
            '*' => Some(Self(10)),
            '#' => Some(Self(11)),
            'A'..='D' => Some(Self(symbol as u8 - b'A' + 12)),
            _ => None,
        }
    }

    /// The event code.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }

    /// The character on the key.
    #[must_use]
    pub const fn as_char(self) -> char {
        match self.0 {
            code @ 0..=9 => (b'0' + code) as char,
            10 => '*',
            11 => '#',
            code => (b'A' + code - 12) as char,
        }
    }
}

/// Keys are personal data (numbers, passwords), so `Debug` does not show which one it is.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(_)")
    }
}

/// What the caller did with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtmfEvent {
    /// A key went down. Exactly one per press.
    Pressed(Key),
    /// It was released, or its end was lost.
    Released {
        /// The key.
        key: Key,
        /// How long it was down, in clock ticks.
        ticks: u32,
    },
}

#[derive(Clone, Copy, Debug)]
struct Press {
    key: Key,
    /// The timestamp of the current segment; a long press has several.
    timestamp: RtpTimestamp,
    /// Ticks of the segments before this one.
    before: u32,
    /// Ticks of this segment so far.
    ticks: u16,
    heard: Instant,
    released: bool,
}

/// Turns telephone-event packets into key presses, under loss, repetition and reordering.
///
/// Feed it with [`push`](Self::push) and, at [`deadline`](Self::deadline), with
/// [`handle_timeout`](Self::handle_timeout); after each call drain [`poll_event`](Self::poll_event).
#[derive(Clone, Debug, Default)]
pub struct DtmfReceiver {
    press: Option<Press>,
    /// A queue without holes. One call makes three events at most: a release, a press and its release.
    pending: [Option<DtmfEvent>; 3],
}

impl DtmfReceiver {
    /// Takes a packet whose payload type is the negotiated telephone-event.
    ///
    /// # Errors
    /// [`Discard::Malformed`] if the payload is shorter than 4 bytes or the event is no key (tones, flash).
    pub fn push(&mut self, now: Instant, packet: &RtpPacket<'_>) -> Result<(), Discard> {
        let malformed = Discard::Malformed { len: packet.payload.len(), fault: Fault::Event };
        let (head, _) = packet.payload.split_first_chunk::<4>().ok_or(malformed)?;
        let [code, flags, high, low] = *head;
        let key = Key::from_code(code).ok_or(malformed)?;
        let (ended, ticks) = (flags & 0x80 != 0, u16::from_be_bytes([high, low]));
        let timestamp = packet.timestamp;
        if let Some(press) = &mut self.press {
            let step = timestamp.since(press.timestamp);
            if step < 0 && step > OLD_TICKS {
                return Ok(());
            }
            // A long press goes on in a new segment where the last one reached its largest duration (§2.5.1.3).
            let next_segment = step == i32::from(u16::MAX) && press.key == key && !press.released;
            if step == 0 || next_segment {
                if next_segment {
                    press.before += u32::from(u16::MAX);
                    press.timestamp = timestamp;
                    press.ticks = 0;
                }
                press.ticks = press.ticks.max(ticks);
                press.heard = now;
                if ended {
                    self.release();
                }
                return Ok(());
            }
            self.release();
        }
        self.press = Some(Press { key, timestamp, before: 0, ticks, heard: now, released: false });
        self.emit(DtmfEvent::Pressed(key));
        if ended {
            self.release();
        }
        Ok(())
    }

    /// Releases a key whose end packets were all lost.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadline().is_some_and(|deadline| now >= deadline) {
            self.release();
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due; `None` while no key is down.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.press.filter(|press| !press.released).map(|press| press.heard + END_LOST)
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<DtmfEvent> {
        let [first, ..] = &mut self.pending;
        let event = first.take();
        self.pending.rotate_left(1);
        event
    }

    /// Forgets the stream: its source changed.
    pub fn reset(&mut self) {
        self.release();
        self.press = None;
    }

    fn release(&mut self) {
        let Some(press) = &mut self.press else { return };
        if press.released {
            return;
        }
        press.released = true;
        let released = DtmfEvent::Released { key: press.key, ticks: press.before + u32::from(press.ticks) };
        self.emit(released);
    }

    fn emit(&mut self, event: DtmfEvent) {
        match self.pending.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => *slot = Some(event),
            // Not drained: drop the oldest, which is stale.
            None => {
                self.pending.rotate_left(1);
                let [.., last] = &mut self.pending;
                *last = Some(event);
            }
        }
    }
}

/// One packet of a key press to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DtmfPacket {
    /// Set on the first packet of the press.
    pub marker: bool,
    /// The time at which the key went down: the same in all its packets.
    pub timestamp: RtpTimestamp,
    /// Event, end bit and volume, duration (RFC 4733 §2.3).
    pub payload: [u8; 4],
}

/// The packets of one key press, one per 20 ms slot.
#[derive(Clone, Debug)]
pub struct DtmfSender {
    key: Key,
    start: RtpTimestamp,
    length: u16,
    sent: u16,
    ends_left: u8,
}

impl DtmfSender {
    /// A press of `duration` (40 ms to 8 s, rounded to 20 ms) that begins at `start`.
    #[must_use]
    pub fn new(key: Key, duration: Duration, start: RtpTimestamp) -> Self {
        let slots = (duration.as_millis() / 20).clamp(2, 400) as u16;
        Self { key, start, length: slots * FRAME_TICKS as u16, sent: 0, ends_left: END_PACKETS }
    }

    /// The packet for the next slot; `None` when the press is over.
    pub fn next_packet(&mut self) -> Option<DtmfPacket> {
        let first = self.sent == 0;
        self.sent = self.sent.saturating_add(FRAME_TICKS as u16).min(self.length);
        let ended = self.sent == self.length;
        if ended {
            self.ends_left = self.ends_left.checked_sub(1)?;
        }
        let [high, low] = self.sent.to_be_bytes();
        let flags = u8::from(ended) << 7 | VOLUME;
        Some(DtmfPacket { marker: first, timestamp: self.start, payload: [self.key.code(), flags, high, low] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ms, packet, start};

    fn drain(receiver: &mut DtmfReceiver) -> Vec<DtmfEvent> {
        std::iter::from_fn(|| receiver.poll_event()).collect()
    }

    /// All packets of a press, as (timestamp, payload).
    fn press(key: char, timestamp: u32, duration: Duration) -> Vec<(u32, [u8; 4])> {
        let key = Key::from_char(key).expect("a key");
        let mut sender = DtmfSender::new(key, duration, RtpTimestamp(timestamp));
        std::iter::from_fn(|| sender.next_packet()).map(|sent| (sent.timestamp.0, sent.payload)).collect()
    }

    fn push(receiver: &mut DtmfReceiver, now: Instant, sent: &(u32, [u8; 4])) -> Vec<DtmfEvent> {
        receiver.push(now, &packet(0, sent.0, &sent.1)).expect("a key event");
        drain(receiver)
    }

    #[test]
    fn keys_have_their_codes() {
        for (code, symbol) in "0123456789*#ABCD".chars().enumerate() {
            let key = Key::from_char(symbol).expect("a key");
            assert_eq!((usize::from(key.code()), key.as_char()), (code, symbol));
            assert_eq!(Key::from_code(code as u8), Some(key));
        }
        assert_eq!((Key::from_char('a'), Key::from_code(16)), (None, None));
        assert_eq!(format!("{:?}", Key::FIVE), "Key(_)");
    }

    #[test]
    fn a_press_is_sent_as_rfc_4733_says() {
        let sent = press('5', 77, ms(100));
        assert_eq!(sent.len(), 7, "five updates, the last of them an end, and two more ends");
        assert!(sent.iter().all(|(timestamp, _)| *timestamp == 77));
        assert_eq!(sent[0].1, [5, 10, 0, 160]);
        assert_eq!(sent[3].1, [5, 10, 2, 128]);
        assert_eq!(sent[4..], [(77, [5, 0x8a, 3, 32]); 3]);
    }

    #[test]
    fn whatever_packets_survive_a_press_counts_once() {
        let (base, all) = (start(), press('7', 1_000, ms(80)));
        for survivors in 1_u32..1 << all.len() {
            let mut receiver = DtmfReceiver::default();
            let mut events = Vec::new();
            for (n, sent) in all.iter().enumerate().filter(|(n, _)| survivors >> n & 1 == 1) {
                events.extend(push(&mut receiver, base + ms(20) * n as u32, sent));
            }
            receiver.handle_timeout(base + ms(1_000));
            events.extend(drain(&mut receiver));
            let key = Key::from_char('7').expect("a key");
            assert_eq!(events[0], DtmfEvent::Pressed(key), "{survivors:b}");
            assert!(matches!(events[1..], [DtmfEvent::Released { .. }]), "{survivors:b}: {events:?}");
        }
    }

    #[test]
    fn repeated_and_reordered_packets_change_nothing() {
        let (base, mut receiver) = (start(), DtmfReceiver::default());
        let (first, second) = (press('1', 0, ms(40)), press('1', 4_000, ms(40)));
        let mut events = Vec::new();
        for sent in first.iter().chain(&second).chain(&first).chain(&second) {
            events.extend(push(&mut receiver, base, sent));
        }
        let presses = events.iter().filter(|event| matches!(event, DtmfEvent::Pressed(_))).count();
        assert_eq!((presses, events.len()), (2, 4), "the same key twice is two presses");
    }

    #[test]
    fn the_next_key_ends_one_whose_end_was_lost() {
        let (base, mut receiver) = (start(), DtmfReceiver::default());
        push(&mut receiver, base, &press('1', 0, ms(60))[1]);
        let events = push(&mut receiver, base + ms(60), &press('2', 800, ms(60))[0]);
        let [one, two] = ['1', '2'].map(|symbol| Key::from_char(symbol).expect("a key"));
        assert_eq!(events, [DtmfEvent::Released { key: one, ticks: 320 }, DtmfEvent::Pressed(two)]);
    }

    #[test]
    fn a_lost_end_is_noticed_after_200_ms() {
        let (base, mut receiver) = (start(), DtmfReceiver::default());
        push(&mut receiver, base, &press('9', 0, ms(60))[0]);
        assert_eq!(receiver.deadline(), Some(base + ms(200)));
        receiver.handle_timeout(base + ms(199));
        assert_eq!(drain(&mut receiver), []);
        receiver.handle_timeout(base + ms(200));
        assert!(matches!(drain(&mut receiver)[..], [DtmfEvent::Released { ticks: 160, .. }]));
        assert_eq!(receiver.deadline(), None);
    }

    #[test]
    fn a_press_longer_than_a_segment_is_one_press() {
        let (base, mut receiver) = (start(), DtmfReceiver::default());
        let mut events = push(&mut receiver, base, &(5, [3, 10, 0xff, 0xff]));
        events.extend(push(&mut receiver, base + ms(20), &(5 + 0xffff, [3, 10, 0, 160])));
        events.extend(push(&mut receiver, base + ms(40), &(5 + 0xffff, [3, 0x8a, 1, 64])));
        let key = Key::from_code(3).expect("a key");
        assert_eq!(events, [DtmfEvent::Pressed(key), DtmfEvent::Released { key, ticks: 0xffff + 320 }]);
    }

    #[test]
    fn tones_and_stumps_are_malformed() {
        let mut receiver = DtmfReceiver::default();
        for payload in [&[16, 0, 0, 0][..], &[1, 0, 0], &[]] {
            assert!(receiver.push(start(), &packet(0, 0, payload)).is_err());
        }
        assert_eq!(drain(&mut receiver), []);
    }

    #[test]
    fn a_new_timeline_is_not_taken_for_an_old_packet() {
        let (base, mut receiver) = (start(), DtmfReceiver::default());
        push(&mut receiver, base, &press('1', 1_000_000, ms(40))[3]);
        assert_eq!(push(&mut receiver, base, &press('2', 500, ms(40))[3]).len(), 2);
    }
}
