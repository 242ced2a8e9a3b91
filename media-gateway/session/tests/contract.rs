//! How a session is driven: drained after each input, woken late, over once.

use hualu_rtp::RtpPacket;
use hualu_session::{CallSession, EndReason, Input, Output, SessionError};
use hualu_sim::{Alphabet, Loudness, Setup};
use std::time::{Duration, Instant};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[expect(clippy::disallowed_methods, reason = "virtual time needs one instant to count from")]
fn call(ptime: Duration) -> (Instant, CallSession) {
    let now = Instant::now();
    let mut config = Setup::new(1).session_config(&mut Alphabet::default());
    config.media.ptime = ptime;
    (now, CallSession::new(now, config, Box::new(Loudness)))
}

/// Length, timestamp and marker of the packets sent, and when the session wants to be woken.
fn drain(session: &mut CallSession) -> (Vec<(usize, u32, bool)>, Instant) {
    let mut packets = Vec::new();
    loop {
        match session.poll_output() {
            Output::Timeout(due) => return (packets, due),
            Output::Transmit(datagram) => {
                let packet = RtpPacket::parse(datagram.as_bytes()).expect("RTP");
                packets.push((packet.payload.len(), packet.timestamp.0, packet.marker));
            }
            _ => {}
        }
    }
}

#[test]
fn who_never_polls_is_told_so() {
    let (now, mut session) = call(ms(20));
    let refused = (0..2_000).find_map(|slot| session.handle_input(now + ms(20) * slot, Input::Timeout).err());
    assert!(matches!(refused, Some(SessionError::NotDrained { waiting: 513.., .. })), "{refused:?}");
    drain(&mut session);
    assert_eq!(session.handle_input(now + ms(50_000), Input::Timeout), Ok(()));
}

#[test]
fn a_late_thread_sends_no_burst_and_time_goes_on() {
    let (now, mut session) = call(ms(20));
    session.handle_input(now, Input::Timeout).expect("drained");
    assert_eq!(drain(&mut session), (vec![(160, 5_000, true)], now + ms(20)));
    // 35 ms late: two packets. 200 ms late: one, and the time of the others is skipped.
    session.handle_input(now + ms(55), Input::Timeout).expect("drained");
    assert_eq!(drain(&mut session), (vec![(160, 5_160, false), (160, 5_320, false)], now + ms(60)));
    session.handle_input(now + ms(265), Input::Timeout).expect("drained");
    assert_eq!(drain(&mut session), (vec![(160, 5_000 + 13 * 160, true)], now + ms(280)));
    assert_eq!(session.media_stats().skipped, 10);
}

#[test]
fn an_earlier_now_is_the_latest_seen() {
    let (now, mut session) = call(ms(20));
    session.handle_input(now + ms(100), Input::Timeout).expect("drained");
    let (_, due) = drain(&mut session);
    session.handle_input(now, Input::Timeout).expect("drained");
    assert_eq!(drain(&mut session), (Vec::new(), due));
}

#[test]
fn packets_are_as_long_as_was_agreed() {
    for (ptime, samples) in [(10, 80), (30, 240), (40, 320), (60, 480), (5, 80), (200, 480)] {
        let (now, mut session) = call(ms(ptime));
        session.handle_input(now, Input::Timeout).expect("drained");
        let (packets, due) = drain(&mut session);
        assert_eq!(packets, [(samples, 5_000, true)]);
        assert_eq!(due, now + ms(samples as u64 / 8));
    }
}

#[test]
fn the_end_comes_once_and_nothing_follows() {
    let (now, mut session) = call(ms(20));
    for _ in 0..2 {
        session.handle_input(now, Input::HangUp(EndReason::Shutdown)).expect("drained");
    }
    let outputs: Vec<Output> = std::iter::from_fn(|| match session.poll_output() {
        Output::Timeout(_) => None,
        output => Some(output),
    })
    .collect();
    assert_eq!(outputs.iter().filter(|output| matches!(output, Output::End(_))).count(), 1);
    assert!(matches!(outputs.last(), Some(Output::End(end)) if end.reason == EndReason::Shutdown));
    assert!(session.is_over());
    session.handle_input(now + ms(60_000), Input::Timeout).expect("drained");
    assert!(matches!(session.poll_output(), Output::Timeout(due) if due > now + ms(600_000)));
}
