//! One call's conversation: a bidirectional stream to the dialogue service, opened anew when it broke.

use super::owed::Owed;
use super::{CallPort, Limits, failure};
use hualu_core::dialogue::{CallEvent, CallInput, CallStarted, TurnAct};
use hualu_core::{Stage, TurnId};
use hualu_proto::nlu::v1::ConverseRequest;
use hualu_proto::nlu::v1::dialogue_client::DialogueClient;
use hualu_session::{Failure, Input};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

/// Events on their way to the service. Full means that it does not read: the session is told that it failed.
const QUEUE: usize = 64;

/// A call's conversation.
pub(crate) struct Conversation {
    client: DialogueClient<Channel>,
    limits: Limits,
    port: CallPort,
    /// Told again to a new stream, so that the service knows whom it speaks to.
    started: Option<CallStarted>,
    open: Option<Open>,
}

struct Open {
    events: mpsc::Sender<ConverseRequest>,
    /// The turn of the last event: what a failure of the stream is blamed on.
    turn: Arc<AtomicU32>,
    /// The first act on what wants an answer.
    owed: Owed,
    reader: JoinHandle<()>,
}

impl Conversation {
    pub const fn new(client: DialogueClient<Channel>, limits: Limits, port: CallPort) -> Self {
        Self { client, limits, port, started: None, open: None }
    }

    /// Sends one event; opens the stream when there is none.
    pub async fn send(&mut self, input: CallInput) {
        let turn = input.turn;
        if self.open.as_ref().is_some_and(|open| open.reader.is_finished()) {
            self.open = None;
        }
        let fresh = self.open.is_none();
        let open = self.open.get_or_insert_with(|| spawn(self.client.clone(), self.limits, self.port.clone()));
        if let CallEvent::Started(started) = &input.event {
            self.started = Some(started.clone());
        } else if fresh && let Some(started) = &self.started {
            // The old conversation is lost with its stream. The greeting of the new one answers turn 0, which is over,
            // so the session drops it.
            let hello =
                CallInput { turn: TurnId::default(), budget: input.budget, event: CallEvent::Started(started.clone()) };
            let _ = open.events.try_send(hello.into());
        }
        open.turn.store(turn.0, Ordering::Relaxed);
        if wants_answer(&input.event) {
            open.owed.ask(turn);
        }
        if open.events.try_send(input.into()).is_err() {
            self.port.failed(Stage::Nlu, turn, None, Failure::Overloaded).await;
        }
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        // Dropping the sender ends the stream after what is queued; the reader ends with the service's answer, or here
        // if the service never answers.
        if let Some(open) = self.open.take() {
            let reader = open.reader;
            drop(open.events);
            tokio::spawn(async move {
                let abort = reader.abort_handle();
                if tokio::time::timeout(Duration::from_secs(2), reader).await.is_err() {
                    abort.abort();
                }
            });
        }
    }
}

const fn wants_answer(event: &CallEvent) -> bool {
    matches!(event, CallEvent::Started(_) | CallEvent::Final { .. } | CallEvent::Keys(_) | CallEvent::Silence(_))
}

fn spawn(client: DialogueClient<Channel>, limits: Limits, port: CallPort) -> Open {
    let (events, queue) = mpsc::channel(QUEUE);
    let turn = Arc::new(AtomicU32::new(0));
    let last = Arc::clone(&turn);
    let owed = Owed::new(limits.answer);
    let answers = owed.clone();
    let reader = tokio::spawn(async move {
        let reason = read(client, &limits, &port, queue, &answers).await;
        if let Some(reason) = reason {
            port.failed(Stage::Nlu, TurnId(last.load(Ordering::Relaxed)), None, reason).await;
        }
    });
    Open { events, turn, owed, reader }
}

/// Reads the stream to its end; why it broke, `None` when it ended as it should.
async fn read(
    mut client: DialogueClient<Channel>,
    limits: &Limits,
    port: &CallPort,
    queue: mpsc::Receiver<ConverseRequest>,
    owed: &Owed,
) -> Option<Failure> {
    let mut request = tonic::Request::new(ReceiverStream::new(queue));
    request.set_timeout(limits.call);
    let mut answers = match tokio::time::timeout(limits.connect, client.converse(request)).await {
        Err(_) => return Some(Failure::Unavailable),
        Ok(Err(status)) => {
            tracing::warn!(code = ?status.code(), message = status.message(), "dialogue stream refused");
            return Some(failure(&status));
        }
        Ok(Ok(response)) => response.into_inner(),
    };
    // Between turns the service is silent for as long as the caller is; pings watch the connection.
    loop {
        let answer = tokio::select! {
            answer = answers.message() => answer,
            () = owed.overdue() => return Some(Failure::DeadlineExceeded),
        };
        match answer {
            Ok(None) => return None,
            Ok(Some(answer)) => match TurnAct::try_from(answer) {
                Ok(act) => {
                    // Judgements of partials answer nothing.
                    if act.revision == 0 {
                        owed.settle(act.turn);
                    }
                    port.input(Input::Act(act)).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "dialogue answered nonsense");
                    return Some(Failure::Broken);
                }
            },
            Err(status) => {
                tracing::warn!(code = ?status.code(), message = status.message(), "dialogue stream broke");
                return Some(failure(&status));
            }
        }
    }
}
