//! Writes the files on a thread of its own, so that a slow disk holds nothing up.

use super::entry::Entry;
use crate::events::GatewayEvent;
use crate::{clock, metrics};
use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::thread::JoinHandle;
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// The writing thread. It listens to the gateway's events, whose queue is bounded: when the disk is too slow the oldest
/// are lost and counted.
pub(crate) struct TurnLog(JoinHandle<()>);

impl TurnLog {
    /// Starts to write what `events` brings into `directory`, which is made if needed.
    ///
    /// # Errors
    /// When the directory cannot be made or the thread cannot start.
    pub fn start(directory: PathBuf, events: Receiver<GatewayEvent>) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        let files = Files { directory, open: None, failed: false };
        let thread = std::thread::Builder::new().name("turns".to_owned()).spawn(move || write(files, events))?;
        Ok(Self(thread))
    }

    /// Waits until everything before [`GatewayEvent::Stopped`] is written.
    pub fn join(self) {
        if self.0.join().is_err() {
            tracing::error!("the writer of turn records had panicked");
        }
    }
}

fn write(mut files: Files, mut events: Receiver<GatewayEvent>) {
    loop {
        match events.blocking_recv() {
            Ok(GatewayEvent::Stopped) | Err(RecvError::Closed) => return,
            Err(RecvError::Lagged(lost)) => metrics::queue_overrun("turns", lost),
            Ok(event) => {
                let at = DateTime::<Utc>::from(clock::wall()).trunc_subsecs(3);
                if let Some(entry) = Entry::new(at, &event) {
                    files.write(&entry);
                }
            }
        }
    }
}

/// The file of the day.
struct Files {
    directory: PathBuf,
    open: Option<(NaiveDate, File)>,
    failed: bool,
}

impl Files {
    /// Writes one line; a line that cannot be written is lost and counted, and the next one tries anew.
    fn write(&mut self, entry: &Entry) {
        let result = self.append(entry);
        if let Err(error) = &result {
            self.open = None;
            metrics::turn_record_lost();
            if !self.failed {
                tracing::warn!(%error, directory = %self.directory.display(), "turn records cannot be written");
            }
        }
        self.failed = result.is_err();
    }

    fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        // One write for each line: what was written survives us, and several gateways may share a folder.
        self.file(entry.at)?.write_all(&line)
    }

    fn file(&mut self, at: DateTime<Utc>) -> io::Result<&mut File> {
        let day = at.date_naive();
        let (_, file) = match self.open.take().filter(|(of, _)| *of == day) {
            Some(open) => self.open.insert(open),
            None => {
                let path = self.directory.join(format!("turns-{day}.jsonl"));
                let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
                self.open.insert((day, file))
            }
        };
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{What, entries, files};
    use super::*;
    use hualu_core::CallId;
    use hualu_session::{EndReason, Termination};
    use std::os::unix::fs::PermissionsExt;
    use tokio::sync::broadcast;

    fn started(call: &str) -> GatewayEvent {
        GatewayEvent::Started {
            call: CallId::new(call),
            caller: "13800138000".to_owned().into(),
            called: "10086".to_owned().into(),
        }
    }

    #[test]
    fn what_is_written_is_read_back_and_nobody_else_may_read_it() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let folder = directory.path().join("out/turns");
        let (events, queue) = broadcast::channel(8);
        let log = TurnLog::start(folder.clone(), queue).expect("a thread");
        let termination = Termination::new(EndReason::CallerHungUp);
        let ended = GatewayEvent::Ended { call: CallId::new("a@b"), termination };
        for event in [started("a@b"), ended, GatewayEvent::Stopped] {
            events.send(event).expect("the log listens");
        }
        log.join();
        let found = files(&folder).expect("a folder");
        let [file] = found.as_slice() else { panic!("one file for the day: {found:?}") };
        assert_eq!(file.metadata().expect("a file").permissions().mode() & 0o777, 0o600);
        let lines: Vec<Entry> = entries(file).expect("readable").map(|line| line.expect("a record")).collect();
        let [first, last] = lines.as_slice() else { panic!("{lines:?}") };
        let What::Started { caller, .. } = &first.what else { panic!("{first:?}") };
        assert_eq!(caller.reveal(), "13800138000");
        assert!(!format!("{first:?}").contains("138"), "a number in a debug print: {first:?}");
        assert_eq!(last.call, "a@b");
        let ended =
            What::Ended { result: "success".into(), reason: "caller_hung_up".into(), disposition: String::new() };
        assert_eq!(last.what, ended);
    }

    #[test]
    fn a_slow_disk_loses_the_oldest_and_holds_nobody_up() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (events, queue) = broadcast::channel(4);
        // All of these come before the thread looks.
        for n in 0..10 {
            events.send(started(&n.to_string())).expect("it listens");
        }
        events.send(GatewayEvent::Stopped).expect("it listens");
        TurnLog::start(directory.path().to_owned(), queue).expect("a thread").join();
        let file = &files(directory.path()).expect("a folder")[0];
        let calls: Vec<String> = entries(file).expect("readable").map(|line| line.expect("a record").call).collect();
        assert_eq!(calls, ["7", "8", "9"]);
    }

    #[test]
    fn a_broken_line_says_where_it_is_and_the_rest_is_read() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("turns-2026-11-24.jsonl");
        let good = r#"{"at":"2026-11-24T10:00:00Z","call":"c","event":"started","caller":"1","called":"2"}"#;
        std::fs::write(&path, format!("{good}\n{{\"at\":\n{good}\n")).expect("written");
        let lines: Vec<_> = entries(&path).expect("readable").collect();
        assert!(lines[0].is_ok() && lines[2].is_ok());
        let error = lines[1].as_ref().expect_err("half a line").to_string();
        assert!(error.contains("turns-2026-11-24.jsonl:2 is not a turn record: "), "{error}");
    }
}
