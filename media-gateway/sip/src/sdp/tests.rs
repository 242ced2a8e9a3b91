use super::*;
use proptest::prelude::*;

const PHONE: &str = "v=0\r\no=alice 2890844526 7 IN IP4 host.atlanta.example.com\r\ns= \r\nc=IN IP4 192.0.2.4\r\n\
    t=0 0\r\na=tool:x\r\nm=audio 49170/2 RTP/AVP 8 0 101 9999\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-16\r\na=ptime:20\r\na=rtcp:53020 IN IP4 192.0.2.4\r\na=sendrecv\r\nm=video 0 RTP/AVP 31\r\n";

#[test]
fn a_phones_offer_is_read() {
    let sdp = SessionDescription::parse(PHONE.as_bytes()).expect("valid");
    assert_eq!((sdp.origin.username.as_str(), sdp.origin.version.as_str()), ("alice", "7"));
    let [audio, video] = &sdp.media[..] else { panic!("two sections: {sdp:?}") };
    assert_eq!((audio.port, audio.ptime_ms, audio.rtcp_port, video.port), (49_170, Some(20), Some(53_020), 0));
    assert_eq!(audio.payload_types().collect::<Vec<_>>(), [8, 0, 101]);
    assert_eq!(audio.map(0).expect("static").encoding, "PCMU");
    assert_eq!(audio.map(101).expect("mapped").clock_rate_hz, 8_000);
    assert_eq!(audio.map(3), None);
    assert_eq!(audio.attributes, [Attribute::new("fmtp", "101 0-16")]);
    assert_eq!(sdp.address_of(audio), Some(IpAddr::from([192, 0, 2, 4])));
    assert_eq!(sdp.direction_of(video), Direction::SendRecv);
}

#[test]
fn bad_attributes_are_ignored() {
    let with = |line: &str| {
        let text = format!("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nm=audio 4000 RTP/AVP 96\n{line}\n");
        SessionDescription::parse(text.as_bytes()).expect("the rest is valid").media.remove(0)
    };
    for bad in ["96 opus/0", "4294967296 PCMA/8000", "128 PCMA/8000", "96 PCMA", "96", "96 PCMA/8000/0", "96 /8000"] {
        assert_eq!(with(&format!("a=rtpmap:{bad}")).maps, [], "{bad}");
    }
    for bad in ["0", "-20", "1000000000", "", "x"] {
        assert_eq!(with(&format!("a=ptime:{bad}")).ptime_ms, None, "{bad}");
    }
    assert_eq!(with("a=ptime:20.0").ptime_ms, Some(20));
    assert_eq!(with("a=rtcp:70000").rtcp_port, None);
}

#[test]
fn what_cannot_be_ignored_is_named() {
    let head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n";
    let cases = [
        (String::new(), SdpError::Missing { field: "o=" }),
        ("o=- 1 1 IN IP4 1.2.3.4".into(), SdpError::Missing { field: "v=0" }),
        ("v=1".into(), SdpError::Malformed { line: 1, field: "v=" }),
        ("v=0\r\ns=-".into(), SdpError::Missing { field: "o=" }),
        (format!("{head}m=audio 70000 RTP/AVP 8"), SdpError::Malformed { line: 4, field: "m=" }),
        (format!("{head}m=audio 4000 RTP/AVP"), SdpError::Malformed { line: 4, field: "m=" }),
        (format!("{head}c=IN IP4 ::1"), SdpError::Malformed { line: 4, field: "c=" }),
        (format!("{head}c=IN IP4 phone.example"), SdpError::Malformed { line: 4, field: "c=" }),
        (format!("{head}a=fmtp:101 \0"), SdpError::Malformed { line: 4, field: "a NUL byte" }),
        (format!("{head}audio"), SdpError::Malformed { line: 4, field: "a line without `=`" }),
        (
            format!("{head}{}", "m=audio 4000 RTP/AVP 8\r\n".repeat(500)),
            SdpError::TooMany { line: 20, what: "media lines" },
        ),
        (format!("{head}{}", "a=x\r\n".repeat(500)), SdpError::TooMany { line: 132, what: "attributes" }),
        ("v".repeat(20_000), SdpError::TooLong { len: 20_000 }),
    ];
    for (text, error) in cases {
        assert_eq!(SessionDescription::parse(text.as_bytes()), Err(error), "{text:.80}");
    }
}

#[test]
fn directions_have_two_halves() {
    assert_eq!(Direction::SendOnly.mirrored(), Direction::RecvOnly);
    assert_eq!(Direction::Inactive.mirrored(), Direction::Inactive);
    assert!(!Direction::RecvOnly.sends() && Direction::RecvOnly.receives());
}

#[test]
fn a_name_in_gbk_does_not_matter() {
    let mut body = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=".to_vec();
    body.extend([0xbb, 0xb0, 0xc2, 0xb7]);
    body.extend(b"\r\nm=audio 4000 RTP/AVP 8\r\n");
    assert_eq!(SessionDescription::parse(&body).expect("readable").media.len(), 1);
}

fn direction() -> impl Strategy<Value = Option<Direction>> {
    proptest::option::of(proptest::sample::select(vec![
        Direction::SendRecv,
        Direction::SendOnly,
        Direction::RecvOnly,
        Direction::Inactive,
    ]))
}

fn any_media() -> impl Strategy<Value = Media> {
    let map = (0_u8..128, "[A-Za-z0-9.-]{1,12}", 1_u32..200_000, 1_u8..8).prop_map(
        |(payload_type, encoding, rate, channels)| RtpMap { payload_type, encoding, clock_rate_hz: rate, channels },
    );
    let numbers =
        (proptest::option::of(1_u16..=1_000), proptest::option::of(1_u16..=1_000), proptest::option::of(any::<u16>()));
    (
        ("audio|video|image", any::<u16>(), "RTP/AVP|RTP/SAVP|udptl"),
        proptest::collection::vec("[0-9]{1,3}", 1..6),
        proptest::option::of(any::<IpAddr>()),
        direction(),
        numbers,
        proptest::collection::vec(map, 0..4),
        proptest::collection::vec(("x-[a-z]{1,8}", proptest::option::of("[!-~]{1,20}")), 0..4),
    )
        .prop_map(|((kind, port, protocol), formats, connection, direction, numbers, maps, attributes)| Media {
            kind,
            port,
            protocol,
            formats,
            connection,
            direction,
            ptime_ms: numbers.0,
            maxptime_ms: numbers.1,
            rtcp_port: numbers.2,
            maps,
            attributes: attributes.into_iter().map(|(name, value)| Attribute { name, value }).collect(),
        })
}

proptest! {
    #[test]
    fn what_is_printed_is_parsed_back(
        origin in ("[a-z]{1,8}", "[0-9]{1,12}", "[0-9]{1,6}", any::<IpAddr>()),
        name in "[!-~]{1,20}",
        connection in proptest::option::of(any::<IpAddr>()),
        direction in direction(),
        media in proptest::collection::vec(any_media(), 0..4),
    ) {
        let (username, session_id, version, address) = origin;
        let origin = Origin { username, session_id, version, address: address.to_string() };
        let sdp = SessionDescription { origin, name, connection, direction, attributes: Vec::new(), media };
        prop_assert_eq!(SessionDescription::parse(sdp.to_string().as_bytes()), Ok(sdp));
    }

    #[test]
    fn whatever_is_parsed_prints_itself(lines in proptest::collection::vec(
        "(v=0|o=- 1 1 IN IP4 1.2.3.4|s=-|c=IN IP6 ::1|m=audio [0-9]{1,5} RTP/AVP [0-9 ]{1,8}|a=(rtpmap|ptime|rtcp|fmtp|x):[ -~]{0,12}|a=[a-z]{0,9}|[a-z]=.{0,10})", 0..12,
    )) {
        let text = format!("v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\n{}", lines.join("\r\n"));
        if let Ok(sdp) = SessionDescription::parse(text.as_bytes()) {
            prop_assert_eq!(SessionDescription::parse(sdp.to_string().as_bytes()), Ok(sdp));
        }
    }

    #[test]
    fn any_bytes_are_parsed_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = SessionDescription::parse(&bytes);
    }
}
