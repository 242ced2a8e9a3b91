//! `hualu bot check`: each warning names its place and is silenced where it is meant.

use hualu_nlu::lint::{Finding, Severity, check};
use hualu_nlu::utterance::Pronouncer;

/// A bot that nothing is wrong with but that its intents are thin.
const GOOD: &str = "
bot: {id: t, entry: main}
slots:
  code: {type: digits, ask: 验证码是多少？, reprompt: [请按键输入验证码，按井号结束。], dtmf: {terminator: \"#\"}}
actions:
  find: {http: {get: \"${crm}/find?code=${code}\"}, safe: true, result: {name: found}}
nlu:
  intents:
    search: {label: 查询, examples: [我要查询, 帮我查一下, 查一下信息]}
    person: {examples: [转人工, 找真人, 人工客服]}
policies:
  handoff: {on: [\"intent:person x1\"]}
flows:
  main: {steps: [{say: 您好，我是智能客服，本次通话会录音。}, {choose: {options: []}}]}
  search: {trigger: {intents: [search], dtmf: \"1\"}, steps: [{collect: code}, {call: find, ok: [{say: \"${found}\"}], error: [{handoff: general}]}]}
  person: {trigger: {intents: [person], dtmf: \"0\"}, steps: [{handoff: general}]}
";

fn findings(text: &str) -> Vec<Finding> {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("bot.yaml"), text).expect("writable");
    check(dir.path(), &Pronouncer::default()).findings
}

/// Everything but that the intents are thin.
fn notable(text: &str) -> Vec<(&'static str, String, u32)> {
    let found = findings(text).into_iter().filter(|finding| !["thin-intent", "no-label"].contains(&finding.code));
    found.map(|finding| (finding.code, finding.fault.field, finding.fault.line)).collect()
}

#[test]
fn a_good_bot_has_only_thin_intents() {
    assert_eq!(notable(GOOD), []);
    let thin: Vec<u32> =
        findings(GOOD).iter().filter(|finding| finding.code == "thin-intent").map(|f| f.fault.line).collect();
    assert_eq!(thin, [9, 10]);
}

#[test]
fn a_bot_with_faults_has_errors_and_no_warnings() {
    let found = findings(&GOOD.replace("collect: code", "collect: cod"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].severity, found[0].fault.line), (Severity::Error, 15));
    assert!(found[0].fault.suggestion.contains("`code`"), "{}", found[0]);
}

#[test]
fn what_callers_meet_is_warned_of_where_it_stands() {
    let changed = |from: &str, to: &str| {
        assert!(GOOD.contains(from), "{from}");
        notable(&GOOD.replace(from, to))
    };
    let at = |code: &'static str, field: &str, line: u32| (code, field.to_owned(), line);
    assert_eq!(changed("我是智能客服，", ""), [at("machine-notice", "flows.main", 14)]);
    assert_eq!(changed("，本次通话会录音", ""), [at("recording-notice", "flows.main", 14)]);
    assert_eq!(changed(", dtmf: {terminator: \"#\"}", ""), [at("keypad-twin", "slots.code", 4)]);
    assert_eq!(changed("请按键输入验证码，按井号结束。", "请再说一遍。"), [at("keypad-unsaid", "slots.code", 4)]);
    assert_eq!(changed("safe: true, ", ""), [at("unconfirmed-action", "actions.find", 6)]);
    assert_eq!(changed(", dtmf: \"0\"", ""), [at("person-path", "policies.handoff", 12)]);
    let unused = changed("{collect: code}, ", "");
    assert_eq!(unused, [at("unused", "slots.code", 4)]);
    let lost = changed("flows:", "flows:\n  lost: {steps: [{say: 您好。}]}");
    assert_eq!(lost, [at("unreachable-flow", "flows.lost", 14)]);
    let menu = changed("options: []", "options: [{intent: search, steps: [{say: 好。}]}]");
    assert_eq!(menu, [at("keypad-twin", "flows.main", 14)]);
}

#[test]
fn a_bot_without_a_person_is_warned_of_three_ways() {
    let text = GOOD
        .replace(
            "\npolicies:\n  handoff: {on: [\"intent:person x1\"]}",
            "\npolicies:\n  no_match: [{say: 请再说一遍。}]",
        )
        .replace("steps: [{handoff: general}]", "steps: [{say: 没有人。}]");
    let codes: Vec<&str> = notable(&text).iter().map(|(code, _, _)| *code).collect();
    assert_eq!(codes, ["person-path"; 3]);
}

#[test]
fn examples_of_two_intents_and_confusable_ones_are_named_at_their_line() {
    let alike = "
    alike:
      label: 类似
      examples:
        - 我要查询
        - 帮我查一下啊
        - 查一下信息吧
        - 我要查询啊
        - 帮我查一下吧
        - 查一下信息啊
    more:
      label: 更多
      examples: [我要查询吧, 帮我查一下呀, 查一下信息呀, 我要查询呀, 查一下信息嘛, 我要查询嘛]
";
    let text = GOOD
        .replace("\npolicies:", &format!("{alike}policies:"))
        .replace("flows:", "flows:\n  a: {trigger: {intents: [alike]}, steps: [{say: 好。}]}\n  b: {trigger: {intents: [more]}, steps: [{say: 好。}]}");
    let found = findings(&text);
    let same = found.iter().find(|finding| finding.code == "same-example").expect("an example of two intents");
    assert_eq!(same.fault.line, 14, "{same}");
    assert!(same.fault.reason.contains("`search`"), "{same}");
    let confused: Vec<&Finding> = found.iter().filter(|finding| finding.code == "confusable").collect();
    assert!(confused.iter().any(|finding| finding.fault.reason.contains('「')), "{found:?}");
}

#[test]
fn a_warning_that_is_meant_is_silenced_in_its_line_or_the_one_above() {
    let text = GOOD.replace("\nflows:", "\nflows: # allow: unreachable-flow\n  lost: {steps: [{say: 您好。}]}");
    assert_eq!(notable(&text), []);
    let other = GOOD.replace("\nflows:", "\nflows: # allow: keypad-twin\n  lost: {steps: [{say: 您好。}]}");
    assert_eq!(notable(&other).len(), 1);
}

#[test]
fn findings_are_told_in_json_with_file_and_line() {
    let json = serde_json::to_value(findings(&GOOD.replace("entry: main", "entry: mian"))).expect("serializes");
    assert_eq!(json[0]["severity"], "error");
    assert_eq!(json[0]["file"], "bot.yaml");
    assert_eq!(json[0]["line"], 2);
    assert!(json[0]["suggestion"].as_str().is_some_and(|text| text.contains("main")), "{json}");
}
