//! A compiled bot: everything in it was checked, so that the engine never meets an unknown name.

use super::expr::Expr;
use super::guardrail::Guardrails;
use super::listen::Listen;
use super::llm::LlmPolicy;
use super::template::Template;
use crate::entity::Kind;
use crate::faq::FaqEntry;
use crate::value::Value;
use chrono_tz::Tz;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Intents that the engine itself understands; a bot may add examples of its own to them.
pub const RESERVED_INTENTS: [&str; 4] = ["affirm", "deny", "repeat", "cancel"];

/// A bot, read, checked and compiled.
#[derive(Clone, Debug)]
pub struct Bot {
    pub(crate) id: String,
    pub(crate) zone: Tz,
    pub(crate) entry: usize,
    pub(crate) listen: Listen,
    pub(crate) intents: Vec<Intent>,
    /// The examples that mark values, with their marks.
    pub(crate) marked: Vec<String>,
    pub(crate) bands: BandSettings,
    pub(crate) context_boost: f32,
    pub(crate) slots: BTreeMap<String, Slot>,
    pub(crate) actions: BTreeMap<String, Action>,
    pub(crate) prompts: BTreeMap<String, Prompt>,
    /// What its documents answer.
    pub(crate) faq: Vec<FaqEntry>,
    /// What a language model may be asked for, if any.
    pub(crate) llm: Option<LlmPolicy>,
    pub(crate) guardrails: Guardrails,
    pub(crate) policies: Policies,
    pub(crate) flows: Vec<Flow>,
    pub(crate) backends: BTreeSet<String>,
    pub(crate) content: blake3::Hash,
}

impl Bot {
    /// The bot's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The names of the back ends that its actions call (`crm` in `${crm}/balance`); the service's configuration must
    /// give an address for each.
    #[must_use]
    pub fn backends(&self) -> &BTreeSet<String> {
        &self.backends
    }

    /// The ids of its intents, in order of declaration.
    pub fn intents(&self) -> impl Iterator<Item = &str> {
        self.intents.iter().map(|intent| intent.id.as_str())
    }

    /// How many examples its intents have together.
    #[must_use]
    pub fn example_count(&self) -> usize {
        self.intents.iter().map(|intent| intent.examples.len()).sum()
    }

    /// A hash of its files' content.
    #[must_use]
    pub fn content_hash(&self) -> String {
        self.content.to_hex().to_string()
    }

    /// The flow that an intent starts.
    pub(crate) fn flow_of_intent(&self, intent: &str) -> Option<usize> {
        self.flows.iter().position(|flow| flow.intents.iter().any(|id| id == intent))
    }

    /// The flow that a key starts when nothing else awaits it.
    pub(crate) fn flow_of_key(&self, key: &str) -> Option<usize> {
        self.flows.iter().position(|flow| flow.key.as_deref() == Some(key))
    }

    /// How an intent is named when the caller is asked about it.
    pub(crate) fn label(&self, intent: &str) -> Option<&str> {
        self.intents.iter().find(|known| known.id == intent).and_then(|known| known.label.as_deref())
    }
}

/// An intent with its examples, lists expanded and marks removed.
#[derive(Clone, Debug)]
pub(crate) struct Intent {
    pub id: String,
    pub label: Option<String>,
    pub examples: Vec<String>,
    /// May be heard in any flow, whatever the digression policy allows.
    pub global: bool,
}

/// One value of a list and how else it is said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ListEntry {
    pub value: Value,
    pub spoken: Vec<String>,
}

/// Margins between the bands; absent ones are fitted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct BandSettings {
    pub accept: Option<f32>,
    pub clarify: Option<f32>,
    pub oos: Option<f32>,
}

/// When a slot's value is read back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum SlotConfirm {
    Never,
    Implicit,
    Explicit,
    Below(f32),
}

/// What a flow can ask for.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub kind: Kind,
    pub ask: Template,
    pub reprompt: Vec<Template>,
    pub validate: Option<(Expr, Template)>,
    pub confirm: SlotConfirm,
    pub confirm_say: Option<Template>,
    pub keys: Keys,
    /// It may be said in groups over several turns.
    pub chunked: bool,
    pub sensitive: bool,
    /// Kept when its flow ends, for the rest of the call.
    pub keep_for_call: bool,
    pub tries_max: u32,
}

/// How a slot is answered on the keypad.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    pub length: Option<usize>,
    pub terminator: Option<char>,
    pub map: BTreeMap<String, Value>,
}

/// A request to a back end.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    pub method: Method,
    pub url: Template,
    pub timeout: Duration,
    pub retries: u32,
    pub filler: Option<Filler>,
    /// A pure query: it may run on a partial and be repeated.
    pub safe: bool,
    pub requires_confirm: bool,
    /// The caller must have been identified: the variable `identity` is true.
    pub requires_identity: bool,
    pub args: Vec<(String, Expr)>,
    /// JSON pointer-like path (dots) in the answer -> variable.
    pub results: Vec<(String, String)>,
    pub idempotency: Option<Template>,
    pub mock: Option<serde_json::Value>,
}

impl Action {
    /// Every name that its request depends on.
    pub fn inputs(&self) -> impl Iterator<Item = &str> {
        self.url.names().chain(self.args.iter().flat_map(|(_, expr)| expr.names().iter().map(String::as_str)))
    }
}

/// HTTP methods of actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET: arguments travel in the URL.
    Get,
    /// POST: arguments travel as a JSON object.
    Post,
    /// `hualu.action.v1.Action/Call`: the URL's path names service and method, arguments travel as a JSON object.
    Grpc,
    /// POST to a language model: the answer streams, and its text is the result (`{"content": ".."}`).
    Chat,
}

/// A text with a name, and its manners.
#[derive(Clone, Debug)]
pub(crate) struct Prompt {
    pub variants: Vec<Template>,
    pub must_say: bool,
    pub interruptible: bool,
}

/// What is said while an action is slow.
#[derive(Clone, Debug)]
pub(crate) struct Filler {
    pub after: Duration,
    pub every: Option<Duration>,
    pub say: Template,
}

/// One rung of a ladder of reprompts.
#[derive(Clone, Debug)]
pub(crate) enum Rung {
    Say(Template),
    Clarify(usize),
    Handoff(String),
    End { say: Option<Template>, disposition: String },
}

/// Which flows may interrupt another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Allow {
    All,
    Only(Vec<String>),
}

/// What leads to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HandoffRule {
    Intent { id: String, times: u32 },
    NoMatch(u32),
    NoInput(u32),
    Emotion { mood: Mood, times: u32 },
    ActionError,
}

/// How a caller may sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mood {
    Angry,
    Urgent,
}

impl Mood {
    /// Its name in a bot and in the trace.
    pub fn name(self) -> &'static str {
        match self {
            Self::Angry => "angry",
            Self::Urgent => "urgent",
        }
    }
}

/// Handing the call to a person.
#[derive(Clone, Debug)]
pub(crate) struct Handoff {
    pub queue: String,
    pub say: Option<Template>,
    pub rules: Vec<HandoffRule>,
    pub summary: bool,
}

/// The bot's manners.
#[derive(Clone, Debug)]
pub(crate) struct Policies {
    pub no_input: Vec<Rung>,
    pub no_match: Vec<Rung>,
    /// Intent -> the nameless flow of its steps.
    pub global: BTreeMap<String, usize>,
    pub correction: bool,
    pub repeat: bool,
    pub allow: Allow,
    pub resume_say: Option<Template>,
    pub refuse_say: Template,
    pub cancel_say: Template,
    pub wait_say: Template,
    pub handoff: Handoff,
}

/// A flow as a list of operations; jumps are indices into it.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub id: String,
    pub description: String,
    pub intents: Vec<String>,
    pub key: Option<String>,
    /// The flow is entered only while this holds.
    pub guard: Option<Expr>,
    /// How patient the bot is with answers in this flow.
    pub listen: Listen,
    pub steps: Vec<Step>,
    /// Slots that its steps collect.
    pub collects: Vec<String>,
    /// The steps that have a label.
    pub labels: BTreeMap<String, usize>,
    /// The steps of a global intent: they interrupt and resume.
    pub is_global: bool,
}

/// One operation and the line that it came from.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub op: Op,
    pub line: u32,
    /// How patient the bot is with the answer to this step.
    pub listen: Listen,
    /// Whether the caller may interrupt what it says.
    pub interruptible: bool,
}

/// What a step does.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Say(Prompt),
    /// Says the prompt of this name.
    Prompt(String),
    Collect {
        slot: String,
        when: Option<Expr>,
    },
    Confirm {
        text: Template,
        set: Option<String>,
        /// Intents that answer the question, and whether each agrees: to 现在能上网了吗, 网好了 does.
        by: Vec<(String, bool)>,
        yes: usize,
        no: usize,
    },
    Call {
        action: String,
        args: Vec<(String, Expr)>,
        ok: usize,
        error: Option<usize>,
    },
    If {
        condition: Expr,
        otherwise: usize,
    },
    Choose {
        prompt: Option<Template>,
        again: Option<Template>,
        options: Vec<Choice>,
    },
    Set(Vec<(String, Expr)>),
    Enter {
        flow: usize,
        returns: bool,
    },
    Jump(usize),
    Handoff(String),
    End(String),
    Resume,
}

impl Op {
    /// What a step that only speaks says, whether it stands there or is named.
    pub fn prompt<'a>(&'a self, bot: &'a Bot) -> Option<&'a Prompt> {
        match self {
            Self::Say(prompt) => Some(prompt),
            Self::Prompt(id) => bot.prompts.get(id),
            _ => None,
        }
    }
}

/// One answer that a `choose` step awaits.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub intent: Option<String>,
    pub key: Option<String>,
    pub words: Vec<String>,
    pub goto: usize,
}
