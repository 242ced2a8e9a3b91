//! From an offer to what a session needs, at the first INVITE and at each later one.

use hualu_session::{Law, MediaParams};
use hualu_sip::offer_answer::{self, Codec, LocalMedia, Negotiated, NegotiationError};
use hualu_sip::sdp::SessionDescription;
use std::net::SocketAddr;

/// What both sides agreed on, and our side of it.
#[derive(Clone, Debug)]
pub(crate) struct Agreed {
    pub answer: SessionDescription,
    pub params: MediaParams,
    pub remote: SocketAddr,
    local: LocalMedia,
}

/// Answers the first offer of a call, with our media at `local`.
///
/// # Errors
/// [`NegotiationError`]: refuse with 488.
pub(crate) fn answer(offer: &SessionDescription, local: SocketAddr) -> Result<Agreed, NegotiationError> {
    let local = LocalMedia {
        address: local,
        // 63 bits: some peers read the session id as a signed number.
        session_id: u64::from(rand::random::<u32>()),
        version: 1,
        codecs: Codec::ALL.to_vec(),
    };
    let (answer, negotiated) = agree(offer, &local)?;
    let stream = MediaParams::new(Law::A, rand::random(), rand::random(), rand::random());
    Ok(Agreed { answer, params: params(stream, &negotiated), remote: negotiated.remote, local })
}

/// Answers a later offer of the same call: hold, resume, another address or codec. `agreed` changes only on success.
///
/// # Errors
/// [`NegotiationError`]: refuse with 488; the session stays as it was.
pub(crate) fn renegotiate(
    agreed: &mut Agreed,
    offer: &SessionDescription,
) -> Result<SessionDescription, NegotiationError> {
    let local = LocalMedia { version: agreed.local.version + 1, ..agreed.local.clone() };
    let (answer, negotiated) = agree(offer, &local)?;
    agreed.local = local;
    agreed.params = params(agreed.params, &negotiated);
    agreed.remote = negotiated.remote;
    agreed.answer = answer.clone();
    Ok(answer)
}

/// Sessions take G.711 under its static payload types only, so a renumbered one is no common codec yet.
fn agree(offer: &SessionDescription, local: &LocalMedia) -> Result<(SessionDescription, Negotiated), NegotiationError> {
    let (answer, negotiated) = offer_answer::answer(offer, local)?;
    let is_static = negotiated.payload_type == negotiated.codec.payload_type();
    if is_static { Ok((answer, negotiated)) } else { Err(NegotiationError::NoCodec) }
}

fn params(stream: MediaParams, negotiated: &Negotiated) -> MediaParams {
    MediaParams {
        law: match negotiated.codec {
            Codec::Pcma => Law::A,
            Codec::Pcmu => Law::Mu,
        },
        telephone_event: negotiated.event_payload_type,
        ptime: negotiated.ptime,
        sends: negotiated.direction.sends(),
        receives: negotiated.direction.receives(),
        ..stream
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                         m=audio 4000 RTP/AVP 0 8 97\r\na=rtpmap:97 telephone-event/8000\r\n";

    #[test]
    fn a_hold_keeps_the_stream_and_stops_sending() {
        let local = "198.51.100.1:20000".parse().expect("an address");
        let offer = SessionDescription::parse(OFFER.as_bytes()).expect("a good offer");
        let mut agreed = answer(&offer, local).expect("a common codec");
        assert_eq!((agreed.params.law, agreed.params.telephone_event), (Law::Mu, Some(97)));
        assert!(agreed.params.sends && agreed.params.receives);

        let ssrc = agreed.params.ssrc;
        let hold = SessionDescription::parse(format!("{OFFER}a=inactive\r\n").as_bytes()).expect("a good offer");
        renegotiate(&mut agreed, &hold).expect("still a common codec");
        assert!(!agreed.params.sends && !agreed.params.receives);
        assert_eq!(agreed.params.ssrc, ssrc);
    }
}
