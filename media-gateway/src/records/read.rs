//! Reads the files back.

use super::entry::Entry;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// A line that is no turn record.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line} is not a turn record: {reason}", file = file.display())]
pub struct LineError {
    file: PathBuf,
    line: usize,
    reason: String,
}

/// The files of a folder, newest day first.
///
/// # Errors
/// When the folder cannot be read.
pub fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = fs::read_dir(directory)?
        .map(|entry| Ok(entry?.path()))
        .filter(|path| path.as_ref().map_or(true, |path| path.extension() == Some(OsStr::new("jsonl"))))
        .collect::<io::Result<Vec<_>>>()?;
    files.sort_unstable_by(|a, b| b.cmp(a));
    Ok(files)
}

/// The lines of one file, oldest first.
///
/// # Errors
/// When the file cannot be opened. A line that cannot be read or understood is an item of its own, and the rest follows.
pub fn entries(path: &Path) -> io::Result<impl Iterator<Item = Result<Entry, LineError>>> {
    let file = path.to_owned();
    let lines = BufReader::new(File::open(path)?).lines();
    Ok(lines.enumerate().map(move |(n, line)| {
        let bad = |reason| LineError { file: file.clone(), line: n + 1, reason };
        let line = line.map_err(|error| bad(error.to_string()))?;
        serde_json::from_str(&line).map_err(|error| bad(error.to_string()))
    }))
}
