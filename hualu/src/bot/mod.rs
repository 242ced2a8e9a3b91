//! `hualu bot`: what an author of bots needs, from the first check to whole calls.

mod test;
mod voice;

use crate::BackendArgs;
use crate::serve;
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use hualu_gateway::clock;
use hualu_nlu::action::ActionRunner;
use hualu_nlu::dialogue::Assistant;
use hualu_nlu::script::{BackEnd, Mocks, TextChat};
use hualu_nlu::utterance::Pronouncer;
use hualu_nlu::{Bot, chat, evaluate, graph, lint, schema, server};
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Requests that a chat may have under way: it makes one at a time.
const REQUESTS_MAX: usize = 4;

/// One tool.
#[derive(Subcommand)]
pub enum BotCommand {
    /// Say everything that is wrong with a bot, and what will annoy, confuse or strand its callers.
    Check(CheckArgs),
    /// Talk to a bot in the terminal, or let it answer lines from a file.
    Chat(ChatArgs),
    /// Play a bot's conversation scripts, in text or as real calls.
    Test(test::TestArgs),
    /// Measure how well a bot understands sentences.
    Eval(EvalArgs),
    /// Draw a bot's flows as an SVG picture.
    Graph(GraphArgs),
    /// Print the JSON Schema of a bot's files, for editors.
    Schema,
}

#[derive(Args)]
pub struct CheckArgs {
    /// The bot's directory, or its one file.
    dir: PathBuf,
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
    /// Fail on warnings, too.
    #[arg(long)]
    strict: bool,
}

#[derive(Args)]
pub struct ChatArgs {
    /// The bot's directory, or its one file.
    dir: PathBuf,
    /// The number that calls.
    #[arg(long, default_value = "13800138000")]
    caller: String,
    /// A variable of the call, as NAME=VALUE; may be given several times.
    #[arg(long, value_name = "NAME=VALUE")]
    var: Vec<String>,
    /// Where actions are sent; without any, each action's own `mock` answers.
    #[command(flatten)]
    backends: BackendArgs,
}

#[derive(Args)]
pub struct EvalArgs {
    /// The bot's directory, or its one file.
    dir: PathBuf,
    /// Sentences with their intents: .yaml (`intent: [sentence, ..]`), .csv or .tsv (sentence, intent). `none` is the
    /// intent of sentences that belong to no business of the bot.
    #[arg(long)]
    data: PathBuf,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct GraphArgs {
    /// The bot's directory, or its one file.
    dir: PathBuf,
    /// Where the picture goes; to the terminal without it.
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// Draw this flow alone; may be given several times.
    #[arg(long)]
    flow: Vec<String>,
}

/// Runs one tool; whether it found nothing wrong.
pub async fn run(command: BotCommand) -> anyhow::Result<bool> {
    match command {
        BotCommand::Check(args) => check(&args),
        BotCommand::Chat(args) => talk(args).await,
        BotCommand::Test(args) => test::test(args).await,
        BotCommand::Eval(args) => eval(&args),
        BotCommand::Graph(args) => draw(&args),
        BotCommand::Schema => print(&schema::text()).map(|()| true),
    }
}

/// A bot that answers in text.
fn assistant(dir: &Path) -> anyhow::Result<Arc<Assistant>> {
    let bot = Bot::load(dir).with_context(|| format!("`hualu bot check {}` explains it", dir.display()))?;
    Ok(Assistant::for_text(bot, Pronouncer::installed(), server::default_cache().as_deref()))
}

/// Prints to standard output; a reader that has seen enough is no fault.
fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn check(args: &CheckArgs) -> anyhow::Result<bool> {
    let report = lint::check(&args.dir, &Pronouncer::installed());
    let (errors, warnings) = (report.errors(), report.warnings());
    if args.json {
        print(&format!("{:#}\n", serde_json::to_value(&report)?))?;
    } else {
        let mut text: String = report.findings.iter().map(|finding| format!("{finding}\n")).collect();
        let allowed = if report.allowed > 0 { format!(", {} allowed", report.allowed) } else { String::new() };
        text.push_str(&format!("{}: {errors} error(s), {warnings} warning(s){allowed}\n", args.dir.display()));
        print(&text)?;
    }
    Ok(errors == 0 && (warnings == 0 || !args.strict))
}

async fn talk(args: ChatArgs) -> anyhow::Result<bool> {
    let mut variables = BTreeMap::new();
    for text in &args.var {
        let (name, value) = text.split_once('=').with_context(|| format!("--var {text}: write NAME=VALUE"))?;
        variables.insert(name.to_owned(), value.to_owned());
    }
    let is_real = args.backends.mock_backend || !args.backends.backend.is_empty();
    let backends = serve::backends(args.backends).await?;
    let assistant = if is_real {
        let bot = Bot::load(&args.dir)?;
        Arc::new(Assistant::new(bot, Pronouncer::installed(), server::default_cache().as_deref(), &backends)?)
    } else {
        assistant(&args.dir)?
    };
    let mut talk =
        TextChat::new(assistant, hualu_nlu::clock::now(), &Mocks::new()).called_from(&args.caller, variables);
    if is_real {
        let runner = ActionRunner::new(&backends, &[], REQUESTS_MAX)?;
        let handle = Handle::current();
        let back_end: BackEnd = Box::new(move |request| handle.block_on(runner.run(request)));
        talk = talk.with_back_end(back_end);
    } else {
        let missing = talk.unplayed();
        if !missing.is_empty() {
            eprintln!("note: no back end and no `mock` answers {}: they will fail", missing.join(", "));
        }
    }
    // Reading a terminal blocks, and so does waiting for a back end.
    tokio::task::spawn_blocking(move || {
        let echo = !std::io::stdin().is_terminal();
        match chat::chat(&mut talk, &mut std::io::stdin().lock(), &mut std::io::stdout(), echo) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(true),
            done => done.map(|_| true).context("the terminal failed"),
        }
    })
    .await?
}

fn eval(args: &EvalArgs) -> anyhow::Result<bool> {
    let assistant = assistant(&args.dir)?;
    let sentences = evaluate::read(&args.data)?;
    let start = clock::now();
    let evaluation = evaluate::evaluate(&assistant, &sentences, &mut || clock::now().saturating_duration_since(start))?;
    if args.json {
        print(&format!("{:#}\n", serde_json::to_value(&evaluation)?))?;
    } else {
        print(&evaluation.to_string())?;
    }
    Ok(true)
}

fn draw(args: &GraphArgs) -> anyhow::Result<bool> {
    let bot = Bot::load(&args.dir).with_context(|| format!("`hualu bot check {}` explains it", args.dir.display()))?;
    let picture = match graph::svg(&bot, &args.flow) {
        Ok(picture) => picture,
        Err(reason) => bail!("--flow: {reason}"),
    };
    match &args.output {
        Some(path) => {
            std::fs::write(path, picture).with_context(|| format!("cannot write {}", path.display()))?;
            println!("{}", path.display());
        }
        None => print(&picture)?,
    }
    Ok(true)
}
