//! The benchmark's own bots are sound.

use hualu_nlu::Bot;
use std::path::Path;

#[test]
fn every_bot_of_the_benchmark_compiles() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bots");
    let mut seen = 0;
    for bot in folder.read_dir().expect("a folder") {
        let path = bot.expect("readable").path();
        Bot::load(&path).unwrap_or_else(|faults| panic!("{}: {faults}", path.display()));
        seen += 1;
    }
    assert_eq!(seen, 3);
}
