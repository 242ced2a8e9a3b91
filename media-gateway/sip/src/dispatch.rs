//! Requests that come out of the transaction layer: into their dialog, or answered here.

use crate::drive::{EVENT_QUEUE, LegShared, drive};
use crate::guard::ALLOW;
use crate::leg::{CallLeg, Incoming, Party, Transport};
use crate::message::sdp_part;
use crate::sdp::{SdpError, SessionDescription};
use crate::stack::Core;
use hualu_core::Pii;
use rsipstack::dialog::dialog::Dialog;
use rsipstack::sip::prelude::{HeadersExt, ToTypedHeader};
use rsipstack::sip::{Header, Method, Request, Response, StatusCode, Uri};
use rsipstack::transaction::{Transaction, TransactionReceiver};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Takes requests until the stack stops. Each has its own task, so that what goes wrong with one stays there.
pub(crate) async fn run(core: Arc<Core>, mut transactions: TransactionReceiver) {
    loop {
        let transaction = tokio::select! {
            () = core.stop.cancelled() => return,
            transaction = transactions.recv() => transaction,
        };
        let Some(transaction) = transaction else { return };
        let core = core.clone();
        tokio::spawn(async move {
            if let Err(error) = handle(core, transaction).await {
                tracing::debug!(%error, "sip: a request failed");
            }
        });
    }
}

async fn handle(core: Arc<Core>, mut transaction: Transaction) -> rsipstack::Result<()> {
    if let Some(Dialog::Invite(mut dialog)) = core.layer.match_dialog(&transaction) {
        if transaction.original.method == Method::Bye {
            let id = dialog.id();
            if let Some(leg) = core.leg(&id.call_id, |_, leg| leg.dialog.id() == id) {
                leg.note_peer_reason(&transaction.original);
            }
        }
        let done = dialog.handle(&mut transaction).await;
        answer_the_unanswered(&mut transaction).await?;
        return done;
    }
    let request = &transaction.original;
    let in_dialog = request.to_header()?.tag()?.is_some();
    match request.method {
        Method::Ack => Ok(()),
        Method::Options if !in_dialog => options(&core, &mut transaction).await,
        Method::Invite if !in_dialog => invite(core, transaction).await,
        // A request inside a dialog that is not ours, or one that only makes sense inside a dialog (§12.2.2).
        _ => refuse(&mut transaction, StatusCode::CallTransactionDoesNotExist, Vec::new()).await,
    }
}

/// Requests that the dialog passes over in silence (out of order, or before the ACK) get a 500 with Retry-After, as
/// §12.2.2 and §14.2 say; without it the peer would repeat them for 32 s.
async fn answer_the_unanswered(transaction: &mut Transaction) -> rsipstack::Result<()> {
    let quiet = transaction.last_response.is_none();
    if !quiet || matches!(transaction.original.method, Method::Ack | Method::Cancel) {
        return Ok(());
    }
    let wait = Header::RetryAfter("1".into());
    refuse(transaction, StatusCode::ServerInternalError, vec![wait]).await
}

/// Answers with a final status, and stays until an INVITE's ACK has come or its repetitions are over.
async fn refuse(transaction: &mut Transaction, code: StatusCode, headers: Vec<Header>) -> rsipstack::Result<()> {
    transaction.reply_with(code, headers, None).await?;
    if transaction.original.method == Method::Invite {
        while transaction.receive().await.is_some() {}
    }
    Ok(())
}

async fn options(core: &Core, transaction: &mut Transaction) -> rsipstack::Result<()> {
    if !core.is_accepting() {
        let wait = retry_after(&transaction.original);
        return refuse(transaction, StatusCode::ServiceUnavailable, vec![wait]).await;
    }
    let other = |name: &str, value: &str| Header::Other(name.to_owned(), value.to_owned());
    let headers = vec![
        Header::Allow(ALLOW.into()),
        Header::Accept("application/sdp".into()),
        other("Accept-Encoding", "identity"),
        other("Accept-Language", "zh, en"),
    ];
    refuse(transaction, StatusCode::OK, headers).await
}

/// 2 to 8 s, by the hash of the call, so that refused callers do not come back all at once (reliability F-03).
fn retry_after(request: &Request) -> Header {
    let mut hasher = DefaultHasher::new();
    request.call_id_header().map(|id| id.value()).unwrap_or_default().hash(&mut hasher);
    Header::RetryAfter((2 + hasher.finish() % 7).to_string().into())
}

async fn invite(core: Arc<Core>, mut transaction: Transaction) -> rsipstack::Result<()> {
    let request = &transaction.original;
    let call_id = request.call_id_header()?.value().to_owned();
    let from_tag = request.from_header()?.tag()?.map(|tag| tag.value().to_owned()).unwrap_or_default();
    if core.leg(&call_id, |id, _| id.remote_tag == from_tag).is_some() {
        // The same request by another path (§8.2.2.2).
        return refuse(&mut transaction, StatusCode::LoopDetected, Vec::new()).await;
    }
    let offer = description(request);
    let offer = match offer {
        None => None,
        Some(Ok(offer)) => Some(offer),
        Some(Err(error)) => {
            let warning = Header::Warning(format!("399 hualu \"{error}\"").into());
            return refuse(&mut transaction, StatusCode::NotAcceptableHere, vec![warning]).await;
        }
    };
    let (Some((source, transport)), true) = (origin(&transaction), core.has_room()) else {
        return unavailable(&mut transaction).await;
    };
    let incoming = core.incoming.clone();
    let Ok(place) = incoming.try_reserve() else {
        return unavailable(&mut transaction).await;
    };
    let (to_task, states) = core.layer.new_dialog_state_channel();
    let contact = core.contact(transport);
    let Ok(mut dialog) = core.layer.get_or_create_server_invite(&transaction, to_task, None, contact) else {
        return refuse(&mut transaction, StatusCode::BadRequest, Vec::new()).await;
    };
    let shared = LegShared::new(dialog.clone());
    core.register(dialog.id(), shared.clone());
    // Full: see EVENT_QUEUE.
    let (events, receiver) = mpsc::channel(EVENT_QUEUE);
    let request = &transaction.original;
    let call = Incoming {
        call_id,
        from: party(request.from_header()?.value()),
        to: party(request.to_header()?.value()),
        dialled: Pii::new(request.uri.user().unwrap_or_default().to_owned()),
        headers: headers(request),
        offer,
        source,
        transport,
        leg: CallLeg { shared: shared.clone() },
        events: receiver,
    };
    tokio::spawn(drive(core.clone(), shared, states, events, None));
    place.send(call);
    dialog.handle(&mut transaction).await
}

/// Overload is met at the door, before any port or recognizer is taken (RFC 3261 §21.5.4).
async fn unavailable(transaction: &mut Transaction) -> rsipstack::Result<()> {
    metrics::counter!("hualu_sip_calls_refused_total").increment(1);
    let wait = retry_after(&transaction.original);
    refuse(transaction, StatusCode::ServiceUnavailable, vec![wait]).await
}

/// The session description of a message, alone or inside a multipart body; `None` if there is none.
pub(crate) fn description(message: &impl HasBody) -> Option<Result<SessionDescription, SdpError>> {
    let media_type = message.header_value("Content-Type").unwrap_or_default();
    let body = message.body_bytes();
    if body.is_empty() {
        return None;
    }
    sdp_part(&media_type, body).map(SessionDescription::parse)
}

/// Requests and responses alike.
pub(crate) trait HasBody: HeadersExt {
    fn body_bytes(&self) -> &[u8];
}

impl HasBody for Request {
    fn body_bytes(&self) -> &[u8] {
        self.body()
    }
}

impl HasBody for Response {
    fn body_bytes(&self) -> &[u8] {
        self.body()
    }
}

/// Where a request came from.
fn origin(transaction: &Transaction) -> Option<(SocketAddr, Transport)> {
    let peer = transaction.connection.as_ref()?.get_remote_addr()?;
    let transport = match peer.r#type {
        Some(rsipstack::sip::Transport::Tcp) => Transport::Tcp,
        _ => Transport::Udp,
    };
    Some((peer.get_socketaddr().ok()?, transport))
}

/// The headers that may matter to a bot or a trunk's rules; the rest is the stack's.
fn headers(request: &Request) -> Vec<(String, Pii<String>)> {
    let ours = |header: &&Header| {
        !matches!(
            header,
            Header::Via(_)
                | Header::CSeq(_)
                | Header::MaxForwards(_)
                | Header::ContentLength(_)
                | Header::ContentType(_)
                | Header::Authorization(_)
                | Header::ProxyAuthorization(_)
        )
    };
    let pair = |header: &Header| (header.name().to_owned(), Pii::new(header.value().to_owned()));
    request.headers.iter().filter(ours).map(pair).collect()
}

fn party(value: &str) -> Party {
    let Ok(parsed) = rsipstack::sip::headers::From::from(value).typed() else { return Party::default() };
    let name = parsed.display_name.unwrap_or_default();
    Party {
        number: Pii::new(user(&parsed.uri)),
        display_name: Pii::new(name.trim().trim_matches('"').to_owned()),
        uri: Pii::new(parsed.uri.to_string()),
    }
}

/// The user part without parameters; of a `tel:` URI the number stands where a host would.
fn user(uri: &Uri) -> String {
    let user = uri.user().map_or_else(|| uri.host_with_port.host.to_string(), str::to_owned);
    user.split(';').next().unwrap_or_default().to_owned()
}
