//! Places many calls, some of them at once.

use super::report::Report;
use crate::caller::Pcm;
use hualu_gateway::phone::{self, Cue, LineReport, Loss, PhoneConfig, PhoneOutcome, Script, When};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// One call: what the caller plays, and what the part of the benchmark wants to remember of it.
pub struct Plan<T> {
    /// What the caller does.
    pub script: Script,
    /// What it is about.
    pub about: T,
}

/// A script that waits `patience` for whatever follows its last clip.
#[must_use]
pub fn script(cues: Vec<Cue>, patience: Duration, loss: Option<Loss>) -> Script {
    Script { cues, patience, call_max: Duration::from_secs(120), loss }
}

/// A clip for when the bot has been silent for `gap_ms`.
#[must_use]
pub const fn after(gap_ms: u64, pcm: Pcm) -> Cue {
    Cue { pcm, when: When::Silent(Duration::from_millis(gap_ms)) }
}

/// A clip for when the bot has spoken for `ms` and speaks still.
#[must_use]
pub const fn over(ms: u64, pcm: Pcm) -> Cue {
    Cue { pcm, when: When::Speaking(Duration::from_millis(ms)) }
}

/// Between the starts of two calls, so that callers do not speak in chorus.
const STAGGER: Duration = Duration::from_millis(150);

/// Places all calls, at most `at_once` at a time; a call that fails is reported and left out.
pub async fn place<T: Send + 'static>(
    uri: &str,
    plans: Vec<Plan<T>>,
    at_once: usize,
    report: &mut Report,
) -> Vec<(T, PhoneOutcome)> {
    let places = Arc::new(Semaphore::new(at_once));
    let mut calls = JoinSet::new();
    for (n, plan) in plans.into_iter().enumerate() {
        let (uri, places) = (uri.to_owned(), Arc::clone(&places));
        calls.spawn(async move {
            let _place = places.acquire_owned().await;
            tokio::time::sleep(STAGGER * (n % at_once) as u32).await;
            let config = PhoneConfig { number: format!("138001{:05}", n % 100_000), ..PhoneConfig::default() };
            (n, plan.about, phone::call(&uri, config, plan.script).await)
        });
    }
    let mut done = Vec::new();
    while let Some(call) = calls.join_next().await {
        match call {
            Ok((n, about, Ok(outcome))) => done.push((n, about, outcome)),
            Ok((n, _, Err(error))) => report.finding(format!("call {n} failed: {error}")),
            Err(error) => report.finding(format!("a phone broke: {error}")),
        }
    }
    done.sort_by_key(|(n, ..)| *n);
    done.into_iter().map(|(_, about, outcome)| (about, outcome)).collect()
}

/// Writes a call as stereo WAV, left: caller, right: bot.
///
/// # Errors
/// When it cannot be written.
pub fn write_stereo(path: &Path, line: &LineReport) -> anyhow::Result<()> {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec)?;
    for n in 0..line.caller.len().max(line.bot.len()) {
        writer.write_sample(line.caller.get(n).copied().unwrap_or(0))?;
        writer.write_sample(line.bot.get(n).copied().unwrap_or(0))?;
    }
    Ok(writer.finalize()?)
}
