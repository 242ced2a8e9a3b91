//! What a telephone does in the middle of a call, by hand over UDP.

mod common;

use common::{Wire, empty, ended, event, media, offer, start, to_tag, within};
use hualu_sip::{EndedBy, Incoming, LegEvent, SipConfig, SipHandle, TransferOutcome, offer_answer};
use std::time::Duration;
use tokio::sync::mpsc;

const SDP: &str = "Content-Type: application/sdp\r\n";

struct Call {
    sip: SipHandle,
    wire: Wire,
    call: Incoming,
    tag: String,
    _calls: mpsc::Receiver<Incoming>,
}

/// A call that the wire has placed and acknowledged.
async fn established() -> Call {
    let (sip, mut calls) = start(SipConfig::default()).await;
    let wire = Wire::to(&sip).await;
    wire.send(wire.invite("c1").as_bytes()).await;
    let mut call = within("a call", calls.recv()).await.expect("the stack runs");
    let (answer, _) = offer_answer::answer(call.offer.as_ref().expect("an offer"), &media(5_000)).expect("common");
    call.leg.accept(&answer).expect("it waits");
    let response = wire.receive().await;
    assert!(response.starts_with("SIP/2.0 200 "), "{response}");
    assert!(
        response.contains("\r\nContent-Type: application/sdp\r\n") && response.contains("m=audio 5000"),
        "{response}"
    );
    let tag = to_tag(&response);
    wire.send(wire.request("ACK", "c1", 1, &tag, "", "").as_bytes()).await;
    assert!(matches!(event(&mut call.events).await, LegEvent::Established { answer: None }));
    Call { sip, wire, call, tag, _calls: calls }
}

impl Call {
    async fn request(&self, method: &str, cseq: u32, lines: &str, body: &str) {
        self.wire.send(self.wire.request(method, "c1", cseq, &self.tag, lines, body).as_bytes()).await;
    }

    async fn end(mut self) {
        self.request("BYE", 90, "Reason: Q.850;cause=16\r\n", "").await;
        assert_eq!(self.wire.status("c1").await, 200);
        let over = ended(&mut self.call.events).await;
        assert_eq!((over.by, over.reason.as_deref()), (EndedBy::Peer, Some("Q.850;cause=16")));
        empty(&self.sip).await;
    }
}

#[tokio::test]
async fn hold_is_offered_to_the_owner_and_answered() {
    let mut call = established().await;
    let held = format!("{}", offer_answer::offer(&media(4_000), hualu_sip::sdp::Direction::SendOnly));
    call.request("INVITE", 2, SDP, &held).await;
    let LegEvent::Reoffer(reoffer) = event(&mut call.call.events).await else { panic!("a new offer") };
    let (answer, negotiated) =
        offer_answer::answer(reoffer.offer.as_ref().expect("an offer"), &media(5_000)).expect("common");
    assert_eq!(negotiated.direction, hualu_sip::sdp::Direction::RecvOnly);
    reoffer.accept(&answer).await;
    let response = call.wire.receive().await;
    assert!(response.starts_with("SIP/2.0 200 ") && response.contains("a=recvonly"), "{response}");
    call.request("ACK", 2, "", "").await;
    call.end().await;
}

#[tokio::test]
async fn a_late_offer_is_answered_in_the_ack() {
    let mut call = established().await;
    call.request("INVITE", 2, "", "").await;
    let LegEvent::Reoffer(reoffer) = event(&mut call.call.events).await else { panic!("a re-INVITE") };
    assert!(reoffer.offer.is_none());
    reoffer.accept(&offer(5_000)).await;
    assert_eq!(call.wire.status("c1").await, 200);
    call.request("ACK", 2, SDP, &offer(4_002).to_string()).await;
    let LegEvent::Established { answer: Some(answer) } = event(&mut call.call.events).await else {
        panic!("the answer")
    };
    assert_eq!(answer.media[0].port, 4_002);
    call.end().await;
}

#[tokio::test]
async fn an_offer_that_nobody_takes_is_refused_and_the_call_goes_on() {
    let mut call = established().await;
    call.request("INVITE", 2, SDP, &offer(4_000).to_string()).await;
    let LegEvent::Reoffer(reoffer) = event(&mut call.call.events).await else { panic!("a new offer") };
    drop(reoffer);
    assert_eq!(call.wire.status("c1").await, 488);
    call.request("ACK", 2, "", "").await;
    call.request("UPDATE", 3, SDP, "v=0\r\nnonsense").await;
    assert_eq!(call.wire.status("c1").await, 488);
    call.request("UPDATE", 4, "", "").await;
    assert_eq!(call.wire.status("c1").await, 200, "a session refresh needs no owner");
    call.end().await;
}

#[tokio::test]
async fn info_brings_keys() {
    let mut call = established().await;
    call.request("INFO", 2, "Content-Type: application/dtmf-relay\r\n", "Signal=5\r\nDuration=160\r\n").await;
    assert_eq!(call.wire.status("c1").await, 200);
    let LegEvent::Keys(keys) = event(&mut call.call.events).await else { panic!("a key") };
    assert_eq!(keys.reveal(), "5");
    call.end().await;
}

#[tokio::test]
async fn a_transfer_is_followed_to_its_end() {
    for (fragments, outcome) in [
        (&["SIP/2.0 100 Trying", "SIP/2.0 180 Ringing", "SIP/2.0 200 OK"][..], TransferOutcome::Completed),
        (&["SIP/2.0 100 Trying", "SIP/2.0 486 Busy Here"][..], TransferOutcome::Failed { code: 486 }),
    ] {
        let call = established().await;
        let leg = call.call.leg.clone();
        let transfer = tokio::spawn(async move { leg.refer("sip:agent@192.0.2.9", common::LIMIT).await });
        let refer = call.wire.receive().await;
        assert!(refer.starts_with("REFER ") && refer.contains("\r\nRefer-To: <sip:agent@192.0.2.9>\r\n"), "{refer}");
        call.wire.send(response_to(&refer, "202 Accepted").as_bytes()).await;
        for (n, fragment) in fragments.iter().enumerate() {
            let lines = "Event: refer\r\nSubscription-State: active\r\nContent-Type: message/sipfrag\r\n";
            call.request("NOTIFY", 2 + n as u32, lines, fragment).await;
            assert_eq!(call.wire.status("c1").await, 200);
        }
        assert_eq!(within("the outcome", transfer).await.expect("no panic"), Ok(outcome));
        call.end().await;
    }
}

#[tokio::test]
async fn a_peer_that_does_not_transfer_says_so() {
    let call = established().await;
    let leg = call.call.leg.clone();
    let transfer = tokio::spawn(async move { leg.refer("sip:agent@192.0.2.9", common::LIMIT).await });
    let refer = call.wire.receive().await;
    call.wire.send(response_to(&refer, "405 Method Not Allowed").as_bytes()).await;
    assert_eq!(within("the outcome", transfer).await.expect("no panic"), Ok(TransferOutcome::Refused { code: 405 }));

    let silent = call.call.leg.refer("sip:agent@192.0.2.9", Duration::from_millis(50)).await;
    assert_eq!(silent, Ok(TransferOutcome::TimedOut));
    call.end().await;
}

/// Our answer to a request of the stack.
fn response_to(request: &str, status: &str) -> String {
    let kept = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
    let lines = request.lines().filter(|line| kept.iter().any(|name| line.starts_with(name)));
    let head = lines.fold(format!("SIP/2.0 {status}\r\n"), |text, line| format!("{text}{line}\r\n"));
    format!("{head}Content-Length: 0\r\n\r\n")
}

#[tokio::test]
async fn what_does_not_belong_to_a_call_gets_481_and_what_comes_too_late_500() {
    let call = established().await;
    for method in ["BYE", "INFO", "UPDATE", "NOTIFY", "PRACK", "CANCEL"] {
        call.wire.send(call.wire.request(method, "other", 7, "unknown", "", "").as_bytes()).await;
        assert_eq!(call.wire.status("other").await, 481, "{method}");
    }
    call.request("INFO", 10, "", "5").await;
    assert_eq!(call.wire.status("c1").await, 200);
    call.request("INFO", 5, "", "5").await;
    assert_eq!(call.wire.status("c1").await, 500, "an older CSeq");
    call.end().await;
}

#[tokio::test]
async fn a_repeated_invite_makes_no_second_call_and_a_merged_one_gets_482() {
    let (sip, mut calls) = start(SipConfig::default()).await;
    let wire = Wire::to(&sip).await;
    let invite = wire.invite("twice");
    for _ in 0..20 {
        wire.send(invite.as_bytes()).await;
    }
    let call = within("a call", calls.recv()).await.expect("the stack runs");
    wire.send(invite.replace("branch=z9hG4bK", "branch=z9hG4bKother").as_bytes()).await;
    assert_eq!(wire.status("twice").await, 482);
    assert!(calls.try_recv().is_err());
    call.leg.reject(603, None).expect("it waits");
    assert_eq!(wire.status("twice").await, 603);
    drop(call);
    empty(&sip).await;
}

#[tokio::test]
async fn options_tells_what_we_take() {
    let (sip, _calls) = start(SipConfig::default()).await;
    let wire = Wire::to(&sip).await;
    wire.send(wire.request("OPTIONS", "o1", 1, "", "", "").as_bytes()).await;
    let response = wire.receive().await;
    assert!(response.starts_with("SIP/2.0 200 OK\r\n"), "{response}");
    assert!(
        response.contains("\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, NOTIFY\r\n"),
        "{response}"
    );
    assert!(response.contains("\r\nAccept: application/sdp\r\n"), "{response}");
}

#[tokio::test]
async fn an_offer_that_cannot_be_read_is_refused_before_anybody_is_asked() {
    let (sip, mut calls) = start(SipConfig::default()).await;
    let wire = Wire::to(&sip).await;
    wire.send(wire.request("INVITE", "bad", 1, "", SDP, "v=0\r\nm=audio 70000 RTP/AVP 8\r\n").as_bytes()).await;
    assert_eq!(wire.status("bad").await, 488);
    assert!(calls.try_recv().is_err());
    empty(&sip).await;
}

#[tokio::test]
async fn an_answer_without_ack_is_ended_and_its_place_is_free_again() {
    let config = SipConfig { timer_t1: Duration::from_millis(10), calls_max: 1, ..SipConfig::default() };
    let (sip, mut calls) = start(config).await;
    let wire = Wire::to(&sip).await;
    wire.send(wire.invite("half").as_bytes()).await;
    let mut call = within("a call", calls.recv()).await.expect("the stack runs");
    call.leg.accept(&offer(5_000)).expect("it waits");
    let mut repetitions = 0;
    let bye = loop {
        let message = wire.receive().await;
        if message.starts_with("BYE ") {
            break message;
        }
        assert!(message.starts_with("SIP/2.0 200 "), "{message}");
        repetitions += 1;
    };
    assert!(repetitions > 3, "the 200 is repeated until its ACK (RFC 3261 §13.3.1.4): {repetitions}");
    wire.send(response_to(&bye, "200 OK").as_bytes()).await;
    let over = ended(&mut call.events).await;
    assert_eq!((over.by, over.code), (EndedBy::Network, Some(408)));
    empty(&sip).await;
    wire.send(wire.invite("next").as_bytes()).await;
    assert!(within("a call", calls.recv()).await.is_some(), "the place is free again");
}

#[tokio::test]
async fn an_offer_beside_isup_is_found() {
    let (sip, mut calls) = start(SipConfig::default()).await;
    let wire = Wire::to(&sip).await;
    let body = format!(
        "--b1\r\nContent-Type: application/isup\r\n\r\n\u{1}\r\n--b1\r\nContent-Type: application/sdp\r\n\r\n{}\r\n--b1--\r\n",
        offer(4_006)
    );
    let lines = "Content-Type: multipart/mixed;boundary=b1\r\n";
    wire.send(wire.request("INVITE", "isup", 1, "", lines, &body).as_bytes()).await;
    let call = within("a call", calls.recv()).await.expect("the stack runs");
    assert_eq!(call.offer.as_ref().expect("an offer").media[0].port, 4_006);
    drop(call);
    empty(&sip).await;
}
