//! The end that the bot makes: everything is said before the line goes.

use hualu_session::{CallResult, EndReason, Input};
use hualu_sim::{EchoBot, Entry, Setup, World};
use std::time::Duration;

#[test]
fn everything_queued_is_played_before_the_end() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.say_and_wait("再见");
    let end = world.wait_for_end();
    assert_eq!((end.result, end.reason, end.disposition.as_str()), (CallResult::Success, EndReason::BotHungUp, "done"));
    assert_eq!(world.heard(), "您好请讲感谢来电再见");
    assert!(world.quiet() >= Duration::from_millis(180), "the last packets have time to be heard");
}

#[test]
fn a_goodbye_is_not_interrupted() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.say_and_wait("再见");
    world.run_ms(700);
    world.say("好的好的好的");
    world.wait_for_end();
    assert_eq!(world.heard(), "您好请讲感谢来电再见");
}

#[test]
fn a_transfer_follows_the_last_word() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.say_and_wait("人工");
    assert_eq!(world.wait_for_end().reason, EndReason::Transferred);
    assert_eq!(world.heard(), "您好请讲马上转");
    assert!(world.log().iter().any(|(_, entry)| matches!(entry, Entry::Transferred(target) if target == "agents")));
}

#[test]
fn a_refused_transfer_leaves_the_caller_with_the_bot() {
    let mut world = World::new(1);
    world.refuses_transfer = true;
    world.run_ms(2_500);
    world.say_and_wait("人工");
    world.run_ms(3_500);
    assert_eq!(world.heard(), "您好请讲马上转没处理好");
    world.say("查话费");
    world.run_ms(3_000);
    assert!(world.heard().ends_with("好的查话费"));
}

#[test]
fn a_transfer_of_which_nothing_is_heard_leaves_the_caller_with_the_bot() {
    let mut world = World::new(1);
    world.loses_transfer = true;
    world.run_ms(2_500);
    world.say_and_wait("人工");
    world.run_ms(34_000);
    assert_eq!(world.heard(), "您好请讲马上转");
    world.run_ms(5_000);
    assert_eq!(world.heard(), "您好请讲马上转没处理好");
    world.say("查话费");
    world.run_ms(3_000);
    assert!(world.heard().ends_with("好的查话费"));
}

#[test]
fn a_stopping_server_says_goodbye() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.say("查话费");
    world.run_ms(300);
    world.give(Input::Drain);
    let end = world.wait_for_end();
    assert_eq!((end.result, end.reason), (CallResult::Server, EndReason::Shutdown));
    assert_eq!(world.heard(), "您好请讲再见");
}

#[test]
fn a_call_has_a_longest_time() {
    let mut setup = Setup::new(1);
    setup.turn.call_max = Duration::from_secs(5);
    let mut world = World::with(setup, EchoBot::default());
    assert_eq!(world.wait_for_end().reason, EndReason::CallTooLong);
    assert_eq!(world.heard(), "您好请讲再见");
}
