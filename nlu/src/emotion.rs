//! How angry and how pressed for time a caller sounds, from the words alone.
//!
//! Cues were written by hand, each with the chance that a caller who says it is angry or in a hurry. Several cues add up
//! as independent evidence does, a word of degree strengthens the cue behind it, a negation takes it away: 我没生气.

use crate::utterance::Utterance;
use aho_corasick::{AhoCorasick, MatchKind};
use std::sync::OnceLock;

/// From here on a turn counts as angry or urgent.
const CERTAIN: f32 = 0.5;
/// A word of degree takes away so much of what speaks against the cue.
const STRENGTHENED: f32 = 0.6;
/// Characters before a cue in which a negation or a word of degree is looked for.
const REACH: usize = 4;

/// Cues of anger, by the chance that who says them is angry.
const ANGER: [(f32, &str); 4] = [
    (
        0.9,
        "他妈的 妈的 妈了个 他娘的 去你的 去你大爷 你大爷的 混蛋 王八蛋 滚蛋 给我滚 放屁 放你的屁 狗屁 神经病 傻逼 有病吧 有毛病吧 \
         脑子有病 不要脸 臭不要脸 无耻 流氓 缺德 丧良心 黑心 气死我了 气死人了 气死了 气炸了 火大 忍无可忍 欺人太甚 岂有此理 龟儿子 瓜娃子",
    ),
    (
        0.7,
        "太过分了 过分 受够了 受不了 什么玩意 什么破 破公司 破网 垃圾 差劲 太烂 太坑 不像话 欺负人 欺负老百姓 坑我 坑人 坑爹 骗子 骗我 \
         骗人 骗钱 耍我 玩我呢 忽悠 糊弄 敷衍 踢皮球 推来推去 推卸责任 扯淡 扯皮 恶心 曝光 起诉 打官司 工信部 消协 消费者协会 一二三一五 \
         12315 找记者 找律师 法院见 霸王条款 强盗 抢钱 有完没完 没完没了 听不懂人话 说人话 废话 窝火 冒火 来气 发火 急眼 吃干饭 干什么吃的 \
         要不要人活",
    ),
    (
        0.4,
        "生气 恼火 愤怒 上火 闹心 郁闷 烦死 真烦 好烦 不耐烦 凭什么 凭啥 乱扣 乱收费 偷扣 偷偷扣 偷我 不满意 太慢了 没人管 没人理 \
         不负责任 不解决 解决不了 说了多少遍 说了几遍 说了好几遍 跟你说过了 打了好几次 打了多少次 打了几个电话 第几次了 第三次了 又来了 \
         等了半天 等了这么久 等了好几天 还没解决 还没人来 还没修好 搞什么 搞啥子 搞么子 做啥子 莫名其妙 什么态度 态度差 什么服务 你们领导",
    ),
    (0.25, "投诉 举报 到底 怎么回事 服了 无语 失望 真是的 老是 总是 又不行 又断了 讲不讲理 讲理"),
];

/// Cues of urgency.
const URGENCY: [(f32, &str); 3] = [
    (
        0.9,
        "救命 报警 急救 着火 出人命 等不及 来不及 急死了 急死我了 急用 十万火急 火烧眉毛 被盗了 被偷了 盗刷 被骗了 冒用我 现在就要 \
         立刻马上 马上就要",
    ),
    (
        0.7,
        "着急 很急 挺急 太急 特别急 急得很 急事 赶紧 赶快 抓紧 立刻 立马 快点 快一点 快些 麻溜 麻利 等着用 赶飞机 赶火车 赶车 要登机 \
         耽误 误事 今天必须 今天之内 今天就要 必须马上",
    ),
    (0.4, "尽快 尽早 马上 现在就 抢修 加急 没时间 在开会 丢了 停机了 打不出去 联系不上 一天了 好几天了 一个星期了"),
];

/// Words that end in a cue or hold one and mean something else.
const HARMLESS: &str = "加急件 不着急 不急 不用着急 别着急 不赶 丢了个 快点播 赶紧的套餐 现在就是 现在就有 马上到期 垃圾短信 垃圾信息 \
                        垃圾电话 骚扰电话 骗子电话 诈骗电话 到底部 停机了吗 会不会停机了 过分析 总是有";
/// They take a cue away that stands right behind them.
const NEGATIONS: [&str; 9] = ["没有", "没", "不是", "不", "别", "不用", "不要", "无需", "并非"];
/// They make it stronger.
const DEGREES: [&str; 12] = ["太", "真", "好", "很", "特别", "非常", "实在", "简直", "真是", "真的", "最", "超级"];

/// How angry and how pressed a turn sounds, each `0.0..=1.0`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Emotion {
    /// The chance that the caller is angry.
    pub anger: f32,
    /// The chance that it is urgent for the caller.
    pub urgency: f32,
}

impl Emotion {
    /// Reads the words of one turn.
    ///
    /// ```
    /// use hualu_nlu::emotion::Emotion;
    ///
    /// assert!(Emotion::of("你们太过分了，乱扣我钱").is_angry());
    /// assert!(!Emotion::of("我想查一下话费").is_angry());
    /// ```
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self::of_chars(&crate::utterance::clean(text).0)
    }

    pub(crate) fn of_utterance(utterance: &Utterance) -> Self {
        Self::of_chars(&utterance.chars)
    }

    fn of_chars(chars: &[char]) -> Self {
        let cues = Cues::shared();
        let text: String = chars.iter().collect();
        let (mut calm, mut patient) = (1.0_f32, 1.0_f32);
        for found in cues.matcher.find_iter(&text) {
            let Some((is_anger, chance)) = cues.kinds[found.pattern().as_usize()] else { continue };
            let before: String = {
                let head = &text[..found.start()];
                let skip = head.chars().count().saturating_sub(REACH);
                head.chars().skip(skip).collect()
            };
            if NEGATIONS.iter().any(|no| before.ends_with(no)) {
                continue;
            }
            let is_strong = DEGREES.iter().any(|degree| before.ends_with(degree));
            let against = (1.0 - chance) * if is_strong { STRENGTHENED } else { 1.0 };
            *(if is_anger { &mut calm } else { &mut patient }) *= against;
        }
        Self { anger: 1.0 - calm, urgency: 1.0 - patient }
    }

    /// Whether the turn counts as angry.
    #[must_use]
    pub fn is_angry(self) -> bool {
        self.anger >= CERTAIN
    }

    /// Whether the turn counts as urgent.
    #[must_use]
    pub fn is_urgent(self) -> bool {
        self.urgency >= CERTAIN
    }
}

struct Cues {
    matcher: AhoCorasick,
    /// By pattern: whether it tells of anger, and its chance; `None` for harmless words.
    kinds: Vec<Option<(bool, f32)>>,
}

impl Cues {
    fn shared() -> &'static Self {
        static CUES: OnceLock<Cues> = OnceLock::new();
        CUES.get_or_init(|| {
            let (mut patterns, mut kinds) = (Vec::new(), Vec::new());
            let mut add = |words: &'static str, kind| {
                for word in words.split_ascii_whitespace() {
                    patterns.push(word);
                    kinds.push(kind);
                }
            };
            ANGER.iter().for_each(|(chance, words)| add(words, Some((true, *chance))));
            URGENCY.iter().for_each(|(chance, words)| add(words, Some((false, *chance))));
            add(HARMLESS, None);
            let matcher = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(patterns);
            Self { matcher: matcher.expect("a few hundred short words fit"), kinds }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anger_is_told_from_a_request_and_from_its_negation() {
        for text in [
            "你们公司太过分了",
            "气死我了到底有没有人管",
            "我说了多少遍了怎么还没解决",
            "真是受不了你们",
            "凭什么乱扣我的钱",
            "你听不懂人话吗",
            "再不处理我就去工信部告你们",
        ] {
            assert!(Emotion::of(text).is_angry(), "{text}: {:?}", Emotion::of(text));
        }
        for text in [
            "我想查一下话费",
            "我要投诉",
            "我没生气我就问问",
            "不过分的话帮我便宜点",
            "我不着急你慢慢查",
            "老是收到垃圾短信怎么办",
            "怎么回事我的网断了",
            "操作一下流量提醒",
            "",
        ] {
            assert!(!Emotion::of(text).is_angry(), "{text}: {:?}", Emotion::of(text));
        }
    }

    #[test]
    fn urgency_is_told_from_patience() {
        for text in ["快点我赶飞机", "我很着急等着用", "手机被偷了赶紧停机", "今天必须给我修好"]
        {
            assert!(Emotion::of(text).is_urgent(), "{text}: {:?}", Emotion::of(text));
        }
        for text in ["不着急", "我不急慢慢来", "套餐马上到期了怎么续", "现在就是想换个套餐"]
        {
            assert!(!Emotion::of(text).is_urgent(), "{text}: {:?}", Emotion::of(text));
        }
    }

    #[test]
    fn cues_add_up_and_degrees_strengthen() {
        let anger = |text: &str| Emotion::of(text).anger;
        assert!(anger("生气") < anger("很生气"));
        assert!(anger("生气") < anger("凭什么生气"));
        assert!(anger(&"妈的".repeat(1_000)) <= 1.0);
    }

    #[test]
    fn there_are_enough_cues_and_none_twice() {
        let mut words: Vec<&str> =
            ANGER.iter().chain(&URGENCY).flat_map(|(_, words)| words.split_ascii_whitespace()).collect();
        let count = words.len();
        words.sort_unstable();
        words.dedup();
        assert!(count >= 150 && words.len() == count, "{count} cues, {} of them different", words.len());
    }
}
