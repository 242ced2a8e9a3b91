//! One thread of the pool: reads orders, steps the model for all streams that are due, tells what changed.

use super::served::Served;
use crate::engine::Engine;
use crossbeam_channel::{Receiver, TryRecvError};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Streams in one step of the model.
const BATCH_MAX: usize = 8;

/// The state of a worker's thread.
pub struct Worker {
    engine: Box<dyn Engine>,
    openings: Receiver<Served>,
    woken: Receiver<()>,
    streams: Vec<Served>,
}

impl Worker {
    /// A worker without streams.
    pub fn new(engine: Box<dyn Engine>, openings: Receiver<Served>, woken: Receiver<()>) -> Self {
        Self { engine, openings, woken, streams: Vec::new() }
    }

    /// Serves until the pool is dropped.
    pub fn run(mut self) {
        while self.woken.recv().is_ok() {
            loop {
                if !self.admit() {
                    return;
                }
                let chunk_len = self.engine.spec().chunk_len;
                self.streams.retain_mut(|served| {
                    guarded(served, "taking audio", |served| served.read_orders(chunk_len)) && !served.is_closed()
                });
                if !self.step_all(chunk_len) {
                    break;
                }
            }
        }
    }

    /// Takes new streams; `false` once the pool is gone.
    fn admit(&mut self) -> bool {
        loop {
            match self.openings.try_recv() {
                Ok(served) => self.streams.push(served),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// Steps every stream that is due, those that owe a final first; `false` if none was.
    fn step_all(&mut self, chunk_len: usize) -> bool {
        let mut due: Vec<(bool, usize, usize)> = self
            .streams
            .iter()
            .enumerate()
            .filter_map(|(at, served)| Some((!served.is_finishing(), served.due(chunk_len)?, at)))
            .collect();
        if due.is_empty() {
            return false;
        }
        due.sort_unstable();
        // One batch at a time: orders that came meanwhile, an `End` above all, are read before the next.
        let (first, frames, _) = due[0];
        let batch: Vec<usize> = due
            .iter()
            .take_while(|&&(later, len, _)| (later, len) == (first, frames))
            .map(|&(_, _, at)| at)
            .take(BATCH_MAX)
            .collect();
        metrics::histogram!("hualu_asr_batch_streams").record(batch.len() as f64);
        metrics::gauge!("hualu_queue_depth", "queue" => "asr_due").set(due.len() as f64);
        self.step(&batch, frames);
        true
    }

    fn step(&mut self, batch: &[usize], frames: usize) {
        let mut picked: Vec<&mut Served> = self
            .streams
            .iter_mut()
            .enumerate()
            .filter(|(at, _)| batch.contains(at))
            .map(|(_, served)| served)
            .collect();
        let step = || {
            let mut slots: Vec<_> = picked.iter_mut().map(|served| served.slot(frames)).collect();
            if frames == 0 { Ok(()) } else { self.engine.step(frames, &mut slots) }
        };
        let mut broken: Vec<usize> = Vec::new();
        match catch_unwind(AssertUnwindSafe(step)) {
            Ok(stepped) => {
                if let Err(error) = &stepped {
                    metrics::counter!("hualu_asr_steps_failed_total").increment(1);
                    tracing::error!(%error, streams = batch.len(), "acoustic model step failed");
                }
                for (served, &at) in picked.into_iter().zip(batch) {
                    let decoded = guarded(served, "decoding", |served| match stepped {
                        Ok(()) => served.decode(frames),
                        Err(_) => served.abandon(),
                    });
                    if !decoded {
                        broken.push(at);
                    }
                }
            }
            // What the streams of this batch remember may be half written: they end, the others never took part.
            Err(panic) => {
                metrics::counter!("hualu_asr_steps_failed_total").increment(1);
                for served in &picked {
                    record_fault(served, "the acoustic model's step", panic.as_ref());
                }
                broken.extend(batch);
            }
        }
        for &at in broken.iter().rev() {
            self.streams.swap_remove(at);
        }
    }
}

/// Works on one stream; false when that panicked, and the stream must go. The others go on.
fn guarded(served: &mut Served, doing: &'static str, work: impl FnOnce(&mut Served)) -> bool {
    match catch_unwind(AssertUnwindSafe(|| work(served))) {
        Ok(()) => true,
        Err(panic) => {
            record_fault(served, doing, panic.as_ref());
            false
        }
    }
}

/// The record of a fault of ours that ends a stream.
fn record_fault(served: &Served, doing: &'static str, panic: &(dyn Any + Send)) {
    metrics::counter!("hualu_asr_streams_panicked_total").increment(1);
    let why = hualu_core::panic_message(panic);
    tracing::error!(call_id = %served.call(), doing, why, "a fault of ours ended this recognition stream");
}

#[cfg(test)]
mod tests {
    use super::super::queue::{Dropped, Writer, queue};
    use super::super::{Place, Sink};
    use super::*;
    use crate::decoder::DecoderOptions;
    use crate::engine::{EngineSpec, EngineState, Slot};
    use crate::error::AsrError;
    use crate::frontend::FeatureSpec;
    use crate::language::LanguageModel;
    use crate::stream::Stream;
    use crate::units::Units;
    use crossbeam_channel::{Sender, bounded};
    use hualu_core::dialogue::Expect;
    use hualu_core::speech::{RecognizeCommand, RecognizeEvent};
    use hualu_core::{CallId, PcmFrame, SampleRate, TurnId};
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    const RATE: SampleRate = SampleRate::HZ_8000;

    /// Hears nothing in anything, and panics in its next step when it is told to.
    struct Broken {
        spec: EngineSpec,
        panics: Arc<AtomicBool>,
    }

    impl Engine for Broken {
        fn spec(&self) -> &EngineSpec {
            &self.spec
        }

        fn new_state(&self) -> EngineState {
            EngineState::default()
        }

        fn step(&mut self, frames: usize, slots: &mut [Slot<'_>]) -> Result<(), AsrError> {
            assert!(!self.panics.swap(false, Ordering::Relaxed), "a fault of ours");
            for slot in slots {
                for _ in 0..frames / self.spec.subsampling {
                    slot.log_probs.push(0.0);
                    slot.log_probs.resize(slot.log_probs.len() + self.spec.units.len() - 1, -20.0);
                }
            }
            Ok(())
        }
    }

    fn spec() -> EngineSpec {
        let names = ["<blk>", "ch", "a", "h", "ua", "f", "ei", "i"].map(str::to_owned).to_vec();
        let features = FeatureSpec {
            sample_rate_hz: RATE.hz(),
            n_fft: 256,
            win_len: 200,
            hop_len: 80,
            n_mels: 20,
            f_min: 20.0,
            f_max: 3_800.0,
            log_floor: 1e-6,
        };
        let units = Units::new(names, 0).expect("good units");
        EngineSpec { version: "test".to_owned(), features, units, subsampling: 4, chunk_len: 8, flush_frames: 8 }
    }

    fn words() -> Arc<LanguageModel> {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tones");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("lexicon.tsv"), "查\tcha2\t50\n花\thua1\t60\n").expect("written");
        let lexicon = crate::open_lexicon(&model, folder.path(), folder.path()).expect("a good lexicon");
        LanguageModel::compile(&lexicon, &[])
    }

    /// A worker on a thread of its own, and how to reach it.
    struct Bench {
        openings: Sender<Served>,
        wake: Sender<()>,
        panics: Arc<AtomicBool>,
        words: Arc<LanguageModel>,
        places: Arc<AtomicUsize>,
        worker: Option<Worker>,
    }

    impl Bench {
        fn new() -> Self {
            let (openings, to_open) = bounded(8);
            let (wake, woken) = bounded(1);
            let panics = Arc::new(AtomicBool::new(false));
            let engine = Broken { spec: spec(), panics: Arc::clone(&panics) };
            let worker = Some(Worker::new(Box::new(engine), to_open, woken));
            Self { openings, wake, panics, words: words(), places: Arc::default(), worker }
        }

        fn open(&self, name: &str, sink: Sink) -> Writer {
            let options = DecoderOptions::default();
            let stream = Stream::new(&spec(), EngineState::default(), RATE, &self.words, options);
            let (writer, reader) = queue(64, self.wake.clone());
            let place = Place::take(&self.places, 8).expect("a place");
            let served = Served::new(CallId::new(name), stream, reader, sink, place);
            self.openings.send(served).expect("room");
            writer
        }

        fn run(&mut self) {
            let worker = self.worker.take().expect("it runs once");
            std::thread::spawn(move || worker.run());
        }
    }

    fn collect() -> (Sink, mpsc::Receiver<RecognizeEvent>) {
        let (sender, events) = mpsc::channel();
        (Box::new(move |event| drop(sender.send(event))), events)
    }

    fn say(writer: &Writer, turn: u32) {
        writer.send(RecognizeCommand::Start { turn: TurnId(turn), expect: Expect::Free }).expect("taken");
        for _ in 0..10 {
            writer.send(RecognizeCommand::Audio(PcmFrame::silence(RATE))).expect("taken");
        }
        let budget = Duration::from_millis(60);
        writer.send(RecognizeCommand::End { turn: TurnId(turn), budget }).expect("taken");
    }

    fn final_of(events: &mpsc::Receiver<RecognizeEvent>) -> TurnId {
        loop {
            let event = events.recv_timeout(Duration::from_secs(20)).expect("a final is owed");
            if event.is_final {
                return event.turn;
            }
        }
    }

    /// The stream is over: its sink is dropped, and its caller is told at the next order.
    fn is_closed(writer: &Writer, events: &mpsc::Receiver<RecognizeEvent>) -> bool {
        let ended = events.recv_timeout(Duration::from_secs(20)) == Err(mpsc::RecvTimeoutError::Disconnected);
        ended && writer.send(RecognizeCommand::Cancel { turn: TurnId(1) }) == Err(Dropped::Closed)
    }

    #[test]
    fn a_panic_in_one_streams_decoding_ends_that_stream_alone() {
        let mut bench = Bench::new();
        let (told, events) = mpsc::channel::<RecognizeEvent>();
        let faulty = bench.open(
            "faulty",
            Box::new(move |_| {
                let _ = &told;
                panic!("a fault of ours")
            }),
        );
        let (sink, sound_events) = collect();
        let sound = bench.open("sound", sink);
        say(&faulty, 1);
        say(&sound, 1);
        bench.run();
        assert_eq!(final_of(&sound_events), TurnId(1));
        assert!(is_closed(&faulty, &events));
        say(&sound, 2);
        assert_eq!(final_of(&sound_events), TurnId(2));
        assert_eq!(bench.places.load(Ordering::Relaxed), 1, "its place is free again");
    }

    #[test]
    fn a_panic_in_the_models_step_ends_the_streams_of_its_batch_and_not_the_worker() {
        let mut bench = Bench::new();
        let (sink, one_events) = collect();
        let one = bench.open("one", sink);
        let (sink, two_events) = collect();
        let two = bench.open("two", sink);
        say(&one, 1);
        say(&two, 1);
        bench.panics.store(true, Ordering::Relaxed);
        bench.run();
        assert!(is_closed(&one, &one_events) && is_closed(&two, &two_events));
        let (sink, later_events) = collect();
        let later = bench.open("later", sink);
        say(&later, 1);
        assert_eq!(final_of(&later_events), TurnId(1));
    }
}
