//! A flow as boxes and arrows, before they have places.

use crate::bot::Bot;
use crate::bot::model::{Choice, Flow, Op, Step};
use crate::bot::template::Template;

/// What kind of box it is; decides its colour and shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Say,
    Ask,
    Decide,
    Act,
    Enter,
    Person,
    End,
}

/// One step.
#[derive(Clone, Debug)]
pub(super) struct Box {
    pub shape: Shape,
    /// What it says, in one line; drawing breaks it.
    pub text: String,
    /// The flow that it enters.
    pub link: Option<String>,
}

/// From one box to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arrow {
    pub from: usize,
    pub to: usize,
    pub label: String,
}

/// One flow.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    pub id: String,
    /// Its description and what starts it.
    pub title: String,
    pub boxes: Vec<Box>,
    pub arrows: Vec<Arrow>,
}

impl Chart {
    pub fn of(bot: &Bot, flow: usize) -> Self {
        let flow = &bot.flows[flow];
        let mut boxes = Vec::new();
        // The box of each step; jumps are only arrows.
        let places: Vec<Option<usize>> = flow
            .steps
            .iter()
            .enumerate()
            .map(|(i, step)| {
                let is_last_resume = flow.is_global && matches!(step.op, Op::Resume) && i + 1 == flow.steps.len();
                let drawn =
                    if is_last_resume && i > 0 && is_closed(&flow.steps[i - 1]) { None } else { a_box(bot, step) };
                drawn.map(|drawn| {
                    boxes.push(drawn);
                    boxes.len() - 1
                })
            })
            .collect();
        let over = boxes.len();
        let mut arrows: Vec<Arrow> = Vec::new();
        for (i, step) in flow.steps.iter().enumerate() {
            let Some(from) = places[i] else { continue };
            for (target, label) in ways(i, step) {
                let to = settle(flow, &places, target).unwrap_or(over);
                match arrows.iter_mut().find(|arrow| (arrow.from, arrow.to) == (from, to)) {
                    Some(known) if !label.is_empty() => known.label = [known.label.as_str(), &label].join(" / "),
                    Some(_) => {}
                    None => arrows.push(Arrow { from, to, label }),
                }
            }
        }
        if arrows.iter().any(|arrow| arrow.to == over) {
            boxes.push(Box { shape: Shape::End, text: "返回".to_owned(), link: None });
        }
        Self { id: flow.id.clone(), title: title(flow), boxes, arrows }
    }
}

fn title(flow: &Flow) -> String {
    let mut parts = vec![flow.id.clone()];
    if !flow.description.is_empty() {
        parts.push(flow.description.clone());
    }
    if !flow.intents.is_empty() {
        parts.push(flow.intents.join(", "));
    }
    if let Some(key) = &flow.key {
        parts.push(format!("按键 {key}"));
    }
    parts.join(" · ")
}

fn is_closed(step: &Step) -> bool {
    matches!(step.op, Op::End(_) | Op::Handoff(_) | Op::Resume)
}

/// The box that a way leads to, through jumps; `None` behind the last step.
fn settle(flow: &Flow, places: &[Option<usize>], mut at: usize) -> Option<usize> {
    for _ in 0..=flow.steps.len() {
        match flow.steps.get(at).map(|step| &step.op) {
            Some(Op::Jump(to)) => at = *to,
            _ => break,
        }
    }
    places.get(at).copied().flatten()
}

/// Where a step goes on, and under what condition.
fn ways(at: usize, step: &Step) -> Vec<(usize, String)> {
    let plain = |to| vec![(to, String::new())];
    match &step.op {
        Op::Confirm { yes, no, .. } => vec![(*yes, "是".to_owned()), (*no, "否".to_owned())],
        Op::Call { ok, error, .. } => {
            let failed = error.map(|error| (error, "失败".to_owned()));
            std::iter::once((*ok, if failed.is_some() { "成功".to_owned() } else { String::new() }))
                .chain(failed)
                .collect()
        }
        Op::If { otherwise, .. } => vec![(at + 1, "成立".to_owned()), (*otherwise, "否则".to_owned())],
        Op::Choose { options, .. } => options.iter().map(|option| (option.goto, option_label(option))).collect(),
        Op::Handoff(_) | Op::End(_) | Op::Resume | Op::Enter { returns: false, .. } | Op::Jump(_) => Vec::new(),
        _ => plain(at + 1),
    }
}

fn option_label(option: &Choice) -> String {
    let word = option.intent.as_ref().or(option.words.first()).cloned().unwrap_or_default();
    match &option.key {
        Some(key) if word.is_empty() => format!("按 {key}"),
        Some(key) => format!("{word} 或按 {key}"),
        None => word,
    }
}

fn a_box(bot: &Bot, step: &Step) -> Option<Box> {
    let plain = |shape, text: String| Some(Box { shape, text, link: None });
    match &step.op {
        Op::Say(_) | Op::Prompt(_) => {
            let said = step.op.prompt(bot).and_then(|prompt| prompt.variants.first());
            plain(Shape::Say, said.map_or_else(String::new, Template::source))
        }
        Op::Collect { slot, .. } => {
            let ask = bot.slots.get(slot).map_or_else(String::new, |slot| slot.ask.source());
            plain(Shape::Ask, format!("{ask}（{slot}）"))
        }
        Op::Confirm { text, .. } => plain(Shape::Ask, text.source()),
        Op::Choose { prompt, again, .. } => {
            let text = prompt.as_ref().or(again.as_ref()).map_or_else(|| "等来电人说事".to_owned(), Template::source);
            plain(Shape::Ask, text)
        }
        Op::Call { action, .. } => plain(Shape::Act, action.clone()),
        Op::If { condition, .. } => plain(Shape::Decide, condition.source().to_owned()),
        Op::Set(values) => {
            let written: Vec<String> =
                values.iter().map(|(name, expr)| format!("{name} = {}", expr.source())).collect();
            plain(Shape::Decide, written.join(", "))
        }
        Op::Enter { flow, .. } => {
            let id = bot.flows[*flow].id.clone();
            Some(Box { shape: Shape::Enter, text: format!("→ {id}"), link: Some(id) })
        }
        Op::Handoff(queue) => plain(Shape::Person, format!("转人工 {queue}")),
        Op::End(disposition) => plain(Shape::End, format!("挂机 {disposition}")),
        Op::Resume => plain(Shape::End, "回到刚才".to_owned()),
        Op::Jump(_) => None,
    }
}
