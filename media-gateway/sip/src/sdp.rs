//! Session descriptions (RFC 8866), as far as a telephone needs them: read with tolerance, printed strictly.
//!
//! What we do not know is kept as a plain attribute or skipped; what is known becomes a type that cannot be wrong, so
//! a payload type above 127, a clock of zero or a packet time of a week never gets further than this file.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The longest body that is read: more is no telephone's offer.
const LEN_MAX: usize = 16 * 1024;
/// The most media lines; real offers have one to three.
const MEDIA_MAX: usize = 16;
/// The most attributes of one section.
const ATTRIBUTES_MAX: usize = 128;

/// Why a body is not a session description.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SdpError {
    /// Larger than any telephone's offer.
    #[error("sdp: body of {len} bytes is larger than 16 KiB")]
    TooLong {
        /// Length of the body.
        len: usize,
    },
    /// Too many media or attribute lines.
    #[error("sdp: line {line}: too many {what}")]
    TooMany {
        /// The line's number, from 1.
        line: usize,
        /// What there is too much of.
        what: &'static str,
    },
    /// A line that cannot be skipped is malformed.
    #[error("sdp: line {line}: {field} is malformed")]
    Malformed {
        /// The line's number, from 1.
        line: usize,
        /// The field's name.
        field: &'static str,
    },
    /// A line that must be there is missing.
    #[error("sdp: {field} is missing")]
    Missing {
        /// The field's name.
        field: &'static str,
    },
}

/// Which way media flows, seen from the one who says it (RFC 8866 §6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// The speaker sends only: the listener is on hold.
    SendOnly,
    /// The speaker receives only.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// Builds the direction out of its halves.
    #[must_use]
    pub const fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether the speaker sends.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the speaker receives.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same, seen from the other side.
    #[must_use]
    pub const fn mirrored(self) -> Self {
        Self::new(self.receives(), self.sends())
    }

    /// The attribute's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive].into_iter().find(|one| one.as_str() == name)
    }
}

/// The `o=` line: who made the description, and its version (RFC 8866 §5.2). Fields are tokens without spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The user's login, or `-`.
    pub username: String,
    /// Identifies the session.
    pub session_id: String,
    /// Grows with every change.
    pub version: String,
    /// The maker's address, which may be a name.
    pub address: String,
}

/// One `a=rtpmap` line (RFC 8866 §6.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpMap {
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// The encoding's name, as written; names compare without case.
    pub encoding: String,
    /// The RTP clock in hertz, never 0.
    pub clock_rate_hz: u32,
    /// The number of channels, 1 unless said otherwise.
    pub channels: u8,
}

/// An attribute that this file does not interpret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The name.
    pub name: String,
    /// The value after the colon, if there is one.
    pub value: Option<String>,
}

impl Attribute {
    /// An attribute with a value.
    #[must_use]
    pub fn new(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), value: Some(value.to_owned()) }
    }
}

/// One media section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, `image` ...
    pub kind: String,
    /// The port; 0 means that the media is refused or unused.
    pub port: u16,
    /// The protocol: `RTP/AVP` for plain RTP.
    pub protocol: String,
    /// The formats, for RTP payload types as text, most wanted first; never empty.
    pub formats: Vec<String>,
    /// The section's own address.
    pub connection: Option<IpAddr>,
    /// The section's own direction.
    pub direction: Option<Direction>,
    /// The packet time that the maker wants to receive, in ms, 1 to 1,000.
    pub ptime_ms: Option<u16>,
    /// The longest packet that the maker can receive, in ms, 1 to 1,000.
    pub maxptime_ms: Option<u16>,
    /// The port for RTCP if it is not the next one (RFC 3605).
    pub rtcp_port: Option<u16>,
    /// What payload types mean.
    pub maps: Vec<RtpMap>,
    /// Everything else.
    pub attributes: Vec<Attribute>,
}

impl Media {
    /// An empty section.
    #[must_use]
    pub fn new(kind: &str, port: u16, protocol: &str, formats: Vec<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            port,
            protocol: protocol.to_owned(),
            formats,
            connection: None,
            direction: None,
            ptime_ms: None,
            maxptime_ms: None,
            rtcp_port: None,
            maps: Vec::new(),
            attributes: Vec::new(),
        }
    }

    /// The payload types in the order of preference, without formats that are none.
    pub fn payload_types(&self) -> impl Iterator<Item = u8> + '_ {
        self.formats.iter().filter_map(|format| format.parse().ok()).filter(|payload_type| *payload_type < 128)
    }

    /// What a payload type means: its rtpmap, or the static assignment of G.711 (RFC 3551 §6).
    #[must_use]
    pub fn map(&self, payload_type: u8) -> Option<RtpMap> {
        let known = self.maps.iter().find(|map| map.payload_type == payload_type).cloned();
        let fixed =
            |encoding: &str| RtpMap { payload_type, encoding: encoding.to_owned(), clock_rate_hz: 8_000, channels: 1 };
        known.or_else(|| match payload_type {
            0 => Some(fixed("PCMU")),
            8 => Some(fixed("PCMA")),
            _ => None,
        })
    }
}

/// A whole description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionDescription {
    /// Who made it.
    pub origin: Origin,
    /// The session's name; `-` when it has none.
    pub name: String,
    /// The address for sections that have none of their own.
    pub connection: Option<IpAddr>,
    /// The direction for sections that have none of their own.
    pub direction: Option<Direction>,
    /// Everything else of the session.
    pub attributes: Vec<Attribute>,
    /// The media sections in order.
    pub media: Vec<Media>,
}

impl SessionDescription {
    /// Reads a body. Bytes that are no UTF-8 (a session name in GBK) are replaced; unknown lines are skipped.
    ///
    /// # Errors
    /// [`SdpError`], naming line and field.
    pub fn parse(body: &[u8]) -> Result<Self, SdpError> {
        if body.len() > LEN_MAX {
            return Err(SdpError::TooLong { len: body.len() });
        }
        let text = String::from_utf8_lossy(body);
        let mut reader = Reader::default();
        for (index, line) in text.split('\n').enumerate() {
            reader.line(index + 1, line.strip_suffix('\r').unwrap_or(line))?;
        }
        reader.finish()
    }

    /// The direction of a section, by its own word or the session's.
    #[must_use]
    pub fn direction_of(&self, media: &Media) -> Direction {
        media.direction.or(self.direction).unwrap_or_default()
    }

    /// The address of a section, by its own word or the session's.
    #[must_use]
    pub fn address_of(&self, media: &Media) -> Option<IpAddr> {
        media.connection.or(self.connection)
    }
}

#[derive(Default)]
struct Reader {
    versioned: bool,
    origin: Option<Origin>,
    name: Option<String>,
    connection: Option<IpAddr>,
    direction: Option<Direction>,
    attributes: Vec<Attribute>,
    media: Vec<Media>,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) -> Result<(), SdpError> {
        let malformed = |field| SdpError::Malformed { line: number, field };
        if line.is_empty() {
            return Ok(());
        }
        if line.contains('\0') {
            return Err(malformed("a NUL byte"));
        }
        let (kind, value) = line.split_once('=').ok_or(malformed("a line without `=`"))?;
        if !self.versioned && kind != "v" {
            return Err(SdpError::Missing { field: "v=0" });
        }
        match kind {
            "v" if value.trim() == "0" => self.versioned = true,
            "v" => return Err(malformed("v=")),
            "o" => self.origin = Some(origin(value).ok_or(malformed("o="))?),
            "s" => self.name = Some(value.to_owned()),
            "c" => {
                let address = address(value).ok_or(malformed("c="))?;
                match self.media.last_mut() {
                    Some(media) => media.connection = Some(address),
                    None => self.connection = Some(address),
                }
            }
            "m" if self.media.len() >= MEDIA_MAX => {
                return Err(SdpError::TooMany { line: number, what: "media lines" });
            }
            "m" => self.media.push(media(value).ok_or(malformed("m="))?),
            "a" => self.attribute(number, value)?,
            _ => {}
        }
        Ok(())
    }

    /// A bad value of an attribute is ignored like an unknown attribute (RFC 8866 §5.13).
    fn attribute(&mut self, number: usize, text: &str) -> Result<(), SdpError> {
        let (name, value) = text.split_once(':').map_or((text, None), |(name, value)| (name, Some(value)));
        let direction = Direction::parse(name).filter(|_| value.is_none());
        let Some(media) = self.media.last_mut() else {
            match direction {
                Some(direction) => self.direction = Some(direction),
                None => keep(&mut self.attributes, number, name, value)?,
            }
            return Ok(());
        };
        let value = value.map(str::trim);
        match (name, value) {
            _ if direction.is_some() => media.direction = direction,
            ("rtpmap", Some(value)) => {
                if media.maps.len() >= ATTRIBUTES_MAX {
                    return Err(SdpError::TooMany { line: number, what: "rtpmap lines" });
                }
                media.maps.extend(rtp_map(value));
            }
            ("ptime", Some(value)) => media.ptime_ms = milliseconds(value),
            ("maxptime", Some(value)) => media.maxptime_ms = milliseconds(value),
            ("rtcp", Some(value)) => media.rtcp_port = value.split(' ').next().and_then(|port| port.parse().ok()),
            _ => keep(&mut media.attributes, number, name, value)?,
        }
        Ok(())
    }

    fn finish(self) -> Result<SessionDescription, SdpError> {
        Ok(SessionDescription {
            origin: self.origin.ok_or(SdpError::Missing { field: "o=" })?,
            name: self.name.ok_or(SdpError::Missing { field: "s=" })?,
            connection: self.connection,
            direction: self.direction,
            attributes: self.attributes,
            media: self.media,
        })
    }
}

fn keep(to: &mut Vec<Attribute>, line: usize, name: &str, value: Option<&str>) -> Result<(), SdpError> {
    if to.len() >= ATTRIBUTES_MAX {
        return Err(SdpError::TooMany { line, what: "attributes" });
    }
    if !name.is_empty() {
        to.push(Attribute { name: name.to_owned(), value: value.map(str::to_owned) });
    }
    Ok(())
}

fn origin(value: &str) -> Option<Origin> {
    let mut words = value.split_whitespace();
    let mut word = || words.next().map(str::to_owned);
    let (username, session_id, version) = (word()?, word()?, word()?);
    let (_network, _family, address) = (word()?, word()?, word()?);
    Some(Origin { username, session_id, version, address })
}

fn address(value: &str) -> Option<IpAddr> {
    let mut words = value.split_whitespace();
    let (network, family, address) = (words.next()?, words.next()?, words.next()?);
    let address = address.split('/').next()?;
    let address = IpAddr::from_str(address).ok()?;
    let fits = network == "IN" && matches!((family, address), ("IP4", IpAddr::V4(_)) | ("IP6", IpAddr::V6(_)));
    fits.then_some(address)
}

fn media(value: &str) -> Option<Media> {
    let mut words = value.split_whitespace();
    let (kind, port, protocol) = (words.next()?, words.next()?, words.next()?);
    let port = port.split('/').next()?.parse().ok()?;
    let formats: Vec<String> = words.map(str::to_owned).collect();
    (!formats.is_empty()).then(|| Media::new(kind, port, protocol, formats))
}

fn rtp_map(value: &str) -> Option<RtpMap> {
    let (payload_type, encoding) = value.split_once(' ')?;
    let mut parts = encoding.trim().split('/');
    let payload_type = payload_type.parse().ok().filter(|payload_type| *payload_type < 128)?;
    let encoding = parts.next().filter(|name| !name.is_empty() && !name.contains(' '))?.to_owned();
    let clock_rate_hz = parts.next()?.parse().ok().filter(|rate| *rate > 0)?;
    let channels = parts.next().map_or(Some(1), |channels| channels.parse().ok()).filter(|channels| *channels > 0)?;
    Some(RtpMap { payload_type, encoding, clock_rate_hz, channels })
}

fn milliseconds(value: &str) -> Option<u16> {
    // Some phones write fractions (RFC 8866 allows `non-zero-int-or-real` for maxptime).
    let whole = value.split('.').next()?;
    whole.parse().ok().filter(|ms| (1..=1_000).contains(ms))
}

impl fmt::Display for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { username, session_id, version, address } = &self.origin;
        let family = if address.contains(':') { "IP6" } else { "IP4" };
        write!(f, "v=0\r\no={username} {session_id} {version} IN {family} {address}\r\ns={}\r\n", self.name)?;
        connection(f, self.connection)?;
        write!(f, "t=0 0\r\n")?;
        if let Some(direction) = self.direction {
            write!(f, "a={}\r\n", direction.as_str())?;
        }
        attributes(f, &self.attributes)?;
        self.media.iter().try_for_each(|media| media.fmt(f))
    }
}

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={} {} {}", self.kind, self.port, self.protocol)?;
        for format in &self.formats {
            write!(f, " {format}")?;
        }
        write!(f, "\r\n")?;
        connection(f, self.connection)?;
        for map in &self.maps {
            write!(f, "a=rtpmap:{} {}/{}", map.payload_type, map.encoding, map.clock_rate_hz)?;
            if map.channels != 1 {
                write!(f, "/{}", map.channels)?;
            }
            write!(f, "\r\n")?;
        }
        let numbers = [("ptime", self.ptime_ms), ("maxptime", self.maxptime_ms), ("rtcp", self.rtcp_port)];
        for (name, value) in numbers {
            if let Some(value) = value {
                write!(f, "a={name}:{value}\r\n")?;
            }
        }
        attributes(f, &self.attributes)?;
        match self.direction {
            Some(direction) => write!(f, "a={}\r\n", direction.as_str()),
            None => Ok(()),
        }
    }
}

fn connection(f: &mut fmt::Formatter<'_>, address: Option<IpAddr>) -> fmt::Result {
    match address {
        Some(address @ IpAddr::V4(_)) => write!(f, "c=IN IP4 {address}\r\n"),
        Some(address @ IpAddr::V6(_)) => write!(f, "c=IN IP6 {address}\r\n"),
        None => Ok(()),
    }
}

fn attributes(f: &mut fmt::Formatter<'_>, attributes: &[Attribute]) -> fmt::Result {
    attributes.iter().try_for_each(|attribute| match &attribute.value {
        Some(value) => write!(f, "a={}:{value}\r\n", attribute.name),
        None => write!(f, "a={}\r\n", attribute.name),
    })
}

#[cfg(test)]
mod tests;
