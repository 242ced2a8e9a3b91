//! From the dialogue's acts to audio that waits to be played.

use crate::call::CallSession;
use crate::deadline::Timer;
use crate::exchange::Awaiting;
use crate::input::Failure;
use crate::ladder::Rung;
use crate::output::{Output, SessionEvent};
use crate::reply::{Clause, Finish, Origin, Words};
use crate::termination::{EndReason, Termination};
use crate::turn::State;
use hualu_core::dialogue::{Act, Ask, CallEvent, Say, TurnAct, Understanding};
use hualu_core::speech::{SynthesizeCommand, SynthesizeEvent};
use hualu_core::{ClauseId, SampleRate, Stage};

/// Clauses that the voice works on at once. Later ones wait, so that an interruption wastes little.
const SPOKEN_AHEAD: usize = 3;

/// The clause at the front, while it has nothing to play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watch {
    clause: ClauseId,
    /// Some of it was there and it stopped in the middle.
    begun: bool,
    missed: bool,
}

impl CallSession {
    pub(crate) fn on_act(&mut self, act: TurnAct) {
        if act.revision != 0 {
            return self.on_guess(act);
        }
        if matches!(act.act, Act::Say(_) | Act::Play { .. }) {
            self.told = self.told.next();
        }
        let due = self.exchange.awaiting == Awaiting::Act || self.exchange.acted;
        if act.turn != self.exchange.turn() || !due || self.exchange.given_up || self.exchange.recorded {
            return self.emit(SessionEvent::Stale { stage: Stage::Nlu, turn: act.turn });
        }
        if !matches!(act.act, Act::Understanding(_)) {
            self.on_first_act();
        }
        self.reply.closed |= act.last;
        if act.last {
            self.on_first_act();
        }
        let speaks = matches!(act.act, Act::Say(_));
        if !speaks && (act.last || !matches!(act.act, Act::Understanding(_))) {
            self.settle_trusted(None);
        }
        match act.act {
            Act::Understanding(understanding) => self.on_understanding(understanding),
            Act::Say(say) => self.on_say(say),
            Act::Play { clip, interruptible } => self.on_play(clip, interruptible),
            Act::Ask(ask) => self.on_ask(ask),
            Act::HangUp { disposition } => {
                let termination = Termination { disposition, ..Termination::new(EndReason::BotHungUp) };
                self.finish_with(Finish::HangUp(termination));
            }
            Act::Transfer { target, summary } => self.finish_with(Finish::Transfer { target, summary }),
        }
    }

    fn on_first_act(&mut self) {
        if self.exchange.acted {
            return;
        }
        self.exchange.acted = true;
        self.timers.stop(Timer::Nlu);
        self.stage_done(Stage::Nlu, self.now.saturating_duration_since(self.exchange.asked));
        self.exchange.wait_for(self.now, Awaiting::Nothing);
    }

    fn on_understanding(&mut self, understanding: Understanding) {
        let record = &mut self.exchange.record;
        record.intent = understanding.intent;
        record.score = understanding.score;
        record.slots = understanding.slots;
    }

    fn on_say(&mut self, say: Say) {
        if !say.filler {
            self.drop_idle_filler();
        }
        if self.settle_trusted(Some(&say)) {
            return;
        }
        let clause = match self.take_guess(&say) {
            Some(guess) => Clause { told: self.told, ..guess },
            None => Clause { told: self.told, ..Clause::say(self.next_clause(), self.exchange.turn(), say) },
        };
        self.queue(clause);
        if self.state == State::Thinking {
            let due = self.now + self.config.turn.voice_max;
            self.timers.set(Timer::NluHard, self.timers.due(Timer::NluHard).map_or(due, |set| set.max(due)));
        }
        self.request_voice();
    }

    fn on_play(&mut self, clip: String, interruptible: bool) {
        self.drop_idle_filler();
        let (id, turn) = (self.next_clause(), self.exchange.turn());
        match self.config.prompts.clips.get(&clip) {
            Some(found) => {
                let clause = Clause::clip(id, turn, found, Origin::Dialogue, interruptible);
                self.queue(Clause { told: self.told, ..clause });
            }
            None => {
                // What was to be heard is not: the caller is told at the end, as for any clause left out.
                self.reply.skipped = true;
                self.failure = Some((Stage::Tts, Some(Failure::Broken)));
                self.emit(SessionEvent::ClipMissing { clip });
            }
        }
    }

    fn on_ask(&mut self, ask: Ask) {
        let no_input = if ask.no_input.is_zero() { self.config.turn.no_input } else { ask.no_input };
        self.asked = Ask { no_input, ..ask };
        // Waiting for the caller is the end of a reply even if the dialogue forgets to say so.
        self.reply.closed = true;
    }

    fn finish_with(&mut self, finish: Finish) {
        self.reply.finish = Some(finish);
        self.reply.closed = true;
    }

    fn queue(&mut self, clause: Clause) {
        if !self.reply.has_room() {
            self.cancel(&clause);
            return self.emit(SessionEvent::Overflow { queue: "reply" });
        }
        let is_first = self.reply.is_empty();
        let has_come = clause.audio.has_come();
        self.reply.push(clause);
        if is_first && has_come {
            self.note_first_pcm();
            self.stage_done(Stage::Tts, std::time::Duration::ZERO);
        }
    }

    /// Says once more, from its start, what an interruption by noise cut off.
    pub(crate) fn say_again(&mut self, cut: Vec<Clause>) {
        for clause in cut {
            let again = clause.again(self.next_clause(), self.exchange.turn());
            self.queue(again);
        }
        self.request_voice();
    }

    /// Asks the voice for the next clauses of the reply.
    pub(crate) fn request_voice(&mut self) {
        let unfinished = |clause: &&Clause| clause.requested.is_some() && !clause.audio.is_complete();
        let mut working = self.reply.iter().filter(unfinished).count();
        let budget = self.config.budget.tts + self.reply.waiting();
        let (now, out) = (self.now, &mut self.out);
        for clause in self.reply.iter_mut() {
            let Words::Say(say) = &clause.words else { continue };
            if clause.requested.is_none() && working < SPOKEN_AHEAD {
                working += 1;
                clause.requested = Some(now);
                let (turn, clause) = (clause.turn, clause.id);
                let rate = SampleRate::HZ_8000;
                out.push_back(Output::Synthesize(SynthesizeCommand { turn, clause, say: say.clone(), rate, budget }));
            }
        }
    }

    pub(crate) fn on_spoken(&mut self, event: SynthesizeEvent) {
        let now = self.now;
        let guess = self.guesses.iter_mut().map(|guess| &mut guess.clause).find(|guess| guess.id == event.clause);
        let is_guess = guess.is_some();
        let Some(clause) = self.reply.find(event.clause).or(guess) else {
            return self.emit(SessionEvent::Stale { stage: Stage::Tts, turn: event.turn });
        };
        let requested = clause.requested.unwrap_or(now);
        clause.audio.source = event.source;
        let fits = clause.audio.push(event.pcm, event.last);
        let (waiting, is_void) = (clause.audio.waiting(), clause.audio.is_over() && clause.audio.sent().0 == 0);
        if !fits {
            self.emit(SessionEvent::Overflow { queue: "clause" });
        }
        if is_guess {
            return;
        }
        if is_void {
            return self.skip_clause(event.clause, Some(Failure::Broken));
        }
        if waiting > 0 && self.reply.front().is_some_and(|front| front.id == event.clause) {
            self.note_first_pcm();
            self.stage_done(Stage::Tts, now.saturating_duration_since(requested));
        }
        if event.last {
            self.request_voice();
        }
    }

    /// The reply could begin to be heard now. Behind a filler it could not, and then nothing is measured.
    fn note_first_pcm(&mut self) {
        if !matches!(self.state, State::Speaking | State::Ducked) {
            self.exchange.first_pcm.get_or_insert(self.now);
        }
    }

    /// Watches the clause that is to be played next while it has no audio.
    pub(crate) fn watch_voice(&mut self) {
        let silent =
            |front: &&Clause| front.requested.is_some() && front.audio.waiting() == 0 && !front.audio.is_over();
        let Some(front) = self.reply.front().filter(silent) else {
            self.watched = None;
            return self.timers.stop(Timer::Tts);
        };
        let watch = Watch { clause: front.id, begun: front.audio.has_come(), missed: false };
        if self.watched.is_some_and(|old| old.clause == watch.clause && old.begun == watch.begun) {
            return;
        }
        let limit = if watch.begun { self.config.turn.stall_max } else { self.config.budget.tts };
        self.watched = Some(watch);
        self.timers.set(Timer::Tts, self.now + limit);
    }

    /// The clause at the front has had no audio for too long.
    pub(crate) fn on_voice_late(&mut self) {
        if self.watched.is_some_and(|watch| !watch.begun && self.play_kept(watch.clause, None)) {
            return;
        }
        let Some(watch) = &mut self.watched else { return };
        if watch.begun || watch.missed {
            let clause = watch.clause;
            return self.skip_clause(clause, None);
        }
        watch.missed = true;
        let spent = self.config.budget.tts;
        self.timers.set(Timer::Tts, self.now + self.config.turn.voice_max.saturating_sub(spent));
        self.missed(Stage::Tts, spent, Rung::Wait, None);
    }

    /// Leaves a clause out. If that leaves the caller without an answer, a prepared sentence follows.
    pub(crate) fn skip_clause(&mut self, id: ClauseId, why: Option<Failure>) {
        if self.play_kept(id, why) {
            return;
        }
        let Some(clause) = self.reply.remove(id) else { return };
        let spent = self.now.saturating_duration_since(clause.requested.unwrap_or(self.now));
        self.cancel(&clause);
        self.note_said(&clause);
        if clause.origin == Origin::Dialogue {
            self.reply.skipped = true;
            self.failure = Some((Stage::Tts, why));
        }
        if clause.audio.sent().0 > 0 && clause.is_from_dialogue() {
            self.tell(clause.turn, CallEvent::Heard(clause.heard()));
        }
        if !self.config.turn.ladders.tts.has(Rung::SkipClause) && clause.origin == Origin::Dialogue {
            return self.fail(Stage::Tts, why);
        }
        self.missed(Stage::Tts, spent, Rung::SkipClause, why);
        self.request_voice();
    }

    /// Lets a clause that has not begun be heard as it was spoken before. Whether it was.
    fn play_kept(&mut self, id: ClauseId, why: Option<Failure>) -> bool {
        if !self.config.turn.ladders.tts.has(Rung::CachedClause) {
            return false;
        }
        let Some(clause) = self.reply.find(id).filter(|clause| clause.audio.received().0 == 0) else { return false };
        let text = clause.text();
        let prepared = self.config.prompts.clips.values().find(|clip| clip.text() == text);
        let Some(clip) = self.kept.find(&text).or(prepared) else { return false };
        let spent = self.now.saturating_duration_since(clause.requested.unwrap_or(self.now));
        let (turn, clause_id) = (clause.turn, clause.id);
        let was_requested = clause.requested.take().is_some();
        clause.play_from(clip);
        if was_requested {
            self.push(Output::Cancel { turn, clause: clause_id });
        }
        self.note_first_pcm();
        self.stage_done(Stage::Tts, spent);
        self.missed(Stage::Tts, spent, Rung::CachedClause, why);
        self.request_voice();
        true
    }

    fn drop_idle_filler(&mut self) {
        if let Some(filler) = self.reply.idle_filler().and_then(|id| self.reply.remove(id)) {
            self.cancel(&filler);
        }
    }

    /// Drops what was not played yet.
    pub(crate) fn drop_reply(&mut self) {
        for clause in self.reply.take() {
            self.cancel(&clause);
            self.note_said(&clause);
        }
    }

    /// Tells the voice that a clause is of no use any more, if it is still at it.
    pub(crate) fn cancel(&mut self, clause: &Clause) {
        if clause.requested.is_some() && !clause.audio.is_complete() {
            self.push(Output::Cancel { turn: clause.turn, clause: clause.id });
        }
    }
}
