//! No number, name or message text reaches the log, however much is logged, as long as [`LOG_FILTER`] is there.

mod common;

use common::{Wire, empty, start, to_tag, within};
use hualu_sip::{LOG_FILTER, SipConfig};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use tracing_subscriber::EnvFilter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_call_and_a_bad_message_leave_no_number_in_the_log() {
    let log = Log::default();
    let writer = log.clone();
    let filter = EnvFilter::new(format!("trace,{LOG_FILTER}"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || writer.clone()).with_ansi(false).init();
    tracing::info!("the log works");

    let (sip, mut calls) = start(SipConfig::default()).await;
    let wire = Wire::to(&sip).await;
    wire.send(wire.invite("quiet").replace("CSeq: 1 ", "CSeq: x ").as_bytes()).await;
    assert_eq!(wire.status("quiet").await, 400);
    wire.send(wire.invite("loud").as_bytes()).await;
    let call = within("a call", calls.recv()).await.expect("the stack runs");
    call.leg.accept(&common::offer(5_000)).expect("it waits");
    let tag = to_tag(&wire.receive().await);
    wire.send(wire.request("ACK", "loud", 1, &tag, "", "").as_bytes()).await;
    wire.send(wire.request("INFO", "loud", 2, &tag, "", "Signal=7").as_bytes()).await;
    assert_eq!(wire.status("loud").await, 200);
    tracing::info!(?call, "a call prints redacted");
    drop(call);
    let bye = wire.receive().await;
    assert!(bye.starts_with("BYE "), "{bye}");
    sip.shutdown();
    within("the stop", sip.stopped()).await;
    empty(&sip).await;

    let log = String::from_utf8(log.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).expect("UTF-8");
    assert!(log.contains("the log works"));
    for secret in ["13800138000", "Signal", "m=audio"] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "`{secret}` is in the log");
    }
}
