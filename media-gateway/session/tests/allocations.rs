//! Once a call is up, a packet costs no allocation.

use allocation_counter::measure;
use hualu_core::dialogue::{Hypothesis, TurnAct};
use hualu_core::speech::{AudioSource, RecognizeEvent, SynthesizeEvent};
use hualu_core::{ClauseId, Samples, TurnId};
use hualu_session::{CallSession, Input, Output, State};
use hualu_sim::{Alphabet, Loudness, Setup, say};
use std::time::{Duration, Instant};

const SLOT: Duration = Duration::from_millis(20);

/// Takes everything out; returns the clause that the voice is asked for.
fn drain(session: &mut CallSession) -> Option<(TurnId, ClauseId)> {
    let mut asked = None;
    loop {
        match session.poll_output() {
            Output::Timeout(_) => return asked,
            Output::Synthesize(command) => asked = Some((command.turn, command.clause)),
            _ => {}
        }
    }
}

fn give(session: &mut CallSession, now: Instant, input: Input<'_>) -> Option<(TurnId, ClauseId)> {
    session.handle_input(now, input).expect("drained");
    drain(session)
}

/// A call whose bot says a long sentence, half a second into it.
#[expect(clippy::disallowed_methods, reason = "virtual time needs one instant to count from")]
fn speaking() -> (Instant, CallSession) {
    let mut now = Instant::now();
    let config = Setup::new(1).session_config(&mut Alphabet::default());
    let mut session = CallSession::new(now, config, Box::new(Loudness));
    drain(&mut session);
    let act = say("欢迎致电中国移动客服热线很高兴为您");
    let act = TurnAct { turn: TurnId(0), revision: 0, last: true, act };
    let (turn, clause) = give(&mut session, now, Input::Act(act)).expect("the voice is asked");
    let pcm = vec![1_000; 40_000];
    let spoken = SynthesizeEvent { turn, clause, pcm, source: AudioSource::Engine, last: true };
    give(&mut session, now, Input::Spoken(spoken));
    for _ in 0..25 {
        now += SLOT;
        give(&mut session, now, Input::Timeout);
    }
    assert_eq!(session.state(), State::Speaking);
    (now, session)
}

/// A packet of 20 ms, loud, in A-law (RFC 3551 type 8).
fn packet(number: u16) -> [u8; 172] {
    let mut bytes = [0xaa; 172];
    bytes[..2].copy_from_slice(&[0x80, 8]);
    bytes[2..4].copy_from_slice(&number.to_be_bytes());
    bytes[4..8].copy_from_slice(&(u32::from(number) * 160).to_be_bytes());
    bytes[8..12].copy_from_slice(&7_u32.to_be_bytes());
    bytes
}

#[test]
fn a_packet_of_the_prompt_costs_none() {
    let (mut now, mut session) = speaking();
    let cost = measure(|| {
        for _ in 0..50 {
            now += SLOT;
            give(&mut session, now, Input::Timeout);
        }
    });
    assert_eq!(cost.count_total, 0, "in 50 packets");
}

#[test]
fn nor_does_one_while_the_caller_says_something_over_it() {
    let (mut now, mut session) = speaking();
    let mut number = 0;
    let mut hear = |session: &mut CallSession, packets: u16| {
        for _ in 0..packets {
            now += SLOT;
            number += 1;
            give(session, now, Input::Packet(&packet(number)));
            give(session, now, Input::Timeout);
        }
        now
    };
    let now = hear(&mut session, 10);
    assert_eq!(session.state(), State::Ducked);
    let words = Hypothesis { text: "嗯".to_owned().into(), ..Hypothesis::default() };
    let partial =
        RecognizeEvent { turn: TurnId(1), revision: 1, is_final: false, hypothesis: words, audio: Samples(1_600) };
    give(&mut session, now, Input::Recognized(partial));
    let cost = measure(|| {
        hear(&mut session, 3);
    });
    assert_eq!(session.state(), State::Ducked, "嗯 stops nothing");
    assert_eq!(cost.count_total, 0, "in 3 packets of the caller's and 3 of the bot's");
}
