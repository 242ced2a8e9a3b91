use super::*;
use crate::testing::{ms, packet, start};
use crate::timeline::Run;
use proptest::prelude::*;
use rand::{Rng as _, SeedableRng as _};

/// What came out: the first byte of a frame, or why there is none.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Out {
    Audio(u8),
    Partial,
    Lost,
    Silence,
}

struct Bench {
    base: Instant,
    jitter: JitterBuffer,
}

impl Bench {
    fn new() -> Self {
        Self { base: start(), jitter: JitterBuffer::new(JitterConfig::default()) }
    }

    fn at(&self, at_ms: u64) -> Instant {
        self.base + ms(at_ms)
    }

    /// Pushes packet `seq` with the timestamp of its number; every byte of it is the number.
    fn push(&mut self, at_ms: u64, seq: u16) -> Result<(), Discard> {
        self.push_at(at_ms, seq, u32::from(seq) * 160)
    }

    fn push_at(&mut self, at_ms: u64, seq: u16, timestamp: u32) -> Result<(), Discard> {
        self.jitter.push(self.at(at_ms), &packet(seq, timestamp, &[seq as u8; 160]))
    }

    fn pop(&mut self, at_ms: u64) -> Vec<Out> {
        let mut out = Vec::new();
        loop {
            out.push(match self.jitter.pop(self.at(at_ms)) {
                Pop::Frame(frame) => match frame.runs().collect::<Vec<_>>()[..] {
                    [Run::Audio { payload, .. }] => Out::Audio(payload[0]),
                    _ => Out::Partial,
                },
                Pop::Lost => Out::Lost,
                Pop::Silence => Out::Silence,
                Pop::NotYet => return out,
            });
        }
    }
}

#[test]
fn a_whole_frame_is_handed_out_at_once() {
    let mut bench = Bench::new();
    assert_eq!(bench.jitter.deadline(), None);
    for n in 0..10 {
        assert_eq!(bench.push(u64::from(n) * 20, n), Ok(()));
        assert_eq!(bench.pop(u64::from(n) * 20), [Out::Audio(n as u8)]);
    }
    assert_eq!(bench.jitter.stats().frames, 10);
}

#[test]
fn a_hole_is_waited_for_and_then_given_up() {
    let mut bench = Bench::new();
    bench.push(0, 0).expect("first");
    assert_eq!(bench.pop(0), [Out::Audio(0)]);
    bench.push(40, 2).expect("third");
    let deadline = bench.jitter.deadline().expect("a hole is waited for");
    assert_eq!(deadline, bench.at(20) + bench.jitter.wait());
    assert_eq!(bench.pop(41), []);
    bench.push(60, 1).expect("in time");
    assert_eq!(bench.pop(60), [Out::Audio(1), Out::Audio(2)]);
    bench.push(80, 4).expect("fifth");
    assert_eq!(bench.pop(160), [Out::Lost, Out::Audio(4), Out::Lost], "packet 5 was due at 100 ms plus the wait");
    assert!(matches!(bench.push(161, 3), Err(Discard::Late { behind: 320, .. })));
}

#[test]
fn duplicates_are_told_from_late_packets() {
    let mut bench = Bench::new();
    for n in [0, 1, 3] {
        bench.push(u64::from(n) * 20, n).expect("in time");
    }
    assert_eq!(bench.push(61, 1), Err(Discard::Duplicate { seq: SeqNum(1) }));
    bench.pop(300);
    assert!(matches!(bench.push(301, 2), Err(Discard::Late { .. })));
    assert_eq!(bench.push(302, 2), Err(Discard::Duplicate { seq: SeqNum(2) }));
    assert_eq!((bench.jitter.stats().late, bench.jitter.stats().duplicate), (1, 2));
}

#[test]
fn other_packet_times_make_the_same_frames() {
    for ptime in [10_u32, 20, 30, 40, 60] {
        let mut bench = Bench::new();
        let (mut frames, ticks) = (0, ptime * 8);
        for n in 0..1_200 / ptime {
            let payload = vec![9; ticks as usize];
            let at_ms = u64::from((n + 1) * ptime);
            bench.jitter.push(bench.at(at_ms), &packet(n as u16, n * ticks, &payload)).expect("in time");
            let out = bench.pop(at_ms);
            assert!(out.iter().all(|frame| *frame == Out::Audio(9)), "ptime {ptime}: {out:?}");
            frames += out.len();
        }
        assert_eq!(frames, 60, "ptime {ptime}");
    }
}

#[test]
fn a_pause_between_spurts_is_silence_not_loss() {
    let mut bench = Bench::new();
    let mut out = Vec::new();
    for n in 0..5_u16 {
        bench.push(u64::from(n) * 20, n).expect("in time");
        out.extend(bench.pop(u64::from(n) * 20));
    }
    // Three seconds without packets; then speech goes on where the clock stands, with no sequence number missing.
    for at_ms in (100..3_100).step_by(20) {
        out.extend(bench.pop(at_ms));
    }
    bench.push_at(3_100, 5, 155 * 160).expect("new speech");
    out.extend(bench.pop(3_100));
    assert_eq!(out.len(), 156, "the frames keep real time");
    assert_eq!(out.last(), Some(&Out::Audio(5)));
    let stats = bench.jitter.stats();
    assert_eq!((stats.lost, stats.silent, stats.resyncs), (0, 150, 0));
}

#[test]
fn comfort_noise_and_keys_announce_silence() {
    let mut bench = Bench::new();
    bench.push(0, 0).expect("first");
    bench.pop(0);
    bench.jitter.push_silent(&packet(1, 160, &[13])).expect("of the stream");
    let out = bench.pop(400);
    assert!(out.len() > 10 && out.iter().all(|frame| *frame == Out::Silence), "{out:?}");
    assert_eq!(bench.jitter.push_silent(&packet(1, 160, &[13])), Err(Discard::Duplicate { seq: SeqNum(1) }));
    let stranger = RtpPacket { ssrc: 1, ..packet(2, 0, &[13]) };
    assert!(matches!(bench.jitter.push_silent(&stranger), Err(Discard::WrongSsrc { .. })));
}

#[test]
fn a_jump_is_followed_once_two_packets_agree() {
    let mut bench = Bench::new();
    bench.push(0, 0).expect("first");
    bench.pop(0);
    assert!(matches!(bench.push_at(20, 5_001, 9_000_000), Err(Discard::Jump { .. })));
    assert_eq!(bench.push_at(40, 5_002, 9_000_160), Ok(()));
    assert_eq!(bench.pop(40), [Out::Audio(5_002_u16 as u8)]);
    assert!(matches!(bench.push_at(60, 7, 100), Err(Discard::Jump { .. })), "a stray packet moves nothing");
    assert_eq!(bench.push_at(60, 5_003, 9_000_320), Ok(()));
    assert_eq!(bench.jitter.stats().resyncs, 1);
}

#[test]
fn a_jump_with_marker_and_without_loss_is_followed_at_once() {
    let mut bench = Bench::new();
    bench.push(0, 0).expect("first");
    bench.pop(0);
    let speech = RtpPacket { marker: true, ..packet(1, 90_000_000, &[1; 160]) };
    assert_eq!(bench.jitter.push(bench.at(20), &speech), Ok(()));
    assert_eq!(bench.pop(20), [Out::Audio(1)]);
}

#[test]
fn a_new_source_is_followed_at_its_second_packet_and_a_stray_one_never() {
    let mut bench = Bench::new();
    bench.push(0, 0).expect("first");
    bench.pop(0);
    let from = |ssrc, seq: u16| RtpPacket { ssrc, ..packet(seq, u32::from(seq) * 160, &[7; 160]) };
    for (n, ssrc) in [1, 2, 1, 2].into_iter().enumerate() {
        let seq = n as u16 * 2;
        assert!(matches!(bench.jitter.push(bench.at(20), &from(ssrc, seq)), Err(Discard::WrongSsrc { .. })));
    }
    assert_eq!(bench.jitter.push(bench.at(40), &from(2, 7)), Ok(()));
    assert_eq!(bench.pop(40), [Out::Audio(7)]);
}

#[test]
fn a_stream_that_moved_later_is_followed_within_five_packets() {
    let mut bench = Bench::new();
    for n in 0..10 {
        bench.push(u64::from(n) * 20, n).expect("in time");
    }
    bench.pop(200);
    // The route grows by 600 ms; what is missing meanwhile was played as loss.
    bench.pop(780);
    let accepted = (10..20).position(|n| bench.push(u64::from(n) * 20 + 600, n).is_ok());
    assert_eq!(accepted, Some(4));
    assert_eq!(bench.pop(880), [Out::Audio(14)]);
}

#[test]
fn a_stall_ends_without_replaying_what_was_given_up() {
    let mut bench = Bench::new();
    let mut out = Vec::new();
    for n in 0..10 {
        bench.push(u64::from(n) * 20, n).expect("in time");
        out.extend(bench.pop(u64::from(n) * 20));
    }
    for at_ms in (200..700).step_by(10) {
        out.extend(bench.pop(at_ms));
    }
    // Packets 10 to 35 all arrive at 700 ms.
    for n in 10..=35 {
        let _ = bench.push(700, n);
    }
    out.extend(bench.pop(700));
    assert_eq!(out.last(), Some(&Out::Audio(35)));
    assert_eq!(out.len(), 36, "the frames keep real time");
    assert_eq!(bench.jitter.stats().resyncs, 0);
}

#[test]
fn clocks_that_differ_lose_nothing() {
    for micros in [19_990, 20_010] {
        let mut bench = Bench::new();
        for n in 0..u16::MAX {
            let now = bench.base + Duration::from_micros(micros) * u32::from(n);
            bench.jitter.push(now, &packet(n, u32::from(n) * 160, &[0; 160])).expect("in time");
            assert!(matches!(bench.jitter.pop(now), Pop::Frame(_)), "packet {n} at {micros} us");
            assert!(matches!(bench.jitter.pop(now), Pop::NotYet), "packet {n} at {micros} us");
        }
    }
}

/// Row N-02 of the reliability table: what a jittery network may cost in late packets and in delay.
#[test]
fn jitter_costs_few_packets_and_little_delay() {
    let mut rng = rand::rngs::StdRng::seed_from_u64(3_550);
    for (jitter_ms, late_permille_max) in [(30, 5), (60, 10), (100, 30)] {
        let mut bench = Bench::new();
        let mut arrivals: Vec<(u64, u16)> =
            (0..3_000).map(|n| (u64::from(n) * 20 + rng.random_range(0..=jitter_ms), n)).collect();
        arrivals.sort_unstable();
        let (mut late, mut delays_ms) = (0, Vec::new());
        let mut next = arrivals.into_iter().peekable();
        for now_ms in 0..60_300 {
            while let Some((_, n)) = next.next_if(|(at_ms, _)| *at_ms <= now_ms) {
                let payload = n.to_be_bytes().repeat(80);
                late +=
                    u64::from(bench.jitter.push(bench.at(now_ms), &packet(n, u32::from(n) * 160, &payload)).is_err());
            }
            loop {
                match bench.jitter.pop(bench.at(now_ms)) {
                    Pop::NotYet => break,
                    Pop::Frame(frame) => delays_ms.push(now_ms - u64::from(frame.timestamp().0) / 8),
                    Pop::Lost | Pop::Silence => {}
                }
            }
        }
        delays_ms.sort_unstable();
        let p99_ms = delays_ms[delays_ms.len() * 99 / 100];
        assert!(late <= 3 * late_permille_max, "{late} of 3,000 packets were late at {jitter_ms} ms of jitter");
        assert!(p99_ms <= jitter_ms + 20, "99 % of frames within {p99_ms} ms at {jitter_ms} ms of jitter");
    }
}

#[test]
fn impossible_payloads_are_malformed() {
    let mut bench = Bench::new();
    let now = bench.base;
    for payload in [&[][..], &[0; 961]] {
        let discard = bench.jitter.push(now, &packet(0, 0, payload));
        assert!(matches!(discard, Err(Discard::Malformed { fault: Fault::Payload, .. })));
    }
}

#[test]
fn a_reset_waits_for_a_new_stream() {
    let mut bench = Bench::new();
    bench.push(0, 0).expect("first");
    bench.jitter.reset();
    assert_eq!((bench.pop(1_000), bench.jitter.deadline()), (vec![], None));
    let other = RtpPacket { ssrc: 9, ..packet(77, 5, &[3; 160]) };
    assert_eq!(bench.jitter.push(bench.at(1_000), &other), Ok(()));
    assert_eq!(bench.pop(1_000), [Out::Audio(3)]);
}

proptest! {
    /// Loss, jitter, reordering and duplicates: frames come out in order, each at most once, and time is kept.
    #[test]
    fn frames_keep_order_and_time(
        start_seq: u16, start_ts: u32,
        network in proptest::collection::vec((0_u64..120, 0_u8..100), 50..300),
    ) {
        let mut bench = Bench::new();
        let mut arrivals: Vec<(u64, u16)> = Vec::new();
        for (n, (delay, fate)) in network.iter().enumerate() {
            let at_ms = n as u64 * 20 + delay;
            match fate {
                0..5 if n > 0 => {}
                5..10 => arrivals.extend([(at_ms, n as u16), (at_ms + 3, n as u16)]),
                _ => arrivals.push((at_ms, n as u16)),
            }
        }
        arrivals.sort();
        let (mut frames, mut last) = (0, None);
        let end_ms = network.len() as u64 * 20 + 400;
        let mut next = arrivals.iter().peekable();
        for now_ms in 0..end_ms {
            while let Some((_, n)) = next.next_if(|(at_ms, _)| *at_ms <= now_ms) {
                let (seq, timestamp) = (start_seq.wrapping_add(*n), start_ts.wrapping_add(u32::from(*n) * 160));
                let _ = bench.jitter.push(bench.at(now_ms), &packet(seq, timestamp, &n.to_be_bytes().repeat(80)));
            }
            loop {
                match bench.jitter.pop(bench.at(now_ms)) {
                    Pop::NotYet => break,
                    Pop::Frame(frame) => {
                        let Some(Run::Audio { payload, .. }) = frame.runs().next() else { panic!("20 ms packets make no holes") };
                        let n = u16::from_be_bytes([payload[0], payload[1]]);
                        prop_assert!(last.is_none_or(|last| n > last), "{n} after {last:?}");
                        last = Some(n);
                    }
                    Pop::Lost | Pop::Silence => {}
                }
                frames += 1;
            }
        }
        // The first arrival may be a later packet; from there on one frame for every 20 ms, up to the wait.
        let first = arrivals.first().map_or(0, |(_, n)| u64::from(*n));
        let expected = end_ms / 20 - first;
        prop_assert!(frames <= expected + 1 && frames + 16 >= expected, "{frames} frames, {expected} expected");
    }
}
