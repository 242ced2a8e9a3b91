//! When an utterance is over.

use hualu_core::Stage;
use hualu_core::dialogue::{Act, Ask, CallEvent, CallInput, Expect, Pauses};
use hualu_session::{EndpointReason, Rung, TurnConfig, TurnRecord};
use hualu_sim::{EchoBot, Network, Setup, Timed, World, acts, say};
use std::time::Duration;

fn turn_after(world: &mut World, words: &str) -> TurnRecord {
    world.run_ms(2_500);
    world.say(words);
    world.run_ms(9_000);
    world.records().nth(1).cloned().expect("the caller's turn is over")
}

fn waited(record: &TurnRecord) -> u128 {
    record.stages[Stage::Endpoint as usize].expect("an endpoint").as_millis()
}

#[test]
fn complete_words_wait_200_ms() {
    let record = turn_after(&mut World::new(1), "查话费");
    assert_eq!((record.endpoint, waited(&record)), (Some(EndpointReason::Complete), 200));
}

#[test]
fn words_that_nobody_can_judge_wait_a_second() {
    let setup = Setup { turn: TurnConfig::default(), ..Setup::new(1) };
    let record = turn_after(&mut World::with(setup, EchoBot::default()), "查流量");
    assert_eq!((record.endpoint, waited(&record)), (Some(EndpointReason::Unknown), 1_000));
}

#[test]
fn an_unfinished_sentence_waits_two_seconds() {
    let record = turn_after(&mut World::new(1), "我想");
    assert_eq!((record.endpoint, waited(&record)), (Some(EndpointReason::Unfinished), 2_000));
}

#[test]
fn a_number_in_groups_is_one_utterance() {
    let expect = Expect::Digits { len_min: 11, len_max: 11 };
    let mut world = World::with(Setup::new(1), EchoBot { expect, ..EchoBot::default() });
    // Two pauses of 800 ms.
    let record = turn_after(&mut world, "一三八  零零一三  八零零零");
    assert_eq!(record.text.reveal(), "一三八零零一三八零零零");
    assert_eq!(waited(&record), 200, "the last digit makes it complete");
}

#[test]
fn an_utterance_has_a_longest_time() {
    let mut setup = Setup::new(1);
    setup.turn.utterance_max = Duration::from_secs(2);
    let mut world = World::with(setup, EchoBot::default());
    let record = turn_after(&mut world, "我我我我我我我我我我我我我我我我我我我我");
    assert_eq!(record.endpoint, Some(EndpointReason::TooLong));
    assert!(record.text.reveal().chars().count() <= 12, "{}", record.text.reveal().chars().count());
}

#[test]
fn a_finished_sentence_is_answered_within_the_budget_of_each_stage() {
    let record = turn_after(&mut World::new(1), "查话费");
    let stages: Vec<_> = record.stages.iter().map(|stage| stage.map(|spent| spent.as_millis())).collect();
    // 25 ms for the final, 20 for the dialogue, 60 for the voice; the rest is ours.
    assert_eq!(stages[..5], [Some(0), Some(200), Some(25), Some(20), Some(60)]);
    assert!(stages[5] < Some(20), "one slot at most: {stages:?}");
    assert!(record.response <= Some(Duration::from_millis(325)), "{:?}", record.response);
    assert!(record.missed.is_empty());
}

/// Asks with `ask` and judges no words, so that the session's own rules show.
fn silent_judge(ask: Ask) -> impl FnMut(&CallInput) -> Vec<Timed> {
    move |input| match &input.event {
        CallEvent::Started(_) => acts(input.turn, 20, vec![say("您好"), Act::Ask(ask.clone())]),
        CallEvent::Final { .. } => acts(input.turn, 20, vec![say("收到")]),
        _ => Vec::new(),
    }
}

#[test]
fn the_question_may_ask_for_more_patience() {
    let ms = |ms| Some(Duration::from_millis(ms));
    let pauses = Pauses { complete: ms(400), unknown: ms(900), unfinished: ms(3_000) };
    let ask = Ask { expect: Expect::Digits { len_min: 4, len_max: 4 }, pauses, ..Ask::default() };
    for (words, expected) in [("一二三四", 400), ("不知道", 900), ("一二", 3_000)] {
        let record = turn_after(&mut World::with(Setup::new(1), silent_judge(ask.clone())), words);
        assert_eq!(waited(&record), expected, "{words}");
    }
}

#[test]
fn a_one_word_answer_is_answered_within_450_ms() {
    for words in ["对", "不是", "好的", "嗯", "不用了"] {
        for seed in 0..20 {
            let ask = Ask { expect: Expect::YesNo, ..Ask::default() };
            let mut world = World::with(Setup::new(seed), silent_judge(ask));
            let ms = Duration::from_millis;
            world.network = Network { loss: 0.0, duplicate: 0.0, delay: ms(20), jitter: ms(20) };
            world.run_ms(2_500);
            world.say_and_wait(words);
            let spoken = world.elapsed();
            world.run_ms(3_000);
            let answered = world.heard_at('收').expect("an answer") - spoken;
            assert!(answered <= ms(450), "{words}, seed {seed}: {answered:?} at the caller's ear");
        }
    }
}

#[test]
fn whole_words_that_kept_changing_past_the_budget_are_on_record() {
    let mut world = World::new(1);
    world.asr.partial_delay = Duration::from_millis(300);
    let record = turn_after(&mut world, "查话费");
    assert_eq!(record.endpoint, Some(EndpointReason::Complete));
    let spent = record.stages[Stage::Endpoint as usize].expect("an endpoint");
    assert!(spent > Duration::from_millis(240), "{spent:?}");
    let late: Vec<_> = record.missed.iter().filter(|missed| missed.stage == Stage::Endpoint).collect();
    assert_eq!(late.iter().map(|missed| (missed.rung, missed.spent)).collect::<Vec<_>>(), [(Rung::Wait, spent)]);
    let record = turn_after(&mut World::new(1), "查话费");
    assert!(record.missed.is_empty(), "{:?}", record.missed);
}

#[test]
fn words_that_have_just_changed_are_not_closed() {
    let mut world = World::new(1);
    world.asr.partial_delay = Duration::from_millis(190);
    let record = turn_after(&mut world, "查话费");
    // Half of the last character is heard 100 ms before its end, so the words change 90 ms after it; then they must rest.
    let changed = record.partials.last().expect("partials").at;
    assert_eq!(record.partials.last().map(|last| last.text.reveal().as_str()), Some("查话费"));
    assert!(record.ended.expect("ended") >= changed + Duration::from_millis(100));
    let mut world = World::new(1);
    world.asr.partial_delay = Duration::from_millis(300);
    let record = turn_after(&mut world, "查话费");
    let changed = record.partials.last().expect("partials").at;
    assert!(record.ended.expect("ended") >= changed + Duration::from_millis(100), "200 ms after it: {record:?}");
}
