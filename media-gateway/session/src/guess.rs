//! Speaking ahead: the first clause of a reply that may come is spoken while the caller still speaks.
//!
//! A guess is heard in one of two ways. Either the dialogue's reply begins with the same words, whose audio is there then.
//! Or, when the words are complete, have not changed for a while and mean what they meant when the guess was made, it is
//! played at the endpoint on trust, and the dialogue's reply confirms it or takes it back. Nothing else is done on a guess.

use crate::call::CallSession;
use crate::output::{Output, SessionEvent};
use crate::reply::{Clause, Words};
use crate::turn::State;
use hualu_core::dialogue::{Act, CallEvent, Completeness, Say, TurnAct};
use hualu_core::speech::SynthesizeCommand;
use hualu_core::{Pii, SampleRate, Stage};
use std::time::Duration;

/// Clauses spoken for replies that may never be given. A further one drives the oldest out.
const GUESSES_MAX: usize = 2;

/// What words were taken to mean.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Meaning {
    pub(crate) intent: String,
    pub(crate) slots: Vec<(String, Pii<String>)>,
}

/// A clause spoken ahead and what it answers.
#[derive(Debug)]
pub(crate) struct Guess {
    pub(crate) clause: Clause,
    meaning: Meaning,
}

impl CallSession {
    /// An answer to a partial: nothing is done on it but to listen to its judgement and to speak its first clause ahead.
    pub(crate) fn on_guess(&mut self, act: TurnAct) {
        let hears = self.open || self.exchange.awaiting == crate::exchange::Awaiting::Final;
        if act.turn != self.exchange.turn() || !hears {
            return;
        }
        match act.act {
            Act::Understanding(understanding) => {
                let meaning = Meaning { intent: understanding.intent, slots: understanding.slots };
                self.exchange.judge(act.revision, understanding.completeness, meaning);
                if self.state == State::Endpointing {
                    self.await_endpoint();
                }
            }
            Act::Say(say) if self.exchange.guessed < act.revision => {
                self.exchange.guessed = act.revision;
                self.guess(say, act.revision);
            }
            _ => {}
        }
    }

    fn guess(&mut self, say: Say, revision: u32) {
        if self.guesses.iter().any(|guess| guess.clause.says(&say)) {
            return;
        }
        if self.guesses.len() >= GUESSES_MAX
            && let Some(oldest) = self.guesses.pop_front()
        {
            self.waste(&oldest.clause);
        }
        let (turn, clause, rate) = (self.exchange.turn(), self.next_clause(), SampleRate::HZ_8000);
        let budget = self.config.budget.tts;
        self.push(Output::Synthesize(SynthesizeCommand { turn, clause, say: say.clone(), rate, budget }));
        let clause = Clause { requested: Some(self.now), ..Clause::say(clause, turn, say) };
        let meaning = self.exchange.meaning(revision).cloned().unwrap_or_default();
        self.exchange.record.guesses.made += 1;
        self.guesses.push_back(Guess { clause, meaning });
    }

    /// The caller has finished: a guess that can be trusted begins to be heard with the next packet.
    pub(crate) fn trust_guess(&mut self) {
        let exchange = &self.exchange;
        let settled = self.now.saturating_duration_since(exchange.changed) >= self.config.turn.partial_stable;
        if exchange.completeness() != Completeness::Complete || !settled || exchange.carry.is_some() {
            return;
        }
        let Some(meaning) = exchange.meaning(exchange.revision) else { return };
        let fits = |guess: &Guess| guess.meaning == *meaning && guess.clause.audio.waiting() > 0;
        let Some(guess) = self.guesses.iter().position(fits).and_then(|at| self.guesses.remove(at)) else { return };
        self.exchange.record.guesses.trusted = true;
        self.exchange.first_pcm = Some(self.now);
        self.stage_done(Stage::Tts, Duration::ZERO);
        self.reply.push(Clause { unconfirmed: true, ..guess.clause });
    }

    /// The dialogue's reply begins, with `say` if it begins with words. Whether that is what is being played on trust;
    /// if it is not, that is taken back.
    pub(crate) fn settle_trusted(&mut self, say: Option<&Say>) -> bool {
        let told = self.told;
        let same = |clause: &Clause| say.is_some_and(|say| clause.says(say));
        if let Some(clause) = self.exchange.trusted.take() {
            // It is over already.
            if !same(&clause) {
                self.waste(&clause);
                return false;
            }
            self.exchange.record.guesses.hit = true;
            let heard = Clause { told, ..clause }.heard();
            self.tell(self.exchange.turn(), CallEvent::Heard(heard));
            return true;
        }
        let Some(id) = self.reply.unconfirmed().map(|clause| clause.id) else { return false };
        if let Some(clause) = self.reply.find(id).filter(|clause| same(clause)) {
            (clause.told, clause.unconfirmed) = (told, false);
            self.exchange.record.guesses.hit = true;
            return true;
        }
        self.fade_front();
        if let Some(clause) = self.reply.remove(id) {
            self.note_said(&clause);
            self.waste(&clause);
        }
        false
    }

    /// Takes back what was played on trust: no reply comes.
    pub(crate) fn drop_trusted(&mut self) {
        self.settle_trusted(None);
    }

    /// The guess that says the same as the dialogue.
    pub(crate) fn take_guess(&mut self, say: &Say) -> Option<Clause> {
        let at = self.guesses.iter().position(|guess| guess.clause.says(say))?;
        self.exchange.record.guesses.hit = true;
        self.guesses.remove(at).map(|guess| guess.clause)
    }

    pub(crate) fn drop_guesses(&mut self) {
        for guess in std::mem::take(&mut self.guesses) {
            self.waste(&guess.clause);
        }
    }

    fn waste(&mut self, clause: &Clause) {
        self.cancel(clause);
        let guesses = &mut self.exchange.record.guesses;
        guesses.wasted += 1;
        guesses.wasted_samples.0 += clause.audio.received().0;
    }

    /// Reports what came of the guesses of a turn that is over.
    pub(crate) fn report_guesses(&mut self) {
        let (turn, guesses) = (self.exchange.turn(), self.exchange.record.guesses);
        if guesses.made > 0 {
            let (hit, wasted, wasted_samples) = (guesses.hit, guesses.wasted, guesses.wasted_samples);
            self.emit(SessionEvent::Guessed { turn, hit, wasted, wasted_samples });
        }
    }
}

impl Clause {
    /// Whether it is the voice's for `say`.
    fn says(&self, say: &Say) -> bool {
        matches!(&self.words, Words::Say(words) if words == say)
    }
}
