//! A conversation in text, with a clock that only events move and back ends that somebody else plays.

use crate::bot::Method;
use crate::dialogue::{ActionFault, ActionOutcome, ActionRequest, Assistant, Conversation, Output};
use chrono::{DateTime, Duration as Days, Utc};
use hualu_core::dialogue::{Act, Alternative, CallEvent, CallInput, CallStarted, Expect, Hypothesis};
use hualu_core::{CallId, Pii, TurnId};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Plays a back end in place of the scripted results.
pub type BackEnd = Box<dyn FnMut(&ActionRequest) -> ActionOutcome + Send>;

/// Scripted answers of back ends: action -> results, one for each call; the last one stays.
pub type Mocks = BTreeMap<String, Vec<serde_json::Value>>;

/// What one turn of a text conversation gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextReply {
    /// Everything that was said, without fillers.
    pub text: String,
    /// The intent that was understood.
    pub intent: String,
    /// The classifier's margin for it.
    pub score: f32,
    /// The slots that were heard, in their written form.
    pub slots: Vec<(String, String)>,
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
    mocks: BTreeMap<String, VecDeque<serde_json::Value>>,
    back_end: Option<BackEnd>,
    caller: String,
    variables: BTreeMap<String, String>,
    now: DateTime<Utc>,
    turn: u32,
}

impl fmt::Debug for TextChat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextChat").field("conversation", &self.conversation).finish_non_exhaustive()
    }
}

impl TextChat {
    /// A conversation that begins at `now`; `mocks` are the back ends' answers, after them the bot's own `mock`s.
    #[must_use]
    pub fn new(assistant: Arc<Assistant>, now: DateTime<Utc>, mocks: &Mocks) -> Self {
        let mocks = mocks.iter().map(|(name, results)| (name.clone(), results.iter().cloned().collect())).collect();
        Self {
            conversation: Conversation::new(assistant, 0),
            mocks,
            back_end: None,
            caller: "13800138000".to_owned(),
            variables: BTreeMap::new(),
            now,
            turn: 0,
        }
    }

    /// The same, called from the number `caller` with these call variables.
    #[must_use]
    pub fn called_from(self, caller: &str, variables: BTreeMap<String, String>) -> Self {
        Self { caller: caller.to_owned(), variables, ..self }
    }

    /// The same, with requests sent to `back_end` instead of being answered from results at hand.
    #[must_use]
    pub fn with_back_end(self, back_end: BackEnd) -> Self {
        Self { back_end: Some(back_end), ..self }
    }

    /// The conversation.
    #[must_use]
    pub fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// The actions that nothing here answers: no back end and no `mock` of their own.
    #[must_use]
    pub fn unplayed(&self) -> Vec<&str> {
        let actions = self.conversation.assistant().bot.actions.iter();
        let is_unplayed = |name: &str, mock: &Option<serde_json::Value>| {
            self.back_end.is_none() && mock.is_none() && !self.mocks.contains_key(name)
        };
        actions.filter(|(name, action)| is_unplayed(name, &action.mock)).map(|(name, _)| name.as_str()).collect()
    }

    /// The transitions of the running turn.
    pub fn trace(&self) -> impl Iterator<Item = &str> {
        let turn = TurnId(self.turn);
        self.conversation.trace().filter(move |entry| entry.turn == turn).map(|entry| entry.what.as_str())
    }

    /// The call is answered.
    pub fn start(&mut self) -> TextReply {
        self.event(CallEvent::Started(CallStarted {
            call: CallId::new("call-1"),
            bot: String::new(),
            caller: Pii::new(self.caller.clone()),
            called: Pii::new("10086".to_owned()),
            variables: self.variables.clone(),
        }))
    }

    /// The caller says something.
    pub fn say(&mut self, text: &str) -> TextReply {
        self.say_or(text, &[])
    }

    /// The caller says something that the recognizer may have heard otherwise.
    pub fn say_or(&mut self, text: &str, others: &[String]) -> TextReply {
        self.next_turn(CallEvent::Final { hypothesis: hypothesis(text, others), promoted: false })
    }

    /// The caller presses keys.
    pub fn press(&mut self, keys: &str) -> TextReply {
        self.next_turn(CallEvent::Keys(keys.to_owned().into()))
    }

    /// Nobody speaks.
    pub fn keep_silent(&mut self) -> TextReply {
        self.next_turn(CallEvent::Silence(Duration::from_secs(6)))
    }

    /// An event that begins a turn.
    pub fn next_turn(&mut self, event: CallEvent) -> TextReply {
        self.turn += 1;
        self.event(event)
    }

    /// What the caller says before the end, each once, then the whole; in one turn.
    pub fn say_in_parts(&mut self, partials: &[String], event: CallEvent) -> TextReply {
        self.turn += 1;
        let mut early = Vec::new();
        for (text, revision) in partials.iter().zip(1..) {
            let reply = self.event(CallEvent::Partial { hypothesis: hypothesis(text, &[]), revision });
            early.extend(reply.calls);
        }
        let mut reply = self.event(event);
        early.append(&mut reply.calls);
        reply.calls = early;
        reply
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
        let result = match self.mocks.get_mut(&request.action) {
            Some(results) if results.len() > 1 => results.pop_front(),
            Some(results) => results.front().cloned(),
            None => match &mut self.back_end {
                Some(back_end) => return back_end(request),
                None => request.mock.clone(),
            },
        };
        outcome(result, request.method)
    }
}

/// A scripted result as an outcome: `error` is a back end that does not answer in time; without a result a query finds
/// nobody and an order is refused.
pub(super) fn outcome(result: Option<serde_json::Value>, method: Method) -> ActionOutcome {
    match result {
        Some(serde_json::Value::String(text)) if text == "error" => Err(ActionFault::Timeout),
        Some(json) => Ok(json),
        None if method == Method::Get => Err(ActionFault::Unreachable),
        None => Err(ActionFault::Status(404)),
    }
}

/// What a recognizer would have heard.
pub(super) fn hypothesis(text: &str, others: &[String]) -> Hypothesis {
    let alternative =
        |text: &String| Alternative { text: text.clone().into(), pinyin: String::new().into(), confidence: 0.6 };
    Hypothesis {
        text: text.to_owned().into(),
        pinyin: String::new().into(),
        confidence: 0.9,
        alternatives: others.iter().map(alternative).collect(),
    }
}

impl TextReply {
    pub(super) fn note(&mut self, act: &Act) {
        if let Act::Understanding(understanding) = act {
            self.intent.clone_from(&understanding.intent);
            self.score = understanding.score;
            let written = |(name, value): &(String, Pii<String>)| (name.clone(), value.reveal().clone());
            self.slots = understanding.slots.iter().map(written).collect();
            return;
        }
        if let Act::Say(say) = act {
            if !say.filler {
                self.text.push_str(&say.text());
            }
            return;
        }
        self.act = act_label(act);
    }
}

/// An act that ends a turn, as scripts write it; empty for one that does not.
#[must_use]
pub fn act_label(act: &Act) -> String {
    match act {
        Act::Say(_) | Act::Understanding(_) => String::new(),
        Act::Ask(ask) => match ask.expect {
            Expect::Free => "ask free",
            Expect::YesNo => "ask yes_no",
            Expect::Digits { .. } => "ask digits",
            Expect::Choice => "ask choice",
            Expect::Date => "ask date",
        }
        .to_owned(),
        Act::Play { clip, .. } => format!("play {clip}"),
        Act::Transfer { target, .. } => format!("transfer {target}"),
        Act::HangUp { disposition } => format!("hang_up {disposition}"),
    }
}
