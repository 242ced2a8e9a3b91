//! Intents that are thin, nameless or taken for one another.

use super::Linter;
use crate::bot::fault::Place;
use crate::bot::model::RESERVED_INTENTS;
use crate::bot::node::{Data, Node};
use crate::intent::{Judged, cross_validate};
use crate::utterance::Pronouncer;
use std::collections::BTreeMap;

/// So many examples, said by many speakers, make an intent robust.
const EXAMPLES_ENOUGH: usize = 50;
/// A pair is reported from so many confused examples on ...
const CONFUSED_MIN: usize = 2;
/// ... and from this share of the intent's examples on.
const CONFUSED_SHARE: f32 = 0.05;
/// Examples that are shown of a pair.
const SHOWN: usize = 5;

impl Linter<'_> {
    /// Checks every intent.
    pub(super) fn intents(&mut self, pronouncer: &Pronouncer) {
        let bot = self.bot;
        let mut first: BTreeMap<String, &str> = BTreeMap::new();
        for intent in &bot.intents {
            let path = ["nlu", "intents", intent.id.as_str()];
            let (place, field) = (self.sources.place(&path), path.join("."));
            let count = intent.examples.len();
            if count < EXAMPLES_ENOUGH && !RESERVED_INTENTS.contains(&intent.id.as_str()) {
                let reason = format!("has {count} examples, fewer than {EXAMPLES_ENOUGH}");
                let advice = "add what callers really say: hesitations, half sentences, regional words, misheard words";
                self.warn("thin-intent", place, field.clone(), reason, advice);
            }
            if intent.label.is_none() && bot.flow_of_intent(&intent.id).is_some() {
                let advice = "add `label: 查话费`, so that an unsure bot can ask whether the caller means it";
                self.warn("no-label", place, field, "starts a flow but has no label", advice);
            }
            for example in &intent.examples {
                let plain: String = example.chars().filter(|c| c.is_alphanumeric()).collect();
                let earlier = *first.entry(plain).or_insert(&intent.id);
                if earlier != intent.id {
                    let place = self.example(&intent.id, example);
                    let reason = format!("「{example}」 is also an example of `{earlier}`");
                    self.warn("same-example", place, path.join("."), reason, "keep it in one of them");
                }
            }
        }
        let judged = cross_validate(bot, pronouncer);
        self.confused(&judged);
    }

    fn confused(&mut self, judged: &[Judged]) {
        let mut pairs: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for wrong in judged.iter().filter(|judged| judged.intent != judged.taken_for) {
            pairs.entry((&wrong.intent, &wrong.taken_for)).or_default().push(&wrong.text);
        }
        for ((intent, other), texts) in pairs {
            let all = judged.iter().filter(|judged| judged.intent == intent).count();
            #[expect(clippy::cast_precision_loss, reason = "counts of examples")]
            let share = texts.len() as f32 / all.max(1) as f32;
            if texts.len() < CONFUSED_MIN || share < CONFUSED_SHARE {
                continue;
            }
            let shown: Vec<String> = texts.iter().take(SHOWN).map(|text| format!("「{text}」")).collect();
            let more = if texts.len() > SHOWN { " …" } else { "" };
            let reason = format!(
                "{} of {all} examples are taken for `{other}` when left out of training: {}{more}",
                texts.len(),
                shown.join(" ")
            );
            let place = self.example(intent, texts[0]);
            let advice = "move or reword them, add more of their kind, or make one intent of both";
            self.warn("confusable", place, format!("nlu.intents.{intent}"), reason, advice);
        }
    }

    /// Where an example stands; where its intent does when it came of a list or a mark.
    fn example(&self, intent: &str, text: &str) -> Place {
        let path = ["nlu", "intents", intent, "examples"];
        let found = self.sources.nodes(&path).into_iter().find_map(|node| match &node.data {
            Data::List(items) => items.iter().find(|item| is_text(item, text)),
            _ => None,
        });
        found.map_or_else(|| self.sources.place(&path[..3]), |node| node.place)
    }
}

fn is_text(node: &Node, text: &str) -> bool {
    matches!(&node.data, Data::Text(own) if own == text)
}
