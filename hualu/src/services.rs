//! Brings the engines up: the recognizer's pool, and the gRPC servers of recognizer, dialogue and voice.

use anyhow::{Context, anyhow};
use hualu_asr::{Hint, LanguageModel, Pool, PoolConfig};
use hualu_core::SampleRate;
use hualu_core::dialogue::Say;
use hualu_gateway::clock;
use hualu_models::lexicon::Lexicon;
use hualu_models::{Kind, Manifest};
use hualu_nlu::Bot;
use hualu_tts::engine::{NeuralEngine, Prosody};
use hualu_tts::{Voice, VoiceConfig};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::Router;

/// Room for spoken clauses: half an hour of audio at 8 kHz.
const VOICE_CACHE_BYTES: usize = 32 << 20;

/// How long the start may wait for standing sentences.
const PRERENDER_MAX: Duration = Duration::from_millis(1_500);

/// What a recognizer is opened with.
pub struct RecognizerWords {
    /// Folder of the acoustic model.
    pub model: PathBuf,
    /// The language model, tilted to the bot if there is one.
    pub language_model: Arc<LanguageModel>,
}

/// Base URLs of back ends by the names that the bot calls them by.
pub type Backends = BTreeMap<String, String>;

/// Opens the default recognizer's words.
pub fn recognizer_words(bot: Option<&Path>) -> anyhow::Result<RecognizerWords> {
    let bot = bot.map(load_bot).transpose()?;
    let manifest = Manifest::find()?;
    let model = manifest.model(Kind::Asr, "")?.directory().to_owned();
    let lexicon = manifest.model(Kind::Lexicon, "")?.directory().to_owned();
    let dialogues = manifest.model(Kind::Lm, "")?.directory().to_owned();
    let lexicon = hualu_asr::open_lexicon(&model, &lexicon, &dialogues)?;
    let hints: Vec<Hint> =
        bot.iter().flat_map(|bot| bot.speech_hints()).map(|(text, weight)| Hint { text, weight }).collect();
    Ok(RecognizerWords { model, language_model: LanguageModel::compile(&lexicon, &hints) })
}

/// Starts the recognizer's threads.
pub fn recognizer(bot: Option<&Path>, streams_max: usize) -> anyhow::Result<Pool> {
    let words = recognizer_words(bot)?;
    let workers = std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1));
    let config = PoolConfig { workers, streams_max, ..PoolConfig::default() };
    Ok(Pool::start(config, &words.model, HashMap::new(), words.language_model)?)
}

/// Reads and checks a bot.
pub fn load_bot(directory: &Path) -> anyhow::Result<Bot> {
    Bot::load(directory).map_err(|error| anyhow!("{error}"))
}

/// Opens the default voice, speaking with `prosody`, over the recorded prompts in a folder if there is one.
pub fn open_voice(prosody: Prosody, prompts: Option<&Path>) -> anyhow::Result<Arc<Voice>> {
    let manifest = Manifest::find()?;
    let lexicon = manifest.model(Kind::Lexicon, "")?.directory().join("lexicon.tsv");
    let voice = Voice::start(
        VoiceConfig {
            voice_dir: manifest.model(Kind::Tts, "")?.directory().to_owned(),
            prompts_dir: prompts.map(Path::to_owned),
            lexicon: Arc::new(Lexicon::load(&lexicon)?),
            cache_bytes: VOICE_CACHE_BYTES,
            workers: 1,
            prosody,
            clock: clock::now,
        },
        |directory| Ok(Box::new(NeuralEngine::open(directory)?)),
    )?;
    Ok(Arc::new(voice))
}

/// A service that was started.
pub struct Served {
    /// The address that was bound.
    pub address: SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl Served {
    /// Takes no new streams and lets those that run end by themselves, at most `limit`.
    pub async fn drain(self, limit: Duration) {
        self.stop.cancel();
        match tokio::time::timeout(limit, self.server).await {
            Ok(Ok(())) => tracing::info!("every stream has ended"),
            Ok(Err(error)) => tracing::error!(%error, "the server ended badly"),
            Err(_) => tracing::warn!("the time to drain is over: streams that still run are cut off"),
        }
    }
}

/// Serves the recognizer on `listen`.
pub async fn serve_asr(listen: SocketAddr, bot: Option<&Path>, streams_max: usize) -> anyhow::Result<Served> {
    let pool = Arc::new(recognizer(bot, streams_max)?);
    let service = hualu_asr::server::Service::new(pool).into_server();
    spawn("the recognizer", listen, server().add_service(service)).await
}

/// Serves the dialogue on `listen`.
pub async fn serve_nlu(listen: SocketAddr, bot: &Path, backends: Backends) -> anyhow::Result<Served> {
    let service = hualu_nlu::server::service(load_bot(bot)?, backends)?;
    let reloader = service.reloader();
    let served = spawn("the dialogue", listen, server().add_service(service.into_server())).await?;
    reload_on_signal(bot.to_owned(), reloader)?;
    Ok(served)
}

/// Serves a dialogue whose back ends and calendar are a script's.
pub async fn serve_staged_nlu(listen: SocketAddr, bot: Bot, stage: hualu_nlu::script::Stage) -> anyhow::Result<Served> {
    let nowhere = |name: &String| (name.clone(), "http://127.0.0.1:9".to_owned());
    let config = hualu_nlu::server::ServiceConfig {
        backends: bot.backends().iter().map(nowhere).collect(),
        pronouncer: hualu_nlu::utterance::Pronouncer::installed(),
        stage: Some(stage),
        ..hualu_nlu::server::ServiceConfig::default()
    };
    let service = hualu_nlu::server::DialogueService::new(bot, config)?;
    spawn("the dialogue", listen, server().add_service(service.into_server())).await
}

/// Reads the bot's files again at each SIGHUP. A bot with faults replaces nothing: they are logged and the old one stays.
fn reload_on_signal(bot: PathBuf, reloader: hualu_nlu::reload::Reloader) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangups = signal(SignalKind::hangup()).context("cannot watch for SIGHUP")?;
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            let (bot, reloader) = (bot.clone(), reloader.clone());
            // Training is work for a thread of its own: calls go on meanwhile.
            match tokio::task::spawn_blocking(move || reloader.reload(&bot)).await {
                Ok(Ok(hash)) => tracing::info!(hash, "new calls get the bot as its files are now"),
                Ok(Err(error)) => tracing::error!("the bot is not reloaded, the one before stays: {error}"),
                Err(error) => tracing::error!(%error, "the bot is not reloaded, the one before stays"),
            }
        }
    });
    Ok(())
}

/// Serves the voice on `listen`, its standing sentences rendered before the first call.
pub async fn serve_tts(listen: SocketAddr, prerender: &[Say], prompts: Option<&Path>) -> anyhow::Result<Served> {
    let voice = open_voice(Prosody::default(), prompts)?;
    let speaking = {
        let (voice, says) = (Arc::clone(&voice), prerender.to_vec());
        tokio::spawn(async move { voice.prerender(&says, SampleRate::HZ_8000).await })
    };
    // Calls are not made to wait for sentences that few of them need; what is left is rendered while nobody speaks.
    if tokio::time::timeout(PRERENDER_MAX, speaking).await.is_err() {
        tracing::warn!("not every standing sentence is rendered yet: the rest follows in the background");
    }
    spawn("the voice", listen, server().add_service(hualu_tts::server::service(voice))).await
}

/// Runs until the user or the system ends the process.
pub async fn until_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot watch for Ctrl-C")?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

fn server() -> Server {
    Server::builder().tcp_nodelay(true).http2_keepalive_interval(Some(Duration::from_secs(10)))
}

async fn spawn(what: &'static str, listen: SocketAddr, router: Router) -> anyhow::Result<Served> {
    let listener = TcpListener::bind(listen).await.with_context(|| format!("{what} cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    let stop = CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    let server = tokio::spawn(async move {
        if let Err(error) = router.serve_with_incoming_shutdown(TcpListenerStream::new(listener), stopped).await {
            tracing::error!(%error, "{what} ended");
        }
    });
    Ok(Served { address, stop, server })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hualu_core::dialogue::{CallEvent, CallInput, CallStarted};
    use hualu_core::{CallId, TurnId};
    use hualu_proto::nlu::v1::dialogue_client::DialogueClient;
    use tokio::sync::mpsc;
    use tokio_stream::wrappers::ReceiverStream;
    use tonic::transport::{Channel, Endpoint};

    async fn connect(address: SocketAddr) -> Result<DialogueClient<Channel>, tonic::transport::Error> {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
        endpoint.connect().await.map(DialogueClient::new)
    }

    /// The dialogue of the sample hotline; its back ends are not needed for a greeting.
    async fn serve_hotline() -> Served {
        let bot = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bots/hotline_10086");
        let nowhere = hualu_nlu::backend_mock::addresses(SocketAddr::from(([127, 0, 0, 1], 9)));
        serve_nlu(SocketAddr::from(([127, 0, 0, 1], 0)), &bot, nowhere).await.expect("a good bot")
    }

    fn hello() -> CallInput {
        let started = CallStarted {
            call: CallId::new("c"),
            bot: String::new(),
            caller: String::new().into(),
            called: String::new().into(),
            variables: BTreeMap::new(),
        };
        CallInput { turn: TurnId(0), budget: Duration::from_millis(100), event: CallEvent::Started(started) }
    }

    #[tokio::test]
    async fn a_draining_service_takes_no_new_streams_and_serves_those_that_run() {
        let served = serve_hotline().await;
        let address = served.address;
        let mut client = connect(address).await.expect("it listens");
        let (events, queue) = mpsc::channel(4);
        let mut answers = client.converse(ReceiverStream::new(queue)).await.expect("a stream").into_inner();

        let draining = tokio::spawn(served.drain(Duration::from_secs(60)));
        let mut refused = false;
        for _ in 0..100 {
            refused = connect(address).await.is_err();
            if refused {
                break;
            }
            tokio::task::yield_now().await;
        }
        assert!(refused, "no new streams");
        events.send(hello().into()).await.expect("the stream is open");
        assert!(answers.message().await.expect("no fault").is_some(), "the greeting is still given");
        drop(events);
        while answers.message().await.expect("it ends well").is_some() {}
        draining.await.expect("it ends with its last stream");
    }

    #[tokio::test]
    async fn a_stream_that_outlasts_the_drain_is_cut_off() {
        let served = serve_hotline().await;
        let mut client = connect(served.address).await.expect("it listens");
        let (_events, queue) = mpsc::channel(4);
        let _answers = client.converse(ReceiverStream::new(queue)).await.expect("a stream");
        served.drain(Duration::from_millis(10)).await;
    }
}
