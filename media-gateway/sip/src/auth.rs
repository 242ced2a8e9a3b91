//! Digest authentication as client (RFC 3261 §22, RFC 7616, RFC 8760; RFC 2617 for MD5), without I/O.
//!
//! A [`DigestClient`] knows one account. It is shown the challenges of a 401 or 407 and gives the headers with which the
//! request is to be sent again. It answers challenges of the account's own realm and no others, so that whoever gets hold
//! of one of our requests cannot make us compute a response for a realm of their choice (reliability T-14).

use hualu_core::Pii;
use md5::Md5;
use sha2::Sha256;

/// How often one request answers a challenge of one side: the first, and two more of servers that call the nonce stale.
const ROUNDS_MAX: u8 = 3;

/// What an account logs in with. `Debug` shows neither the user nor the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The name in the digest.
    pub user: Pii<String>,
    /// The password.
    pub password: Pii<String>,
    /// The protection space that the password is for; challenges of others are not answered.
    pub realm: String,
    /// Whether a challenge without `qop` is answered, as servers of RFC 2069's time send them: its response can be
    /// replayed for as long as the nonce lives, and computed ahead by whoever chooses the nonce.
    pub without_qop: bool,
}

/// Who asks: it decides which header is read and which is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// The server itself: WWW-Authenticate, Authorization (RFC 3261 §22.2).
    Server,
    /// A proxy on the way: Proxy-Authenticate, Proxy-Authorization (§22.3).
    Proxy,
}

impl Asker {
    const fn authorization(self) -> &'static str {
        match self {
            Self::Server => "Authorization",
            Self::Proxy => "Proxy-Authorization",
        }
    }
}

/// The hash functions that we can compute, from weak to strong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// The hash in hex.
    fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 => hex::encode(<Md5 as md5::Digest>::digest(text)),
            Self::Sha256 => hex::encode(<Sha256 as sha2::Digest>::digest(text)),
        }
    }
}

/// Why a request cannot be sent again with credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The password is wrong, or the user is not known.
    #[error("user and password were refused: check `user`, `auth_user` and `password`")]
    Rejected,
    /// Somebody asks for a password of another realm.
    #[error("the realm asked for is `{asked}`, ours is `{ours}`: if both are the trunk's, set `realm` to the former")]
    ForeignRealm {
        /// What the challenge says.
        asked: String,
        /// What the account says.
        ours: String,
    },
    /// Only algorithms or qualities of protection that we cannot compute.
    #[error("no challenge can be answered: MD5 and SHA-256 with qop=auth can, not `{offered}`")]
    Unsupported {
        /// The algorithms and qualities offered.
        offered: String,
    },
    /// The challenge is of the old, weak kind.
    #[error("the challenge has no qop, so that answers can be replayed: set `without_qop = true` if it must be so")]
    NoQop,
    /// A 401 or 407 without a challenge that can be read.
    #[error("there is no digest challenge in the answer")]
    NoChallenge,
}

/// One challenge, as far as it matters to us. Quoted values are kept as they came, escapes included: that is what
/// RFC 7616 §3.4.1 hashes and wants to be given back.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    /// As written; MD5 when it is missing.
    algorithm: Option<String>,
    qop: Option<String>,
    stale: bool,
}

impl Challenge {
    fn parse(value: &str) -> Option<Self> {
        let mut challenge =
            Self { realm: String::new(), nonce: String::new(), opaque: None, algorithm: None, qop: None, stale: false };
        for (name, value) in parameters(value)? {
            match name.to_ascii_lowercase().as_str() {
                "realm" => challenge.realm = value.to_owned(),
                "nonce" => challenge.nonce = value.to_owned(),
                "opaque" => challenge.opaque = Some(value.to_owned()),
                "algorithm" => challenge.algorithm = Some(value.to_owned()),
                "qop" => challenge.qop = Some(value.to_owned()),
                "stale" => challenge.stale = value.eq_ignore_ascii_case("true"),
                _ => {}
            }
        }
        (!challenge.nonce.is_empty()).then_some(challenge)
    }

    fn algorithm(&self) -> Option<Algorithm> {
        let Some(name) = &self.algorithm else { return Some(Algorithm::Md5) };
        [Algorithm::Md5, Algorithm::Sha256].into_iter().find(|known| name.eq_ignore_ascii_case(known.as_str()))
    }

    /// Whether `qop=auth` is offered; `None` when the challenge does not speak of it.
    fn offers_auth(&self) -> Option<bool> {
        let offered = self.qop.as_ref()?;
        Some(offered.split(',').any(|word| word.trim().eq_ignore_ascii_case("auth")))
    }
}

/// The parameters of a `Digest` header value, quotes taken off. `None` when it is of another scheme or does not parse.
fn parameters(value: &str) -> Option<Vec<(&str, &str)>> {
    let (scheme, rest) = value.trim().split_once([' ', '\t'])?;
    if !scheme.eq_ignore_ascii_case("digest") {
        return None;
    }
    let mut found = Vec::new();
    for parameter in crate::message::split_list(rest) {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim();
        let value = match value.strip_prefix('"') {
            Some(quoted) => quoted.strip_suffix('"')?,
            None => value,
        };
        found.push((name.trim(), value));
    }
    Some(found)
}

/// A challenge that we answer, and how often we have used its nonce.
#[derive(Debug)]
struct Space {
    asker: Asker,
    challenge: Challenge,
    algorithm: Algorithm,
    with_qop: bool,
    /// The nonce count of the last request (RFC 7616 §3.4).
    count: u32,
    /// How many challenges the request under way has answered.
    rounds: u8,
}

/// One account's side of the digest. A nonce serves later requests, too, until the server calls it stale.
#[derive(Debug)]
pub(crate) struct DigestClient {
    credentials: Credentials,
    /// One for each kind of asker at most.
    spaces: Vec<Space>,
}

impl DigestClient {
    pub(crate) const fn new(credentials: Credentials) -> Self {
        Self { credentials, spaces: Vec::new() }
    }

    /// A new request begins: a challenge to it may be answered although an earlier request was challenged.
    pub(crate) fn begin(&mut self) {
        self.spaces.iter_mut().for_each(|space| space.rounds = 0);
    }

    /// Takes the challenges of a 401 or 407; after `Ok` the request is to be sent again with [`Self::headers`].
    ///
    /// # Errors
    /// [`AuthError`]: it must not be sent again.
    pub(crate) fn challenged<'a>(
        &mut self,
        challenges: impl IntoIterator<Item = (Asker, &'a str)>,
    ) -> Result<(), AuthError> {
        let parsed = challenges.into_iter().filter_map(|(asker, value)| Some((asker, Challenge::parse(value)?)));
        let parsed: Vec<_> = parsed.collect();
        let mut outcome = Err(AuthError::NoChallenge);
        for asker in [Asker::Server, Asker::Proxy] {
            let of_asker: Vec<_> = parsed.iter().filter(|(by, _)| *by == asker).map(|(_, one)| one).collect();
            if of_asker.is_empty() {
                continue;
            }
            // Whoever cannot be answered keeps the request from succeeding, whatever the other gets.
            let (challenge, algorithm) = self.choose(&of_asker)?;
            self.take(asker, challenge.clone(), algorithm)?;
            outcome = Ok(());
        }
        outcome
    }

    /// The strongest challenge of our realm that we can answer (RFC 8760 §2.4 leaves the choice to the client).
    fn choose<'a>(&self, offered: &[&'a Challenge]) -> Result<(&'a Challenge, Algorithm), AuthError> {
        let ours = |challenge: &&&Challenge| challenge.realm == self.credentials.realm;
        let Some(of_us) = offered.iter().find(ours) else {
            let asked = offered.first().map(|challenge| challenge.realm.clone()).unwrap_or_default();
            return Err(AuthError::ForeignRealm { asked, ours: self.credentials.realm.clone() });
        };
        let usable = offered.iter().filter(ours).filter_map(|challenge| {
            let fits = challenge.offers_auth().unwrap_or(self.credentials.without_qop);
            Some((*challenge, challenge.algorithm().filter(|_| fits)?))
        });
        // With qop before without, then by strength; of equals the first, which the server prefers.
        let best = usable.reduce(|best, next| {
            let rank = |(challenge, algorithm): &(&Challenge, Algorithm)| (challenge.qop.is_some(), *algorithm);
            if rank(&next) > rank(&best) { next } else { best }
        });
        best.ok_or_else(|| {
            if offered.iter().filter(ours).any(|one| one.qop.is_none() && one.algorithm().is_some()) {
                return AuthError::NoQop;
            }
            let words = [of_us.algorithm.as_deref(), of_us.qop.as_deref()];
            AuthError::Unsupported { offered: words.into_iter().flatten().collect::<Vec<_>>().join(", ") }
        })
    }

    fn take(&mut self, asker: Asker, challenge: Challenge, algorithm: Algorithm) -> Result<(), AuthError> {
        let before = self.spaces.iter().position(|space| space.asker == asker);
        let rounds = before.and_then(|index| self.spaces.get(index)).map_or(0, |space| space.rounds);
        // A second challenge means that the password is wrong, unless only the nonce was (RFC 7616 §3.3).
        if rounds > 0 && (!challenge.stale || rounds >= ROUNDS_MAX) {
            self.spaces.retain(|space| space.asker != asker);
            return Err(AuthError::Rejected);
        }
        let with_qop = challenge.qop.is_some();
        let space = Space { asker, challenge, algorithm, with_qop, count: 0, rounds: rounds + 1 };
        match before.and_then(|index| self.spaces.get_mut(index)) {
            Some(place) => *place = space,
            None => self.spaces.push(space),
        }
        Ok(())
    }

    /// The headers that a request carries, name and value; none before the first challenge. `uri` is the Request-URI as
    /// it is written in the request line, `cnonce` a random word of ours.
    pub(crate) fn headers(&mut self, method: &str, uri: &str, cnonce: &str) -> Vec<(&'static str, String)> {
        let Self { credentials, spaces } = self;
        let header = |space: &mut Space| {
            space.count = space.count.saturating_add(1);
            (space.asker.authorization(), authorization(credentials, space, method, uri, cnonce))
        };
        spaces.iter_mut().map(header).collect()
    }
}

/// The header value (RFC 7616 §3.4, with the spelling of RFC 3261 §25.1).
fn authorization(credentials: &Credentials, space: &Space, method: &str, uri: &str, cnonce: &str) -> String {
    let (user, challenge) = (credentials.user.reveal(), &space.challenge);
    let (realm, nonce) = (&challenge.realm, &challenge.nonce);
    let response = response(credentials, space, method, uri, cnonce);
    let mut value = format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\""
    );
    // Named only if the challenge did, for servers older than the parameter.
    if challenge.algorithm.is_some() {
        value.push_str(&format!(", algorithm={}", space.algorithm.as_str()));
    }
    if space.with_qop {
        value.push_str(&format!(", cnonce=\"{cnonce}\", qop=auth, nc={:08x}", space.count));
    }
    if let Some(opaque) = &challenge.opaque {
        value.push_str(&format!(", opaque=\"{opaque}\""));
    }
    value
}

/// RFC 7616 §3.4.1; without qop RFC 2617 §3.2.2.1.
fn response(credentials: &Credentials, space: &Space, method: &str, uri: &str, cnonce: &str) -> String {
    let (hash, challenge) = (|text: String| space.algorithm.hash(&text), &space.challenge);
    let (realm, nonce) = (&challenge.realm, &challenge.nonce);
    let secret = hash(format!("{}:{realm}:{}", credentials.user.reveal(), credentials.password.reveal()));
    let request = hash(format!("{method}:{uri}"));
    if space.with_qop {
        hash(format!("{secret}:{nonce}:{:08x}:{cnonce}:auth:{request}", space.count))
    } else {
        hash(format!("{secret}:{nonce}:{request}"))
    }
}

#[cfg(test)]
mod tests;
