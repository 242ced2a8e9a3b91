//! How patient the bot is with an answer: set for the bot, a flow or one step, checked by the compiler, sent with each
//! question.

use chrono::DateTime;
use hualu_core::dialogue::{Act, Ask, CallEvent, CallInput, CallStarted, Expect, Hypothesis, Pauses, Say};
use hualu_core::{CallId, TurnId};
use hualu_nlu::bot::Bot;
use hualu_nlu::dialogue::Output;
use hualu_nlu::utterance::Pronouncer;
use hualu_nlu::{Assistant, Conversation};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const BOT: &str = "
bot: {id: t, entry: main, listen: {unknown_ms: 400, no_input_ms: 5000}}
nlu: {intents: {report: {examples: [报障, 我要报障, 宽带坏了]}}}
slots:
  phone: {type: phone, ask: 请说您的手机号码。}
flows:
  main: {steps: [{say: 您好。}, {choose: {options: []}}]}
  report:
    trigger: {intents: [report]}
    listen: {unfinished_ms: 2500}
    steps:
      - {confirm: 是您本人报障吗？, barge_in: false}
      - {collect: phone, listen: {unfinished_ms: 4000, no_input_ms: 9000}}
      - {end: done}
";

struct Caller(Conversation, u32);

impl Caller {
    fn new() -> Self {
        Self::of(BOT)
    }

    fn of(yaml: &str) -> Self {
        let bot = Bot::from_texts(&[("t.yaml", yaml)]).unwrap_or_else(|faults| panic!("{faults}"));
        let assistant = Assistant::new(bot, Pronouncer::default(), None, &BTreeMap::new()).expect("no back end");
        Self(Conversation::new(Arc::new(assistant), 1), 0)
    }

    fn tell(&mut self, event: CallEvent) -> (Vec<Say>, Option<Ask>) {
        let now = DateTime::from_timestamp(1_795_000_000, 0).expect("a real time");
        let input = CallInput { turn: TurnId(self.1), budget: Duration::from_millis(100), event };
        self.1 += 1;
        let (mut says, mut asked) = (Vec::new(), None);
        for output in self.0.handle(now, input) {
            match output {
                Output::Act(act) => match act.act {
                    Act::Say(say) => says.push(say),
                    Act::Ask(ask) => asked = Some(ask),
                    _ => {}
                },
                other => panic!("no back end is called: {other:?}"),
            }
        }
        (says, asked)
    }

    fn start(&mut self) -> (Vec<Say>, Option<Ask>) {
        self.tell(CallEvent::Started(CallStarted {
            call: CallId::new("c1"),
            bot: String::new(),
            caller: String::new().into(),
            called: String::new().into(),
            variables: BTreeMap::new(),
        }))
    }

    fn say(&mut self, text: &str) -> (Vec<Say>, Option<Ask>) {
        let hypothesis = Hypothesis { text: text.to_owned().into(), confidence: 0.9, ..Hypothesis::default() };
        self.tell(CallEvent::Final { hypothesis, promoted: false })
    }
}

fn ms(ms: u64) -> Option<Duration> {
    Some(Duration::from_millis(ms))
}

#[test]
fn a_step_is_as_patient_as_it_says_and_else_as_its_flow_and_its_bot() {
    let mut caller = Caller::new();
    let (_, asked) = caller.start();
    let bot = Pauses { unknown: ms(400), ..Pauses::default() };
    let expected = Ask { expect: Expect::Free, no_input: Duration::from_millis(5_000), pauses: bot };
    assert_eq!(asked, Some(expected));
    let (_, asked) = caller.say("我要报障");
    let flow = Pauses { unfinished: ms(2_500), ..bot };
    assert_eq!(asked, Some(Ask { expect: Expect::YesNo, no_input: Duration::from_millis(5_000), pauses: flow }));
    let (_, asked) = caller.say("是的");
    let step = Pauses { unfinished: ms(4_000), ..bot };
    let asked = asked.expect("the number is asked for");
    assert_eq!((asked.no_input, asked.pauses), (Duration::from_millis(9_000), step));
}

#[test]
fn a_question_may_forbid_to_be_interrupted() {
    let mut caller = Caller::new();
    let (says, _) = caller.start();
    assert!(says.iter().all(|say| say.interruptible));
    let (says, _) = caller.say("我要报障");
    assert!(!says.is_empty() && says.iter().all(|say| !say.interruptible));
    let (says, _) = caller.say("是的");
    assert!(says.iter().all(|say| say.interruptible), "the next one may be interrupted again");
}

#[test]
fn each_clause_says_how_it_sounds() {
    let mut caller = Caller::new();
    caller.start();
    let (says, _) = caller.say("我要报障");
    assert_eq!(says[0].pinyin, "shi nin ben ren bao zhang ma");
}

#[test]
fn a_bot_that_does_not_say_leaves_the_wait_to_the_gateway() {
    let wait = |yaml: &str| Caller::of(yaml).start().1.map(|ask| ask.no_input);
    assert_eq!(wait(&BOT.replace(", no_input_ms: 5000", "")), Some(Duration::ZERO), "zero is the gateway's own");
    let of_the_bot = BOT.replace("listen: {unknown_ms: 400, no_input_ms: 5000}", "no_input_ms: 7000");
    assert_eq!(wait(&of_the_bot), ms(7_000));
}

#[test]
fn no_input_is_counted_for_each_question() {
    let mut caller = Caller::new();
    caller.start();
    let silence = || CallEvent::Silence(Duration::from_secs(5));
    let quiet = |caller: &mut Caller| caller.tell(silence()).1.is_some();
    assert!(quiet(&mut caller) && quiet(&mut caller), "twice it is asked again");
    caller.say("我要报障");
    assert!(quiet(&mut caller) && quiet(&mut caller), "another question begins anew");
    assert!(!quiet(&mut caller), "the third time in a row the call ends");
}

#[test]
fn pauses_out_of_limits_or_order_are_refused_with_their_line() {
    let text = "
bot: {id: t, entry: main, listen: {complete_ms: 5, unknown_ms: 2000}}
flows:
  main:
    steps:
      - {say: 您好。, listen: {unknown_ms: 500}}
      - {choose: {options: []}, listen: {unknown_ms: 900, unfinished_ms: 800}}
      - {end: done}
  other:
    listen: {unfinished_ms: 1500}
    steps: [{choose: {options: []}, listen: {no_input: 5}}]
";
    let faults = Bot::from_texts(&[("bot.yaml", text)]).expect_err("the bot is faulty").0;
    let found: Vec<(u32, &str, &str)> =
        faults.iter().map(|fault| (fault.line, fault.field.as_str(), fault.reason.as_str())).collect();
    let has = |line: u32, field: &str, reason: &str| {
        assert!(
            found.iter().any(|(l, f, r)| *l == line && f.contains(field) && r.contains(reason)),
            "{line} {field} {reason}: {found:#?}"
        );
    };
    has(2, "bot.listen.complete_ms", "5 is outside 120..=1500");
    has(6, "flows.main.steps[0].listen", "unknown key");
    has(7, "listen", "`unknown_ms` (900) is longer than `unfinished_ms` (800)");
    has(11, "listen.no_input", "unknown key");
    has(11, "flows.other", "listens out of order: `unknown_ms` (2000) is longer than `unfinished_ms` (1500)");
}
