//! Accounts that we register (RFC 3261 §10.2): against a registrar made of one socket.

mod common;

use common::{loopback, start, within};
use hualu_core::Pii;
use hualu_sip::{Account, Credentials, Registrar, SipConfig, SipHandle, Transport};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

fn account(peer: SocketAddr, transport: Transport) -> Account {
    Account {
        name: "carrier".to_owned(),
        peer: peer.to_string(),
        transport,
        domain: "carrier.example".to_owned(),
        user: Pii::new("8001".to_owned()),
        credentials: Credentials {
            user: Pii::new("8001@carrier.example".to_owned()),
            password: Pii::new("secret".to_owned()),
            realm: "carrier.example".to_owned(),
            without_qop: false,
        },
        expires: Duration::from_secs(600),
    }
}

/// A registrar of one UDP socket.
struct Trunk {
    socket: UdpSocket,
    from: SocketAddr,
}

impl Trunk {
    async fn new() -> Self {
        Self { socket: UdpSocket::bind(loopback()).await.expect("loopback can be bound"), from: loopback() }
    }

    async fn of(sip: &SipHandle) -> (Self, Registrar) {
        let trunk = Self::new().await;
        let registrar = sip.register(account(trunk.socket.local_addr().expect("bound"), Transport::Udp));
        (trunk, registrar)
    }

    async fn receive(&mut self) -> String {
        let mut buffer = [0; 4_096];
        let (len, from) = within("a REGISTER", self.socket.recv_from(&mut buffer)).await.expect("loopback");
        self.from = from;
        String::from_utf8_lossy(&buffer[..len]).into_owned()
    }

    async fn answer(&self, request: &str, status: &str, lines: &str) {
        self.socket.send_to(answer(request, status, lines).as_bytes(), self.from).await.expect("loopback");
    }
}

fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn answer(request: &str, status: &str, lines: &str) -> String {
    let copied: String = ["Via", "From", "Call-ID", "CSeq"]
        .map(|name| format!("{name}: {}\r\n", header(request, name).expect("every request has it")))
        .concat();
    let to = header(request, "To").expect("every request has it");
    format!("SIP/2.0 {status}\r\n{copied}To: {to};tag=r\r\n{lines}Content-Length: 0\r\n\r\n")
}

/// The binding as the registrar lists it.
fn binding(request: &str, expires_s: u32) -> String {
    format!("Contact: {};expires={expires_s}\r\n", header(request, "Contact").expect("a Contact"))
}

const CHALLENGES: &str = "WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"a\", qop=\"auth,auth-int\", algorithm=SHA-256\r\n\
    WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"b\", qop=\"auth\"\r\n";

#[tokio::test]
async fn an_account_is_registered_renewed_and_taken_back() {
    let (sip, _calls) = start(SipConfig::default()).await;
    let (mut trunk, mut registrar) = Trunk::of(&sip).await;
    let first = trunk.receive().await;
    assert!(first.starts_with("REGISTER sip:carrier.example SIP/2.0\r\n"), "{first}");
    assert_eq!(header(&first, "To"), Some("<sip:8001@carrier.example>"));
    assert_eq!((header(&first, "Expires"), header(&first, "Authorization")), (Some("600"), None));
    let contact = format!("<sip:8001@{}>", sip.udp_address().expect("udp is on"));
    assert_eq!(header(&first, "Contact"), Some(contact.as_str()));
    trunk.answer(&first, "401 Unauthorized", CHALLENGES).await;

    let second = trunk.receive().await;
    let credentials = header(&second, "Authorization").expect("the challenge is answered");
    assert!(credentials.contains("algorithm=SHA-256") && credentials.contains("uri=\"sip:carrier.example\""));
    assert!(!second.contains("secret") && !registrar.is_registered());
    assert_eq!(header(&second, "Call-ID"), header(&first, "Call-ID"));
    assert_eq!((header(&first, "CSeq"), header(&second, "CSeq")), (Some("1 REGISTER"), Some("2 REGISTER")));
    // Two seconds: the renewal comes while this test waits for it.
    trunk.answer(&second, "200 OK", &binding(&second, 2)).await;
    within("the registration", registrar.until(true)).await;

    let renewal = trunk.receive().await;
    assert!(header(&renewal, "Authorization").expect("the nonce is used again").contains("nc=00000002"));
    trunk.answer(&renewal, "200 OK", &binding(&renewal, 600)).await;

    let end = tokio::spawn(registrar.unregister(common::LIMIT));
    let mut removal = trunk.receive().await;
    // The renewal may have been repeated before its answer came.
    while header(&removal, "CSeq") == header(&renewal, "CSeq") {
        removal = trunk.receive().await;
    }
    assert_eq!((header(&removal, "Expires"), header(&removal, "CSeq")), (Some("0"), Some("4 REGISTER")));
    trunk.answer(&removal, "200 OK", "").await;
    within("the end", end).await.expect("no panic");
}

#[tokio::test]
async fn a_brief_interval_and_a_proxy_are_met_at_once() {
    let (sip, _calls) = start(SipConfig::default()).await;
    let (mut trunk, mut registrar) = Trunk::of(&sip).await;
    let first = trunk.receive().await;
    trunk.answer(&first, "423 Interval Too Brief", "Min-Expires: 1800\r\n").await;
    let second = trunk.receive().await;
    assert_eq!(header(&second, "Expires"), Some("1800"));
    let challenge = "Proxy-Authenticate: Digest realm=\"carrier.example\", nonce=\"p\", qop=\"auth\"\r\n";
    trunk.answer(&second, "407 Proxy Authentication Required", challenge).await;
    let third = trunk.receive().await;
    assert!(header(&third, "Proxy-Authorization").is_some() && header(&third, "Authorization").is_none());
    trunk.answer(&third, "200 OK", &binding(&third, 1_800)).await;
    within("the registration", registrar.until(true)).await;
}

#[tokio::test]
async fn a_foreign_realm_gets_no_credentials() {
    let (sip, _calls) = start(SipConfig::default()).await;
    let (mut trunk, registrar) = Trunk::of(&sip).await;
    let first = trunk.receive().await;
    let foreign = "WWW-Authenticate: Digest realm=\"attacker.example\", nonce=\"a\", qop=\"auth\"\r\n";
    trunk.answer(&first, "401 Unauthorized", foreign).await;
    // Nothing more may come. The end of the registration, which is unbound, shows that the answer was taken.
    within("the end", registrar.unregister(common::LIMIT)).await;
    let mut buffer = [0; 4_096];
    while let Ok((len, _)) = trunk.socket.try_recv_from(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..len]).into_owned();
        assert_eq!(header(&text, "CSeq"), Some("1 REGISTER"), "only repetitions: {text}");
        assert_eq!(header(&text, "Authorization"), None);
    }
}

#[tokio::test]
async fn a_silent_registrar_does_not_hold_the_end_up() {
    let t1 = Duration::from_millis(5);
    let (sip, _calls) = start(SipConfig { timer_t1: t1, ..SipConfig::default() }).await;
    let (mut trunk, registrar) = Trunk::of(&sip).await;
    trunk.receive().await;
    within("the end", registrar.unregister(common::LIMIT)).await;
}

#[tokio::test]
async fn tcp_carries_a_registration() {
    let (sip, _calls) = start(SipConfig::default()).await;
    let listener = TcpListener::bind(loopback()).await.expect("loopback can be bound");
    let mut registrar = sip.register(account(listener.local_addr().expect("bound"), Transport::Tcp));
    let (mut stream, _) = within("a connection", listener.accept()).await.expect("loopback");
    let mut request = String::new();
    let mut buffer = [0; 4_096];
    while !request.contains("\r\n\r\n") {
        let len = within("a REGISTER", stream.read(&mut buffer)).await.expect("loopback");
        request.push_str(&String::from_utf8_lossy(&buffer[..len]));
    }
    assert!(header(&request, "Via").expect("a Via").starts_with("SIP/2.0/TCP "), "{request}");
    assert!(
        header(&request, "Contact").expect("a Contact").to_ascii_lowercase().contains(";transport=tcp"),
        "{request}"
    );
    stream.write_all(answer(&request, "200 OK", &binding(&request, 600)).as_bytes()).await.expect("loopback");
    within("the registration", registrar.until(true)).await;
}
