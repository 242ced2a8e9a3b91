//! Running text: a table of patterns, the most specific first, and a table of symbols for what is left.

use super::classes::{clock, code_groups, data_size, date, money, push_groups, telephone};
use super::number::{cardinal, counted, decimal, one_by_one};
use super::{Normalized, is_counted};
use crate::engine::Boundary;
use regex::Regex;
use std::sync::LazyLock;

/// A match and what surrounds it.
struct Found<'a> {
    text: &'a str,
    before: Option<char>,
    after: &'a str,
}

type Handler = fn(&Found<'_>, &mut Normalized) -> Option<()>;

const NUMBER: &str = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?";
const CLOCK: &str = r"[0-9]{1,2}[:：][0-5][0-9](?:[:：][0-5][0-9])?";
const TO: &str = r"\s?(?:[~–—-]{1,2}|至|到)\s?";
/// A hyphen between one of these and a digit makes a range.
const UNITS: &str = "年月日号元天点分秒个%℃";
/// Numbers of three digits that are dialled, when one of [`CODE_WORDS`] follows.
const SHORT_CODES: [&str; 6] = ["110", "112", "114", "119", "120", "122"];
const CODE_WORDS: [&str; 7] = ["报警", "火警", "急救", "查号", "热线", "电话", "平台"];
/// Round numbers that are hotlines when one of [`HOTLINE_WORDS`] follows; other round numbers are amounts.
const HOTLINES: [&str; 1] = ["10000"];
const HOTLINE_WORDS: [&str; 4] = ["号", "客服", "热线", "电话"];
/// What a price or an amount of data is given for: 元/月, GB/天, 元/分钟.
const PER: &str = "月年季周天日次条秒分小人户";
/// Words after which digits are checked or dialled rather than counted.
const KEYS: &str = "尾号|验证码|工单号?|订单号?|单号|编号|卡号|账号|帐号|密码|拨打|致电|请拨|热线|电话|短信|发送|回复|区号|\
                    邮编|身份证|序列号|号码|输入|按";

/// Patterns (without groups of their own) and what reads them. A handler that declines leaves the match to the symbols
/// and digits, one character at a time.
fn rules() -> Vec<(String, Handler)> {
    vec![
        (r"[0-9]{4}年(?:[0-9]{1,2}月(?:[0-9]{1,2}[日号])?)?".into(), hanzi_date),
        (r"[0-9]{1,2}月(?:[0-9]{1,2}[日号])?".into(), hanzi_date),
        (r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}".into(), |found, out| date(found.text, out)),
        (format!("{CLOCK}{TO}{CLOCK}"), clock_range),
        (CLOCK.into(), |found, out| clock(found.text, out)),
        ("[0-9]{12,}".into(), |found, out| digits_by_four(found.text, out)),
        (
            r"(?:\+86[- ]?)?1[0-9]{2}[- ]?[0-9]{4}[- ]?[0-9]{4}|0[0-9]{2,3}-[0-9]{7,8}|[48]00-?[0-9]{3}-?[0-9]{4}"
                .into(),
            |found, out| telephone(found.text, out),
        ),
        (r"[0-9]+(?:\.[0-9]+){2,}".into(), version),
        (format!("(?:{KEYS})码?(?:是|为|[:：])?[ ]?[0-9]+"), keyed),
        (format!("{NUMBER}[%元℃天个]?{TO}{NUMBER}%?"), range),
        (format!("-?{NUMBER}[%‰]"), percent),
        (format!("¥ ?{NUMBER}"), |found, out| money(found.text, out)),
        (format!(r"\$ ?{NUMBER}"), dollars),
        (format!("-?{NUMBER}元"), yuan),
        (format!(r"{NUMBER} ?(?:[GMKTgmkt][Bb]|[Mm]bps|M)(?-u:\b)"), |found, out| data_size(found.text, out)),
        (format!(r"{NUMBER} ?G(?-u:\b)"), network_or_size),
        (format!(r"{NUMBER} ?(?:km|kg|cm|mm|ml|min|MHz)(?-u:\b)"), unit),
        ("第[0-9]+".into(), ordinal),
        (r"[0-9]+ ?/ ?[0-9]+".into(), fraction),
        (r"[0-9]+ ?[*×xX] ?[0-9]+".into(), product),
        (format!("-?{NUMBER}"), number),
        ("[一二三四五六七八九十百千万亿零两]{2,}".into(), written),
        ("(?i:wi-fi|e-sim|e-mail)".into(), |found, out| {
            out.latin(&found.text.replace('-', ""));
            Some(())
        }),
        ("[A-Za-z]+".into(), word),
    ]
}

static TABLE: LazyLock<(Regex, Vec<Handler>)> = LazyLock::new(|| {
    let (patterns, handlers): (Vec<String>, Vec<Handler>) = rules().into_iter().unzip();
    let groups: Vec<String> = patterns.iter().map(|pattern| format!("({pattern})")).collect();
    (Regex::new(&groups.join("|")).expect("the patterns are constants and a test compiles them"), handlers)
});

/// Reads running text. `after` is what follows it in the clause.
pub(super) fn read(text: &str, after: &str, out: &mut Normalized) {
    let (pattern, handlers) = &*TABLE;
    let mut done = 0;
    while let Some(captures) = pattern.captures_at(text, done) {
        let Some((rule, found)) = (1..captures.len()).find_map(|i| captures.get(i).map(|m| (i - 1, m))) else { break };
        symbols(text, done..found.start(), out);
        let rest = &text[found.end()..];
        let context = Found {
            text: found.as_str(),
            before: text[..found.start()].chars().next_back(),
            after: if rest.is_empty() { after } else { rest },
        };
        let before = out.clone();
        done = found.end();
        if handlers[rule](&context, out).is_none() {
            *out = before;
            done = found.start() + decline(&context, out);
        }
    }
    symbols(text, done..text.len(), out);
}

/// Reads the beginning of a match that its handler would not read: a run of digits or one character. Returns its bytes.
fn decline(found: &Found<'_>, out: &mut Normalized) -> usize {
    let digits = found.text.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 {
        digits_by_four(&found.text[..digits], out);
        return digits;
    }
    let len = found.text.chars().next().map_or(0, char::len_utf8);
    let around = format!("{}{}", found.before.unwrap_or(' '), found.text);
    let start = found.before.map_or(1, char::len_utf8);
    symbols(&around, start..start + len, out);
    len
}

fn digits_by_four(digits: &str, out: &mut Normalized) -> Option<()> {
    push_groups(digits, code_groups(digits), out);
    Some(())
}

fn hanzi_date(found: &Found<'_>, out: &mut Normalized) -> Option<()> {
    for piece in found.text.split_inclusive(['年', '月', '日', '号']) {
        let unit = piece.chars().next_back()?;
        let digits = &piece[..piece.len() - unit.len_utf8()];
        if unit == '年' {
            out.digits(one_by_one(digits, '一'));
        } else {
            out.number(cardinal(digits));
        }
        out.hanzi(unit.encode_utf8(&mut [0; 4]));
    }
    Some(())
}

fn clock_range(found: &Found<'_>, out: &mut Normalized) -> Option<()> {
    let (from, to) = split_range(found.text)?;
    clock(from, out)?;
    out.hanzi("到");
    clock(to, out)
}

fn split_range(text: &str) -> Option<(&str, &str)> {
    let is_sign = |c: char| "~～–—-至到".contains(c);
    let (from, to) = text.split_once(is_sign)?;
    Some((from.trim(), to.trim_start_matches(is_sign).trim()))
}

fn version(found: &Found<'_>, out: &mut Normalized) -> Option<()> {
    for (index, part) in found.text.split('.').enumerate() {
        if index > 0 {
            out.hanzi("点");
        }
        out.digits(one_by_one(part, '一'));
    }
    Some(())
}

/// Digits that a word before them marks as dialled or checked. Amounts after such a word (短信100条) are declined.
fn keyed(found: &Found<'_>, out: &mut Normalized) -> Option<()> {
    let at = found.text.find(|c: char| c.is_ascii_digit())?;
    let (key, digits) = found.text.split_at(at);
    if is_counted(found.after) || found.after.starts_with(['.', ',', ':', '-', '%', 'G', 'M', '月', '~']) {
        return None;
    }
    symbols(key, 0..key.len(), out);
    match digits.len() {
        11 if digits.starts_with('1') => return telephone(digits, out),
        _ => push_groups(digits, code_groups(digits), out),
    }
    Some(())
}

fn percent(found: &Found<'_>, out: &mut Normalized) -> Option<()> {
    let sign = found.text.chars().next_back()?;
    out.hanzi(if sign == '‰' { "千分之" } else { "百分之" });
    out.number(decimal(found.text.trim_end_matches(sign))?);
    Some(())
}

fn yuan(found: &Found<'_>, out: &mut Normalized) -> Option<()> {
    if has_hyphen(found) { None } else { money(found.text, out) }
}

/// A hyphen inside a code or a range between units, not a minus.
fn has_hyphen(found: &Found<'_>) -> bool {
    found.text.starts_with('-') && found.before.is_some_and(|c| c.is_ascii_alphanumeric() || UNITS.contains(c))
}

fn dollars(found: &Found<'_>, out: &mut Normalized) -> Option<()> {
    out.number(counted(found.text.trim_start_matches(['$', ' ']))?);
    out.hanzi("美元");
    Some(())
}

/// 5G is the network; 10G and 1.5G are amounts.
fn network_or_size(found: &Found<'_>, out: &mut Normalized) -> Option<()> {
    let generation = found.text.trim_end_matches(['G', ' ']);
    if !matches!(generation, "2" | "3" | "4" | "5" | "6") {
        return data_size(found.text, out);
    }
    out.number(cardinal(generation));
    out.latin("G");
    Some(())
}

fn unit(found: &Found<'_>, out: &mut Normalized) -> Option<()> {
    let at = found.text.find(|c: char| c.is_ascii_alphabetic())?;
    out.number(counted(found.text[..at].trim())?);
    out.hanzi(match found.text[at..].to_ascii_lowercase().as_str() {
        "km" => "公里",
        "kg" => "公斤",
        "cm" => "厘米",
        "mm" => "毫米",
        "ml" => "毫升",
        "min" => "分钟",
        "mhz" => "兆赫",
        _ => return None,
    });
    Some(())
}

fn ordinal(found: &Found<'_>, out: &mut Normalized) -> Option<()> {
    out.hanzi("第");
    out.number(cardinal(found.text.trim_start_matches('第')));
    Some(())
}

fn range(found: &Found<'_>, out: &mut Normalized) -> Option<()> {
    let (from, to) = split_range(found.text)?;
    let years = from.len() == 4 && to.len() == 4 && found.after.starts_with('年');
    if years {
        out.digits(one_by_one(from, '一'));
        out.hanzi("到");
        out.digits(one_by_one(to, '一'));
        return Some(());
    }
    let is_run = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let is_code = |text: &str| text.len() > 4 || text.len() > 1 && text.starts_with('0');
    if is_run(from) && is_run(to) && (is_code(from) || is_code(to)) {
        push_groups(from, &[4], out);
        out.pause(Boundary::Phrase);
        push_groups(to, &[4], out);
        return Some(());
    }
    let counts = is_counted(found.after);
    let percent = from.ends_with('%') || to.ends_with('%') || found.after.starts_with('%');
    for (end, last) in [(from, false), (to, true)] {
        if percent {
            out.hanzi("百分之");
        }
        let amount = end.trim_end_matches(['%', '元', '℃', '天', '个']);
        let unit = end[amount.len()..].trim_start_matches('%');
        out.number(if counts || is_counted(unit) { counted(amount)? } else { decimal(amount)? });
        symbols(unit, 0..unit.len(), out);
        if !last {
            out.hanzi("到");
        }
    }
    Some(())
}

fn fraction(found: &Found<'_>, out: &mut Normalized) -> Option<()> {
    let (numerator, denominator) = found.text.split_once('/')?;
    out.number(cardinal(denominator.trim()));
    out.hanzi("分之");
    out.number(cardinal(numerator.trim()));
    Some(())
}

fn product(found: &Found<'_>, out: &mut Normalized) -> Option<()> {
    let (left, right) = found.text.split_once(['*', '×', 'x', 'X'])?;
    out.number(cardinal(left.trim()));
    out.hanzi("乘");
    out.number(cardinal(right.trim()));
    Some(())
}

fn number(found: &Found<'_>, out: &mut Normalized) -> Option<()> {
    if has_hyphen(found) {
        return None;
    }
    let counts = is_counted(found.after);
    let is_run = found.text.bytes().all(|b| b.is_ascii_digit());
    let follows = |words: &[&str]| words.iter().any(|word| found.after.starts_with(word));
    let is_code = match found.text.len() {
        0 | 1 => false,
        _ if found.text.starts_with('0') || is_of_a_name(found) => true,
        5 if HOTLINES.contains(&found.text) => follows(&HOTLINE_WORDS),
        3 if SHORT_CODES.contains(&found.text) => follows(&CODE_WORDS),
        2..=4 => false,
        5 | 6 => !counts && !found.text.ends_with("00"),
        _ => !counts,
    };
    if is_run && is_code {
        return digits_by_four(found.text, out);
    }
    out.number(if counts { counted(found.text)? } else { decimal(found.text)? });
    Some(())
}

/// Digits of an address or of a name: abc@139.com, CX2024. Shorter ones behind letters are models: Mate60.
fn is_of_a_name(found: &Found<'_>) -> bool {
    let mut after = found.after.chars();
    let is_host = after.next() == Some('.') && after.next().is_some_and(|c| c.is_ascii_alphabetic());
    let is_tail =
        found.text.len() > 2 && found.before.is_some_and(|c| c.is_ascii_alphabetic()) && !is_counted(found.after);
    is_host || is_tail || found.before == Some('@')
}

/// A number that is written in characters: read as one when it has units, else digit by digit.
fn written(found: &Found<'_>, out: &mut Normalized) -> Option<()> {
    if found.text.contains(['十', '百', '千', '万', '亿', '两']) {
        out.number(found.text);
    } else {
        out.digits(found.text);
    }
    Some(())
}

fn word(found: &Found<'_>, out: &mut Normalized) -> Option<()> {
    out.latin(found.text);
    Some(())
}

/// Reads what no pattern matched: Chinese characters, punctuation and symbols.
fn symbols(text: &str, range: std::ops::Range<usize>, out: &mut Normalized) {
    for (at, c) in text[range.clone()].char_indices() {
        let at = range.start + at;
        let before = text[..at].chars().next_back();
        let after = text[at + c.len_utf8()..].chars().next();
        if is_hanzi(c) {
            out.hanzi(c.encode_utf8(&mut [0; 4]));
        } else if let Some(boundary) = pause(c, before, after) {
            out.pause(boundary);
        } else if let Some(spoken) = spoken(c, before, after) {
            out.hanzi(spoken);
        } else if c.is_ascii_digit() {
            out.digits(one_by_one(c.encode_utf8(&mut [0; 4]), '一'));
        } else if c.is_ascii_alphabetic() {
            out.latin(c.encode_utf8(&mut [0; 4]));
        } else if !is_silent(c) {
            out.skipped += 1;
        }
    }
}

pub(super) const fn is_hanzi(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{2ffff}' | '〇')
}

fn pause(c: char, before: Option<char>, after: Option<char>) -> Option<Boundary> {
    Some(match c {
        '、' | '（' | '）' | '(' | ')' | '·' => Boundary::Phrase,
        '/' if !is_per(before, after) => Boundary::Phrase,
        '，' | ',' | '；' | ';' | '：' | ':' | '—' | '\n' => Boundary::Clause,
        '。' | '！' | '!' | '…' | '｡' => Boundary::Sentence,
        '.' if !(is_latin(before) && is_latin(after)) => Boundary::Sentence,
        '？' | '?' => Boundary::Question,
        _ => return None,
    })
}

/// Whether a slash between these says 每: 元/月, 20GB/月, but not 4G/5G.
fn is_per(before: Option<char>, after: Option<char>) -> bool {
    matches!(before, Some('元' | '角' | '分' | '块'))
        || (is_latin(before) || before == Some('兆')) && after.is_some_and(|c| PER.contains(c))
}

fn is_latin(c: Option<char>) -> bool {
    c.is_some_and(|c| c.is_ascii_alphanumeric())
}

fn spoken(c: char, before: Option<char>, after: Option<char>) -> Option<&'static str> {
    Some(match c {
        '/' => "每",
        '.' => "点",
        '+' => "加",
        '=' => "等于",
        '×' => "乘",
        '÷' => "除以",
        '&' => "和",
        '@' => "艾特",
        '#' if after == Some('号') => "井",
        '*' if after == Some('号') => "星",
        '#' => "井号",
        '*' => "星号",
        '½' => "二分之一",
        '⅓' => "三分之一",
        '¼' => "四分之一",
        '¾' => "四分之三",
        '⑩' | 'Ⅹ' => "十",
        '%' => "百分号",
        '℃' => "摄氏度",
        '°' => "度",
        '㎡' => "平方米",
        '¥' => "元",
        '~' | '-' | '–' if before.is_some_and(|c| UNITS.contains(c)) && after.is_some_and(|c| c.is_ascii_digit()) => {
            "到"
        }
        _ => return None,
    })
}

/// Characters that are not said and not missed: blanks, quotes, brackets of titles, hyphens, joiners of emoji.
fn is_silent(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || "\"'“”‘’「」『』《》〈〉【】[]{}<>-–~～_|\\^`$\u{200b}\u{200d}\u{fe0e}\u{fe0f}\u{20e3}\u{feff}".contains(c)
}
