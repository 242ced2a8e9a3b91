//! The neural voice in the repository: equal to its reference, the same in chunks as whole, and refused when altered.

use hualu_tts::engine::vocoder::{H_BANDS, N_BANDS, SubFrame, Vocoder};
use hualu_tts::engine::{Boundary, Engine, EngineError, NeuralEngine, Prosody, Syllable};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn voice_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/voice_yuetan_8k")
}

/// The voice, or `None` with the reason printed where ONNX Runtime is missing.
fn voice() -> Option<NeuralEngine> {
    if let Err(error) = hualu_models::runtime::ensure() {
        println!("skipped: {error}");
        return None;
    }
    Some(NeuralEngine::open(&voice_directory()).expect("the voice in the repository loads"))
}

fn fixture() -> Value {
    let text = std::fs::read_to_string(voice_directory().join("fixture.json")).expect("fixture.json is there");
    serde_json::from_str(&text).expect("fixture.json is JSON")
}

fn numbers(value: &Value) -> Vec<f32> {
    value.as_array().expect("an array").iter().map(|v| v.as_f64().expect("a number") as f32).collect()
}

fn boundary(n: u64) -> Boundary {
    use Boundary::{Clause, None, Phrase, Question, Sentence, Word};
    [None, Word, Phrase, Clause, Sentence, Question][n as usize]
}

/// 您的话费余额还剩五十八元三角。
fn sentence() -> Vec<Syllable> {
    let text = "nin2 de5/ hua4 fei4/ yu2 e2/ hai2 sheng4/ wu3 shi2 ba1 yuan2/ san1 jiao3.";
    let words = text.split(' ').map(|word| {
        let boundary = match word.chars().last() {
            Some('/') => Boundary::Word,
            Some('.') => Boundary::Sentence,
            _ => Boundary::None,
        };
        let word = word.trim_end_matches(['/', '.']);
        let (pinyin, tone) = word.split_at(word.len() - 1);
        Syllable { pinyin: pinyin.into(), tone: tone.parse().expect("a digit"), boundary, emphasis: false }
    });
    words.collect()
}

fn chunks(engine: &mut NeuralEngine, syllables: &[Syllable], prosody: &Prosody) -> Vec<Vec<i16>> {
    let mut plan = engine.prepare(syllables, prosody).expect("the sentence can be spoken");
    std::iter::from_fn(|| engine.next_chunk(&mut plan).expect("a chunk")).collect()
}

/// Energy of the difference of two signals in dB below the first.
fn difference_db(a: &[i16], b: &[i16]) -> f64 {
    assert_eq!(a.len(), b.len());
    let energy = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let error = energy(&mut a.iter().zip(b).map(|(&a, &b)| f64::from(a) - f64::from(b)));
    10.0 * ((error + 1e-9) / energy(&mut a.iter().map(|&a| f64::from(a)))).log10()
}

#[test]
fn the_vocoder_equals_its_reference() {
    let fixture = &fixture()["vocoder"];
    let number = |key: &str| fixture[key].as_f64().expect("a number") as f32;
    let mut vocoder = Vocoder::new(1, number("pitch"), number("formant"));
    let (rows, f0) = (fixture["features"].as_array().expect("rows"), numbers(&fixture["f0_hz"]));
    let mut out = Vec::new();
    for (row, &f0_hz) in rows.iter().zip(&f0) {
        let row = numbers(row);
        let (harmonic, rest) = row.split_at(H_BANDS);
        let (noise, voicing) = rest.split_at(N_BANDS);
        vocoder.push(SubFrame { harmonic, noise, voicing: voicing[0], f0_hz }, &mut out);
    }
    let expected = numbers(&fixture["samples"]);
    assert_eq!(out.len(), expected.len());
    let worst = out.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 5e-4, "the farthest sample is {worst} away");
}

#[test]
fn the_whole_voice_equals_its_reference() {
    let Some(mut engine) = voice() else { return };
    let fixture = fixture();
    let syllables: Vec<Syllable> = fixture["syllables"]
        .as_array()
        .expect("syllables")
        .iter()
        .map(|s| Syllable {
            pinyin: s[0].as_str().expect("pinyin").into(),
            tone: s[1].as_u64().expect("a tone") as u8,
            boundary: boundary(s[2].as_u64().expect("a boundary")),
            emphasis: false,
        })
        .collect();
    let spoken = chunks(&mut engine, &syllables, &Prosody::default()).concat();
    let expected: Vec<i16> = numbers(&fixture["samples"]).iter().map(|&v| v as i16).collect();
    let difference = difference_db(&expected, &spoken);
    assert!(difference < -50.0, "the difference is only {difference:.1} dB down");
}

#[test]
fn chunks_equal_the_whole_and_join_without_clicks() {
    let Some(engine) = voice() else { return };
    let mut whole_engine = engine.with_chunks(100_000, 100_000);
    let whole = chunks(&mut whole_engine, &sentence(), &Prosody::default()).concat();
    let mut engine = whole_engine.with_chunks(12, 40);
    let parts = chunks(&mut engine, &sentence(), &Prosody::default());
    assert!(parts.len() > 5 && parts[0].len() < 1_300, "{} chunks, the first {}", parts.len(), parts[0].len());
    let difference = difference_db(&whole, &parts.concat());
    println!("chunked against whole: {difference:.1} dB");
    assert!(difference < -60.0, "chunks differ from the whole by {difference:.1} dB");
    let joined = parts.concat();
    let second = |n: usize| (f64::from(joined[n - 1]) - 2.0 * f64::from(joined[n]) + f64::from(joined[n + 1])).abs();
    let typical = (1..joined.len() - 1).map(second).fold(0.0, f64::max);
    let mut at = 0;
    for part in &parts[..parts.len() - 1] {
        at += part.len();
        assert!(second(at) < typical && second(at - 1) < typical, "a click at sample {at}");
    }
}

#[test]
fn rate_pitch_and_volume_are_heard() {
    let Some(mut engine) = voice() else { return };
    let plain = chunks(&mut engine, &sentence(), &Prosody::default()).concat();
    let fast = chunks(&mut engine, &sentence(), &Prosody { rate: 1.5, ..Prosody::default() }).concat();
    assert!((fast.len() as f64) < 0.8 * plain.len() as f64, "{} against {}", fast.len(), plain.len());
    let quiet = chunks(&mut engine, &sentence(), &Prosody { volume_db: -6.0, ..Prosody::default() }).concat();
    let level = |x: &[i16]| x.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>();
    let drop_db = 10.0 * (level(&quiet) / level(&plain)).log10();
    assert!((-6.5..-4.5).contains(&drop_db), "{drop_db}");
    let man = Prosody { pitch: 0.55, formant: 0.82, ..Prosody::default() };
    assert_eq!(chunks(&mut engine, &sentence(), &man).concat().len(), plain.len());
    let odd = Prosody { rate: f32::NAN, pitch: -3.0, formant: f32::INFINITY, volume_db: f32::NAN };
    assert!(!chunks(&mut engine, &sentence(), &odd).is_empty(), "odd numbers are brought into range");
}

#[test]
fn strange_syllables_are_skipped_but_a_clause_of_them_is_an_error() {
    let Some(mut engine) = voice() else { return };
    let strange = Syllable { pinyin: "xyzzy".into(), tone: 9, boundary: Boundary::None, emphasis: true };
    let mut mixed = sentence();
    mixed.insert(3, strange.clone());
    assert!(!chunks(&mut engine, &mixed, &Prosody::default()).is_empty());
    let error = engine.prepare(&[strange.clone(), strange], &Prosody::default()).err();
    assert!(matches!(error, Some(EngineError::Unspeakable { count: 2 })), "{error:?}");
    assert!(engine.prepare(&[], &Prosody::default()).is_ok(), "nothing to say is not an error");
}

#[test]
fn altered_packages_are_refused_with_the_file_and_the_reason() {
    if let Err(error) = hualu_models::runtime::ensure() {
        println!("skipped: {error}");
        return;
    }
    let alter = |file: &str, from: &str, to: &str| {
        let copy = tempfile::tempdir().expect("a directory");
        for name in ["voice.json", "encoder.onnx", "decoder.onnx"] {
            std::fs::copy(voice_directory().join(name), copy.path().join(name)).expect("a copy");
        }
        let path = copy.path().join(file);
        let mut bytes = std::fs::read(&path).expect("the file");
        let at = bytes.windows(from.len()).rposition(|w| w == from.as_bytes()).expect("the text is there");
        bytes.splice(at..at + from.len(), to.bytes());
        std::fs::write(&path, bytes).expect("the altered file");
        NeuralEngine::open(copy.path()).expect_err("an altered package is refused").to_string()
    };
    let error = alter("encoder.onnx", "hualu_tts_encoder", "hualu_tts_another");
    assert!(error.contains("encoder.onnx") && error.contains("`model_type` is `hualu_tts_another`"), "{error}");
    let error = alter("voice.json", "\"lookahead\": 8", "\"lookahead\": 9");
    assert!(error.contains("decoder.onnx") && error.contains("`lookahead` is `8`, expected `9`"), "{error}");
    let error = alter("voice.json", "\"sample_rate_hz\": 8000", "\"sample_rate_hz\": 16000");
    assert!(error.contains("voice.json") && error.contains("`sample_rate_hz` is 16000"), "{error}");
    let error = alter("voice.json", "\"f0_scale\"", "\"f0_skale\"");
    assert!(error.contains("f0_scale"), "{error}");
    let error = alter("voice.json", "\"f_vn\"", "\"f_vn\", \"f_more\"");
    assert!(error.contains("encoder.onnx") && error.contains("`phones` is `61`, expected `62`"), "{error}");
}

#[test]
fn truncated_and_swapped_graphs_are_refused_with_the_file_and_the_reason() {
    if let Err(error) = hualu_models::runtime::ensure() {
        println!("skipped: {error}");
        return;
    }
    let package = |encoder: &[u8], decoder: &[u8]| {
        let copy = tempfile::tempdir().expect("a directory");
        std::fs::copy(voice_directory().join("voice.json"), copy.path().join("voice.json")).expect("a copy");
        std::fs::write(copy.path().join("encoder.onnx"), encoder).expect("a file");
        std::fs::write(copy.path().join("decoder.onnx"), decoder).expect("a file");
        NeuralEngine::open(copy.path()).expect_err("the package is refused").to_string()
    };
    let read = |name: &str| std::fs::read(voice_directory().join(name)).expect("the file");
    let (encoder, decoder) = (read("encoder.onnx"), read("decoder.onnx"));
    let error = package(&encoder, &decoder[..decoder.len() / 2]);
    assert!(error.contains("decoder.onnx") && error.contains("cannot load it"), "{error}");
    let error = package(b"", &decoder);
    assert!(error.contains("encoder.onnx"), "{error}");
    let error = package(&decoder, &encoder);
    assert!(error.contains("encoder.onnx") && error.contains("`hualu_tts_decoder`"), "{error}");
}
