//! The send path: one packet per packet time, speech or silence, never a burst; and the recorder's view of both sides.

use crate::config::MediaParams;
use crate::output::{Datagram, StereoFrame};
use hualu_core::{PcmFrame, SampleRate, Samples};
use hualu_rtp::rtcp::Report;
use hualu_rtp::{Due, Law, Pacer, ReportBlock, RtpSender, SenderInfo};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The longest packet: 60 ms.
pub(crate) const PACKET_SAMPLES_MAX: usize = 480;
/// A prompt that is cut fades out over 5 ms.
pub(crate) const FADE_SAMPLES: usize = 40;
/// Frames of the caller that may wait for the recorder: more than the jitter buffer waits. More drops the oldest.
const HEARD_MAX: usize = 12;
/// Frames that wait without harm; beyond them quiet ones are left out until both sides are in step again.
const HEARD_IN_STEP: usize = 2;
/// Nothing louder than this is missed when it is left out.
const QUIET: u16 = 64;

/// One call's send path.
pub(crate) struct Transmitter {
    pacer: Pacer,
    sender: RtpSender,
    law: Law,
    payload_type: u8,
    packet_samples: usize,
    tail: Option<[i16; FADE_SAMPLES]>,
    /// The end of the last packet.
    last: [i16; FADE_SAMPLES],
    started: Instant,
    cname: String,
    sent: u64,
    skipped: u64,
}

impl Transmitter {
    /// The first packet goes out at `now`, so that address translators open before the caller speaks.
    pub(crate) fn new(now: Instant, media: &MediaParams) -> Self {
        let ptime = media.ptime.clamp(Duration::from_millis(10), Duration::from_millis(60));
        Self {
            pacer: Pacer::new(now, ptime),
            sender: RtpSender::new(media.ssrc, media.first_seq, media.first_timestamp),
            law: media.law,
            payload_type: media.payload_type,
            packet_samples: samples(ptime),
            tail: None,
            last: [0; FADE_SAMPLES],
            started: now,
            // Both numbers are random, as RFC 7022 wants a name of a session to be.
            cname: format!("{:08x}{:08x}", media.ssrc, media.first_timestamp),
            sent: 0,
            skipped: 0,
        }
    }

    /// Another law or packet time from the next packet on; the stream goes on.
    pub(crate) fn renegotiate(&mut self, media: &MediaParams) {
        let ptime = media.ptime.clamp(Duration::from_millis(10), Duration::from_millis(60));
        self.law = media.law;
        self.payload_type = media.payload_type;
        if self.packet_samples != samples(ptime) {
            self.packet_samples = samples(ptime);
            self.pacer = Pacer::new(self.pacer.next_slot(), ptime);
        }
    }

    pub(crate) const fn next_slot(&self) -> Instant {
        self.pacer.next_slot()
    }

    /// The slots that are due. Skipped ones are silence of that length.
    pub(crate) fn due(&mut self, now: Instant) -> Due {
        let due = self.pacer.take(now);
        self.skipped += u64::from(due.skipped);
        for _ in 0..due.skipped {
            self.sender.skip(self.packet_samples as u32);
        }
        due
    }

    pub(crate) const fn packet_samples(&self) -> usize {
        self.packet_samples
    }

    /// Fades out what was about to be played; it begins the next packet.
    pub(crate) fn fade_out(&mut self, mut pcm: [i16; FADE_SAMPLES]) {
        ramp_down(&mut pcm);
        self.tail = Some(pcm);
    }

    /// Puts a fade that is due at the start of `pcm`; whether there was one.
    pub(crate) fn take_tail(&mut self, pcm: &mut [i16]) -> bool {
        let Some(tail) = self.tail.take() else { return false };
        if let Some(place) = pcm.get_mut(..FADE_SAMPLES) {
            place.copy_from_slice(&tail);
        }
        true
    }

    /// Lets audio that stops in the middle of a sentence die away: what was heard last goes on, backwards and fading.
    pub(crate) fn trail_off(&self, pcm: &mut [i16], filled: usize) {
        let mut trail = match filled.checked_sub(FADE_SAMPLES).and_then(|from| pcm.get(from..filled)?.try_into().ok()) {
            Some(heard) => heard,
            None => self.last,
        };
        trail.reverse();
        ramp_down(&mut trail);
        for (sample, faded) in pcm.iter_mut().skip(filled).zip(trail) {
            *sample = faded;
        }
    }

    /// The packet that holds `pcm`, one packet time of it.
    pub(crate) fn packet(&mut self, pcm: &[i16]) -> Datagram {
        if let Some(Ok(last)) =
            pcm.len().checked_sub(FADE_SAMPLES).and_then(|from| pcm.get(from..)).map(TryInto::try_into)
        {
            self.last = last;
        }
        let mut payload = [0; PACKET_SAMPLES_MAX];
        let payload = payload.get_mut(..pcm.len().min(PACKET_SAMPLES_MAX)).unwrap_or(&mut []);
        for (byte, sample) in payload.iter_mut().zip(pcm) {
            *byte = self.law.encode_sample(*sample);
        }
        self.sent += 1;
        let (sender, payload_type) = (&mut self.sender, self.payload_type);
        Datagram::build(|out| sender.write_audio(payload_type, payload, out).unwrap_or_default())
    }

    /// Lets one packet time pass unsent: the peer has put us on hold.
    pub(crate) fn pass(&mut self) {
        self.sender.skip(self.packet_samples as u32);
    }

    pub(crate) const fn ssrc(&self) -> u32 {
        self.sender.ssrc()
    }

    pub(crate) const fn counts(&self) -> (u64, u64) {
        (self.sent, self.skipped)
    }

    /// The time of reports: as there is no wall clock here, the time since the start (RFC 3550 §6.4.1 allows it).
    pub(crate) fn ntp(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.started);
        (elapsed.as_secs() << 32) | ((u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000)
    }

    /// A report of what we sent and heard (RFC 3550 §6.4); `bye` with the last one.
    pub(crate) fn report(&self, now: Instant, block: Option<ReportBlock>, bye: bool) -> Datagram {
        let (packets, octets) = self.sender.counts();
        let info = SenderInfo { ntp: self.ntp(now), rtp_timestamp: self.sender.timestamp().0, packets, octets };
        let sender = (packets > 0).then_some(info);
        let report = Report { ssrc: self.ssrc(), sender, block, cname: &self.cname, bye };
        Datagram::build(|out| report.write(out).unwrap_or_default())
    }
}

fn samples(duration: Duration) -> usize {
    SampleRate::HZ_8000.samples(duration).0 as usize
}

/// From as it is to nothing.
fn ramp_down(pcm: &mut [i16]) {
    let len = pcm.len() as i32;
    for (at, sample) in pcm.iter_mut().enumerate() {
        *sample = (i32::from(*sample) * (len - 1 - at as i32) / len) as i16;
    }
}

/// Pairs what is heard with what is said, at the times at which both really were.
pub(crate) struct Tape {
    heard: VecDeque<PcmFrame>,
    at: Samples,
}

impl Tape {
    pub(crate) fn new() -> Self {
        Self { heard: VecDeque::with_capacity(HEARD_MAX), at: Samples(0) }
    }

    pub(crate) fn hear(&mut self, frame: PcmFrame) {
        if self.heard.len() == HEARD_MAX {
            self.heard.pop_front();
        }
        self.heard.push_back(frame);
    }

    /// The next frame, with `said`: at most 20 ms.
    pub(crate) fn say(&mut self, said: &[i16]) -> Option<StereoFrame> {
        let bot = PcmFrame::new(said, SampleRate::HZ_8000)?;
        while self.heard.len() > HEARD_IN_STEP && self.heard.front().is_some_and(is_quiet) {
            self.heard.pop_front();
        }
        let caller = self.heard.pop_front().unwrap_or(PcmFrame::silence(SampleRate::HZ_8000));
        let frame = StereoFrame { at: self.at, caller, bot };
        self.skip(said.len());
        Some(frame)
    }

    pub(crate) fn skip(&mut self, samples: usize) {
        self.at.0 += samples as u64;
    }
}

fn is_quiet(frame: &PcmFrame) -> bool {
    frame.samples().iter().all(|sample| sample.unsigned_abs() <= QUIET)
}
