//! The gRPC service `hualu.nlu.v1.Dialogue`: one stream is one call, one task drives one conversation.

use crate::action::{ActionRunner, RunnerError};
use crate::bot::Bot;
use crate::dialogue::{
    ActionFault, ActionOutcome, ActionRequest, Assistant, AssistantError, Await, Conversation, Output,
};
use crate::reload::{Current, Reloader, Terms};
use crate::script::Stage;
use crate::utterance::Pronouncer;
use chrono::{DateTime, Utc};
use hualu_core::Pii;
use hualu_core::dialogue::{CallEvent, CallInput};
use hualu_proto::nlu::v1::dialogue_server::{Dialogue, DialogueServer};
use hualu_proto::nlu::v1::{ConverseRequest, ConverseResponse};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// Answers that a client may leave unread; full means that it has stopped reading.
const ANSWERS_MAX: usize = 64;
/// A client that has stopped reading for so long has lost its call.
const SEND_LIMIT: Duration = Duration::from_secs(5);
/// The first message must come within this.
const START_LIMIT: Duration = Duration::from_secs(10);
/// A call in which nothing happens for so long is dead.
const IDLE_LIMIT: Duration = Duration::from_secs(900);

/// What a dialogue service is made of.
#[derive(Clone, Debug)]
pub struct ServiceConfig {
    /// Back end -> base address, for every back end that the bot names.
    pub backends: BTreeMap<String, String>,
    /// Further hosts (`host:port`) that actions may call.
    pub allow_hosts: Vec<String>,
    /// The key that the language model's server asks for.
    pub llm_key: Option<Pii<String>>,
    /// Where trained classifiers are kept between starts.
    pub cache: Option<PathBuf>,
    /// Turns text into sounds.
    pub pronouncer: Pronouncer,
    /// How many calls may be served at once; more are refused.
    pub conversations_max: usize,
    /// How many requests to back ends may be in flight.
    pub requests_max: usize,
    /// The calendar.
    pub clock: fn() -> DateTime<Utc>,
    /// A script's results and calendar in place of the back ends' and the real one, for tests of whole calls.
    pub stage: Option<Stage>,
}

impl Default for ServiceConfig {
    fn default() -> Self {
        Self {
            backends: BTreeMap::new(),
            allow_hosts: Vec::new(),
            llm_key: std::env::var("HUALU_LLM_KEY").ok().filter(|key| !key.is_empty()).map(Pii::new),
            cache: default_cache(),
            pronouncer: Pronouncer::default(),
            conversations_max: 2_000,
            requests_max: 256,
            clock: crate::clock::now,
            stage: None,
        }
    }
}

/// The user's cache folder for trained classifiers: `$HUALU_CACHE`, `$XDG_CACHE_HOME/hualu` or `$HOME/.cache/hualu`.
#[must_use]
pub fn default_cache() -> Option<PathBuf> {
    let var = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    var("HUALU_CACHE")
        .or_else(|| var("XDG_CACHE_HOME").map(|dir| dir.join("hualu")))
        .or_else(|| var("HOME").map(|dir| dir.join(".cache/hualu")))
}

/// Why a service cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The bot does not fit the configuration.
    #[error(transparent)]
    Assistant(#[from] AssistantError),
    /// Its back ends cannot be called.
    #[error(transparent)]
    Runner(#[from] RunnerError),
}

/// The service for one bot with the default configuration; `backends` are the base URLs of its back ends by name.
///
/// # Errors
/// [`ServiceError`] when the bot calls a back end that has no address.
pub fn service(bot: Bot, backends: BTreeMap<String, String>) -> Result<DialogueService, ServiceError> {
    let config = ServiceConfig { backends, pronouncer: Pronouncer::installed(), ..ServiceConfig::default() };
    DialogueService::new(bot, config)
}

/// A bot behind gRPC.
#[derive(Debug)]
pub struct DialogueService {
    current: Current,
    calls: Arc<Semaphore>,
    shared: Shared,
}

/// What the conversations of a service share.
#[derive(Clone, Debug)]
struct Shared {
    runner: ActionRunner,
    clock: fn() -> DateTime<Utc>,
    stage: Option<Stage>,
}

impl DialogueService {
    /// Makes a bot ready to serve: trains its classifier or loads it from the cache.
    ///
    /// # Errors
    /// [`ServiceError`] when the configuration does not fit the bot.
    pub fn new(bot: Bot, config: ServiceConfig) -> Result<Self, ServiceError> {
        let runner = ActionRunner::new(&config.backends, &config.allow_hosts, config.requests_max)?
            .with_chat_key(config.llm_key.clone());
        let ServiceConfig { backends, cache, pronouncer, .. } = config;
        Ok(Self {
            current: Current::new(bot, Terms { backends, cache, pronouncer })?,
            calls: Arc::new(Semaphore::new(config.conversations_max)),
            shared: Shared { runner, clock: config.clock, stage: config.stage },
        })
    }

    /// As a tonic service.
    #[must_use]
    pub fn into_server(self) -> DialogueServer<Self> {
        DialogueServer::new(self)
    }

    /// What replaces the bot while the service runs.
    #[must_use]
    pub fn reloader(&self) -> Reloader {
        Reloader(self.current.clone())
    }
}

#[tonic::async_trait]
impl Dialogue for DialogueService {
    type ConverseStream = ReceiverStream<Result<ConverseResponse, Status>>;

    async fn converse(
        &self,
        request: Request<Streaming<ConverseRequest>>,
    ) -> Result<Response<Self::ConverseStream>, Status> {
        // Full means that the service serves as many calls as it may.
        let Ok(permit) = Arc::clone(&self.calls).try_acquire_owned() else {
            return Err(Status::resource_exhausted("too many conversations; try another server"));
        };
        let (answers, stream) = mpsc::channel(ANSWERS_MAX);
        let (assistant, shared) = (self.current.assistant(), self.shared.clone());
        let inbound = request.into_inner();
        let driver_answers = answers.clone();
        tokio::spawn(async move {
            let _permit = permit;
            // A task of its own, so that a panic ends this conversation alone and is told to its client.
            let call = tokio::spawn(drive(assistant, shared, inbound, driver_answers));
            let status = match call.await {
                Ok(Ok(())) => return,
                Ok(Err(status)) => status,
                Err(failed) => {
                    tracing::error!(%failed, "a conversation failed");
                    Status::internal("the conversation failed; the call should go to a person")
                }
            };
            // The client may be gone; then there is nobody to tell.
            let _ = timeout(SEND_LIMIT, answers.send(Err(status))).await;
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

async fn drive(
    assistant: Arc<Assistant>,
    shared: Shared,
    mut inbound: Streaming<ConverseRequest>,
    answers: mpsc::Sender<Result<ConverseResponse, Status>>,
) -> Result<(), Status> {
    let Ok(first) = timeout(START_LIMIT, inbound.message()).await else {
        return Err(Status::deadline_exceeded("no `started` came"));
    };
    let Some(mut first) =
        first?.map(CallInput::try_from).transpose().map_err(|e| Status::invalid_argument(e.to_string()))?
    else {
        return Ok(());
    };
    let CallEvent::Started(started) = &mut first.event else {
        return Err(Status::failed_precondition("the first event of a call must be `started`"));
    };
    if let Some(stage) = &shared.stage {
        stage.introduce(started);
    }
    if !started.bot.is_empty() && started.bot != assistant.bot().id() {
        let known = assistant.bot().id();
        return Err(Status::not_found(format!("there is no bot `{}` here, only `{known}`", started.bot)));
    }
    let seed = seed_of(started.call.as_str());
    let mut driver = Driver {
        conversation: Conversation::new(assistant, seed),
        shared,
        answers,
        running: JoinSet::new(),
        ids: HashMap::new(),
        timers: JoinSet::new(),
    };
    driver.take(first).await?;
    let result = driver.follow(&mut inbound).await;
    // Requests that are under way are finished although the caller has gone: what was agreed is done.
    driver.running.detach_all();
    let guesses = driver.conversation.speculation();
    let count = |outcome, count: u32| {
        metrics::counter!("hualu_nlu_guessed_queries_total", "outcome" => outcome).increment(count.into());
    };
    count("used", guesses.used);
    count("wasted", guesses.sent.saturating_sub(guesses.used));
    result
}

/// The same call gives the same variants of prompts.
fn seed_of(call: &str) -> u64 {
    let hash = blake3::hash(call.as_bytes());
    hash.as_bytes().first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

impl Shared {
    fn now(&self) -> DateTime<Utc> {
        let now = (self.clock)();
        self.stage.as_ref().map_or(now, |stage| stage.now(now))
    }

    async fn run(&self, request: &ActionRequest) -> ActionOutcome {
        match &self.stage {
            Some(stage) => stage.answer(request),
            None => self.runner.run(request).await,
        }
    }
}

/// Drives one conversation in real time.
struct Driver {
    conversation: Conversation,
    shared: Shared,
    answers: mpsc::Sender<Result<ConverseResponse, Status>>,
    /// Requests under way; a conversation waits for one at a time and guesses at few, so there are never many.
    running: JoinSet<ActionOutcome>,
    ids: HashMap<tokio::task::Id, u64>,
    timers: JoinSet<Await>,
}

impl Driver {
    async fn follow(&mut self, inbound: &mut Streaming<ConverseRequest>) -> Result<(), Status> {
        loop {
            tokio::select! {
                message = timeout(IDLE_LIMIT, inbound.message()) => {
                    let Ok(message) = message else {
                        return Err(Status::deadline_exceeded("nothing happened in this call for 15 minutes"));
                    };
                    let Some(message) = message? else { return Ok(()) };
                    let input = CallInput::try_from(message).map_err(|e| Status::invalid_argument(e.to_string()))?;
                    if matches!(input.event, CallEvent::HangUp { .. }) {
                        return Ok(());
                    }
                    self.take(input).await?;
                }
                Some(done) = self.running.join_next_with_id() => {
                    let (task, outcome) = done.unwrap_or_else(|error| (error.id(), Err(ActionFault::Unreachable)));
                    if let Some(id) = self.ids.remove(&task) {
                        let outputs = self.conversation.action_done(self.shared.now(), id, outcome);
                        self.put(outputs).await?;
                    }
                }
                Some(Ok(wait)) = self.timers.join_next() => {
                    let outputs = self.conversation.action_slow(self.shared.now(), wait.id);
                    let is_slow = !outputs.is_empty();
                    self.put(outputs).await?;
                    if let Some(every) = wait.slow_every.filter(|_| is_slow) {
                        self.after(every, wait);
                    }
                }
            }
        }
    }

    async fn take(&mut self, input: CallInput) -> Result<(), Status> {
        let outputs = self.conversation.handle(self.shared.now(), input);
        self.put(outputs).await
    }

    async fn put(&mut self, outputs: Vec<Output>) -> Result<(), Status> {
        for output in outputs {
            match output {
                Output::Act(act) => {
                    if let Some(stage) = &self.shared.stage {
                        stage.note(&act);
                    }
                    let sent = timeout(SEND_LIMIT, self.answers.send(Ok(act.into()))).await;
                    if !matches!(sent, Ok(Ok(()))) {
                        return Err(Status::cancelled("the client does not read its answers"));
                    }
                }
                Output::Run(request) => {
                    let (shared, id) = (self.shared.clone(), request.id);
                    let action = request.action.clone();
                    let task = self.running.spawn(async move {
                        let outcome = shared.run(&request).await;
                        let label = if outcome.is_ok() { "ok" } else { "error" };
                        metrics::counter!("hualu_nlu_actions_total", "outcome" => label).increment(1);
                        if let Err(fault) = &outcome {
                            tracing::warn!(action, %fault, "an action failed");
                        }
                        outcome
                    });
                    self.ids.insert(task.id(), id);
                }
                Output::Await(wait) => self.after(wait.slow_after, wait),
            }
        }
        Ok(())
    }

    fn after(&mut self, delay: Duration, wait: Await) {
        self.timers.spawn(async move {
            tokio::time::sleep(delay).await;
            wait
        });
    }
}
