//! Clauses spoken ahead for an answer that may come.

use hualu_core::Stage;
use hualu_core::dialogue::{CallEvent, CallInput, TurnAct};
use hualu_sim::{Entry, Setup, Timed, World, acts, say};
use std::time::Duration;

/// Answers every partial that ends in 费 with a guess, and the final with `answer`.
fn guesser(answer: &'static str) -> impl FnMut(&CallInput) -> Vec<Timed> {
    move |input| match &input.event {
        CallEvent::Partial { hypothesis, revision } if hypothesis.text.reveal().ends_with('费') => {
            let guess = TurnAct { turn: input.turn, revision: *revision, last: true, act: say("五十元") };
            vec![(Duration::from_millis(5), guess)]
        }
        CallEvent::Final { .. } => acts(input.turn, 5, vec![say(answer)]),
        CallEvent::Started(_) => acts(input.turn, 5, vec![say("您好")]),
        _ => Vec::new(),
    }
}

#[test]
fn a_right_guess_is_there_when_the_answer_comes() {
    let mut world = World::with(Setup::new(1), guesser("五十元"));
    world.run_ms(2_000);
    world.say("查话费");
    world.run_ms(3_000);
    assert_eq!(world.heard(), "您好五十元");
    let orders = world.log().iter().filter(|(_, entry)| matches!(entry, Entry::Ordered(_))).count();
    assert_eq!(orders, 2, "the answer was not ordered a second time");
    let record = world.records().last().expect("a turn");
    assert_eq!(record.stages[Stage::Tts as usize], Some(Duration::ZERO));
}

#[test]
fn a_wrong_guess_leaves_no_trace() {
    let mut world = World::with(Setup::new(1), guesser("没有欠费"));
    world.run_ms(2_000);
    world.say("查话费");
    world.run_ms(3_000);
    assert_eq!(world.heard(), "您好没有欠费");
    assert!(world.records().all(|record| record.said.iter().all(|said| said.text.reveal() != "五十元")));
}
