//! The bot greets at once.

use hualu_core::dialogue::CallEvent;
use hualu_session::State;
use hualu_sim::World;
use std::time::Duration;

#[test]
fn the_bot_greets_without_waiting_for_the_callers_first_packet() {
    let mut world = World::new(1);
    world.vanished = true;
    world.run_ms(2_500);
    assert_eq!(world.heard(), "您好请讲");
    // 20 ms of dialogue, 60 ms of voice, and the slot.
    assert!(world.heard_at('您') <= Some(Duration::from_millis(100)), "{:?}", world.heard_at('您'));
    assert_eq!(world.state(), State::Listening);
}

#[test]
fn each_clause_is_reported_when_it_was_heard() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    let heard: Vec<_> = world
        .told()
        .filter_map(|input| match &input.event {
            CallEvent::Heard(heard) => Some((heard.text.reveal().as_str(), heard.complete, heard.clause.0)),
            _ => None,
        })
        .collect();
    assert_eq!(heard, [("您好", true, 1), ("请讲", true, 2)]);
}

#[test]
fn a_caller_who_says_hello_first_still_gets_the_greeting() {
    let mut world = World::new(1);
    world.nlu.delay = Duration::from_millis(700);
    world.say("喂");
    world.run_ms(4_000);
    assert_eq!(world.heard(), "您好请讲");
}
