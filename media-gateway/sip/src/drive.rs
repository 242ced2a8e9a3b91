//! The task behind every call: turns what the dialog does into [`LegEvent`]s, answers what needs no decision, and takes
//! the dialog out of the stack when it ends.

use crate::dispatch::{HasBody, description};
use crate::guard::ALLOW;
use crate::leg::{Ended, EndedBy, LegEvent, Reoffer};
use crate::sdp::SessionDescription;
use crate::stack::Core;
use hualu_core::Pii;
use rsipstack::dialog::DialogId;
use rsipstack::dialog::dialog::{DialogState, DialogStateReceiver, TerminatedReason, TransactionHandle};
use rsipstack::dialog::invitation::InviteAsyncResult;
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Method, Request, StatusCode};
use rsipstack::transaction::key::TransactionRole;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Events waiting for the owner of a call. Full: this call's own task waits, and with it its dialog.
pub(crate) const EVENT_QUEUE: usize = 32;
/// After our hang-up the stack gives a silent peer 32 s; past this the call is given up.
const END_LIMIT: Duration = Duration::from_secs(36);

/// What the handle, the task and the dispatcher of a call share.
pub(crate) struct LegShared {
    pub(crate) call_id: String,
    pub(crate) dialog: InviteDialog,
    first_id: DialogId,
    transfer: Mutex<Option<mpsc::Sender<u16>>>,
    peer_reason: Mutex<Option<String>>,
    ended_by_us: AtomicBool,
    confirmed: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The values are whole at any time, so a panic elsewhere does not spoil them.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LegShared {
    pub(crate) fn new(dialog: InviteDialog) -> Arc<Self> {
        let first_id = dialog.id();
        Arc::new(Self {
            call_id: first_id.call_id.clone(),
            dialog,
            first_id,
            transfer: Mutex::new(None),
            peer_reason: Mutex::new(None),
            ended_by_us: AtomicBool::new(false),
            confirmed: AtomicBool::new(false),
        })
    }

    pub(crate) fn note_our_end(&self) {
        self.ended_by_us.store(true, Ordering::Relaxed);
    }

    pub(crate) fn note_peer_reason(&self, request: &Request) {
        if let Some(reason) = request.reason_header() {
            *lock(&self.peer_reason) = Some(reason.value().to_owned());
        }
    }

    /// False if a transfer is under way already.
    pub(crate) fn begin_transfer(&self, progress: mpsc::Sender<u16>) -> bool {
        let mut transfer = lock(&self.transfer);
        let free = transfer.is_none();
        if free {
            *transfer = Some(progress);
        }
        free
    }

    pub(crate) fn end_transfer(&self) {
        *lock(&self.transfer) = None;
    }

    /// Ends the call in the way that its state asks for; one that was not answered yet is refused with `code`.
    pub(crate) async fn end(&self, code: StatusCode, reason: Option<String>) {
        let answered = match self.dialog.state() {
            DialogState::Terminated(..) => return,
            state => state.is_confirmed() || state.waiting_ack(),
        };
        let done = match (answered, self.dialog.role()) {
            (false, TransactionRole::Server) => self.dialog.reject(Some(code), reason),
            (false, TransactionRole::Client) => self.dialog.cancel().await,
            (true, _) => self.dialog.bye_with_headers(reason.map(|reason| vec![Header::Reason(reason.into())])).await,
        };
        if let Err(error) = done {
            tracing::debug!(call_id = self.call_id, %error, "sip: the peer did not confirm the end of the call");
        }
    }
}

/// Runs until the call is over. `inviting` is the outcome of an outbound INVITE.
pub(crate) async fn drive(
    core: Arc<Core>,
    shared: Arc<LegShared>,
    mut states: DialogStateReceiver,
    events: mpsc::Sender<LegEvent>,
    mut inviting: Option<JoinHandle<InviteAsyncResult>>,
) {
    let mut giving_up = None;
    let ended = loop {
        tokio::select! {
            biased;
            state = states.recv() => match state {
                Some(DialogState::Terminated(_, reason)) => break shared.ended(&reason),
                Some(state) => shared.on_state(state, &events).await,
                None => break shared.lost(None),
            },
            outcome = wait_for(&mut inviting) => {
                inviting = None;
                if let Some(ended) = shared.failed(outcome, &mut states) {
                    break ended;
                }
            }
            () = events.closed(), if giving_up.is_none() => {
                giving_up = Some(Box::pin(tokio::time::sleep(END_LIMIT)));
                let shared = shared.clone();
                shared.note_our_end();
                // An owner that is gone without a word is a fault of ours.
                tokio::spawn(async move { shared.end(StatusCode::ServerInternalError, None).await });
            }
            () = wait_out(&mut giving_up) => break shared.lost(Some(408)),
            () = core.stop.cancelled() => break shared.lost(None),
        }
    };
    // An INVITE that is still under way is cancelled by dropping its task.
    if let Some(inviting) = inviting {
        inviting.abort();
    }
    shared.end_transfer();
    core.forget(&shared.first_id, &shared.dialog.id());
    // Nobody listens any more if the owner is gone.
    let _ = events.send(LegEvent::Ended(ended)).await;
}

async fn wait_for(inviting: &mut Option<JoinHandle<InviteAsyncResult>>) -> Option<InviteAsyncResult> {
    match inviting {
        Some(inviting) => inviting.await.ok(),
        None => std::future::pending().await,
    }
}

async fn wait_out(limit: &mut Option<std::pin::Pin<Box<tokio::time::Sleep>>>) {
    match limit {
        Some(limit) => limit.as_mut().await,
        None => std::future::pending().await,
    }
}

impl LegShared {
    async fn on_state(&self, state: DialogState, events: &mpsc::Sender<LegEvent>) {
        let outbound = matches!(self.dialog.role(), TransactionRole::Client);
        let event = match state {
            DialogState::Early(_, response) if outbound => LegEvent::Ringing { early_answer: sdp(&response) },
            DialogState::Confirmed(_, response) if response.cseq_header().is_ok_and(is_invite) => {
                let first = !self.confirmed.swap(true, Ordering::Relaxed);
                match (first, outbound) {
                    (true, true) => LegEvent::Answered { answer: sdp(&response) },
                    (true, false) => LegEvent::Established { answer: self.answer_in_ack() },
                    // A later offer of ours, in a 200 to a re-INVITE without one, is answered in the ACK.
                    (false, _) => match self.answer_in_ack() {
                        Some(answer) => LegEvent::Established { answer: Some(answer) },
                        None => return,
                    },
                }
            }
            DialogState::Updated(_, request, reply) => return reoffer(&request, reply, events).await,
            DialogState::Info(_, request, reply) => {
                let _ = reply.reply(StatusCode::OK).await;
                match keys(&request) {
                    Some(keys) => LegEvent::Keys(keys),
                    None => return,
                }
            }
            DialogState::Notify(_, request, reply) => {
                let _ = reply.reply(StatusCode::OK).await;
                return self.report(&request).await;
            }
            DialogState::Options(_, _, reply) => {
                let allow = Header::Other("Allow".to_owned(), ALLOW.to_owned());
                let _ = reply.respond(StatusCode::OK, Some(vec![allow]), None).await;
                return;
            }
            DialogState::Refer(_, _, reply) | DialogState::Message(_, _, reply) | DialogState::Publish(_, _, reply) => {
                let _ = reply.reply(StatusCode::MethodNotAllowed).await;
                return;
            }
            _ => return,
        };
        // An error means that the owner is gone; `drive` sees that too.
        let _ = events.send(event).await;
    }

    fn answer_in_ack(&self) -> Option<SessionDescription> {
        self.dialog.last_remote_ack().and_then(|ack| sdp(&ack))
    }

    /// The state of a transfer, from the NOTIFY of its implicit subscription (RFC 3515 §2.4.5).
    async fn report(&self, request: &Request) {
        let Some(code) = sipfrag_code(request.body()) else { return };
        let progress = lock(&self.transfer).clone();
        if let Some(progress) = progress {
            let _ = progress.send(code).await;
        }
    }

    fn ended(&self, reason: &TerminatedReason) -> Ended {
        let outbound = matches!(self.dialog.role(), TransactionRole::Client);
        let ours = self.ended_by_us.load(Ordering::Relaxed);
        let (by, code) = match reason {
            TerminatedReason::Timeout => (EndedBy::Network, Some(408)),
            TerminatedReason::UacCancel => (if outbound { EndedBy::Us } else { EndedBy::Peer }, Some(487)),
            TerminatedReason::UacBye => (if outbound { EndedBy::Us } else { EndedBy::Peer }, None),
            TerminatedReason::UasBye => (if outbound { EndedBy::Peer } else { EndedBy::Us }, None),
            TerminatedReason::UasDecline => (if outbound { EndedBy::Peer } else { EndedBy::Us }, None),
            TerminatedReason::UacBusy | TerminatedReason::UasBusy => (EndedBy::Peer, Some(486)),
            TerminatedReason::ProxyAuthRequired => (EndedBy::Peer, Some(407)),
            TerminatedReason::ProxyError(code)
            | TerminatedReason::UacOther(code)
            | TerminatedReason::UasOther(code) => {
                let by = if code.code() == 408 { EndedBy::Network } else { EndedBy::Peer };
                (by, Some(code.code()))
            }
        };
        let by = if ours && by != EndedBy::Network { EndedBy::Us } else { by };
        Ended { by, code, reason: lock(&self.peer_reason).clone() }
    }

    fn lost(&self, code: Option<u16>) -> Ended {
        let by = if self.ended_by_us.load(Ordering::Relaxed) { EndedBy::Us } else { EndedBy::Network };
        Ended { by, code, reason: lock(&self.peer_reason).clone() }
    }

    /// How an outbound INVITE failed; `None` if it was answered.
    fn failed(&self, outcome: Option<InviteAsyncResult>, states: &mut DialogStateReceiver) -> Option<Ended> {
        let code = match outcome {
            Some(Ok((_, Some(response)))) if (200..300).contains(&response.status_code.code()) => return None,
            Some(Ok((_, response))) => response.map(|response| response.status_code.code()),
            Some(Err(error)) => {
                tracing::debug!(call_id = self.call_id, %error, "sip: the invite failed");
                None
            }
            None => None,
        };
        while let Ok(state) = states.try_recv() {
            if let DialogState::Terminated(_, reason) = state {
                let ended = self.ended(&reason);
                return Some(Ended { code: ended.code.or(code), ..ended });
            }
        }
        Some(self.lost(code))
    }
}

async fn reoffer(request: &Request, reply: TransactionHandle, events: &mpsc::Sender<LegEvent>) {
    if request.method == Method::Update && request.body().is_empty() {
        // A session refresh: nothing changes.
        let _ = reply.reply(StatusCode::OK).await;
        return;
    }
    match description(request).transpose() {
        Ok(offer) => {
            let event = LegEvent::Reoffer(Reoffer { offer, reply: Some(reply) });
            let _ = events.send(event).await;
        }
        Err(error) => {
            tracing::debug!(%error, "sip: a new offer is refused");
            let _ = reply.reply(StatusCode::NotAcceptableHere).await;
        }
    }
}

fn is_invite(cseq: &rsipstack::sip::headers::CSeq) -> bool {
    cseq.method().is_ok_and(|method| method == Method::Invite)
}

/// A description, if there is a readable one; a response with a broken one counts as one without.
fn sdp(message: &impl HasBody) -> Option<SessionDescription> {
    description(message)?.ok()
}

/// The status in a `message/sipfrag` body: `SIP/2.0 200 OK`.
fn sipfrag_code(body: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(body).ok()?;
    let mut words = text.trim_start().strip_prefix("SIP/2.0")?.split_ascii_whitespace();
    words.next()?.parse().ok().filter(|code| (100..700).contains(code))
}

/// The key of an INFO: `Signal=5` in `application/dtmf-relay`, or the bare key in `application/dtmf`.
fn keys(request: &Request) -> Option<Pii<String>> {
    let text = std::str::from_utf8(request.body()).ok()?;
    let signal = text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        name.trim().eq_ignore_ascii_case("signal").then(|| value.trim())
    });
    let key = signal.unwrap_or_else(|| text.trim());
    let mut symbols = key.chars();
    let known = |symbol: char| matches!(symbol.to_ascii_uppercase(), '0'..='9' | '*' | '#' | 'A'..='D');
    match (symbols.next(), symbols.next()) {
        (Some(symbol), None) if known(symbol) => Some(Pii::new(symbol.to_ascii_uppercase().to_string())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_both_forms_of_info() {
        let key = |body: &str| {
            let text = format!("INFO sip:a@b SIP/2.0\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let message = rsipstack::sip::SipMessage::try_from(text.as_str()).expect("readable");
            let rsipstack::sip::SipMessage::Request(request) = message else { panic!("a request") };
            keys(&request).map(Pii::into_revealed)
        };
        assert_eq!(key("Signal=5\r\nDuration=160\r\n").as_deref(), Some("5"));
        assert_eq!(key("signal = d\r\n").as_deref(), Some("D"));
        assert_eq!(key("#").as_deref(), Some("#"));
        for other in ["", "12", "Signal=16", "flash"] {
            assert_eq!(key(other), None, "{other:?}");
        }
    }

    #[test]
    fn the_state_of_a_transfer_is_read_from_its_fragment() {
        assert_eq!(sipfrag_code(b"SIP/2.0 486 Busy Here\r\n"), Some(486));
        assert_eq!(sipfrag_code(b"SIP/2.0 100 Trying"), Some(100));
        for other in [&b"SIP/2.0"[..], b"SIP/2.0 9999", b"HTTP/1.1 200", b"\xff"] {
            assert_eq!(sipfrag_code(other), None);
        }
    }
}
