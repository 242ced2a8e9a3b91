//! The hotline's intents: as many and as well covered as a carrier needs, and told apart.

use hualu_nlu::bot::Bot;
use hualu_nlu::intent::cross_validate;
use hualu_nlu::utterance::Pronouncer;
use std::collections::BTreeMap;
use std::path::Path;

#[test]
fn left_out_examples_are_mostly_recognised_and_no_intent_is_thin() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bots/hotline_10086");
    let bot = Bot::load(&dir).unwrap_or_else(|faults| panic!("{faults}"));
    let mut wrong = cross_validate(&bot, &Pronouncer::default());
    let all = wrong.len();
    let mut of_intent: BTreeMap<String, usize> = BTreeMap::new();
    for judged in &wrong {
        *of_intent.entry(judged.intent.clone()).or_default() += 1;
    }
    wrong.retain(|judged| judged.intent != judged.taken_for);
    wrong.sort_by(|a, b| b.margin.total_cmp(&a.margin));
    for judged in &wrong {
        println!("{:.2} {}: {} -> {}", judged.margin, judged.text, judged.intent, judged.taken_for);
    }
    println!("{} intents, {all} examples, {} taken for another intent when left out", of_intent.len(), wrong.len());
    assert!(of_intent.len() >= 45, "{} intents", of_intent.len());
    let thin: Vec<_> = of_intent.iter().filter(|(_, count)| **count < 60).collect();
    assert!(thin.is_empty(), "fewer than 60 examples: {thin:?}");
    assert!(wrong.len() * 100 <= all * 12, "{} of {all} examples are taken for another intent", wrong.len());
}
