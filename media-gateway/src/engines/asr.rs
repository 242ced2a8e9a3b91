//! One call's recognition at a service: a bidirectional stream that lives as long as the call.

use super::owed::Owed;
use super::{CallPort, Limits, failure};
use hualu_core::speech::{RecognizeCommand, RecognizeEvent};
use hualu_core::{CallId, SampleRate, Stage, TurnId};
use hualu_proto::asr::v1::recognize_request::Request;
use hualu_proto::asr::v1::recognizer_client::RecognizerClient;
use hualu_proto::asr::v1::{Config, RecognizeRequest};
use hualu_session::{Failure, Input};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

/// Frames on their way to the service: five seconds. Full means that it does not read: the frame is dropped, which the
/// session sees as a failed recognizer.
const QUEUE: usize = 256;

/// A recognition stream.
pub(crate) struct RemoteStream {
    client: RecognizerClient<Channel>,
    config: Config,
    limits: Limits,
    port: CallPort,
    open: Option<Open>,
    /// The turn of the utterance under way: what a failure of the stream is blamed on.
    turn: Arc<AtomicU32>,
}

struct Open {
    requests: mpsc::Sender<RecognizeRequest>,
    /// The final of an utterance that was closed.
    owed: Owed,
    reader: AbortHandle,
}

impl Drop for Open {
    fn drop(&mut self) {
        // What still comes is of no use: the call is over, or another stream takes over.
        self.reader.abort();
    }
}

impl RemoteStream {
    pub fn new(
        client: RecognizerClient<Channel>,
        call: &CallId,
        language_model: &str,
        limits: Limits,
        port: CallPort,
    ) -> Self {
        let config = Config {
            call_id: call.as_str().to_owned(),
            sample_rate_hz: SampleRate::HZ_8000.hz(),
            language_model: language_model.to_owned(),
        };
        Self { client, config, limits, port, open: None, turn: Arc::default() }
    }

    /// Sends one command; an utterance that begins opens the stream when there is none.
    pub async fn send(&mut self, command: RecognizeCommand) {
        if let RecognizeCommand::Start { turn, .. } = &command {
            self.turn.store(turn.0, Ordering::Relaxed);
            if self.open.as_ref().is_none_or(|open| open.reader.is_finished()) {
                self.open = Some(self.open());
            }
        }
        let Some(open) = &self.open else { return };
        match &command {
            RecognizeCommand::End { turn, .. } => open.owed.ask(*turn),
            RecognizeCommand::Cancel { turn } => open.owed.settle(*turn),
            RecognizeCommand::Start { .. } | RecognizeCommand::Audio(_) => {}
        }
        if open.requests.try_send(command.into()).is_err() {
            self.open = None;
            self.port.failed(Stage::Asr, TurnId(self.turn.load(Ordering::Relaxed)), None, Failure::Overloaded).await;
        }
    }

    fn open(&self) -> Open {
        let (requests, queue) = mpsc::channel(QUEUE);
        // The queue is empty: the configuration has room.
        let _ = requests.try_send(RecognizeRequest { request: Some(Request::Config(self.config.clone())) });
        let (client, port, limits) = (self.client.clone(), self.port.clone(), self.limits);
        let turn = Arc::clone(&self.turn);
        let owed = Owed::new(limits.recognized);
        let answers = owed.clone();
        let reader = tokio::spawn(async move {
            if let Err(reason) = read(client, &limits, &port, queue, &answers).await {
                port.failed(Stage::Asr, TurnId(turn.load(Ordering::Relaxed)), None, reason).await;
            }
        });
        Open { requests, owed, reader: reader.abort_handle() }
    }
}

/// Reads the stream to its end.
async fn read(
    mut client: RecognizerClient<Channel>,
    limits: &Limits,
    port: &CallPort,
    queue: mpsc::Receiver<RecognizeRequest>,
    owed: &Owed,
) -> Result<(), Failure> {
    let mut request = tonic::Request::new(ReceiverStream::new(queue));
    request.set_timeout(limits.call);
    let opening = tokio::time::timeout(limits.connect, client.recognize(request));
    let response = opening.await.map_err(|_| Failure::Unavailable)?;
    let mut answers = response.map_err(|status| log(&status))?.into_inner();
    loop {
        // Between utterances the service is silent for as long as the caller is; pings watch the connection.
        let answer = tokio::select! {
            answer = answers.message() => answer.map_err(|status| log(&status))?,
            () = owed.overdue() => return Err(Failure::DeadlineExceeded),
        };
        let Some(answer) = answer else { return Ok(()) };
        let event = RecognizeEvent::try_from(answer).map_err(|_| Failure::Broken)?;
        if event.is_final {
            owed.settle(event.turn);
        }
        port.input(Input::Recognized(event)).await;
    }
}

fn log(status: &tonic::Status) -> Failure {
    tracing::warn!(code = ?status.code(), message = status.message(), "recognition stream broke");
    failure(status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::{CallKey, Command, ShardHandle};
    use hualu_core::dialogue::Expect;
    use hualu_proto::asr::v1 as wire;
    use hualu_proto::asr::v1::recognizer_server::{Recognizer, RecognizerServer};
    use std::time::Duration;
    use tokio::net::TcpListener;
    use tokio_stream::wrappers::TcpListenerStream;
    use tonic::transport::{Endpoint, Server};
    use tonic::{Response, Status, Streaming};

    /// Answers the start of turn 1 with a partial, and breaks at the start of any other.
    struct Fragile;

    #[tonic::async_trait]
    impl Recognizer for Fragile {
        type RecognizeStream = ReceiverStream<Result<wire::RecognizeResponse, Status>>;

        async fn recognize(
            &self,
            request: tonic::Request<Streaming<RecognizeRequest>>,
        ) -> Result<Response<Self::RecognizeStream>, Status> {
            let mut requests = request.into_inner();
            let (answers, stream) = mpsc::channel(4);
            tokio::spawn(async move {
                while let Ok(Some(request)) = requests.message().await {
                    let Some(Request::Start(start)) = request.request else { continue };
                    let hypothesis = Some(wire::Hypothesis::default());
                    let partial = wire::RecognizeResponse {
                        turn: 1,
                        revision: 1,
                        hypothesis,
                        ..wire::RecognizeResponse::default()
                    };
                    let answer = if start.turn == 1 { Ok(partial) } else { Err(Status::internal("broken")) };
                    let _ = answers.send(answer).await;
                }
            });
            Ok(Response::new(ReceiverStream::new(stream)))
        }
    }

    #[tokio::test]
    async fn a_broken_stream_is_blamed_on_the_utterance_under_way() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let service = Server::builder().add_service(RecognizerServer::new(Fragile));
        tokio::spawn(service.serve_with_incoming(TcpListenerStream::new(listener)));
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
        let client = RecognizerClient::new(endpoint.connect().await.expect("connected"));
        let (shard, commands, _poll) = ShardHandle::without_thread();
        let port = CallPort { shard, key: CallKey(0) };
        let mut stream = RemoteStream::new(client, &CallId::new("c"), "", Limits::default(), port);
        let told = async || {
            let next = async {
                loop {
                    match commands.try_recv() {
                        Ok(Command::Input(_, input)) => return input,
                        _ => tokio::time::sleep(Duration::from_millis(1)).await,
                    }
                }
            };
            tokio::time::timeout(Duration::from_secs(20), next).await.expect("the session is told")
        };
        stream.send(RecognizeCommand::Start { turn: TurnId(1), expect: Expect::Free }).await;
        assert!(matches!(told().await, Input::Recognized(_)));
        stream.send(RecognizeCommand::Start { turn: TurnId(2), expect: Expect::Free }).await;
        let failed = told().await;
        assert!(matches!(failed, Input::Failed { turn: TurnId(2), stage: Stage::Asr, .. }), "{failed:?}");
    }
}
