//! What is done when an engine is late or broken: every miss has a rung, and none of them is silence.

use crate::call::CallSession;
use crate::config::{Clip, Escape};
use crate::deadline::Timer;
use crate::exchange::{Awaiting, TURN_TIMERS};
use crate::input::Failure;
use crate::ladder::Rung;
use crate::local::LocalAnswer;
use crate::output::SessionEvent;
use crate::record::Cause;
use crate::reply::{Clause, Finish, Origin};
use crate::termination::{EndReason, Termination};
use crate::turn::{State, TurnEvent};
use hualu_core::{ClauseId, Pii, SampleRate, Samples, Stage, TurnId};

impl CallSession {
    /// An engine broke. What belongs to an older turn is of no interest any more.
    pub(crate) fn on_failed(&mut self, stage: Stage, turn: TurnId, clause: Option<ClauseId>, reason: Failure) {
        if turn != self.exchange.turn() || self.exchange.given_up || self.exchange.recorded {
            return self.emit(SessionEvent::Stale { stage, turn });
        }
        match stage {
            Stage::Asr => {
                self.exchange.deaf = Some(reason);
                self.on_final_late();
            }
            Stage::Nlu => self.on_dialogue_failed(reason),
            Stage::Tts => self.on_voice_failed(clause, reason),
            Stage::Ingest | Stage::Endpoint | Stage::Playout => {}
        }
    }

    /// A break while the caller still speaks shows again when the final is sent; one after the last act harms nothing.
    fn on_dialogue_failed(&mut self, reason: Failure) {
        let owes = self.exchange.awaiting == Awaiting::Act || (self.exchange.acted && !self.reply.closed);
        if !owes {
            return;
        }
        self.exchange.wait_for(self.now, Awaiting::Nothing);
        self.failure = Some((Stage::Nlu, Some(reason)));
        // What is there is played first; then the caller is told.
        self.reply.closed = true;
        self.reply.skipped = true;
    }

    fn on_voice_failed(&mut self, clause: Option<ClauseId>, reason: Failure) {
        let hit = |id: ClauseId| clause.is_none_or(|clause| clause == id);
        self.guesses.retain(|guess| !hit(guess.clause.id));
        let unfinished = |clause: &&Clause| clause.requested.is_some() && !clause.audio.is_complete();
        let broken: Vec<ClauseId> =
            self.reply.iter().filter(unfinished).map(|clause| clause.id).filter(|id| hit(*id)).collect();
        for id in broken {
            self.skip_clause(id, Some(reason));
        }
    }

    /// The first act is late. The filler and the hard limit have timers of their own.
    pub(crate) fn on_act_late(&mut self) {
        self.missed(Stage::Nlu, self.config.budget.nlu, Rung::Wait, None);
    }

    /// Nothing to play for so long that the caller may think the line is dead.
    pub(crate) fn on_filler_due(&mut self) {
        let clip = self.config.prompts.filler.clone();
        let has = self.config.turn.ladders.of(self.exchange.blame()).has(Rung::Filler);
        let allowed = has && self.exchange.fillers < self.config.turn.fillers_max;
        let wanted = allowed || self.exchange.record.dead_air.is_some();
        if self.state != State::Thinking || self.reply.has_audio() || !wanted || clip.pcm().is_empty() {
            return;
        }
        self.exchange.fillers += 1;
        let waited = self.now.saturating_duration_since(self.exchange.asked);
        self.missed(self.exchange.blame(), waited, Rung::Filler, None);
        if !self.exchange.acted {
            let length = Samples(clip.pcm().len() as u64).duration(SampleRate::HZ_8000);
            self.timers.set(Timer::NluHard, self.now + length + self.config.budget.nlu_hard);
        }
        let clause = self.own_clause(&clip, Origin::Filler, false);
        self.reply.push_first(clause);
    }

    /// The hard limit of the whole answer.
    pub(crate) fn on_answer_late(&mut self) {
        if self.state == State::Thinking && !self.reply.has_audio() {
            self.fail(self.exchange.blame(), None);
        }
    }

    /// No reply will come in time: a prepared sentence takes its place.
    pub(crate) fn fail(&mut self, stage: Stage, why: Option<Failure>) {
        self.failure = Some((stage, why));
        self.fire(TurnEvent::ReplyFailed);
    }

    pub(crate) fn reprompt(&mut self) {
        let (stage, why) = self.failure.take().unwrap_or((self.exchange.blame(), None));
        let spent = self.now.saturating_duration_since(self.exchange.asked);
        let finish = self.reply.finish.take();
        self.failures += 1;
        let local = if finish.is_none() { self.local_answer(stage) } else { None };
        self.give_up_turn();
        if let Some(local) = local {
            self.missed(stage, spent, Rung::LocalAnswer, why);
            return match local {
                LocalAnswer::Person(target) => self.hand_over(target),
                LocalAnswer::Again(clips) => self.say_clips(&clips),
            };
        }
        let rung = self.closing_rung(stage);
        self.missed(stage, spent, rung, why);
        let finish = finish.or_else(|| match rung {
            Rung::Person => Some(self.escape()),
            Rung::Goodbye => Some(Finish::HangUp(Termination::new(EndReason::EnginesFailed))),
            _ => None,
        });
        self.gives_up = matches!(rung, Rung::Person | Rung::Goodbye);
        let prompts = &self.config.prompts;
        let menu = prompts.menu.as_ref().filter(|_| rung == Rung::Menu);
        self.menu_open |= menu.is_some();
        let clip = match (&finish, menu, self.exchange.record.cause, why) {
            (Some(Finish::HangUp(_)), ..) => &prompts.goodbye,
            (Some(Finish::Transfer { .. }), ..) => &prompts.filler,
            (None, Some(menu), ..) => &menu.clip,
            (None, None, Cause::Silence, _) => &prompts.no_input,
            (None, None, _, Some(_)) => &prompts.trouble,
            (None, None, _, None) => &prompts.slow,
        }
        .clone();
        self.reply.finish = finish;
        self.say_instead(&clip, self.reply.finish.is_none());
    }

    /// The rung that takes the place of the reply, as far as there is what it needs.
    fn closing_rung(&self, stage: Stage) -> Rung {
        match self.config.turn.ladders.of(stage).closing(self.failures) {
            Rung::Menu if self.config.prompts.menu.is_none() => Rung::Reprompt,
            Rung::Person if self.config.turn.escape == Escape::HangUp => Rung::Goodbye,
            rung => rung,
        }
    }

    /// What the caller asked for, if it needs no dialogue.
    fn local_answer(&self, stage: Stage) -> Option<LocalAnswer> {
        let allowed = stage == Stage::Nlu && self.config.turn.ladders.nlu.has(Rung::LocalAnswer);
        let words = &self.exchange.record.text;
        allowed.then(|| self.kept.answer(words.reveal(), &self.config.turn.escape)).flatten()
    }

    /// The call goes to a person without the dialogue's doing.
    pub(crate) fn hand_over(&mut self, target: String) {
        self.exchange.given_up = true;
        self.reply.finish = Some(Finish::Transfer { target, summary: Pii::default() });
        let clip = self.config.prompts.filler.clone();
        self.say_instead(&clip, false);
    }

    /// Says prompts that were kept, as the whole reply.
    fn say_clips(&mut self, clips: &[Clip]) {
        for clip in clips {
            let clause = self.own_clause(clip, Origin::Fallback, true);
            self.reply.push(clause);
        }
        self.reply.closed = true;
    }

    fn escape(&self) -> Finish {
        match &self.config.turn.escape {
            Escape::HangUp => Finish::HangUp(Termination::new(EndReason::EnginesFailed)),
            Escape::Transfer(target) => Finish::Transfer { target: target.clone(), summary: Pii::default() },
        }
    }

    /// The call is to end from our side, if it is not about to already.
    pub(crate) fn say_goodbye(&mut self, reason: EndReason) {
        if self.leave.is_some() {
            return self.end(Termination::new(reason));
        }
        if matches!(self.reply.finish, Some(Finish::HangUp(_))) {
            return;
        }
        self.last_words = reason;
        self.fire(TurnEvent::LastWords);
    }

    pub(crate) fn drop_all_but_goodbye(&mut self) {
        self.abandon_utterance();
        self.give_up_turn();
        let goodbye = self.config.prompts.goodbye.clone();
        self.reply.finish = Some(Finish::HangUp(Termination::new(self.last_words)));
        self.say_instead(&goodbye, false);
    }

    /// Whatever the engines still bring for this turn is stale from now on.
    fn give_up_turn(&mut self) {
        self.drop_reply();
        self.drop_guesses();
        for timer in TURN_TIMERS {
            self.timers.stop(timer);
        }
        self.exchange.wait_for(self.now, Awaiting::Nothing);
        self.exchange.given_up = true;
    }

    /// Plays a prepared sentence as the whole reply.
    pub(crate) fn say_instead(&mut self, clip: &Clip, interruptible: bool) {
        let clause = self.own_clause(clip, Origin::Fallback, interruptible);
        self.reply.push_first(clause);
        self.reply.closed = true;
    }

    fn own_clause(&mut self, clip: &Clip, origin: Origin, interruptible: bool) -> Clause {
        let (id, turn) = (self.next_clause(), self.exchange.turn());
        Clause::clip(id, turn, clip, origin, interruptible)
    }
}
