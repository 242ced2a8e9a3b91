//! Other people in the room.

use hualu_core::dialogue::{Act, CallEvent, CallInput, Say};
use hualu_session::{Idle, SessionEvent};
use hualu_sim::{Setup, Timed, World, acts, say};
use std::time::Duration;

/// Loud words: each new character is a little louder than those before it.
const LOUD: &str = "东南西北春夏秋冬梅兰竹菊琴棋书画风花雪月山川湖海日星云雨";

/// Answers whatever is said at length.
fn talker(input: &CallInput) -> Vec<Timed> {
    match &input.event {
        CallEvent::Started(_) => acts(input.turn, 20, vec![say("您好")]),
        CallEvent::Final { .. } => acts(input.turn, 20, vec![say("欢迎致电中国移动客服热线")]),
        _ => Vec::new(),
    }
}

/// A call in which the caller has spoken and the bot answers at length.
fn answered() -> World {
    answered_by(talker)
}

fn answered_by(bot: impl FnMut(&CallInput) -> Vec<Timed> + 'static) -> World {
    let mut setup = Setup::new(1);
    setup.turn.far_share = 0.4;
    let mut world = World::with(setup, bot);
    world.run_ms(1_500);
    // Quiet words that nobody says again, so that the loud ones stand far above them.
    world.say_and_wait("甲乙丙");
    world.run_ms(4_000);
    world.say_and_wait(LOUD);
    world.run_ms(1_000);
    world
}

fn barge_ins(world: &World) -> usize {
    world.events().filter(|event| matches!(event, SessionEvent::BargedIn { .. })).count()
}

#[test]
fn background_talk_over_a_prompt_stops_nothing() {
    let mut world = answered();
    world.say("甲乙丙甲乙丙");
    world.run_ms(4_000);
    assert_eq!(barge_ins(&world), 0);
    assert_eq!(world.finals().len(), 2, "{:?}", world.finals());
    assert!(world.heard().ends_with("欢迎致电中国移动客服热线"), "{}", world.heard());
    let far = world.events().filter(|event| matches!(event, SessionEvent::Dismissed { idle: Idle::Background, .. }));
    assert_eq!(far.count(), 1);
}

#[test]
fn the_caller_is_as_loud_as_before_and_interrupts() {
    let mut world = answered();
    world.say("云雨云雨");
    world.run_ms(4_000);
    assert_eq!(barge_ins(&world), 1);
    assert_eq!(world.finals().last().map(String::as_str), Some("云雨云雨"));
}

#[test]
fn a_quiet_voice_is_heard_when_nothing_is_spoken_over() {
    let mut world = answered();
    world.run_ms(4_000);
    world.say("甲乙丙");
    world.run_ms(3_000);
    assert_eq!(world.finals().last().map(String::as_str), Some("甲乙丙"));
}

#[test]
fn two_voices_one_after_the_other_are_one_turn() {
    let mut setup = Setup::new(1);
    setup.turn.far_share = 0.4;
    let mut world = World::with(setup, talker);
    world.run_ms(1_500);
    // The second begins while the first is still waited for.
    world.say("甲乙丙丁");
    world.run_ms(800 + 100);
    world.say("戊己庚辛");
    world.run_ms(Duration::from_secs(3).as_millis() as u64);
    assert_eq!(world.finals(), ["甲乙丙丁戊己庚辛"]);
    assert_eq!(barge_ins(&world), 0);
}

/// The second clause may not be interrupted, the third may.
fn warner(input: &CallInput) -> Vec<Timed> {
    let firm = Say { interruptible: false, ..Say::plain("东南西北") };
    match &input.event {
        CallEvent::Started(_) => acts(input.turn, 20, vec![say("您好")]),
        CallEvent::Final { .. } => acts(input.turn, 20, vec![Act::Say(firm), say("欢迎致电中国移动")]),
        _ => Vec::new(),
    }
}

#[test]
fn a_far_voice_that_was_there_when_the_prompt_could_not_be_stopped_does_not_stop_the_next() {
    let mut world = answered_by(warner);
    world.run_ms(3_000);
    world.say_and_wait(LOUD);
    world.run_ms(700);
    world.say("甲乙丙甲乙丙甲");
    world.run_ms(4_000);
    assert_eq!(barge_ins(&world), 0);
    assert!(world.heard().ends_with("东南西北欢迎致电中国移动"), "{}", world.heard());
}

#[test]
fn a_far_voice_that_goes_on_after_the_prompt_is_no_turn() {
    let mut world = answered();
    world.run_ms(1_000);
    let turns = world.finals().len();
    world.say("甲乙丙甲乙丙甲乙丙");
    world.run_ms(5_000);
    assert_eq!(world.finals().len(), turns, "{:?}", world.finals());
}

#[test]
fn a_far_voice_does_not_take_back_a_reply_that_is_on_its_way() {
    let mut world = answered_by(|input: &CallInput| match &input.event {
        CallEvent::Started(_) => acts(input.turn, 20, vec![say("您好")]),
        CallEvent::Final { .. } => acts(input.turn, 900, vec![say("东南西北")]),
        _ => Vec::new(),
    });
    world.run_ms(4_000);
    let turns = world.finals().len();
    world.say_and_wait(LOUD);
    world.run_ms(600);
    world.say("甲乙丙");
    world.run_ms(4_000);
    assert_eq!(world.finals().len(), turns + 1, "{:?}", world.finals());
    assert!(world.heard().ends_with("东南西北"), "{}", world.heard());
}
