//! `hualu call`: a test phone that prints the conversation as its own ears and clock have it.

use crate::CallArgs;
use crate::services;
use anyhow::{Context, ensure};
use hualu_gateway::phone::{self, LineReport, PhoneConfig, Script};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Places the call; whether it was answered and something was heard after every clip.
pub async fn call(args: CallArgs) -> anyhow::Result<bool> {
    let clips = args
        .play
        .iter()
        .map(|path| read_clip(path).with_context(|| format!("cannot play {}", path.display())))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let (gap, patience) = (Duration::from_millis(args.gap_ms), Duration::from_millis(args.patience_ms));
    let script = Script::in_turn(clips, gap, patience, Duration::from_secs(600));
    let outcome = phone::call(&args.uri, PhoneConfig::default(), script).await?;
    println!("answered after {} ms, {}", outcome.answered_after.as_millis(), outcome.ended);
    if !args.no_transcript {
        match transcribe(&outcome.line) {
            Ok(lines) => lines.iter().for_each(|line| println!("{line}")),
            Err(error) => println!("(no transcript: {error:#})"),
        }
    }
    print_times(&outcome.line);
    if let Some(path) = &args.record {
        write_stereo(path, &outcome.line)?;
        println!("recorded to {}", path.display());
    }
    let heard = outcome.line.greeting.is_some();
    Ok(heard && outcome.line.exchanges.iter().all(|exchange| exchange.response.is_some()))
}

/// Prints the greeting's and each answer's delay.
pub fn print_times(line: &LineReport) {
    match line.greeting {
        Some(after) => println!("greeting: first sound {} ms after the call was answered", after.as_millis()),
        None => println!("greeting: nothing was heard"),
    }
    for (n, exchange) in line.exchanges.iter().enumerate() {
        match exchange.response {
            Some(response) => println!("clip {}: answered after {} ms", n + 1, response.as_millis()),
            None => println!("clip {}: no answer", n + 1),
        }
    }
}

/// Reads a WAV file as 8 kHz mono.
pub fn read_clip(path: &Path) -> anyhow::Result<Arc<[i16]>> {
    let pcm = hualu_asr::eval::telephone(path)?;
    ensure!(!pcm.is_empty(), "the file holds no sound");
    Ok(pcm.into())
}

/// Writes what was sent (left) and received (right).
pub fn write_stereo(path: &Path, line: &LineReport) -> anyhow::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    }
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer =
        hound::WavWriter::create(path, spec).with_context(|| format!("cannot write {}", path.display()))?;
    for n in 0..line.caller.len().max(line.bot.len()) {
        writer.write_sample(line.caller.get(n).copied().unwrap_or(0))?;
        writer.write_sample(line.bot.get(n).copied().unwrap_or(0))?;
    }
    writer.finalize()?;
    Ok(())
}

/// What the other side said between the clips, read by the embedded recognizer.
fn transcribe(line: &LineReport) -> anyhow::Result<Vec<String>> {
    let words = services::recognizer_words(None)?;
    let mut borders = vec![0];
    borders.extend(line.exchanges.iter().map(|exchange| exchange.clip_at));
    borders.push(line.bot.len());
    let mut lines = Vec::new();
    for pair in borders.windows(2) {
        let [from, to] = *pair else { continue };
        let heard = line.bot.get(from..to.max(from)).unwrap_or(&[]);
        let hypothesis = hualu_asr::eval::transcribe(&words.model, &words.language_model, heard)?;
        lines.push(format!("heard   {}", hypothesis.text.reveal()));
    }
    Ok(lines)
}
