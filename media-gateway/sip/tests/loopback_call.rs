//! Calls between two stacks on real sockets.

mod common;

use common::{empty, ended, event, media, offer, start, within};
use hualu_sip::offer_answer;
use hualu_sip::sdp::Direction;
use hualu_sip::{Dial, DialError, Ended, EndedBy, Incoming, LegEvent, Outgoing, SipConfig, SipHandle, Transport};
use rand::{Rng, SeedableRng};
use std::time::Duration;
use tokio::sync::mpsc;

struct Pair {
    caller: SipHandle,
    callee: SipHandle,
    calls: mpsc::Receiver<Incoming>,
    /// Kept so that the caller's door stays open.
    _unused: mpsc::Receiver<Incoming>,
}

impl Pair {
    async fn new() -> Self {
        let (caller, unused) = start(SipConfig::default()).await;
        let (callee, calls) = start(SipConfig::default()).await;
        Self { caller, callee, calls, _unused: unused }
    }

    async fn dial(&self, transport: Transport) -> Outgoing {
        let (address, suffix) = match transport {
            Transport::Udp => (self.callee.udp_address(), ""),
            Transport::Tcp => (self.callee.tcp_address(), ";transport=tcp"),
        };
        let address = address.expect("both transports are on");
        let dial = Dial {
            to: format!("sip:10086@{address}{suffix}").into(),
            from: "13800138000".to_owned().into(),
            offer: offer(4_000),
            headers: vec![("X-Campaign".to_owned(), "renewal".to_owned().into())],
            via: None,
        };
        self.caller.dial(dial).await.expect("the callee listens")
    }

    async fn incoming(&mut self) -> Incoming {
        within("a call", self.calls.recv()).await.expect("the stack runs")
    }

    /// A call that both sides have confirmed.
    async fn established(&mut self, transport: Transport) -> (Outgoing, Incoming) {
        let mut out = self.dial(transport).await;
        let mut call = self.incoming().await;
        let (answer, _) = offer_answer::answer(call.offer.as_ref().expect("an offer"), &media(5_000)).expect("common");
        call.leg.accept(&answer).expect("it waits");
        assert!(matches!(event(&mut out.events).await, LegEvent::Answered { answer: Some(_) }));
        assert!(matches!(event(&mut call.events).await, LegEvent::Established { answer: None }));
        (out, call)
    }

    async fn assert_empty(&self) {
        empty(&self.caller).await;
        empty(&self.callee).await;
    }
}

#[tokio::test]
async fn a_call_rings_is_answered_and_ends_over_each_transport() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut pair = Pair::new().await;
        let mut out = pair.dial(transport).await;
        let mut call = pair.incoming().await;
        assert_eq!((call.transport, call.from.number.reveal().as_str()), (transport, "13800138000"));
        assert_eq!((call.to.number.reveal().as_str(), call.dialled.reveal().as_str()), ("10086", "10086"));
        assert_eq!(call.source.ip().to_string(), "127.0.0.1");
        let campaign = call.headers.iter().find(|(name, _)| name == "X-Campaign").expect("it was sent");
        assert_eq!(campaign.1.reveal(), "renewal");

        call.leg.ringing().expect("it waits");
        assert!(matches!(event(&mut out.events).await, LegEvent::Ringing { early_answer: None }));
        let (answer, negotiated) =
            offer_answer::answer(call.offer.as_ref().expect("an offer"), &media(5_000)).expect("common");
        assert_eq!(negotiated.remote.port(), 4_000);
        call.leg.accept(&answer).expect("it waits");
        let LegEvent::Answered { answer: Some(received) } = event(&mut out.events).await else { panic!("answered") };
        assert_eq!(received, answer);
        assert!(matches!(event(&mut call.events).await, LegEvent::Established { answer: None }));

        out.leg.hang_up(Some("done"));
        let Ended { by, code, reason } = ended(&mut call.events).await;
        assert_eq!((by, code), (EndedBy::Peer, None));
        assert_eq!(reason.as_deref(), Some("Q.850;cause=16;text=\"done\""), "{transport:?}");
        assert_eq!(ended(&mut out.events).await.by, EndedBy::Us);
        pair.assert_empty().await;
    }
}

#[tokio::test]
async fn the_called_side_can_hang_up_over_each_transport() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut pair = Pair::new().await;
        let (mut out, mut call) = pair.established(transport).await;
        call.leg.hang_up(None);
        assert_eq!(ended(&mut out.events).await.by, EndedBy::Peer);
        assert_eq!(ended(&mut call.events).await.by, EndedBy::Us);
        pair.assert_empty().await;
    }
}

#[tokio::test]
async fn a_refusal_carries_its_code() {
    let mut pair = Pair::new().await;
    let mut out = pair.dial(Transport::Udp).await;
    let mut call = pair.incoming().await;
    call.leg.reject(486, Some("all lines busy")).expect("it waits");
    let refused = ended(&mut out.events).await;
    assert_eq!((refused.by, refused.code), (EndedBy::Peer, Some(486)));
    assert_eq!(ended(&mut call.events).await.by, EndedBy::Us);
    pair.assert_empty().await;
}

#[tokio::test]
async fn a_caller_who_gives_up_cancels() {
    let mut pair = Pair::new().await;
    let mut out = pair.dial(Transport::Udp).await;
    let mut call = pair.incoming().await;
    call.leg.ringing().expect("it waits");
    assert!(matches!(event(&mut out.events).await, LegEvent::Ringing { .. }));
    out.leg.hang_up(None);
    let gone = ended(&mut call.events).await;
    assert_eq!((gone.by, gone.code), (EndedBy::Peer, Some(487)));
    assert_eq!(ended(&mut out.events).await.by, EndedBy::Us);
    assert!(call.leg.accept(&offer(1)).is_err(), "it is over");
    pair.assert_empty().await;
}

#[tokio::test]
async fn dropping_a_call_refuses_or_ends_it() {
    let mut pair = Pair::new().await;
    let mut out = pair.dial(Transport::Udp).await;
    drop(pair.incoming().await);
    assert_eq!(ended(&mut out.events).await.code, Some(500));

    let (out, mut call) = pair.established(Transport::Udp).await;
    drop(out);
    assert_eq!(ended(&mut call.events).await.by, EndedBy::Peer);
    pair.assert_empty().await;
}

#[tokio::test]
async fn early_media_comes_with_183() {
    let mut pair = Pair::new().await;
    let mut out = pair.dial(Transport::Udp).await;
    let call = pair.incoming().await;
    let (answer, _) = offer_answer::answer(call.offer.as_ref().expect("an offer"), &media(5_000)).expect("common");
    call.leg.progress(&answer).expect("it waits");
    let LegEvent::Ringing { early_answer: Some(early) } = event(&mut out.events).await else { panic!("183") };
    assert_eq!(early, answer);
    drop(call);
    assert_eq!(ended(&mut out.events).await.by, EndedBy::Peer);
    pair.assert_empty().await;
}

#[tokio::test]
async fn a_door_that_is_full_or_closed_refuses_calls_only() {
    let (callee, mut calls) = start(SipConfig { calls_max: 1, ..SipConfig::default() }).await;
    let (caller, unused) = start(SipConfig::default()).await;
    let mut pair = Pair { caller, callee: callee.clone(), calls: mpsc::channel(1).1, _unused: unused };
    let first = pair.dial(Transport::Udp).await;
    let kept = within("a call", calls.recv()).await.expect("the stack runs");
    let mut second = pair.dial(Transport::Udp).await;
    assert_eq!(ended(&mut second.events).await.code, Some(503));
    drop((first, kept));
    empty(&callee).await;

    assert!(callee.probe(common::LIMIT).await.is_ok());
    callee.set_accepting(false);
    let mut third = pair.dial(Transport::Udp).await;
    assert_eq!(ended(&mut third.events).await.code, Some(503));
    let refused = callee.probe(common::LIMIT).await.expect_err("closed").to_string();
    assert!(refused.contains("503"), "{refused}");
    pair.calls = calls;
    pair.assert_empty().await;
}

#[tokio::test]
async fn targets_that_cannot_be_dialled_are_named() {
    let (caller, _calls) = start(SipConfig::default()).await;
    let dial = |to: &str| Dial {
        to: to.to_owned().into(),
        from: String::new().into(),
        offer: offer(4_000),
        headers: Vec::new(),
        via: None,
    };
    for target in ["", "tel:10086", "sips:a@127.0.0.1", "sip:a@127.0.0.1;transport=ws"] {
        let error = caller.dial(dial(target)).await.expect_err(target);
        assert!(matches!(error, DialError::Target), "{target}: {error}");
    }
    // A port that nothing listens on: it was free a moment ago.
    let free =
        std::net::TcpListener::bind(common::loopback()).and_then(|listener| listener.local_addr()).expect("free");
    let error = caller.dial(dial(&format!("sip:a@{free};transport=tcp"))).await.expect_err("refused");
    assert!(matches!(error, DialError::Connect { .. }), "{error}");
    empty(&caller).await;
}

/// Forwards datagrams between whoever writes to it and `callee`, and loses one in `one_in` by a seeded choice.
async fn lossy_relay(callee: std::net::SocketAddr, one_in: u32, seed: u64) -> std::net::SocketAddr {
    let socket = tokio::net::UdpSocket::bind(common::loopback()).await.expect("loopback");
    let address = socket.local_addr().expect("bound");
    tokio::spawn(async move {
        let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
        let mut caller = callee;
        let mut buffer = [0; 8_192];
        while let Ok((len, from)) = socket.recv_from(&mut buffer).await {
            let to = if from == callee { caller } else { callee };
            if from != callee {
                caller = from;
            }
            if rng.random_range(0..one_in) > 0 {
                let _ = socket.send_to(&buffer[..len], to).await;
            }
        }
    });
    address
}

#[tokio::test]
async fn every_call_is_set_up_once_though_one_datagram_in_four_is_lost() {
    let quick = || SipConfig { timer_t1: Duration::from_millis(40), ..SipConfig::default() };
    let (caller, _unused) = start(quick()).await;
    let (callee, mut calls) = start(quick()).await;
    let relay = lossy_relay(callee.udp_address().expect("udp is on"), 4, 12).await;
    for round in 0..20_u16 {
        let dial = Dial {
            to: format!("sip:10086@{relay}").into(),
            from: round.to_string().into(),
            offer: offer(4_000),
            headers: Vec::new(),
            via: None,
        };
        let mut out = caller.dial(dial).await.expect("the relay takes it");
        let mut call = within("a call", calls.recv()).await.expect("the stack runs");
        call.leg.accept(&offer(5_000)).expect("it waits");
        assert!(matches!(event(&mut out.events).await, LegEvent::Answered { .. }), "round {round}");
        assert!(matches!(event(&mut call.events).await, LegEvent::Established { .. }), "round {round}");
        out.leg.hang_up(None);
        assert_eq!(ended(&mut call.events).await.by, EndedBy::Peer, "round {round}");
        assert!(calls.try_recv().is_err(), "round {round}: one call per INVITE");
    }
    empty(&caller).await;
    empty(&callee).await;
}

#[tokio::test]
async fn a_peer_that_never_answers_is_given_up() {
    let (caller, _unused) = start(SipConfig { timer_t1: Duration::from_millis(10), ..SipConfig::default() }).await;
    let silent = tokio::net::UdpSocket::bind(common::loopback()).await.expect("loopback");
    let dial = Dial {
        to: format!("sip:10086@{}", silent.local_addr().expect("bound")).into(),
        from: String::new().into(),
        offer: offer(4_000),
        headers: Vec::new(),
        via: None,
    };
    let mut out = caller.dial(dial).await.expect("sent");
    let over = ended(&mut out.events).await;
    assert_eq!((over.by, over.code), (EndedBy::Network, Some(408)));
    empty(&caller).await;
}

#[tokio::test]
async fn a_taken_port_is_named_at_the_start() {
    let (sip, _calls) = start(SipConfig::default()).await;
    let config = SipConfig { udp: sip.udp_address(), tcp: None, ..SipConfig::default() };
    let error = hualu_sip::SipStack::start(config).await.expect_err("taken").to_string();
    assert!(error.contains("udp 127.0.0.1:") && error.contains("another process"), "{error}");
    let config = SipConfig { udp: None, tcp: None, ..SipConfig::default() };
    assert!(hualu_sip::SipStack::start(config).await.is_err());
}

#[tokio::test]
async fn a_stack_of_one_transport_serves_it() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let only = |on: Transport| if on == transport { Some(common::loopback()) } else { None };
        let config = SipConfig { udp: only(Transport::Udp), tcp: only(Transport::Tcp), ..SipConfig::default() };
        let (callee, calls) = hualu_sip::SipStack::start(config).await.expect("loopback");
        let (caller, unused) = start(SipConfig::default()).await;
        assert!(callee.probe(common::LIMIT).await.is_ok());
        let mut pair = Pair { caller, callee, calls, _unused: unused };
        let (mut out, mut call) = pair.established(transport).await;
        call.leg.hang_up(None);
        assert_eq!(ended(&mut out.events).await.by, EndedBy::Peer);
        assert_eq!(ended(&mut call.events).await.by, EndedBy::Us);
        pair.assert_empty().await;
        pair.callee.shutdown();
        within("the stop", pair.callee.stopped()).await;
    }
}

#[test]
fn an_offer_of_ours_is_held_by_its_direction() {
    let held = offer_answer::offer(&media(4_000), Direction::SendOnly);
    let (_, negotiated) = offer_answer::answer(&held, &media(5_000)).expect("common");
    assert_eq!(negotiated.direction, Direction::RecvOnly);
}
