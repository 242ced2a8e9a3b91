//! The gate in front of the SIP stack: every message passes here first, on every transport, without I/O.
//!
//! What is well formed goes on in its plain spelling. What is not is answered with the code that the RFC names, built
//! from the bytes alone, so that no parser, transaction or dialog is ever touched by it. An ACK is never answered, and
//! what is no SIP is dropped without a word.

use crate::message::{
    ACCEPT, CALL_ID, CONTACT, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, CSEQ, FROM, MAX_FORWARDS, Name, REQUIRE,
    RawMessage, TO, VIA, answer_address, is_token, sdp_part, split_list,
};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;

/// The methods that we take, as an Allow header.
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, NOTIFY";
/// Methods that we know and do not take (RFC 3261 §8.2.1: 405, not 501).
const NOT_ALLOWED: [&str; 5] = ["REGISTER", "SUBSCRIBE", "PUBLISH", "MESSAGE", "REFER"];
/// Headers that may stand once (RFC 3261 §20).
const SINGLE: [Name; 7] = [TO, FROM, CALL_ID, CSEQ, MAX_FORWARDS, CONTENT_LENGTH, CONTENT_TYPE];

/// Why a message was dropped without an answer. The labels are a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// No SIP at all.
    NotSip,
    /// A response or ACK that is malformed, or a request that could not be answered.
    Malformed,
    /// Larger than a message may be.
    TooLong,
    /// The source is not on the allow-list.
    NotAllowed,
    /// The source sends too much.
    RateLimited,
    /// All sources together send too much.
    Overloaded,
}

impl DropReason {
    /// All reasons.
    pub const ALL: [Self; 6] =
        [Self::NotSip, Self::Malformed, Self::TooLong, Self::NotAllowed, Self::RateLimited, Self::Overloaded];

    /// The label used in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotSip => "not_sip",
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::NotAllowed => "not_allowed",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
        }
    }
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes on, in its plain spelling.
    Pass(Vec<u8>),
    /// It is answered at once.
    Answer(Answer),
    /// It is forgotten.
    Drop(DropReason),
}

/// A stateless answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) bytes: Vec<u8>,
    /// Where it goes over UDP; over a stream it goes back on the connection.
    pub(crate) to: SocketAddr,
}

/// What is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refusal {
    code: u16,
    phrase: &'static str,
    header: Option<String>,
}

const fn refuse(code: u16, phrase: &'static str) -> Refusal {
    Refusal { code, phrase, header: None }
}

/// Judges one whole message: a datagram, or what the framing of a stream cut out.
pub(crate) fn check(bytes: &[u8], source: SocketAddr) -> Verdict {
    let mut message = RawMessage::scan(bytes);
    if message.start.starts_with("SIP/") {
        return response(message);
    }
    let mut words = message.start.split_ascii_whitespace();
    let (method, last) = (words.next().unwrap_or_default().to_owned(), words.next_back().unwrap_or_default());
    if !last.starts_with("SIP/") && !is_token(&method) {
        return Verdict::Drop(DropReason::NotSip);
    }
    let cut = cut_body(&mut message);
    match cut.and_then(|()| request(&message, &method)) {
        Ok(()) => Verdict::Pass(message.to_bytes()),
        Err(_) if method == "ACK" => Verdict::Drop(DropReason::Malformed),
        Err(refusal) => answer(&message, &refusal, source),
    }
}

/// Answers a request that a parser further in could not read.
pub(crate) fn bad_request(bytes: &[u8], source: SocketAddr) -> Verdict {
    let message = RawMessage::scan(bytes);
    let is_ack = message.start.starts_with("ACK ");
    if message.start.starts_with("SIP/") || is_ack {
        return Verdict::Drop(DropReason::Malformed);
    }
    answer(&message, &refuse(400, "Bad Request"), source)
}

fn response(mut message: RawMessage) -> Verdict {
    let mut words = message.start.splitn(3, ' ');
    let version_fits = words.next() == Some("SIP/2.0");
    let code = words.next().filter(|code| code.len() == 3).and_then(|code| code.parse::<u16>().ok());
    let complete = [VIA, FROM, TO, CALL_ID, CSEQ].iter().all(|name| message.first(*name).is_some());
    let known = code.is_some_and(|code| (100..700).contains(&code));
    if version_fits && known && complete && cut_body(&mut message).is_ok() && cseq(&message).is_some() {
        Verdict::Pass(message.to_bytes())
    } else {
        Verdict::Drop(DropReason::Malformed)
    }
}

/// Cuts the body to Content-Length. Without one it is the rest of the datagram (RFC 3261 §18.3).
fn cut_body(message: &mut RawMessage) -> Result<(), Refusal> {
    match message.content_length {
        None => Ok(()),
        Some(Ok(len)) if len <= message.body.len() => {
            message.body.truncate(len);
            Ok(())
        }
        Some(_) => Err(refuse(400, "Bad Content-Length")),
    }
}

fn request(message: &RawMessage, method: &str) -> Result<(), Refusal> {
    start_line(message, method)?;
    if message.malformed_line {
        return Err(refuse(400, "Malformed Header Line"));
    }
    if SINGLE.iter().any(|name| message.all(*name).nth(1).is_some()) {
        return Err(refuse(400, "Repeated Header"));
    }
    if !message.all(VIA).flat_map(split_list).all(is_via) || message.first(VIA).is_none() {
        return Err(refuse(400, "Bad Via"));
    }
    let from = message.first(FROM).filter(|from| is_name_addr(from)).ok_or(refuse(400, "Bad From"))?;
    if !tag(from).is_some_and(is_token) {
        return Err(refuse(400, "Bad From Tag"));
    }
    message.first(TO).filter(|to| is_name_addr(to)).ok_or(refuse(400, "Bad To"))?;
    message.first(CALL_ID).filter(|id| is_call_id(id)).ok_or(refuse(400, "Bad Call-ID"))?;
    if method_of_cseq(message) != Some(method) {
        return Err(refuse(400, "Bad CSeq"));
    }
    if message.first(MAX_FORWARDS).is_some_and(|hops| hops.parse::<u8>().is_err()) {
        return Err(refuse(400, "Bad Max-Forwards"));
    }
    known_method(method)?;
    known_scheme(message)?;
    known_extensions(message, method)?;
    if method == "INVITE" { invite(message) } else { Ok(()) }
}

fn start_line(message: &RawMessage, method: &str) -> Result<(), Refusal> {
    let words: Vec<&str> = message.start.split(' ').collect();
    let [_, uri, version] = words[..] else { return Err(refuse(400, "Bad Request-Line")) };
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        let known_form = version.starts_with("SIP/");
        return Err(if known_form { refuse(505, "Version Not Supported") } else { refuse(400, "Bad Request-Line") });
    }
    // Headers in a URI are for links, never for requests (§19.1.1); a question mark in the user part is fine.
    let has_headers = uri.rsplit('@').next().is_some_and(|host| host.contains('?'));
    let fits = is_token(method) && !uri.contains(['<', '>', '"', '\t']) && !has_headers && uri.contains(':');
    if fits { Ok(()) } else { Err(refuse(400, "Bad Request-Line")) }
}

fn known_method(method: &str) -> Result<(), Refusal> {
    if ALLOW.split(", ").any(|known| known == method) {
        return Ok(());
    }
    let (code, phrase) =
        if NOT_ALLOWED.contains(&method) { (405, "Method Not Allowed") } else { (501, "Not Implemented") };
    Err(Refusal { code, phrase, header: Some(format!("Allow: {ALLOW}")) })
}

fn known_scheme(message: &RawMessage) -> Result<(), Refusal> {
    let uri = message.start.split(' ').nth(1).unwrap_or_default();
    let scheme = uri.split(':').next().unwrap_or_default();
    let known = ["sip", "sips", "tel"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    if known { Ok(()) } else { Err(refuse(416, "Unsupported URI Scheme")) }
}

/// We support no extension that a peer may require (RFC 3261 §8.2.2.3). ACK and CANCEL are exempt.
fn known_extensions(message: &RawMessage, method: &str) -> Result<(), Refusal> {
    let required: Vec<&str> = message.all(REQUIRE).collect();
    if required.is_empty() || matches!(method, "ACK" | "CANCEL") {
        return Ok(());
    }
    let header = Some(format!("Unsupported: {}", required.join(", ")));
    Err(Refusal { code: 420, phrase: "Bad Extension", header })
}

fn invite(message: &RawMessage) -> Result<(), Refusal> {
    let contacts: Vec<&str> = message.all(CONTACT).flat_map(split_list).collect();
    let [contact] = contacts[..] else { return Err(refuse(400, "Bad Contact")) };
    if !is_name_addr(contact) {
        return Err(refuse(400, "Bad Contact"));
    }
    let unsupported =
        |header: &str| Refusal { code: 415, phrase: "Unsupported Media Type", header: Some(header.to_owned()) };
    let encoded = message.all(CONTENT_ENCODING).any(|encoding| !encoding.trim().eq_ignore_ascii_case("identity"));
    if encoded {
        return Err(unsupported("Accept-Encoding: identity"));
    }
    let media_type = |value: &str| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let has_sdp = sdp_part(message.first(CONTENT_TYPE).unwrap_or_default(), &message.body).is_some();
    if !message.body.is_empty() && !has_sdp {
        return Err(unsupported("Accept: application/sdp"));
    }
    let mut accepted = message.all(ACCEPT).flat_map(split_list).map(media_type).peekable();
    let silent = accepted.peek().is_none();
    let fits = |kind: String| matches!(kind.as_str(), "application/sdp" | "application/*" | "*/*" | "");
    if silent || accepted.any(fits) { Ok(()) } else { Err(refuse(406, "Not Acceptable")) }
}

/// The number and method of CSeq; the number is below 2^31 (RFC 3261 §8.1.1.5).
fn cseq(message: &RawMessage) -> Option<(u32, &str)> {
    let (number, method) = message.first(CSEQ)?.split_once(' ')?;
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse::<u32>().ok().filter(|number| digits && *number < 1 << 31)?;
    Some((number, method))
}

fn method_of_cseq(message: &RawMessage) -> Option<&str> {
    cseq(message).map(|(_, method)| method)
}

fn is_call_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 255 && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `SIP/2.0/UDP host;branch=...`, in the plain spelling.
fn is_via(via: &str) -> bool {
    let via = via.trim();
    let Some((protocol, rest)) = via.split_once(' ') else { return false };
    let mut parts = protocol.splitn(3, '/');
    let sip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("SIP"));
    let version = parts.next() == Some("2.0");
    sip && version && parts.next().is_some_and(is_token) && are_params(rest)
}

/// A first part and parameters, none of them empty.
fn are_params(text: &str) -> bool {
    !text.is_empty() && text.split(';').all(|part| !part.trim().is_empty())
}

/// `"Name" <uri>;params` or `uri;params`: quotes and brackets close, and no space stands in a URI.
fn is_name_addr(value: &str) -> bool {
    let (mut quoted, mut escaped, mut open, mut closed) = (false, false, None, None);
    for (at, symbol) in value.char_indices() {
        let was_escaped = std::mem::take(&mut escaped);
        match symbol {
            '"' if !was_escaped && closed.is_none() => quoted = !quoted,
            '\\' if quoted => escaped = !was_escaped,
            '<' if !quoted && open.is_some() => return false,
            '<' if !quoted => open = Some(at + 1),
            '>' if !quoted && closed.is_none() => closed = Some(at),
            _ => {}
        }
    }
    if quoted {
        return false;
    }
    match (open, closed) {
        (Some(open), Some(closed)) => {
            let uri = value.get(open..closed).unwrap_or_default();
            let rest = value.get(closed + 1..).unwrap_or_default();
            let rest_fits = rest.strip_prefix(';').map_or(rest.trim().is_empty(), are_params);
            uri.contains(':') && !uri.contains(char::is_whitespace) && rest_fits
        }
        (None, None) => value.contains(':') && !value.contains([' ', '"']) && are_params(value),
        _ => false,
    }
}

/// The tag parameter of From or To.
fn tag(value: &str) -> Option<&str> {
    let params = value.rsplit_once('>').map_or(value, |(_, params)| params);
    params.split(';').skip(1).find_map(|param| {
        let (name, value) = param.split_once('=')?;
        name.trim().eq_ignore_ascii_case("tag").then(|| value.trim())
    })
}

/// Builds the answer. The To tag is a hash of the request, so that repetitions get the same one (RFC 3261 §8.2.7).
fn answer(message: &RawMessage, refusal: &Refusal, source: SocketAddr) -> Verdict {
    let Some(top_via) = message.all(VIA).flat_map(split_list).next() else {
        return Verdict::Drop(DropReason::Malformed);
    };
    let mut text = format!("SIP/2.0 {} {}\r\n", refusal.code, refusal.phrase);
    let mut line = |name: &str, value: &str| {
        for part in [name, ": ", value, "\r\n"] {
            text.push_str(part);
        }
    };
    for (index, via) in message.all(VIA).enumerate() {
        let received = format!("{via};received={}", source.ip());
        // A list in one line gets no parameter: it would end up at the last value.
        line("Via", if index == 0 && split_list(via).nth(1).is_none() { &received } else { via });
    }
    for (label, name) in [("From", FROM), ("Call-ID", CALL_ID), ("CSeq", CSEQ)] {
        if let Some(value) = message.first(name) {
            line(label, value);
        }
    }
    if let Some(to) = message.first(TO) {
        let tagged = format!("{to};tag={:016x}", hash_of(message));
        line("To", if tag(to).is_some() { to } else { &tagged });
    }
    if let Some((name, value)) = refusal.header.as_deref().and_then(|header| header.split_once(": ")) {
        line(name, value);
    }
    line("Content-Length", "0");
    text.push_str("\r\n");
    let to = answer_address(top_via, source);
    Verdict::Answer(Answer { code: refusal.code, bytes: text.into_bytes(), to })
}

fn hash_of(message: &RawMessage) -> u64 {
    let mut hasher = DefaultHasher::new();
    [VIA, FROM, CALL_ID, CSEQ].map(|name| message.first(name)).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
