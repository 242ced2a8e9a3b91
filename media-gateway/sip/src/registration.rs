//! REGISTER as client (RFC 3261 §10.2) as a state machine: when to send, what an answer means, how long to wait.
//!
//! Its owner asks [`Registration::poll`] what to do, sends what it says and brings back the [`Answer`]. A binding is
//! renewed when three quarters of its life are over. After a failure the wait doubles, with a random part so that many
//! gateways do not come back at once (RFC 5626 §4.5); what the registrar has refused for good is asked for rarely.

use crate::auth::{Asker, AuthError, Credentials, DigestClient};
use crate::message::split_list;
use std::time::{Duration, Instant};

/// The first wait after a failure that may pass, and the longest.
const RETRY_BASE: Duration = Duration::from_secs(4);
const RETRY_MAX: Duration = Duration::from_secs(120);
/// The wait after a refusal. More attempts with a wrong password would only get the account locked.
const REFUSED_WAIT: Duration = Duration::from_secs(300);
/// No registrar makes us wait longer.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
/// The longest binding that we ask for, in seconds.
const EXPIRES_MAX_S: u32 = 86_400;
/// Requests sent at once after an answer (challenge, 423), before it counts as a failure.
const AT_ONCE_MAX: u8 = 8;

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send a REGISTER that asks for so many seconds; 0 takes the binding back.
    Send { expires_s: u32 },
    /// Come back then, or with the answer.
    Wait(Instant),
    /// An answer is awaited.
    Await,
    /// It is over.
    Done,
}

/// What the registrar said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The life of our binding in seconds, if the answer names it.
    pub(crate) granted_s: Option<u32>,
    /// Min-Expires of a 423.
    pub(crate) min_expires_s: Option<u32>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) challenges: Vec<(Asker, String)>,
}

/// Why a registration failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("no answer: is `peer` right, and may its answers come through?")]
    Silent,
    #[error("{0}")]
    Unreachable(String),
    #[error("status {0}: the registrar does not serve us now")]
    Unavailable(u16),
    #[error("status {0}: the registrar does not take us; check `user`, `password` and `domain`")]
    Refused(u16),
    #[error("{0}")]
    Auth(#[from] AuthError),
    #[error("the registrar grants no time that we can ask for")]
    Interval,
    #[error("the registrar keeps asking for more")]
    Endless,
}

impl Trouble {
    /// Whether the same request may work a little later.
    const fn may_pass(&self) -> bool {
        matches!(self, Self::Silent | Self::Unreachable(_) | Self::Unavailable(_))
    }
}

/// What an exchange came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The binding lives for so long.
    Registered(Duration),
    /// The binding is taken back.
    Removed,
    /// It failed; the next attempt comes after `retry_in`, if there is one.
    Failed { trouble: Trouble, retry_in: Option<Duration> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Due(Instant),
    InFlight { asked_s: u32 },
    Over,
}

/// One account's binding at its registrar.
#[derive(Debug)]
pub(crate) struct Registration {
    auth: DigestClient,
    expires_s: u32,
    phase: Phase,
    bound_until: Option<Instant>,
    failures: u32,
    at_once: u8,
    stopping: bool,
    noise: u64,
}

impl Registration {
    /// Starts unbound and due at once. `seed` makes the waits differ from other gateways'.
    pub(crate) fn new(credentials: Credentials, expires_s: u32, seed: u64, now: Instant) -> Self {
        Self {
            auth: DigestClient::new(credentials),
            expires_s: expires_s.clamp(1, EXPIRES_MAX_S),
            phase: Phase::Due(now),
            bound_until: None,
            failures: 0,
            at_once: 0,
            stopping: false,
            noise: seed | 1,
        }
    }

    /// Whether the registrar holds a binding of ours.
    pub(crate) fn is_bound(&self, now: Instant) -> bool {
        self.bound_until.is_some_and(|until| now < until)
    }

    /// What to do now; after [`Step::Send`] the outcome must be brought back.
    pub(crate) fn poll(&mut self, now: Instant) -> Step {
        match self.phase {
            Phase::Over => Step::Done,
            Phase::InFlight { .. } => Step::Await,
            Phase::Due(at) if now >= at => {
                let expires_s = if self.stopping { 0 } else { self.expires_s };
                self.phase = Phase::InFlight { asked_s: expires_s };
                Step::Send { expires_s }
            }
            // The end of the binding is an event, too.
            Phase::Due(at) => {
                Step::Wait(self.bound_until.filter(|until| now < *until).map_or(at, |until| until.min(at)))
            }
        }
    }

    /// The credentials that the request carries, as header names and values.
    pub(crate) fn authorization(&mut self, uri: &str, cnonce: &str) -> Vec<(&'static str, String)> {
        self.auth.headers("REGISTER", uri, cnonce)
    }

    /// Takes the final answer. `None`: the request goes out again at once.
    pub(crate) fn answered(&mut self, now: Instant, answer: &Answer) -> Option<Outcome> {
        let Phase::InFlight { asked_s } = self.phase else { return None };
        match answer.status {
            200..300 if asked_s == 0 => Some(self.removed()),
            200..300 => Some(self.bound(now, answer.granted_s.unwrap_or(asked_s))),
            401 | 407 => {
                let challenges = answer.challenges.iter().map(|(asker, value)| (*asker, value.as_str()));
                match self.auth.challenged(challenges) {
                    Ok(()) => self.again(now),
                    Err(error) => Some(self.failed(now, Trouble::Auth(error), None)),
                }
            }
            423 => match answer.min_expires_s {
                Some(least) if least > asked_s && least <= EXPIRES_MAX_S => {
                    self.expires_s = least;
                    self.again(now)
                }
                _ => Some(self.failed(now, Trouble::Interval, None)),
            },
            408 | 480 | 500..600 => Some(self.failed(now, Trouble::Unavailable(answer.status), answer.retry_after)),
            status => Some(self.failed(now, Trouble::Refused(status), answer.retry_after)),
        }
    }

    /// Takes that no answer came.
    pub(crate) fn unanswered(&mut self, now: Instant, trouble: Trouble) -> Option<Outcome> {
        matches!(self.phase, Phase::InFlight { .. }).then(|| self.failed(now, trouble, None))
    }

    /// Ends it: a binding is taken back with one more request.
    pub(crate) fn stop(&mut self, now: Instant) {
        self.stopping = true;
        if let Phase::Due(_) = self.phase {
            self.phase = if self.is_bound(now) { Phase::Due(now) } else { Phase::Over };
        }
    }

    fn bound(&mut self, now: Instant, granted_s: u32) -> Outcome {
        if granted_s == 0 {
            return self.failed(now, Trouble::Interval, None);
        }
        let granted_s = granted_s.min(EXPIRES_MAX_S);
        self.settle();
        self.failures = 0;
        let life = Duration::from_secs(granted_s.into());
        self.bound_until = Some(now + life);
        let share = 700 + self.draw() / 10;
        let renew = Duration::from_millis(u64::from(granted_s) * share);
        self.phase = Phase::Due(if self.stopping { now } else { now + renew });
        Outcome::Registered(life)
    }

    fn removed(&mut self) -> Outcome {
        self.bound_until = None;
        self.phase = Phase::Over;
        Outcome::Removed
    }

    fn again(&mut self, now: Instant) -> Option<Outcome> {
        self.at_once += 1;
        if self.at_once > AT_ONCE_MAX {
            return Some(self.failed(now, Trouble::Endless, None));
        }
        self.phase = Phase::Due(now);
        None
    }

    fn failed(&mut self, now: Instant, trouble: Trouble, retry_after: Option<Duration>) -> Outcome {
        let removing = self.phase == Phase::InFlight { asked_s: 0 };
        self.settle();
        if self.stopping {
            // One attempt to take the binding back; it ends by itself at the latest.
            let once_more = !removing && self.is_bound(now);
            self.phase = if once_more { Phase::Due(now) } else { Phase::Over };
            return Outcome::Failed { trouble, retry_in: None };
        }
        let longest = if trouble.may_pass() {
            let doubled = RETRY_BASE.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
            doubled.min(RETRY_MAX)
        } else {
            REFUSED_WAIT
        };
        // Between half and the whole of it (RFC 5626 §4.5), and no sooner than the registrar wants.
        let wait = longest.mul_f64(0.5 + self.draw() as f64 / 2_000.0);
        let wait = wait.max(retry_after.unwrap_or_default().min(RETRY_AFTER_MAX));
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::Due(now + wait);
        Outcome::Failed { trouble, retry_in: Some(wait) }
    }

    /// An exchange is over, whatever came of it.
    fn settle(&mut self) {
        self.at_once = 0;
        self.auth.begin();
    }

    /// 0 to 999 (xorshift, Marsaglia 2003).
    fn draw(&mut self) -> u64 {
        for (left, by) in [(true, 13), (false, 7), (true, 17)] {
            self.noise ^= if left { self.noise << by } else { self.noise >> by };
        }
        self.noise % 1_000
    }
}

/// The life of our binding in a 200 (RFC 3261 §10.2.4): of the Contacts that are listed ours, or the only one, for
/// registrars behind a NAT rewrite it. `contacts` and `expires` are the header values, `ours` our URI without parameters.
pub(crate) fn granted_s<'a>(
    contacts: impl IntoIterator<Item = &'a str>,
    expires: Option<&str>,
    ours: &str,
) -> Option<u32> {
    let listed: Vec<&str> = contacts.into_iter().flat_map(split_list).map(str::trim).collect();
    let uri = |contact: &str| {
        let after = contact.split_once('<').map_or(contact, |(_, after)| after);
        after.split([';', '>']).next().unwrap_or_default().to_owned()
    };
    let life = |contact: &str| {
        let parameters = contact.rsplit('>').next().unwrap_or_default();
        let value = parameters.split(';').find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("expires").then_some(value)
        });
        value.and_then(|value| value.trim().trim_matches('"').parse().ok())
    };
    let ours = listed.iter().find(|contact| uri(contact).eq_ignore_ascii_case(ours));
    let only = || listed.first().filter(|_| listed.len() == 1);
    ours.or_else(only).and_then(|contact| life(contact)).or_else(|| expires?.trim().parse().ok())
}

#[cfg(test)]
mod tests;
