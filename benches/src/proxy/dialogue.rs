//! The dialogue's proxy.

use super::QUEUE;
use hualu_proto::nlu::v1::dialogue_client::DialogueClient;
use hualu_proto::nlu::v1::dialogue_server::Dialogue;
use hualu_proto::nlu::v1::{ConverseRequest, ConverseResponse};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};

/// How the dialogue fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DialogueFault {
    /// Not at all.
    #[default]
    None,
    /// It is gone: streams break and new ones are refused.
    Dead,
    /// It takes everything and answers nothing.
    BlackHole,
    /// Every answer comes so much later.
    Late(Duration),
    /// Calls that begin now have slow back ends.
    SlowBackEnds,
}

pub(super) struct DialogueProxy {
    pub upstream: DialogueClient<Channel>,
    pub slow: DialogueClient<Channel>,
    pub fault: watch::Receiver<DialogueFault>,
}

#[tonic::async_trait]
impl Dialogue for DialogueProxy {
    type ConverseStream = ReceiverStream<Result<ConverseResponse, Status>>;

    async fn converse(
        &self,
        request: Request<Streaming<ConverseRequest>>,
    ) -> Result<Response<Self::ConverseStream>, Status> {
        let fault = *self.fault.borrow();
        match fault {
            DialogueFault::Dead => return Err(dead()),
            DialogueFault::BlackHole => std::future::pending().await,
            DialogueFault::None | DialogueFault::Late(_) | DialogueFault::SlowBackEnds => {}
        }
        let mut client = if fault == DialogueFault::SlowBackEnds { &self.slow } else { &self.upstream }.clone();
        let (requests, forwarded) = mpsc::channel(QUEUE);
        tokio::spawn(forward(request.into_inner(), requests, self.fault.clone()));
        let answers = client.converse(ReceiverStream::new(forwarded)).await?.into_inner();
        let (answered, to_caller) = mpsc::channel(QUEUE);
        tokio::spawn(answer(answers, answered, self.fault.clone()));
        Ok(Response::new(ReceiverStream::new(to_caller)))
    }
}

fn dead() -> Status {
    Status::unavailable("the dialogue was killed")
}

/// Passes on what the gateway says.
async fn forward(
    mut from: Streaming<ConverseRequest>,
    to: mpsc::Sender<ConverseRequest>,
    fault: watch::Receiver<DialogueFault>,
) {
    while let Ok(Some(request)) = from.message().await {
        let swallowed = *fault.borrow() == DialogueFault::BlackHole;
        if !swallowed && to.send(request).await.is_err() {
            return;
        }
    }
}

/// Passes on what the dialogue answers, when the fault of that moment lets it.
async fn answer(
    from: Streaming<ConverseResponse>,
    to: mpsc::Sender<Result<ConverseResponse, Status>>,
    mut fault: watch::Receiver<DialogueFault>,
) {
    let (delayed, line) = mpsc::channel(QUEUE);
    let reading = read(from, delayed, fault.clone());
    let killed = async {
        // The proxy itself ends with the process; until then its word is awaited.
        if fault.wait_for(|fault| *fault == DialogueFault::Dead).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        ((), ()) = async { tokio::join!(reading, deliver(line, &to)) } => {}
        () = killed => {
            // A gateway that has left needs no word.
            let _ = to.send(Err(dead())).await;
        }
    }
}

type Delayed = (Instant, Result<ConverseResponse, Status>);

async fn read(
    mut from: Streaming<ConverseResponse>,
    delayed: mpsc::Sender<Delayed>,
    fault: watch::Receiver<DialogueFault>,
) {
    loop {
        let (answer, over) = match from.message().await {
            Ok(Some(answer)) => (Ok(answer), false),
            Ok(None) => return,
            Err(status) => (Err(status), true),
        };
        let now = Instant::now();
        let due = match *fault.borrow() {
            DialogueFault::BlackHole => continue,
            DialogueFault::Late(by) => now + by,
            DialogueFault::None | DialogueFault::Dead | DialogueFault::SlowBackEnds => now,
        };
        if delayed.send((due, answer)).await.is_err() || over {
            return;
        }
    }
}

async fn deliver(mut line: mpsc::Receiver<Delayed>, to: &mpsc::Sender<Result<ConverseResponse, Status>>) {
    while let Some((due, answer)) = line.recv().await {
        tokio::time::sleep_until(due).await;
        if to.send(answer).await.is_err() {
            return;
        }
    }
}
