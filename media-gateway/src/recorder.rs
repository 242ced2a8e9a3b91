//! Writes calls to disk as stereo WAV (left: caller, right: bot) on a thread of its own, so that a slow disk never
//! holds a packet up.

use crate::{clock, metrics};
use crossbeam_channel::{Receiver, Sender, bounded};
use hualu_core::{CallId, SampleRate};
use hualu_session::StereoFrame;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::UNIX_EPOCH;

/// Frames that wait for the disk, of all calls: about a second of 50 calls. Full means a slow disk: frames are dropped
/// and counted, and the gap is written as silence, so that the file keeps real time.
const QUEUE: usize = 4_096;

/// A gap longer than this is a fault of the clock, not a pause.
const GAP_MAX: u64 = 8_000 * 600;

#[expect(clippy::large_enum_variant, reason = "frames travel inline, so that a frame costs no allocation")]
enum Job {
    Open(u64, PathBuf),
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
        if self.jobs.try_send(Job::Open(id, path)).is_err() {
            metrics::queue_full("recorder");
        }
        RecorderHandle { jobs: self.jobs.clone(), id }
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
    /// Queues one frame.
    pub fn push(&self, frame: StereoFrame) {
        if self.jobs.try_send(Job::Frame(self.id, frame)).is_err() {
            metrics::queue_full("recorder");
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
}

impl Recording {
    fn create(path: &std::path::Path) -> Result<Self, hound::Error> {
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: SampleRate::HZ_8000.hz(),
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        Ok(Self { writer: hound::WavWriter::create(path, spec)?, written: 0 })
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
    let mut open: HashMap<u64, Recording> = HashMap::new();
    while let Ok(job) = queue.recv() {
        let result = match job {
            Job::Stop => break,
            Job::Open(id, path) => Recording::create(&path).map(|recording| drop(open.insert(id, recording))),
            Job::Frame(id, frame) => match open.get_mut(&id) {
                Some(recording) => recording.write(&frame),
                None => Ok(()),
            },
            Job::Close(id) => open.remove(&id).map_or(Ok(()), |recording| recording.writer.finalize()),
        };
        if let Err(error) = result {
            metrics::recording_failed();
            tracing::warn!(%error, "a recording could not be written");
        }
    }
    for recording in open.into_values() {
        if let Err(error) = recording.writer.finalize() {
            tracing::warn!(%error, "a recording could not be finished");
        }
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
        let handle = recorder.open(&CallId::new("a@b"));
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
}
