//! The media gateway: owns every socket, thread and clock of a call.
//!
//! [`Gateway::start`] brings up SIP, the media threads and the way to the engines; from then on calls are answered until
//! [`Gateway::stop`]. How a frame of audio and a turn travel through it is told in `ARCHITECTURE.md`.

pub mod admin;
mod call;
pub mod clock;
pub mod config;
pub mod engines;
mod events;
mod fault;
mod listener;
mod media_call;
pub mod metrics;
mod negotiation;
pub mod phone;
mod ports;
mod prompts;
mod recorder;
pub mod records;
mod setup;
mod shard;

pub use events::GatewayEvent;
pub use hualu_session::{Cause, EndReason, Missed, Rung, Said, Termination, TurnRecord};
pub use prompts::PromptSource;

use crate::config::Config;
use crate::engines::Engines;
use crate::events::EventSender;
use crate::listener::Door;
use crate::negotiation::OwnPorts;
use crate::ports::Ports;
use crate::prompts::{RETRY_FIRST, Shelf};
use crate::recorder::Recorder;
use crate::records::TurnLog;
use crate::shard::Shard;
use hualu_sip::{Registrar, SipConfig, SipHandle, SipStack};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::task::{JoinHandle, JoinSet};

/// Time for the last BYEs to be sent before SIP ends.
const BYE_GRACE: Duration = Duration::from_millis(300);
/// Time to take registrations back at the end. One that stays would draw calls to a dead address until it expires.
const UNREGISTER_LIMIT: Duration = Duration::from_secs(3);

/// A running gateway.
pub struct Gateway {
    door: Arc<Door>,
    /// Takes calls in.
    taking: JoinHandle<()>,
    sip: SipHandle,
    /// Our accounts at trunks.
    registrars: Vec<Registrar>,
    shards: Vec<Shard>,
    recorder: Option<Arc<Recorder>>,
    turn_log: Option<TurnLog>,
    prompt_source: PromptSource,
    /// Asks the voice again for the prepared sentences.
    preparing: Option<JoinHandle<()>>,
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A media thread, the recorder or the writer of turn records cannot start.
    #[error("cannot start {what}: {source}")]
    Thread {
        /// What.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// SIP cannot be spoken at the configured addresses.
    #[error(transparent)]
    Sip(#[from] hualu_sip::StartError),
}

/// What a gateway cannot do without, and has lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Breakdown {
    /// A task of the SIP stack ended; the log names it.
    #[error("the SIP stack stopped by itself: no call can come in or end properly; start the gateway anew")]
    Sip,
    /// A media thread ended, and its calls with it.
    #[error("media thread {0} ended by itself: its calls are lost and new ones would be silent; start it anew")]
    MediaThread(usize),
}

impl Gateway {
    /// Brings everything up; calls are answered as soon as this returns.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: Config, engines: Engines) -> Result<Self, StartError> {
        metrics::describe();
        let thread = |what| move |source| StartError::Thread { what, source };
        let shards = (0..config.media.threads)
            .map(Shard::start)
            .collect::<io::Result<Vec<_>>>()
            .map_err(thread("a media thread"))?;
        let recorder = config.record.clone().map(Recorder::start).transpose().map_err(thread("the recorder"))?;
        let recorder = recorder.map(Arc::new);
        let events = EventSender::new();
        let turn_log = config.turn_records.clone().map(|directory| TurnLog::start(directory, events.subscribe()));
        let turn_log = turn_log.transpose().map_err(thread("the writer of turn records (records.turns)"))?;
        let menu = config.turns_of(&config.services.bot).menu.clone();
        let (prompts, prompt_source) = prompts::prepare(&engines.voice, config.cache.as_deref(), menu.as_ref()).await;
        let prompts = Shelf::new(prompts);
        let (sip, incoming) = SipStack::start(SipConfig {
            udp: config.sip.udp,
            tcp: config.sip.tcp,
            public_address: config.sip.public,
            allow: config.sip.allow.clone(),
            calls_max: config.limits.calls_max,
            ..SipConfig::default()
        })
        .await?;
        let preparing = (prompt_source == PromptSource::Tone).then(|| {
            tracing::warn!("the voice never answered: prepared sentences are tones until it does");
            let (voice, cache) = (engines.voice.clone(), config.cache.clone());
            tokio::spawn(prompts::retry(voice, cache, menu, prompts.clone(), RETRY_FIRST))
        });
        let door = Arc::new(Door {
            ports: Ports::new(config.media.bind, config.media.port_min, config.media.port_max),
            own_ports: OwnPorts {
                signalling: [sip.udp_address(), sip.tcp_address()].map(|address| address.map(|bound| bound.port())),
                media: (config.media.port_min, config.media.port_max),
            },
            transfer: Arc::new(config.transfer.clone()),
            config,
            engines,
            shards: shards.iter().map(|shard| shard.handle.clone()).collect(),
            prompts,
            recorder: recorder.clone(),
            events,
            ready: AtomicBool::new(true),
            active: Arc::new(AtomicUsize::new(0)),
            next_key: AtomicU32::new(0),
            live: Mutex::default(),
        });
        let taking = tokio::spawn(Arc::clone(&door).run(incoming));
        let trunks = door.config.trunks.iter().filter(|trunk| trunk.register);
        let registrars = trunks.map(|trunk| sip.register(trunk.account.clone())).collect();
        Ok(Self { door, taking, sip, registrars, shards, recorder, turn_log, prompt_source, preparing })
    }

    /// The UDP and TCP addresses that SIP is spoken at.
    #[must_use]
    pub fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        (self.sip.udp_address(), self.sip.tcp_address())
    }

    /// How the prepared sentences came about at the start.
    #[must_use]
    pub const fn prompt_source(&self) -> PromptSource {
        self.prompt_source
    }

    /// The SIP stack, to place calls with.
    #[must_use]
    pub const fn sip(&self) -> &SipHandle {
        &self.sip
    }

    /// Calls in progress.
    #[must_use]
    pub fn calls_active(&self) -> usize {
        self.door.active.load(Ordering::Relaxed)
    }

    /// Calls, turns and their ends from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<GatewayEvent> {
        self.door.events.subscribe()
    }

    /// Resolves when a part that must last as long as the gateway has ended by itself: what it was. The gateway is of no
    /// use then; [`Self::stop`] still ends what is left of it.
    pub async fn broken(&self) -> Breakdown {
        let mut media = JoinSet::new();
        for (index, shard) in self.shards.iter().enumerate() {
            let ended = shard.ended.clone().cancelled_owned();
            media.spawn(async move {
                ended.await;
                index
            });
        }
        tokio::select! {
            () = self.sip.stopped() => Breakdown::Sip,
            Some(Ok(index)) = media.join_next() => Breakdown::MediaThread(index),
        }
    }

    /// Takes no more calls, lets those in progress end by themselves for at most `limit`, lets the rest hear a prepared
    /// goodbye, then ends everything.
    pub async fn stop(self, limit: Duration) {
        // Peers that probe with OPTIONS go elsewhere.
        self.sip.set_accepting(false);
        if let Some(preparing) = &self.preparing {
            preparing.abort();
        }
        self.door.drain(limit).await;
        // Not before the calls have ended: some networks end an account's calls with its registration.
        let removals: JoinSet<()> =
            self.registrars.into_iter().map(|registrar| registrar.unregister(UNREGISTER_LIMIT)).collect();
        // The last calls' BYEs are on their way, and the stack forgets calls when it ends.
        tokio::join!(tokio::time::sleep(BYE_GRACE), removals.join_all());
        self.sip.shutdown();
        let (shards, recorder, turn_log) = (self.shards, self.recorder, self.turn_log);
        let events = self.door.events.clone();
        self.taking.abort();
        // It ends by the abort, or has ended with the stack.
        let _ = self.taking.await;
        drop(self.door);
        let stopped = tokio::task::spawn_blocking(move || {
            shards.into_iter().for_each(Shard::stop);
            if let Some(recorder) = recorder {
                recorder.stop();
            }
            events.send(GatewayEvent::Stopped);
            if let Some(log) = turn_log {
                log.join();
            }
        });
        if stopped.await.is_err() {
            tracing::error!("a thread had panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ServiceAddress;
    use crate::engines::RecognizerSource;
    use crate::shard::Command;
    use std::net::Ipv4Addr;

    const NOWHERE: &str = "http://127.0.0.1:9";

    async fn gateway(change: impl FnOnce(&mut Config)) -> Gateway {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut config = Config::default();
        (config.sip.udp, config.sip.tcp) = (Some(loopback), None);
        config.media.threads = 2;
        config.services.asr = ServiceAddress::Remote(NOWHERE.to_owned());
        change(&mut config);
        let connect = config.services.connect_timeout;
        let recognizer = RecognizerSource::remote(NOWHERE, connect).expect("an address");
        let engines = Engines::connect(recognizer, NOWHERE, NOWHERE, "", connect).expect("addresses");
        Gateway::start(config, engines).await.expect("loopback can be bound")
    }

    async fn breakdown(gateway: &Gateway) -> Breakdown {
        tokio::time::timeout(Duration::from_secs(20), gateway.broken()).await.expect("it is noticed")
    }

    #[tokio::test]
    async fn a_call_that_never_ended_has_a_whole_recording_after_the_stop() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let gateway = gateway(|config| config.record = Some(directory.path().to_owned())).await;
        let recorder = gateway.recorder.clone().expect("it records");
        let mut stuck = recorder.open(&hualu_core::CallId::new("stuck"));
        let silence = || hualu_core::PcmFrame::new(&[0; 160], hualu_core::SampleRate::HZ_8000).expect("20 ms");
        stuck.push(hualu_session::StereoFrame { at: hualu_core::Samples(0), caller: silence(), bot: silence() });
        gateway.stop(Duration::ZERO).await;
        let file = std::fs::read_dir(directory.path()).expect("readable").next().expect("a recording");
        let reader = hound::WavReader::open(file.expect("readable").path()).expect("a finished file");
        assert_eq!(reader.duration(), 160);
    }

    #[tokio::test]
    async fn a_dead_sip_stack_is_noticed() {
        let gateway = gateway(|_| {}).await;
        gateway.sip.shutdown();
        assert_eq!(breakdown(&gateway).await, Breakdown::Sip);
        gateway.stop(Duration::ZERO).await;
    }

    #[tokio::test]
    async fn a_dead_media_thread_is_noticed() {
        let gateway = gateway(|_| {}).await;
        gateway.shards[1].handle.send(Command::Stop);
        assert_eq!(breakdown(&gateway).await, Breakdown::MediaThread(1));
        gateway.stop(Duration::ZERO).await;
    }

    /// Takes a REGISTER and grants what it asks for: its Expires.
    async fn grant(trunk: &tokio::net::UdpSocket) -> String {
        let mut buffer = [0; 4_096];
        let received = tokio::time::timeout(Duration::from_secs(20), trunk.recv_from(&mut buffer)).await;
        let (len, from) = received.expect("a REGISTER comes").expect("loopback");
        let request = String::from_utf8_lossy(&buffer[..len]).into_owned();
        let copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:", "Contact:", "Expires:"];
        let lines: Vec<_> = request.lines().filter(|line| copied.iter().any(|name| line.starts_with(name))).collect();
        let answer = format!("SIP/2.0 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n", lines.join("\r\n"));
        trunk.send_to(answer.as_bytes(), from).await.expect("loopback");
        let expires = lines.iter().find_map(|line| line.strip_prefix("Expires: "));
        expires.expect("every REGISTER of ours has one").to_owned()
    }

    #[tokio::test]
    async fn a_registration_is_taken_back_at_the_stop() {
        let trunk = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("loopback can be bound");
        let peer = trunk.local_addr().expect("bound");
        let entry = |name, register| {
            format!(
                "[[trunks]]\nname = \"{name}\"\npeer = \"{peer}\"\nuser = \"u\"\npassword = \"p\"\nregister = {register}\n"
            )
        };
        let text = entry("ours", true) + &entry("other", false);
        let trunks = Config::parse(&text, std::path::Path::new("hualu.toml")).expect("a good file").trunks;
        let mut gateway = gateway(|config| config.trunks = trunks).await;
        assert_eq!(gateway.registrars.len(), 1);
        assert_eq!(grant(&trunk).await, "3600");
        let registered = gateway.registrars[0].until(true);
        tokio::time::timeout(Duration::from_secs(20), registered).await.expect("the answer is taken");
        let stopping = tokio::spawn(gateway.stop(Duration::ZERO));
        // What asks for the hour again is a repetition.
        while grant(&trunk).await != "0" {}
        stopping.await.expect("no panic");
    }
}
