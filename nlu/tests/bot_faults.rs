//! A bot with faults is refused with all of them at once, each with its file, line, field, reason and advice.

use hualu_nlu::bot::{Bot, Fault};

const HEAD: &str = "bot: {id: t, entry: main}\nflows:\n  main: {steps: [{say: 您好。}, {choose: {options: []}}]}\n";

fn faults(text: &str) -> Vec<Fault> {
    Bot::from_texts(&[("bot.yaml", HEAD), ("more.yaml", text)]).expect_err("the bot is faulty").0
}

fn one(text: &str) -> Fault {
    let mut found = faults(text);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn every_fault_is_reported_at_once() {
    let found = faults(
        "slots:
  fee: {type: mony, ask: 多少钱？}
  code: {type: digits, ask: 验证码？, max_tries: 99}
actions:
  change: {http: {post: \"${crm}/change\"}, arg: {}}
flows:
  plan:
    steps:
      - {colect: fee}
      - {say: \"${fees}元\"}
      - {goto: nowhere}
",
    );
    let lines: Vec<(u32, &str)> = found.iter().map(|fault| (fault.line, fault.field.as_str())).collect();
    assert_eq!(
        lines,
        [
            (2, "slots.fee.type"),
            (3, "slots.code.max_tries"),
            (5, "actions.change.arg"),
            (9, "flows.plan.steps[0]"),
            (10, "flows.plan"),
            (11, "flows.plan"),
        ],
        "{found:#?}"
    );
    assert!(found.iter().all(|fault| fault.file == "more.yaml"));
    assert!(found[0].suggestion.contains("did you mean `money`"), "{}", found[0]);
    assert!(found[2].suggestion.contains("did you mean `args`"), "{}", found[2]);
}

#[test]
fn an_unknown_section_and_a_syntax_error_are_named() {
    assert!(one("polices: {}").suggestion.contains("policies"));
    let broken = faults("slots: [");
    assert!(broken[0].reason.contains("not valid YAML"), "{}", broken[0]);
}

#[test]
fn an_action_that_needs_a_confirmation_must_have_one() {
    let fault = one("actions:
  order: {http: {post: \"${crm}/order\"}, requires: [confirm]}
flows:
  buy: {steps: [{call: order}]}
");
    assert!(fault.reason.contains("requires a confirmation"), "{fault}");
}

#[test]
fn a_retried_order_needs_an_idempotency_key() {
    let fault = one("actions: {order: {http: {post: \"${crm}/order\"}, retries: 2}}");
    assert!(fault.reason.contains("idempotency"), "{fault}");
}

#[test]
fn an_intent_that_nothing_answers_and_a_thin_one_are_faults() {
    let found = faults("nlu: {intents: {lonely: {examples: [你好]}}}");
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn unreachable_steps_are_found() {
    let fault = one("flows: {f: {steps: [{end: done}, {say: 再见。}]}}");
    assert!(fault.reason.contains("never reached"), "{fault}");
}

#[test]
fn a_folder_without_a_bot_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let error = Bot::load(dir.path()).expect_err("nothing there");
    assert!(error.to_string().contains("no *.yaml"), "{error}");
}
