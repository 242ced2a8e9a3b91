//! What strangers on the network do to the media of a call. The numbers are those of the list of past attacks on
//! telephone systems that this product was built against.

mod common;

use common::{LIMIT, Phone, gateway, gateway_with, within};
use hualu_gateway::Gateway;
use hualu_rtp::{Law, RtpSender};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;

/// A call whose media flows both ways.
struct Call {
    gateway: Gateway,
    phone: Phone,
    /// The gateway's RTP address in this call.
    media: SocketAddr,
    sender: RtpSender,
}

impl Call {
    async fn on(gateway: Gateway) -> Self {
        let mut phone = Phone::to(&gateway).await;
        let offer = phone.media(8);
        let accepted = phone.call(&offer, "").await;
        let line = accepted.lines().find_map(|line| line.strip_prefix("m=audio ")).expect("an audio line");
        let port = line.split(' ').next().and_then(|port| port.parse().ok()).expect("a port");
        let media = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { gateway, phone, media, sender: RtpSender::new(0x7e1e, 100, 8_000) }
    }

    /// The phone speaks `count` packets of silence.
    async fn speak(&mut self, count: usize) {
        for _ in 0..count {
            let packet = rtp(&mut self.sender, 8, 0);
            self.phone.rtp.send_to(&packet, self.media).await.expect("loopback");
        }
    }

    /// Packets reach the phone, and a BYE of it is answered: the call lives.
    async fn assert_alive(&mut self) {
        while self.phone.rtp.try_recv(&mut [0; 2_048]).is_ok() {}
        for _ in 0..5 {
            self.speak(1).await;
            assert_eq!(self.phone.payload_type().await, 8);
        }
        assert_eq!(self.gateway.calls_active(), 1);
    }

    async fn end(self) {
        self.phone.send("BYE", 90, "", "").await;
        self.phone.receive_until("SIP/2.0 200 ").await;
        self.gateway.stop(LIMIT).await;
    }
}

/// A packet of 20 ms at one loudness.
fn rtp(sender: &mut RtpSender, payload_type: u8, loudness: i16) -> Vec<u8> {
    let mut out = [0; 200];
    let len = sender.write_audio(payload_type, &[Law::A.encode_sample(loudness); 160], &mut out).expect("fits");
    out[..len].to_vec()
}

async fn stranger() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback can be bound")
}

/// How many packets a socket has been sent.
fn received(socket: &UdpSocket) -> usize {
    std::iter::from_fn(|| socket.try_recv(&mut [0; 2_048]).ok()).count()
}

#[tokio::test]
async fn t01_a_stranger_who_sprays_gets_no_packet_and_the_call_goes_on() {
    let mut call = Call::on(gateway(16_100).await).await;
    call.speak(1).await;
    call.assert_alive().await;
    let attacker = stranger().await;
    let mut sender = RtpSender::new(666, 1, 1);
    for _ in 0..500 {
        attacker.send_to(&rtp(&mut sender, 8, 20_000), call.media).await.expect("loopback");
    }
    call.assert_alive().await;
    assert_eq!(received(&attacker), 0);
    call.end().await;
}

#[tokio::test]
async fn t02_a_stranger_who_was_first_loses_the_stream_to_the_signalled_address() {
    let mut call = Call::on(gateway(16_120).await).await;
    let attacker = stranger().await;
    let mut sender = RtpSender::new(666, 1, 1);
    for _ in 0..10 {
        attacker.send_to(&rtp(&mut sender, 8, 20_000), call.media).await.expect("loopback");
    }
    within("the stranger is taken for a translated phone", attacker.readable()).await.expect("loopback");
    call.speak(1).await;
    call.phone.payload_type().await;
    received(&attacker);
    for _ in 0..50 {
        attacker.send_to(&rtp(&mut sender, 8, 20_000), call.media).await.expect("loopback");
    }
    call.assert_alive().await;
    assert!(received(&attacker) <= 5, "at most what was on its way");
    call.end().await;
}

#[tokio::test]
async fn t03_a_stream_that_copies_the_callers_numbers_is_neither_heard_nor_recorded() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let record = |config: &mut hualu_gateway::config::Config| config.record = Some(directory.path().to_owned());
    let mut call = Call::on(gateway_with(16_140, record).await).await;
    call.speak(1).await;
    call.assert_alive().await;
    let attacker = stranger().await;
    for _ in 0..10 {
        // The same source, the very next numbers, and loud.
        let mut copied = call.sender.clone();
        for _ in 0..5 {
            attacker.send_to(&rtp(&mut copied, 8, 20_000), call.media).await.expect("loopback");
        }
        call.speak(1).await;
        call.phone.payload_type().await;
    }
    call.assert_alive().await;
    assert_eq!(received(&attacker), 0);
    call.end().await;
    let file = std::fs::read_dir(directory.path()).expect("readable").next().expect("a recording");
    let mut wav = hound::WavReader::open(file.expect("readable").path()).expect("a finished file");
    let loudest = wav.samples::<i16>().step_by(2).map(|sample| sample.expect("whole").unsigned_abs()).max();
    assert!(loudest.expect("it recorded") < 500, "the left channel is the caller, who was silent: {loudest:?}");
}

#[tokio::test]
async fn t04_short_lying_and_departing_rtcp_costs_nothing() {
    let mut call = Call::on(gateway(16_160).await).await;
    let control = SocketAddr::new(call.media.ip(), call.media.port() + 1);
    let attacker = stranger().await;
    let bye = [0x80, 201, 0, 1, 0, 0, 0, 9, 0x81, 203, 0, 1, 0, 0, 0, 9];
    let mut many = vec![0x9f, 201, 0, 187];
    many.extend(std::iter::repeat_n(0xaa, 4 + 31 * 24));
    let compound = [&many[..], &bye[..], &many[..]].concat();
    for packet in [&[0x80, 200, 0, 0][..], &[0x80, 201], &[0x9f, 200, 0xff, 0xff], &many, &compound, &bye, &[0; 1_400]]
    {
        attacker.send_to(packet, control).await.expect("loopback");
        attacker.send_to(packet, call.media).await.expect("loopback");
        call.phone.rtp.send_to(packet, control).await.expect("loopback");
    }
    call.assert_alive().await;
    call.end().await;
}

/// The same source sends what fails every check; under SRTP it would be packets with a bad tag.
#[tokio::test]
async fn t05_ten_thousand_bad_packets_of_the_caller_itself_do_not_end_the_call() {
    let mut call = Call::on(gateway(16_180).await).await;
    call.speak(1).await;
    call.assert_alive().await;
    let mut foreign = RtpSender::new(0x7e1e, 1, 1);
    for round in 0..10_000_u32 {
        let mut packet = rtp(&mut foreign, 99, 20_000);
        if round % 2 == 0 {
            packet[0] = 0x40 | (round >> 8) as u8;
        }
        call.phone.rtp.send_to(&packet, call.media).await.expect("loopback");
        if round % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    call.assert_alive().await;
    call.end().await;
}

#[tokio::test]
async fn t06_t10_a_dtls_hello_or_a_lying_stun_message_is_no_packet_of_a_call() {
    let mut call = Call::on(gateway(16_200).await).await;
    let attacker = stranger().await;
    let hello = [&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 1][..], &[0; 60]].concat();
    // An ERROR-CODE of length 2, a USERNAME of 65,535, and a message length past the end.
    let stun: [&[u8]; 3] = [
        &[1, 0x11, 0, 8, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 0, 0, 0, 0],
        &[0, 1, 0, 4, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0xff, 0xff],
        &[0, 1, 0xff, 0xfc, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ];
    for _ in 0..20 {
        for packet in stun.into_iter().chain([&hello[..]]) {
            attacker.send_to(packet, call.media).await.expect("loopback");
            call.phone.rtp.send_to(packet, call.media).await.expect("loopback");
        }
    }
    call.assert_alive().await;
    assert_eq!(received(&attacker), 0);
    call.end().await;
}

#[tokio::test]
async fn t25_media_at_our_own_ports_or_at_a_group_is_refused() {
    let gateway = gateway(16_220).await;
    let sip = gateway.addresses().0.expect("udp is on").port();
    for (address, port) in [("127.0.0.1", sip), ("127.0.0.1", 16_224), ("224.0.0.1", 4_000)] {
        let phone = Phone::to(&gateway).await;
        let offer = format!(
            "v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n"
        );
        phone.send("INVITE", 1, "application/sdp", &offer).await;
        let refused = phone.receive().await;
        assert!(refused.starts_with("SIP/2.0 488 "), "{address}:{port}: {refused}");
    }
    gateway.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn t28_the_port_of_a_call_is_not_given_to_the_next_one() {
    let narrow =
        |config: &mut hualu_gateway::config::Config| (config.media.port_max, config.limits.calls_max) = (16_241, 1);
    let mut call = Call::on(gateway_with(16_240, narrow).await).await;
    call.speak(1).await;
    call.assert_alive().await;
    call.phone.send("BYE", 2, "", "").await;
    call.phone.receive_until("SIP/2.0 200 ").await;
    within("the end of the call", async {
        while call.gateway.calls_active() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    call.speak(3).await;
    let next = Phone::to(&call.gateway).await;
    next.send("INVITE", 1, "application/sdp", &next.media(8)).await;
    let refused = next.receive().await;
    assert!(refused.starts_with("SIP/2.0 503 ") && refused.contains("no media port"), "{refused}");
    call.gateway.stop(Duration::ZERO).await;
}
