//! A bot that owes an answer is never silent for 2.5 s, and notices by itself if it is.

use hualu_core::Stage;
use hualu_session::{Ladder, Rung, SessionEvent};
use hualu_sim::{EchoBot, Setup, World};
use std::time::Duration;

/// A call whose fillers and limits come far too late.
fn negligent() -> Setup {
    let mut setup = Setup::new(1);
    setup.turn.filler_after = Duration::from_secs(20);
    setup.budget.nlu_hard = Duration::from_secs(20);
    // The world's own rule would stop the test before the session has noticed, so it notices a little earlier.
    setup.turn.dead_air = Duration::from_millis(2_000);
    setup.turn.ladders.nlu = Ladder::new(Stage::Nlu, vec![Rung::Goodbye]).expect("a good ladder");
    setup
}

#[test]
#[should_panic(expected = "no bot silence is a defect")]
fn the_simulator_takes_it_for_a_broken_rule() {
    let mut world = World::with(negligent(), EchoBot::default());
    world.run_ms(2_500);
    world.nlu.silent = true;
    world.say("查话费");
    world.run_ms(6_000);
}

#[test]
fn it_is_reported_once_with_its_length_and_ended_with_a_sentence() {
    let mut world = World::with(negligent(), EchoBot::default());
    world.forgive_dead_air();
    world.run_ms(2_500);
    world.nlu.silent = true;
    world.say("查话费");
    world.run_ms(5_000);
    let defects: Vec<Duration> = world
        .events()
        .filter_map(|event| match event {
            SessionEvent::DeadAir { silent, .. } => Some(*silent),
            _ => None,
        })
        .collect();
    assert_eq!(defects.len(), 1);
    assert!(defects[0] >= Duration::from_millis(2_000) && defects[0] < Duration::from_millis(2_040), "{defects:?}");
    assert!(world.heard().ends_with("请稍等"), "somebody is there after all: {}", world.heard());
}

#[test]
fn silence_of_a_caller_who_was_asked_is_none() {
    let mut world = World::new(1);
    world.run_ms(5_000);
    assert!(!world.events().any(|event| matches!(event, SessionEvent::DeadAir { .. })));
}

#[test]
fn nor_is_a_call_on_hold() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.nlu.delay = Duration::from_millis(900);
    world.say("查话费");
    world.run_ms(900);
    world.renegotiate(|media| (media.sends, media.receives) = (false, false));
    world.vanished = true;
    world.run_ms(5_000);
    assert!(!world.events().any(|event| matches!(event, SessionEvent::DeadAir { .. })));
}
