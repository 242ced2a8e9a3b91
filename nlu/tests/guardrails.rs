//! What a bot must say, must not say and must not do, whatever its flows and callers want.

mod support;

use hualu_core::dialogue::Act;
use hualu_nlu::Assistant;
use hualu_nlu::bot::Bot;
use serde_json::json;
use std::sync::{Arc, LazyLock};
use support::{Caller, assistant, closes, last_act, request, requests, text};

const BOT: &str = r##"
bot: {id: renewal, entry: open}
nlu:
  bands: {accept: 0.3, clarify: -0.2, oos: -0.5}
  intents:
    offer: {label: 听优惠, examples: [有什么优惠, 说说优惠, 什么优惠活动]}
    order: {label: 续约, examples: [我要续约, 帮我续约, 直接续约吧]}
    refuse: {examples: [我不需要, 别推销了, 不感兴趣]}
    plan: {label: 查套餐, examples: [查我的套餐, 我现在是什么套餐, 看下套餐]}
prompts:
  disclose: {say: 本次通话会录音。, must_say: true, barge_in: false}
  terms: {say: 中途取消要付违约金。}
actions:
  place: {http: {post: "${crm}/renew"}, args: {fee: vars.offer_fee}, requires: [identity, confirm], result: {order_id: order_id}}
  gift: {http: {post: "${crm}/gift"}}
  note: {http: {post: "${crm}/note"}}
policies:
  no_match: [{say: 抱歉没听清。}, {say: 请再说一遍。}]
  handoff: {queue: sales, on: []}
  guardrails:
    - {must_say: disclose, before: first_reply}
    - {must_say: terms, before: offer_choice}
    - {never_say: "${vars.offer_fee}元|到期", until: "identity == true"}
    - {never_say: "保证"}
    - {never_call: gift, unless: "identity && confirmed('gift')"}
    - {max_pitch: 1}
    - {max_turns: 12}
flows:
  open:
    steps:
      - {say: 您好。}
      - {confirm: 请问是机主吗？, set: identity, yes: [{flow: pitch}, {flow: pitch}], no: [{say: "您的${vars.offer_fee}元套餐快到期了。"}, {say: 打扰了。}]}
      - {choose: {options: []}}
  pitch:
    guard: identity
    vars: {asked: "0"}
    steps:
      - {say: "续约每月${vars.offer_fee}元，一年${vars.offer_fee * 12}元。"}
      - choose:
          options:
            - {intent: order, steps: [{confirm: 确认续约吗？, yes: [{call: place, ok: [{say: 办好了。}], error: [{say: 没办成。}]}]}]}
            - {intent: refuse, steps: [{say: "保证不再打扰。"}, {say: 好的。}]}
        label: offer_choice
  offer: {trigger: {intents: [offer]}, guard: identity, steps: [{say: 有优惠。}]}
  order: {trigger: {intents: [plan]}, steps: [{if: vars.offer_fee == 0, then: [{confirm: 办吗？}]}, {call: place, ok: [{say: 下单了。}], error: [{say: 没有下单。}]}, {call: gift, error: [{say: 没有赠品。}]}]}
"##;

const VARIABLES: [(&str, &str); 1] = [("offer_fee", "59")];

static ASSISTANT: LazyLock<Arc<Assistant>> = LazyLock::new(|| assistant(BOT));

fn caller() -> Caller {
    Caller::with(&ASSISTANT, &VARIABLES)
}

#[test]
fn what_must_be_said_comes_before_the_first_reply_and_once() {
    let mut caller = caller();
    assert!(!text(&caller.greeting).contains("录音"), "the greeting answers nobody");
    let outputs = caller.say("阿巴阿巴");
    assert!(text(&outputs).starts_with("本次通话会录音。"), "{}", text(&outputs));
    assert!(!text(&caller.say("阿巴阿巴")).contains("录音"));
    let mut silent = Caller::with(&ASSISTANT, &VARIABLES);
    assert!(text(&silent.silence()).starts_with("本次通话会录音。"));
}

#[test]
fn what_must_be_said_before_a_step_comes_before_it() {
    let mut caller = caller();
    let outputs = caller.say("是的");
    let said = text(&outputs);
    assert!(said.ends_with("续约每月59元，一年708元。中途取消要付违约金。"), "{said}");
    // The step again, after something else: its prompt was said.
    let said = text(&caller.say("阿巴阿巴"));
    assert!(!said.contains("违约金"), "{said}");
}

#[test]
fn barred_words_are_left_out_until_they_may_be_said() {
    let mut caller = caller();
    let outputs = caller.say("不是");
    assert!(text(&outputs).ends_with("打扰了。") && !text(&outputs).contains("59"), "{}", text(&outputs));
    assert!(caller.trace().iter().any(|what| what == "refuse to say"), "{:?}", caller.trace());
    assert!(text(&self::caller().say("是的")).contains("59元"), "identified callers hear it");
}

#[test]
fn words_that_must_never_be_said_are_left_out_for_good() {
    let mut caller = caller();
    caller.say("是的");
    let outputs = caller.say("我不需要");
    assert!(!text(&outputs).contains("保证") && text(&outputs).contains("好的。"), "{}", text(&outputs));
}

#[test]
fn a_question_that_a_guardrail_bars_leads_to_a_person() {
    let yaml = BOT.replace("请问是机主吗？", "您的套餐快到期了，是机主吗？");
    let caller = Caller::with(&assistant(&yaml), &VARIABLES);
    assert!(!text(&caller.greeting).contains("到期"));
    assert!(matches!(last_act(&caller.greeting), Act::Transfer { target, .. } if target == "sales"));
}

#[test]
fn a_pattern_with_a_value_that_is_missing_bars_nothing_else() {
    let mut caller = Caller::with(&ASSISTANT, &[]);
    let outputs = caller.say("不是");
    // The sentence with the missing value cannot be said: an apology and a person.
    assert!(matches!(last_act(&outputs), Act::Transfer { .. }), "{outputs:?}");
    assert!(text(&caller.greeting).contains("请问是机主吗？"));
}

#[test]
fn a_guarded_flow_is_closed_until_its_guard_holds() {
    let mut caller = caller();
    caller.say("不是");
    let outputs = caller.say("有什么优惠");
    assert!(text(&outputs).contains("没听清"), "{}", text(&outputs));
    let mut owner = self::caller();
    owner.say("是的");
    assert!(text(&owner.say("有什么优惠")).contains("有优惠。"));
}

#[test]
fn an_offer_is_made_no_more_often_than_allowed() {
    let mut caller = caller();
    let first = text(&caller.say("是的"));
    assert_eq!(first.matches("续约每月").count(), 1);
    let outputs = caller.say("我不需要");
    assert!(!text(&outputs).contains("续约每月"), "{}", text(&outputs));
    assert!(caller.trace().iter().any(|what| what == "refuse pitch: max_pitch"), "{:?}", caller.trace());
}

#[test]
fn an_order_needs_identity_and_a_confirmation_of_its_own() {
    let mut caller = caller();
    caller.say("不是");
    let outputs = caller.say("查我的套餐");
    assert!(requests(&outputs).is_empty());
    assert!(text(&outputs).contains("没有下单。没有赠品。"), "{}", text(&outputs));
    assert!(caller.trace().iter().any(|what| what == "refuse place: no identity"), "{:?}", caller.trace());
    let mut owner = self::caller();
    owner.say("是的");
    // The yes to the identity is an agreement below; what the caller turns to needs its own.
    let outputs = owner.say("查我的套餐");
    assert!(requests(&outputs).is_empty(), "{outputs:?}");
    assert!(owner.trace().iter().any(|what| what == "refuse place: no confirmation"), "{:?}", owner.trace());
    let mut buyer = self::caller();
    buyer.say("是的");
    assert!(text(&buyer.say("我要续约")).contains("确认续约吗"));
    let order = request(&buyer.say("确认"));
    assert_eq!((order.action.as_str(), order.body.reveal().as_str()), ("place", r#"{"fee":59}"#));
    assert!(text(&buyer.done(order.id, json!({"order_id": "1"}))).contains("办好了"));
}

#[test]
fn a_call_with_too_many_turns_goes_to_a_person() {
    let mut caller = caller();
    for turn in 1..=12 {
        let outputs = caller.say("阿巴");
        assert!(closes(&outputs) && !matches!(last_act(&outputs), Act::Transfer { .. }), "{turn}");
    }
    assert!(matches!(last_act(&caller.say("阿巴")), Act::Transfer { .. }));
}

#[test]
fn guardrails_that_name_nothing_are_faults() {
    let faulty = BOT
        .replace("before: offer_choice", "before: offer_choise")
        .replace("must_say: disclose", "must_say: disclosed")
        .replace("never_call: gift", "never_call: gifts")
        .replace("never_say: \"保证\"", "never_say: \"保证(\"")
        .replace("{max_pitch: 1}", "{max_pitch: 1, flow: pich}")
        .replace("guard: identity, steps", "guard: identty, steps")
        .replace("{max_turns: 12}", "{turns_max: 12}");
    let found = Bot::from_texts(&[("t.yaml", &faulty)]).expect_err("faulty").to_string();
    for part in [
        "did you mean `offer_choice`",
        "no prompt `disclosed`",
        "no action `gifts`",
        "`保证(` is not a regular expression",
        "did you mean `pitch`",
        "reads `identty`",
        "is not a guardrail",
    ] {
        assert!(found.contains(part), "{part}: {found}");
    }
}

#[test]
fn silence_limits_are_checked_when_the_bot_is_loaded() {
    let short = BOT.replace("entry: open}", "entry: open, no_input_ms: 200}");
    let found = Bot::from_texts(&[("t.yaml", &short)]).expect_err("too short").to_string();
    assert!(found.contains("bot.no_input_ms") && found.contains("1500"), "{found}");
}
