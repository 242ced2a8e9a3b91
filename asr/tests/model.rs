//! The published model, where it is: its own fixture, and that a call's chunks hear what one piece hears.

mod common;

use hualu_asr::engine::{self, Slot};
use hualu_asr::text::latin_reading;
use serde_json::Value;
use std::fs;
use std::path::Path;

#[test]
fn the_published_model_says_what_its_fixture_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/asr_zh_8k");
    let Ok(text) = fs::read_to_string(folder.join("stream_fixture.json")) else {
        println!("skipped: no {}", folder.display());
        return;
    };
    if !common::has_runtime() {
        return;
    }
    let fixture: Value = serde_json::from_str(&text).expect("good JSON");
    let mut engine = engine::open(&folder).expect("the published model");
    let rows = fixture["features"].as_array().expect("frames");
    let values = rows.iter().flat_map(|row| row.as_array().expect("a frame"));
    let features: Vec<f32> = values.map(|value| value.as_f64().expect("a number") as f32).collect();
    let expected: Vec<u64> =
        fixture["unit_ids"].as_array().expect("units").iter().map(|id| id.as_u64().expect("an id")).collect();

    let spec = engine.spec().clone();
    let (mut state, mut log_probs) = (engine.new_state(), Vec::new());
    for chunk in features.chunks(spec.chunk_len * spec.features.n_mels) {
        let frames = chunk.len() / spec.features.n_mels;
        let slot = Slot { features: chunk, state: &mut state, log_probs: &mut log_probs };
        engine.step(frames, &mut [slot]).expect("a step");
    }
    let mut heard: Vec<u64> = Vec::new();
    let mut last = u64::from(spec.units.blank());
    for row in log_probs.chunks(spec.units.len()) {
        let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).expect("units") as u64;
        if best != last && best != u64::from(spec.units.blank()) {
            heard.push(best);
        }
        last = best;
    }
    assert_eq!(heard, expected);
}

#[test]
fn every_latin_reading_is_spelt_by_the_published_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/asr_zh_8k/syllables.tsv");
    let Ok(table) = fs::read_to_string(&path) else {
        println!("skipped: no {}", path.display());
        return;
    };
    let known: Vec<&str> = table.lines().filter_map(|line| line.split('\t').next()).collect();
    let words = ('A'..='Z').map(String::from).chain(["WIFI", "SIM", "OK"].map(String::from));
    for word in words {
        for syllable in latin_reading(&word) {
            assert!(known.contains(&syllable), "{word} is read with `{syllable}`, which no unit spells");
        }
    }
}
