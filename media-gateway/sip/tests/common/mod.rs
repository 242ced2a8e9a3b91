//! Two stacks on loopback, and raw sockets that speak SIP by hand.
#![allow(dead_code, reason = "every test binary uses its own part")]

use hualu_sip::offer_answer::{self, Codec, LocalMedia};
use hualu_sip::sdp::Direction;
use hualu_sip::{Ended, Incoming, LegEvent, SessionDescription, SipConfig, SipHandle, SipStack};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

/// A generous limit for anything that a peer on loopback does.
pub const LIMIT: Duration = Duration::from_secs(20);

pub fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub async fn start(config: SipConfig) -> (SipHandle, mpsc::Receiver<Incoming>) {
    let config = SipConfig { udp: Some(loopback()), tcp: Some(loopback()), ..config };
    SipStack::start(config).await.expect("loopback can be bound")
}

pub fn media(port: u16) -> LocalMedia {
    LocalMedia {
        address: SocketAddr::from(([127, 0, 0, 1], port)),
        session_id: u64::from(port),
        version: 1,
        codecs: Codec::ALL.to_vec(),
    }
}

pub fn offer(port: u16) -> SessionDescription {
    offer_answer::offer(&media(port), Direction::SendRecv)
}

pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not happen within {LIMIT:?}"),
    }
}

pub async fn event(events: &mut mpsc::Receiver<LegEvent>) -> LegEvent {
    within("an event", events.recv()).await.expect("the last event is Ended")
}

/// Skips to the end of a call.
pub async fn ended(events: &mut mpsc::Receiver<LegEvent>) -> Ended {
    loop {
        if let LegEvent::Ended(ended) = event(events).await {
            return ended;
        }
    }
}

/// Waits until a stack holds no call and no dialog.
pub async fn empty(sip: &SipHandle) {
    within("an empty stack", async {
        while sip.stats().dialogs + sip.stats().calls > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// A telephone made of one socket.
pub struct Wire {
    pub socket: UdpSocket,
    pub peer: SocketAddr,
}

impl Wire {
    pub async fn to(sip: &SipHandle) -> Self {
        let socket = UdpSocket::bind(loopback()).await.expect("loopback can be bound");
        Self { socket, peer: sip.udp_address().expect("udp is on") }
    }

    pub fn port(&self) -> u16 {
        self.socket.local_addr().expect("bound").port()
    }

    pub async fn send(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.peer).await.expect("loopback");
    }

    /// The next message that is not provisional 100.
    pub async fn receive(&self) -> String {
        let mut buffer = [0; 8_192];
        loop {
            let (len, _) = within("a message", self.socket.recv_from(&mut buffer)).await.expect("loopback");
            let text = String::from_utf8_lossy(&buffer[..len]).into_owned();
            if !text.starts_with("SIP/2.0 100") {
                return text;
            }
        }
    }

    /// The status of the answer to a request of this Call-ID.
    pub async fn status(&self, call_id: &str) -> u16 {
        loop {
            let text = self.receive().await;
            if text.contains(call_id) && text.starts_with("SIP/2.0 ") {
                return text[8..11].parse().expect("a status");
            }
        }
    }

    /// A request by hand. `lines` come before the body.
    pub fn request(&self, method: &str, call_id: &str, cseq: u32, to_tag: &str, lines: &str, body: &str) -> String {
        let (port, peer) = (self.port(), self.peer);
        let tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
        format!(
            "{method} sip:10086@{peer} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{call_id}{method}{cseq};rport\r\n\
             From: <sip:13800138000@127.0.0.1:{port}>;tag=from{call_id}\r\nTo: <sip:10086@{peer}>{tag}\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:13800138000@127.0.0.1:{port}>\r\nMax-Forwards: 70\r\n{lines}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    pub fn invite(&self, call_id: &str) -> String {
        self.request("INVITE", call_id, 1, "", "Content-Type: application/sdp\r\n", &offer(4_000).to_string())
    }

    /// The stack is alive if OPTIONS is answered 200. It is repeated as over any UDP (RFC 3261 §17.1.2.2).
    pub async fn assert_alive(&self, call_id: &str) {
        let probe = self.request("OPTIONS", call_id, 1, "", "", "");
        for _ in 0..20 {
            self.send(probe.as_bytes()).await;
            if let Ok(status) = tokio::time::timeout(Duration::from_secs(1), self.status(call_id)).await {
                assert_eq!(status, 200, "OPTIONS after {call_id}");
                return;
            }
        }
        panic!("OPTIONS after {call_id} is not answered");
    }
}

/// The To tag of a response.
pub fn to_tag(response: &str) -> String {
    let to = response.lines().find(|line| line.to_ascii_lowercase().starts_with("to:")).expect("a To header");
    to.split(";tag=").nth(1).expect("a tag").split(';').next().expect("a tag").trim().to_owned()
}
