//! The end of a call: the last packets are heard, then it is handed over or ended, once.

use crate::call::CallSession;
use crate::deadline::{Timer, TimerTable};
use crate::output::{Output, SessionEvent};
use crate::record::Outcome;
use crate::reply::Finish;
use crate::termination::{EndReason, Termination};
use hualu_core::dialogue::CallEvent;

/// A call that is on its way out listens to nobody.
#[derive(Debug)]
pub(crate) enum Leave {
    /// The last packets are on their way to the caller.
    Lingering(Finish),
    /// The transfer is being made.
    Transferring,
}

impl CallSession {
    pub(crate) fn take_leave(&mut self, finish: Finish) {
        self.leave = Some(Leave::Lingering(finish));
        self.timers.set(Timer::Linger, self.now + self.config.turn.linger);
    }

    pub(crate) fn leave_now(&mut self) {
        match self.leave.take() {
            Some(Leave::Lingering(Finish::HangUp(termination))) => self.end(termination),
            Some(Leave::Lingering(Finish::Transfer { target, summary })) => {
                self.leave = Some(Leave::Transferring);
                self.timers.set(Timer::Transfer, self.now + self.config.turn.transfer_max);
                self.push(Output::Transfer { target, summary });
            }
            other => self.leave = other,
        }
    }

    /// The transfer was refused, or nothing was heard of it in time: the bot keeps the call. A call that was being given up has nowhere else to go and ends.
    pub(crate) fn on_transfer_failed(&mut self) {
        if !matches!(self.leave, Some(Leave::Transferring)) {
            return;
        }
        self.timers.stop(Timer::Transfer);
        if self.gives_up {
            return self.end(Termination::new(EndReason::EnginesFailed));
        }
        self.leave = None;
        let trouble = self.config.prompts.trouble.clone();
        self.say_instead(&trouble, true);
    }

    /// Ends the call at once.
    pub(crate) fn end(&mut self, termination: Termination) {
        self.abandon_utterance();
        self.drop_reply();
        self.drop_guesses();
        self.close_record(Outcome::CallEnded);
        let reason = termination.reason.as_str().to_owned();
        self.tell(self.exchange.turn(), CallEvent::HangUp { reason });
        self.report(true);
        let stats = self.media_stats();
        self.emit(SessionEvent::Media(Box::new(stats)));
        self.push(Output::End(termination));
        self.timers = TimerTable::default();
    }
}
