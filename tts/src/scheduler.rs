//! Who is rendered next: the waiting room between callers and workers.
//!
//! A clause that nobody has heard yet goes before the rest of one that is playing, and within both the earliest deadline
//! goes first. The rest of a playing clause is due when its audio runs out, and is not touched while more than
//! [`AHEAD_MAX`] of audio is ready: a caller may interrupt, and other callers wait. Pre-rendering takes what is left.

use crate::worker::Job;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How much audio may be ready beyond what is being heard.
pub(crate) const AHEAD_MAX: Duration = Duration::from_millis(800);

/// Jobs in order of urgency. It knows no clock.
pub(crate) struct Queue {
    /// At most `len_max` jobs that have not begun wait here; one more is refused. Those that have begun are as many as
    /// clauses being played. Few enough to be searched.
    jobs: Vec<Job>,
    len_max: usize,
}

/// What a worker should do.
pub(crate) enum Next {
    /// Do this.
    Run(Job),
    /// Nothing is due before so long.
    Wait(Duration),
    /// There is nothing to do.
    Idle,
}

impl Queue {
    pub(crate) const fn new(len_max: usize) -> Self {
        Self { jobs: Vec::new(), len_max }
    }

    pub(crate) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Takes a new job, or gives it back when too many wait.
    pub(crate) fn push(&mut self, job: Job) -> Result<(), Box<Job>> {
        let waiting = self.jobs.iter().filter(|job| job.plays_until().is_none()).count();
        if waiting >= self.len_max {
            return Err(Box::new(job));
        }
        self.jobs.push(job);
        Ok(())
    }

    /// Takes back a job that has begun; it is never refused.
    pub(crate) fn put_back(&mut self, job: Job) {
        self.jobs.push(job);
    }

    pub(crate) fn pop(&mut self, now: Instant) -> Next {
        let mut wait: Option<Duration> = None;
        let mut best: Option<(usize, (u8, Instant))> = None;
        for (index, job) in self.jobs.iter().enumerate() {
            let urgency = match (job.plays_until(), job.clip.wanted_by()) {
                _ if job.clip.is_unread() => (0, now),
                (_, None) => (3, job.queued_at),
                (None, Some(deadline)) => (1, deadline),
                (Some(until), Some(_)) => {
                    let ahead = until.saturating_duration_since(now);
                    if ahead > AHEAD_MAX {
                        let rest = ahead - AHEAD_MAX;
                        wait = Some(wait.map_or(rest, |wait| wait.min(rest)));
                        continue;
                    }
                    (2, until)
                }
            };
            if best.is_none_or(|(_, least)| urgency < least) {
                best = Some((index, urgency));
            }
        }
        match (best, wait) {
            (Some((index, _)), _) => Next::Run(self.jobs.swap_remove(index)),
            (None, Some(wait)) => Next::Wait(wait),
            (None, None) => Next::Idle,
        }
    }
}

/// The queue as threads share it.
pub(crate) struct Scheduler {
    state: Mutex<State>,
    changed: Condvar,
    clock: fn() -> Instant,
}

struct State {
    queue: Queue,
    closed: bool,
}

impl Scheduler {
    pub(crate) fn new(len_max: usize, clock: fn() -> Instant) -> Self {
        let state = State { queue: Queue::new(len_max), closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), clock }
    }

    pub(crate) fn now(&self) -> Instant {
        (self.clock)()
    }

    pub(crate) fn push(&self, job: Job) -> Result<(), Box<Job>> {
        let mut state = self.lock();
        state.queue.push(job)?;
        metrics::gauge!("hualu_tts_queue_depth").set(state.queue.len() as f64);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    pub(crate) fn put_back(&self, job: Job) {
        self.lock().queue.put_back(job);
        self.changed.notify_one();
    }

    /// Waits for something to do; `None` when the voice is being shut down.
    pub(crate) fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            state = match state.queue.pop(self.now()) {
                Next::Run(job) => {
                    metrics::gauge!("hualu_tts_queue_depth").set(state.queue.len() as f64);
                    return Some(job);
                }
                Next::Wait(wait) => self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0,
                Next::Idle => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Lets every worker go; jobs that wait are dropped.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.queue.jobs.clear();
        drop(state);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::{Clip, Reader};
    use hualu_core::SampleRate;
    use std::collections::VecDeque;
    use std::sync::Arc;

    #[expect(clippy::disallowed_methods, reason = "a base for virtual time")]
    fn base() -> Instant {
        Instant::now()
    }

    fn job(now: Instant, wanted_in_ms: Option<u64>) -> (Job, Reader) {
        let clip = Arc::new(Clip::new(wanted_in_ms.map(|ms| now + Duration::from_millis(ms))));
        let reader = clip.read();
        (Job::new(clip, None, VecDeque::new(), SampleRate::HZ_8000, now), reader)
    }

    fn started(now: Instant, audio_ms: u64) -> (Job, Reader) {
        let (mut job, reader) = job(now, Some(100));
        job.deliver(&vec![0; audio_ms as usize * 8], now);
        (job, reader)
    }

    fn run(queue: &mut Queue, now: Instant) -> Option<Option<Instant>> {
        match queue.pop(now) {
            Next::Run(job) => Some(job.plays_until().or(job.clip.wanted_by())),
            Next::Wait(_) | Next::Idle => None,
        }
    }

    #[test]
    fn first_audio_goes_before_the_rest_and_the_earliest_deadline_first() {
        let now = base();
        let ms = Duration::from_millis;
        let mut queue = Queue::new(10);
        let (late, _a) = job(now, Some(90));
        let (soon, _b) = job(now, Some(30));
        let (background, _c) = job(now, None);
        let (playing, _d) = started(now, 20);
        for job in [background, late, soon] {
            assert!(queue.push(job).is_ok());
        }
        queue.put_back(playing);
        let order: Vec<_> = std::iter::from_fn(|| run(&mut queue, now)).collect();
        assert_eq!(order, [Some(now + ms(30)), Some(now + ms(90)), Some(now + ms(20)), None]);
    }

    #[test]
    fn rendering_stays_at_most_800_ms_ahead_of_the_ear() {
        let now = base();
        let mut queue = Queue::new(10);
        let (playing, _reader) = started(now, 1_000);
        queue.put_back(playing);
        assert!(matches!(queue.pop(now), Next::Wait(wait) if wait == Duration::from_millis(200)));
        assert!(matches!(queue.pop(now + Duration::from_millis(200)), Next::Run(_)));
        assert!(matches!(queue.pop(now), Next::Idle));
    }

    #[test]
    fn what_nobody_reads_is_cleared_away_at_once() {
        let now = base();
        let mut queue = Queue::new(10);
        let (playing, reader) = started(now, 5_000);
        queue.put_back(playing);
        drop(reader);
        assert!(matches!(queue.pop(now), Next::Run(job) if job.clip.is_unread()));
    }

    #[test]
    fn a_full_queue_refuses_new_clauses_and_keeps_begun_ones() {
        let now = base();
        let mut queue = Queue::new(1);
        let (first, _a) = job(now, Some(10));
        let (second, _b) = job(now, Some(10));
        let (playing, _c) = started(now, 20);
        queue.put_back(playing);
        assert!(queue.push(first).is_ok(), "a clause that plays takes no place from one that waits");
        assert!(queue.push(second).is_err());
        assert_eq!(queue.len(), 2);
    }
}
