//! Prints a conversation as it happens: what was heard and said, and the time of each stage.

use hualu_core::Stage;
use hualu_gateway::{Cause, GatewayEvent, TurnRecord};
use std::fmt::Write;
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// Prints events until the gateway ends.
pub async fn follow(mut events: Receiver<GatewayEvent>) {
    loop {
        match events.recv().await {
            Ok(event) => print!("{}", text(&event)),
            Err(RecvError::Lagged(missed)) => println!("... {missed} events were not shown"),
            Err(RecvError::Closed) => return,
        }
    }
}

/// One event as lines of text.
pub fn text(event: &GatewayEvent) -> String {
    match event {
        GatewayEvent::Started { call, .. } => format!("── call {call}\n"),
        GatewayEvent::Turn { record, .. } => turn(record),
        GatewayEvent::Ended { call, termination } => {
            let disposition = if termination.disposition.is_empty() { "" } else { ", " };
            format!(
                "── call {call} ended: {} ({}{disposition}{})\n",
                termination.result.as_str(),
                termination.reason.as_str(),
                termination.disposition,
            )
        }
        _ => String::new(),
    }
}

/// One turn as text: the caller's line, the bot's line, the stages' line.
fn turn(record: &TurnRecord) -> String {
    let mut text = String::new();
    let said = record.text.reveal();
    let heard = match record.cause {
        Cause::Started => String::new(),
        Cause::Silence => "(silence)".to_owned(),
        Cause::Keys => format!("[keys] {said}"),
        Cause::Speech if said.is_empty() => "(noise)".to_owned(),
        Cause::Speech => said.clone(),
    };
    if !heard.is_empty() {
        let _ = write!(text, "  caller  {heard}");
        if !record.intent.is_empty() {
            let _ = write!(text, "   → {} {:.2}", record.intent, record.score);
        }
        for (name, value) in &record.slots {
            let _ = write!(text, " {name}={}", value.reveal());
        }
        text.push('\n');
    }
    let reply: Vec<&str> = record.said.iter().map(|clause| clause.heard.reveal().as_str()).collect();
    if !reply.is_empty() {
        let _ = writeln!(text, "  bot     {}", reply.concat());
    }
    let _ = write!(text, "  #{:<3}   ", record.turn.0);
    if let Some(response) = record.response {
        let _ = write!(text, " response {} ms =", response.as_millis());
    }
    for (stage, spent) in Stage::ALL.iter().zip(&record.stages) {
        if let Some(spent) = spent {
            let _ = write!(text, " {} {}", stage.as_str(), spent.as_millis());
        }
    }
    if let Some(endpoint) = record.endpoint {
        let _ = write!(text, "  endpoint:{}", endpoint.as_str());
    }
    for missed in &record.missed {
        let _ = write!(text, "  {}→{}", missed.stage.as_str(), missed.rung.as_str());
    }
    let _ = writeln!(text, "  {}", record.outcome.as_str());
    text
}
