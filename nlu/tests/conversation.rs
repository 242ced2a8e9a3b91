//! The engine's promises, one test each.

mod support;

use hualu_core::dialogue::{Act, Alternative, CallEvent, CallStarted, Completeness, Expect, Heard, Hypothesis};
use hualu_core::{CallId, ClauseId, Pii, TurnId};
use hualu_nlu::Assistant;
use hualu_nlu::dialogue::{ActionFault, Output};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use support::{Caller, acts, assistant, closes, completeness, now, request, requests, text, words};

const BOT: &str = r##"
bot: {id: t, entry: main}
nlu:
  bands: {accept: 0.3, clarify: -0.2, oos: -0.5}
  intents:
    plan: {label: 换套餐, examples: [换套餐, 我要换套餐, 改套餐, 我想换个套餐, 换五十九的套餐]}
    balance: {label: 查话费, examples: [查话费, 话费还有多少, 查一下余额, 余额还剩多少]}
    verify: {label: 办验证, examples: [我要验证身份, 办理身份验证, 身份验证]}
    person: {global: true, examples: [转人工, 人工服务, 找人工客服]}
slots:
  fee: {type: money, ask: 要多少钱的？, validate: {expr: "fee in [59, 129]", say: 没有这一档。}, dtmf: {map: {"1": 59}}}
  code: {type: code, ask: 请说验证码。, dtmf: {length: 6}, sensitive: true}
entities:
  code: {kind: digits, length: 6}
actions:
  get_balance: {http: {get: "${crm}/balance?n=${call.ani}"}, safe: true, result: {balance: balance}}
  check: {http: {post: "${crm}/check"}, args: {fee: fee}, safe: true, result: {effective: effective}}
  change: {http: {post: "${crm}/change"}, args: {fee: fee}, requires: [confirm], idempotency: "${call.id}:change", result: {order: order}}
policies:
  handoff: {queue: general, on: ["intent:person x1"]}
  global_intents: {}
flows:
  main:
    steps:
      - {say: 您好，本次通话会录音。, must_say: true}
      - {choose: {again: 还有什么可以帮您？, options: []}}
  plan:
    trigger: {intents: [plan]}
    steps:
      - {collect: fee}
      - {call: check}
      - confirm: "换成${fee}元的，${effective}生效，确认吗？"
        yes: [{call: change, ok: [{say: "好了，单号${order|digits}。"}], error: [{say: 没有办成。}]}]
        no: [{say: 没有办。}]
  balance: {trigger: {intents: [balance]}, steps: [{call: get_balance, ok: [{say: "余额${balance|money}。"}], error: [{say: 查不到。}]}]}
  verify: {trigger: {intents: [verify]}, steps: [{collect: code}, {say: "验证码是${code}。"}, {handoff: verified}]}
"##;

static ASSISTANT: LazyLock<Arc<Assistant>> = LazyLock::new(|| assistant(BOT));

/// To the question whether 59 yuan is right.
fn at_confirm() -> Caller {
    let mut caller = new();
    let id = request(&caller.say("换五十九块的套餐")).id;
    let outputs = caller.done(id, json!({"effective": "明天"}));
    assert!(text(&outputs).contains("换成59元的"), "{}", text(&outputs));
    caller
}

fn new() -> Caller {
    Caller::of(&ASSISTANT)
}

#[test]
fn an_order_carries_its_key_and_goes_out_only_after_a_yes() {
    let mut caller = at_confirm();
    let outputs = caller.say("确认");
    let order = request(&outputs);
    assert_eq!(order.action, "change");
    assert_eq!(order.body.reveal(), r#"{"fee":59}"#);
    assert_eq!(order.idempotency.map(Pii::into_revealed).as_deref(), Some("c1:change"));
    assert!(!closes(&outputs), "the turn stays open while the order runs");
    let outputs = caller.done(order.id, json!({"order": "778899"}));
    assert!(text(&outputs).contains("单号778899") && closes(&outputs));
}

#[test]
fn a_correction_asks_again_and_the_old_yes_is_void() {
    let mut caller = at_confirm();
    let check = request(&caller.say("不对，换成一百二十九的"));
    assert_eq!((check.action.as_str(), check.body.reveal().as_str()), ("check", r#"{"fee":129}"#));
    let outputs = caller.done(check.id, json!({"effective": "后天"}));
    assert!(text(&outputs).contains("换成129元的，后天生效"), "{}", text(&outputs));
    let order = request(&caller.say("好的"));
    assert_eq!((order.action.as_str(), order.body.reveal().as_str()), ("change", r#"{"fee":129}"#));
}

#[test]
fn a_guess_runs_queries_early_and_the_turn_uses_their_result() {
    let mut caller = new();
    caller.turn = 1;
    assert!(requests(&caller.partial("嗯", 1)).is_empty());
    assert!(requests(&caller.partial("话费还有多少", 2)).is_empty(), "heard once is not stable");
    let early = request(&caller.partial("话费还有多少", 3));
    assert_eq!(early.action, "get_balance");
    let guess = caller.done(early.id, json!({"balance": 12.5}));
    assert!(text(&guess).contains("余额12.5"));
    assert!(acts(&guess).iter().all(|act| act.revision == 3));
    let outputs = caller.event(CallEvent::Final { hypothesis: words("话费还有多少"), promoted: false });
    assert!(requests(&outputs).is_empty(), "the result is there");
    assert!(text(&outputs).contains("余额12.5") && closes(&outputs));
    let says = |outputs: &[Output]| {
        acts(outputs)
            .iter()
            .filter_map(|act| if let Act::Say(say) = &act.act { Some(say.clone()) } else { None })
            .next()
    };
    assert_eq!(says(&guess), says(&outputs), "so that its audio can be made ahead");
}

#[test]
fn a_guess_changes_nothing_and_orders_nothing() {
    let mut caller = at_confirm();
    caller.turn += 1;
    for revision in 1..=4 {
        let outputs = caller.partial("好的", revision);
        assert!(requests(&outputs).is_empty() && text(&outputs).is_empty(), "{outputs:?}");
    }
    let outputs = caller.event(CallEvent::Final { hypothesis: words("好的不用了"), promoted: false });
    assert!(requests(&outputs).is_empty());
    assert!(text(&outputs).contains("没有办"), "{}", text(&outputs));
}

#[test]
fn a_result_that_comes_while_the_caller_speaks_waits_for_the_words() {
    let mut caller = new();
    let id = request(&caller.say("查话费")).id;
    caller.turn += 1;
    caller.partial("喂", 1);
    assert!(caller.done(id, json!({"balance": 3})).is_empty());
    let outputs = caller.event(CallEvent::Final { hypothesis: words("喂"), promoted: false });
    assert!(text(&outputs).contains("余额3"), "{}", text(&outputs));
    assert!(closes(&outputs) && acts(&outputs).iter().all(|act| act.turn == TurnId(2)));
}

#[test]
fn a_person_is_within_reach_even_while_an_order_runs() {
    let mut caller = at_confirm();
    let order = request(&caller.say("确认")).id;
    let outputs = caller.say("转人工");
    assert!(matches!(&acts(&outputs).last().expect("an act").act, Act::Transfer { target, .. } if target == "general"));
    assert!(caller.done(order, json!({"order": "1"})).is_empty());
}

#[test]
fn a_failed_action_takes_its_error_branch() {
    let mut caller = new();
    let id = request(&caller.say("查话费")).id;
    let outputs = caller.conversation.action_done(now(), id, Err(ActionFault::Timeout));
    assert!(text(&outputs).contains("查不到") && closes(&outputs));
}

#[test]
fn completeness_follows_the_awaited_answer() {
    let mut caller = new();
    caller.turn = 1;
    assert_eq!(completeness(&caller.partial("我想", 1)), Completeness::Unfinished);
    assert_eq!(completeness(&caller.partial("我想换个套餐", 2)), Completeness::Complete);
    let outputs = caller.say("身份验证");
    assert!(
        acts(&outputs)
            .iter()
            .any(|act| matches!(&act.act, Act::Ask(ask) if ask.expect == Expect::Digits { len_min: 6, len_max: 6 }))
    );
    caller.turn += 1;
    assert_eq!(completeness(&caller.partial("三五七", 1)), Completeness::Unfinished);
    assert_eq!(completeness(&caller.partial("三五七九二四", 2)), Completeness::Complete);
}

#[test]
fn half_a_sentence_is_waited_for() {
    let mut caller = new();
    caller.turn += 1;
    let half = [
        "我想",
        "我想问一下你们那个",
        "嗯那个",
        "嗯",
        "我那个然后",
        "就是",
        "你们宽带的",
        "麻烦你把",
        "因为",
        "我那个套餐就",
    ];
    for (revision, text) in (1..).zip(half) {
        assert_eq!(completeness(&caller.partial(text, revision)), Completeness::Unfinished, "{text}");
    }
    let whole = ["查话费", "转人工", "我要换套餐"];
    for (revision, text) in (50..).zip(whole) {
        assert_eq!(completeness(&caller.partial(text, revision)), Completeness::Complete, "{text}");
    }
}

#[test]
fn one_word_is_a_whole_answer_to_yes_or_no() {
    let mut caller = at_confirm();
    caller.turn += 1;
    for (revision, text) in (1..).zip(["对", "嗯", "好的", "不是", "不用了", "可以"]) {
        assert_eq!(completeness(&caller.partial(text, revision)), Completeness::Complete, "{text}");
    }
    assert_eq!(completeness(&caller.partial("不是换成", 9)), Completeness::Unfinished);
}

#[test]
fn a_query_of_a_stable_guess_is_asked_once_and_counted() {
    let mut caller = new();
    caller.turn += 1;
    caller.partial("查话费", 1);
    let id = request(&caller.partial("查话费吧", 2)).id;
    caller.done(id, json!({"balance": 50}));
    let outputs = caller.event(CallEvent::Final { hypothesis: words("查话费吧"), promoted: false });
    assert!(text(&outputs).contains("余额"), "the result was there: {}", text(&outputs));
    let guesses = caller.conversation.speculation();
    assert_eq!((guesses.sent, guesses.used), (1, 1));
    caller.turn += 1;
    caller.partial("查话费", 1);
    caller.partial("查话费吧", 2);
    caller.event(CallEvent::Final { hypothesis: words("转人工"), promoted: false });
    let guesses = caller.conversation.speculation();
    assert_eq!((guesses.sent, guesses.used), (2, 1), "the second was for nothing");
}

#[test]
fn a_number_that_may_go_on_is_not_called_complete() {
    let mut caller = new();
    caller.say("换套餐");
    caller.turn += 1;
    assert_eq!(completeness(&caller.partial("一百", 1)), Completeness::Unfinished);
    assert_eq!(completeness(&caller.partial("一百二十九", 2)), Completeness::Complete);
    assert_eq!(completeness(&caller.partial("五十九那个", 3)), Completeness::Complete);
}

#[test]
fn secrets_are_spoken_as_personal_digits_and_masked_for_the_person() {
    let mut caller = new();
    caller.say("身份验证");
    let outputs = caller.say("三五七九二四");
    let spans: Vec<_> = acts(&outputs)
        .iter()
        .filter_map(|act| if let Act::Say(say) = &act.act { Some(say.spans.clone()) } else { None })
        .flatten()
        .collect();
    assert!(spans.iter().any(|span| span.text == "357924" && span.personal), "{spans:?}");
    let Act::Transfer { summary, .. } = &acts(&outputs).last().expect("an act").act else { panic!("a transfer") };
    assert!(summary.reveal().contains("code=***") && !summary.reveal().contains("357924"), "{}", summary.reveal());
}

#[test]
fn keys_answer_digit_by_digit() {
    let mut caller = new();
    caller.say("身份验证");
    caller.turn += 1;
    for key in "35792".chars() {
        assert!(text(&caller.event(CallEvent::Keys(key.to_string().into()))).is_empty());
    }
    let outputs = caller.event(CallEvent::Keys("4".to_owned().into()));
    assert!(text(&outputs).contains("验证码是357924"), "{}", text(&outputs));
}

#[test]
fn an_interrupted_notice_is_said_again() {
    let mut caller = new();
    caller.event(CallEvent::BargeIn(Heard {
        clause: ClauseId(2),
        text: "您好，本次".to_owned().into(),
        complete: false,
    }));
    let outputs = caller.say("换套餐");
    assert!(text(&outputs).starts_with("您好，本次通话会录音。"), "{}", text(&outputs));
    let mut patient = new();
    let whole =
        Heard { clause: ClauseId(2), text: "您好，本次通话会录音。".to_owned().into(), complete: true };
    patient.event(CallEvent::Heard(whole.clone()));
    assert!(!text(&patient.say("换套餐")).contains("录音"));
    // Stopped by a cough: the call has said it again by itself, whole.
    let mut coughing = new();
    let cut = Heard { text: "您好，".to_owned().into(), complete: false, ..whole.clone() };
    coughing.event(CallEvent::BargeIn(cut));
    coughing.event(CallEvent::Heard(whole));
    assert!(!text(&coughing.say("换套餐")).contains("录音"));
}

fn part(text: &str, complete: bool) -> Heard {
    Heard { clause: ClauseId(2), text: text.to_owned().into(), complete }
}

#[test]
fn of_an_interrupted_notice_all_that_was_not_heard_whole_is_said_again() {
    let notice = assistant(&BOT.replace("您好，本次通话会录音。", "本次通话会录音。身份要核对。费用从话费里扣。"));
    let (first, second, third) = ("本次通话会录音。", "身份要核对。", "费用从话费里扣。");
    let mut caller = Caller::of(&notice);
    caller.event(CallEvent::Heard(part(first, true)));
    caller.event(CallEvent::BargeIn(part("身份", false)));
    let outputs = caller.say("换套餐");
    assert!(text(&outputs).starts_with(&format!("{second}{third}")), "{}", text(&outputs));
    // Said again and heard, but for the end of it.
    caller.event(CallEvent::Heard(part(second, true)));
    caller.event(CallEvent::BargeIn(part("费用", false)));
    let outputs = caller.say("换套餐");
    assert!(text(&outputs).starts_with(third) && !text(&outputs).contains(second), "{}", text(&outputs));
    // Stopped in a clause before the notice, of which nothing was heard yet.
    for cut in ["", "您好"] {
        let mut caller = Caller::of(&notice);
        caller.event(CallEvent::BargeIn(part(cut, false)));
        let outputs = caller.say("换套餐");
        assert!(text(&outputs).starts_with(&format!("{first}{second}{third}")), "{cut}: {}", text(&outputs));
    }
    // Stopped by a cough: the call says the rest again by itself.
    let mut coughing = Caller::of(&notice);
    coughing.event(CallEvent::BargeIn(part("本次", false)));
    for clause in [first, second, third] {
        coughing.event(CallEvent::Heard(part(clause, true)));
    }
    let outputs = coughing.say("换套餐");
    assert!(![first, second, third].iter().any(|clause| text(&outputs).contains(clause)), "{}", text(&outputs));
}

#[test]
fn of_a_notice_that_the_voice_lost_that_clause_alone_is_said_again() {
    let notice = assistant(&BOT.replace("您好，本次通话会录音。", "本次通话会录音。身份要核对。"));
    let mut caller = Caller::of(&notice);
    caller.event(CallEvent::Heard(part("", false)));
    caller.event(CallEvent::Heard(part("本次", false)));
    caller.event(CallEvent::Heard(part("身份要核对。", true)));
    let outputs = caller.say("换套餐");
    let said = text(&outputs);
    assert!(said.starts_with("本次通话会录音。") && !said.contains("身份要核对"), "{said}");
}

#[test]
fn another_reading_is_used_when_the_first_makes_no_sense() {
    let mut caller = new();
    caller.turn = 1;
    let alternative =
        Alternative { text: "换套餐".to_owned().into(), pinyin: String::new().into(), confidence: 0.8 };
    let hypothesis = Hypothesis { alternatives: vec![alternative], ..words("晚稻草") };
    let outputs = caller.event(CallEvent::Final { hypothesis, promoted: false });
    assert!(text(&outputs).contains("要多少钱的"), "{}", text(&outputs));
}

#[test]
fn sound_without_words_is_answered() {
    let mut caller = new();
    let outputs = caller.say("");
    assert!(text(&outputs).contains("没听清") && closes(&outputs), "{}", text(&outputs));
}

#[test]
fn a_person_is_told_what_was_going_on() {
    let mut caller = at_confirm();
    let outputs = caller.say("人工服务");
    let Act::Transfer { summary, .. } = &acts(&outputs).last().expect("an act").act else { panic!("a transfer") };
    for part in ["13800138000", "正在办：plan", "fee=59", "最后说：人工服务"] {
        assert!(summary.reveal().contains(part), "{part}: {}", summary.reveal());
    }
}

#[test]
fn a_call_starts_only_once() {
    let mut caller = at_confirm();
    let again = CallEvent::Started(CallStarted {
        call: CallId::new("c1"),
        bot: String::new(),
        caller: Pii::default(),
        called: Pii::default(),
        variables: BTreeMap::new(),
    });
    assert!(caller.event(again).is_empty());
    assert_eq!(request(&caller.say("确认")).action, "change");
}

#[test]
fn hostile_words_are_data() {
    for hostile in ["${crm}", "'; drop table", "{{fee}}", "<speak>", "\u{0}\u{202e}", &"换".repeat(5_000)] {
        let mut caller = new();
        let outputs = caller.say(hostile);
        assert!(closes(&outputs), "{hostile:.20}");
    }
}

#[test]
fn the_trace_holds_no_personal_data() {
    let mut caller = new();
    caller.say("身份验证");
    caller.say("三五七九二四");
    let trace: Vec<String> = caller.conversation.trace().map(|entry| entry.what.clone()).collect();
    assert!(trace.iter().any(|what| what == "enter verify"), "{trace:?}");
    assert!(!trace.iter().any(|what| what.contains("357924") || what.contains("13800138000")), "{trace:?}");
}
