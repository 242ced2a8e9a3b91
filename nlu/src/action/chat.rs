//! Asking a language model: the chat protocol that every such server speaks, answered as a stream of events.

use super::ANSWER_BYTES_MAX;
use crate::dialogue::{ActionFault, ActionOutcome};
use reqwest::Response;
use serde_json::{Value, json};

/// Collects the pieces of the answer: `{"content": ".."}`. A server that does not stream answers with one object.
pub(super) async fn collect(mut response: Response) -> ActionOutcome {
    let is_stream = response
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .is_none_or(|value| !value.starts_with("application/json"));
    let mut events = Events::default();
    let mut read = 0;
    let mut whole = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| ActionFault::Unreachable)? {
        read += chunk.len();
        if read > ANSWER_BYTES_MAX {
            return Err(ActionFault::Unreadable);
        }
        if !is_stream {
            whole.extend_from_slice(&chunk);
        } else if events.take(&chunk)? {
            break;
        }
    }
    let content = if is_stream {
        events.content
    } else {
        let answer: Value = serde_json::from_slice(&whole).map_err(|_| ActionFault::Unreadable)?;
        answer.pointer("/choices/0/message/content").and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    if content.is_empty() {
        return Err(ActionFault::Unreadable);
    }
    Ok(json!({"content": content}))
}

/// Server-sent events (WHATWG HTML §9.2), of which the chat protocol uses `data` lines alone.
#[derive(Debug, Default)]
struct Events {
    /// Bytes of a line that has not ended.
    line: Vec<u8>,
    content: String,
}

impl Events {
    /// Takes bytes; true when the answer is over.
    fn take(&mut self, bytes: &[u8]) -> Result<bool, ActionFault> {
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = std::str::from_utf8(&line).map_err(|_| ActionFault::Unreadable)?.trim_end_matches('\r');
            let Some(data) = line.strip_prefix("data:").map(str::trim) else { continue };
            if data == "[DONE]" {
                return Ok(true);
            }
            let event: Value = serde_json::from_str(data).map_err(|_| ActionFault::Unreadable)?;
            if let Some(piece) = event.pointer("/choices/0/delta/content").and_then(Value::as_str) {
                self.content.push_str(piece);
            }
        }
        Ok(false)
    }
}
