//! What a call needs before it can be answered: an agreement on media, a port pair, a recognition stream.

use crate::clock;
use crate::config::TurnSettings;
use crate::engines::{CallPort, RecognizerSource};
use crate::listener::Door;
use crate::media_call::Recognizer;
use crate::metrics;
use crate::negotiation::{self, Agreed, Offered};
use crate::ports::PortPair;
use crate::shard::Command;
use hualu_core::CallId;
use hualu_core::dialogue::CallStarted;
use hualu_session::{Escape, Input, SessionConfig, TurnConfig};
use hualu_sip::sdp::SessionDescription;
use hualu_sip::{CallLeg, Incoming, LegEvent};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;
use tokio::sync::mpsc;

/// Why a call is refused: SIP code, text of the Reason header, metric label.
pub(crate) struct Refusal(u16, &'static str, &'static str);

pub(crate) const DRAINING: Refusal = Refusal(503, "not ready", "not_ready");
pub(crate) const FULL: Refusal = Refusal(503, "all lines are busy", "calls_max");
const NO_PORTS: Refusal = Refusal(503, "no media port", "ports");
const NO_RECOGNIZER: Refusal = Refusal(503, "no recognizer", "asr");
const NO_CODEC: Refusal = Refusal(488, "no common codec", "media");

/// Time for the ACK with the answer to an offer of ours: 64 times T1, after which the 200 is no longer repeated
/// (RFC 3261 §13.3.1.4), and a little for the stack to say so itself.
const ACK_MAX: Duration = Duration::from_secs(34);

/// What a call was given before it is answered.
pub(crate) struct Prepared {
    pub media: Proposal,
    pub ports: PortPair,
    pub recognizer: Recognizer,
}

/// How far offer and answer have come before the 200.
pub(crate) enum Proposal {
    /// The INVITE had an offer, and this is the answer to it.
    Answered(Box<Agreed>),
    /// It had none: the 200 makes ours, and the ACK answers it.
    Offered(Box<Offered>),
}

impl Proposal {
    /// The description for the 200.
    pub fn description(&self) -> &SessionDescription {
        match self {
            Self::Answered(agreed) => &agreed.answer,
            Self::Offered(offered) => &offered.offer,
        }
    }

    /// What both sides agreed on, waiting for the ACK if it answers; a word on why when there is no agreement.
    pub async fn settle(self, events: &mut mpsc::Receiver<LegEvent>) -> Result<Agreed, String> {
        let offered = match self {
            Self::Answered(agreed) => return Ok(*agreed),
            Self::Offered(offered) => offered,
        };
        let answer = async {
            loop {
                match events.recv().await {
                    Some(LegEvent::Established { answer }) => return answer.ok_or("the ACK has no answer".to_owned()),
                    Some(LegEvent::Ended(_)) | None => return Err("the caller was gone before its ACK".to_owned()),
                    Some(_) => {}
                }
            }
        };
        let answer = tokio::time::timeout(ACK_MAX, answer).await.map_err(|_| "no ACK came".to_owned())??;
        offered.accept(&answer).map_err(|error| error.to_string())
    }
}

impl Door {
    pub(crate) fn prepare(&self, call: &Incoming, id: &CallId, port: &CallPort) -> Result<Prepared, Refusal> {
        let ports = self.ports.take(clock::now()).map_err(|error| {
            tracing::warn!(%error, "no port pair");
            NO_PORTS
        })?;
        let local = SocketAddr::new(self.public_address(call.source), ports.port());
        let media = match &call.offer {
            None => Proposal::Offered(Box::new(negotiation::offer(local, self.own_ports))),
            Some(offer) => {
                let agreed = negotiation::answer(offer, local, self.own_ports).map_err(|error| {
                    tracing::info!(call = %id, %error, "offer refused");
                    NO_CODEC
                })?;
                Proposal::Answered(Box::new(agreed))
            }
        };
        let recognizer = match &self.engines.recognizer {
            RecognizerSource::Remote(_) => Recognizer::Remote,
            RecognizerSource::Embedded(pool) => {
                let (shard, key) = (port.shard.clone(), port.key);
                let sink = move |event| shard.send(Command::Input(key, Input::Recognized(event)));
                let rate = hualu_core::SampleRate::HZ_8000;
                let stream = pool.open(id.clone(), rate, &self.engines.language_model, Box::new(sink));
                Recognizer::Embedded(stream.map_err(|error| {
                    tracing::warn!(call = %id, %error, "no recognition stream");
                    NO_RECOGNIZER
                })?)
            }
        };
        Ok(Prepared { media, ports, recognizer })
    }

    pub(crate) fn session_config(&self, id: &CallId, agreed: &Agreed, started: CallStarted) -> SessionConfig {
        SessionConfig {
            call: id.clone(),
            media: agreed.params,
            budget: self.turns().budget,
            turn: self.turn_config(),
            prompts: self.prompts.current(),
            started,
            record: self.recorder.is_some(),
        }
    }

    pub(crate) fn turn_config(&self) -> TurnConfig {
        let escape =
            if self.transfer.contains_key("default") { Escape::Transfer("default".to_owned()) } else { Escape::HangUp };
        TurnConfig {
            call_max: self.config.limits.call_duration_max,
            media_timeout: self.config.media.timeout,
            escape,
            ..self.turns().turn.clone()
        }
    }

    /// How turns are taken with the bot that answers here.
    pub(crate) fn turns(&self) -> &TurnSettings {
        self.config.turns_of(&self.config.services.bot)
    }

    pub(crate) fn started(&self, id: &CallId, call: &Incoming) -> CallStarted {
        CallStarted {
            call: id.clone(),
            bot: self.config.services.bot.clone(),
            caller: call.from.number.clone(),
            called: call.dialled.clone(),
            variables: BTreeMap::new(),
        }
    }

    /// The address that a peer reaches us at: the configured one, the bound one, or the one that routing would choose.
    fn public_address(&self, peer: SocketAddr) -> IpAddr {
        if let Some(public) = self.config.sip.public {
            return public;
        }
        if !self.config.media.bind.is_unspecified() {
            return self.config.media.bind;
        }
        routed_address(peer).unwrap_or(self.config.media.bind)
    }
}

pub(crate) fn refuse(leg: &CallLeg, Refusal(code, reason, label): &Refusal) {
    metrics::call_refused(label);
    if let Err(error) = leg.reject(*code, Some(reason)) {
        tracing::debug!(%error, "the caller was gone before it was refused");
    }
}

/// The local address of a socket that would send to `peer`; nothing is sent.
pub(crate) fn routed_address(peer: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = if peer.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0; 16], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(peer).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
