//! `hualu serve` and `hualu gateway`: answers calls until it is told to stop.

use crate::services::{self, Backends, until_signal};
use crate::{BackendArgs, GatewayArgs, NluArgs, ServeArgs, TtsArgs, show};
use anyhow::Context;
use hualu_gateway::Gateway;
use hualu_gateway::admin::{self, Readiness};
use hualu_gateway::config::{Config, ServiceAddress};
use hualu_gateway::engines::{Engines, RecognizerSource};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long calls may go on after the process was told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Streams that a recognizer without a gateway takes at once.
const STREAMS_MAX: usize = 500;

/// How often histograms are folded.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// Any free port of this machine.
pub const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Everything in one process.
pub async fn serve(args: ServeArgs) -> anyhow::Result<()> {
    let config = args.config.as_deref().map_or_else(|| Ok(Config::default()), Config::load)?;
    let backends = backends(args.backends).await?;
    let running = start_all(config, &args.bot, backends, args.prompts.as_deref()).await?;
    announce(&running.gateway);
    running.run(args.show).await
}

/// The gateway alone.
pub async fn gateway(args: GatewayArgs) -> anyhow::Result<()> {
    let config = Config::load(&args.config)?;
    let running = start_gateway(config, None, None).await?;
    announce(&running.gateway);
    running.run(args.show).await
}

/// The recognizer alone.
pub async fn asr(listen: SocketAddr, bot: Option<&Path>) -> anyhow::Result<()> {
    let bound = services::serve_asr(listen, bot, STREAMS_MAX).await?;
    println!("ready   asr at http://{bound}");
    until_signal().await
}

/// The dialogue alone.
pub async fn nlu(args: NluArgs) -> anyhow::Result<()> {
    let backends = backends(args.backends).await?;
    let bound = services::serve_nlu(args.listen, &args.bot, backends).await?;
    println!("ready   nlu at http://{bound}");
    until_signal().await
}

/// The voice alone.
pub async fn tts(args: TtsArgs) -> anyhow::Result<()> {
    let standing = args.bot.as_deref().map(services::load_bot).transpose()?;
    let standing = standing.map(|bot| bot.standing_prompts()).unwrap_or_default();
    let bound = services::serve_tts(args.listen, &standing, args.prompts.as_deref()).await?;
    println!("ready   tts at http://{bound}");
    until_signal().await
}

/// A gateway with its admin server.
pub struct Running {
    /// The gateway.
    pub gateway: Gateway,
    readiness: Readiness,
    stop: CancellationToken,
}

impl Running {
    /// Answers calls until a signal comes, then drains.
    pub async fn run(self, show: bool) -> anyhow::Result<()> {
        if show {
            tokio::spawn(show::follow(self.gateway.subscribe()));
        }
        until_signal().await?;
        tracing::info!(calls = self.gateway.calls_active(), "stopping: calls in progress say goodbye");
        self.end().await;
        Ok(())
    }

    /// Drains and ends.
    pub async fn end(self) {
        self.readiness.set(false);
        self.gateway.stop(DRAIN).await;
        self.stop.cancel();
    }
}

/// Starts the mock back end of the sample bots.
pub async fn start_mock() -> anyhow::Result<Backends> {
    let address = hualu_nlu::backend_mock::start(LOOPBACK).await.context("the mock back end cannot listen")?;
    Ok(hualu_nlu::backend_mock::addresses(address))
}

/// The back ends that the command line names; the mock plays the others if it is asked for.
async fn backends(args: BackendArgs) -> anyhow::Result<Backends> {
    let mut backends = if args.mock_backend { start_mock().await? } else { Backends::new() };
    for text in args.backend {
        let (name, url) = text.split_once('=').with_context(|| format!("--backend {text}: write NAME=URL"))?;
        backends.insert(name.to_owned(), url.to_owned());
    }
    Ok(backends)
}

/// Starts every service that the configuration does not place elsewhere, and the gateway.
///
/// `prompts` is a folder of recorded prompts for the embedded voice.
pub async fn start_all(
    mut config: Config,
    bot: &Path,
    backends: Backends,
    prompts: Option<&Path>,
) -> anyhow::Result<Running> {
    let loaded = services::load_bot(bot)?;
    if config.services.nlu == ServiceAddress::Embedded {
        let address = services::serve_nlu(LOOPBACK, bot, backends).await?;
        config.services.nlu = ServiceAddress::Remote(format!("http://{address}"));
    }
    if config.services.tts == ServiceAddress::Embedded {
        let address = services::serve_tts(LOOPBACK, &loaded.standing_prompts(), prompts).await?;
        config.services.tts = ServiceAddress::Remote(format!("http://{address}"));
    }
    start_gateway(config, Some(bot), None).await
}

/// Starts the gateway; an embedded recognizer is tilted to `bot`.
pub async fn start_gateway(
    mut config: Config,
    bot: Option<&Path>,
    metrics: Option<PrometheusHandle>,
) -> anyhow::Result<Running> {
    let services = config.services.clone();
    let recognizer = match &services.asr {
        ServiceAddress::Embedded => {
            RecognizerSource::Embedded(Arc::new(services::recognizer(bot, config.limits.calls_max)?))
        }
        ServiceAddress::Remote(address) => RecognizerSource::remote(address, services.connect_timeout)?,
    };
    let engines = Engines::connect(
        recognizer,
        services.nlu.remote("nlu")?,
        services.tts.remote("tts")?,
        "",
        services.connect_timeout,
    )?;
    let metrics = match metrics {
        None => PrometheusBuilder::new().install_recorder().ok(),
        given => given,
    };
    if let Some(handle) = metrics.clone() {
        // Samples of histograms are folded only here; without it they would pile up while nobody reads them.
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(METRICS_UPKEEP).await;
                handle.run_upkeep();
            }
        });
    }
    if config.cache.is_none() {
        config.cache = prompt_cache();
    }
    let admin = config.admin;
    let gateway = Gateway::start(config, engines).await?;
    let (readiness, stop) = (Readiness::default(), CancellationToken::new());
    if let Some(listen) = admin {
        let bound = admin::serve(listen, readiness.clone(), metrics, stop.clone())
            .await
            .with_context(|| format!("admin.listen: cannot listen on {listen}"))?;
        println!("admin   http://{bound}/metrics");
    }
    readiness.set(true);
    Ok(Running { gateway, readiness, stop })
}

/// Where prepared sentences are kept unless the configuration says otherwise: the user's cache folder.
fn prompt_cache() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("HUALU_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("hualu")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache/hualu")))
        .map(|cache| cache.join("prompts"))
}

/// Says where to call.
pub fn announce(gateway: &Gateway) {
    let (udp, tcp) = gateway.addresses();
    for (address, transport) in [(udp, "udp"), (tcp, "tcp")] {
        if let Some(address) = address {
            println!("ready   sip:10086@{address};transport={transport}");
        }
    }
}
