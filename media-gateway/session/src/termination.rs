//! Why a call ended. SIP causes are made from this at the edge, once.

/// The end of a call: whose doing it was, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Termination {
    /// Whose doing.
    pub result: CallResult,
    /// Why.
    pub reason: EndReason,
    /// The disposition of the bot's `end` step; empty when the bot did not end the call.
    pub disposition: String,
}

/// Whose doing the end of a call was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallResult {
    /// The call ran its course.
    Success,
    /// The caller's side failed.
    Client,
    /// We failed.
    Server,
    /// An engine or service behind us failed.
    Upstream,
    /// Nobody can tell.
    Indeterminate,
}

impl CallResult {
    /// The label used in metrics and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Client => "client",
            Self::Server => "server",
            Self::Upstream => "upstream",
            Self::Indeterminate => "indeterminate",
        }
    }
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// The bot said goodbye.
    BotHungUp,
    /// The caller hung up.
    CallerHungUp,
    /// Somebody else has the call now.
    Transferred,
    /// The server is shutting down.
    Shutdown,
    /// No audio came from the caller any more.
    MediaTimeout,
    /// The call reached its longest time.
    CallTooLong,
    /// Engines failed too often.
    EnginesFailed,
    /// The signalling failed.
    SignallingFailed,
    /// A fault of our own.
    Internal,
}

impl EndReason {
    /// The label used in metrics and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BotHungUp => "bot_hung_up",
            Self::CallerHungUp => "caller_hung_up",
            Self::Transferred => "transferred",
            Self::Shutdown => "shutdown",
            Self::MediaTimeout => "media_timeout",
            Self::CallTooLong => "call_too_long",
            Self::EnginesFailed => "engines_failed",
            Self::SignallingFailed => "signalling_failed",
            Self::Internal => "internal",
        }
    }

    /// Whose doing it is.
    #[must_use]
    pub const fn result(self) -> CallResult {
        match self {
            Self::BotHungUp | Self::CallerHungUp | Self::Transferred => CallResult::Success,
            Self::MediaTimeout => CallResult::Client,
            Self::Shutdown | Self::CallTooLong | Self::Internal => CallResult::Server,
            Self::EnginesFailed => CallResult::Upstream,
            Self::SignallingFailed => CallResult::Indeterminate,
        }
    }
}

impl Termination {
    /// The end for `reason`, without a disposition.
    #[must_use]
    pub const fn new(reason: EndReason) -> Self {
        Self { result: reason.result(), reason, disposition: String::new() }
    }
}
