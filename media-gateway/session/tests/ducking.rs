//! The caller makes a sound over a prompt: it goes down, it is decided within 300 ms, and it stops or comes up again.

use hualu_core::dialogue::{Act, Ask, CallEvent, CallInput, Completeness, Expect, TurnAct, Understanding};
use hualu_session::{Idle, Outcome, SessionEvent, State};
use hualu_sim::{Setup, Timed, World, acts, say};
use std::time::Duration;

/// A greeting of three clauses, and the words back.
fn explainer(expect: Expect) -> impl FnMut(&CallInput) -> Vec<Timed> {
    move |input| {
        let ask = Act::Ask(Ask { expect, no_input: Duration::from_secs(6), ..Ask::default() });
        match &input.event {
            CallEvent::Started(_) => acts(input.turn, 20, vec![say("您的套餐"), say("下月生效"), say("确认办理"), ask]),
            CallEvent::Final { hypothesis, .. } => acts(input.turn, 20, vec![say(hypothesis.text.reveal()), ask]),
            _ => Vec::new(),
        }
    }
}

fn dismissed(world: &World) -> Vec<(Idle, bool)> {
    world
        .events()
        .filter_map(|event| match event {
            SessionEvent::Dismissed { idle, stopped, .. } => Some((*idle, *stopped)),
            _ => None,
        })
        .collect()
}

fn barge_ins(world: &World) -> usize {
    world.events().filter(|event| matches!(event, SessionEvent::BargedIn { .. })).count()
}

#[test]
fn a_cough_ducks_the_prompt_for_a_moment_and_costs_no_word() {
    let mut setup = Setup::new(1);
    setup.record = true;
    let mut world = World::with(setup, explainer(Expect::Free));
    world.run_ms(500);
    world.make_noise(160);
    world.run_ms(140);
    assert_eq!(world.state(), State::Ducked, "80 ms of voice are enough to go down");
    world.run_ms(300);
    assert_eq!(world.state(), State::Speaking, "decided within 300 ms of the onset");
    world.run_ms(3_000);
    assert_eq!(world.heard(), "您的套餐下月生效确认办理");
    assert_eq!(dismissed(&world), [(Idle::Noise, false)]);
    assert_eq!(barge_ins(&world), 0);
    // No step between two samples of one loudness but that of the ramp: a quarter of it over 160 samples.
    let loudness = |frame: &hualu_session::StereoFrame| frame.bot.samples()[159].unsigned_abs();
    let quiet =
        world.tape().windows(2).filter(|pair| loudness(&pair[1]) > 0 && loudness(&pair[0]) / 4 == loudness(&pair[1]));
    assert_eq!(quiet.count(), 1, "it goes down once, by a quarter");
}

#[test]
fn a_long_sound_without_a_pitch_stops_nothing() {
    let mut world = World::with(Setup::new(1), explainer(Expect::Free));
    world.run_ms(500);
    world.cough(1_000);
    world.run_ms(420);
    assert_eq!(world.state(), State::Speaking, "decided within 300 ms of the onset");
    world.run_ms(3_500);
    assert_eq!(world.heard(), "您的套餐下月生效确认办理");
    assert_eq!((barge_ins(&world), dismissed(&world)), (0, vec![(Idle::Noise, false)]));
}

#[test]
fn a_short_word_that_the_recognizer_hardly_trusts_is_no_turn_over_a_prompt() {
    for words in ["五", "的", "得嘞"] {
        let mut world = World::with(Setup::new(1), explainer(Expect::Free));
        world.asr.confidence = 0.4;
        world.run_ms(1_000);
        world.say(words);
        world.run_ms(6_000);
        assert!(world.finals().is_empty(), "{words}: {:?}", world.finals());
        assert!(world.heard().ends_with("下月生效确认办理"), "{words}: {}", world.heard());
        assert!(dismissed(&world).iter().all(|(idle, _)| *idle == Idle::Unsure), "{words}: {:?}", dismissed(&world));
    }
}

#[test]
fn a_short_request_that_the_dialogue_knows_is_a_turn_however_little_it_is_trusted() {
    let mut world = World::with(Setup::new(1), |input: &CallInput| match &input.event {
        CallEvent::Partial { hypothesis, revision } => {
            let whole =
                if hypothesis.text.reveal() == "人工" { Completeness::Complete } else { Completeness::Unknown };
            let act = Act::Understanding(Understanding { completeness: whole, ..Understanding::default() });
            vec![(Duration::from_millis(5), TurnAct { turn: input.turn, revision: *revision, last: true, act })]
        }
        _ => explainer(Expect::Free)(input),
    });
    world.asr.confidence = 0.4;
    world.run_ms(1_000);
    world.say("人工");
    world.run_ms(4_000);
    assert_eq!(world.finals(), ["人工"]);
    assert_eq!(barge_ins(&world), 1);
}

#[test]
fn doubt_is_for_prompts_only() {
    // A sentence counts however little it is trusted, and so does a word when nothing is spoken over, or the question asked.
    let mut world = World::with(Setup::new(1), explainer(Expect::YesNo));
    world.asr.confidence = 0.1;
    world.run_ms(500);
    world.say("转人工");
    world.run_ms(4_000);
    world.say("五");
    world.run_ms(3_000);
    assert_eq!(world.finals(), ["转人工", "五"]);
    let mut world = World::with(Setup::new(1), explainer(Expect::YesNo));
    world.asr.confidence = 0.1;
    world.run_ms(1_800);
    world.say("对");
    world.run_ms(3_000);
    assert_eq!(world.finals(), ["对"]);
}

#[test]
fn the_decision_takes_at_most_300_ms() {
    for (words, noise) in [("停一下", 0), ("", 600)] {
        let mut world = World::with(Setup::new(1), explainer(Expect::Free));
        world.run_ms(500);
        world.say(words);
        world.make_noise(noise);
        world.run_ms(600);
        let after = world.events().find_map(|event| match event {
            SessionEvent::BargedIn { after, .. } => Some(*after),
            _ => None,
        });
        assert!(after.is_some_and(|after| after <= Duration::from_millis(300)), "{words} {noise}: {after:?}");
    }
}

#[test]
fn a_sign_of_attention_does_not_stop_the_bot() {
    for words in ["嗯", "对", "好"] {
        let mut world = World::with(Setup::new(1), explainer(Expect::YesNo));
        world.run_ms(400);
        world.say(words);
        world.run_ms(4_000);
        assert_eq!(world.heard(), "您的套餐下月生效确认办理", "{words}");
        assert!(world.finals().is_empty(), "{words}");
        assert_eq!(dismissed(&world), [(Idle::Backchannel, false)], "{words}");
        assert_eq!(world.state(), State::Listening);
    }
}

#[test]
fn the_same_word_over_the_question_is_the_answer() {
    let mut world = World::with(Setup::new(1), explainer(Expect::YesNo));
    // The question is said from about 1.7 s on.
    world.run_ms(1_800);
    world.say("对");
    world.run_ms(3_000);
    assert_eq!(world.finals(), ["对"]);
    assert!(world.heard().ends_with("对"), "{}", world.heard());
    assert_eq!(barge_ins(&world), 1);
    let mut world = World::with(Setup::new(1), explainer(Expect::Free));
    world.run_ms(1_800);
    world.say("对");
    world.run_ms(3_000);
    assert!(world.finals().is_empty(), "an open question is not answered by 对");
}

#[test]
fn a_long_sign_of_attention_stops_it_and_it_goes_on_from_the_clause() {
    let mut world = World::with(Setup::new(1), explainer(Expect::Free));
    world.asr.partial_delay = Duration::from_millis(400);
    world.run_ms(1_000);
    world.say("嗯嗯");
    world.run_ms(5_000);
    assert_eq!(barge_ins(&world), 1, "voice was all that was known");
    assert_eq!(dismissed(&world), [(Idle::Backchannel, true)]);
    let heard = world.heard();
    assert!(heard.ends_with("下月生效确认办理") && heard.matches("确认").count() == 1, "{heard}");
    assert!(heard.starts_with("您的套餐下"), "{heard}");
    assert!(world.finals().is_empty());
    assert_eq!(world.records().last().map(|record| record.outcome), Some(Outcome::Backchannel));
    let orders = world.log().iter().filter(|(_, entry)| matches!(entry, hualu_sim::Entry::Ordered(_))).count();
    assert_eq!(orders, 3, "the voice is not asked again for what was there");
}

#[test]
fn who_was_wrong_twice_asks_for_words() {
    let mut world = World::with(Setup::new(1), |input: &CallInput| match &input.event {
        CallEvent::Started(_) => acts(input.turn, 20, vec![say("欢迎致电中国移动客服热线很高兴为您")]),
        _ => Vec::new(),
    });
    for _ in 0..3 {
        world.run_ms(700);
        world.make_noise(400);
        world.run_ms(900);
    }
    world.run_ms(4_000);
    assert_eq!(barge_ins(&world), 2, "the third noise only turns it down");
    assert!(world.heard().ends_with("欢迎致电中国移动客服热线很高兴为您"), "{}", world.heard());
}

#[test]
fn words_at_the_very_end_of_the_prompt_are_not_lost() {
    let mut world = World::with(Setup::new(1), explainer(Expect::YesNo));
    // The prompt ends at about 2.5 s.
    world.run_ms(2_400);
    world.say("好的");
    world.run_ms(3_000);
    assert_eq!(world.finals(), ["好的"]);
    assert!(world.heard().starts_with("您的套餐下月生效确认办"), "{}", world.heard());
}
