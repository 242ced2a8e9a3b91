//! The voice: text in, audio out while it is being made.

use crate::TtsError;
use crate::cache::{ClauseCache, Key, Lookup};
use crate::clip::{Body, Clip, SynthesisStream};
use crate::engine::{Engine, EngineError, Prosody, Syllable};
use crate::g2p::G2p;
use crate::prompts::{Part, Prompts};
use crate::scheduler::Scheduler;
use crate::text::{Normalized, normalize};
use crate::worker::{self, Job, Segment};
use hualu_core::dialogue::{Say, Span};
use hualu_core::speech::{AudioSource, SynthesizeCommand};
use hualu_core::{ClauseId, SampleRate, TurnId};
use hualu_models::lexicon::Lexicon;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// So many clauses may wait for each worker; one more is refused, because it could not be heard in time.
const QUEUE_LEN_PER_WORKER: usize = 64;

/// Whoever gives a clause so much time is not listening while it is made: it is rendered after what callers wait for, and
/// not held to the pace of an ear.
const UNHURRIED: Duration = Duration::from_secs(60);

/// Said for a clause of which no character can be read: letters of another script, or emoji alone.
const UNREADABLE_LETTERS: &str = "这部分文字无法朗读。";
const UNREADABLE_SYMBOLS: &str = "表情符号。";

/// More syllables than this are given to the engine in portions: it lays out a portion at once, and the first sound
/// waits for that.
const PORTION_SYLLABLES_MAX: usize = 120;

/// What a voice is made of.
#[derive(Clone, Debug)]
pub struct VoiceConfig {
    /// The folder of the voice's model, handed to the engine factory.
    pub voice_dir: PathBuf,
    /// A folder with `prompts.toml` and recordings; see [`crate::prompts`].
    pub prompts_dir: Option<PathBuf>,
    /// How words are pronounced.
    pub lexicon: Arc<Lexicon>,
    /// How many bytes of audio the clause cache may hold.
    pub cache_bytes: usize,
    /// How many threads render, at least one.
    pub workers: usize,
    /// How the voice speaks.
    pub prosody: Prosody,
    /// Where the time comes from.
    pub clock: fn() -> Instant,
}

/// A running voice. Dropping it stops its threads.
pub struct Voice {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    g2p: G2p,
    prompts: Prompts,
    cache: ClauseCache,
    scheduler: Scheduler,
    prosody: Prosody,
    voice_id: String,
}

impl Voice {
    /// Loads everything and starts the workers; `engine` is called once for each.
    ///
    /// # Errors
    /// [`TtsError`] when the engine, the lexicon's hotline words or the prompt folder cannot be used.
    pub fn start(
        config: VoiceConfig,
        engine: impl Fn(&Path) -> Result<Box<dyn Engine>, EngineError>,
    ) -> Result<Self, TtsError> {
        let workers = config.workers.max(1);
        let engines = (0..workers).map(|_| engine(&config.voice_dir)).collect::<Result<Vec<_>, _>>()?;
        let prompts = match &config.prompts_dir {
            Some(dir) => Prompts::load(dir)?,
            None => Prompts::default(),
        };
        let shared = Arc::new(Shared {
            g2p: G2p::new(config.lexicon)?,
            prompts,
            cache: ClauseCache::new(config.cache_bytes),
            scheduler: Scheduler::new(workers * QUEUE_LEN_PER_WORKER, config.clock),
            prosody: config.prosody,
            voice_id: engines.first().map_or_else(String::new, |engine| engine.voice_id().to_owned()),
        });
        let mut voice = Self { shared: Arc::clone(&shared), threads: Vec::new() };
        for (index, mut engine) in engines.into_iter().enumerate() {
            let shared = Arc::clone(&shared);
            let run = move || worker::run(&shared.scheduler, &shared.cache, engine.as_mut(), &shared.prosody);
            let thread = std::thread::Builder::new().name(format!("tts-{index}")).spawn(run);
            voice.threads.push(thread.map_err(|error| TtsError::Thread(error.to_string()))?);
        }
        Ok(voice)
    }

    /// Names the voice and its version.
    #[must_use]
    pub fn voice_id(&self) -> &str {
        &self.shared.voice_id
    }

    /// Speaks one clause. Returns at once; refusals come out of the stream.
    #[must_use]
    pub fn synthesize(&self, command: &SynthesizeCommand) -> SynthesisStream {
        let now = self.shared.scheduler.now();
        let wanted_by = (command.budget < UNHURRIED).then(|| now + command.budget);
        let (source, body) = self.shared.begin(&command.say, command.rate, wanted_by);
        let label = match source {
            AudioSource::Engine => None,
            AudioSource::Cache => Some("cache"),
            AudioSource::Recorded => Some("recorded"),
        };
        if let Some(label) = label {
            let took = self.shared.scheduler.now().saturating_duration_since(now);
            metrics::histogram!("hualu_tts_first_audio_seconds", "source" => label).record(took.as_secs_f64());
        }
        SynthesisStream::new(command.turn, command.clause, source, body)
    }

    /// Renders a whole clause when no caller needs the workers, and keeps it in the cache unless it is personal.
    ///
    /// # Errors
    /// [`TtsError`] when the queue is full or the engine fails.
    pub async fn render(&self, say: &Say, rate: SampleRate) -> Result<Vec<i16>, TtsError> {
        let (source, body) = self.shared.begin(say, rate, None);
        let mut stream = SynthesisStream::new(TurnId(0), ClauseId(0), source, body);
        let mut pcm = Vec::new();
        while let Some(event) = stream.next().await {
            pcm.extend(event?.pcm);
        }
        Ok(pcm)
    }

    /// Renders clauses into the cache, one after the other: greetings, re-prompts, fillers. Returns how many are there;
    /// one that cannot be rendered is logged and left to its first caller.
    pub async fn prerender(&self, says: &[Say], rate: SampleRate) -> usize {
        let mut done = 0;
        for say in says.iter().filter(|say| !say.is_personal()) {
            match self.render(say, rate).await {
                Ok(_) => done += 1,
                Err(error) => tracing::warn!(%error, "a clause could not be rendered in advance"),
            }
        }
        done
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        self.shared.scheduler.close();
        for thread in self.threads.drain(..) {
            // A worker that panicked outside a clause has nothing left to tell here.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Finds or orders the audio of a clause.
    fn begin(&self, say: &Say, rate: SampleRate, wanted_by: Option<Instant>) -> (AudioSource, Body) {
        let text = normalize(&say.spans);
        let parts = self.prompts.find(&text, rate);
        if let Some([Part::Recorded(pcm)]) = parts.as_deref() {
            return (AudioSource::Recorded, Body::Ready(Arc::clone(pcm), 0));
        }
        let (mut segments, skipped) = self.segments(&text, parts);
        if segments.is_empty() && skipped > 0 {
            // Whoever listens must learn that something was written, not wait in silence.
            let letters = say.spans.iter().any(|span| span.text.contains(char::is_alphanumeric));
            let notice = Span::plain(if letters { UNREADABLE_LETTERS } else { UNREADABLE_SYMBOLS });
            segments = self.segments(&normalize(&[notice]), None).0;
        }
        if segments.is_empty() {
            return (AudioSource::Engine, Body::Ready(Arc::default(), 0));
        }
        if say.is_personal() {
            let clip = Arc::new(Clip::new(wanted_by));
            let body = Body::Growing(clip.read());
            return (AudioSource::Engine, self.order(clip, None, segments, rate, body));
        }
        let spoken: Vec<&Syllable> = segments.iter().flat_map(Segment::syllables).collect();
        let key = Key::new(&self.voice_id, &self.prosody, rate.hz(), &text.text(), &spoken);
        let outcome = |label: &'static str| metrics::counter!("hualu_tts_cache_total", "outcome" => label).increment(1);
        match self.cache.lookup(key, wanted_by) {
            Lookup::Ready(pcm) => {
                outcome("hit");
                (AudioSource::Cache, Body::Ready(pcm, 0))
            }
            Lookup::Rendering(reader) => {
                outcome("shared");
                (AudioSource::Engine, Body::Growing(reader))
            }
            Lookup::Missing(clip, reader) => {
                outcome("miss");
                (AudioSource::Engine, self.order(clip, Some(key), segments, rate, Body::Growing(reader)))
            }
        }
    }

    /// What to play and say, and how many characters could not be read, which are counted here.
    fn segments(&self, text: &Normalized, parts: Option<Vec<Part>>) -> (VecDeque<Segment>, usize) {
        let mut skipped = text.skipped;
        let mut speak = |text: &Normalized| {
            let spoken = self.g2p.pronounce(text);
            skipped += spoken.skipped;
            portions(spoken.syllables)
        };
        let segments = match parts {
            None => speak(text).into(),
            Some(parts) => parts
                .into_iter()
                .flat_map(|part| match part {
                    Part::Recorded(pcm) => vec![Segment::Recorded(pcm)],
                    Part::Speak(slot) => speak(&normalize(&[Span::plain(&slot)])),
                })
                .collect(),
        };
        if skipped > 0 {
            metrics::counter!("hualu_tts_characters_skipped_total").increment(skipped as u64);
        }
        (segments, skipped)
    }

    fn order(
        &self,
        clip: Arc<Clip>,
        key: Option<Key>,
        segments: VecDeque<Segment>,
        rate: SampleRate,
        body: Body,
    ) -> Body {
        let job = Job::new(clip, key, segments, rate, self.scheduler.now());
        match self.scheduler.push(job) {
            Ok(()) => body,
            Err(job) => {
                metrics::counter!("hualu_tts_clauses_refused_total").increment(1);
                if let Some(key) = key {
                    self.cache.forget(key);
                }
                // Whoever shares the rendering is refused too.
                job.clip.fail(TtsError::Overloaded);
                Body::Refused(TtsError::Overloaded)
            }
        }
    }
}

/// Cuts what is to be said into portions, each at the deepest boundary of its later half.
fn portions(mut syllables: Vec<Syllable>) -> Vec<Segment> {
    let mut segments = Vec::new();
    while syllables.len() > PORTION_SYLLABLES_MAX {
        let half = PORTION_SYLLABLES_MAX / 2;
        let later = syllables[half..PORTION_SYLLABLES_MAX].iter().enumerate();
        let last = later.max_by_key(|(at, syllable)| (syllable.boundary, *at)).map_or(half, |(at, _)| half + at);
        let rest = syllables.split_off(last + 1);
        segments.push(Segment::Speak(std::mem::replace(&mut syllables, rest)));
    }
    if !syllables.is_empty() {
        segments.push(Segment::Speak(syllables));
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Boundary;

    #[test]
    fn long_text_is_cut_at_its_deepest_boundaries_and_nothing_is_lost() {
        let syllable = |n: usize| Syllable {
            pinyin: format!("ma{n}"),
            tone: 1,
            boundary: match n % 50 {
                49 => Boundary::Clause,
                n if n % 2 == 1 => Boundary::Word,
                _ => Boundary::None,
            },
            emphasis: false,
        };
        let all: Vec<Syllable> = (0..1_000).map(syllable).collect();
        let segments = portions(all.clone());
        assert!(segments.iter().all(|segment| segment.syllables().len() == 100));
        let said: Vec<Syllable> = segments.iter().flat_map(|segment| segment.syllables().to_vec()).collect();
        assert_eq!(said, all);
        assert!(portions(Vec::new()).is_empty());
    }
}
