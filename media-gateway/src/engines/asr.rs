//! One call's recognition at a service: a bidirectional stream that lives as long as the call.

use super::{CallPort, failure};
use hualu_core::speech::{RecognizeCommand, RecognizeEvent};
use hualu_core::{CallId, SampleRate, Stage, TurnId};
use hualu_proto::asr::v1::recognize_request::Request;
use hualu_proto::asr::v1::recognizer_client::RecognizerClient;
use hualu_proto::asr::v1::{Config, RecognizeRequest};
use hualu_session::{Failure, Input};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

/// Frames on their way to the service: five seconds. Full means that it does not read: the frame is dropped, which the
/// session sees as a failed recognizer.
const QUEUE: usize = 256;

/// A recognition stream.
pub(crate) struct RemoteStream {
    client: RecognizerClient<Channel>,
    config: Config,
    connect_timeout: Duration,
    port: CallPort,
    requests: Option<mpsc::Sender<RecognizeRequest>>,
    turn: TurnId,
}

impl RemoteStream {
    pub fn new(
        client: RecognizerClient<Channel>,
        call: &CallId,
        language_model: &str,
        connect_timeout: Duration,
        port: CallPort,
    ) -> Self {
        let config = Config {
            call_id: call.as_str().to_owned(),
            sample_rate_hz: SampleRate::HZ_8000.hz(),
            language_model: language_model.to_owned(),
        };
        Self { client, config, connect_timeout, port, requests: None, turn: TurnId::default() }
    }

    /// Sends one command; an utterance that begins opens the stream when there is none.
    pub async fn send(&mut self, command: RecognizeCommand) {
        if let RecognizeCommand::Start { turn, .. } = &command {
            self.turn = *turn;
            if self.requests.as_ref().is_none_or(mpsc::Sender::is_closed) {
                self.open();
            }
        }
        let Some(requests) = &self.requests else { return };
        if requests.try_send(command.into()).is_err() {
            self.requests = None;
            self.port.failed(Stage::Asr, self.turn, None, Failure::Overloaded).await;
        }
    }

    fn open(&mut self) {
        let (requests, queue) = mpsc::channel(QUEUE);
        // The queue is empty: the configuration has room.
        let _ = requests.try_send(RecognizeRequest { request: Some(Request::Config(self.config.clone())) });
        self.requests = Some(requests);
        let (client, port, turn) = (self.client.clone(), self.port.clone(), self.turn);
        let connect_timeout = self.connect_timeout;
        tokio::spawn(async move {
            if let Err((reason, turn)) = read(client, connect_timeout, &port, queue, turn).await {
                port.failed(Stage::Asr, turn, None, reason).await;
            }
        });
    }
}

async fn read(
    mut client: RecognizerClient<Channel>,
    connect_timeout: Duration,
    port: &CallPort,
    queue: mpsc::Receiver<RecognizeRequest>,
    mut turn: TurnId,
) -> Result<(), (Failure, TurnId)> {
    let opening = client.recognize(ReceiverStream::new(queue));
    let response = tokio::time::timeout(connect_timeout, opening).await.map_err(|_| (Failure::Unavailable, turn))?;
    let mut answers = response.map_err(|status| (log(&status), turn))?.into_inner();
    loop {
        match answers.message().await {
            Ok(None) => return Ok(()),
            Ok(Some(answer)) => {
                let event = RecognizeEvent::try_from(answer).map_err(|_| (Failure::Broken, turn))?;
                turn = event.turn;
                port.input(Input::Recognized(event)).await;
            }
            Err(status) => return Err((log(&status), turn)),
        }
    }
}

fn log(status: &tonic::Status) -> Failure {
    tracing::warn!(code = ?status.code(), message = status.message(), "recognition stream broke");
    failure(status)
}
