//! The window of received audio that waits to be played: one byte and one tag per clock tick, keyed by timestamp.
//!
//! G.711 and G.722 both carry one byte per tick of an 8 kHz clock, so a ring of ticks takes any packet time, mixed
//! packet times, overlaps and reordering in the same way, and a frame may be whole or have holes.

use crate::packet::RtpTimestamp;
use std::fmt;

/// The length of a frame: 20 ms of the 8 kHz RTP clock.
pub const FRAME_TICKS: usize = 160;

/// Ticks that the ring holds: 1,024 ms. A power of two, so a timestamp's low bits are its place, across the wrap too.
pub(crate) const WINDOW_TICKS: usize = 8_192;

const MISSING: u8 = 0xff;
const SILENT: u8 = 0xfe;

/// 20 ms of a stream, cut from the packets that covered it.
#[derive(Clone, Copy)]
pub struct Frame {
    timestamp: RtpTimestamp,
    payload: [u8; FRAME_TICKS],
    tags: [u8; FRAME_TICKS],
}

/// A piece of a frame that was received, or not, in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run<'a> {
    /// Encoded audio, one byte per tick.
    Audio {
        /// The payload type that it came with.
        payload_type: u8,
        /// The bytes.
        payload: &'a [u8],
    },
    /// So many ticks never came: conceal them.
    Lost {
        /// Clock ticks.
        ticks: usize,
    },
    /// So many ticks were left out by the sender: play comfort noise.
    Silence {
        /// Clock ticks.
        ticks: usize,
    },
}

impl Frame {
    /// The time of the first tick.
    #[must_use]
    pub const fn timestamp(&self) -> RtpTimestamp {
        self.timestamp
    }

    /// The pieces of the frame in order; together they last [`FRAME_TICKS`]. A frame without holes and without a
    /// change of codec is one piece.
    pub fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        let mut at = 0;
        self.tags.chunk_by(|left, right| left == right).map(move |tags| {
            let ticks = tags.len();
            let payload = self.payload.get(at..at + ticks).unwrap_or(&[]);
            at += ticks;
            match tags.first() {
                Some(&SILENT) => Run::Silence { ticks },
                Some(&payload_type) if payload_type != MISSING => Run::Audio { payload_type, payload },
                _ => Run::Lost { ticks },
            }
        })
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} at {}, {} runs)", FRAME_TICKS, self.timestamp.0, self.runs().count())
    }
}

/// What the next frame holds so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coverage {
    Audio,
    Silence,
    Partial,
    Nothing,
}

/// The ring itself. Its position is the time of the next tick to be played.
pub(crate) struct Timeline {
    position: RtpTimestamp,
    payload: Box<[u8]>,
    tags: Box<[u8]>,
}

impl Timeline {
    pub(crate) fn new() -> Self {
        Self {
            position: RtpTimestamp(0),
            payload: vec![0; WINDOW_TICKS].into_boxed_slice(),
            tags: vec![MISSING; WINDOW_TICKS].into_boxed_slice(),
        }
    }

    pub(crate) fn restart(&mut self, position: RtpTimestamp) {
        self.position = position;
        self.tags.fill(MISSING);
    }

    pub(crate) const fn position(&self) -> RtpTimestamp {
        self.position
    }

    /// Puts audio at its place. The part before the position or past the window is cut off.
    pub(crate) fn write(&mut self, timestamp: RtpTimestamp, payload: &[u8], payload_type: u8) {
        let lead = timestamp.since(self.position);
        let cut = usize::try_from(lead.saturating_neg()).unwrap_or_default();
        let start = usize::try_from(lead).unwrap_or_default();
        let kept = payload.get(cut..).unwrap_or(&[]);
        let kept = kept.get(..kept.len().min(WINDOW_TICKS.saturating_sub(start))).unwrap_or(&[]);
        let at = place(self.position.plus(start as u32));
        let (first, second) = kept.split_at(kept.len().min(WINDOW_TICKS - at));
        copy(&mut self.payload, at, first);
        copy(&mut self.payload, 0, second);
        self.tag(self.position.plus(start as u32), kept.len(), payload_type);
    }

    /// Declares the ticks from `from` up to `to` that are still missing as left out by the sender.
    pub(crate) fn mark_silent(&mut self, from: RtpTimestamp, to: RtpTimestamp) {
        let from = if from.since(self.position) < 0 { self.position } else { from };
        let end = usize::try_from(to.since(self.position)).unwrap_or_default().min(WINDOW_TICKS);
        let start = usize::try_from(from.since(self.position)).unwrap_or_default();
        self.tag(from, end.saturating_sub(start), SILENT);
    }

    fn tag(&mut self, from: RtpTimestamp, ticks: usize, tag: u8) {
        let at = place(from);
        let first = ticks.min(WINDOW_TICKS - at);
        if let Some(tags) = self.tags.get_mut(at..at + first) {
            tags.fill(tag);
        }
        if let Some(tags) = self.tags.get_mut(..ticks - first) {
            tags.fill(tag);
        }
    }

    pub(crate) fn coverage(&self) -> Coverage {
        let (first, second) = halves(&self.tags, self.position);
        let count = |wanted: fn(&u8) -> bool| first.iter().chain(second).filter(|tag| wanted(tag)).count();
        match (count(|tag| *tag == MISSING), count(|tag| *tag == SILENT)) {
            (FRAME_TICKS, _) => Coverage::Nothing,
            (0, FRAME_TICKS) => Coverage::Silence,
            (0, _) => Coverage::Audio,
            _ => Coverage::Partial,
        }
    }

    /// Takes the next frame out and moves on by its length.
    pub(crate) fn take(&mut self) -> Frame {
        let mut frame = Frame { timestamp: self.position, payload: [0; FRAME_TICKS], tags: [MISSING; FRAME_TICKS] };
        for (ring, out) in [(&self.payload, &mut frame.payload), (&self.tags, &mut frame.tags)] {
            let (first, second) = halves(ring, self.position);
            copy(out, 0, first);
            copy(out, first.len(), second);
        }
        self.skip();
        frame
    }

    /// Moves on by one frame without taking it.
    pub(crate) fn skip(&mut self) {
        self.tag(self.position, FRAME_TICKS, MISSING);
        self.position = self.position.plus(FRAME_TICKS as u32);
    }
}

const fn place(timestamp: RtpTimestamp) -> usize {
    timestamp.0 as usize % WINDOW_TICKS
}

/// The frame at `position`, in two pieces when it lies across the ring's end.
fn halves(ring: &[u8], position: RtpTimestamp) -> (&[u8], &[u8]) {
    let at = place(position);
    let first = FRAME_TICKS.min(WINDOW_TICKS - at);
    (ring.get(at..at + first).unwrap_or(&[]), ring.get(..FRAME_TICKS - first).unwrap_or(&[]))
}

fn copy(to: &mut [u8], at: usize, from: &[u8]) {
    if let Some(place) = to.get_mut(at..at + from.len()) {
        place.copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn runs(frame: &Frame) -> Vec<Run<'_>> {
        frame.runs().collect()
    }

    #[test]
    fn a_frame_is_cut_from_packets_of_other_lengths_and_across_the_ring() {
        let mut timeline = Timeline::new();
        let start = RtpTimestamp(0_u32.wrapping_sub(240));
        timeline.restart(start);
        let bytes: Vec<u8> = (0..240).map(|n| n as u8).collect();
        timeline.write(start, &bytes, 8);
        assert_eq!(timeline.coverage(), Coverage::Audio);
        let frame = timeline.take();
        assert_eq!(runs(&frame), [Run::Audio { payload_type: 8, payload: &bytes[..160] }]);
        assert_eq!(timeline.coverage(), Coverage::Partial);
        timeline.write(start.plus(240), &[1; 80], 0);
        let frame = timeline.take();
        assert_eq!(
            runs(&frame),
            [Run::Audio { payload_type: 8, payload: &bytes[160..] }, Run::Audio { payload_type: 0, payload: &[1; 80] }]
        );
        assert_eq!(timeline.coverage(), Coverage::Nothing);
    }

    #[test]
    fn holes_are_lost_or_silent() {
        let mut timeline = Timeline::new();
        timeline.restart(RtpTimestamp(0));
        timeline.write(RtpTimestamp(0), &[1; 40], 8);
        timeline.mark_silent(RtpTimestamp(80), RtpTimestamp(160));
        assert_eq!(timeline.coverage(), Coverage::Partial);
        let frame = timeline.take();
        assert_eq!(
            runs(&frame),
            [Run::Audio { payload_type: 8, payload: &[1; 40] }, Run::Lost { ticks: 40 }, Run::Silence { ticks: 80 }]
        );
    }

    proptest! {
        /// Against the plainest model: a map from tick to byte.
        #[test]
        fn ticks_come_out_where_they_were_put(
            start: u32,
            writes in proptest::collection::vec((-500_i32..9_000, 1_usize..500, 0_u8..128), 0..12),
        ) {
            let start = RtpTimestamp(start);
            let mut timeline = Timeline::new();
            timeline.restart(start);
            let mut model = vec![None; WINDOW_TICKS];
            for (offset, len, payload_type) in writes {
                timeline.write(RtpTimestamp(start.0.wrapping_add_signed(offset)), &vec![payload_type ^ 0x55; len], payload_type);
                for tick in offset..offset + len as i32 {
                    if let Some(slot) = usize::try_from(tick).ok().and_then(|tick| model.get_mut(tick)) {
                        *slot = Some(payload_type);
                    }
                }
            }
            for expected in model.chunks_exact(FRAME_TICKS) {
                let frame = timeline.take();
                let mut found = Vec::new();
                for run in frame.runs() {
                    match run {
                        Run::Audio { payload_type, payload } => {
                            prop_assert!(payload.iter().all(|byte| *byte == payload_type ^ 0x55));
                            found.extend(payload.iter().map(|_| Some(payload_type)));
                        }
                        Run::Lost { ticks } => found.extend(std::iter::repeat_n(None, ticks)),
                        Run::Silence { .. } => prop_assert!(false, "nothing was marked silent"),
                    }
                }
                prop_assert_eq!(&found[..], expected);
            }
        }
    }
}
