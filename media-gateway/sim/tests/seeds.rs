//! Many seeded calls: whatever caller, network and engines do, the rules of the world hold.

use hualu_core::dialogue::Expect;
use hualu_session::{Failure, SessionEvent, State, TurnEvent, step};
use hualu_sim::{AsrFaults, EchoBot, Network, NluFaults, Script, Setup, TtsFaults, World};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeSet;
use std::time::Duration;

/// Seeds of one run; `HUALU_SIM_SEEDS` asks for another number.
fn seeds() -> std::ops::Range<u64> {
    let asked = std::env::var("HUALU_SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    0..asked.unwrap_or(1_000)
}

fn failure(rng: &mut StdRng) -> Option<Failure> {
    rng.random_bool(0.1).then_some([Failure::Unavailable, Failure::Broken, Failure::Overloaded][rng.random_range(0..3)])
}

/// One call, all of whose misfortunes come out of `seed`.
fn play(seed: u64) -> World {
    let rng = &mut StdRng::seed_from_u64(seed);
    let ms = |from: u64, to: u64, rng: &mut StdRng| Duration::from_millis(rng.random_range(from..to));
    let digits = Expect::Digits { len_min: 4, len_max: 11 };
    let bot = EchoBot {
        delay_ms: rng.random_range(1..400),
        expect: if rng.random_bool(0.2) { digits } else { Expect::Free },
        no_input: ms(3_000, 9_000, rng),
        ..EchoBot::default()
    };
    let mut setup = Setup::new(seed);
    setup.record = true;
    let mut world = World::with(setup, bot);
    world.network =
        Network { loss: rng.random_range(0.0..0.1), duplicate: 0.02, delay: ms(1, 80, rng), jitter: ms(1, 60, rng) };
    world.asr = AsrFaults {
        partial_delay: ms(20, 200, rng),
        final_delay: ms(5, 150, rng),
        silent: rng.random_bool(0.05),
        no_partials: rng.random_bool(0.1),
        broken: failure(rng),
        ..AsrFaults::default()
    };
    world.nlu = NluFaults {
        delay: ms(0, 1_500, rng) / rng.random_range(1..10),
        silent: rng.random_bool(0.1),
        broken: failure(rng),
    };
    world.tts = TtsFaults {
        delay: ms(10, 400, rng),
        silent: rng.random_bool(0.1),
        broken: failure(rng),
        stall_after: rng.random_bool(0.1).then(|| ms(50, 900, rng)),
    };
    world.refuses_transfer = rng.random_bool(0.5);
    let script = Script::random(rng);
    world.play(&script);
    world
}

#[test]
fn no_seed_breaks_a_rule_and_together_they_go_everywhere() {
    let mut walked = BTreeSet::new();
    let mut rungs = BTreeSet::new();
    for seed in seeds() {
        let world = std::panic::catch_unwind(|| play(seed)).unwrap_or_else(|_| panic!("SEED={seed}"));
        rungs.extend(world.missed().map(|missed| missed.rung.as_str()));
        walked.extend(world.events().filter_map(|event| match event {
            SessionEvent::Turn { from, to, .. } => Some(format!("{from:?} to {to:?}")),
            _ => None,
        }));
    }
    let table = State::ALL.into_iter().flat_map(|from| TurnEvent::ALL.map(|event| (from, step(from, event))));
    let all: BTreeSet<String> = table
        .filter_map(|(from, step)| step.filter(|(to, _)| *to != from).map(|(to, _)| format!("{from:?} to {to:?}")))
        .collect();
    assert_eq!(walked, all, "the callers of these seeds do not go everywhere that the turn machine can");
    assert_eq!(
        rungs,
        BTreeSet::from([
            "cached_clause",
            "conceal",
            "filler",
            "goodbye",
            "promote_partial",
            "reprompt",
            "skip_clause",
            "wait",
        ])
    );
}

#[test]
fn a_seed_replays_exactly() {
    for seed in [3, 77] {
        let (one, other) = (play(seed), play(seed));
        assert_eq!(format!("{:?}", one.log()), format!("{:?}", other.log()));
        assert_eq!(one.heard(), other.heard());
    }
}

#[test]
fn healthy_engines_never_need_a_rung() {
    for seed in 0..20 {
        let mut world = World::with(Setup::new(seed), EchoBot::default());
        let rng = &mut StdRng::seed_from_u64(seed);
        world.network.jitter = Duration::from_millis(15);
        world.run_ms(2_500);
        for _ in 0..4 {
            world.say("查话费");
            world.run_ms(rng.random_range(2_500..4_500));
        }
        assert_eq!(world.missed().count(), 0, "SEED={seed}");
        assert_eq!(world.state(), State::Listening, "SEED={seed}");
    }
}
