//! Conversation scripts: what a caller says and what the bot must answer, in YAML, run in text with a virtual clock.
//!
//! ```yaml
//! - name: 查话费后挂机
//!   now: 2026-11-22T10:00
//!   mock: {get_balance: [{balance: 58.3, arrears: false}]}
//!   turns:
//!     - {hear: 您好}                       # the greeting, before anyone speaks
//!     - {say: 查话费, intent: query_balance, hear: 余额是58.3}
//!     - {keys: "0", act: transfer general}
//! ```

mod files;
mod stage;
mod text;

pub use files::{ScriptFile, load};
pub use stage::Stage;
pub use text::{BackEnd, Mocks, TextChat, TextReply, act_label};

use crate::dialogue::{Assistant, Conversation};
use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use hualu_core::Pii;
use hualu_core::dialogue::CallEvent;
use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;
use std::collections::BTreeMap;
use std::fmt;
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
    /// The number that calls.
    #[serde(default)]
    pub caller: Option<String>,
    /// The call's variables: `vars.customer_name` and the like.
    #[serde(default)]
    pub vars: BTreeMap<String, String>,
    /// Answers of back ends that differ from the bot's own `mock`s: action -> results, one for each call; the last one
    /// stays. `error` stands for a back end that does not answer.
    #[serde(default)]
    pub mock: Mocks,
    /// The turns.
    pub turns: Vec<Spanned<ScriptTurn>>,
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

/// Something that went otherwise than written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What differs: `intent`, `act`, `hear`, `not`, `calls` or the name of a value.
    pub what: String,
    /// What is written.
    pub expected: String,
    /// What came.
    pub got: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected `{}`, got `{}`", self.what, self.expected, self.got)
    }
}

/// How one turn of a script went.
#[derive(Clone, Debug)]
pub struct TurnRun {
    /// Its line in the file, from 1.
    pub line: u64,
    /// What the caller said or pressed.
    pub caller: String,
    /// What the bot did.
    pub reply: TextReply,
    /// Everything that went otherwise than written.
    pub differences: Vec<Difference>,
}

/// How a script went.
#[derive(Clone, Debug)]
pub struct ScriptRun {
    /// The script's name.
    pub name: String,
    /// Its turns, up to the end of the script.
    pub turns: Vec<TurnRun>,
    /// The newest transitions of the whole conversation.
    pub trace: Vec<String>,
}

impl ScriptRun {
    /// Whether everything went as written.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.turns.iter().all(|turn| turn.differences.is_empty())
    }

    /// The first turn that went otherwise than written.
    #[must_use]
    pub fn first_difference(&self) -> Option<&TurnRun> {
        self.turns.iter().find(|turn| !turn.differences.is_empty())
    }
}

impl fmt::Display for ScriptRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.name)?;
        for turn in &self.turns {
            for difference in &turn.differences {
                writeln!(f, "  line {}: {difference}", turn.line)?;
            }
        }
        for TurnRun { line, caller, reply, .. } in &self.turns {
            writeln!(f, "  {line:>4} {caller} -> [{}] {} ({})", reply.intent, reply.text, reply.act)?;
        }
        write!(f, "  trace: {}", self.trace.join(" | "))
    }
}

/// Plays a script.
///
/// # Errors
/// A sentence that says why the script cannot begin.
pub fn play(assistant: &Arc<Assistant>, script: &Script) -> Result<ScriptRun, String> {
    let now = start_time(assistant, script)?;
    let caller = script.caller.as_deref().unwrap_or("13800138000");
    let mut chat = TextChat::new(Arc::clone(assistant), now, &script.mock).called_from(caller, script.vars.clone());
    let mut turns = Vec::with_capacity(script.turns.len());
    for located in &script.turns {
        let turn = &located.value;
        let reply = turn.play(&mut chat);
        turns.push(TurnRun {
            line: located.referenced.line(),
            caller: turn.caller(),
            differences: turn.differences(&reply, Some(chat.conversation())),
            reply,
        });
    }
    let trace = chat.conversation().trace().map(|entry| entry.what.clone()).collect();
    Ok(ScriptRun { name: script.name.clone(), turns, trace })
}

/// Runs a script.
///
/// # Errors
/// Everything that went otherwise than written, with the conversation so far.
pub fn run(assistant: &Arc<Assistant>, script: &Script) -> Result<(), String> {
    let played = play(assistant, script)?;
    if played.passed() { Ok(()) } else { Err(played.to_string()) }
}

impl Script {
    /// Whether a caller with nothing but a voice can play it: no keys, no silence, nothing that only a recognizer does.
    #[must_use]
    pub fn is_spoken(&self) -> bool {
        let is_plain =
            |turn: &ScriptTurn| turn.keys.is_none() && !turn.silence && turn.or.is_empty() && turn.partials.is_empty();
        self.turns.iter().all(|turn| is_plain(&turn.value)) && self.turns.iter().any(|turn| turn.value.say.is_some())
    }
}

impl ScriptTurn {
    /// What the caller does, in a word.
    #[must_use]
    pub fn caller(&self) -> String {
        match (&self.say, &self.keys) {
            (Some(text), _) => text.clone(),
            (None, Some(keys)) => format!("[{keys}]"),
            (None, None) if self.silence => "……".to_owned(),
            (None, None) => "☎".to_owned(),
        }
    }

    fn play(&self, chat: &mut TextChat) -> TextReply {
        let event = match (&self.say, &self.keys) {
            (Some(text), _) => CallEvent::Final { hypothesis: text::hypothesis(text, &self.or), promoted: false },
            (None, Some(keys)) => CallEvent::Keys(keys.clone().into()),
            (None, None) if self.silence => CallEvent::Silence(Duration::from_secs(6)),
            (None, None) => return chat.start(),
        };
        chat.say_in_parts(&self.partials, event)
    }

    /// What of `reply` is otherwise than written. Values can be looked up in a conversation alone; without one they are
    /// passed over.
    #[must_use]
    pub fn differences(&self, reply: &TextReply, conversation: Option<&Conversation>) -> Vec<Difference> {
        let mut found = Vec::new();
        let mut differ = |what: &str, expected: &str, got: &str| {
            found.push(Difference { what: what.to_owned(), expected: expected.to_owned(), got: got.to_owned() });
        };
        if !reply.is_closed {
            differ("end of the answer", "exactly one last act at its end", "none or several");
        }
        for text in self.hear.texts().iter().filter(|text| !reply.text.contains(text.as_str())) {
            differ("hear", text, &reply.text);
        }
        for text in self.not.texts().iter().filter(|text| reply.text.contains(text.as_str())) {
            differ("not", text, &reply.text);
        }
        if let Some(wanted) = self.intent.as_ref().filter(|wanted| **wanted != reply.intent) {
            differ("intent", wanted, &reply.intent);
        }
        if let Some(wanted) = self.act.as_ref().filter(|wanted| **wanted != reply.act) {
            differ("act", wanted, &reply.act);
        }
        for (name, wanted) in self.values.iter().filter(|_| conversation.is_some()) {
            let value = conversation.and_then(|conversation| conversation.value(name));
            let value = value.map(Pii::into_revealed).unwrap_or_default();
            if *wanted != value {
                differ(name, wanted, &value);
            }
        }
        if let Some(calls) = self.calls.as_ref().filter(|calls| **calls != reply.calls) {
            differ("calls", &calls.join(", "), &reply.calls.join(", "));
        }
        found
    }
}

/// The moment in which a script begins.
///
/// # Errors
/// A sentence that says what is wrong with its `now`.
pub fn start_time(assistant: &Assistant, script: &Script) -> Result<DateTime<Utc>, String> {
    let text = script.now.as_deref().unwrap_or("2026-11-22T10:00");
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M")
        .map_err(|error| format!("`now: {text}`: {error}; write it as 2026-11-22T10:00"))?;
    let at = assistant.bot.zone.from_local_datetime(&local).earliest();
    at.map(|at| at.to_utc()).ok_or_else(|| format!("`now`: {text} does not exist in the bot's time zone"))
}
