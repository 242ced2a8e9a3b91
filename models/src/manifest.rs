//! `manifest.toml`: which models there are, what they are licensed under, and the hashes that they must have.

use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Environment variable that names the models' directory.
pub const DIRECTORY_VARIABLE: &str = "HUALU_MODELS";

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A recognizer.
    Asr,
    /// A voice.
    Tts,
    /// Words, their readings and their frequencies.
    Lexicon,
    /// A language model of the recognizer.
    Lm,
}

/// The models of one directory.
#[derive(Clone, Debug)]
pub struct Manifest {
    directory: PathBuf,
    entries: Vec<Entry>,
}

/// One model as the manifest describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name.
    pub id: String,
    /// What it is for.
    pub kind: Kind,
    /// Which loader reads it.
    pub family: String,
    /// Its language as a BCP 47 tag.
    pub language: String,
    /// The rate of its audio in hertz; 0 for text models.
    #[serde(default)]
    pub sample_rate_hz: u32,
    /// SPDX expression of the licence of its files.
    pub licence: String,
    /// Whether that licence allows commercial use.
    pub commercial_use: bool,
    /// Directory of its files, relative to the manifest.
    pub directory: PathBuf,
    /// Its files with their SHA-256 in hexadecimal.
    pub files: BTreeMap<String, String>,
    /// Version of ONNX Runtime that it was tested with; empty where none is needed.
    #[serde(default)]
    pub tested_with: String,
}

/// A model whose files are there and have the right hashes.
#[derive(Clone, Debug)]
pub struct VerifiedModel {
    entry: Entry,
    directory: PathBuf,
}

/// Why a manifest or a model is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// No manifest was found.
    #[error(
        "no models/manifest.toml above the working directory or the binary: set {DIRECTORY_VARIABLE} to the models' directory"
    )]
    Missing,
    /// A file cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The manifest is not what it should be.
    #[error("{path}: {reason}", path = path.display())]
    Parse {
        /// The manifest.
        path: PathBuf,
        /// Where and what.
        reason: String,
    },
    /// No model of that name and kind.
    #[error("the manifest has no {kind:?} model `{id}`; it has: {known}")]
    Unknown {
        /// The name asked for.
        id: String,
        /// The kind asked for.
        kind: Kind,
        /// The names of that kind.
        known: String,
    },
    /// A file's content is not the one that the manifest names.
    #[error("{path} is damaged or of another version: its sha256 is {found}, the manifest says {expected}; restore the file", path = path.display())]
    Hash {
        /// The file.
        path: PathBuf,
        /// What the manifest says.
        expected: String,
        /// What it has.
        found: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    model: Vec<Entry>,
}

impl Manifest {
    /// Reads `manifest.toml` in `directory`.
    ///
    /// # Errors
    /// [`ManifestError::Read`] or [`ManifestError::Parse`], naming the file and the line.
    pub fn load(directory: &Path) -> Result<Self, ManifestError> {
        let path = directory.join("manifest.toml");
        let text = fs::read_to_string(&path).map_err(|source| ManifestError::Read { path: path.clone(), source })?;
        let document: Document =
            toml::from_str(&text).map_err(|error| ManifestError::Parse { path, reason: error.to_string() })?;
        Ok(Self { directory: directory.to_owned(), entries: document.model })
    }

    /// Reads the manifest of the directory named by [`DIRECTORY_VARIABLE`], else of `models` below the working
    /// directory, the binary's directory, or any directory above these.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn find() -> Result<Self, ManifestError> {
        Self::load(&directory().ok_or(ManifestError::Missing)?)
    }

    /// All entries.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The model `id` (the first of its kind when `id` is empty), once every file has the hash that it should.
    ///
    /// # Errors
    /// [`ManifestError::Unknown`], [`ManifestError::Read`] or [`ManifestError::Hash`].
    pub fn model(&self, kind: Kind, id: &str) -> Result<VerifiedModel, ManifestError> {
        let mut of_kind = self.entries.iter().filter(|entry| entry.kind == kind);
        let entry = of_kind.clone().find(|entry| id.is_empty() || entry.id == id).ok_or_else(|| {
            let known: Vec<_> = of_kind.by_ref().map(|entry| entry.id.as_str()).collect();
            ManifestError::Unknown { id: id.to_owned(), kind, known: known.join(", ") }
        })?;
        let directory = self.directory.join(&entry.directory);
        for (name, expected) in &entry.files {
            let path = directory.join(name);
            let found = sha256(&path)?;
            if found != *expected {
                return Err(ManifestError::Hash { path, expected: expected.clone(), found });
            }
        }
        Ok(VerifiedModel { entry: entry.clone(), directory })
    }
}

impl VerifiedModel {
    /// What the manifest says of it.
    #[must_use]
    pub const fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The directory that holds its files.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

/// The models' directory, as [`Manifest::find`] looks for it.
#[must_use]
pub fn directory() -> Option<PathBuf> {
    if let Some(path) = env::var_os(DIRECTORY_VARIABLE) {
        return Some(PathBuf::from(path));
    }
    let starts = [env::current_dir().ok(), env::current_exe().ok()];
    starts
        .iter()
        .flatten()
        .flat_map(|start| start.ancestors())
        .map(|above| above.join("models"))
        .find(|models| models.join("manifest.toml").is_file())
}

fn sha256(path: &Path) -> Result<String, ManifestError> {
    let content = fs::read(path).map_err(|source| ManifestError::Read { path: path.to_owned(), source })?;
    Ok(hex::encode(Sha256::digest(content)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(directory: &Path, hash: &str) {
        fs::write(directory.join("a.onnx"), b"weights").expect("writable");
        let text = format!(
            "[[model]]\nid = \"a\"\nkind = \"asr\"\nfamily = \"hualu_ctc\"\nlanguage = \"zh\"\nsample_rate_hz = 8000\n\
             licence = \"CC-BY-SA-4.0\"\ncommercial_use = true\ndirectory = \".\"\nfiles = {{ \"a.onnx\" = \"{hash}\" }}\n"
        );
        fs::write(directory.join("manifest.toml"), text).expect("writable");
    }

    #[test]
    fn a_model_is_given_out_only_when_its_hash_is_right() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        write(directory.path(), &hex::encode(Sha256::digest(b"weights")));
        let manifest = Manifest::load(directory.path()).expect("a good manifest");
        assert_eq!(manifest.model(Kind::Asr, "").expect("the first of its kind").entry().id, "a");
        let error = manifest.model(Kind::Tts, "x").expect_err("no voice").to_string();
        assert_eq!(error, "the manifest has no Tts model `x`; it has: ");

        fs::write(directory.path().join("a.onnx"), b"weight").expect("writable");
        let error = manifest.model(Kind::Asr, "a").expect_err("truncated").to_string();
        assert!(error.contains("a.onnx is damaged"), "{error}");
    }

    #[test]
    fn unknown_keys_are_refused_with_their_place() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::write(directory.path().join("manifest.toml"), "[[model]]\nid = \"a\"\nkidn = \"asr\"\n").expect("writable");
        let error = Manifest::load(directory.path()).expect_err("a misspelt key").to_string();
        assert!(error.contains("manifest.toml") && error.contains("kidn"), "{error}");
    }
}
