//! Answers from the bot's documents: which of its questions a caller asks, by BM25 over the characters and the sound of
//! its words, and the answer that stands there, word for word.
//!
//! The score is the share of the best that a question could reach (that of a document made of the same words), so that
//! long and short questions compare, and the threshold is fitted to the bot: paraphrases of its own questions must reach
//! it, sentences that its flows answer must not.

mod document;
mod index;

pub(crate) use document::{from_markdown, from_section};
pub(crate) use index::{Index, Match};

/// A question that the bot's documents answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FaqEntry {
    /// Where it stands: `faq/roaming.md#资费`, or the source that the entry names.
    pub source: String,
    /// How it is asked, each a paraphrase of the others.
    pub questions: Vec<String>,
    /// What is said, word for word.
    pub answer: String,
}
