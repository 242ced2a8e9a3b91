//! The gateway's configuration: TOML in, a checked [`Config`] out, every fault reported at once.

mod reader;
mod trunks;
mod turns;

pub use reader::{Fault, Reader, Section};
pub use trunks::TrunkConfig;
pub use turns::{MenuConfig, TurnSettings};

use hualu_sip::Subnet;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, fs, io};

/// The longest time that may be configured, in seconds: past it a mistake is likelier than a wish, and times that are
/// added to the clock must fit into it.
const DAY_S: u64 = 86_400;

/// Everything that the gateway must know, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where SIP is spoken.
    pub sip: SipConfig,
    /// The trunks that we have accounts at.
    pub trunks: Vec<TrunkConfig>,
    /// Where media flows.
    pub media: MediaConfig,
    /// Where the services are.
    pub services: ServicesConfig,
    /// How many calls are taken.
    pub limits: LimitsConfig,
    /// How turns are taken.
    pub turns: TurnSettings,
    /// The same, for bots that have it otherwise.
    pub bots: BTreeMap<String, TurnSettings>,
    /// Where health, readiness and metrics are served; nowhere when `None`.
    pub admin: Option<SocketAddr>,
    /// Where calls are recorded as stereo WAV; nowhere when `None`.
    pub record: Option<PathBuf>,
    /// Where turn records are written; nowhere when `None`. They hold what callers say.
    pub turn_records: Option<PathBuf>,
    /// Where prepared sentences are kept from one start to the next; nowhere when `None`.
    pub cache: Option<PathBuf>,
    /// Queue name (or `default`) to the SIP URI that a transfer to it goes to.
    pub transfer: BTreeMap<String, String>,
}

/// See [`Config::sip`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipConfig {
    /// UDP address; none when `None`.
    pub udp: Option<SocketAddr>,
    /// TCP address; none when `None`.
    pub tcp: Option<SocketAddr>,
    /// The address written into Contact and SDP; chosen per peer by routing when `None`.
    pub public: Option<IpAddr>,
    /// Source networks that may call; everybody when empty.
    pub allow: Vec<Subnet>,
}

/// See [`Config::media`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaConfig {
    /// Address that RTP sockets are bound to.
    pub bind: IpAddr,
    /// First RTP port, even.
    pub port_min: u16,
    /// Last port of the last pair, odd.
    pub port_max: u16,
    /// Media threads.
    pub threads: usize,
    /// A call without a packet for so long ends.
    pub timeout: Duration,
}

/// Where one service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceAddress {
    /// In this process.
    Embedded,
    /// At an `http://host:port` address.
    Remote(String),
}

impl ServiceAddress {
    /// The socket that the service itself listens on: the configured `host:port`, resolved. `None` when it is embedded.
    ///
    /// # Errors
    /// A sentence that says what to do when the address names no socket of a machine.
    pub fn listen(&self, key: &'static str) -> Result<Option<SocketAddr>, String> {
        let Self::Remote(url) = self else { return Ok(None) };
        let authority = url.trim_start_matches("http://").split('/').next().unwrap_or_default();
        let found = authority.to_socket_addrs().ok().and_then(|mut found| found.next());
        found.map(Some).ok_or_else(|| {
            format!("services.{key}: `{url}` is no address to listen on: write http://host:port, or give --listen")
        })
    }
}

/// See [`Config::services`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicesConfig {
    /// The recognizer.
    pub asr: ServiceAddress,
    /// The dialogue.
    pub nlu: ServiceAddress,
    /// The voice.
    pub tts: ServiceAddress,
    /// Bot id sent with each call; empty for the dialogue service's default.
    pub bot: String,
    /// Time to connect to a service.
    pub connect_timeout: Duration,
}

/// See [`Config::limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Calls at once; more are refused with 503.
    pub calls_max: usize,
    /// A call lasts at most so long.
    pub call_duration_max: Duration,
    /// How long calls may go on after the process was told to stop; what is left then is ended with a prepared sentence.
    pub drain: Duration,
}

/// Why a configuration is refused.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    Read(PathBuf, io::Error),
    /// The file is not TOML.
    Syntax(PathBuf, String),
    /// Some fields are wrong; all of them are listed.
    Faults(PathBuf, Vec<Fault>),
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::Syntax(path, error) => write!(f, "{} is not valid TOML: {error}", path.display()),
            Self::Faults(path, faults) => {
                write!(f, "{} has {} fault(s):", path.display(), faults.len())?;
                faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
            }
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Self {
            sip: SipConfig {
                udp: Some(SocketAddr::new(any, 5060)),
                tcp: Some(SocketAddr::new(any, 5060)),
                public: None,
                allow: Vec::new(),
            },
            trunks: Vec::new(),
            media: MediaConfig {
                bind: any,
                port_min: 20_000,
                port_max: 21_999,
                threads: default_threads(),
                timeout: Duration::from_secs(30),
            },
            services: ServicesConfig {
                asr: ServiceAddress::Embedded,
                nlu: ServiceAddress::Embedded,
                tts: ServiceAddress::Embedded,
                bot: String::new(),
                connect_timeout: Duration::from_millis(500),
            },
            limits: LimitsConfig {
                calls_max: 500,
                call_duration_max: Duration::from_secs(3_600),
                drain: Duration::from_secs(300),
            },
            turns: TurnSettings::default(),
            bots: BTreeMap::new(),
            admin: None,
            record: None,
            turn_records: None,
            cache: None,
            transfer: BTreeMap::new(),
        }
    }
}

/// One media thread for every four cores: each carries about a thousand calls.
fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 4).max(1))
}

/// Where a file is no TOML, and why. The line itself is not shown, for it may hold a password.
fn place(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
    line.map_or_else(|| error.message().to_owned(), |line| format!("line {line}: {}", error.message()))
}

impl Config {
    /// Reads and checks a TOML file.
    ///
    /// # Errors
    /// [`ConfigError`]; with [`ConfigError::Faults`] all faults at once.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|error| ConfigError::Read(path.to_owned(), error))?;
        Self::parse(&text, path)
    }

    /// Checks the text of a TOML file; `path` only names it in errors.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let parsed = text.parse::<toml::Table>();
        let document = parsed.map_err(|error| ConfigError::Syntax(path.to_owned(), place(text, &error)))?;
        let mut reader = Reader::new(document);
        let mut config = Self::default();
        config.read_sip(&mut reader);
        config.trunks = trunks::read(&mut reader, &config.sip.allow);
        config.read_media(&mut reader);
        config.read_services(&mut reader);
        config.read_rest(&mut reader);
        config.read_turns(&mut reader);
        let faults = reader.finish();
        if faults.is_empty() { Ok(config) } else { Err(ConfigError::Faults(path.to_owned(), faults)) }
    }

    /// How the turns of `bot`'s calls are taken.
    #[must_use]
    pub fn turns_of(&self, bot: &str) -> &TurnSettings {
        self.bots.get(bot).unwrap_or(&self.turns)
    }

    fn read_turns(&mut self, reader: &mut Reader) {
        self.turns.read(reader);
        for (id, table) in reader.named("bots") {
            let mut inner = Reader::new(table);
            let mut settings = self.turns.clone();
            settings.read(&mut inner);
            let prefix = format!("bots.{id}");
            reader.absorb(&prefix, inner);
            self.bots.insert(id, settings);
        }
        let all = self.bots.iter().map(|(id, settings)| (format!("bots.{id}.menu"), settings));
        for (prefix, settings) in std::iter::once(("menu".to_owned(), &self.turns)).chain(all) {
            for (key, target) in settings.lost_keys(&self.transfer) {
                let reason = format!("`{target}` is no queue of transfer.queues, which has no default either");
                reader.fault(&format!("{prefix}.keys.{key}"), reason);
            }
        }
    }

    fn read_sip(&mut self, reader: &mut Reader) {
        let mut section = reader.section("sip");
        for (key, field) in [("udp", &mut self.sip.udp), ("tcp", &mut self.sip.tcp)] {
            match section.take::<String>(key).as_deref() {
                None => {}
                Some("off") => *field = None,
                Some(text) => match text.parse() {
                    Ok(address) => *field = Some(address),
                    Err(_) => section.fault(key, format!("`{text}` is neither `off` nor an address like 0.0.0.0:5060")),
                },
            }
        }
        if self.sip.udp.is_none() && self.sip.tcp.is_none() {
            section.fault("udp", "both udp and tcp are off: no call could come in".to_owned());
        }
        self.sip.public = section.parse("public", str::parse::<IpAddr>);
        for text in section.take::<Vec<String>>("allow").unwrap_or_default() {
            match text.parse() {
                Ok(network) => self.sip.allow.push(network),
                Err(error) => section.fault("allow", format!("{error}")),
            }
        }
    }

    fn read_media(&mut self, reader: &mut Reader) {
        let mut section = reader.section("media");
        let media = &mut self.media;
        if let Some(bind) = section.parse("bind", str::parse) {
            media.bind = bind;
        }
        if let Some([first, last]) = section.take::<[u16; 2]>("ports") {
            (media.port_min, media.port_max) = (first, last);
            if first < 1_024 || first % 2 != 0 || last <= first || last % 2 == 0 {
                let reason =
                    format!("[{first}, {last}] must run from an even port (RTP) above 1023 to an odd one (RTCP)");
                section.fault("ports", reason);
            }
        }
        if let Some(threads) = section.take::<usize>("threads") {
            if !(1..=64).contains(&threads) {
                section.fault("threads", format!("{threads} is not between 1 and 64"));
            }
            media.threads = threads;
        }
        // Less would end calls on a short silence.
        if let Some(seconds) = section.within("timeout_s", 5..=DAY_S) {
            media.timeout = Duration::from_secs(seconds);
        }
    }

    fn read_services(&mut self, reader: &mut Reader) {
        let mut section = reader.section("services");
        let services = &mut self.services;
        for (key, field) in [("asr", &mut services.asr), ("nlu", &mut services.nlu), ("tts", &mut services.tts)] {
            match section.take::<String>(key) {
                None => {}
                Some(text) if text == "embedded" => *field = ServiceAddress::Embedded,
                Some(text) if text.starts_with("http://") && text.len() > 7 => *field = ServiceAddress::Remote(text),
                Some(text) => {
                    let reason = format!("`{text}` is neither `embedded` nor an address like http://127.0.0.1:7101");
                    section.fault(key, reason);
                }
            }
        }
        if let Some(bot) = section.take("bot") {
            services.bot = bot;
        }
        if let Some(ms) = section.within("connect_timeout_ms", 1..=60_000) {
            services.connect_timeout = Duration::from_millis(ms);
        }
    }

    fn read_rest(&mut self, reader: &mut Reader) {
        let mut section = reader.section("limits");
        if let Some(calls) = section.take::<usize>("calls_max") {
            if calls == 0 {
                section.fault("calls_max", "0 would refuse every call".to_owned());
            }
            self.limits.calls_max = calls;
        }
        if let Some(seconds) = section.within("call_duration_max_s", 1..=DAY_S) {
            self.limits.call_duration_max = Duration::from_secs(seconds);
        }
        if let Some(seconds) = section.within("drain_s", 0..=DAY_S) {
            self.limits.drain = Duration::from_secs(seconds);
        }
        drop(section);
        let pairs = usize::from(self.media.port_max.saturating_sub(self.media.port_min)).div_ceil(2);
        if pairs < self.limits.calls_max {
            let reason = format!("{pairs} port pairs cannot carry limits.calls_max = {} calls", self.limits.calls_max);
            reader.fault("media.ports", reason);
        }

        let mut section = reader.section("admin");
        if let Some(listen) = section.parse("listen", str::parse) {
            self.admin = Some(listen);
        }
        drop(section);
        let mut section = reader.section("record");
        self.record = section.take("directory");
        drop(section);
        let mut section = reader.section("records");
        self.turn_records = section.take("turns");
        drop(section);
        let mut section = reader.section("cache");
        self.cache = section.take("directory");
        drop(section);

        let mut section = reader.section("transfer");
        if let Some(queues) = section.take::<BTreeMap<String, String>>("queues") {
            for (queue, uri) in &queues {
                if !uri.starts_with("sip:") && !uri.starts_with("tel:") {
                    section.fault(&format!("queues.{queue}"), format!("`{uri}` is not a sip: or tel: URI"));
                }
            }
            self.transfer = queues;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("hualu.toml"))
    }

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(parse("").expect("nothing is wrong with it"), Config::default());
    }

    #[test]
    fn all_faults_are_reported_at_once() {
        let text = "[sip]\nudp = \"here\"\ntpc = \"off\"\n[media]\nports = [20001, 20010]\n[services]\nasr = \"ftp://x\"\n\
                    [limits]\ncalls_max = 900\n[budget]\nasr_ms = 400\n[transfer]\nqueues = { general = \"10010\" }\n";
        let error = parse(text).expect_err("many faults").to_string();
        for expected in [
            "hualu.toml has 7 fault(s):",
            "sip.udp: `here` is neither `off` nor an address like 0.0.0.0:5060",
            "sip.tpc: unknown key; did you mean `tcp`?",
            "media.ports: [20001, 20010] must run from an even port",
            "media.ports: 5 port pairs cannot carry limits.calls_max = 900 calls",
            "services.asr: `ftp://x` is neither `embedded`",
            "budget.response_ms: the stages sum to 940 ms but the response budget is 600 ms",
            "transfer.queues.general: `10010` is not a sip: or tel: URI",
        ] {
            assert!(error.contains(expected), "{expected}\nis not in\n{error}");
        }
    }

    #[test]
    fn times_that_no_clock_can_hold_are_refused() {
        let text = "[media]\ntimeout_s = 4\n[services]\nconnect_timeout_ms = 0\n[limits]\n\
                    call_duration_max_s = 9223372036854775807\ndrain_s = 86401\n";
        let error = parse(text).expect_err("four faults").to_string();
        for expected in [
            "hualu.toml has 4 fault(s):",
            "media.timeout_s: 4 is not between 5 and 86400",
            "services.connect_timeout_ms: 0 is not between 1 and 60000",
            "limits.call_duration_max_s: 9223372036854775807 is not between 1 and 86400",
            "limits.drain_s: 86401 is not between 0 and 86400",
        ] {
            assert!(error.contains(expected), "{expected}\nis not in\n{error}");
        }
    }

    #[test]
    fn a_service_listens_where_the_gateway_looks_for_it() {
        let listen = |text: &str| ServiceAddress::Remote(text.to_owned()).listen("asr");
        assert_eq!(listen("http://127.0.0.1:7101"), Ok(Some(SocketAddr::from(([127, 0, 0, 1], 7_101)))));
        assert_eq!(listen("http://127.0.0.1:7101/"), Ok(Some(SocketAddr::from(([127, 0, 0, 1], 7_101)))));
        assert!(listen("http://127.0.0.1").is_err_and(|error| error.starts_with("services.asr: `http://127.0.0.1`")));
        assert_eq!(ServiceAddress::Embedded.listen("asr"), Ok(None));
    }

    #[test]
    fn every_section_is_read() {
        let text = "[sip]\nudp = \"127.0.0.1:5062\"\ntcp = \"off\"\npublic = \"192.0.2.7\"\nallow = [\"192.0.2.1\"]\n\
                    [media]\nbind = \"127.0.0.1\"\nports = [30000, 30999]\nthreads = 2\ntimeout_s = 20\n\
                    [services]\nnlu = \"http://127.0.0.1:7102\"\nbot = \"hotline_10086\"\nconnect_timeout_ms = 300\n\
                    [limits]\ncalls_max = 100\ncall_duration_max_s = 600\ndrain_s = 20\n[admin]\nlisten = \"127.0.0.1:9090\"\n\
                    [record]\ndirectory = \"rec\"\n[records]\nturns = \"out/turns\"\n[cache]\ndirectory = \"c\"\n\
                    [transfer]\nqueues = { general = \"sip:100@192.0.2.1\" }\n[budget]\ntts_ms = 80\n";
        let config = parse(text).expect("a good file");
        assert_eq!(config.sip.tcp, None);
        assert_eq!(config.media.port_max, 30_999);
        assert_eq!(config.services.nlu, ServiceAddress::Remote("http://127.0.0.1:7102".into()));
        assert_eq!(config.limits.call_duration_max, Duration::from_secs(600));
        assert_eq!(config.limits.drain, Duration::from_secs(20));
        assert_eq!(config.turns.budget.tts, Duration::from_millis(80));
        assert_eq!(config.record, Some("rec".into()));
        assert_eq!(config.turn_records, Some("out/turns".into()));
    }
}
