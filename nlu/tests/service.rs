//! The service over real gRPC, calling the mock back end over real HTTP.

use hualu_core::dialogue::{Act, CallEvent, CallInput, CallStarted, Hypothesis, TurnAct};
use hualu_core::{CallId, Pii, TurnId};
use hualu_nlu::backend_mock::{self, Order};
use hualu_nlu::bot::Bot;
use hualu_nlu::server::{DialogueService, ServiceConfig};
use hualu_proto::nlu::v1::dialogue_client::DialogueClient;
use hualu_proto::nlu::v1::dialogue_server::DialogueServer;
use hualu_proto::nlu::v1::{ConverseRequest, ConverseResponse};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Code, Status, Streaming};

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const PATIENCE: Duration = Duration::from_secs(20);

fn hotline() -> Bot {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bots/hotline_10086");
    Bot::load(&dir).unwrap_or_else(|faults| panic!("{faults}"))
}

async fn serve(config: ServiceConfig) -> String {
    serve_bot(hotline(), config).await
}

async fn serve_bot(bot: Bot, config: ServiceConfig) -> String {
    let service = DialogueService::new(bot, config).expect("the configuration fits");
    let listener = TcpListener::bind(LOOPBACK).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let router = tonic::transport::Server::builder().add_service(DialogueServer::new(service));
    tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
    format!("http://{address}")
}

fn config(backend: SocketAddr) -> ServiceConfig {
    ServiceConfig { backends: backend_mock::addresses(backend), cache: None, ..ServiceConfig::default() }
}

struct Call {
    events: mpsc::Sender<ConverseRequest>,
    answers: Streaming<ConverseResponse>,
    turn: u32,
}

impl Call {
    async fn open(address: &str) -> Result<Self, Status> {
        let endpoint = tonic::transport::Endpoint::from_shared(address.to_owned()).expect("an address");
        let mut client = DialogueClient::new(endpoint.connect().await.expect("the service listens"));
        let (events, stream) = mpsc::channel(16);
        let answers = client.converse(ReceiverStream::new(stream)).await?.into_inner();
        Ok(Self { events, answers, turn: 0 })
    }

    async fn send(&mut self, event: CallEvent) {
        let input = CallInput { turn: TurnId(self.turn), budget: Duration::from_millis(100), event };
        self.events.send(input.into()).await.expect("the stream is open");
    }

    async fn start(&mut self, call: &str) -> Result<Vec<TurnAct>, Status> {
        self.send(CallEvent::Started(CallStarted {
            call: CallId::new(call),
            bot: String::new(),
            caller: Pii::new("13800138000".to_owned()),
            called: Pii::new("10086".to_owned()),
            variables: BTreeMap::new(),
        }))
        .await;
        self.turn().await
    }

    async fn say(&mut self, text: &str) -> String {
        self.turn += 1;
        let hypothesis = Hypothesis { text: text.to_owned().into(), confidence: 0.9, ..Hypothesis::default() };
        self.send(CallEvent::Final { hypothesis, promoted: false }).await;
        text_of(&self.turn().await.expect("an answer"))
    }

    /// Everything up to the act that is marked as the last.
    async fn turn(&mut self) -> Result<Vec<TurnAct>, Status> {
        let mut acts = Vec::new();
        loop {
            let message = timeout(PATIENCE, self.answers.message()).await.expect("an answer in time")?;
            let act = TurnAct::try_from(message.expect("the stream is open")).expect("a well-formed act");
            assert_eq!(act.turn, TurnId(self.turn));
            let is_last = act.last;
            acts.push(act);
            if is_last {
                return Ok(acts);
            }
        }
    }
}

fn text_of(acts: &[TurnAct]) -> String {
    acts.iter().filter_map(|act| if let Act::Say(say) = &act.act { Some(say.text()) } else { None }).collect()
}

async fn orders(backend: SocketAddr) -> Vec<Order> {
    let body = reqwest::get(format!("http://{backend}/orders")).await.expect("answers").bytes().await.expect("a body");
    serde_json::from_slice(&body).expect("a list of orders")
}

#[tokio::test]
async fn a_call_changes_its_plan_and_the_back_end_knows() {
    let backend = backend_mock::start(LOOPBACK).await.expect("a free port");
    let address = serve(config(backend)).await;
    let mut call = Call::open(&address).await.expect("open");
    let greeting = call.start("call-1").await.expect("a greeting");
    assert!(text_of(&greeting).contains("请问有什么可以帮您"));
    assert!(call.say("查一下话费").await.contains("您的话费余额是"));
    assert!(call.say("我想换套餐").await.contains("多少钱的套餐"));
    assert!(call.say("五十九块的").await.contains("确认办理吗"));
    assert!(orders(backend).await.is_empty(), "nothing may be ordered before the caller agrees");
    let done = call.say("好的").await;
    let placed = orders(backend).await;
    assert_eq!((placed.len(), placed[0].what.as_str()), (1, "59"));
    assert!(done.contains(&placed[0].id), "{done}");
    assert!(call.say("没有了再见").await.contains("再见"));
}

const SLOW_BOT: &str = r#"
bot: {id: slow, entry: main}
nlu: {intents: {query_balance: {examples: [查话费, 查一下话费, 话费还有多少]}}}
actions:
  get_balance:
    http: {get: "${crm}/balance?msisdn=${call.ani}"}
    timeout_ms: 20000
    safe: true
    filler: {after_ms: 20, say: 请稍等。}
    result: {balance: balance}
flows:
  main: {steps: [{say: 您好。}, {choose: {options: []}}]}
  balance: {trigger: {intents: [query_balance]}, steps: [{call: get_balance, ok: [{say: "余额是${balance}。"}]}]}
"#;

#[tokio::test]
async fn a_slow_back_end_is_bridged_by_a_filler() {
    let backend = backend_mock::start_slow(LOOPBACK, Duration::from_secs(2)).await.expect("a free port");
    let bot = Bot::from_texts(&[("slow.yaml", SLOW_BOT)]).unwrap_or_else(|faults| panic!("{faults}"));
    let address = serve_bot(bot, config(backend)).await;
    let mut call = Call::open(&address).await.expect("open");
    call.start("call-2").await.expect("a greeting");
    call.turn += 1;
    let hypothesis = Hypothesis { text: "查话费".to_owned().into(), ..Hypothesis::default() };
    call.send(CallEvent::Final { hypothesis, promoted: false }).await;
    let acts = call.turn().await.expect("an answer");
    let kind = |act: &TurnAct| if let Act::Say(say) = &act.act { Some((say.filler, say.text())) } else { None };
    let says: Vec<(bool, String)> = acts.iter().filter_map(kind).collect();
    assert_eq!(says[0], (true, "请稍等。".to_owned()));
    assert!(says.iter().any(|(filler, text)| !filler && text.contains("余额")), "{says:?}");
}

#[tokio::test]
async fn a_dead_back_end_leads_to_a_person() {
    let listener = TcpListener::bind(LOOPBACK).await.expect("a free port");
    let dead = listener.local_addr().expect("bound");
    drop(listener);
    let address = serve(config(dead)).await;
    let mut call = Call::open(&address).await.expect("open");
    call.start("call-3").await.expect("a greeting");
    call.turn += 1;
    let hypothesis = Hypothesis { text: "查话费".to_owned().into(), ..Hypothesis::default() };
    call.send(CallEvent::Final { hypothesis, promoted: false }).await;
    let acts = call.turn().await.expect("an answer");
    assert!(matches!(&acts[acts.len() - 1].act, Act::Transfer { target, .. } if target == "general"));
}

#[tokio::test]
async fn a_fault_of_one_call_never_touches_another() {
    let backend = backend_mock::start(LOOPBACK).await.expect("a free port");
    let address = serve(config(backend)).await;
    let mut good = Call::open(&address).await.expect("open");
    good.start("call-4").await.expect("a greeting");
    let mut bad = Call::open(&address).await.expect("open");
    bad.send(CallEvent::Keys("1".to_owned().into())).await;
    let status = bad.turn().await.expect_err("refused");
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(good.say("查话费").await.contains("余额"));
}

fn broken_clock() -> chrono::DateTime<chrono::Utc> {
    panic!("the calendar is gone")
}

#[tokio::test]
async fn a_panic_ends_its_conversation_with_a_clear_status() {
    let backend = backend_mock::start(LOOPBACK).await.expect("a free port");
    let address = serve(ServiceConfig { clock: broken_clock, ..config(backend) }).await;
    let mut call = Call::open(&address).await.expect("open");
    let status = call.start("call-5").await.expect_err("the conversation failed");
    assert_eq!(status.code(), Code::Internal);
}

#[tokio::test]
async fn more_calls_than_allowed_are_refused_at_the_door() {
    let backend = backend_mock::start(LOOPBACK).await.expect("a free port");
    let address = serve(ServiceConfig { conversations_max: 1, ..config(backend) }).await;
    let mut first = Call::open(&address).await.expect("open");
    first.start("call-6").await.expect("a greeting");
    let refused = Call::open(&address).await.err().expect("refused");
    assert_eq!(refused.code(), Code::ResourceExhausted);
}

#[test]
fn a_missing_back_end_is_named_before_any_call() {
    let error = DialogueService::new(hotline(), ServiceConfig { cache: None, ..ServiceConfig::default() })
        .expect_err("no addresses were given");
    assert!(error.to_string().contains("`crm`"), "{error}");
}
