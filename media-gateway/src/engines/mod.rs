//! Where the engines are: the recognizer's pool or its service, the dialogue and the voice. Proto types stop here.

mod asr;
mod nlu;
mod owed;
mod tts;

pub(crate) use asr::RemoteStream;
pub(crate) use nlu::Conversation;
pub(crate) use tts::Speaker;

use crate::config::ServiceAddress;
use crate::shard::{CallKey, Command, ShardHandle};
use hualu_core::{ClauseId, LatencyBudget, Stage, TurnId};
use hualu_proto::asr::v1::recognizer_client::RecognizerClient;
use hualu_proto::nlu::v1::dialogue_client::DialogueClient;
use hualu_proto::tts::v1::voice_client::VoiceClient;
use hualu_session::{Failure, Input, TurnConfig};
use std::sync::Arc;
use std::time::Duration;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

/// A dead peer is noticed after a missed ping: interval plus timeout.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// The engines of a gateway. Cheap to clone; connections are shared and made anew when they break.
#[derive(Clone)]
pub struct Engines {
    pub(crate) recognizer: RecognizerSource,
    pub(crate) dialogue: DialogueClient<Channel>,
    pub(crate) voice: VoiceClient<Channel>,
    pub(crate) connect_timeout: Duration,
    /// Name of the language model that recognition streams ask for.
    pub(crate) language_model: String,
}

/// How long the engines of one call may take, beyond what the session's own timers say of each turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// To open a stream.
    pub connect: Duration,
    /// A stream that lasts as long as its call; it is its `grpc-timeout`.
    pub call: Duration,
    /// The final of an utterance that was closed. Longer: the stream is broken and the next utterance opens another.
    pub recognized: Duration,
    /// The first act on something that wants an answer. Longer: as for the recognizer.
    pub answer: Duration,
    /// The first sound of a clause, past its budget.
    pub voice_patience: Duration,
    /// How much later than it could be played a piece of a clause may come.
    pub voice_stall: Duration,
}

/// What a stream is given to answer, past the limit of its stage, before it counts as broken.
const BROKEN_AFTER: Duration = Duration::from_secs(2);

impl Limits {
    pub fn new(connect: Duration, budget: &LatencyBudget, turn: &TurnConfig) -> Self {
        Self {
            connect,
            call: turn.call_max,
            recognized: budget.asr + BROKEN_AFTER,
            answer: budget.nlu_hard + BROKEN_AFTER,
            voice_patience: turn.voice_max.saturating_sub(budget.tts),
            // The session leaves a clause out when it stalls while it is heard; this bounds one that waits its turn.
            voice_stall: turn.stall_max + BROKEN_AFTER,
        }
    }
}

#[cfg(test)]
impl Default for Limits {
    fn default() -> Self {
        Self::new(Duration::from_millis(500), &LatencyBudget::default(), &TurnConfig::default())
    }
}

/// Where recognition happens.
#[derive(Clone)]
pub enum RecognizerSource {
    /// On worker threads of this process.
    Embedded(Arc<hualu_asr::Pool>),
    /// At a service.
    Remote(RecognizerClient<Channel>),
}

/// Why an engine cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// An address is not one.
    #[error("services.{service}: `{address}` is not an address: {reason}")]
    Address {
        /// The key in the configuration.
        service: &'static str,
        /// What it says.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The configuration wants an embedded engine that this process does not hold.
    #[error("services.{service} is `embedded`, but this command runs the gateway alone: give its address")]
    NotEmbedded {
        /// The key in the configuration.
        service: &'static str,
    },
}

impl Engines {
    /// Engines at these addresses. Connections are made when they are first needed and again when they broke.
    ///
    /// # Errors
    /// [`EngineError::Address`].
    pub fn connect(
        recognizer: RecognizerSource,
        nlu: &str,
        tts: &str,
        language_model: &str,
        connect_timeout: Duration,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            recognizer,
            dialogue: DialogueClient::new(channel("nlu", nlu, connect_timeout)?),
            voice: VoiceClient::new(channel("tts", tts, connect_timeout)?),
            connect_timeout,
            language_model: language_model.to_owned(),
        })
    }
}

impl RecognizerSource {
    /// The recognizer service at `address`.
    ///
    /// # Errors
    /// [`EngineError::Address`].
    pub fn remote(address: &str, connect_timeout: Duration) -> Result<Self, EngineError> {
        Ok(Self::Remote(RecognizerClient::new(channel("asr", address, connect_timeout)?)))
    }
}

impl ServiceAddress {
    /// The address of a service that must be elsewhere.
    ///
    /// # Errors
    /// [`EngineError::NotEmbedded`].
    pub fn remote(&self, service: &'static str) -> Result<&str, EngineError> {
        match self {
            Self::Remote(address) => Ok(address),
            Self::Embedded => Err(EngineError::NotEmbedded { service }),
        }
    }
}

fn channel(service: &'static str, address: &str, connect_timeout: Duration) -> Result<Channel, EngineError> {
    let endpoint = Endpoint::from_shared(address.to_owned()).map_err(|error| EngineError::Address {
        service,
        address: address.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(endpoint
        .connect_timeout(connect_timeout)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .keep_alive_while_idle(true)
        .connect_lazy())
}

/// The way back from a call's engines to its session.
#[derive(Clone)]
pub(crate) struct CallPort {
    pub shard: ShardHandle,
    pub key: CallKey,
}

impl CallPort {
    /// Gives an input to the session; waits for room, within limits.
    pub async fn input(&self, input: Input<'static>) {
        self.shard.send_async(Command::Input(self.key, input)).await;
    }

    /// Tells the session that an engine broke.
    pub async fn failed(&self, stage: Stage, turn: TurnId, clause: Option<ClauseId>, reason: Failure) {
        self.input(Input::Failed { stage, turn, clause, reason }).await;
    }
}

/// What a gRPC status means to a session.
fn failure(status: &tonic::Status) -> Failure {
    match status.code() {
        Code::Unavailable => Failure::Unavailable,
        Code::DeadlineExceeded | Code::Cancelled => Failure::DeadlineExceeded,
        Code::ResourceExhausted => Failure::Overloaded,
        _ => Failure::Broken,
    }
}
