//! Replaces a service's bot while it runs: calls in progress keep theirs, new calls get the new one, and a bot that has
//! faults replaces nothing.

use crate::bot::{Bot, BotFaults};
use crate::dialogue::{Assistant, AssistantError};
use crate::utterance::Pronouncer;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// What every bot of a service is made ready with.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub backends: BTreeMap<String, String>,
    pub cache: Option<PathBuf>,
    pub pronouncer: Pronouncer,
}

impl Terms {
    fn ready(&self, bot: Bot) -> Result<Assistant, AssistantError> {
        Assistant::new(bot, self.pronouncer.clone(), self.cache.as_deref(), &self.backends)
    }
}

/// The bot that new calls get.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    assistant: Arc<RwLock<Arc<Assistant>>>,
    terms: Arc<Terms>,
    /// One reload at a time, so that the last one that was asked for is the one that stays.
    reloading: Arc<Mutex<()>>,
}

impl Current {
    /// A service that begins with `bot`.
    pub fn new(bot: Bot, terms: Terms) -> Result<Self, AssistantError> {
        let assistant = Arc::new(RwLock::new(Arc::new(terms.ready(bot)?)));
        Ok(Self { assistant, terms: Arc::new(terms), reloading: Arc::default() })
    }

    pub fn assistant(&self) -> Arc<Assistant> {
        // A writer only stores a pointer, so a poisoned lock still holds a whole bot.
        Arc::clone(&self.assistant.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Why a bot was not replaced. The service goes on with the one that it has.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// The new bot has faults.
    #[error(transparent)]
    Bot(#[from] BotFaults),
    /// The new bot does not fit the service's configuration.
    #[error(transparent)]
    Assistant(#[from] AssistantError),
    /// Another bot under the same service would strand calls that ask for the one they know.
    #[error(
        "the folder now holds the bot `{found}`, not `{running}`: a reload keeps the bot's id; start a service for it"
    )]
    OtherBot {
        /// The bot that runs.
        running: String,
        /// The bot in the folder.
        found: String,
    },
}

/// Replaces the bot of a running service.
#[derive(Clone, Debug)]
pub struct Reloader(pub(crate) Current);

impl Reloader {
    /// Reads, checks and trains the bot in `path`, then gives it to new calls. Takes as long as training does; calls go
    /// on meanwhile. The hash of what it was read from.
    ///
    /// # Errors
    /// [`ReloadError`] with everything that is wrong; new calls then get the bot that they got before.
    pub fn reload(&self, path: &Path) -> Result<String, ReloadError> {
        let Current { assistant, terms, reloading } = &self.0;
        let _one = reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let bot = Bot::load(path)?;
        let running = self.0.assistant().bot().id().to_owned();
        if bot.id() != running {
            return Err(ReloadError::OtherBot { running, found: bot.id().to_owned() });
        }
        let hash = bot.content_hash();
        let ready = terms.ready(bot)?;
        *assistant.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ready);
        Ok(hash)
    }
}
