//! `hualu asr eval`: how many errors the recognizer makes on a folder of recordings, and how fast it is.

use crate::services;
use anyhow::Context;
use clap::Args;
use hualu_asr::decoder::DecoderOptions;
use hualu_asr::eval::{self, Options};
use hualu_core::dialogue::Expect;
use std::path::PathBuf;

/// What to measure, and how.
#[derive(Args)]
pub struct EvalArgs {
    /// Folder of WAV files with transcripts.tsv: file, text, toneless pinyin, group.
    folder: PathBuf,
    /// The bot whose sentences tilt the language model; only the general part without it.
    #[arg(long)]
    bot: Option<PathBuf>,
    /// A closed list, one a line: text TAB toneless pinyin. Each recording is taken for the likeliest of these.
    #[arg(long)]
    choices: Option<PathBuf>,
    /// Decode as when the bot awaits an answer of this kind.
    #[arg(long, value_enum, default_value = "free")]
    expect: Awaited,
    /// Take only every n-th recording.
    #[arg(long, default_value_t = 1)]
    every: usize,
    /// Folder of the acoustic model; the manifest's default without it.
    #[arg(long)]
    model: Option<PathBuf>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Awaited {
    Free,
    YesNo,
    Digits,
}

/// Runs the evaluation and prints its table.
pub fn eval(args: EvalArgs) -> anyhow::Result<()> {
    let words = services::recognizer_words(args.bot.as_deref())?;
    let report = eval::run(&Options {
        folder: args.folder.clone(),
        model: args.model.unwrap_or(words.model),
        language_model: words.language_model,
        decoder: DecoderOptions::default(),
        expect: match args.expect {
            Awaited::Free => Expect::Free,
            Awaited::YesNo => Expect::YesNo,
            Awaited::Digits => Expect::Digits { len_min: 1, len_max: 20 },
        },
        choices: args.choices,
        every: args.every,
    })
    .with_context(|| format!("cannot measure over {}", args.folder.display()))?;
    println!("{report}");
    Ok(())
}
