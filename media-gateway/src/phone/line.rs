//! The media of a test phone: sends clips on cues taken from what it hears, records both directions against real time, and
//! measures response times from the audio alone.

use crate::clock;
use hualu_rtp::packet::HEADER_LEN;
use hualu_rtp::{Law, RtpPacket, RtpSender};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const RATE: usize = 8_000;
const FRAME: usize = 160;
const FRAME_TIME: Duration = Duration::from_millis(20);

/// Samples louder than this are voice: -40 dBov, far above comfort noise.
const VOICED: i16 = 328;

/// A side that was heard so recently is in the middle of speaking.
const SPEAKS_STILL: Duration = Duration::from_millis(200);

/// What the phone does in a call.
#[derive(Clone, Debug)]
pub struct Script {
    /// What is played, in this order.
    pub cues: Vec<Cue>,
    /// After the last clip, and after any clip that is never answered, so much silence ends the call.
    pub patience: Duration,
    /// The call ends at the latest after so long.
    pub call_max: Duration,
    /// Packets that the network loses, both ways.
    pub loss: Option<Loss>,
}

impl Script {
    /// A script for a conversation: each clip is played once the other side has answered and been silent for `gap`.
    #[must_use]
    pub fn in_turn(clips: Vec<Arc<[i16]>>, gap: Duration, patience: Duration, call_max: Duration) -> Self {
        let cues = clips.into_iter().map(|pcm| Cue { pcm, when: When::Silent(gap) }).collect();
        Self { cues, patience, call_max, loss: None }
    }
}

/// One clip and when it is played.
#[derive(Clone, Debug)]
pub struct Cue {
    /// 8 kHz mono PCM.
    pub pcm: Arc<[i16]>,
    /// When it begins.
    pub when: When,
}

/// When a clip begins. What the other side said before the end of the clip before does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The other side has spoken and has been silent for so long.
    Silent(Duration),
    /// The other side began to speak so long ago and speaks still: it was heard within the last 200 ms.
    Speaking(Duration),
}

/// A network that loses packets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loss {
    /// The share that is lost, each packet by itself.
    pub share: f64,
    /// What decides which: the same seed loses the same packets.
    pub seed: u64,
}

/// What one clip led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// Where the clip began in the recording, in samples.
    pub clip_at: usize,
    /// Last voiced sample sent to first voiced sample received; `None` when nothing was received.
    pub response: Option<Duration>,
    /// Where the answer began in the recording, in samples.
    pub answer_at: usize,
}

/// What the phone heard and said, in real time: both tracks begin with the first packet sent.
#[derive(Clone, Debug, Default)]
pub struct LineReport {
    /// What the phone sent, 8 kHz.
    pub caller: Vec<i16>,
    /// What it received, 8 kHz, placed by RTP timestamp.
    pub bot: Vec<i16>,
    /// Answer of the call to the first voiced sample received.
    pub greeting: Option<Duration>,
    /// One entry for each clip that was played.
    pub exchanges: Vec<Exchange>,
    /// Packets received.
    pub packets: u64,
    /// Every voiced stretch sent, at most one for each packet, by the phone's clock from the call's answer on.
    pub sent_voice: Vec<Voiced>,
    /// The same of what was received.
    pub heard_voice: Vec<Voiced>,
    /// When the line was closed, by the same clock.
    pub over: Duration,
}

/// The voiced part of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voiced {
    /// First voiced sample.
    pub from: Duration,
    /// Last voiced sample.
    pub to: Duration,
    /// Where the packet's first sample stands in the track.
    pub place: usize,
}

/// One running line.
pub(super) struct Line {
    socket: UdpSocket,
    remote: SocketAddr,
    law: Law,
    /// The number of `law` towards the other side.
    payload_type: u8,
    sender: RtpSender,
    script: Script,
    report: LineReport,
    start: Instant,
    /// Timestamp and position of the first packet received.
    anchor: Option<(u32, usize)>,
    /// Clip being played, and how far.
    playing: Option<(usize, usize)>,
    next_clip: usize,
    last_voiced_sent: Option<Instant>,
    last_voiced_heard: Option<Instant>,
    /// When something was first heard since the last clip (or the start).
    speaking_since: Option<Instant>,
    network: Option<(Loss, StdRng)>,
}

impl Line {
    pub fn new(
        socket: UdpSocket,
        remote: SocketAddr,
        (law, payload_type): (Law, u8),
        seed: u32,
        script: Script,
    ) -> Self {
        let start = clock::now();
        Self {
            socket,
            remote,
            law,
            payload_type,
            sender: RtpSender::new(seed, seed as u16, seed.rotate_left(16)),
            network: script.loss.map(|loss| (loss, StdRng::seed_from_u64(loss.seed))),
            script,
            report: LineReport::default(),
            start,
            anchor: None,
            playing: None,
            next_clip: 0,
            last_voiced_sent: None,
            last_voiced_heard: None,
            speaking_since: None,
        }
    }

    /// Runs until `stop`, the script's end, or the longest time. Blocks: it has a thread of its own.
    pub fn run(mut self, stop: &AtomicBool) -> io::Result<LineReport> {
        let mut slot = self.start;
        while !stop.load(Ordering::Relaxed) {
            self.receive_until(slot)?;
            let now = clock::now();
            if self.is_over(now) {
                break;
            }
            self.send(now)?;
            slot += FRAME_TIME;
        }
        // Packets of the last instant are still part of the call.
        self.receive_until(clock::now() + FRAME_TIME)?;
        self.report.over = clock::now().saturating_duration_since(self.start);
        Ok(self.report)
    }

    fn is_over(&self, now: Instant) -> bool {
        if now.duration_since(self.start) > self.script.call_max {
            return true;
        }
        let quiet_since = [self.last_voiced_heard, self.last_voiced_sent, Some(self.start)].into_iter().flatten().max();
        let quiet = quiet_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.playing.is_none() && quiet > self.script.patience
    }

    fn send(&mut self, now: Instant) -> io::Result<()> {
        if self.playing.is_none() && self.may_speak(now) {
            self.playing = Some((self.next_clip, 0));
            self.next_clip += 1;
            self.speaking_since = None;
            let exchange = Exchange { clip_at: self.report.caller.len(), ..Exchange::default() };
            self.report.exchanges.push(exchange);
        }
        let mut frame = [0_i16; FRAME];
        if let Some((clip, at)) = self.playing {
            let rest = self.script.cues.get(clip).and_then(|cue| cue.pcm.get(at..)).unwrap_or(&[]);
            for (out, sample) in frame.iter_mut().zip(rest) {
                *out = *sample;
            }
            self.playing = (rest.len() > FRAME).then_some((clip, at + FRAME));
            if let Some((first, last)) = voiced(&frame) {
                self.last_voiced_sent = Some(now + samples(last));
                self.report.sent_voice.push(self.stretch(now, first, last, self.report.caller.len()));
            }
        }
        let mut payload = [0_u8; FRAME];
        let mut datagram = [0_u8; HEADER_LEN + FRAME];
        let written = self.law.encode(&frame, &mut payload).map_err(io::Error::other).and_then(|()| {
            self.sender.write_audio(self.payload_type, &payload, &mut datagram).map_err(io::Error::other)
        })?;
        if !self.is_lost() {
            self.socket.send_to(datagram.get(..written).unwrap_or(&[]), self.remote)?;
        }
        self.report.caller.extend_from_slice(&frame);
        Ok(())
    }

    fn may_speak(&self, now: Instant) -> bool {
        let passed = |since: Option<Instant>| since.map(|since| now.saturating_duration_since(since));
        let (speaking, silent) = (passed(self.speaking_since), passed(self.last_voiced_heard));
        match (self.script.cues.get(self.next_clip).map(|cue| cue.when), speaking, silent) {
            (Some(When::Silent(gap)), Some(_), Some(silent)) => silent >= gap,
            (Some(When::Speaking(after)), Some(speaking), Some(silent)) => speaking >= after && silent <= SPEAKS_STILL,
            _ => false,
        }
    }

    /// Whether the network loses the packet at hand.
    fn is_lost(&mut self) -> bool {
        self.network.as_mut().is_some_and(|(loss, random)| random.random_bool(loss.share))
    }

    /// The voiced part of a packet that was sent or received at `at`.
    fn stretch(&self, at: Instant, first: usize, last: usize, place: usize) -> Voiced {
        let at = at.saturating_duration_since(self.start);
        Voiced { from: at + samples(first), to: at + samples(last), place }
    }

    fn receive_until(&mut self, slot: Instant) -> io::Result<()> {
        let mut buffer = [0_u8; 2_048];
        loop {
            let left = slot.saturating_duration_since(clock::now());
            if left.is_zero() {
                return Ok(());
            }
            self.socket.set_read_timeout(Some(left))?;
            match self.socket.recv_from(&mut buffer) {
                Ok(_) if self.is_lost() => {}
                Ok((len, _)) => self.packet(clock::now(), buffer.get(..len).unwrap_or(&[])),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                // The other side's socket is closed: its BYE is on its way.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn packet(&mut self, now: Instant, datagram: &[u8]) {
        let Ok(packet) = RtpPacket::parse(datagram) else { return };
        if packet.payload_type != self.law.payload_type() && packet.payload_type != self.payload_type {
            return;
        }
        self.report.packets += 1;
        let arrived = now.saturating_duration_since(self.start).as_micros() as usize * RATE / 1_000_000;
        let (first, base) = *self.anchor.get_or_insert((packet.timestamp.0, arrived));
        let at = base + packet.timestamp.0.wrapping_sub(first) as usize;
        if at > base + 3_600 * RATE {
            return;
        }
        if self.report.bot.len() < at + packet.payload.len() {
            self.report.bot.resize(at + packet.payload.len(), 0);
        }
        let track = self.report.bot.get_mut(at..).unwrap_or_default();
        for (place, byte) in track.iter_mut().zip(packet.payload) {
            *place = self.law.decode_sample(*byte);
        }
        let heard = self.report.bot.get(at..at + packet.payload.len()).and_then(voiced);
        if let Some((first, last)) = heard {
            self.report.heard_voice.push(self.stretch(now, first, last, at));
            self.heard(now + samples(first), at + first);
        }
    }

    fn heard(&mut self, when: Instant, at: usize) {
        self.last_voiced_heard = Some(when);
        self.report.greeting.get_or_insert(when.saturating_duration_since(self.start));
        if self.playing.is_some() {
            return;
        }
        if self.speaking_since.is_none()
            && let (Some(exchange), Some(sent)) = (self.report.exchanges.last_mut(), self.last_voiced_sent)
            && exchange.response.is_none()
        {
            exchange.response = Some(when.saturating_duration_since(sent));
            exchange.answer_at = at;
        }
        self.speaking_since.get_or_insert(when);
    }
}

/// The first and the last sample that is voice.
fn voiced(pcm: &[i16]) -> Option<(usize, usize)> {
    let is_voice = |sample: &i16| sample.unsigned_abs() > VOICED.unsigned_abs();
    Some((pcm.iter().position(is_voice)?, pcm.iter().rposition(is_voice)?))
}

fn samples(count: usize) -> Duration {
    Duration::from_micros((count * 1_000_000 / RATE) as u64)
}
