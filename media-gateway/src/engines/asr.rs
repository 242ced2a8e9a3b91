//! One call's recognition at a service: a bidirectional stream that lives as long as the call.

use super::owed::Owed;
use super::{CallPort, Limits, failure};
use hualu_core::speech::{RecognizeCommand, RecognizeEvent};
use hualu_core::{CallId, SampleRate, Stage, TurnId};
use hualu_proto::asr::v1::recognize_request::Request;
use hualu_proto::asr::v1::recognizer_client::RecognizerClient;
use hualu_proto::asr::v1::{Config, RecognizeRequest};
use hualu_session::{Failure, Input};
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
    turn: TurnId,
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
        Self { client, config, limits, port, open: None, turn: TurnId::default() }
    }

    /// Sends one command; an utterance that begins opens the stream when there is none.
    pub async fn send(&mut self, command: RecognizeCommand) {
        if let RecognizeCommand::Start { turn, .. } = &command {
            self.turn = *turn;
            if self.open.as_ref().is_none_or(|open| open.reader.is_finished()) {
                self.open = Some(self.open());
            }
        }
        let Some(open) = &self.open else { return };
        match &command {
            RecognizeCommand::End { .. } => open.owed.ask(),
            RecognizeCommand::Cancel { .. } => open.owed.settle(),
            RecognizeCommand::Start { .. } | RecognizeCommand::Audio(_) => {}
        }
        if open.requests.try_send(command.into()).is_err() {
            self.open = None;
            self.port.failed(Stage::Asr, self.turn, None, Failure::Overloaded).await;
        }
    }

    fn open(&self) -> Open {
        let (requests, queue) = mpsc::channel(QUEUE);
        // The queue is empty: the configuration has room.
        let _ = requests.try_send(RecognizeRequest { request: Some(Request::Config(self.config.clone())) });
        let (client, port, limits, mut turn) = (self.client.clone(), self.port.clone(), self.limits, self.turn);
        let owed = Owed::new(limits.recognized);
        let answers = owed.clone();
        let reader = tokio::spawn(async move {
            if let Err(reason) = read(client, &limits, &port, queue, &answers, &mut turn).await {
                port.failed(Stage::Asr, turn, None, reason).await;
            }
        });
        Open { requests, owed, reader: reader.abort_handle() }
    }
}

/// Reads the stream to its end; `turn` is the last one that it answered.
async fn read(
    mut client: RecognizerClient<Channel>,
    limits: &Limits,
    port: &CallPort,
    queue: mpsc::Receiver<RecognizeRequest>,
    owed: &Owed,
    turn: &mut TurnId,
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
        *turn = event.turn;
        if event.is_final {
            owed.settle();
        }
        port.input(Input::Recognized(event)).await;
    }
}

fn log(status: &tonic::Status) -> Failure {
    tracing::warn!(code = ?status.code(), message = status.message(), "recognition stream broke");
    failure(status)
}
