//! The proxies fail as they are told, and only then.

use hualu_benches::proxy::{self, DialogueFault, VoiceFault};
use hualu_proto::nlu::v1::converse_response::Act;
use hualu_proto::nlu::v1::dialogue_client::DialogueClient;
use hualu_proto::nlu::v1::dialogue_server::{Dialogue, DialogueServer};
use hualu_proto::nlu::v1::{ConverseRequest, ConverseResponse, HangUp};
use hualu_proto::tts::v1::voice_client::VoiceClient;
use hualu_proto::tts::v1::voice_server::{Voice, VoiceServer};
use hualu_proto::tts::v1::{SynthesizeRequest, SynthesizeResponse};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status, Streaming};

/// Answers every event with its turn and this name.
struct Echo(&'static str);

#[tonic::async_trait]
impl Dialogue for Echo {
    type ConverseStream = ReceiverStream<Result<ConverseResponse, Status>>;

    async fn converse(
        &self,
        request: Request<Streaming<ConverseRequest>>,
    ) -> Result<Response<Self::ConverseStream>, Status> {
        let (answers, stream) = mpsc::channel(8);
        let (mut events, name) = (request.into_inner(), self.0);
        tokio::spawn(async move {
            while let Ok(Some(event)) = events.message().await {
                let act = Some(Act::HangUp(HangUp { disposition: name.to_owned() }));
                let answer = ConverseResponse { turn: event.turn, revision: 0, last: true, act };
                if answers.send(Ok(answer)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

/// Three pieces of 400 bytes.
struct Pieces;

#[tonic::async_trait]
impl Voice for Pieces {
    type SynthesizeStream = ReceiverStream<Result<SynthesizeResponse, Status>>;

    async fn synthesize(
        &self,
        _request: Request<SynthesizeRequest>,
    ) -> Result<Response<Self::SynthesizeStream>, Status> {
        let (pieces, stream) = mpsc::channel(8);
        for n in 0..3 {
            let piece = SynthesizeResponse { pcm: vec![n; 400], last: n == 2, ..SynthesizeResponse::default() };
            pieces.send(Ok(piece)).await.map_err(|_| Status::internal("nobody reads"))?;
        }
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

async fn listener() -> (SocketAddr, TcpListenerStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    (listener.local_addr().expect("bound"), TcpListenerStream::new(listener))
}

fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).expect("an address").connect_lazy()
}

async fn echo(name: &'static str) -> SocketAddr {
    let (address, incoming) = listener().await;
    tokio::spawn(Server::builder().add_service(DialogueServer::new(Echo(name))).serve_with_incoming(incoming));
    address
}

type Call = (mpsc::Sender<ConverseRequest>, Result<Streaming<ConverseResponse>, Status>);

async fn converse(address: SocketAddr) -> Call {
    let mut client = DialogueClient::new(channel(address));
    let (events, queue) = mpsc::channel(8);
    let answers = client.converse(ReceiverStream::new(queue)).await.map(Response::into_inner);
    (events, answers)
}

async fn ask(call: &mut Call, turn: u32) -> Result<Option<(u32, String)>, Code> {
    let (events, answers) = call;
    events.send(ConverseRequest { turn, ..ConverseRequest::default() }).await.expect("the proxy reads");
    let answer = answers.as_mut().expect("a stream").message().await.map_err(|status| status.code())?;
    Ok(answer.map(|answer| match answer.act {
        Some(Act::HangUp(HangUp { disposition })) => (answer.turn, disposition),
        other => panic!("{other:?}"),
    }))
}

#[tokio::test]
async fn a_killed_dialogue_breaks_its_streams_and_refuses_new_ones() {
    let proxy = proxy::dialogue(echo("fast").await, echo("slow").await).await.expect("a port");
    let mut call = converse(proxy.address).await;
    assert_eq!(ask(&mut call, 1).await, Ok(Some((1, "fast".to_owned()))));
    proxy.set(DialogueFault::Dead);
    let broken = call.1.expect("a stream").message().await.expect_err("it broke");
    assert_eq!(broken.code(), Code::Unavailable);
    assert_eq!(converse(proxy.address).await.1.expect_err("it is refused").code(), Code::Unavailable);
    proxy.set(DialogueFault::None);
    assert_eq!(ask(&mut converse(proxy.address).await, 2).await, Ok(Some((2, "fast".to_owned()))));
}

#[tokio::test]
async fn a_black_hole_takes_streams_and_answers_none() {
    let proxy = proxy::dialogue(echo("fast").await, echo("slow").await).await.expect("a port");
    let mut call = converse(proxy.address).await;
    assert_eq!(ask(&mut call, 1).await, Ok(Some((1, "fast".to_owned()))));
    proxy.set(DialogueFault::BlackHole);
    let brief = Duration::from_millis(100);
    assert!(timeout(brief, ask(&mut call, 2)).await.is_err(), "an answer from a black hole");
    assert!(timeout(brief, converse(proxy.address)).await.is_err(), "a stream from a black hole");
}

#[tokio::test]
async fn calls_that_begin_with_slow_back_ends_go_to_the_slow_dialogue() {
    let proxy = proxy::dialogue(echo("fast").await, echo("slow").await).await.expect("a port");
    proxy.set(DialogueFault::SlowBackEnds);
    assert_eq!(ask(&mut converse(proxy.address).await, 3).await, Ok(Some((3, "slow".to_owned()))));
}

#[tokio::test]
async fn late_answers_come_late_and_in_order() {
    let proxy = proxy::dialogue(echo("fast").await, echo("slow").await).await.expect("a port");
    proxy.set(DialogueFault::Late(Duration::from_millis(300)));
    let mut call = converse(proxy.address).await;
    assert!(timeout(Duration::from_millis(50), ask(&mut call, 1)).await.is_err(), "an answer before its time");
    let answer = call.1.as_mut().expect("a stream").message().await.expect("no fault").expect("an answer");
    assert_eq!(answer.turn, 1);
}

#[tokio::test]
async fn a_stalled_voice_stops_in_the_middle_and_stays_open() {
    let (address, incoming) = listener().await;
    tokio::spawn(Server::builder().add_service(VoiceServer::new(Pieces)).serve_with_incoming(incoming));
    let proxy = proxy::voice(address).await.expect("a port");
    let mut client = VoiceClient::new(channel(proxy.address));
    for (fault, bytes_wanted) in [(VoiceFault::None, 1_200), (VoiceFault::StallAfter(600), 600)] {
        proxy.set(fault);
        let stream = client.synthesize(SynthesizeRequest::default()).await;
        let mut pieces = stream.expect("a stream").into_inner();
        let (mut bytes, mut last) = (0, false);
        while bytes < bytes_wanted {
            let piece = pieces.message().await.expect("no fault").expect("a piece");
            (bytes, last) = (bytes + piece.pcm.len(), piece.last);
        }
        assert_eq!((bytes, last), (bytes_wanted, fault == VoiceFault::None));
        if fault != VoiceFault::None {
            assert!(timeout(Duration::from_millis(100), pieces.message()).await.is_err(), "more than half a clause");
        }
    }
}
