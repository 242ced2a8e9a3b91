//! Short answers and words that trail off: what a question makes of them, and how long the caller is waited for.

use chrono::DateTime;
use hualu_core::dialogue::{Act, CallEvent, CallInput, CallStarted, Completeness, Hypothesis, Understanding};
use hualu_core::{CallId, TurnId};
use hualu_nlu::bot::Bot;
use hualu_nlu::dialogue::Output;
use hualu_nlu::utterance::Pronouncer;
use hualu_nlu::{Assistant, Conversation};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A bot with few intents, where those that every bot knows win easily.
const ASKS: &str = "
bot: {id: asks, entry: main}
nlu:
  intents:
    person: {examples: [转人工, 我要转人工, 人工服务, 找人工客服, 帮我转人工]}
    thanks: {examples: [谢谢, 谢谢你, 多谢, 谢谢您]}
flows:
  main:
    steps:
      - {say: 您好。}
      - {label: ask, confirm: 请问您的宽带修好了吗？, yes: [{say: 太好了。}, {goto: ask}], no: [{say: 我记下了。}, {goto: ask}]}
  person: {trigger: {intents: [person]}, steps: [{say: 为您转接。}]}
  thanks: {trigger: {intents: [thanks]}, steps: [{say: 不客气。}]}
";

/// A bot that waits for whatever comes and has no words for a no.
const LISTENS: &str = "
bot: {id: listens, entry: main}
nlu:
  intents:
    balance: {label: 查话费, examples: [查话费, 我想查一下话费, 帮我查话费, 话费还有多少, 查余额]}
    wait: {label: 等一下, examples: [等一下, 等一等, 先等一下, 停一下]}
flows:
  main:
    steps:
      - {say: 您好。}
      - label: menu
        choose:
          options:
            - {intent: balance, steps: [{say: 余额三十块。}, {goto: menu}]}
            - {intent: wait, steps: [{say: 好的，您请说。}, {goto: menu}]}
            - {intent: affirm, steps: [{say: 请讲。}, {goto: menu}]}
";

/// Two errands with a word in common.
const ERRANDS: &str = "
bot: {id: errands, entry: main}
nlu:
  bands: {accept: 0.6, clarify: -0.9, oos: -1.5}
  intents:
    usage: {label: 查流量, examples: [查流量, 我想查流量, 流量还有多少, 流量用了多少]}
    plan: {label: 换套餐, examples: [换套餐, 我想换套餐, 套餐换一个, 改套餐]}
flows:
  main: {steps: [{say: 您好。}, {choose: {options: []}}]}
  usage: {trigger: {intents: [usage]}, steps: [{say: 流量在这里。}]}
  plan: {trigger: {intents: [plan]}, steps: [{say: 换套餐在这里。}]}
";

struct Caller(Conversation, u32);

impl Caller {
    fn of(yaml: &str) -> Self {
        let bot = Bot::from_texts(&[("t.yaml", yaml)]).unwrap_or_else(|faults| panic!("{faults}"));
        let assistant = Assistant::new(bot, Pronouncer::default(), None, &BTreeMap::new()).expect("no back end");
        let mut caller = Self(Conversation::new(Arc::new(assistant), 1), 0);
        caller.tell(CallEvent::Started(CallStarted {
            call: CallId::new("c1"),
            bot: String::new(),
            caller: String::new().into(),
            called: String::new().into(),
            variables: BTreeMap::new(),
        }));
        caller
    }

    fn tell(&mut self, event: CallEvent) -> Vec<Act> {
        let now = DateTime::from_timestamp(1_795_000_000, 0).expect("a real time");
        let input = CallInput { turn: TurnId(self.1), budget: Duration::from_millis(100), event };
        let acts = self.0.handle(now, input).into_iter();
        acts.filter_map(|output| if let Output::Act(act) = output { Some(act.act) } else { None }).collect()
    }

    /// The reply to a whole sentence.
    fn say(&mut self, text: &str) -> String {
        self.1 += 1;
        let acts = self.tell(CallEvent::Final { hypothesis: words(text), promoted: false });
        acts.iter().filter_map(|act| if let Act::Say(say) = act { Some(say.text()) } else { None }).collect()
    }

    /// Whether these words sound finished.
    fn sounds(&mut self, text: &str) -> Completeness {
        let acts = self.tell(CallEvent::Partial { hypothesis: words(text), revision: 1 });
        let judged = acts.iter().find_map(|act| match act {
            Act::Understanding(Understanding { completeness, .. }) => Some(*completeness),
            _ => None,
        });
        judged.expect("a partial is judged")
    }
}

fn words(text: &str) -> Hypothesis {
    Hypothesis { text: text.to_owned().into(), confidence: 0.9, ..Hypothesis::default() }
}

#[test]
fn a_plain_no_answers_the_question_whatever_else_it_sounds_like() {
    for no in ["没有", "没有没有", "不是", "没", "还没有", "没有啊"] {
        assert!(Caller::of(ASKS).say(no).starts_with("我记下了"), "{no}: {}", Caller::of(ASKS).say(no));
    }
}

#[test]
fn digits_answer_no_yes_or_no_question() {
    for digits in ["幺八六", "一三九二五六七", "五", "三十九", "八零零零"] {
        let reply = Caller::of(ASKS).say(digits);
        assert!(!reply.starts_with("我记下了") && !reply.starts_with("太好了"), "{digits}: {reply}");
        assert!(!reply.is_empty(), "{digits}");
    }
}

#[test]
fn one_syllable_never_cancels_and_no_turn_ends_in_silence() {
    for sound in ["了", "呵", "咳", "退", "算", "取消", "算了不办了", "的", "停"] {
        let reply = Caller::of(LISTENS).say(sound);
        assert!(!reply.is_empty(), "{sound}");
        let is_one = sound.chars().count() == 1;
        assert!(!is_one || !reply.contains("取消"), "{sound}: {reply}");
    }
}

#[test]
fn between_two_intents_that_are_equally_near_the_caller_is_asked_which() {
    let mut caller = Caller::of(ERRANDS);
    assert_eq!(caller.say("流量套餐那个"), "您是要查流量，还是换套餐？");
    assert_eq!(caller.say("第二个"), "换套餐在这里。");
}

#[test]
fn words_that_trail_off_are_waited_for() {
    let unfinished = ["嗯那个", "嗯，那个", "麻烦你给我查一下", "帮我查一下", "你好我想问一下", "我想", "对那个"];
    for text in unfinished {
        assert_eq!(Caller::of(LISTENS).sounds(text), Completeness::Unfinished, "{text}");
    }
    for text in ["帮忙看看我", "你好我这边", "就是我上个月的"] {
        assert_eq!(Caller::of(ERRANDS).sounds(text), Completeness::Unfinished, "{text}");
    }
    for text in ["嗯", "对", "我想查一下话费", "话费帮我查一下", "等一下"] {
        assert_eq!(Caller::of(LISTENS).sounds(text), Completeness::Complete, "{text}");
    }
}

#[test]
fn digits_at_a_yes_no_question_are_neither_yes_nor_no() {
    for text in ["幺三八零零幺三八零零零", "八八七二", "三五七九二四", "二零二幺"] {
        let reply = Caller::of(ASKS).say(text);
        assert!(!reply.starts_with("我记下了") && !reply.starts_with("太好了"), "{text}: {reply}");
    }
}
