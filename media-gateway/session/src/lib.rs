//! One call, whole, without I/O: audio in and out, the turn machine, and a deadline with a declared fallback for every
//! stage.
//!
//! The owner of a [`CallSession`] gives it one [`Input`] at a time and then does what [`CallSession::poll_output`] says
//! until it says [`Output::Timeout`]. Sockets, engines, threads and clocks are the owner's.
//!
//! ```
//! use hualu_core::dialogue::{Act, CallStarted, Say, TurnAct};
//! use hualu_core::{CallId, LatencyBudget, PcmFrame, TurnId, VoiceActivity};
//! use hualu_session::{CallSession, Clip, Input, Law, MediaParams, Output, Prompts, SessionConfig, TurnConfig};
//! use std::{collections::BTreeMap, sync::Arc};
//!
//! struct Loud;
//! impl VoiceActivity for Loud {
//!     fn score(&mut self, frame: &PcmFrame) -> f32 {
//!         if frame.samples().iter().any(|sample| sample.unsigned_abs() > 1_000) { 1.0 } else { 0.0 }
//!     }
//! }
//!
//! # fn clip(text: &str) -> Clip { Clip::new(text, vec![0; 8_000]) }
//! # let prompts = Prompts {
//! #     filler: clip("请稍等"), slow: clip("系统有点慢"), trouble: clip("抱歉"), no_input: clip("您还在吗"),
//! #     goodbye: clip("再见"), menu: None, clips: Default::default(),
//! # };
//! # #[expect(clippy::disallowed_methods, reason = "an example needs some instant")]
//! # let now = std::time::Instant::now();
//! let call = CallId::new("call-1");
//! let config = SessionConfig {
//!     call: call.clone(),
//!     media: MediaParams::new(Law::A, 0x1234_5678, 1, 0),
//!     budget: LatencyBudget::default(),
//!     turn: TurnConfig::default(),
//!     prompts: Arc::new(prompts),
//!     started: CallStarted {
//!         call,
//!         bot: String::new(),
//!         caller: "13800138000".to_owned().into(),
//!         called: "10086".to_owned().into(),
//!         variables: BTreeMap::new(),
//!     },
//!     record: false,
//! };
//! let mut session = CallSession::new(now, config, Box::new(Loud));
//!
//! // The dialogue is asked for its greeting at once, before any packet has come.
//! assert!(matches!(session.poll_output(), Output::Converse(_)));
//! let Output::Timeout(due) = session.poll_output() else { panic!("nothing else to do yet") };
//! assert_eq!(due, now);
//!
//! let greeting = TurnAct { turn: TurnId(0), revision: 0, last: true, act: Act::Say(Say::plain("您好")) };
//! session.handle_input(now, Input::Act(greeting))?;
//! assert!(std::iter::from_fn(|| match session.poll_output() {
//!     Output::Timeout(_) => None,
//!     output => Some(output),
//! }).any(|output| matches!(output, Output::Synthesize(_))));
//! # Ok::<(), hualu_session::SessionError>(())
//! ```
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod answering;
mod call;
mod config;
mod deadline;
mod ears;
mod endpoint;
mod error;
mod exchange;
mod fallback;
mod gain;
mod guess;
mod hearing;
mod input;
mod interrupting;
mod keys;
mod ladder;
mod leaving;
mod local;
mod media;
mod mouth;
mod output;
mod pitch;
mod playout;
mod record;
mod reply;
mod speaking;
mod termination;
mod turn;

pub use call::CallSession;
pub use config::{Clip, Escape, MediaParams, Menu, Prompts, SessionConfig, TurnConfig};
pub use deadline::{Timer, TimerTable};
pub use error::SessionError;
pub use hualu_rtp::{Key, Law};
pub use input::{Failure, Input};
pub use ladder::{Labels, Ladder, LadderError, Ladders, Rung};
pub use media::MediaStats;
pub use output::{Datagram, Idle, Missed, Output, SessionEvent, StereoFrame};
pub use record::{Cause, EndpointReason, Guesses, Outcome, PartialNote, Said, TurnRecord};
pub use termination::{CallResult, EndReason, Termination};
pub use turn::{Effect, State, TurnEvent, step};
