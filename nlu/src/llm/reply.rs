//! What a model answered, read strictly: one JSON object with known fields, or nothing.

use serde::Deserialize;

/// A longer answer is not read.
const CONTENT_BYTES_MAX: usize = 4 << 10;

/// What a model proposes. Every field is a claim that the engine checks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Reply {
    pub command: Option<String>,
    pub intent: Option<String>,
    pub slot: Option<String>,
    pub value: Option<String>,
    pub tool: Option<String>,
    pub say: Option<String>,
}

/// Reads a model's answer; some put their JSON into a fence of Markdown.
pub(crate) fn parse(content: &str) -> Option<Reply> {
    if content.len() > CONTENT_BYTES_MAX {
        return None;
    }
    let text = content.trim();
    let text = text.strip_prefix("```json").or_else(|| text.strip_prefix("```")).unwrap_or(text);
    let text = text.strip_suffix("```").unwrap_or(text);
    serde_json::from_str(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_with_known_fields_is_read_and_nothing_else() {
        let plain = parse(r#"{"command":"start_flow","intent":"plan"}"#).expect("sound");
        assert_eq!((plain.command.as_deref(), plain.intent.as_deref()), (Some("start_flow"), Some("plan")));
        assert_eq!(parse("```json\n{\"say\":\"您好\"}\n```").and_then(|reply| reply.say).as_deref(), Some("您好"));
        let long = format!(r#"{{"say":"{}"}}"#, "长".repeat(5_000));
        for hostile in
            ["", "您好", "[1]", r#"{"run":"rm"}"#, r#"{"say":5}"#, r#"{"say":"a"} {"say":"b"}"#, long.as_str()]
        {
            assert_eq!(parse(hostile), None, "{hostile:.40}");
        }
    }
}
