//! What a caller does, step by step.

use rand::Rng;
use rand::rngs::StdRng;
use std::time::Duration;

/// One thing that a caller does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Speaks these words; a space is a pause of 400 ms.
    Say(String),
    /// Makes noise for so long: a cough, a lorry.
    Noise(Duration),
    /// Is quiet for so long.
    Wait(Duration),
    /// Waits until the bot has been silent for so long.
    Listen(Duration),
    /// Presses these keys.
    Press(String),
    /// Sends no packets for so long.
    Vanish(Duration),
    /// Puts the call on hold for so long.
    Hold(Duration),
    /// Meanwhile the server is told to stop.
    Drain,
    /// Hangs up.
    HangUp,
}

/// A caller's steps in order. After the last one the caller waits for the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script(pub Vec<Step>);

impl Script {
    /// A caller made by `rng`: three to eight things that callers do, then goodbye by voice or by hanging up.
    pub fn random(rng: &mut StdRng) -> Self {
        let ms = |from: u64, to: u64, rng: &mut StdRng| Duration::from_millis(rng.random_range(from..to));
        let words = ["查话费", "我想 查流量", "对", "一三八 零零一三", "换套餐", "喂", "转人工", "网络坏了怎么办"];
        let mut steps = Vec::new();
        for _ in 0..rng.random_range(3..9) {
            steps.push(match rng.random_range(0..12) {
                0..5 => Step::Listen(ms(200, 900, rng)),
                5 => Step::Wait(ms(50, 3_000, rng)),
                6 => Step::Noise(ms(40, 900, rng)),
                7 => Step::Press(["1", "0", "12#", "*"][rng.random_range(0..4)].to_owned()),
                8 => Step::Vanish(ms(100, 2_000, rng)),
                9 => Step::Hold(ms(100, 5_000, rng)),
                10 if rng.random_bool(0.1) => Step::Drain,
                _ => Step::Wait(ms(300, 9_000, rng)),
            });
            if rng.random_bool(0.7) {
                steps.push(Step::Say(words[rng.random_range(0..words.len())].to_owned()));
            }
        }
        if rng.random_bool(0.5) {
            steps.push(Step::Listen(ms(400, 1_500, rng)));
            steps.push(Step::Say("再见".to_owned()));
        } else {
            steps.push(Step::HangUp);
        }
        Self(steps)
    }
}
