//! Every script of the hotline bot goes as written.

use hualu_nlu::Assistant;
use hualu_nlu::bot::Bot;
use hualu_nlu::script::{Script, run};
use hualu_nlu::utterance::Pronouncer;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn bot_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../bots/hotline_10086")
}

fn assistant() -> Arc<Assistant> {
    let bot = Bot::load(&bot_dir()).unwrap_or_else(|faults| panic!("{faults}"));
    let backends =
        bot.backends().iter().map(|name| (name.clone(), format!("http://{name}"))).collect::<BTreeMap<_, _>>();
    Arc::new(Assistant::new(bot, Pronouncer::default(), None, &backends).expect("every back end has an address"))
}

#[test]
fn every_script_goes_as_written() {
    let assistant = assistant();
    let mut files: Vec<PathBuf> = std::fs::read_dir(bot_dir().join("tests"))
        .expect("the bot has scripts")
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "yaml") && !path.ends_with("heldout.yaml"))
        .collect();
    files.sort();
    let mut count = 0;
    let mut failed = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("readable");
        let scripts: Vec<Script> =
            serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for script in scripts {
            count += 1;
            if let Err(fault) = run(&assistant, &script) {
                failed.push(format!("{}: {fault}", file.file_name().unwrap_or_default().to_string_lossy()));
            }
        }
    }
    assert!(count >= 12, "only {count} scripts");
    assert!(failed.is_empty(), "{} of {count} scripts failed\n{}", failed.len(), failed.join("\n"));
}
