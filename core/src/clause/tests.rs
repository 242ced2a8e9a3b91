use super::*;
use proptest::prelude::*;

#[expect(clippy::disallowed_methods, reason = "a base for virtual time")]
fn base() -> Instant {
    Instant::now()
}

fn no_border(_: &str) -> usize {
    0
}

/// Feeds one delta after the other and collects what comes out, without ever falling idle.
fn stream(deltas: &[&str]) -> Vec<String> {
    let now = base();
    let mut chunker = ClauseChunker::new(ClauseConfig::default());
    let mut out = Vec::new();
    for delta in deltas {
        chunker.push(now, delta);
        while let Some(clause) = chunker.poll(now, no_border) {
            out.push(clause.text);
        }
    }
    chunker.finish();
    while let Some(clause) = chunker.poll(now, no_border) {
        out.push(clause.text);
    }
    out
}

#[test]
fn the_first_clause_is_short_and_later_ones_longer() {
    assert_eq!(
        clauses("您好，很高兴为您服务，您本月的话费一共是五十八元三角，其中套餐费五十八元。请问还有什么可以帮您？"),
        [
            "您好，很高兴为您服务，",
            "您本月的话费一共是五十八元三角，",
            "其中套餐费五十八元。",
            "请问还有什么可以帮您？"
        ]
    );
    assert_eq!(clauses("好的。请稍等"), ["好的。", "请稍等"]);
    assert!(clauses("").is_empty());
    // What cannot be said after the last stop is no clause of its own.
    assert_eq!(clauses("请稍等。办理成功！👍 "), ["请稍等。", "办理成功！👍 "]);
}

#[test]
fn numbers_words_titles_and_tags_stay_whole() {
    for whole in [
        "一共是29.9元",
        "现在时间是14:30分",
        "营业时间是9：00至18：00",
        "余额一共1,234.50元",
        "请登录www.10086.cn查询",
        "《用户协议。第一条》已经生效",
        "他在电话里说“好的。没问题，谢谢”然后挂了",
        "请说<break time=\"200ms，\"/>您的号码",
    ] {
        assert_eq!(clauses(whole), [whole], "{whole}");
    }
    assert_eq!(clauses("他说“好的。”然后走了。"), ["他说“好的。”", "然后走了。"]);
    assert_eq!(clauses("真的吗？！太好了……谢谢！"), ["真的吗？！", "太好了……", "谢谢！"]);
}

#[test]
fn deltas_cut_like_the_whole_and_at_once() {
    assert_eq!(stream(&["一共是29", ".", "9元。", "谢谢"]), ["一共是29.9元。", "谢谢"]);
    let now = base();
    let mut chunker = ClauseChunker::new(ClauseConfig::default());
    chunker.push(now, "好的。请");
    assert_eq!(chunker.poll(now, no_border), Some(Clause { text: "好的。".into(), last: false }));
    assert_eq!(chunker.poll(now, no_border), None);
    chunker.finish();
    assert_eq!(chunker.poll(now, no_border), Some(Clause { text: "请".into(), last: true }));
    assert_eq!(chunker.poll(now, no_border), None);
}

#[test]
fn a_pause_in_the_text_cuts_at_a_word_border_once() {
    let now = base();
    let later = now + Duration::from_millis(80);
    let mut chunker = ClauseChunker::new(ClauseConfig::default());
    chunker.push(now, "您的话费余额还剩五十八");
    let border = |text: &str| text.find("五").unwrap_or(0);
    assert_eq!(chunker.poll(now, border), None);
    assert_eq!(chunker.next_timeout(), Some(later));
    assert_eq!(chunker.poll(later, border).map(|clause| clause.text).as_deref(), Some("您的话费余额还剩"));
    assert_eq!(chunker.next_timeout(), None, "it does not ask to be polled in vain");
    assert_eq!(chunker.poll(later, border), None);
    // Too little, or a border inside a number: it waits for more.
    chunker.push(later, "元流量12345");
    assert_eq!(chunker.poll(later + Duration::from_millis(80), |text| text.len() - 2).map(|c| c.text), {
        Some("五十八元流量".to_owned())
    });
}

#[test]
fn text_without_punctuation_is_cut_when_it_grows_too_long() {
    let long = "话".repeat(61);
    let now = base();
    let mut chunker = ClauseChunker::new(ClauseConfig::default());
    chunker.push(now, &long);
    let clause = chunker.poll(now, |text| text.len() - "话".len()).expect("too long");
    assert_eq!(clause.text.chars().count(), 60);
}

proptest! {
    #[test]
    fn nothing_is_lost_and_no_cut_falls_inside(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "您", "好的", "话费", "29", ".", "9", ",", "，", "。", "！", "？", "：", ":", "5G", "App", "“", "”", "《",
                "》", "、", "\n", " ", "-", "…", "<b", ">", "\"",
            ]),
            0..60,
        ),
        idle in prop::collection::vec(any::<bool>(), 60),
    ) {
        let mut now = base();
        let mut chunker = ClauseChunker::new(ClauseConfig::default());
        let last_char = |text: &str| text.char_indices().next_back().map_or(0, |(at, _)| at);
        let mut out: Vec<Clause> = Vec::new();
        for (piece, idle) in pieces.iter().zip(idle) {
            chunker.push(now, piece);
            if idle {
                now += Duration::from_millis(80);
            }
            out.extend(std::iter::from_fn(|| chunker.poll(now, last_char)));
        }
        chunker.finish();
        out.extend(std::iter::from_fn(|| chunker.poll(now, last_char)));

        let whole: String = pieces.concat();
        let joined: String = out.iter().map(|clause| clause.text.as_str()).collect();
        prop_assert_eq!(&joined, &whole);
        prop_assert!(out.iter().all(|clause| !clause.text.is_empty()));
        let mut at = 0;
        for clause in &out[..out.len().saturating_sub(1)] {
            prop_assert!(!clause.last);
            prop_assert!(clause.text.chars().any(char::is_alphanumeric), "{:?} says nothing", clause.text);
            at += clause.text.len();
            let (left, right) = whole.split_at(at);
            prop_assert!(!are_joined(left, right), "cut between {:?} and {:?}", left, right);
            let mut quotes = Quotes::default();
            let chars: Vec<char> = clause.text.chars().chain(right.chars().next()).collect();
            for pair in 0..clause.text.chars().count() {
                quotes.push(chars[pair], chars.get(pair + 1).copied(), ClauseConfig::default().chars_max);
            }
            prop_assert!(quotes.are_closed(), "cut inside quotation marks in {:?}", whole);
        }
    }
}
