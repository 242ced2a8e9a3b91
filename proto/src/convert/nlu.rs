//! `hualu.nlu.v1`.

use super::{WireError, millis};
use crate::nlu::v1 as wire;
use hualu_core::dialogue::{
    Act, Ask, CallEvent, CallInput, CallStarted, Completeness, Expect, Heard, Pauses, Say, SayAs, Span, TurnAct,
    Understanding,
};
use hualu_core::{CallId, ClauseId, TurnId};
use std::time::Duration;

impl From<CallInput> for wire::ConverseRequest {
    fn from(input: CallInput) -> Self {
        use wire::converse_request::Event;
        let event = match input.event {
            CallEvent::Started(started) => Event::Started(wire::Started {
                call_id: started.call.as_str().to_owned(),
                bot: started.bot,
                caller: started.caller.into_revealed(),
                called: started.called.into_revealed(),
                variables: started.variables,
            }),
            CallEvent::Partial { hypothesis, revision } => {
                Event::Partial(wire::Partial { hypothesis: Some(hypothesis.into()), revision })
            }
            CallEvent::Final { hypothesis, promoted } => {
                Event::Final(wire::Final { hypothesis: Some(hypothesis.into()), promoted })
            }
            CallEvent::Keys(digits) => Event::Keys(wire::Keys { digits: digits.into_revealed() }),
            CallEvent::Silence(waited) => Event::Silence(wire::Silence { waited_ms: millis(waited) }),
            CallEvent::BargeIn(heard) => Event::BargeIn(heard.into()),
            CallEvent::Heard(heard) => Event::Heard(heard.into()),
            CallEvent::HangUp { reason } => Event::Ended(wire::Ended { reason }),
        };
        Self { turn: input.turn.0, budget_ms: millis(input.budget), event: Some(event) }
    }
}

impl TryFrom<wire::ConverseRequest> for CallInput {
    type Error = WireError;

    fn try_from(request: wire::ConverseRequest) -> Result<Self, WireError> {
        use wire::converse_request::Event;
        let event = match request.event.ok_or(WireError::missing("ConverseRequest", "event"))? {
            Event::Started(started) => CallEvent::Started(CallStarted {
                call: CallId::new(&started.call_id),
                bot: started.bot,
                caller: started.caller.into(),
                called: started.called.into(),
                variables: started.variables,
            }),
            Event::Partial(partial) => CallEvent::Partial {
                hypothesis: partial.hypothesis.ok_or(WireError::missing("Partial", "hypothesis"))?.into(),
                revision: partial.revision,
            },
            Event::Final(last) => CallEvent::Final {
                hypothesis: last.hypothesis.ok_or(WireError::missing("Final", "hypothesis"))?.into(),
                promoted: last.promoted,
            },
            Event::Keys(keys) => CallEvent::Keys(keys.digits.into()),
            Event::Silence(silence) => CallEvent::Silence(Duration::from_millis(silence.waited_ms.into())),
            Event::BargeIn(heard) => CallEvent::BargeIn(heard.into()),
            Event::Heard(heard) => CallEvent::Heard(heard.into()),
            Event::Ended(ended) => CallEvent::HangUp { reason: ended.reason },
        };
        Ok(Self { turn: TurnId(request.turn), budget: Duration::from_millis(request.budget_ms.into()), event })
    }
}

impl From<Heard> for wire::Heard {
    fn from(heard: Heard) -> Self {
        Self { clause: heard.clause.0, text: heard.text.into_revealed(), complete: heard.complete }
    }
}

impl From<wire::Heard> for Heard {
    fn from(heard: wire::Heard) -> Self {
        Self { clause: ClauseId(heard.clause), text: heard.text.into(), complete: heard.complete }
    }
}

impl From<TurnAct> for wire::ConverseResponse {
    fn from(answer: TurnAct) -> Self {
        use wire::converse_response::Act as WireAct;
        let act = match answer.act {
            Act::Say(say) => WireAct::Say(say.into()),
            Act::Ask(ask) => {
                let (expect, no_input_ms) = (Some(ask.expect.into()), millis(ask.no_input));
                WireAct::Ask(wire::Ask { expect, no_input_ms, pauses: Some(ask.pauses.into()) })
            }
            Act::Play { clip, interruptible } => WireAct::Play(wire::Play { clip, interruptible }),
            Act::Transfer { target, summary } => {
                WireAct::Transfer(wire::Transfer { target, summary: summary.into_revealed() })
            }
            Act::HangUp { disposition } => WireAct::HangUp(wire::HangUp { disposition }),
            Act::Understanding(understanding) => WireAct::Understanding(understanding.into()),
        };
        Self { turn: answer.turn.0, revision: answer.revision, last: answer.last, act: Some(act) }
    }
}

impl TryFrom<wire::ConverseResponse> for TurnAct {
    type Error = WireError;

    fn try_from(response: wire::ConverseResponse) -> Result<Self, WireError> {
        use wire::converse_response::Act as WireAct;
        let act = match response.act.ok_or(WireError::missing("ConverseResponse", "act"))? {
            WireAct::Say(say) => Act::Say(say.into()),
            WireAct::Ask(ask) => Act::Ask(Ask {
                expect: ask.expect.map(Expect::try_from).transpose()?.unwrap_or_default(),
                no_input: Duration::from_millis(ask.no_input_ms.into()),
                pauses: ask.pauses.map(Into::into).unwrap_or_default(),
            }),
            WireAct::Play(play) => Act::Play { clip: play.clip, interruptible: play.interruptible },
            WireAct::Transfer(transfer) => Act::Transfer { target: transfer.target, summary: transfer.summary.into() },
            WireAct::HangUp(hang_up) => Act::HangUp { disposition: hang_up.disposition },
            WireAct::Understanding(understanding) => Act::Understanding(understanding.into()),
        };
        Ok(Self { turn: TurnId(response.turn), revision: response.revision, last: response.last, act })
    }
}

impl From<Pauses> for wire::Pauses {
    fn from(pauses: Pauses) -> Self {
        let ms = |pause: Option<Duration>| pause.map_or(0, millis);
        Self { complete_ms: ms(pauses.complete), unknown_ms: ms(pauses.unknown), unfinished_ms: ms(pauses.unfinished) }
    }
}

impl From<wire::Pauses> for Pauses {
    fn from(pauses: wire::Pauses) -> Self {
        let pause = |ms: u32| (ms > 0).then(|| Duration::from_millis(ms.into()));
        Self {
            complete: pause(pauses.complete_ms),
            unknown: pause(pauses.unknown_ms),
            unfinished: pause(pauses.unfinished_ms),
        }
    }
}

impl From<Say> for wire::Say {
    fn from(say: Say) -> Self {
        Self {
            spans: say.spans.into_iter().map(Into::into).collect(),
            interruptible: say.interruptible,
            must_say: say.must_say,
            filler: say.filler,
            pinyin: say.pinyin,
        }
    }
}

impl From<wire::Say> for Say {
    fn from(say: wire::Say) -> Self {
        Self {
            spans: say.spans.into_iter().map(Into::into).collect(),
            interruptible: say.interruptible,
            must_say: say.must_say,
            filler: say.filler,
            pinyin: say.pinyin,
        }
    }
}

impl From<Span> for wire::Span {
    fn from(span: Span) -> Self {
        use wire::SayAs as Wire;
        let say_as = match span.say_as {
            SayAs::Plain => Wire::Plain,
            SayAs::Cardinal => Wire::Cardinal,
            SayAs::Digits => Wire::Digits,
            SayAs::Telephone => Wire::Telephone,
            SayAs::Money => Wire::Money,
            SayAs::Date => Wire::Date,
            SayAs::Time => Wire::Time,
            SayAs::DataSize => Wire::DataSize,
            SayAs::Characters => Wire::Characters,
        };
        Self { text: span.text, say_as: say_as.into(), personal: span.personal }
    }
}

impl From<wire::Span> for Span {
    fn from(span: wire::Span) -> Self {
        use wire::SayAs as Wire;
        // An unknown reading, from a newer peer, is read as running text rather than refused.
        let say_as = match span.say_as() {
            Wire::Unspecified | Wire::Plain => SayAs::Plain,
            Wire::Cardinal => SayAs::Cardinal,
            Wire::Digits => SayAs::Digits,
            Wire::Telephone => SayAs::Telephone,
            Wire::Money => SayAs::Money,
            Wire::Date => SayAs::Date,
            Wire::Time => SayAs::Time,
            Wire::DataSize => SayAs::DataSize,
            Wire::Characters => SayAs::Characters,
        };
        Self { text: span.text, say_as, personal: span.personal }
    }
}

impl From<Understanding> for wire::Understanding {
    fn from(understanding: Understanding) -> Self {
        use wire::understanding::Completeness as Wire;
        let completeness = match understanding.completeness {
            Completeness::Unknown => Wire::Unspecified,
            Completeness::Complete => Wire::Complete,
            Completeness::Unfinished => Wire::Unfinished,
        };
        Self {
            intent: understanding.intent,
            score: understanding.score,
            slots: understanding.slots.into_iter().map(|(name, value)| (name, value.into_revealed())).collect(),
            completeness: completeness.into(),
        }
    }
}

impl From<wire::Understanding> for Understanding {
    fn from(understanding: wire::Understanding) -> Self {
        use wire::understanding::Completeness as Wire;
        let completeness = match understanding.completeness() {
            Wire::Unspecified => Completeness::Unknown,
            Wire::Complete => Completeness::Complete,
            Wire::Unfinished => Completeness::Unfinished,
        };
        Self {
            intent: understanding.intent,
            score: understanding.score,
            slots: understanding.slots.into_iter().map(|(name, value)| (name, value.into())).collect(),
            completeness,
        }
    }
}
