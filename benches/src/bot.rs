//! The bot under test as processes of their own: `hualu serve`, or a gateway and its services apart. The binary is found
//! beside this one.

use anyhow::{Context, bail};
use hualu_gateway::clock;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The sample hotline.
pub const HOTLINE: &str = "bots/hotline_10086";

/// Ports for RTP, apart from those that a bot of this machine uses by default.
const PORTS: &str = "[22000, 23999]";

/// The longest start.
const START_MAX: Duration = Duration::from_secs(120);

/// What is to be started.
pub struct Setup {
    bot: String,
    /// Recognizer, dialogue and voice; in the same process when `None`.
    services: Option<[SocketAddr; 3]>,
    /// Where turn records are wanted; in a folder that goes with the bot when `None`.
    turns: Option<PathBuf>,
}

impl Setup {
    /// Everything in one process, for the bot in this folder.
    #[must_use]
    pub fn embedded(bot: &str) -> Self {
        Self { bot: bot.to_owned(), services: None, turns: None }
    }

    /// The gateway alone: recognizer, dialogue and voice are at these addresses.
    #[must_use]
    pub fn gateway(asr: SocketAddr, nlu: SocketAddr, tts: SocketAddr) -> Self {
        Self { bot: String::new(), services: Some([asr, nlu, tts]), turns: None }
    }

    /// With turn records in `folder`, if that is given.
    #[must_use]
    pub fn recorded_in(self, folder: Option<PathBuf>) -> Self {
        Self { turns: folder, ..self }
    }

    fn config(&self, sip_port: u16, admin_port: u16, turns: &Path) -> String {
        let services = self.services.map_or_else(String::new, |[asr, nlu, tts]| {
            format!("[services]\nasr = \"http://{asr}\"\nnlu = \"http://{nlu}\"\ntts = \"http://{tts}\"\n")
        });
        format!(
            "[sip]\nudp = \"127.0.0.1:{sip_port}\"\ntcp = \"off\"\n[media]\nbind = \"127.0.0.1\"\nports = {PORTS}\n\
             [admin]\nlisten = \"127.0.0.1:{admin_port}\"\n[records]\nturns = \"{}\"\n{services}",
            turns.display()
        )
    }

    fn arguments(&self, config: &Path) -> Vec<String> {
        let config = format!("--config={}", config.display());
        match self.services {
            None => vec!["serve".to_owned(), format!("--bot={}", self.bot), "--mock-backend".to_owned(), config],
            Some(_) => vec!["gateway".to_owned(), config],
        }
    }
}

/// A running bot that answers calls.
pub struct BotProcess {
    child: Child,
    sip_port: u16,
    admin_port: u16,
    /// Process start to its word that it is ready.
    pub started_after: Duration,
    turns: PathBuf,
    _folder: tempfile::TempDir,
}

impl BotProcess {
    /// Starts it on free ports of loopback, with turn records and the mock back end of the sample bots.
    ///
    /// # Errors
    /// When the binary is missing, or is not ready in time.
    pub async fn start(setup: &Setup) -> anyhow::Result<Self> {
        let sip_port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let admin_port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("gateway.toml");
        let turns = setup.turns.clone().unwrap_or_else(|| folder.path().join("turns"));
        std::fs::write(&path, setup.config(sip_port, admin_port, &turns))?;
        let started = clock::now();
        let (child, _) = spawn(&setup.arguments(&path)).await?;
        let started_after = clock::now().saturating_duration_since(started);
        Ok(Self { child, sip_port, admin_port, started_after, turns, _folder: folder })
    }

    /// Whom to call.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("sip:10086@127.0.0.1:{}", self.sip_port)
    }

    /// Where its turn records are.
    #[must_use]
    pub fn turns(&self) -> &Path {
        &self.turns
    }

    /// Resident memory in kB, as the kernel counts it.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn resident_kb(&self) -> anyhow::Result<u64> {
        let pid = self.child.id().context("the bot has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the kernel does not say")?;
        line.trim().trim_end_matches(" kB").parse().context("the kernel's number is not one")
    }

    /// Each stage's quantiles as the bot counts them, as rows of Markdown.
    ///
    /// # Errors
    /// When its admin address does not answer.
    pub async fn stage_rows(&self) -> anyhow::Result<Vec<String>> {
        let url = format!("http://127.0.0.1:{}/metrics", self.admin_port);
        let text = reqwest::get(url).await?.error_for_status()?.text().await?;
        let value = |stage: &str, quantile: &str| {
            let prefix = format!("hualu_stage_duration_seconds{{stage=\"{stage}\",quantile=\"{quantile}\"}} ");
            text.lines().find_map(|line| line.strip_prefix(&prefix)?.parse::<f64>().ok())
        };
        let rows = ["ingest", "endpoint", "asr", "nlu", "tts", "playout"].into_iter().filter_map(|stage| {
            let cells: Option<Vec<String>> = ["0.5", "0.95", "0.99"]
                .into_iter()
                .map(|quantile| value(stage, quantile).map(|seconds| format!("{:.1}", seconds * 1_000.0)))
                .collect();
            Some(format!("| {stage} | {} |", cells?.join(" | ")))
        });
        Ok(rows.collect())
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("the bot does not end")
    }
}

/// A recognizer, dialogue or voice in a process of its own.
pub struct Service {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Service {
    /// Starts `hualu NAME` with these arguments on a free port.
    ///
    /// # Errors
    /// As [`BotProcess::start`].
    pub async fn start(name: &str, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut all = vec![name.to_owned(), "--listen=127.0.0.1:0".to_owned()];
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        let (child, ready) = spawn(&all).await?;
        let address = ready.rsplit("http://").next().unwrap_or_default();
        let address = address.parse().with_context(|| format!("`{ready}` names no address"))?;
        Ok(Self { child, address })
    }

    /// Stops every thread of it until [`Service::resume`].
    ///
    /// # Errors
    /// When it is gone.
    pub async fn pause(&self) -> anyhow::Result<()> {
        self.signal("STOP").await
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it is gone.
    pub async fn resume(&self) -> anyhow::Result<()> {
        self.signal("CONT").await
    }

    /// Kills it.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("the service does not end")
    }

    async fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let pid = self.child.id().context("the service has ended")?;
        let status = Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]).status().await;
        if !status.context("cannot run `kill`")?.success() {
            bail!("`kill -{signal} {pid}` failed");
        }
        Ok(())
    }
}

/// Starts the binary and waits for the line that says it is ready.
async fn spawn(arguments: &[String]) -> anyhow::Result<(Child, String)> {
    let mut child = Command::new(binary()?)
        .args(arguments)
        .env("RUST_LOG", "error")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start `hualu {}`", arguments.join(" ")))?;
    let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
    loop {
        let line = tokio::time::timeout(START_MAX, lines.next_line()).await;
        match line.with_context(|| format!("`hualu {}` was not ready in time", arguments.join(" ")))?? {
            None => bail!("`hualu {}` ended before it was ready", arguments.join(" ")),
            Some(line) if line.starts_with("ready") => return Ok((child, line)),
            Some(_) => {}
        }
    }
}

/// The command, built with the profile of this binary; `cargo bench` puts its binaries one folder deeper.
fn binary() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let beside = own.with_file_name("hualu");
    let above = own.parent().and_then(Path::parent).map(|folder| folder.join("hualu"));
    [Some(beside), above].into_iter().flatten().find(|path| path.is_file()).with_context(|| {
        format!(
            "there is no `hualu` beside {}: build it first with the same profile (`cargo build --release -p hualu`)",
            own.display()
        )
    })
}
