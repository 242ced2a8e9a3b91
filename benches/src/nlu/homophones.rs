//! What a recognizer might have written: words replaced by words that sound the same or nearly so.

use hualu_models::lexicon::Lexicon;
use rand::Rng;
use rand::rngs::StdRng;

/// Of the replaced words so many are heard with one syllable of another sound.
const BLURRED: f64 = 0.3;

/// Beginnings and endings that accents and a narrow band mix up.
const INITIALS: [(&str, &str); 4] = [("zh", "z"), ("ch", "c"), ("sh", "s"), ("l", "n")];
const FINALS: [(&str, &str); 3] = [("ang", "an"), ("eng", "en"), ("ing", "in")];

/// Replaces each word of `text` with the chance `share`; the result has as many characters. Among the words of one sound
/// frequent ones are likelier; a word that has no other of its sound is replaced character by character.
pub fn mishear(text: &str, share: f64, lexicon: &Lexicon, random: &mut StdRng) -> String {
    let mut out = String::with_capacity(text.len());
    for word in lexicon.segment(text) {
        if !random.random_bool(share) {
            out.push_str(word);
            continue;
        }
        match another(word, lexicon, random) {
            Some(other) => out.push_str(other),
            None => {
                for c in word.chars() {
                    let c = c.to_string();
                    out.push_str(another(&c, lexicon, random).unwrap_or(&c));
                }
            }
        }
    }
    out
}

/// The share of characters that differ between two texts of one length.
pub fn error_rate<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> f64 {
    let (mut wrong, mut all) = (0.0, 0.0);
    for (said, heard) in pairs {
        wrong += said.chars().zip(heard.chars()).filter(|(a, b)| a != b).count() as f64;
        all += said.chars().count() as f64;
    }
    wrong / all
}

fn another<'a>(word: &str, lexicon: &'a Lexicon, random: &mut StdRng) -> Option<&'a str> {
    let mut sounds: Vec<String> = lexicon.pinyin(word).iter().map(|syllable| syllable.base.to_owned()).collect();
    if sounds.len() != word.chars().count() {
        return None;
    }
    if random.random_bool(BLURRED) {
        let at = random.random_range(0..sounds.len());
        sounds[at] = blurred(&sounds[at]);
    }
    let length = sounds.len();
    let mut others = lexicon.homophones(&sounds.join(" "));
    others.retain(|entry| entry.word != word && entry.word.chars().count() == length);
    let weights: Vec<f64> = others.iter().map(|entry| f64::from(entry.frequency.max(1))).collect();
    let mut left = random.random_range(0.0..1.0) * weights.iter().sum::<f64>();
    let chosen = weights.iter().position(|weight| {
        left -= weight;
        left <= 0.0
    });
    chosen.map(|chosen| others[chosen].word)
}

fn blurred(syllable: &str) -> String {
    for (a, b) in INITIALS {
        if let Some(rest) = syllable.strip_prefix(a) {
            return format!("{b}{rest}");
        }
        if let Some(rest) = syllable.strip_prefix(b) {
            return format!("{a}{rest}");
        }
    }
    for (a, b) in FINALS {
        if let Some(rest) = syllable.strip_suffix(a) {
            return format!("{rest}{b}");
        }
        if let Some(rest) = syllable.strip_suffix(b) {
            return format!("{rest}{a}");
        }
    }
    syllable.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    const WORDS: &str =
        "话费\thua4 fei4\t9\n画费\thua4 fei4\t1\n花费\thua1 fei4\t30\n查\tcha2\t9\n茶\tcha2\t5\n擦\tca1\t3\n";

    #[test]
    fn words_become_others_of_their_sound_and_a_seed_repeats_it() {
        let lexicon = Lexicon::parse("words", WORDS).expect("well formed");
        let hear = |seed| mishear("查话费", 1.0, &lexicon, &mut StdRng::seed_from_u64(seed));
        let heard: Vec<String> = (0..40).map(hear).collect();
        assert!(heard.iter().all(|text| text.chars().count() == 3), "{heard:?}");
        assert!(heard.contains(&"茶花费".to_owned()) && heard.iter().any(|text| text.starts_with('擦')), "{heard:?}");
        assert_eq!(hear(7), hear(7));
        assert_eq!(mishear("查话费", 0.0, &lexicon, &mut StdRng::seed_from_u64(1)), "查话费");
        assert!((error_rate([("查话费", "茶花费")].into_iter()) - 2.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn what_the_lexicon_does_not_know_stays() {
        let lexicon = Lexicon::parse("words", WORDS).expect("well formed");
        assert_eq!(mishear("5G犇", 1.0, &lexicon, &mut StdRng::seed_from_u64(1)), "5G犇");
    }
}
