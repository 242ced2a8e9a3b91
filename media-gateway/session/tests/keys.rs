//! Keys pressed (RFC 4733).

use hualu_core::dialogue::{CallEvent, Expect};
use hualu_session::{Cause, Input, Key};
use hualu_sim::{EchoBot, Setup, World};

fn keys(world: &World) -> Vec<String> {
    world
        .told()
        .filter_map(|input| match &input.event {
            CallEvent::Keys(keys) => Some(keys.reveal().clone()),
            _ => None,
        })
        .collect()
}

fn digits(len_min: u8, len_max: u8) -> World {
    let expect = Expect::Digits { len_min, len_max };
    World::with(Setup::new(1), EchoBot { expect, ..EchoBot::default() })
}

#[test]
fn a_menu_key_answers_at_once_and_stops_the_prompt() {
    let mut world = World::new(1);
    world.run_ms(300);
    world.press("1");
    world.run_ms(2_000);
    assert_eq!(keys(&world), ["1"]);
    assert_eq!(world.heard(), "您按了1", "the greeting was cut after its first word");
    assert!(world.told().any(|input| matches!(input.event, CallEvent::BargeIn(_))));
    assert_eq!(world.records().nth(1).map(|record| record.cause), Some(Cause::Keys));
}

#[test]
fn a_number_is_collected_until_it_is_whole() {
    let mut world = digits(11, 11);
    world.run_ms(2_500);
    world.press("13800138000");
    world.run_ms(500);
    assert_eq!(keys(&world), ["13800138000"]);
}

#[test]
fn a_hash_or_a_pause_ends_a_number() {
    let mut world = digits(4, 6);
    world.run_ms(2_500);
    world.press("1234#");
    world.run_ms(4_000);
    assert_eq!(keys(&world), ["1234"]);
    world.press("56");
    world.run_ms(1_500);
    assert_eq!(keys(&world).len(), 1, "a pause of less than two seconds is no end");
    world.run_ms(1_000);
    assert_eq!(keys(&world), ["1234", "56"]);
}

#[test]
fn keys_win_over_words_spoken_at_the_same_time() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.say("嗯嗯嗯");
    world.run_ms(300);
    world.press("2");
    world.run_ms(3_000);
    assert_eq!(keys(&world), ["2"]);
    assert!(world.heard().contains("按了2"));
}

#[test]
fn lost_packets_neither_lose_nor_double_a_key() {
    for seed in 0..20 {
        let mut world = World::with(Setup::new(seed), EchoBot::default());
        world.network.loss = 0.05;
        world.network.duplicate = 0.1;
        world.run_ms(2_500);
        world.press("7");
        world.run_ms(1_000);
        assert_eq!(keys(&world), ["7"], "seed {seed}");
    }
}

fn info(key: char) -> Input<'static> {
    Input::Key(Key::from_char(key).expect("a character that is on a key"))
}

#[test]
fn keys_by_signalling_are_keys() {
    let mut world = digits(4, 4);
    world.run_ms(2_500);
    for key in "1234".chars() {
        world.give(info(key));
        world.run_ms(200);
    }
    world.run_ms(500);
    assert_eq!(keys(&world), ["1234"]);
}

#[test]
fn a_key_that_comes_both_ways_counts_once() {
    for signalling_first in [true, false] {
        let mut world = digits(2, 2);
        world.run_ms(2_500);
        for key in ["4", "4"] {
            if signalling_first {
                world.give(info('4'));
            }
            world.press(key);
            if !signalling_first {
                world.give(info('4'));
            }
        }
        world.run_ms(500);
        assert_eq!(keys(&world), ["44"], "signalling first: {signalling_first}");
    }
}

#[test]
fn after_new_media_keys_may_come_another_way() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.give(info('1'));
    world.run_ms(3_000);
    world.renegotiate(|_| {});
    world.press("2");
    world.run_ms(500);
    assert_eq!(keys(&world), ["1", "2"]);
}
