//! What happens when things go wrong: silence, misunderstanding, failed actions, and the ways to end a call.

use super::machine::{Entry, Machine};
use super::state::Waiting;
use crate::bot::model::{HandoffRule, Mood, Op, Rung};
use crate::bot::template::Template;
use crate::emotion::Emotion;
use hualu_core::dialogue::{Act, Say};

impl Machine<'_> {
    /// Nobody spoke.
    pub fn no_input(&mut self) {
        if matches!(self.state.waiting, Waiting::Action(_) | Waiting::Over) {
            return;
        }
        let at = self.state.stack.last().map(|frame| (frame.flow, frame.pc));
        if self.state.counters.no_input_at != at {
            self.state.counters.no_input = 0;
            self.state.counters.no_input_at = at;
        }
        self.state.counters.no_input += 1;
        let count = self.state.counters.no_input;
        if self.hands_off(|rule| matches!(rule, HandoffRule::NoInput(times) if count >= *times)) {
            return self.transfer("");
        }
        let rungs = &self.assistant.bot.policies.no_input;
        self.climb(rungs, count);
    }

    /// Nothing was understood.
    pub fn no_match(&mut self) {
        self.no_match_near(&[]);
    }

    /// Nothing was understood, but these intents came nearest.
    pub fn no_match_near(&mut self, near: &[String]) {
        self.state.counters.no_match += 1;
        let count = self.state.counters.no_match;
        if self.hands_off(|rule| matches!(rule, HandoffRule::NoMatch(times) if count >= *times)) {
            return self.transfer("");
        }
        if let Waiting::Slot(name) = self.state.waiting.clone()
            && self.count_try(&name)
        {
            return self.transfer("");
        }
        let rungs = &self.assistant.bot.policies.no_match;
        let at = usize::try_from(count).unwrap_or(usize::MAX).saturating_sub(1);
        match rungs.get(at).or(rungs.last()) {
            Some(Rung::Clarify(most)) if !near.is_empty() => self.ask_which(near.iter().take(*most).cloned().collect()),
            _ => self.climb(rungs, count),
        }
    }

    /// Counts a turn that sounds angry or urgent; whether that is one too many for a machine.
    pub fn count_emotion(&mut self, emotion: Emotion) -> bool {
        let moods = [(Mood::Angry, emotion.is_angry()), (Mood::Urgent, emotion.is_urgent())];
        for (mood, _) in moods.into_iter().filter(|(_, is_met)| *is_met) {
            *self.state.counters.moods.entry(mood).or_default() += 1;
            self.state.note(format!("sounds {}", mood.name()));
        }
        let is_now = |mood: &Mood| moods.iter().any(|(known, is_met)| known == mood && *is_met);
        let moods = &self.state.counters.moods;
        let count = |mood: &Mood| moods.get(mood).copied().unwrap_or(0);
        self.hands_off(
            |rule| matches!(rule, HandoffRule::Emotion { mood, times } if is_now(mood) && count(mood) >= *times),
        )
    }

    fn hands_off(&self, is_met: impl Fn(&HandoffRule) -> bool) -> bool {
        self.assistant.bot.policies.handoff.rules.iter().any(is_met)
    }

    /// One rung of a ladder; past the last one it stays there. A slot's own reprompts come first.
    fn climb(&mut self, rungs: &[Rung], count: u32) {
        let at = usize::try_from(count).unwrap_or(usize::MAX).saturating_sub(1);
        let Some(rung) = rungs.get(at).or(rungs.last()) else { return self.run(Entry::Again) };
        match rung {
            Rung::Handoff(queue) => self.transfer(queue),
            Rung::End { say, disposition } => {
                if let Some(say) = say {
                    self.say_or_log(say);
                }
                self.hang_up(disposition);
            }
            Rung::Say(text) => self.ask_again(Some(text), at),
            Rung::Clarify(_) => self.ask_again(rungs[..at.min(rungs.len())].iter().rev().find_map(say_of), at),
        }
    }

    /// Asks the pending question once more, in other words where the bot has some.
    fn ask_again(&mut self, text: Option<&Template>, at: usize) {
        match self.state.waiting.clone() {
            Waiting::Slot(name) => {
                let slot = self.assistant.bot.slots.get(&name);
                let own = slot.and_then(|slot| slot.reprompt.get(at).or(slot.reprompt.last()));
                if let Some(own) = own {
                    self.say_or_log(own);
                    return self.await_answer(Waiting::Slot(name));
                }
                if let Some(text) = text {
                    self.say_or_log(text);
                }
                self.run(Entry::Again);
            }
            Waiting::Confirm | Waiting::SlotConfirm(_) => {
                if let Some(text) =
                    self.assistant.bot.policies.no_match.iter().find_map(say_of).filter(|_| text.is_none())
                {
                    self.say_or_log(text);
                }
                self.run(Entry::Again);
            }
            waiting => {
                if let Some(text) = text {
                    self.say_or_log(text);
                }
                let waiting = if matches!(waiting, Waiting::Clarify(_)) { Waiting::Choice } else { waiting };
                // What was asked before a clarification is asked again by its own step.
                if matches!(self.state.op(self.assistant), Some(Op::Choose { .. })) {
                    self.await_answer(waiting);
                } else {
                    self.run(Entry::Again);
                }
            }
        }
    }

    /// Between two bands: asks which of the intents was meant, but not for ever.
    pub fn clarify(&mut self, options: Vec<String>) {
        if self.state.counters.no_match >= 2 {
            return self.no_match();
        }
        self.state.counters.no_match += 1;
        self.ask_which(options);
    }

    fn ask_which(&mut self, options: Vec<String>) {
        let labels: Vec<&str> = options.iter().filter_map(|intent| self.assistant.bot.label(intent)).collect();
        let text = match labels.as_slice() {
            [one] => format!("您是要{one}，对吗？"),
            [one, other, ..] => format!("您是要{one}，还是{other}？"),
            [] => return self.ask_again(None, 0),
        };
        self.acts.push(Act::Say(Say::plain(&text)));
        self.state.question = text;
        self.await_answer(Waiting::Clarify(options));
    }

    /// An action failed or was refused: the flow's own branch, else an apology and a person.
    pub fn after_error(&mut self, branch: Option<usize>) {
        match branch {
            Some(to) => self.jump(to),
            None => self.give_up(),
        }
    }

    /// Nothing sensible can be done any more.
    pub fn give_up(&mut self) {
        self.acts.push(Act::Say(Say::plain("很抱歉，系统暂时无法处理。")));
        self.transfer("");
    }

    /// Hands the call to a person; an empty queue is the policy's.
    pub fn transfer(&mut self, queue: &str) {
        let handoff = &self.assistant.bot.policies.handoff;
        if let Some(say) = &handoff.say {
            self.say_or_log(say);
        }
        let target = if queue.is_empty() { handoff.queue.clone() } else { queue.to_owned() };
        let summary = if handoff.summary { self.summary() } else { String::new() };
        self.state.note(format!("transfer {target}"));
        self.acts.push(Act::Transfer { target, summary: summary.into() });
        self.state.waiting = Waiting::Over;
    }

    /// Ends the call once everything was said.
    pub fn hang_up(&mut self, disposition: &str) {
        self.state.note(format!("hang up {disposition}"));
        self.acts.push(Act::HangUp { disposition: disposition.to_owned() });
        self.state.waiting = Waiting::Over;
    }

    /// What the person who takes over should know.
    fn summary(&self) -> String {
        let bot = &self.assistant.bot;
        let name = |flow: &usize| {
            let flow = &bot.flows[*flow];
            if flow.description.is_empty() { flow.id.clone() } else { flow.description.clone() }
        };
        let count = |mood| self.state.counters.moods.get(&mood).copied().unwrap_or(0);
        let mut parts = Vec::new();
        match (count(Mood::Angry), count(Mood::Urgent)) {
            (0, 0) => {}
            (0, _) => parts.push("优先：客户着急".to_owned()),
            (_, 0) => parts.push("优先：客户情绪激动".to_owned()),
            _ => parts.push("优先：客户情绪激动、着急".to_owned()),
        }
        parts.push(format!("来电号码：{}", self.state.call.caller.reveal()));
        let done: Vec<String> = self.state.finished.iter().filter(|flow| **flow != bot.entry).map(name).collect();
        if !done.is_empty() {
            parts.push(format!("已办：{}", done.join("、")));
        }
        let open: Vec<String> = self
            .state
            .stack
            .iter()
            .map(|frame| frame.flow)
            .filter(|flow| *flow != bot.entry)
            .map(|flow| name(&flow))
            .collect();
        if !open.is_empty() {
            parts.push(format!("正在办：{}", open.join("、")));
        }
        let slots: Vec<String> = self
            .state
            .slots
            .iter()
            .map(|(name, filled)| {
                let is_secret = bot.slots.get(name).is_some_and(|slot| slot.sensitive);
                format!("{name}={}", if is_secret { "***".to_owned() } else { filled.value.plain() })
            })
            .collect();
        if !slots.is_empty() {
            parts.push(slots.join("，"));
        }
        if !self.state.last_words.is_empty() {
            parts.push(format!("最后说：{}", self.state.last_words));
        }
        parts.join("；")
    }
}

fn say_of(rung: &Rung) -> Option<&Template> {
    if let Rung::Say(text) = rung { Some(text) } else { None }
}
