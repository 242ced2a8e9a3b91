//! Understanding and dialogue: a bot written in YAML, an intent classifier trained from its examples, grammars for
//! Mandarin entities and a deterministic flow engine, served over gRPC.
//!
//! The engine is sans-IO: [`Conversation`] takes what happens in a call and gives back what to do, and requests to back
//! ends are handed out and their results handed in. [`server`] and [`action`] drive it in real time.
//!
//! ```
//! use hualu_nlu::bot::Bot;
//!
//! let bot = Bot::from_texts(&[("bot.yaml", "
//! bot: {id: hello, entry: main}
//! flows:
//!   main: {steps: [{say: 您好。}, {end: done}]}
//! ")])?;
//! assert_eq!(bot.id(), "hello");
//! # Ok::<(), hualu_nlu::bot::BotFaults>(())
//! ```

pub mod action;
pub mod backend_mock;
pub mod bot;
pub mod chat;
pub mod clock;
pub mod dialogue;
pub mod emotion;
pub mod entity;
pub mod evaluate;
mod faq;
pub mod graph;
mod hints;
pub mod intent;
pub mod lint;
pub mod llm;
pub mod reload;
pub mod schema;
pub mod script;
pub mod server;
pub mod tagger;
pub mod utterance;
pub mod value;

pub use bot::Bot;
pub use dialogue::{Assistant, Conversation};
