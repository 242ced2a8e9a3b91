//! Benchmarks of Hualu. `hualu-benches [CALLS]` prints start-up time, stages and memory beside response times;
//! `hualu-benches turn` measures turn-taking, `hualu-benches nlu` understanding. All print Markdown.

use anyhow::Context;
use clap::{Parser, Subcommand};
use hualu_benches::bot::{BotProcess, HOTLINE, Setup};
use hualu_benches::caller::Caller;
use hualu_benches::nlu;
use hualu_benches::table::Quantiles;
use hualu_benches::turn::{self, Options};
use hualu_gateway::phone::{self, PhoneConfig, Script};
use hualu_tts::engine::Prosody;
use std::sync::Arc;
use std::time::Duration;

/// What the caller says in each call.
const SENTENCES: [&str; 5] = ["我想查一下话费", "我想换个套餐", "五十九块的", "确认办理", "没有了，再见"];

/// A man's voice out of the embedded one.
const CALLER: Prosody = Prosody { rate: 1.0, pitch: 0.62, formant: 0.88, volume_db: 0.0 };

/// Calls held open at once to learn what one more costs.
const HELD: usize = 20;

/// Benchmarks of Hualu as a caller sees it.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// How many calls to place.
    #[arg(default_value_t = 20)]
    calls: usize,
}

#[derive(Subcommand)]
enum Command {
    /// Turn-taking: response times, cut-ins, interruptions, and what callers hear when engines fail.
    Turn(Options),
    /// Understanding: public sets beside published figures, the bots' own sentences, misheard ones, and speed.
    Nlu(nlu::Options),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match cli.command {
        Some(Command::Turn(options)) => turn::run(&options).await,
        Some(Command::Nlu(options)) => nlu::run(&options).await,
        None => calls(cli.calls).await,
    }
}

async fn calls(calls: usize) -> anyhow::Result<()> {
    let caller = Caller::open(CALLER)?;
    let mut clips = Vec::new();
    for sentence in SENTENCES {
        clips.push(caller.say(sentence).await?);
    }
    let mut bot = BotProcess::start(&Setup::embedded(HOTLINE)).await?;
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
    bot.stop().await.context("the bot does not end")
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
