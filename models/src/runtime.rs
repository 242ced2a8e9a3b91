//! The door to ONNX Runtime: found, checked for its version, and opened once per process.
//!
//! The library is loaded at run time, so building needs neither network nor ONNX Runtime. `ort` panics when the library
//! is older than the API it was built for; asking the library for its version first turns that into a sentence.

use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The oldest ONNX Runtime that works, as `major.minor`: what the `api-24` feature of `ort` needs.
pub const VERSION_MIN: (u32, u32) = (1, 24);

/// Environment variable that names the library file.
pub const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

/// Where `make onnxruntime` puts the library, below the directory of the checkout or of the binary.
const LIBRARY_BELOW: &str = ".cache/onnxruntime/libonnxruntime.so";

static ENVIRONMENT: OnceLock<Result<Environment, RuntimeError>> = OnceLock::new();

/// Why ONNX Runtime cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// No library file was found.
    #[error("no ONNX Runtime library: run `make onnxruntime`, or set {LIBRARY_VARIABLE} to libonnxruntime.so")]
    Missing,
    /// The file cannot be loaded as a library.
    #[error("cannot load {path} as ONNX Runtime: {reason}; run `make onnxruntime` for a good copy", path = path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// The library is older than [`VERSION_MIN`].
    #[error(
        "{path} is ONNX Runtime {found}, but {}.{} or newer is needed: run `make onnxruntime`, or set {LIBRARY_VARIABLE}",
        VERSION_MIN.0, VERSION_MIN.1, path = path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// What it said of itself.
        found: String,
    },
    /// The library is right but refused to start.
    #[error("ONNX Runtime did not start: {reason}")]
    Start {
        /// What it said.
        reason: String,
    },
}

/// The library file that would be used, if there is one: [`LIBRARY_VARIABLE`], else `.cache/onnxruntime` below the
/// working directory, the binary's directory, or any directory above these.
#[must_use]
pub fn library_path() -> Option<PathBuf> {
    if let Some(path) = env::var_os(LIBRARY_VARIABLE) {
        return Some(PathBuf::from(path));
    }
    let starts = [env::current_dir().ok(), env::current_exe().ok()];
    starts
        .iter()
        .flatten()
        .flat_map(|start| start.ancestors())
        .map(|directory| directory.join(LIBRARY_BELOW))
        .find(|path| path.is_file())
}

/// Opens ONNX Runtime once for the process.
///
/// # Errors
/// [`RuntimeError`], the same one at every call.
pub fn ensure() -> Result<(), RuntimeError> {
    environment().map(|_| ())
}

/// A builder of sessions that use one thread and never spin: parallelism comes from many streams, not from one model.
///
/// # Errors
/// As [`ensure`].
pub fn session_builder() -> Result<SessionBuilder, RuntimeError> {
    fn start(error: impl std::fmt::Display) -> RuntimeError {
        RuntimeError::Start { reason: error.to_string() }
    }
    Session::builder(environment()?)
        .map_err(start)?
        .with_intra_threads(1)
        .map_err(start)?
        .with_inter_threads(1)
        .map_err(start)?
        .with_intra_op_spinning(false)
        .map_err(start)
}

fn environment() -> Result<&'static Environment, RuntimeError> {
    ENVIRONMENT.get_or_init(open).as_ref().map_err(Clone::clone)
}

fn open() -> Result<Environment, RuntimeError> {
    let path = library_path().ok_or(RuntimeError::Missing)?;
    let found = check_version(&path)?;
    let environment = ort::init_from(&path)
        .map_err(|error| RuntimeError::Unusable { path: path.clone(), reason: error.to_string() })?
        .with_name("hualu")
        .build()
        .map_err(|error| RuntimeError::Start { reason: error.to_string() })?;
    tracing::info!(path = %path.display(), version = found, "onnx runtime opened");
    Ok(environment)
}

/// The version of the ONNX Runtime library at `path`, if it is new enough.
///
/// # Errors
/// [`RuntimeError::Unusable`] or [`RuntimeError::Version`].
pub fn check_version(path: &Path) -> Result<String, RuntimeError> {
    let unusable = |reason: String| RuntimeError::Unusable { path: path.to_owned(), reason };
    if !path.is_file() {
        return Err(unusable("there is no such file".to_owned()));
    }
    let found = ffi::version(path).map_err(unusable)?;
    let mut numbers = found.split('.').map_while(|number| number.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version < VERSION_MIN {
        return Err(RuntimeError::Version { path: path.to_owned(), found });
    }
    Ok(found)
}

/// The one place that calls a C function: `OrtGetApiBase()->GetVersionString()`.
#[expect(unsafe_code, reason = "the version must be known before `ort` may touch the library")]
mod ffi {
    use std::ffi::{CStr, c_char, c_void};
    use std::path::Path;

    /// `OrtApiBase` of `onnxruntime_c_api.h`: two function pointers, stable since the first release.
    #[repr(C)]
    struct ApiBase {
        api: extern "C" fn(u32) -> *const c_void,
        version_string: extern "C" fn() -> *const c_char,
    }

    pub fn version(path: &Path) -> Result<String, String> {
        // SAFETY: loading runs the library's initialisers; the operator chose this file as ONNX Runtime.
        let library = unsafe { libloading::Library::new(path) }.map_err(|error| error.to_string())?;
        // SAFETY: the symbol has this signature in every release of ONNX Runtime; another library lacks it.
        let base = unsafe { library.get::<extern "C" fn() -> *const ApiBase>(b"OrtGetApiBase\0") }
            .map_err(|_| "it is not ONNX Runtime: symbol OrtGetApiBase is missing".to_owned())?;
        // SAFETY: the returned table is static inside the library, which is still loaded here.
        let base = unsafe { base().as_ref() }.ok_or("OrtGetApiBase returned null")?;
        let text = (base.version_string)();
        if text.is_null() {
            return Err("GetVersionString returned null".to_owned());
        }
        // SAFETY: a NUL-terminated static string of the library, copied before the library is closed.
        Ok(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_library_is_refused_with_its_name() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let error = check_version(&file).expect_err("a text file is no library").to_string();
        assert!(error.contains("Cargo.toml") && error.contains("make onnxruntime"), "{error}");
    }

    #[test]
    fn another_library_is_not_taken_for_onnx_runtime() {
        let libc = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib/aarch64-linux-gnu/libc.so.6", "/lib64/libc.so.6"];
        let Some(path) = libc.iter().map(Path::new).find(|path| path.is_file()) else {
            println!("skipped: no C library at a known place");
            return;
        };
        let error = check_version(path).expect_err("libc is not ONNX Runtime").to_string();
        assert!(error.contains("not ONNX Runtime"), "{error}");
    }
}
