//! The call that a world holds: configuration and prepared sentences.

use crate::alphabet::Alphabet;
use hualu_core::dialogue::CallStarted;
use hualu_core::{CallId, LatencyBudget};
use hualu_session::{Clip, Law, MediaParams, Menu, Prompts, SessionConfig, TurnConfig};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// What a test may change before the call begins.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The seed of network and engines.
    pub seed: u64,
    /// The time of each stage.
    pub budget: LatencyBudget,
    /// How turns are taken.
    pub turn: TurnConfig,
    /// Whether the recorder listens.
    pub record: bool,
    /// The keypad menu: its words, and where its keys lead.
    pub menu: Option<(String, BTreeMap<char, String>)>,
}

impl Setup {
    /// The defaults of the product.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Loudness is the alphabet here, so that nobody is far away for being quiet.
        // Half of the usual patience with words that nobody can judge keeps thousands of calls short.
        let endpoint_unknown = Duration::from_millis(500);
        let turn = TurnConfig { far_share: 0.0, endpoint_unknown, ..TurnConfig::default() };
        Self { seed, budget: LatencyBudget::default(), turn, record: false, menu: None }
    }

    /// The session's configuration; its prepared sentences are spoken in `bot`.
    #[must_use]
    pub fn session_config(&self, bot: &mut Alphabet) -> SessionConfig {
        let call = CallId::new("sim");
        let mut clip = |text: &str| Clip::new(text, bot.speak(text));
        let clips = HashMap::from([("music".to_owned(), clip("啦啦啦"))]);
        let menu = self.menu.clone().map(|(words, keys)| Menu { clip: clip(&words), keys });
        let prompts = Prompts {
            filler: clip("请稍等"),
            slow: clip("有点慢"),
            trouble: clip("没处理好"),
            no_input: clip("在吗"),
            goodbye: clip("再见"),
            menu,
            clips,
        };
        SessionConfig {
            call: call.clone(),
            media: MediaParams::new(Law::A, 0xb07, 100, 5_000),
            budget: self.budget,
            turn: self.turn.clone(),
            prompts: Arc::new(prompts),
            started: CallStarted {
                call,
                bot: String::new(),
                caller: "13800138000".to_owned().into(),
                called: "10086".to_owned().into(),
                variables: BTreeMap::new(),
            },
            record: self.record,
        }
    }
}
