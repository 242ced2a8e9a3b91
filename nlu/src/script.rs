//! Conversation scripts: what a caller says and what the bot must answer, in YAML, run in text with a virtual clock.
//!
//! ```yaml
//! name: 查话费后挂机
//! now: 2026-11-22T10:00
//! turns:
//!   - {hear: 您好}                       # the greeting, before anyone speaks
//!   - {say: 查话费, intent: query_balance, hear: 余额是58.3}
//!   - {keys: "0", act: transfer general}
//! ```

use crate::bot::Method;
use crate::dialogue::{ActionFault, ActionOutcome, ActionRequest, Assistant, Conversation, Output};
use chrono::{DateTime, Duration as Days, NaiveDateTime, TimeZone, Utc};
use hualu_core::dialogue::{Act, CallEvent, CallInput, CallStarted, Hypothesis};
use hualu_core::{CallId, Pii, TurnId};
use serde::Deserialize;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// A conversation that must go as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// What it shows.
    pub name: String,
    /// The clock at its beginning, in the bot's zone.
    #[serde(default)]
    pub now: Option<String>,
    /// Answers of back ends that differ from the bot's own `mock`s: action -> results, one for each call; the last one
    /// stays. `error` stands for a back end that does not answer.
    #[serde(default)]
    pub mock: BTreeMap<String, Vec<serde_json::Value>>,
    /// The turns.
    pub turns: Vec<ScriptTurn>,
}

/// One turn: at most one of `say`, `keys` and `silence`, then what must follow.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptTurn {
    /// What the caller says.
    #[serde(default)]
    pub say: Option<String>,
    /// Other readings of the recognizer.
    #[serde(default)]
    pub or: Vec<String>,
    /// What the recognizer heard before the end, each once.
    #[serde(default)]
    pub partials: Vec<String>,
    /// Keys that are pressed.
    #[serde(default)]
    pub keys: Option<String>,
    /// Nobody speaks.
    #[serde(default)]
    pub silence: bool,
    /// The intent that must be understood.
    #[serde(default)]
    pub intent: Option<String>,
    /// What the reply must contain.
    #[serde(default)]
    pub hear: OneOrMany,
    /// What the reply must not contain.
    #[serde(default)]
    pub not: OneOrMany,
    /// Slots and variables afterwards.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// The actions that must have been called in this turn, in order.
    #[serde(default)]
    pub calls: Option<Vec<String>>,
    /// The act that must end the turn: `ask yes_no`, `transfer general`, `hang_up completed`.
    #[serde(default)]
    pub act: Option<String>,
}

/// One text or several.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// None.
    #[default]
    None,
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    fn texts(&self) -> &[String] {
        match self {
            Self::None => &[],
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// What one turn of a text conversation gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextReply {
    /// Everything that was said, without fillers.
    pub text: String,
    /// The intent that was understood.
    pub intent: String,
    /// The actions that were called.
    pub calls: Vec<String>,
    /// The last act: `ask free`, `ask yes_no`, `transfer general`, `hang_up completed`.
    pub act: String,
    /// Whether every event of the turn was answered with exactly one last act, at the very end.
    pub is_closed: bool,
}

/// A conversation in text, without a clock or back ends of its own.
pub struct TextChat {
    conversation: Conversation,
    mock: BTreeMap<String, VecDeque<serde_json::Value>>,
    now: DateTime<Utc>,
    turn: u32,
}

impl TextChat {
    /// A conversation that begins at `now`; `mock` gives the back ends' answers, as in [`Script::mock`].
    #[must_use]
    pub fn new(assistant: Arc<Assistant>, now: DateTime<Utc>, mock: &BTreeMap<String, Vec<serde_json::Value>>) -> Self {
        let mock = mock.iter().map(|(name, results)| (name.clone(), results.iter().cloned().collect())).collect();
        Self { conversation: Conversation::new(assistant, 0), mock, now, turn: 0 }
    }

    /// The conversation.
    #[must_use]
    pub fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// The call is answered.
    pub fn start(&mut self) -> TextReply {
        self.event(CallEvent::Started(CallStarted {
            call: CallId::new("call-1"),
            bot: String::new(),
            caller: Pii::new("13800138000".to_owned()),
            called: Pii::new("10086".to_owned()),
            variables: BTreeMap::new(),
        }))
    }

    /// The caller says something.
    pub fn say(&mut self, text: &str) -> TextReply {
        self.turn += 1;
        self.event(CallEvent::Final { hypothesis: hypothesis(text, &[]), promoted: false })
    }

    /// One event in the running turn.
    pub fn event(&mut self, event: CallEvent) -> TextReply {
        self.now += Days::seconds(1);
        let input = CallInput { turn: TurnId(self.turn), budget: Duration::from_millis(100), event };
        let mut open: VecDeque<Output> = self.conversation.handle(self.now, input).into();
        let mut reply = TextReply::default();
        let mut lasts = 0;
        while let Some(output) = open.pop_front() {
            match output {
                Output::Run(request) => {
                    reply.calls.push(request.action.clone());
                    let outcome = self.answer(&request);
                    open.extend(self.conversation.action_done(self.now, request.id, outcome));
                }
                Output::Await(_) => {}
                Output::Act(act) => {
                    lasts += u32::from(act.last);
                    reply.is_closed = act.last && lasts == 1;
                    reply.note(&act.act);
                }
            }
        }
        reply
    }

    fn answer(&mut self, request: &ActionRequest) -> ActionOutcome {
        let result = match self.mock.get_mut(&request.action) {
            Some(results) if results.len() > 1 => results.pop_front(),
            Some(results) => results.front().cloned(),
            None => request.mock.clone(),
        };
        match result {
            Some(serde_json::Value::String(text)) if text == "error" => Err(ActionFault::Timeout),
            Some(json) => Ok(json),
            None if request.method == Method::Get => Err(ActionFault::Unreachable),
            None => Err(ActionFault::Status(404)),
        }
    }

    fn script_turn(&mut self, turn: &ScriptTurn) -> TextReply {
        if turn.say.is_none() && turn.keys.is_none() && !turn.silence {
            return self.start();
        }
        self.turn += 1;
        let mut early = Vec::new();
        for (text, revision) in turn.partials.iter().zip(1..) {
            let reply = self.event(CallEvent::Partial { hypothesis: hypothesis(text, &[]), revision });
            early.extend(reply.calls);
        }
        let mut reply = match (&turn.say, &turn.keys) {
            (Some(text), _) => self.event(CallEvent::Final { hypothesis: hypothesis(text, &turn.or), promoted: false }),
            (None, Some(keys)) => self.event(CallEvent::Keys(keys.clone().into())),
            (None, None) => self.event(CallEvent::Silence(Duration::from_secs(6))),
        };
        early.append(&mut reply.calls);
        reply.calls = early;
        reply
    }
}

fn hypothesis(text: &str, others: &[String]) -> Hypothesis {
    let alternative = |text: &String| hualu_core::dialogue::Alternative {
        text: text.clone().into(),
        pinyin: String::new().into(),
        confidence: 0.6,
    };
    Hypothesis {
        text: text.to_owned().into(),
        pinyin: String::new().into(),
        confidence: 0.9,
        alternatives: others.iter().map(alternative).collect(),
    }
}

impl TextReply {
    fn note(&mut self, act: &Act) {
        match act {
            Act::Say(say) => {
                if !say.filler {
                    self.text.push_str(&say.text());
                }
            }
            Act::Understanding(understanding) => self.intent.clone_from(&understanding.intent),
            Act::Ask(ask) => {
                use hualu_core::dialogue::Expect;
                self.act = match ask.expect {
                    Expect::Free => "ask free",
                    Expect::YesNo => "ask yes_no",
                    Expect::Digits { .. } => "ask digits",
                    Expect::Choice => "ask choice",
                    Expect::Date => "ask date",
                }
                .to_owned();
            }
            Act::Play { clip, .. } => self.act = format!("play {clip}"),
            Act::Transfer { target, .. } => self.act = format!("transfer {target}"),
            Act::HangUp { disposition } => self.act = format!("hang_up {disposition}"),
        }
    }
}

/// Runs a script.
///
/// # Errors
/// Everything that went otherwise than written, with the conversation so far.
pub fn run(assistant: &Arc<Assistant>, script: &Script) -> Result<(), String> {
    let now = start_time(assistant, script)?;
    let mut chat = TextChat::new(Arc::clone(assistant), now, &script.mock);
    let mut log = String::new();
    let mut faults = String::new();
    for (turn, number) in script.turns.iter().zip(0..) {
        let heard = turn.say.as_deref().or(turn.keys.as_deref()).unwrap_or("…");
        let reply = chat.script_turn(turn);
        // Writing to a String cannot fail.
        let _ = writeln!(log, "  {number} {heard} -> [{}] {} ({})", reply.intent, reply.text, reply.act);
        for fault in differences(turn, &reply, chat.conversation()) {
            let _ = writeln!(faults, "  turn {number}: {fault}");
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    let trace: Vec<&str> = chat.conversation().trace().map(|entry| entry.what.as_str()).collect();
    Err(format!("{}\n{faults}{log}  trace: {}", script.name, trace.join(" | ")))
}

fn start_time(assistant: &Assistant, script: &Script) -> Result<DateTime<Utc>, String> {
    let text = script.now.as_deref().unwrap_or("2026-11-22T10:00");
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").map_err(|error| format!("`now`: {error}"))?;
    let at = assistant.bot.zone.from_local_datetime(&local).earliest();
    at.map(|at| at.to_utc()).ok_or_else(|| format!("`now`: {text} does not exist in the bot's time zone"))
}

fn differences(turn: &ScriptTurn, reply: &TextReply, conversation: &Conversation) -> Vec<String> {
    let mut faults = Vec::new();
    if !reply.is_closed {
        faults.push("the answer has not exactly one last act at its end".to_owned());
    }
    for text in turn.hear.texts() {
        if !reply.text.contains(text.as_str()) {
            faults.push(format!("`{text}` is not in `{}`", reply.text));
        }
    }
    for text in turn.not.texts() {
        if reply.text.contains(text.as_str()) {
            faults.push(format!("`{text}` is in `{}`", reply.text));
        }
    }
    let mut same = |what: &str, wanted: Option<&String>, found: &str| {
        if let Some(wanted) = wanted
            && wanted != found
        {
            faults.push(format!("{what} is `{found}`, not `{wanted}`"));
        }
    };
    same("the intent", turn.intent.as_ref(), &reply.intent);
    same("the act", turn.act.as_ref(), &reply.act);
    for (name, wanted) in &turn.values {
        let found = conversation.value(name).map(Pii::into_revealed).unwrap_or_default();
        same(name, Some(wanted), &found);
    }
    if let Some(calls) = &turn.calls
        && *calls != reply.calls
    {
        faults.push(format!("called {:?}, not {calls:?}", reply.calls));
    }
    faults
}
