//! How much of the understanding survives a recognizer's errors.

use hualu_core::dialogue::Hypothesis;
use hualu_models::lexicon::char_syllable;
use hualu_nlu::Assistant;
use hualu_nlu::bot::Bot;
use hualu_nlu::utterance::Pronouncer;
use std::collections::BTreeMap;
use std::path::Path;

/// Sounds that a narrow band and accents mix up.
const INITIALS: [(&str, &str); 11] = [
    ("zh", "z"),
    ("ch", "c"),
    ("sh", "s"),
    ("n", "l"),
    ("h", "f"),
    ("d", "t"),
    ("b", "p"),
    ("g", "k"),
    ("j", "q"),
    ("x", "s"),
    ("r", "l"),
];
const FINALS: [(&str, &str); 6] =
    [("ang", "an"), ("eng", "en"), ("ing", "in"), ("uo", "o"), ("ao", "ou"), ("ai", "ei")];

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn confused(syllable: &str, random: &mut Random) -> String {
    for _ in 0..8 {
        let (a, b) = INITIALS[usize::try_from(random.below(INITIALS.len() as u64)).expect("small")];
        let (c, d) = FINALS[usize::try_from(random.below(FINALS.len() as u64)).expect("small")];
        if let Some(rest) = syllable.strip_prefix(a) {
            return format!("{b}{rest}");
        }
        if let Some(rest) = syllable.strip_prefix(b).filter(|rest| !rest.starts_with('h')) {
            return format!("{a}{rest}");
        }
        if let Some(rest) = syllable.strip_suffix(c) {
            return format!("{rest}{d}");
        }
        if let Some(rest) = syllable.strip_suffix(d) {
            return format!("{rest}{c}");
        }
    }
    syllable.to_owned()
}

/// Each syllable is misheard with a chance of `percent`: half of them for a neighbour, a quarter lost, a quarter for a
/// homophone. What is misheard is written with a character that means nothing.
fn noisy(text: &str, percent: u64, random: &mut Random) -> Hypothesis {
    let (mut chars, mut sounds) = (String::new(), Vec::new());
    for c in text.chars() {
        let Some(syllable) = char_syllable(c) else {
            chars.push(c);
            continue;
        };
        let base = syllable.base.to_owned();
        if random.below(100) >= percent {
            chars.push(c);
            sounds.push(base);
            continue;
        }
        match random.below(4) {
            0 => {}
            1 => {
                chars.push('犇');
                sounds.push(base);
            }
            _ => {
                chars.push('犇');
                sounds.push(confused(&base, random));
            }
        }
    }
    Hypothesis { text: chars.into(), pinyin: sounds.join(" ").into(), confidence: 0.8, ..Hypothesis::default() }
}

#[test]
fn misheard_sentences_are_mostly_still_understood() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bots/hotline_10086");
    let bot = Bot::load(&dir).unwrap_or_else(|faults| panic!("{faults}"));
    let backends = bot.backends().iter().map(|name| (name.clone(), format!("http://{name}"))).collect();
    let pronouncer = Pronouncer::default();
    let assistant = Assistant::new(bot, pronouncer.clone(), None, &backends).expect("every back end has an address");
    let text = std::fs::read_to_string(dir.join("tests/heldout.yaml")).expect("readable");
    let groups: BTreeMap<String, BTreeMap<String, Vec<String>>> = serde_saphyr::from_str(&text).expect("well-formed");
    let accept = assistant.classifier().bands().accept;
    let mut rates = Vec::new();
    for percent in [0, 10, 20, 30] {
        let mut random = Random(0x5eed);
        let (mut all, mut right, mut wrong, mut top) = (0_u32, 0_u32, 0_u32, 0_u32);
        for (intent, sentences) in groups.values().flatten().filter(|(intent, _)| *intent != "none") {
            for sentence in sentences {
                for _ in 0..3 {
                    let scored =
                        assistant.classifier().classify_hypothesis(&noisy(sentence, percent, &mut random), &pronouncer);
                    let Some(best) = scored.first() else { continue };
                    all += 1;
                    top += u32::from(best.intent == *intent);
                    if best.margin >= accept {
                        if best.intent == *intent { right += 1 } else { wrong += 1 }
                    }
                }
            }
        }
        println!("{percent} % misheard: {top}/{all} best, {right} accepted right, {wrong} accepted wrong");
        rates.push((all, right, wrong));
    }
    let (all, right, wrong) = rates[1];
    assert!(right * 100 >= all * 75 && wrong * 100 <= all * 4, "{rates:?}");
}
