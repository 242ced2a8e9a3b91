//! A running gateway without engines, and a telephone that speaks SIP by hand.
#![allow(dead_code, reason = "every test binary uses its own part")]

use hualu_gateway::Gateway;
use hualu_gateway::config::{Config, ServiceAddress};
use hualu_gateway::engines::{Engines, RecognizerSource};
use hualu_rtp::{Law, RtpPacket};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;

pub const LIMIT: Duration = Duration::from_secs(20);
/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.unwrap_or_else(|_| panic!("{what} did not happen in time"))
}

/// A gateway whose ten port pairs start at `port_min`.
pub async fn gateway(port_min: u16) -> Gateway {
    gateway_with(port_min, |_| {}).await
}

/// The same with a change to its configuration.
pub async fn gateway_with(port_min: u16, change: impl FnOnce(&mut Config)) -> Gateway {
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut config = Config::default();
    (config.sip.udp, config.sip.tcp) = (Some(loopback), None);
    config.media.bind = loopback.ip();
    (config.media.port_min, config.media.port_max) = (port_min, port_min + 19);
    config.limits.calls_max = 10;
    config.services.asr = ServiceAddress::Remote(NOWHERE.to_owned());
    change(&mut config);
    let connect = config.services.connect_timeout;
    let recognizer = RecognizerSource::remote(NOWHERE, connect).expect("an address");
    let engines = Engines::connect(recognizer, NOWHERE, NOWHERE, "", connect).expect("addresses");
    Gateway::start(config, engines).await.expect("loopback can be bound")
}

/// A telephone made of a socket for SIP and one for RTP.
pub struct Phone {
    pub sip: UdpSocket,
    pub rtp: UdpSocket,
    pub peer: SocketAddr,
    pub to: String,
}

impl Phone {
    pub async fn to(gateway: &Gateway) -> Self {
        let bind = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
        let (sip, rtp) = (bind().await.expect("a port"), bind().await.expect("a port"));
        let peer = gateway.addresses().0.expect("udp is on");
        Self { sip, rtp, peer, to: format!("<sip:10086@{peer}>") }
    }

    /// An audio line of A-law under `payload_type`.
    pub fn media(&self, payload_type: u8) -> String {
        let port = self.rtp.local_addr().expect("bound").port();
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP {payload_type}\r\na=rtpmap:{payload_type} PCMA/8000\r\n"
        )
    }

    pub async fn send(&self, method: &str, cseq: u32, content_type: &str, body: &str) {
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
    pub async fn receive(&self) -> String {
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
    pub async fn receive_until(&self, start: &str) -> String {
        loop {
            let text = self.receive().await;
            if text.starts_with(start) {
                return text;
            }
        }
    }

    /// INVITE, 200, ACK; `offer` and `answer` are the bodies of the first and the last.
    pub async fn call(&mut self, offer: &str, answer: &str) -> String {
        self.send("INVITE", 1, "application/sdp", offer).await;
        let accepted = self.receive().await;
        assert!(accepted.starts_with("SIP/2.0 200 "), "{accepted}");
        let to = accepted.lines().find(|line| line.to_ascii_lowercase().starts_with("to:")).expect("a To header");
        self.to = to.split_once(':').expect("a header").1.trim().to_owned();
        self.send("ACK", 1, "application/sdp", answer).await;
        accepted
    }

    /// The payload type of the next packet.
    pub async fn payload_type(&self) -> u8 {
        let mut buffer = [0; 2_048];
        let len = within("a packet", self.rtp.recv(&mut buffer)).await.expect("loopback");
        RtpPacket::parse(&buffer[..len]).expect("RTP").payload_type
    }

    /// The loudest sample of all that has come and was not read.
    pub fn loudest(&self) -> u16 {
        let (mut buffer, mut loudest) = ([0; 2_048], 0);
        while let Ok(len) = self.rtp.try_recv(&mut buffer) {
            let packet = RtpPacket::parse(&buffer[..len]).expect("RTP");
            let loudness = packet.payload.iter().map(|byte| Law::A.decode_sample(*byte).unsigned_abs());
            loudest = loudest.max(loudness.max().unwrap_or_default());
        }
        loudest
    }
}
