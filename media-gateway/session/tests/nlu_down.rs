//! The dialogue is slow, silent or gone: the caller always hears something.

use hualu_core::Stage;
use hualu_core::dialogue::{Act, CallEvent, CallInput, Say};
use hualu_session::{EndReason, Escape, Failure, Ladder, Outcome, Rung};
use hualu_sim::{EchoBot, Entry, Setup, Timed, World, acts, say};
use std::time::Duration;

/// From the end of the caller's words to the first sound of the bot.
fn answer_time(world: &mut World, words: &str, first: char) -> Duration {
    world.say_and_wait(words);
    let spoken = world.elapsed();
    world.run_ms(4_000);
    world.heard_at(first).expect("the bot said something").saturating_sub(spoken)
}

#[test]
fn a_dead_dialogue_is_owned_up_to_within_1200_ms() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.nlu.broken = Some(Failure::Unavailable);
    let waited = answer_time(&mut world, "查流量", '没');
    assert!(waited <= Duration::from_millis(1_200), "{waited:?}");
    assert_eq!(world.heard(), "您好请讲没处理好");
    let record = world.records().last().expect("the turn is over");
    assert_eq!(record.outcome, Outcome::FellBack);
    assert_eq!(record.missed[0].why, Some(Failure::Unavailable));
}

#[test]
fn a_silent_dialogue_gets_a_filler_and_then_a_reprompt() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.nlu.silent = true;
    let waited = answer_time(&mut world, "查话费", '稍');
    assert!(waited <= Duration::from_millis(1_200), "{waited:?}");
    assert_eq!(world.heard(), "您好请讲请稍等有点慢");
    let rungs: Vec<_> = world.missed().map(|missed| (missed.stage, missed.rung)).collect();
    assert_eq!(rungs, [(Stage::Nlu, Rung::Wait), (Stage::Nlu, Rung::Filler), (Stage::Nlu, Rung::Reprompt)]);
}

#[test]
fn the_next_turn_is_tried_again() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.nlu.broken = Some(Failure::Broken);
    world.say("查话费");
    world.run_ms(3_000);
    world.nlu.broken = None;
    world.say("查话费");
    world.run_ms(3_000);
    assert_eq!(world.heard(), "您好请讲没处理好好的查话费");
}

#[test]
fn an_answer_after_the_reprompt_is_not_played() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.nlu.delay = Duration::from_millis(3_000);
    world.say("查话费");
    world.run_ms(6_000);
    assert_eq!(world.heard(), "您好请讲请稍等有点慢");
}

#[test]
fn a_fast_dialogue_never_triggers_a_filler() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    for _ in 0..3 {
        world.say("查话费");
        world.run_ms(4_000);
    }
    assert_eq!(world.heard(), "您好请讲好的查话费好的查话费好的查话费");
    assert_eq!(world.missed().count(), 0);
}

#[test]
fn after_three_failures_the_bot_apologises_and_ends() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.nlu.broken = Some(Failure::Unavailable);
    for _ in 0..3 {
        world.say("查话费");
        world.run_ms(3_000);
    }
    let end = world.wait_for_end();
    assert_eq!(end.reason, EndReason::EnginesFailed);
    assert_eq!(world.heard(), "您好请讲没处理好没处理好再见");
}

#[test]
fn or_it_hands_the_call_to_a_person() {
    let mut setup = Setup::new(1);
    setup.turn.escape = Escape::Transfer("agents".to_owned());
    setup.turn.ladders.nlu = Ladder::new(Stage::Nlu, vec![Rung::Filler, Rung::Person]).expect("a good ladder");
    let mut world = World::with(setup, EchoBot::default());
    world.run_ms(2_500);
    world.nlu.broken = Some(Failure::Unavailable);
    world.say("查话费");
    let end = world.wait_for_end();
    assert_eq!(end.reason, EndReason::Transferred);
    assert!(world.log().iter().any(|(_, entry)| matches!(entry, Entry::Transferred(target) if target == "agents")));
}

/// Says at once that it is busy, and answers after `ms`.
fn busy(ms: u64) -> impl FnMut(&CallInput) -> Vec<Timed> {
    move |input| match &input.event {
        CallEvent::Final { .. } => {
            let filler = Act::Say(Say { filler: true, interruptible: false, ..Say::plain("正在查") });
            let mut timed = acts(input.turn, 20, vec![filler]);
            timed[0].1.last = false;
            timed.extend(acts(input.turn, ms, vec![say("五十元")]));
            timed
        }
        CallEvent::Started(_) => acts(input.turn, 20, vec![say("您好")]),
        _ => Vec::new(),
    }
}

#[test]
fn a_back_end_that_takes_eight_seconds_is_bridged() {
    let mut world = World::with(Setup::new(1), busy(8_000));
    world.run_ms(2_000);
    world.say("查话费");
    world.run_ms(12_000);
    let heard = world.heard();
    assert!(heard.starts_with("您好正在查请稍等") && heard.ends_with("五十元"), "{heard}");
}

#[test]
fn a_filler_is_left_out_when_the_reply_is_there_first() {
    let mut world = World::with(Setup::new(1), busy(40));
    world.run_ms(2_000);
    world.say("查话费");
    world.run_ms(3_000);
    assert_eq!(world.heard(), "您好五十元");
}

#[test]
fn a_dialogue_that_breaks_off_in_its_reply_is_made_good() {
    let mut world = World::with(Setup::new(1), busy(60_000));
    world.run_ms(2_000);
    world.say("查话费");
    world.run_ms(1_800);
    let turn = world.told().last().expect("told").turn;
    world.give(hualu_session::Input::Failed { stage: Stage::Nlu, turn, clause: None, reason: Failure::Broken });
    world.run_ms(2_000);
    assert_eq!(world.heard(), "您好正在查没处理好");
}
