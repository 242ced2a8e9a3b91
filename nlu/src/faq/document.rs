//! Reads questions and answers: a `faq` section of a bot's files, or Markdown in its folder `faq/`.

use super::FaqEntry;
use crate::bot::fault::{Faults, Place};
use crate::bot::read::Item;

/// Longer answers are not for the telephone: at four characters a second this takes almost two minutes.
const ANSWER_CHARS_MAX: usize = 400;
/// More entries than this are a search engine's work.
const ENTRIES_MAX: usize = 10_000;

/// Reads `faq: [{ask: [..], say: text, source: ..}]`.
pub(crate) fn from_section(sections: &[Item<'_>], faults: &mut Faults) -> Vec<FaqEntry> {
    let mut entries = Vec::new();
    for section in sections {
        for item in section.items(faults) {
            let Some(mut fields) = item.fields(faults) else { continue };
            let questions = fields.need("ask", faults).map_or_else(Vec::new, |item| item.texts(faults));
            let say = fields.need("say", faults);
            let answer = say.as_ref().and_then(|item| item.text(faults));
            let source = fields.take("source").and_then(|item| item.text(faults));
            fields.finish(faults);
            let (Some(say), Some(answer)) = (say, answer) else { continue };
            if let Some(reason) = too_long(&answer) {
                say.fault(reason, "cut it down to what a caller can listen to", faults);
            }
            let source = source.unwrap_or_else(|| item.path.clone());
            entries.push(FaqEntry { source, questions, answer });
        }
        if entries.len() > ENTRIES_MAX {
            section.fault(format!("has more than {ENTRIES_MAX} entries"), "", faults);
        }
    }
    entries
}

/// Reads a Markdown file: every second- or third-level heading is a question, `/` parts its paraphrases, and the
/// paragraphs below it are the answer.
pub(crate) fn from_markdown(file: u16, name: &str, text: &str, faults: &mut Faults) -> Vec<FaqEntry> {
    let mut entries: Vec<(u32, FaqEntry)> = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.trim();
        let heading = text.strip_prefix("### ").or_else(|| text.strip_prefix("## "));
        if let Some(heading) = heading {
            let questions: Vec<String> =
                heading.split(['/', '／']).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect();
            let source = format!("{name}#{}", questions.first().map_or("", String::as_str));
            entries.push((line, FaqEntry { source, questions, answer: String::new() }));
        } else if !text.is_empty()
            && !text.starts_with('#')
            && let Some((_, entry)) = entries.last_mut()
        {
            entry.answer.push_str(text);
        }
    }
    for (line, entry) in &entries {
        let reason = match too_long(&entry.answer) {
            _ if entry.answer.is_empty() => Some("has no answer below it".to_owned()),
            _ if entry.questions.is_empty() => Some("is no question".to_owned()),
            reason => reason,
        };
        if let Some(reason) = reason {
            let place = Place { file, line: *line };
            faults.add(place, "faq", reason, "a heading is the question, the paragraphs below it the answer");
        }
    }
    entries.into_iter().map(|(_, entry)| entry).collect()
}

fn too_long(answer: &str) -> Option<String> {
    let count = answer.chars().count();
    (count > ANSWER_CHARS_MAX).then(|| format!("is an answer of {count} characters, the most is {ANSWER_CHARS_MAX}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_questions_and_paragraphs_their_answers() {
        let mut faults = Faults::default();
        let file = faults.add_file("faq/a.md");
        let text = "# 漫游\n\n导语不算。\n\n## 漫游怎么收费 / 国外上网多少钱\n\n每天三十元。\n用多少算多少。\n\n## 怎么开通\n\n发短信。\n";
        let entries = from_markdown(file, "faq/a.md", text, &mut faults);
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].questions, ["漫游怎么收费", "国外上网多少钱"]);
        assert_eq!(entries[0].answer, "每天三十元。用多少算多少。");
        assert_eq!(entries[0].source, "faq/a.md#漫游怎么收费");
        assert!(faults.finish().is_ok());
    }

    #[test]
    fn a_question_without_an_answer_and_one_too_long_are_faults() {
        let mut faults = Faults::default();
        let file = faults.add_file("faq/a.md");
        let text = format!("## 空的\n\n## 长的\n\n{}\n", "长".repeat(500));
        from_markdown(file, "faq/a.md", &text, &mut faults);
        let found = faults.finish().expect_err("two faults").to_string();
        assert!(found.contains("a.md:1") && found.contains("no answer") && found.contains("500 characters"), "{found}");
    }
}
