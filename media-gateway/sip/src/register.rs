//! Drives a [`Registration`]: its requests onto the wire, its answers back, its state into metrics.

use crate::auth::{Asker, Credentials};
use crate::leg::Transport;
use crate::registration::{Answer, Outcome, Registration, Step, Trouble, granted_s};
use crate::stack::{Core, SipHandle};
use crate::tcp::tcp_address;
use hualu_core::Pii;
use rsipstack::sip::{Header, Request, Response, SipMessage};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transaction::transaction::Transaction;
use rsipstack::transaction::{make_uuid_v4, random_text};
use rsipstack::transport::SipAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long the registrar's name may take to resolve.
const RESOLVE_LIMIT: Duration = Duration::from_secs(4);
/// A fault of our own in a registration does not end it for good.
const PANIC_PAUSE: Duration = Duration::from_secs(30);
const CNONCE_LEN: usize = 16;

/// An account at a trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Names it in logs and metrics.
    pub name: String,
    /// Where requests are sent: `host` or `host:port`; the port is 5060 by default.
    pub peer: String,
    /// How.
    pub transport: Transport,
    /// The domain that the registrar is responsible for.
    pub domain: String,
    /// The user part of the address that is registered.
    pub user: Pii<String>,
    /// What the account logs in with.
    pub credentials: Credentials,
    /// The life of a binding that is asked for: a second to a day.
    pub expires: Duration,
}

/// A registration that is kept alive until it is told to end, or the stack stops.
#[derive(Debug)]
pub struct Registrar {
    stop: CancellationToken,
    bound: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Registrar {
    /// Whether the trunk holds a binding of ours.
    #[must_use]
    pub fn is_registered(&self) -> bool {
        *self.bound.borrow()
    }

    /// Resolves when [`Self::is_registered`] is `registered`, or will never be.
    pub async fn until(&mut self, registered: bool) {
        // An error means that the task is over, and with it every change.
        let _ = self.bound.wait_for(|bound| *bound == registered).await;
    }

    /// Takes the binding back and ends, after `limit` at the latest.
    pub async fn unregister(mut self, limit: Duration) {
        self.stop.cancel();
        if tokio::time::timeout(limit, &mut self.task).await.is_err() {
            tracing::warn!("sip: a registration was not taken back in time; it ends when it expires");
            self.task.abort();
        }
    }
}

impl SipHandle {
    /// Registers an account and keeps it registered.
    #[must_use]
    pub fn register(&self, account: Account) -> Registrar {
        let stop = self.core.stop.child_token();
        let (to_owner, bound) = watch::channel(false);
        let (core, token) = (self.core.clone(), stop.clone());
        let task = tokio::spawn(async move {
            let name = account.name.clone();
            loop {
                let run = tokio::spawn(run(core.clone(), account.clone(), token.clone(), to_owner.clone()));
                let panicked = run.await.is_err();
                show(&name, &to_owner, false);
                if !panicked || token.is_cancelled() {
                    return;
                }
                tracing::error!(trunk = name, "sip: a registration failed by our own fault; it starts anew");
                tokio::time::sleep(PANIC_PAUSE).await;
            }
        });
        Registrar { stop, bound, task }
    }
}

fn show(name: &str, owner: &watch::Sender<bool>, bound: bool) {
    metrics::gauge!("hualu_trunk_registered", "trunk" => name.to_owned()).set(f64::from(u8::from(bound)));
    owner.send_if_modified(|before| std::mem::replace(before, bound) != bound);
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

async fn run(core: Arc<Core>, account: Account, stop: CancellationToken, owner: watch::Sender<bool>) {
    use std::hash::{BuildHasher, RandomState};
    let seed = RandomState::new().hash_one(&account.name);
    let expires_s = u32::try_from(account.expires.as_secs()).unwrap_or(u32::MAX);
    let mut registration = Registration::new(account.credentials.clone(), expires_s, seed, now());
    let mut line = Line { core: core.clone(), account, call_id: make_uuid_v4(), tag: random_text(8), cseq: 0 };
    let mut stopping = false;
    loop {
        show(&line.account.name, &owner, registration.is_bound(now()));
        match registration.poll(now()) {
            Step::Send { expires_s } => {
                let was_bound = registration.is_bound(now());
                let outcome = match line.exchange(&mut registration, expires_s).await {
                    Ok(answer) => registration.answered(now(), &answer),
                    Err(trouble) => registration.unanswered(now(), trouble),
                };
                if let Some(outcome) = outcome {
                    tell(&line.account.name, &outcome, was_bound);
                }
            }
            Step::Wait(until) => tokio::select! {
                () = core.stop.cancelled() => return,
                () = tokio::time::sleep_until(until.into()) => {}
                () = stop.cancelled(), if !stopping => {}
            },
            Step::Await | Step::Done => return,
        }
        if stop.is_cancelled() && !stopping {
            stopping = true;
            registration.stop(now());
        }
    }
}

fn tell(trunk: &str, outcome: &Outcome, was_bound: bool) {
    let label = match outcome {
        Outcome::Registered(life) => {
            let life_s = life.as_secs();
            if was_bound {
                tracing::debug!(trunk, life_s, "sip: registration renewed");
            } else {
                tracing::info!(trunk, life_s, "sip: registered");
            }
            "registered"
        }
        Outcome::Removed => {
            tracing::info!(trunk, "sip: registration taken back");
            "removed"
        }
        Outcome::Failed { trouble, retry_in } => {
            let retry_in_s = retry_in.map(|wait| wait.as_secs());
            tracing::warn!(trunk, retry_in_s, "sip: registration failed: {trouble}");
            "failed"
        }
    };
    metrics::counter!("hualu_trunk_registrations_total", "trunk" => trunk.to_owned(), "outcome" => label).increment(1);
}

/// The requests of one registration, which share Call-ID and tag and count on (RFC 3261 §10.2).
struct Line {
    core: Arc<Core>,
    account: Account,
    call_id: String,
    tag: String,
    cseq: u32,
}

impl Line {
    /// Sends one REGISTER and waits for its final answer: as long as the transaction lives, 64 times T1.
    async fn exchange(&mut self, registration: &mut Registration, expires_s: u32) -> Result<Answer, Trouble> {
        let destination = self.connect().await?;
        let stack = |error: rsipstack::Error| Trouble::Unreachable(error.to_string());
        let contact = self.contact().ok_or_else(|| Trouble::Unreachable("no socket of this transport".to_owned()))?;
        let sent_by = SipAddr { r#type: destination.r#type, addr: contact.host_with_port.clone() };
        let via = self.core.layer.endpoint.get_via(Some(sent_by), None).map_err(stack)?;
        self.cseq += 1;
        let uri = format!("sip:{}", self.account.domain);
        let credentials = registration.authorization(&uri, &random_text(CNONCE_LEN));
        let text = self.request(&uri, &via.to_string(), &contact.to_string(), expires_s, &credentials);
        let parsed = Request::try_from(text.as_str());
        let request = parsed.map_err(|error| Trouble::Unreachable(format!("the request is malformed: {error}")))?;
        let key = TransactionKey::from_request(&request, TransactionRole::Client).map_err(stack)?;
        let mut transaction = Transaction::new_client(key, request, self.core.layer.endpoint.clone(), None);
        transaction.destination = Some(destination);
        transaction.send().await.map_err(stack)?;
        while let Some(message) = transaction.receive().await {
            match message {
                SipMessage::Response(response) if response.status_code.code() >= 200 => {
                    return Ok(answer(&response, &contact.to_string()));
                }
                _ => {}
            }
        }
        Err(Trouble::Silent)
    }

    fn request(
        &self,
        uri: &str,
        via: &str,
        contact: &str,
        expires_s: u32,
        credentials: &[(&'static str, String)],
    ) -> String {
        let Self { account, call_id, tag, cseq, .. } = self;
        let address = format!("<sip:{}@{}>", account.user.reveal(), account.domain);
        let credentials: String = credentials.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!(
            "REGISTER {uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: {address};tag={tag}\r\nTo: {address}\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\nContact: <{contact}>\r\nExpires: {expires_s}\r\n{credentials}\
             Allow: {}\r\nContent-Length: 0\r\n\r\n",
            crate::guard::ALLOW
        )
    }

    /// Our Contact, with the account's user in place of ours.
    fn contact(&self) -> Option<rsipstack::sip::Uri> {
        let mut contact = self.core.contact(self.account.transport)?;
        contact.auth = Some(rsipstack::sip::Auth { user: self.account.user.reveal().clone(), password: None });
        Some(contact)
    }

    async fn connect(&self) -> Result<SipAddr, Trouble> {
        let address = resolve(&self.account.peer).await.map_err(Trouble::Unreachable)?;
        match self.account.transport {
            Transport::Udp => Ok(SipAddr { r#type: Some(rsipstack::sip::Transport::Udp), addr: address.into() }),
            Transport::Tcp => {
                let connected = self.core.tcp.connect(address).await;
                connected.map_err(|error| Trouble::Unreachable(format!("cannot connect to {address}: {error}")))?;
                Ok(tcp_address(address))
            }
        }
    }
}

async fn resolve(peer: &str) -> Result<SocketAddr, String> {
    let host = peer.trim_matches(['[', ']']);
    if let Ok(address) = peer.parse() {
        return Ok(address);
    }
    if let Ok(address) = host.parse() {
        return Ok(SocketAddr::new(address, 5_060));
    }
    let (name, port) = peer.rsplit_once(':').unwrap_or((peer, "5060"));
    let port: u16 = port.parse().map_err(|_| format!("`{peer}` has no port that is one"))?;
    let lookup = tokio::time::timeout(RESOLVE_LIMIT, tokio::net::lookup_host((name, port))).await;
    let mut found =
        lookup.map_err(|_| format!("`{name}` does not resolve in 4 s"))?.map_err(|error| error.to_string())?;
    found.next().ok_or_else(|| format!("`{name}` has no address"))
}

/// What of an answer matters to a registration.
fn answer(response: &Response, contact: &str) -> Answer {
    let all = |name: &'static str| {
        let named = move |header: &&Header| header.name().eq_ignore_ascii_case(name);
        response.headers.iter().filter(named).map(Header::value)
    };
    let number = |name| all(name).next().and_then(|value| value.split([' ', ';', '(']).next()?.parse::<u32>().ok());
    let challenges = |asker, name| all(name).map(move |value| (asker, value.to_owned()));
    let ours = contact.split(';').next().unwrap_or_default();
    Answer {
        status: response.status_code.code(),
        granted_s: granted_s(all("Contact"), all("Expires").next(), ours),
        min_expires_s: number("Min-Expires"),
        retry_after: number("Retry-After").map(|seconds| Duration::from_secs(seconds.into())),
        challenges: challenges(Asker::Server, "WWW-Authenticate")
            .chain(challenges(Asker::Proxy, "Proxy-Authenticate"))
            .collect(),
    }
}
