//! Playing the reply, one packet per slot, and stopping it.

use crate::call::CallSession;
use crate::deadline::Timer;
use crate::exchange::TURN_TIMERS;
use crate::output::{Output, SessionEvent};
use crate::playout::{FADE_SAMPLES, PACKET_SAMPLES_MAX};
use crate::record::{Cause, Outcome, Said};
use crate::reply::{Clause, Origin};
use crate::turn::{State, TurnEvent};
use hualu_core::dialogue::CallEvent;
use hualu_core::{Pii, SampleRate, Stage};

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
            return self.record(pcm);
        }
        if !self.transmitter.take_tail(pcm) {
            if self.may_begin() {
                self.fire(TurnEvent::AudioReady);
            }
            if self.state == State::Speaking {
                self.fill(pcm);
            }
        }
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
            filled += front.audio.read(pcm.get_mut(filled..).unwrap_or(&mut []));
            if !front.audio.is_over() {
                break;
            }
            if let Some(clause) = self.reply.pop() {
                self.note_said(&clause);
                if clause.is_from_dialogue() {
                    self.tell(clause.turn, CallEvent::Heard(clause.heard()));
                }
            }
        }
        if filled > 0 {
            self.note_packet();
        }
        let ran_dry = filled < pcm.len() && !self.reply.is_empty();
        if ran_dry {
            self.transmitter.trail_off(pcm, filled);
        }
    }

    fn note_packet(&mut self) {
        if let Some(first_pcm) = self.exchange.first_pcm {
            self.stage_done(Stage::Playout, self.now.saturating_duration_since(first_pcm));
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
        self.exchange.record.said.push(Said {
            clause: clause.id,
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
        if self.reply.front().is_some_and(|front| front.origin != Origin::Filler) {
            self.timers.stop(Timer::NluHard);
        }
    }

    /// Everything that is there was played, but the dialogue is not done.
    pub(crate) fn await_more(&mut self) {
        self.timers.set(Timer::Filler, self.now + self.config.turn.filler_again);
        if self.exchange.acted {
            let until = *self.exchange.busy_until.get_or_insert(self.now + self.config.turn.busy_max);
            self.timers.set(Timer::NluHard, until);
        }
    }

    /// Stops the prompt within 5 ms and tells the dialogue what was heard of it. Returns what was cut off, if that was all
    /// of the rest.
    pub(crate) fn hush(&mut self) -> Vec<Clause> {
        let mut tail = [0; FADE_SAMPLES];
        if self.reply.front_mut().is_some_and(|front| front.audio.sent().0 > 0 && front.audio.read(&mut tail) > 0) {
            self.transmitter.fade_out(tail);
        }
        let closed = self.reply.closed;
        let clauses = self.reply.take();
        for clause in &clauses {
            self.cancel(clause);
            self.note_said(clause);
        }
        let cut: Vec<Clause> = clauses.into_iter().filter(Clause::is_from_dialogue).collect();
        if let Some(first) = cut.first() {
            self.tell(first.turn, CallEvent::BargeIn(first.heard()));
        }
        if closed { cut } else { Vec::new() }
    }

    /// The caller interrupts: what was said before the cut stays said, and the floor is the caller's.
    pub(crate) fn barge_in(&mut self) {
        let after = self.now.saturating_duration_since(self.ears.onset().unwrap_or(self.now));
        self.emit(SessionEvent::BargedIn { turn: self.exchange.turn(), after });
        let cut = self.hush();
        self.begin_turn(Cause::Speech, Outcome::Interrupted);
        self.interrupted = Some(cut);
        self.listen();
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
        }
        let spoke = !self.exchange.record.said.is_empty();
        self.close_record(outcome);
        let reply = std::mem::take(&mut self.reply);
        if let Some(finish) = reply.finish {
            return self.take_leave(finish);
        }
        if spoke || outcome != Outcome::Wordless {
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
        self.begin_turn(Cause::Silence, Outcome::Answered);
        self.put(CallEvent::Silence(waited));
    }
}
