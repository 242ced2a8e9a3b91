//! What models there are and how they are opened: the manifest with its licences and hashes, the shared lexicon, and
//! the one door to ONNX Runtime.

pub mod lexicon;
pub mod manifest;
pub mod runtime;

pub use manifest::{Kind, Manifest, ManifestError, VerifiedModel};
pub use runtime::RuntimeError;
