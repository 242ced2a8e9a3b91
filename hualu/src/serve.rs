//! `hualu serve` and `hualu gateway`: answers calls until it is told to stop.

use crate::services::{self, Backends, Served, until_signal};
use crate::{BackendArgs, GatewayArgs, NluArgs, ServeArgs, ServiceArgs, TtsArgs, show};
use anyhow::Context;
use hualu_gateway::Gateway;
use hualu_gateway::admin::{self, Readiness};
use hualu_gateway::config::{Config, ServiceAddress, ServicesConfig};
use hualu_gateway::engines::{Engines, RecognizerSource};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often histograms are folded.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// Any free port of this machine.
pub const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Everything in one process.
pub async fn serve(args: ServeArgs) -> anyhow::Result<()> {
    let config = load(args.config.as_deref())?;
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
pub async fn asr(args: &ServiceArgs, bot: Option<&Path>) -> anyhow::Result<()> {
    let (config, listen) = service(args, "asr", |services| &services.asr, 7_101)?;
    let served = services::serve_asr(listen, bot, config.limits.calls_max).await?;
    run_service("asr", served, &config).await
}

/// The dialogue alone.
pub async fn nlu(args: NluArgs) -> anyhow::Result<()> {
    let (config, listen) = service(&args.service, "nlu", |services| &services.nlu, 7_102)?;
    let backends = backends(args.backends).await?;
    let served = services::serve_nlu(listen, &args.bot, backends).await?;
    run_service("nlu", served, &config).await
}

/// The voice alone.
pub async fn tts(args: TtsArgs) -> anyhow::Result<()> {
    let (config, listen) = service(&args.service, "tts", |services| &services.tts, 7_103)?;
    let standing = args.bot.as_deref().map(services::load_bot).transpose()?;
    let standing = standing.map(|bot| bot.standing_prompts()).unwrap_or_default();
    let served = services::serve_tts(listen, &standing, args.prompts.as_deref()).await?;
    run_service("tts", served, &config).await
}

/// The configuration of a service that runs alone, and where it listens.
fn service(
    args: &ServiceArgs,
    name: &'static str,
    address: impl Fn(&ServicesConfig) -> &ServiceAddress,
    port: u16,
) -> anyhow::Result<(Config, SocketAddr)> {
    let config = load(args.config.as_deref())?;
    let configured = || address(&config.services).listen(name).map_err(anyhow::Error::msg);
    let listen = args.listen.map_or_else(configured, |listen| Ok(Some(listen)))?;
    Ok((config, listen.unwrap_or_else(|| SocketAddr::new(LOOPBACK.ip(), port))))
}

/// Serves until a signal comes, then drains; a second signal ends it at once.
async fn run_service(name: &str, served: Served, config: &Config) -> anyhow::Result<()> {
    println!("ready   {name} at http://{}", served.address);
    until_signal().await?;
    tracing::info!("stopping: no new streams, those that run may end");
    or_second_signal(served.drain(config.limits.drain)).await
}

/// Waits for the end of a drain, or for the signal that says that it is not to be waited for.
async fn or_second_signal(drained: impl Future<Output = ()>) -> anyhow::Result<()> {
    tokio::select! {
        () = drained => Ok(()),
        signalled = until_signal() => {
            tracing::warn!("told to stop again: ending at once");
            signalled
        }
    }
}

fn load(path: Option<&Path>) -> anyhow::Result<Config> {
    Ok(path.map_or_else(|| Ok(Config::default()), Config::load)?)
}

/// A gateway with its admin server.
pub struct Running {
    /// The gateway.
    pub gateway: Gateway,
    readiness: Readiness,
    stop: CancellationToken,
    drain: Duration,
}

impl Running {
    /// Answers calls until a signal comes, then drains.
    ///
    /// # Errors
    /// When a part of the gateway ended by itself: it is no longer ready, calls that are left say goodbye, and the
    /// process is to be started anew.
    pub async fn run(self, show: bool) -> anyhow::Result<()> {
        if show {
            tokio::spawn(show::follow(self.gateway.subscribe()));
        }
        let broken = tokio::select! {
            signalled = until_signal() => {
                signalled?;
                None
            }
            broken = self.gateway.broken() => Some(broken),
        };
        if let Some(broken) = broken {
            tracing::error!(%broken, calls = self.gateway.calls_active(), "stopping: a part of the gateway is lost");
            or_second_signal(self.end_within(Duration::ZERO)).await?;
            return Err(broken.into());
        }
        tracing::info!(calls = self.gateway.calls_active(), "stopping: no new calls, those in progress may end");
        or_second_signal(self.end()).await
    }

    /// Drains and ends.
    pub async fn end(self) {
        let drain = self.drain;
        self.end_within(drain).await;
    }

    async fn end_within(self, drain: Duration) {
        self.readiness.set(false);
        self.gateway.stop(drain).await;
        self.stop.cancel();
    }
}

/// Starts the mock back end of the sample bots.
pub async fn start_mock() -> anyhow::Result<Backends> {
    let address = hualu_nlu::backend_mock::start(LOOPBACK).await.context("the mock back end cannot listen")?;
    Ok(hualu_nlu::backend_mock::addresses(address))
}

/// The back ends that the command line names; the mock plays the others if it is asked for.
pub async fn backends(args: BackendArgs) -> anyhow::Result<Backends> {
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
        let address = services::serve_nlu(LOOPBACK, bot, backends).await?.address;
        config.services.nlu = ServiceAddress::Remote(format!("http://{address}"));
    }
    if config.services.tts == ServiceAddress::Embedded {
        let address = services::serve_tts(LOOPBACK, &loaded.standing_prompts(), prompts).await?.address;
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
    let (admin, drain) = (config.admin, config.limits.drain);
    let gateway = Gateway::start(config, engines).await?;
    let (readiness, stop) = (Readiness::default(), CancellationToken::new());
    if let Some(listen) = admin {
        let bound = admin::serve(listen, readiness.clone(), metrics, stop.clone())
            .await
            .with_context(|| format!("admin.listen: cannot listen on {listen}"))?;
        println!("admin   http://{bound}/metrics");
    }
    readiness.set(true);
    Ok(Running { gateway, readiness, stop, drain })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_gateway_whose_sip_stack_died_ends_with_an_error_that_says_so() {
        let nowhere = || ServiceAddress::Remote("http://127.0.0.1:9".to_owned());
        let folder = std::env::temp_dir().join(format!("hualu-serve-{}", std::process::id()));
        let mut config = Config { cache: Some(folder), ..Config::default() };
        (config.sip.udp, config.sip.tcp) = (Some(LOOPBACK), None);
        (config.services.asr, config.services.nlu, config.services.tts) = (nowhere(), nowhere(), nowhere());
        let running = start_gateway(config, None, None).await.expect("loopback can be bound");
        let readiness = running.readiness.clone();
        assert!(readiness.is_ready());
        running.gateway.sip().shutdown();
        let outcome = tokio::time::timeout(Duration::from_secs(20), running.run(false)).await.expect("it ends");
        let error = outcome.expect_err("the process must not end well").to_string();
        assert!(error.contains("SIP stack stopped by itself"), "{error}");
        assert!(!readiness.is_ready());
    }
}
