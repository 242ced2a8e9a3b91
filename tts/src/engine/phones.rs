//! Pinyin to the phones of the voice: an initial, and a final whose name tells the vowels apart that pinyin spells alike.

const INITIALS: [&str; 23] = [
    "b", "p", "m", "f", "d", "t", "n", "l", "g", "k", "h", "j", "q", "x", "zh", "ch", "sh", "r", "z", "c", "s", "y",
    "w",
];
const UNVOICED: [&str; 17] = ["b", "p", "f", "d", "t", "g", "k", "h", "j", "q", "x", "zh", "ch", "sh", "z", "c", "s"];

/// The phones of one toneless syllable (`v` is ü) as the voice names them: `zhuang` is `i_zh`, `f_uang`.
pub(super) fn phones_of(pinyin: &str) -> (Option<String>, String) {
    let (initial, last) = split(pinyin);
    let last = format!("f_{}", final_phone(initial, last));
    ((!initial.is_empty()).then(|| format!("i_{initial}")), last)
}

/// Whether a phone of that name is an initial without voice, which carries no pitch.
pub(super) fn is_unvoiced(phone: &str) -> bool {
    phone.strip_prefix("i_").is_some_and(|initial| UNVOICED.contains(&initial))
}

fn split(pinyin: &str) -> (&str, &str) {
    [2, 1]
        .into_iter()
        .filter_map(|len| pinyin.split_at_checked(len))
        .find(|(initial, rest)| INITIALS.contains(initial) && !rest.is_empty())
        .unwrap_or(("", pinyin))
}

fn final_phone<'a>(initial: &str, last: &'a str) -> &'a str {
    match (initial, last) {
        ("z" | "c" | "s", "i") => "ih",
        ("zh" | "ch" | "sh" | "r", "i") => "ir",
        ("j" | "q" | "x" | "y", "u") => "v",
        ("j" | "q" | "x" | "y", "ue") => "ve",
        ("j" | "q" | "x" | "y", "uan") => "van",
        ("j" | "q" | "x" | "y", "un") => "vn",
        ("y", "an") => "ian",
        ("y", "e") => "ie",
        (_, "ue") => "ve",
        (_, "n" | "m") => "en",
        (_, "ng") => "eng",
        (_, "iai") => "ie",
        (_, "io") => "o",
        (_, other) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_letter_is_several_vowels() {
        let named = |pinyin| {
            let (initial, last) = phones_of(pinyin);
            format!("{} {last}", initial.unwrap_or_default())
        };
        assert_eq!(named("zhuang"), "i_zh f_uang");
        assert_eq!(named("zi"), "i_z f_ih");
        assert_eq!(named("shi"), "i_sh f_ir");
        assert_eq!(named("yu"), "i_y f_v");
        assert_eq!(named("xuan"), "i_x f_van");
        assert_eq!(named("lv"), "i_l f_v");
        assert_eq!(named("yan"), "i_y f_ian");
        assert_eq!(named("er"), " f_er");
        assert_eq!(named("n"), " f_en");
        assert_eq!(named("呀"), " f_呀");
    }
}
