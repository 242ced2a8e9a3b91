//! Whole calls against a running gateway on loopback, by a telephone that speaks SIP by hand. No engine is there, so all
//! that is heard are prepared sentences.

mod common;

use common::{LIMIT, Phone, gateway, within};
use hualu_gateway::{Cause, EndReason, GatewayEvent};
use std::time::Duration;
use tokio::sync::broadcast;

async fn end(events: &mut broadcast::Receiver<GatewayEvent>) -> EndReason {
    loop {
        if let GatewayEvent::Ended { termination, .. } = within("an end", events.recv()).await.expect("it runs") {
            return termination.reason;
        }
    }
}

#[tokio::test]
async fn an_invite_without_an_offer_gets_ours_and_the_ack_answers_it() {
    let gateway = gateway(16_000).await;
    let mut events = gateway.subscribe();
    let mut phone = Phone::to(&gateway).await;
    let accepted = phone.call("", &phone.media(8)).await;
    assert!(accepted.contains("RTP/AVP 8 0 101"), "{accepted}");
    assert_eq!(phone.payload_type().await, 8);
    phone.send("BYE", 2, "", "").await;
    phone.receive_until("SIP/2.0 200 ").await;
    assert_eq!(end(&mut events).await, EndReason::CallerHungUp);
    gateway.stop(LIMIT).await;
}

#[tokio::test]
async fn an_ack_without_an_answer_ends_the_call() {
    let gateway = gateway(16_020).await;
    let mut events = gateway.subscribe();
    let mut phone = Phone::to(&gateway).await;
    phone.call("", "").await;
    let bye = phone.receive_until("BYE ").await;
    assert!(bye.contains("no agreement on media"), "{bye}");
    assert_eq!(end(&mut events).await, EndReason::SignallingFailed);
    gateway.stop(LIMIT).await;
}

#[tokio::test]
async fn a_renumbered_codec_is_answered_and_sent_under_its_number() {
    let gateway = gateway(16_040).await;
    let mut phone = Phone::to(&gateway).await;
    let offer = phone.media(98);
    let accepted = phone.call(&offer, "").await;
    assert!(accepted.contains("a=rtpmap:98 PCMA/8000"), "{accepted}");
    assert_eq!(phone.payload_type().await, 98);
    gateway.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn keys_by_info_reach_the_call_and_are_answered() {
    let gateway = gateway(16_060).await;
    let mut events = gateway.subscribe();
    let mut phone = Phone::to(&gateway).await;
    let offer = phone.media(8);
    phone.call(&offer, "").await;
    phone.payload_type().await;
    phone.send("INFO", 2, "application/dtmf-relay", "Signal=7\r\nDuration=160\r\n").await;
    phone.receive_until("SIP/2.0 200 ").await;
    let record = loop {
        match within("a turn", events.recv()).await.expect("it runs") {
            GatewayEvent::Turn { record, .. } if record.cause == Cause::Keys => break record,
            _ => {}
        }
    };
    assert_eq!(record.text.reveal(), "7");
    gateway.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn a_call_that_outlasts_the_drain_hears_a_goodbye_and_gets_a_bye() {
    let gateway = gateway(16_080).await;
    let mut events = gateway.subscribe();
    let mut phone = Phone::to(&gateway).await;
    let offer = phone.media(8);
    phone.call(&offer, "").await;
    phone.payload_type().await;
    let stopped = tokio::spawn(gateway.stop(Duration::ZERO));
    let bye = phone.receive_until("BYE ").await;
    assert!(bye.contains("shutdown"), "{bye}");
    assert_eq!(end(&mut events).await, EndReason::Shutdown);
    assert!(phone.loudest() > 1_000, "a prepared sentence was heard");
    within("the end", stopped).await.expect("it stops");
}
