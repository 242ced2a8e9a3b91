//! How long a bot takes to start, and the service to answer a hundred conversations at once.

use crate::table::Quantiles;
use anyhow::{Context, bail};
use hualu_core::dialogue::{Act, CallEvent, CallInput, CallStarted, Hypothesis, TurnAct};
use hualu_core::{CallId, Pii, TurnId};
use hualu_gateway::clock;
use hualu_nlu::backend_mock;
use hualu_nlu::bot::Bot;
use hualu_nlu::intent::Classifier;
use hualu_nlu::server::{DialogueService, ServiceConfig};
use hualu_nlu::utterance::Pronouncer;
use hualu_proto::nlu::v1::dialogue_client::DialogueClient;
use hualu_proto::nlu::v1::dialogue_server::DialogueServer;
use hualu_proto::nlu::v1::{ConverseRequest, ConverseResponse};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::Streaming;
use tonic::transport::Channel;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const CONVERSATIONS: u32 = 100;
const TURNS: u32 = 12;
/// From one turn to the next of a conversation.
const PACE: Duration = Duration::from_millis(2_500);
/// From one partial hypothesis to the next.
const PARTIAL: Duration = Duration::from_millis(150);
/// The above in words.
pub(super) const SCENE: &str = "100 conversations at once, each with a turn every 2.5 s and a partial every 150 ms, and no \
                                back end in the way. Clients and service share the machine.";
const PATIENCE: Duration = Duration::from_secs(10);

/// What callers say: no back end is asked for any of it, so that the time is the dialogue's own.
const SENTENCES: [&str; 6] =
    ["你们都能办些什么业务", "我想换个套餐", "算了先不办了", "今天天气怎么样", "你是不是机器人", "麻烦你再说一遍"];

/// Prints how long training and loading from the cache take.
pub(super) fn start_up(bot: &Bot, pronouncer: &Pronouncer) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let time = || {
        let start = clock::now();
        let classifier = Classifier::load_or_train(bot, pronouncer, Some(dir.path()));
        (start.elapsed(), classifier)
    };
    let (trained, first) = time();
    let (loaded, second) = time();
    if first != second {
        bail!("the classifier from the cache is another than the trained one");
    }
    let (intents, examples) = (bot.intents().count(), bot.example_count());
    println!(
        "| {} | {intents} | {examples} | {:.2} s | {:.3} s |",
        bot.id(),
        trained.as_secs_f64(),
        loaded.as_secs_f64()
    );
    Ok(())
}

/// Prints how long answers take with [`CONVERSATIONS`] at once, over gRPC on loopback.
pub(super) async fn service(bot: Bot, pronouncer: Pronouncer) -> anyhow::Result<()> {
    let backend = backend_mock::start(LOOPBACK).await?;
    let id = bot.id().to_owned();
    let config = ServiceConfig {
        backends: backend_mock::addresses(backend),
        cache: None,
        pronouncer,
        ..ServiceConfig::default()
    };
    let service = DialogueService::new(bot, config)?;
    let listener = TcpListener::bind(LOOPBACK).await?;
    let address = listener.local_addr()?;
    let router = tonic::transport::Server::builder().add_service(DialogueServer::new(service));
    let server = tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
    let calls: Vec<_> = (0..CONVERSATIONS).map(|call| tokio::spawn(converse(call, channel.clone()))).collect();
    let mut times = Quantiles::default();
    for call in calls {
        times.extend(call.await??);
    }
    server.abort();
    let ms = |share| times.at(share).as_secs_f64() * 1e3;
    println!("| {id} | {} | {:.2} | {:.2} | {:.2} | {:.2} |", times.len(), ms(0.5), ms(0.95), ms(0.99), ms(1.0));
    Ok(())
}

/// One call: its turns come at its own pace, with partials before each final.
async fn converse(call: u32, channel: Channel) -> anyhow::Result<Vec<Duration>> {
    // Calls do not begin in the same moment.
    sleep(PACE * call / CONVERSATIONS).await;
    let (events, stream) = mpsc::channel(16);
    let mut answers = DialogueClient::new(channel).converse(ReceiverStream::new(stream)).await?.into_inner();
    let started = CallStarted {
        call: CallId::new(&format!("bench-{call}")),
        bot: String::new(),
        caller: Pii::new("13800138000".to_owned()),
        called: Pii::new("10086".to_owned()),
        variables: BTreeMap::new(),
    };
    send(&events, 0, CallEvent::Started(started)).await?;
    reply(&mut answers, 0).await?;
    let mut times = Vec::new();
    for turn in 1..=TURNS {
        let begun = clock::now();
        let text = SENTENCES[(turn as usize - 1) % SENTENCES.len()];
        let chars: Vec<char> = text.chars().collect();
        let words = |len: usize| Hypothesis {
            text: chars[..len].iter().collect::<String>().into(),
            confidence: 0.9,
            ..Hypothesis::default()
        };
        for (revision, len) in (1..).zip((2..chars.len()).step_by(2)) {
            send(&events, turn, CallEvent::Partial { hypothesis: words(len), revision }).await?;
            sleep(PARTIAL).await;
        }
        let said = clock::now();
        send(&events, turn, CallEvent::Final { hypothesis: words(chars.len()), promoted: false }).await?;
        times.push(reply(&mut answers, turn).await?.duration_since(said));
        sleep(PACE.saturating_sub(begun.elapsed())).await;
    }
    Ok(times)
}

async fn send(events: &mpsc::Sender<ConverseRequest>, turn: u32, event: CallEvent) -> anyhow::Result<()> {
    let input = CallInput { turn: TurnId(turn), budget: Duration::from_millis(100), event };
    events.send(input.into()).await.context("the service has closed the call")
}

/// Reads a turn to its last act; when its first clause came.
async fn reply(answers: &mut Streaming<ConverseResponse>, turn: u32) -> anyhow::Result<Instant> {
    let mut first = None;
    loop {
        let message = timeout(PATIENCE, answers.message()).await.context("no answer in time")??;
        let act = TurnAct::try_from(message.context("the service has closed the call")?)?;
        // Guesses at partials belong to the same turn; they are no answers.
        if act.turn != TurnId(turn) || act.revision != 0 {
            continue;
        }
        if matches!(act.act, Act::Say(_)) {
            first.get_or_insert_with(clock::now);
        }
        if act.last {
            return first.context("a turn without a word");
        }
    }
}
