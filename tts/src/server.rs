//! The gRPC service `hualu.tts.v1.Voice`.

use crate::{SynthesisStream, TtsError, Voice};
use hualu_core::speech::SynthesizeCommand;
use hualu_proto::tts::v1 as wire;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Sleep, sleep};
use tokio_stream::Stream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

/// A voice behind gRPC.
pub struct VoiceService {
    voice: Arc<Voice>,
}

/// The tonic service for a voice.
#[must_use]
pub fn service(voice: Arc<Voice>) -> wire::voice_server::VoiceServer<VoiceService> {
    wire::voice_server::VoiceServer::new(VoiceService { voice })
}

type Responses = Pin<Box<dyn Stream<Item = Result<wire::SynthesizeResponse, Status>> + Send>>;

#[tonic::async_trait]
impl wire::voice_server::Voice for VoiceService {
    type SynthesizeStream = Responses;

    async fn synthesize(&self, request: Request<wire::SynthesizeRequest>) -> Result<Response<Responses>, Status> {
        let limit = grpc_timeout(request.metadata());
        let request = request.into_inner();
        if !request.voice.is_empty() && request.voice != self.voice.voice_id() {
            let known = self.voice.voice_id();
            return Err(Status::not_found(format!("there is no voice `{}` here, only `{known}`", request.voice)));
        }
        let command =
            SynthesizeCommand::try_from(request).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let answer = Answer { stream: Some(self.voice.synthesize(&command)), limit: limit.map(|d| Box::pin(sleep(d))) };
        let responses = futures::stream::unfold(answer, |mut answer| async {
            let item = answer.next().await?;
            Some((item, answer))
        });
        Ok(Response::new(Box::pin(responses)))
    }
}

/// A stream with the caller's time limit. Dropping it cancels the clause.
struct Answer {
    stream: Option<SynthesisStream>,
    limit: Option<Pin<Box<Sleep>>>,
}

impl Answer {
    async fn next(&mut self) -> Option<Result<wire::SynthesizeResponse, Status>> {
        let stream = self.stream.as_mut()?;
        let event = match &mut self.limit {
            None => stream.next().await,
            Some(limit) => tokio::select! {
                biased;
                event = stream.next() => event,
                () = limit.as_mut() => {
                    self.stream = None;
                    return Some(Err(Status::deadline_exceeded("the caller's time for this clause is over")));
                }
            },
        };
        match event {
            Some(Ok(event)) => Some(Ok(event.into())),
            Some(Err(error)) => {
                self.stream = None;
                Some(Err(status(&error)))
            }
            None => None,
        }
    }
}

fn status(error: &TtsError) -> Status {
    let message = error.to_string();
    match error {
        TtsError::Overloaded => Status::resource_exhausted(message),
        TtsError::Stopped => Status::unavailable(message),
        TtsError::Rate { .. } => Status::invalid_argument(message),
        _ => Status::internal(message),
    }
}

/// The `grpc-timeout` header: at most eight digits and a unit (gRPC over HTTP/2, section "Requests"). A malformed one is
/// no limit.
fn grpc_timeout(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(value * 3_600),
        "M" => Duration::from_secs(value * 60),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_timeout_header() {
        let parse = |text: &str| {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-timeout", text.parse().expect("ascii"));
            grpc_timeout(&metadata)
        };
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("2S"), Some(Duration::from_secs(2)));
        assert_eq!(parse("99999999H"), Some(Duration::from_secs(99_999_999 * 3_600)));
        for malformed in ["", "m", "123456789m", "5x", "-1S"] {
            assert_eq!(parse(malformed), None, "{malformed}");
        }
    }
}
