//! One call's voice: a request for every clause, cancelled when the clause is of no use any more.
//!
//! Two deadlines bound a clause. Until its first sound it has what is left of the turn's budget (`budget_ms` on the wire)
//! and then as long as the session waits before it leaves the clause out. From then on it is bounded by its own playing
//! time: what comes later than the audio before it could be played is of no use. `grpc-timeout` covers the whole request,
//! so it is the first limit and the longest clause together.

use super::{CallPort, Limits, failure};
use hualu_core::speech::{SynthesizeCommand, SynthesizeEvent};
use hualu_core::{CallId, ClauseId, SampleRate, Samples, Stage, TurnId};
use hualu_proto::tts::v1::SynthesizeRequest;
use hualu_proto::tts::v1::voice_client::VoiceClient;
use hualu_session::{Failure, Input};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};
use tonic::Request;
use tonic::transport::Channel;

/// Clauses of one call that are spoken at once. More means a reply of many short clauses: the rest wait in order.
const CLAUSES_MAX: usize = 8;

/// The longest clause, as long as a session takes them.
const CLAUSE_MAX: Duration = Duration::from_secs(60);

/// A call's voice.
pub(crate) struct Speaker {
    client: VoiceClient<Channel>,
    call: CallId,
    port: CallPort,
    limits: Limits,
    running: HashMap<ClauseId, AbortHandle>,
    slots: Arc<Semaphore>,
}

/// The limits of one clause, from when it was asked for.
#[derive(Clone, Copy)]
struct Due {
    asked: Instant,
    /// What is left of the turn's budget.
    budget: Duration,
    /// How long the session waits for the first sound.
    first: Duration,
    /// How much later than it could be played a piece may come.
    stall: Duration,
}

impl Due {
    fn new(budget: Duration, limits: &Limits) -> Self {
        Self { asked: Instant::now(), budget, first: budget + limits.voice_patience, stall: limits.voice_stall }
    }

    fn first_sound(&self) -> Instant {
        self.asked + self.first
    }

    /// When the piece after `heard` is due, the first sound having come at `began`. A clause that came early is heard
    /// when its turn has come.
    fn next_piece(&self, began: Instant, heard: Duration) -> Instant {
        let plays = began.max(self.asked + self.budget) + heard;
        (plays + self.stall).min(self.asked + self.whole())
    }

    fn whole(&self) -> Duration {
        self.first + CLAUSE_MAX
    }
}

impl Speaker {
    pub fn new(client: VoiceClient<Channel>, call: CallId, limits: Limits, port: CallPort) -> Self {
        let slots = Arc::new(Semaphore::new(CLAUSES_MAX));
        Self { client, call, port, limits, running: HashMap::new(), slots }
    }

    /// Asks for one clause; its audio goes straight to the session.
    pub fn speak(&mut self, command: SynthesizeCommand) {
        self.running.retain(|_, task| !task.is_finished());
        let (turn, clause) = (command.turn, command.clause);
        let due = Due::new(command.budget, &self.limits);
        let client = self.client.clone();
        let port = self.port.clone();
        let slots = Arc::clone(&self.slots);
        let request = SynthesizeRequest::new(&self.call, command);
        let task = tokio::spawn(async move {
            if let Err(reason) = speak(client, &slots, request, due, &port).await {
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

/// Waits for a slot, then speaks. The time for the first sound runs from the order on.
async fn speak(
    client: VoiceClient<Channel>,
    slots: &Semaphore,
    mut request: SynthesizeRequest,
    due: Due,
    port: &CallPort,
) -> Result<(), Failure> {
    let slot = timeout_at(due.first_sound(), slots.acquire()).await.map_err(|_| Failure::Overloaded)?;
    let _slot = slot.map_err(|_| Failure::Broken)?;
    let waited = due.asked.elapsed().as_millis().try_into().unwrap_or(u32::MAX);
    request.budget_ms = request.budget_ms.saturating_sub(waited);
    stream(client, request, due, port).await
}

async fn stream(
    mut client: VoiceClient<Channel>,
    request: SynthesizeRequest,
    due: Due,
    port: &CallPort,
) -> Result<(), Failure> {
    let (turn, clause) = (TurnId(request.turn), ClauseId(request.clause));
    let rate = SampleRate::new(request.sample_rate_hz).ok_or(Failure::Broken)?;
    let mut request = Request::new(request);
    request.set_timeout(due.whole().saturating_sub(due.asked.elapsed()));
    let mut by = due.first_sound();
    let response = timeout_at(by, client.synthesize(request)).await.map_err(|_| Failure::DeadlineExceeded)?;
    let mut pieces = response.map_err(|status| log(&status))?.into_inner();
    let (mut began, mut heard) = (None, Samples(0));
    loop {
        let piece = timeout_at(by, pieces.message()).await.map_err(|_| Failure::DeadlineExceeded)?;
        let piece = piece.map_err(|status| log(&status))?.ok_or(Failure::Broken)?;
        let event = SynthesizeEvent::try_from(piece).map_err(|_| Failure::Broken)?;
        if (event.turn, event.clause) != (turn, clause) {
            return Err(Failure::Broken);
        }
        heard.0 += event.pcm.len() as u64;
        if heard.0 > 0 {
            let began = *began.get_or_insert_with(Instant::now);
            by = due.next_piece(began, heard.duration(rate));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::{CallKey, Shard};
    use hualu_core::dialogue::Say;
    use hualu_core::speech::AudioSource;
    use hualu_proto::tts::v1 as wire;
    use hualu_proto::tts::v1::voice_server::{Voice, VoiceServer};
    use std::pin::Pin;
    use std::sync::Mutex;
    use tokio::net::TcpListener;
    use tokio_stream::wrappers::TcpListenerStream;
    use tokio_stream::{Stream, StreamExt, iter, pending};
    use tonic::transport::{Endpoint, Server};
    use tonic::{Response, Status};

    /// How a voice fails.
    #[derive(Clone, Copy, PartialEq)]
    enum Fault {
        None,
        NeverOpens,
        NeverSounds,
        Stalls,
    }

    struct FaultyVoice {
        fault: Fault,
        /// `grpc-timeout` and `budget_ms` of what was asked.
        asked: Arc<Mutex<Vec<(String, u32)>>>,
    }

    #[tonic::async_trait]
    impl Voice for FaultyVoice {
        type SynthesizeStream = Pin<Box<dyn Stream<Item = Result<wire::SynthesizeResponse, Status>> + Send>>;

        async fn synthesize(
            &self,
            request: Request<SynthesizeRequest>,
        ) -> Result<Response<Self::SynthesizeStream>, Status> {
            let timeout = request.metadata().get("grpc-timeout").and_then(|value| value.to_str().ok());
            let timeout = timeout.unwrap_or_default().to_owned();
            let request = request.into_inner();
            self.asked.lock().expect("whole").push((timeout, request.budget_ms));
            let piece = |last| {
                let (turn, clause) = (TurnId(request.turn), ClauseId(request.clause));
                let source = AudioSource::Engine;
                Ok(SynthesizeEvent { turn, clause, pcm: vec![1; 80], source, last }.into())
            };
            Ok(Response::new(match self.fault {
                Fault::None => Box::pin(iter([piece(false), piece(true)])),
                Fault::NeverOpens => std::future::pending().await,
                Fault::NeverSounds => Box::pin(pending()),
                Fault::Stalls => Box::pin(iter([piece(false)]).chain(pending())),
            }))
        }
    }

    async fn outcome(fault: Fault) -> (Result<(), Failure>, Vec<(String, u32)>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let service = VoiceServer::new(FaultyVoice { fault, asked: Arc::clone(&asked) });
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)));
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
        let client = VoiceClient::new(endpoint.connect().await.expect("connected"));
        let command = SynthesizeCommand {
            turn: TurnId(3),
            clause: ClauseId(7),
            say: Say::plain("您好"),
            rate: SampleRate::HZ_8000,
            budget: Duration::from_millis(200),
        };
        let stall = Duration::from_millis(100);
        let limits = Limits { voice_patience: Duration::from_millis(300), voice_stall: stall, ..Limits::default() };
        let due = Due::new(command.budget, &limits);
        let request = SynthesizeRequest::new(&CallId::new("c"), command);
        let shard = Shard::start(97).expect("a thread");
        let port = CallPort { shard: shard.handle.clone(), key: CallKey(0) };
        let outcome = speak(client, &Semaphore::new(1), request, due, &port).await;
        shard.stop();
        let asked = asked.lock().expect("whole").clone();
        (outcome, asked)
    }

    #[tokio::test]
    async fn a_request_carries_what_is_left_and_time_for_the_longest_clause() {
        let (outcome, asked) = outcome(Fault::None).await;
        assert_eq!(outcome, Ok(()));
        let [(timeout, budget_ms)] = &asked[..] else { panic!("one request: {asked:?}") };
        assert!((1..=200).contains(budget_ms), "{budget_ms}");
        let us: u64 = timeout.strip_suffix('u').and_then(|us| us.parse().ok()).expect("microseconds");
        assert!((60_000_000..=60_500_000).contains(&us), "a minute, and at most 500 ms until the first sound: {us}");
    }

    #[tokio::test]
    async fn a_voice_that_keeps_the_caller_waiting_is_given_up() {
        for fault in [Fault::NeverOpens, Fault::NeverSounds, Fault::Stalls] {
            assert_eq!(outcome(fault).await.0, Err(Failure::DeadlineExceeded));
        }
    }

    #[test]
    fn a_piece_is_due_when_what_came_before_it_was_played() {
        let ms = Duration::from_millis;
        let limits = Limits { voice_patience: ms(500), voice_stall: ms(300), ..Limits::default() };
        let due = Due::new(ms(2_100), &limits);
        assert_eq!(due.first_sound() - due.asked, ms(2_600));
        let early = due.asked + ms(100);
        assert_eq!(due.next_piece(early, ms(400)) - due.asked, ms(2_800), "two seconds wait before it");
        let late = due.asked + ms(2_500);
        assert_eq!(due.next_piece(late, ms(400)) - due.asked, ms(3_200));
        assert_eq!(due.next_piece(late, ms(90_000)) - due.asked, due.whole());
    }
}
