//! A voice under callers: streaming, sharing, caching, cancelling, failing.

use super::common::{Probe, command, config, listen, personal, voice};
use hualu_core::SampleRate;
use hualu_core::dialogue::Say;
use hualu_core::speech::AudioSource;
use hualu_tts::TtsError;
use std::sync::{Arc, mpsc};

const SYLLABLE: usize = 800;
/// 350 ms, filled up to whole frames.
const SENTENCE_PAUSE: usize = 2_880;

#[tokio::test]
async fn audio_streams_out_before_the_clause_is_rendered() {
    let (open, gate) = mpsc::channel();
    let probe = Arc::new(Probe::default());
    *probe.gate.lock().expect("free") = Some(gate);
    let voice = voice(config(), &probe);
    let mut stream = voice.synthesize(&command(Say::plain("您好。")));
    // The engine is held before its second chunk, so this can only be the first.
    let first = stream.next().await.expect("audio").expect("no fault");
    assert_eq!((first.pcm.len(), first.last, first.source), (SYLLABLE, false, AudioSource::Engine));
    assert_eq!((first.turn.0, first.clause.0), (3, 7));
    drop(open);
    let (events, rest) = listen(stream).await.expect("no fault");
    assert_eq!(rest.len(), SYLLABLE + SENTENCE_PAUSE);
    assert!(events.last().is_some_and(|event| event.last));
    assert!(events.iter().all(|event| event.pcm.len() % 160 == 0), "whole 20 ms frames");
}

#[tokio::test]
async fn two_hundred_callers_share_one_greeting() {
    let (open, gate) = mpsc::channel();
    let probe = Arc::new(Probe::default());
    *probe.gate.lock().expect("free") = Some(gate);
    let voice = voice(config(), &probe);
    let streams: Vec<_> = (0..200).map(|_| voice.synthesize(&command(Say::plain("您好。")))).collect();
    drop(open);
    for stream in streams {
        let (_, pcm) = listen(stream).await.expect("no fault");
        assert_eq!(pcm.len(), 2 * SYLLABLE + SENTENCE_PAUSE);
    }
    assert_eq!(probe.prepared(), 1);
    let again = voice.synthesize(&command(Say::plain("您好！")));
    assert_eq!(again.source(), AudioSource::Cache, "the same sound in another spelling");
    assert_eq!(listen(again).await.expect("no fault").1.len(), 2 * SYLLABLE + SENTENCE_PAUSE);
    assert_eq!(probe.prepared(), 1);
}

#[tokio::test]
async fn personal_clauses_are_never_kept() {
    let probe = Arc::new(Probe::default());
    let voice = voice(config(), &probe);
    for count in 1..=2 {
        let stream = voice.synthesize(&command(personal("您好")));
        assert_eq!(stream.source(), AudioSource::Engine);
        listen(stream).await.expect("no fault");
        assert_eq!(probe.prepared(), count);
    }
    assert_eq!(voice.prerender(&[personal("您好")], SampleRate::HZ_8000).await, 0);
}

#[tokio::test]
async fn rendering_stops_when_nobody_listens() {
    let (open, gate) = mpsc::channel();
    let probe = Arc::new(Probe::default());
    *probe.gate.lock().expect("free") = Some(gate);
    let voice = voice(config(), &probe);
    let mut stream = voice.synthesize(&command(Say::plain("您好您好您好")));
    stream.next().await.expect("audio").expect("no fault");
    drop(stream);
    drop(open);
    // The one worker comes to this clause only after it has let go of the first one.
    listen(voice.synthesize(&command(Say::plain("甲")))).await.expect("no fault");
    // The chunk that was heard, the one that was under way, and both answers for 甲: audio, end.
    assert!(probe.chunks() <= 4, "{} chunks", probe.chunks());
    let again = voice.synthesize(&command(Say::plain("您好您好您好")));
    assert_eq!(again.source(), AudioSource::Engine, "half a clause is not kept");
}

#[tokio::test]
async fn a_rendering_that_one_caller_leaves_goes_on_for_the_other() {
    let (open, gate) = mpsc::channel();
    let probe = Arc::new(Probe::default());
    *probe.gate.lock().expect("free") = Some(gate);
    let voice = voice(config(), &probe);
    let first = voice.synthesize(&command(Say::plain("您好")));
    let second = voice.synthesize(&command(Say::plain("您好")));
    drop(first);
    drop(open);
    assert_eq!(listen(second).await.expect("no fault").1.len(), 2 * SYLLABLE);
    assert_eq!(probe.prepared(), 1);
}

#[tokio::test]
async fn a_fault_ends_one_clause_and_is_not_kept() {
    let probe = Arc::new(Probe::default());
    let voice = voice(config(), &probe);
    for text in ["坏", "崩", "坏"] {
        let result = listen(voice.synthesize(&command(Say::plain(text)))).await;
        assert!(matches!(result, Err(TtsError::Engine(_))), "{text}");
    }
    assert_eq!(probe.prepared(), 3);
    assert_eq!(listen(voice.synthesize(&command(Say::plain("您好")))).await.expect("no fault").1.len(), 2 * SYLLABLE);
}

#[tokio::test]
async fn too_many_waiting_clauses_are_refused() {
    let (open, gate) = mpsc::channel();
    let probe = Arc::new(Probe::default());
    *probe.gate.lock().expect("free") = Some(gate);
    let voice = voice(config(), &probe);
    let mut held = voice.synthesize(&command(personal("您好")));
    held.next().await.expect("audio").expect("no fault");
    let mut streams: Vec<_> = (0..65).map(|_| voice.synthesize(&command(personal("甲")))).collect();
    let refused = streams.pop().expect("65 streams");
    assert!(matches!(listen(refused).await, Err(TtsError::Overloaded)));
    drop(open);
    for stream in streams {
        listen(stream).await.expect("accepted clauses are spoken");
    }
}

#[tokio::test]
async fn audio_comes_at_the_asked_rate() {
    let probe = Arc::new(Probe::default());
    let voice = voice(config(), &probe);
    for (rate_hz, len) in [(8_000, 1_600), (16_000, 3_200), (48_000, 9_600)] {
        let rate = SampleRate::new(rate_hz).expect("in range");
        let pcm = voice.render(&Say::plain("您好"), rate).await.expect("no fault");
        assert_eq!(pcm.len(), len, "{rate_hz} Hz");
        let power: f64 = pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len() as f64;
        assert!((5_000.0..6_200.0).contains(&power.sqrt()), "{rate_hz} Hz: {}", power.sqrt());
    }
}

#[tokio::test]
async fn clauses_rendered_in_advance_come_from_the_cache() {
    let probe = Arc::new(Probe::default());
    let voice = voice(config(), &probe);
    // Eleven syllables: more than a caller would be given ahead, rendered at once for the cache.
    let says = [Say::plain("您好您好您好您好您好。"), Say::plain("甲"), Say::plain("坏")];
    assert_eq!(voice.prerender(&says, SampleRate::HZ_8000).await, 2);
    assert_eq!(voice.synthesize(&command(says[0].clone())).source(), AudioSource::Cache);
    let (events, pcm) = listen(voice.synthesize(&command(says[0].clone()))).await.expect("no fault");
    assert_eq!(pcm.len(), 10 * SYLLABLE + SENTENCE_PAUSE);
    assert!(events.iter().all(|event| event.source == AudioSource::Cache));
}

#[tokio::test]
async fn text_without_anything_to_say_ends_at_once() {
    let probe = Arc::new(Probe::default());
    let voice = voice(config(), &probe);
    for text in ["", "……", "？！", " \n"] {
        let (events, pcm) = listen(voice.synthesize(&command(Say::plain(text)))).await.expect("no fault");
        assert!(matches!(&events[..], [event] if event.last), "{text:?}");
        assert!(pcm.is_empty(), "{text:?}");
    }
    assert_eq!(probe.prepared(), 0);
}

#[tokio::test]
async fn a_sentence_that_cannot_be_read_is_announced_and_never_silent() {
    let probe = Arc::new(Probe::default());
    let voice = voice(config(), &probe);
    for text in ["😀👍…", "Привет!", "안녕하세요"] {
        let (_, pcm) = listen(voice.synthesize(&command(Say::plain(text)))).await.expect("no fault");
        assert!(!pcm.is_empty(), "{text}");
    }
    assert!(probe.prepared() > 0);
}

#[tokio::test]
async fn long_text_is_spoken_to_its_end() {
    let probe = Arc::new(Probe::default());
    let voice = voice(config(), &probe);
    let render = async |count: usize| {
        let pcm = voice.render(&Say::plain(&"甲".repeat(count)), SampleRate::HZ_8000).await;
        pcm.expect("no fault").len()
    };
    assert_eq!(render(2_000).await / render(100).await, 20);
}

#[tokio::test]
async fn shutting_down_ends_streams_with_an_error() {
    let (open, gate) = mpsc::channel();
    let probe = Arc::new(Probe::default());
    *probe.gate.lock().expect("free") = Some(gate);
    let voice = voice(config(), &probe);
    let mut held = voice.synthesize(&command(personal("您好")));
    held.next().await.expect("audio").expect("no fault");
    let waiting = voice.synthesize(&command(personal("甲")));
    drop(open);
    drop(voice);
    match listen(waiting).await {
        Err(TtsError::Stopped) => {}
        Ok((_, pcm)) => assert_eq!(pcm.len(), SYLLABLE, "it was served before the end"),
        Err(other) => panic!("{other}"),
    }
}
