//! The final hypothesis does not come in time.

use hualu_core::Stage;
use hualu_core::dialogue::CallEvent;
use hualu_session::{Failure, Rung, SessionEvent};
use hualu_sim::World;
use std::time::Duration;

#[test]
fn the_last_partial_stands_in() {
    let mut world = World::new(1);
    world.asr.final_delay = Duration::from_millis(800);
    world.run_ms(2_500);
    world.say("查话费");
    world.run_ms(4_000);
    assert_eq!(world.finals(), ["查话费"]);
    assert_eq!(world.heard(), "您好请讲好的查话费");
    let promoted = world.told().any(|input| matches!(input.event, CallEvent::Final { promoted: true, .. }));
    assert!(promoted, "the dialogue is told that the words may change");
    let missed: Vec<_> = world.missed().map(|missed| (missed.stage, missed.rung, missed.spent.as_millis())).collect();
    assert_eq!(missed, [(Stage::Asr, Rung::PromotePartial, 60)]);
    let stale = |event: &SessionEvent| matches!(event, SessionEvent::Stale { stage: Stage::Asr, .. });
    assert!(world.events().any(stale), "the final that came after all was dropped");
}

#[test]
fn without_a_partial_the_caller_is_asked_again() {
    let mut world = World::new(1);
    world.asr.silent = true;
    world.run_ms(2_500);
    world.say_and_wait("查话费");
    world.run_ms(4_000);
    assert_eq!(world.heard(), "您好请讲请稍等有点慢");
    let rungs: Vec<_> = world.missed().map(|missed| (missed.stage, missed.rung)).collect();
    assert_eq!(rungs, [(Stage::Asr, Rung::Wait), (Stage::Asr, Rung::Filler), (Stage::Asr, Rung::Reprompt)]);
    world.asr.silent = false;
    world.say("查话费");
    world.run_ms(3_000);
    assert!(world.heard().ends_with("好的查话费"), "the next turn is tried as if nothing had been");
}

#[test]
fn a_broken_recognizer_is_owned_up_to_at_once() {
    let mut world = World::new(1);
    world.asr.broken = Some(Failure::Unavailable);
    world.run_ms(2_500);
    world.say_and_wait("查话费");
    let spoken = world.elapsed();
    world.run_ms(2_500);
    assert_eq!(world.heard(), "您好请讲没处理好");
    let answered = world.heard_at('没').expect("heard") - spoken;
    assert!(answered <= Duration::from_millis(1_200), "{answered:?}");
}
