//! Spans whose reading is given: phone numbers, money, dates, times, data sizes, letters.

use super::number::{cardinal, counted, decimal, one_by_one};
use super::{Normalized, is_counted};
use crate::engine::Boundary;
use hualu_core::dialogue::SayAs;

/// Reads a span as its class says. False, with nothing said, when its text does not have the form of the class.
pub(super) fn read(say_as: SayAs, text: &str, after: &str, out: &mut Normalized) -> bool {
    let before = out.tokens.len();
    let fits = match say_as {
        SayAs::Plain => None,
        SayAs::Cardinal => read_cardinal(text, after, out),
        SayAs::Digits => digits(text, out),
        SayAs::Telephone => telephone(text, out),
        SayAs::Money => money(text, out),
        SayAs::Date => date(text, out),
        SayAs::Time => clock(text, out),
        SayAs::DataSize => data_size(text, out),
        SayAs::Characters => characters(text, out),
    };
    if fits.is_none() {
        out.tokens.truncate(before);
    }
    fits.is_some()
}

fn read_cardinal(text: &str, after: &str, out: &mut Normalized) -> Option<()> {
    out.number(if is_counted(after) { counted(text)? } else { decimal(text)? });
    Some(())
}

/// Digits one by one, in groups of four when there are more than six; letters among them are said as letters.
fn digits(text: &str, out: &mut Normalized) -> Option<()> {
    let compact = without_separators(text);
    if compact.is_empty() || !compact.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let whole = compact.bytes().all(|b| b.is_ascii_digit());
    if !whole {
        return characters(&compact, out);
    }
    push_groups(&compact, code_groups(&compact), out);
    Some(())
}

/// A phone number: 3-4-4 for mobiles, the area code apart for fixed lines, 3-3-4 for 400 and 800, short ones whole.
pub(super) fn telephone(text: &str, out: &mut Normalized) -> Option<()> {
    let masked = text.contains('*');
    let mut compact = without_separators(text).replace(['(', ')', '（', '）'], "");
    if let Some(rest) = compact.strip_prefix("+86").or_else(|| compact.strip_prefix("0086")) {
        compact = rest.to_owned();
    }
    if compact.is_empty() || !compact.bytes().all(|b| b.is_ascii_digit() || b == b'*') {
        return None;
    }
    let fixed_line = compact.starts_with('0');
    let groups: &[usize] = match compact.len() {
        11 if !fixed_line => &[3, 4, 4],
        10 if compact.starts_with("400") || compact.starts_with("800") => &[3, 3, 4],
        // 010, 02x have three digits, all other area codes four.
        10 | 11 if compact.starts_with("01") || compact.starts_with("02") => &[3, 4, 4],
        11 | 12 if fixed_line => &[4, 4, 4],
        7 if !is_service(&compact) => &[3, 4],
        _ => code_groups(&compact),
    };
    if masked {
        // The hidden part is not read star by star: a pause stands for it.
        for part in compact.split('*').filter(|part| !part.is_empty()) {
            push_groups(part, &[4], out);
            out.pause(Boundary::Phrase);
        }
        return Some(());
    }
    push_groups(&compact, groups, out);
    Some(())
}

/// The groups of a code: up to six digits whole, an operator's service number (10086 with an extension) after its five,
/// others by four.
pub(super) fn code_groups(digits: &str) -> &'static [usize] {
    match digits.len() {
        0..=6 => &[6],
        7 | 8 if is_service(digits) => &[5, 3],
        _ => &[4],
    }
}

fn is_service(digits: &str) -> bool {
    ["10000", "10010", "10086"].iter().any(|number| digits.starts_with(number))
}

/// Groups of the given lengths with a short pause between them; the last length repeats. A single 1 is said 一.
pub(super) fn push_groups(digits: &str, groups: &[usize], out: &mut Normalized) {
    let one = if digits.len() == 1 { '一' } else { '幺' };
    let mut rest = digits;
    let mut lengths = groups.iter();
    let mut len = rest.len();
    while !rest.is_empty() {
        len = lengths.next().copied().unwrap_or(len).min(rest.len());
        if rest.len() < digits.len() {
            out.pause(Boundary::Phrase);
        }
        out.digits(one_by_one(&rest[..len], one));
        rest = &rest[len..];
    }
}

fn without_separators(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '-' | ' ' | '–' | '—' | '_' | '.' | '/')).collect()
}

/// Money in yuan: 58.3 is 五十八元三角.
pub(super) fn money(text: &str, out: &mut Normalized) -> Option<()> {
    let text = text.trim_start_matches(['¥', ' ']).trim_end_matches(['元', '块', ' ']);
    let spoken = decimal(text)?;
    let (sign, unsigned) = text.strip_prefix('-').map_or(("", text), |rest| ("负", rest));
    let plain: String = unsigned.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
    let (yuan, cents) = plain.split_once('.').unwrap_or((plain.as_str(), ""));
    if cents.len() > 2 {
        out.number(spoken);
        out.hanzi("元");
        return Some(());
    }
    out.hanzi(sign);
    let digit = |at: usize| cents.as_bytes().get(at).copied().filter(|b| *b != b'0').map(|b| char::from(b).to_string());
    let yuan = yuan.trim_start_matches('0');
    let (jiao, fen) = (digit(0), digit(1));
    if !yuan.is_empty() || (jiao.is_none() && fen.is_none()) {
        out.number(counted(if yuan.is_empty() { "0" } else { yuan })?);
        out.hanzi("元");
    }
    let alone = yuan.is_empty();
    if let Some(jiao) = &jiao {
        out.number(if alone { counted(jiao)? } else { cardinal(jiao) });
        out.hanzi("角");
    }
    if let Some(fen) = &fen {
        let zero = if jiao.is_none() && !alone { "零" } else { "" };
        out.number(format!("{zero}{}", if alone && jiao.is_none() { counted(fen)? } else { cardinal(fen) }));
        out.hanzi("分");
    }
    Some(())
}

/// `2026-11-22`, `2026-11`, `11-22`, `20261122`, with `/` and `.` too, and a time behind it.
pub(super) fn date(text: &str, out: &mut Normalized) -> Option<()> {
    let (day, time) = text.split_once([' ', 'T']).unwrap_or((text, ""));
    let day = day.trim_end_matches(['日', '号']);
    let compact = day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> =
        if compact { vec![&day[..4], &day[4..6], &day[6..]] } else { day.split(['-', '/', '.']).collect() };
    match parts[..] {
        [year, month, day] if year.len() == 4 => {
            push_year(year, out)?;
            push_month(month, out)?;
            push_day(day, out)?;
        }
        [year, month] if year.len() == 4 => {
            push_year(year, out)?;
            push_month(month, out)?;
        }
        [month, day] => {
            push_month(month, out)?;
            push_day(day, out)?;
        }
        _ => return None,
    }
    if time.is_empty() { Some(()) } else { clock(time, out) }
}

fn push_year(text: &str, out: &mut Normalized) -> Option<()> {
    text.parse::<u16>().ok()?;
    out.digits(one_by_one(text, '一'));
    out.hanzi("年");
    Some(())
}

fn push_month(text: &str, out: &mut Normalized) -> Option<()> {
    out.number(in_range(text, 1, 12)?);
    out.hanzi("月");
    Some(())
}

fn push_day(text: &str, out: &mut Normalized) -> Option<()> {
    out.number(in_range(text, 1, 31)?);
    out.hanzi("日");
    Some(())
}

fn in_range(text: &str, min: u8, max: u8) -> Option<String> {
    let value: u8 = text.parse().ok().filter(|value| (min..=max).contains(value))?;
    Some(cardinal(&value.to_string()))
}

/// `14:30` is 十四点三十分, `14:05:09` 十四点零五分零九秒, `14:00` 十四点.
pub(super) fn clock(text: &str, out: &mut Normalized) -> Option<()> {
    let parts: Vec<&str> = text.split([':', '：']).collect();
    let (&hour, rest) = parts.split_first()?;
    if rest.is_empty() || rest.len() > 2 {
        return None;
    }
    let hour: u8 = hour.parse().ok().filter(|hour| *hour <= 24)?;
    out.number(counted(&hour.to_string())?);
    out.hanzi("点");
    let values: Vec<u8> = rest.iter().filter_map(|part| part.parse().ok()).filter(|v: &u8| *v < 60).collect();
    if values.len() != rest.len() {
        return None;
    }
    if values.iter().any(|v| *v > 0) {
        for (value, unit) in values.iter().zip(["分", "秒"]) {
            let zero = if (1..10).contains(value) { "零" } else { "" };
            out.number(format!("{zero}{}", cardinal(&value.to_string())));
            out.hanzi(unit);
        }
    }
    Some(())
}

/// `5GB` is 五个GB, `300MB` 三百兆, `5G` 五个G.
pub(super) fn data_size(text: &str, out: &mut Normalized) -> Option<()> {
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (amount, unit) = (text[..at].trim(), text[at..].trim().to_ascii_uppercase());
    match unit.as_str() {
        "M" | "MB" | "MBPS" => {
            out.number(counted(amount)?);
            out.hanzi("兆");
        }
        "G" | "GB" | "K" | "KB" | "T" | "TB" => {
            out.number(counted(amount)?);
            out.hanzi("个");
            out.latin(&unit);
        }
        "" => out.number(decimal(amount)?),
        _ => return None,
    }
    Some(())
}

/// Letter by letter, digit by digit.
pub(super) fn characters(text: &str, out: &mut Normalized) -> Option<()> {
    let mut chars = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_' | '.')).peekable();
    chars.peek()?;
    let one = if text.chars().count() == 1 { '一' } else { '幺' };
    while let Some(c) = chars.next() {
        if c.is_ascii_alphabetic() {
            out.latin(c.encode_utf8(&mut [0; 4]));
        } else if c.is_ascii_digit() {
            let mut group = String::from(c);
            while let Some(more) = chars.next_if(char::is_ascii_digit) {
                group.push(more);
            }
            out.digits(one_by_one(&group, one));
        } else {
            super::running::read(c.encode_utf8(&mut [0; 4]), "", out);
        }
    }
    Some(())
}
