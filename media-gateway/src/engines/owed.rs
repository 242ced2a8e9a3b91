//! An answer that a peer owes on a stream which may otherwise be silent for as long as it likes.

use hualu_core::TurnId;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The unanswered questions of a stream, of which there is one at least.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Debt {
    /// The turn of the oldest, and when that is overdue.
    oldest: (TurnId, Instant),
    /// The same of the newest.
    newest: (TurnId, Instant),
}

/// When the first unanswered question of a stream is overdue. Clones share it.
#[derive(Clone)]
pub(super) struct Owed {
    debt: Arc<watch::Sender<Option<Debt>>>,
    limit: Duration,
}

impl Owed {
    /// Nothing is owed; what will be is overdue after `limit`.
    pub fn new(limit: Duration) -> Self {
        Self { debt: Arc::new(watch::Sender::new(None)), limit }
    }

    /// Something was asked in `turn`. The oldest unanswered question counts.
    pub fn ask(&self, turn: TurnId) {
        let asked = (turn, Instant::now() + self.limit);
        self.debt.send_if_modified(|debt| {
            let is_new = debt.is_none_or(|debt| debt.newest.0 != turn);
            if is_new {
                *debt = Some(Debt { oldest: debt.map_or(asked, |debt| debt.oldest), newest: asked });
            }
            is_new
        });
    }

    /// An answer to `turn` came, or none is wanted any more. Nothing is owed to earlier turns then either; what was
    /// asked in a later one stays owed.
    pub fn settle(&self, turn: TurnId) {
        self.debt.send_if_modified(|debt| match debt {
            Some(owed) if turn >= owed.newest.0 => debt.take().is_some(),
            Some(owed) if turn >= owed.oldest.0 => {
                owed.oldest = owed.newest;
                true
            }
            _ => false,
        });
    }

    /// Returns once an answer is overdue; never while none is owed.
    pub async fn overdue(&self) {
        let mut changes = self.debt.subscribe();
        loop {
            let debt = *changes.borrow_and_update();
            let wait = async {
                match debt {
                    Some(debt) => sleep_until(debt.oldest.1).await,
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
        let due = || owed.debt.borrow().map(|debt| debt.oldest.1);
        owed.ask(TurnId(1));
        let first = due();
        tokio::time::sleep(SHORT).await;
        owed.ask(TurnId(2));
        assert_eq!(due(), first, "the second question does not excuse the first");
        owed.overdue().await;
        owed.settle(TurnId(2));
        assert_eq!(due(), None);
    }

    #[tokio::test]
    async fn an_answer_to_an_earlier_turn_leaves_a_later_one_owed() {
        let owed = Owed::new(LONG);
        owed.ask(TurnId(3));
        owed.settle(TurnId(0));
        assert!(owed.debt.borrow().is_some(), "the greeting of a new stream answers nothing that was asked");
        tokio::time::sleep(SHORT).await;
        owed.ask(TurnId(4));
        let newest = owed.debt.borrow().expect("owed").newest.1;
        owed.settle(TurnId(3));
        assert_eq!(owed.debt.borrow().map(|debt| debt.oldest.1), Some(newest), "turn 4 has its own time");
        owed.settle(TurnId(4));
        assert_eq!(*owed.debt.borrow(), None);
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
        patient.ask(TurnId(1));
        yield_now().await;
        patient.settle(TurnId(1));
        assert!(!waiting.is_finished(), "nothing is owed");
        owed.ask(TurnId(1));
        waiting.await.expect("it returns");
        assert!(!never.is_finished());
        never.abort();
    }
}
