//! `hualu.asr.v1`.

use super::{WireError, millis, pcm_from_wire, pcm_to_wire};
use crate::asr::v1 as wire;
use hualu_core::dialogue::{Alternative, Expect, Hypothesis};
use hualu_core::speech::{RecognizeCommand, RecognizeEvent};
use hualu_core::{PcmFrame, SampleRate, Samples, TurnId};
use std::time::Duration;

impl From<Expect> for wire::Expect {
    fn from(expect: Expect) -> Self {
        use wire::expect::Kind;
        let (kind, len_min, len_max) = match expect {
            Expect::Free => (Kind::Free, 0, 0),
            Expect::YesNo => (Kind::YesNo, 0, 0),
            Expect::Digits { len_min, len_max } => (Kind::Digits, u32::from(len_min), u32::from(len_max)),
            Expect::Choice => (Kind::Choice, 0, 0),
            Expect::Date => (Kind::Date, 0, 0),
        };
        Self { kind: kind.into(), len_min, len_max }
    }
}

impl TryFrom<wire::Expect> for Expect {
    type Error = WireError;

    fn try_from(expect: wire::Expect) -> Result<Self, WireError> {
        use wire::expect::Kind;
        let len = |field, value: u32| {
            u8::try_from(value).map_err(|_| WireError::Range { message: "Expect", field, value: value.into() })
        };
        Ok(match expect.kind() {
            Kind::Unspecified | Kind::Free => Self::Free,
            Kind::YesNo => Self::YesNo,
            Kind::Digits => {
                Self::Digits { len_min: len("len_min", expect.len_min)?, len_max: len("len_max", expect.len_max)? }
            }
            Kind::Choice => Self::Choice,
            Kind::Date => Self::Date,
        })
    }
}

impl From<Hypothesis> for wire::Hypothesis {
    fn from(hypothesis: Hypothesis) -> Self {
        Self {
            text: hypothesis.text.into_revealed(),
            pinyin: hypothesis.pinyin.into_revealed(),
            confidence: hypothesis.confidence,
            alternatives: hypothesis
                .alternatives
                .into_iter()
                .map(|other| wire::Alternative {
                    text: other.text.into_revealed(),
                    pinyin: other.pinyin.into_revealed(),
                    confidence: other.confidence,
                })
                .collect(),
        }
    }
}

impl From<wire::Hypothesis> for Hypothesis {
    fn from(hypothesis: wire::Hypothesis) -> Self {
        Self {
            text: hypothesis.text.into(),
            pinyin: hypothesis.pinyin.into(),
            confidence: hypothesis.confidence,
            alternatives: hypothesis
                .alternatives
                .into_iter()
                .map(|other| Alternative {
                    text: other.text.into(),
                    pinyin: other.pinyin.into(),
                    confidence: other.confidence,
                })
                .collect(),
        }
    }
}

impl From<RecognizeCommand> for wire::RecognizeRequest {
    fn from(command: RecognizeCommand) -> Self {
        use wire::recognize_request::Request;
        let request = match command {
            RecognizeCommand::Start { turn, expect } => {
                Request::Start(wire::Start { turn: turn.0, expect: Some(expect.into()) })
            }
            RecognizeCommand::Audio(frame) => Request::Audio(wire::Audio { pcm: pcm_to_wire(frame.samples()) }),
            RecognizeCommand::End { turn, budget } => {
                Request::End(wire::End { turn: turn.0, budget_ms: millis(budget) })
            }
            RecognizeCommand::Cancel { turn } => Request::Cancel(wire::Cancel { turn: turn.0 }),
        };
        Self { request: Some(request) }
    }
}

impl wire::recognize_request::Request {
    /// The command or commands that a request after `config` holds: audio may carry more than one frame.
    ///
    /// # Errors
    /// [`WireError`] for a second `config`, odd PCM, or an answer kind out of range.
    pub fn into_commands(self, rate: SampleRate) -> Result<Vec<RecognizeCommand>, WireError> {
        Ok(match self {
            Self::Config(_) => return Err(WireError::Missing { message: "RecognizeRequest", field: "start" }),
            Self::Start(start) => vec![RecognizeCommand::Start {
                turn: TurnId(start.turn),
                expect: start.expect.map(Expect::try_from).transpose()?.unwrap_or_default(),
            }],
            Self::Audio(audio) => pcm_from_wire(&audio.pcm)?
                .chunks(rate.samples(PcmFrame::DURATION).0.min(PcmFrame::CAPACITY as u64) as usize)
                .filter_map(|samples| PcmFrame::new(samples, rate))
                .map(RecognizeCommand::Audio)
                .collect(),
            Self::End(end) => vec![RecognizeCommand::End {
                turn: TurnId(end.turn),
                budget: Duration::from_millis(end.budget_ms.into()),
            }],
            Self::Cancel(cancel) => vec![RecognizeCommand::Cancel { turn: TurnId(cancel.turn) }],
        })
    }
}

impl From<RecognizeEvent> for wire::RecognizeResponse {
    fn from(event: RecognizeEvent) -> Self {
        Self {
            turn: event.turn.0,
            revision: event.revision,
            r#final: event.is_final,
            hypothesis: Some(event.hypothesis.into()),
            audio_samples: event.audio.0,
        }
    }
}

impl TryFrom<wire::RecognizeResponse> for RecognizeEvent {
    type Error = WireError;

    fn try_from(response: wire::RecognizeResponse) -> Result<Self, WireError> {
        Ok(Self {
            turn: TurnId(response.turn),
            revision: response.revision,
            is_final: response.r#final,
            hypothesis: response.hypothesis.ok_or(WireError::missing("RecognizeResponse", "hypothesis"))?.into(),
            audio: Samples(response.audio_samples),
        })
    }
}
