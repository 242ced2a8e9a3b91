//! The jitter buffer: packets in as they come, 20 ms frames out in order.
//!
//! The listener is a recognizer, not a loudspeaker, so a frame is handed out the moment it is whole: a call without
//! loss gains no delay at all, however much its packets jitter. Only a hole is waited for, as long as packets of this
//! stream have lately been late. While nothing comes the clock moves the position, so the sum of all frames keeps real
//! time through loss and silence.

use crate::delay::DelayEstimator;
use crate::packet::{Discard, Fault, RtpPacket, RtpTimestamp, SeqNum};
use crate::timeline::{Coverage, Frame, Timeline, WINDOW_TICKS};
use std::time::{Duration, Instant};

/// The longest packet taken: 120 ms, twice the longest packet time that we negotiate.
const PAYLOAD_LEN_MAX: usize = 960;
/// So many packets in a row that all come too late, over at least [`LATE_SPAN`], mean that the stream has moved.
const LATE_STREAK: u32 = 5;
const LATE_SPAN: Duration = Duration::from_millis(80);

/// How long a hole is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JitterConfig {
    /// The least, in a stream without jitter.
    pub wait_min: Duration,
    /// The most, however bad the network is.
    pub wait_max: Duration,
}

impl Default for JitterConfig {
    fn default() -> Self {
        Self { wait_min: Duration::from_millis(40), wait_max: Duration::from_millis(200) }
    }
}

/// What a jitter buffer has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JitterStats {
    /// Packets that brought audio in time.
    pub packets: u64,
    /// Packets whose time had been played.
    pub late: u64,
    /// Packets received twice.
    pub duplicate: u64,
    /// Packets from a source or a timeline that had not proved itself.
    pub stray: u64,
    /// Times that the buffer moved to a new source or timeline.
    pub resyncs: u64,
    /// Frames handed out whole.
    pub frames: u64,
    /// Frames handed out with holes.
    pub partial: u64,
    /// Frames of which nothing came.
    pub lost: u64,
    /// Frames that the sender left out.
    pub silent: u64,
}

/// What [`JitterBuffer::pop`] has for the listener. Each but [`Pop::NotYet`] stands for 20 ms of the stream.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "a frame is inline so that none is ever allocated")]
pub enum Pop {
    /// Audio, perhaps with holes; see [`Frame::runs`].
    Frame(Frame),
    /// Nothing came for these 20 ms: conceal them.
    Lost,
    /// The sender is silent on purpose: play comfort noise.
    Silence,
    /// Nothing is due before [`JitterBuffer::deadline`] unless a packet comes.
    NotYet,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    ssrc: u32,
    highest: SeqNum,
    /// The end of the audio of the highest packet.
    end: RtpTimestamp,
    /// Bit n: whether packet `highest - n` was received.
    seen: u64,
    /// The last packet said that the sender falls silent or sends keys.
    paused: bool,
    /// Frames counted as lost since audio last came; they turn out to be silence if no packet is missing.
    lost_since_audio: u64,
}

/// A packet that may be the first of a new source or timeline.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    ssrc: u32,
    seq: SeqNum,
    timestamp: RtpTimestamp,
}

/// The receive buffer of one stream. 16 KiB, allocated once.
///
/// Feed it with [`push`](Self::push), then call [`pop`](Self::pop) until it answers [`Pop::NotYet`], and again at
/// [`deadline`](Self::deadline).
pub struct JitterBuffer {
    stream: Option<Stream>,
    candidate: Option<Candidate>,
    late_streak: Option<(u32, Instant)>,
    timeline: Timeline,
    delay: DelayEstimator,
    stats: JitterStats,
}

impl JitterBuffer {
    /// An empty buffer that follows the first source it hears.
    #[must_use]
    pub fn new(config: JitterConfig) -> Self {
        Self {
            stream: None,
            candidate: None,
            late_streak: None,
            timeline: Timeline::new(),
            delay: DelayEstimator::new(config.wait_min, config.wait_max),
            stats: JitterStats::default(),
        }
    }

    /// Takes a packet of audio: G.711 or G.722, one payload byte per clock tick, 1 to 960 of them.
    ///
    /// A new SSRC or a timestamp more than a second away is followed once two packets in a row agree (RFC 3550 A.1),
    /// or at once when the marker says that speech starts anew and no packet is missing before it.
    ///
    /// # Errors
    /// Why the packet was dropped: [`Discard::Malformed`], [`Discard::WrongSsrc`], [`Discard::Jump`],
    /// [`Discard::Duplicate`] or [`Discard::Late`]. The stream goes on.
    pub fn push(&mut self, now: Instant, packet: &RtpPacket<'_>) -> Result<(), Discard> {
        if packet.payload.is_empty() || packet.payload.len() > PAYLOAD_LEN_MAX {
            return Err(Discard::Malformed { len: packet.wire_len(), fault: Fault::Payload });
        }
        let Some(mut stream) = self.stream else {
            self.begin(now, packet);
            return Ok(());
        };
        if let Some(discard) = self.away(&stream, packet) {
            if self.is_confirmed(&stream, packet) {
                self.stats.resyncs += 1;
                self.begin(now, packet);
                return Ok(());
            }
            self.stats.stray += 1;
            return Err(discard);
        }
        if !stream.note(packet.seq) {
            self.stats.duplicate += 1;
            return Err(Discard::Duplicate { seq: packet.seq });
        }
        self.delay.observe(now, packet.timestamp);
        let end = packet.timestamp.plus(packet.payload.len() as u32);
        let contiguous = stream.highest == packet.seq && stream.seen & 2 != 0;
        if contiguous {
            self.timeline.mark_silent(stream.end, packet.timestamp);
            if packet.timestamp.since(stream.end) > 0 {
                self.stats.lost -= stream.lost_since_audio;
                self.stats.silent += stream.lost_since_audio;
            }
        }
        if stream.highest == packet.seq {
            stream.end = end;
            stream.paused = false;
            stream.lost_since_audio = 0;
        }
        self.stream = Some(stream);
        let behind = self.timeline.position().since(end);
        if behind >= 0 {
            return self.late(now, packet, behind.unsigned_abs());
        }
        self.late_streak = None;
        self.stats.packets += 1;
        self.timeline.write(packet.timestamp, packet.payload, packet.payload_type);
        Ok(())
    }

    /// Takes a packet of the stream that carries no audio: comfort noise (RFC 3389) or a telephone event (RFC 4733).
    /// Until audio comes again its time counts as silence, not as loss.
    ///
    /// # Errors
    /// [`Discard::WrongSsrc`] or [`Discard::Duplicate`].
    pub fn push_silent(&mut self, packet: &RtpPacket<'_>) -> Result<(), Discard> {
        let Some(mut stream) = self.stream else { return Ok(()) };
        if packet.ssrc != stream.ssrc {
            return Err(Discard::WrongSsrc { expected: stream.ssrc, found: packet.ssrc });
        }
        if !stream.note(packet.seq) {
            return Err(Discard::Duplicate { seq: packet.seq });
        }
        if stream.highest == packet.seq {
            stream.paused = true;
        }
        self.stream = Some(stream);
        Ok(())
    }

    /// The next 20 ms of the stream, if they are due at `now`.
    pub fn pop(&mut self, now: Instant) -> Pop {
        let coverage = self.timeline.coverage();
        let whole = matches!(coverage, Coverage::Audio | Coverage::Silence);
        if !whole && self.due().is_none_or(|due| now < due) {
            return Pop::NotYet;
        }
        let Some(stream) = &mut self.stream else { return Pop::NotYet };
        match coverage {
            Coverage::Audio => self.stats.frames += 1,
            Coverage::Partial => self.stats.partial += 1,
            Coverage::Silence => {
                self.stats.silent += 1;
                self.timeline.skip();
                return Pop::Silence;
            }
            Coverage::Nothing if stream.paused => {
                self.stats.silent += 1;
                self.timeline.skip();
                return Pop::Silence;
            }
            Coverage::Nothing => {
                self.stats.lost += 1;
                stream.lost_since_audio += 1;
                self.timeline.skip();
                return Pop::Lost;
            }
        }
        Pop::Frame(self.timeline.take())
    }

    /// When [`pop`](Self::pop) is to be called again if no packet comes before. `None` until the first packet.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.due()
    }

    /// How long a hole is waited for at present.
    #[must_use]
    pub fn wait(&self) -> Duration {
        self.delay.wait()
    }

    /// What was seen so far.
    #[must_use]
    pub const fn stats(&self) -> &JitterStats {
        &self.stats
    }

    /// Forgets the stream but not the counts: media was renegotiated or put on hold.
    pub fn reset(&mut self) {
        self.stream = None;
        self.candidate = None;
        self.late_streak = None;
        self.delay.restart();
        self.timeline.restart(RtpTimestamp(0));
    }

    fn due(&self) -> Option<Instant> {
        self.stream?;
        let expected = self.delay.expected(self.timeline.position())?;
        // What is whole needs no waiting; a hole in the first frame waits as long as a lost frame.
        Some(expected + self.delay.wait())
    }

    fn begin(&mut self, now: Instant, packet: &RtpPacket<'_>) {
        let end = packet.timestamp.plus(packet.payload.len() as u32);
        self.stream =
            Some(Stream { ssrc: packet.ssrc, highest: packet.seq, end, seen: 1, paused: false, lost_since_audio: 0 });
        self.candidate = None;
        self.late_streak = None;
        self.delay.restart();
        self.delay.observe(now, packet.timestamp);
        self.timeline.restart(packet.timestamp);
        self.timeline.write(packet.timestamp, packet.payload, packet.payload_type);
        self.stats.packets += 1;
    }

    /// Why `packet` belongs to another source or timeline, if it does.
    fn away(&self, stream: &Stream, packet: &RtpPacket<'_>) -> Option<Discard> {
        if packet.ssrc != stream.ssrc {
            return Some(Discard::WrongSsrc { expected: stream.ssrc, found: packet.ssrc });
        }
        let lead = packet.timestamp.since(self.timeline.position());
        let room = (WINDOW_TICKS - PAYLOAD_LEN_MAX) as i32;
        let near = lead < room && lead > -(WINDOW_TICKS as i32);
        if near { None } else { Some(Discard::Jump { seq: packet.seq, ticks: lead }) }
    }

    fn is_confirmed(&mut self, stream: &Stream, packet: &RtpPacket<'_>) -> bool {
        let new_speech = packet.marker && packet.ssrc == stream.ssrc && packet.seq == stream.highest.next();
        let follows = self.candidate.is_some_and(|candidate| {
            let step = packet.timestamp.since(candidate.timestamp);
            candidate.ssrc == packet.ssrc
                && candidate.seq.next() == packet.seq
                && step > 0
                && step < WINDOW_TICKS as i32
        });
        self.candidate = Some(Candidate { ssrc: packet.ssrc, seq: packet.seq, timestamp: packet.timestamp });
        new_speech || follows
    }

    fn late(&mut self, now: Instant, packet: &RtpPacket<'_>, behind: u32) -> Result<(), Discard> {
        let (count, since) = self.late_streak.map_or((1, now), |(count, since)| (count + 1, since));
        if count >= LATE_STREAK && now.saturating_duration_since(since) >= LATE_SPAN {
            self.stats.resyncs += 1;
            self.begin(now, packet);
            return Ok(());
        }
        self.late_streak = Some((count, since));
        self.stats.late += 1;
        Err(Discard::Late { seq: packet.seq, behind })
    }
}

impl Stream {
    /// Notes a sequence number; false if it was noted before.
    fn note(&mut self, seq: SeqNum) -> bool {
        let ahead = seq.since(self.highest);
        if ahead > 0 {
            let shift = u32::from(ahead.unsigned_abs());
            self.seen = self.seen.checked_shl(shift).unwrap_or_default() | 1;
            self.highest = seq;
            return true;
        }
        let bit = 1_u64.checked_shl(u32::from(ahead.unsigned_abs())).unwrap_or_default();
        let new = self.seen & bit == 0;
        self.seen |= bit;
        new
    }
}

#[cfg(test)]
mod tests;
