//! Replies of many clauses.

use hualu_core::ClauseId;
use hualu_core::dialogue::{Act, CallEvent, CallInput};
use hualu_sim::{Entry, Setup, Timed, World, acts, say};
use std::collections::BTreeSet;

const WORDS: [&str; 8] = ["一月", "二月", "三月", "四月", "五月", "六月", "七月", "八月"];

fn reader(input: &CallInput) -> Vec<Timed> {
    match &input.event {
        CallEvent::Started(_) => acts(input.turn, 20, WORDS.iter().map(|word| say(word)).collect()),
        _ => Vec::new(),
    }
}

#[test]
fn all_are_heard_in_order_without_a_gap() {
    let mut world = World::with(Setup::new(1), reader);
    world.run_ms(100 + 8 * 400 - 10);
    assert_eq!(world.heard(), WORDS.concat());
    assert!(world.quiet().is_zero(), "no pause but those in the audio");
}

#[test]
fn the_voice_works_on_three_at_a_time() {
    let mut world = World::with(Setup::new(1), reader);
    world.tts.silent = true;
    world.run_ms(90);
    let ordered = || world.log().iter().filter(|(_, entry)| matches!(entry, Entry::Ordered(_))).count();
    assert_eq!(ordered(), 3);
}

#[test]
fn a_clip_is_played_by_its_name_and_a_missing_one_is_owned_up_to() {
    let mut world = World::with(Setup::new(1), |input: &CallInput| match &input.event {
        CallEvent::Started(_) => {
            let play = |clip: &str| Act::Play { clip: clip.to_owned(), interruptible: true };
            acts(input.turn, 20, vec![say("您好"), play("music"), play("absent")])
        }
        _ => Vec::new(),
    });
    world.run_ms(4_000);
    assert_eq!(world.heard(), "您好啦啦啦没处理好");
    let heard: Vec<(ClauseId, bool)> = world
        .told()
        .filter_map(|input| match &input.event {
            CallEvent::Heard(heard) => Some((heard.clause, heard.complete)),
            _ => None,
        })
        .collect();
    assert_eq!(heard, [(ClauseId(1), true), (ClauseId(2), true)], "clauses are counted as the dialogue counts them");
}

#[test]
fn no_clause_is_ordered_twice() {
    let mut world = World::with(Setup::new(1), reader);
    world.run_ms(5_000);
    let mut seen = BTreeSet::new();
    for (_, entry) in world.log() {
        if let Entry::Ordered(order) = entry {
            assert!(seen.insert(order.clause), "{:?}", order.clause);
        }
    }
    assert_eq!(seen.len(), WORDS.len());
}
