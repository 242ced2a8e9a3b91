//! Calls that we place.

use crate::drive::{EVENT_QUEUE, LegShared, drive};
use crate::leg::{CallLeg, LegEvent, Transport, body};
use crate::sdp::SessionDescription;
use crate::stack::SipHandle;
use crate::tcp::tcp_address;
use hualu_core::Pii;
use rsipstack::dialog::invitation::InviteOption;
use rsipstack::sip::uri::ParamsExt;
use rsipstack::sip::{Header, Host, Uri};
use rsipstack::transport::SipAddr;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long a host name may take to resolve.
const RESOLVE_LIMIT: Duration = Duration::from_secs(4);

/// A call to place.
#[derive(Clone, Debug)]
pub struct Dial {
    /// Whom to call: `sip:10086@192.0.2.1:5060`, with `;transport=tcp` for TCP.
    pub to: Pii<String>,
    /// The user part of our From: the number shown. Empty for none.
    pub from: Pii<String>,
    /// Our offer.
    pub offer: SessionDescription,
    /// More headers for the INVITE.
    pub headers: Vec<(String, Pii<String>)>,
    /// Where to send it instead of where the URI points: an outbound proxy or trunk.
    pub via: Option<SocketAddr>,
}

/// Why a call cannot be placed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The target is no SIP URI.
    #[error("sip: the target is no SIP URI: write sip:user@host, sip:user@host:port or with ;transport=tcp")]
    Target,
    /// The host name does not resolve.
    #[error("sip: host `{host}` does not resolve: {cause}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver says.
        cause: String,
    },
    /// The TCP connection cannot be made.
    #[error("sip: cannot connect to {address} over tcp: {cause}")]
    Connect {
        /// The peer.
        address: SocketAddr,
        /// What the system says.
        cause: String,
    },
    /// The transport is not bound here.
    #[error("sip: no {0:?} socket is bound: configure one")]
    NoTransport(Transport),
    /// As many calls as allowed are under way, or the door is closed.
    #[error("sip: no room for another call: raise `calls_max` or wait")]
    Full,
    /// The stack below refuses.
    #[error("sip: the call cannot be placed: {0}")]
    Stack(String),
}

/// A call that we placed. Dropping it, or its events, cancels or ends it.
#[derive(Debug)]
pub struct Outgoing {
    /// The call.
    pub leg: CallLeg,
    /// What happens to it: ringing, answered, ended.
    pub events: mpsc::Receiver<LegEvent>,
}

impl SipHandle {
    /// Places a call. It returns once the INVITE is on its way; the outcome comes as events.
    ///
    /// # Errors
    /// [`DialError`], before anything is sent.
    pub async fn dial(&self, dial: Dial) -> Result<Outgoing, DialError> {
        let core = &self.core;
        if !core.has_room() {
            return Err(DialError::Full);
        }
        let callee = Uri::try_from(dial.to.reveal().as_str()).map_err(|_| DialError::Target)?;
        if !matches!(callee.scheme, Some(rsipstack::sip::Scheme::Sip)) {
            return Err(DialError::Target);
        }
        let transport = match callee.transport() {
            Some(rsipstack::sip::Transport::Tcp) => Transport::Tcp,
            Some(rsipstack::sip::Transport::Udp) | None => Transport::Udp,
            Some(_) => return Err(DialError::Target),
        };
        let address = match dial.via {
            Some(address) => address,
            None => resolve(&callee).await?,
        };
        let contact = core.contact(transport).ok_or(DialError::NoTransport(transport))?;
        let destination = match transport {
            Transport::Udp if core.udp_address.is_none() => return Err(DialError::NoTransport(transport)),
            Transport::Udp => SipAddr { r#type: Some(rsipstack::sip::Transport::Udp), addr: address.into() },
            Transport::Tcp => {
                let connected = core.tcp.connect(address).await;
                connected.map_err(|error| DialError::Connect { address, cause: error.to_string() })?;
                tcp_address(address)
            }
        };
        let mut caller = contact.clone();
        caller.params.clear();
        caller.auth = Some(rsipstack::sip::Auth { user: caller_user(dial.from.reveal()), password: None });
        let headers = dial.headers.iter().map(|(name, value)| Header::Other(plain(name), plain(value.reveal())));
        let option = InviteOption {
            caller,
            callee,
            destination: Some(destination),
            content_type: Some("application/sdp".to_owned()),
            offer: Some(body(&dial.offer)),
            contact,
            headers: Some(headers.collect()),
            ..InviteOption::default()
        };
        let (to_task, states) = core.layer.new_dialog_state_channel();
        let invited = core.layer.do_invite_async(option, to_task);
        let (dialog, inviting) = invited.map_err(|error| DialError::Stack(error.to_string()))?;
        let shared = LegShared::new(dialog.clone());
        core.register(dialog.id(), shared.clone());
        // Full: see EVENT_QUEUE.
        let (to_owner, events) = mpsc::channel(EVENT_QUEUE);
        tokio::spawn(drive(core.clone(), shared.clone(), states, to_owner, Some(inviting)));
        Ok(Outgoing { leg: CallLeg { shared }, events })
    }
}

fn caller_user(from: &str) -> String {
    if from.is_empty() { "hualu".to_owned() } else { plain(from) }
}

/// Text that cannot end its header line.
fn plain(text: &str) -> String {
    text.chars().filter(|symbol| !symbol.is_control()).collect()
}

async fn resolve(uri: &Uri) -> Result<SocketAddr, DialError> {
    let port = uri.host_with_port.port.map_or(5_060, u16::from);
    let name = match &uri.host_with_port.host {
        Host::IpAddr(address) => return Ok(SocketAddr::new(*address, port)),
        Host::Domain(domain) => domain.to_string(),
    };
    let failed = |cause: String| DialError::Resolve { host: name.clone(), cause };
    let lookup = tokio::net::lookup_host((name.as_str(), port));
    let found = tokio::time::timeout(RESOLVE_LIMIT, lookup).await.map_err(|_| failed("no answer in 4 s".to_owned()))?;
    let mut addresses = found.map_err(|error| failed(error.to_string()))?;
    addresses.next().ok_or_else(|| failed("no address".to_owned()))
}
