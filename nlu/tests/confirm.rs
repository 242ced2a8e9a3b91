//! What counts as an answer: statements that answer a yes/no question, keys that stand for a time in words, and phrases
//! that a bot claims for itself.

use chrono::{TimeZone, Utc};
use hualu_nlu::Assistant;
use hualu_nlu::bot::Bot;
use hualu_nlu::script::TextChat;
use hualu_nlu::utterance::Pronouncer;
use std::collections::BTreeMap;

const BOT: &str = "
bot: {id: t, entry: main, timezone: Asia/Shanghai}
nlu:
  intents:
    fixed: {examples: [能上网了, 网好了, 又好了, 恢复了, 来网了]}
    broken: {examples: [上不了网, 网断了, 没网了, 还是没网, 网坏了]}
    later: {examples: [我再考虑考虑, 让我想一想, 过几天再说, 等等再决定]}
slots:
  at: {type: datetime, ask: 什么时候？, dtmf: {map: {\"1\": 明天上午九点}}, keep: call}
flows:
  main:
    steps:
      - {confirm: 现在能上网了吗？, yes_by: [fixed], no_by: [broken], yes: [{say: 太好了。}], no: [{say: 那派师傅。}]}
      - {collect: at}
      - {set: {first: at}}
      - {set: {at: \"null\"}}
      - {collect: at}
      - {say: 约好了。}
      - {choose: {options: []}}
  fixed: {trigger: {intents: [fixed]}, steps: [{say: 恢复就好。}]}
  broken: {trigger: {intents: [broken]}, steps: [{say: 先看灯。}]}
  later: {trigger: {intents: [later]}, steps: [{say: 您慢慢想。}]}
";

fn chat() -> TextChat {
    let bot = Bot::from_texts(&[("bot.yaml", BOT)]).unwrap_or_else(|faults| panic!("{faults}"));
    let assistant = Assistant::for_text(bot, Pronouncer::default(), None);
    let now = Utc.with_ymd_and_hms(2026, 11, 22, 2, 0, 0).single().expect("a real time");
    let mut chat = TextChat::new(assistant, now, &BTreeMap::new());
    assert!(chat.start().text.contains("现在能上网了吗"));
    chat
}

#[test]
fn a_statement_answers_the_question_that_names_it() {
    assert!(chat().say("网好了").text.starts_with("太好了"));
    assert!(chat().say("还是没网啊").text.starts_with("那派师傅"));
    assert!(chat().say("没有").text.starts_with("那派师傅"));
}

#[test]
fn a_key_stands_for_a_time_in_words_and_null_empties_a_slot() {
    let mut chat = chat();
    chat.say("好了");
    let asked = chat.press("1");
    assert!(asked.text.contains("什么时候"), "the slot was emptied: {}", asked.text);
    let value = |chat: &TextChat, name| chat.conversation().value(name).map(hualu_core::Pii::into_revealed);
    assert_eq!(value(&chat, "first").as_deref(), Some("2026-11-23T09:00"));
    assert!(chat.press("1").text.contains("约好了"));
    assert_eq!(value(&chat, "at").as_deref(), Some("2026-11-23T09:00"));
}

#[test]
fn a_phrase_that_the_bot_claims_is_not_a_cancellation() {
    let mut chat = chat();
    chat.say("好了");
    chat.press("11");
    assert_eq!(chat.say("我再考虑考虑").intent, "later");
}

#[test]
fn a_key_that_names_no_time_is_a_fault() {
    let wrong = BOT.replace("明天上午九点", "红灯");
    let faults = Bot::from_texts(&[("bot.yaml", &wrong)]).expect_err("refused").to_string();
    assert!(faults.contains("slots.at.dtmf.map.1"), "{faults}");
}
