//! One thread of the pool: reads orders, steps the model for all streams that are due, tells what changed.

use super::served::Served;
use crate::engine::Engine;
use crossbeam_channel::{Receiver, TryRecvError};
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
                self.streams.iter_mut().for_each(|served| served.read_orders(chunk_len));
                self.streams.retain(|served| !served.is_closed());
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
        let mut slots: Vec<_> = picked.iter_mut().map(|served| served.slot(frames)).collect();
        let stepped = if frames == 0 { Ok(()) } else { self.engine.step(frames, &mut slots) };
        drop(slots);
        if let Err(error) = &stepped {
            metrics::counter!("hualu_asr_steps_failed_total").increment(1);
            tracing::error!(%error, streams = batch.len(), "acoustic model step failed");
        }
        let mut broken: Vec<usize> = Vec::new();
        for (served, &at) in picked.into_iter().zip(batch) {
            let decoded = catch_unwind(AssertUnwindSafe(|| match stepped {
                Ok(()) => served.decode(frames),
                Err(_) => served.abandon(),
            }));
            if decoded.is_err() {
                tracing::error!(call_id = %served.call(), "decoder panicked: its stream is closed, the others go on");
                broken.push(at);
            }
        }
        for &at in broken.iter().rev() {
            self.streams.swap_remove(at);
        }
    }
}
