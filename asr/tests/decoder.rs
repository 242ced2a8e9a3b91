//! The decoder on made-up unit probabilities: no model, no audio.

mod common;

use hualu_asr::decoder::{Decoder, DecoderOptions};
use hualu_asr::units::{Syllables, Units};
use hualu_asr::{Hint, LanguageModel, Lexicon};
use hualu_core::dialogue::Expect;
use std::path::Path;
use std::sync::Arc;

const UNITS: &str = "<blk> zh z a q i h ua f ei y iao b s an l ing ou sh ir er u j iou";
const SYLLABLES: &str = "zha\tzh a\nza\tz a\nqi\tq i\nhua\th ua\nfei\tf ei\nyao\tiao\nba\tb a\nsan\ts an\nling\tl ing\n\
    liu\tl iou\nyi\ti\ner\ter\nshi\tsh ir\nwu\tu\njiu\tj iou\nfa\tf a\nji\tj i\n";
const WORDS: &str = "查\tzha1\t10\n炸\tzha4\t40\n话费\thua4 fei4\t10\n花\thua1\t60\n飞\tfei1\t50\n一\tyi1\t90\n幺\tyao1\t5\n\
    要\tyao4\t9\n八\tba1\t30\n吧\tba5\t70\n三\tsan1\t30\n零\tling2\t20\n六\tliu4\t20\n二\ter4\t30\n十\tshi2\t30\n是\tshi4\t99\n\
    五\twu3\t30\n九\tjiu3\t30\n就\tjiu4\t90\n七\tqi1\t30\n起\tqi3\t60\n发\tfa1\t20\n";

fn units() -> Units {
    Units::new(UNITS.split(' ').map(str::to_owned).collect(), 0).expect("a good list")
}

fn decoder(hints: &[&str]) -> (Decoder, Syllables) {
    let syllables = Syllables::parse(SYLLABLES, &units()).expect("a good table");
    let lexicon = Arc::new(Lexicon::parse(WORDS, syllables.clone()).expect("a good lexicon"));
    let hints: Vec<Hint> = hints.iter().map(|text| Hint { text: (*text).to_owned(), weight: 1.0 }).collect();
    let model = LanguageModel::compile(&lexicon, &hints);
    (Decoder::new(&units(), &model, DecoderOptions::default()), syllables)
}

/// One frame: the given units with their probabilities, the rest shared by all others.
fn frame(units_given: &[(&str, f32)]) -> Vec<f32> {
    let units = units();
    let rest = (1.0 - units_given.iter().map(|(_, p)| p).sum::<f32>()) / units.len() as f32;
    let mut row = vec![rest.max(1e-6).ln(); units.len()];
    for (name, p) in units_given {
        row[usize::from(units.find(name).expect("a unit"))] = p.ln();
    }
    row
}

/// What a sure model would say for these syllables: each unit twice, a blank after it.
fn say(syllables: &Syllables, pinyin: &str, sure: f32) -> Vec<f32> {
    let units = units();
    let mut rows = Vec::new();
    for name in pinyin.split(' ') {
        for &unit in syllables.units(syllables.find(name).expect("a syllable")) {
            rows.extend(frame(&[(units.name(unit), sure)]));
            rows.extend(frame(&[(units.name(unit), sure)]));
            rows.extend(frame(&[("<blk>", 0.98)]));
        }
    }
    rows
}

fn decode(decoder: &mut Decoder, expect: Expect, log_probs: &[f32]) -> (String, f32) {
    decoder.start(expect);
    decoder.advance(log_probs);
    let hypothesis = decoder.hypothesis();
    (hypothesis.text.reveal().clone(), hypothesis.confidence)
}

#[test]
fn the_bots_words_win_over_common_ones_that_sound_alike() {
    let (mut with, syllables) = decoder(&["查话费"]);
    let (mut without, _) = decoder(&[]);
    let audio = say(&syllables, "zha hua fei", 0.9);
    assert_eq!(decode(&mut with, Expect::Free, &audio).0, "查话费");
    assert_eq!(decode(&mut without, Expect::Free, &audio).0, "炸话费");
}

#[test]
fn any_string_of_digits_comes_out_exactly_and_yao_is_not_one() {
    let (mut decoder, syllables) = decoder(&["查话费"]);
    let audio = say(&syllables, "yao san ba ling ling yi er er qi wu jiu", 0.9);
    for expect in [Expect::Free, Expect::Digits { len_min: 11, len_max: 11 }] {
        assert_eq!(decode(&mut decoder, expect, &audio).0, "幺三八零零一二二七五九", "{expect:?}");
    }
}

#[test]
fn what_is_expected_settles_what_sounds_alike() {
    let (mut decoder, syllables) = decoder(&["是", "就是", "要吧"]);
    let audio = say(&syllables, "ba jiu shi yao", 0.9);
    let digits = Expect::Digits { len_min: 4, len_max: 4 };
    assert!(decode(&mut decoder, digits, &audio).0.starts_with("八九"));
    let audio = say(&syllables, "shi", 0.9);
    assert_eq!(decode(&mut decoder, Expect::YesNo, &audio).0, "是");
}

#[test]
fn the_number_of_digits_that_is_awaited_settles_a_doubtful_one() {
    let (mut decoder, syllables) = decoder(&[]);
    let mut audio = say(&syllables, "san ba", 0.9);
    audio.extend(frame(&[("er", 0.3), ("<blk>", 0.68)]));
    audio.extend(say(&syllables, "ling", 0.9));
    let awaited = |len| Expect::Digits { len_min: len, len_max: len };
    assert_eq!(decode(&mut decoder, awaited(4), &audio).0, "三八二零");
    assert_eq!(decode(&mut decoder, awaited(3), &audio).0, "三八零");
}

#[test]
fn a_unit_that_is_often_confused_is_forgiven() {
    let (mut decoder, syllables) = decoder(&["查话费"]);
    assert_eq!(decode(&mut decoder, Expect::Free, &say(&syllables, "za hua fei", 0.95)).0, "查话费");
}

#[test]
fn confidence_falls_when_the_audio_fits_less_and_silence_has_none() {
    let (mut decoder, syllables) = decoder(&["查话费"]);
    let (_, sure) = decode(&mut decoder, Expect::Free, &say(&syllables, "zha hua fei", 0.95));
    // Units that make no word of this lexicon.
    let mut noise = Vec::new();
    for unit in ["ing", "ou", "an", "u", "ing", "ou"] {
        noise.extend(frame(&[(unit, 0.9)]));
        noise.extend(frame(&[("<blk>", 0.9)]));
    }
    let (text, unsure) = decode(&mut decoder, Expect::Free, &noise);
    assert!(sure > 0.8 && unsure < 0.3, "{sure} against {unsure} for {text}");
    let silence: Vec<f32> = (0..40).flat_map(|_| frame(&[("<blk>", 0.99)])).collect();
    assert_eq!(decode(&mut decoder, Expect::Free, &silence), (String::new(), 0.0));
}

#[test]
fn other_readings_are_different_texts_in_falling_order() {
    let (mut decoder, syllables) = decoder(&["查话费", "花"]);
    decoder.advance(&say(&syllables, "zha hua fei", 0.7));
    let hypothesis = decoder.hypothesis();
    let others: Vec<&str> = hypothesis.alternatives.iter().map(|other| other.text.reveal().as_str()).collect();
    assert!(!others.is_empty() && !others.contains(&hypothesis.text.reveal().as_str()), "{others:?}");
    let mut beliefs: Vec<f32> = vec![hypothesis.confidence];
    beliefs.extend(hypothesis.alternatives.iter().map(|other| other.confidence));
    assert!(beliefs[1..].windows(2).all(|pair| pair[0] >= pair[1]), "{beliefs:?}");
    assert_eq!(hypothesis.pinyin.reveal(), "zha hua fei");
}

#[test]
fn partials_grow_with_the_words_and_the_result_does_not_depend_on_the_cuts() {
    let (mut decoder, syllables) = decoder(&["查话费"]);
    let audio = say(&syllables, "zha hua fei", 0.9);
    let whole = decode(&mut decoder, Expect::Free, &audio);
    decoder.start(Expect::Free);
    let mut told: Vec<String> = Vec::new();
    for chunk in audio.chunks(units().len() * 2) {
        decoder.advance(chunk);
        told.extend(decoder.partial().map(|partial| partial.text.reveal().clone()));
    }
    assert_eq!(told.last().map(String::as_str), Some("查话费"), "{told:?}");
    assert!(told.len() <= 4, "it flickers: {told:?}");
    let hypothesis = decoder.hypothesis();
    assert_eq!((hypothesis.text.reveal().clone(), hypothesis.confidence), whole);
}

#[test]
fn the_last_syllable_needs_no_blank_after_it() {
    let (mut decoder, syllables) = decoder(&["查话费"]);
    let mut audio = say(&syllables, "zha hua fei", 0.9);
    audio.truncate(audio.len() - 2 * units().len());
    assert_eq!(decode(&mut decoder, Expect::Free, &audio).0, "查话费");
}

/// The published model and its fixtures, made by the training recipe from the same model file.
#[test]
fn the_front_end_computes_what_training_computed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/asr_zh_8k/frontend_fixture.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: no {}", path.display());
        return;
    };
    let fixture: serde_json::Value = serde_json::from_str(&text).expect("good JSON");
    let numbers = |value: &serde_json::Value| -> Vec<f32> {
        value.as_array().expect("a list").iter().map(|number| number.as_f64().expect("a number") as f32).collect()
    };
    let samples: Vec<f32> = numbers(&fixture["samples_int16"]).iter().map(|sample| sample / 32_768.0).collect();
    let expected: Vec<f32> = fixture["frames"].as_array().expect("frames").iter().flat_map(numbers).collect();
    let spec = hualu_asr::frontend::FeatureSpec {
        sample_rate_hz: 8_000,
        n_fft: 256,
        win_len: 200,
        hop_len: 80,
        n_mels: 40,
        f_min: 60.0,
        f_max: 3_800.0,
        log_floor: 1e-7,
    };
    let mut found = Vec::new();
    hualu_asr::frontend::LogMel::new(&spec).push(&samples, &mut found);
    assert_eq!(found.len(), expected.len());
    let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-3, "off by {worst}");
}
