//! A voice of tones whose engine can be counted, held and broken.

use hualu_core::dialogue::{Say, Span};
use hualu_core::speech::{SynthesizeCommand, SynthesizeEvent};
use hualu_core::{ClauseId, SampleRate, TurnId};
use hualu_models::lexicon::Lexicon;
use hualu_tts::engine::tone::ToneEngine;
use hualu_tts::engine::{Engine, EngineError, Plan, Prosody, Syllable};
use hualu_tts::{SynthesisStream, TtsError, Voice, VoiceConfig};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

/// What the engine did, and what it is to do.
#[derive(Default)]
pub struct Probe {
    pub prepared: AtomicUsize,
    pub chunks: AtomicUsize,
    /// When set, every chunk after the first of a clause waits for one message.
    pub gate: Mutex<Option<mpsc::Receiver<()>>>,
}

impl Probe {
    pub fn prepared(&self) -> usize {
        self.prepared.load(Ordering::SeqCst)
    }

    pub fn chunks(&self) -> usize {
        self.chunks.load(Ordering::SeqCst)
    }
}

struct ProbedEngine {
    tone: ToneEngine,
    probe: Arc<Probe>,
    first: bool,
}

impl Engine for ProbedEngine {
    fn sample_rate_hz(&self) -> u32 {
        self.tone.sample_rate_hz()
    }

    fn voice_id(&self) -> &str {
        self.tone.voice_id()
    }

    /// 坏 fails and 崩 panics.
    fn prepare(&mut self, syllables: &[Syllable], prosody: &Prosody) -> Result<Plan, EngineError> {
        self.probe.prepared.fetch_add(1, Ordering::SeqCst);
        self.first = true;
        assert!(!syllables.iter().any(|s| s.pinyin == "beng"), "a fault inside an engine");
        if syllables.iter().any(|s| s.pinyin == "huai") {
            return Err(EngineError::ForeignPlan);
        }
        self.tone.prepare(syllables, prosody)
    }

    fn next_chunk(&mut self, plan: &mut Plan) -> Result<Option<Vec<i16>>, EngineError> {
        if !std::mem::take(&mut self.first)
            && let Some(gate) = &*self.probe.gate.lock().expect("no test panics with it")
        {
            // An open end lets everything through.
            let _ = gate.recv();
        }
        self.probe.chunks.fetch_add(1, Ordering::SeqCst);
        self.tone.next_chunk(plan)
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock of the test binary")]
pub fn clock() -> Instant {
    Instant::now()
}

pub fn config() -> VoiceConfig {
    let words = "您\tnin2\t9\n好\thao3\t9\n您好\tnin2 hao3\t9\n坏\thuai4\t9\n崩\tbeng1\t9\n甲\tjia3\t9\n乙\tyi3\t9\n";
    VoiceConfig {
        voice_dir: PathBuf::new(),
        prompts_dir: None,
        lexicon: Arc::new(Lexicon::parse("test", words).expect("well formed")),
        cache_bytes: 1 << 20,
        workers: 1,
        prosody: Prosody::default(),
        clock,
    }
}

pub fn voice(config: VoiceConfig, probe: &Arc<Probe>) -> Voice {
    let engine = |_: &std::path::Path| -> Result<Box<dyn Engine>, EngineError> {
        Ok(Box::new(ProbedEngine { tone: ToneEngine, probe: Arc::clone(probe), first: true }))
    };
    Voice::start(config, engine).expect("a voice of tones starts")
}

pub fn command(say: Say) -> SynthesizeCommand {
    SynthesizeCommand {
        turn: TurnId(3),
        clause: ClauseId(7),
        say,
        rate: SampleRate::HZ_8000,
        budget: Duration::from_millis(100),
    }
}

pub fn personal(text: &str) -> Say {
    Say { spans: vec![Span { personal: true, ..Span::plain(text) }], ..Say::default() }
}

/// Everything that a stream says, and its audio.
pub async fn listen(mut stream: SynthesisStream) -> Result<(Vec<SynthesizeEvent>, Vec<i16>), TtsError> {
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        events.push(event?);
    }
    let pcm = events.iter().flat_map(|event| event.pcm.iter().copied()).collect();
    Ok((events, pcm))
}
