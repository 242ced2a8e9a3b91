//! Sound without words.

use hualu_core::dialogue::{CallEvent, CallInput};
use hualu_session::{Outcome, State};
use hualu_sim::{EchoBot, Setup, World, acts, say};
use std::time::Duration;

#[test]
fn a_short_noise_is_passed_over() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.make_noise(300);
    world.run_ms(2_000);
    assert_eq!(world.heard(), "您好请讲");
    assert_eq!(world.state(), State::Listening);
    assert_eq!(world.records().last().map(|record| record.outcome), Some(Outcome::Wordless));
}

#[test]
fn a_long_one_is_put_to_the_dialogue_which_did_not_understand() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.make_noise(900);
    world.run_ms(3_000);
    assert_eq!(world.finals(), [""]);
    assert_eq!(world.heard(), "您好请讲没听清");
}

#[test]
fn noise_that_never_stops_does_not_keep_the_bot_from_speaking() {
    let mut setup = Setup::new(1);
    setup.turn.utterance_max = Duration::from_secs(3);
    let mut world = World::with(setup, EchoBot::default());
    world.run_ms(2_500);
    world.make_noise(60_000);
    world.run_ms(6_000);
    assert_eq!(world.heard(), "您好请讲没听清");
}

#[test]
fn noise_that_cuts_a_reply_short_before_all_of_it_is_known_is_answered() {
    let mut world = World::with(Setup::new(1), |input: &CallInput| match &input.event {
        CallEvent::Started(_) => {
            let mut timed = acts(input.turn, 20, vec![say("欢迎致电中国移动")]);
            timed[0].1.last = false;
            timed
        }
        CallEvent::Final { hypothesis, .. } if hypothesis.text.reveal().is_empty() => {
            acts(input.turn, 20, vec![say("请讲")])
        }
        _ => Vec::new(),
    });
    world.run_ms(700);
    world.make_noise(300);
    world.run_ms(3_000);
    assert_eq!(world.heard(), "欢迎致电请讲");
}

#[test]
fn a_prompt_that_words_interrupted_is_not_said_again_for_a_later_cough() {
    let mut world = World::new(1);
    world.run_ms(300);
    world.say("停停停");
    world.run_ms(400);
    world.press("1");
    world.run_ms(3_000);
    world.make_noise(300);
    world.run_ms(3_000);
    assert_eq!(world.heard(), "您好按了1");
}

#[test]
fn noise_in_two_pieces_still_makes_the_bot_say_again_what_they_cut() {
    let mut setup = Setup::new(1);
    setup.turn.filler_after = Duration::from_secs(5);
    let mut world = World::with(setup, EchoBot::default());
    world.asr.final_delay = Duration::from_millis(400);
    world.run_ms(300);
    world.make_noise(300);
    world.run_ms(300 + 600);
    assert_eq!(world.state(), State::Thinking, "waiting for the words of the first noise");
    world.make_noise(300);
    world.run_ms(4_000);
    assert_eq!(world.heard(), "您好请讲", "the second clause was cut as it began");
}
