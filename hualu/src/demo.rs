//! `hualu demo`: a whole conversation with the sample hotline over real SIP and RTP. The caller's clips are spoken by the
//! embedded voice, turned into a man's; nothing in them is known to the recognizer beforehand.

use crate::call::{print_times, write_stereo};
use crate::serve::{self, LOOPBACK, Running};
use crate::{DemoArgs, explain, readback, services, show};
use anyhow::{Context, bail};
use hualu_core::SampleRate;
use hualu_core::dialogue::Say;
use hualu_gateway::GatewayEvent;
use hualu_gateway::config::Config;
use hualu_gateway::phone::{self, PhoneConfig, Script};
use hualu_tts::engine::Prosody;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// What the caller says, one sentence each time the bot falls silent.
const SENTENCES: [&str; 5] = ["我想查一下话费", "我想换个套餐", "五十九块的", "确认办理", "没有了，再见"];

/// What must have been understood for the call to count as a success, as the printed conversation shows it.
const GOALS: [&str; 5] = ["→ query_balance", "→ change_plan", "plan_fee=59", "订单号是", "ended: success (bot_hung_up"];

/// What must be heard of the bot when the recording is recognised back.
const SPOKEN: [&str; 5] =
    ["这里是话路智能客服", "您的话费余额是", "请问您想换每月多少钱的套餐", "确认办理吗", "感谢您的来电"];

/// The demo caller: lower and with a longer vocal tract than the bot's own voice.
const CALLER: Prosody = Prosody { rate: 1.0, pitch: 0.62, formant: 0.88, volume_db: 0.0 };

/// Lines of the conversation on their way to the terminal. Full means that the terminal is stuck: lines are dropped.
const LINES: usize = 256;

/// Holds the conversation; whether it reached its goal.
pub async fn demo(args: DemoArgs) -> anyhow::Result<bool> {
    println!("speaking the caller's sentences ...");
    let clips = speak(&SENTENCES).await?;
    println!("starting ...");
    let (bot, stage) = if args.processes {
        let stage = Processes::start(&args.bot).await?;
        (stage.sip, Stage::Processes(stage))
    } else {
        let running = in_process(&args).await?;
        let sip = running.gateway.addresses().0.context("the gateway speaks no UDP")?;
        (sip, Stage::InProcess(running))
    };
    let (lines, queue) = mpsc::channel(LINES);
    let stage = stage.follow(lines);
    let printer = tokio::spawn(print(queue));

    let (gap, patience, longest) = (Duration::from_millis(900), Duration::from_secs(10), Duration::from_secs(120));
    let script = Script::in_turn(clips, gap, patience, longest);
    let target = SocketAddr::new(LOOPBACK.ip(), bot.port());
    let outcome = phone::call(&format!("sip:10086@{target}"), PhoneConfig::default(), script).await?;
    // The end of the call is still on its way to the terminal.
    tokio::time::sleep(Duration::from_millis(500)).await;
    write_stereo(&args.record, &outcome.line)?;
    print_times(&outcome.line);
    println!("recorded to {} (left: caller, right: bot)", args.record.display());
    println!("turn records are in {}: `hualu explain last` shows where the time went", explain::TURNS);

    let keep = match stage {
        Stage::InProcess(running) if args.keep_serving => Some(running),
        stage => {
            stage.end().await;
            None
        }
    };
    let conversation = if keep.is_some() { printer_so_far(printer).await } else { printer.await? };
    let missing: Vec<_> = GOALS.iter().filter(|goal| !conversation.contains(**goal)).collect();
    let answered = outcome.line.exchanges.len() == SENTENCES.len();
    let heard = read_back(&args.record)?;
    let reached = missing.is_empty() && answered && heard;
    println!("{}", if reached { "the call reached its goal" } else { "THE CALL DID NOT REACH ITS GOAL" });
    if !reached {
        println!("missing: {missing:?}; sentences spoken: {} of {}", outcome.line.exchanges.len(), SENTENCES.len());
    }
    if let Some(running) = keep {
        println!("\nserving until Ctrl-C; call it with any softphone:");
        serve::announce(&running.gateway);
        running.run(true).await?;
    }
    Ok(reached)
}

/// Recognises the recording back; whether both sides can be heard in it.
fn read_back(path: &Path) -> anyhow::Result<bool> {
    let (caller, bot) = readback::Reader::open()?.check(path, &SENTENCES, &SPOKEN)?;
    for (side, track, phrases) in [("caller", &caller, SENTENCES.len()), ("bot", &bot, SPOKEN.len())] {
        println!("read back, {side}: {} of {phrases} phrases heard", phrases - track.missing.len());
        if !track.missing.is_empty() {
            println!("  missing {:?} in {:?}", track.missing, track.heard);
        }
    }
    Ok(caller.missing.is_empty() && bot.missing.is_empty())
}

/// Sentences in the caller's voice.
pub async fn speak(sentences: &[&str]) -> anyhow::Result<Vec<Arc<[i16]>>> {
    let voice = services::open_voice(CALLER, None)?;
    let mut clips = Vec::new();
    for sentence in sentences {
        let pcm = voice.render(&Say::plain(sentence), SampleRate::HZ_8000).await?;
        clips.push(pcm.into());
    }
    Ok(clips)
}

async fn in_process(args: &DemoArgs) -> anyhow::Result<Running> {
    let backends = serve::start_mock().await?;
    let mut config = Config { turn_records: Some(explain::TURNS.into()), ..Config::default() };
    if !args.keep_serving {
        config.sip.udp = Some(LOOPBACK);
        config.sip.tcp = None;
        config.media.bind = LOOPBACK.ip();
    }
    serve::start_all(config, &args.bot, backends, None).await
}

/// Where the bot runs during the demo.
enum Stage {
    InProcess(Running),
    Processes(Processes),
}

impl Stage {
    /// Sends the conversation's lines to `lines`.
    fn follow(mut self, lines: mpsc::Sender<String>) -> Self {
        match &mut self {
            Self::InProcess(running) => {
                let mut events = running.gateway.subscribe();
                tokio::spawn(async move {
                    while let Ok(event) = events.recv().await {
                        let ended = matches!(event, GatewayEvent::Ended { .. });
                        if lines.send(show::text(&event)).await.is_err() || ended {
                            return;
                        }
                    }
                });
            }
            Self::Processes(processes) => {
                if let Some(stdout) = processes.gateway.stdout.take() {
                    tokio::spawn(async move {
                        let mut output = BufReader::new(stdout).lines();
                        while let Ok(Some(line)) = output.next_line().await {
                            if lines.send(format!("{line}\n")).await.is_err() {
                                return;
                            }
                        }
                    });
                }
            }
        }
        self
    }

    async fn end(self) {
        match self {
            Self::InProcess(running) => running.end().await,
            // Children are killed when they are dropped.
            Self::Processes(processes) => drop(processes),
        }
    }
}

async fn print(mut lines: mpsc::Receiver<String>) -> String {
    let mut all = String::new();
    while let Some(line) = lines.recv().await {
        print!("{line}");
        all.push_str(&line);
    }
    all
}

/// The printer ends with the call's last line.
async fn printer_so_far(printer: tokio::task::JoinHandle<String>) -> String {
    match tokio::time::timeout(Duration::from_secs(5), printer).await {
        Ok(Ok(text)) => text,
        _ => String::new(),
    }
}

/// Recognizer, dialogue, voice and gateway as four processes of this same binary.
struct Processes {
    gateway: Child,
    _services: Vec<Child>,
    sip: SocketAddr,
    _config: tempfile::TempDir,
}

impl Processes {
    async fn start(bot: &Path) -> anyhow::Result<Self> {
        let [asr, nlu, tts, sip] = free_ports()?;
        let bot = bot.to_str().context("the bot's path is not UTF-8")?;
        // One configuration tells the gateway where the services are, and the services where to listen.
        let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
        let path = directory.path().join("hualu.toml");
        let config = format!(
            "[sip]\nudp = \"{sip}\"\ntcp = \"off\"\n[media]\nbind = \"127.0.0.1\"\n[services]\n\
             asr = \"http://{asr}\"\nnlu = \"http://{nlu}\"\ntts = \"http://{tts}\"\n\
             [records]\nturns = \"{}\"\n",
            explain::TURNS
        );
        std::fs::write(&path, config).context("cannot write the configuration")?;
        let path = path.to_str().context("the temporary directory's path is not UTF-8")?;
        let services = vec![
            child(&["asr", "--config", path, "--bot", bot])?,
            child(&["nlu", "--config", path, "--bot", bot, "--mock-backend"])?,
            child(&["tts", "--config", path, "--bot", bot])?,
        ];
        for (name, address) in [("asr", asr), ("nlu", nlu), ("tts", tts)] {
            wait_for(name, address).await?;
        }
        let mut gateway = child(&["gateway", "--config", path, "--show"])?;
        wait_until_ready(&mut gateway).await?;
        Ok(Self { gateway, _services: services, sip, _config: directory })
    }
}

fn child(args: &[&str]) -> anyhow::Result<Child> {
    let binary = std::env::current_exe().context("cannot find this binary")?;
    let mut command = Command::new(binary);
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    command.stdout(if args.first() == Some(&"gateway") { Stdio::piped() } else { Stdio::null() });
    command.spawn().with_context(|| format!("cannot start `hualu {}`", args.join(" ")))
}

/// Four addresses that are free now: three for services (TCP) and one for SIP (UDP).
fn free_ports() -> anyhow::Result<[SocketAddr; 4]> {
    let tcp = [
        std::net::TcpListener::bind(LOOPBACK)?,
        std::net::TcpListener::bind(LOOPBACK)?,
        std::net::TcpListener::bind(LOOPBACK)?,
    ];
    let udp = std::net::UdpSocket::bind(LOOPBACK)?;
    let [a, b, c] = &tcp;
    Ok([a.local_addr()?, b.local_addr()?, c.local_addr()?, udp.local_addr()?])
}

async fn wait_for(name: &str, address: SocketAddr) -> anyhow::Result<()> {
    for _ in 0..600 {
        if tokio::net::TcpStream::connect(address).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("`hualu {name}` did not listen on {address} within a minute")
}

/// Reads the gateway's output until it says that it is ready; the rest stays to be read.
async fn wait_until_ready(gateway: &mut Child) -> anyhow::Result<()> {
    let stdout = gateway.stdout.take().context("the gateway's output is not piped")?;
    let mut output = BufReader::new(stdout);
    let mut line = String::new();
    let ready = async {
        loop {
            line.clear();
            if output.read_line(&mut line).await? == 0 {
                bail!("the gateway ended before it was ready");
            }
            if line.starts_with("ready") {
                return Ok(());
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), ready)
        .await
        .context("the gateway was not ready within a minute")??;
    gateway.stdout = Some(output.into_inner());
    Ok(())
}
