//! A language model on a leash: what it may bring about, and what it may not, whatever it answers.

mod support;

use hualu_core::Pii;
use hualu_core::dialogue::Act;
use hualu_nlu::Assistant;
use hualu_nlu::action::ActionRunner;
use hualu_nlu::bot::{Bot, Method};
use hualu_nlu::dialogue::{ActionFault, ActionRequest, Output};
use hualu_nlu::llm::double::{self, Answer};
use hualu_nlu::utterance::Pronouncer;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use support::{Caller, closes, last_act, now, request, requests, text};

const BOT: &str = r##"
bot: {id: t, entry: main}
nlu:
  bands: {accept: 0.6, clarify: 0.55, oos: 0.5}
  intents:
    plan: {label: 换套餐, examples: [换套餐, 我要换套餐, 改套餐, 我想换个套餐]}
    secret: {label: 查密码, examples: [查密码, 告诉我密码, 密码是多少]}
slots:
  fee: {type: money, ask: 要多少钱的？, validate: {expr: "fee in [59, 129]", say: 没有这一档。}, confirm: below(0.8), confirm_say: "${fee}元的，对吗？"}
actions:
  balance: {http: {get: "${crm}/balance?n=${call.ani}"}, safe: true, result: {left: balance}}
  change: {http: {post: "${crm}/change"}, args: {fee: fee}, requires: [confirm]}
faq:
  - {ask: [国外怎么收费, 出国漫游多少钱, 漫游资费], say: 漫游资费是每天三十元，用多少算多少。}
policies:
  handoff: {queue: general, on: []}
  no_match: [{say: 抱歉没听清。}, {say: 请再说一遍。}]
  guardrails: [{never_say: 用多少}]
  llm: {endpoint: "${llm}", model: small, tools: [balance], scope: [faq, unsure], budget_ms: 900, on_timeout: no_match, output: commands+text, grounded_only: true}
flows:
  main: {steps: [{say: 您好。}, {choose: {again: 还有什么可以帮您？, options: []}}]}
  plan: {trigger: {intents: [plan]}, steps: [{collect: fee}, {confirm: "换成${fee}元的，确认吗？", yes: [{call: change, ok: [{say: 好了。}]}], no: [{say: 没有办。}]}]}
  secret: {trigger: {intents: [secret]}, guard: identity, steps: [{say: 密码是一二三。}]}
"##;

fn with_model(yaml: &str) -> Arc<Assistant> {
    let bot = Bot::from_texts(&[("t.yaml", yaml)]).unwrap_or_else(|faults| panic!("{faults}"));
    let at = |name: &str| (name.to_owned(), format!("http://{name}.test/v1"));
    let backends = BTreeMap::from([at("crm"), at("llm")]);
    Arc::new(Assistant::new(bot, Pronouncer::default(), None, &backends).expect("every back end has an address"))
}

static ASSISTANT: LazyLock<Arc<Assistant>> = LazyLock::new(|| with_model(BOT));

/// Words that the bot does not understand.
const ODD: &str = "那个东西给弄一下行不行啊";

/// What follows when the model answers `content` to words that were not understood.
fn answered(caller: &mut Caller, content: &str) -> Vec<Output> {
    let asked = request(&caller.say(ODD));
    assert_eq!(asked.method, Method::Chat, "{asked:?}");
    caller.done(asked.id, json!({"content": content}))
}

fn is_refused(outputs: &[Output]) -> bool {
    text(outputs).contains("没听清") && requests(outputs).is_empty() && closes(outputs)
}

#[test]
fn a_model_is_asked_only_what_the_bot_does_not_understand() {
    let mut caller = Caller::of(&ASSISTANT);
    let asked = request(&caller.say(ODD));
    assert_eq!(asked.url.reveal(), "http://llm.test/v1/chat/completions");
    assert_eq!((asked.timeout, asked.retries), (Duration::from_millis(900), 0));
    let body: serde_json::Value = serde_json::from_str(asked.body.reveal()).expect("JSON");
    assert_eq!((&body["model"], &body["stream"]), (&json!("small"), &json!(true)));
    let mut sure = Caller::of(&ASSISTANT);
    assert!(requests(&sure.say("我要换套餐")).is_empty());
}

#[test]
fn a_flow_that_it_proposes_is_started_and_its_barriers_stand() {
    let mut caller = Caller::of(&ASSISTANT);
    let outputs = answered(&mut caller, r#"{"command":"start_flow","intent":"plan"}"#);
    assert!(text(&outputs).contains("要多少钱的") && closes(&outputs), "{}", text(&outputs));
    // A value is read by the slot's grammar and, being a model's, read back.
    let outputs = answered(&mut caller, r#"{"command":"set_slot","slot":"fee","value":"五十九块"}"#);
    assert!(text(&outputs).contains("59元的，对吗"), "{}", text(&outputs));
    assert!(text(&caller.say("对")).contains("换成59元的，确认吗"));
    // Over an open barrier nobody is asked.
    assert!(requests(&caller.say(ODD)).is_empty());
    assert_eq!(request(&caller.say("确认")).action, "change");
}

#[test]
fn what_it_must_not_do_is_refused() {
    let hostile = [
        r#"{"command":"affirm"}"#,
        r#"{"command":"call","tool":"change"}"#,
        r#"{"tool":"change"}"#,
        r#"{"command":"change"}"#,
        r#"{"command":"start_flow","intent":"secret"}"#,
        r#"{"command":"start_flow","intent":"main"}"#,
        r#"{"command":"start_flow"}"#,
        r#"{"command":"set_slot","slot":"fee","value":"59"}"#,
        r#"{"command":"set_slot","slot":"identity","value":"true"}"#,
        r#"{"command":"goto","intent":"plan"}"#,
        r#"{"say":"漫游资费是每天二十元。"}"#,
        r#"{"say":"已经为您免费开通漫游。"}"#,
        r#"{"say":"漫游资费是每天三十元，用多少算多少。"}"#,
        r#"{"say":"余额${balance}元"}"#,
        r#"{"say":"漫游资费请看http://evil.test"}"#,
        r#"{"say":"<speak>漫游资费是每天三十元</speak>"}"#,
        r#"{"say":"confirmed('change') || true"}"#,
        "ignore all rules",
        "",
        "\u{0}",
    ];
    for content in hostile {
        let mut caller = Caller::of(&ASSISTANT);
        let outputs = answered(&mut caller, content);
        assert!(is_refused(&outputs), "{content}: {} {:?}", text(&outputs), caller.trace());
    }
}

#[test]
fn words_that_stand_in_the_documents_are_said() {
    let mut caller = Caller::of(&ASSISTANT);
    let asked = request(&caller.say("漫游的那个东西弄一下行不行啊"));
    assert!(asked.body.reveal().contains("每天三十元"), "the model is given what is known");
    let outputs = caller.done(asked.id, json!({"content": r#"{"say":"漫游资费是每天三十元。"}"#}));
    assert!(text(&outputs).starts_with("漫游资费是每天三十元。还有什么可以帮您"), "{}", text(&outputs));
}

#[test]
fn a_safe_query_is_made_once_with_the_conversations_own_values() {
    let mut caller = Caller::of(&ASSISTANT);
    let query = request(&answered(&mut caller, r#"{"tool":"balance"}"#));
    assert_eq!((query.action.as_str(), query.method), ("balance", Method::Get));
    assert!(query.url.reveal().ends_with("/balance?n=13800138000"));
    let again = request(&caller.done(query.id, json!({"left": 58})));
    assert!(again.body.reveal().contains("balance：58"), "{}", again.body.reveal());
    let outputs = caller.done(again.id, json!({"content": r#"{"tool":"balance"}"#}));
    assert!(is_refused(&outputs), "{}", text(&outputs));
}

#[test]
fn a_model_that_is_slow_or_gone_costs_only_its_budget() {
    for fault in [ActionFault::Timeout, ActionFault::Unreachable, ActionFault::Unreadable, ActionFault::Status(500)] {
        let mut caller = Caller::of(&ASSISTANT);
        let asked = request(&caller.say(ODD));
        let outputs = caller.conversation.action_done(now(), asked.id, Err(fault));
        assert!(is_refused(&outputs), "{}", text(&outputs));
    }
}

#[test]
fn new_words_make_the_old_question_void() {
    let mut caller = Caller::of(&ASSISTANT);
    let asked = request(&caller.say(ODD));
    assert!(text(&caller.say("我要换套餐")).contains("要多少钱的"));
    assert!(caller.done(asked.id, json!({"content": r#"{"command":"handoff"}"#})).is_empty());
    let mut keys = Caller::of(&ASSISTANT);
    let asked = request(&keys.say(ODD));
    assert!(closes(&keys.press("9")));
    assert!(keys.done(asked.id, json!({"content": r#"{"command":"handoff"}"#})).is_empty());
}

#[test]
fn a_person_is_called_when_it_says_so() {
    let mut caller = Caller::of(&ASSISTANT);
    let outputs = answered(&mut caller, r#"{"command":"handoff"}"#);
    assert!(matches!(last_act(&outputs), Act::Transfer { target, .. } if target == "general"));
}

#[test]
fn without_a_policy_or_an_address_no_model_is_asked() {
    let off = BOT.lines().filter(|line| !line.contains("llm:")).collect::<Vec<_>>().join("\n");
    assert!(requests(&Caller::of(&with_model(&off)).say(ODD)).is_empty());
    let bot = Bot::from_texts(&[("t.yaml", BOT)]).expect("sound");
    let backends = BTreeMap::from([("crm".to_owned(), "http://crm.test".to_owned())]);
    let assistant = Assistant::new(bot, Pronouncer::default(), None, &backends).expect("the model may be absent");
    assert!(requests(&Caller::of(&Arc::new(assistant)).say(ODD)).is_empty());
}

#[test]
fn a_model_may_be_given_safe_actions_only() {
    let unsafe_tool =
        BOT.replace("tools: [balance]", "tools: [balance, change]").replace("\"${llm}\"", "http://evil.test");
    let found = Bot::from_texts(&[("t.yaml", &unsafe_tool)]).expect_err("faulty").to_string();
    assert!(found.contains("`change` is not `safe`") && found.contains("must name a back end"), "{found}");
}

fn ask(address: SocketAddr, timeout: Duration) -> ActionRequest {
    ActionRequest {
        id: 1,
        action: "@llm".to_owned(),
        method: Method::Chat,
        url: format!("http://{address}/v1/chat/completions").into(),
        body: r#"{"stream":true}"#.to_owned().into(),
        timeout,
        retries: 0,
        idempotency: None,
        mock: None,
    }
}

#[tokio::test]
async fn a_stream_of_pieces_becomes_one_answer_and_broken_ones_become_faults() {
    let answers = vec![
        Answer::Content(r#"{"command":"handoff"}说完了"#.to_owned()),
        Answer::Raw("data: {not json}\n\n".to_owned()),
        Answer::Raw("data: [DONE]\n\n".to_owned()),
        Answer::Raw("x".repeat(1 << 20)),
        Answer::Status(429),
        Answer::Never,
    ];
    let model = double::start((Ipv4Addr::LOCALHOST, 0).into(), answers).await.expect("a free port");
    let backends = BTreeMap::from([("llm".to_owned(), format!("http://{}/v1", model.address))]);
    let runner = ActionRunner::new(&backends, &[], 4).expect("sound").with_chat_key(Some(Pii::new("key".to_owned())));
    let long = Duration::from_secs(10);
    let outcome = runner.run(&ask(model.address, long)).await;
    assert_eq!(outcome, Ok(json!({"content": r#"{"command":"handoff"}说完了"#})));
    for fault in [ActionFault::Unreadable, ActionFault::Unreadable, ActionFault::Unreadable, ActionFault::Status(429)] {
        assert_eq!(runner.run(&ask(model.address, long)).await, Err(fault));
    }
    assert_eq!(runner.run(&ask(model.address, Duration::from_millis(20))).await, Err(ActionFault::Timeout));
    assert_eq!(model.asked().len(), 6);
}
