//! SIP behind our own vocabulary: calls come in and go out as [`CallLeg`]s, and no type of the stack below leaves here.
//!
//! [`sdp`] and [`offer_answer`] do no I/O. Everything else runs on tokio: [`SipStack::start`] binds the sockets, an
//! [`Incoming`] call is accepted with the answer that [`offer_answer::answer`] makes, and [`LegEvent`]s tell what the
//! peer does.
//!
//! ```no_run
//! use hualu_sip::offer_answer::{self, Codec, LocalMedia};
//! use hualu_sip::{LegEvent, SipConfig, SipStack};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let (sip, mut calls) = SipStack::start(SipConfig::default()).await?;
//! while let Some(mut call) = calls.recv().await {
//!     let Some(offer) = &call.offer else { continue }; // dropping a call refuses it
//!     let address = "192.0.2.1:30000".parse()?;
//!     let local = LocalMedia { address, session_id: 1, version: 1, codecs: Codec::ALL.to_vec() };
//!     match offer_answer::answer(offer, &local) {
//!         Ok((answer, _negotiated)) => call.leg.accept(&answer)?,
//!         Err(error) => call.leg.reject(488, Some(&error.to_string()))?,
//!     }
//!     while let Some(event) = call.events.recv().await {
//!         if let LegEvent::Ended(ended) = event {
//!             println!("{} ended: {ended:?}", call.call_id);
//!         }
//!     }
//! }
//! # sip.shutdown(); Ok(()) }
//! ```
//!
//! The stack below logs whole messages, numbers included, at level `info`: run with the filter [`LOG_FILTER`], always.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod auth;
mod backlog;
mod dial;
mod dispatch;
mod drive;
mod gate;
mod guard;
mod leg;
mod limits;
mod message;
pub mod offer_answer;
mod probe;
mod register;
mod registration;
pub mod sdp;
mod stack;
mod tcp;
mod udp;

#[cfg(test)]
mod testing;

pub use auth::{AuthError, Credentials};
pub use dial::{Dial, DialError, Outgoing};
pub use gate::GateStats;
pub use guard::DropReason;
pub use leg::{CallLeg, Ended, EndedBy, Incoming, LegError, LegEvent, Party, Reoffer, TransferOutcome, Transport};
pub use limits::{RateLimit, Subnet, SubnetError};
pub use probe::ProbeError;
pub use register::{Account, Registrar};
pub use sdp::SessionDescription;
pub use stack::{SipConfig, SipHandle, SipStack, SipStats, StartError};

/// The tracing directive that keeps message content, and with it personal data, out of the log. Add it to every
/// filter; whoever overrides it to look into a problem sees callers' numbers.
pub const LOG_FILTER: &str = "rsipstack=error";
