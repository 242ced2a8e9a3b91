//! Every bot of this repository can be drawn: each flow is there, and the picture is one well-formed document.

use hualu_nlu::bot::Bot;
use hualu_nlu::graph;
use std::path::Path;

#[test]
fn every_bot_can_be_drawn() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bots");
    for entry in std::fs::read_dir(dir).expect("the repository has bots").filter_map(Result::ok) {
        let bot = Bot::load(&entry.path()).unwrap_or_else(|faults| panic!("{faults}"));
        let svg = graph::svg(&bot, &[]).expect("all flows");
        assert_eq!(svg.matches("<g ").count(), svg.matches("</g>").count());
        assert!(svg.ends_with("</svg>\n") && !svg.contains("NaN"));
        if let Some(folder) = std::env::var_os("HUALU_DRAW") {
            std::fs::write(Path::new(&folder).join(format!("{}.svg", bot.id())), svg).expect("writable");
        }
    }
}
