//! The history holds exactly what the caller heard, from the samples that were really sent.

use hualu_core::Samples;
use hualu_core::dialogue::{CallEvent, CallInput};
use hualu_sim::{Setup, World, acts, say};

/// Characters of 200 ms each, cut after every possible number of packets.
#[test]
fn an_interrupted_clause_is_noted_to_the_character() {
    for wait in (300..1_300).step_by(60) {
        let mut setup = Setup::new(1);
        setup.record = true;
        let mut world = World::with(setup, |input: &CallInput| match &input.event {
            CallEvent::Started(_) => acts(input.turn, 20, vec![say("欢迎致电中国移动")]),
            _ => Vec::new(),
        });
        world.run_ms(wait);
        world.say("停一下吧");
        world.run_ms(1_200);
        let record = world.records().next().expect("the greeting was interrupted");
        let said = &record.said[0];
        let audible = world.tape().iter().flat_map(|frame| frame.bot.samples()).filter(|sample| **sample != 0).count();
        // The last sample of the fade is nothing.
        let sent = Samples(said.played.as_millis() as u64 * 8).0 as usize;
        assert!(sent.abs_diff(audible) <= 1, "after {wait} ms: {sent} samples noted, {audible} heard");
        let heard: String = "欢迎致电中国移动".chars().take(sent / 1_600).collect();
        assert_eq!(said.heard.reveal(), &heard, "after {wait} ms");
        let told = world.told().find_map(|input| match &input.event {
            CallEvent::BargeIn(heard) => Some(heard.text.reveal().clone()),
            _ => None,
        });
        assert_eq!(told.as_ref(), Some(said.heard.reveal()), "record and dialogue agree");
    }
}
