//! One media thread: its sockets, its slot timer and the calls that live and die on it.
//!
//! A call is pinned here when it is accepted. Nothing on this thread blocks or allocates per packet: datagrams are read
//! into one buffer, sessions hand packets out inline, and results of engines arrive through one bounded queue whose
//! senders wake the poll.

use crate::clock;
use crate::fault::guarded;
use crate::media_call::{MediaCall, NewCall};
use crate::metrics;
use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TrySendError, bounded};
use hualu_session::Input;
use mio::{Events, Poll, Token, Waker};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const WAKE: Token = Token(usize::MAX);

/// Inputs that wait for one shard. Full means that the thread is stuck: senders wait briefly, then drop and count.
const QUEUE: usize = 4_096;

/// Datagrams read from one socket before the others have their turn.
const READS_MAX: usize = 16;

/// The longest sleep: a session always asks for an earlier time, this only bounds a mistake.
const SLEEP_MAX: Duration = Duration::from_millis(100);

/// The number of a call on its shard; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CallKey(pub u32);

/// What a shard can be told.
pub(crate) enum Command {
    Accept(CallKey, Box<NewCall>),
    Input(CallKey, Input<'static>),
    /// The peer's media address changed (re-INVITE).
    Redirect(CallKey, std::net::SocketAddr),
    /// The peer's host wants our packets: it acknowledged the call.
    Consent(CallKey),
    Stop,
}

/// The sending side of a shard.
#[derive(Clone)]
pub(crate) struct ShardHandle {
    queue: Sender<Command>,
    waker: Arc<Waker>,
    calls: Arc<AtomicUsize>,
}

/// A running media thread.
pub(crate) struct Shard {
    pub handle: ShardHandle,
    /// Cancelled when the thread has ended: after [`Shard::stop`], or by itself.
    pub ended: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl ShardHandle {
    /// How many calls it carries.
    pub fn load(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Hands a command over from a thread that may wait: at most 50 ms, then it is dropped and counted.
    pub fn send(&self, command: Command) {
        match self.queue.send_timeout(command, Duration::from_millis(50)) {
            Ok(()) => self.wake(),
            Err(SendTimeoutError::Timeout(_)) => metrics::queue_full("shard"),
            // The thread has ended, which `Shard::ended` tells the gateway.
            Err(SendTimeoutError::Disconnected(_)) => {}
        }
    }

    /// The same from a task: waits for room without blocking the runtime, at most a second.
    pub async fn send_async(&self, mut command: Command) {
        for _ in 0..200 {
            command = match self.queue.try_send(command) {
                Ok(()) => return self.wake(),
                Err(TrySendError::Disconnected(_)) => return,
                Err(TrySendError::Full(command)) => command,
            };
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        metrics::queue_full("shard");
    }

    fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "a media thread cannot be woken");
        }
    }
}

impl Shard {
    /// Starts media thread number `index`.
    ///
    /// # Errors
    /// When the system gives no poll or thread.
    pub fn start(index: usize) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let (queue, inputs) = bounded(QUEUE);
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        let ended = CancellationToken::new();
        let guard = ended.clone().drop_guard();
        // Made on its own thread, for the detectors in its calls may not be moved to another.
        let body = move || {
            // Dropped after the loop, whether that returns or panics.
            let _guard = guard;
            Loop { poll, inputs, calls: HashMap::new(), count, buffer: vec![0; 2_048], due: Vec::new() }.run();
        };
        let thread = std::thread::Builder::new().name(format!("media-{index}")).spawn(body)?;
        Ok(Self { handle: ShardHandle { queue, waker, calls }, ended, thread: Some(thread) })
    }

    /// Ends the thread; calls that are left end without a word.
    pub fn stop(mut self) {
        self.handle.send(Command::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a media thread had panicked");
        }
    }
}

#[cfg(test)]
impl ShardHandle {
    /// A handle without a thread: what is sent comes out of the receiver. The poll keeps the waker alive.
    pub fn without_thread() -> (Self, Receiver<Command>, Poll) {
        let poll = Poll::new().expect("a poll");
        let waker = Arc::new(Waker::new(poll.registry(), WAKE).expect("a waker"));
        let (queue, commands) = bounded(QUEUE);
        (Self { queue, waker, calls: Arc::default() }, commands, poll)
    }
}

struct Loop {
    poll: Poll,
    inputs: Receiver<Command>,
    calls: HashMap<CallKey, Slot>,
    count: Arc<AtomicUsize>,
    buffer: Vec<u8>,
    /// The calls that this wake serves; kept, so that a wake allocates nothing.
    due: Vec<CallKey>,
}

struct Slot {
    call: MediaCall,
    due: Instant,
    /// The socket held more than was read: read on without waiting for a new edge.
    readable: bool,
}

impl Loop {
    fn run(mut self) {
        let mut events = Events::with_capacity(1_024);
        loop {
            let now = clock::now();
            let next = self.calls.values().map(|slot| if slot.readable { now } else { slot.due }).min();
            let sleep = next.map_or(SLEEP_MAX, |due| due.saturating_duration_since(now).min(SLEEP_MAX));
            if let Err(error) = self.poll.poll(&mut events, Some(round_up(sleep)))
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "media thread cannot poll");
                return;
            }
            for event in &events {
                if event.token() != WAKE {
                    let key = CallKey((event.token().0 / 2) as u32);
                    if let Some(slot) = self.calls.get_mut(&key) {
                        slot.readable = true;
                    }
                }
            }
            if !self.take_commands() {
                return;
            }
            self.serve_calls();
        }
    }

    /// Takes what is queued; false when the thread is to end.
    fn take_commands(&mut self) -> bool {
        for _ in 0..QUEUE {
            match self.inputs.try_recv() {
                Err(_) => break,
                Ok(Command::Stop) => return false,
                Ok(Command::Accept(key, new)) => self.accept(key, *new),
                Ok(Command::Input(key, input)) => self.with_call(key, |call, now| call.input(now, input)),
                Ok(Command::Redirect(key, remote)) => self.with_call(key, |call, now| {
                    call.redirect(remote);
                    Some(now)
                }),
                Ok(Command::Consent(key)) => self.with_call(key, |call, now| {
                    call.consent();
                    Some(now)
                }),
            }
        }
        true
    }

    fn accept(&mut self, key: CallKey, new: NewCall) {
        let id = new.config.call.clone();
        // A panic drops the call's way to say how it ended, by which its task knows.
        let Some(mut call) = guarded(&id, || MediaCall::new(clock::now(), new)) else { return };
        let tokens = [Token(key.0 as usize * 2), Token(key.0 as usize * 2 + 1)];
        let registered = call.ports().watch(self.poll.registry(), tokens);
        if let Err(error) = registered {
            tracing::error!(%error, "media sockets cannot be watched");
            call.fail();
            return;
        }
        self.calls.insert(key, Slot { call, due: clock::now(), readable: true });
        self.count.store(self.calls.len(), Ordering::Relaxed);
        self.with_call(key, |call, now| call.drain(now));
    }

    fn serve_calls(&mut self) {
        let now = clock::now();
        let mut due = std::mem::take(&mut self.due);
        due.extend(self.calls.iter().filter(|(_, slot)| slot.readable || slot.due <= now).map(|(key, _)| *key));
        let mut buffer = std::mem::take(&mut self.buffer);
        for key in due.drain(..) {
            let readable = self.calls.get(&key).is_some_and(|slot| slot.readable);
            let mut more = false;
            self.with_call(key, |call, now| {
                if readable {
                    more = call.read(&mut buffer, READS_MAX);
                }
                call.input(now, Input::Timeout)
            });
            if let Some(slot) = self.calls.get_mut(&key) {
                slot.readable = more;
            }
        }
        self.buffer = buffer;
        self.due = due;
    }

    /// Runs `serve` on one call and notes when it is due next (`None`: it is over). A panic ends this call alone.
    fn with_call(&mut self, key: CallKey, serve: impl FnOnce(&mut MediaCall, Instant) -> Option<Instant>) {
        let Some(slot) = self.calls.get_mut(&key) else { return };
        let now = clock::now();
        let id = slot.call.id().clone();
        match guarded(&id, || serve(&mut slot.call, now)) {
            Some(Some(due)) => slot.due = due,
            Some(None) => self.remove(key),
            None => {
                slot.call.fail();
                self.remove(key);
            }
        }
    }

    fn remove(&mut self, key: CallKey) {
        if let Some(mut slot) = self.calls.remove(&key)
            && let Err(error) = slot.call.ports().unwatch(self.poll.registry())
        {
            tracing::warn!(%error, "media sockets were not watched");
        }
        self.count.store(self.calls.len(), Ordering::Relaxed);
    }
}

/// Polls wait in whole milliseconds and round down: one that is due in 0.3 ms would spin until then.
fn round_up(sleep: Duration) -> Duration {
    if sleep.is_zero() { sleep } else { Duration::from_millis(sleep.as_micros().div_ceil(1_000) as u64) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media_call::Recognizer;
    use crate::ports::{PortPair, Ports};
    use hualu_core::dialogue::CallStarted;
    use hualu_core::{CallId, LatencyBudget, PcmFrame, VoiceActivity};
    use hualu_rtp::RtpSender;
    use hualu_session::{Clip, EndReason, Law, MediaParams, Prompts, SessionConfig, Termination, TurnConfig};
    use std::collections::BTreeMap;
    use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
    use tokio::sync::{mpsc, oneshot};

    struct Deaf;

    impl VoiceActivity for Deaf {
        fn score(&mut self, _frame: &PcmFrame) -> f32 {
            0.0
        }
    }

    struct Faulty;

    impl VoiceActivity for Faulty {
        fn score(&mut self, _frame: &PcmFrame) -> f32 {
            panic!("a fault of ours")
        }
    }

    struct Call {
        phone: UdpSocket,
        bot: SocketAddr,
        ended: oneshot::Receiver<Termination>,
        /// Kept open: a call whose task is gone falls back.
        _orders: mpsc::Receiver<crate::media_call::Order>,
    }

    fn new_call(name: &str, ports: PortPair, vad: fn() -> Box<dyn VoiceActivity>) -> (NewCall, Call) {
        let phone = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        phone.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
        let bot = SocketAddr::from((Ipv4Addr::LOCALHOST, ports.port()));
        let clip = || Clip::new("嘀", vec![1_000; 800]);
        let prompts = Prompts {
            filler: clip(),
            slow: clip(),
            trouble: clip(),
            no_input: clip(),
            goodbye: clip(),
            menu: None,
            clips: HashMap::new(),
        };
        let started = CallStarted {
            call: CallId::new(name),
            bot: String::new(),
            caller: String::new().into(),
            called: String::new().into(),
            variables: BTreeMap::new(),
        };
        let config = SessionConfig {
            call: CallId::new(name),
            media: MediaParams::new(Law::A, 1, 1, 1),
            budget: LatencyBudget::default(),
            turn: TurnConfig::default(),
            prompts: Arc::new(prompts),
            started,
            record: false,
        };
        let (orders, order_queue) = mpsc::channel(512);
        let (ended, end) = oneshot::channel();
        let remote = phone.local_addr().expect("bound");
        let new = NewCall { config, ports, remote, vad, recognizer: Recognizer::Remote, orders, ended, recorder: None };
        (new, Call { phone, bot, ended: end, _orders: order_queue })
    }

    #[test]
    fn a_panic_while_a_call_is_set_up_ends_it_and_no_other() {
        let ports = Ports::new(Ipv4Addr::LOCALHOST.into(), 16_508, 16_515);
        let shard = Shard::start(98).expect("a thread");
        let (new, mut sound) = new_call("sound", ports.take(clock::now()).expect("a pair"), || Box::new(Deaf));
        shard.handle.send(Command::Accept(CallKey(1), Box::new(new)));
        let (new, faulty) = new_call("faulty", ports.take(clock::now()).expect("a pair"), || panic!("a fault of ours"));
        shard.handle.send(Command::Accept(CallKey(2), Box::new(new)));
        assert!(faulty.ended.blocking_recv().is_err(), "its task is told");
        let mut buffer = [0; 2_048];
        for _ in 0..5 {
            sound.phone.recv(&mut buffer).expect("the other call still sends");
        }
        assert!(sound.ended.try_recv().is_err(), "the other call goes on");
        assert_eq!(shard.handle.load(), 1);
        shard.stop();
    }

    #[test]
    fn a_backlog_of_rtcp_is_read_on_without_a_new_edge() {
        let ports = Ports::new(Ipv4Addr::LOCALHOST.into(), 18_510, 18_511);
        let (new, call) = new_call("reports", ports.take(clock::now()).expect("a pair"), || Box::new(Deaf));
        let mut media = MediaCall::new(clock::now(), new);
        let control = SocketAddr::new(call.bot.ip(), call.bot.port() + 1);
        for _ in 0..READS_MAX + 1 {
            call.phone.send_to(&[0x80, 201, 0, 1, 0, 0, 0, 7], control).expect("sent");
        }
        let mut buffer = [0; 2_048];
        assert!(media.read(&mut buffer, READS_MAX), "one is left");
        assert!(!media.read(&mut buffer, READS_MAX), "all is read");
    }

    /// Packets of the first ten seconds of a call whose peer says nothing, in virtual time.
    fn sent_in_ten_seconds(name: &str, port: u16, before: impl Fn(&mut MediaCall)) -> usize {
        let ports = Ports::new(Ipv4Addr::LOCALHOST.into(), port, port + 1);
        let (new, call) = new_call(name, ports.take(clock::now()).expect("a pair"), || Box::new(Deaf));
        call.phone.set_nonblocking(true).expect("a socket");
        let start = clock::now();
        let mut media = MediaCall::new(start, new);
        let mut sent = 0;
        for slot in 0..=500 {
            let now = start + Duration::from_millis(20) * slot;
            before(&mut media);
            media.input(now, Input::Timeout).expect("the call goes on");
            while call.phone.recv(&mut [0; 2_048]).is_ok() {
                sent += 1;
            }
        }
        sent
    }

    #[test]
    fn t25_an_address_that_never_says_anything_gets_five_seconds_of_packets() {
        let third_party = sent_in_ten_seconds("third party", 18_520, |_| {});
        assert!((245..=251).contains(&third_party), "{third_party} of 20 ms each");
        let acknowledged = sent_in_ten_seconds("acknowledged", 18_522, MediaCall::consent);
        assert!((495..=501).contains(&acknowledged), "{acknowledged} of 20 ms each");
    }

    #[test]
    fn a_panic_ends_its_own_call_and_no_other() {
        let ports = Ports::new(Ipv4Addr::LOCALHOST.into(), 18_500, 18_507);
        let shard = Shard::start(99).expect("a thread");
        let (new, faulty) = new_call("faulty", ports.take(clock::now()).expect("a pair"), || Box::new(Faulty));
        shard.handle.send(Command::Accept(CallKey(1), Box::new(new)));
        let (new, mut sound) = new_call("sound", ports.take(clock::now()).expect("a pair"), || Box::new(Deaf));
        shard.handle.send(Command::Accept(CallKey(2), Box::new(new)));

        for call in [&faulty, &sound] {
            let mut sender = RtpSender::new(7, 1, 0);
            for _ in 0..20 {
                let mut datagram = [0; 200];
                let len = sender.write_audio(8, &[0x55; 160], &mut datagram).expect("it fits");
                call.phone.send_to(&datagram[..len], call.bot).expect("sent");
            }
        }
        let termination = faulty.ended.blocking_recv().expect("a record of why");
        assert_eq!(termination, Termination::new(EndReason::Internal));
        let mut buffer = [0; 2_048];
        for _ in 0..5 {
            sound.phone.recv(&mut buffer).expect("the other call still sends");
        }
        assert!(sound.ended.try_recv().is_err(), "the other call goes on");
        shard.stop();
    }
}
