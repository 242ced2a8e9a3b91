//! Every core value survives the way over the wire and back; messages that lack a part are refused by name.

use hualu_core::dialogue::{
    Act, Ask, CallEvent, CallInput, CallStarted, Completeness, Expect, Heard, Hypothesis, Pauses, Say, SayAs, Span,
    TurnAct, Understanding,
};
use hualu_core::speech::{AudioSource, SynthesizeEvent};
use hualu_core::{CallId, ClauseId, TurnId};
use hualu_proto::nlu::v1::{ConverseRequest, ConverseResponse};
use hualu_proto::tts::v1::SynthesizeResponse;
use hualu_proto::{WireError, pcm_from_wire};
use std::time::Duration;

#[test]
fn events_and_acts_survive() {
    let hypothesis = Hypothesis { text: "查话费".to_owned().into(), confidence: 0.5, ..Hypothesis::default() };
    let heard = Heard { clause: ClauseId(4), text: "您的余额".to_owned().into(), complete: false };
    let events = [
        CallEvent::Started(CallStarted {
            call: CallId::new("c1"),
            bot: "hotline_10086".into(),
            caller: "13800138000".to_owned().into(),
            called: "10086".to_owned().into(),
            variables: [("name".to_owned(), "王".to_owned())].into(),
        }),
        CallEvent::Partial { hypothesis: hypothesis.clone(), revision: 2 },
        CallEvent::Final { hypothesis, promoted: true },
        CallEvent::Keys("12#".to_owned().into()),
        CallEvent::Silence(Duration::from_secs(6)),
        CallEvent::BargeIn(heard.clone()),
        CallEvent::Heard(heard),
        CallEvent::HangUp { reason: "caller".into() },
    ];
    for event in events {
        let input = CallInput { turn: TurnId(3), budget: Duration::from_millis(90), event };
        assert_eq!(CallInput::try_from(ConverseRequest::from(input.clone())), Ok(input));
    }

    let money = Span { text: "58.3".into(), say_as: SayAs::Money, personal: true };
    let acts = [
        Act::Say(Say {
            spans: vec![Span::plain("余额"), money],
            must_say: true,
            pinyin: "yu e".into(),
            ..Say::default()
        }),
        Act::Ask(Ask {
            expect: Expect::Digits { len_min: 6, len_max: 11 },
            no_input: Duration::from_secs(6),
            pauses: Pauses { unfinished: Some(Duration::from_millis(3_000)), ..Pauses::default() },
        }),
        Act::Ask(Ask::default()),
        Act::Play { clip: "hold".into(), interruptible: true },
        Act::Transfer { target: "general".into(), summary: "查话费".to_owned().into() },
        Act::HangUp { disposition: "done".into() },
        Act::Understanding(Understanding {
            intent: "query_balance".into(),
            score: 0.7,
            slots: vec![("fee".into(), "59".to_owned().into())],
            completeness: Completeness::Unfinished,
        }),
    ];
    for act in acts {
        let answer = TurnAct { turn: TurnId(3), revision: 1, last: true, act };
        assert_eq!(TurnAct::try_from(ConverseResponse::from(answer.clone())), Ok(answer));
    }
}

#[test]
fn audio_survives_and_half_a_sample_is_refused() {
    let event = SynthesizeEvent {
        turn: TurnId(1),
        clause: ClauseId(2),
        pcm: vec![0, -1, i16::MAX, i16::MIN],
        source: AudioSource::Cache,
        last: true,
    };
    assert_eq!(SynthesizeEvent::try_from(SynthesizeResponse::from(event.clone())), Ok(event));
    assert_eq!(pcm_from_wire(&[1, 2, 3]), Err(WireError::OddPcm { len: 3 }));
}

#[test]
fn an_empty_message_is_refused_by_name() {
    let error = CallInput::try_from(ConverseRequest::default()).expect_err("no event");
    assert_eq!(error.to_string(), "message ConverseRequest lacks field `event`");
}
