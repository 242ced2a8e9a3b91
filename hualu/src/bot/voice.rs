//! Scripts as real calls: a caller with a voice of its own speaks each sentence over SIP and RTP on loopback, and what the
//! dialogue answered is held against the script. Back ends and the calendar are the script's; all else is as in service.

use super::print;
use crate::demo::speak;
use crate::serve::{self, LOOPBACK, Running};
use crate::services;
use anyhow::Context;
use hualu_gateway::config::{Config, ServiceAddress};
use hualu_gateway::phone::{self, PhoneConfig, PhoneOutcome};
use hualu_gateway::{Cause, GatewayEvent};
use hualu_nlu::Bot;
use hualu_nlu::dialogue::Assistant;
use hualu_nlu::script::{Difference, Script, Stage, TextReply, start_time};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;

/// The bot counts as done with its answer after so much silence.
const GAP: Duration = Duration::from_millis(1_200);
/// So much silence ends a call in which nothing is left to say.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest call.
const CALL_MAX: Duration = Duration::from_secs(240);
/// For the end of a call to be told.
const END_MAX: Duration = Duration::from_secs(5);

/// Plays every `every`-th of `scripts` as a call; whether all went as written.
pub async fn play(dir: &Path, assistant: &Assistant, scripts: &[&Script], every: usize) -> anyhow::Result<bool> {
    let chosen: Vec<&Script> = scripts.iter().step_by(every.max(1)).copied().collect();
    print(&format!("speaking {} of {} spoken scripts as calls ...\n", chosen.len(), scripts.len()))?;
    let stage = Stage::default();
    let running = start(dir, stage.clone()).await?;
    let port = running.gateway.addresses().0.context("the gateway speaks no UDP")?.port();
    let target = SocketAddr::new(LOOPBACK.ip(), port);
    let mut passed = 0;
    for script in &chosen {
        let begins = start_time(assistant, script).map_err(anyhow::Error::msg)?;
        stage.set(script, begins, hualu_nlu::clock::now());
        let events = running.gateway.subscribe();
        let outcome = call(target, script).await?;
        let heard = heard(events).await;
        let found = differences(script, &stage.replies());
        passed += usize::from(found.is_empty());
        print(&told(script, &found, &heard, &outcome))?;
    }
    running.end().await;
    print(&format!("{} calls: {passed} as written, {} not\n", chosen.len(), chosen.len() - passed))?;
    Ok(passed == chosen.len())
}

/// Everything that a call needs, on loopback, with the script's world behind the dialogue.
async fn start(dir: &Path, stage: Stage) -> anyhow::Result<Running> {
    let nlu = services::serve_staged_nlu(LOOPBACK, Bot::load(dir)?, stage).await?.address;
    let mut config = Config::default();
    config.sip.udp = Some(LOOPBACK);
    config.sip.tcp = None;
    config.media.bind = LOOPBACK.ip();
    config.services.nlu = ServiceAddress::Remote(format!("http://{nlu}"));
    serve::start_all(config, dir, services::Backends::new(), None).await
}

async fn call(target: SocketAddr, script: &Script) -> anyhow::Result<PhoneOutcome> {
    let sentences: Vec<&str> = script.turns.iter().filter_map(|turn| turn.value.say.as_deref()).collect();
    let clips: Vec<Arc<[i16]>> = speak(&sentences).await?;
    let cues = phone::Script::in_turn(clips, GAP, PATIENCE, CALL_MAX);
    Ok(phone::call(&format!("sip:10086@{target}"), PhoneConfig::default(), cues).await?)
}

/// What the recognizer understood in each spoken turn, and how the call ended.
async fn heard(mut events: Receiver<GatewayEvent>) -> Vec<String> {
    let mut heard = Vec::new();
    while let Ok(Ok(event)) = tokio::time::timeout(END_MAX, events.recv()).await {
        match event {
            GatewayEvent::Turn { record, .. } if record.cause == Cause::Speech => {
                heard.push(record.text.reveal().clone())
            }
            GatewayEvent::Ended { termination, .. } => {
                heard.push(format!("[{} {}]", termination.reason.as_str(), termination.disposition));
                return heard;
            }
            _ => {}
        }
    }
    heard
}

/// Compares turn by turn. Queries that the dialogue made ahead on half a sentence are not held against it.
fn differences(script: &Script, replies: &[TextReply]) -> Vec<(u64, Difference)> {
    let mut found = Vec::new();
    // What follows the last turn is the bot asking a caller who has said everything.
    if replies.len() < script.turns.len() {
        let line = script.turns.first().map_or(0, |turn| turn.referenced.line());
        let (expected, got) = (script.turns.len().to_string(), replies.len().to_string());
        found.push((line, Difference { what: "turns".to_owned(), expected, got }));
    }
    for (turn, reply) in script.turns.iter().zip(replies) {
        let mut reply = reply.clone();
        if let Some(wanted) = turn.value.calls.as_ref().filter(|wanted| is_within(wanted, &reply.calls)) {
            reply.calls.clone_from(wanted);
        }
        found.extend(turn.value.differences(&reply, None).into_iter().map(|differs| (turn.referenced.line(), differs)));
    }
    found
}

/// Whether `wanted` stand in `calls`, in order.
fn is_within(wanted: &[String], calls: &[String]) -> bool {
    let mut rest = calls.iter();
    wanted.iter().all(|wanted| rest.any(|call| call == wanted))
}

fn told(script: &Script, found: &[(u64, Difference)], heard: &[String], outcome: &PhoneOutcome) -> String {
    let verdict = if found.is_empty() { "pass" } else { "FAIL" };
    let seconds = outcome.line.over.as_secs();
    let mut text = format!("{verdict} {} ({seconds} s, {})\n", script.name, outcome.ended);
    for (line, difference) in found {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "     line {line}: {difference}");
    }
    let _ = writeln!(text, "     heard: {}", heard.join(" | "));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_made_ahead_are_passed_over_and_missing_ones_are_not() {
        let names = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert!(is_within(&names("a c"), &names("a b c")));
        assert!(is_within(&[], &names("a")));
        assert!(!is_within(&names("c a"), &names("a b c")));
        assert!(!is_within(&names("a"), &[]));
    }
}
