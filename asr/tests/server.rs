//! The gRPC service on a real socket.

mod common;

use hualu_asr::server::Service;
use hualu_asr::{Pool, PoolConfig};
use hualu_core::dialogue::Expect;
use hualu_core::speech::{RecognizeCommand, RecognizeEvent};
use hualu_core::{PcmFrame, SampleRate, TurnId};
use hualu_proto::asr::v1::recognize_request::Request as Order;
use hualu_proto::asr::v1::recognizer_client::RecognizerClient;
use hualu_proto::asr::v1::{Config, RecognizeRequest};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Status};

async fn client() -> Option<RecognizerClient<Channel>> {
    if !common::has_runtime() {
        return None;
    }
    let config = PoolConfig { streams_max: 1, queue_len: 400, ..PoolConfig::default() };
    let model = common::language_model(&["查话费"]);
    let pool = Pool::start(config, &common::model(), HashMap::new(), model).expect("the fixture");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let service = Service::new(Arc::new(pool)).into_server();
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)));
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    Some(RecognizerClient::new(endpoint.connect().await.expect("connected")))
}

fn config(model: &str, rate_hz: u32) -> RecognizeRequest {
    let config = Config { call_id: "c".to_owned(), sample_rate_hz: rate_hz, language_model: model.to_owned() };
    RecognizeRequest { request: Some(Order::Config(config)) }
}

async fn refusal(client: &mut RecognizerClient<Channel>, first: RecognizeRequest) -> Status {
    match client.recognize(tokio_stream::iter([first])).await {
        Err(status) => status,
        Ok(_) => panic!("it was taken"),
    }
}

#[tokio::test]
async fn audio_goes_in_and_a_final_comes_out() {
    let Some(mut client) = client().await else { return };
    let rate = SampleRate::HZ_8000;
    let mut requests = vec![config("", 8_000)];
    requests.push(RecognizeCommand::Start { turn: TurnId(4), expect: Expect::Free }.into());
    for frame in common::speak("ch a h ua f ei", rate.hz()).chunks(160) {
        requests.push(RecognizeCommand::Audio(PcmFrame::new(frame, rate).expect("fits")).into());
    }
    requests.push(RecognizeCommand::End { turn: TurnId(4), budget: Duration::from_millis(60) }.into());
    // The stream stays open until the final is there: closing it would close the call.
    let (sender, receiver) = tokio::sync::mpsc::channel(200);
    for request in requests {
        sender.send(request).await.expect("room");
    }
    let requests = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let mut responses = client.recognize(requests).await.expect("taken").into_inner();
    loop {
        let response = responses.message().await.expect("no fault").expect("a final is owed");
        let event = RecognizeEvent::try_from(response).expect("a whole response");
        assert_eq!(event.turn, TurnId(4));
        if event.is_final {
            assert_eq!(event.hypothesis.text.reveal(), "查话费");
            break;
        }
    }
}

#[tokio::test]
async fn faults_of_the_client_are_told_by_their_code() {
    let Some(mut client) = client().await else { return };
    let no_config = RecognizeCommand::Cancel { turn: TurnId(1) }.into();
    assert_eq!(refusal(&mut client, no_config).await.code(), Code::InvalidArgument);
    assert_eq!(refusal(&mut client, config("", 4_000)).await.code(), Code::InvalidArgument);
    assert_eq!(refusal(&mut client, config("nobody", 8_000)).await.code(), Code::NotFound);
    let (held_open, receiver) = tokio::sync::mpsc::channel(1);
    held_open.send(config("", 8_000)).await.expect("room");
    let held = client.recognize(tokio_stream::wrappers::ReceiverStream::new(receiver)).await.expect("taken");
    assert_eq!(refusal(&mut client, config("", 8_000)).await.code(), Code::ResourceExhausted);
    drop(held);
}
