//! Takes calls at the door: admission, a media thread, a task, and the end of each call, whatever it was.

use crate::call::CallTask;
use crate::clock;
use crate::config::Config;
use crate::engines::{CallPort, Engines, Limits};
use crate::events::{EventSender, GatewayEvent};
use crate::fault;
use crate::media_call::NewCall;
use crate::metrics;
use crate::negotiation::OwnPorts;
use crate::ports::Ports;
use crate::prompts::Shelf;
use crate::recorder::Recorder;
use crate::setup::{DRAINING, FULL, Prepared, Proposal, Refusal, refuse};
use crate::shard::{CallKey, Command, ShardHandle};
use hualu_asr::vad::{Mode, WebrtcVad};
use hualu_core::{CallId, VoiceActivity};
use hualu_session::{EndReason, Input, Termination};
use hualu_sip::Incoming;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Orders of one session on their way to its task. Full means a stuck task: the order fails and the session falls back.
const ORDERS: usize = 512;

/// Time for the calls that are left at the end of a drain to hear the prepared goodbye.
const GOODBYE_MAX: Duration = Duration::from_secs(10);
/// Time for their BYEs after it.
const BYE_MAX: Duration = Duration::from_secs(1);

/// What every call shares.
pub(crate) struct Door {
    pub config: Config,
    pub engines: Engines,
    pub shards: Vec<ShardHandle>,
    pub ports: Ports,
    pub own_ports: OwnPorts,
    pub prompts: Shelf,
    pub recorder: Option<Arc<Recorder>>,
    pub events: EventSender,
    pub ready: AtomicBool,
    pub active: Arc<AtomicUsize>,
    pub next_key: AtomicU32,
    /// Calls that were answered, by the media thread that carries them.
    pub live: Mutex<BTreeMap<u32, ShardHandle>>,
    pub transfer: Arc<BTreeMap<String, String>>,
}

/// One of the calls that the configuration allows; given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(active: &Arc<AtomicUsize>, max: usize) -> Option<Self> {
        let more = |count| (count < max).then_some(count + 1);
        active.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        metrics::place_taken();
        Some(Self(Arc::clone(active)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
        metrics::place_given_back();
    }
}

impl Door {
    /// Takes calls until the SIP stack ends.
    pub async fn run(self: Arc<Self>, mut incoming: mpsc::Receiver<Incoming>) {
        while let Some(call) = incoming.recv().await {
            match self.admit() {
                Ok(place) => drop(tokio::spawn(Arc::clone(&self).take(call, place))),
                Err(refusal) => refuse(&call.leg, &refusal),
            }
        }
    }

    fn admit(&self) -> Result<Place, Refusal> {
        if !self.ready.load(Ordering::Relaxed) {
            return Err(DRAINING);
        }
        Place::take(&self.active, self.config.limits.calls_max).ok_or(FULL)
    }

    async fn take(self: Arc<Self>, call: Incoming, place: Place) {
        let id = CallId::new(&call.call_id);
        let key = CallKey(self.next_key.fetch_add(1, Ordering::Relaxed));
        let (door, name) = (Arc::clone(&self), id.clone());
        let termination = self.supervise(key, &id, async move { door.carry(key, &name, call).await }).await;
        drop(place);
        let Some(termination) = termination else { return };
        metrics::call_ended(&termination);
        tracing::info!(
            call = %id,
            result = termination.result.as_str(),
            reason = termination.reason.as_str(),
            disposition = termination.disposition,
            "call ends"
        );
        self.events.send(GatewayEvent::Ended { call: id, termination });
    }

    /// Runs the work of one call in a task of its own. If that panics, what it held is dropped, and the dialog with it:
    /// a call that was not answered yet is refused with 500, an answered one gets a BYE; its session is ended here.
    /// `None` when there never was a call.
    async fn supervise(
        &self,
        key: CallKey,
        id: &CallId,
        work: impl Future<Output = Option<Termination>> + Send + 'static,
    ) -> Option<Termination> {
        let outcome = tokio::spawn(work).await;
        let shard = self.register(key, None);
        match outcome {
            Ok(termination) => termination,
            Err(fault) => {
                if let Ok(panic) = fault.try_into_panic() {
                    fault::record(id, panic.as_ref());
                }
                let shard = shard?;
                shard.send_async(Command::Input(key, Input::HangUp(EndReason::Internal))).await;
                Some(Termination::new(EndReason::Internal))
            }
        }
    }

    /// Carries one call from its INVITE to its end; `None` when it was refused.
    async fn carry(&self, key: CallKey, id: &CallId, mut call: Incoming) -> Option<Termination> {
        let shard = self.shards.iter().min_by_key(|shard| shard.load()).cloned()?;
        let port = CallPort { shard: shard.clone(), key };
        let Prepared { media, ports, recognizer } = match self.prepare(&call, id, &port) {
            Ok(prepared) => prepared,
            Err(refusal) => {
                refuse(&call.leg, &refusal);
                return None;
            }
        };
        let started = self.started(id, &call);
        if let Err(error) = call.leg.accept(media.description()) {
            tracing::info!(call = %id, %error, "call was not taken");
            return None;
        }
        self.register(key, Some(shard.clone()));
        metrics::call_started();
        let (caller, called) = (started.caller.clone(), started.called.clone());
        self.events.send(GatewayEvent::Started { call: id.clone(), caller, called });
        // The answer to an offer of ours came in the ACK.
        let acknowledged = matches!(media, Proposal::Offered(_));
        let agreed = match media.settle(&mut call.events).await {
            Ok(agreed) => agreed,
            Err(error) => {
                tracing::info!(call = %id, error, "no agreement on media");
                call.leg.hang_up(Some("no agreement on media"));
                return Some(Termination::new(EndReason::SignallingFailed));
            }
        };
        let (orders, order_queue) = mpsc::channel(ORDERS);
        let (ended, end) = oneshot::channel();
        let new = NewCall {
            config: self.session_config(id, &agreed, started),
            ports,
            remote: agreed.remote,
            vad: detector,
            recognizer,
            orders,
            ended,
            recorder: self.recorder.as_ref().map(|recorder| recorder.open(id)),
        };
        shard.send_async(Command::Accept(key, Box::new(new))).await;
        tracing::info!(call = %id, "call starts");
        let task = CallTask {
            id: id.clone(),
            source: call.source.ip(),
            leg: call.leg,
            leg_events: call.events,
            port,
            engines: self.engines.clone(),
            limits: Limits::new(self.engines.connect_timeout, &self.turns().budget, &self.turn_config()),
            orders: order_queue,
            ended: end,
            events: self.events.clone(),
            media: agreed,
            transfer: Arc::clone(&self.transfer),
        };
        if acknowledged {
            task.acknowledged().await;
        }
        Some(task.run().await)
    }

    /// Notes that `key` is carried by `shard`, or by none any more; what carried it before.
    fn register(&self, key: CallKey, shard: Option<ShardHandle>) -> Option<ShardHandle> {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        match shard {
            Some(shard) => live.insert(key.0, shard),
            None => live.remove(&key.0),
        }
    }

    /// Refuses new calls and waits until those in progress have ended by themselves, at most `limit`. What is left then
    /// hears the prepared goodbye and gets a BYE; a call that cannot even do that is ended at once.
    pub async fn drain(&self, limit: Duration) {
        self.ready.store(false, Ordering::Relaxed);
        if self.is_idle_within(limit).await {
            return;
        }
        tracing::info!(calls = self.active.load(Ordering::Relaxed), "the time to drain is over: calls say goodbye");
        self.tell_all(|| Input::Drain).await;
        if self.is_idle_within(GOODBYE_MAX).await {
            return;
        }
        self.tell_all(|| Input::HangUp(EndReason::Shutdown)).await;
        self.is_idle_within(BYE_MAX).await;
    }

    async fn tell_all(&self, input: impl Fn() -> Input<'static>) {
        let live: Vec<_> = {
            let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
            live.iter().map(|(key, shard)| (CallKey(*key), shard.clone())).collect()
        };
        for (key, shard) in live {
            shard.send_async(Command::Input(key, input())).await;
        }
    }

    async fn is_idle_within(&self, limit: Duration) -> bool {
        let end = clock::now() + limit;
        while self.active.load(Ordering::Relaxed) > 0 {
            if clock::now() >= end {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        true
    }
}

fn detector() -> Box<dyn VoiceActivity> {
    Box::new(WebrtcVad::new(Mode::Aggressive))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::RecognizerSource;
    use crate::prompts;
    use crate::shard::Shard;
    use ::metrics as metrics_facade;
    use hualu_sip::{Dial, EndedBy, LegEvent, Outgoing, SipConfig, SipHandle, SipStack};
    use metrics_exporter_prometheus::PrometheusBuilder;
    use std::net::{Ipv4Addr, SocketAddr};

    const NOWHERE: &str = "http://127.0.0.1:9";

    async fn door(shard: &Shard) -> Arc<Door> {
        let config = Config::default();
        let connect = config.services.connect_timeout;
        let recognizer = RecognizerSource::remote(NOWHERE, connect).expect("an address");
        let engines = Engines::connect(recognizer, NOWHERE, NOWHERE, "", connect).expect("addresses");
        let (prepared, _) = prompts::prepare(&engines.voice, None, None).await;
        Arc::new(Door {
            ports: Ports::new(Ipv4Addr::LOCALHOST.into(), 16_520, 16_523),
            own_ports: OwnPorts::default(),
            transfer: Arc::default(),
            config,
            engines,
            shards: vec![shard.handle.clone()],
            prompts: Shelf::new(prepared),
            recorder: None,
            events: EventSender::new(),
            ready: AtomicBool::new(true),
            active: Arc::default(),
            next_key: AtomicU32::new(0),
            live: Mutex::default(),
        })
    }

    async fn stack() -> (SipHandle, mpsc::Receiver<Incoming>) {
        let loopback = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let config = SipConfig { udp: loopback, tcp: None, ..SipConfig::default() };
        SipStack::start(config).await.expect("loopback can be bound")
    }

    async fn ended(events: &mut mpsc::Receiver<LegEvent>) -> hualu_sip::Ended {
        loop {
            let event = tokio::time::timeout(Duration::from_secs(20), events.recv()).await.expect("an event");
            if let LegEvent::Ended(ended) = event.expect("the last event is Ended") {
                return ended;
            }
        }
    }

    /// A panic in the task of a call that was, or was not yet, answered: what the caller sees and what is recorded.
    async fn panicking(answers: bool) -> (hualu_sip::Ended, Option<Termination>) {
        let shard = Shard::start(96).expect("a thread");
        let door = door(&shard).await;
        let (bot, mut calls) = stack().await;
        let (caller, _none) = stack().await;
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 16_530));
        let offer = crate::negotiation::offer(local, OwnPorts::default()).offer;
        let to = format!("sip:10086@{}", bot.udp_address().expect("udp is on"));
        let from = "13800138000".to_owned().into();
        let dial = Dial { to: to.into(), from, offer: offer.clone(), headers: Vec::new(), via: None };
        let Outgoing { leg: _leg, mut events } = caller.dial(dial).await.expect("it is placed");
        let call = calls.recv().await.expect("it comes in");
        let (key, handle, inside) = (CallKey(5), shard.handle.clone(), Arc::clone(&door));
        let id = CallId::new(&call.call_id);
        let work = async move {
            let mut call = call;
            if answers {
                call.leg.accept(&offer).expect("it waits");
                inside.register(key, Some(handle));
                let _ = call.events.recv().await;
            }
            panic!("a fault of ours");
        };
        let termination = door.supervise(key, &id, work).await;
        let ended = ended(&mut events).await;
        assert!(door.live.lock().expect("whole").is_empty());
        shard.stop();
        (ended, termination)
    }

    #[test]
    fn the_gauge_of_calls_follows_the_places() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let gauge = || {
            recorder.handle().render().lines().rfind(|line| line.starts_with("hualu_calls_active")).map(str::to_owned)
        };
        let active = Arc::new(AtomicUsize::new(0));
        metrics_facade::with_local_recorder(&recorder, || {
            let (first, second) = (Place::take(&active, 2), Place::take(&active, 2));
            assert!(Place::take(&active, 2).is_none());
            assert_eq!(gauge().as_deref(), Some("hualu_calls_active 2"));
            drop((first, second));
            assert_eq!(gauge().as_deref(), Some("hualu_calls_active 0"), "also when a call never was taken");
        });
    }

    #[tokio::test]
    async fn a_panic_in_the_task_of_a_call_ends_it_with_a_bye_and_a_record() {
        let (ended, termination) = panicking(true).await;
        assert_eq!((ended.by, ended.code), (EndedBy::Peer, None));
        assert_eq!(termination, Some(Termination::new(EndReason::Internal)));
    }

    #[tokio::test]
    async fn a_panic_before_a_call_is_answered_refuses_it() {
        let (ended, termination) = panicking(false).await;
        assert_eq!((ended.by, ended.code), (EndedBy::Peer, Some(500)));
        assert_eq!(termination, None, "it never was a call");
    }
}
