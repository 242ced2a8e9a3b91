//! `hualu.tts.v1`.

use super::{WireError, millis, pcm_from_wire, pcm_to_wire};
use crate::tts::v1 as wire;
use hualu_core::dialogue::Say;
use hualu_core::speech::{AudioSource, SynthesizeCommand, SynthesizeEvent};
use hualu_core::{CallId, ClauseId, SampleRate, TurnId};
use std::time::Duration;

impl wire::SynthesizeRequest {
    /// The request for one clause of `call`, in the service's default voice.
    #[must_use]
    pub fn new(call: &CallId, command: SynthesizeCommand) -> Self {
        Self {
            call_id: call.as_str().to_owned(),
            turn: command.turn.0,
            clause: command.clause.0,
            spans: command.say.spans.into_iter().map(Into::into).collect(),
            sample_rate_hz: command.rate.hz(),
            voice: String::new(),
            budget_ms: millis(command.budget),
        }
    }
}

impl TryFrom<wire::SynthesizeRequest> for SynthesizeCommand {
    type Error = WireError;

    fn try_from(request: wire::SynthesizeRequest) -> Result<Self, WireError> {
        Ok(Self {
            turn: TurnId(request.turn),
            clause: ClauseId(request.clause),
            say: Say { spans: request.spans.into_iter().map(Into::into).collect(), ..Say::default() },
            rate: SampleRate::new(request.sample_rate_hz).ok_or(WireError::Range {
                message: "SynthesizeRequest",
                field: "sample_rate_hz",
                value: request.sample_rate_hz.into(),
            })?,
            budget: Duration::from_millis(request.budget_ms.into()),
        })
    }
}

impl From<SynthesizeEvent> for wire::SynthesizeResponse {
    fn from(event: SynthesizeEvent) -> Self {
        let source = match event.source {
            AudioSource::Engine => wire::Source::Engine,
            AudioSource::Cache => wire::Source::Cache,
            AudioSource::Recorded => wire::Source::Recorded,
        };
        Self {
            turn: event.turn.0,
            clause: event.clause.0,
            pcm: pcm_to_wire(&event.pcm),
            source: source.into(),
            last: event.last,
        }
    }
}

impl TryFrom<wire::SynthesizeResponse> for SynthesizeEvent {
    type Error = WireError;

    fn try_from(response: wire::SynthesizeResponse) -> Result<Self, WireError> {
        let source = match response.source() {
            wire::Source::Unspecified | wire::Source::Engine => AudioSource::Engine,
            wire::Source::Cache => AudioSource::Cache,
            wire::Source::Recorded => AudioSource::Recorded,
        };
        Ok(Self {
            turn: TurnId(response.turn),
            clause: ClauseId(response.clause),
            pcm: pcm_from_wire(&response.pcm)?,
            source,
            last: response.last,
        })
    }
}
