//! Answers from the bot's documents: quoted with their source, and never in the place of an answer that is awaited.

mod support;

use hualu_core::dialogue::{Act, Expect};
use hualu_nlu::Assistant;
use hualu_nlu::bot::Bot;
use std::sync::{Arc, LazyLock};
use support::{Caller, acts, assistant, closes, last_act, request, text};

const BOT: &str = r##"
bot: {id: t, entry: main}
nlu:
  bands: {accept: 0.3, clarify: -0.2, oos: -0.5}
  intents:
    plan: {label: 换套餐, examples: [换套餐, 我要换套餐, 改套餐, 我想换个套餐]}
    balance: {label: 查话费, examples: [查话费, 话费还有多少, 查一下余额, 余额还剩多少]}
slots:
  fee: {type: money, ask: 要多少钱的？, validate: {expr: "fee in [59, 129]", say: 没有这一档。}}
actions:
  change: {http: {post: "${crm}/change"}, args: {fee: fee}, requires: [confirm]}
policies:
  handoff: {on: []}
  guardrails: [{never_say: 保证}]
faq:
  - {ask: [营业厅几点开门, 营业厅的上班时间, 你们营业厅什么时候下班], say: "营业厅每天九点到十八点营业，${crm}。", source: 服务手册第三章}
  - {ask: [手机卡丢了怎么补办, 补办手机卡要带什么, 补卡需要什么材料], say: 请带身份证到营业厅补办。}
  - {ask: [充电宝哪里可以借, 共享充电宝在哪里借], say: 保证您能借到。}
flows:
  main: {steps: [{say: 您好。}, {choose: {again: 还有什么可以帮您？, options: []}}]}
  plan: {trigger: {intents: [plan]}, steps: [{collect: fee}, {confirm: "换成${fee}元的，确认吗？", yes: [{call: change, ok: [{say: 好了。}]}], no: [{say: 没有办。}]}]}
  balance: {trigger: {intents: [balance]}, steps: [{say: 余额十元。}]}
"##;

static ASSISTANT: LazyLock<Arc<Assistant>> = LazyLock::new(|| assistant(BOT));

#[test]
fn an_answer_is_quoted_word_for_word_with_its_source_in_trace_and_record() {
    let mut caller = Caller::of(&ASSISTANT);
    let outputs = caller.say("请问营业厅几点上班");
    // What looks like a template in a document is spoken as it stands.
    assert!(text(&outputs).starts_with("营业厅每天九点到十八点营业，${crm}。"), "{}", text(&outputs));
    assert!(text(&outputs).contains("还有什么可以帮您") && closes(&outputs));
    assert!(caller.trace().iter().any(|what| what.starts_with("faq 服务手册第三章 ")), "{:?}", caller.trace());
    let heard = acts(&outputs).iter().find_map(|act| match &act.act {
        Act::Understanding(heard) => Some((heard.intent.clone(), heard.slots[0].1.reveal().clone())),
        _ => None,
    });
    assert_eq!(heard, Some(("faq".to_owned(), "服务手册第三章".to_owned())));
}

#[test]
fn a_question_in_between_comes_back_to_what_was_asked() {
    let mut caller = Caller::of(&ASSISTANT);
    caller.say("换套餐");
    let outputs = caller.say("补办手机卡需要带什么材料");
    assert_eq!(text(&outputs), "请带身份证到营业厅补办。我们继续刚才的业务。要多少钱的？");
    assert!(text(&caller.say("五十九的")).contains("换成59元的"));
}

#[test]
fn nothing_is_talked_over_an_open_confirmation() {
    let mut caller = Caller::of(&ASSISTANT);
    caller.say("换套餐");
    caller.say("五十九的");
    let outputs = caller.say("补办手机卡需要带什么材料");
    assert!(!text(&outputs).contains("身份证") && text(&outputs).contains("确认吗"), "{}", text(&outputs));
    assert!(matches!(last_act(&outputs), Act::Ask(ask) if ask.expect == Expect::YesNo));
    assert_eq!(request(&caller.say("确认")).action, "change");
}

#[test]
fn what_flows_answer_is_not_looked_up() {
    let mut caller = Caller::of(&ASSISTANT);
    assert!(text(&caller.say("余额还剩多少")).contains("余额十元"));
    assert!(text(&caller.say("今天天气怎么样")).contains("没听清"));
}

#[test]
fn a_document_is_held_by_the_guardrails_too() {
    let mut caller = Caller::of(&ASSISTANT);
    let outputs = caller.say("请问共享充电宝哪里可以借");
    assert!(!text(&outputs).contains("保证") && text(&outputs).contains("没听清"), "{}", text(&outputs));
}

#[test]
fn markdown_in_the_bots_folder_is_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("writable");
    write("bot.yaml", BOT);
    std::fs::create_dir(dir.path().join("faq")).expect("writable");
    write("faq/a.md", "# 发票\n\n## 发票怎么开 / 在哪里打印发票 / 电子发票怎么下载\n\n电子发票在手机营业厅下载。\n");
    let bot = Bot::load(dir.path()).unwrap_or_else(|faults| panic!("{faults}"));
    let backends = [("crm".to_owned(), "http://crm.test".to_owned())].into();
    let assistant = Assistant::new(bot, Default::default(), None, &backends).expect("sound");
    let mut caller = Caller::of(&Arc::new(assistant));
    assert!(text(&caller.say("电子发票在哪里下载")).contains("手机营业厅下载"));
    assert!(caller.trace().iter().any(|what| what.starts_with("faq faq/a.md#发票怎么开")), "{:?}", caller.trace());
    write("faq/a.md", "## 没有答案\n");
    let found = Bot::load(dir.path()).expect_err("faulty").to_string();
    assert!(found.contains("faq/a.md:1") && found.contains("no answer"), "{found}");
}
