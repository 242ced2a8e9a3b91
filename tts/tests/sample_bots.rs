//! Everything that the sample bots say can be pronounced. `--no-capture` prints how.

use hualu_core::dialogue::Span;
use hualu_models::lexicon::Lexicon;
use hualu_tts::g2p::G2p;
use hualu_tts::text::normalize;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

fn is_hanzi(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}

/// The Chinese passages of a bot's texts, comments left out. Examples of what callers say stand in another file.
fn passages(text: &str) -> BTreeSet<String> {
    let lines =
        text.lines().map(|line| line.split(" #").next().unwrap_or_default()).filter(|line| !line.starts_with('#'));
    let of_line = |line: &str| -> Vec<String> {
        line.split(|c: char| !is_hanzi(c) && !"，。？！、；：".contains(c)).map(str::to_owned).collect()
    };
    lines.flat_map(of_line).filter(|text| text.chars().any(is_hanzi)).collect()
}

#[test]
fn nothing_that_a_bot_says_is_left_out() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let lexicon =
        Lexicon::load(&root.join("models/lexicon_zh/lexicon.tsv")).expect("the shipped lexicon is well formed");
    let g2p = G2p::new(Arc::new(lexicon)).expect("the hotline words are well formed");
    let mut count = 0;
    for bot in ["hotline_10086", "outbound_renewal", "broadband_fault"] {
        for file in ["bot.yaml", "flows.yaml"] {
            let text = std::fs::read_to_string(root.join("bots").join(bot).join(file)).expect("readable");
            for passage in passages(&text) {
                count += 1;
                let spoken = g2p.pronounce(&normalize(&[Span::plain(&passage)]));
                let syllables: Vec<String> = spoken.syllables.iter().map(|each| format!("{each:?}")).collect();
                println!("{passage}\t{}", syllables.join(" "));
                assert_eq!(spoken.skipped, 0, "{bot}/{file}: {passage}");
            }
        }
    }
    assert!(count > 200, "only {count} passages");
}
