//! Who gets in, how much, and what a stream of rubbish does.

mod common;

use common::{Wire, start, within};
use hualu_sip::{DropReason, RateLimit, SipConfig, SipHandle};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn dropped(sip: &SipHandle, reason: DropReason) -> u64 {
    let index = DropReason::ALL.iter().position(|known| *known == reason).expect("known");
    sip.stats().gate.dropped[index]
}

#[tokio::test]
async fn a_source_that_floods_is_cut_down_and_counted() {
    let rate_limit = RateLimit { per_second: 0.1, burst: 10.0 };
    let (sip, _calls) = start(SipConfig { rate_limit, ..SipConfig::default() }).await;
    let wire = Wire::to(&sip).await;
    for round in 0..60 {
        wire.send(wire.request("REGISTER", &format!("r{round}"), 1, "", "", "").as_bytes()).await;
    }
    within("the flood to be read", async {
        while sip.stats().gate.answered + dropped(&sip, DropReason::RateLimited) < 60 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!((sip.stats().gate.answered, dropped(&sip, DropReason::RateLimited)), (10, 50));
}

#[tokio::test]
async fn large_and_foreign_datagrams_are_dropped_and_counted() {
    let (sip, _calls) = start(SipConfig::default()).await;
    let wire = Wire::to(&sip).await;
    let large = wire.request("OPTIONS", "large", 1, "", &format!("X: {}\r\n", "x".repeat(8_000)), "");
    wire.send(large.as_bytes()).await;
    wire.send(b"\x16\x03\x01 this is no SIP").await;
    wire.assert_alive("after").await;
    assert_eq!((dropped(&sip, DropReason::TooLong), dropped(&sip, DropReason::NotSip)), (1, 1));
}

async fn connect(sip: &SipHandle) -> (TcpStream, SocketAddr) {
    let stream = TcpStream::connect(sip.tcp_address().expect("tcp is on")).await.expect("it listens");
    let local = stream.local_addr().expect("connected");
    (stream, local)
}

fn options(local: SocketAddr, call_id: &str, length: &str) -> String {
    format!(
        "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP {local};branch=z9hG4bK{call_id}\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <sip:a@b>\r\nCall-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\n{length}\r\n"
    )
}

async fn read(stream: &mut TcpStream) -> String {
    let mut buffer = [0; 4_096];
    let len = within("an answer", stream.read(&mut buffer)).await.expect("loopback");
    String::from_utf8_lossy(&buffer[..len]).into_owned()
}

#[tokio::test]
async fn a_stream_carries_many_messages_in_any_pieces() {
    let (sip, _calls) = start(SipConfig::default()).await;
    let (mut stream, local) = connect(&sip).await;
    for byte in options(local, "slow", "l:0\r\n").as_bytes() {
        stream.write_all(&[*byte]).await.expect("loopback");
    }
    assert!(read(&mut stream).await.starts_with("SIP/2.0 200 "));
    stream.write_all(b"\r\n\r\n").await.expect("loopback");
    assert_eq!(read(&mut stream).await, "\r\n", "a keep-alive is answered (RFC 5626 §4.4.1)");
    let bad = options(local, "bad", "Content-Length: 0\r\nContent-Length: 0\r\n");
    stream.write_all(bad.as_bytes()).await.expect("loopback");
    assert!(read(&mut stream).await.starts_with("SIP/2.0 400 "), "one bad message does not end the connection");
    stream.write_all(options(local, "good", "Content-Length: 0\r\n").as_bytes()).await.expect("loopback");
    assert!(read(&mut stream).await.starts_with("SIP/2.0 200 "));
}

#[tokio::test]
async fn a_peer_that_sends_faster_than_the_stack_works_loses_nothing() {
    let (sip, _calls) = start(SipConfig::default()).await;
    let (mut stream, local) = connect(&sip).await;
    let all: String = (0..500).map(|n| options(local, &format!("many{n}"), "l:0\r\n")).collect();
    let (mut answers, mut requests) = stream.split();
    let sent = async { requests.write_all(all.as_bytes()).await.expect("loopback") };
    let answered = async {
        let (mut text, mut buffer) = (Vec::new(), [0; 4_096]);
        while text.windows(12).filter(|window| *window == b"SIP/2.0 200 ").count() < 500 {
            let len = within("an answer", answers.read(&mut buffer)).await.expect("loopback");
            assert!(len > 0, "the connection stays open");
            text.extend_from_slice(&buffer[..len]);
        }
    };
    tokio::join!(sent, answered);
}

#[tokio::test]
async fn a_length_that_lies_ends_its_connection_only() {
    let (sip, _calls) = start(SipConfig::default()).await;
    for length in ["18446744073709551615", "-1", "99999999999999999999999", "65537"] {
        let (mut stream, local) = connect(&sip).await;
        let lying = options(local, "lying", &format!("Content-Length: {length}\r\n"));
        stream.write_all(lying.as_bytes()).await.expect("loopback");
        let answer = read(&mut stream).await;
        assert!(answer.starts_with("SIP/2.0 400 ") || answer.is_empty(), "{answer}");
        let mut rest = Vec::new();
        within("the end", stream.read_to_end(&mut rest)).await.expect("closed in order");
    }
    assert!(sip.probe(common::LIMIT).await.is_ok());
    let (mut other, local) = connect(&sip).await;
    other.write_all(options(local, "other", "").as_bytes()).await.expect("loopback");
    assert!(read(&mut other).await.starts_with("SIP/2.0 200 "));
}

#[tokio::test]
async fn one_address_cannot_take_every_connection() {
    let (sip, _calls) = start(SipConfig::default()).await;
    let mut open = Vec::new();
    for _ in 0..140 {
        open.push(connect(&sip).await);
    }
    let mut served = 0;
    for (index, (stream, local)) in open.iter_mut().enumerate() {
        let sent = stream.write_all(options(*local, &format!("n{index}"), "").as_bytes()).await;
        let mut buffer = [0; 1_024];
        let answered = sent.is_ok() && within("an end", stream.read(&mut buffer)).await.is_ok_and(|len| len > 0);
        served += usize::from(answered);
    }
    assert_eq!(served, 128);
    let wire = Wire::to(&sip).await;
    wire.assert_alive("udp").await;
}
