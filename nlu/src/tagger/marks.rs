//! The marks in examples: `我叫[王小明](name)`.

/// Cuts an example into its parts; a marked one comes with the name behind it.
pub(crate) fn parts(text: &str) -> Vec<(&str, Option<&str>)> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let Some(close) = rest[open..].find("](").map(|at| at + open) else { break };
        let Some(end) = rest[close..].find(')').map(|at| at + close) else { break };
        parts.push((&rest[..open], None));
        parts.push((&rest[open + 1..close], Some(&rest[close + 2..end])));
        rest = &rest[end + 1..];
    }
    parts.push((rest, None));
    parts.retain(|(text, _)| !text.is_empty());
    parts
}

/// The sentence without its marks.
pub(crate) fn unmark(text: &str) -> String {
    parts(text).into_iter().map(|(text, _)| text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_and_half_a_mark_is_text() {
        let text = "我叫[王小明](name)，住[朝阳](district)";
        let expected = [("我叫", None), ("王小明", Some("name")), ("，住", None), ("朝阳", Some("district"))];
        assert_eq!(parts(text), expected);
        assert_eq!(unmark(text), "我叫王小明，住朝阳");
        assert_eq!(parts("[王小明](name"), [("[王小明](name", None)]);
        assert_eq!(parts(""), []);
    }
}
