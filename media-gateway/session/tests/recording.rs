//! The recorder's view: both sides, at the time at which each was.

use hualu_sim::{EchoBot, Setup, World};
use std::time::Duration;

#[test]
fn the_tape_is_as_long_as_the_call_whatever_the_network_does() {
    let mut setup = Setup::new(3);
    setup.record = true;
    let mut world = World::with(setup, EchoBot::default());
    world.network.loss = 0.1;
    world.network.jitter = Duration::from_millis(60);
    world.run_ms(2_500);
    world.say("查话费");
    world.run_ms(2_500);
    world.vanished = true;
    world.run_ms(3_000);
    for (n, frame) in world.tape().iter().enumerate() {
        assert_eq!(frame.at.0, n as u64 * 160, "no gap and no overlap");
    }
    let length = Duration::from_millis(20) * world.tape().len() as u32;
    assert!(length.abs_diff(world.elapsed()) <= Duration::from_millis(20), "{length:?}");
}

#[test]
fn the_callers_words_are_where_they_were_said() {
    let mut setup = Setup::new(1);
    setup.record = true;
    let mut world = World::with(setup, EchoBot::default());
    world.run_ms(2_500);
    world.say("查话费");
    world.run_ms(1_000);
    let first = world.tape().iter().position(|frame| frame.caller.samples().iter().any(|sample| *sample > 300));
    let at = Duration::from_millis(20) * first.expect("the caller is on the tape") as u32;
    assert!(at.abs_diff(Duration::from_millis(2_500)) <= Duration::from_millis(40), "{at:?}");
}
