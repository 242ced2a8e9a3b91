//! Whole calls against a running gateway on loopback, by a telephone that speaks SIP by hand. No engine is there, so all
//! that is heard are prepared sentences.

use hualu_gateway::config::{Config, ServiceAddress};
use hualu_gateway::engines::{Engines, RecognizerSource};
use hualu_gateway::{Cause, EndReason, Gateway, GatewayEvent};
use hualu_rtp::{Law, RtpPacket};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::broadcast;

const LIMIT: Duration = Duration::from_secs(20);
/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.unwrap_or_else(|_| panic!("{what} did not happen in time"))
}

async fn gateway(port_min: u16) -> Gateway {
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut config = Config::default();
    (config.sip.udp, config.sip.tcp) = (Some(loopback), None);
    config.media.bind = loopback.ip();
    (config.media.port_min, config.media.port_max) = (port_min, port_min + 19);
    config.limits.calls_max = 10;
    config.services.asr = ServiceAddress::Remote(NOWHERE.to_owned());
    let connect = config.services.connect_timeout;
    let recognizer = RecognizerSource::remote(NOWHERE, connect).expect("an address");
    let engines = Engines::connect(recognizer, NOWHERE, NOWHERE, "", connect).expect("addresses");
    Gateway::start(config, engines).await.expect("loopback can be bound")
}

/// A telephone made of a socket for SIP and one for RTP.
struct Phone {
    sip: UdpSocket,
    rtp: UdpSocket,
    peer: SocketAddr,
    to: String,
}

impl Phone {
    async fn to(gateway: &Gateway) -> Self {
        let bind = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
        let (sip, rtp) = (bind().await.expect("a port"), bind().await.expect("a port"));
        let peer = gateway.addresses().0.expect("udp is on");
        Self { sip, rtp, peer, to: format!("<sip:10086@{peer}>") }
    }

    /// An audio line of A-law under `payload_type`.
    fn media(&self, payload_type: u8) -> String {
        let port = self.rtp.local_addr().expect("bound").port();
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP {payload_type}\r\na=rtpmap:{payload_type} PCMA/8000\r\n"
        )
    }

    async fn send(&self, method: &str, cseq: u32, content_type: &str, body: &str) {
        let (local, peer) = (self.sip.local_addr().expect("bound"), self.peer);
        let content = if body.is_empty() { String::new() } else { format!("Content-Type: {content_type}\r\n") };
        let text = format!(
            "{method} sip:10086@{peer} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{method}{cseq};rport\r\n\
             From: <sip:13800138000@{local}>;tag=phone\r\nTo: {to}\r\nCall-ID: call-{port}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:13800138000@{local}>\r\nMax-Forwards: 70\r\n{content}Content-Length: {len}\r\n\r\n{body}",
            to = self.to,
            port = local.port(),
            len = body.len(),
        );
        self.sip.send_to(text.as_bytes(), peer).await.expect("loopback");
    }

    /// The next message but provisional answers.
    async fn receive(&self) -> String {
        let mut buffer = [0; 8_192];
        loop {
            let (len, _) = within("a message", self.sip.recv_from(&mut buffer)).await.expect("loopback");
            let text = String::from_utf8_lossy(&buffer[..len]).into_owned();
            if !text.starts_with("SIP/2.0 1") {
                return text;
            }
        }
    }

    /// The next request or answer that begins so.
    async fn receive_until(&self, start: &str) -> String {
        loop {
            let text = self.receive().await;
            if text.starts_with(start) {
                return text;
            }
        }
    }

    /// INVITE, 200, ACK; `offer` and `answer` are the bodies of the first and the last.
    async fn call(&mut self, offer: &str, answer: &str) -> String {
        self.send("INVITE", 1, "application/sdp", offer).await;
        let accepted = self.receive().await;
        assert!(accepted.starts_with("SIP/2.0 200 "), "{accepted}");
        let to = accepted.lines().find(|line| line.to_ascii_lowercase().starts_with("to:")).expect("a To header");
        self.to = to.split_once(':').expect("a header").1.trim().to_owned();
        self.send("ACK", 1, "application/sdp", answer).await;
        accepted
    }

    /// The payload type of the next packet.
    async fn payload_type(&self) -> u8 {
        let mut buffer = [0; 2_048];
        let len = within("a packet", self.rtp.recv(&mut buffer)).await.expect("loopback");
        RtpPacket::parse(&buffer[..len]).expect("RTP").payload_type
    }

    /// The loudest sample of all that has come and was not read.
    fn loudest(&self) -> u16 {
        let (mut buffer, mut loudest) = ([0; 2_048], 0);
        while let Ok(len) = self.rtp.try_recv(&mut buffer) {
            let packet = RtpPacket::parse(&buffer[..len]).expect("RTP");
            let loudness = packet.payload.iter().map(|byte| Law::A.decode_sample(*byte).unsigned_abs());
            loudest = loudest.max(loudness.max().unwrap_or_default());
        }
        loudest
    }
}

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
