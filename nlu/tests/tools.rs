//! What authors see of a bot: a conversation with it, and how well it understands.

use hualu_nlu::Assistant;
use hualu_nlu::bot::Bot;
use hualu_nlu::chat::chat;
use hualu_nlu::evaluate::{Sentences, evaluate};
use hualu_nlu::script::{Mocks, TextChat};
use hualu_nlu::utterance::Pronouncer;
use std::sync::Arc;
use std::time::Duration;

const BOT: &str = "
bot: {id: t, entry: main}
slots:
  code: {type: digits, ask: 编号是多少？, dtmf: {length: 4}}
actions:
  find: {http: {get: \"${crm}/find?code=${code}\"}, safe: true, result: {name: found}, mock: {name: \"王\\e[31m女士\"}}
nlu:
  intents:
    search: {label: 查人, examples: [我要查人, 帮我查一下人, 查一个人, 找人, 我想找个人]}
    hours: {label: 营业时间, examples: [几点开门, 什么时候开门, 营业时间, 几点关门, 今天开门吗]}
flows:
  main: {steps: [{say: 您好。}, {choose: {options: []}}]}
  search: {trigger: {intents: [search], dtmf: \"1\"}, steps: [{collect: code}, {call: find, ok: [{say: \"是${found}。\"}]}, {end: done}]}
  hours: {trigger: {intents: [hours]}, steps: [{say: 早上九点。}]}
";

fn assistant() -> Arc<Assistant> {
    let bot = Bot::from_texts(&[("bot.yaml", BOT)]).unwrap_or_else(|faults| panic!("{faults}"));
    Assistant::for_text(bot, Pronouncer::default(), None)
}

fn talk(lines: &str) -> (String, bool) {
    let now = "2026-11-22T02:00:00Z".parse().expect("a time");
    let mut talk = TextChat::new(assistant(), now, &Mocks::new());
    let mut out = Vec::new();
    let is_over = chat(&mut talk, &mut lines.as_bytes(), &mut out, true).expect("memory does not fail");
    (String::from_utf8(out).expect("text"), is_over)
}

#[test]
fn a_conversation_shows_what_was_understood_done_and_said() {
    let (text, is_over) = talk("// 先问时间\n几点开门\n我要查人\n/value code\n/keys 0571\n");
    assert!(is_over, "{text}");
    for line in [
        "bot    您好。",
        "act    ask free",
        "heard  hours ",
        "bot    早上九点。",
        "enter search",
        "编号是多少",
        "code = nothing",
        "call find",
        "hang_up done",
    ] {
        assert!(text.contains(line), "`{line}` is not in\n{text}");
    }
    assert!(
        text.contains("是王[31m女士。") && !text.contains('\u{1b}'),
        "an answer must not steer the terminal: {text:?}"
    );
}

#[test]
fn the_end_of_the_input_ends_the_conversation() {
    let (text, is_over) = talk("/nonsense\n/silence\n");
    assert!(!is_over && text.contains("/keys 12#"), "{text}");
}

#[test]
fn an_evaluation_counts_what_became_of_each_sentence() {
    let pairs = [("hours", "几点开门"), ("hours", "几点钟开门呀"), ("search", "几点关门吧"), ("none", "呜啦呜啦哇啦")];
    let sentences = Sentences(pairs.map(|(intent, text)| (intent.to_owned(), text.to_owned())).to_vec());
    let mut ticks = 0;
    let mut clock = || {
        ticks += 1;
        Duration::from_micros(ticks * ticks)
    };
    let found = evaluate(&assistant(), &sentences, &mut clock).expect("the intents exist");
    assert_eq!((found.known.all, found.unknown.all, found.seen), (3, 1, 1));
    assert_eq!(found.known.best, 2);
    assert_eq!(found.unknown.rejected, 1);
    assert_eq!((found.confusions[0].intent.as_str(), found.confusions[0].taken_for.as_str()), ("search", "hours"));
    assert!((found.latency.max_us - 15.0).abs() < 0.01, "{:?}", found.latency);
    let text = found.to_string();
    assert!(text.contains("search -> hours: 「几点关门吧」") && text.contains("examples of the bot itself"), "{text}");
}

#[test]
fn an_evaluation_of_unknown_intents_is_refused_with_a_hint() {
    let sentences = Sentences(vec![("hour".to_owned(), "几点开门".to_owned())]);
    let error = evaluate(&assistant(), &sentences, &mut || Duration::ZERO).expect_err("no such intent").to_string();
    assert!(error.contains("did you mean `hours`"), "{error}");
}
