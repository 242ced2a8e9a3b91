use super::*;
use proptest::prelude::*;

fn source() -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 7], 5_062))
}

/// A good INVITE with some lines replaced: `("CSeq", "...")`, or removed: `("CSeq", "")`, or added.
fn invite(changes: &[(&str, &str)]) -> Vec<u8> {
    let mut lines = vec![
        ("", "INVITE sip:10086@198.51.100.1 SIP/2.0"),
        ("Via", "SIP/2.0/UDP 203.0.113.7:5062;branch=z9hG4bK1;rport"),
        ("From", "<sip:13800138000@203.0.113.7>;tag=a1"),
        ("To", "<sip:10086@198.51.100.1>"),
        ("Call-ID", "c1@203.0.113.7"),
        ("CSeq", "1 INVITE"),
        ("Contact", "<sip:13800138000@203.0.113.7:5062>"),
        ("Max-Forwards", "70"),
        ("Content-Type", "application/sdp"),
    ];
    for (name, value) in changes {
        match lines.iter_mut().find(|(known, _)| known == name) {
            Some(line) => line.1 = value,
            None => lines.push((name, value)),
        }
    }
    let text =
        lines.iter().filter(|(_, value)| !value.is_empty()).fold(String::new(), |text, (name, value)| match *name {
            "" => format!("{value}\r\n"),
            name => format!("{text}{}: {value}\r\n", name.trim_start_matches('+')),
        });
    format!("{text}\r\nv=0\r\n").into_bytes()
}

fn code(changes: &[(&str, &str)]) -> u16 {
    match check(&invite(changes), source()) {
        Verdict::Pass(_) => 200,
        Verdict::Answer(answer) => answer.code,
        Verdict::Drop(_) => 0,
    }
}

#[test]
fn a_good_invite_passes_with_its_length() {
    let Verdict::Pass(bytes) = check(&invite(&[]), source()) else { panic!("it is a good one") };
    assert!(bytes.ends_with(b"Content-Length: 5\r\n\r\nv=0\r\n"), "the body is the rest of the datagram");
}

#[test]
fn each_fault_gets_the_code_that_the_rfc_names() {
    let start = |line| code(&[("", line)]);
    assert_eq!(start("INVITE sip:a@b SIP/7.0"), 505);
    assert_eq!(start("INVITE sip:a@b HTTP/1.1"), 400);
    assert_eq!(start("INVITE  sip:a@b SIP/2.0"), 400);
    assert_eq!(start("INVITE <sip:a@b> SIP/2.0"), 400);
    assert_eq!(start("INVITE sip:a@b?Route=x SIP/2.0"), 400);
    assert_eq!(start("INVITE soap.beep://a SIP/2.0"), 416);
    assert_eq!(start("INVITE tel:+8610086 SIP/2.0"), 200);
    assert_eq!(code(&[("", "invite sip:a@b SIP/2.0"), ("CSeq", "1 invite")]), 501, "methods have a case (§7.1)");
    assert_eq!(code(&[("", "REGISTER sip:a@b SIP/2.0"), ("CSeq", "1 REGISTER")]), 405);
    for (name, bad) in [
        ("CSeq", "2147483648 INVITE"),
        ("CSeq", "36893488147419103232 INVITE"),
        ("CSeq", "-1 INVITE"),
        ("CSeq", "1 OPTIONS"),
        ("CSeq", "1"),
        ("CSeq", ""),
        ("From", ""),
        ("From", "<sip:a@b>"),
        ("From", "<sip:a@b>;tag="),
        ("From", "\"open <sip:a@b>;tag=1"),
        ("From", "<sip:a@b>;tag=1\r\nf: <sip:a@b>;tag=1"),
        ("To", ""),
        ("To", "<sip:a b@c>"),
        ("To", "<sip:a@b"),
        ("Call-ID", ""),
        ("Call-ID", "a b"),
        ("Via", ""),
        ("Via", "SIP/2.0/UDP h;;branch=x"),
        ("Via", "HTTP/2.0/UDP h"),
        ("Max-Forwards", "256"),
        ("Max-Forwards", "-1"),
        ("Contact", ""),
        ("Contact", "<sip:a@b>, <sip:c@d>"),
        ("+Content-Length", "6"),
        ("+Content-Length", "-5"),
        ("+Content-Length", "18446744073709551615"),
        ("+Content-Length", "5\r\nl: 5"),
        ("+X Y", "z"),
    ] {
        let expected = if name == "Via" && bad.is_empty() { 0 } else { 400 };
        assert_eq!(code(&[(name, bad)]), expected, "{name}: {bad}");
    }
    assert_eq!(code(&[("Require", "100rel")]), 420);
    assert_eq!(code(&[("Content-Type", "application/unknown")]), 415);
    assert_eq!(code(&[("Content-Encoding", "gzip")]), 415);
    assert_eq!(code(&[("Accept", "text/plain")]), 406);
    assert_eq!(code(&[("Accept", "text/plain, application/*;q=0.1")]), 200);
    assert_eq!(code(&[("Max-Forwards", "0")]), 200, "we are the last hop");
}

#[test]
fn an_answer_is_complete_and_repeats_itself() {
    let request = invite(&[("Require", "100rel, timer")]);
    let Verdict::Answer(answer) = check(&request, source()) else { panic!("420") };
    assert_eq!(check(&request, source()), Verdict::Answer(answer.clone()), "repetitions get the same tag");
    assert_eq!(answer.to, source());
    let text = String::from_utf8(answer.bytes).expect("ASCII");
    assert!(text.starts_with(
        "SIP/2.0 420 Bad Extension\r\nVia: SIP/2.0/UDP 203.0.113.7:5062;branch=z9hG4bK1;rport;received=203.0.113.7\r\n"
    ));
    assert!(text.contains("\r\nUnsupported: 100rel, timer\r\n"));
    assert!(text.contains("\r\nTo: <sip:10086@198.51.100.1>;tag="));
    assert!(text.ends_with("\r\nContent-Length: 0\r\n\r\n"));
    assert!(text.len() < 3 * request.len(), "no amplifier (reliability T-25)");
}

#[test]
fn an_ack_is_never_answered_and_noise_is_dropped() {
    assert_eq!(code(&[("", "ACK sip:a@b SIP/2.0"), ("CSeq", "1 INVITE")]), 0);
    for noise in [&b"\x00\x01\x02"[..], b"", b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\xff\xfe SIP\r\n"] {
        assert!(matches!(check(noise, source()), Verdict::Drop(_)), "{noise:?}");
    }
}

#[test]
fn responses_pass_or_are_dropped() {
    let response = |start: &'static str, cseq: &'static str| check(&invite(&[("", start), ("CSeq", cseq)]), source());
    assert!(matches!(response("SIP/2.0 200 OK", "1 INVITE"), Verdict::Pass(_)));
    assert!(matches!(response("SIP/2.0 200 ", "1 INVITE"), Verdict::Pass(_)));
    for start in ["SIP/2.0 4294967301 better not break the receiver", "SIP/2.0 99 x", "SIP/7.0 200 OK", "SIP/2.0"] {
        assert_eq!(response(start, "1 INVITE"), Verdict::Drop(DropReason::Malformed), "{start}");
    }
    assert_eq!(response("SIP/2.0 200 OK", "9292394834772304023312 OPTIONS"), Verdict::Drop(DropReason::Malformed));
}

proptest! {
    #[test]
    fn mutated_messages_never_break_it(
        flips in proptest::collection::vec((0_usize..420, any::<u8>()), 0..8), cut in 0_usize..420,
    ) {
        let mut bytes = invite(&[("+Content-Length", "5")]);
        for (at, byte) in flips {
            if let Some(slot) = bytes.get_mut(at) {
                *slot = byte;
            }
        }
        bytes.truncate(bytes.len() - cut.min(bytes.len()));
        match check(&bytes, source()) {
            // What passes is in plain spelling: it passes again, unchanged.
            Verdict::Pass(plain) => prop_assert_eq!(check(&plain, source()), Verdict::Pass(plain)),
            Verdict::Answer(answer) => prop_assert!((400..600).contains(&answer.code)),
            Verdict::Drop(_) => {}
        }
    }
}
