//! From packets to the caller's words: utterances open, pause, close and join.

use crate::call::CallSession;
use crate::deadline::Timer;
use crate::endpoint::silence_needed;
use crate::exchange::Awaiting;
use crate::keys::Way;
use crate::output::{Missed, Output, Rung, SessionEvent};
use crate::record::{Cause, EndpointReason, Outcome};
use crate::turn::{State, TurnEvent};
use hualu_core::dialogue::{CallEvent, Hypothesis};
use hualu_core::speech::{RecognizeCommand, RecognizeEvent};
use hualu_core::{Activity, PcmFrame, Stage};
use std::time::Duration;

impl CallSession {
    pub(crate) fn on_packet(&mut self, datagram: &[u8]) {
        if self.receiver.push(self.now, datagram) {
            self.watch_media();
        }
        self.pull_frames();
    }

    /// Takes what the receive path has ready.
    pub(crate) fn pull_frames(&mut self) {
        while let Some(key) = self.receiver.key(self.now) {
            self.on_key(key, Way::Event);
        }
        while let Some((frame, behind)) = self.receiver.pop(self.now) {
            self.hear(&frame, behind);
            self.settle();
        }
        self.timers.set_or_stop(Timer::Receive, self.receiver.deadline());
    }

    fn hear(&mut self, frame: &PcmFrame, behind: Duration) {
        if let Some(tape) = &mut self.tape {
            tape.hear(*frame);
        }
        let activity = self.ears.hear(self.now, frame);
        if !self.open {
            // Speech that is too short to count is forgotten once it pauses.
            if matches!(activity, Activity::Pausing(pause) if pause >= self.config.turn.barge_in_gap) {
                self.ears.dismiss();
            }
            return;
        }
        self.recognize(RecognizeCommand::Audio(*frame));
        match activity {
            Activity::Started | Activity::Voiced => {
                self.exchange.last_voiced = Some(self.now);
                self.exchange.voiced += PcmFrame::DURATION;
                self.exchange.ingest = behind;
                self.fire(TurnEvent::SpeechResumed);
            }
            Activity::Pausing(_) | Activity::Silence => self.fire(TurnEvent::SpeechPaused),
        }
    }

    /// How much voice it takes to be heard now; `None` when the caller is not listened to.
    pub(crate) fn speech_gate(&self) -> Option<Duration> {
        if self.leave.is_some() || self.reply.finish.is_some() || self.open {
            return None;
        }
        let interrupts = self.config.turn.barge_in_min;
        match self.state {
            State::Listening => Some(Duration::ZERO),
            // A greeting on its way must not be lost to a 喂, nor what keys have asked for to a word on the side.
            State::Thinking => {
                let joins = matches!(self.exchange.record.cause, Cause::Speech | Cause::Silence);
                joins.then_some(interrupts)
            }
            State::Speaking => self.reply.is_interruptible().then_some(interrupts),
            State::UserSpeaking | State::Endpointing => None,
        }
    }

    pub(crate) fn speech_counts(&self) -> bool {
        let enough = |min| self.ears.is_speaking() && self.ears.voiced() >= min;
        self.speech_gate().is_some_and(enough)
    }

    /// A new turn begins with what the caller is saying.
    pub(crate) fn open_utterance(&mut self) {
        self.begin_turn(Cause::Speech, Outcome::Answered);
        self.listen();
    }

    /// The caller goes on although we took the utterance to be over. The words of both parts are put to the dialogue as
    /// one final hypothesis of the new turn; it never hears of the old reply again, and can tell so because nothing of
    /// that reply is ever reported as heard.
    pub(crate) fn join_utterance(&mut self) {
        let interrupted = self.interrupted.take();
        let before = self.begin_turn(Cause::Speech, Outcome::Joined);
        self.exchange.carry = before.into_carry();
        self.interrupted = interrupted;
        self.listen();
    }

    /// The recognizer gets the caller's speech from its onset, and a little before.
    pub(crate) fn listen(&mut self) {
        let turn = self.exchange.turn();
        self.exchange.began = self.ears.onset().unwrap_or(self.now);
        self.exchange.last_voiced = self.ears.last_voiced();
        self.exchange.voiced = self.ears.voiced();
        self.open = true;
        self.timers.set(Timer::Utterance, self.now + self.config.turn.utterance_max);
        self.recognize(RecognizeCommand::Start { turn, expect: self.asked.expect });
        for frame in self.ears.speech(self.config.turn.pre_roll) {
            self.out.push_back(Output::Recognize(RecognizeCommand::Audio(*frame)));
        }
    }

    pub(crate) fn await_endpoint(&mut self) {
        let words = self.exchange.words();
        let (silence, reason) = silence_needed(
            &self.config.turn,
            &self.config.budget,
            self.asked.expect,
            words.text.reveal(),
            self.exchange.completeness(),
        );
        self.exchange.record.endpoint = Some(reason);
        self.timers.set(Timer::Endpoint, self.exchange.silent_since() + silence);
    }

    pub(crate) fn on_utterance_too_long(&mut self) {
        self.exchange.record.endpoint = Some(EndpointReason::TooLong);
        self.exchange.last_voiced = Some(self.now);
        // Who or what does not stop would keep the bot from ever speaking again.
        self.ears.ignore_until_pause();
        self.fire(TurnEvent::SpeechEnded);
    }

    pub(crate) fn close_utterance(&mut self) {
        let budget = self.config.budget;
        self.ears.dismiss();
        self.open = false;
        self.timers.stop(Timer::Endpoint);
        self.timers.stop(Timer::Utterance);
        self.exchange.ended = Some(self.now);
        self.stage_done(Stage::Ingest, self.exchange.ingest);
        self.stage_done(Stage::Endpoint, self.now.saturating_duration_since(self.exchange.silent_since()));
        self.exchange.wait_for(self.now, Awaiting::Final);
        self.recognize(RecognizeCommand::End { turn: self.exchange.turn(), budget: budget.asr });
        // A stream that broke while the caller spoke has no final to wait for.
        let patience = if self.exchange.deaf.is_some() { Duration::ZERO } else { budget.asr };
        self.timers.set(Timer::Asr, self.now + patience);
        self.timers.set(Timer::Filler, self.exchange.due(self.config.turn.filler_after));
        self.timers.set(Timer::NluHard, self.exchange.due(budget.nlu_hard));
    }

    pub(crate) fn on_recognized(&mut self, event: RecognizeEvent) {
        if let Some(carry) = self.exchange.carry.as_mut().filter(|carry| carry.from == Some(event.turn)) {
            if event.is_final {
                carry.settle(event.hypothesis);
            }
            return;
        }
        let waits = self.exchange.awaiting == Awaiting::Final;
        if event.turn != self.exchange.turn() || !(self.open || waits) {
            return self.emit(SessionEvent::Stale { stage: Stage::Asr, turn: event.turn });
        }
        self.exchange.revision = event.revision;
        if event.is_final && waits {
            return self.on_final(event.hypothesis, false);
        }
        self.exchange.record.partials += 1;
        self.exchange.partial = Some(event.hypothesis);
        if self.open {
            let (turn, revision) = (event.turn, event.revision);
            self.tell(turn, CallEvent::Partial { hypothesis: self.exchange.words(), revision });
        }
        if self.state == State::Endpointing {
            self.await_endpoint();
        }
    }

    /// The final hypothesis is late: the last partial stands in for it. Without one there is nothing to stand in, and
    /// the hard limit decides; a broken stream is not waited for, and what was said before it broke has to do.
    pub(crate) fn on_final_late(&mut self) {
        if self.exchange.awaiting != Awaiting::Final {
            return;
        }
        let (spent, why) = (self.now.saturating_duration_since(self.exchange.asked), self.exchange.deaf);
        let partial = self.exchange.partial.clone().unwrap_or_default();
        let has_partial = !partial.text.reveal().is_empty();
        let has_words = has_partial || !self.exchange.words().text.reveal().is_empty();
        match why {
            _ if has_partial || (has_words && why.is_some()) => {
                self.missed(Stage::Asr, spent, Rung::PromotePartial, why);
                self.on_final(partial, true);
            }
            Some(failure) => self.fail(Stage::Asr, Some(failure)),
            None => self.missed(Stage::Asr, spent, Rung::Wait, None),
        }
    }

    fn on_final(&mut self, hypothesis: Hypothesis, promoted: bool) {
        self.timers.stop(Timer::Asr);
        self.stage_done(Stage::Asr, self.now.saturating_duration_since(self.exchange.asked));
        self.exchange.partial = Some(hypothesis);
        let words = self.exchange.words();
        let record = &mut self.exchange.record;
        record.text = words.text.clone();
        record.confidence = words.confidence;
        record.promoted = promoted;
        if words.text.reveal().is_empty() && self.pass_over_noise() {
            return;
        }
        self.interrupted = None;
        self.put(CallEvent::Final { hypothesis: words, promoted });
    }

    /// Sound without words. What it interrupted is said again; a short one is passed over. A long one, or one that cut
    /// short a reply of which the rest is not known, is put to the dialogue, which can say that it did not understand.
    /// Returns whether the matter is settled here.
    fn pass_over_noise(&mut self) -> bool {
        let cut = self.interrupted.take();
        match &cut {
            Some(cut) if cut.is_empty() => return false,
            None if self.exchange.voiced >= self.config.turn.wordless_min => return false,
            _ => {}
        }
        self.exchange.wait_for(self.now, Awaiting::Nothing);
        self.exchange.record.outcome = Outcome::Wordless;
        self.timers.stop(Timer::NluHard);
        self.timers.stop(Timer::Filler);
        self.say_again(cut.unwrap_or_default());
        self.reply.closed = true;
        true
    }

    /// Counts a missed budget and notes it on the turn's record.
    pub(crate) fn missed(&mut self, stage: Stage, spent: Duration, rung: Rung, why: Option<crate::Failure>) {
        let (turn, budget) = (self.exchange.turn(), self.config.budget.limit(stage));
        let missed = Missed { turn, stage, spent, budget, rung, why };
        self.exchange.record.missed.push(missed);
        self.push(Output::Event(SessionEvent::StageMissed(missed)));
    }
}
