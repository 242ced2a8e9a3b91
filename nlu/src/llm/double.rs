//! A server that stands in for a language model in tests and demos: it speaks the streaming chat protocol and answers
//! what it was told to answer, one after the other.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::json;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;

/// Requests that are kept for a look; the oldest make room.
const KEPT_MAX: usize = 64;
/// So many characters come in one event, as from a model that makes token after token.
const PIECE_CHARS: usize = 3;

/// One answer of the double.
#[derive(Clone, Debug)]
pub enum Answer {
    /// This content, piece by piece.
    Content(String),
    /// Bytes as they are, in place of a stream of events.
    Raw(String),
    /// This status.
    Status(u16),
    /// None, ever.
    Never,
}

#[derive(Clone, Default)]
struct Shared {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<VecDeque<String>>>,
}

/// The double while it runs.
#[derive(Clone)]
pub struct Double {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Shared,
}

impl Double {
    /// The bodies of the requests so far.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// Starts a double that gives these answers and then none; it runs until the process ends.
///
/// # Errors
/// When `listen` cannot be bound.
pub async fn start(listen: SocketAddr, answers: Vec<Answer>) -> std::io::Result<Double> {
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    let shared = Shared { answers: Arc::new(Mutex::new(answers.into())), ..Shared::default() };
    let router = Router::new().route("/v1/chat/completions", post(complete)).with_state(shared.clone());
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the double of a language model ended");
        }
    });
    Ok(Double { address, shared })
}

async fn complete(State(shared): State<Shared>, body: String) -> Response {
    {
        let mut asked = shared.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() == KEPT_MAX {
            asked.pop_front();
        }
        asked.push_back(body);
    }
    let answer = shared.answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    match answer.unwrap_or(Answer::Never) {
        Answer::Content(content) => stream(&content).into_response(),
        Answer::Raw(bytes) => bytes.into_response(),
        Answer::Status(status) => StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY).into_response(),
        Answer::Never => std::future::pending().await,
    }
}

fn stream(content: &str) -> Body {
    let chars: Vec<char> = content.chars().collect();
    let mut events: Vec<String> = chars
        .chunks(PIECE_CHARS)
        .map(|piece| {
            let delta = json!({"choices": [{"delta": {"content": piece.iter().collect::<String>()}}]});
            format!("data: {delta}\n\n")
        })
        .collect();
    events.push("data: [DONE]\n\n".to_owned());
    // Cut where no event ends, as networks do.
    let bytes = events.concat().into_bytes();
    let parts: Vec<Result<Vec<u8>, Infallible>> = bytes.chunks(37).map(|part| Ok(part.to_vec())).collect();
    Body::from_stream(tokio_stream::iter(parts))
}
