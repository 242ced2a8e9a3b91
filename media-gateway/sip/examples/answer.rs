//! Answers every call until the caller hangs up: `cargo run -p hualu-sip --example answer -- 127.0.0.1:5080`.
//! Prints the counts of the stack once a second.

use hualu_sip::offer_answer::{self, Codec, LocalMedia};
use hualu_sip::{Incoming, LegEvent, SipConfig, SipStack};
use std::net::SocketAddr;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address: SocketAddr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:5080".to_owned()).parse()?;
    let config = SipConfig { udp: Some(address), tcp: Some(address), calls_max: 10_000, ..SipConfig::default() };
    let (sip, mut calls) = SipStack::start(config).await?;
    println!("{sip:?}");
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let mut last = None;
    loop {
        tokio::select! {
            call = calls.recv() => {
                let Some(call) = call else { return Ok(()) };
                tokio::spawn(answer(call));
            }
            _ = tick.tick() => {
                let stats = sip.stats();
                if last.as_ref() != Some(&stats) {
                    println!("{stats:?}");
                }
                last = Some(stats);
            }
        }
    }
}

async fn answer(mut call: Incoming) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let address = SocketAddr::from(([127, 0, 0, 1], 30_000));
    let local = LocalMedia { address, session_id: 1, version: 1, codecs: Codec::ALL.to_vec() };
    call.leg.ringing()?;
    match call.offer.as_ref().map(|offer| offer_answer::answer(offer, &local)) {
        Some(Ok((answer, _))) => call.leg.accept(&answer)?,
        Some(Err(error)) => call.leg.reject(488, Some(&error.to_string()))?,
        None => call.leg.accept(&offer_answer::offer(&local, Default::default()))?,
    }
    while let Some(event) = call.events.recv().await {
        if let LegEvent::Reoffer(reoffer) = event {
            match reoffer.offer.as_ref().map(|offer| offer_answer::answer(offer, &local)) {
                Some(Ok((answer, _))) => reoffer.accept(&answer).await,
                Some(Err(_)) => reoffer.reject(488).await,
                None => reoffer.accept(&offer_answer::offer(&local, Default::default())).await,
            }
        }
    }
    Ok(())
}
