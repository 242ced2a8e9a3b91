//! Dialogues to talk to.

use hualu_core::TurnId;
use hualu_core::dialogue::{Act, Ask, CallEvent, CallInput, Completeness, Expect, Say, TurnAct, Understanding};
use std::time::Duration;

/// An act and how long after the event it is given.
pub type Timed = (Duration, TurnAct);

/// A dialogue: what it does about one event.
pub trait Bot {
    /// The acts that answer `input`, in order, with their times after it.
    fn hear(&mut self, input: &CallInput) -> Vec<Timed>;
}

impl<F: FnMut(&CallInput) -> Vec<Timed>> Bot for F {
    fn hear(&mut self, input: &CallInput) -> Vec<Timed> {
        self(input)
    }
}

/// The acts of one reply, all at once after `delay`; the last of them is marked so.
#[must_use]
pub fn acts(turn: TurnId, delay_ms: u64, acts: Vec<Act>) -> Vec<Timed> {
    let count = acts.len();
    let at = Duration::from_millis(delay_ms);
    let numbered = acts.into_iter().enumerate();
    numbered.map(|(n, act)| (at, TurnAct { turn, revision: 0, last: n + 1 == count, act })).collect()
}

/// A plain, interruptible clause.
#[must_use]
pub fn say(text: &str) -> Act {
    Act::Say(Say::plain(text))
}

/// Greets, repeats what it was told, asks whether anybody is there, says goodbye when told 再见 and transfers for 人工.
#[derive(Clone, Debug)]
pub struct EchoBot {
    /// How long it thinks, in milliseconds.
    pub delay_ms: u64,
    /// The kind of answer that it asks for.
    pub expect: Expect,
    /// How long it waits for one.
    pub no_input: Duration,
    /// How often in a row nobody answered.
    pub silences: u32,
}

impl Default for EchoBot {
    fn default() -> Self {
        Self { delay_ms: 20, expect: Expect::Free, no_input: Duration::from_secs(6), silences: 0 }
    }
}

impl EchoBot {
    fn reply(&mut self, turn: TurnId, texts: &[&str]) -> Vec<Timed> {
        let mut reply: Vec<Act> = texts.iter().map(|text| say(text)).collect();
        reply.push(Act::Ask(Ask { expect: self.expect, no_input: self.no_input, ..Ask::default() }));
        acts(turn, self.delay_ms, reply)
    }

    fn answer(&mut self, turn: TurnId, words: &str) -> Vec<Timed> {
        if words.contains("再见") {
            let bye = Act::HangUp { disposition: "done".to_owned() };
            return acts(turn, self.delay_ms, vec![say("感谢来电"), say("再见"), bye]);
        }
        if words.contains("人工") {
            let transfer = Act::Transfer { target: "agents".to_owned(), summary: words.to_owned().into() };
            return acts(turn, self.delay_ms, vec![say("马上转"), transfer]);
        }
        match words {
            "" => self.reply(turn, &["没听清"]),
            words => self.reply(turn, &["好的", words]),
        }
    }
}

impl Bot for EchoBot {
    fn hear(&mut self, input: &CallInput) -> Vec<Timed> {
        let turn = input.turn;
        match &input.event {
            CallEvent::Started(_) => self.reply(turn, &["您好", "请讲"]),
            CallEvent::Partial { hypothesis, revision } => {
                let words = hypothesis.text.reveal();
                let completeness = match words.chars().last() {
                    Some('我' | '想' | '要') => Completeness::Unfinished,
                    Some('费' | '见' | '对' | '工') => Completeness::Complete,
                    _ => Completeness::Unknown,
                };
                let act = Act::Understanding(Understanding { completeness, ..Understanding::default() });
                vec![(Duration::from_millis(5), TurnAct { turn, revision: *revision, last: true, act })]
            }
            CallEvent::Final { hypothesis, .. } => {
                self.silences = 0;
                self.answer(turn, hypothesis.text.reveal())
            }
            CallEvent::Keys(keys) => self.reply(turn, &["按了", keys.reveal()]),
            CallEvent::Silence(_) => {
                self.silences += 1;
                if self.silences < 3 { self.reply(turn, &["请讲"]) } else { self.answer(turn, "再见") }
            }
            CallEvent::BargeIn(_) | CallEvent::Heard(_) | CallEvent::HangUp { .. } => Vec::new(),
        }
    }
}
