//! The torture messages of RFC 4475 and RFC 5118, and mutated ones: whatever comes, OPTIONS is answered afterwards.

mod common;

use common::{Wire, empty, start};
use hualu_sip::{Incoming, SipConfig};
use rand::{Rng, SeedableRng};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;

/// The folder of shared test data.
fn shared(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("HUALU_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = root.join("sip").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: {} is missing; set HUALU_SHARED to the folder of shared test data", path.display());
    None
}

fn messages(folder: &PathBuf) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    let name = |path: &PathBuf| path.file_stem().expect("named").to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), std::fs::read(path).expect("readable"))).collect()
}

/// Refuses every call, as a bot that is not there.
fn refuse_all(mut calls: mpsc::Receiver<Incoming>) {
    tokio::spawn(async move {
        while let Some(call) = calls.recv().await {
            let _ = call.leg.reject(480, None);
        }
    });
}

/// What RFC 4475 asks for: statuses that are right, 0 for silence. Where it leaves a choice, all choices are listed.
/// An answer of 480 to an INVITE is ours: it was accepted and nobody is there.
const EXPECTED: [(&str, &[u16]); 50] = [
    ("badaspec", &[400]),
    ("badbranch", &[200, 400]),
    ("baddate", &[400, 480]),
    ("baddn", &[200, 400]),
    ("badinv01", &[400]),
    ("badvers", &[505]),
    ("bcast", &[0]),
    ("bext01", &[420]),
    ("bigcode", &[0]),
    ("clerr", &[400]),
    ("cparam01", &[405]),
    ("cparam02", &[405]),
    ("dblreq", &[405]),
    ("esc01", &[480]),
    ("esc02", &[501]),
    ("escnull", &[405]),
    ("escruri", &[400]),
    ("insuf", &[400]),
    ("intmeth", &[501]),
    ("inv2543", &[400, 480]),
    ("invut", &[415]),
    ("longreq", &[480]),
    ("ltgtruri", &[400]),
    ("lwsdisp", &[200]),
    ("lwsruri", &[400]),
    ("lwsstart", &[400]),
    ("mcl01", &[400]),
    ("mismatch01", &[400]),
    ("mismatch02", &[400, 501]),
    ("mpart01", &[405]),
    ("multi01", &[400]),
    ("ncl", &[400]),
    ("noreason", &[0]),
    ("novelsc", &[416]),
    ("quotbal", &[400]),
    ("regaut01", &[405]),
    ("regbadct", &[400, 405]),
    ("regescrt", &[405]),
    ("scalar02", &[400]),
    ("scalarlg", &[0]),
    ("sdp01", &[406]),
    ("semiuri", &[200]),
    ("test", &[0, 400]),
    ("transports", &[200]),
    ("trws", &[400]),
    ("unkscm", &[416]),
    ("unksm2", &[400, 405, 416]),
    ("unreason", &[0]),
    ("wsinv", &[481]),
    ("zeromf", &[200]),
];

#[tokio::test]
async fn rfc_4475_messages_get_the_answer_that_it_names() {
    let Some(folder) = shared("rfc4475") else { return };
    let (sip, calls) = start(SipConfig::default()).await;
    refuse_all(calls);
    let mut wrong = Vec::new();
    for (name, bytes) in messages(&folder) {
        // Answers go to the port of the Via, which these messages do not share with us: ask for ours.
        let bytes = with_rport(&bytes);
        let wire = Wire::to(&sip).await;
        wire.send(&bytes).await;
        let status = tokio::time::timeout(Duration::from_millis(400), wire.receive()).await;
        let status: u16 = status.map_or(0, |text| text.get(8..11).and_then(|code| code.parse().ok()).unwrap_or(1));
        let expected = EXPECTED.iter().find(|(known, _)| *known == name).map(|(_, codes)| *codes);
        if !expected.is_some_and(|codes| codes.contains(&status)) {
            wrong.push(format!("{name}: {status}, expected one of {expected:?}"));
        }
        wire.assert_alive(&format!("after-{name}")).await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    empty(&sip).await;
}

/// Adds `;rport` to the topmost Via, folded or not.
fn with_rport(bytes: &[u8]) -> Vec<u8> {
    let starts = |at: usize| {
        let line = bytes[at..].to_ascii_lowercase();
        line.starts_with(b"via") || line.starts_with(b"v:")
    };
    let Some(via) = (1..bytes.len()).find(|at| bytes[at - 1] == b'\n' && starts(*at)) else { return bytes.to_vec() };
    let folded = |at: &usize| bytes[*at] == b'\r' && !matches!(bytes.get(at + 2), Some(b' ' | b'\t'));
    let end = (via..bytes.len()).find(folded).unwrap_or(bytes.len());
    let at = (via..end).find(|at| bytes[*at] == b';').unwrap_or(end);
    [&bytes[..at], b";rport", &bytes[at..]].concat()
}

#[tokio::test]
async fn rfc_5118_messages_leave_it_alive() {
    let Some(folder) = shared("rfc5118") else { return };
    let (sip, calls) = start(SipConfig::default()).await;
    refuse_all(calls);
    for (name, bytes) in messages(&folder) {
        let wire = Wire::to(&sip).await;
        wire.send(&bytes).await;
        wire.assert_alive(&format!("after-{name}")).await;
    }
    empty(&sip).await;
}

#[tokio::test]
async fn noise_and_mutated_messages_leave_it_alive_and_empty() {
    let (sip, calls) = start(SipConfig::default()).await;
    refuse_all(calls);
    let wire = Wire::to(&sip).await;
    let mut rng = rand::rngs::StdRng::seed_from_u64(4_475);
    let mut random = |below: usize| rng.random_range(0..below.max(1));
    for round in 0..2_000 {
        let mut bytes = wire.invite(&format!("m{round}")).into_bytes();
        for _ in 0..1 + random(6) {
            let at = random(bytes.len());
            bytes[at] = random(256) as u8;
        }
        if random(4) == 0 {
            bytes.truncate(random(bytes.len()));
        }
        wire.send(&bytes).await;
        tokio::task::yield_now().await;
        if round % 200 == 0 {
            wire.assert_alive(&format!("round{round}")).await;
        }
    }
    for noise in [&[0_u8; 8_192][..], &[0xff; 1], b"\r\n\r\n", b"SIP/2.0", b"INVITE", b"GET / HTTP/1.1\r\n\r\n"] {
        wire.send(noise).await;
    }
    wire.send(&[b'A'; 60_000]).await;
    wire.assert_alive("last").await;
    empty(&sip).await;
}

#[tokio::test]
async fn a_name_in_gbk_and_a_missing_length_make_a_good_call() {
    let (sip, mut calls) = start(SipConfig::default()).await;
    let wire = Wire::to(&sip).await;
    let text = wire.invite("gbk").replace("From: <", "From: \"NAME\" <");
    let (head, rest) = text.split_once("NAME").expect("just put there");
    let bytes = [head.as_bytes(), &[0xd5, 0xc5, 0xc8, 0xfd], rest.as_bytes()].concat();
    let at = text.find("Content-Length").expect("it has one");
    let length_line_end = at + text[at..].find("\r\n").expect("a line") + 2;
    // Without the Content-Length line the body is the rest of the datagram.
    let bytes = [&bytes[..at], &bytes[length_line_end..]].concat();
    wire.send(&bytes).await;
    let call = common::within("a call", calls.recv()).await.expect("the stack runs");
    assert_eq!(call.from.display_name.reveal(), "张三");
    assert!(call.offer.is_some());
    drop(call);
    empty(&sip).await;
}
