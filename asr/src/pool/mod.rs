//! The worker pool: every stream is pinned to one thread, every thread owns one engine and batches its streams.
//!
//! The caller's side never blocks: orders go into a bounded queue per stream, and when that is full the oldest is
//! dropped and counted. Every order carries its turn, so losing any one of them spoils at most its own utterance.

mod queue;
mod served;
mod worker;

use crate::decoder::DecoderOptions;
use crate::engine::{self, EngineSpec};
use crate::error::AsrError;
use crate::language::LanguageModel;
use crate::stream::Stream;
use crossbeam_channel::{Sender, bounded};
use hualu_core::speech::{RecognizeCommand, RecognizeEvent};
use hualu_core::{CallId, SampleRate};
use served::Served;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use worker::Worker;

pub use queue::Dropped;

/// How many openings may wait for one worker; more than that and the pool is busy.
const OPENINGS_MAX: usize = 64;

/// Size of a pool.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// Threads, each with its own copy of the model.
    pub workers: usize,
    /// Streams in all; one more is refused.
    pub streams_max: usize,
    /// Orders that may wait in a stream's queue; at 20 ms of audio each, 150 are 3 s.
    pub queue_len: usize,
    /// The knobs of every stream's decoder.
    pub decoder: DecoderOptions,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self { workers: 1, streams_max: 100, queue_len: 150, decoder: DecoderOptions::default() }
    }
}

/// Takes a stream's events. It is called on the worker's thread and must not block.
pub type Sink = Box<dyn Fn(RecognizeEvent) + Send>;

/// Recognition for many calls. Dropping it stops the workers; open streams then fall silent.
pub struct Pool {
    seats: Vec<Seat>,
    spec: EngineSpec,
    language_models: HashMap<String, Arc<LanguageModel>>,
    default: Arc<LanguageModel>,
    config: PoolConfig,
    open: Arc<AtomicUsize>,
}

struct Seat {
    /// `None` once the pool is being dropped.
    openings: Option<Sender<Served>>,
    wake: Sender<()>,
    streams: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
    state: engine::EngineState,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("config", &self.config).field("open", &self.open).finish_non_exhaustive()
    }
}

impl Pool {
    /// Opens the acoustic model of folder `model` once per worker and starts the threads. `language_models` are chosen
    /// by name when a stream opens; an empty name gets `default`.
    ///
    /// # Errors
    /// [`AsrError::Runtime`] and [`AsrError::Model`], also when a language model was compiled for other units.
    pub fn start(
        config: PoolConfig,
        model: &Path,
        language_models: HashMap<String, Arc<LanguageModel>>,
        default: Arc<LanguageModel>,
    ) -> Result<Self, AsrError> {
        let mut seats = Vec::new();
        let mut spec = None;
        for worker in 0..config.workers.max(1) {
            let engine = engine::open(model)?;
            spec = Some(engine.spec().clone());
            seats.push(Seat::start(worker, engine)?);
        }
        let spec = spec.expect("there is at least one worker");
        for compiled in language_models.values().chain([&default]) {
            compiled.check_units(model, &spec.units)?;
        }
        tracing::info!(
            workers = seats.len(),
            streams_max = config.streams_max,
            model = spec.version,
            "recognizer ready"
        );
        Ok(Self { seats, spec, language_models, default, config, open: Arc::new(AtomicUsize::new(0)) })
    }

    /// Opens a stream for a call whose frames are at `rate`; `sink` gets its events.
    ///
    /// # Errors
    /// [`AsrError::Busy`] when all places are taken, [`AsrError::UnknownLanguageModel`], [`AsrError::Stopped`].
    pub fn open(
        &self,
        call: CallId,
        rate: SampleRate,
        language_model: &str,
        sink: Sink,
    ) -> Result<StreamHandle, AsrError> {
        let compiled = match language_model {
            "" => &self.default,
            name => self
                .language_models
                .get(name)
                .ok_or_else(|| AsrError::UnknownLanguageModel { name: name.to_owned() })?,
        };
        let busy = || AsrError::Busy { streams_max: self.config.streams_max };
        let place = Place::take(&self.open, self.config.streams_max).ok_or_else(busy)?;
        let least = self.seats.iter().enumerate().min_by_key(|(_, seat)| seat.streams.load(Ordering::Relaxed));
        let (worker, seat) = least.expect("there is at least one worker");
        let place = place.at(&seat.streams);
        let stream = Stream::new(&self.spec, seat.state.clone(), rate, compiled, self.config.decoder.clone());
        let (writer, reader) = queue::queue(self.config.queue_len, seat.wake.clone());
        let served = Served::new(call, stream, reader, sink, place);
        let openings = seat.openings.as_ref().ok_or(AsrError::Stopped { worker })?;
        openings
            .try_send(served)
            .map_err(|error| if error.is_full() { busy() } else { AsrError::Stopped { worker } })?;
        // Full means that a wake-up is already due.
        let _ = seat.wake.try_send(());
        Ok(StreamHandle { writer })
    }

    /// What the acoustic model is.
    #[must_use]
    pub const fn spec(&self) -> &EngineSpec {
        &self.spec
    }

    /// How many streams are open.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for seat in &mut self.seats {
            seat.openings = None;
            let _ = seat.wake.try_send(());
        }
        for thread in self.seats.iter_mut().filter_map(|seat| seat.thread.take()) {
            if thread.join().is_err() {
                tracing::error!("a recognizer worker had panicked");
            }
        }
    }
}

impl Seat {
    fn start(worker: usize, engine: Box<dyn engine::Engine>) -> Result<Self, AsrError> {
        // Openings: full means busy. Wake-ups: one is enough, full means that one is already due.
        let (openings, to_open) = bounded(OPENINGS_MAX);
        let (wake, woken) = bounded(1);
        let state = engine.new_state();
        let thread = std::thread::Builder::new()
            .name(format!("asr-{worker}"))
            .spawn(move || Worker::new(engine, to_open, woken).run())
            .map_err(AsrError::io(format!("thread asr-{worker}")))?;
        Ok(Self { openings: Some(openings), wake, streams: Arc::default(), thread: Some(thread), state })
    }
}

/// A place in the pool and on a worker, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place(Vec<Arc<AtomicUsize>>);

impl Place {
    fn take(open: &Arc<AtomicUsize>, max: usize) -> Option<Self> {
        open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| (count < max).then_some(count + 1)).ok()?;
        metrics::gauge!("hualu_asr_streams_active").increment(1.0);
        Some(Self(vec![Arc::clone(open)]))
    }

    fn at(mut self, streams: &Arc<AtomicUsize>) -> Self {
        streams.fetch_add(1, Ordering::Relaxed);
        self.0.push(Arc::clone(streams));
        self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for counter in &self.0 {
            counter.fetch_sub(1, Ordering::Relaxed);
        }
        metrics::gauge!("hualu_asr_streams_active").decrement(1.0);
    }
}

/// A call's end of its stream. Dropping it closes the stream.
#[derive(Debug)]
pub struct StreamHandle {
    writer: queue::Writer,
}

impl StreamHandle {
    /// Gives an order; never blocks.
    ///
    /// # Errors
    /// [`Dropped::Oldest`] when the queue was full and its oldest order made room: the order itself was taken.
    /// [`Dropped::Closed`] when the worker is gone.
    pub fn send(&self, command: RecognizeCommand) -> Result<(), Dropped> {
        self.writer.send(command)
    }
}
