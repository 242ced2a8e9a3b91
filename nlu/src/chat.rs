//! A conversation with a bot in a terminal, or from a file of lines.

use crate::script::{TextChat, TextReply};
use std::io::{BufRead, Write};

/// What can be typed.
pub const HELP: &str = "type what the caller says, or:
  /keys 12#      keys that are pressed
  /silence       nobody speaks
  /or A | B      a sentence A that may also have been heard as B
  /value NAME    a slot or variable
  /help  /quit";

/// A longer line is no sentence; the rest of it is left out.
const LINE_BYTES_MAX: usize = 4_096;

/// Holds a conversation: reads lines from `input` and writes what the bot understands, does and says to `out`. Lines that
/// begin with `//` are comments. `echo` repeats each line, for input that is not typed. Whether the bot ended the call.
///
/// # Errors
/// When `input` or `out` fails.
pub fn chat(chat: &mut TextChat, input: &mut dyn BufRead, out: &mut dyn Write, echo: bool) -> std::io::Result<bool> {
    let greeting = chat.start();
    show(chat, &greeting, out)?;
    let mut line = Vec::new();
    while !chat.conversation().is_over() {
        write!(out, "> ")?;
        out.flush()?;
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            writeln!(out)?;
            break;
        }
        line.truncate(LINE_BYTES_MAX);
        let text = String::from_utf8_lossy(&line);
        let text = printable(text.trim());
        if echo {
            writeln!(out, "{text}")?;
        }
        if text == "/quit" {
            break;
        }
        if let Some(reply) = take(chat, &text, out)? {
            show(chat, &reply, out)?;
        }
    }
    Ok(chat.conversation().is_over())
}

/// Does what a line says; the reply when it was a turn.
fn take(chat: &mut TextChat, text: &str, out: &mut dyn Write) -> std::io::Result<Option<TextReply>> {
    let (command, rest) = text.split_once(' ').unwrap_or((text, ""));
    Ok(match command {
        _ if text.is_empty() || text.starts_with("//") => None,
        "/keys" => Some(chat.press(rest.trim())),
        "/silence" => Some(chat.keep_silent()),
        "/or" => {
            let mut readings = rest.split('|').map(|reading| reading.trim().to_owned());
            let first = readings.next().unwrap_or_default();
            Some(chat.say_or(&first, &readings.collect::<Vec<_>>()))
        }
        "/value" => {
            let value = chat.conversation().value(rest.trim()).map(hualu_core::Pii::into_revealed);
            writeln!(out, "  {} = {}", rest.trim(), printable(&value.unwrap_or_else(|| "nothing".to_owned())))?;
            None
        }
        command if command.starts_with('/') => {
            writeln!(out, "{HELP}")?;
            None
        }
        _ => Some(chat.say(text)),
    })
}

fn show(chat: &TextChat, reply: &TextReply, out: &mut dyn Write) -> std::io::Result<()> {
    let mut heard = reply.intent.clone();
    if !heard.is_empty() || !reply.slots.is_empty() || reply.score != 0.0 {
        if heard.is_empty() {
            heard.push_str("(not accepted)");
        }
        heard.push_str(&format!(" {:.2}", reply.score));
        for (name, value) in &reply.slots {
            heard.push_str(&format!(" {name}={value}"));
        }
        writeln!(out, "  heard  {}", printable(&heard))?;
    }
    let trace: Vec<&str> = chat.trace().collect();
    if !trace.is_empty() {
        writeln!(out, "  trace  {}", printable(&trace.join(" | ")))?;
    }
    writeln!(out, "  bot    {}", printable(&reply.text))?;
    writeln!(out, "  act    {}", printable(&reply.act))
}

/// Without control characters: what a back end answers must not steer the terminal.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
