//! A caller in tests of the dialogue: what it does goes in, what comes back is taken apart.
#![allow(dead_code, reason = "not every test needs every helper")]

use chrono::{DateTime, Utc};
use hualu_core::dialogue::{Act, CallEvent, CallInput, CallStarted, Completeness, Hypothesis, TurnAct};
use hualu_core::{CallId, Pii, TurnId};
use hualu_nlu::bot::Bot;
use hualu_nlu::dialogue::{ActionRequest, Output};
use hualu_nlu::utterance::Pronouncer;
use hualu_nlu::{Assistant, Conversation};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A bot whose back ends are all at `http://NAME.test`.
pub fn assistant(yaml: &str) -> Arc<Assistant> {
    let bot = Bot::from_texts(&[("t.yaml", yaml)]).unwrap_or_else(|faults| panic!("{faults}"));
    let backends = bot.backends().iter().map(|name| (name.clone(), format!("http://{name}.test"))).collect();
    Arc::new(Assistant::new(bot, Pronouncer::default(), None, &backends).expect("every back end has an address"))
}

pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).expect("a real time")
}

pub struct Caller {
    pub conversation: Conversation,
    pub turn: u32,
    /// What the bot did when the call was answered.
    pub greeting: Vec<Output>,
}

impl Caller {
    pub fn of(assistant: &Arc<Assistant>) -> Self {
        Self::with(assistant, &[])
    }

    /// A call that comes with variables.
    pub fn with(assistant: &Arc<Assistant>, variables: &[(&str, &str)]) -> Self {
        let conversation = Conversation::new(Arc::clone(assistant), 1);
        let mut caller = Self { conversation, turn: 0, greeting: Vec::new() };
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        caller.greeting = caller.event(CallEvent::Started(started(variables)));
        caller
    }

    pub fn event(&mut self, event: CallEvent) -> Vec<Output> {
        let input = CallInput { turn: TurnId(self.turn), budget: Duration::from_millis(100), event };
        self.conversation.handle(now(), input)
    }

    pub fn say(&mut self, text: &str) -> Vec<Output> {
        self.turn += 1;
        self.event(CallEvent::Final { hypothesis: words(text), promoted: false })
    }

    pub fn partial(&mut self, text: &str, revision: u32) -> Vec<Output> {
        self.event(CallEvent::Partial { hypothesis: words(text), revision })
    }

    pub fn press(&mut self, keys: &str) -> Vec<Output> {
        self.turn += 1;
        self.event(CallEvent::Keys(keys.to_owned().into()))
    }

    pub fn silence(&mut self) -> Vec<Output> {
        self.turn += 1;
        self.event(CallEvent::Silence(Duration::from_secs(6)))
    }

    pub fn done(&mut self, id: u64, json: serde_json::Value) -> Vec<Output> {
        self.conversation.action_done(now(), id, Ok(json))
    }

    pub fn trace(&self) -> Vec<String> {
        self.conversation.trace().map(|entry| entry.what.clone()).collect()
    }
}

pub fn started(variables: BTreeMap<String, String>) -> CallStarted {
    CallStarted {
        call: CallId::new("c1"),
        bot: String::new(),
        caller: Pii::new("13800138000".to_owned()),
        called: Pii::new("10086".to_owned()),
        variables,
    }
}

pub fn words(text: &str) -> Hypothesis {
    Hypothesis { text: text.to_owned().into(), confidence: 0.9, ..Hypothesis::default() }
}

pub fn acts(outputs: &[Output]) -> Vec<&TurnAct> {
    outputs.iter().filter_map(|output| if let Output::Act(act) = output { Some(act) } else { None }).collect()
}

pub fn text(outputs: &[Output]) -> String {
    acts(outputs).iter().filter_map(|act| if let Act::Say(say) = &act.act { Some(say.text()) } else { None }).collect()
}

pub fn requests(outputs: &[Output]) -> Vec<&ActionRequest> {
    outputs.iter().filter_map(|output| if let Output::Run(request) = output { Some(request) } else { None }).collect()
}

pub fn request(outputs: &[Output]) -> ActionRequest {
    let all = requests(outputs);
    assert_eq!(all.len(), 1, "{outputs:?}");
    all[0].clone()
}

pub fn completeness(outputs: &[Output]) -> Completeness {
    let of = |act: &&TurnAct| if let Act::Understanding(u) = &act.act { Some(u.completeness) } else { None };
    acts(outputs).iter().find_map(of).expect("an understanding")
}

pub fn closes(outputs: &[Output]) -> bool {
    let lasts: Vec<bool> = acts(outputs).iter().map(|act| act.last).collect();
    lasts.iter().filter(|last| **last).count() == 1 && lasts.last() == Some(&true)
}

/// The act that ends the turn.
pub fn last_act(outputs: &[Output]) -> Act {
    acts(outputs).last().expect("an act").act.clone()
}
