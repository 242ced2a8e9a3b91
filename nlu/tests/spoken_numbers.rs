//! Phone numbers as people give them: in groups over several turns, in many words, with one correction. The speaker is
//! generated from a seed, so that any failure can be replayed.

use chrono::DateTime;
use hualu_nlu::Assistant;
use hualu_nlu::bot::Bot;
use hualu_nlu::script::{Mocks, TextChat};
use hualu_nlu::utterance::Pronouncer;
use std::collections::BTreeMap;
use std::sync::Arc;

const BOT: &str = "
bot: {id: numbers, entry: main}
nlu:
  intents:
    callback: {label: 回电, examples: [给我回电, 回个电话, 让人给我打过来, 我要留个号码, 登记回电]}
    balance: {label: 查话费, examples: [查话费, 我想查一下话费, 帮我查话费, 话费还有多少, 查余额]}
    person: {label: 人工, examples: [转人工, 我要人工, 人工服务, 找个真人]}
slots:
  number: {type: phone, chunked: true, ask: 请说您的手机号码。, confirm: explicit, confirm_say: \"您的号码是${number}，对吗？\"}
flows:
  main: {steps: [{say: 您好。}, {choose: {options: []}}]}
  callback: {trigger: {intents: [callback]}, steps: [{collect: number}, {say: 已登记。}, {choose: {options: []}}]}
  balance: {trigger: {intents: [balance]}, steps: [{say: 余额三十块。}]}
  person: {trigger: {intents: [person]}, steps: [{say: 请稍候。}]}
";
const CALLS: u64 = 1_000;
/// Digits, how they are said, and what a recognizer makes of them when it errs.
const WORDS: [(&[&str], &[&str]); 10] = [
    (&["零", "零", "洞"], &["林", "凌"]),
    (&["幺", "幺", "一"], &["要", "腰"]),
    (&["二", "二", "两"], &["儿", "而"]),
    (&["三"], &["山", "散"]),
    (&["四"], &["是", "十"]),
    (&["五"], &["无", "午"]),
    (&["六"], &["流", "留"]),
    (&["七", "七", "拐"], &["起", "期"]),
    (&["八"], &["把", "巴"]),
    (&["九"], &["就", "久"]),
];
const PREFIXES: [&str; 20] = [
    "130", "131", "133", "135", "137", "138", "139", "147", "150", "152", "157", "159", "166", "176", "180", "186",
    "187", "188", "191", "199",
];

/// Marsaglia's xorshift: small, seeded, the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % u64::try_from(sides).expect("small")).expect("small")
    }

    fn pick<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.roll(of.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }
}

struct Speaker {
    dice: Dice,
    /// How many digits in a hundred the recognizer takes for something that sounds alike.
    errors: usize,
}

impl Speaker {
    fn number(&mut self) -> String {
        let mut number = self.dice.pick(&PREFIXES).to_owned();
        while number.len() < 11 {
            let digit = if self.dice.chance(25) {
                number.as_bytes()[number.len() - 1]
            } else {
                b'0' + self.dice.roll(10) as u8
            };
            number.push(char::from(digit));
        }
        number
    }

    fn groups(&mut self, number: &str) -> Vec<String> {
        let lens: &[usize] = match self.dice.roll(10) {
            0..=4 => &[3, 4, 4],
            5 => &[3, 8],
            6 => &[7, 4],
            7 => &[4, 4, 3],
            8 => &[3, 2, 2, 2, 2],
            _ => &[5, 6],
        };
        let mut at = 0;
        lens.iter()
            .map(|len| {
                at += len;
                number[at - len..at].to_owned()
            })
            .collect()
    }

    fn digit(&mut self, digit: u8) -> &'static str {
        let (right, wrong) = WORDS[usize::from(digit - b'0')];
        if self.dice.chance(self.errors) { self.dice.pick(wrong) } else { self.dice.pick(right) }
    }

    /// Digits in words; runs of the same digit sometimes as 三个八.
    fn spell(&mut self, digits: &str) -> String {
        let bytes = digits.as_bytes();
        let (mut text, mut at) = (String::new(), 0);
        while at < bytes.len() {
            let run = bytes[at..].iter().take_while(|digit| **digit == bytes[at]).count();
            if run >= 2 && self.dice.chance(40) {
                const COUNTS: [&str; 12] = ["", "", "两", "三", "四", "五", "六", "七", "八", "九", "十", "十一"];
                text.push_str(COUNTS[run]);
                text.push('个');
                text.push_str(WORDS[usize::from(bytes[at] - b'0')].0[0]);
                at += run;
            } else {
                text.push_str(self.digit(bytes[at]));
                at += 1;
            }
        }
        text
    }

    fn one(&mut self, digit: u8) -> &'static str {
        WORDS[usize::from(digit - b'0')].0[0]
    }

    /// What the caller says, turn by turn.
    fn turns(&mut self, number: &str) -> Vec<String> {
        let groups = self.groups(number);
        let slip = self.dice.roll(groups.len());
        let kind = self.dice.roll(9);
        let mut turns = Vec::new();
        let mut said = String::new();
        for (i, group) in groups.iter().enumerate() {
            if i > 0 && self.dice.chance(15) {
                turns.push(self.dice.pick(&["嗯", "等一下", "我看一下", "继续"]).to_owned());
            }
            let before = match i {
                0 => self.dice.pick(&["", "", "我的号码是", "嗯", "手机号是", "你记一下"]),
                _ if i + 1 == groups.len() && group.len() == 4 => {
                    self.dice.pick(&["", "", "最后四位是", "后面是", "然后是"])
                }
                _ => self.dice.pick(&["", "", "", "嗯", "然后是", "后面是", "接着", "接下来是", "再就是"]),
            };
            let after = self.dice.pick(&["", "", "", "", "嗯", "啊"]);
            if i == slip {
                let spoken = self.slip(kind, group, &said, number);
                turns.extend(
                    spoken
                        .into_iter()
                        .enumerate()
                        .map(|(n, text)| if n == 0 { format!("{before}{text}") } else { text }),
                );
            } else {
                turns.push(format!("{before}{}{after}", self.spell(group)));
            }
            said.push_str(group);
            // Whoever has begun anew has said it all.
            if i == slip && kind == 7 {
                break;
            }
        }
        turns
    }

    /// A group with one digit wrong, and the correction.
    fn slip(&mut self, kind: usize, group: &str, said: &str, number: &str) -> Vec<String> {
        let at = if kind == 3 { group.len() - 1 } else { self.dice.roll(group.len()) };
        let right = group.as_bytes()[at];
        let free: Vec<u8> = (b'0'..=b'9').filter(|digit| !group.as_bytes().contains(digit)).collect();
        let mut wrong = free[self.dice.roll(free.len())];
        // The first digits must stay those of a mobile number, else nobody would go on.
        if said.len() + at == 0 {
            wrong = right;
        } else if said.len() + at == 1 {
            wrong = *free.iter().find(|digit| **digit >= b'3').unwrap_or(&right);
        }
        let mut bad = group.as_bytes().to_vec();
        bad[at] = wrong;
        let bad = String::from_utf8(bad).expect("digits");
        let (bad_text, good_text) = (self.spell(&bad), self.spell(group));
        let (right_word, wrong_word) = (self.one(right), self.one(wrong));
        let no = self.dice.pick(&["不对", "错了", "说错了", "不对不对"]);
        match kind {
            0 => vec![bad_text, format!("{no}是{right_word}不是{wrong_word}")],
            1 => vec![format!("{bad_text}{no}{good_text}")],
            2 => vec![bad_text, format!("{no}应该是{good_text}")],
            3 => vec![bad_text, format!("{no}最后一位是{right_word}")],
            4 => vec![bad_text, format!("第{}位是{right_word}", ORDINALS[said.len() + at + 1])],
            5 => vec![bad_text, format!("不是{wrong_word}是{right_word}")],
            6 => vec![bad_text, format!("{wrong_word}改成{right_word}")],
            7 => vec![bad_text, format!("{no}我重新说{}", self.spell(number))],
            _ => vec![bad_text, no.to_owned(), good_text],
        }
    }
}

const ORDINALS: [&str; 12] = ["", "一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一"];

fn assistant() -> Arc<Assistant> {
    let bot = Bot::from_texts(&[("t.yaml", BOT)]).unwrap_or_else(|faults| panic!("{faults}"));
    Arc::new(Assistant::new(bot, Pronouncer::default(), None, &BTreeMap::new()).expect("no back end"))
}

/// How many of the calls end with the right number, and some of those that do not.
fn right(errors: usize) -> (u64, Vec<String>) {
    let assistant = assistant();
    let now = DateTime::from_timestamp(1_795_000_000, 0).expect("a real time");
    let (mut right, mut wrong) = (0, Vec::new());
    for seed in 1..=CALLS {
        let mut speaker = Speaker { dice: Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)), errors };
        let number = speaker.number();
        let turns = speaker.turns(&number);
        let mut chat = TextChat::new(Arc::clone(&assistant), now, &Mocks::default());
        chat.start();
        chat.say("我要留个号码");
        let replies: Vec<String> = turns.iter().map(|turn| chat.say(turn).text).collect();
        if replies.last().is_some_and(|reply| reply.contains(&format!("您的号码是{number}，对吗"))) {
            right += 1;
        } else {
            let log: Vec<String> =
                turns.iter().zip(&replies).map(|(turn, reply)| format!("{turn} -> {reply}")).collect();
            wrong.push(format!("SEED={seed} {number}: {}", log.join(" | ")));
        }
    }
    (right, wrong)
}

#[test]
fn numbers_in_groups_with_one_correction() {
    let (right, wrong) = right(0);
    println!("{right} of {CALLS} right\n{}", wrong.iter().take(40).cloned().collect::<Vec<_>>().join("\n"));
    assert!(right * 100 >= CALLS * 97, "{right} of {CALLS}");
}

#[test]
fn the_same_with_homophones_of_digits() {
    let (right, wrong) = self::right(4);
    println!(
        "{right} of {CALLS} right, 4 % of the digits misheard\n{}",
        wrong.iter().take(40).cloned().collect::<Vec<_>>().join("\n")
    );
    assert!(right * 100 >= CALLS * 88, "{right} of {CALLS}");
}
