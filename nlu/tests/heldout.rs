//! Sentences that were written after the examples and tune nothing.

use hualu_nlu::Assistant;
use hualu_nlu::bot::Bot;
use hualu_nlu::utterance::Pronouncer;
use std::collections::BTreeMap;
use std::path::Path;

#[test]
fn sentences_that_training_never_saw_are_understood_or_asked_back() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bots/hotline_10086");
    let bot = Bot::load(&dir).unwrap_or_else(|faults| panic!("{faults}"));
    let backends = bot.backends().iter().map(|name| (name.clone(), format!("http://{name}"))).collect();
    let pronouncer = Pronouncer::default();
    let assistant = Assistant::new(bot, pronouncer.clone(), None, &backends).expect("every back end has an address");
    let text = std::fs::read_to_string(dir.join("tests/heldout.yaml")).expect("readable");
    type Sentences = BTreeMap<String, Vec<String>>;
    let groups: BTreeMap<String, Sentences> = serde_saphyr::from_str(&text).expect("group -> intent -> sentences");
    for (group, sentences) in &groups {
        judge(&assistant, &pronouncer, group, sentences);
    }
}

fn judge(assistant: &Assistant, pronouncer: &Pronouncer, group: &str, sets: &BTreeMap<String, Vec<String>>) {
    let bands = assistant.classifier().bands();
    let (mut known, mut right, mut asked, mut unknown, mut rejected) = (0_u32, 0_u32, 0_u32, 0_u32, 0_u32);
    let mut wrong = Vec::new();
    for (intent, sentences) in sets {
        for sentence in sentences {
            let scored = assistant.classifier().classify_text(sentence, pronouncer);
            let (best, margin) = (&scored[0].intent, scored[0].margin);
            let is_accepted = margin >= bands.accept;
            if intent == "none" {
                unknown += 1;
                rejected += u32::from(!is_accepted);
            } else {
                known += 1;
                right += u32::from(is_accepted && best == intent);
                let in_two = scored[..2].iter().any(|scored| scored.intent == *intent);
                asked +=
                    u32::from((is_accepted && best == intent) || (!is_accepted && margin >= bands.clarify && in_two));
            }
            if (intent == "none" && is_accepted) || (intent != "none" && !(is_accepted && best == intent)) {
                wrong.push(format!("{sentence}: {best} {margin:.2}, not {intent}"));
            }
        }
    }
    println!(
        "{group}, {bands:?}: {right}/{known} right, {asked}/{known} with asking back, {rejected}/{unknown} rejected"
    );
    println!("{}", wrong.join("\n"));
    assert!(right * 100 >= known * 85, "{group}: {right} of {known}");
    assert!(asked * 100 >= known * 90, "{group}: {asked} of {known} with asking back");
    assert!(rejected * 100 >= unknown * 80, "{group}: {rejected} of {unknown} rejected");
}
