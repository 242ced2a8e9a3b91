//! Open slots: a bot's marked examples teach it where their values stand.

mod support;

use hualu_nlu::bot::Bot;
use support::{Caller, assistant, text};

const BOT: &str = r#"
bot: {id: t, entry: main}
nlu:
  intents:
    report_shop:
      examples:
        - 我要反映[中关村](shop)营业厅的问题
        - 反映一下[望京](shop)营业厅态度不好
        - 我在[国贸](shop)营业厅办业务没人理
        - "[西单](shop)营业厅排队太久了"
        - 我想反映营业厅的问题
        - 营业厅的人态度不好
    query_balance: {examples: [查话费, 查一下话费, 话费还有多少, 我的话费余额]}
entities: {shop: {kind: crf}}
slots:
  where: {type: shop, ask: 请问是哪个营业厅？}
flows:
  main: {steps: [{say: 您好。}, {choose: {options: []}}]}
  report: {trigger: {intents: [report_shop]}, steps: [{collect: where}, {say: "已记录${where}营业厅。"}]}
  balance: {trigger: {intents: [query_balance]}, steps: [{say: 余额十元。}]}
"#;

#[test]
fn a_value_that_no_example_holds_comes_along_with_the_request() {
    let mut caller = Caller::of(&assistant(BOT));
    let said = text(&caller.say("我要反映五道口营业厅的问题"));
    assert!(said.contains("已记录五道口营业厅"), "{said}");
}

#[test]
fn a_value_that_is_missing_is_asked_for_and_may_come_alone() {
    let mut caller = Caller::of(&assistant(BOT));
    assert!(text(&caller.say("我想反映营业厅的问题")).contains("哪个营业厅"));
    assert!(text(&caller.say("国贸")).contains("已记录国贸营业厅"));
}

#[test]
fn an_open_slot_that_no_example_marks_is_a_fault() {
    let unmarked = BOT.replace("](shop)", "](other)");
    let faults = Bot::from_texts(&[("t.yaml", &unmarked)]).expect_err("nothing can be learnt").to_string();
    assert!(faults.contains("slots.where") && faults.contains("no example marks it"), "{faults}");
}
