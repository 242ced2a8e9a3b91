//! The pool as a call uses it: partials, finals, many streams, cancelled and refused ones.

mod common;

use hualu_asr::{AsrError, Pool, PoolConfig, StreamHandle};
use hualu_core::dialogue::Expect;
use hualu_core::speech::{RecognizeCommand, RecognizeEvent};
use hualu_core::{CallId, PcmFrame, SampleRate, TurnId};
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const CHA_HUA_FEI: &str = "ch a h ua f ei";

fn pool(streams_max: usize) -> Option<Pool> {
    if !common::has_runtime() {
        return None;
    }
    let named = HashMap::from([("hotline".to_owned(), common::language_model(&["查话费"]))]);
    let config = PoolConfig { streams_max, queue_len: 400, ..PoolConfig::default() };
    Some(Pool::start(config, &common::model(), named, common::language_model(&[])).expect("the fixture"))
}

fn open(pool: &Pool, rate: SampleRate, model: &str) -> (StreamHandle, Receiver<RecognizeEvent>) {
    let (sender, events) = channel();
    let sink = Box::new(move |event| {
        let _ = sender.send(event);
    });
    (pool.open(CallId::new("c"), rate, model, sink).expect("a place"), events)
}

fn say(handle: &StreamHandle, turn: u32, units: &str, rate: SampleRate) {
    handle.send(RecognizeCommand::Start { turn: TurnId(turn), expect: Expect::Free }).expect("sent");
    for frame in common::speak(units, rate.hz()).chunks(rate.hz() as usize / 50) {
        handle.send(RecognizeCommand::Audio(PcmFrame::new(frame, rate).expect("20 ms"))).expect("sent");
    }
}

fn end(handle: &StreamHandle, turn: u32) {
    handle.send(RecognizeCommand::End { turn: TurnId(turn), budget: Duration::from_millis(60) }).expect("sent");
}

fn last(events: &Receiver<RecognizeEvent>) -> (RecognizeEvent, usize) {
    for partials in 0.. {
        let event = events.recv_timeout(Duration::from_secs(20)).expect("a final is owed");
        if event.is_final {
            return (event, partials);
        }
    }
    unreachable!("the loop ends with the final")
}

#[test]
fn an_utterance_is_recognized_to_its_last_syllable_with_partials_on_the_way() {
    let Some(pool) = pool(4) else { return };
    for rate in [SampleRate::HZ_8000, SampleRate::HZ_16000] {
        let (handle, events) = open(&pool, rate, "hotline");
        say(&handle, 1, CHA_HUA_FEI, rate);
        let first = events.recv_timeout(Duration::from_secs(20)).expect("a partial is due before the end");
        assert!(!first.is_final && "查话费".starts_with(first.hypothesis.text.reveal().as_str()));
        end(&handle, 1);
        let (event, partials) = last(&events);
        assert_eq!(event.hypothesis.text.reveal(), "查话费");
        assert_eq!(event.hypothesis.pinyin.reveal(), "cha hua fei");
        assert_eq!(event.turn, TurnId(1));
        assert_eq!(event.audio.duration(rate), Duration::from_millis(820));
        assert!(event.hypothesis.confidence > 0.5, "{}", event.hypothesis.confidence);
        assert_eq!(event.revision as usize, 1 + partials + 1, "partials and the final are counted together");
    }
}

#[test]
fn the_bot_decides_between_words_that_sound_alike() {
    let Some(pool) = pool(4) else { return };
    for (model, expected) in [("hotline", "查"), ("", "茶")] {
        let (handle, events) = open(&pool, SampleRate::HZ_8000, model);
        say(&handle, 1, "ch a", SampleRate::HZ_8000);
        end(&handle, 1);
        assert_eq!(last(&events).0.hypothesis.text.reveal(), expected, "model `{model}`");
    }
}

#[test]
fn utterances_follow_each_other_and_a_cancelled_one_has_no_final() {
    let Some(pool) = pool(4) else { return };
    let (handle, events) = open(&pool, SampleRate::HZ_8000, "hotline");
    say(&handle, 1, CHA_HUA_FEI, SampleRate::HZ_8000);
    handle.send(RecognizeCommand::Cancel { turn: TurnId(1) }).expect("sent");
    say(&handle, 2, "h ua", SampleRate::HZ_8000);
    end(&handle, 2);
    // Between utterances nothing is listened to.
    handle.send(RecognizeCommand::Audio(PcmFrame::silence(SampleRate::HZ_8000))).expect("sent");
    say(&handle, 3, CHA_HUA_FEI, SampleRate::HZ_8000);
    end(&handle, 3);
    let (second, _) = last(&events);
    assert_eq!((second.turn, second.hypothesis.pinyin.reveal().as_str()), (TurnId(2), "hua"));
    let (third, _) = last(&events);
    assert_eq!((third.turn, third.hypothesis.text.reveal().as_str()), (TurnId(3), "查话费"));
}

#[test]
fn silence_is_answered_with_an_empty_final() {
    let Some(pool) = pool(4) else { return };
    let (handle, events) = open(&pool, SampleRate::HZ_8000, "");
    handle.send(RecognizeCommand::Start { turn: TurnId(9), expect: Expect::YesNo }).expect("sent");
    end(&handle, 9);
    let (event, _) = last(&events);
    assert_eq!((event.hypothesis.text.reveal().as_str(), event.hypothesis.confidence), ("", 0.0));
}

#[test]
fn many_calls_share_the_model_and_each_gets_its_own_words() {
    let Some(pool) = pool(12) else { return };
    let calls: Vec<_> = (0..12).map(|_| open(&pool, SampleRate::HZ_8000, "hotline")).collect();
    let sayings = [CHA_HUA_FEI, "ch a", "h ua f ei", "f ei"];
    for (at, (handle, _)) in calls.iter().enumerate() {
        say(handle, 1, sayings[at % 4], SampleRate::HZ_8000);
    }
    for (handle, _) in &calls {
        end(handle, 1);
    }
    for (at, (_, events)) in calls.iter().enumerate() {
        let pinyin = ["cha hua fei", "cha", "hua fei", "fei"][at % 4];
        assert_eq!(last(events).0.hypothesis.pinyin.reveal(), pinyin, "call {at}");
    }
}

#[test]
fn a_full_pool_and_an_unknown_model_refuse_and_a_closed_stream_gives_its_place_back() {
    let Some(pool) = pool(1) else { return };
    let again = |model: &str| pool.open(CallId::new("d"), SampleRate::HZ_8000, model, Box::new(|_| {}));
    assert!(matches!(again("nobody"), Err(AsrError::UnknownLanguageModel { .. })));
    let (handle, events) = open(&pool, SampleRate::HZ_8000, "");
    assert!(matches!(again(""), Err(AsrError::Busy { streams_max: 1 })));
    drop(handle);
    // The worker drops the stream's sink when it has noticed.
    assert!(events.recv_timeout(Duration::from_secs(20)).is_err());
    assert!(again("").is_ok());
}

#[test]
fn a_language_model_for_other_units_is_refused() {
    if !common::has_runtime() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("units.txt", "<blk>\na\n"), ("syllables.tsv", "a\ta\n"), ("lexicon.tsv", "啊\ta5\t1\n")] {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    let lexicon = hualu_asr::open_lexicon(folder.path(), folder.path(), folder.path()).expect("good");
    let other = hualu_asr::LanguageModel::compile(&lexicon, &[]);
    let read = hualu_asr::eval::transcribe(&common::model(), &other, &[0; 1_600]).expect_err("other units");
    let refused = Pool::start(PoolConfig::default(), &common::model(), HashMap::new(), other).expect_err("other units");
    for error in [read, refused] {
        assert!(error.to_string().contains("units"), "{error}");
    }
}
