//! The test voice of tones, through the same interface as the neural one.

use hualu_tts::engine::tone::ToneEngine;
use hualu_tts::engine::{Boundary, Engine, EngineError, Plan, Prosody, Syllable};

fn say(pinyin: &str) -> Syllable {
    Syllable { pinyin: pinyin.into(), tone: 1, boundary: Boundary::None, emphasis: false }
}

#[test]
fn equal_syllables_sound_equal_and_others_do_not() {
    let mut engine: Box<dyn Engine> = Box::new(ToneEngine);
    let syllables = [say("ma"), say("ma"), say("ba")];
    let mut plan = engine.prepare(&syllables, &Prosody::default()).expect("tones always prepare");
    let mut next = || engine.next_chunk(&mut plan).expect("a chunk").expect("three syllables");
    let (first, second, third) = (next(), next(), next());
    assert_eq!(first, second);
    assert_ne!(first, third);
}

#[test]
fn a_plan_of_another_engine_is_refused() {
    let error = ToneEngine.next_chunk(&mut Plan::new(7_u32)).err();
    assert!(matches!(error, Some(EngineError::ForeignPlan)));
}
