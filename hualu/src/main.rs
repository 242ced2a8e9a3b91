//! The one command of Hualu: it reads the command line and starts things.

mod asr;
mod bot;
mod call;
mod demo;
mod doctor;
mod explain;
mod readback;
mod serve;
mod services;
mod show;
mod waterfall;

use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// What is logged when RUST_LOG says nothing. The SIP stack logs whole messages, numbers included, at info.
const LOG_DEFAULT: &str = "info,ort=warn,h2=warn,hyper=warn,tower=warn,rsipstack=error";

/// Hualu 话路: a voice bot that answers telephone calls in Mandarin.
#[derive(Parser)]
#[command(version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answer calls: gateway, recognizer, dialogue and voice in one process.
    Serve(ServeArgs),
    /// Run the gateway alone; the configuration says where the services are.
    Gateway(GatewayArgs),
    /// Run the recognizer alone, or measure it.
    Asr(AsrArgs),
    /// Run the dialogue alone.
    Nlu(NluArgs),
    /// Run the voice alone.
    Tts(TtsArgs),
    /// Call a SIP address and play clips whenever the other side falls silent.
    Call(CallArgs),
    /// Hold a whole conversation with the sample hotline, over real SIP and RTP.
    Demo(DemoArgs),
    /// Check, try, test, measure and draw a bot.
    #[command(subcommand)]
    Bot(bot::BotCommand),
    /// Show where the time of each turn of a call went, from the turn records.
    Explain(ExplainArgs),
    /// Check what calls will need and say what to do.
    Doctor(DoctorArgs),
}

#[derive(Args, Clone)]
struct ServeArgs {
    /// The bot's directory.
    #[arg(long)]
    bot: PathBuf,
    /// The gateway's configuration; defaults without it.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Print each turn as it ends. Shows what callers say.
    #[arg(long)]
    show: bool,
    /// Recorded prompts for the embedded voice: a folder with prompts.toml and its WAV files.
    #[arg(long, value_name = "DIR")]
    prompts: Option<PathBuf>,
    #[command(flatten)]
    backends: BackendArgs,
}

/// Where the bot's back ends are.
#[derive(Args, Clone)]
struct BackendArgs {
    /// Base URL of a back end that the bot calls, as NAME=URL; may be given several times.
    #[arg(long, value_name = "NAME=URL")]
    backend: Vec<String>,
    /// Start a mock back end for the sample bots on loopback.
    #[arg(long)]
    mock_backend: bool,
}

#[derive(Args)]
struct GatewayArgs {
    /// The gateway's configuration.
    #[arg(long)]
    config: PathBuf,
    /// Print each turn as it ends. Shows what callers say.
    #[arg(long)]
    show: bool,
}

/// Where a service that runs alone listens, and how it ends.
#[derive(Args)]
struct ServiceArgs {
    /// Where to listen; without it at the configuration's address of this service, else at 127.0.0.1, port 7101 for the
    /// recognizer, 7102 for the dialogue, 7103 for the voice.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// The same configuration as the gateway's.
    #[arg(long)]
    config: Option<PathBuf>,
}

#[derive(Args)]
struct AsrArgs {
    #[command(subcommand)]
    command: Option<AsrCommand>,
    #[command(flatten)]
    service: ServiceArgs,
    /// The bot whose sentences tilt the language model.
    #[arg(long)]
    bot: Option<PathBuf>,
}

#[derive(Subcommand)]
enum AsrCommand {
    /// Measure errors and speed over a folder of WAV files with transcripts.tsv.
    Eval(asr::EvalArgs),
}

#[derive(Args)]
struct NluArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// The bot's directory.
    #[arg(long)]
    bot: PathBuf,
    #[command(flatten)]
    backends: BackendArgs,
}

#[derive(Args)]
struct TtsArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// The bot whose standing sentences are spoken before the first call.
    #[arg(long)]
    bot: Option<PathBuf>,
    /// Recorded prompts: a folder with prompts.toml and its WAV files. What is not recorded is synthesised.
    #[arg(long, value_name = "DIR")]
    prompts: Option<PathBuf>,
}

#[derive(Args)]
struct CallArgs {
    /// Whom to call: sip:user@host:port, optionally ;transport=tcp.
    uri: String,
    /// Clips to play, in order (WAV, any rate, mono or stereo).
    #[arg(long, num_args = 1..)]
    play: Vec<PathBuf>,
    /// Record both directions here: stereo WAV, left is what was sent.
    #[arg(long)]
    record: Option<PathBuf>,
    /// The other side counts as done after so much silence.
    #[arg(long, default_value_t = 900)]
    gap_ms: u64,
    /// End the call after so much silence when nothing is left to play.
    #[arg(long, default_value_t = 8_000)]
    patience_ms: u64,
    /// Do not read the other side's words with the embedded recognizer.
    #[arg(long)]
    no_transcript: bool,
}

#[derive(Args)]
struct DemoArgs {
    /// The bot's directory.
    #[arg(long, default_value = "bots/hotline_10086")]
    bot: PathBuf,
    /// Where the recording goes.
    #[arg(long, default_value = "out/demo.wav")]
    record: PathBuf,
    /// Keep answering calls afterwards, on port 5060.
    #[arg(long)]
    keep_serving: bool,
    /// Run the four services in four processes.
    #[arg(long, conflicts_with = "keep_serving")]
    processes: bool,
}

#[derive(Args)]
struct ExplainArgs {
    /// The call's id, its beginning, or `last`.
    call: String,
    /// The turn's number; all turns without it.
    turn: Option<u32>,
    /// The folder of turn records; `out/turns` by default.
    #[arg(long)]
    turns: Option<PathBuf>,
    /// The gateway's configuration, which names the folder.
    #[arg(long, conflicts_with = "turns")]
    config: Option<PathBuf>,
}

#[derive(Args)]
struct DoctorArgs {
    /// The gateway's configuration.
    #[arg(long)]
    config: Option<PathBuf>,
    /// A bot's directory to check.
    #[arg(long)]
    bot: Option<PathBuf>,
}

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG_DEFAULT));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(run(cli.command));
    // Threads that still render or decode are of no use to anybody now.
    runtime.shutdown_background();
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one command; whether it reached its goal.
async fn run(command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Serve(args) => serve::serve(args).await.map(|()| true),
        Command::Gateway(args) => serve::gateway(args).await.map(|()| true),
        Command::Asr(AsrArgs { command: Some(AsrCommand::Eval(args)), .. }) => asr::eval(args).map(|()| true),
        Command::Asr(args) => serve::asr(&args.service, args.bot.as_deref()).await.map(|()| true),
        Command::Nlu(args) => serve::nlu(args).await.map(|()| true),
        Command::Tts(args) => serve::tts(args).await.map(|()| true),
        Command::Call(args) => call::call(args).await,
        Command::Demo(args) => demo::demo(args).await,
        Command::Bot(command) => bot::run(command).await,
        Command::Explain(args) => explain::explain(&args).map(|()| true),
        Command::Doctor(args) => Ok(doctor::run(args.config.as_deref(), args.bot.as_deref())),
    }
}
