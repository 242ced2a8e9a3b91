//! Sentences with their intents: YAML, CSV or TSV.

use crate::bot::fault::Faults;
use crate::bot::node::{self, Data, Node};
use std::path::Path;

/// A larger file is refused unread.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Intent and sentence, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sentences(pub Vec<(String, String)>);

/// Why sentences cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The file cannot be read.
    #[error("{path}: {reason}")]
    Read {
        /// The file.
        path: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// A line is not what it should be.
    #[error("{path}:{line}: {reason}")]
    Line {
        /// The file.
        path: String,
        /// From 1.
        line: usize,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// Intents that the bot does not have.
    #[error("the bot does not have the intent(s) {0}; sentences that belong to none are listed under `none`")]
    Intents(String),
}

/// Reads sentences. YAML is `intent: [sentence, ..]`, at choice below names of groups; CSV and TSV have a sentence and an
/// intent in each line, in this order unless a first line `intent,text` says otherwise.
///
/// # Errors
/// [`DataError`] with the line.
pub fn read(path: &Path) -> Result<Sentences, DataError> {
    let name = path.display().to_string();
    let fail = |reason: String| DataError::Read { path: name.clone(), reason };
    let size = std::fs::metadata(path).map_err(|error| fail(format!("cannot be read: {error}")))?.len();
    if size > FILE_BYTES_MAX {
        return Err(fail(format!("has {size} bytes, the most is {FILE_BYTES_MAX}")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| fail(format!("cannot be read: {error}")))?;
    let extension = path.extension().and_then(|ext| ext.to_str()).unwrap_or_default();
    let sentences = match extension {
        "yaml" | "yml" => yaml(&name, &text)?,
        "csv" => table(&name, &text, ',')?,
        "tsv" | "txt" => table(&name, &text, '\t')?,
        _ => return Err(fail("is neither .yaml, .csv nor .tsv".to_owned())),
    };
    if sentences.0.is_empty() {
        return Err(fail("holds no sentences".to_owned()));
    }
    Ok(sentences)
}

fn yaml(path: &str, text: &str) -> Result<Sentences, DataError> {
    let mut faults = Faults::default();
    faults.add_file(path);
    let root = node::parse(0, text, &mut faults);
    if let Err(faults) = faults.finish() {
        let reason = faults.0.first().map_or_else(String::new, |fault| fault.reason.clone());
        return Err(DataError::Read { path: path.to_owned(), reason });
    }
    let mut sentences = Sentences::default();
    if let Some(root) = root {
        groups(path, &root, 0, &mut sentences)?;
    }
    Ok(sentences)
}

fn groups(path: &str, node: &Node, depth: usize, sentences: &mut Sentences) -> Result<(), DataError> {
    let wrong =
        |node: &Node, reason: String| DataError::Line { path: path.to_owned(), line: node.place.line as usize, reason };
    let Data::Map(entries) = &node.data else {
        return Err(wrong(node, format!("expected `intent: [sentence, ..]`, found {}", node.data.kind())));
    };
    for (intent, node) in entries {
        let Data::List(items) = &node.data else {
            if depth > 0 {
                return Err(wrong(
                    node,
                    format!("`{intent}`: expected a list of sentences, found {}", node.data.kind()),
                ));
            }
            groups(path, node, 1, sentences)?;
            continue;
        };
        for item in items {
            let text = match &item.data {
                Data::Text(text) => text.clone(),
                Data::Int(number) => number.to_string(),
                other => return Err(wrong(item, format!("`{intent}`: expected a sentence, found {}", other.kind()))),
            };
            sentences.0.push((intent.clone(), text));
        }
    }
    Ok(())
}

fn table(path: &str, text: &str, separator: char) -> Result<Sentences, DataError> {
    let mut sentences = Sentences::default();
    let mut intent_first = false;
    for (line, row) in rows(text, separator) {
        let cells: Vec<&str> = row.iter().map(|cell| cell.trim()).collect();
        match cells.as_slice() {
            [""] => {}
            ["intent" | "label", "text" | "sentence"] if sentences.0.is_empty() => intent_first = true,
            ["text" | "sentence", "intent" | "label"] if sentences.0.is_empty() => intent_first = false,
            [text, intent] => {
                let (text, intent) = if intent_first { (intent, text) } else { (text, intent) };
                sentences.0.push(((*intent).to_owned(), (*text).to_owned()));
            }
            cells => {
                let reason = format!("has {} column(s): write a sentence and its intent", cells.len());
                return Err(DataError::Line { path: path.to_owned(), line, reason });
            }
        }
    }
    Ok(sentences)
}

/// The rows with the lines that they begin in. A quoted cell (RFC 4180 §2) may hold separators, lines and, doubled, quotes.
fn rows(text: &str, separator: char) -> Vec<(usize, Vec<String>)> {
    let mut rows = Vec::new();
    let (mut row, mut cell) = (Vec::new(), String::new());
    let (mut line, mut began, mut quoted) = (1, 1, false);
    let mut chars = text.strip_prefix('\u{feff}').unwrap_or(text).chars().peekable();
    while let Some(c) = chars.next() {
        line += usize::from(c == '\n');
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if quoted || cell.is_empty() => quoted = !quoted,
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push((began, std::mem::take(&mut row)));
                began = line;
            }
            '\r' if !quoted => {}
            c if c == separator && !quoted => row.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push((began, row));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(sentences: &Sentences) -> Vec<(&str, &str)> {
        sentences.0.iter().map(|(intent, text)| (intent.as_str(), text.as_str())).collect()
    }

    #[test]
    fn yaml_may_have_groups_or_not() {
        let plain = yaml("a", "a: [甲, 乙]\nb: [丙]").expect("reads");
        assert_eq!(pairs(&plain), [("a", "甲"), ("a", "乙"), ("b", "丙")]);
        let grouped = yaml("a", "first: {a: [甲]}\nsecond: {a: [乙]}").expect("reads");
        assert_eq!(pairs(&grouped), [("a", "甲"), ("a", "乙")]);
        let error = yaml("a", "first: {a: {b: [甲]}}").expect_err("too deep").to_string();
        assert!(error.starts_with("a:1: `a`"), "{error}");
    }

    #[test]
    fn tables_have_quotes_headers_and_lines() {
        let text = "intent,text\na,\"查话费,谢谢\"\r\n\nb,\"他说\"\"好\"\"\"\n";
        assert_eq!(pairs(&table("t", text, ',').expect("reads")), [("a", "查话费,谢谢"), ("b", "他说\"好\"")]);
        assert_eq!(pairs(&table("t", "甲\ta\n", '\t').expect("reads")), [("a", "甲")]);
        let error = table("t", "甲,a\n乙,b,c\n", ',').expect_err("three columns").to_string();
        assert!(error.starts_with("t:2: has 3"), "{error}");
    }
}
