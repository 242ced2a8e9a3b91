//! Seeded random conversations with every sample bot: whatever callers, gateways and back ends do, the engine answers each
//! event, orders nothing without a yes, and does the same again for the same seed.

use super::{ActionFault, ActionRequest, Assistant, Conversation, Output};
use crate::bot::Bot;
use crate::utterance::Pronouncer;
use crate::value::Value;
use chrono::{DateTime, Duration as Span, Utc};
use hualu_core::dialogue::{Act, CallEvent, CallInput, CallStarted, Expect, Heard, Hypothesis};
use hualu_core::{CallId, ClauseId, TurnId};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

const CONVERSATIONS: u64 = 60;
const EVENTS: u32 = 40;
const WORDS: [&str; 22] = [
    "对",
    "不对",
    "好的",
    "确认",
    "不用了",
    "没有",
    "算了",
    "转人工",
    "再说一遍",
    "五十九的",
    "一百二十九",
    "明天上午九点",
    "后天",
    "一三八零零一三八零零零",
    "不对，换成一百二十九的",
    "是机主",
    "不是我",
    "嗯",
    "红灯",
    "第一个",
    "城东",
    "什么",
];
const HOSTILE: [&str; 8] = [
    "",
    "${crm}",
    "{{fee}}",
    "'; drop table orders; --",
    "<speak><break time=\"9s\"/></speak>",
    "\u{0}\u{202e}\u{fffd}",
    "http://169.254.169.254/",
    "size(call) == 0 || true",
];

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most.max(1) as u64).unwrap_or_default()
    }

    fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

static BOTS: LazyLock<Vec<Arc<Assistant>>> = LazyLock::new(|| {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bots");
    let mut paths: Vec<_> = std::fs::read_dir(dir)
        .expect("the sample bots")
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    paths.sort();
    let load = |path: &std::path::PathBuf| {
        let bot = Bot::load(path).unwrap_or_else(|faults| panic!("{faults}"));
        let backends = bot.backends().iter().map(|name| (name.clone(), format!("http://{name}.test"))).collect();
        Arc::new(Assistant::new(bot, Pronouncer::default(), None, &backends).expect("every back end has an address"))
    };
    paths.iter().map(load).collect()
});

/// A conversation and what must hold of it.
struct Soak {
    assistant: Arc<Assistant>,
    conversation: Conversation,
    dice: Dice,
    now: DateTime<Utc>,
    turn: u32,
    /// Clauses that were said.
    said: Vec<String>,
    /// Requests that are still under way.
    open: Vec<ActionRequest>,
    /// The last question awaited yes or no.
    asks_yes_no: bool,
    /// Such questions that were answered since the last order.
    answers: u32,
    log: Vec<String>,
}

impl Soak {
    fn new(assistant: &Arc<Assistant>, seed: u64) -> Self {
        Self {
            assistant: Arc::clone(assistant),
            conversation: Conversation::new(Arc::clone(assistant), seed),
            dice: Dice(seed),
            now: DateTime::from_timestamp(1_795_000_000, 0).expect("a real time"),
            turn: 0,
            said: Vec::new(),
            open: Vec::new(),
            asks_yes_no: false,
            answers: 0,
            log: Vec::new(),
        }
    }

    fn run(mut self) -> Vec<String> {
        let names = ["customer_name", "offer_fee", "offer_period", "expire", "current_fee", "msisdn"];
        let values = ["张三", "59", "12", "2026-12-31", "129", "13800138000", "${x}", ""];
        let mut variables = std::collections::BTreeMap::new();
        for name in names {
            if !self.dice.one_in(6) {
                variables.insert(name.to_owned(), (*self.dice.of(&values)).to_owned());
            }
        }
        let started = CallStarted {
            call: CallId::new("c1"),
            bot: String::new(),
            caller: "13800138099".to_owned().into(),
            called: "10086".to_owned().into(),
            variables,
        };
        self.event(CallEvent::Started(started), true);
        for _ in 0..EVENTS {
            if self.conversation.is_over() {
                break;
            }
            self.step();
        }
        self.log
    }

    fn step(&mut self) {
        match self.dice.below(20) {
            0..=9 => {
                self.turn += 1;
                let text = self.words();
                for revision in 1..=u32::try_from(self.dice.below(4)).unwrap_or_default() {
                    let part: String = text.chars().take(2 + self.dice.below(8)).collect();
                    self.event(CallEvent::Partial { hypothesis: hypothesis(&part), revision }, false);
                    self.results(true);
                }
                self.event(CallEvent::Final { hypothesis: hypothesis(&text), promoted: false }, true);
            }
            10..=12 => {
                self.turn += 1;
                let count = 1 + self.dice.below(6);
                let keys: String =
                    (0..count).map(|_| *self.dice.of(&['1', '2', '3', '4', '0', '9', '*', '#', 'x'])).collect();
                self.event(CallEvent::Keys(keys.into()), true);
            }
            13 => {
                self.turn += 1;
                self.event(CallEvent::Silence(Duration::from_secs(6)), true);
            }
            14..=16 => {
                let text = if self.said.is_empty() { String::new() } else { self.dice.of(&self.said).clone() };
                let complete = self.dice.one_in(2);
                let text = if complete { text } else { text.chars().take(self.dice.below(5)).collect() };
                let heard = Heard { clause: ClauseId(1), text: text.into(), complete };
                let event = if self.dice.one_in(2) { CallEvent::BargeIn(heard) } else { CallEvent::Heard(heard) };
                self.event(event, false);
            }
            17 => {
                // Words that belong to a turn that is over.
                let (turn, text) = (self.turn, self.words());
                self.turn = turn.saturating_sub(1);
                self.event(CallEvent::Final { hypothesis: hypothesis(&text), promoted: true }, true);
                self.turn = turn;
            }
            _ => self.results(false),
        }
    }

    fn words(&mut self) -> String {
        let assistant = Arc::clone(&self.assistant);
        match self.dice.below(8) {
            0..=2 => (*self.dice.of(&WORDS)).to_owned(),
            3 => (*self.dice.of(&HOSTILE)).to_owned(),
            4 => "换".repeat(self.dice.below(2_000)),
            _ => self.dice.of(&self.dice_intent(&assistant)).clone(),
        }
    }

    fn dice_intent(&self, assistant: &Assistant) -> Vec<String> {
        let at = usize::try_from(self.dice.0 % assistant.bot.intents.len() as u64).unwrap_or_default();
        assistant.bot.intents[at].examples.clone()
    }

    /// One event; those that are `answered` end with an act or wait for a request.
    fn event(&mut self, event: CallEvent, answered: bool) {
        let is_answer = matches!(event, CallEvent::Final { .. } | CallEvent::Keys(_));
        if is_answer && self.asks_yes_no {
            self.answers += 1;
        }
        // A question that is asked in answer to this event can only be answered by the next.
        self.asks_yes_no &= !is_answer;
        let is_guess = matches!(event, CallEvent::Partial { .. });
        self.now += Span::seconds(1);
        let was_over = self.conversation.is_over();
        let input = CallInput { turn: TurnId(self.turn), budget: Duration::from_millis(100), event };
        let outputs = self.conversation.handle(self.now, input);
        if answered && !was_over {
            assert!(!outputs.is_empty(), "an event was not answered: {}", self.story());
        }
        self.take(outputs, is_guess, answered);
        if self.dice.one_in(3) {
            return;
        }
        self.results(is_guess);
    }

    /// Results of requests that are under way, in any order, some slow, some bad.
    fn results(&mut self, is_guess: bool) {
        while !self.open.is_empty() && !self.dice.one_in(5) {
            let at = self.dice.below(self.open.len());
            if self.dice.one_in(5) {
                let outputs = self.conversation.action_slow(self.now, self.open[at].id);
                self.take(outputs, is_guess, false);
                continue;
            }
            let request = self.open.swap_remove(at);
            let outcome = match self.dice.below(8) {
                0 => Err(ActionFault::Timeout),
                1 => Ok(serde_json::Value::Null),
                2 => Ok(serde_json::json!([{"${x}": 1}])),
                _ => Ok(self.result(&request)),
            };
            let outputs = self.conversation.action_done(self.now, request.id, outcome);
            self.take(outputs, is_guess, false);
        }
    }

    fn result(&mut self, request: &ActionRequest) -> serde_json::Value {
        if let Some(mock) = &request.mock {
            return mock.clone();
        }
        let values =
            [serde_json::json!(1), serde_json::json!("a${b}<c>"), serde_json::json!(null), serde_json::json!(true)];
        let mut object = serde_json::Map::new();
        let results = self.assistant.bot.actions.get(&request.action).map(|action| action.results.clone());
        for (path, _) in results.unwrap_or_default() {
            object.insert(path, self.dice.of(&values).clone());
        }
        object.into()
    }

    fn take(&mut self, outputs: Vec<Output>, is_guess: bool, answered: bool) {
        let mut lasts = Vec::new();
        let mut waits = false;
        for output in &outputs {
            self.log.push(format!("{output:?}"));
            match output {
                Output::Run(request) => {
                    waits = true;
                    self.check_order(request, is_guess);
                    self.open.push(request.clone());
                }
                Output::Await(_) => waits = true,
                Output::Act(act) => {
                    lasts.push(act.last);
                    match &act.act {
                        Act::Ask(ask) if act.revision == 0 => self.asks_yes_no = ask.expect == Expect::YesNo,
                        Act::Say(say) => self.said.push(say.text()),
                        _ => {}
                    }
                }
            }
        }
        let count = lasts.iter().filter(|last| **last).count();
        assert!(count <= 1 && (count == 0 || lasts.last() == Some(&true)), "{lasts:?}: {}", self.story());
        let is_waiting =
            self.conversation.state.as_ref().is_some_and(|state| matches!(state.waiting, super::Waiting::Action(_)));
        if answered && !outputs.is_empty() {
            assert!(count == 1 || waits || is_waiting, "a turn was left open: {}", self.story());
        }
    }

    /// Guesses only ask; what cannot be undone follows a yes and, where it must, an identity.
    fn check_order(&mut self, request: &ActionRequest, is_guess: bool) {
        let Some(action) = self.assistant.bot.actions.get(&request.action) else { return };
        assert!(action.safe || !is_guess, "{} on a guess: {}", request.action, self.story());
        let state = self.conversation.state.as_ref().expect("the call has started");
        if action.requires_identity {
            let identity = state.results.get("identity");
            assert_eq!(identity, Some(&Value::Bool(true)), "{} to a stranger: {}", request.action, self.story());
        }
        if action.requires_confirm {
            assert!(self.answers > 0, "{} without a yes: {}", request.action, self.story());
            self.answers = 0;
        }
    }

    fn story(&self) -> String {
        let trace: Vec<&str> = self.conversation.trace().map(|entry| entry.what.as_str()).collect();
        format!("{}: {}", self.assistant.bot.id, trace.join(" | "))
    }
}

fn hypothesis(text: &str) -> Hypothesis {
    Hypothesis { text: text.to_owned().into(), confidence: 0.9, ..Hypothesis::default() }
}

#[test]
fn random_conversations_are_answered_and_order_nothing_unasked() {
    let mut orders = 0;
    for assistant in BOTS.iter() {
        for seed in 0..CONVERSATIONS {
            eprintln!("SEED={seed} bot={}", assistant.bot.id);
            let log = Soak::new(assistant, seed).run();
            let is_order = |line: &String| {
                assistant.bot.actions.iter().any(|(name, action)| {
                    action.requires_confirm && line.starts_with("Run(") && line.contains(&format!("action: \"{name}\""))
                })
            };
            orders += log.iter().filter(|line| is_order(line)).count();
        }
    }
    assert!(orders > 0, "the conversations never came to an order, so they prove little");
}

#[test]
fn the_same_conversation_goes_the_same_way_twice() {
    for assistant in BOTS.iter() {
        for seed in 1_000..1_010 {
            let (first, second) = (Soak::new(assistant, seed).run(), Soak::new(assistant, seed).run());
            assert_eq!(first, second, "SEED={seed} bot={}", assistant.bot.id);
        }
    }
}
