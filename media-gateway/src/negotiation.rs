//! From an offer to what a session needs, at the first INVITE and at each later one.

use hualu_session::{Law, MediaParams};
use hualu_sip::offer_answer::{self, Codec, LocalMedia, Negotiated, NegotiationError};
use hualu_sip::sdp::{Direction, SessionDescription};
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// Why there is no agreement: refuse with 488.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Disagreement {
    /// Offer and answer do not fit.
    #[error(transparent)]
    Terms(#[from] NegotiationError),
    /// A packet that is sent there would come back as one of another call, or as signalling.
    #[error("sdp: {0} is an address of this gateway: give the address of the other side")]
    Own(SocketAddr),
}

/// The ports that are ours at every address of this machine; nobody's media may be sent there (reliability T-25).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OwnPorts {
    pub signalling: [Option<u16>; 2],
    /// The first and the last port of RTP.
    pub media: (u16, u16),
}

impl OwnPorts {
    fn check(self, negotiated: &Negotiated) -> Result<(), Disagreement> {
        for address in [negotiated.remote, negotiated.remote_rtcp] {
            let port = address.port();
            let ours = self.signalling.contains(&Some(port)) || (self.media.0..=self.media.1).contains(&port);
            if ours && is_here(address.ip()) {
                return Err(Disagreement::Own(address));
            }
        }
        Ok(())
    }
}

/// Whether an address is this machine's: a socket can be bound to it. To one of zeros, a form of hold, nothing is sent.
fn is_here(address: IpAddr) -> bool {
    !address.is_unspecified() && UdpSocket::bind((address, 0)).is_ok()
}

/// What both sides agreed on, and our side of it.
#[derive(Clone, Debug)]
pub(crate) struct Agreed {
    /// Our description: the answer, or the offer when the INVITE had none.
    pub answer: SessionDescription,
    pub params: MediaParams,
    pub remote: SocketAddr,
    local: LocalMedia,
    own: OwnPorts,
}

/// Answers the first offer of a call, with our media at `local`.
///
/// # Errors
/// [`Disagreement`]: refuse with 488.
pub(crate) fn answer(offer: &SessionDescription, local: SocketAddr, own: OwnPorts) -> Result<Agreed, Disagreement> {
    let local = local_media(local);
    let (answer, negotiated) = offer_answer::answer(offer, &local)?;
    own.check(&negotiated)?;
    Ok(Agreed { answer, params: params(new_stream(), &negotiated), remote: negotiated.remote, local, own })
}

/// Our side of a call whose INVITE had no offer: our own one, whose answer comes in the ACK (RFC 3261 §13.2.1).
#[derive(Clone, Debug)]
pub(crate) struct Offered {
    pub offer: SessionDescription,
    local: LocalMedia,
    own: OwnPorts,
}

/// Makes our offer for a call, with our media at `local`.
pub(crate) fn offer(local: SocketAddr, own: OwnPorts) -> Offered {
    let local = local_media(local);
    Offered { offer: offer_answer::offer(&local, Direction::SendRecv), local, own }
}

impl Offered {
    /// Takes the answer.
    ///
    /// # Errors
    /// [`Disagreement`]: end the call, it has no media.
    pub fn accept(self, answer: &SessionDescription) -> Result<Agreed, Disagreement> {
        let negotiated = offer_answer::accept_answer(&self.offer, answer, &self.local)?;
        self.own.check(&negotiated)?;
        let params = params(new_stream(), &negotiated);
        Ok(Agreed { answer: self.offer, params, remote: negotiated.remote, local: self.local, own: self.own })
    }
}

/// Takes the answer to a later offer of ours, which repeated our side of `agreed` because a re-INVITE had none.
///
/// # Errors
/// [`Disagreement`]; the session stays as it was.
pub(crate) fn settle(agreed: &mut Agreed, answer: &SessionDescription) -> Result<(), Disagreement> {
    let negotiated = offer_answer::accept_answer(&agreed.answer, answer, &agreed.local)?;
    agreed.own.check(&negotiated)?;
    agreed.params = params(agreed.params, &negotiated);
    agreed.remote = negotiated.remote;
    Ok(())
}

fn local_media(address: SocketAddr) -> LocalMedia {
    LocalMedia {
        address,
        // 63 bits: some peers read the session id as a signed number.
        session_id: u64::from(rand::random::<u32>()),
        version: 1,
        codecs: Codec::ALL.to_vec(),
    }
}

fn new_stream() -> MediaParams {
    MediaParams::new(Law::A, rand::random(), rand::random(), rand::random())
}

/// Answers a later offer of the same call: hold, resume, another address or codec. `agreed` changes only on success.
///
/// # Errors
/// [`Disagreement`]: refuse with 488; the session stays as it was.
pub(crate) fn renegotiate(agreed: &mut Agreed, offer: &SessionDescription) -> Result<SessionDescription, Disagreement> {
    let local = LocalMedia { version: agreed.local.version + 1, ..agreed.local.clone() };
    let (answer, negotiated) = offer_answer::answer(offer, &local)?;
    agreed.own.check(&negotiated)?;
    agreed.local = local;
    agreed.params = params(agreed.params, &negotiated);
    agreed.remote = negotiated.remote;
    agreed.answer = answer.clone();
    Ok(answer)
}

fn params(stream: MediaParams, negotiated: &Negotiated) -> MediaParams {
    MediaParams {
        law: match negotiated.codec {
            Codec::Pcma => Law::A,
            Codec::Pcmu => Law::Mu,
        },
        payload_type: negotiated.payload_type,
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
        let mut agreed = answer(&offer, local, OwnPorts::default()).expect("a common codec");
        assert_eq!((agreed.params.law, agreed.params.telephone_event), (Law::Mu, Some(97)));
        assert!(agreed.params.sends && agreed.params.receives);

        let ssrc = agreed.params.ssrc;
        let hold = SessionDescription::parse(format!("{OFFER}a=inactive\r\n").as_bytes()).expect("a good offer");
        renegotiate(&mut agreed, &hold).expect("still a common codec");
        assert!(!agreed.params.sends && !agreed.params.receives);
        assert_eq!(agreed.params.ssrc, ssrc);
    }

    fn sdp(media: &str) -> SessionDescription {
        let text = format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{media}");
        SessionDescription::parse(text.as_bytes()).expect("a good description")
    }

    #[test]
    fn t25_media_at_our_own_ports_is_refused_in_every_offer_and_answer() {
        let local = "127.0.0.1:20000".parse().expect("an address");
        let own = OwnPorts { signalling: [Some(5_060), None], media: (20_000, 20_099) };
        let at = |address: &str, port: u16| {
            let text = format!(
                "v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n"
            );
            SessionDescription::parse(text.as_bytes()).expect("a good description")
        };
        let mut agreed = answer(&at("127.0.0.1", 4_000), local, own).expect("not ours");
        for port in [5_060, 5_059, 20_000, 20_099, 19_999] {
            let bad = at("127.0.0.9", port);
            let named =
                SocketAddr::from(([127, 0, 0, 9], if matches!(port, 5_059 | 19_999) { port + 1 } else { port }));
            let refused = Err(Disagreement::Own(named));
            assert_eq!(answer(&bad, local, own).map(|_| ()), refused, "port {port}");
            assert_eq!(offer(local, own).accept(&bad).map(|_| ()), refused, "port {port}");
            assert_eq!(renegotiate(&mut agreed, &bad).map(|_| ()), refused, "port {port}");
            assert_eq!(settle(&mut agreed, &bad), refused, "port {port}");
        }
        assert_eq!(agreed.remote.port(), 4_000, "the session stays as it was");
        assert!(answer(&at("192.0.2.1", 20_000), local, own).is_ok(), "another machine's port of that number");
        assert!(answer(&at("0.0.0.0", 20_000), local, own).is_ok(), "a hold");
    }

    #[test]
    fn a_renumbered_codec_is_taken_under_its_number() {
        let local = "198.51.100.1:20000".parse().expect("an address");
        let offer =
            sdp("m=audio 4000 RTP/AVP 98 101\r\na=rtpmap:98 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n");
        let agreed = answer(&offer, local, OwnPorts::default()).expect("a common codec");
        assert_eq!((agreed.params.law, agreed.params.payload_type), (Law::A, 98));
        assert!(agreed.answer.to_string().contains("a=rtpmap:98 PCMA/8000"), "{}", agreed.answer);
    }

    #[test]
    fn a_late_offer_is_ours_and_its_answer_sets_the_media() {
        let local = "198.51.100.1:20000".parse().expect("an address");
        let offered = offer(local, OwnPorts::default());
        assert_eq!(offered.offer.media[0].formats, ["8", "0", "101"]);
        let answered = sdp("m=audio 4000 RTP/AVP 0\r\n");
        let mut agreed = offered.clone().accept(&answered).expect("it fits");
        assert_eq!((agreed.params.law, agreed.params.payload_type), (Law::Mu, 0));
        assert_eq!((agreed.params.telephone_event, agreed.remote.port()), (None, 4_000));
        assert!(offered.accept(&sdp("m=audio 4000 RTP/AVP 18\r\n")).is_err());
        let ssrc = agreed.params.ssrc;
        settle(&mut agreed, &sdp("m=audio 5000 RTP/AVP 8\r\na=sendonly\r\n")).expect("it fits");
        assert_eq!((agreed.params.law, agreed.remote.port(), agreed.params.sends), (Law::A, 5_000, false));
        assert_eq!(agreed.params.ssrc, ssrc);
    }
}
