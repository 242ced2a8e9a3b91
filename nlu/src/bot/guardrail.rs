//! Reads `policies.guardrails`: what the bot must say, must not say and must not do, whatever its flows say.

use super::expr::Expr;
use super::fault::{Faults, nearest};
use super::model::{Action, Flow, Prompt};
use super::read::{Fields, Item};
use super::slot::{expr, template};
use super::template::Template;
use regex::{Regex, RegexBuilder};
use std::collections::BTreeMap;

/// A compiled pattern may take so many bytes; patterns of a bot's author are small.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// The flow whose entries `max_pitch` counts unless it names another.
const PITCH: &str = "pitch";

/// What the bot must say, must not say and must not do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guardrails {
    pub must_say: Vec<MustSay>,
    pub never_say: Vec<NeverSay>,
    pub never_call: Vec<NeverCall>,
    /// After so many turns of the caller a person takes over.
    pub turns_max: Option<u32>,
    pub pitches: Vec<Pitch>,
}

/// A prompt that comes before something.
#[derive(Clone, Debug)]
pub(crate) struct MustSay {
    pub prompt: String,
    pub before: Before,
}

/// Before what a prompt comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// The first answer to anything that the caller does.
    FirstReply,
    /// A step.
    Step { flow: usize, at: usize },
}

/// Words that are not said.
#[derive(Clone, Debug)]
pub(crate) struct NeverSay {
    /// A regular expression; values in it stand for themselves.
    pattern: Template,
    /// The pattern, when it holds no values.
    fixed: Option<Regex>,
    /// They may be said once this holds.
    pub until: Option<Expr>,
}

/// An action that is not called.
#[derive(Clone, Debug)]
pub(crate) struct NeverCall {
    pub action: String,
    /// It may be called while this holds.
    pub unless: Option<Expr>,
}

/// How often a flow may be entered in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pitch {
    pub flow: usize,
    pub times: u32,
}

impl NeverSay {
    /// The pattern with the values of now; nothing when one of them is missing and cannot be said either.
    pub fn pattern(&self, scope: &dyn super::expr::Scope) -> Option<Regex> {
        if self.fixed.is_some() {
            return self.fixed.clone();
        }
        // A hole without a value must match nothing rather than everything.
        let nothing = "[^\\s\\S]".to_owned();
        let escape = |value: String| if value.is_empty() { nothing.clone() } else { regex::escape(&value) };
        compile(&self.pattern.filled(scope, escape, &nothing)).ok()
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .size_limit(PATTERN_BYTES_MAX)
        .build()
        .map_err(|_| format!("`{pattern}` is not a regular expression"))
}

/// What guardrails can name.
pub(crate) struct Names<'a> {
    pub prompts: &'a BTreeMap<String, Prompt>,
    pub actions: &'a BTreeMap<String, Action>,
    pub flows: &'a [Flow],
}

/// Reads the list.
pub(crate) fn read(item: &Item<'_>, names: &Names<'_>, faults: &mut Faults) -> Guardrails {
    let mut guardrails = Guardrails::default();
    for entry in item.items(faults) {
        let Some(mut fields) = entry.fields(faults) else { continue };
        if let Some(id) = fields.take("must_say") {
            guardrails.must_say.extend(must_say(&id, &mut fields, names, faults));
        } else if let Some(pattern) = fields.take("never_say") {
            guardrails.never_say.extend(never_say(&pattern, &mut fields, faults));
        } else if let Some(action) = fields.take("never_call") {
            guardrails.never_call.extend(never_call(&action, &mut fields, names, faults));
        } else if let Some(turns) = fields.take("max_turns") {
            let turns = turns.whole(1..=1_000, faults);
            guardrails.turns_max = turns.and_then(|turns| u32::try_from(turns).ok());
        } else if let Some(times) = fields.take("max_pitch") {
            guardrails.pitches.extend(pitch(&times, &mut fields, names, faults));
        } else {
            let known = "must_say, never_say, never_call, max_turns or max_pitch";
            entry.fault("is not a guardrail", format!("it begins with one of {known}"), faults);
        }
        fields.finish(faults);
    }
    guardrails
}

fn must_say(id: &Item<'_>, fields: &mut Fields<'_>, names: &Names<'_>, faults: &mut Faults) -> Option<MustSay> {
    let prompt = id.text(faults)?;
    if !names.prompts.contains_key(&prompt) {
        let suggestion = nearest(&prompt, names.prompts.keys().map(String::as_str));
        id.fault(format!("there is no prompt `{prompt}`"), suggestion, faults);
    }
    let item = fields.need("before", faults)?;
    let before = item.text(faults)?;
    if before == "first_reply" {
        return Some(MustSay { prompt, before: Before::FirstReply });
    }
    let step = names
        .flows
        .iter()
        .enumerate()
        .find_map(|(flow, known)| known.labels.get(&before).map(|at| Before::Step { flow, at: *at }));
    if step.is_none() {
        let labels = names.flows.iter().flat_map(|flow| flow.labels.keys()).map(String::as_str);
        let suggestion = nearest(&before, labels.chain(["first_reply"]));
        item.fault(format!("no step has the label `{before}`"), suggestion, faults);
    }
    Some(MustSay { prompt, before: step? })
}

fn never_say(item: &Item<'_>, fields: &mut Fields<'_>, faults: &mut Faults) -> Option<NeverSay> {
    let until = fields.take("until").and_then(|item| expr(&item, faults));
    let text = item.text(faults)?;
    let pattern = template(item, faults)?;
    // Values are not known yet; any word in their place shows whether the rest is sound.
    let sample = pattern.filled(&NoValues, |_| String::new(), "x");
    let sound = compile(&sample).map_err(|reason| item.fault(reason, "", faults)).ok()?;
    let fixed = (!text.contains("${")).then_some(sound);
    Some(NeverSay { pattern, fixed, until })
}

/// A scope in which nothing has a value and whose every expression fails or is empty.
struct NoValues;

impl super::expr::Scope for NoValues {
    fn value(&self, _: &str) -> crate::value::Value {
        crate::value::Value::Null
    }
    fn say_as(&self, _: &str) -> Option<hualu_core::dialogue::SayAs> {
        None
    }
    fn is_personal(&self, _: &str) -> bool {
        true
    }
    fn now(&self) -> chrono::NaiveDateTime {
        chrono::NaiveDateTime::MIN
    }
    fn zone(&self) -> chrono_tz::Tz {
        chrono_tz::Tz::UTC
    }
}

fn never_call(item: &Item<'_>, fields: &mut Fields<'_>, names: &Names<'_>, faults: &mut Faults) -> Option<NeverCall> {
    let unless = fields.take("unless").and_then(|item| expr(&item, faults));
    let action = item.text(faults)?;
    if !names.actions.contains_key(&action) {
        let suggestion = nearest(&action, names.actions.keys().map(String::as_str));
        item.fault(format!("there is no action `{action}`"), suggestion, faults);
    }
    Some(NeverCall { action, unless })
}

fn pitch(item: &Item<'_>, fields: &mut Fields<'_>, names: &Names<'_>, faults: &mut Faults) -> Option<Pitch> {
    let times = item.whole(0..=100, faults);
    let named = fields.take("flow");
    let id = named.as_ref().map_or(Some(PITCH.to_owned()), |item| item.text(faults))?;
    let flow = names.flows.iter().position(|flow| flow.id == id);
    if flow.is_none() {
        let suggestion = nearest(&id, names.flows.iter().map(|flow| flow.id.as_str()));
        let at = named.as_ref().unwrap_or(item);
        at.fault(format!("there is no flow `{id}`; name the flow with the offer: `flow: ..`"), suggestion, faults);
    }
    Some(Pitch { flow: flow?, times: u32::try_from(times?).ok()? })
}

impl Guardrails {
    /// The expressions in it and where they stand, for checks of names.
    pub fn expressions(&self) -> impl Iterator<Item = (&str, &Expr)> {
        let says = self.never_say.iter().filter_map(|rule| Some(("never_say", rule.until.as_ref()?)));
        let calls = self.never_call.iter().filter_map(|rule| Some(("never_call", rule.unless.as_ref()?)));
        says.chain(calls)
    }

    /// The names that patterns read.
    pub fn pattern_names(&self) -> impl Iterator<Item = &str> {
        self.never_say.iter().flat_map(|rule| rule.pattern.names())
    }
}
