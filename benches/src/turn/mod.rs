//! Turn-taking as callers meet it: how soon the bot answers, whether it waits while they think, stops when they interrupt
//! and goes on when they only nod, and what they hear when engines fail. Everything but the last part's rungs and the
//! pipeline's overhead is measured from the audio at the caller's side; `docs/benchmarks.md` says how.

mod calls;
mod faults;
mod measure;
mod records;
mod report;
mod suites;

use crate::bot::Setup;
use crate::caller::{Caller, Pcm, SPEAKERS};
use anyhow::Context;
use clap::{Args, ValueEnum};
use hualu_gateway::phone::PhoneOutcome;
use report::Report;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What to measure.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// A few calls of each kind, all at once: shows that the benchmark works, its times say nothing.
    #[arg(long)]
    short: bool,
    /// Only these parts.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Calls at once in the load part.
    #[arg(long, default_value_t = 50)]
    at_once: usize,
    /// Keep turn records here, and as stereo WAV the calls in which something looks wrong.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// A folder of WAV files with noise, to be played over prompts too.
    #[arg(long)]
    noise: Option<PathBuf>,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Answers to finished sentences, one call at a time.
    Response,
    /// The same with many calls at once.
    Load,
    /// Pauses in the middle of sentences and numbers.
    Pauses,
    /// One-word answers to questions.
    Words,
    /// Speech over a prompt.
    BargeIn,
    /// Nods, coughs and noise over a prompt.
    Noise,
    /// Engines, networks and back ends that fail.
    Faults,
}

/// What the parts share.
struct Bench {
    options: Options,
    callers: Vec<Caller>,
}

/// Measures and prints Markdown.
///
/// # Errors
/// When the bot or a caller's voice cannot be started.
pub async fn run(options: &Options) -> anyhow::Result<()> {
    let speakers = if options.short { 1 } else { SPEAKERS.len() };
    let callers = SPEAKERS[..speakers].iter().map(|prosody| Caller::open(*prosody)).collect::<Result<_, _>>()?;
    let bench = Arc::new(Bench { options: options.clone(), callers });
    let parts = Part::value_variants().iter().filter(|part| options.only.is_empty() || options.only.contains(part));
    let mut report = Report::default();
    if options.short {
        let running: Vec<_> = parts.map(|part| tokio::spawn(measure_part(Arc::clone(&bench), *part))).collect();
        for part in running {
            report.append(part.await??);
        }
    } else {
        for part in parts {
            report.append(measure_part(Arc::clone(&bench), *part).await?);
        }
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let short = if options.short { ", short: its times say nothing" } else { "" };
    println!("Turn-taking over SIP and RTP on loopback, {cores} cores{short}\n\n{report}");
    Ok(())
}

async fn measure_part(bench: Arc<Bench>, part: Part) -> anyhow::Result<Report> {
    eprintln!("measuring: {part:?}");
    let mut report = Report::default();
    match part {
        Part::Response => suites::response(&bench, &mut report).await,
        Part::Load => suites::load(&bench, &mut report).await,
        Part::Pauses => suites::pauses(&bench, &mut report).await,
        Part::Words => suites::words(&bench, &mut report).await,
        Part::BargeIn => suites::barge_in(&bench, &mut report).await,
        Part::Noise => suites::noise(&bench, &mut report).await,
        Part::Faults => faults::faults(&bench, &mut report).await,
    }
    .with_context(|| format!("{part:?}"))?;
    Ok(report)
}

impl Bench {
    /// `full`, or `short` in the short mode.
    const fn size(&self, full: usize, short: usize) -> usize {
        if self.options.short { short } else { full }
    }

    /// Clip number `n` of a list of texts: each text by each speaker in turn.
    async fn say(&self, n: usize, texts: &[&str]) -> anyhow::Result<Pcm> {
        let caller = &self.callers[(n / texts.len() + n) % self.callers.len()];
        caller.say(texts[n % texts.len()]).await
    }

    /// A bot in one process, its records kept if they are wanted.
    fn setup(&self, bot: &str, part: &str) -> anyhow::Result<Setup> {
        Ok(Setup::embedded(bot).recorded_in(self.kept(part)?))
    }

    /// Where this part's records and calls are kept.
    fn kept(&self, part: &str) -> anyhow::Result<Option<PathBuf>> {
        let Some(keep) = &self.options.keep else { return Ok(None) };
        let folder = keep.join(part);
        std::fs::create_dir_all(&folder).with_context(|| format!("--keep: cannot make {}", folder.display()))?;
        Ok(Some(std::path::absolute(folder)?))
    }

    /// Notes something that looks wrong, and keeps the call.
    fn finding(&self, report: &mut Report, part: &str, call: &PhoneOutcome, what: &str) -> anyhow::Result<()> {
        let name: String = call.call.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        if let Some(folder) = self.kept(part)? {
            calls::write_stereo(&folder.join(Path::new(&name).with_extension("wav")), &call.line)?;
        }
        report.finding(format!("{part}: {what} (call {})", call.call));
        Ok(())
    }
}
