//! One call's voice: a request for every clause, cancelled when the clause is of no use any more.

use super::{CallPort, failure};
use hualu_core::speech::{SynthesizeCommand, SynthesizeEvent};
use hualu_core::{CallId, ClauseId, Stage, TurnId};
use hualu_proto::tts::v1::SynthesizeRequest;
use hualu_proto::tts::v1::voice_client::VoiceClient;
use hualu_session::{Failure, Input};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;
use tonic::Request;
use tonic::transport::Channel;

/// Clauses of one call that are spoken at once. More means a reply of many short clauses: the rest wait in order.
const CLAUSES_MAX: usize = 8;

/// After so long the rest of a clause is of no use to anybody. The voice makes long clauses at the pace at which they
/// are heard, so this bounds the clause and not the work.
const CLAUSE_MAX: Duration = Duration::from_secs(30);

/// A stream that says nothing for so long is broken.
const SILENCE_MAX: Duration = Duration::from_secs(2);

/// A call's voice.
pub(crate) struct Speaker {
    client: VoiceClient<Channel>,
    call: CallId,
    port: CallPort,
    running: HashMap<ClauseId, AbortHandle>,
    slots: Arc<tokio::sync::Semaphore>,
}

impl Speaker {
    pub fn new(client: VoiceClient<Channel>, call: CallId, port: CallPort) -> Self {
        let slots = Arc::new(tokio::sync::Semaphore::new(CLAUSES_MAX));
        Self { client, call, port, running: HashMap::new(), slots }
    }

    /// Asks for one clause; its audio goes straight to the session.
    pub fn speak(&mut self, command: SynthesizeCommand) {
        self.running.retain(|_, task| !task.is_finished());
        let (turn, clause) = (command.turn, command.clause);
        let client = self.client.clone();
        let port = self.port.clone();
        let slots = Arc::clone(&self.slots);
        let request = SynthesizeRequest::new(&self.call, command);
        let task = tokio::spawn(async move {
            let Ok(_slot) = slots.acquire().await else { return };
            if let Err(reason) = stream(client, request, &port).await {
                port.failed(Stage::Tts, turn, Some(clause), reason).await;
            }
        });
        self.running.insert(clause, task.abort_handle());
    }

    /// Stops one clause.
    pub fn cancel(&mut self, clause: ClauseId) {
        if let Some(task) = self.running.remove(&clause) {
            task.abort();
        }
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        for task in self.running.values() {
            task.abort();
        }
    }
}

async fn stream(mut client: VoiceClient<Channel>, request: SynthesizeRequest, port: &CallPort) -> Result<(), Failure> {
    let (turn, clause) = (TurnId(request.turn), ClauseId(request.clause));
    let mut request = Request::new(request);
    request.set_timeout(CLAUSE_MAX);
    let opening = client.synthesize(request);
    let response = tokio::time::timeout(SILENCE_MAX, opening).await.map_err(|_| Failure::DeadlineExceeded)?;
    let mut pieces = response.map_err(|status| log(&status))?.into_inner();
    loop {
        let piece = tokio::time::timeout(SILENCE_MAX, pieces.message()).await.map_err(|_| Failure::DeadlineExceeded)?;
        let piece = piece.map_err(|status| log(&status))?.ok_or(Failure::Broken)?;
        let event = SynthesizeEvent::try_from(piece).map_err(|_| Failure::Broken)?;
        if (event.turn, event.clause) != (turn, clause) {
            return Err(Failure::Broken);
        }
        let last = event.last;
        port.input(Input::Spoken(event)).await;
        if last {
            return Ok(());
        }
    }
}

fn log(status: &tonic::Status) -> Failure {
    tracing::warn!(code = ?status.code(), message = status.message(), "voice failed");
    failure(status)
}
