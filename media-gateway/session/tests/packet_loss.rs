//! Bad networks and bad bytes.

use hualu_session::{EndReason, Input, SessionEvent};
use hualu_sim::{EchoBot, Network, Setup, World};
use std::time::Duration;

#[test]
fn five_percent_loss_and_jitter_change_no_word() {
    for seed in 0..20 {
        let mut world = World::with(Setup::new(seed), EchoBot::default());
        let ms = Duration::from_millis;
        world.network = Network { loss: 0.05, duplicate: 0.02, delay: ms(30), jitter: ms(35) };
        world.run_ms(2_500);
        world.say("查话费");
        world.run_ms(4_000);
        assert_eq!(world.finals(), ["查话费"], "seed {seed}");
        assert_eq!(world.heard(), "您好请讲好的查话费", "seed {seed}");
    }
}

#[test]
fn an_outage_in_the_middle_of_a_word_ends_the_utterance_and_not_the_call() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.say("我要查话费");
    world.run_ms(500);
    world.vanished = true;
    world.run_ms(5_000);
    assert_eq!(world.finals().len(), 1, "the endpoint needs no packet");
    world.vanished = false;
    world.run_ms(500);
    world.say("查话费");
    world.run_ms(3_000);
    assert!(world.heard().ends_with("好的查话费"));
}

#[test]
fn a_caller_who_is_gone_is_noticed() {
    let mut world = World::new(1);
    world.run_ms(1_000);
    world.vanished = true;
    assert_eq!(world.wait_for_end().reason, EndReason::MediaTimeout);
    assert_eq!(world.elapsed().as_millis() / 100, 159, "15 s after the last packet");
}

#[test]
fn rubbish_is_counted_and_changes_nothing() {
    let mut world = World::new(1);
    for bytes in [&[][..], &[0x80], &[0xff; 40], &[0x80, 99, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]] {
        world.give(Input::Packet(bytes));
        world.give(Input::Control(bytes));
    }
    world.run_ms(2_500);
    assert_eq!(world.heard(), "您好请讲");
    world.finish();
    let stats = world.events().find_map(|event| match event {
        SessionEvent::Media(stats) => Some(**stats),
        _ => None,
    });
    assert_eq!(stats.expect("media statistics").refused, 8);
}
