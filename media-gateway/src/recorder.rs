//! Writes calls to disk as stereo WAV (left: caller, right: bot) on a thread of its own, so that a slow disk never
//! holds a packet up.

use crate::{clock, metrics};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use hualu_core::{CallId, SampleRate};
use hualu_session::StereoFrame;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, UNIX_EPOCH};

/// Frames that wait for the disk, of all calls: about a second of 50 calls. Full means a slow disk: frames are dropped
/// and counted, and the gap is written as silence, so that the file keeps real time.
const QUEUE: usize = 4_096;

/// A gap longer than this is a fault of the clock, not a pause.
const GAP_MAX: u64 = 8_000 * 600;

/// How long a queue is empty before the thread looks for recordings whose close was lost.
const IDLE: Duration = Duration::from_secs(1);

#[expect(clippy::large_enum_variant, reason = "frames travel inline, so that a frame costs no allocation")]
enum Job {
    /// The path, and what lives as long as the handle.
    Open(u64, PathBuf, Weak<()>),
    Frame(u64, StereoFrame),
    Close(u64),
    Stop,
}

/// The recording thread.
pub(crate) struct Recorder {
    jobs: Sender<Job>,
    directory: PathBuf,
    next: Arc<AtomicU64>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// One call's way to the recorder; the file is finished when it is dropped.
pub(crate) struct RecorderHandle {
    jobs: Sender<Job>,
    id: u64,
    /// The file, as long as the recorder has not been told to make it.
    unopened: Option<PathBuf>,
    /// Tells the recorder that the call is over when there was no room to say so.
    alive: Arc<()>,
}

impl Recorder {
    /// Starts to write into `directory`, which is made if needed.
    ///
    /// # Errors
    /// When the directory cannot be made or the thread cannot start.
    pub fn start(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        let (jobs, queue) = bounded(QUEUE);
        let thread = std::thread::Builder::new().name("recorder".to_owned()).spawn(move || write(&queue))?;
        Ok(Self { jobs, directory, next: Arc::default(), thread: Mutex::new(Some(thread)) })
    }

    /// Starts the recording of one call.
    pub fn open(&self, call: &CallId) -> RecorderHandle {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let name: String = call.as_str().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        // The name is the peer's choice: the time and a number of ours keep it from naming an earlier recording.
        let started = clock::wall().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let path = self.directory.join(format!("{started}-{id}-{}.wav", name.get(..64).unwrap_or(&name)));
        let mut handle = RecorderHandle { jobs: self.jobs.clone(), id, unopened: Some(path), alive: Arc::default() };
        handle.begin();
        handle
    }

    /// Writes what is queued, finishes every file and ends. Handles that still live are deaf then.
    pub fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && self.jobs.send(Job::Stop).is_ok()
            && thread.join().is_err()
        {
            tracing::error!("the recorder had panicked");
        }
    }
}

impl RecorderHandle {
    /// Queues one frame. A recording that found no room when its call began is begun with the first that does; what was
    /// missed is silence.
    pub fn push(&mut self, frame: StereoFrame) {
        self.begin();
        if self.jobs.try_send(Job::Frame(self.id, frame)).is_err() {
            metrics::queue_full("recorder");
        }
    }

    fn begin(&mut self) {
        let Some(path) = self.unopened.take() else { return };
        if self.jobs.try_send(Job::Open(self.id, path.clone(), Arc::downgrade(&self.alive))).is_err() {
            metrics::queue_full("recorder");
            self.unopened = Some(path);
        }
    }
}

impl Drop for RecorderHandle {
    fn drop(&mut self) {
        if self.jobs.try_send(Job::Close(self.id)).is_err() {
            metrics::queue_full("recorder");
        }
    }
}

struct Recording {
    writer: hound::WavWriter<BufWriter<File>>,
    written: u64,
    handle: Weak<()>,
    /// The handle was gone at the last look.
    over: bool,
}

impl Recording {
    fn create(path: &Path, handle: Weak<()>) -> Result<Self, hound::Error> {
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: SampleRate::HZ_8000.hz(),
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        Ok(Self { writer: hound::WavWriter::create(path, spec)?, written: 0, handle, over: false })
    }

    fn write(&mut self, frame: &StereoFrame) -> Result<(), hound::Error> {
        let gap = frame.at.0.saturating_sub(self.written);
        for _ in 0..gap.min(GAP_MAX) {
            self.writer.write_sample(0_i16)?;
            self.writer.write_sample(0_i16)?;
        }
        let pairs = frame.caller.samples().iter().zip(frame.bot.samples());
        for (caller, bot) in pairs {
            self.writer.write_sample(*caller)?;
            self.writer.write_sample(*bot)?;
        }
        self.written = frame.at.0 + frame.caller.samples().len() as u64;
        Ok(())
    }
}

fn write(queue: &Receiver<Job>) {
    let mut files = Files::default();
    let mut taken = 0;
    loop {
        match queue.recv_timeout(IDLE) {
            Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            Ok(job) => {
                files.take(job);
                taken += 1;
            }
            Err(RecvTimeoutError::Timeout) => taken = QUEUE,
        }
        if taken >= QUEUE {
            taken = 0;
            files.finish_lost();
        }
    }
    files.open.into_values().for_each(finish);
}

/// The recordings that are being written.
#[derive(Default)]
struct Files {
    open: HashMap<u64, Recording>,
}

impl Files {
    fn take(&mut self, job: Job) {
        let result = match job {
            Job::Stop => Ok(()),
            Job::Open(id, path, handle) => {
                Recording::create(&path, handle).map(|recording| drop(self.open.insert(id, recording)))
            }
            Job::Frame(id, frame) => self.open.get_mut(&id).map_or(Ok(()), |recording| recording.write(&frame)),
            Job::Close(id) => {
                if let Some(recording) = self.open.remove(&id) {
                    finish(recording);
                }
                Ok(())
            }
        };
        if let Err(error) = result {
            metrics::recording_failed();
            tracing::warn!(%error, "a recording could not be written");
        }
    }

    /// Finishes recordings whose handle was gone at the last look already. Between two looks all that was queued has
    /// been taken, the last frames of those handles among it.
    fn finish_lost(&mut self) {
        for (_, recording) in self.open.extract_if(|_, recording| recording.over) {
            finish(recording);
        }
        for recording in self.open.values_mut() {
            recording.over = recording.handle.strong_count() == 0;
        }
    }
}

fn finish(recording: Recording) {
    if let Err(error) = recording.writer.finalize() {
        metrics::recording_failed();
        tracing::warn!(%error, "a recording could not be finished");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hualu_core::{PcmFrame, Samples};

    #[test]
    fn a_gap_is_silence_and_both_sides_are_kept() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let recorder = Recorder::start(directory.path().to_owned()).expect("a thread");
        let mut handle = recorder.open(&CallId::new("a@b"));
        let frame = |value: i16| PcmFrame::new(&[value; 160], SampleRate::HZ_8000).expect("20 ms");
        handle.push(StereoFrame { at: Samples(0), caller: frame(1), bot: frame(2) });
        handle.push(StereoFrame { at: Samples(480), caller: frame(3), bot: frame(4) });
        drop(handle);
        recorder.stop();
        let file = fs::read_dir(directory.path()).expect("readable").next().expect("one recording").expect("readable");
        assert!(file.file_name().to_string_lossy().ends_with("-0-a-b.wav"));
        let reader = hound::WavReader::open(file.path()).expect("a finished file");
        let samples: Vec<i16> = reader.into_samples().map(|sample| sample.expect("readable")).collect();
        assert_eq!(samples.len(), 2 * 640);
        assert_eq!(samples[..2], [1, 2]);
        assert_eq!(samples[320..322], [0, 0]);
        assert_eq!(samples[960..962], [3, 4]);
    }
    fn frame(at: u64) -> StereoFrame {
        let side = || PcmFrame::new(&[5; 160], SampleRate::HZ_8000).expect("20 ms");
        StereoFrame { at: Samples(at), caller: side(), bot: side() }
    }

    /// A recorder whose thread has not begun to write yet, and its queue.
    fn stalled(directory: &Path, room: usize) -> (Recorder, Receiver<Job>) {
        let (jobs, queue) = bounded(room);
        (Recorder { jobs, directory: directory.to_owned(), next: Arc::default(), thread: Mutex::default() }, queue)
    }

    fn samples(directory: &Path) -> u32 {
        let file = fs::read_dir(directory).expect("readable").next().expect("one recording").expect("readable");
        hound::WavReader::open(file.path()).expect("a finished file").duration()
    }

    #[test]
    fn a_recording_whose_close_was_lost_is_finished_with_its_last_frame() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (recorder, queue) = stalled(directory.path(), 3);
        let (mut handle, mut files) = (recorder.open(&CallId::new("a")), Files::default());
        handle.push(frame(0));
        handle.push(frame(160));
        files.take(queue.try_recv().expect("the open"));
        files.finish_lost();
        files.finish_lost();
        assert_eq!(files.open.len(), 1, "its call goes on");
        handle.push(frame(320));
        drop(handle);
        files.finish_lost();
        queue.try_iter().for_each(|job| files.take(job));
        assert_eq!(files.open.len(), 1, "nothing told it to close");
        files.finish_lost();
        assert_eq!((files.open.len(), samples(directory.path())), (0, 480));
    }

    #[test]
    fn a_recording_that_found_no_room_begins_with_the_first_frame_that_does() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (recorder, queue) = stalled(directory.path(), 3);
        let (mut other, mut files) = (recorder.open(&CallId::new("other")), Files::default());
        other.push(frame(0));
        other.push(frame(160));
        let mut handle = recorder.open(&CallId::new("late"));
        let lost: Vec<_> = queue.try_iter().collect();
        assert_eq!(lost.len(), 3, "there was no room");
        handle.push(frame(160));
        drop(handle);
        queue.try_iter().for_each(|job| files.take(job));
        assert_eq!((files.open.len(), samples(directory.path())), (0, 320));
    }
}
