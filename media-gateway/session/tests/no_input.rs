//! The caller does not answer.

use hualu_core::dialogue::CallEvent;
use hualu_session::{Cause, EndReason, Failure};
use hualu_sim::World;
use std::time::Duration;

#[test]
fn the_wait_is_measured_from_the_end_of_play_out() {
    let mut world = World::new(1);
    world.run_ms(6_800);
    assert_eq!(world.heard(), "您好请讲");
    world.run_ms(700);
    assert_eq!(world.heard(), "您好请讲请讲", "6 s after the last word of the greeting");
    let waited = world.told().find_map(|input| match input.event {
        CallEvent::Silence(waited) => Some(waited),
        _ => None,
    });
    assert_eq!(waited, Some(Duration::from_secs(6)));
    world.run_ms(1_000);
    assert_eq!(world.records().last().map(|record| record.cause), Some(Cause::Silence));
}

#[test]
fn a_caller_who_never_answers_is_let_go() {
    let mut world = World::new(1);
    let end = world.wait_for_end();
    assert_eq!(end.reason, EndReason::BotHungUp);
    assert_eq!(world.heard(), "您好请讲请讲请讲感谢来电再见");
}

#[test]
fn a_cough_does_not_put_off_the_reminder() {
    let mut world = World::new(1);
    world.run_ms(5_000);
    world.make_noise(200);
    world.run_ms(2_300);
    assert_eq!(world.heard(), "您好请讲请讲");
    assert!(world.finals().is_empty());
}

#[test]
fn with_the_dialogue_down_a_clip_asks() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.nlu.broken = Some(Failure::Unavailable);
    world.run_ms(6_000);
    assert_eq!(world.heard(), "您好请讲在吗");
    assert_eq!(world.wait_for_end().reason, EndReason::EnginesFailed);
    assert_eq!(world.heard(), "您好请讲在吗在吗再见");
}
