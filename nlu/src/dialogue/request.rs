//! Requests to back ends: made here, executed elsewhere.

use crate::bot::expr::{Expr, ExprError, Scope};
use crate::bot::model::{Action, Method};
use hualu_core::Pii;
use std::time::Duration;

/// When a wait is filled although the bot has no filler for it.
const SLOW_AFTER: Duration = Duration::from_millis(700);

/// A request to a back end.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionRequest {
    /// Names the request within its conversation.
    pub id: u64,
    /// The action's name in the bot.
    pub action: String,
    /// How it is sent.
    pub method: Method,
    /// The whole address, its variable parts percent-encoded.
    pub url: Pii<String>,
    /// The JSON object that travels as the body of a POST.
    pub body: Pii<String>,
    /// How long one try may take.
    pub timeout: Duration,
    /// How many more tries there are after a failed one.
    pub retries: u32,
    /// The value of the `Idempotency-Key` header.
    pub idempotency: Option<Pii<String>>,
    /// The fixed answer that the bot gives for tests.
    pub mock: Option<serde_json::Value>,
}

/// The turn waits for a request's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Await {
    /// The request.
    pub id: u64,
    /// When to report it as slow ([`super::Conversation::action_slow`]) if the result is not there.
    pub slow_after: Duration,
    /// When to report it again.
    pub slow_every: Option<Duration>,
}

/// What became of a request: the JSON answer, or what went wrong.
pub type ActionOutcome = Result<serde_json::Value, ActionFault>;

/// Why a request gave no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ActionFault {
    /// The back end did not answer in time, in any of the tries.
    #[error("no answer in time")]
    Timeout,
    /// The back end could not be reached.
    #[error("the back end cannot be reached")]
    Unreachable,
    /// The back end refused.
    #[error("the back end answered with status {0}")]
    Status(u16),
    /// The back end refused, over gRPC.
    #[error("the back end answered with gRPC code {0}")]
    Refused(i32),
    /// The answer is not JSON or too large.
    #[error("the back end's answer cannot be read")]
    Unreadable,
    /// The address is not on the list of allowed hosts.
    #[error("the address is not allowed")]
    NotAllowed,
    /// The service has too many requests in flight.
    #[error("too many requests at once")]
    Overloaded,
}

impl ActionRequest {
    /// Fills in the action's templates. The id is given when it is sent.
    pub(super) fn build(
        name: &str,
        action: &Action,
        args: &[(String, Expr)],
        scope: &dyn Scope,
    ) -> Result<Self, ExprError> {
        let mut body = serde_json::Map::new();
        for (key, expr) in action.args.iter().chain(args) {
            body.insert(key.clone(), expr.eval(scope)?.to_json());
        }
        let mut url = action.url.url(scope)?;
        if action.method == Method::Get && !body.is_empty() {
            for (key, value) in &body {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let joint = if url.contains('?') { '&' } else { '?' };
                url.push_str(&format!("{joint}{key}={}", crate::bot::template::percent_encode(&text)));
            }
            body.clear();
        }
        let idempotency = action.idempotency.as_ref().map(|key| key.plain(scope)).transpose()?;
        Ok(Self {
            id: 0,
            action: name.to_owned(),
            method: action.method,
            url: url.into(),
            body: serde_json::Value::Object(body).to_string().into(),
            timeout: action.timeout,
            retries: action.retries,
            idempotency: idempotency.map(Pii::new),
            mock: action.mock.clone(),
        })
    }

    /// Whether it asks the same of the same back end.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.action == other.action && self.url == other.url && self.body == other.body
    }
}

impl Await {
    pub(super) fn for_request(request: &ActionRequest, action: &Action) -> Self {
        let filler = action.filler.as_ref();
        Self {
            id: request.id,
            slow_after: filler.map_or(SLOW_AFTER, |filler| filler.after),
            slow_every: filler.and_then(|filler| filler.every),
        }
    }
}
