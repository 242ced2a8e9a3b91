//! Every bot of this repository: nothing refuses it, and all its scripts go as written. What its author is warned of is
//! printed: `cargo nextest run -p hualu-nlu --test bots --no-capture`.

use hualu_nlu::bot::Bot;
use hualu_nlu::utterance::Pronouncer;
use hualu_nlu::{Assistant, lint, script};
use std::path::{Path, PathBuf};

fn bots() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bots");
    let entries = std::fs::read_dir(dir).expect("the repository has bots").filter_map(Result::ok);
    let mut bots: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    bots.sort();
    assert!(!bots.is_empty());
    bots
}

#[test]
fn nothing_refuses_any_bot() {
    for path in bots() {
        let report = lint::check(&path, &Pronouncer::default());
        println!("{}: {} error(s), {} warning(s)", path.display(), report.errors(), report.warnings());
        for finding in &report.findings {
            println!("  {finding}");
        }
        assert_eq!(report.errors(), 0, "{}", path.display());
    }
}

#[test]
fn every_script_goes_as_written() {
    let mut failed = Vec::new();
    for path in bots() {
        let bot = Bot::load(&path).unwrap_or_else(|faults| panic!("{faults}"));
        let assistant = Assistant::for_text(bot, Pronouncer::default(), None);
        let files = script::load(&path).unwrap_or_else(|faults| panic!("{faults:#?}"));
        let scripts: Vec<_> = files.iter().flat_map(|file| &file.scripts).collect();
        assert!(!scripts.is_empty(), "{} has no scripts", path.display());
        for script in &scripts {
            if let Err(fault) = script::run(&assistant, &script.value) {
                failed.push(format!("{}: {fault}", path.display()));
            }
        }
        println!("{}: {} scripts", path.display(), scripts.len());
    }
    assert!(failed.is_empty(), "{} script(s) failed\n{}", failed.len(), failed.join("\n"));
}
