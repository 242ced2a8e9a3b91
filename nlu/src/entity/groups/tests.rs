use super::*;
use crate::utterance::Pronouncer;

/// Says one utterance after the other: what is known in the end, and the last note.
fn say_as(form: Form, turns: &[&str]) -> (String, Note) {
    let mut groups = Groups::default();
    let mut note = Note::Waits;
    for turn in turns {
        let reading = Utterance::new(turn, "", 1.0, &Pronouncer::default());
        let step = take(form, &groups, &[reading]).unwrap_or_else(|| panic!("{turn}: nothing"));
        (groups, note) = (step.groups, step.note);
    }
    (groups.text().to_owned(), note)
}

fn all_phone(cases: &[(&[&str], &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .map(|(turns, number)| (turns, number, say_as(Form::Phone, turns)))
        .filter(|(_, number, (text, note))| text != *number || !matches!(note, Note::Whole(_)))
        .map(|(turns, number, (text, note))| format!("{turns:?}: {text} {note:?}, not {number}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn groups_over_several_turns() {
    all_phone(&[
        (&["幺三八", "零零幺三", "八零零零"][..], "13800138000"),
        (&["一三八嗯", "然后是零零一三", "最后四位是八零零零"], "13800138000"),
        (&["我的号码是幺三九", "六六八八", "后面是三个七二"], "13966887772"),
        (&["幺三八零零", "嗯", "幺三八零零零"], "13800138000"),
        (&["幺三八", "等一下我看看", "零零幺三八零零零"], "13800138000"),
        (&["前面是幺三八", "最后四位是八零零零", "中间是零零幺三"], "13800138000"),
        (&["尾号是八零零零", "前面是幺三八零零幺三"], "13800138000"),
        (&["幺三八", "对幺三八", "零零幺三八零零零"], "13800138000"),
        (&["幺三八", "零零幺三", "零零幺三八零零零"], "13800138000"),
        (&["零二幺", "六幺二三", "四五六七"], "02161234567"),
    ]);
}

#[test]
fn corrections() {
    all_phone(&[
        (&["幺三八", "零零幺七", "不对是九不是七", "八零零零"][..], "13800198000"),
        (&["幺三八", "零零幺七", "不是七是三", "八零零零"], "13800138000"),
        (&["幺三八", "零零幺七不对零零幺三", "八零零零"], "13800138000"),
        (&["幺三八零零幺七不对零零幺三八零零零"], "13800138000"),
        (&["幺三八", "零零幺七", "不对零零幺三八零零零"], "13800138000"),
        (&["幺三九", "零零幺三", "不对前面是幺三八", "八零零零"], "13800138000"),
        (&["幺三九", "零零幺三", "不对是幺三八", "八零零零"], "13800138000"),
        (&["幺三八", "零零幺三", "八零零九不对最后一位是零"], "13800138000"),
        (&["幺三八", "零零幺七", "第七位是三", "八零零零"], "13800138000"),
        (&["幺三八", "零零五三", "五改成幺", "八零零零"], "13800138000"),
        (&["幺三八", "零零幺七", "不对", "零零幺三", "八零零零"], "13800138000"),
        (&["幺三七", "零零幺三", "重新说幺三八零零幺三八零零零"], "13800138000"),
        (&["幺五九六", "说错了幺三八零零幺三", "八零零零"], "13800138000"),
        (&["幺三八", "零零幺五", "八零零零不对中间四位是零零幺三"], "13800138000"),
    ]);
}

#[test]
fn digits_after_a_doubt_are_a_correction() {
    let correct = |text: &str| {
        let reading = Utterance::new(text, "", 1.0, &Pronouncer::default());
        take(Form::Phone, &Groups::doubted("13800178000"), &[reading]).map(|step| step.groups.text().to_owned())
    };
    for text in ["零零幺三", "幺三八零零幺三八零零零", "中间四位是零零幺三", "是三不是七", "零零幺三八零零零"]
    {
        assert_eq!(correct(text).as_deref(), Some("13800138000"), "{text}");
    }
    assert_eq!(correct("对"), None);
}

#[test]
fn what_the_caller_is_told() {
    assert_eq!(say_as(Form::Phone, &["幺三八"]), ("138".into(), Note::Added));
    assert_eq!(say_as(Form::Phone, &["幺三八", "零零幺三", "没了"]).1, Note::Missing(4));
    assert_eq!(say_as(Form::Phone, &["幺三八", "我找一下"]).1, Note::Waits);
    assert_eq!(say_as(Form::Phone, &["幺三八", "不对"]), (String::new(), Note::Again));
    assert_eq!(say_as(Form::Phone, &["幺三八零零幺三", "不对是零零幺四"]), ("1380014".into(), Note::Changed));
    assert_eq!(say_as(Form::Phone, &["幺三八零零幺三", "五六七八九零幺"]), ("1380013".into(), Note::TooLong));
    assert_eq!(say_as(Form::Phone, &["幺零零八六"]), (String::new(), Note::Impossible));
    let not_a_number = Utterance::new("我想查一下话费", "", 1.0, &Pronouncer::default());
    assert_eq!(take(Form::Phone, &Groups::default(), &[not_a_number]), None);
}

#[test]
fn an_identity_number_is_put_right_digit_by_digit() {
    let turns = ["幺幺零幺零五", "幺九四九", "幺二三幺", "零零二叉"];
    assert_eq!(say_as(Form::IdNumber, &turns).0, "11010519491231002X");
    let (text, note) = say_as(Form::IdNumber, &["幺幺零幺零五", "幺九四九", "幺二三幺", "零零三叉"]);
    assert_eq!((text.len(), note), (18, Note::Impossible));
    let mut turns = vec!["幺幺零幺零五", "幺九四九", "幺二三幺", "零零三叉"];
    turns.push("是二不是三");
    let (text, note) = say_as(Form::IdNumber, &turns);
    assert_eq!(text, "11010519491231002X");
    assert!(matches!(note, Note::Whole(_)));
}

#[test]
fn the_reading_that_loses_least_wins() {
    let read = |text: &str| Utterance::new(text, "", 1.0, &Pronouncer::default());
    let known = Groups::new("138");
    let step = take(Form::Phone, &known, &[read("零零要三巴零零零")]).expect("understood by sound");
    assert_eq!(step.groups.text(), "13800138000");
    let step = take(Form::Phone, &known, &[read("零零幺三八零零"), read("零零幺三八零零零")]).expect("understood");
    assert_eq!(step.groups.text(), "13800138000", "another reading makes it whole");
}
