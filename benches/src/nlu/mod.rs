//! How well and how fast the dialogue understands: public sets beside published figures, and the project's own bots.

mod english;
pub mod homophones;
mod own;
pub mod sets;
mod slots;
mod speed;

use clap::{Args, ValueEnum};
use hualu_models::lexicon::Lexicon;
use hualu_models::{Kind, Manifest};
use hualu_nlu::Assistant;
use hualu_nlu::bot::Bot;
use hualu_nlu::utterance::Pronouncer;
use std::path::PathBuf;
use std::sync::Arc;

/// Where the public sets are looked for when neither flag nor `HUALU_NLU_SETS` names a folder.
const SETS: &str = "../shared/nlu";

/// What is measured.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Folder of the public sets (clinc150, banking77, fewshot-splits, hint3); else $HUALU_NLU_SETS, else ../shared/nlu.
    #[arg(long)]
    sets: Option<PathBuf>,
    /// Folders of bots.
    #[arg(long, default_value = "bots/hotline_10086")]
    bots: Vec<PathBuf>,
    /// Folder of the bots' held-out sentences, each file named by its bot's id.
    #[arg(long, default_value = "benches/corpus/nlu")]
    held_out: PathBuf,
    /// Only these parts.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// CLINC150: accuracy and rejection.
    Clinc150,
    /// BANKING77 and HWU64, and few examples of each intent.
    Full,
    /// HINT3: rejection on three real bots.
    Hint3,
    /// The bots' held-out sentences, as said and misheard.
    Own,
    /// Start-up and answers of the service.
    Speed,
}

/// Measures and prints Markdown.
///
/// # Errors
/// When a bot or a set cannot be read, or the service fails. A set that is not there is passed over with a line.
pub async fn run(options: &Options) -> anyhow::Result<()> {
    let wanted = |part: Part| options.only.is_empty() || options.only.contains(&part);
    let named = options.sets.clone().or_else(|| std::env::var_os("HUALU_NLU_SETS").map(PathBuf::from));
    let sets = named.unwrap_or_else(|| SETS.into());
    type Measure = fn(&std::path::Path) -> anyhow::Result<()>;
    let public: [(Part, &str, Measure); 3] = [
        (Part::Clinc150, "clinc150", english::clinc150),
        (Part::Full, "fewshot-splits", english::full_and_few),
        (Part::Hint3, "hint3", english::hint3),
    ];
    for (part, folder, measure) in public {
        let dir = sets.join(folder);
        if wanted(part) && !dir.is_dir() {
            println!("{folder}: skipped, there is no {}; name the sets' folder with --sets\n", dir.display());
        } else if wanted(part) {
            measure(&sets)?;
        }
    }
    if wanted(Part::Own) || wanted(Part::Speed) {
        own_bots(options, wanted(Part::Own), wanted(Part::Speed)).await?;
    }
    Ok(())
}

async fn own_bots(options: &Options, is_judged: bool, is_timed: bool) -> anyhow::Result<()> {
    let manifest = Manifest::find()?;
    let path = manifest.model(Kind::Lexicon, "")?.directory().join("lexicon.tsv");
    let lexicon = Arc::new(Lexicon::load(&path)?);
    let pronouncer = Pronouncer::new(Some(Arc::clone(&lexicon)));
    let mut bots = Vec::new();
    for dir in &options.bots {
        let bot = Bot::load(dir).map_err(|faults| anyhow::anyhow!("{}: {faults}", dir.display()))?;
        bots.push(bot);
    }
    if is_judged {
        println!("## Bots of this project\n");
        for bot in &bots {
            let path = options.held_out.join(format!("{}.yaml", bot.id()));
            if !path.is_file() {
                println!("{}: skipped, there is no {}\n", bot.id(), path.display());
                continue;
            }
            let assistant = Assistant::for_text(bot.clone(), pronouncer.clone(), None);
            own::run(&path, &lexicon, &pronouncer, &assistant)?;
            slots::run(&path, &assistant)?;
        }
    }
    if is_timed {
        println!("## Speed\n");
        println!("| bot | intents | examples | training at start-up | from the cache |\n|---|---|---|---|---|");
        for bot in &bots {
            speed::start_up(bot, &pronouncer)?;
        }
        println!("\nFinal hypothesis sent → first clause received, over gRPC; {}\n", speed::SCENE);
        println!("| bot | answers | p50 ms | p95 | p99 | max |\n|---|---|---|---|---|---|");
        for bot in bots {
            speed::service(bot, pronouncer.clone()).await?;
        }
    }
    Ok(())
}
