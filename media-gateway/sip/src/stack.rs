//! The SIP stack of one process: its sockets, its endpoint, and the tasks that keep them going.

use crate::backlog::{Backlog, TakenUp};
use crate::dispatch;
use crate::drive::LegShared;
use crate::gate::{Gate, GateStats};
use crate::guard::ALLOW;
use crate::leg::{Incoming, Transport};
use crate::limits::{RateLimit, Sources, Subnet};
use crate::tcp::{Tcp, tcp_address};
use crate::udp::GuardedUdp;
use rsipstack::EndpointBuilder;
use rsipstack::dialog::DialogId;
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::sip::{Method, Uri};
use rsipstack::transaction::endpoint::EndpointOption;
use rsipstack::transport::channel::ChannelConnection;
use rsipstack::transport::udp::UdpConnection;
use rsipstack::transport::{SipConnection, TransportLayer};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How often the gauges are set.
const GAUGE_PERIOD: Duration = Duration::from_secs(5);

/// What a stack is started with.
#[derive(Clone, Debug)]
pub struct SipConfig {
    /// Where to take UDP; port 0 takes a free one.
    pub udp: Option<SocketAddr>,
    /// Where to take TCP; port 0 takes a free one.
    pub tcp: Option<SocketAddr>,
    /// The address that peers reach us at, for Contact and Via. `None`: the bound one.
    pub public_address: Option<IpAddr>,
    /// The User-Agent and Server header.
    pub user_agent: String,
    /// Calls that may wait to be picked up by the owner. Full: new ones get 503 with Retry-After.
    pub incoming_queue: usize,
    /// Calls at once, in and out. Past it new ones get 503 with Retry-After.
    pub calls_max: usize,
    /// Networks that may speak to us. Empty: all. Loopback always may, for probes.
    pub allow: Vec<Subnet>,
    /// How much one source may send.
    pub rate_limit: RateLimit,
    /// How much all sources together may send.
    pub rate_limit_all: RateLimit,
    /// T1 of RFC 3261 §17.1.1.1, the estimate of the round trip from which every timer follows: repetitions start
    /// after T1, and a silent peer is given up after 64 times T1.
    pub timer_t1: Duration,
}

impl Default for SipConfig {
    /// UDP and TCP on port 5060 of every interface, 1,000 calls.
    fn default() -> Self {
        let everywhere = SocketAddr::from(([0, 0, 0, 0], 5_060));
        Self {
            udp: Some(everywhere),
            tcp: Some(everywhere),
            public_address: None,
            user_agent: concat!("hualu/", env!("CARGO_PKG_VERSION")).to_owned(),
            incoming_queue: 128,
            calls_max: 1_000,
            allow: Vec::new(),
            rate_limit: RateLimit::default(),
            rate_limit_all: RateLimit::ALL_SOURCES,
            timer_t1: Duration::from_millis(500),
        }
    }
}

/// Why a stack does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A socket cannot be bound.
    #[error("sip: cannot bind {transport} {address}: {source}; is another process using the port?")]
    Bind {
        /// `udp` or `tcp`.
        transport: &'static str,
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Neither transport is configured.
    #[error("sip: no transport: configure `udp`, `tcp` or both")]
    NoTransport,
    /// The stack below refuses.
    #[error("sip: the stack does not start: {0}")]
    Stack(String),
}

/// What the stack holds at present.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SipStats {
    /// Calls of ours, ringing ones included.
    pub calls: usize,
    /// Dialogs in the stack; follows the calls.
    pub dialogs: usize,
    /// Transactions under way.
    pub transactions_running: usize,
    /// Finished transactions that wait for repetitions.
    pub transactions_finished: usize,
    /// Answers that wait for their ACK.
    pub waiting_ack: usize,
    /// What the gate has seen.
    pub gate: GateStats,
}

/// What all parts of a running stack share.
pub(crate) struct Core {
    pub(crate) layer: Arc<DialogLayer>,
    pub(crate) tcp: Arc<Tcp>,
    pub(crate) incoming: mpsc::Sender<Incoming>,
    pub(crate) calls_max: usize,
    pub(crate) stop: CancellationToken,
    pub(crate) udp_address: Option<SocketAddr>,
    pub(crate) tcp_address: Option<SocketAddr>,
    public_address: Option<IpAddr>,
    gate: Arc<Gate>,
    accepting: AtomicBool,
    /// Calls by their first dialog id. Bounded by `calls_max`.
    legs: Mutex<HashMap<DialogId, Arc<LegShared>>>,
}

impl Core {
    fn legs(&self) -> MutexGuard<'_, HashMap<DialogId, Arc<LegShared>>> {
        // Each change is one call on the map, so it is whole even after a panic.
        self.legs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more call may come.
    pub(crate) fn has_room(&self) -> bool {
        self.accepting.load(Ordering::Relaxed) && self.legs().len() < self.calls_max
    }

    pub(crate) fn is_accepting(&self) -> bool {
        self.accepting.load(Ordering::Relaxed)
    }

    pub(crate) fn register(&self, id: DialogId, leg: Arc<LegShared>) {
        self.legs().insert(id, leg);
    }

    /// The first call with this Call-ID that fits.
    pub(crate) fn leg(
        &self,
        call_id: &str,
        fits: impl Fn(&DialogId, &Arc<LegShared>) -> bool,
    ) -> Option<Arc<LegShared>> {
        let legs = self.legs();
        legs.iter().find(|(id, leg)| id.call_id == call_id && fits(id, leg)).map(|(_, leg)| leg.clone())
    }

    /// Takes a call out of every table (telephony.md, guard G5).
    pub(crate) fn forget(&self, first: &DialogId, last: &DialogId) {
        self.layer.remove_dialog(first);
        self.layer.remove_dialog(last);
        self.legs().remove(first);
    }

    /// The Contact that reaches us over a transport.
    pub(crate) fn contact(&self, transport: Transport) -> Option<Uri> {
        let (address, suffix) = match transport {
            Transport::Udp => (self.udp_address.or(self.tcp_address)?, ""),
            Transport::Tcp => (self.tcp_address.or(self.udp_address)?, ";transport=TCP"),
        };
        let host = self.public_address.unwrap_or(address.ip());
        let text = format!("sip:hualu@{}{suffix}", SocketAddr::new(host, address.port()));
        Uri::try_from(text.as_str()).ok()
    }

    fn stats(&self) -> SipStats {
        let endpoint = self.layer.endpoint.get_stats();
        SipStats {
            calls: self.legs().len(),
            dialogs: self.layer.len(),
            transactions_running: endpoint.running_transactions,
            transactions_finished: endpoint.finished_transactions,
            waiting_ack: endpoint.waiting_ack,
            gate: self.gate.stats(),
        }
    }
}

/// Starts stacks.
#[derive(Debug)]
pub struct SipStack;

impl SipStack {
    /// Binds the sockets and starts the tasks on the current tokio runtime. Calls come out of the receiver; whoever
    /// holds it must keep up, for a full queue refuses calls.
    ///
    /// # Errors
    /// [`StartError`], naming the address.
    pub async fn start(config: SipConfig) -> Result<(SipHandle, mpsc::Receiver<Incoming>), StartError> {
        let stop = CancellationToken::new();
        let own: Vec<IpAddr> =
            [config.udp, config.tcp].into_iter().flatten().map(|bound| reachable(bound).ip()).collect();
        let gate =
            Arc::new(Gate::new(Sources::new(config.allow.clone(), &own, config.rate_limit, config.rate_limit_all)));
        let udp = bind_udp(&config, &gate)?;
        let tcp = bind_tcp(&config).await?;
        if udp.is_none() && tcp.is_none() {
            return Err(StartError::NoTransport);
        }
        let below = |error: rsipstack::Error| StartError::Stack(error.to_string());
        let io = |error: io::Error| StartError::Stack(error.to_string());
        let udp_address = udp.as_ref().map(GuardedUdp::address).transpose().map_err(io)?;
        let tcp_bound = tcp.as_ref().map(TcpListener::local_addr).transpose().map_err(io)?;
        let layer = TransportLayer::new(stop.child_token());
        if let (Some(socket), Some(bound)) = (udp, udp_address) {
            let external = config.public_address.map(|address| SocketAddr::new(address, bound.port()));
            let connection = UdpConnection::from_socket(Arc::new(socket), external, Some(stop.child_token())).await;
            layer.add_transport(connection.map_err(below)?.into());
        }
        let backlog = Arc::new(Backlog::default());
        let endpoint = EndpointBuilder::new()
            .with_user_agent(&config.user_agent)
            .with_transport_layer(layer)
            .with_cancel_token(stop.child_token())
            .with_allows(methods())
            .with_option(timers(config.timer_t1))
            .with_transport_inspector(Box::new(TakenUp(backlog.clone())))
            .build();
        let transactions = endpoint.incoming_transactions().map_err(below)?;
        let (incoming, calls) = mpsc::channel(config.incoming_queue.max(1));
        let core = Arc::new(Core {
            layer: Arc::new(DialogLayer::new(endpoint.inner.clone())),
            tcp: Tcp::new(endpoint.inner.clone(), gate.clone(), backlog, stop.clone()),
            incoming,
            calls_max: config.calls_max,
            stop: stop.clone(),
            udp_address: udp_address.map(reachable),
            tcp_address: tcp_bound.map(reachable),
            public_address: config.public_address,
            gate,
            accepting: AtomicBool::new(true),
            legs: Mutex::new(HashMap::new()),
        });
        supervise("endpoint", &stop, async move { endpoint.serve().await });
        if let (Some(listener), Some(address)) = (tcp, core.tcp_address) {
            tokio::task::yield_now().await;
            announce_tcp(&core, address).await.map_err(below)?;
            supervise("tcp listener", &stop, core.tcp.clone().serve(listener));
        }
        supervise("dispatcher", &stop, dispatch::run(core.clone(), transactions));
        supervise("gauges", &stop, gauges(core.clone()));
        Ok((SipHandle { core }, calls))
    }
}

fn bind_udp(config: &SipConfig, gate: &Arc<Gate>) -> Result<Option<GuardedUdp>, StartError> {
    let Some(address) = config.udp else { return Ok(None) };
    let bound = GuardedUdp::bind(address, gate.clone());
    bound.map(Some).map_err(|source| StartError::Bind { transport: "udp", address, source })
}

async fn bind_tcp(config: &SipConfig) -> Result<Option<TcpListener>, StartError> {
    let Some(address) = config.tcp else { return Ok(None) };
    let bound = TcpListener::bind(address).await;
    bound.map(Some).map_err(|source| StartError::Bind { transport: "tcp", address, source })
}

/// Tells the stack our TCP address for its Via headers. The socket is ours, so what it gets is a channel that nothing
/// comes through; it is added after the endpoint has opened its own listeners.
async fn announce_tcp(core: &Core, address: SocketAddr) -> rsipstack::Result<()> {
    let address = core.public_address.map_or(address, |public| SocketAddr::new(public, address.port()));
    let (_, nothing) = mpsc::unbounded_channel();
    let (nowhere, _) = mpsc::channel(1);
    let listener = ChannelConnection::create_connection_bounded(nothing, nowhere, tcp_address(address), None).await?;
    core.layer.endpoint.transport_layer.add_transport(SipConnection::Channel(listener));
    Ok(())
}

/// An address that a peer can be told: the first real one of this machine in place of 0.0.0.0.
fn reachable(address: SocketAddr) -> SocketAddr {
    SipConnection::resolve_bind_address(address)
}

/// The timers in their proportions (RFC 3261 table 4): T2 is 8 and T4 is 10 times T1.
fn timers(t1: Duration) -> EndpointOption {
    EndpointOption { t1, t2: t1 * 8, t4: t1 * 10, t1x64: t1 * 64, ..EndpointOption::default() }
}

fn methods() -> Vec<Method> {
    ALLOW.split(", ").filter_map(|name| name.parse().ok()).collect()
}

/// Runs a task that must not end before the stack does. If it does, the stack stops, which [`SipHandle::stopped`] tells.
fn supervise(name: &'static str, stop: &CancellationToken, task: impl Future<Output = ()> + Send + 'static) {
    let stop = stop.clone();
    let task = tokio::spawn(task);
    tokio::spawn(async move {
        let outcome = task.await;
        if !stop.is_cancelled() {
            let panicked = outcome.is_err();
            tracing::error!(task = name, panicked, "sip: a task of the stack ended by itself; stopping");
            stop.cancel();
        }
    });
}

async fn gauges(core: Arc<Core>) {
    let mut tick = tokio::time::interval(GAUGE_PERIOD);
    loop {
        tokio::select! {
            () = core.stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let stats = core.stats();
        metrics::gauge!("hualu_sip_calls").set(stats.calls as f64);
        metrics::gauge!("hualu_sip_dialogs").set(stats.dialogs as f64);
        metrics::gauge!("hualu_sip_transactions", "state" => "running").set(stats.transactions_running as f64);
        metrics::gauge!("hualu_sip_transactions", "state" => "finished").set(stats.transactions_finished as f64);
        metrics::gauge!("hualu_sip_transactions", "state" => "waiting_ack").set(stats.waiting_ack as f64);
    }
}

/// A running stack. Clones are handles to the same one.
#[derive(Clone)]
pub struct SipHandle {
    pub(crate) core: Arc<Core>,
}

impl std::fmt::Debug for SipHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SipHandle(udp {:?}, tcp {:?})", self.core.udp_address, self.core.tcp_address)
    }
}

impl SipHandle {
    /// Where UDP is taken, with the real port.
    #[must_use]
    pub fn udp_address(&self) -> Option<SocketAddr> {
        self.core.udp_address
    }

    /// Where TCP is taken, with the real port.
    #[must_use]
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.core.tcp_address
    }

    /// What the stack holds at present.
    #[must_use]
    pub fn stats(&self) -> SipStats {
        self.core.stats()
    }

    /// Opens or closes the door. Closed, new calls and OPTIONS get 503 with Retry-After, so that peers go elsewhere;
    /// calls under way are not touched.
    pub fn set_accepting(&self, accepting: bool) {
        self.core.accepting.store(accepting, Ordering::Relaxed);
    }

    /// Resolves when the stack has stopped: after [`Self::shutdown`], or because a task of it failed.
    pub async fn stopped(&self) {
        self.core.stop.cancelled().await;
    }

    /// Stops at once: sockets close and calls are forgotten. End the calls first.
    pub fn shutdown(&self) {
        self.core.stop.cancel();
    }
}
