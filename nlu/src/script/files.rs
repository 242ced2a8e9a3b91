//! The script files of a bot: every YAML file below its `tests` folder that holds a list of scripts.

use super::Script;
use crate::bot::Fault;
use crate::bot::fault::Faults;
use crate::bot::node::{self, Data};
use serde_saphyr::Spanned;
use std::path::{Path, PathBuf};

/// One file of scripts.
#[derive(Clone, Debug)]
pub struct ScriptFile {
    /// Where it is, as messages name it.
    pub path: PathBuf,
    /// Its scripts with their lines.
    pub scripts: Vec<Spanned<Script>>,
}

/// Reads the scripts in `path`, a file, or a bot's folder with its `tests`. Files that hold something else than a list,
/// such as sentences for an evaluation, are passed over.
///
/// # Errors
/// Every fault of every file, with its line.
pub fn load(path: &Path) -> Result<Vec<ScriptFile>, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut files = Vec::new();
    for path in paths(path) {
        let mut fault = |line: u32, reason: String| {
            let suggestion = "see the example in docs/bots.md".to_owned();
            faults.push(Fault { file: path.display().to_string(), line, field: String::new(), reason, suggestion });
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                fault(0, format!("cannot be read: {error}"));
                continue;
            }
        };
        if !holds_list(&text) {
            continue;
        }
        match serde_saphyr::from_str::<Vec<Spanned<Script>>>(&text) {
            Ok(scripts) => files.push(ScriptFile { path, scripts }),
            Err(error) => {
                let line = error.location().map_or(0, |location| u32::try_from(location.line()).unwrap_or(0));
                let text = error.to_string();
                fault(line, format!("not a list of scripts: {}", text.lines().next().unwrap_or_default()));
            }
        }
    }
    if faults.is_empty() { Ok(files) } else { Err(faults) }
}

fn paths(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml");
    let entries = std::fs::read_dir(path.join("tests")).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(is_yaml).collect();
    paths.sort();
    paths
}

/// Whether the text is a list; text that is no YAML at all counts as one, so that its fault is told.
fn holds_list(text: &str) -> bool {
    node::parse(0, text, &mut Faults::default()).is_none_or(|root| matches!(root.data, Data::List(_)))
}
