//! How turns are taken: `[budget]`, `[turn]`, `[ladder]` and `[menu]`, and `[bots.ID]` where one bot has it otherwise.

use super::reader::Reader;
use hualu_core::{LatencyBudget, Stage};
use hualu_session::{Ladder, Rung, TurnConfig};
use std::collections::BTreeMap;
use std::time::Duration;

/// How the turns of a bot's calls are taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TurnSettings {
    /// Time per stage.
    pub budget: LatencyBudget,
    /// Pauses, barge-in, fillers and ladders. What belongs to the whole gateway (longest call, time without packets, where
    /// a person is) is set over it for each call.
    pub turn: TurnConfig,
    /// Keys offered when the dialogue is of no help.
    pub menu: Option<MenuConfig>,
}

/// See [`TurnSettings::menu`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MenuConfig {
    /// What is said.
    pub say: String,
    /// Key to queue name or URI.
    pub keys: BTreeMap<char, String>,
}

impl TurnSettings {
    /// Reads the sections over what is set.
    pub(super) fn read(&mut self, reader: &mut Reader) {
        read_budget(&mut self.budget, reader);
        self.read_turn(reader);
        if self.turn.endpoint_complete > self.budget.endpoint {
            let reason = format!(
                "{} ms is more than budget.endpoint_ms = {}: raise that, and response_ms with it",
                self.turn.endpoint_complete.as_millis(),
                self.budget.endpoint.as_millis()
            );
            reader.fault("turn.endpoint_complete_ms", reason);
        }
        self.read_ladder(reader);
        if let Some(menu) = read_menu(reader) {
            self.menu = Some(menu);
        }
    }

    fn read_turn(&mut self, reader: &mut Reader) {
        let mut section = reader.section("turn");
        let turn = &mut self.turn;
        // Shorter pauses cut people off, longer ones are dead air.
        let fields = [
            ("endpoint_complete_ms", &mut turn.endpoint_complete, 120..=1_500),
            ("endpoint_unknown_ms", &mut turn.endpoint_unknown, 200..=3_000),
            ("partial_stable_ms", &mut turn.partial_stable, 0..=500),
            ("barge_in_min_ms", &mut turn.barge_in_min, 80..=1_000),
            ("pitched_min_ms", &mut turn.pitched_min, 0..=1_000),
            ("barge_in_decide_ms", &mut turn.barge_in_decide, 100..=1_000),
            ("echo_delay_ms", &mut turn.echo_delay, 0..=2_000),
            ("join_max_ms", &mut turn.join_max, 0..=2_000),
            ("filler_after_ms", &mut turn.filler_after, 200..=2_000),
            ("filler_again_ms", &mut turn.filler_again, 500..=2_000),
            ("no_input_ms", &mut turn.no_input, 1_500..=60_000),
            ("key_gap_ms", &mut turn.key_gap, 500..=10_000),
        ];
        for (key, field, range) in fields {
            if let Some(ms) = section.within(key, range) {
                *field = Duration::from_millis(ms);
            }
        }
        for (key, field) in [("doubts_max", &mut turn.doubts_max), ("fillers_max", &mut turn.fillers_max)] {
            if let Some(count) = section.within(key, 0..=20) {
                *field = count as u32;
            }
        }
        if let Some(percent) = section.within("trusted_percent", 0..=100) {
            turn.trusted_min = percent as f32 / 100.0;
        }
        if let Some(db) = section.within("far_db", 6..=60) {
            turn.far_share = 10_f32.powf(-(db as f32) / 10.0);
        }
        if let Some(db) = section.within("duck_db", 0..=60) {
            turn.duck_gain = 10_f32.powf(-(db as f32) / 20.0);
        }
        if turn.endpoint_complete > turn.endpoint_unknown {
            let reason = "complete words would wait longer than unknown ones: raise endpoint_unknown_ms".to_owned();
            section.fault("endpoint_complete_ms", reason);
        }
    }

    fn read_ladder(&mut self, reader: &mut Reader) {
        let mut section = reader.section("ladder");
        let ladders = &mut self.turn.ladders;
        let fields = [
            ("asr", Stage::Asr, &mut ladders.asr),
            ("nlu", Stage::Nlu, &mut ladders.nlu),
            ("tts", Stage::Tts, &mut ladders.tts),
        ];
        for (key, stage, field) in fields {
            let Some(labels) = section.take::<Vec<String>>(key) else { continue };
            let unknown = labels.iter().find(|label| Rung::from_label(label).is_none());
            if let Some(unknown) = unknown {
                let known: Vec<&str> = Rung::ALL.iter().map(|rung| rung.as_str()).collect();
                section.fault(key, format!("`{unknown}` is no rung; rungs are: {}", known.join(", ")));
                continue;
            }
            match Ladder::new(stage, labels.iter().filter_map(|label| Rung::from_label(label)).collect()) {
                Ok(ladder) => *field = ladder,
                Err(error) => section.fault(key, error.to_string()),
            }
        }
    }

    /// Where the menu's keys lead to nowhere that `transfer` knows: key and target.
    pub(super) fn lost_keys(&self, transfer: &BTreeMap<String, String>) -> Vec<(char, String)> {
        let is_uri = |target: &str| target.starts_with("sip:") || target.starts_with("tel:");
        let known =
            |target: &String| is_uri(target) || transfer.contains_key(target) || transfer.contains_key("default");
        let keys = self.menu.iter().flat_map(|menu| &menu.keys);
        keys.filter(|(_, target)| !known(target)).map(|(key, target)| (*key, target.clone())).collect()
    }
}

fn read_menu(reader: &mut Reader) -> Option<MenuConfig> {
    let mut section = reader.section("menu");
    let say: Option<String> = section.take("say");
    let named: BTreeMap<String, String> = section.take("keys").unwrap_or_default();
    let mut keys = BTreeMap::new();
    for (name, target) in named {
        let mut characters = name.chars();
        match (characters.next(), characters.next()) {
            (Some(key), None) if key.is_ascii_digit() || matches!(key, '*' | '#') => drop(keys.insert(key, target)),
            _ => section.fault("keys", format!("`{name}` is not a key: use one of 0-9, * and #")),
        }
    }
    match say.filter(|say| !say.trim().is_empty()) {
        Some(say) => Some(MenuConfig { say, keys }),
        None if keys.is_empty() => None,
        None => {
            section.fault("say", "the keys are never offered: say what they do".to_owned());
            None
        }
    }
}

fn read_budget(budget: &mut LatencyBudget, reader: &mut Reader) {
    let mut section = reader.section("budget");
    let fields = [
        ("ingest_ms", &mut budget.ingest),
        ("endpoint_ms", &mut budget.endpoint),
        ("endpoint_unfinished_ms", &mut budget.endpoint_unfinished),
        ("asr_ms", &mut budget.asr),
        ("nlu_ms", &mut budget.nlu),
        ("nlu_hard_ms", &mut budget.nlu_hard),
        ("tts_ms", &mut budget.tts),
        ("playout_ms", &mut budget.playout),
        ("response_ms", &mut budget.response),
    ];
    for (key, field) in fields {
        if let Some(ms) = section.take::<u64>(key) {
            *field = Duration::from_millis(ms);
        }
    }
    if let Err(error) = budget.check() {
        section.fault("response_ms", error.to_string());
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigError};
    use hualu_core::Stage;
    use hualu_session::{Rung, TurnConfig};
    use std::path::Path;
    use std::time::Duration;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("hualu.toml"))
    }

    #[test]
    fn a_bot_has_its_own_where_it_says_so_and_else_the_gateways() {
        let text = "[budget]\nasr_ms = 50\n[turn]\nbarge_in_min_ms = 240\nduck_db = 20\n\
                    [ladder]\nnlu = [\"filler\", \"reprompt\", \"person\"]\n[transfer]\nqueues = { vip = \"sip:1@h\" }\n\
                    [bots.elder.turn]\nendpoint_complete_ms = 400\nendpoint_unknown_ms = 900\n\
                    [bots.elder.budget]\ntts_ms = 90\nendpoint_ms = 400\nresponse_ms = 800\n\
                    [bots.elder.menu]\nsay = \"人工服务请按零。\"\nkeys = { 0 = \"vip\" }\n";
        let config = parse(text).expect("a good file");
        let ms = Duration::from_millis;
        let (all, elder) = (config.turns_of("other"), config.turns_of("elder"));
        assert_eq!((all.budget.asr, all.budget.tts), (ms(50), ms(100)));
        assert_eq!((elder.budget.asr, elder.budget.tts), (ms(50), ms(90)));
        assert_eq!((all.turn.barge_in_min, elder.turn.barge_in_min), (ms(240), ms(240)));
        assert!((all.turn.duck_gain - 0.1).abs() < 1e-6);
        assert_eq!(elder.turn.endpoint_complete, ms(400));
        assert_eq!(all.turn.endpoint_complete, TurnConfig::default().endpoint_complete);
        assert!(!elder.turn.ladders.of(Stage::Nlu).has(Rung::Menu));
        assert_eq!(all.menu, None);
        assert_eq!(elder.menu.as_ref().expect("a menu").keys[&'0'], "vip");
    }

    #[test]
    fn every_fault_says_where_and_what_to_do() {
        let text = "[turn]\nbarge_in_min_ms = 5\nbarge_in = 1\n[ladder]\nasr = [\"partial\"]\n\
                    tts = [\"filler\", \"reprompt\"]\n[menu]\nkeys = { 10 = \"x\", 0 = \"y\" }\n\
                    [bots.b.turn]\nendpoint_complete_ms = 400\n[bots.b.budget]\ntts_ms = 400\n[bots.b.turns]\nx = 1\n[bots.b.menu]\nsay = \"按零\"\nkeys = { 0 = \"gone\" }\n";
        let error = parse(text).expect_err("many faults").to_string();
        for expected in [
            "turn.barge_in_min_ms: 5 is not between 80 and 1000",
            "turn.barge_in: unknown key",
            "ladder.asr: `partial` is no rung; rungs are: wait, promote_partial",
            "ladder.tts: must end with `person` or `goodbye`",
            "menu.keys: `10` is not a key",
            "menu.say: the keys are never offered",
            "bots.b.budget.response_ms: the stages sum to 900 ms",
            "bots.b.turn.endpoint_complete_ms: 400 ms is more than budget.endpoint_ms = 240",
            "bots.b.turns: unknown section; did you mean `turn`?",
            "bots.b.menu.keys.0: `gone` is no queue of transfer.queues",
        ] {
            assert!(error.contains(expected), "{expected}\nis not in\n{error}");
        }
    }
}
