//! Benchmarks of Hualu against its own binary, as a caller sees it. `cargo run --release -p hualu-benches [CALLS]` places
//! that many calls (20 by default), one after the other, over SIP and RTP on loopback, and prints Markdown: response times
//! measured from the audio at the caller's side, each stage's share, start-up time and memory.

mod bot;
mod table;

use anyhow::Context;
use bot::BotProcess;
use hualu_core::SampleRate;
use hualu_core::dialogue::Say;
use hualu_gateway::clock;
use hualu_gateway::phone::{self, PhoneConfig, Script};
use hualu_models::lexicon::Lexicon;
use hualu_models::{Kind, Manifest};
use hualu_tts::engine::{NeuralEngine, Prosody};
use hualu_tts::{Voice, VoiceConfig};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use table::Quantiles;

/// What the caller says in each call.
const SENTENCES: [&str; 5] = ["我想查一下话费", "我想换个套餐", "五十九块的", "确认办理", "没有了，再见"];

/// A man's voice out of the embedded one.
const CALLER: Prosody = Prosody { rate: 1.0, pitch: 0.62, formant: 0.88, volume_db: 0.0 };

/// Calls held open at once to learn what one more costs.
const HELD: usize = 20;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let calls = std::env::args().nth(1).map_or(Ok(20), |text| text.parse()).context("CALLS must be a number")?;
    let clips = caller_clips().await?;
    let mut bot = BotProcess::start().await?;
    println!(
        "| start-up | ms |\n|---|---|\n| process start to ready for calls | {} |\n",
        bot.started_after.as_millis()
    );
    let idle_kb = bot.resident_kb()?;

    let mut greeting = Quantiles::default();
    let mut response = Quantiles::default();
    let mut unanswered = 0;
    for _ in 0..calls {
        let outcome = phone::call(&bot.uri(), PhoneConfig::default(), script(clips.clone())).await?;
        greeting.extend(outcome.line.greeting);
        response.extend(outcome.line.exchanges.iter().filter_map(|exchange| exchange.response));
        unanswered += clips.len() - outcome.line.exchanges.iter().filter(|one| one.response.is_some()).count();
    }
    println!("{calls} calls of {} sentences, one at a time; {unanswered} sentences unanswered\n", clips.len());
    println!("| as heard by the caller, ms | n | p50 | p95 | p99 | max |\n|---|---|---|---|---|---|");
    println!("| last voiced sample sent → first voiced sample received | {response} |");
    println!("| answer → first voiced sample of the greeting | {greeting} |\n");
    println!("| stage, ms | p50 | p95 | p99 |\n|---|---|---|---|");
    for row in bot.stage_rows().await? {
        println!("{row}");
    }
    let (one_kb, each_kb) = memory(&bot).await?;
    println!("\n| resident memory | |\n|---|---|");
    println!("| idle, models loaded | {:.1} MB |", idle_kb as f64 / 1_024.0);
    println!("| with one call | {:.1} MB |", one_kb as f64 / 1_024.0);
    println!("| each further call (mean of {}) | {:.2} MB |", HELD - 1, each_kb / 1_024.0);
    bot.stop().await
}

/// Resident memory with one silent call, and what each of the next ones adds, in kB.
async fn memory(bot: &BotProcess) -> anyhow::Result<(u64, f64)> {
    let hold = || {
        let uri = bot.uri();
        tokio::spawn(async move {
            let silent =
                Script { patience: Duration::from_secs(60), call_max: Duration::from_secs(14), ..script(Vec::new()) };
            phone::call(&uri, PhoneConfig::default(), silent).await
        })
    };
    let mut held = vec![hold()];
    tokio::time::sleep(Duration::from_secs(3)).await;
    let one = bot.resident_kb()?;
    held.extend((1..HELD).map(|_| hold()));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let all = bot.resident_kb()?;
    for call in held {
        call.await??;
    }
    Ok((one, all.saturating_sub(one) as f64 / (HELD - 1) as f64))
}

fn script(clips: Vec<Arc<[i16]>>) -> Script {
    Script::in_turn(clips, Duration::from_millis(900), Duration::from_secs(10), Duration::from_secs(120))
}

async fn caller_clips() -> anyhow::Result<Vec<Arc<[i16]>>> {
    let manifest = Manifest::find()?;
    let lexicon: PathBuf = manifest.model(Kind::Lexicon, "")?.directory().join("lexicon.tsv");
    let config = VoiceConfig {
        voice_dir: manifest.model(Kind::Tts, "")?.directory().to_owned(),
        prompts_dir: None,
        lexicon: Arc::new(Lexicon::load(&lexicon)?),
        cache_bytes: 1 << 20,
        workers: 1,
        prosody: CALLER,
        clock: clock::now,
    };
    let voice = Voice::start(config, |directory| Ok(Box::new(NeuralEngine::open(directory)?)))?;
    let mut clips = Vec::new();
    for sentence in SENTENCES {
        clips.push(voice.render(&Say::plain(sentence), SampleRate::HZ_8000).await?.into());
    }
    Ok(clips)
}
