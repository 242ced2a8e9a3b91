//! The caller goes on speaking after we took the utterance to be over.

use hualu_core::Stage;
use hualu_session::{Outcome, SessionEvent, State};
use hualu_sim::World;
use std::time::Duration;

#[test]
fn the_words_of_both_parts_are_one_final() {
    let mut world = World::new(1);
    world.nlu.delay = Duration::from_millis(200);
    world.run_ms(3_000);
    world.say_and_wait("查话费");
    // The endpoint is 200 ms away, the reply 600 ms.
    world.run_ms(320);
    assert_eq!(world.state(), State::Thinking);
    world.say("和流量");
    world.nlu.delay = Duration::ZERO;
    world.run_ms(4_000);
    assert_eq!(world.finals(), ["查话费", "查话费和流量"]);
    assert_eq!(world.heard(), "您好请讲好的查话费和流量", "the reply to the first part is never heard");
    let outcomes: Vec<_> = world.records().map(|record| record.outcome).collect();
    assert_eq!(outcomes, [Outcome::Answered, Outcome::Joined, Outcome::Answered]);
}

#[test]
fn a_final_that_is_still_on_its_way_is_waited_for() {
    let mut world = World::new(1);
    world.asr.no_partials = true;
    world.asr.final_delay = Duration::from_millis(450);
    world.run_ms(2_500);
    world.say_and_wait("查话费");
    world.run_ms(560);
    assert_eq!(world.state(), State::Thinking, "waiting for the final, without anything to promote");
    world.say("和流量呢");
    world.run_ms(5_000);
    assert_eq!(world.finals(), ["查话费和流量呢"]);
}

#[test]
fn a_short_noise_while_thinking_does_not_cost_the_reply() {
    let mut world = World::new(1);
    world.nlu.delay = Duration::from_millis(200);
    world.run_ms(3_000);
    world.say_and_wait("查话费");
    world.run_ms(320);
    world.make_noise(120);
    world.run_ms(3_000);
    assert_eq!(world.heard(), "您好请讲好的查话费");
    assert_eq!(world.finals(), ["查话费"]);
}

#[test]
fn the_answer_to_the_first_part_is_stale_even_while_that_to_both_is_awaited() {
    let mut world = World::new(1);
    world.run_ms(4_000);
    world.say_and_wait("查话费");
    world.run_ms(210);
    world.nlu.delay = Duration::from_millis(1_300);
    world.run_ms(110);
    assert_eq!(world.state(), State::Thinking);
    world.say("和流量");
    world.nlu.delay = Duration::from_millis(600);
    world.run_ms(6_000);
    let heard = world.heard();
    assert!(heard.ends_with("好的查话费和流量") && heard.matches("好的").count() == 1, "{heard}");
    assert!(world.events().any(|event| matches!(event, SessionEvent::Stale { stage: Stage::Nlu, .. })));
}
