//! `hualu explain`: finds a call in the turn records and prints its turns.

use crate::{ExplainArgs, waterfall};
use anyhow::{Context, bail};
use hualu_gateway::config::Config;
use hualu_gateway::records::{self, Entry, What};
use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Where `hualu demo` writes turn records, and where they are looked for by default.
pub const TURNS: &str = "out/turns";

/// Names the newest call.
const LAST: &str = "last";

/// Calls that an error lists, newest first.
const LISTED: usize = 20;

/// Prints the turns of one call, or one of them.
pub fn explain(args: &ExplainArgs) -> anyhow::Result<()> {
    print!("{}", text(&folder(args)?, &args.call, args.turn)?);
    Ok(())
}

fn folder(args: &ExplainArgs) -> anyhow::Result<PathBuf> {
    if let Some(turns) = &args.turns {
        return Ok(turns.clone());
    }
    let Some(path) = &args.config else { return Ok(TURNS.into()) };
    let config = Config::load(path)?;
    config.turn_records.with_context(|| format!("{} writes no turn records: set records.turns", path.display()))
}

fn text(folder: &Path, name: &str, turn: Option<u32>) -> anyhow::Result<String> {
    let mut calls: Vec<Call> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    each(folder, |entry| {
        let place = *places.entry(entry.call.clone()).or_insert_with(|| {
            calls.push(Call { id: entry.call.clone(), at: entry.at.format("%F %T UTC").to_string(), turns: 0 });
            calls.len() - 1
        });
        calls[place].turns += usize::from(matches!(entry.what, What::Turn(_)));
    })?;
    let id = &find(&calls, name, folder)?.id;
    let mut entries = Vec::new();
    each(folder, |entry| {
        if entry.call == *id {
            entries.push(entry);
        }
    })?;
    render(id, &entries, turn)
}

/// A call that the folder holds.
struct Call {
    id: String,
    at: String,
    turns: usize,
}

/// Reads every line of a folder, oldest first. Lines that are none are told of and left out.
fn each(folder: &Path, mut take: impl FnMut(Entry)) -> anyhow::Result<()> {
    let files = records::files(folder).with_context(|| {
        format!(
            "cannot read turn records in {}: name the folder that records.turns names with --turns",
            folder.display()
        )
    })?;
    for file in files.iter().rev() {
        for entry in records::entries(file).with_context(|| format!("cannot read {}", file.display()))? {
            match entry {
                Ok(entry) => take(entry),
                Err(error) => eprintln!("warning: {error}"),
            }
        }
    }
    Ok(())
}

/// The call with this id, with an id that only it begins with, or the last one.
fn find<'a>(calls: &'a [Call], name: &str, folder: &Path) -> anyhow::Result<&'a Call> {
    let named: Vec<&Call> = match calls.iter().find(|call| call.id == name) {
        Some(exact) => vec![exact],
        None if name == LAST => calls.last().into_iter().collect(),
        None => calls.iter().filter(|call| call.id.starts_with(name)).collect(),
    };
    let (what, listed) = match named.as_slice() {
        [call] => return Ok(call),
        [] if calls.is_empty() => bail!("{} holds no calls", folder.display()),
        [] => (format!("no call `{name}` in {}", folder.display()), calls.iter().collect()),
        _ => (format!("`{name}` is the beginning of {} calls", named.len()), named),
    };
    let mut text = format!("{what}; there are:");
    for call in listed.iter().rev().take(LISTED) {
        let _ = write!(text, "\n  {}  {}  {} turns", call.at, call.id, call.turns);
    }
    if listed.len() > LISTED {
        let _ = write!(text, "\n  and {} older ones", listed.len() - LISTED);
    }
    bail!(text)
}

fn render(id: &str, entries: &[Entry], wanted: Option<u32>) -> anyhow::Result<String> {
    let turns =
        || entries.iter().filter_map(|entry| if let What::Turn(turn) = &entry.what { Some(turn) } else { None });
    let shown: Vec<_> = turns().filter(|turn| wanted.is_none_or(|wanted| turn.turn == wanted)).collect();
    if shown.is_empty() {
        let known: Vec<_> = turns().map(|turn| turn.turn.to_string()).collect();
        match wanted {
            Some(wanted) if !known.is_empty() => bail!("call {id} has no turn {wanted}; it has {}", known.join(", ")),
            _ => bail!("call {id} has no finished turn"),
        }
    }
    let mut text = title(id, entries);
    for turn in shown {
        text.push('\n');
        text.push_str(&waterfall::text(turn));
    }
    Ok(text)
}

/// One line: when, who, how it ended.
fn title(id: &str, entries: &[Entry]) -> String {
    let mut title = format!("call {id}");
    for entry in entries {
        let _ = match &entry.what {
            What::Started { caller, called } => {
                write!(title, "  {}  {} → {}", entry.at.format("%F %T UTC"), caller.reveal(), called.reveal())
            }
            What::Ended { result, reason, disposition } if disposition.is_empty() => {
                write!(title, "  {result} ({reason})")
            }
            What::Ended { result, reason, disposition } => write!(title, "  {result} ({reason}, {disposition})"),
            What::Turn(_) => Ok(()),
        };
    }
    title + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let line = |at: &str, call: &str, rest: &str| format!("{{\"at\":\"{at}\",\"call\":\"{call}\",{rest}}}\n");
        let started = r#""event":"started","caller":"13800138000","called":"10086""#;
        let turn =
            |n: u32| format!(r#""event":"turn","turn":{n},"cause":"speech","text":"查话费","outcome":"answered""#);
        let old = line("2026-11-23T23:59:58Z", "aa1", started) + &line("2026-11-23T23:59:59Z", "aa1", &turn(1));
        let new = line("2026-11-24T00:00:01Z", "aa1", &turn(2))
            + &line("2026-11-24T00:00:02Z", "aa1", r#""event":"ended","result":"success","reason":"caller_hung_up""#)
            + &line("2026-11-24T08:00:00Z", "aa2", started)
            + &line("2026-11-24T08:00:05Z", "aa2", &turn(0));
        for (day, lines) in [("2026-11-23", old), ("2026-11-24", new)] {
            std::fs::write(folder.path().join(format!("turns-{day}.jsonl")), lines).expect("written");
        }
        folder
    }

    fn error(name: &str, turn: Option<u32>) -> String {
        text(folder().path(), name, turn).expect_err("nothing to show").to_string()
    }

    #[test]
    fn a_call_over_midnight_is_one_call() {
        let text = text(folder().path(), "aa1", None).expect("it is there");
        let title = "call aa1  2026-11-23 23:59:58 UTC  13800138000 → 10086  success (caller_hung_up)\n\n";
        assert!(text.starts_with(title), "{text}");
        assert!(text.contains("turn 1 ") && text.contains("turn 2 "), "{text}");
    }

    #[test]
    fn the_last_call_needs_no_name() {
        assert!(text(folder().path(), "last", Some(0)).expect("it is there").starts_with("call aa2 "));
    }

    #[test]
    fn an_unknown_call_is_told_which_calls_there_are() {
        let error = error("zz", None);
        assert!(error.starts_with("no call `zz` in "), "{error}");
        let listed = "there are:\n  2026-11-24 08:00:00 UTC  aa2  1 turns\n  2026-11-23 23:59:58 UTC  aa1  2 turns";
        assert!(error.ends_with(listed), "{error}");
    }

    #[test]
    fn an_ambiguous_beginning_lists_what_it_begins() {
        assert!(error("aa", None).starts_with("`aa` is the beginning of 2 calls; there are:\n"));
    }

    #[test]
    fn an_unknown_turn_is_told_which_turns_there_are() {
        assert_eq!(error("aa1", Some(7)), "call aa1 has no turn 7; it has 1, 2");
    }

    #[test]
    fn a_folder_that_is_not_there_says_what_to_do() {
        let error = text(Path::new("no/such/folder"), "last", None).expect_err("nothing there").to_string();
        assert!(error.contains("no/such/folder") && error.contains("records.turns"), "{error}");
    }
}
