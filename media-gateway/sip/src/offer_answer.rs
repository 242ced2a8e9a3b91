//! Offer and answer (RFC 3264) for one audio stream: G.711 and keys, plain RTP.
//!
//! The answer keeps the offer's payload types and order of preference, refuses every other media line with port 0, and
//! mirrors the direction; hold is known in all its forms (`sendonly`, `inactive`, `c=0.0.0.0`).

use crate::sdp::{Attribute, Direction, Media, Origin, RtpMap, SessionDescription};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

const PROTOCOL: &str = "RTP/AVP";
const EVENTS: &str = "telephone-event";
/// Our packet time. We read any, and send at the peer's if it is one of these.
const PTIME_MS: u16 = 20;
const PTIMES_MS: [u16; 6] = [10, 20, 30, 40, 50, 60];
/// Where our own offers put keys. Our answers use the number of the offer.
const EVENTS_PAYLOAD_TYPE: u8 = 101;

/// A codec that we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 A-law.
    Pcma,
    /// G.711 µ-law.
    Pcmu,
}

impl Codec {
    /// Both, the one that Chinese networks prefer first.
    pub const ALL: [Self; 2] = [Self::Pcma, Self::Pcmu];

    /// The encoding name (RFC 3551 §6).
    #[must_use]
    pub const fn encoding(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
        }
    }

    /// The static payload type (RFC 3551 §6).
    #[must_use]
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::Pcma => 8,
            Self::Pcmu => 0,
        }
    }

    fn of(map: &RtpMap) -> Option<Self> {
        let plain = map.clock_rate_hz == 8_000 && map.channels == 1;
        Self::ALL.into_iter().find(|codec| plain && map.encoding.eq_ignore_ascii_case(codec.encoding()))
    }
}

/// Our side of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalMedia {
    /// Where we receive RTP; RTCP is at the next port.
    pub address: SocketAddr,
    /// Identifies the session; the same in every description of a call.
    pub session_id: u64,
    /// Grows by one with every description that differs from the last.
    pub version: u64,
    /// The codecs that we take, most wanted first.
    pub codecs: Vec<Codec>,
}

/// What two sides agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// Where the peer receives RTP.
    pub remote: SocketAddr,
    /// Where the peer receives RTCP.
    pub remote_rtcp: SocketAddr,
    /// The codec, both ways.
    pub codec: Codec,
    /// Its payload type towards the peer, and from it when we answered. When we offered, the peer sends under the number
    /// that our offer gave it, the static one (RFC 3264 §5.1).
    pub payload_type: u8,
    /// The payload type under which the peer sends keys at 8 kHz, if it has them.
    pub event_payload_type: Option<u8>,
    /// The packet time at which to send: 10 to 60 ms in steps of 10.
    pub ptime: Duration,
    /// Which way media flows, seen from us; anything but `SendRecv` is a form of hold.
    pub direction: Direction,
}

/// Why there is no agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NegotiationError {
    /// No line of plain audio that is in use. Answer 488.
    #[error("sdp: no audio line with RTP/AVP and a port: offer plain RTP audio")]
    NoAudio,
    /// Audio, but no codec of ours. Answer 488.
    #[error("sdp: no common codec: offer PCMA or PCMU at 8,000 Hz")]
    NoCodec,
    /// The audio has no usable address, or a multicast one. Answer 488.
    #[error("sdp: the audio line has no usable address: give a unicast `c=` line")]
    NoAddress,
    /// The answer does not fit the offer (RFC 3264 §6): other media lines.
    #[error("sdp: the answer does not fit the offer: it must have the same media lines in the same order")]
    Mismatch,
}

/// What is picked from one audio line.
struct Pick {
    codec: Codec,
    map: RtpMap,
    events: Option<RtpMap>,
}

fn pick(media: &Media, codecs: &[Codec]) -> Option<Pick> {
    let maps: Vec<RtpMap> = media.payload_types().filter_map(|payload_type| media.map(payload_type)).collect();
    let known = |map: &RtpMap| Codec::of(map).filter(|codec| codecs.contains(codec));
    let (codec, map) = maps.iter().find_map(|map| known(map).map(|codec| (codec, map.clone())))?;
    let events = |map: &&RtpMap| map.encoding.eq_ignore_ascii_case(EVENTS) && map.clock_rate_hz == 8_000;
    Some(Pick { codec, map, events: maps.iter().find(events).cloned() })
}

fn is_plain_audio(media: &Media) -> bool {
    media.kind == "audio" && media.port != 0 && media.protocol == PROTOCOL
}

/// Answers an offer.
///
/// # Errors
/// [`NegotiationError`]: refuse the INVITE or re-INVITE with 488.
pub fn answer(
    offer: &SessionDescription,
    local: &LocalMedia,
) -> Result<(SessionDescription, Negotiated), NegotiationError> {
    let mut audio = offer.media.iter().enumerate().filter(|(_, media)| is_plain_audio(media)).peekable();
    audio.peek().ok_or(NegotiationError::NoAudio)?;
    let (chosen, media, pick) = audio
        .find_map(|(index, media)| pick(media, &local.codecs).map(|pick| (index, media, pick)))
        .ok_or(NegotiationError::NoCodec)?;
    let negotiated = agree(offer, media, &pick)?;
    let sections = offer.media.iter().enumerate().map(|(index, media)| {
        if index == chosen {
            ours(local, std::slice::from_ref(&pick.map), pick.events.clone(), negotiated.direction)
        } else {
            refused(media)
        }
    });
    Ok((description(local, sections.collect()), negotiated))
}

/// Our offer: every codec of ours and keys, in both directions.
#[must_use]
pub fn offer(local: &LocalMedia, direction: Direction) -> SessionDescription {
    let map = |payload_type, encoding: &str| RtpMap {
        payload_type,
        encoding: encoding.to_owned(),
        clock_rate_hz: 8_000,
        channels: 1,
    };
    let maps: Vec<RtpMap> = local.codecs.iter().map(|codec| map(codec.payload_type(), codec.encoding())).collect();
    description(local, vec![ours(local, &maps, Some(map(EVENTS_PAYLOAD_TYPE, EVENTS)), direction)])
}

/// Takes the answer to an offer of ours.
///
/// # Errors
/// [`NegotiationError`]: end the call, for there is no media (RFC 3264 §6).
pub fn accept_answer(
    offer: &SessionDescription,
    answer: &SessionDescription,
    local: &LocalMedia,
) -> Result<Negotiated, NegotiationError> {
    if answer.media.len() != offer.media.len() {
        return Err(NegotiationError::Mismatch);
    }
    let media = answer.media.iter().find(|media| is_plain_audio(media)).ok_or(NegotiationError::NoAudio)?;
    let pick = pick(media, &local.codecs).ok_or(NegotiationError::NoCodec)?;
    // The same number should be used both ways, but need not: the answer's is where the peer wants to receive.
    let negotiated = agree(answer, media, &pick)?;
    let event_payload_type = negotiated.event_payload_type.map(|_| EVENTS_PAYLOAD_TYPE);
    Ok(Negotiated { event_payload_type, ..negotiated })
}

fn agree(theirs: &SessionDescription, media: &Media, pick: &Pick) -> Result<Negotiated, NegotiationError> {
    let address = theirs.address_of(media).ok_or(NegotiationError::NoAddress)?;
    if address.is_multicast() || address == IpAddr::from([255, 255, 255, 255]) {
        return Err(NegotiationError::NoAddress);
    }
    let said = theirs.direction_of(media);
    // The hold of RFC 2543: an address of zeros receives nothing (RFC 3264 §8.4).
    let receives = said.receives() && !address.is_unspecified();
    let direction = Direction::new(said.sends(), receives).mirrored();
    let limit = media.maxptime_ms.unwrap_or(u16::MAX);
    let wanted = media.ptime_ms.filter(|ptime| PTIMES_MS.contains(ptime)).unwrap_or(PTIME_MS);
    let ptime = if wanted <= limit { wanted } else { PTIMES_MS[0] };
    let rtcp_port = media.rtcp_port.unwrap_or_else(|| media.port.saturating_add(1));
    Ok(Negotiated {
        remote: SocketAddr::new(address, media.port),
        remote_rtcp: SocketAddr::new(address, rtcp_port),
        codec: pick.codec,
        payload_type: pick.map.payload_type,
        event_payload_type: pick.events.as_ref().map(|map| map.payload_type),
        ptime: Duration::from_millis(u64::from(ptime)),
        direction,
    })
}

fn ours(local: &LocalMedia, codecs: &[RtpMap], events: Option<RtpMap>, direction: Direction) -> Media {
    let maps: Vec<RtpMap> = codecs.iter().cloned().chain(events.clone()).collect();
    let formats = maps.iter().map(|map| map.payload_type.to_string()).collect();
    let mut media = Media::new("audio", local.address.port(), PROTOCOL, formats);
    media.maps = maps;
    media.ptime_ms = Some(PTIME_MS);
    media.direction = Some(direction);
    if let Some(events) = events {
        media.attributes.push(Attribute::new("fmtp", &format!("{} 0-15", events.payload_type)));
    }
    media
}

/// A refused line keeps its kind, protocol and formats (RFC 3264 §6).
fn refused(media: &Media) -> Media {
    Media::new(&media.kind, 0, &media.protocol, media.formats.clone())
}

fn description(local: &LocalMedia, media: Vec<Media>) -> SessionDescription {
    let address = local.address.ip();
    SessionDescription {
        origin: Origin {
            username: "-".to_owned(),
            session_id: local.session_id.to_string(),
            version: local.version.to_string(),
            address: address.to_string(),
        },
        name: "-".to_owned(),
        connection: Some(address),
        direction: None,
        attributes: Vec::new(),
        media,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> LocalMedia {
        LocalMedia {
            address: SocketAddr::from(([198, 51, 100, 1], 30_000)),
            session_id: 42,
            version: 1,
            codecs: Codec::ALL.to_vec(),
        }
    }

    fn sdp(media: &str) -> SessionDescription {
        let text = format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{media}");
        SessionDescription::parse(text.as_bytes()).expect("a valid offer")
    }

    fn negotiated(media: &str) -> Negotiated {
        answer(&sdp(media), &local()).expect("agreement").1
    }

    #[test]
    fn the_answer_follows_the_offers_preference_and_numbers() {
        let offer =
            sdp("m=audio 4000 RTP/AVP 18 0 97 96 98\r\na=rtpmap:97 pcma/8000\r\na=rtpmap:96 telephone-event/16000\r\n\
            a=rtpmap:98 Telephone-Event/8000\r\na=ptime:30\r\n");
        let (answer, agreed) = answer(&offer, &local()).expect("agreement");
        assert_eq!((agreed.codec, agreed.payload_type), (Codec::Pcmu, 0));
        assert_eq!(agreed.event_payload_type, Some(98), "the one on the codec's clock");
        assert_eq!((agreed.remote.port(), agreed.remote_rtcp.port()), (4_000, 4_001));
        assert_eq!(agreed.ptime, Duration::from_millis(30));
        assert_eq!(
            answer.media[0].to_string(),
            "m=audio 30000 RTP/AVP 0 98\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:98 Telephone-Event/8000\r\na=ptime:20\r\n\
             a=fmtp:98 0-15\r\na=sendrecv\r\n"
        );
        assert_eq!(SessionDescription::parse(answer.to_string().as_bytes()), Ok(answer));
    }

    #[test]
    fn a_renumbered_codec_keeps_its_number() {
        let agreed = negotiated("m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 PCMA/8000\r\n");
        assert_eq!((agreed.codec, agreed.payload_type, agreed.event_payload_type), (Codec::Pcma, 97, None));
    }

    #[test]
    fn other_media_lines_are_refused_in_place() {
        let offer = sdp(
            "m=video 5000 RTP/AVP 31\r\nm=audio 4000 RTP/SAVP 8\r\nm=audio 4002 RTP/AVP 8\r\nm=image 6000 udptl t38\r\n",
        );
        let (answer, agreed) = answer(&offer, &local()).expect("agreement");
        let lines: Vec<(&str, u16)> = answer.media.iter().map(|media| (media.kind.as_str(), media.port)).collect();
        assert_eq!(lines, [("video", 0), ("audio", 0), ("audio", 30_000), ("image", 0)]);
        assert_eq!(answer.media[3].formats, ["t38"]);
        assert_eq!(agreed.remote.port(), 4_002);
    }

    #[test]
    fn hold_is_known_in_all_its_forms() {
        let direction = |line: &str| negotiated(&format!("m=audio 4000 RTP/AVP 8\r\n{line}")).direction;
        assert_eq!(direction(""), Direction::SendRecv);
        assert_eq!(direction("a=sendonly\r\n"), Direction::RecvOnly);
        assert_eq!(direction("a=recvonly\r\n"), Direction::SendOnly);
        assert_eq!(direction("a=inactive\r\n"), Direction::Inactive);
        assert_eq!(direction("c=IN IP4 0.0.0.0\r\n"), Direction::RecvOnly);
        assert_eq!(direction("c=IN IP4 0.0.0.0\r\na=inactive\r\n"), Direction::Inactive);
    }

    #[test]
    fn what_cannot_be_agreed_on_is_named() {
        let refused = |media: &str| answer(&sdp(media), &local()).map(|(answer, _)| answer);
        assert_eq!(refused(""), Err(NegotiationError::NoAudio));
        assert_eq!(refused("m=audio 0 RTP/AVP 8\r\n"), Err(NegotiationError::NoAudio));
        assert_eq!(refused("m=audio 4000 RTP/SAVP 8\r\n"), Err(NegotiationError::NoAudio));
        assert_eq!(refused("m=audio 4000 RTP/AVP 18 101\r\n"), Err(NegotiationError::NoCodec));
        assert_eq!(refused("m=audio 4000 RTP/AVP 8\r\nc=IN IP4 224.0.0.1\r\n"), Err(NegotiationError::NoAddress));
        let only_mu = LocalMedia { codecs: vec![Codec::Pcmu], ..local() };
        assert_eq!(answer(&sdp("m=audio 4000 RTP/AVP 8\r\n"), &only_mu).map(|_| ()), Err(NegotiationError::NoCodec));
    }

    #[test]
    fn packet_times_that_we_cannot_send_become_ours() {
        let ptime = |lines: &str| negotiated(&format!("m=audio 4000 RTP/AVP 8\r\n{lines}")).ptime.as_millis();
        assert_eq!(ptime("a=ptime:15\r\n"), 20);
        assert_eq!(ptime("a=ptime:60\r\n"), 60);
        assert_eq!(ptime("a=maxptime:10\r\n"), 10);
    }

    #[test]
    fn our_offer_and_its_answer_agree_on_both_sides() {
        let ours = offer(&local(), Direction::SendRecv);
        let peer =
            LocalMedia { address: SocketAddr::from(([203, 0, 113, 9], 7_000)), codecs: vec![Codec::Pcmu], ..local() };
        let (theirs, at_peer) = answer(&ours, &peer).expect("agreement");
        let here = accept_answer(&ours, &theirs, &local()).expect("agreement");
        assert_eq!((here.codec, here.payload_type, here.event_payload_type), (Codec::Pcmu, 0, Some(101)));
        assert_eq!((at_peer.codec, at_peer.payload_type), (here.codec, here.payload_type));
        assert_eq!((here.remote, at_peer.remote), (peer.address, local().address));
    }

    #[test]
    fn an_answer_that_does_not_fit_is_refused() {
        let ours = offer(&local(), Direction::SendRecv);
        let refused = |media: &str| accept_answer(&ours, &sdp(media), &local());
        assert_eq!(refused(""), Err(NegotiationError::Mismatch));
        assert_eq!(refused("m=audio 0 RTP/AVP 8\r\n"), Err(NegotiationError::NoAudio));
        assert_eq!(refused("m=audio 1 RTP/AVP 18\r\n"), Err(NegotiationError::NoCodec));
    }

    #[test]
    fn an_answer_may_renumber_what_it_receives() {
        let ours = offer(&local(), Direction::SendRecv);
        let theirs = sdp("m=audio 1 RTP/AVP 97 96\r\na=rtpmap:97 PCMA/8000\r\na=rtpmap:96 telephone-event/8000\r\n");
        let here = accept_answer(&ours, &theirs, &local()).expect("agreement");
        assert_eq!((here.codec, here.payload_type), (Codec::Pcma, 97), "the number that it wants to receive");
        assert_eq!(here.event_payload_type, Some(101), "the number that it was offered to send");
    }
}
