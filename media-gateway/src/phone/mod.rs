//! A test phone: places one call, plays clips when the other side falls silent, and measures from the audio alone.

mod line;

pub use line::{Cue, Exchange, LineReport, Loss, Script, Voiced, When};

use crate::clock;
use crate::setup::routed_address;
use hualu_session::Law;
use hualu_sip::offer_answer::{self, Codec, LocalMedia};
use hualu_sip::sdp::{Direction, SessionDescription};
use hualu_sip::{Dial, DialError, Ended, EndedBy, LegEvent, Outgoing, SipConfig, SipHandle, SipStack, StartError};
use line::Line;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// How the phone presents itself.
#[derive(Clone, Debug)]
pub struct PhoneConfig {
    /// The address that it speaks SIP and RTP from; chosen by routing to the peer when unspecified.
    pub bind: IpAddr,
    /// Its number.
    pub number: String,
    /// Time for the peer to answer.
    pub answer_max: Duration,
}

impl Default for PhoneConfig {
    fn default() -> Self {
        Self {
            bind: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            number: "13800138000".to_owned(),
            answer_max: Duration::from_secs(10),
        }
    }
}

/// How a call went.
#[derive(Clone, Debug)]
pub struct PhoneOutcome {
    /// INVITE sent to 200 received.
    pub answered_after: Duration,
    /// What was said and heard.
    pub line: LineReport,
    /// The call's id, by which its turn records are found.
    pub call: String,
    /// Who ended it.
    pub ended: &'static str,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PhoneError {
    /// The URI is not one that can be called.
    #[error("`{uri}` cannot be called: give sip:user@host or sip:user@host:port")]
    Uri {
        /// What was given.
        uri: String,
    },
    /// SIP could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The call could not be placed.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The peer did not answer.
    #[error("the call was not answered: {0}")]
    NotAnswered(String),
    /// The answer has no media for us.
    #[error("the answer is of no use: {0}")]
    Media(#[from] offer_answer::NegotiationError),
    /// A socket failed.
    #[error("the phone's socket failed: {0}")]
    Socket(#[from] std::io::Error),
}

/// Places one call and holds it to the script's end or the peer's BYE.
///
/// # Errors
/// [`PhoneError`].
pub async fn call(uri: &str, config: PhoneConfig, script: Script) -> Result<PhoneOutcome, PhoneError> {
    let bind = local_address(uri, config.bind)?;
    let any_port = SocketAddr::new(bind, 0);
    let (sip, _incoming) =
        SipStack::start(SipConfig { udp: Some(any_port), tcp: Some(any_port), ..SipConfig::default() }).await?;
    let outcome = place(&sip, uri, &config, any_port, script).await;
    sip.shutdown();
    outcome
}

async fn place(
    sip: &SipHandle,
    uri: &str,
    config: &PhoneConfig,
    any_port: SocketAddr,
    script: Script,
) -> Result<PhoneOutcome, PhoneError> {
    let media = UdpSocket::bind(any_port)?;
    let local = LocalMedia {
        address: media.local_addr()?,
        session_id: u64::from(rand::random::<u32>()),
        version: 1,
        codecs: Codec::ALL.to_vec(),
    };
    let offer = offer_answer::offer(&local, Direction::SendRecv);
    let placed = clock::now();
    let dial = Dial {
        to: uri.to_owned().into(),
        from: config.number.clone().into(),
        offer: offer.clone(),
        headers: Vec::new(),
        via: None,
    };
    let Outgoing { leg, mut events } = sip.dial(dial).await?;
    let answer = match tokio::time::timeout(config.answer_max, answered(&mut events)).await {
        Ok(answer) => answer.map_err(PhoneError::NotAnswered)?,
        Err(_) => {
            leg.hang_up(None);
            return Err(PhoneError::NotAnswered(format!("no answer within {} s", config.answer_max.as_secs())));
        }
    };
    let answered_after = clock::now().saturating_duration_since(placed);
    let agreed = offer_answer::accept_answer(&offer, &answer, &local)?;
    let law = match agreed.codec {
        Codec::Pcma => Law::A,
        Codec::Pcmu => Law::Mu,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let line = Line::new(media, agreed.remote, (law, agreed.payload_type), rand::random(), script);
    let stopped = Arc::clone(&stop);
    let mut running = tokio::task::spawn_blocking(move || line.run(&stopped));
    let (finished, ended) = tokio::select! {
        finished = &mut running => {
            leg.hang_up(None);
            // The BYE is answered, or the peer is dead and nothing more is owed to it.
            let _ = tokio::time::timeout(Duration::from_secs(2), over(&mut events)).await;
            (finished, "ended by the phone")
        }
        by = over(&mut events) => {
            stop.store(true, Ordering::Relaxed);
            let who = if by == EndedBy::Network { "the other side fell silent" } else { "ended by the other side" };
            (running.await, who)
        }
    };
    let line = finished.map_err(std::io::Error::other)??;
    Ok(PhoneOutcome { answered_after, line, call: leg.call_id().to_owned(), ended })
}

/// Waits for the answer; why there is none.
async fn answered(events: &mut mpsc::Receiver<LegEvent>) -> Result<SessionDescription, String> {
    let mut early = None;
    while let Some(event) = events.recv().await {
        match event {
            LegEvent::Ringing { early_answer: Some(answer) } => early = Some(answer),
            LegEvent::Answered { answer } => return answer.or(early).ok_or_else(|| "the 200 has no SDP".to_owned()),
            LegEvent::Ended(Ended { code: Some(code), reason, .. }) => {
                return Err(reason.map_or_else(|| code.to_string(), |reason| format!("{code} ({reason})")));
            }
            LegEvent::Ended(_) => return Err("nobody answers at that address".to_owned()),
            _ => {}
        }
    }
    Err("the stack ended".to_owned())
}

/// Waits for the end of the call.
async fn over(events: &mut mpsc::Receiver<LegEvent>) -> EndedBy {
    while let Some(event) = events.recv().await {
        if let LegEvent::Ended(Ended { by, .. }) = event {
            return by;
        }
    }
    EndedBy::Network
}

/// The address to speak from: the configured one, or the one from which routing would reach the URI's host.
fn local_address(uri: &str, bind: IpAddr) -> Result<IpAddr, PhoneError> {
    if !bind.is_unspecified() {
        return Ok(bind);
    }
    let bad = || PhoneError::Uri { uri: uri.to_owned() };
    let host = uri.strip_prefix("sip:").ok_or_else(bad)?.split(';').next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let with_port =
        if host.parse::<IpAddr>().is_ok() || !host.contains(':') { format!("{host}:5060") } else { host.to_owned() };
    let peer = with_port.to_socket_addrs().ok().and_then(|mut found| found.next()).ok_or_else(bad)?;
    Ok(routed_address(peer).unwrap_or(bind))
}
