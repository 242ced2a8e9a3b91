//! Reads the public sets of sentences with their intents.

use anyhow::{Context, ensure};
use std::collections::BTreeMap;
use std::path::Path;

/// Intent and sentence, as the classifier takes them.
pub type Pairs = Vec<(String, String)>;

/// A JSON object of parts, each a list of `[sentence, intent]`: CLINC150.
///
/// # Errors
/// When the file cannot be read or has another form.
pub fn json(path: &Path) -> anyhow::Result<BTreeMap<String, Pairs>> {
    let parts: BTreeMap<String, Vec<(String, String)>> =
        serde_json::from_str(&read(path)?).with_context(|| format!("{}: not parts of pairs", path.display()))?;
    let swap = |pairs: Vec<(String, String)>| pairs.into_iter().map(|(text, intent)| (intent, text)).collect();
    Ok(parts.into_iter().map(|(part, pairs)| (part, swap(pairs))).collect())
}

/// A CSV file of sentence and intent with a heading: BANKING77, HINT3.
///
/// # Errors
/// When the file cannot be read or a row has not two fields.
pub fn csv(path: &Path) -> anyhow::Result<Pairs> {
    let rows = rows(&read(path)?);
    let mut pairs = Vec::with_capacity(rows.len());
    for (i, row) in rows.into_iter().enumerate().skip(1) {
        let count = row.len();
        let [text, intent] = <[String; 2]>::try_from(row)
            .map_err(|_| anyhow::anyhow!("{}: row {} has {count} fields, not 2", path.display(), i + 1))?;
        pairs.push((intent, text));
    }
    Ok(pairs)
}

/// A folder of `seq.in` and `label`, line by line: HWU64 and the few-shot splits.
///
/// # Errors
/// When a file cannot be read or the two differ in length.
pub fn lines(dir: &Path) -> anyhow::Result<Pairs> {
    let (texts, labels) = (read(&dir.join("seq.in"))?, read(&dir.join("label"))?);
    let (texts, labels): (Vec<&str>, Vec<&str>) = (texts.lines().collect(), labels.lines().collect());
    ensure!(texts.len() == labels.len(), "{}: {} sentences, {} labels", dir.display(), texts.len(), labels.len());
    Ok(labels.iter().zip(texts).map(|(label, text)| ((*label).to_owned(), text.to_owned())).collect())
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// RFC 4180: fields may be quoted, and then hold commas, line ends and doubled quotes.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut is_quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(std::mem::take(&mut field)),
            '\r' if !is_quoted => {}
            '\n' if !is_quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            c => field.push(c),
        }
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_fields_hold_commas_quotes_and_line_ends() {
        let text = "text,category\n\"a, \"\"b\"\"\nc\",x\r\nd,y";
        assert_eq!(rows(text), [["text", "category"], ["a, \"b\"\nc", "x"], ["d", "y"]]);
    }
}
