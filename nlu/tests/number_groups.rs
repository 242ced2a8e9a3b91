//! A phone number that is given in groups, over several turns: read back, put right, mixed with keys.

use chrono::{DateTime, Utc};
use hualu_core::dialogue::{Act, CallEvent, CallInput, CallStarted, Completeness, Expect, Hypothesis, SayAs};
use hualu_core::{CallId, TurnId};
use hualu_nlu::bot::Bot;
use hualu_nlu::dialogue::Output;
use hualu_nlu::script::{Mocks, TextChat};
use hualu_nlu::utterance::Pronouncer;
use hualu_nlu::{Assistant, Conversation};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const BOT: &str = "
bot: {id: numbers, entry: main}
nlu:
  intents:
    callback: {label: 回电, examples: [给我回电, 回个电话, 让人给我打过来, 我要留个号码, 登记回电]}
    balance: {label: 查话费, examples: [查话费, 我想查一下话费, 帮我查话费, 话费还有多少, 查余额]}
slots:
  number:
    type: phone
    chunked: true
    ask: 请说您的手机号码。
    confirm: explicit
    confirm_say: 您的号码是${number}，对吗？
flows:
  main: {steps: [{say: 您好。}, {choose: {options: []}}]}
  callback: {trigger: {intents: [callback]}, steps: [{collect: number}, {say: 已登记。}]}
  balance: {trigger: {intents: [balance]}, steps: [{say: 余额三十块。}]}
";

struct Caller(TextChat);

fn assistant() -> Arc<Assistant> {
    let bot = Bot::from_texts(&[("t.yaml", BOT)]).unwrap_or_else(|faults| panic!("{faults}"));
    Arc::new(Assistant::new(bot, Pronouncer::default(), None, &BTreeMap::new()).expect("no back end"))
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).expect("a real time")
}

impl Caller {
    fn asked() -> Self {
        let mut chat = TextChat::new(assistant(), now(), &Mocks::default());
        chat.start();
        assert!(chat.say("我要留个号码").text.contains("手机号码"));
        Self(chat)
    }

    fn hears(&mut self, says: &str, wanted: &str) -> &mut Self {
        let reply = self.0.say(says);
        assert!(reply.text.contains(wanted), "{says}: `{wanted}` is not in `{}`", reply.text);
        self
    }

    fn number(&self) -> Option<String> {
        self.0.conversation().value("number").map(hualu_core::Pii::into_revealed)
    }
}

#[test]
fn groups_are_read_back_and_the_whole_is_confirmed() {
    let mut caller = Caller::asked();
    caller.hears("幺三八", "138，请继续").hears("嗯零零幺七", "0017，请继续");
    caller.hears("不对是三不是七", "改为1380013").hears("八零零零", "您的号码是13800138000，对吗");
    caller.hears("对", "已登记");
}

#[test]
fn half_a_number_is_never_taken() {
    let mut caller = Caller::asked();
    caller.hears("幺三八零零", "13800，请继续").hears("没有了", "还差6位");
    assert_eq!(caller.number(), None);
    caller.hears("幺零零八六", "请继续");
    assert_eq!(caller.number(), None);
}

#[test]
fn a_whole_number_is_put_right_when_it_is_read_back() {
    let mut caller = Caller::asked();
    caller.hears("幺三八零零幺三八零零零", "13800138000，对吗").hears("不对最后一位是八", "13800138008，对吗");
    caller.hears("幺三八零零", "13800138008，对吗").hears("对的", "已登记");
}

#[test]
fn another_matter_comes_between_and_the_groups_are_kept() {
    let mut caller = Caller::asked();
    caller.hears("幺三八零零幺三", "请继续").hears("帮我查话费", "余额三十块").hears("八零零零", "13800138000，对吗");
}

#[test]
fn keys_go_on_where_the_voice_stopped_and_may_begin_anew() {
    let mut caller = Caller::asked();
    caller.hears("幺三八零零幺三", "请继续");
    assert!(caller.0.press("8000").text.contains("13800138000，对吗"));
    let mut anew = Caller::asked();
    anew.hears("幺三八零零幺三", "请继续");
    assert!(anew.0.press("13800138000").text.contains("13800138000，对吗"));
    let mut keys_first = Caller::asked();
    keys_first.0.press("1380013");
    keys_first.hears("八零零零", "13800138000，对吗");
}

#[test]
fn the_endpointer_is_told_that_digits_are_missing() {
    let mut conversation = Conversation::new(assistant(), 0);
    let mut turn = 0;
    let mut tell = |event| {
        turn += 1;
        let input = CallInput { turn: TurnId(turn), budget: Duration::from_millis(100), event };
        let outputs = conversation.handle(now(), input).into_iter();
        outputs.filter_map(|o| if let Output::Act(act) = o { Some(act.act) } else { None }).collect::<Vec<Act>>()
    };
    let said = |text: &str| Hypothesis { text: text.to_owned().into(), confidence: 0.9, ..Hypothesis::default() };
    tell(CallEvent::Started(CallStarted {
        call: CallId::new("c1"),
        bot: String::new(),
        caller: String::new().into(),
        called: String::new().into(),
        variables: BTreeMap::new(),
    }));
    let acts = tell(CallEvent::Final { hypothesis: said("我要留个号码"), promoted: false });
    let asks = acts.iter().find_map(|act| if let Act::Ask(ask) = act { Some(ask.expect) } else { None });
    assert_eq!(asks, Some(Expect::Digits { len_min: 1, len_max: 12 }));
    for (text, wanted) in [
        ("幺三八", Completeness::Unfinished),
        ("幺三八零零幺三八零零", Completeness::Unfinished),
        ("幺三八零零幺三八零零零", Completeness::Complete),
        ("等一下我看看", Completeness::Complete),
    ] {
        let acts = tell(CallEvent::Partial { hypothesis: said(text), revision: 1 });
        let heard = acts.iter().find_map(|act| if let Act::Understanding(heard) = act { Some(heard) } else { None });
        assert_eq!(heard.map(|heard| heard.completeness), Some(wanted), "{text}");
    }
    let acts = tell(CallEvent::Final { hypothesis: said("幺三八"), promoted: false });
    let digits = acts.iter().find_map(|act| if let Act::Say(say) = act { say.spans.first() } else { None });
    assert_eq!(digits.map(|span| span.say_as), Some(SayAs::Digits), "read back digit by digit");
}

#[test]
fn a_silent_caller_is_asked_for_the_rest() {
    let mut caller = Caller::asked();
    caller.hears("幺三八零零幺三", "请继续");
    let reply = caller.0.keep_silent();
    assert!(reply.text.contains("刚才记到1380013"), "{}", reply.text);
}
