//! An answer that a peer owes on a stream which may otherwise be silent for as long as it likes.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// When the first unanswered question of a stream is overdue. Clones share it.
#[derive(Clone)]
pub(super) struct Owed {
    due: Arc<watch::Sender<Option<Instant>>>,
    limit: Duration,
}

impl Owed {
    /// Nothing is owed; what will be is overdue after `limit`.
    pub fn new(limit: Duration) -> Self {
        Self { due: Arc::new(watch::Sender::new(None)), limit }
    }

    /// Something was asked. The oldest unanswered question counts.
    pub fn ask(&self) {
        let at = Instant::now() + self.limit;
        self.due.send_if_modified(|due| due.is_none() && due.replace(at).is_none());
    }

    /// An answer came, or none is wanted any more.
    pub fn settle(&self) {
        self.due.send_if_modified(|due| due.take().is_some());
    }

    /// Returns once an answer is overdue; never while none is owed.
    pub async fn overdue(&self) {
        let mut changes = self.due.subscribe();
        loop {
            let due = *changes.borrow_and_update();
            let wait = async {
                match due {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = wait => return,
                // The sender lives as long as `self`.
                _ = changes.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::yield_now;

    const LONG: Duration = Duration::from_secs(3_600);
    const SHORT: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn the_oldest_unanswered_question_is_overdue_after_its_limit() {
        let owed = Owed::new(SHORT);
        owed.ask();
        let first = *owed.due.borrow();
        tokio::time::sleep(SHORT).await;
        owed.ask();
        assert_eq!(*owed.due.borrow(), first, "the second question does not excuse the first");
        owed.overdue().await;
        owed.settle();
        assert_eq!(*owed.due.borrow(), None);
    }

    #[tokio::test]
    async fn whoever_waits_notices_what_is_asked_and_settled_meanwhile() {
        let (owed, patient) = (Owed::new(SHORT), Owed::new(LONG));
        let wait = |owed: &Owed| {
            let owed = owed.clone();
            tokio::spawn(async move { owed.overdue().await })
        };
        let (waiting, never) = (wait(&owed), wait(&patient));
        yield_now().await;
        patient.ask();
        yield_now().await;
        patient.settle();
        assert!(!waiting.is_finished(), "nothing is owed");
        owed.ask();
        waiting.await.expect("it returns");
        assert!(!never.is_finished());
        never.abort();
    }
}
