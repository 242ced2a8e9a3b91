//! The caller hangs up while something is going on.

use hualu_core::dialogue::CallEvent;
use hualu_session::{CallResult, EndReason, Outcome, SessionEvent};
use hualu_sim::{Entry, World};

#[test]
fn everything_stops_and_is_told() {
    let mut world = World::new(1);
    world.run_ms(120);
    let end = world.finish();
    assert_eq!((end.result, end.reason), (CallResult::Success, EndReason::CallerHungUp));
    let last = world.told().last().expect("the dialogue was told");
    assert_eq!(last.event, CallEvent::HangUp { reason: "caller_hung_up".to_owned() });
    assert!(world.log().iter().any(|(_, entry)| matches!(entry, Entry::Cancelled(_))), "the voice stops");
    assert_eq!(world.records().last().map(|record| record.outcome), Some(Outcome::CallEnded));
    assert!(world.events().any(|event| matches!(event, SessionEvent::Media(stats) if stats.sent > 5)));
}

#[test]
fn in_the_middle_of_a_word_the_recognition_is_cancelled() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.say("查话费");
    world.run_ms(300);
    // The rules of the world hold that what was started is cancelled.
    assert_eq!(world.finish().reason, EndReason::CallerHungUp);
    world.run_ms(1_000);
    assert_eq!(world.finals(), Vec::<String>::new());
}
