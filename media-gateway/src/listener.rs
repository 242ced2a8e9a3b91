//! Takes calls at the door: admission, offer and answer, a media thread, a task.

use crate::call::CallTask;
use crate::clock;
use crate::config::Config;
use crate::engines::{CallPort, Engines, RecognizerSource};
use crate::events::{EventSender, GatewayEvent};
use crate::media_call::{NewCall, Recognizer};
use crate::metrics;
use crate::negotiation::{self, Agreed};
use crate::ports::{PortPair, Ports};
use crate::recorder::Recorder;
use crate::shard::{CallKey, Command, ShardHandle};
use hualu_asr::vad::{Mode, WebrtcVad};
use hualu_core::dialogue::CallStarted;
use hualu_core::{CallId, VoiceActivity};
use hualu_session::{Escape, Input, Prompts, SessionConfig, TurnConfig};
use hualu_sip::Incoming;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Orders of one session on their way to its task. Full means a stuck task: the order fails and the session falls back.
const ORDERS: usize = 512;

/// Why a call is refused: SIP code, text of the Reason header, metric label.
struct Refusal(u16, &'static str, &'static str);

const DRAINING: Refusal = Refusal(503, "not ready", "not_ready");
const FULL: Refusal = Refusal(503, "all lines are busy", "calls_max");
const NO_PORTS: Refusal = Refusal(503, "no media port", "ports");
const NO_RECOGNIZER: Refusal = Refusal(503, "no recognizer", "asr");
const NO_OFFER: Refusal = Refusal(488, "an offer is needed", "no_offer");
const NO_CODEC: Refusal = Refusal(488, "no common codec", "media");

/// What every call shares.
pub(crate) struct Door {
    pub config: Config,
    pub engines: Engines,
    pub shards: Vec<ShardHandle>,
    pub ports: Ports,
    pub prompts: Arc<Prompts>,
    pub recorder: Option<Arc<Recorder>>,
    pub events: EventSender,
    pub ready: AtomicBool,
    pub active: Arc<AtomicUsize>,
    pub next_key: AtomicU32,
    pub live: Mutex<BTreeMap<u32, ShardHandle>>,
    pub transfer: Arc<BTreeMap<String, String>>,
}

/// One of the calls that the configuration allows; given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(active: &Arc<AtomicUsize>, max: usize) -> Option<Self> {
        let more = |count| (count < max).then_some(count + 1);
        active.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Self(Arc::clone(active)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Door {
    /// Takes calls until the SIP stack ends.
    pub async fn run(self: Arc<Self>, mut incoming: mpsc::Receiver<Incoming>) {
        while let Some(call) = incoming.recv().await {
            match self.admit() {
                Ok(place) => {
                    let door = Arc::clone(&self);
                    tokio::spawn(async move { door.take(call, place).await });
                }
                Err(refusal) => refuse(&call, &refusal),
            }
        }
    }

    fn admit(&self) -> Result<Place, Refusal> {
        if !self.ready.load(Ordering::Relaxed) {
            return Err(DRAINING);
        }
        Place::take(&self.active, self.config.limits.calls_max).ok_or(FULL)
    }

    async fn take(&self, call: Incoming, place: Place) {
        let id = CallId::new(&call.call_id);
        let key = CallKey(self.next_key.fetch_add(1, Ordering::Relaxed));
        let Some(shard) = self.shards.iter().min_by_key(|shard| shard.load()).cloned() else { return };
        let port = CallPort { shard: shard.clone(), key };
        let (agreed, ports, recognizer) = match self.prepare(&call, &id, &port) {
            Ok(prepared) => prepared,
            Err(refusal) => return refuse(&call, &refusal),
        };
        let started = self.started(&id, &call);
        if let Err(error) = call.leg.accept(&agreed.answer) {
            return tracing::info!(call = %id, %error, "call was not taken");
        }
        metrics::call_started(self.active.load(Ordering::Relaxed));
        self.events.send(GatewayEvent::Started {
            call: id.clone(),
            caller: started.caller.clone(),
            called: started.called.clone(),
        });
        let (orders, order_queue) = mpsc::channel(ORDERS);
        let (ended, end) = oneshot::channel();
        let new = NewCall {
            config: self.session_config(&id, &agreed, started),
            ports,
            remote: agreed.remote,
            vad: detector,
            recognizer,
            orders,
            ended,
            recorder: self.recorder.as_ref().map(|recorder| recorder.open(&id)),
        };
        self.register(key, Some(shard.clone()));
        shard.send_async(Command::Accept(key, Box::new(new))).await;
        tracing::info!(call = %id, "call starts");
        let task = CallTask {
            id: id.clone(),
            leg: call.leg,
            leg_events: call.events,
            port,
            engines: self.engines.clone(),
            orders: order_queue,
            ended: end,
            events: self.events.clone(),
            media: agreed,
            transfer: Arc::clone(&self.transfer),
        };
        let termination = task.run().await;
        self.register(key, None);
        drop(place);
        metrics::call_ended(&termination, self.active.load(Ordering::Relaxed));
        tracing::info!(
            call = %id,
            result = termination.result.as_str(),
            reason = termination.reason.as_str(),
            disposition = termination.disposition,
            "call ends"
        );
        self.events.send(GatewayEvent::Ended { call: id, termination });
    }

    fn prepare(
        &self,
        call: &Incoming,
        id: &CallId,
        port: &CallPort,
    ) -> Result<(Agreed, PortPair, Recognizer), Refusal> {
        let offer = call.offer.as_ref().ok_or(NO_OFFER)?;
        let ports = self.ports.take().map_err(|error| {
            tracing::warn!(%error, "no port pair");
            NO_PORTS
        })?;
        let local = SocketAddr::new(self.public_address(call.source), ports.port());
        let agreed = negotiation::answer(offer, local).map_err(|error| {
            tracing::info!(call = %id, %error, "offer refused");
            NO_CODEC
        })?;
        let recognizer = match &self.engines.recognizer {
            RecognizerSource::Remote(_) => Recognizer::Remote,
            RecognizerSource::Embedded(pool) => {
                let (shard, key) = (port.shard.clone(), port.key);
                let sink = move |event| shard.send(Command::Input(key, Input::Recognized(event)));
                let rate = hualu_core::SampleRate::HZ_8000;
                let stream = pool.open(id.clone(), rate, &self.engines.language_model, Box::new(sink));
                Recognizer::Embedded(stream.map_err(|error| {
                    tracing::warn!(call = %id, %error, "no recognition stream");
                    NO_RECOGNIZER
                })?)
            }
        };
        Ok((agreed, ports, recognizer))
    }

    fn session_config(&self, id: &CallId, agreed: &Agreed, started: CallStarted) -> SessionConfig {
        let escape =
            if self.transfer.contains_key("default") { Escape::Transfer("default".to_owned()) } else { Escape::HangUp };
        SessionConfig {
            call: id.clone(),
            media: agreed.params,
            budget: self.config.budget,
            turn: TurnConfig {
                call_max: self.config.limits.call_duration_max,
                media_timeout: self.config.media.timeout,
                escape,
                ..TurnConfig::default()
            },
            prompts: Arc::clone(&self.prompts),
            started,
            record: self.recorder.is_some(),
        }
    }

    fn started(&self, id: &CallId, call: &Incoming) -> CallStarted {
        CallStarted {
            call: id.clone(),
            bot: self.config.services.bot.clone(),
            caller: call.from.number.clone(),
            called: call.dialled.clone(),
            variables: BTreeMap::new(),
        }
    }

    /// The address that a peer reaches us at: the configured one, the bound one, or the one that routing would choose.
    fn public_address(&self, peer: SocketAddr) -> IpAddr {
        if let Some(public) = self.config.sip.public {
            return public;
        }
        if !self.config.media.bind.is_unspecified() {
            return self.config.media.bind;
        }
        routed_address(peer).unwrap_or(self.config.media.bind)
    }

    fn register(&self, key: CallKey, shard: Option<ShardHandle>) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        match shard {
            Some(shard) => drop(live.insert(key.0, shard)),
            None => drop(live.remove(&key.0)),
        }
    }

    /// Refuses new calls, asks those in progress to say goodbye, and waits until they are gone, at most `limit`.
    pub async fn drain(&self, limit: Duration) {
        self.ready.store(false, Ordering::Relaxed);
        let live: Vec<_> = {
            let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
            live.iter().map(|(key, shard)| (CallKey(*key), shard.clone())).collect()
        };
        for (key, shard) in live {
            shard.send_async(Command::Input(key, Input::Drain)).await;
        }
        let end = clock::now() + limit;
        while self.active.load(Ordering::Relaxed) > 0 && clock::now() < end {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn refuse(call: &Incoming, Refusal(code, reason, label): &Refusal) {
    metrics::call_refused(label);
    if let Err(error) = call.leg.reject(*code, Some(reason)) {
        tracing::debug!(%error, "the caller was gone before it was refused");
    }
}

fn detector() -> Box<dyn VoiceActivity> {
    Box::new(WebrtcVad::new(Mode::Aggressive))
}

/// The local address of a socket that would send to `peer`; nothing is sent.
pub(crate) fn routed_address(peer: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = if peer.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0; 16], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(peer).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
