//! From packets to the caller's words: utterances open, pause, close and join.

use crate::call::CallSession;
use crate::deadline::Timer;
use crate::endpoint::Silences;
use crate::exchange::Awaiting;
use crate::interrupting::Probe;
use crate::keys::Way;
use crate::ladder::Rung;
use crate::output::{Idle, Missed, Output, SessionEvent};
use crate::record::{Cause, EndpointReason, Outcome};
use crate::turn::{State, TurnEvent};
use hualu_core::dialogue::{CallEvent, Hypothesis};
use hualu_core::speech::{RecognizeCommand, RecognizeEvent};
use hualu_core::{Activity, PcmFrame, Stage};
use std::time::Duration;

/// A prompt that was stopped waits so long at most for a sound to become words.
const IDLE_MAX: Duration = Duration::from_millis(500);

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
            self.ears.mark_pitch(activity);
            self.hear_probe(frame, activity, behind);
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
        // Who is far away began over a prompt and is no turn when that ends.
        if self.probe.as_ref().is_some_and(|probe| probe.ended.is_some() || probe.is_far) {
            return None;
        }
        match self.state {
            State::Listening => Some(Duration::ZERO),
            State::Thinking => self.may_join().then_some(self.config.turn.barge_in_min),
            // The onset alone ducks; what follows decides.
            State::Speaking => (self.reply.is_interruptible() && self.probe.is_none()).then_some(Duration::ZERO),
            State::UserSpeaking | State::Endpointing | State::Ducked => None,
        }
    }

    /// Whether words that come now belong to the running turn. A greeting on its way must not be lost to a 喂, nor what
    /// keys have asked for to a word on the side.
    pub(crate) const fn may_join(&self) -> bool {
        matches!(self.exchange.record.cause, Cause::Speech | Cause::Silence)
    }

    pub(crate) fn speech_counts(&self) -> bool {
        let Some(min) = self.speech_gate() else { return false };
        let enough = self.ears.is_speaking() && self.ears.voiced() >= min;
        // A reply that is on its way is not given up for a cough or a far voice.
        enough && (self.state != State::Thinking || !self.ears.is_far(self.config.turn.far_share) && self.has_pitch())
    }

    /// Whether what is being said has the pitch of a voice: half of what it takes over a whole onset.
    fn has_pitch(&self) -> bool {
        self.ears.pitched_lately() * 2 >= self.config.turn.pitched_min
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

    /// The recognizer gets the caller's speech from its onset, and a little before, unless it listens already.
    pub(crate) fn listen(&mut self) {
        self.timers.stop(Timer::Decide);
        if let Some(probe) = self.probe.take() {
            return self.adopt(probe);
        }
        let turn = self.exchange.turn();
        self.exchange.began = self.ears.onset().unwrap_or(self.now);
        self.exchange.last_voiced = self.ears.last_voiced();
        self.exchange.voiced = self.ears.voiced();
        self.open = true;
        self.timers.set(Timer::Utterance, self.now + self.config.turn.utterance_max);
        self.start_recognition(turn);
    }

    /// What was listened to on trial is a turn; the dialogue hears of its words now.
    fn adopt(&mut self, probe: Probe) {
        let exchange = &mut self.exchange;
        debug_assert_eq!(exchange.turn(), probe.turn);
        (exchange.began, exchange.last_voiced) = (probe.onset, Some(probe.last_voiced));
        (exchange.voiced, exchange.ingest) = (probe.voiced, probe.behind);
        (exchange.revision, exchange.ended) = (probe.revision, probe.ended);
        exchange.record.partials = probe.partials;
        exchange.partial = probe.partial;
        if probe.ended.is_some() {
            return;
        }
        self.open = true;
        self.timers.set(Timer::Utterance, self.now + self.config.turn.utterance_max);
        if self.exchange.partial.as_ref().is_some_and(|words| !words.text.reveal().is_empty()) {
            let revision = self.exchange.revision;
            self.tell(self.exchange.turn(), CallEvent::Partial { hypothesis: self.exchange.words(), revision });
        }
    }

    pub(crate) fn await_endpoint(&mut self) {
        let words = self.exchange.words();
        let pauses = Silences::new(&self.config.turn, &self.config.budget, self.asked.pauses);
        // A prompt that was stopped for a 嗯, for its own echo or for what may be no word is not kept waiting.
        let idle = self.interrupted.as_ref().and_then(|_| self.idle_utterance());
        let (silence, reason) = match idle {
            Some(Idle::Backchannel | Idle::Echo) => (pauses.complete, EndpointReason::Idle),
            Some(Idle::Unsure | Idle::Background) => (pauses.unknown.min(IDLE_MAX), EndpointReason::Idle),
            Some(Idle::Noise) => (pauses.unknown.min(IDLE_MAX), EndpointReason::Unknown),
            None => pauses.needed(self.asked.expect, words.text.reveal(), self.exchange.completeness()),
        };
        self.exchange.record.endpoint = Some(reason);
        let due = self.exchange.silent_since() + silence;
        // Words that have just changed may go on changing.
        let settled = self.exchange.changed + self.config.turn.partial_stable;
        let due = if reason == EndpointReason::Complete { due.max(settled) } else { due };
        self.timers.set(Timer::Endpoint, due.min(self.exchange.silent_since() + silence.max(pauses.unknown)));
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
        self.timers.stop(Timer::Endpoint);
        self.timers.stop(Timer::Utterance);
        let ended = *self.exchange.ended.get_or_insert(self.now);
        self.exchange.record.ended = Some(self.exchange.since_start(ended));
        self.stage_done(Stage::Ingest, self.exchange.ingest);
        if self.exchange.ingest > budget.ingest {
            self.missed(Stage::Ingest, self.exchange.ingest, Rung::Conceal, None);
        }
        self.endpoint_done(ended.saturating_duration_since(self.exchange.silent_since()));
        self.exchange.wait_for(ended, Awaiting::Final);
        if std::mem::replace(&mut self.open, false) {
            if self.idle_utterance().is_none() {
                self.ears.know_caller();
            }
            self.ears.dismiss();
            self.ears.consume();
            self.recognize(RecognizeCommand::End { turn: self.exchange.turn(), budget: budget.asr });
            self.trust_guess();
        }
        // A stream that broke while the caller spoke has no final to wait for.
        let patience = if self.exchange.deaf.is_some() { Duration::ZERO } else { budget.asr };
        self.timers.set(Timer::Asr, self.now + patience);
        self.timers.set(Timer::Filler, self.exchange.due(self.config.turn.filler_after));
        self.timers.set(Timer::NluHard, self.exchange.due(budget.nlu_hard));
    }

    /// Whole words are waited for within the budget, or as long as the bot asked for. Longer means that they still changed.
    fn endpoint_done(&mut self, spent: Duration) {
        self.stage_done(Stage::Endpoint, spent);
        let allowed = self.config.budget.endpoint.max(self.asked.pauses.complete.unwrap_or_default());
        if self.exchange.record.endpoint == Some(EndpointReason::Complete) && spent > allowed {
            self.missed_of(Stage::Endpoint, (spent, allowed), Rung::Wait, None);
        }
    }

    pub(crate) fn on_recognized(&mut self, event: RecognizeEvent) {
        if let Some(carry) = self.exchange.carry.as_mut().filter(|carry| carry.from == Some(event.turn)) {
            if event.is_final {
                carry.settle(event.hypothesis);
            }
            return;
        }
        if self.on_probe(&event) {
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
        self.exchange.take_words(self.now, event.hypothesis);
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
        let promotes = self.config.turn.ladders.asr.has(Rung::PromotePartial);
        match why {
            _ if promotes && (has_partial || (has_words && why.is_some())) => {
                self.missed(Stage::Asr, spent, Rung::PromotePartial, why);
                self.on_final(partial, true);
            }
            Some(failure) => self.fail(Stage::Asr, Some(failure)),
            None => self.missed(Stage::Asr, spent, Rung::Wait, None),
        }
    }

    pub(crate) fn on_final(&mut self, hypothesis: Hypothesis, promoted: bool) {
        self.timers.stop(Timer::Asr);
        self.stage_done(Stage::Asr, self.now.saturating_duration_since(self.exchange.asked));
        self.exchange.take_words(self.now, hypothesis);
        let words = self.exchange.words();
        let record = &mut self.exchange.record;
        record.text = words.text.clone();
        record.confidence = words.confidence;
        record.promoted = promoted;
        if self.pass_over() {
            return;
        }
        self.interrupted = None;
        self.doubts = 0;
        self.put(CallEvent::Final { hypothesis: words, promoted });
    }

    /// What was not meant for the bot. The reply that it stopped goes on from the clause in which it was stopped; a short
    /// noise is passed over, and so are the bot's own words. A long noise, or whatever cut short a reply of which the rest
    /// is not known, is put to the dialogue, which can say that it did not understand. Returns whether the matter is
    /// settled here.
    fn pass_over(&mut self) -> bool {
        let Some(idle) = self.idle_utterance() else { return false };
        let cut = self.interrupted.take().map(|interrupted| interrupted.cut);
        let is_joined = self.exchange.carry.is_some() && !self.exchange.words().text.reveal().is_empty();
        match &cut {
            Some(cut) if cut.is_empty() => return false,
            None if is_joined => return false,
            None if idle == Idle::Noise && self.exchange.voiced >= self.config.turn.wordless_min => return false,
            _ => {}
        }
        let stopped = cut.is_some();
        self.emit(SessionEvent::Dismissed { turn: self.exchange.turn(), idle, stopped });
        self.doubts += u32::from(stopped);
        self.exchange.wait_for(self.now, Awaiting::Nothing);
        self.exchange.record.outcome = match idle {
            Idle::Noise | Idle::Unsure | Idle::Background => Outcome::Wordless,
            Idle::Backchannel => Outcome::Backchannel,
            Idle::Echo => Outcome::Echo,
        };
        self.timers.stop(Timer::NluHard);
        self.timers.stop(Timer::Filler);
        self.drop_trusted();
        self.say_again(cut.unwrap_or_default());
        self.reply.closed = true;
        true
    }

    /// Counts a missed budget and notes it on the turn's record.
    pub(crate) fn missed(&mut self, stage: Stage, spent: Duration, rung: Rung, why: Option<crate::Failure>) {
        self.missed_of(stage, (spent, self.config.budget.limit(stage)), rung, why);
    }

    /// The same for what was spent of another budget than the stage's own.
    fn missed_of(&mut self, stage: Stage, spent: (Duration, Duration), rung: Rung, why: Option<crate::Failure>) {
        let (turn, (spent, budget)) = (self.exchange.turn(), spent);
        let at = self.exchange.since_start(self.now);
        let missed = Missed { turn, stage, at, spent, budget, rung, why };
        self.exchange.record.missed.push(missed);
        self.push(Output::Event(SessionEvent::StageMissed(missed)));
    }
}
