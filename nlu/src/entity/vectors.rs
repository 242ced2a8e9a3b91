//! The public test vectors of WeTextProcessing's Mandarin inverse normalisation (Apache-2.0), which rewrite text: here
//! what the grammars find in the spoken side is compared with the figures of the written one.

use super::number::{number_at, symbols};
use super::{Bias, Found, Mode, date, money, month, time};
use crate::utterance::{Pronouncer, Utterance};
use crate::value::Value;
use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};
use regex::Regex;
use std::path::{Path, PathBuf};

fn folder() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/nlu/wetext-itn/itn/chinese/test/data");
    let known = [
        path.clone(),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/nlu/wetext-itn/itn/chinese/test/data"),
    ];
    let found = known.into_iter().find(|path| path.is_dir());
    if found.is_none() {
        println!("skipped: the test vectors are not at {}", path.display());
    }
    found
}

fn pairs(folder: &Path, file: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(folder.join(file)).expect("readable");
    let split = |line: &str| {
        line.split_once("=>").map(|(spoken, written)| (spoken.trim().to_owned(), written.trim().to_owned()))
    };
    text.lines().filter_map(split).collect()
}

fn read(text: &str) -> Utterance {
    Utterance::new(text, "", 1.0, &Pronouncer::default())
}

fn now() -> NaiveDateTime {
    NaiveDate::from_ymd_opt(2026, 11, 22).and_then(|date| date.and_hms_opt(10, 0, 0)).expect("a real time")
}

/// The figures of the written side; `~` and `-` between two of them make a range, 万 and 亿 multiply, and what follows
/// them at once is added.
fn figures(written: &str) -> Vec<f64> {
    let number = Regex::new(r"(-?\d+(?:\.\d+)?)(?:[~-](\d+(?:\.\d+)?))?([万亿]?)").expect("compiles");
    let (mut figures, mut open_until) = (Vec::<f64>::new(), None);
    for captures in number.captures_iter(written) {
        let scale = match captures.get(3).map_or("", |m| m.as_str()) {
            "万" => 1e4,
            "亿" => 1e8,
            _ => 1.0,
        };
        let value = |group| captures.get(group).map(|m| m.as_str().parse::<f64>().unwrap_or(f64::NAN) * scale);
        let whole = captures.get(0).map_or(0..0, |m| m.range());
        match (value(1), figures.last_mut()) {
            (Some(value), Some(last)) if open_until == Some(whole.start) => *last += value,
            (value, _) => figures.extend(value),
        }
        figures.extend(value(2));
        open_until = (scale > 1.0).then_some(whole.end);
    }
    figures
}

/// The numbers of the spoken side.
fn numbers(spoken: &str) -> Vec<f64> {
    let symbols = symbols(&read(spoken), false);
    let (mut values, mut at) = (Vec::new(), 0);
    while at < symbols.len() {
        match number_at(&symbols, at) {
            Some(number) => {
                match number.range {
                    Some((low, high)) => values.extend([low, high]),
                    None => values.push(number.value),
                }
                at = number.end;
            }
            None => at += 1,
        }
    }
    values
}

fn same(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6 * b.abs().max(1.0))
}

/// Counts right pairs, prints the others, and holds the rate to a floor that was measured.
fn judge(name: &str, floor: f64, pairs: &[(String, String)], is_right: impl Fn(&str, &str) -> Option<bool>) {
    let (mut right, mut all) = (0_u32, 0_u32);
    for (spoken, written) in pairs {
        let Some(verdict) = is_right(spoken, written) else { continue };
        all += 1;
        right += u32::from(verdict);
        if !verdict {
            println!("{name}: {spoken} => {written}");
        }
    }
    let rate = 100.0 * f64::from(right) / f64::from(all.max(1));
    println!("{name}: {right} of {all} ({rate:.1} %), {} out of scope", pairs.len() - all as usize);
    assert!(rate >= floor, "{name}: {rate:.1} % is below {floor} %");
}

#[test]
fn public_vectors_of_numbers() {
    let Some(folder) = folder() else { return };
    judge("number", 100.0, &pairs(&folder, "number.txt"), |spoken, written| {
        Some(same(&numbers(spoken), &figures(written)))
    });
    judge("cardinal", 82.0, &pairs(&folder, "cardinal.txt"), |spoken, written| {
        Some(same(&numbers(spoken), &figures(written)))
    });
    judge("measure", 62.0, &pairs(&folder, "measure.txt"), |spoken, written| {
        let is_share = spoken.contains("分之") || spoken.contains("百分");
        (!is_share).then(|| same(&numbers(spoken), &figures(written)))
    });
}

#[test]
fn public_vectors_of_money() {
    let Some(folder) = folder() else { return };
    judge("money", 100.0, &pairs(&folder, "money.txt"), |spoken, written| {
        let is_yuan = written.starts_with('¥') || written.starts_with("CNY");
        let found: Vec<f64> = money::find(&read(spoken), Mode::Anywhere, false).iter().map(amount).collect();
        is_yuan.then(|| same(&found, &figures(written)))
    });
}

fn amount(found: &Found) -> f64 {
    match found.value {
        Value::Float(value) => value,
        _ => found.value.plain().parse().unwrap_or(f64::NAN),
    }
}

#[test]
fn public_vectors_of_days() {
    let Some(folder) = folder() else { return };
    let day = Regex::new(r"(?:(\d{2,4})年?/?)?(\d\d)/(\d\d)").expect("compiles");
    let only_month = Regex::new(r"^(\d{4})/(\d\d)$").expect("compiles");
    judge("date", 100.0, &pairs(&folder, "date.txt"), |spoken, written| {
        if let Some(wanted) = only_month.captures(written) {
            let found = month::find(&read(spoken), Mode::Anywhere, now(), Bias::Past, false);
            return Some(
                found.first().is_some_and(|found| found.value.plain() == format!("{}-{}", &wanted[1], &wanted[2])),
            );
        }
        let wanted: Vec<_> = day.captures_iter(written).collect();
        if wanted.is_empty() {
            return None;
        }
        let found = date::find(&read(spoken), now(), Bias::Past, false);
        let is_same = |(found, wanted): (&Found, &regex::Captures<'_>)| {
            let Value::Date(date) = found.value else { return false };
            let year = wanted.get(1).is_none_or(|year| date.year().to_string().ends_with(year.as_str()));
            year && format!("{:02}", date.month()) == wanted[2] && format!("{:02}", date.day()) == wanted[3]
        };
        Some(found.len() == wanted.len() && found.iter().zip(&wanted).all(is_same))
    });
}

#[test]
fn public_vectors_of_times() {
    let Some(folder) = folder() else { return };
    let clock = Regex::new(r"(\d{1,2}):(\d\d)(?::\d\d)?(a\.m\.|p\.m\.)?").expect("compiles");
    judge("time", 91.0, &pairs(&folder, "time.txt"), |spoken, written| {
        let found = time::find(&read(spoken), now(), false);
        let wanted: Vec<_> = clock.captures_iter(written).collect();
        let is_same = |(found, wanted): (&Found, &regex::Captures<'_>)| {
            let Value::Time(time) = found.value else { return false };
            let hour: u32 = wanted[1].parse().unwrap_or(99);
            // Without a part of the day theirs stays open, ours is the likelier one.
            let is_hour = match wanted.get(3).map(|half| half.as_str()) {
                None => time.hour() % 12 == hour % 12,
                Some("a.m.") => time.hour() == hour,
                Some(_) => time.hour() == hour % 12 + 12,
            };
            is_hour && format!("{:02}", time.minute()) == wanted[2]
        };
        Some(found.len() == wanted.len() && found.iter().zip(&wanted).all(is_same))
    });
}
