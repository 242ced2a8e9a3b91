//! The engine's contract: state is carried, batches change nothing, models that do not fit are refused.

mod common;

use hualu_asr::AsrError;
use hualu_asr::engine::{self, Engine, EngineState, Slot};
use std::fs;

const MELS: usize = 40;

fn features(frames: usize, seed: usize) -> Vec<f32> {
    (0..frames * MELS).map(|n| ((n * 31 + seed * 977) % 97) as f32 / 10.0 - 12.0).collect()
}

fn run(engine: &mut dyn Engine, state: &mut EngineState, features: &[f32]) -> Vec<f32> {
    let mut log_probs = Vec::new();
    let frames = features.len() / MELS;
    engine.step(frames, &mut [Slot { features, state, log_probs: &mut log_probs }]).expect("a step");
    log_probs
}

fn furthest(one: &[f32], other: &[f32]) -> f32 {
    assert_eq!(one.len(), other.len());
    one.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn a_stream_in_chunks_is_the_same_as_in_one_piece() {
    if !common::has_runtime() {
        return;
    }
    let mut engine = engine::open(&common::model()).expect("the fixture");
    let audio = features(48, 1);
    let (mut whole, mut pieces) = (engine.new_state(), engine.new_state());
    let expected = run(engine.as_mut(), &mut whole, &audio);
    let mut found = Vec::new();
    for chunk in audio.chunks(16 * MELS) {
        found.extend(run(engine.as_mut(), &mut pieces, chunk));
    }
    assert!(furthest(&expected, &found) < 1e-4, "chunks change the output");
    assert_eq!(whole, pieces);
    pieces.reset();
    assert_eq!(pieces, engine.new_state());
    assert_ne!(
        run(engine.as_mut(), &mut pieces, &audio[..16 * MELS]),
        run(engine.as_mut(), &mut whole, &audio[..16 * MELS])
    );
}

#[test]
fn a_batch_of_any_size_is_the_same_as_each_stream_alone() {
    if !common::has_runtime() {
        return;
    }
    let mut engine = engine::open(&common::model()).expect("the fixture");
    for size in [2, 3, 5, 8, 11] {
        let inputs: Vec<Vec<f32>> = (0..size).map(|seed| features(16, seed)).collect();
        let mut alone: Vec<EngineState> = (0..size).map(|_| engine.new_state()).collect();
        let mut together = alone.clone();
        // Streams that are not equally old, as when calls join a batch.
        for seed in 0..size / 2 {
            let earlier = features(16, seed + 50);
            run(engine.as_mut(), &mut alone[seed], &earlier);
            run(engine.as_mut(), &mut together[seed], &earlier);
        }
        let expected: Vec<Vec<f32>> = (0..size).map(|n| run(engine.as_mut(), &mut alone[n], &inputs[n])).collect();
        let mut outputs: Vec<Vec<f32>> = vec![Vec::new(); size];
        let mut slots: Vec<Slot<'_>> = together
            .iter_mut()
            .zip(&mut outputs)
            .zip(&inputs)
            .map(|((state, log_probs), features)| Slot { features, state, log_probs })
            .collect();
        engine.step(16, &mut slots).expect("a step");
        drop(slots);
        for n in 0..size {
            let worst = furthest(&expected[n], &outputs[n]);
            assert!(worst < 1e-4, "stream {n} of {size} is off by {worst}");
        }
        assert_eq!(alone, together);
    }
}

#[test]
fn a_model_that_does_not_fit_is_refused_with_the_reason() {
    if !common::has_runtime() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let refusal = |bytes: &[u8]| {
        fs::write(folder.path().join("model.onnx"), bytes).expect("written");
        match engine::open(folder.path()) {
            Err(error @ AsrError::Model { .. }) => error.to_string(),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it was taken"),
        }
    };
    let good = fs::read(common::model().join("model.onnx")).expect("the fixture");
    let patched = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len(), "lengths in the file must stay right");
        let at = good.windows(from.len()).position(|window| window == from.as_bytes()).expect("is in the file");
        let mut bytes = good.clone();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        bytes
    };
    assert!(refusal(&good[..good.len() / 2]).contains("cannot load"));
    assert!(refusal(b"no model").contains("model.onnx"));
    assert!(refusal(&patched("hualu_ctc", "hualu_xyz")).contains("`model_type` is `hualu_xyz`"));
    assert!(refusal(&patched("<blk>,ch,a", "<blk>,ch_a")).contains("units"));
    assert!(refusal(&patched("flush_frames", "flush_frogs_")).contains("`flush_frames` is missing"));
    assert!(refusal(&patched("3800", "4800")).contains("4800"));
}
