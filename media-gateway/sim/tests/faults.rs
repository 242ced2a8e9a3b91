//! Each fault by itself, many callers each: no deadline is missed without a rung, the bot is never silent for 2.5 s while
//! it owes an answer, and nothing gets stuck. The first two are rules of every [`World`]; the last is looked for here.

use hualu_core::dialogue::{Act, Ask, CallEvent, CallInput, Say};
use hualu_session::{Failure, State};
use hualu_sim::{EchoBot, Script, Setup, Timed, World, acts, say};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;

/// A dialogue that answers events with timed acts.
type Dialogue = Box<dyn FnMut(&CallInput) -> Vec<Timed>>;

/// Callers of each fault; `HUALU_SIM_SEEDS` asks for another number.
fn seeds() -> std::ops::Range<u64> {
    let asked = std::env::var("HUALU_SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    0..asked.unwrap_or(100)
}

/// Lets a caller talk while `strike` harms the call, then heals it and sees that the next words are answered.
fn suffer(fault: &str, bot: fn() -> Dialogue, strike: fn(&mut World)) {
    for seed in seeds() {
        let run = || {
            let mut world = World::with(Setup::new(seed), bot());
            let rng = &mut StdRng::seed_from_u64(seed);
            world.network.delay = Duration::from_millis(rng.random_range(1..60));
            world.network.jitter = Duration::from_millis(rng.random_range(1..40));
            world.run_ms(rng.random_range(1_500..3_000));
            strike(&mut world);
            for _ in 0..rng.random_range(1..4) {
                world.say(["查话费", "我想 查流量", "对", "换套餐"][rng.random_range(0..4)]);
                world.run_ms(rng.random_range(1_000..9_000));
            }
            world
        };
        let world = std::panic::catch_unwind(run).unwrap_or_else(|_| panic!("{fault}: SEED={seed}"));
        recovers(fault, seed, world);
    }
}

/// Once the fault is gone, a call that is still there listens and answers.
fn recovers(fault: &str, seed: u64, mut world: World) {
    if world.is_over() {
        return;
    }
    let healthy = World::new(seed);
    (world.asr, world.nlu, world.tts, world.network) = (healthy.asr, healthy.nlu, healthy.tts, healthy.network);
    world.run_ms(15_000);
    if world.is_over() {
        return;
    }
    assert_eq!(world.state(), State::Listening, "{fault}: SEED={seed} is stuck");
    let before = world.finals().len();
    world.say("查话费");
    world.run_ms(12_000);
    assert!(world.is_over() || world.finals().len() > before, "{fault}: SEED={seed} hears nothing any more");
}

/// Answers at once, in words that no caller uses, and judges partials as [`EchoBot`] does.
fn clerk() -> Dialogue {
    let mut bot = EchoBot::default();
    Box::new(move |input| match &input.event {
        CallEvent::Started(_) => acts(input.turn, 20, vec![say("您好"), Act::Ask(ask())]),
        CallEvent::Final { .. } => acts(input.turn, 20, vec![say("已经办好"), say("请讲"), Act::Ask(ask())]),
        CallEvent::Partial { .. } => hualu_sim::Bot::hear(&mut bot, input),
        _ => Vec::new(),
    })
}

/// Its back end takes eight seconds; it says so after 600 ms and again every four seconds.
fn with_slow_back_end() -> Dialogue {
    let wait = |turn, at| {
        let filler = Act::Say(Say { filler: true, ..Say::plain("正在查询") });
        let mut timed = acts(turn, at, vec![filler]);
        timed[0].1.last = false;
        timed
    };
    Box::new(move |input| match &input.event {
        CallEvent::Started(_) => acts(input.turn, 20, vec![say("您好"), Act::Ask(ask())]),
        CallEvent::Final { .. } => {
            let mut timed = wait(input.turn, 600);
            timed.extend(wait(input.turn, 4_600));
            timed.extend(acts(input.turn, 8_000, vec![say("五十元"), Act::Ask(ask())]));
            timed
        }
        _ => Vec::new(),
    })
}

fn ask() -> Ask {
    Ask { no_input: Duration::from_secs(60), ..Ask::default() }
}

#[test]
fn the_dialogue_is_killed() {
    suffer("killed", clerk, |world| world.nlu.broken = Some(Failure::Unavailable));
}

#[test]
fn the_dialogue_is_black_holed() {
    suffer("black hole", clerk, |world| world.nlu.silent = true);
}

#[test]
fn the_dialogue_answers_after_three_seconds() {
    suffer("three seconds", clerk, |world| world.nlu.delay = Duration::from_secs(3));
}

#[test]
fn the_voice_stalls_in_the_middle_of_a_sentence() {
    suffer("stall", clerk, |world| world.tts.stall_after = Some(Duration::from_millis(300)));
}

#[test]
fn the_recognizer_stops_for_five_seconds() {
    suffer("stopped", clerk, |world| world.asr.stopped_until = world.elapsed() + Duration::from_secs(5));
}

#[test]
fn one_packet_in_ten_is_lost() {
    suffer("loss", clerk, |world| world.network.loss = 0.1);
}

#[test]
fn a_back_end_takes_eight_seconds() {
    suffer("back end", with_slow_back_end, |_| {});
}

/// All of them at random, one after the other in one call.
#[test]
fn one_fault_follows_the_other() {
    for seed in seeds() {
        let run = || {
            let mut world = World::with(Setup::new(seed), EchoBot::default());
            let rng = &mut StdRng::seed_from_u64(seed);
            for _ in 0..4 {
                match rng.random_range(0..6) {
                    0 => world.nlu.broken = Some(Failure::Unavailable),
                    1 => world.nlu.silent = true,
                    2 => world.nlu.delay = Duration::from_secs(3),
                    3 => world.tts.stall_after = Some(Duration::from_millis(rng.random_range(50..900))),
                    4 => world.asr.stopped_until = world.elapsed() + Duration::from_secs(5),
                    _ => world.network.loss = 0.1,
                }
                world.listen(Duration::from_millis(500));
                world.say("查话费");
                world.run_ms(rng.random_range(2_000..6_000));
                let healthy = World::new(seed);
                (world.asr, world.nlu, world.tts) = (healthy.asr, healthy.nlu, healthy.tts);
                world.network = healthy.network;
            }
            if !world.is_over() {
                world.play(&Script::random(rng));
            }
        };
        std::panic::catch_unwind(run).unwrap_or_else(|_| panic!("faults in turn: SEED={seed}"));
    }
}
