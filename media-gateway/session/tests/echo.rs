//! The caller's loudspeaker brings the bot's words back.

use hualu_core::dialogue::{Act, Ask, CallEvent, CallInput, Say};
use hualu_session::{Idle, Outcome, SessionEvent};
use hualu_sim::{Setup, Timed, World, acts, say};
use std::time::Duration;

fn host(input: &CallInput) -> Vec<Timed> {
    match &input.event {
        CallEvent::Started(_) => {
            acts(input.turn, 20, vec![say("欢迎致电"), say("请问办理什么业务"), Act::Ask(Ask::default())])
        }
        CallEvent::Final { hypothesis, .. } => acts(input.turn, 20, vec![say(hypothesis.text.reveal())]),
        _ => Vec::new(),
    }
}

#[test]
fn the_bots_own_words_neither_interrupt_nor_answer() {
    let mut world = World::with(Setup::new(1), host);
    world.echo = Some(Duration::from_millis(160));
    world.run_ms(6_000);
    assert!(world.finals().is_empty(), "{:?}", world.finals());
    assert!(world.heard().ends_with("请问办理什么业务"), "{}", world.heard());
    let echoes =
        world.events().filter(|event| matches!(event, SessionEvent::Dismissed { idle: Idle::Echo, .. })).count();
    assert!(echoes > 0);
    let stops = world.events().filter(|event| matches!(event, SessionEvent::BargedIn { .. })).count();
    assert!(stops <= 1, "once the loudspeaker is known it stops nothing: {stops}");
}

#[test]
fn words_that_are_not_the_bots_are_taken() {
    let mut world = World::with(Setup::new(1), host);
    world.run_ms(4_000);
    world.say("办理什么业务");
    world.run_ms(3_000);
    assert_eq!(world.finals(), ["办理什么业务"], "said after the bot it is the caller's, whatever the words");
}

#[test]
fn an_echo_of_a_prompt_that_must_be_heard_is_no_turn() {
    let mut world = World::with(Setup::new(1), |input: &CallInput| match &input.event {
        CallEvent::Started(_) => {
            let must = Act::Say(Say { interruptible: false, ..Say::plain("本次通话将被录音") });
            acts(input.turn, 20, vec![must, Act::Ask(Ask::default())])
        }
        CallEvent::Final { hypothesis, .. } => acts(input.turn, 20, vec![say(hypothesis.text.reveal())]),
        _ => Vec::new(),
    });
    world.echo = Some(Duration::from_millis(200));
    world.run_ms(6_000);
    assert!(world.finals().is_empty(), "{:?}", world.finals());
    assert_eq!(world.heard(), "本次通话将被录音");
    let outcomes: Vec<Outcome> = world.records().map(|record| record.outcome).collect();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Answered | Outcome::Echo)), "{outcomes:?}");
}
