//! Values of open classes (names, shops, reasons) that no grammar can list: found by a tagger that learns from the
//! `[值](slot)` marks in the bot's examples.

mod marks;
mod perceptron;

pub(crate) use marks::{parts, unmark};

use crate::bot::Bot;
use crate::entity::{Found, Kind};
use crate::utterance::{Pronouncer, Utterance};
use crate::value::Value;
use perceptron::{Perceptron, Sample};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// The perceptron gives no probability: a value it found is worth reading back, as `confirm: below(0.8)` does.
const CONFIDENCE: f32 = 0.75;

/// Finds the values of one entity.
#[derive(Clone, Debug)]
pub struct Tagged {
    entity: String,
    /// Shared by all such entities of a bot; none before it has learnt.
    learnt: Option<(Arc<Perceptron>, usize)>,
}

impl Tagged {
    /// For an entity of this name; it finds nothing until [`Bot::learn_tags`].
    pub(crate) fn new(entity: &str) -> Self {
        Self { entity: entity.to_owned(), learnt: None }
    }

    /// The entity's name.
    pub(crate) fn entity(&self) -> &str {
        &self.entity
    }

    /// Every value in an utterance, from left to right.
    pub(crate) fn find(&self, utterance: &Utterance) -> Vec<Found> {
        let Some((perceptron, class)) = &self.learnt else { return Vec::new() };
        let value = |span: &Range<usize>| Value::Text(utterance.chars[span.clone()].iter().collect());
        let spans = perceptron.spans(utterance).into_iter().filter(|(_, found)| found == class);
        spans.map(|(span, _)| Found::new(span.clone(), value(&span), CONFIDENCE)).collect()
    }
}

impl Bot {
    /// Learns where the values of its `crf` entities stand, if it has any.
    pub(crate) fn learn_tags(&mut self, pronouncer: &Pronouncer) {
        let classes = self.tagged_names();
        if classes.is_empty() {
            return;
        }
        let count = classes.values().max().map_or(0, |last| last + 1);
        let with_marks: BTreeSet<String> = self.marked.iter().map(|marked| unmark(marked)).collect();
        let all = self.intents.iter().flat_map(|intent| &intent.examples);
        let plain = all.filter(|example| !with_marks.contains(*example));
        let mut samples: Vec<Sample> =
            plain.flat_map(|text| Sample::read(text, &BTreeMap::new(), pronouncer)).collect();
        for marked in &self.marked {
            samples.extend(Sample::read(marked, &classes, pronouncer));
            // The answer to a question is often the value alone.
            for (text, name) in parts(marked) {
                if let Some(name) = name.filter(|name| classes.contains_key(*name)) {
                    samples.extend(Sample::read(&format!("[{text}]({name})"), &classes, pronouncer));
                }
            }
        }
        let perceptron = Arc::new(Perceptron::train(&samples, count));
        for slot in self.slots.values_mut() {
            if let Kind::Tagged(tagged) = &mut slot.kind
                && let Some(class) = classes.get(&tagged.entity)
            {
                tagged.learnt = Some((Arc::clone(&perceptron), *class));
            }
        }
    }

    /// Class by the names that marks may use: of an entity, or of a slot that holds one.
    pub(crate) fn tagged_names(&self) -> BTreeMap<String, usize> {
        let mut classes: BTreeMap<String, usize> = BTreeMap::new();
        let mut names = BTreeMap::new();
        for (slot, kind) in self.slots.iter().map(|(name, slot)| (name, &slot.kind)) {
            if let Kind::Tagged(tagged) = kind {
                let next = classes.len();
                let class = *classes.entry(tagged.entity.clone()).or_insert(next);
                names.insert(slot.clone(), class);
            }
        }
        names.extend(classes);
        names
    }
}
