//! `hualu.asr.v1` over the pool: one gRPC stream is one call.

use crate::error::AsrError;
use crate::pool::{Dropped, Pool, StreamHandle};
use hualu_core::speech::RecognizeEvent;
use hualu_core::{CallId, SampleRate};
use hualu_proto::asr::v1 as wire;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use wire::recognize_request::Request as Order;

/// How long a client may take to say what its stream will carry.
const CONFIG_WAIT: Duration = Duration::from_secs(5);
/// A stream on which nothing comes for so long is taken for dead; in a call even a long announcement is shorter.
const IDLE_MAX: Duration = Duration::from_secs(15 * 60);
/// Responses that may wait for a slow client. Full: the response is dropped and counted.
const RESPONSES_MAX: usize = 64;

/// The service. Clone it into as many servers as listen.
#[derive(Clone, Debug)]
pub struct Service {
    pool: Arc<Pool>,
}

impl Service {
    /// Serves the streams of `pool`.
    #[must_use]
    pub const fn new(pool: Arc<Pool>) -> Self {
        Self { pool }
    }

    /// The tonic service, ready for a router.
    #[must_use]
    pub fn into_server(self) -> wire::recognizer_server::RecognizerServer<Self> {
        wire::recognizer_server::RecognizerServer::new(self)
    }
}

type Responses = mpsc::Sender<Result<wire::RecognizeResponse, Status>>;

#[tonic::async_trait]
impl wire::recognizer_server::Recognizer for Service {
    type RecognizeStream = ReceiverStream<Result<wire::RecognizeResponse, Status>>;

    async fn recognize(
        &self,
        request: Request<Streaming<wire::RecognizeRequest>>,
    ) -> Result<Response<Self::RecognizeStream>, Status> {
        let mut requests = request.into_inner();
        let (responses, answers) = mpsc::channel(RESPONSES_MAX);
        let config = read_config(&mut requests).await?;
        let rate = SampleRate::new(config.sample_rate_hz).ok_or_else(|| {
            let rate_hz = config.sample_rate_hz;
            Status::invalid_argument(format!("config: sample_rate_hz is {rate_hz}, expected 8000 to 48000"))
        })?;
        let sink = sink(responses.clone());
        let call = CallId::new(&config.call_id);
        let handle = self.pool.open(call, rate, &config.language_model, sink).map_err(refusal)?;
        tokio::spawn(async move {
            if let Err(status) = carry(&mut requests, &handle, rate).await {
                // A client that does not read its answers learns of the end by the closed stream alone.
                let _ = responses.try_send(Err(status));
            }
        });
        Ok(Response::new(ReceiverStream::new(answers)))
    }
}

async fn read_config(requests: &mut Streaming<wire::RecognizeRequest>) -> Result<wire::Config, Status> {
    let first = timeout(CONFIG_WAIT, requests.message())
        .await
        .map_err(|_| Status::deadline_exceeded("no config within 5 s of the stream's start"))??;
    match first.and_then(|request| request.request) {
        Some(Order::Config(config)) => Ok(config),
        _ => Err(Status::invalid_argument("the first request must be config")),
    }
}

/// Events on their way to the client. The worker's thread never waits for a client.
fn sink(responses: Responses) -> Box<dyn Fn(RecognizeEvent) + Send> {
    Box::new(move |event| {
        let is_final = event.is_final;
        if let Err(mpsc::error::TrySendError::Full(_)) = responses.try_send(Ok(event.into())) {
            metrics::counter!("hualu_asr_responses_dropped_total").increment(1);
            if is_final {
                tracing::warn!("a client does not read its finals");
            }
        }
    })
}

async fn carry(
    requests: &mut Streaming<wire::RecognizeRequest>,
    handle: &StreamHandle,
    rate: SampleRate,
) -> Result<(), Status> {
    loop {
        let message = timeout(IDLE_MAX, requests.message())
            .await
            .map_err(|_| Status::deadline_exceeded("nothing came for 15 minutes"))??;
        let Some(request) = message else { return Ok(()) };
        let order = request.request.ok_or_else(|| Status::invalid_argument("a request is empty"))?;
        let commands = order.into_commands(rate).map_err(|error| Status::invalid_argument(error.to_string()))?;
        for command in commands {
            match handle.send(command) {
                // The pool counts what a full queue drops; the stream goes on.
                Ok(()) | Err(Dropped::Oldest) => {}
                Err(Dropped::Closed) => return Err(Status::unavailable("the recognizer is stopping")),
            }
        }
    }
}

fn refusal(error: AsrError) -> Status {
    match error {
        AsrError::Busy { .. } => Status::resource_exhausted(error.to_string()),
        AsrError::UnknownLanguageModel { .. } => Status::not_found(error.to_string()),
        AsrError::Stopped { .. } => Status::unavailable(error.to_string()),
        other => Status::internal(other.to_string()),
    }
}
