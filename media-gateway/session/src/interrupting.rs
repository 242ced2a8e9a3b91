//! The caller makes a sound while the bot speaks: duck, decide, then stop or go on.
//!
//! With the onset the prompt goes down and the recognizer listens (the probe). Words that are more than a sign of
//! attention interrupt at once; without words so much voice does, if it has the pitch of vowels. Otherwise the prompt comes up again when the time to
//! decide is over, and the probe listens on until the sound ends. If the prompt was stopped and it turns out that nobody
//! meant to, the reply goes on from the clause in which it stopped.

use crate::call::CallSession;
use crate::deadline::Timer;
use crate::exchange::note_partial;
use crate::ladder::Rung;
use crate::output::{Idle, Output, SessionEvent};
use crate::record::{Cause, EndpointReason, Outcome, PartialNote};
use crate::reply::Clause;
use crate::turn::{State, TurnEvent};
use hualu_core::dialogue::{Completeness, Expect, Hypothesis};
use hualu_core::speech::{RecognizeCommand, RecognizeEvent};
use hualu_core::{Activity, PcmFrame, Stage, TurnId, backchannel};
use std::time::{Duration, Instant};

/// One character alone may be a cough that was taken for a word: it stops no prompt without the voice of a word.
const WORDS_MIN: usize = 2;

/// So few characters may be made of a noise; whole sentences never are.
const UNSURE_MAX: usize = 2;

/// A recognition of speech of which it is not decided whether it is a turn.
#[derive(Debug)]
pub(crate) struct Probe {
    /// The turn that it becomes if it is one.
    pub(crate) turn: TurnId,
    pub(crate) onset: Instant,
    pub(crate) last_voiced: Instant,
    pub(crate) voiced: Duration,
    /// How much of the voice has a pitch.
    pitched: Duration,
    pub(crate) behind: Duration,
    pub(crate) partial: Option<Hypothesis>,
    verdict: Verdict,
    pub(crate) revision: u32,
    pub(crate) partials: Vec<PartialNote>,
    /// The sound has ended and the final is awaited since.
    pub(crate) ended: Option<Instant>,
    /// It is much quieter than the caller was.
    pub(crate) is_far: bool,
}

/// What the words of a probe are if they are no turn. Judged when they come, for a packet must cost no allocation; what
/// they echo was said by then.
#[derive(Clone, Copy, Debug)]
struct Verdict {
    /// While the bot explains.
    telling: Option<Idle>,
    /// While the bot asks yes or no.
    asking: Option<Idle>,
}

/// What was stopped for the caller.
#[derive(Debug)]
pub(crate) struct Interrupted {
    /// The rest of the reply, from the clause in which it was stopped. Empty when not all of the rest is known.
    pub(crate) cut: Vec<Clause>,
    /// It was asking yes or no just then, so that a 对 is an answer.
    pub(crate) asked: bool,
}

impl CallSession {
    /// The prompt goes down, and the recognizer gets the caller's speech from its onset.
    pub(crate) fn duck(&mut self) {
        self.gain.ramp_to(self.config.turn.duck_gain);
        let onset = self.ears.onset().unwrap_or(self.now);
        self.timers.set(Timer::Decide, (onset + self.config.turn.barge_in_decide).max(self.now));
        let turn = self.next_turn();
        self.probe = Some(Probe {
            turn,
            onset,
            last_voiced: self.ears.last_voiced().unwrap_or(self.now),
            voiced: self.ears.voiced(),
            pitched: self.ears.pitched_lately(),
            behind: Duration::ZERO,
            partial: None,
            verdict: Verdict { telling: Some(Idle::Noise), asking: Some(Idle::Noise) },
            revision: 0,
            partials: Vec::new(),
            ended: None,
            is_far: self.ears.is_far(self.config.turn.far_share),
        });
        self.start_recognition(turn);
    }

    pub(crate) fn unduck(&mut self) {
        self.gain.ramp_to(1.0);
    }

    /// Takes a frame for the probe, if one listens.
    pub(crate) fn hear_probe(&mut self, frame: &PcmFrame, activity: Activity, behind: Duration) {
        let now = self.now;
        let Some(probe) = self.probe.as_mut().filter(|probe| probe.ended.is_none()) else { return };
        let (turn, gap) = (probe.turn, self.config.turn.barge_in_gap);
        if matches!(activity, Activity::Started | Activity::Voiced) {
            probe.last_voiced = now;
            probe.voiced += PcmFrame::DURATION;
            if self.ears.is_pitched() {
                probe.pitched += PcmFrame::DURATION;
            }
            probe.behind = behind;
            probe.is_far = self.ears.is_far(self.config.turn.far_share);
        }
        // A television that talks on and on is not listened to for ever.
        let is_endless = now.saturating_duration_since(probe.onset) >= self.config.turn.utterance_max;
        let ends = is_endless || matches!(activity, Activity::Pausing(pause) if pause >= gap);
        if ends {
            probe.ended = Some(now);
        }
        self.recognize(RecognizeCommand::Audio(*frame));
        if ends {
            self.ears.consume();
            let budget = self.config.budget.asr;
            self.recognize(RecognizeCommand::End { turn, budget });
            self.timers.set(Timer::Decide, now + budget);
        }
    }

    /// Takes what the recognizer made of the probe; `false` if the event is not about it.
    pub(crate) fn on_probe(&mut self, event: &RecognizeEvent) -> bool {
        let now = self.now;
        let Some(probe) = self.probe.as_ref().filter(|probe| probe.turn == event.turn) else { return false };
        let judge = |asked| self.idle(&event.hypothesis, probe.onset, probe.last_voiced, asked);
        let verdict = Verdict { telling: judge(false), asking: judge(true) };
        let Some(probe) = &mut self.probe else { return false };
        probe.verdict = verdict;
        probe.revision = event.revision;
        probe.partial = Some(event.hypothesis.clone());
        let at = now.saturating_duration_since(probe.onset);
        note_partial(&mut probe.partials, at, &event.hypothesis.text);
        if event.is_final && probe.ended.is_some() {
            self.settle_probe(false);
        }
        true
    }

    /// The time to decide is over, or the final of a sound that has ended is late: what is known has to do.
    pub(crate) fn on_decide(&mut self) {
        match &self.probe {
            Some(probe) if probe.ended.is_some() => self.settle_probe(true),
            _ => self.fire(TurnEvent::Dismissed),
        }
    }

    /// The sound has ended. Words that are meant for the bot become a turn; anything else is forgotten. When the final is
    /// `late` the last partial stands for it.
    fn settle_probe(&mut self, late: bool) {
        let idle = self.probe.as_ref().and_then(|probe| {
            let asked = self.asks_now();
            if probe.is_far {
                return Some(Idle::Background);
            }
            self.idle(&probe.words(), probe.onset, probe.last_voiced, asked)
        });
        let event = match (self.state, idle) {
            (State::Speaking | State::Ducked, None) if self.reply.is_interruptible() => Some(TurnEvent::Interrupted),
            // Nobody talks any more: whatever was said is said to the bot.
            (State::Listening, None | Some(Idle::Backchannel | Idle::Unsure)) => Some(TurnEvent::SpeechStarted),
            (State::Thinking, None) if self.may_join() => Some(TurnEvent::SpeechStarted),
            _ => None,
        };
        match event {
            Some(event) => {
                let words = self.probe.as_ref().map(Probe::words).unwrap_or_default();
                self.fire(event);
                self.fire(TurnEvent::SpeechEnded);
                self.exchange.record.endpoint = Some(EndpointReason::Unknown);
                if late {
                    let spent = self.now.saturating_duration_since(self.exchange.asked);
                    self.missed(Stage::Asr, spent, Rung::PromotePartial, None);
                }
                self.on_final(words, late);
            }
            None => {
                self.probe = None;
                let turn = self.exchange.turn();
                self.emit(SessionEvent::Dismissed { turn, idle: idle.unwrap_or(Idle::Noise), stopped: false });
                self.fire(TurnEvent::Dismissed);
            }
        }
    }

    /// Whether what is said over the prompt is to stop it now.
    pub(crate) fn probe_interrupts(&self) -> bool {
        let Some(probe) = self.probe.as_ref().filter(|probe| probe.ended.is_none()) else { return false };
        if !self.reply.is_interruptible() || self.leave.is_some() || probe.is_far {
            return false;
        }
        let enough = self.ears.is_speaking() && self.ears.voiced() >= self.config.turn.barge_in_min;
        let has_words = |words: &Hypothesis| words.text.reveal().chars().count() >= WORDS_MIN;
        let is_voice = probe.pitched >= self.config.turn.pitched_min;
        match if self.asks_now() { probe.verdict.asking } else { probe.verdict.telling } {
            None => enough || probe.partial.as_ref().is_some_and(has_words),
            Some(Idle::Noise | Idle::Unsure) => enough && is_voice && self.doubts < self.config.turn.doubts_max,
            Some(Idle::Backchannel | Idle::Echo | Idle::Background) => false,
        }
    }

    /// What words are if they are not a turn; `asked` tells that the bot was asking yes or no when they came.
    fn idle(&self, words: &Hypothesis, onset: Instant, last: Instant, asked: bool) -> Option<Idle> {
        let text = words.text.reveal();
        if text.is_empty() {
            return Some(Idle::Noise);
        }
        // Asked yes or no, one syllable is the answer, even one that the bot has just used.
        let least = if asked { 2 } else { 1 };
        if self.mouth.echoes(words, (onset, last), self.config.turn.echo_delay, least) {
            return Some(Idle::Echo);
        }
        let answers = asked && backchannel::answers(Expect::YesNo, text);
        let syllables = text.chars().count();
        let is_trusted = words.confidence >= self.config.turn.trusted_min.powi(syllables as i32);
        match () {
            () if answers => None,
            () if syllables <= UNSURE_MAX && !is_trusted => Some(Idle::Unsure),
            () if backchannel::is_backchannel(text) => Some(Idle::Backchannel),
            () => None,
        }
    }

    /// Whether the clause that is played is a yes/no question: the last of a reply that awaits such an answer.
    fn asks_now(&self) -> bool {
        self.reply.closed && self.reply.len() <= 1 && self.asked.expect == Expect::YesNo
    }

    /// What the running utterance's own words are, if it is not a turn.
    pub(crate) fn idle_utterance(&self) -> Option<Idle> {
        let exchange = &self.exchange;
        let last = exchange.last_voiced.unwrap_or(self.now);
        let words = exchange.partial.clone().unwrap_or_default();
        match &self.interrupted {
            Some(interrupted) => {
                let idle = self.idle(&words, exchange.began, last, interrupted.asked);
                // 人工, 停: what the dialogue takes for a whole request is one, however little the recognizer trusts it.
                let is_whole = exchange.completeness() == Completeness::Complete
                    || exchange.record.endpoint == Some(EndpointReason::Complete);
                let is_request = is_whole && !backchannel::is_backchannel(words.text.reveal());
                idle.filter(|idle| *idle != Idle::Unsure || !is_request)
            }
            // Nothing was stopped: 嗯 is said to the bot. Its own words are not, wherever they are heard.
            None => {
                let idle = self.idle(&words, exchange.began, last, true);
                idle.filter(|idle| !matches!(idle, Idle::Backchannel | Idle::Unsure))
            }
        }
    }

    /// The caller interrupts: what was said before the cut stays said, and the floor is the caller's.
    pub(crate) fn barge_in(&mut self) {
        let onset = self.probe.as_ref().map(|probe| probe.onset).or(self.ears.onset()).unwrap_or(self.now);
        let after = self.now.saturating_duration_since(onset);
        self.emit(SessionEvent::BargedIn { turn: self.exchange.turn(), after });
        // A reply that has hardly begun answers words that were not all: they are one turn.
        let joins = self.exchange.record.cause == Cause::Speech && self.heard_of_reply() < self.config.turn.join_max;
        let asked = self.asks_now();
        let cut = self.hush();
        let outcome = if joins { Outcome::Joined } else { Outcome::Interrupted };
        let before = self.begin_turn(Cause::Speech, outcome);
        self.exchange.carry = before.into_carry().filter(|_| joins);
        self.interrupted = Some(Interrupted { cut, asked });
        self.listen();
    }

    /// How much of the running reply was heard.
    fn heard_of_reply(&self) -> Duration {
        let over: Duration = self.exchange.record.said.iter().map(|said| said.played).sum();
        let playing = self.reply.front().map_or(0, |front| front.audio.sent().0);
        over + hualu_core::Samples(playing).duration(hualu_core::SampleRate::HZ_8000)
    }

    /// Closes the probe: what it heard is of no interest.
    pub(crate) fn drop_probe(&mut self) {
        let Some(probe) = self.probe.take() else { return };
        self.timers.stop(Timer::Decide);
        if probe.ended.is_none() {
            self.recognize(RecognizeCommand::Cancel { turn: probe.turn });
        }
    }

    /// Begins a recognition with the speech that is kept from its onset on, and a little before.
    pub(crate) fn start_recognition(&mut self, turn: TurnId) {
        self.recognize(RecognizeCommand::Start { turn, expect: self.asked.expect });
        for frame in self.ears.speech(self.config.turn.pre_roll) {
            self.out.push_back(Output::Recognize(RecognizeCommand::Audio(*frame)));
        }
    }
}

impl Probe {
    pub(crate) fn words(&self) -> Hypothesis {
        self.partial.clone().unwrap_or_default()
    }
}
