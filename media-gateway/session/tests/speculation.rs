//! The reply is ready before the caller has finished: it leaves with the next packet, and what was for nothing is counted.

use hualu_core::TurnId;
use hualu_core::dialogue::{Act, CallEvent, CallInput, Completeness, TurnAct, Understanding};
use hualu_session::{Outcome, SessionEvent, State};
use hualu_sim::{Setup, Timed, World, acts, say};
use std::time::Duration;

/// Understands partials that end in 费 and guesses the reply; answers the final with `answer` after `delay` ms.
fn seer(answer: &'static str, delay: u64) -> impl FnMut(&CallInput) -> Vec<Timed> {
    move |input| match &input.event {
        CallEvent::Partial { hypothesis, revision } => {
            let known = hypothesis.text.reveal().ends_with('费');
            let completeness = if known { Completeness::Complete } else { Completeness::Unknown };
            let intent = if known { "balance".to_owned() } else { String::new() };
            let understanding = Understanding { intent, completeness, ..Understanding::default() };
            let mut reply = vec![Act::Understanding(understanding)];
            reply.extend(known.then(|| say("五十元整")));
            let mut timed = acts(input.turn, 5, reply);
            timed.iter_mut().for_each(|(_, act)| act.revision = *revision);
            timed
        }
        CallEvent::Final { .. } => acts(input.turn, delay, vec![say(answer), say("再会")]),
        CallEvent::Started(_) => acts(input.turn, 5, vec![say("您好")]),
        _ => Vec::new(),
    }
}

fn guessed(world: &World) -> Vec<(TurnId, bool, u32)> {
    world
        .events()
        .filter_map(|event| match event {
            SessionEvent::Guessed { turn, hit, wasted, .. } => Some((*turn, *hit, *wasted)),
            _ => None,
        })
        .collect()
}

/// The end of the caller's words to the first packet of the reply, and the same to the endpoint.
fn times(world: &World) -> (Duration, Duration) {
    let record = world.records().nth(1).expect("the caller's turn is over");
    let ended = record.ended.expect("an endpoint") - record.last_voiced.expect("a voice");
    (record.response.expect("a reply"), ended)
}

#[test]
fn the_first_packet_leaves_within_20_ms_of_the_endpoint() {
    for delay in [5, 150, 600] {
        let mut world = World::with(Setup::new(1), seer("五十元整", delay));
        world.run_ms(2_000);
        world.say("查话费");
        world.run_ms(4_000);
        assert_eq!(world.heard(), "您好五十元整再会", "the reply is heard once");
        let (response, endpoint) = times(&world);
        assert!(response <= endpoint + Duration::from_millis(20), "{response:?} after {endpoint:?}, delay {delay}");
        assert_eq!(guessed(&world), [(TurnId(1), true, 0)]);
        let heard: Vec<_> = world
            .told()
            .filter_map(|input| match &input.event {
                CallEvent::Heard(heard) => Some((heard.clause.0, heard.text.reveal().clone(), heard.complete)),
                _ => None,
            })
            .collect();
        let expected = [(1, "您好"), (2, "五十元整"), (3, "再会")].map(|(id, text)| (id, text.to_owned(), true));
        assert_eq!(heard, expected, "the dialogue learns what was heard under its own numbers");
    }
}

#[test]
fn a_guess_that_was_trusted_and_wrong_is_taken_back_within_a_syllable() {
    let mut world = World::with(Setup::new(1), seer("没有欠费", 20));
    world.run_ms(2_000);
    world.say("查话费");
    world.run_ms(4_000);
    assert_eq!(world.heard(), "您好没有欠费再会", "less than half a character of it was heard");
    assert_eq!(guessed(&world), [(TurnId(1), false, 1)]);
    let told_of_guess = world.told().any(|input| match &input.event {
        CallEvent::Heard(heard) | CallEvent::BargeIn(heard) => heard.text.reveal().starts_with('五'),
        _ => false,
    });
    assert!(!told_of_guess, "the dialogue never hears of it");
    let record = world.records().nth(1).expect("a turn");
    assert!(record.guesses.trusted && !record.guesses.hit);
    assert!(record.guesses.wasted_samples.0 > 0);
}

#[test]
fn a_caller_who_goes_on_takes_the_guess_back_and_the_turn_is_joined() {
    let mut world = World::with(Setup::new(1), seer("五十元整", 30));
    world.run_ms(2_000);
    world.say_and_wait("查话费");
    world.run_ms(260);
    assert_eq!(world.state(), State::Speaking, "the guess is being heard");
    world.say("还有流量");
    world.run_ms(4_000);
    assert_eq!(world.finals(), ["查话费", "查话费还有流量"]);
    let outcomes: Vec<Outcome> = world.records().map(|record| record.outcome).take(2).collect();
    assert_eq!(outcomes, [Outcome::Answered, Outcome::Joined]);
}

#[test]
fn words_that_changed_just_now_are_not_trusted() {
    let mut world = World::with(Setup::new(1), seer("五十元整", 5));
    world.asr.partial_delay = Duration::from_millis(260);
    world.run_ms(2_000);
    world.say("查话费");
    world.run_ms(4_000);
    let record = world.records().nth(1).expect("a turn");
    let changed = record.partials.last().expect("partials").at;
    assert!(record.ended.expect("an endpoint") >= changed + Duration::from_millis(100), "{record:?}");
}

#[test]
fn a_dead_dialogue_behind_a_trusted_guess_is_owned_up_to() {
    let mut world = World::with(Setup::new(1), |input: &CallInput| match &input.event {
        CallEvent::Final { .. } => Vec::new(),
        _ => seer("", 5)(input),
    });
    world.run_ms(2_000);
    world.say("查话费");
    world.run_ms(6_000);
    assert_eq!(world.heard(), "您好五十元整有点慢");
    assert_eq!(world.state(), State::Listening);
}

#[test]
fn a_guess_is_never_more_than_a_clause() {
    let mut world = World::with(Setup::new(1), |input: &CallInput| match &input.event {
        CallEvent::Partial { revision, .. } => {
            let act = Act::HangUp { disposition: "no".to_owned() };
            vec![(Duration::from_millis(5), TurnAct { turn: input.turn, revision: *revision, last: true, act })]
        }
        _ => seer("五十元整", 5)(input),
    });
    world.run_ms(2_000);
    world.say("查话费");
    world.run_ms(4_000);
    assert_eq!(world.state(), State::Listening, "nothing irreversible follows from a partial");
}
