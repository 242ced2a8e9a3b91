//! Finds the decoder's defaults: `cargo run -p hualu-asr --example tune -- MODELS FOLDER..`
//!
//! MODELS holds `asr_zh_8k`, `lexicon_zh` and `lm_zh`; each FOLDER holds recordings as for `hualu asr eval`. Environment:
//! the knobs `BEAM`, `WIDTH`, `SCALE`, `BONUS`, `FLATTEN`, `CONFUSION`, `BLANK`, `UNITS`, `UNIT_WIDTH`; `HINTS` a file of
//! sentences (one a line) as a bot's examples; `EXPECT=digits|yesno`; `EVERY=n`; `CHOICES` a closed list; `SHOW=1` prints
//! every mistake.

use hualu_asr::decoder::DecoderOptions;
use hualu_asr::{Hint, LanguageModel, eval, open_lexicon};
use hualu_core::dialogue::Expect;
use std::env;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1).map(PathBuf::from);
    let models = arguments.next().ok_or("usage: tune MODELS FOLDER..")?;
    let model = models.join("asr_zh_8k");
    let lexicon = open_lexicon(&model, &models.join("lexicon_zh"), &models.join("lm_zh"))?;
    let sentences = env::var_os("HINTS").map(std::fs::read_to_string).transpose()?.unwrap_or_default();
    let hints: Vec<Hint> = sentences.lines().map(|text| Hint { text: text.to_owned(), weight: 1.0 }).collect();
    let language_model = LanguageModel::compile(&lexicon, &hints);
    let number = |name: &str, default: f32| env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let usual = DecoderOptions::default();
    let decoder = DecoderOptions {
        beam_size: number("BEAM", usual.beam_size as f32) as usize,
        beam_width: number("WIDTH", usual.beam_width),
        language_scale: number("SCALE", usual.language_scale),
        syllable_bonus: number("BONUS", usual.syllable_bonus),
        flatten: number("FLATTEN", usual.flatten),
        confusion: number("CONFUSION", usual.confusion),
        blank_penalty: number("BLANK", usual.blank_penalty),
        units_max: number("UNITS", usual.units_max as f32) as usize,
        unit_width: number("UNIT_WIDTH", usual.unit_width),
        ..usual
    };
    let expect = match env::var("EXPECT").as_deref() {
        Ok("digits") => Expect::Digits { len_min: 1, len_max: 20 },
        Ok("yesno") => Expect::YesNo,
        _ => Expect::Free,
    };
    for folder in arguments {
        let report = eval::run(&eval::Options {
            folder,
            model: model.clone(),
            language_model: language_model.clone(),
            decoder: decoder.clone(),
            expect,
            choices: env::var_os("CHOICES").map(PathBuf::from),
            every: number("EVERY", 1.0) as usize,
        })?;
        if env::var_os("SHOW").is_some() {
            for miss in report.utterances.iter().filter(|utterance| utterance.characters.edits > 0) {
                println!(
                    "{:.2} {} | {} | {}",
                    miss.confidence,
                    miss.reference,
                    miss.hypothesis,
                    miss.alternatives.join(" ")
                );
            }
        }
        println!("{report}");
    }
    Ok(())
}
