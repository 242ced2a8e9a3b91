//! The receive path: datagrams in, 20 ms frames and keys out, whatever the network did to them.

use crate::config::MediaParams;
use hualu_core::{PcmFrame, SampleRate};
use hualu_rtp::{
    Concealer, Discard, DtmfEvent, DtmfReceiver, JitterBuffer, JitterConfig, JitterStats, Key, Law, Pop,
    ReceptionStats, ReportBlock, RtcpPacket, RtpPacket, Run,
};
use std::time::{Duration, Instant};

/// Comfort noise (RFC 3389) at its static payload type.
const COMFORT_NOISE: u8 = 13;

/// What the media of one call came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediaStats {
    /// Packets that came, duplicates included.
    pub received: u64,
    /// Packets lost on the way; negative when duplicates outnumber losses (RFC 3550 A.3).
    pub lost: i64,
    /// Datagrams that were no packet of this call: malformed, unknown payload, foreign source.
    pub refused: u64,
    /// What the jitter buffer made of the rest.
    pub jitter_buffer: JitterStats,
    /// Interarrival jitter at the end (RFC 3550 A.8).
    pub jitter: Duration,
    /// Packets sent.
    pub sent: u64,
    /// Packets not sent because the thread woke too late.
    pub skipped: u64,
    /// The last round-trip time that a receiver report gave.
    pub round_trip: Option<Duration>,
}

/// One call's receive path.
pub(crate) struct Receiver {
    /// What the agreed payload type means; it goes before the static numbers.
    audio: (u8, Law),
    telephone_event: Option<u8>,
    jitter: JitterBuffer,
    keys: DtmfReceiver,
    concealer: Concealer,
    reception: ReceptionStats,
    /// The source that the reception report is about.
    source: Option<u32>,
    refused: u64,
    resyncs: u64,
}

impl Receiver {
    pub(crate) fn new(media: &MediaParams) -> Self {
        Self {
            audio: (media.payload_type, media.law),
            telephone_event: media.telephone_event,
            jitter: JitterBuffer::new(JitterConfig::default()),
            keys: DtmfReceiver::default(),
            concealer: Concealer::new(media.ssrc),
            reception: ReceptionStats::default(),
            source: None,
            refused: 0,
            resyncs: 0,
        }
    }

    /// The media was renegotiated: another source may come.
    pub(crate) fn renegotiate(&mut self, media: &MediaParams) {
        self.audio = (media.payload_type, media.law);
        self.telephone_event = media.telephone_event;
        self.jitter.reset();
        self.keys.reset();
    }

    /// Takes a datagram; whether it was a packet of this call. What was not is counted and changes nothing.
    pub(crate) fn push(&mut self, now: Instant, datagram: &[u8]) -> bool {
        match RtpPacket::parse(datagram).and_then(|packet| self.accept(now, &packet)) {
            // Late and repeated packets are the network's doing; the peer is alive.
            Ok(()) | Err(Discard::Late { .. } | Discard::Duplicate { .. }) => true,
            Err(_) => {
                self.refused += 1;
                false
            }
        }
    }

    fn accept(&mut self, now: Instant, packet: &RtpPacket<'_>) -> Result<(), Discard> {
        let (agreed, law) = self.audio;
        let result = match packet.payload_type {
            // From here on audio is known by its law's static number.
            payload_type if payload_type == agreed => {
                self.jitter.push(now, &RtpPacket { payload_type: law.payload_type(), ..*packet })
            }
            0 | 8 => self.jitter.push(now, packet),
            COMFORT_NOISE => self.jitter.push_silent(packet),
            event if Some(event) == self.telephone_event => {
                self.jitter.push_silent(packet).and_then(|()| self.keys.push(now, packet))
            }
            payload_type => {
                return Err(Discard::UnknownPayload { ssrc: packet.ssrc, seq: packet.seq, payload_type });
            }
        };
        if self.jitter.stats().resyncs != self.resyncs {
            self.resyncs = self.jitter.stats().resyncs;
            self.keys.reset();
        }
        if !matches!(result, Err(Discard::WrongSsrc { .. } | Discard::Malformed { .. } | Discard::Jump { .. })) {
            if self.source.replace(packet.ssrc).is_some_and(|before| before != packet.ssrc) {
                self.reception = ReceptionStats::default();
            }
            self.reception.on_packet(now, packet.seq, packet.timestamp);
        }
        result
    }

    /// The next 20 ms that are due, and how far they are behind the fastest packets of this call: what the network and the
    /// wait for lost packets have cost.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<(PcmFrame, Duration)> {
        let expected = self.jitter.deadline().and_then(|due| due.checked_sub(self.jitter.wait()));
        let behind = expected.map_or(Duration::ZERO, |expected| now.saturating_duration_since(expected));
        let mut frame = PcmFrame::silence(SampleRate::HZ_8000);
        match self.jitter.pop(now) {
            Pop::NotYet => return None,
            Pop::Lost => self.concealer.lost(frame.samples_mut()),
            Pop::Silence => self.concealer.silence(frame.samples_mut()),
            Pop::Frame(received) => {
                let mut rest = frame.samples_mut();
                for run in received.runs() {
                    let (part, after) = rest.split_at_mut(run_len(&run).min(rest.len()));
                    rest = after;
                    self.render(&run, part);
                }
            }
        }
        Some((frame, behind))
    }

    fn render(&mut self, run: &Run<'_>, pcm: &mut [i16]) {
        match run {
            Run::Audio { payload_type, payload } => {
                let law = if *payload_type == Law::Mu.payload_type() { Law::Mu } else { Law::A };
                if law.decode(payload, pcm).is_ok() {
                    self.concealer.good(pcm);
                }
            }
            Run::Lost { .. } => self.concealer.lost(pcm),
            Run::Silence { .. } => self.concealer.silence(pcm),
        }
    }

    /// Keys pressed since.
    pub(crate) fn key(&mut self, now: Instant) -> Option<Key> {
        self.keys.handle_timeout(now);
        std::iter::from_fn(|| self.keys.poll_event()).find_map(|event| match event {
            DtmfEvent::Pressed(key) => Some(key),
            DtmfEvent::Released { .. } => None,
        })
    }

    /// When to look again if nothing comes.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        [self.jitter.deadline(), self.keys.deadline()].into_iter().flatten().min()
    }

    /// Takes what the peer reports of us and of its clock; the round trip if it says one.
    pub(crate) fn on_report(&mut self, now: Instant, datagram: &[u8], ntp_middle: u32, own: u32) -> Option<Duration> {
        let Ok(packets) = hualu_rtp::rtcp::parse_compound(datagram) else {
            self.refused += 1;
            return None;
        };
        let mut round_trip = None;
        for packet in packets {
            let blocks = match packet {
                RtcpPacket::SenderReport { info, blocks, .. } => {
                    self.reception.on_sender_report(now, info.ntp_middle());
                    blocks
                }
                RtcpPacket::ReceiverReport { blocks, .. } => blocks,
                _ => continue,
            };
            let about_us = blocks.iter().find(|block| block.ssrc == own);
            round_trip = about_us.and_then(|block| block.round_trip(ntp_middle)).or(round_trip);
        }
        round_trip
    }

    /// What to report to the peer.
    pub(crate) fn report(&mut self, now: Instant) -> Option<ReportBlock> {
        self.reception.report(now, self.source?)
    }

    pub(crate) fn stats(&self) -> MediaStats {
        MediaStats {
            received: self.reception.received(),
            lost: self.reception.lost(),
            refused: self.refused,
            jitter_buffer: *self.jitter.stats(),
            jitter: self.reception.jitter(),
            ..MediaStats::default()
        }
    }
}

fn run_len(run: &Run<'_>) -> usize {
    match run {
        Run::Audio { payload, .. } => payload.len(),
        Run::Lost { ticks } | Run::Silence { ticks } => *ticks,
    }
}
