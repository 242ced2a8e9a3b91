//! The bot under test: `hualu serve` as a process of its own, found beside this binary.

use anyhow::{Context, bail};
use hualu_gateway::clock;
use std::net::{TcpListener, UdpSocket};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A running bot.
pub struct BotProcess {
    child: Child,
    sip_port: u16,
    admin_port: u16,
    /// Process start to its word that it is ready.
    pub started_after: Duration,
    _config: tempfile::TempDir,
}

impl BotProcess {
    /// Starts it on free ports of loopback, with the sample hotline and its mock back end.
    pub async fn start() -> anyhow::Result<Self> {
        let binary = std::env::current_exe()?.with_file_name("hualu");
        if !binary.is_file() {
            bail!(
                "{} is missing: build it first with the same profile (`cargo build --release -p hualu`)",
                binary.display()
            );
        }
        let sip_port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let admin_port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("gateway.toml");
        let config = format!(
            "[sip]\nudp = \"127.0.0.1:{sip_port}\"\ntcp = \"off\"\n[media]\nbind = \"127.0.0.1\"\n\
             [admin]\nlisten = \"127.0.0.1:{admin_port}\"\n"
        );
        std::fs::write(&path, config)?;
        let started = clock::now();
        let mut child = Command::new(binary)
            .args(["serve", "--bot", "bots/hotline_10086", "--mock-backend", "--config"])
            .arg(&path)
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the bot")?;
        let stdout = child.stdout.take().context("no output")?;
        let mut lines = BufReader::new(stdout).lines();
        loop {
            let line = tokio::time::timeout(Duration::from_secs(60), lines.next_line()).await??;
            match line {
                None => bail!("the bot ended before it was ready"),
                Some(line) if line.starts_with("ready") => break,
                Some(_) => {}
            }
        }
        let started_after = clock::now().saturating_duration_since(started);
        Ok(Self { child, sip_port, admin_port, started_after, _config: directory })
    }

    /// Whom to call.
    pub fn uri(&self) -> String {
        format!("sip:10086@127.0.0.1:{}", self.sip_port)
    }

    /// Resident memory in kB, as the kernel counts it.
    pub fn resident_kb(&self) -> anyhow::Result<u64> {
        let pid = self.child.id().context("the bot has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the kernel does not say")?;
        line.trim().trim_end_matches(" kB").parse().context("the kernel's number is not one")
    }

    /// Each stage's quantiles as the bot counts them, as rows of Markdown.
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
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("the bot does not end")
    }
}
