//! What this bot's callers are likely to say, and what the bot itself always says: for the recognizer's language model
//! and the voice's cache.

use crate::bot::Bot;
use crate::bot::model::{Op, Rung, Slot};
use crate::bot::template::Template;
use crate::dialogue::clauses;
use crate::entity::number::spoken;
use crate::entity::{Kind, polarity};
use crate::intent::built_in_phrases;
use crate::utterance::{Pronouncer, Utterance};
use crate::value::Value;
use hualu_core::dialogue::Say;
use std::collections::BTreeMap;

const EXAMPLE: f32 = 1.0;
const ANSWER: f32 = 1.0;
const POLITE: f32 = 0.3;
const VARIANT: f32 = 0.5;

/// Said before a request.
const BEFORE: [&str; 8] = ["我想", "帮我", "请帮我", "麻烦", "嗯", "你好", "我要", "那个"];
/// Said after one.
const AFTER: [&str; 5] = ["吧", "吗", "谢谢", "可以吗", "呢"];
/// Around the value of a slot.
const VALUE_FRAMES: [(&str, &str); 12] = [
    ("", ""),
    ("", "的"),
    ("", "吧"),
    ("", "那个"),
    ("要", "的"),
    ("我要", "的"),
    ("换成", "的"),
    ("就", "吧"),
    ("是", ""),
    ("选", ""),
    ("不对换成", "的"),
    ("嗯", "的"),
];
const MONEY_UNITS: [&str; 4] = ["", "块", "元", "块钱"];

impl Bot {
    /// Sentences that callers are likely to say, without punctuation, and how likely each is beside the others.
    #[must_use]
    pub fn speech_hints(&self) -> Vec<(String, f32)> {
        let mut hints = Hints::default();
        for intent in &self.intents {
            for example in &intent.examples {
                hints.add(example, EXAMPLE);
                for before in
                    BEFORE.iter().filter(|before| !example.starts_with('我') && !example.starts_with(**before))
                {
                    hints.add(&format!("{before}{example}"), POLITE);
                }
                for after in AFTER.iter().filter(|after| !example.ends_with(**after)) {
                    hints.add(&format!("{example}{after}"), POLITE);
                }
            }
        }
        for phrase in built_in_phrases() {
            hints.add(phrase, VARIANT);
        }
        for word in polarity::words() {
            hints.add(word, ANSWER);
        }
        for slot in self.slots.values() {
            hints.slot(slot);
        }
        for option in self.flows.iter().flat_map(|flow| &flow.steps).flat_map(|step| match &step.op {
            Op::Choose { options, .. } => options.as_slice(),
            _ => &[],
        }) {
            for word in &option.words {
                hints.add(word, ANSWER);
            }
        }
        hints.0.into_iter().collect()
    }

    /// Clauses that the bot says in the same words in every call: worth keeping ready in the voice's cache.
    #[must_use]
    pub fn standing_prompts(&self) -> Vec<Say> {
        let mut texts: Vec<&Template> = Vec::new();
        for step in self.flows.iter().flat_map(|flow| &flow.steps) {
            match &step.op {
                Op::Say(prompt) => texts.extend(&prompt.variants),
                Op::Confirm { text, .. } => texts.push(text),
                Op::Choose { prompt, again, .. } => texts.extend(prompt.iter().chain(again)),
                _ => {}
            }
        }
        texts.extend(self.prompts.values().flat_map(|prompt| &prompt.variants));
        for slot in self.slots.values() {
            texts.push(&slot.ask);
            texts.extend(&slot.reprompt);
            texts.extend(slot.validate.iter().map(|(_, say)| say));
            texts.extend(&slot.confirm_say);
        }
        texts.extend(self.actions.values().filter_map(|action| action.filler.as_ref()).map(|filler| &filler.say));
        let policies = &self.policies;
        let rungs = policies.no_input.iter().chain(&policies.no_match);
        texts.extend(rungs.filter_map(|rung| match rung {
            Rung::Say(text) | Rung::End { say: Some(text), .. } => Some(text),
            _ => None,
        }));
        texts.extend([&policies.refuse_say, &policies.cancel_say, &policies.wait_say]);
        texts.extend(policies.resume_say.iter().chain(&policies.handoff.say));
        let mut says: Vec<Say> = Vec::new();
        for text in texts {
            for say in clauses(&text.outline(), true, false) {
                if !say.is_personal() && !says.contains(&say) {
                    says.push(say);
                }
            }
        }
        says
    }
}

#[derive(Default)]
struct Hints(BTreeMap<String, f32>);

impl Hints {
    fn add(&mut self, text: &str, weight: f32) {
        let clean = Utterance::new(text, "", 1.0, &Pronouncer::default()).text();
        if !clean.is_empty() {
            let known = self.0.entry(clean).or_insert(weight);
            *known = known.max(weight);
        }
    }

    /// The answers to a slot's question.
    fn slot(&mut self, slot: &Slot) {
        match &slot.kind {
            Kind::List(matcher) => {
                for word in matcher.words() {
                    self.framed(word, ANSWER);
                }
            }
            Kind::Money => {
                // The amounts that the keypad offers are the ones that are asked for.
                for value in slot.keys.map.values() {
                    if let Value::Int(amount) = value {
                        for number in spoken(*amount) {
                            for unit in MONEY_UNITS {
                                self.framed(&format!("{number}{unit}"), ANSWER);
                            }
                            self.framed(&format!("{number}套餐"), VARIANT);
                            self.framed(&format!("{number}元的套餐"), VARIANT);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn framed(&mut self, value: &str, weight: f32) {
        for (before, after) in VALUE_FRAMES {
            let is_plain = before.is_empty() && after.is_empty();
            self.add(&format!("{before}{value}{after}"), if is_plain { weight } else { weight * VARIANT });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOT: &str = "
bot: {id: t, entry: main}
nlu: {intents: {plan: {examples: [换套餐, 改套餐, 我要换套餐]}}}
slots:
  fee: {type: money, ask: 多少钱的？, dtmf: {map: {\"1\": 59, \"2\": 129}}}
flows:
  main: {steps: [{say: 您好，请讲。}, {choose: {options: []}}]}
  plan: {trigger: {intents: [plan]}, steps: [{collect: fee}, {say: \"好的，换成${fee}元的。\"}]}
";

    #[test]
    fn callers_sentences_answers_and_amounts_are_hinted() {
        let bot = Bot::from_texts(&[("t.yaml", BOT)]).expect("a sound bot");
        let hints: BTreeMap<String, f32> = bot.speech_hints().into_iter().collect();
        for text in ["换套餐", "帮我换套餐", "五十九块", "一百二十九的", "不对换成五十九块的", "好的", "幺二九"]
        {
            assert!(hints.contains_key(text), "{text}");
        }
        assert!(hints["换套餐"] > hints["帮我换套餐"]);
    }

    #[test]
    fn standing_prompts_hold_no_values() {
        let bot = Bot::from_texts(&[("t.yaml", BOT)]).expect("a sound bot");
        let texts: Vec<String> = bot.standing_prompts().iter().map(Say::text).collect();
        assert!(texts.contains(&"您好，请讲。".to_owned()) && texts.contains(&"多少钱的？".to_owned()), "{texts:?}");
        assert!(!texts.iter().any(|text| text.contains("换成")), "{texts:?}");
    }
}
