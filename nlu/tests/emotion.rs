//! Anger and haste in the caller's words lead to a person, and the person is told.

mod support;

use hualu_core::dialogue::Act;
use support::{Caller, assistant, last_act, text};

const BOT: &str = "
bot: {id: t, entry: main}
nlu:
  intents:
    query_balance: {examples: [查话费, 查一下话费, 话费还有多少, 我的话费余额]}
policies:
  handoff: {say: 马上为您转接。, on: [\"emotion:angry x2\", \"emotion:urgent x3\"]}
flows:
  main: {steps: [{say: 您好。}, {choose: {options: []}}]}
  balance: {trigger: {intents: [query_balance]}, steps: [{say: 余额十元。}]}
";

#[test]
fn the_second_angry_turn_is_handed_over_with_its_priority() {
    let mut caller = Caller::of(&assistant(BOT));
    assert!(!text(&caller.say("你们太过分了")).contains("转接"));
    assert!(text(&caller.say("查一下话费")).contains("余额十元"), "a calm turn between does not matter");
    let outputs = caller.say("气死我了查一下话费");
    let Act::Transfer { summary, .. } = last_act(&outputs) else { panic!("{outputs:?}") };
    assert!(summary.reveal().starts_with("优先：客户情绪激动；"), "{summary:?}");
    assert_eq!(caller.trace().iter().filter(|what| *what == "sounds angry").count(), 2);
}

#[test]
fn partials_and_requests_are_not_counted() {
    let mut caller = Caller::of(&assistant(BOT));
    for revision in 0..4 {
        caller.partial("你们太过分了", revision);
    }
    caller.say("你们太过分了查一下话费");
    for _ in 0..3 {
        assert!(!matches!(last_act(&caller.say("我想查一下话费")), Act::Transfer { .. }));
    }
}

#[test]
fn haste_is_counted_by_itself_and_told_to_the_person() {
    let mut caller = Caller::of(&assistant(BOT));
    caller.say("快点查话费");
    caller.say("我很着急查话费");
    let Act::Transfer { summary, .. } = last_act(&caller.say("赶紧的查话费")) else { panic!("no transfer") };
    assert!(summary.reveal().starts_with("优先：客户着急；"), "{summary:?}");
}
