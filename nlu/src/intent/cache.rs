//! Trained classifiers on disk, named by the hash of what they were trained on.

use super::features::{Script, Vocabulary};
use super::svm::Weights;
use super::{Bands, Classifier};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Raised whenever features, training or this format change.
const VERSION: &[u8; 8] = b"hualuic4";
/// A model that claims more is not one of ours.
const COUNT_MAX: u32 = 64 << 20;

/// Why a trained classifier was not stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The file could not be written.
    #[error("cannot write {path}: {source}: check that the cache folder is writable")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The name of the model that these sentences give.
pub(super) fn key(samples: &[(String, String)], pronunciation: usize) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(VERSION).update(&(pronunciation as u64).to_le_bytes());
    for text in samples.iter().flat_map(|(intent, text)| [intent, text]) {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

fn file(dir: &Path, key: &str) -> PathBuf {
    dir.join(format!("intent-{key}.bin"))
}

/// Loads a model; anything wrong with it counts as absent.
pub(super) fn load(dir: &Path, key: &str) -> Option<Classifier> {
    let bytes = std::fs::read(file(dir, key)).ok()?;
    let (body, digest) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
    if blake3::hash(body).as_bytes() != digest {
        return None;
    }
    let mut reader = Reader(body.strip_prefix(VERSION)?);
    let names = reader.count()?;
    let intents = (0..names).map(|_| reader.text()).collect::<Option<Vec<_>>>()?;
    let bands = Bands { accept: reader.float()?, clarify: reader.float()?, oos: reader.float()? };
    let features = reader.count()?;
    let script = if reader.count()? == 0 { Script::Han } else { Script::Latin };
    let mut vocabulary = Vocabulary { script, ..Vocabulary::default() };
    vocabulary.index.reserve(features as usize);
    for i in 0..features {
        vocabulary.index.insert(reader.word()?, i);
        vocabulary.idf.push(reader.float()?);
    }
    let classes = intents.len();
    let bias = (0..classes).map(|_| reader.float()).collect::<Option<Vec<_>>>()?;
    let rows = (0..classes * features as usize).map(|_| reader.float()).collect::<Option<Vec<_>>>()?;
    reader.0.is_empty().then_some(Classifier { intents, vocabulary, weights: Weights { classes, rows, bias }, bands })
}

/// Stores a model; a reader never sees half of it.
pub(super) fn store(dir: &Path, key: &str, model: &Classifier) -> Result<(), CacheError> {
    let mut out = VERSION.to_vec();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    out.extend(count(model.intents.len()));
    for intent in &model.intents {
        out.extend(count(intent.len()));
        out.extend(intent.as_bytes());
    }
    for band in [model.bands.accept, model.bands.clarify, model.bands.oos] {
        out.extend(band.to_le_bytes());
    }
    let mut grams: Vec<(u32, u64)> = model.vocabulary.index.iter().map(|(gram, index)| (*index, *gram)).collect();
    grams.sort_unstable();
    out.extend(count(grams.len()));
    out.extend(count(usize::from(model.vocabulary.script == Script::Latin)));
    for ((_, gram), idf) in grams.iter().zip(&model.vocabulary.idf) {
        out.extend(gram.to_le_bytes());
        out.extend(idf.to_le_bytes());
    }
    for weight in model.weights.bias.iter().chain(&model.weights.rows) {
        out.extend(weight.to_le_bytes());
    }
    out.extend(blake3::hash(&out).as_bytes());
    let path = file(dir, key);
    let fail = |source| CacheError::Write { path: path.clone(), source };
    std::fs::create_dir_all(dir).map_err(fail)?;
    // Two starts at once write the same content under different names; the last rename wins.
    let draft = dir.join(format!("intent-{key}.{}.tmp", std::process::id()));
    let mut written = std::fs::File::create(&draft).map_err(fail)?;
    written.write_all(&out).and_then(|()| written.sync_all()).map_err(fail)?;
    std::fs::rename(&draft, &path).map_err(fail)
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn count(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes).filter(|count| *count <= COUNT_MAX)
    }

    fn word(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn float(&mut self) -> Option<f32> {
        self.take().map(f32::from_le_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let len = self.count()? as usize;
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        String::from_utf8(head.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Classifier {
        let mut vocabulary = Vocabulary { script: Script::Latin, ..Vocabulary::default() };
        for (gram, index) in [(7_u64, 0_u32), (9, 1), (4, 2)] {
            vocabulary.index.insert(gram, index);
            vocabulary.idf.push(1.5 + f32::from(u8::try_from(index).unwrap_or(0)));
        }
        let weights = Weights { classes: 2, rows: vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.6], bias: vec![-1.0, 1.0] };
        let bands = Bands { accept: 0.3, clarify: -0.1, oos: -0.4 };
        Classifier { intents: vec!["a".into(), "b".into()], vocabulary, weights, bands }
    }

    #[test]
    fn a_stored_model_is_loaded_and_a_damaged_one_is_not() {
        let dir = tempfile::tempdir().expect("a folder");
        let samples = [("a".to_owned(), "查话费".to_owned())];
        let key = key(&samples, 0);
        assert_ne!(key, super::key(&samples, 1), "another lexicon gives another model");
        assert!(load(dir.path(), &key).is_none());
        store(dir.path(), &key, &model()).expect("a writable folder");
        assert_eq!(load(dir.path(), &key), Some(model()));
        let path = file(dir.path(), &key);
        let mut bytes = std::fs::read(&path).expect("stored");
        bytes.truncate(bytes.len() - 40);
        std::fs::write(&path, &bytes).expect("writable");
        assert!(load(dir.path(), &key).is_none(), "half a file");
        bytes[20] ^= 1;
        std::fs::write(&path, &bytes).expect("writable");
        assert!(load(dir.path(), &key).is_none(), "a flipped bit");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error_that_names_the_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let blocked = dir.path().join("file");
        std::fs::write(&blocked, "").expect("writable");
        let error = store(&blocked, "k", &model()).expect_err("not a folder");
        assert!(error.to_string().contains("intent-k.bin"), "{error}");
    }
}
