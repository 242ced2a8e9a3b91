//! A bot with everything that its conversations share.

use crate::bot::Bot;
use crate::bot::model::HandoffRule;
use crate::faq;
use crate::intent::Classifier;
use crate::utterance::Pronouncer;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A bot with everything that its conversations share.
#[derive(Debug)]
pub struct Assistant {
    pub(crate) bot: Bot,
    pub(crate) classifier: Classifier,
    pub(crate) pronouncer: Pronouncer,
    /// What the bot's documents answer.
    pub(crate) faq: faq::Index,
    /// Back end -> base address, without a slash at the end.
    pub(crate) backends: BTreeMap<String, String>,
}

/// Why a bot cannot be served.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum AssistantError {
    /// The configuration lacks an address.
    #[error(
        "the bot `{bot}` calls the back end `{backend}`, which has no address: give it one in the service's configuration, or let the mock back end play it"
    )]
    Backend {
        /// The bot.
        bot: String,
        /// The back end's name.
        backend: String,
    },
}

impl Assistant {
    /// Makes a bot ready to serve: trains its classifier or loads it from `cache`, and its tagger.
    ///
    /// # Errors
    /// [`AssistantError::Backend`] when `backends` lacks an address that the bot's actions need.
    pub fn new(
        mut bot: Bot,
        pronouncer: Pronouncer,
        cache: Option<&Path>,
        backends: &BTreeMap<String, String>,
    ) -> Result<Self, AssistantError> {
        if let Some(missing) = bot.backends().iter().find(|name| !backends.contains_key(*name)) {
            return Err(AssistantError::Backend { bot: bot.id().to_owned(), backend: missing.clone() });
        }
        bot.learn_tags(&pronouncer);
        let classifier = Classifier::load_or_train(&bot, &pronouncer, cache);
        if let Some(llm) = bot.llm.as_ref().filter(|llm| !backends.contains_key(&llm.backend)) {
            tracing::warn!(bot = bot.id(), backend = llm.backend, "no address for the language model: it is not asked");
        }
        let others = bot.intents.iter().flat_map(|intent| &intent.examples).map(String::as_str);
        let faq = faq::Index::new(&bot.faq, others, &pronouncer);
        let trim = |base: &String| base.trim_end_matches('/').to_owned();
        let backends = backends.iter().map(|(name, base)| (name.clone(), trim(base))).collect();
        Ok(Self { bot, classifier, pronouncer, faq, backends })
    }

    /// A bot for conversations in text, whose actions are answered without asking any back end.
    #[must_use]
    pub fn for_text(bot: Bot, pronouncer: Pronouncer, cache: Option<&Path>) -> Arc<Self> {
        let nowhere = |name: &String| (name.clone(), format!("http://{name}"));
        let backends = bot.backends().iter().map(nowhere).collect();
        Arc::new(Self::new(bot, pronouncer, cache, &backends).expect("every back end was given an address"))
    }

    /// The bot.
    #[must_use]
    pub fn bot(&self) -> &Bot {
        &self.bot
    }

    /// Its classifier.
    #[must_use]
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }
    /// Whether an intent asks for a person.
    pub(super) fn is_person(&self, intent: &str) -> bool {
        let rules = &self.bot.policies.handoff.rules;
        rules.iter().any(|rule| matches!(rule, HandoffRule::Intent { id, .. } if id == intent))
    }
}
