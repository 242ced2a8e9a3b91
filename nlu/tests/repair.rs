//! What a conversation puts right: values that were taken down wrongly, words that were never heard, and the keypad where
//! speech fails.

mod support;

use hualu_core::dialogue::{CallEvent, Heard};
use hualu_core::{ClauseId, TurnId};
use hualu_nlu::Assistant;
use serde_json::json;
use std::sync::{Arc, LazyLock};
use support::{Caller, acts, assistant, request, requests, text, words};

const BOT: &str = r##"
bot: {id: t, entry: main}
nlu:
  bands: {accept: 0.3, clarify: -0.2, oos: -0.5}
  intents:
    plan: {label: 换套餐, examples: [换套餐, 我要换套餐, 改套餐, 我想换个套餐]}
    visit: {label: 约师傅, examples: [约师傅上门, 预约上门维修, 叫师傅来修]}
slots:
  fee: {type: money, ask: 要多少钱的？, validate: {expr: "fee in [59, 129]", say: 没有这一档。}}
  code: {type: code, ask: 请说验证码。}
  area: {type: area, ask: 在哪个区？}
  day: {type: date, ask: 哪一天？, validate: {expr: "day > now()", say: 已经过了。}}
  hour: {type: time, ask: 几点？}
  at: {type: datetime, ask: 什么时候？}
entities:
  code: {kind: digits, length: 6}
  area: {kind: list, values: [城东, 城西, 城南]}
actions:
  check: {http: {post: "${crm}/check"}, args: {fee: fee}, safe: true, result: {penalty: penalty}}
  change: {http: {post: "${crm}/change"}, args: {fee: fee}, requires: [confirm]}
policies: {handoff: {on: []}}
flows:
  main:
    steps:
      - {say: 本次通话会录音。, must_say: true}
      - {choose: {options: []}}
  plan:
    trigger: {intents: [plan]}
    steps:
      - {collect: fee}
      - {call: check}
      - {set: {total: penalty * 2}}
      - {confirm: "${fee}元的，违约金${penalty}元，知道了吗？", set: told}
      - {collect: code}
      - {call: change, ok: [{say: 好了。}], error: [{say: 没有办成。}]}
  visit:
    trigger: {intents: [visit]}
    steps:
      - {collect: area}
      - {collect: day}
      - {collect: hour}
      - {collect: at}
      - {say: "${area}，${day}，${hour}，${at}。"}
"##;

static ASSISTANT: LazyLock<Arc<Assistant>> = LazyLock::new(|| assistant(BOT));

fn caller() -> Caller {
    Caller::of(&ASSISTANT)
}

/// To the question for the code, with everything agreed.
fn at_code() -> Caller {
    let mut caller = caller();
    caller.say("换套餐");
    let id = request(&caller.say("五十九的")).id;
    caller.done(id, json!({"penalty": 10}));
    let outputs = caller.say("好的");
    assert!(text(&outputs).contains("请说验证码"), "{}", text(&outputs));
    caller
}

#[test]
fn a_correction_of_an_earlier_value_is_heard_while_another_is_awaited() {
    let mut caller = at_code();
    assert_eq!(caller.conversation.value("total").map(|v| v.into_revealed()).as_deref(), Some("20"));
    let check = request(&caller.say("不对，套餐换成一百二十九的"));
    assert_eq!(check.body.reveal(), r#"{"fee":129}"#);
    for name in ["penalty", "total", "told"] {
        assert!(caller.conversation.value(name).is_none(), "{name} depended on the old value");
    }
    let outputs = caller.done(check.id, json!({"penalty": 30}));
    assert!(text(&outputs).contains("129元的，违约金30元"), "{}", text(&outputs));
    assert!(caller.trace().iter().any(|what| what == "correct fee"), "{:?}", caller.trace());
}

#[test]
fn after_a_correction_the_old_agreement_orders_nothing() {
    let mut caller = at_code();
    let check = request(&caller.say("不对，套餐换成一百二十九的"));
    caller.done(check.id, json!({"penalty": 30}));
    caller.say("不用了");
    let outputs = caller.say("三五七九二四");
    assert!(requests(&outputs).is_empty() && text(&outputs).contains("没有办成"), "{outputs:?}");
}

#[test]
fn a_value_for_the_awaited_slot_is_no_correction_of_another() {
    let mut caller = at_code();
    let outputs = caller.say("不对，是三五七九二四");
    assert_eq!(request(&outputs).action, "change", "the agreement of 59 still stands");
}

/// A final that belongs to `turn`, whatever came since.
fn late(caller: &mut Caller, turn: u32, words_of: &str) -> Vec<hualu_nlu::dialogue::Output> {
    let now = caller.turn;
    caller.turn = turn;
    let outputs = caller.event(CallEvent::Final { hypothesis: words(words_of), promoted: false });
    caller.turn = now;
    outputs
}

fn part(text: &str, complete: bool) -> Heard {
    Heard { clause: ClauseId(1), text: text.to_owned().into(), complete }
}

#[test]
fn a_notice_is_not_lost_with_an_answer_to_a_turn_that_is_over() {
    let mut caller = caller();
    caller.event(CallEvent::BargeIn(part("本次", false)));
    caller.turn = 2;
    caller.partial("喂", 1);
    let outputs = late(&mut caller, 1, "换套餐");
    assert!(!text(&outputs).contains("录音"), "the call drops this answer: {}", text(&outputs));
    caller.turn = 1;
    assert!(text(&caller.say("五十九的")).starts_with("本次通话会录音。"));
}

#[test]
fn a_notice_whose_answer_was_dropped_is_said_with_the_next() {
    let mut caller = caller();
    caller.event(CallEvent::BargeIn(part("本次", false)));
    assert!(text(&caller.say("换套餐")).starts_with("本次通话会录音。"));
    // Nothing of that answer was heard: the call had left the turn before it came.
    let outputs = caller.say("五十九的");
    assert!(text(&outputs).starts_with("本次通话会录音。"), "{}", text(&outputs));
    caller.event(CallEvent::Heard(part("本次通话会录音。", true)));
    assert!(!text(&caller.say("阿巴")).contains("录音"));
}

#[test]
fn a_call_that_never_tells_what_was_heard_is_not_told_twice() {
    let mut caller = caller();
    assert!(!text(&caller.say("换套餐")).contains("录音"));
}

#[test]
fn what_was_heard_of_an_old_reply_takes_no_answer_back_to_its_turn() {
    let mut caller = caller();
    caller.say("换套餐");
    let check = request(&caller.say("五十九的"));
    let input = hualu_core::dialogue::CallInput {
        turn: TurnId(1),
        budget: std::time::Duration::from_millis(100),
        event: CallEvent::Heard(part("要多少钱的？", true)),
    };
    caller.conversation.handle(support::now(), input);
    let outputs = caller.done(check.id, json!({"penalty": 0}));
    assert!(acts(&outputs).iter().all(|act| act.turn == TurnId(2)), "{outputs:?}");
}

#[test]
fn lists_days_and_times_have_a_twin_on_the_keypad() {
    let mut caller = caller();
    caller.say("约师傅上门");
    assert!(text(&caller.press("2")).contains("哪一天"), "the second of the list");
    // The test's clock shows 18 November 2026.
    assert!(text(&caller.press("0105")).contains("几点"));
    assert!(text(&caller.press("1430")).contains("什么时候"));
    let said = text(&caller.press("12010900"));
    assert!(said.contains("城西，2027-01-05，14:30，2026-12-0109:00。"), "{said}");
}

#[test]
fn keys_that_are_no_day_are_not_taken_for_one() {
    let mut caller = caller();
    caller.say("约师傅上门");
    caller.press("2");
    let outputs = caller.press("1340");
    assert!(text(&outputs).contains("没听清") && caller.conversation.value("day").is_none(), "{}", text(&outputs));
}

#[test]
fn keys_pressed_ahead_agree_to_nothing() {
    let yaml = BOT.replace("- {collect: code}", "- {collect: fee}").replace(
        "  visit:\n",
        "  order:\n    trigger: {dtmf: \"7\"}\n    steps: [{collect: code}, {confirm: 确认吗？, yes: [{call: change, ok: [{say: 好了。}]}]}]\n  visit:\n",
    );
    let mut caller = Caller::of(&assistant(&yaml));
    let outputs = caller.press("73579241");
    assert!(requests(&outputs).is_empty() && text(&outputs).ends_with("确认吗？"), "{}", text(&outputs));
    assert_eq!(request(&caller.press("1")).action, "change");
}

#[test]
fn words_from_before_a_question_agree_to_nothing() {
    let mut caller = caller();
    caller.say("换套餐");
    let id = request(&caller.say("五十九的")).id;
    assert!(text(&caller.done(id, json!({"penalty": 10}))).contains("知道了吗"));
    let outputs = late(&mut caller, 1, "好的");
    assert!(text(&outputs).is_empty() && support::closes(&outputs), "{outputs:?}");
    assert!(caller.conversation.value("told").is_none());
}
