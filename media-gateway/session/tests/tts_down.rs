//! The voice is slow, silent, broken, or stops in the middle of a sentence.

use hualu_core::Stage;
use hualu_session::{Failure, Rung, State};
use hualu_sim::{EchoBot, Setup, World};
use std::time::Duration;

#[test]
fn a_dead_voice_is_replaced_within_1200_ms() {
    for silent in [true, false] {
        let mut world = World::new(1);
        world.run_ms(2_500);
        world.tts.silent = silent;
        world.tts.broken = (!silent).then_some(Failure::Unavailable);
        world.say_and_wait("查话费");
        let spoken = world.elapsed();
        world.run_ms(4_000);
        let heard = world.heard();
        assert!(heard == "您好请讲请稍等有点慢" || heard == "您好请讲没处理好", "{heard}");
        let first = heard.chars().nth(4).expect("something");
        // 请 was heard before, so the filler is found by its second character, 200 ms on.
        let first = if first == '请' { '稍' } else { first };
        let waited = world.heard_at(first).expect("heard") - spoken;
        assert!(waited <= Duration::from_millis(1_200), "{waited:?}");
        assert_eq!(world.state(), State::Listening);
    }
}

#[test]
fn a_stall_in_the_middle_ends_the_clause_and_the_reply_goes_on() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.tts.stall_after = Some(Duration::from_millis(300));
    world.say("查话费");
    world.run_ms(4_000);
    // 好的 and 查话费 stop after 300 ms each: one and a half characters are heard of each, and half counts.
    let heard = world.heard();
    assert!(heard.starts_with("您好请讲好的查话") && !heard.contains('费'), "{heard}");
    assert!(heard.ends_with("没处理好") || heard.ends_with("有点慢"), "the caller is told: {heard}");
    let skipped = world.missed().filter(|missed| missed.rung == Rung::SkipClause).count();
    assert_eq!(skipped, 2);
}

#[test]
fn a_slow_voice_is_counted_but_waited_for() {
    let mut world = World::new(1);
    world.run_ms(2_500);
    world.tts.delay = Duration::from_millis(180);
    world.say("查话费");
    world.run_ms(4_000);
    assert_eq!(world.heard(), "您好请讲好的查话费");
    let missed: Vec<_> = world.missed().map(|missed| (missed.stage, missed.rung)).collect();
    assert_eq!(missed, [(Stage::Tts, Rung::Wait)]);
}

#[test]
fn audio_that_stops_dies_away_within_five_milliseconds() {
    let mut setup = Setup::new(1);
    setup.record = true;
    let mut world = World::with(setup, EchoBot::default());
    world.tts.stall_after = Some(Duration::from_millis(100));
    world.run_ms(300);
    let last = world.tape().iter().rposition(|frame| frame.bot.samples().iter().any(|sample| *sample != 0));
    let loudness = |at: usize| world.tape()[last.expect("something")].bot.samples()[at].unsigned_abs();
    assert!(loudness(0) > loudness(20) && loudness(20) > loudness(38) && loudness(40) == 0);
}
