//! Whether words of a model may be spoken: they are plain speech, and what they claim stands in what it was given.

use std::collections::HashSet;

/// More is a lecture.
const CHARS_MAX: usize = 120;
/// The share of pairs of characters that must stand in the sources.
const COVERED: f32 = 0.6;
const NUMERALS: &str = "零〇一二两三四五六七八九十百千万亿";
/// Behind one numeral these make it an amount.
const UNITS: &str = "元块毛分个天日号月年点折兆%时";
/// Signs of markup, templates, expressions and addresses; nobody says them.
const SIGNS: &str = "<>{}[]$`\\|=&#@_*~^";

/// Whether a text is plain speech: no markup, template, address or control character, and short.
pub(crate) fn is_speakable(text: &str) -> bool {
    let len = text.chars().count();
    let lower = text.to_ascii_lowercase();
    let has_address = ["http", "www", "://", ".com", ".cn"].iter().any(|part| lower.contains(part));
    let has_words = text.chars().any(char::is_alphanumeric);
    let is_odd = |c: char| c.is_control() || SIGNS.contains(c) || ('\u{200b}'..='\u{202e}').contains(&c);
    (1..=CHARS_MAX).contains(&len) && has_words && !has_address && !text.chars().any(is_odd)
}

/// Whether what a text claims stands in `sources`: every number of it, and most of its words.
pub(crate) fn is_grounded(text: &str, sources: &[String]) -> bool {
    let all = sources.join("\n");
    if numbers(text).iter().any(|number| !all.contains(number.as_str())) {
        return false;
    }
    let chars: Vec<char> = text.chars().filter(|c| c.is_alphanumeric()).collect();
    let known: Vec<char> = all.chars().filter(|c| c.is_alphanumeric() || *c == '\n').collect();
    let known: HashSet<&[char]> = known.windows(2).collect();
    let pairs = chars.windows(2).count();
    let covered = chars.windows(2).filter(|pair| known.contains(pair)).count();
    #[expect(clippy::cast_precision_loss, reason = "at most some hundred characters")]
    let share = covered as f32 / pairs.max(1) as f32;
    pairs > 0 && share >= COVERED
}

/// Whether a text claims nothing: it is short and holds no number and no word of a promise or a transaction.
pub(crate) fn is_claimless(text: &str) -> bool {
    const CLAIMS: [&str; 14] =
        ["已", "办", "元", "免", "退", "赔", "送", "保证", "承诺", "一定", "优惠", "开通", "取消", "密码"];
    text.chars().count() <= 40 && numbers(text).is_empty() && !CLAIMS.iter().any(|claim| text.contains(claim))
}

/// The numbers of a text, in figures or numerals.
fn numbers(text: &str) -> Vec<String> {
    let mut numbers = Vec::new();
    let mut run = String::new();
    let is_part = |c: char| c.is_ascii_digit() || NUMERALS.contains(c);
    for c in text.chars().chain(std::iter::once(' ')) {
        if is_part(c) || (c == '.' && run.ends_with(|c: char| c.is_ascii_digit())) {
            run.push(c);
            continue;
        }
        let number = std::mem::take(&mut run);
        let number = number.trim_end_matches('.');
        // 一下 and 一样 hold no amount.
        let is_amount = number.starts_with(|c: char| c.is_ascii_digit())
            || number.chars().count() > 1
            || (!number.is_empty() && UNITS.contains(c));
        if is_amount {
            numbers.push(number.to_owned());
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_speech_is_speakable() {
        assert!(is_speakable("漫游每天三十元，用多少算多少。"));
        let long = "长".repeat(200);
        for hostile in [
            "",
            "。！",
            "<speak><break/></speak>",
            "余额是${balance}元",
            "{{fee}}",
            "请访问http://evil.test",
            "请上www点evil点com",
            "加微信a_b",
            "好的\u{0}",
            "好的\u{202e}",
            long.as_str(),
        ] {
            assert!(!is_speakable(hostile), "{hostile:.40}");
        }
    }

    #[test]
    fn small_talk_claims_nothing() {
        assert!(is_claimless("您客气了，祝您生活愉快。"));
        for claim in ["已经为您办好了", "给您免费升级", "一共三十元", "退您20"] {
            assert!(!is_claimless(claim), "{claim}");
        }
    }

    #[test]
    fn claims_must_stand_in_the_sources() {
        let sources = ["漫游资费是每天三十元，用多少算多少，封顶一百五十元。".to_owned()];
        assert!(is_grounded("漫游资费是每天三十元，封顶一百五十元。", &sources));
        assert!(is_grounded("帮您看了一下，漫游资费是每天三十元。", &sources));
        for invented in ["漫游资费是每天二十元。", "漫游资费是每天30元。", "您的违约金已经全部免除了。", "好"]
        {
            assert!(!is_grounded(invented, &sources), "{invented}");
        }
        assert!(!is_grounded("漫游资费是每天三十元。", &[]));
    }
}
