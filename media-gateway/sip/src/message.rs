//! SIP messages as bytes: cut into lines, unfolded and put into plain shape, before any parser that matters sees them.
//!
//! The stack below is exact about white space and text encoding; telephones are not. This file takes any spelling that
//! RFC 3261 §7.3.1 allows (folded lines, spaces around separators), and header text in GBK, which PBXs in China send,
//! and prints the one plain spelling.

use std::borrow::Cow;
use std::net::SocketAddr;

/// A message cut into its parts. Header names keep their spelling; values are unfolded, trimmed UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawMessage {
    pub(crate) start: String,
    pub(crate) headers: Vec<(String, String)>,
    /// Everything after the blank line, before Content-Length is looked at.
    pub(crate) body: Vec<u8>,
    /// A header line that was none: no colon, or a name that is no token.
    pub(crate) malformed_line: bool,
    /// Content-Length as written. `None` when it is missing.
    pub(crate) content_length: Option<Result<usize, ()>>,
}

/// Where the head of a message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeadEnd {
    /// Bytes of the head, without the blank line.
    pub(crate) head: usize,
    /// Where the body starts.
    pub(crate) body: usize,
}

/// Finds the blank line. Bare line feeds count, as everywhere in this file.
pub(crate) fn head_end(bytes: &[u8]) -> Option<HeadEnd> {
    let mut from = 0;
    loop {
        let rest = bytes.get(from..)?;
        let feed = from + rest.iter().position(|byte| *byte == b'\n')?;
        match bytes.get(feed + 1..)? {
            [b'\n', ..] => return Some(HeadEnd { head: feed + 1, body: feed + 2 }),
            [b'\r', b'\n', ..] => return Some(HeadEnd { head: feed + 1, body: feed + 3 }),
            _ => from = feed + 1,
        }
    }
}

/// The bytes without the empty lines before the start line, which are keep-alives (RFC 3261 §7.5).
pub(crate) fn trim_start(bytes: &[u8]) -> &[u8] {
    let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    bytes.get(blank..).unwrap_or(&[])
}

impl RawMessage {
    /// Cuts a message; a missing blank line means that there is no body.
    pub(crate) fn scan(bytes: &[u8]) -> Self {
        let bytes = trim_start(bytes);
        let end = head_end(bytes).unwrap_or(HeadEnd { head: bytes.len(), body: bytes.len() });
        let mut message = Self {
            start: String::new(),
            headers: Vec::new(),
            body: bytes.get(end.body..).unwrap_or(&[]).to_vec(),
            malformed_line: false,
            content_length: None,
        };
        let mut lines = bytes.get(..end.head).unwrap_or(&[]).split(|byte| *byte == b'\n');
        message.start = text(lines.next().unwrap_or(&[])).into_owned();
        let mut logical: Vec<u8> = Vec::new();
        for line in lines {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if matches!(line, [b' ' | b'\t', ..]) {
                logical.push(b' ');
                logical.extend_from_slice(line.trim_ascii());
                continue;
            }
            message.header(&logical);
            logical.clear();
            logical.extend_from_slice(line);
        }
        message.header(&logical);
        message
    }

    fn header(&mut self, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        let line = text(line);
        let Some((name, value)) = line.split_once(':') else {
            self.malformed_line = true;
            return;
        };
        let name = name.trim_end();
        if !is_token(name) {
            self.malformed_line = true;
            return;
        }
        let value = value.trim();
        if is(name, CONTENT_LENGTH) {
            let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            self.content_length = Some(value.parse().ok().filter(|_| digits).ok_or(()));
        }
        self.headers.push((name.to_owned(), plain(name, value)));
    }

    /// The values of a header in all its spellings, in order.
    pub(crate) fn all(&self, header: Name) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(move |(name, _)| is(name, header)).map(|(_, value)| value.as_str())
    }

    /// The first value of a header.
    pub(crate) fn first(&self, header: Name) -> Option<&str> {
        self.all(header).next()
    }

    /// Prints the message with a Content-Length that is true.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.body.len() + 1_024);
        out.extend_from_slice(self.start.as_bytes());
        out.extend_from_slice(b"\r\n");
        for (name, value) in self.headers.iter().filter(|(name, _)| !is(name, CONTENT_LENGTH)) {
            for part in [name.as_str(), ": ", value.as_str(), "\r\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", self.body.len()).as_bytes());
        out.extend_from_slice(&self.body);
        out
    }
}

/// A header's long name and its compact form (RFC 3261 §7.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name(pub(crate) &'static str, pub(crate) &'static str);

pub(crate) const VIA: Name = Name("via", "v");
pub(crate) const FROM: Name = Name("from", "f");
pub(crate) const TO: Name = Name("to", "t");
pub(crate) const CALL_ID: Name = Name("call-id", "i");
pub(crate) const CSEQ: Name = Name("cseq", "cseq");
pub(crate) const CONTACT: Name = Name("contact", "m");
pub(crate) const CONTENT_LENGTH: Name = Name("content-length", "l");
pub(crate) const CONTENT_TYPE: Name = Name("content-type", "c");
pub(crate) const CONTENT_ENCODING: Name = Name("content-encoding", "e");
pub(crate) const MAX_FORWARDS: Name = Name("max-forwards", "max-forwards");
pub(crate) const REQUIRE: Name = Name("require", "require");
pub(crate) const ACCEPT: Name = Name("accept", "accept");

/// Whether a written name means this header: by the parsed name, never by the spelling (reliability T-18).
pub(crate) fn is(written: &str, name: Name) -> bool {
    written.eq_ignore_ascii_case(name.0) || written.eq_ignore_ascii_case(name.1)
}

/// Whether the text is a token (RFC 3261 §25.1).
pub(crate) fn is_token(text: &str) -> bool {
    let mark = |byte: u8| b"-.!%*_+`'~".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || mark(byte))
}

/// Header text: UTF-8 as it is, else GBK, else with what is unreadable replaced by `?`. Control characters are replaced
/// too, so that no header can write into a log or a terminal (reliability T-21).
fn text(line: &[u8]) -> Cow<'_, str> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = match std::str::from_utf8(line) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => match encoding_rs::GBK.decode_without_bom_handling(line) {
            (decoded, false) => decoded,
            (_, true) => Cow::Owned(String::from_utf8_lossy(line).replace('\u{fffd}', "?")),
        },
    };
    let harmful = |symbol: char| symbol.is_control() && symbol != '\t';
    if text.contains(harmful) { Cow::Owned(text.replace(harmful, "?")) } else { text }
}

/// The plain spelling of a structured value: outside quotes one space at most, and none around separators.
fn plain(name: &str, value: &str) -> String {
    let separators: &[u8] = if is(name, VIA) {
        b"/;=,:"
    } else if [FROM, TO, CONTACT].iter().any(|known| is(name, *known)) {
        b";="
    } else if is(name, CSEQ) {
        b""
    } else {
        return value.to_owned();
    };
    let mut out = String::with_capacity(value.len());
    let (mut quoted, mut escaped, mut gap) = (false, false, false);
    for symbol in value.chars() {
        if quoted {
            out.push(symbol);
            quoted = escaped || symbol != '"';
            escaped = !escaped && symbol == '\\';
            continue;
        }
        if symbol == ' ' || symbol == '\t' {
            gap = true;
            continue;
        }
        let separates = |symbol: char| u8::try_from(symbol).is_ok_and(|byte| separators.contains(&byte));
        let joined = separates(symbol) || out.chars().next_back().is_none_or(separates);
        if std::mem::take(&mut gap) && !joined {
            out.push(' ');
        }
        quoted = symbol == '"';
        out.push(symbol);
    }
    out
}

/// Splits a list at commas, outside quotes and angle brackets.
pub(crate) fn split_list(value: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped, mut depth) = (false, false, 0_u32);
    value.split(move |symbol| {
        let was_escaped = std::mem::take(&mut escaped);
        match symbol {
            '"' if !was_escaped => quoted = !quoted,
            '\\' if quoted => escaped = !was_escaped,
            '<' if !quoted => depth += 1,
            '>' if !quoted => depth = depth.saturating_sub(1),
            ',' => return !quoted && depth == 0,
            _ => {}
        }
        false
    })
}

/// The session description inside a body: the whole of it, or the part of a multipart body (RFC 5621) that is one, as
/// trunks send that carry ISUP beside it (SIP-I). `None` if there is none.
pub(crate) fn sdp_part<'a>(content_type: &str, body: &'a [u8]) -> Option<&'a [u8]> {
    let mut words = content_type.split(';');
    let media_type = words.next().unwrap_or_default().trim().to_ascii_lowercase();
    if media_type == "application/sdp" {
        return Some(body);
    }
    if !media_type.starts_with("multipart/") {
        return None;
    }
    let boundary = words.find_map(|param| {
        let (name, value) = param.split_once('=')?;
        let boundary = value.trim().trim_matches('"');
        (name.trim().eq_ignore_ascii_case("boundary") && !boundary.is_empty()).then_some(boundary)
    })?;
    let delimiter = format!("--{boundary}");
    let mut rest = body;
    while let Some(start) = find(rest, delimiter.as_bytes()) {
        let part = rest.get(start + delimiter.len()..)?;
        let end = find(part, delimiter.as_bytes()).unwrap_or(part.len());
        let (part, after) = part.split_at(end);
        // A part has headers only; the scanner wants a start line first.
        let head = RawMessage::scan(&[b"PART\r\n", trim_start(part)].concat());
        let is_sdp = |value: &str| {
            value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/sdp"))
        };
        if head.first(CONTENT_TYPE).is_some_and(is_sdp) {
            let content = head_end(trim_start(part)).and_then(|end| trim_start(part).get(end.body..))?;
            return Some(content.strip_suffix(b"\r\n").unwrap_or(content));
        }
        rest = after;
    }
    None
}

fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len()).position(|window| window == pattern)
}

/// Where a stateless answer to a request from `source` goes over UDP (RFC 3261 §18.2.2, RFC 3581 §4): back to the
/// source's address, at its port if it asked for that, else at the port that its Via names.
pub(crate) fn answer_address(top_via: &str, source: SocketAddr) -> SocketAddr {
    let mut parts = top_via.split(';');
    let sent_by = parts.next().unwrap_or_default();
    if parts.any(|param| param.split('=').next().is_some_and(|name| name.eq_ignore_ascii_case("rport"))) {
        return source;
    }
    let host = sent_by.rsplit(' ').next().unwrap_or_default();
    let after_address = host.rsplit(']').next().unwrap_or_default();
    let port = after_address.rsplit_once(':').map_or(Ok(5_060), |(_, port)| port.parse());
    SocketAddr::new(source.ip(), port.unwrap_or(5_060))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folded_message_gets_the_plain_spelling() {
        let raw = b"\r\n\r\nINVITE sip:a@b SIP/2.0\r\nTO :\r\n sip:x@y ;   tag    = 19\r\nfrom   : \"J \\\\\\\" ; R\"    <sip:j@e>\r\n  ;\r\n  tag = 98\r\n\
            Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390\r\ncseq: 0009\r\n  INVITE\r\nSubject: a  b\r\nl : 3\r\n\r\nabcdef";
        let message = RawMessage::scan(raw);
        assert_eq!(message.start, "INVITE sip:a@b SIP/2.0");
        assert_eq!(message.first(TO), Some("sip:x@y;tag=19"));
        assert_eq!(message.first(FROM), Some("\"J \\\\\\\" ; R\" <sip:j@e>;tag=98"));
        assert_eq!(message.first(VIA), Some("SIP/2.0/UDP 192.0.2.2;branch=390"));
        assert_eq!(message.first(CSEQ), Some("0009 INVITE"));
        assert_eq!(message.first(Name("subject", "s")), Some("a  b"));
        assert_eq!((message.content_length, message.body.len()), (Some(Ok(3)), 6));
        assert!(!message.malformed_line);
    }

    #[test]
    fn names_in_gbk_become_utf_8_and_rubbish_becomes_question_marks() {
        let mut raw = b"OPTIONS sip:a@b SIP/2.0\r\nFrom: \"".to_vec();
        raw.extend([0xbb, 0xb0, 0xc2, 0xb7]);
        raw.extend(b"\" <sip:a@b>;tag=1\r\nX: \xff\xff\r\nY: \xe8\xaf\x9d\r\n\r\n");
        let message = RawMessage::scan(&raw);
        assert_eq!(message.first(FROM), Some("\"话路\" <sip:a@b>;tag=1"));
        assert_eq!(message.first(Name("x", "x")), Some("??"));
        assert_eq!(message.first(Name("y", "y")), Some("话"));
        assert!(std::str::from_utf8(&message.to_bytes()).is_ok());
    }

    #[test]
    fn lines_that_are_no_headers_are_noticed() {
        for line in ["Foobar roobar", ": x", "A B: x", "\u{1}: x"] {
            let raw = format!("OPTIONS sip:a@b SIP/2.0\r\nTo: sip:a@b\r\n{line}\r\n\r\n");
            assert!(RawMessage::scan(raw.as_bytes()).malformed_line, "{line:?}");
        }
    }

    #[test]
    fn what_is_printed_is_scanned_back() {
        let raw = b"BYE sip:a@b SIP/2.0\nv: SIP/2.0/UDP h ; branch = x\nContent-Length: 999\n\nbody";
        let message = RawMessage::scan(raw);
        let printed = message.to_bytes();
        assert_eq!(printed, b"BYE sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP h;branch=x\r\nContent-Length: 4\r\n\r\nbody");
        assert_eq!(RawMessage::scan(&printed).to_bytes(), printed);
    }

    #[test]
    fn lists_are_split_outside_quotes_and_brackets() {
        let parts: Vec<&str> = split_list("a, \"b,\\\"c\" <sip:d,e>, f").map(str::trim).collect();
        assert_eq!(parts, ["a", "\"b,\\\"c\" <sip:d,e>", "f"]);
    }

    #[test]
    fn the_description_is_found_in_a_multipart_body() {
        let body = b"preamble\r\n--unique-1\r\nContent-Type: application/isup;version=itu-t92+\r\n\r\n\x01\x11\r\n\r\n\x00\r\n\
            --unique-1\r\nContent-Disposition: session\r\nc: application/SDP; charset=x\r\n\r\nv=0\r\ns=-\r\n\r\n--unique-1--\r\n";
        for kind in ["multipart/mixed;boundary=unique-1", "Multipart/Related; boundary=\"unique-1\""] {
            assert_eq!(sdp_part(kind, body), Some(&b"v=0\r\ns=-\r\n"[..]), "{kind}");
        }
        assert_eq!(sdp_part("application/sdp", b"v=0"), Some(&b"v=0"[..]));
        for kind in ["", "multipart/mixed", "multipart/mixed;boundary=other", "multipart/mixed;boundary=", "text/plain"]
        {
            assert_eq!(sdp_part(kind, &body[8..]), None, "{kind}");
        }
    }

    #[test]
    fn a_stateless_answer_goes_back_to_the_source() {
        let source = SocketAddr::from(([203, 0, 113, 7], 40_000));
        let port = |via: &str| answer_address(via, source);
        assert_eq!(port("SIP/2.0/UDP 10.0.0.1:5090;branch=x;RPORT"), source);
        assert_eq!(port("SIP/2.0/UDP 10.0.0.1:5090;branch=x").port(), 5_090);
        assert_eq!(port("SIP/2.0/UDP [2001:db8::1];branch=x").port(), 5_060);
        assert_eq!(port("SIP/2.0/UDP [2001:db8::1]:5070").port(), 5_070);
        assert_eq!(port("SIP/2.0/UDP h:99999").ip(), source.ip());
    }
}
