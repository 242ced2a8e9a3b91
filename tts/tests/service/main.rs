//! The voice as its callers meet it, with an engine of tones.

mod common;
mod grpc;
mod recorded;
mod streaming;
