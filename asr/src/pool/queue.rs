//! The bounded queue between a call and its worker.

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded};
use hualu_core::TurnId;
use hualu_core::speech::RecognizeCommand;
use std::sync::atomic::{AtomicU32, Ordering};

/// Why an order did not go through untouched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Dropped {
    /// The worker is behind by the whole queue; its oldest order was dropped to make room.
    #[error("recognizer queue full: the oldest order was dropped")]
    Oldest,
    /// The worker has stopped, or a fault of ours ended this stream.
    #[error("recognizer stream closed")]
    Closed,
}

/// An order and the turn that it belongs to, so that a lost `Start` or `End` is noticed by the next order.
#[derive(Clone, Debug)]
pub struct Order {
    /// The turn.
    pub turn: TurnId,
    /// What to do.
    pub command: RecognizeCommand,
}

/// The call's end.
#[derive(Debug)]
pub struct Writer {
    orders: Sender<Order>,
    /// The other end too, to drop the oldest order from.
    oldest: Receiver<Order>,
    wake: Sender<()>,
    turn: AtomicU32,
    /// Never sent through: either end's drop tells the other. `orders` cannot, because `oldest` keeps that channel open.
    alive: Sender<()>,
}

/// The worker's end.
#[derive(Debug)]
pub struct Reader {
    orders: Receiver<Order>,
    alive: Receiver<()>,
}

/// Why a queue holds no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Nothing now.
    Empty,
    /// Nothing any more.
    Closed,
}

/// A queue of `len` orders whose writer wakes its worker through `wake`. Full: the oldest order is dropped.
pub fn queue(len: usize, wake: Sender<()>) -> (Writer, Reader) {
    let (orders, reader) = bounded(len.max(1));
    let (alive_writer, alive) = bounded(0);
    let writer = Writer { orders, oldest: reader.clone(), wake, turn: AtomicU32::new(0), alive: alive_writer };
    (writer, Reader { orders: reader, alive })
}

impl Writer {
    /// See [`super::StreamHandle::send`].
    pub fn send(&self, command: RecognizeCommand) -> Result<(), Dropped> {
        let turn = match &command {
            RecognizeCommand::Start { turn, .. } => {
                self.turn.store(turn.0, Ordering::Relaxed);
                *turn
            }
            RecognizeCommand::End { turn, .. } | RecognizeCommand::Cancel { turn } => *turn,
            RecognizeCommand::Audio(_) => TurnId(self.turn.load(Ordering::Relaxed)),
        };
        if let Err(TrySendError::Disconnected(())) = self.alive.try_send(()) {
            return Err(Dropped::Closed);
        }
        let mut order = Order { turn, command };
        let mut dropped = false;
        loop {
            match self.orders.try_send(order) {
                Ok(()) => break,
                Err(TrySendError::Disconnected(_)) => return Err(Dropped::Closed),
                Err(TrySendError::Full(back)) => {
                    dropped |= self.oldest.try_recv().is_ok();
                    order = back;
                }
            }
        }
        // Full means that a wake-up is already due; disconnected means that the worker has stopped.
        if let Err(TrySendError::Disconnected(())) = self.wake.try_send(()) {
            return Err(Dropped::Closed);
        }
        if dropped {
            metrics::counter!("hualu_asr_orders_dropped_total").increment(1);
            return Err(Dropped::Oldest);
        }
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The worker notices the closed stream when it looks, so it must look.
        let _ = self.wake.try_send(());
    }
}

impl Reader {
    /// The next order.
    ///
    /// # Errors
    /// [`Idle`] when there is none.
    pub fn next(&self) -> Result<Order, Idle> {
        let closed = self.alive.try_recv() == Err(TryRecvError::Disconnected);
        // Looked at in this order, nothing can slip in between: what was sent before the close is still found.
        self.orders.try_recv().map_err(|_| if closed { Idle::Closed } else { Idle::Empty })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hualu_core::dialogue::Expect;
    use hualu_core::{PcmFrame, SampleRate};

    fn audio() -> RecognizeCommand {
        RecognizeCommand::Audio(PcmFrame::silence(SampleRate::HZ_8000))
    }

    #[test]
    fn a_full_queue_loses_its_oldest_order_and_every_order_knows_its_turn() {
        let (wake, woken) = bounded(1);
        let (writer, reader) = queue(2, wake);
        let start = RecognizeCommand::Start { turn: TurnId(3), expect: Expect::Free };
        assert_eq!(writer.send(start), Ok(()));
        assert_eq!(writer.send(audio()), Ok(()));
        assert_eq!(writer.send(audio()), Err(Dropped::Oldest));
        assert_eq!(woken.len(), 1);
        for _ in 0..2 {
            let order = reader.next().expect("two frames are left");
            assert_eq!(order.turn, TurnId(3));
        }
        assert_eq!(reader.next().err(), Some(Idle::Empty));
        drop(writer);
        assert_eq!(reader.next().err(), Some(Idle::Closed));
    }

    #[test]
    fn orders_given_before_the_end_of_a_stream_are_still_found() {
        let (wake, _woken) = bounded(1);
        let (writer, reader) = queue(2, wake);
        assert_eq!(writer.send(audio()), Ok(()));
        drop(writer);
        assert!(reader.next().is_ok());
        assert_eq!(reader.next().err(), Some(Idle::Closed));
    }

    #[test]
    fn a_stopped_worker_is_told_to_the_caller() {
        let (wake, woken) = bounded(1);
        let (writer, _reader) = queue(2, wake);
        drop(woken);
        assert_eq!(writer.send(audio()), Err(Dropped::Closed));
    }

    #[test]
    fn a_stream_that_its_worker_gave_up_is_told_to_the_caller() {
        let (wake, _woken) = bounded(1);
        let (writer, reader) = queue(2, wake);
        drop(reader);
        assert_eq!(writer.send(audio()), Err(Dropped::Closed));
    }
}
