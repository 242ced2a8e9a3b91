//! A bot is replaced while its service runs: calls in progress keep theirs, and a faulty bot replaces nothing.

use hualu_core::dialogue::{Act, CallEvent, CallInput, CallStarted, Hypothesis, TurnAct};
use hualu_core::{CallId, TurnId};
use hualu_nlu::bot::Bot;
use hualu_nlu::reload::ReloadError;
use hualu_nlu::server::{DialogueService, ServiceConfig};
use hualu_proto::nlu::v1::dialogue_client::DialogueClient;
use hualu_proto::nlu::v1::{ConverseRequest, ConverseResponse};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::Streaming;

fn write(dir: &Path, greeting: &str, answer: &str) {
    let text = format!(
        "bot: {{id: t, entry: main}}
nlu: {{intents: {{hours: {{examples: [几点开门, 什么时候开门, 营业时间]}}}}}}
flows:
  main: {{steps: [{{say: \"{greeting}\"}}, {{choose: {{options: []}}}}]}}
  hours: {{trigger: {{intents: [hours]}}, steps: [{{say: \"{answer}\"}}]}}
"
    );
    std::fs::write(dir.join("bot.yaml"), text).expect("writable");
}

struct Call {
    events: mpsc::Sender<ConverseRequest>,
    answers: Streaming<ConverseResponse>,
}

impl Call {
    async fn open(address: &str) -> (Self, String) {
        let endpoint = tonic::transport::Endpoint::from_shared(address.to_owned()).expect("an address");
        let mut client = DialogueClient::new(endpoint.connect().await.expect("it listens"));
        let (events, queue) = mpsc::channel(4);
        let answers = client.converse(ReceiverStream::new(queue)).await.expect("a stream").into_inner();
        let mut call = Self { events, answers };
        let started = CallStarted {
            call: CallId::new("c"),
            bot: String::new(),
            caller: String::new().into(),
            called: String::new().into(),
            variables: BTreeMap::new(),
        };
        let greeting = call.send(0, CallEvent::Started(started)).await;
        (call, greeting)
    }

    async fn say(&mut self, turn: u32, text: &str) -> String {
        let hypothesis = Hypothesis {
            text: text.to_owned().into(),
            pinyin: String::new().into(),
            confidence: 0.9,
            alternatives: Vec::new(),
        };
        self.send(turn, CallEvent::Final { hypothesis, promoted: false }).await
    }

    async fn send(&mut self, turn: u32, event: CallEvent) -> String {
        let input = CallInput { turn: TurnId(turn), budget: Duration::from_millis(100), event };
        self.events.send(input.into()).await.expect("the stream is open");
        let mut text = String::new();
        loop {
            let message = self.answers.message().await.expect("no fault").expect("an act");
            let act = TurnAct::try_from(message).expect("an act");
            if let Act::Say(say) = &act.act {
                text.push_str(&say.text());
            }
            if act.last {
                return text;
            }
        }
    }
}

#[tokio::test]
async fn new_calls_get_the_new_bot_and_running_ones_keep_theirs() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "您好，甲。", "九点。");
    let config = ServiceConfig { cache: None, ..ServiceConfig::default() };
    let service = DialogueService::new(Bot::load(dir.path()).expect("a good bot"), config).expect("it calls nobody");
    let reloader = service.reloader();
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    let router = tonic::transport::Server::builder().add_service(service.into_server());
    tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));

    let (mut running, greeting) = Call::open(&address).await;
    assert_eq!(greeting, "您好，甲。");

    write(dir.path(), "您好，乙。", "${nobody}点。");
    let refused = reloader.reload(dir.path()).expect_err("nothing fills `nobody`");
    assert!(matches!(&refused, ReloadError::Bot(faults) if faults.0.len() == 1 && faults.0[0].line == 5), "{refused}");
    assert_eq!(Call::open(&address).await.1, "您好，甲。", "a faulty bot replaces nothing");

    std::fs::write(dir.path().join("bot.yaml"), "bot: {id: other, entry: main}\nflows: {main: {steps: [{end: done}]}}")
        .expect("writable");
    let refused = reloader.reload(dir.path()).expect_err("another bot");
    assert!(matches!(refused, ReloadError::OtherBot { .. }), "{refused}");

    write(dir.path(), "您好，丙。", "十点。");
    reloader.reload(dir.path()).expect("a good bot");
    let (mut fresh, greeting) = Call::open(&address).await;
    assert_eq!(greeting, "您好，丙。");
    assert!(fresh.say(1, "几点开门").await.contains("十点"));
    assert!(running.say(1, "几点开门").await.contains("九点"), "a running call keeps its bot");
}
