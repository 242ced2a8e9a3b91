//! Reads `policies`.

use super::fault::{Faults, nearest};
use super::model::{Allow, Handoff, HandoffRule, Mood, Policies, Rung};
use super::node::Data;
use super::read::Item;
use super::slot::{one_of, template};
use super::template::Template;
use std::collections::BTreeMap;

/// The section and the steps of its global intents, which are compiled with the flows.
pub(crate) struct Read<'a> {
    pub policies: Policies,
    pub global: Vec<(String, Item<'a>)>,
    /// Read once the flows that they speak of are known.
    pub guardrails: Option<Item<'a>>,
    pub llm: Option<Item<'a>>,
}

fn fixed(text: &str) -> Template {
    Template::compile(text).expect("a text without holes compiles")
}

fn defaults() -> Policies {
    let say = |text: &str| Rung::Say(fixed(text));
    let queue = || "general".to_owned();
    Policies {
        no_input: vec![
            say("您好，请问您还在吗？"),
            say("请说出您要办理的业务。"),
            Rung::End { say: None, disposition: "no_input".to_owned() },
        ],
        no_match: vec![say("抱歉，我没听清，请您再说一遍。"), Rung::Clarify(2), Rung::Handoff(queue())],
        global: BTreeMap::new(),
        correction: true,
        repeat: true,
        allow: Allow::All,
        resume_say: Some(fixed("我们继续刚才的业务。")),
        refuse_say: fixed("我们先办完这一项。"),
        cancel_say: fixed("好的，已为您取消。"),
        wait_say: fixed("请稍等，正在为您办理。"),
        handoff: Handoff {
            queue: queue(),
            say: Some(fixed("正在为您转接人工客服，请稍候。")),
            rules: vec![HandoffRule::ActionError],
            summary: true,
        },
    }
}

/// Reads the section; at most one file may hold it.
pub(crate) fn read<'a>(sections: &[Item<'a>], faults: &mut Faults) -> Read<'a> {
    let mut policies = defaults();
    let mut global = Vec::new();
    let mut guardrails = None;
    let mut llm = None;
    for (i, section) in sections.iter().enumerate() {
        if i > 0 {
            section.fault("is declared in two files", "put all policies in one", faults);
        }
        let Some(mut fields) = section.fields(faults) else { continue };
        if let Some(item) = fields.take("no_input") {
            policies.no_input = ladder(&item, faults);
        }
        if let Some(item) = fields.take("no_match") {
            policies.no_match = ladder(&item, faults);
        }
        if let Some(item) = fields.take("global_intents") {
            global.extend(item.entries(faults).into_iter().map(|(intent, steps)| (intent.to_owned(), steps)));
        }
        if let Some(item) = fields.take("repair") {
            repair(&item, &mut policies, faults);
        }
        if let Some(item) = fields.take("handoff") {
            handoff(&item, &mut policies.handoff, faults);
        }
        if let Some(say) = fields.take("wait_say").and_then(|item| template(&item, faults)) {
            policies.wait_say = say;
        }
        guardrails = fields.take("guardrails").or(guardrails);
        llm = fields.take("llm").or(llm);
        fields.finish(faults);
    }
    Read { policies, global, guardrails, llm }
}

fn ladder(item: &Item<'_>, faults: &mut Faults) -> Vec<Rung> {
    let mut rungs = Vec::new();
    for rung in item.items(faults) {
        let Some(mut fields) = rung.fields(faults) else { continue };
        let say = fields.take("say").and_then(|item| template(&item, faults));
        let clarify = fields.take("clarify").and_then(|item| item.whole(1..=2, faults));
        let clarify = clarify.and_then(|n| usize::try_from(n).ok()).map(Rung::Clarify);
        let handoff = fields.take("handoff").and_then(|item| item.text(faults)).map(Rung::Handoff);
        let end = fields.take("end").and_then(|item| item.text(faults));
        // The text names its keys itself; the mark only tells a reader that it does.
        fields.take("dtmf").and_then(|item| item.flag(faults));
        fields.finish(faults);
        // `say` beside `end` is the farewell.
        let spoken = match end {
            Some(disposition) => Some(Rung::End { say, disposition }),
            None => say.map(Rung::Say),
        };
        let mut given = [spoken, clarify, handoff].into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(one), None) => rungs.push(one),
            _ => rung.fault("needs exactly one of `say`, `clarify`, `handoff`, `end`", "", faults),
        }
    }
    if rungs.is_empty() {
        item.fault("has no rungs", "give at least one `say` and a last `handoff`", faults);
    }
    rungs
}

fn repair(item: &Item<'_>, policies: &mut Policies, faults: &mut Faults) {
    let Some(mut fields) = item.fields(faults) else { return };
    if let Some(flag) = fields.take("correction").and_then(|item| item.flag(faults)) {
        policies.correction = flag;
    }
    if let Some(flag) = fields.take("repeat").and_then(|item| item.flag(faults)) {
        policies.repeat = flag;
    }
    if let Some(say) = fields.take("cancel_say").and_then(|item| template(&item, faults)) {
        policies.cancel_say = say;
    }
    if let Some(mut digression) = fields.take("digression").and_then(|item| item.fields(faults)) {
        if let Some(allow) = digression.take("allow") {
            policies.allow = match &allow.node.data {
                Data::Text(text) if text == "all" => Allow::All,
                _ => Allow::Only(allow.texts(faults)),
            };
        }
        if let Some(item) = digression.take("resume_say") {
            policies.resume_say = template(&item, faults);
        }
        if let Some(say) = digression.take("refuse_say").and_then(|item| template(&item, faults)) {
            policies.refuse_say = say;
        }
        digression.finish(faults);
    }
    fields.finish(faults);
}

fn handoff(item: &Item<'_>, handoff: &mut Handoff, faults: &mut Faults) {
    let Some(mut fields) = item.fields(faults) else { return };
    if let Some(action) = fields.take("action") {
        one_of(&action, &["transfer"], faults);
    }
    if let Some(queue) = fields.take("queue").and_then(|item| item.text(faults)) {
        handoff.queue = queue;
    }
    if let Some(item) = fields.take("say") {
        handoff.say = template(&item, faults);
    }
    if let Some(flag) = fields.take("summary").and_then(|item| item.flag(faults)) {
        handoff.summary = flag;
    }
    if let Some(on) = fields.take("on") {
        handoff.rules = on.items(faults).iter().filter_map(|item| rule(item, faults)).collect();
    }
    fields.finish(faults);
}

/// `intent:transfer_agent x1`, `no_match x3`, `no_input x3`, `emotion:angry x2`, `emotion:urgent x2` or `action_error`.
fn rule(item: &Item<'_>, faults: &mut Faults) -> Option<HandoffRule> {
    let text = item.text(faults)?;
    let (what, times) = match text.rsplit_once(" x") {
        Some((what, times)) => (what.trim(), times.trim().parse().ok()?),
        None => (text.trim(), 1),
    };
    match what {
        "no_match" => Some(HandoffRule::NoMatch(times)),
        "no_input" => Some(HandoffRule::NoInput(times)),
        "action_error" => Some(HandoffRule::ActionError),
        "emotion:angry" => Some(HandoffRule::Emotion { mood: Mood::Angry, times }),
        "emotion:urgent" => Some(HandoffRule::Emotion { mood: Mood::Urgent, times }),
        _ => match what.strip_prefix("intent:") {
            Some(id) => Some(HandoffRule::Intent { id: id.to_owned(), times }),
            None => {
                let known = ["intent:<id>", "no_match", "no_input", "emotion:angry", "emotion:urgent", "action_error"];
                item.fault(format!("`{what}` is not a reason for a hand-off"), nearest(what, known), faults);
                None
            }
        },
    }
}
