//! What every hotline hears whatever its bot: numbers, yes and no, dates. Sentences to count, not answers to give.

use crate::text::{DIGITS, cardinal};

/// Short answers to a question of yes or no.
const YES: &str = "对 是 是的 对的 好 好的 嗯 嗯对 行 可以 可以的 没错 没问题 确认 确定 同意 办理 确认办理 要 需要 有 是我 是本人 对是的 好的可以 \
    行可以 好吧 行吧 就这样 对对对 是是是 好好好 办吧 帮我办吧 可以办理 就这个 对就是这个";
/// See [`YES`].
const NO: &str = "不 不是 不对 不要 不用 不用了 不需要 没有 没 不行 不可以 不同意 不办 不办了 先不办 取消 取消吧 算了 不确认 不是我 不用谢谢 \
    不要了 暂时不用 不需要了 我再想想 没有了 不是的 别 别办";

/// Strings of digits of any length, each digit as likely as any other.
#[must_use]
pub fn digits() -> Vec<(String, f32)> {
    let digit = |n: usize| DIGITS[n % DIGITS.len()];
    let mut sentences = Vec::new();
    // There are eleven digit words and eleven is prime: the walks of each stride meet every ordered pair once.
    for stride in 1..DIGITS.len() {
        sentences.push(((0..=DIGITS.len()).map(|n| digit(n * stride)).collect(), 4.0));
    }
    for n in 0..DIGITS.len() {
        sentences.push((digit(n).repeat(3), 2.0));
    }
    sentences
}

/// Strings of digits, and numbers with what they count.
#[must_use]
pub fn numbers() -> Vec<(String, f32)> {
    let mut sentences = digits();
    let amounts = (1..=100).chain((101..1_000).step_by(7)).chain((1_000..10_000).step_by(333));
    for (at, amount) in amounts.enumerate() {
        let spoken = cardinal(&amount.to_string());
        let unit = ["块", "元", "块钱", "兆", "号", "个", "个G", "G"][at % 8];
        sentences.push((spoken.clone(), 0.3));
        sentences.push((format!("{spoken}{unit}"), 0.3));
        if at % 5 == 0 {
            sentences.push((format!("{spoken}点{}", DIGITS[at % DIGITS.len()]), 0.3));
        }
    }
    sentences
}

/// Short answers to a question of yes or no.
#[must_use]
pub fn yes_no() -> Vec<(String, f32)> {
    YES.split_whitespace().chain(NO.split_whitespace()).map(|answer| (answer.to_owned(), 1.0)).collect()
}

/// Dates and times of day.
#[must_use]
pub fn dates() -> Vec<(String, f32)> {
    let days = "今天 明天 后天 大后天 昨天 前天 周一 周二 周三 周四 周五 周六 周日 星期一 星期二 星期三 星期四 星期五 星期六 星期天 \
        下周 这周 本周 这个月 下个月 上个月 本月 月底 月初";
    let parts = ["早上", "上午", "中午", "下午", "晚上"];
    let mut sentences: Vec<(String, f32)> = Vec::new();
    for (at, day) in days.split_whitespace().enumerate() {
        sentences.push((day.to_owned(), 1.0));
        sentences.push((format!("{day}{}", parts[at % parts.len()]), 1.0));
    }
    for hour in 1..=12 {
        let spoken = if hour == 2 { "两".to_owned() } else { cardinal(&hour.to_string()) };
        for part in parts {
            sentences.push((format!("{part}{spoken}点"), 0.3));
        }
        sentences.push((format!("{spoken}点半"), 0.5));
        sentences.push((format!("{}月", cardinal(&hour.to_string())), 0.5));
    }
    for day in 1..=31 {
        let (day, month) = (cardinal(&day.to_string()), cardinal(&(day % 12 + 1).to_string()));
        sentences.push((format!("{day}号"), 0.5));
        sentences.push((format!("{month}月{day}号"), 0.5));
        sentences.push((format!("{month}月{day}日"), 0.3));
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_pair_of_digits_follows_each_other() {
        let mut pairs = HashSet::new();
        for (sentence, _) in digits() {
            let chars: Vec<String> = sentence.chars().map(String::from).collect();
            for pair in chars.windows(2).filter(|pair| pair.iter().all(|c| DIGITS.contains(&c.as_str()))) {
                pairs.insert((pair[0].clone(), pair[1].clone()));
            }
        }
        assert_eq!(pairs.len(), DIGITS.len() * DIGITS.len());
    }

    #[test]
    fn dates_and_answers_are_there() {
        assert!(dates().iter().any(|(text, _)| text == "十二月十一号" || text == "三月二号"));
        assert!(yes_no().iter().any(|(text, _)| text == "确认办理"));
    }
}
