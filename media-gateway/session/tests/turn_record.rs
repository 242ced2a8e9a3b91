//! The record of a turn holds what a waterfall of it needs: when each thing was, counted from the start of the turn.

use hualu_core::Stage;
use hualu_core::dialogue::{Act, CallEvent, CallInput, Completeness, Understanding};
use hualu_session::{EndpointReason, Outcome};
use hualu_sim::{Setup, World, acts, say};
use std::time::Duration;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn everything_has_its_time() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.say("查话费");
    world.run_ms(4_000);
    let record = world.records().nth(1).expect("the caller's turn is over");
    assert!(record.at >= ms(2_480) && record.at < ms(2_560), "from the start of the call: {:?}", record.at);
    let words: Vec<&str> = record.partials.iter().map(|partial| partial.text.reveal().as_str()).collect();
    assert_eq!(words, ["查", "查话", "查话费"]);
    assert!(record.partials.windows(2).all(|pair| pair[1].at - pair[0].at == ms(200)), "{:?}", record.partials);
    assert_eq!(record.voiced, ms(600));
    let last_voiced = record.last_voiced.expect("a voice");
    assert_eq!((record.endpoint, record.ended), (Some(EndpointReason::Complete), Some(last_voiced + ms(200))));
    let done = |stage: Stage| record.done[stage as usize].expect("the stage ran");
    let spent = |stage: Stage| record.stages[stage as usize].expect("the stage ran");
    assert_eq!(done(Stage::Asr), last_voiced + ms(200) + spent(Stage::Asr));
    assert_eq!(done(Stage::Nlu), done(Stage::Asr) + spent(Stage::Nlu));
    assert_eq!(done(Stage::Tts), done(Stage::Nlu) + spent(Stage::Tts));
    assert_eq!(record.said[0].at, done(Stage::Playout));
    assert_eq!(record.response, Some(record.said[0].at - last_voiced));
    assert_eq!(record.said[1].at, record.said[0].at + record.said[0].played);
    assert_eq!(record.outcome, Outcome::Answered);
}

#[test]
fn every_changed_partial_goes_to_the_dialogue_and_what_it_understood_is_on_record() {
    let mut world = World::with(Setup::new(1), |input: &CallInput| {
        let understood = |score: f32| {
            let slots = vec![("fee".to_owned(), "59".to_owned().into())];
            let completeness = Completeness::Complete;
            Act::Understanding(Understanding { intent: "change_plan".to_owned(), score, slots, completeness })
        };
        match &input.event {
            CallEvent::Started(_) => acts(input.turn, 20, vec![say("您好")]),
            CallEvent::Partial { .. } => Vec::new(),
            CallEvent::Final { .. } => acts(input.turn, 20, vec![understood(1.5), say("好的")]),
            _ => Vec::new(),
        }
    });
    world.run_ms(2_500);
    world.say("换五九");
    world.run_ms(4_000);
    let partials: Vec<&str> = world
        .told()
        .filter_map(|input| match &input.event {
            CallEvent::Partial { hypothesis, .. } => Some(hypothesis.text.reveal().as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(partials, ["换", "换五", "换五九"]);
    let record = world.records().nth(1).expect("the caller's turn is over");
    assert_eq!((record.intent.as_str(), record.score), ("change_plan", 1.5));
    assert_eq!(
        record.slots.iter().map(|(name, value)| (name.as_str(), value.reveal().as_str())).collect::<Vec<_>>(),
        [("fee", "59")]
    );
    assert_eq!(record.text.reveal(), "换五九");
}

#[test]
fn personal_data_prints_redacted() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.say("查话费");
    world.run_ms(4_000);
    let record = world.records().nth(1).expect("the caller's turn is over");
    let printed = format!("{record:?}");
    assert!(!printed.contains('查') && !printed.contains('话'), "{printed}");
}
