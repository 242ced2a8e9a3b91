//! Offer and answer change the media in the call.

use hualu_session::{EndReason, Law};
use hualu_sim::World;
use std::time::Duration;

#[test]
fn on_hold_nothing_is_sent_and_nobody_is_missed() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.renegotiate(|media| (media.sends, media.receives) = (false, false));
    world.vanished = true;
    world.run_ms(60_000);
    assert_eq!(world.heard(), "您好请讲");
    assert!(world.quiet().as_millis() < 2_000, "no packet was sent on hold");
}

#[test]
fn after_hold_the_call_goes_on_and_its_packets_are_watched_again() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.renegotiate(|media| media.receives = false);
    world.vanished = true;
    world.run_ms(60_000);
    world.renegotiate(|_| {});
    world.vanished = false;
    world.run_ms(200);
    world.say("查话费");
    world.run_ms(3_000);
    assert!(world.heard().ends_with("好的查话费"), "{}", world.heard());
    world.vanished = true;
    assert_eq!(world.wait_for_end().reason, EndReason::MediaTimeout);
}

#[test]
fn another_law_is_spoken_from_the_next_packet_on() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.renegotiate(|media| (media.law, media.payload_type) = (Law::Mu, 0));
    world.run_ms(1_000);
    assert_eq!(world.last_payload_type(), Some(0));
}

#[test]
fn a_renumbered_law_is_understood_and_spoken_under_its_number() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.renegotiate(|media| media.payload_type = 98);
    world.payload_type = 98;
    world.say("查话费");
    world.run_ms(3_000);
    assert_eq!(world.heard(), "您好请讲好的查话费");
    assert_eq!(world.last_payload_type(), Some(98));
}

#[test]
fn words_that_a_hold_cuts_off_are_still_answered() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.say("查话费");
    world.run_ms(600);
    world.renegotiate(|media| media.receives = false);
    world.vanished = true;
    world.run_ms(3_000);
    assert_eq!(world.heard(), "您好请讲好的查话费");
}

#[test]
fn a_sound_that_a_hold_cuts_off_does_not_hold_up_the_reply() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.nlu.delay = Duration::from_millis(250);
    world.say_and_wait("查话费");
    world.run_ms(320);
    world.make_noise(200);
    world.run_ms(120);
    world.renegotiate(|media| media.receives = false);
    world.vanished = true;
    world.run_ms(3_000);
    assert!(world.heard().ends_with("好的查话费"), "{}", world.heard());
}
