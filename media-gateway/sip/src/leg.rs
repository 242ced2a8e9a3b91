//! One call as the rest of the gateway sees it: a handle to act on, and events that tell what the peer does.

use crate::drive::LegShared;
use crate::guard::ALLOW;
use crate::sdp::SessionDescription;
use hualu_core::Pii;
use rsipstack::dialog::dialog::{DialogState, TransactionHandle};
use rsipstack::sip::{Header, StatusCode};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How a message travelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
}

/// One side of a call, as the From or To header names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// The user part of the URI, for telephones their number. Empty when there is none.
    pub number: Pii<String>,
    /// The name shown, without quotes. Empty when there is none.
    pub display_name: Pii<String>,
    /// The whole URI.
    pub uri: Pii<String>,
}

/// A call that came in and waits to be answered. Dropping it, or its events, refuses it with 500 or ends it with a BYE.
#[derive(Debug)]
pub struct Incoming {
    /// The SIP Call-ID. Data of a stranger: never part of a file name.
    pub call_id: String,
    /// Who calls, by their own word.
    pub from: Party,
    /// Who is called.
    pub to: Party,
    /// The user part of the Request-URI: the number dialled, as the trunk routed it to us.
    pub dialled: Pii<String>,
    /// The INVITE's headers in order, but for those that only the stack needs.
    pub headers: Vec<(String, Pii<String>)>,
    /// The offer. `None` is a late offer: accept with an offer of ours, the answer comes with
    /// [`LegEvent::Established`].
    pub offer: Option<SessionDescription>,
    /// Where the INVITE came from.
    pub source: SocketAddr,
    /// How it came.
    pub transport: Transport,
    /// The call.
    pub leg: CallLeg,
    /// What happens to it.
    pub events: mpsc::Receiver<LegEvent>,
}

/// What the peer does to a call. [`LegEvent::Ended`] is the last one, always.
#[derive(Debug)]
#[non_exhaustive]
pub enum LegEvent {
    /// Outbound: the peer rings, perhaps with early media (183).
    Ringing {
        /// The early answer, if there is one.
        early_answer: Option<SessionDescription>,
    },
    /// Outbound: the peer answered.
    Answered {
        /// The answer, if the 200 had one.
        answer: Option<SessionDescription>,
    },
    /// Inbound: the ACK came, so the caller has our 200.
    Established {
        /// The answer to an offer of ours, when the INVITE had none.
        answer: Option<SessionDescription>,
    },
    /// The peer wants other media: hold, resume, a new address. Answer it within 10 s.
    Reoffer(Reoffer),
    /// Keys by SIP INFO: digits, `*`, `#`, A-D.
    Keys(Pii<String>),
    /// The call is over.
    Ended(Ended),
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Who ended it.
    pub by: EndedBy,
    /// The SIP status that ended it before it was answered: 486, 487 ...; or 408 when the peer fell silent.
    pub code: Option<u16>,
    /// The peer's Reason header (RFC 3326), if it gave one.
    pub reason: Option<String>,
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndedBy {
    /// We did.
    Us,
    /// The peer hung up, cancelled or refused.
    Peer,
    /// The peer no longer answers, or could not be reached.
    Network,
}

/// Why a call cannot be acted on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LegError {
    /// The call is over, or not yet that far.
    #[error("sip: call {call_id} cannot {action} now: {cause}")]
    State {
        /// The Call-ID.
        call_id: String,
        /// What was to be done.
        action: &'static str,
        /// What the stack says.
        cause: String,
    },
}

/// A change of media that the peer asks for. Dropping it refuses the change; the call goes on as it was.
#[derive(Debug)]
pub struct Reoffer {
    /// The new offer. `None`: accept with an offer of ours.
    pub offer: Option<SessionDescription>,
    pub(crate) reply: Option<TransactionHandle>,
}

impl Reoffer {
    /// Accepts with a description of ours.
    pub async fn accept(mut self, answer: &SessionDescription) {
        if let Some(reply) = self.reply.take() {
            // An error means that the call is over: nobody waits for the answer.
            let _ = reply.respond(StatusCode::OK, Some(vec![content_type()]), Some(body(answer))).await;
        }
    }

    /// Refuses: 488 if it does not fit, 491 if one of ours is under way.
    pub async fn reject(mut self, code: u16) {
        if let Some(reply) = self.reply.take() {
            let _ = reply.reply(StatusCode::from(code)).await;
        }
    }
}

impl Drop for Reoffer {
    fn drop(&mut self) {
        if let Some(reply) = self.reply.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move { reply.reply(StatusCode::NotAcceptableHere).await });
        }
    }
}

pub(crate) fn content_type() -> Header {
    Header::ContentType("application/sdp".into())
}

pub(crate) fn body(sdp: &SessionDescription) -> Vec<u8> {
    sdp.to_string().into_bytes()
}

/// How a blind transfer went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferOutcome {
    /// The target answered. The call with us may be ended.
    Completed,
    /// The peer does not transfer: the status of its refusal.
    Refused {
        /// 405, 501, 603 ...
        code: u16,
    },
    /// The peer tried, and the target did not answer: the status that the peer reports. The call is still ours.
    Failed {
        /// 486, 480 ...
        code: u16,
    },
    /// Nothing was heard in time. The call is still ours.
    TimedOut,
    /// The call ended meanwhile.
    Ended,
}

/// A call. Clones are handles to the same call.
#[derive(Clone)]
pub struct CallLeg {
    pub(crate) shared: Arc<LegShared>,
}

impl fmt::Debug for CallLeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallLeg({})", self.shared.call_id)
    }
}

impl CallLeg {
    /// The SIP Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &str {
        &self.shared.call_id
    }

    /// Inbound: answers 180.
    ///
    /// # Errors
    /// [`LegError::State`] if the call is over.
    pub fn ringing(&self) -> Result<(), LegError> {
        self.checked("ring", self.shared.dialog.ringing(None, None))
    }

    /// Inbound: answers 183 with early media.
    ///
    /// # Errors
    /// [`LegError::State`] if the call is over.
    pub fn progress(&self, answer: &SessionDescription) -> Result<(), LegError> {
        let sent = self.shared.dialog.ringing(Some(vec![content_type()]), Some(body(answer)));
        self.checked("send early media", sent)
    }

    /// Inbound: answers 200. The call lives once [`LegEvent::Established`] comes; without an ACK for 32 s it ends.
    ///
    /// # Errors
    /// [`LegError::State`] if the call is over.
    pub fn accept(&self, answer: &SessionDescription) -> Result<(), LegError> {
        if matches!(self.shared.dialog.state(), DialogState::Terminated(..)) {
            return self.checked("be accepted", Err(rsipstack::Error::Error("it is over".to_owned())));
        }
        let headers = vec![content_type(), Header::Allow(ALLOW.into())];
        self.checked("be accepted", self.shared.dialog.accept(Some(headers), Some(body(answer))))
    }

    /// Inbound: refuses with a final status of 300 to 699, and a word on why for the Reason header (RFC 3326).
    ///
    /// # Errors
    /// [`LegError::State`] if it was answered or is over.
    pub fn reject(&self, code: u16, reason: Option<&str>) -> Result<(), LegError> {
        let code = if (300..700).contains(&code) { code } else { 480 };
        let reason = reason.map(|text| reason_header(code, text));
        self.shared.note_our_end();
        self.checked("be refused", self.shared.dialog.reject(Some(StatusCode::from(code)), reason))
    }

    /// Ends the call whatever its state: BYE once it is answered, CANCEL or a refusal before. The request is sent in
    /// the background; [`LegEvent::Ended`] follows, at once or, if the peer is dead, after 32 s.
    pub fn hang_up(&self, reason: Option<&str>) {
        let shared = self.shared.clone();
        shared.note_our_end();
        let reason = reason.map(|text| reason_header(16, text));
        tokio::spawn(async move { shared.end(StatusCode::TemporarilyUnavailable, reason).await });
    }

    /// Asks the peer to call `target` instead of us (REFER, RFC 3515) and waits for the outcome, `limit` at most.
    ///
    /// # Errors
    /// [`LegError::State`] if the call is not answered, is over, or is being transferred already.
    pub async fn refer(&self, target: &str, limit: Duration) -> Result<TransferOutcome, LegError> {
        let (progress, mut reports) = mpsc::channel(8);
        if !self.shared.begin_transfer(progress) {
            return self.checked("be transferred", Err(rsipstack::Error::Error("a transfer is under way".to_owned())));
        }
        let outcome = tokio::time::timeout(limit, self.transfer(target, &mut reports)).await;
        self.shared.end_transfer();
        outcome.unwrap_or(Ok(TransferOutcome::TimedOut))
    }

    async fn transfer(&self, target: &str, reports: &mut mpsc::Receiver<u16>) -> Result<TransferOutcome, LegError> {
        let refer_to = format!("<{}>", target.replace(['<', '>', '\r', '\n'], ""));
        let sent = self.shared.dialog.refer(refer_to, None, None).await;
        let response = self.checked("be transferred", sent)?;
        let Some(response) = response else {
            return self.checked("be transferred", Err(rsipstack::Error::Error("it is not answered".to_owned())));
        };
        let code = response.status_code.code();
        if !(200..300).contains(&code) {
            return Ok(TransferOutcome::Refused { code });
        }
        while let Some(code) = reports.recv().await {
            match code {
                100..200 => {}
                200..300 => return Ok(TransferOutcome::Completed),
                code => return Ok(TransferOutcome::Failed { code }),
            }
        }
        Ok(TransferOutcome::Ended)
    }

    fn checked<T>(&self, action: &'static str, result: rsipstack::Result<T>) -> Result<T, LegError> {
        let call_id = || self.shared.call_id.clone();
        result.map_err(|error| LegError::State { call_id: call_id(), action, cause: error.to_string() })
    }
}

/// A Reason header: protocol Q.850 for causes below 128, else SIP (RFC 3326 §2).
fn reason_header(cause: u16, text: &str) -> String {
    let protocol = if cause < 128 { "Q.850" } else { "SIP" };
    let text: String = text.chars().filter(|symbol| !symbol.is_control() && !matches!(symbol, '"' | '\\')).collect();
    format!("{protocol};cause={cause};text=\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_cannot_break_out_of_its_header() {
        assert_eq!(reason_header(16, "done"), "Q.850;cause=16;text=\"done\"");
        assert_eq!(reason_header(486, "a\"\r\nX: y\\"), "SIP;cause=486;text=\"aX: y\"");
    }
}
