//! What is done when an engine is late or broken is declared, taken in order, and noted.

use hualu_core::Stage;
use hualu_core::dialogue::CallEvent;
use hualu_session::{EndReason, Escape, Failure, Ladder, Outcome, Rung};
use hualu_sim::{EchoBot, Entry, Setup, World};
use std::collections::BTreeMap;
use std::time::Duration;

fn with(setup: Setup) -> World {
    World::with(setup, EchoBot::default())
}

fn rungs(world: &World) -> Vec<(Stage, Rung)> {
    world.missed().map(|missed| (missed.stage, missed.rung)).collect()
}

fn transferred(world: &World) -> Option<String> {
    world.log().iter().find_map(|(_, entry)| match entry {
        Entry::Transferred(target) => Some(target.clone()),
        _ => None,
    })
}

fn agents() -> Setup {
    let mut setup = Setup::new(1);
    setup.turn.escape = Escape::Transfer("agents".to_owned());
    setup
}

#[test]
fn every_rung_is_on_the_record_with_budget_time_and_reason() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.nlu.broken = Some(Failure::Unavailable);
    world.say("查话费");
    world.run_ms(3_000);
    let record = world.records().last().expect("the turn is over");
    let missed = record.missed.last().expect("a rung");
    assert_eq!((missed.rung, missed.why), (Rung::Reprompt, Some(Failure::Unavailable)));
    assert_eq!(missed.budget, Duration::from_millis(100));
    assert!(missed.at > Duration::from_millis(600), "counted from the start of the turn: {missed:?}");
}

#[test]
fn the_menu_is_the_second_answer_and_its_keys_need_no_dialogue() {
    let mut setup = agents();
    setup.menu = Some(("人工按零".to_owned(), BTreeMap::from([('0', "general".to_owned())])));
    let mut world = with(setup);
    world.run_ms(2_500);
    world.nlu.silent = true;
    for _ in 0..2 {
        world.say("查话费");
        world.run_ms(4_000);
    }
    assert!(world.heard().ends_with("人工按零"), "{}", world.heard());
    assert!(rungs(&world).contains(&(Stage::Nlu, Rung::Menu)));
    world.press("0");
    let end = world.wait_for_end();
    assert_eq!(end.reason, EndReason::Transferred);
    assert_eq!(transferred(&world).as_deref(), Some("general"));
}

#[test]
fn other_keys_go_to_the_dialogue_as_always() {
    let mut setup = agents();
    setup.menu = Some(("人工按零".to_owned(), BTreeMap::from([('0', "general".to_owned())])));
    let mut world = with(setup);
    world.run_ms(2_500);
    world.press("0");
    world.run_ms(2_000);
    assert!(world.heard().ends_with("按了0"), "no menu was offered: {}", world.heard());
}

#[test]
fn a_person_is_within_reach_although_the_dialogue_is_dead() {
    let mut world = with(agents());
    world.run_ms(2_500);
    world.nlu.broken = Some(Failure::Unavailable);
    world.say("转人工");
    assert_eq!(world.wait_for_end().reason, EndReason::Transferred);
    assert_eq!(transferred(&world).as_deref(), Some("agents"));
    assert_eq!(rungs(&world), [(Stage::Nlu, Rung::LocalAnswer)]);
}

#[test]
fn say_that_again_needs_neither_dialogue_nor_voice() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.nlu.broken = Some(Failure::Unavailable);
    world.tts.silent = true;
    world.say("没听清");
    world.run_ms(3_000);
    assert_eq!(world.heard(), "您好请讲您好请讲");
    assert_eq!(world.records().last().map(|record| record.outcome), Some(Outcome::FellBack));
}

#[test]
fn a_clause_that_was_said_before_is_played_from_memory() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.say("查话费");
    world.run_ms(3_000);
    world.tts.silent = true;
    world.say("查话费");
    world.run_ms(3_000);
    assert_eq!(world.heard(), "您好请讲好的查话费好的查话费");
    let cached = rungs(&world).iter().filter(|(_, rung)| *rung == Rung::CachedClause).count();
    assert_eq!(cached, 2);
}

#[test]
fn what_is_not_declared_is_not_done() {
    let mut setup = Setup::new(1);
    setup.turn.ladders.asr = Ladder::new(Stage::Asr, vec![Rung::Reprompt, Rung::Goodbye]).expect("a good ladder");
    let mut world = with(setup);
    world.asr.final_delay = Duration::from_secs(3);
    world.run_ms(2_500);
    world.say("查话费");
    world.run_ms(5_000);
    let promoted = world.told().any(|input| matches!(input.event, CallEvent::Final { .. }));
    assert!(!promoted, "the partial does not stand in");
    assert_eq!(world.heard(), "您好请讲有点慢", "and no filler is played");
}

#[test]
fn the_last_rung_ends_the_matter() {
    let mut setup = Setup::new(1);
    setup.turn.ladders.nlu = Ladder::new(Stage::Nlu, vec![Rung::Reprompt, Rung::Goodbye]).expect("a good ladder");
    let mut world = with(setup);
    world.run_ms(2_500);
    world.nlu.broken = Some(Failure::Broken);
    for _ in 0..2 {
        world.say("查话费");
        world.run_ms(3_000);
    }
    assert_eq!(world.wait_for_end().reason, EndReason::EnginesFailed);
    assert_eq!(world.heard(), "您好请讲没处理好再见");
}
