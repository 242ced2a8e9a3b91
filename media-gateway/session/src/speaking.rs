//! Playing the reply, one packet per slot, and stopping it.

use crate::call::CallSession;
use crate::deadline::Timer;
use crate::exchange::TURN_TIMERS;
use crate::ladder::Rung;
use crate::output::{Output, SessionEvent};
use crate::playout::{FADE_SAMPLES, PACKET_SAMPLES_MAX};
use crate::record::{Cause, Outcome, Said};
use crate::reply::{Clause, Origin};
use crate::turn::{State, TurnEvent};
use hualu_core::dialogue::CallEvent;
use hualu_core::{Pii, SampleRate, Stage};

/// Nothing quieter than this is heard: the noise of a voice between its words.
const AUDIBLE: u16 = 64;
/// Silence written to the recording for slots that were skipped; beyond one second the gap in time says it.
const SKIPPED_TAPED_MAX: u32 = 50;

impl CallSession {
    pub(crate) fn on_slot(&mut self) {
        let due = self.transmitter.due(self.now);
        let silence = [0; PACKET_SAMPLES_MAX];
        let samples = self.transmitter.packet_samples();
        for slot in 0..due.skipped {
            if slot >= SKIPPED_TAPED_MAX {
                let rest = (due.skipped - slot) as usize;
                self.tape.iter_mut().for_each(|tape| tape.skip(samples.saturating_mul(rest)));
                break;
            }
            self.record(silence.get(..samples).unwrap_or(&[]));
        }
        for _ in 0..due.send {
            self.play_slot(samples);
            self.settle();
        }
        self.timers.set(Timer::Slot, self.transmitter.next_slot());
    }

    fn play_slot(&mut self, samples: usize) {
        let mut pcm = [0; PACKET_SAMPLES_MAX];
        let pcm = pcm.get_mut(..samples).unwrap_or(&mut []);
        if !self.config.media.sends {
            self.transmitter.pass();
            // On hold nobody hears and nobody waits.
            self.audible = self.now;
            self.exchange.first_pcm = self.exchange.first_pcm.map(|_| self.now);
            return self.record(pcm);
        }
        if !self.transmitter.take_tail(pcm) {
            if self.may_begin() {
                self.fire(TurnEvent::AudioReady);
            } else if self.reply.has_audio() && !matches!(self.state, State::Speaking | State::Ducked) {
                // It is the caller who keeps it waiting.
                self.exchange.first_pcm = Some(self.now);
            }
            if matches!(self.state, State::Speaking | State::Ducked) {
                self.fill(pcm);
            }
        }
        self.watch_silence(pcm);
        let packet = self.transmitter.packet(pcm);
        self.push(Output::Transmit(packet));
        self.record(pcm);
    }

    fn record(&mut self, said: &[i16]) {
        let Some(tape) = &mut self.tape else { return };
        // 20 ms at 8 kHz a frame.
        self.out.extend(said.chunks(160).filter_map(|said| tape.say(said)).map(Output::Record));
    }

    /// Whether to begin to speak. Not while the caller is saying something of which it is not decided whether it counts.
    fn may_begin(&self) -> bool {
        let waits = matches!(self.state, State::Listening | State::Thinking) && self.reply.has_audio();
        waits && !(self.speech_gate().is_some() && self.ears.is_speaking())
    }

    /// Fills a packet from the reply, across clause borders.
    fn fill(&mut self, pcm: &mut [i16]) {
        let mut filled = 0;
        while let Some(front) = self.reply.front_mut() {
            let read = front.audio.read(pcm.get_mut(filled..).unwrap_or(&mut []));
            filled += read;
            if read > 0 {
                front.began.get_or_insert(self.now);
                self.mouth.speak(self.now, front);
            }
            if !front.audio.is_over() {
                break;
            }
            if let Some(clause) = self.reply.pop() {
                self.clause_over(clause);
            }
        }
        self.gain.apply(pcm.get_mut(..filled).unwrap_or(&mut []));
        if filled > 0 {
            self.note_packet();
        }
        let ran_dry = filled < pcm.len() && !self.reply.is_empty();
        if ran_dry {
            self.transmitter.trail_off(pcm, filled);
        }
    }

    /// A clause was played to its end.
    fn clause_over(&mut self, clause: Clause) {
        self.note_said(&clause);
        if clause.unconfirmed {
            self.exchange.trusted = Some(clause);
            return;
        }
        self.kept.keep(clause.turn, &clause);
        if clause.is_from_dialogue() {
            self.tell(clause.turn, CallEvent::Heard(clause.heard()));
        }
    }

    /// Notes whether the caller hears something, and for how long not while the bot owes an answer.
    fn watch_silence(&mut self, pcm: &[i16]) {
        let owes = matches!(self.state, State::Thinking | State::Speaking | State::Ducked) && self.leave.is_none();
        if !owes || pcm.iter().any(|sample| sample.unsigned_abs() > AUDIBLE) {
            self.audible = self.now;
        }
        let patience = self.exchange.ended.and_then(|ended| ended.checked_sub(self.config.budget.endpoint_unfinished));
        let since = self.exchange.silent_since().max(patience.unwrap_or(self.exchange.began)).max(self.audible);
        let silent = self.now.saturating_duration_since(since);
        if !owes || silent < self.config.turn.dead_air {
            return;
        }
        let longest =
            self.exchange.record.dead_air.replace(silent.max(self.exchange.record.dead_air.unwrap_or_default()));
        if longest.is_none() {
            self.emit(SessionEvent::DeadAir { turn: self.exchange.turn(), silent });
            // Whatever went wrong, the caller is told that somebody is there.
            self.timers.set(Timer::Filler, self.now);
        }
    }

    fn note_packet(&mut self) {
        if let Some(first_pcm) = self.exchange.first_pcm {
            let spent = self.now.saturating_duration_since(first_pcm);
            let is_first = self.exchange.record.stages.get(Stage::Playout as usize).is_some_and(Option::is_none);
            self.stage_done(Stage::Playout, spent);
            if is_first && spent > self.config.budget.playout {
                self.missed(Stage::Playout, spent, Rung::Resync, None);
            }
        }
        let waited = self.now.saturating_duration_since(self.exchange.silent_since());
        self.exchange.record.response.get_or_insert(waited);
    }

    /// Notes what was heard of a clause.
    pub(crate) fn note_said(&mut self, clause: &Clause) {
        let sent = clause.audio.sent();
        if sent.0 == 0 {
            return;
        }
        let heard = clause.heard();
        let at = self.exchange.since_start(clause.began.unwrap_or(self.now));
        self.exchange.record.said.push(Said {
            clause: clause.id,
            at,
            text: Pii::new(clause.text()),
            heard: heard.text,
            played: sent.duration(SampleRate::HZ_8000),
            complete: heard.complete,
            source: clause.audio.source,
        });
    }

    pub(crate) fn start_reply(&mut self) {
        self.timers.stop(Timer::Filler);
        // Behind a filler of our own the answer is still due.
        if self.reply.front().is_some_and(|front| front.origin != Origin::Filler && !front.unconfirmed) {
            self.timers.stop(Timer::NluHard);
        }
    }

    /// Everything that is there was played, but the dialogue is not done.
    pub(crate) fn await_more(&mut self) {
        self.timers.set(Timer::Filler, self.now + self.config.turn.filler_again);
        if self.exchange.acted {
            let until = *self.exchange.busy_until.get_or_insert(self.now + self.config.turn.busy_max);
            self.timers.set(Timer::NluHard, until);
        } else if self.timers.due(Timer::NluHard).is_none() {
            self.timers.set(Timer::NluHard, self.now + self.config.budget.nlu_hard);
        }
    }

    /// Begins to fade out what is being played; the next packet holds the rest of it.
    pub(crate) fn fade_front(&mut self) {
        let mut tail = [0; FADE_SAMPLES];
        if self.reply.front_mut().is_some_and(|front| front.audio.sent().0 > 0 && front.audio.read(&mut tail) > 0) {
            self.gain.apply(&mut tail);
            self.transmitter.fade_out(tail);
        }
    }

    /// Stops the prompt within 5 ms and tells the dialogue what was heard of it. Returns what was cut off, if that was all
    /// of the rest.
    pub(crate) fn hush(&mut self) -> Vec<Clause> {
        self.fade_front();
        let closed = self.reply.closed;
        let clauses = self.reply.take();
        for clause in &clauses {
            self.cancel(clause);
            self.note_said(clause);
        }
        let known = |clause: &Clause| clause.is_from_dialogue() && !clause.unconfirmed;
        let cut: Vec<Clause> = clauses.into_iter().filter(known).collect();
        if let Some(first) = cut.first() {
            self.tell(first.turn, CallEvent::BargeIn(first.heard()));
        }
        if closed { cut } else { Vec::new() }
    }

    pub(crate) fn finish_turn(&mut self) {
        for timer in TURN_TIMERS {
            self.timers.stop(timer);
        }
        self.drop_guesses();
        let outcome = match self.exchange.record.outcome {
            _ if self.exchange.given_up => Outcome::FellBack,
            outcome => outcome,
        };
        if outcome == Outcome::Answered {
            self.failures = 0;
            self.menu_open = false;
        }
        let spoke = !self.exchange.record.said.is_empty();
        self.close_record(outcome);
        let reply = std::mem::take(&mut self.reply);
        if let Some(finish) = reply.finish {
            return self.take_leave(finish);
        }
        let idle = matches!(outcome, Outcome::Wordless | Outcome::Backchannel | Outcome::Echo);
        if spoke || !idle {
            self.quiet_since = self.now;
        }
        self.timers.set(Timer::NoInput, self.quiet_since + self.asked.no_input);
    }

    /// On hold nobody can answer, so nobody is reminded.
    pub(crate) fn on_no_input(&mut self) {
        if self.config.media.receives {
            self.fire(TurnEvent::NoInput);
        } else {
            self.timers.set(Timer::NoInput, self.now + self.asked.no_input);
        }
    }

    pub(crate) fn put_silence(&mut self) {
        let waited = self.now.saturating_duration_since(self.quiet_since);
        self.drop_probe();
        self.begin_turn(Cause::Silence, Outcome::Answered);
        self.put(CallEvent::Silence(waited));
    }
}
