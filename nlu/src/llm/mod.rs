//! A language model on a leash: it is asked only when the bot itself does not understand, what it says is data, and all
//! that it can bring about are commands that the engine may refuse, safe queries, and words that stand in the bot's
//! documents.
//!
//! Off unless the bot has a `policies.llm` and the service an address for its back end.

pub mod double;
mod ground;
mod prompt;
mod reply;

pub(crate) use ground::{is_claimless, is_grounded, is_speakable};
pub(crate) use prompt::{Context, body};
pub(crate) use reply::{Reply, parse};
