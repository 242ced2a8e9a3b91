//! The gRPC contract: generated messages, clients and servers of `hualu.asr.v1`, `hualu.nlu.v1` and `hualu.tts.v1`, and
//! the conversions between them and the plain types of `hualu-core`; and `hualu.action.v1`, which back ends implement to
//! be called by bots.
//!
//! Generated types stop at the edge of a service or of the gateway's engines; everything further in speaks core types.
//!
//! ```
//! use hualu_core::TurnId;
//! use hualu_core::dialogue::{Act, Say, TurnAct};
//! use hualu_proto::nlu::v1::ConverseResponse;
//!
//! let act = TurnAct { turn: TurnId(1), revision: 0, last: true, act: Act::Say(Say::plain("您好")) };
//! let wire = ConverseResponse::from(act.clone());
//! assert_eq!(TurnAct::try_from(wire), Ok(act));
//! ```

mod convert;

pub use convert::{WireError, pcm_from_wire, pcm_to_wire};

/// Calls of back ends.
pub mod action {
    /// Version 1.
    #[allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated")]
    pub mod v1 {
        include!("gen/hualu.action.v1.rs");
    }
}

/// Recognition.
pub mod asr {
    /// Version 1.
    #[allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated")]
    pub mod v1 {
        include!("gen/hualu.asr.v1.rs");
    }
}

/// Dialogue.
pub mod nlu {
    /// Version 1.
    #[allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated")]
    pub mod v1 {
        include!("gen/hualu.nlu.v1.rs");
    }
}

/// Synthesis.
pub mod tts {
    /// Version 1.
    #[allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated")]
    pub mod v1 {
        include!("gen/hualu.tts.v1.rs");
    }
}
