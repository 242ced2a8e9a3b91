//! The sentences that must be there when engines are not: spoken by the voice at start-up, kept on disk from one start
//! to the next, and replaced by a tone only where there never was a voice.

use crate::config::MenuConfig;
use hualu_core::dialogue::Say;
use hualu_core::speech::{SynthesizeCommand, SynthesizeEvent};
use hualu_core::{CallId, ClauseId, SampleRate, TurnId};
use hualu_proto::tts::v1::SynthesizeRequest;
use hualu_proto::tts::v1::voice_client::VoiceClient;
use hualu_session::{Clip, Menu, Prompts};
use std::collections::HashMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tonic::transport::Channel;

/// Name and words of each sentence.
const SENTENCES: [(&str, &str); 5] = [
    ("filler", "请稍等。"),
    ("slow", "抱歉，系统有点慢，请您再说一遍。"),
    ("trouble", "抱歉，刚才没听清，请您再说一遍。"),
    ("no_input", "请问您还在吗？"),
    ("goodbye", "很抱歉，系统暂时无法为您服务，请稍后再拨，再见。"),
];

/// Time for one sentence to be spoken at start-up.
const SPEAK_MAX: Duration = Duration::from_secs(5);

/// Nobody listens yet, so the voice need not keep the pace of an ear.
const UNHURRIED: Duration = Duration::from_secs(60);

/// A prepared sentence is never longer, in samples at 8 kHz: a minute. A voice that goes on is broken.
const SENTENCE_MAX: usize = 60 * 8_000;

/// How the prepared sentences came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptSource {
    /// Spoken by the voice just now.
    Voice,
    /// Some or all come from an earlier start.
    Disk,
    /// Some are tones: the voice did not answer.
    Tone,
}

/// The first pause before the voice is asked again.
pub(crate) const RETRY_FIRST: Duration = Duration::from_secs(1);
/// Pauses double up to this.
const RETRY_MAX: Duration = Duration::from_secs(60);

/// The prepared sentences as new calls find them. Clones share them.
#[derive(Clone)]
pub(crate) struct Shelf(Arc<RwLock<Arc<Prompts>>>);

impl Shelf {
    pub fn new(prompts: Prompts) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(prompts))))
    }

    /// What a call that begins now is given; it keeps these to its end.
    pub fn current(&self) -> Arc<Prompts> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, prompts: Prompts) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(prompts);
    }
}

/// Asks the voice again, after pauses that double from `first` to a minute, until every sentence is there as words.
pub(crate) async fn retry(
    voice: VoiceClient<Channel>,
    cache: Option<PathBuf>,
    menu: Option<MenuConfig>,
    shelf: Shelf,
    first: Duration,
) {
    let mut pause = first;
    loop {
        tokio::time::sleep(pause).await;
        let (prompts, source) = prepare(&voice, cache.as_deref(), menu.as_ref()).await;
        if source != PromptSource::Tone {
            tracing::info!("the voice answers: new calls hear the prepared sentences as words");
            return shelf.replace(prompts);
        }
        pause = (pause * 2).min(RETRY_MAX);
    }
}

/// Prepares all sentences, the bot's keypad menu among them. `cache` is the directory in which they are kept.
pub async fn prepare(
    voice: &VoiceClient<Channel>,
    cache: Option<&Path>,
    menu: Option<&MenuConfig>,
) -> (Prompts, PromptSource) {
    let mut clips = HashMap::new();
    let mut source = PromptSource::Voice;
    let mut voice_is_up = true;
    for (name, text) in SENTENCES.into_iter().chain(menu.map(|menu| ("menu", menu.say.as_str()))) {
        let spoken = if voice_is_up { speak(voice.clone(), text).await } else { None };
        voice_is_up = spoken.is_some();
        let pcm = match spoken {
            Some(pcm) => {
                keep(cache, &file_name(name, text), &pcm);
                pcm
            }
            None => match cache.and_then(|directory| read(directory, &file_name(name, text))) {
                Some(pcm) => {
                    if source == PromptSource::Voice {
                        source = PromptSource::Disk;
                    }
                    pcm
                }
                None => {
                    source = PromptSource::Tone;
                    tone()
                }
            },
        };
        clips.insert(name, Clip::new(text, pcm));
    }
    let menu = menu.and_then(|menu| Some(Menu { clip: clips.remove("menu")?, keys: menu.keys.clone() }));
    let mut take = |name: &str| clips.remove(name).unwrap_or_else(|| Clip::new("", tone()));
    let prompts = Prompts {
        filler: take("filler"),
        slow: take("slow"),
        trouble: take("trouble"),
        no_input: take("no_input"),
        goodbye: take("goodbye"),
        menu,
        clips: HashMap::new(),
    };
    (prompts, source)
}

async fn speak(voice: VoiceClient<Channel>, text: &str) -> Option<Vec<i16>> {
    let spoken = tokio::time::timeout(SPEAK_MAX, collect(voice, text)).await;
    match spoken {
        Ok(Ok(pcm)) if !pcm.is_empty() => Some(pcm),
        Ok(Ok(_)) => {
            tracing::warn!("the voice has no sound for a prepared sentence");
            None
        }
        Ok(Err(status)) => {
            tracing::warn!(code = ?status.code(), message = status.message(), "the voice cannot prepare sentences");
            None
        }
        Err(_) => {
            tracing::warn!("the voice did not prepare a sentence in time");
            None
        }
    }
}

async fn collect(mut voice: VoiceClient<Channel>, text: &str) -> Result<Vec<i16>, tonic::Status> {
    let command = SynthesizeCommand {
        turn: TurnId::default(),
        clause: ClauseId::default(),
        say: Say::plain(text),
        rate: SampleRate::HZ_8000,
        budget: UNHURRIED,
    };
    let request = SynthesizeRequest::new(&CallId::new("prepare"), command);
    let mut pieces = voice.synthesize(request).await?.into_inner();
    let mut pcm = Vec::new();
    while let Some(piece) = pieces.message().await? {
        let piece = SynthesizeEvent::try_from(piece).map_err(|error| tonic::Status::internal(error.to_string()))?;
        if pcm.len() + piece.pcm.len() > SENTENCE_MAX {
            return Err(tonic::Status::resource_exhausted("a prepared sentence is longer than a minute: shorten it"));
        }
        pcm.extend(piece.pcm);
        if piece.last {
            return Ok(pcm);
        }
    }
    Err(tonic::Status::internal("the clause broke off"))
}

/// The words are part of the name, so that changed words are never answered with the old ones.
fn file_name(name: &str, text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{name}-{:016x}.pcm", hasher.finish())
}

fn keep(cache: Option<&Path>, name: &str, pcm: &[i16]) {
    let Some(directory) = cache else { return };
    let bytes: Vec<u8> = pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let path = directory.join(name);
    // Written beside and renamed: a start that is cut short leaves no half sentence.
    let fresh = directory.join(format!("{name}.new"));
    let kept =
        fs::create_dir_all(directory).and_then(|()| fs::write(&fresh, bytes)).and_then(|()| fs::rename(&fresh, &path));
    if let Err(error) = kept {
        tracing::warn!(path = %path.display(), %error, "a prepared sentence cannot be kept");
    }
}

fn read(directory: &Path, name: &str) -> Option<Vec<i16>> {
    let bytes = fs::read(directory.join(name)).ok()?;
    hualu_proto::pcm_from_wire(&bytes).ok().filter(|pcm| !pcm.is_empty())
}

/// Two short beeps of 440 Hz at -20 dBov: not words, but not silence.
fn tone() -> Vec<i16> {
    let rate = SampleRate::HZ_8000.hz() as usize;
    (0..rate * 6 / 10)
        .map(|n| {
            let silent = n >= rate / 4 && n < rate * 35 / 100;
            let phase = n as f32 * 440.0 * std::f32::consts::TAU / rate as f32;
            if silent { 0 } else { (phase.sin() * 3_277.0) as i16 }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hualu_proto::tts::v1 as wire;
    use hualu_proto::tts::v1::voice_server::{Voice, VoiceServer};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::net::TcpListener;
    use tokio_stream::wrappers::TcpListenerStream;
    use tonic::transport::{Endpoint, Server};
    use tonic::{Request, Response, Status};

    /// A voice that is not there for its first requests, and then speaks each clause as 100 ms of one value.
    struct LateVoice {
        refusals: AtomicUsize,
        /// Pieces of 100 ms.
        pieces: usize,
    }

    #[tonic::async_trait]
    impl Voice for LateVoice {
        type SynthesizeStream = tokio_stream::Iter<std::vec::IntoIter<Result<wire::SynthesizeResponse, Status>>>;

        async fn synthesize(
            &self,
            request: Request<wire::SynthesizeRequest>,
        ) -> Result<Response<Self::SynthesizeStream>, Status> {
            let less = |left: usize| left.checked_sub(1);
            if self.refusals.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok() {
                return Err(Status::unavailable("not yet"));
            }
            let request = request.into_inner();
            let piece = |index| SynthesizeEvent {
                turn: TurnId(request.turn),
                clause: ClauseId(request.clause),
                pcm: vec![77; 800],
                source: hualu_core::speech::AudioSource::Engine,
                last: index == self.pieces,
            };
            let pieces: Vec<_> = (1..=self.pieces).map(|index| Ok(piece(index).into())).collect();
            Ok(Response::new(tokio_stream::iter(pieces)))
        }
    }

    async fn late_voice(refusals: usize) -> VoiceClient<Channel> {
        serve(LateVoice { refusals: AtomicUsize::new(refusals), pieces: 1 }).await
    }

    async fn serve(voice: LateVoice) -> VoiceClient<Channel> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let service = VoiceServer::new(voice);
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)));
        VoiceClient::new(Endpoint::from_shared(format!("http://{address}")).expect("an address").connect_lazy())
    }

    #[tokio::test]
    async fn a_sentence_lasts_a_minute_at_most() {
        let voice = |pieces| serve(LateVoice { refusals: AtomicUsize::new(0), pieces });
        let minute = collect(voice(600).await, "您好").await.expect("a minute is well");
        assert_eq!(minute.len(), SENTENCE_MAX);
        let status = collect(voice(601).await, "您好").await.expect_err("too long");
        assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    }

    #[tokio::test]
    async fn a_voice_that_comes_late_is_asked_again_and_kept_on_disk() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let cache = Some(directory.path().to_owned());
        let voice = late_voice(4).await;
        let (prompts, source) = prepare(&voice, cache.as_deref(), None).await;
        assert_eq!(source, PromptSource::Tone);
        let shelf = Shelf::new(prompts);
        let early = shelf.current();
        retry(voice, cache.clone(), None, shelf.clone(), Duration::from_millis(1)).await;
        assert_eq!(&shelf.current().goodbye.pcm()[..], [77; 800], "new calls hear words");
        assert_ne!(early.goodbye.pcm().len(), 800, "a call in progress keeps what it began with");
        let (_, source) = prepare(&late_voice(usize::MAX).await, cache.as_deref(), None).await;
        assert_eq!(source, PromptSource::Disk, "the next start needs no voice");
    }
}
