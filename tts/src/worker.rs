//! The threads that render. Each owns an engine; a clause may be continued by another worker than began it.

use crate::TtsError;
use crate::audio::{Framer, Resampler, soft_limit};
use crate::cache::{ClauseCache, Key};
use crate::clip::Clip;
use crate::engine::{Engine, Plan, Prosody, Syllable};
use crate::scheduler::Scheduler;
use hualu_core::{SampleRate, Samples};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A part of a clause.
pub(crate) enum Segment {
    /// Recorded audio at the rate of the job.
    Recorded(Arc<[i16]>),
    /// Words for the engine.
    Speak(Vec<Syllable>),
}

impl Segment {
    /// What the engine is to say in it.
    pub(crate) fn syllables(&self) -> &[Syllable] {
        match self {
            Self::Recorded(_) => &[],
            Self::Speak(syllables) => syllables,
        }
    }
}

/// A clause to render, or the rest of one.
pub(crate) struct Job {
    pub(crate) clip: Arc<Clip>,
    pub(crate) queued_at: Instant,
    key: Option<Key>,
    segments: VecDeque<Segment>,
    plan: Option<Plan>,
    /// Boxed: its tables are large and most jobs have none.
    resampler: Option<Box<Resampler>>,
    framer: Framer,
    rate: SampleRate,
    first_audio_at: Option<Instant>,
    rendered: Samples,
    busy: Duration,
}

impl Job {
    /// `key` is where the clause is kept when it is complete; personal clauses have none.
    pub(crate) fn new(
        clip: Arc<Clip>,
        key: Option<Key>,
        segments: VecDeque<Segment>,
        rate: SampleRate,
        now: Instant,
    ) -> Self {
        Self {
            clip,
            queued_at: now,
            key,
            segments,
            plan: None,
            resampler: None,
            framer: Framer::new(rate.hz()),
            rate,
            first_audio_at: None,
            rendered: Samples(0),
            busy: Duration::ZERO,
        }
    }

    /// When the audio delivered so far runs out, if it is played from the moment it was there.
    pub(crate) fn plays_until(&self) -> Option<Instant> {
        self.first_audio_at.map(|start| start + self.rendered.duration(self.rate))
    }

    /// Hands samples at the job's rate to the readers.
    pub(crate) fn deliver(&mut self, samples: &[i16], now: Instant) {
        let frames = self.framer.push(samples);
        self.send(&frames, now);
    }

    fn send(&mut self, frames: &[i16], now: Instant) {
        if frames.is_empty() {
            return;
        }
        if self.first_audio_at.is_none() {
            self.first_audio_at = Some(now);
            if self.clip.wanted_by().is_some() {
                let waited = now.saturating_duration_since(self.queued_at);
                metrics::histogram!("hualu_tts_first_audio_seconds", "source" => "engine").record(waited.as_secs_f64());
            }
        }
        self.rendered.0 += frames.len() as u64;
        self.clip.push(frames);
    }
}

/// Renders until the scheduler closes.
pub(crate) fn run(scheduler: &Scheduler, cache: &ClauseCache, engine: &mut dyn Engine, prosody: &Prosody) {
    while let Some(mut job) = scheduler.next() {
        let started = scheduler.now();
        if job.clip.is_unread() && abandon(cache, &job, started) {
            continue;
        }
        if job.first_audio_at.is_none() && job.busy.is_zero() {
            let waited = started.saturating_duration_since(job.queued_at);
            metrics::histogram!("hualu_tts_queue_wait_seconds").record(waited.as_secs_f64());
        }
        // A fault in a model ends one clause, not the voice.
        let step = catch_unwind(AssertUnwindSafe(|| advance(&mut job, engine, prosody, scheduler)));
        job.busy += scheduler.now().saturating_duration_since(started);
        match step {
            Ok(Ok(Progress::More)) => scheduler.put_back(job),
            Ok(Ok(Progress::Done)) => finish(cache, &job),
            Ok(Err(error)) => fail(cache, &job, error),
            Err(_) => fail(cache, &job, TtsError::Engine("the engine panicked: see the log of the process".into())),
        }
    }
}

enum Progress {
    More,
    Done,
}

/// One chunk of the clause.
fn advance(
    job: &mut Job,
    engine: &mut dyn Engine,
    prosody: &Prosody,
    scheduler: &Scheduler,
) -> Result<Progress, TtsError> {
    let failed = |error: crate::engine::EngineError| TtsError::Engine(error.to_string());
    match job.segments.front() {
        Some(Segment::Recorded(pcm)) => {
            let pcm = Arc::clone(pcm);
            job.segments.pop_front();
            job.deliver(&pcm, scheduler.now());
        }
        Some(Segment::Speak(syllables)) => {
            if job.plan.is_none() {
                job.plan = Some(engine.prepare(syllables, prosody).map_err(failed)?);
                job.resampler = resampler(engine.sample_rate_hz(), job.rate.hz())?;
            }
            let chunk = match &mut job.plan {
                Some(plan) => engine.next_chunk(plan).map_err(failed)?,
                None => None,
            };
            match chunk {
                Some(mut samples) => {
                    soft_limit(&mut samples);
                    if let Some(resampler) = &mut job.resampler {
                        samples = resampler.push(&samples);
                    }
                    job.deliver(&samples, scheduler.now());
                }
                None => {
                    let rest = job.resampler.as_mut().map_or_else(Vec::new, |resampler| resampler.flush());
                    job.deliver(&rest, scheduler.now());
                    job.plan = None;
                    job.segments.pop_front();
                }
            }
        }
        None => {}
    }
    if job.segments.is_empty() {
        let rest = job.framer.flush();
        job.send(&rest, scheduler.now());
        return Ok(Progress::Done);
    }
    Ok(Progress::More)
}

fn resampler(from_hz: u32, to_hz: u32) -> Result<Option<Box<Resampler>>, TtsError> {
    if from_hz == to_hz {
        return Ok(None);
    }
    Resampler::new(from_hz, to_hz).map(|resampler| Some(Box::new(resampler))).ok_or(TtsError::Rate { from_hz, to_hz })
}

fn finish(cache: &ClauseCache, job: &Job) {
    let pcm = job.clip.finish();
    let audio = job.rendered.duration(job.rate);
    if !audio.is_zero() {
        metrics::histogram!("hualu_tts_render_ratio").record(job.busy.as_secs_f64() / audio.as_secs_f64());
    }
    if let Some(key) = job.key {
        cache.finish(key, pcm);
    }
}

fn fail(cache: &ClauseCache, job: &Job, error: TtsError) {
    tracing::warn!(%error, "a clause could not be spoken");
    metrics::counter!("hualu_tts_clauses_failed_total").increment(1);
    if let Some(key) = job.key {
        cache.forget(key);
    }
    job.clip.fail(error);
}

/// Drops a job that nobody reads. False when somebody has come back meanwhile.
fn abandon(cache: &ClauseCache, job: &Job, now: Instant) -> bool {
    if job.key.is_some_and(|key| !cache.abandon(key, &job.clip)) {
        return false;
    }
    let wasted = job.plays_until().map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
    metrics::counter!("hualu_tts_clauses_cancelled_total").increment(1);
    metrics::histogram!("hualu_tts_wasted_seconds").record(wasted.as_secs_f64());
    true
}
