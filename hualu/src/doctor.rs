//! `hualu doctor`: looks at what a call will need and says in one line each what to do.

use hualu_gateway::config::Config;
use hualu_models::{Kind, Manifest, runtime};
use std::fmt::Display;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;

/// Files a call holds open: RTP, RTCP, and its share of streams.
const FILES_PER_CALL: u64 = 4;

/// Files the process holds open without any call.
const FILES_BASE: u64 = 128;

/// Checks everything; whether nothing is wrong.
pub fn run(config_path: Option<&Path>, bot: Option<&Path>) -> bool {
    let mut report = Report { faults: 0 };
    let config = match config_path.map_or_else(|| Ok(Config::default()), Config::load) {
        Ok(config) => {
            report.good("config", config_path.map_or("defaults".to_owned(), |path| path.display().to_string()));
            config
        }
        Err(error) => {
            report.bad("config", error);
            Config::default()
        }
    };
    report.check("onnx runtime", onnx_runtime());
    models(&mut report);
    if let Some(bot) = bot {
        report.check("bot", hualu_nlu::Bot::load(bot).map(|loaded| loaded.id().to_owned()));
    }
    ports(&mut report, &config);
    report.check("open files", open_files(&config));
    report.faults == 0
}

struct Report {
    faults: usize,
}

impl Report {
    fn good(&self, what: &str, found: impl Display) {
        println!("ok    {what}: {found}");
    }

    fn bad(&mut self, what: &str, reason: impl Display) {
        self.faults += 1;
        println!("FAIL  {what}: {reason}");
    }

    fn check(&mut self, what: &str, result: Result<impl Display, impl Display>) {
        match result {
            Ok(found) => self.good(what, found),
            Err(reason) => self.bad(what, reason),
        }
    }
}

fn onnx_runtime() -> Result<String, String> {
    let path = runtime::library_path().ok_or(runtime::RuntimeError::Missing).map_err(|error| error.to_string())?;
    let version = runtime::check_version(&path).map_err(|error| error.to_string())?;
    Ok(format!("{version} at {}", path.display()))
}

fn models(report: &mut Report) {
    let manifest = match Manifest::find() {
        Ok(manifest) => manifest,
        Err(error) => return report.bad("models", error),
    };
    for kind in [Kind::Asr, Kind::Tts, Kind::Lexicon, Kind::Lm] {
        let what = format!("{kind:?} model").to_lowercase();
        report.check(
            &what,
            manifest.model(kind, "").map(|model| format!("{} ({})", model.entry().id, model.entry().licence)),
        );
    }
}

fn ports(report: &mut Report, config: &Config) {
    if let Some(address) = config.sip.udp {
        report
            .check("sip over udp", UdpSocket::bind(address).map(|_| address).map_err(|error| taken(&address, &error)));
    }
    if let Some(address) = config.sip.tcp {
        report.check(
            "sip over tcp",
            TcpListener::bind(address).map(|_| address).map_err(|error| taken(&address, &error)),
        );
    }
    if let Some(address) = config.admin {
        report.check("admin", TcpListener::bind(address).map(|_| address).map_err(|error| taken(&address, &error)));
    }
    let media = &config.media;
    let last = media.port_max - 1;
    let bound = [media.port_min, last]
        .into_iter()
        .try_for_each(|port| UdpSocket::bind((media.bind, port)).map(drop).map_err(|error| taken(&port, &error)));
    report.check("rtp ports", bound.map(|()| format!("{}-{}", media.port_min, media.port_max)));
}

fn taken(what: &impl Display, error: &std::io::Error) -> String {
    format!("{what}: {error}; stop what uses it or change the address")
}

/// The soft limit on open files, from the kernel's own table.
fn open_files(config: &Config) -> Result<String, String> {
    let limits = std::fs::read_to_string("/proc/self/limits").map_err(|error| error.to_string())?;
    let limit = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|rest| rest.split_whitespace().next())
        .map(|soft| soft.parse::<u64>().unwrap_or(u64::MAX))
        .ok_or("the kernel does not say")?;
    let needed = FILES_BASE + FILES_PER_CALL * config.limits.calls_max as u64;
    if limit < needed {
        return Err(format!(
            "{limit} allowed, {needed} needed for {} calls: run `ulimit -n {needed}`",
            config.limits.calls_max
        ));
    }
    Ok(format!("{limit} allowed, {needed} needed"))
}
