//! The service on a real socket.

use super::common::{Probe, command, config, voice};
use hualu_core::CallId;
use hualu_core::dialogue::Say;
use hualu_core::speech::SynthesizeEvent;
use hualu_proto::tts::v1::SynthesizeRequest;
use hualu_proto::tts::v1::voice_client::VoiceClient;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request};

async fn serve(probe: &Arc<Probe>) -> VoiceClient<Channel> {
    let service = hualu_tts::server::service(Arc::new(voice(config(), probe)));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)));
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    VoiceClient::new(endpoint.connect().await.expect("it listens"))
}

fn request(text: &str) -> SynthesizeRequest {
    SynthesizeRequest::new(&CallId::new("call-1"), command(Say::plain(text)))
}

#[tokio::test]
async fn a_clause_arrives_in_order_and_marked() {
    let probe = Arc::new(Probe::default());
    let mut client = serve(&probe).await;
    let mut stream = client.synthesize(request("您好")).await.expect("accepted").into_inner();
    let mut len_samples = 0;
    let mut last = false;
    while let Some(response) = stream.message().await.expect("no fault") {
        let event = SynthesizeEvent::try_from(response).expect("well formed");
        assert_eq!((event.turn.0, event.clause.0), (3, 7));
        assert!(!last, "nothing comes after the last piece");
        len_samples += event.pcm.len();
        last = event.last;
    }
    assert!(last);
    assert_eq!(len_samples, 1_600);
}

#[tokio::test]
async fn the_callers_time_limit_ends_the_stream() {
    let (_open, gate) = mpsc::channel();
    let probe = Arc::new(Probe::default());
    *probe.gate.lock().expect("free") = Some(gate);
    let mut client = serve(&probe).await;
    let mut request = Request::new(request("您好"));
    request.set_timeout(Duration::from_millis(200));
    let mut stream = client.synthesize(request).await.expect("accepted").into_inner();
    let outcome = loop {
        match stream.message().await {
            Ok(Some(response)) => assert!(!response.last, "the engine is held"),
            Ok(None) => panic!("the stream ended without its last piece"),
            Err(status) => break status,
        }
    };
    // Either side may notice first: the server says so, the client cancels.
    assert!(matches!(outcome.code(), Code::DeadlineExceeded | Code::Cancelled), "{outcome}");
}

#[tokio::test]
async fn bad_requests_are_refused_with_a_reason() {
    let probe = Arc::new(Probe::default());
    let mut client = serve(&probe).await;
    let other = SynthesizeRequest { voice: "nobody".to_owned(), ..request("您好") };
    let status = client.synthesize(other).await.expect_err("no such voice");
    assert_eq!(status.code(), Code::NotFound);
    assert!(status.message().contains("tone-1"), "{status}");
    let rate = SynthesizeRequest { sample_rate_hz: 7, ..request("您好") };
    let status = client.synthesize(rate).await.expect_err("no such rate");
    assert_eq!(status.code(), Code::InvalidArgument);
    let failing = client.synthesize(request("坏")).await.expect("accepted").into_inner().message().await;
    assert_eq!(failing.expect_err("the engine fails").code(), Code::Internal);
}
