//! Cuts replies into clauses, so that the first one can be spoken while the rest is still made.

use hualu_core::dialogue::{Say, SayAs, Span};

/// A comma ends a clause once it has so many characters, the comma included. Shorter openings (好的，) stay with what
/// follows them.
const CLAUSE_MIN: usize = 5;

/// Cuts `spans` at sentence ends and, where the clause is long enough, at commas. Where a clause is cut depends on its
/// own words only, so that the same words are the same clause wherever they are said.
pub(crate) fn clauses(spans: &[Span], interruptible: bool, must_say: bool) -> Vec<Say> {
    let mut clauses = Vec::new();
    let mut open: Vec<Span> = Vec::new();
    let mut len = 0;
    let mut close = |open: &mut Vec<Span>, len: &mut usize| {
        let spans = std::mem::take(open);
        *len = 0;
        if spans.iter().any(|span| span.text.chars().any(char::is_alphanumeric)) {
            clauses.push(Say { spans, interruptible, must_say, ..Say::default() });
        }
    };
    for span in spans {
        if span.say_as != SayAs::Plain || span.personal {
            len += span.text.chars().count();
            open.push(span.clone());
            continue;
        }
        let mut text = String::new();
        for c in span.text.chars() {
            text.push(c);
            len += 1;
            let ends = matches!(c, '。' | '！' | '？' | '；' | '!' | '?' | ';')
                || (matches!(c, '，' | ',') && len >= CLAUSE_MIN);
            if ends {
                open.push(Span { text: std::mem::take(&mut text), ..span.clone() });
                close(&mut open, &mut len);
            }
        }
        if !text.is_empty() {
            open.push(Span { text, ..span.clone() });
        }
    }
    close(&mut open, &mut len);
    clauses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(spans: &[Span]) -> Vec<String> {
        clauses(spans, true, false).iter().map(Say::text).collect()
    }

    #[test]
    fn clauses_end_with_sentences_and_at_commas_that_are_far_enough() {
        let text = "您好，这里是话路智能客服，请问有什么可以帮您？再见。";
        assert_eq!(cut(&[Span::plain(text)]), ["您好，这里是话路智能客服，", "请问有什么可以帮您？", "再见。"]);
        assert_eq!(cut(&[Span::plain("好的，没问题，为您办理。")]), ["好的，没问题，", "为您办理。"]);
    }

    #[test]
    fn values_stay_whole_and_punctuation_alone_is_nothing() {
        let money = Span { text: "58.3".into(), say_as: SayAs::Money, personal: true };
        assert_eq!(cut(&[Span::plain("余额是"), money, Span::plain("。")]), ["余额是58.3。"]);
        assert!(cut(&[Span::plain("。！")]).is_empty());
    }
}
