//! Scripts tell where they fail and what came instead; files with faults are refused with their lines.

use hualu_nlu::Assistant;
use hualu_nlu::bot::Bot;
use hualu_nlu::script::{load, play};
use hualu_nlu::utterance::Pronouncer;
use std::path::Path;
use std::sync::Arc;

const BOT: &str = "
bot: {id: t, entry: main}
nlu:
  intents:
    open: {examples: [几点开门, 什么时候开门, 营业时间]}
flows:
  main: {steps: [{say: \"您好，${vars.name}。\"}, {choose: {options: []}}]}
  open: {trigger: {intents: [open], dtmf: \"1\"}, steps: [{say: 早上九点开门。}, {end: done}]}
";

fn assistant() -> Arc<Assistant> {
    let bot = Bot::from_texts(&[("bot.yaml", BOT)]).unwrap_or_else(|faults| panic!("{faults}"));
    Assistant::for_text(bot, Pronouncer::default(), None)
}

fn bot_with_tests(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(dir.path().join("tests")).expect("writable");
    for (name, text) in files {
        std::fs::write(dir.path().join("tests").join(name), text).expect("writable");
    }
    dir
}

fn one_file(path: &Path) -> hualu_nlu::script::ScriptFile {
    let mut files = load(path).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(files.len(), 1);
    files.remove(0)
}

#[test]
fn a_failing_turn_is_named_with_its_line_and_what_came() {
    let dir = bot_with_tests(&[(
        "a.yaml",
        "- name: 问营业时间
  vars: {name: 王先生}
  turns:
    - {hear: 王先生, act: ask free}
    - say: 几点开门
      hear: [九点, 关门]
      act: hang_up sold
",
    )]);
    let file = one_file(dir.path());
    assert_eq!(file.scripts[0].referenced.line(), 1);
    let run = play(&assistant(), &file.scripts[0].value).expect("it begins");
    assert!(!run.passed());
    let turn = run.first_difference().expect("a turn differs");
    assert_eq!((turn.line, turn.caller.as_str()), (5, "几点开门"));
    let told: Vec<String> = turn.differences.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        ["hear: expected `关门`, got `早上九点开门。`", "act: expected `hang_up sold`, got `hang_up done`"]
    );
}

#[test]
fn a_script_that_goes_as_written_passes() {
    let text = "- {name: 按键, vars: {name: 李女士}, turns: [{hear: 李女士}, {keys: \"1\", hear: 九点, calls: [], act: hang_up done}]}";
    let dir = bot_with_tests(&[("a.yaml", text)]);
    let run = play(&assistant(), &one_file(dir.path()).scripts[0].value).expect("it begins");
    assert!(run.passed(), "{run}");
}

#[test]
fn sentences_for_an_evaluation_are_no_scripts() {
    let dir = bot_with_tests(&[("heldout.yaml", "open: [几点关门]"), ("a.yaml", "- {name: 空, turns: []}")]);
    assert_eq!(one_file(dir.path()).scripts.len(), 1);
}

#[test]
fn a_faulty_file_is_refused_with_its_line() {
    let dir = bot_with_tests(&[
        ("a.yaml", "- name: 甲\n  turns:\n    - {hear: 您好}\n    - {sya: 查话费}\n"),
        ("b.yaml", "- ["),
    ]);
    let faults = load(dir.path()).expect_err("both files are faulty");
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert_eq!(faults[0].line, 4, "{}", faults[0]);
    assert!(faults[0].reason.contains("sya"), "{}", faults[0]);
}

#[test]
fn a_moment_that_is_none_is_refused() {
    let dir = bot_with_tests(&[("a.yaml", "- {name: 时间, now: 明天, turns: []}")]);
    let error = play(&assistant(), &one_file(dir.path()).scripts[0].value).expect_err("no such moment");
    assert!(error.contains("2026-11-22T10:00"), "{error}");
}
