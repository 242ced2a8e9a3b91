//! The caller interrupts the bot.

use hualu_core::dialogue::{Act, Ask, CallEvent, CallInput, Expect, Say};
use hualu_session::{Outcome, SessionEvent, State};
use hualu_sim::{Entry, Setup, Timed, World, acts, say};
use std::time::Duration;

fn barge_ins(world: &World) -> Vec<(String, bool)> {
    world
        .told()
        .filter_map(|input| match &input.event {
            CallEvent::BargeIn(heard) => Some((heard.text.reveal().clone(), heard.complete)),
            _ => None,
        })
        .collect()
}

/// Gives one long greeting that may, or may not, be interrupted, and repeats what it is told.
fn talker(interruptible: bool) -> impl FnMut(&CallInput) -> Vec<Timed> {
    move |input| match &input.event {
        CallEvent::Started(_) => {
            let long = Act::Say(Say { interruptible, ..Say::plain("欢迎致电中国移动") });
            let ask = Act::Ask(Ask { expect: Expect::Free, no_input: Duration::from_secs(6), ..Ask::default() });
            acts(input.turn, 20, vec![long, ask])
        }
        CallEvent::Final { hypothesis, .. } => acts(input.turn, 20, vec![say(hypothesis.text.reveal())]),
        _ => Vec::new(),
    }
}

#[test]
fn the_prompt_stops_and_the_dialogue_learns_what_was_heard() {
    let mut world = World::with(Setup::new(1), talker(true));
    world.run_ms(700);
    world.say("查话费");
    world.run_ms(3_000);
    assert_eq!(world.heard(), "欢迎致电查话费", "the words after the cut are the answer");
    assert_eq!(barge_ins(&world), [("欢迎致电".to_owned(), false)]);
    assert_eq!(world.finals(), ["查话费"], "the first syllable was spoken over the prompt and is not lost");
    let after = world.events().find_map(|event| match event {
        SessionEvent::BargedIn { after, .. } => Some(*after),
        _ => None,
    });
    assert!(after <= Some(Duration::from_millis(300)), "{after:?}");
}

#[test]
fn the_last_packet_fades_out_within_five_milliseconds() {
    let mut setup = Setup::new(1);
    setup.record = true;
    let mut world = World::with(setup, talker(true));
    world.run_ms(700);
    world.say("查话费");
    world.run_ms(600);
    let last = world.tape().iter().rposition(|frame| frame.bot.samples().iter().any(|sample| *sample != 0));
    let fading = world.tape()[last.expect("something was said")].bot;
    assert!(fading.samples()[..10].iter().any(|sample| *sample != 0));
    assert!(fading.samples()[40..].iter().all(|sample| *sample == 0));
    let loudness = |at: usize| fading.samples()[at].unsigned_abs();
    assert!(loudness(0) > loudness(20) && loudness(20) > loudness(38));
}

#[test]
fn a_cough_does_not_stop_the_prompt() {
    let mut world = World::with(Setup::new(1), talker(true));
    world.run_ms(700);
    world.make_noise(160);
    world.run_ms(2_000);
    assert_eq!(world.heard(), "欢迎致电中国移动");
    assert_eq!(barge_ins(&world), []);
}

#[test]
fn a_clause_that_must_be_heard_goes_on_and_then_the_caller_is_heard() {
    let mut world = World::with(Setup::new(1), talker(false));
    world.run_ms(1_000);
    world.say("我要查话费");
    world.run_ms(4_000);
    assert!(world.heard().starts_with("欢迎致电中国移动"));
    assert_eq!(barge_ins(&world), []);
    assert_eq!(world.finals().len(), 1, "what went on after the prompt was taken");
    assert!(world.finals()[0].ends_with("话费"), "{:?}", world.finals());
}

#[test]
fn what_the_voice_still_brings_is_dropped_and_cancelled() {
    let mut world = World::with(Setup::new(1), talker(true));
    world.tts.delay = Duration::from_millis(60);
    world.run_ms(300);
    world.say("停一下");
    world.run_ms(1_500);
    let cancelled = world.log().iter().filter(|(_, entry)| matches!(entry, Entry::Cancelled(_))).count();
    assert_eq!(cancelled, 1);
    assert!(world.events().any(|event| matches!(event, SessionEvent::Stale { .. })));
    let record = world.records().next().expect("the greeting's turn is over");
    assert_eq!(record.outcome, Outcome::Interrupted);
    assert!(!record.said[0].complete);
}

#[test]
fn noise_that_stopped_the_prompt_makes_it_say_the_clause_again() {
    let mut world = World::with(Setup::new(1), talker(true));
    world.run_ms(700);
    world.make_noise(400);
    world.run_ms(5_000);
    assert_eq!(world.heard(), "欢迎致电欢迎致电中国移动");
    assert!(world.finals().is_empty(), "noise is not put to the dialogue");
    assert_eq!(world.state(), State::Listening);
}
