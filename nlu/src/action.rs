//! Sends requests to back ends, over HTTP or gRPC: only to allowed hosts at addresses that were checked, with time-outs,
//! retries and idempotency keys.

mod address;
mod chat;
mod grpc;

use crate::bot::Method;
use crate::bot::template::percent_encode;
use crate::dialogue::{ActionFault, ActionOutcome, ActionRequest};
use address::{CheckedNames, is_barred};
use hualu_core::Pii;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// A larger answer is refused.
const ANSWER_BYTES_MAX: usize = 256 << 10;
/// The pause before the first retry; it doubles with each.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// Sends requests; shared by all conversations of a service.
#[derive(Clone, Debug)]
pub struct ActionRunner {
    client: Client,
    names: CheckedNames,
    /// What a language model's server asks for.
    chat_key: Option<Pii<String>>,
    /// `host:port`
    allowed: Arc<BTreeSet<String>>,
    permits: Arc<Semaphore>,
}

/// Why requests cannot be sent at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunnerError {
    /// An address in the configuration is not one.
    #[error("back end `{name}`: `{url}` is not an http address: write `http://host:port`")]
    Address {
        /// The back end.
        name: String,
        /// What the configuration says.
        url: String,
    },
    /// The HTTP client could not be made.
    #[error("cannot make the HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

impl ActionRunner {
    /// Allows the hosts of `backends` (name -> base address) and `allow_hosts` (`host:port`). At most
    /// `requests_max` requests are in flight; more are refused at once, so that a slow back end slows nobody else.
    ///
    /// # Errors
    /// [`RunnerError`] when an address is none or the client cannot be made.
    pub fn new(
        backends: &BTreeMap<String, String>,
        allow_hosts: &[String],
        requests_max: usize,
    ) -> Result<Self, RunnerError> {
        let mut allowed: BTreeSet<String> = allow_hosts.iter().cloned().collect();
        for (name, url) in backends {
            let authority = Url::parse(url).ok().as_ref().and_then(authority);
            allowed.insert(authority.ok_or_else(|| RunnerError::Address { name: name.clone(), url: url.clone() })?);
        }
        // Without redirects and proxies, and with names resolved by ourselves, the address that was checked is the one
        // that is connected to.
        let names = CheckedNames::default();
        let client =
            Client::builder().redirect(Policy::none()).no_proxy().dns_resolver(Arc::new(names.clone())).build()?;
        Ok(Self {
            client,
            names,
            chat_key: None,
            allowed: Arc::new(allowed),
            permits: Arc::new(Semaphore::new(requests_max)),
        })
    }

    /// The same, with the key that a language model's server asks for.
    #[must_use]
    pub fn with_chat_key(self, chat_key: Option<Pii<String>>) -> Self {
        Self { chat_key, ..self }
    }

    /// Sends a request and reads its JSON answer.
    ///
    /// # Errors
    /// [`ActionFault`] after the last try.
    pub async fn run(&self, request: &ActionRequest) -> ActionOutcome {
        // Full means that back ends are slower than calls come in: refuse instead of queueing.
        let Ok(_permit) = self.permits.try_acquire() else { return Err(ActionFault::Overloaded) };
        let url = Url::parse(request.url.reveal()).map_err(|_| ActionFault::NotAllowed)?;
        if !authority(&url).is_some_and(|authority| self.allowed.contains(&authority)) {
            return Err(ActionFault::NotAllowed);
        }
        // An address that is written as a number is not resolved, so it is checked here.
        if url.host_str().and_then(number).is_some_and(is_barred) {
            return Err(ActionFault::NotAllowed);
        }
        let mut pause = RETRY_PAUSE;
        for _ in 0..request.retries {
            match self.attempt(request, &url).await {
                Err(ActionFault::Timeout | ActionFault::Unreachable | ActionFault::Status(500..=599)) => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                settled => return settled,
            }
        }
        self.attempt(request, &url).await
    }

    async fn attempt(&self, request: &ActionRequest, url: &Url) -> ActionOutcome {
        let exchange = async {
            match request.method {
                Method::Grpc => grpc::call(&self.names, request, url).await,
                Method::Get | Method::Post | Method::Chat => self.exchange(request, url).await,
            }
        };
        match tokio::time::timeout(request.timeout, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ActionFault::Timeout),
        }
    }

    async fn exchange(&self, request: &ActionRequest, url: &Url) -> ActionOutcome {
        let mut builder = match request.method {
            Method::Get => self.client.get(url.clone()),
            Method::Post | Method::Grpc | Method::Chat => self
                .client
                .post(url.clone())
                .header("content-type", "application/json")
                .body(request.body.reveal().clone()),
        };
        if let Some(key) = self.chat_key.as_ref().filter(|_| request.method == Method::Chat) {
            builder = builder.bearer_auth(key.reveal());
        }
        if let Some(key) = &request.idempotency {
            builder = builder.header("idempotency-key", ascii(key.reveal()).as_ref());
        }
        let mut response = builder.send().await.map_err(|_| ActionFault::Unreachable)?;
        let status = response.status();
        if !status.is_success() {
            return Err(ActionFault::Status(status.as_u16()));
        }
        if request.method == Method::Chat {
            return chat::collect(response).await;
        }
        if status == StatusCode::NO_CONTENT {
            return Ok(serde_json::Value::Null);
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| ActionFault::Unreachable)? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(ActionFault::Unreadable);
            }
            bytes.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&bytes).map_err(|_| ActionFault::Unreadable)
    }
}

fn number(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// A header's text is ASCII (RFC 9110 §5.5); what is not is percent-encoded.
fn ascii(key: &str) -> Cow<'_, str> {
    if key.is_ascii() { key.into() } else { percent_encode(key).into() }
}

fn authority(url: &Url) -> Option<String> {
    let is_http = matches!(url.scheme(), "http" | "https");
    let port = url.port_or_known_default()?;
    url.host_str().filter(|_| is_http).map(|host| format!("{host}:{port}"))
}
