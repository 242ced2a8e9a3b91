//! A recognizer that hears tones instead of speech (see `fixtures/make_tones.py`), and what speaks to it.

#![allow(dead_code, reason = "every test file uses its own part")]

use hualu_asr::{Hint, LanguageModel, Lexicon};
use std::f64::consts::PI;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The fixture's units and their tones.
const TONES: [(&str, f64); 7] =
    [("ch", 400.0), ("a", 700.0), ("h", 1000.0), ("ua", 1400.0), ("f", 1900.0), ("ei", 2500.0), ("i", 3200.0)];

/// The fixture's folder.
pub fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tones")
}

/// Whether ONNX Runtime is here; says why the test is skipped if not.
pub fn has_runtime() -> bool {
    match hualu_models::runtime::ensure() {
        Ok(()) => true,
        Err(error) => {
            println!("skipped: {error}");
            false
        }
    }
}

/// A few words that the fixture can say.
pub fn lexicon() -> Arc<Lexicon> {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "查\tcha2\t50\n茶\tcha2\t80\n话费\thua4 fei4\t9\n花\thua1\t60\n飞\tfei1\t40\n费\tfei4\t30\n一\tyi1\t70\n以\tyi3\t90\n";
    std::fs::write(folder.path().join("lexicon.tsv"), text).expect("written");
    hualu_asr::open_lexicon(&model(), folder.path(), folder.path()).expect("a good lexicon")
}

/// A language model for a bot with these sentences.
pub fn language_model(hints: &[&str]) -> Arc<LanguageModel> {
    let hints: Vec<Hint> = hints.iter().map(|text| Hint { text: (*text).to_owned(), weight: 1.0 }).collect();
    LanguageModel::compile(&lexicon(), &hints)
}

/// Units as tones of 80 ms with 40 ms between, at `rate_hz`, without any silence at the end.
pub fn speak(units: &str, rate_hz: u32) -> Vec<i16> {
    let rate = f64::from(rate_hz);
    let mut samples = vec![0; rate_hz as usize / 10];
    for unit in units.split(' ') {
        let (_, hz) = TONES.iter().find(|(name, _)| *name == unit).expect("a unit of the fixture");
        samples.extend(vec![0_i16; rate_hz as usize / 25]);
        let tone = (0..rate_hz as usize * 2 / 25).map(|n| (9_000.0 * (2.0 * PI * hz * n as f64 / rate).sin()) as i16);
        samples.extend(tone);
    }
    samples
}
