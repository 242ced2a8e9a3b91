use super::*;

fn client(user: &str, password: &str, realm: &str) -> DigestClient {
    DigestClient::new(Credentials {
        user: Pii::new(user.to_owned()),
        password: Pii::new(password.to_owned()),
        realm: realm.to_owned(),
        without_qop: false,
    })
}

fn trunk() -> DigestClient {
    client("bot", "secret", "carrier")
}

fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    parameters(value)
        .expect("a header of ours parses")
        .into_iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

const NONCE_7616: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
const CNONCE_7616: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

#[test]
fn rfc_7616_section_3_9_1_in_both_algorithms() {
    let expected = [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ];
    for (algorithm, response) in expected {
        let mut client = client("Mufasa", "Circle of Life", "http-auth@example.org");
        let challenge = format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, nonce=\"{NONCE_7616}\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
        client.challenged([(Asker::Server, challenge.as_str())]).expect("it can be answered");
        let headers = client.headers("GET", "/dir/index.html", CNONCE_7616);
        let [(name, value)] = headers.as_slice() else { panic!("one header: {headers:?}") };
        assert_eq!(*name, "Authorization");
        for (key, expected) in [
            ("username", "Mufasa"),
            ("realm", "http-auth@example.org"),
            ("uri", "/dir/index.html"),
            ("algorithm", algorithm),
            ("nonce", NONCE_7616),
            ("nc", "00000001"),
            ("cnonce", CNONCE_7616),
            ("qop", "auth"),
            ("response", response),
            ("opaque", "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"),
        ] {
            assert_eq!(parameter(value, key), Some(expected), "{key} with {algorithm}");
        }
    }
}

#[test]
fn rfc_2617_section_3_5() {
    let mut client = client("Mufasa", "Circle Of Life", "testrealm@host.com");
    let challenge = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
                     nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
    client.challenged([(Asker::Server, challenge)]).expect("it can be answered");
    let value = client.headers("GET", "/dir/index.html", "0a4f113b").remove(0).1;
    assert_eq!(parameter(&value, "response"), Some("6629fae49393a05397450978507c4ef1"));
    assert_eq!(parameter(&value, "algorithm"), None, "not named, so not echoed");
}

#[test]
fn without_qop_is_answered_only_where_it_is_allowed() {
    // RFC 2069 §2.4 with the response that its erratum 749 gives.
    let challenge = "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"";
    let mut client = client("Mufasa", "CircleOfLife", "testrealm@host.com");
    assert_eq!(client.challenged([(Asker::Server, challenge)]), Err(AuthError::NoQop));
    assert!(client.headers("GET", "/dir/index.html", "x").is_empty());
    client.credentials.without_qop = true;
    client.challenged([(Asker::Server, challenge)]).expect("allowed now");
    let value = client.headers("GET", "/dir/index.html", "x").remove(0).1;
    assert_eq!(parameter(&value, "response"), Some("1949323746fe6a43ef61f9606e7febea"));
    assert_eq!((parameter(&value, "cnonce"), parameter(&value, "nc")), (None, None));
}

#[test]
fn the_strongest_of_several_challenges_is_answered() {
    // RFC 8760 §2.6: one header for each algorithm, in the server's order.
    let offers = [
        "Digest realm=\"carrier\", nonce=\"1\", qop=\"auth\", algorithm=MD5",
        "Digest realm=\"carrier\", nonce=\"2\", qop=\"auth\", algorithm=sha-256",
        "Digest realm=\"carrier\", nonce=\"3\", qop=\"auth\", algorithm=SHA-512-256",
        "Basic realm=\"carrier\"",
    ];
    for turn in 0..offers.len() {
        let mut client = trunk();
        let mut rotated = offers;
        rotated.rotate_left(turn);
        client.challenged(rotated.map(|value| (Asker::Server, value))).expect("MD5 and SHA-256 are known");
        let value = client.headers("REGISTER", "sip:carrier", "c").remove(0).1;
        assert_eq!((parameter(&value, "nonce"), parameter(&value, "algorithm")), (Some("2"), Some("SHA-256")));
    }
}

#[test]
fn a_foreign_realm_gets_nothing() {
    let mut client = trunk();
    let foreign = "Digest realm=\"attacker\", nonce=\"1\", qop=\"auth\"";
    let refused = Err(AuthError::ForeignRealm { asked: "attacker".to_owned(), ours: "carrier".to_owned() });
    assert_eq!(client.challenged([(Asker::Server, foreign)]), refused);
    assert_eq!(client.challenged([(Asker::Proxy, foreign)]), refused);
    let near = "Digest realm=\"Carrier\", nonce=\"1\", qop=\"auth\"";
    assert!(client.challenged([(Asker::Server, near)]).is_err(), "realms are compared byte by byte");
    assert!(client.headers("BYE", "sip:x", "c").is_empty());
}

#[test]
fn what_cannot_be_computed_is_refused_with_its_name() {
    let mut client = trunk();
    let refused = |client: &mut DigestClient, value| client.challenged([(Asker::Server, value)]).expect_err("refused");
    let sess = refused(&mut client, "Digest realm=\"carrier\", nonce=\"1\", qop=\"auth\", algorithm=MD5-sess");
    assert_eq!(sess, AuthError::Unsupported { offered: "MD5-sess, auth".to_owned() });
    let int = refused(&mut client, "Digest realm=\"carrier\", nonce=\"1\", qop=\"auth-int\"");
    assert_eq!(int, AuthError::Unsupported { offered: "auth-int".to_owned() });
    for value in [
        "",
        "Digest",
        "Digest ",
        "Digest realm",
        "Digest realm=\"carrier\"",
        "Basic realm=\"carrier\"",
        "Digest realm=\"x",
    ] {
        assert_eq!(refused(&mut client, value), AuthError::NoChallenge, "{value:?}");
    }
    assert_eq!(client.challenged([]), Err(AuthError::NoChallenge));
}

#[test]
fn a_nonce_serves_later_requests_and_is_counted() {
    let mut client = trunk();
    client.challenged([(Asker::Server, "Digest realm=\"carrier\", nonce=\"1\", qop=\"auth\"")]).expect("answered");
    let counts: Vec<_> = (0..3)
        .map(|_| {
            client.begin();
            let value = client.headers("REGISTER", "sip:carrier", "c").remove(0).1;
            parameter(&value, "nc").map(str::to_owned)
        })
        .collect();
    assert_eq!(counts, ["00000001", "00000002", "00000003"].map(|count| Some(count.to_owned())));
    client.challenged([(Asker::Server, "Digest realm=\"carrier\", nonce=\"2\", qop=\"auth\"")]).expect("a new nonce");
    let value = client.headers("REGISTER", "sip:carrier", "c").remove(0).1;
    assert_eq!((parameter(&value, "nonce"), parameter(&value, "nc")), (Some("2"), Some("00000001")));
}

#[test]
fn a_wrong_password_is_not_tried_again_but_a_stale_nonce_is() {
    let mut client = trunk();
    let fresh = (Asker::Server, "Digest realm=\"carrier\", nonce=\"1\", qop=\"auth\"");
    let stale = (Asker::Server, "Digest realm=\"carrier\", nonce=\"2\", qop=\"auth\", stale=TRUE");
    client.begin();
    client.challenged([fresh]).expect("the first");
    client.challenged([stale]).expect("only the nonce was old");
    assert_eq!(client.challenged([fresh]), Err(AuthError::Rejected));
    assert!(client.headers("REGISTER", "sip:carrier", "c").is_empty(), "what was refused is not sent again");
    client.begin();
    client.challenged([stale]).expect("the first");
    client.challenged([stale]).expect("the second");
    client.challenged([stale]).expect("the third");
    assert_eq!(client.challenged([stale]), Err(AuthError::Rejected), "whoever always says stale is not believed");
}

#[test]
fn a_server_and_a_proxy_are_both_answered() {
    let mut client = trunk();
    let server = (Asker::Server, "Digest realm=\"carrier\", nonce=\"s\", qop=\"auth\"");
    let proxy = (Asker::Proxy, "Digest realm=\"carrier\", nonce=\"p\", qop=\"auth\"");
    let names = |client: &mut DigestClient| -> Vec<_> {
        client.headers("INVITE", "sip:1@carrier", "c").into_iter().map(|(name, _)| name).collect()
    };
    client.challenged([proxy]).expect("the proxy first");
    client.challenged([server]).expect("then the server behind it");
    assert_eq!(names(&mut client), ["Proxy-Authorization", "Authorization"]);
    let mut client = trunk();
    client.challenged([server, proxy]).expect("both at once (RFC 3261 §22.3)");
    assert_eq!(names(&mut client), ["Authorization", "Proxy-Authorization"]);
}

#[test]
fn nothing_secret_is_printed() {
    let client = client("13800138000", "opensesame", "carrier");
    let printed = format!("{client:?}");
    assert!(!printed.contains("13800138000") && !printed.contains("opensesame"), "{printed}");
}

proptest::proptest! {
    #[test]
    fn any_challenge_is_survived(value in "\\PC{0,200}", tail in "[ =\",\\\\a-z]{0,80}") {
        let mut client = trunk();
        let _ = client.challenged([(Asker::Server, value.as_str())]);
        let digest = format!("Digest realm=\"carrier\", nonce=\"1\", qop=\"auth\", {tail}");
        let _ = client.challenged([(Asker::Server, digest.as_str())]);
        for (_, header) in client.headers("REGISTER", "sip:carrier", "c") {
            proptest::prop_assert!(!header.contains(['\r', '\n']));
        }
    }
}
