//! From words to one command. Nothing is changed here: partials are interpreted in the same way as finals.

use super::guard::is_open;
use super::state::{State, StateScope, Waiting};
use super::{Assistant, chunks};
use crate::bot::expr::Expr;
use crate::bot::model::{HandoffRule, Op, Slot, SlotConfirm};
use crate::emotion::Emotion;
use crate::entity::{self, Found, Mode, polarity};
use crate::faq;
use crate::intent::Scored;
use crate::utterance::{Utterance, prefix_len};
use crate::value::Value;
use chrono::NaiveDateTime;

/// Words that announce a new value for something that was said before.
const CHANGES: [&str; 4] = ["换成", "改成", "改为", "换为"];
/// Words that do so when a value follows them.
const STATEMENTS: [&str; 6] = ["我要", "要的是", "应该是", "我说的是", "不是", "是"];
/// Words that say that something was taken down wrongly.
const WRONG: [&str; 4] = ["不对", "错了", "不是", "弄错"];

/// What the caller wants of the engine.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Command {
    /// Turn to an intent, with the values that came along.
    Start {
        intent: String,
        values: Vec<(String, Value, f32)>,
    },
    /// The awaited slot's value.
    Fill {
        slot: String,
        value: Value,
        confidence: f32,
    },
    /// A part of the number that is awaited in groups, or a word about it.
    Group {
        slot: String,
        step: crate::entity::groups::Step,
    },
    /// A new value for a slot that is filled.
    Correct {
        slot: String,
        value: Value,
    },
    Affirm,
    Deny,
    /// An option of the `choose` step, by index.
    Choose(usize),
    /// Ask which of these was meant.
    Clarify(Vec<String>),
    Repeat,
    Cancel,
    /// An entry of the bot's documents answers it.
    Faq(faq::Match),
    /// Nothing was understood; these intents came nearest.
    Unknown {
        near: Vec<String>,
    },
}

/// A command with what led to it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Interpretation {
    pub command: Command,
    /// The best intent, whether or not it was accepted.
    pub best: Option<Scored>,
    pub is_accepted: bool,
    /// A value was found that may go on (五十… 五十九).
    pub is_open: bool,
    /// How it was said.
    pub emotion: Emotion,
}

struct Interpreter<'a> {
    assistant: &'a Assistant,
    state: &'a State,
    readings: &'a [Utterance],
    now: NaiveDateTime,
    scored: Vec<Scored>,
}

/// Interprets what was said in the light of what the conversation waits for.
pub(super) fn interpret(
    assistant: &Assistant,
    state: &State,
    readings: &[Utterance],
    now: NaiveDateTime,
) -> Interpretation {
    let expected = expected_intents(assistant, state);
    let scored = assistant.classifier.classify(readings, &expected, assistant.bot.context_boost);
    let interpreter = Interpreter { assistant, state, readings, now, scored };
    let (command, is_open) = interpreter.command();
    let command = interpreter.faq(&command).unwrap_or(command);
    let best = interpreter.scored.first().cloned();
    let is_accepted = interpreter.accepted().is_some();
    let emotion = readings.first().map(Emotion::of_utterance).unwrap_or_default();
    Interpretation { command, best, is_accepted, is_open, emotion }
}

fn expected_intents(assistant: &Assistant, state: &State) -> Vec<String> {
    match &state.waiting {
        Waiting::Clarify(options) => options.clone(),
        Waiting::Choice => match state.op(assistant) {
            Some(Op::Choose { options, .. }) => options.iter().filter_map(|option| option.intent.clone()).collect(),
            _ => Vec::new(),
        },
        Waiting::Confirm => match state.op(assistant) {
            Some(Op::Confirm { by, .. }) => by.iter().map(|(intent, _)| intent.clone()).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

impl Interpreter<'_> {
    fn command(&self) -> (Command, bool) {
        let plain = |command| (command, false);
        if self.readings.first().is_none_or(Utterance::is_empty) {
            return plain(Command::unknown());
        }
        match &self.state.waiting {
            Waiting::Slot(slot) => self.for_slot(slot),
            Waiting::Confirm => plain(self.for_confirm(None)),
            Waiting::SlotConfirm(slot) => plain(self.for_confirm(Some(slot))),
            Waiting::Clarify(options) => plain(self.for_clarify(options)),
            Waiting::Choice | Waiting::Nothing | Waiting::Action(_) | Waiting::Over => plain(self.for_choice()),
        }
    }

    /// What nothing else answers may stand in the bot's documents. A question that must be answered yes or no stays open:
    /// nothing is talked over a barrier.
    fn faq(&self, command: &Command) -> Option<Command> {
        let is_free = matches!(self.state.waiting, Waiting::Choice | Waiting::Slot(_) | Waiting::Clarify(_));
        let is_unsure = matches!(command, Command::Unknown { .. } | Command::Clarify(_));
        if !is_free || !is_unsure {
            return None;
        }
        self.assistant.faq.answer(self.readings).map(Command::Faq)
    }

    /// The best intent if its margin is good enough to act on it. One syllable tells nobody to stop or to say it again:
    /// it may be a cough or the end of another word.
    fn accepted(&self) -> Option<&Scored> {
        let is_short = self.readings.iter().all(|reading| reading.content_len() < 2);
        let is_built_in = |best: &Scored| matches!(best.intent.as_str(), "repeat" | "cancel");
        let best = self.scored.first().filter(|best| !(is_short && is_built_in(best)))?;
        (best.margin >= self.assistant.classifier.bands().accept).then_some(best)
    }

    /// An accepted intent that leads somewhere else than the flow that is running.
    fn elsewhere(&self) -> Option<Command> {
        let best = self.accepted()?;
        match best.intent.as_str() {
            // Digits neither cancel nor ask for a repetition, whatever they sound like.
            "repeat" | "cancel" if self.readings.first().is_some_and(entity::digits::is_mostly) => return None,
            "repeat" => return self.assistant.bot.policies.repeat.then_some(Command::Repeat),
            "cancel" => return Some(Command::Cancel),
            _ => {}
        }
        let own = self.state.flow(self.assistant).is_some_and(|flow| flow.intents.contains(&best.intent));
        (!own && self.leads_somewhere(&best.intent)).then(|| self.start(&best.intent))
    }

    fn leads_somewhere(&self, intent: &str) -> bool {
        let bot = &self.assistant.bot;
        let in_rules = |rule: &HandoffRule| matches!(rule, HandoffRule::Intent { id, .. } if id == intent);
        let scope = StateScope { assistant: self.assistant, state: self.state, now: self.now };
        bot.flow_of_intent(intent).is_some_and(|flow| is_open(bot.flows[flow].guard.as_ref(), &scope))
            || bot.policies.global.contains_key(intent)
            || bot.policies.handoff.rules.iter().any(in_rules)
    }

    /// Starting an intent takes along what was already said for its flow's slots.
    fn start(&self, intent: &str) -> Command {
        let bot = &self.assistant.bot;
        let mut values = Vec::new();
        if let Some(flow) = bot.flow_of_intent(intent) {
            for name in &bot.flows[flow].collects {
                let Some(slot) = bot.slots.get(name) else { continue };
                if let Some((found, _)) = self.find(&slot.kind, Mode::Anywhere).filter(|(found, _)| !found.is_open) {
                    values.push((name.clone(), found.value, found.confidence));
                }
            }
        }
        Command::Start { intent: intent.to_owned(), values }
    }

    /// The best value in the best reading that holds one, and the reading. A number with digits missing is taken only
    /// if no reading holds a whole one.
    fn find(&self, kind: &entity::Kind, mode: Mode) -> Option<(Found, &Utterance)> {
        let in_reading = |(rank, reading)| {
            let mut found = entity::find(kind, reading, mode, self.now).into_iter().next()?;
            if rank > 0 {
                found.confidence *= 0.8;
            }
            Some((found, reading))
        };
        let mut all = self.readings.iter().enumerate().filter_map(in_reading);
        let first = all.next()?;
        if kind.form().is_none() || !first.0.is_open {
            return Some(first);
        }
        Some(all.find(|(found, _)| !found.is_open).unwrap_or(first))
    }

    /// The best value that the slot's own rule accepts, in any reading; else the best value.
    fn find_valid(&self, name: &str, slot: &Slot) -> Option<(Found, &Utterance)> {
        let valid = |reading| self.valid_in(name, slot, reading, Mode::Awaited).map(|found| (found, reading));
        self.readings.iter().find_map(valid).or_else(|| self.find(&slot.kind, Mode::Awaited))
    }

    fn for_slot(&self, name: &str) -> (Command, bool) {
        let Some(slot) = self.assistant.bot.slots.get(name) else { return (Command::unknown(), false) };
        if let Some(command) = chunks::interpret(self.state, name, slot, self.readings) {
            return (command, false);
        }
        let elsewhere = self.elsewhere();
        if let Some((found, reading)) = self.find_valid(name, slot) {
            let covers = 2 * found.span.len() >= reading.content_len();
            let is_open = found.is_open;
            let is_other = !covers || is_open || !self.is_valid(name, slot, &found);
            if is_other && let Some(command) = self.correction_of_another() {
                return (command, false);
            }
            // Nobody can be called back at half a number.
            let is_short = is_open && slot.kind.form().is_some();
            if is_short && (covers || elsewhere.is_none()) {
                return (Command::unknown(), true);
            }
            if covers || elsewhere.is_none() {
                let fill = Command::Fill { slot: name.to_owned(), value: found.value, confidence: found.confidence };
                return (fill, is_open);
            }
        }
        if let Some(command) = self.correction_of_another().or(elsewhere) {
            return (command, false);
        }
        let answer = self.readings.first().and_then(|reading| polarity::read(reading, &self.state.question));
        match answer {
            Some(answer) if !answer.is_yes && answer.rest <= 1 => (Command::Cancel, false),
            _ => (Command::unknown(), false),
        }
    }

    fn for_confirm(&self, slot: Option<&str>) -> Command {
        let answer = self.polarity();
        // 没问题 is a yes here even if some slot knows it as one of its values.
        let is_plain_yes = answer.is_some_and(|answer| answer.is_yes && answer.rest == 0);
        if self.assistant.bot.policies.correction
            && !is_plain_yes
            && let Some(command) = self.correction(slot)
        {
            return command;
        }
        // 网好了 answers 现在能上网了吗 although it is an intent of its own, unless the words say the opposite.
        if let Some(is_yes) = self.answered_by()
            && answer.is_none_or(|answer| answer.rest > 2 || answer.is_yes == is_yes)
        {
            return if is_yes { Command::Affirm } else { Command::Deny };
        }
        let elsewhere = self.elsewhere();
        match (answer, elsewhere) {
            // 没有 answers the question, whatever else it may sound like.
            (Some(answer), _) if answer.rest == 0 => answer.command(),
            (_, Some(Command::Repeat)) => Command::Repeat,
            (Some(answer), Some(Command::Cancel)) if !answer.is_yes => Command::Deny,
            (None, Some(Command::Cancel)) => Command::Deny,
            (Some(answer), Some(command)) if answer.rest > 2 => command,
            (Some(answer), _) if answer.rest <= 6 => answer.command(),
            (_, Some(command)) => command,
            _ => Command::unknown(),
        }
    }

    /// The answer of an accepted intent that the step takes for one.
    fn answered_by(&self) -> Option<bool> {
        let Some(Op::Confirm { by, .. }) = self.state.op(self.assistant) else { return None };
        let best = self.accepted()?;
        by.iter().find(|(intent, _)| *intent == best.intent).map(|(_, is_yes)| *is_yes)
    }

    /// The first reading that answers yes or no.
    fn polarity(&self) -> Option<polarity::Polarity> {
        self.readings.iter().find_map(|reading| polarity::read(reading, &self.state.question))
    }

    /// Another value for something that was filled: 不对，换成一百二十九的. Without a value it is asked for again.
    fn correction(&self, slot: Option<&str>) -> Option<Command> {
        let text = self.readings.first()?.text();
        let candidates: Vec<&str> = match slot {
            Some(slot) => vec![slot],
            None => self.filled_slots().collect(),
        };
        let put_right = |name: &str| {
            let (known, filled) = (self.assistant.bot.slots.get(name)?, self.state.slots.get(name)?);
            let value = chunks::correct(known, &filled.value, self.readings).filter(|value| *value != filled.value)?;
            Some(Command::Correct { slot: name.to_owned(), value })
        };
        if let Some(command) = slot.and_then(put_right) {
            return Some(command);
        }
        for name in &candidates {
            let (Some(known), Some(filled)) = (self.assistant.bot.slots.get(*name), self.state.slots.get(*name)) else {
                continue;
            };
            if let Some(value) = self.new_value(name, known, slot.is_some()).filter(|value| *value != filled.value) {
                return Some(Command::Correct { slot: (*name).to_owned(), value });
            }
        }
        if let Some(command) = candidates.iter().find_map(|name| put_right(name)) {
            return Some(command);
        }
        let is_changed = CHANGES.iter().any(|word| text.contains(word));
        let is_wrong = WRONG.iter().any(|word| text.contains(word)) && self.polarity().is_some_and(|no| no.rest <= 2);
        let name = candidates.first().filter(|_| slot.is_none() && (is_changed || is_wrong))?;
        Some(Command::Correct { slot: (*name).to_owned(), value: Value::Null })
    }

    /// Another value for a slot that was filled before, although something else is awaited: 不对，套餐换成一百二十九的. Only
    /// words that announce a change lead here, and only a value that the slot's own rule or list accepts.
    fn correction_of_another(&self) -> Option<Command> {
        let text = self.readings.first()?.text();
        let is_announced = CHANGES.iter().chain(&["不对", "错了", "弄错"]).any(|word| text.contains(word));
        if !is_announced || !self.assistant.bot.policies.correction {
            return None;
        }
        self.filled_slots().find_map(|name| {
            let (slot, filled) = (self.assistant.bot.slots.get(name)?, self.state.slots.get(name)?);
            if slot.validate.is_none() && !matches!(slot.kind, entity::Kind::List(_)) {
                return None;
            }
            let value = self.new_value(name, slot, false).filter(|value| *value != filled.value)?;
            let is_accepted = slot.validate.as_ref().is_none_or(|(rule, _)| self.accepts(name, rule, &value));
            is_accepted.then(|| Command::Correct { slot: name.to_owned(), value })
        })
    }

    fn is_valid(&self, name: &str, slot: &Slot, found: &Found) -> bool {
        slot.validate.as_ref().is_none_or(|(rule, _)| self.accepts(name, rule, &found.value))
    }

    /// Whether a slot's rule would accept this value, tried on a copy.
    fn accepts(&self, name: &str, rule: &Expr, value: &Value) -> bool {
        let mut state = self.state.clone();
        state.set(self.assistant, name, value.clone());
        rule.surely_holds(&StateScope { assistant: self.assistant, state: &state, now: self.now })
    }

    /// Filled slots of the flows on the stack, the latest first.
    fn filled_slots(&self) -> impl Iterator<Item = &str> {
        let flows = self.state.stack.iter().rev().map(|frame| &self.assistant.bot.flows[frame.flow]);
        let slots = flows.flat_map(|flow| flow.collects.iter().rev()).map(String::as_str);
        slots.filter(|name| self.state.slots.contains_key(*name))
    }

    /// A value that is said as a new one: behind 换成, or as most of the sentence.
    fn new_value(&self, name: &str, slot: &Slot, is_asked: bool) -> Option<Value> {
        for reading in self.readings {
            let start = announced_from(&reading.chars);
            let part = reading.part(start.unwrap_or(0)..reading.chars.len());
            let mode = if start.is_some() || is_asked { Mode::Awaited } else { Mode::Anywhere };
            let found = self.valid_in(name, slot, &part, mode).or_else(|| {
                let first = entity::find(&slot.kind, &part, mode, self.now).into_iter().next()?;
                (!first.is_open).then_some(first)
            });
            if let Some(found) = found.filter(|found| start.is_some() || 2 * found.span.len() >= part.content_len()) {
                return Some(found.value);
            }
        }
        None
    }

    /// The first value in a reading that the slot's own rule accepts.
    fn valid_in(&self, name: &str, slot: &Slot, reading: &Utterance, mode: Mode) -> Option<Found> {
        let (rule, _) = slot.validate.as_ref()?;
        let found = entity::find(&slot.kind, reading, mode, self.now);
        found.into_iter().flat_map(Found::readings).find(|found| self.accepts(name, rule, &found.value))
    }

    fn for_clarify(&self, options: &[String]) -> Command {
        let answer = self.polarity();
        if let [only] = options {
            match answer {
                Some(answer) if answer.is_yes && answer.rest <= 6 => return self.start(only),
                Some(answer) if !answer.is_yes && answer.rest <= 2 => return Command::Deny,
                _ => {}
            }
        }
        let text = self.readings.first().map(Utterance::text).unwrap_or_default();
        let says = |words: [&str; 4]| words.iter().any(|word| text.contains(word));
        if says(["第一个", "前面", "前一个", "前者"]) {
            return options.first().map_or_else(Command::unknown, |intent| self.start(intent));
        }
        if says(["第二个", "后面", "后一个", "后者"]) {
            return options.get(1).map_or_else(Command::unknown, |intent| self.start(intent));
        }
        let known = self.scored.iter().find(|scored| options.contains(&scored.intent));
        match (self.elsewhere(), known) {
            (Some(command), _) => command,
            (None, Some(scored)) if scored.margin >= self.assistant.classifier.bands().clarify => {
                self.start(&scored.intent)
            }
            _ if answer.is_some_and(|answer| !answer.is_yes) => Command::Deny,
            _ => Command::unknown(),
        }
    }

    fn for_choice(&self) -> Command {
        if let Some(Op::Choose { options, .. }) = self.state.op(self.assistant) {
            let text = self.readings.first().map(Utterance::text).unwrap_or_default();
            if let Some(index) =
                options.iter().position(|option| option.words.iter().any(|word| text.contains(word.as_str())))
            {
                return Command::Choose(index);
            }
            if let Some(best) = self.accepted()
                && let Some(index) = options.iter().position(|option| option.intent.as_ref() == Some(&best.intent))
            {
                return Command::Choose(index);
            }
            let answer = self.polarity().filter(|answer| answer.rest == 0 || (!answer.is_yes && answer.rest <= 2));
            let wanted = answer.map(|answer| if answer.is_yes { "affirm" } else { "deny" });
            let by_answer =
                wanted.and_then(|wanted| options.iter().position(|option| option.intent.as_deref() == Some(wanted)));
            if let Some(index) = by_answer
                && (self.accepted().is_none() || answer.is_some_and(|answer| answer.rest == 0))
            {
                return Command::Choose(index);
            }
        }
        if self.accepted().is_none()
            && let Some(command) = self.correction_of_another()
        {
            return command;
        }
        match self.accepted() {
            Some(best) if best.intent == "repeat" => Command::Repeat,
            Some(best) if best.intent == "cancel" => Command::Cancel,
            Some(best) if self.leads_somewhere(&best.intent) => self.start(&best.intent),
            _ => self.clarify(),
        }
    }

    /// Between the bands: ask which of the two best was meant, or whether the only one was.
    fn clarify(&self) -> Command {
        let bands = self.assistant.classifier.bands();
        let bot = &self.assistant.bot;
        let near = |scored: &&Scored| {
            scored.margin >= bands.oos && bot.label(&scored.intent).is_some() && self.leads_somewhere(&scored.intent)
        };
        let near: Vec<String> =
            self.scored.iter().take(3).filter(near).take(2).map(|scored| scored.intent.clone()).collect();
        let is_likely = self.scored.first().is_some_and(|best| best.margin >= bands.clarify);
        if is_likely && !near.is_empty() { Command::Clarify(near) } else { Command::Unknown { near } }
    }
}

impl polarity::Polarity {
    fn command(self) -> Command {
        if self.is_yes { Command::Affirm } else { Command::Deny }
    }
}

impl Command {
    /// Nothing was understood and nothing came near.
    fn unknown() -> Self {
        Self::Unknown { near: Vec::new() }
    }
}

/// Where the words behind the last announcement of a new value begin.
fn announced_from(chars: &[char]) -> Option<usize> {
    let words = || CHANGES.iter().chain(&STATEMENTS).chain(&WRONG);
    let end_at =
        |at: usize| words().map(|word| prefix_len(&chars[at..], word)).max().filter(|len| *len > 0).map(|len| at + len);
    (0..chars.len()).filter_map(end_at).max()
}

/// Whether a value of this confidence is read back before it is used.
pub(super) fn needs_confirm(confirm: SlotConfirm, confidence: f32) -> bool {
    match confirm {
        SlotConfirm::Never | SlotConfirm::Implicit => false,
        SlotConfirm::Explicit => true,
        SlotConfirm::Below(limit) => confidence < limit,
    }
}
