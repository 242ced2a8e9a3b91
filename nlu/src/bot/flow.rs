//! Reads `flows` and compiles their steps into a list of operations, so that a place in a flow is one number.

use super::action::arguments;
use super::expr::Expr;
use super::fault::{Faults, Place, nearest};
use super::listen::{Listen, listen};
use super::model::{Choice, Flow, Op, Prompt, Step};
use super::node::Data;
use super::read::{Fields, Item};
use super::slot::{expr, is_key, template, templates};
use super::template::Template;
use std::collections::BTreeMap;

const VERBS: [&str; 12] =
    ["say", "collect", "confirm", "call", "if", "choose", "set", "flow", "goto", "handoff", "end", "resume"];

/// A jump whose target is filled in once it is known.
const OPEN: usize = usize::MAX;

/// Reads every flow. `extra` are the nameless flows of global intents: intent and steps.
pub(crate) fn read(
    sections: &[Item<'_>],
    extra: &[(String, Item<'_>)],
    prompts: &BTreeMap<String, Prompt>,
    faults: &mut Faults,
) -> Vec<Flow> {
    let mut entries = Vec::new();
    for section in sections {
        entries.extend(section.entries(faults));
    }
    let mut names: Vec<String> = Vec::new();
    for (id, item) in &entries {
        if names.iter().any(|known| known == id) {
            item.fault("is declared twice", "", faults);
        }
        names.push((*id).to_owned());
    }
    let mut flows: Vec<Flow> = entries.iter().map(|(id, item)| named(id, item, &names, prompts, faults)).collect();
    for (intent, steps) in extra {
        let mut compiler = Compiler::new(&names, prompts, faults);
        compiler.steps(steps);
        compiler.emit(Op::Resume, steps.place());
        flows.push(compiler.finish(format!("@{intent}"), true));
    }
    flows
}

fn named(id: &str, item: &Item<'_>, names: &[String], prompts: &BTreeMap<String, Prompt>, faults: &mut Faults) -> Flow {
    let Some(mut fields) = item.fields(faults) else {
        return Compiler::new(names, prompts, faults).finish(id.to_owned(), false);
    };
    let trigger = fields.take("trigger");
    let description = fields.take("description").and_then(|item| item.text(faults)).unwrap_or_default();
    let patience = fields.take("listen").map(|item| listen(&item, faults)).unwrap_or_default();
    let guard = fields.take("guard").and_then(|item| expr(&item, faults));
    let vars = fields.take("vars");
    let steps = fields.need("steps", faults);
    fields.finish(faults);
    let mut intents = Vec::new();
    let mut key = None;
    if let Some(mut fields) = trigger.and_then(|item| item.fields(faults)) {
        intents = fields.take("intents").map_or_else(Vec::new, |item| item.texts(faults));
        key = fields.take("dtmf").and_then(|item| one_key(&item, faults));
        // The entry flow starts when the call is answered; saying so is allowed, nothing else is.
        if let Some(event) = fields.take("event")
            && event.text(faults).is_some_and(|text| text != "answered")
        {
            event.fault("is not an event", "the only event is `answered`", faults);
        }
        fields.finish(faults);
    }
    let mut compiler = Compiler::new(names, prompts, faults);
    if let Some(vars) = vars {
        // What a flow begins with is set by its first step.
        let set = arguments(&vars, compiler.faults);
        compiler.emit(Op::Set(set), vars.place());
    }
    if let Some(steps) = steps {
        compiler.steps(&steps);
    }
    let mut flow = compiler.finish(id.to_owned(), false);
    flow.description = description;
    flow.guard = guard;
    flow.listen = patience;
    flow.intents = intents;
    flow.key = key;
    flow
}

fn one_key(item: &Item<'_>, faults: &mut Faults) -> Option<String> {
    let key = item.text(faults)?;
    if is_key(&key) {
        return Some(key);
    }
    item.fault(format!("`{key}` is not a key"), "one of 0-9, * and #", faults);
    None
}

struct Compiler<'a> {
    names: &'a [String],
    prompts: &'a BTreeMap<String, Prompt>,
    faults: &'a mut Faults,
    steps: Vec<Step>,
    labels: BTreeMap<String, usize>,
    gotos: Vec<(usize, String, Place)>,
    /// What the step that is being compiled says of itself.
    listen: Listen,
    interruptible: bool,
}

impl<'a> Compiler<'a> {
    fn new(names: &'a [String], prompts: &'a BTreeMap<String, Prompt>, faults: &'a mut Faults) -> Self {
        Self {
            names,
            prompts,
            faults,
            steps: Vec::new(),
            labels: BTreeMap::new(),
            gotos: Vec::new(),
            listen: Listen::default(),
            interruptible: true,
        }
    }

    fn finish(mut self, id: String, is_global: bool) -> Flow {
        for (at, label, place) in std::mem::take(&mut self.gotos) {
            match self.labels.get(&label) {
                Some(target) => self.steps[at].op = Op::Jump(*target),
                None => {
                    let suggestion = nearest(&label, self.labels.keys().map(String::as_str));
                    self.faults.add(
                        place,
                        &format!("flows.{id}"),
                        format!("there is no label `{label}` here"),
                        suggestion,
                    );
                }
            }
        }
        let mut collects = Vec::new();
        for step in &self.steps {
            if let Op::Collect { slot, .. } = &step.op
                && !collects.contains(slot)
            {
                collects.push(slot.clone());
            }
        }
        Flow {
            id,
            description: String::new(),
            intents: Vec::new(),
            key: None,
            guard: None,
            listen: Listen::default(),
            steps: self.steps,
            collects,
            labels: self.labels,
            is_global,
        }
    }

    fn emit(&mut self, op: Op, place: Place) -> usize {
        let listen = std::mem::take(&mut self.listen);
        let interruptible = std::mem::replace(&mut self.interruptible, true);
        self.steps.push(Step { op, line: place.line, listen, interruptible });
        self.steps.len() - 1
    }

    fn steps(&mut self, item: &Item<'_>) {
        for step in item.items(self.faults) {
            self.step(&step);
        }
    }

    fn step(&mut self, item: &Item<'_>) {
        let Some(mut fields) = item.fields(self.faults) else { return };
        if let Some(label) = fields.take("label").and_then(|label| label.text(self.faults)) {
            let at = self.steps.len();
            if self.labels.insert(label.clone(), at).is_some() {
                item.fault(format!("label `{label}` is used twice"), "", self.faults);
            }
        }
        let mut verbs: Vec<&str> = VERBS.into_iter().filter(|verb| fields.has(verb)).collect();
        if verbs.contains(&"confirm") {
            // Beside `confirm` it names the variable that takes the answer.
            verbs.retain(|verb| *verb != "set");
        }
        match verbs.as_slice() {
            [verb] => {
                self.manners(verb, &mut fields);
                self.verb(verb, item, &mut fields);
            }
            [] => item.fault("is not a step", format!("a step begins with one of: {}", VERBS.join(", ")), self.faults),
            several => item.fault(
                format!("does several things at once: {}", several.join(", ")),
                "make a step of each",
                self.faults,
            ),
        }
        if verbs.len() == 1 {
            fields.finish(self.faults);
        }
    }

    /// What a step that speaks or asks says about how it does; the next operation takes it.
    fn manners(&mut self, verb: &str, fields: &mut Fields<'_>) {
        let asks = matches!(verb, "collect" | "confirm" | "choose");
        if asks && let Some(item) = fields.take("listen") {
            self.listen = listen(&item, self.faults);
        }
        if (asks || verb == "say")
            && let Some(item) = fields.take("barge_in")
        {
            self.interruptible = item.flag(self.faults).unwrap_or(true);
        }
    }

    fn verb(&mut self, verb: &str, item: &Item<'_>, fields: &mut Fields<'_>) {
        let place = item.place();
        match verb {
            "say" => self.say(place, fields),
            "collect" => self.collect(place, fields),
            "confirm" => self.confirm(place, fields),
            "call" => self.call(place, fields),
            "if" => self.branch(place, fields),
            "choose" => self.choose(place, fields),
            "set" => {
                let set = fields.take("set").map_or_else(Vec::new, |item| arguments(&item, self.faults));
                self.emit(Op::Set(set), place);
            }
            "flow" => self.enter(place, fields),
            "goto" => {
                if let Some(label) = fields.take("goto").and_then(|item| item.text(self.faults)) {
                    let at = self.emit(Op::Jump(OPEN), place);
                    self.gotos.push((at, label, place));
                }
            }
            "handoff" => {
                let queue = fields.take("handoff").and_then(|item| item.text(self.faults));
                self.emit(Op::Handoff(queue.unwrap_or_default()), place);
            }
            "end" => {
                let disposition = fields.take("end").and_then(|item| item.text(self.faults));
                self.emit(Op::End(disposition.unwrap_or_default()), place);
            }
            _ => {
                fields.take("resume").and_then(|item| item.flag(self.faults));
                self.emit(Op::Resume, place);
            }
        }
    }

    fn say(&mut self, place: Place, fields: &mut Fields<'_>) {
        let Some(item) = fields.take("say") else { return };
        let must_say = fields.take("must_say").and_then(|item| item.flag(self.faults)).unwrap_or(false);
        if let Some(id) = self.prompt_id(&item) {
            // A prompt brings its own manners.
            self.interruptible = true;
            self.emit(Op::Prompt(id), place);
            return;
        }
        let variants = templates(&item, self.faults);
        let interruptible = self.interruptible;
        self.emit(Op::Say(Prompt { variants, must_say, interruptible }), place);
    }

    /// The prompt that a `say` names. What looks like a name and is none is a slip, not something to be said.
    fn prompt_id(&mut self, item: &Item<'_>) -> Option<String> {
        let Data::Text(text) = &item.node.data else { return None };
        if self.prompts.contains_key(text) {
            return Some(text.clone());
        }
        let is_name = text.contains('_') && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if is_name {
            let suggestion = nearest(text, self.prompts.keys().map(String::as_str));
            item.fault(format!("there is no prompt `{text}`"), suggestion, self.faults);
        }
        None
    }

    fn collect(&mut self, place: Place, fields: &mut Fields<'_>) {
        let slot = fields.take("collect").and_then(|item| item.text(self.faults));
        let when = fields.take("when").and_then(|item| expr(&item, self.faults));
        if let Some(slot) = slot {
            self.emit(Op::Collect { slot, when }, place);
        }
    }

    fn confirm(&mut self, place: Place, fields: &mut Fields<'_>) {
        let text = fields.take("confirm").and_then(|item| template(&item, self.faults));
        let set = fields.take("set").and_then(|item| item.text(self.faults));
        let mut by = Vec::new();
        for (field, is_yes) in [("yes_by", true), ("no_by", false)] {
            let intents = fields.take(field).map_or_else(Vec::new, |item| item.texts(self.faults));
            by.extend(intents.into_iter().map(|intent| (intent, is_yes)));
        }
        let (yes, no) = (fields.take("yes"), fields.take("no"));
        let Some(text) = text else { return };
        let at = self.emit(Op::Confirm { text, set: set.clone(), by, yes: OPEN, no: OPEN }, place);
        let (yes, no) = self.two_branches(yes.as_ref(), no.as_ref(), place);
        if let Op::Confirm { yes: to_yes, no: to_no, .. } = &mut self.steps[at].op {
            (*to_yes, *to_no) = (yes, no);
        }
    }

    fn call(&mut self, place: Place, fields: &mut Fields<'_>) {
        let action = fields.take("call").and_then(|item| item.text(self.faults));
        let args = fields.take("args").map_or_else(Vec::new, |item| arguments(&item, self.faults));
        let (ok, error) = (fields.take("ok"), fields.take("error"));
        let Some(action) = action else { return };
        let at = self.emit(Op::Call { action, args, ok: OPEN, error: None }, place);
        let (to_ok, to_error) = self.two_branches(ok.as_ref(), error.as_ref(), place);
        if let Op::Call { ok, error: slot, .. } = &mut self.steps[at].op {
            *ok = to_ok;
            *slot = error.map(|_| to_error);
        }
    }

    fn branch(&mut self, place: Place, fields: &mut Fields<'_>) {
        let condition = fields.take("if").and_then(|item| expr(&item, self.faults));
        let (then, otherwise) = (fields.need("then", self.faults), fields.take("else"));
        let Some(condition) = condition else { return };
        let at = self.emit(Op::If { condition, otherwise: OPEN }, place);
        let (_, no) = self.two_branches(then.as_ref(), otherwise.as_ref(), place);
        if let Op::If { otherwise, .. } = &mut self.steps[at].op {
            *otherwise = no;
        }
    }

    /// Emits both branches after the step that was just emitted; an absent one goes on behind both.
    fn two_branches(&mut self, first: Option<&Item<'_>>, second: Option<&Item<'_>>, place: Place) -> (usize, usize) {
        let to_first = self.steps.len();
        if let Some(first) = first {
            self.steps(first);
        }
        let Some(second) = second else { return (to_first, self.steps.len()) };
        let jump = self.emit(Op::Jump(OPEN), place);
        let to_second = self.steps.len();
        self.steps(second);
        self.steps[jump].op = Op::Jump(self.steps.len());
        (to_first, to_second)
    }

    fn choose(&mut self, place: Place, fields: &mut Fields<'_>) {
        let Some(mut inner) = fields.take("choose").and_then(|item| item.fields(self.faults)) else { return };
        let prompt = inner.take("prompt").and_then(|item| template(&item, self.faults));
        let again = inner.take("again").and_then(|item| template(&item, self.faults));
        let list = inner.need("options", self.faults);
        inner.finish(self.faults);
        let at = self.emit(Op::Choose { prompt, again, options: Vec::new() }, place);
        let mut options = Vec::new();
        let mut jumps = Vec::new();
        for option in list.map_or_else(Vec::new, |list| list.items(self.faults)) {
            let Some(mut fields) = option.fields(self.faults) else { continue };
            let choice = Choice {
                intent: fields.take("intent").and_then(|item| item.text(self.faults)),
                key: fields.take("dtmf").and_then(|item| one_key(&item, self.faults)),
                words: fields.take("value").map_or_else(Vec::new, |item| item.texts(self.faults)),
                goto: self.steps.len(),
            };
            if choice.intent.is_none() && choice.words.is_empty() && choice.key.is_none() {
                option.fault("nothing can choose it", "give it an `intent`, a `value` or a `dtmf` key", self.faults);
            }
            if let Some(steps) = fields.need("steps", self.faults) {
                self.steps(&steps);
            }
            fields.finish(self.faults);
            jumps.push(self.emit(Op::Jump(OPEN), option.place()));
            options.push(choice);
        }
        let after = self.steps.len();
        for jump in jumps {
            self.steps[jump].op = Op::Jump(after);
        }
        if let Op::Choose { options: slot, .. } = &mut self.steps[at].op {
            *slot = options;
        }
    }

    fn enter(&mut self, place: Place, fields: &mut Fields<'_>) {
        let Some(item) = fields.take("flow") else { return };
        let returns = fields.take("return").and_then(|item| item.flag(self.faults)).unwrap_or(true);
        let Some(id) = item.text(self.faults) else { return };
        match self.names.iter().position(|name| *name == id) {
            Some(flow) => {
                self.emit(Op::Enter { flow, returns }, place);
            }
            None => item.fault(
                format!("there is no flow `{id}`"),
                nearest(&id, self.names.iter().map(String::as_str)),
                self.faults,
            ),
        }
    }
}

/// The expressions and texts of one operation, for checks of names.
pub(crate) fn names_of(op: &Op) -> Vec<&str> {
    fn of_args(args: &[(String, Expr)]) -> impl Iterator<Item = &str> {
        args.iter().flat_map(|(_, expr)| expr.names().iter().map(String::as_str))
    }
    match op {
        Op::Say(prompt) => prompt.variants.iter().flat_map(Template::names).collect(),
        Op::Collect { when, .. } => when.iter().flat_map(|expr| expr.names().iter().map(String::as_str)).collect(),
        Op::Confirm { text, .. } => text.names().collect(),
        Op::Call { args, .. } | Op::Set(args) => of_args(args).collect(),
        Op::If { condition, .. } => condition.names().iter().map(String::as_str).collect(),
        Op::Choose { prompt, again, .. } => prompt.iter().chain(again).flat_map(Template::names).collect(),
        Op::Enter { .. } | Op::Jump(_) | Op::Handoff(_) | Op::End(_) | Op::Resume | Op::Prompt(_) => Vec::new(),
    }
}
