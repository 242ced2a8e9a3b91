//! The call itself: inputs in, outputs out, and the one place where transitions are carried out.

use crate::config::{MediaParams, SessionConfig};
use crate::deadline::{Timer, TimerTable};
use crate::ears::Ears;
use crate::error::SessionError;
use crate::exchange::{Awaiting, Exchange, TURN_TIMERS};
use crate::gain::Gain;
use crate::guess::Guess;
use crate::input::{Failure, Input};
use crate::interrupting::{Interrupted, Probe};
use crate::keys::KeyBuffer;
use crate::ladder::Rung;
use crate::leaving::Leave;
use crate::local::Kept;
use crate::media::{MediaStats, Receiver};
use crate::mouth::Mouth;
use crate::output::{Output, SessionEvent};
use crate::playout::{Tape, Transmitter};
use crate::record::{Cause, Outcome};
use crate::reply::Reply;
use crate::termination::EndReason;
use crate::turn::{Effect, State, TurnEvent, step};
use hualu_core::dialogue::{Ask, CallEvent, CallInput};
use hualu_core::speech::RecognizeCommand;
use hualu_core::{ClauseId, Stage, TurnId, VoiceActivity};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Outputs that may wait. One input makes far fewer; more means that nobody polls, and inputs are refused.
const OUTPUTS_MAX: usize = 512;
/// Transitions that one input can set off; the table has no cycle that short without an input in between.
const STEPS_MAX: usize = 8;
/// How often we report over RTCP (RFC 3550 §6.2).
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// When a call that is over wants to be woken: never, in practice.
const NEVER: Duration = Duration::from_secs(3_600);

/// One call from answer to end. See the crate's example for how to drive it.
pub struct CallSession {
    pub(crate) config: SessionConfig,
    pub(crate) now: Instant,
    pub(crate) out: VecDeque<Output>,
    pub(crate) timers: TimerTable,
    pub(crate) state: State,
    pub(crate) exchange: Exchange,
    /// The recognizer listens to an utterance.
    pub(crate) open: bool,
    pub(crate) ears: Ears,
    pub(crate) receiver: Receiver,
    pub(crate) transmitter: Transmitter,
    pub(crate) tape: Option<Tape>,
    pub(crate) reply: Reply,
    /// Clauses spoken ahead for replies that may come.
    pub(crate) guesses: VecDeque<Guess>,
    /// A recognition of speech over a prompt, until it is decided what it is.
    pub(crate) probe: Option<Probe>,
    /// What the caller's speech interrupted, to be said again should it not have been meant so.
    pub(crate) interrupted: Option<Interrupted>,
    /// Prompts that were stopped for nothing, in a row.
    pub(crate) doubts: u32,
    pub(crate) mouth: Mouth,
    pub(crate) gain: Gain,
    /// Prompts of this call that can be said again without the voice.
    pub(crate) kept: Kept,
    /// When the caller last heard something.
    pub(crate) audible: Instant,
    pub(crate) clauses: ClauseId,
    /// Counts the dialogue's clauses as the dialogue does.
    pub(crate) told: ClauseId,
    /// The clause whose audio is watched, and from when it is waited for.
    pub(crate) watched: Option<crate::answering::Watch>,
    pub(crate) asked: Ask,
    /// From when the caller has been quiet while the bot waits.
    pub(crate) quiet_since: Instant,
    pub(crate) keys: KeyBuffer,
    /// The keypad menu was offered: its keys need no dialogue.
    pub(crate) menu_open: bool,
    /// The call is being given up.
    pub(crate) gives_up: bool,
    started: Instant,
    /// The last number given to a turn.
    turns: TurnId,
    pub(crate) failures: u32,
    pub(crate) failure: Option<(Stage, Option<Failure>)>,
    pub(crate) last_words: EndReason,
    pub(crate) leave: Option<Leave>,
    pub(crate) round_trip: Option<Duration>,
    over: bool,
}

impl CallSession {
    /// Answers a call at `now`: the dialogue is asked for its greeting at once, and packets flow from the first slot on,
    /// without waiting for the caller's. A packet time outside 10 to 60 ms is taken as the nearest of the two.
    #[must_use]
    pub fn new(now: Instant, config: SessionConfig, detector: Box<dyn VoiceActivity>) -> Self {
        let mut session = Self {
            now,
            out: VecDeque::with_capacity(32),
            timers: TimerTable::default(),
            state: State::Thinking,
            exchange: Exchange::new(TurnId(0), Cause::Started, now),
            open: false,
            ears: Ears::new(config.turn.speech, detector),
            receiver: Receiver::new(&config.media),
            transmitter: Transmitter::new(now, &config.media),
            tape: config.record.then(Tape::new),
            reply: Reply::default(),
            guesses: VecDeque::new(),
            probe: None,
            interrupted: None,
            doubts: 0,
            mouth: Mouth::default(),
            gain: Gain::full(),
            kept: Kept::default(),
            audible: now,
            clauses: ClauseId(0),
            told: ClauseId(0),
            watched: None,
            asked: Ask { no_input: config.turn.no_input, ..Ask::default() },
            quiet_since: now,
            keys: KeyBuffer::default(),
            menu_open: false,
            gives_up: false,
            started: now,
            turns: TurnId(0),
            failures: 0,
            failure: None,
            last_words: EndReason::Internal,
            leave: None,
            round_trip: None,
            over: false,
            config,
        };
        session.timers.set(Timer::Slot, now);
        session.timers.set(Timer::Report, now + REPORT_EVERY);
        session.timers.set(Timer::MaxCall, now + session.config.turn.call_max);
        session.watch_media();
        session.put(CallEvent::Started(session.config.started.clone()));
        session
    }

    /// Takes one input at `now`. Times never run backwards: an earlier `now` counts as the latest seen.
    ///
    /// # Errors
    /// [`SessionError::NotDrained`] if outputs pile up because nobody polls; the input was not taken.
    pub fn handle_input(&mut self, now: Instant, input: Input<'_>) -> Result<(), SessionError> {
        if self.out.len() > OUTPUTS_MAX {
            let call = self.config.call.to_string();
            return Err(SessionError::NotDrained { call, waiting: self.out.len() });
        }
        self.now = self.now.max(now);
        if self.over {
            return Ok(());
        }
        self.take(input);
        self.settle();
        self.run_timers();
        Ok(())
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Output {
        if let Some(output) = self.out.pop_front() {
            return output;
        }
        let due = if self.over { None } else { self.timers.next_timeout() };
        Output::Timeout(due.unwrap_or(self.now + NEVER))
    }

    /// Whether [`Output::End`] was made.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// Who has the floor.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// What the media came to so far.
    #[must_use]
    pub fn media_stats(&self) -> MediaStats {
        let (sent, skipped) = self.transmitter.counts();
        MediaStats { sent, skipped, round_trip: self.round_trip, ..self.receiver.stats() }
    }

    fn take(&mut self, input: Input<'_>) {
        match input {
            Input::Packet(datagram) => self.on_packet(datagram),
            Input::Control(datagram) => {
                let middle = (self.transmitter.ntp(self.now) >> 16) as u32;
                let own = self.transmitter.ssrc();
                self.round_trip = self.receiver.on_report(self.now, datagram, middle, own).or(self.round_trip);
            }
            Input::Timeout => {}
            Input::Recognized(event) => self.on_recognized(event),
            Input::Act(act) => self.on_act(act),
            Input::Spoken(event) => self.on_spoken(event),
            Input::Failed { stage, turn, clause, reason } => self.on_failed(stage, turn, clause, reason),
            Input::HangUp(reason) => self.end(crate::Termination::new(reason)),
            Input::Key(key) => self.on_signalled_key(key),
            Input::Drain => self.say_goodbye(EndReason::Shutdown),
            Input::TransferFailed => self.on_transfer_failed(),
            Input::Media(media) => self.on_media(media),
        }
    }

    /// Handles every timer that is due, each at most once, so that a late thread cannot be held here.
    fn run_timers(&mut self) {
        for timer in Timer::ALL {
            if !self.over && self.timers.due(timer).is_some_and(|due| due <= self.now) {
                self.timers.stop(timer);
                self.on_timer(timer);
                self.settle();
            }
        }
    }

    fn on_timer(&mut self, timer: Timer) {
        match timer {
            Timer::Slot => self.on_slot(),
            Timer::Receive => self.pull_frames(),
            Timer::Endpoint => self.fire(TurnEvent::SpeechEnded),
            Timer::Decide => self.on_decide(),
            Timer::Utterance => self.on_utterance_too_long(),
            Timer::Asr => self.on_final_late(),
            Timer::Nlu => self.on_act_late(),
            Timer::NluHard => self.on_answer_late(),
            Timer::Tts => self.on_voice_late(),
            Timer::Filler => self.on_filler_due(),
            Timer::NoInput => self.on_no_input(),
            Timer::Keys => self.keys.close(),
            Timer::MediaTimeout => self.end(crate::Termination::new(EndReason::MediaTimeout)),
            Timer::MaxCall => self.say_goodbye(EndReason::CallTooLong),
            Timer::Linger => self.leave_now(),
            Timer::Transfer => self.on_transfer_failed(),
            Timer::Report => {
                self.report(false);
                self.timers.set(Timer::Report, self.now + REPORT_EVERY);
            }
        }
    }

    /// Sends an RTCP report.
    pub(crate) fn report(&mut self, bye: bool) {
        let block = self.receiver.report(self.now);
        let report = self.transmitter.report(self.now, block, bye);
        self.push(Output::TransmitControl(report));
    }

    fn on_media(&mut self, media: MediaParams) {
        self.keys.forget_way();
        self.receiver.renegotiate(&media);
        self.transmitter.renegotiate(&media);
        self.config.media = media;
        self.watch_media();
        // On hold no frame may ever come that ends what has begun.
        if self.open {
            self.fire(TurnEvent::SpeechPaused);
        } else {
            if self.probe.is_some() {
                self.drop_probe();
                self.fire(TurnEvent::Dismissed);
            }
            self.ears.dismiss();
        }
    }

    /// Carries out what follows from the present state without a further input.
    pub(crate) fn settle(&mut self) {
        for _ in 0..STEPS_MAX {
            match self.following() {
                Some(event) if !self.over => self.fire(event),
                _ => break,
            }
        }
        self.watch_voice();
    }

    fn following(&self) -> Option<TurnEvent> {
        let reply_over = self.reply.is_empty() && self.reply.closed;
        let bereft = reply_over && self.reply.skipped;
        match self.state {
            _ if self.speech_counts() => Some(TurnEvent::SpeechStarted),
            State::Speaking | State::Ducked if self.wants_hush() => Some(TurnEvent::KeyPressed),
            State::Thinking | State::Speaking | State::Ducked if bereft => Some(TurnEvent::ReplyFailed),
            State::Speaking | State::Ducked if reply_over => Some(TurnEvent::ReplyOver),
            State::Speaking | State::Ducked if self.probe_interrupts() => Some(TurnEvent::Interrupted),
            State::Speaking | State::Ducked if self.reply.is_empty() => Some(TurnEvent::ReplyDry),
            State::Speaking | State::Ducked => None,
            _ if self.keys.is_entered() && self.leave.is_none() && self.reply.finish.is_none() => {
                Some(TurnEvent::KeysEntered)
            }
            State::Thinking if reply_over && self.exchange.awaiting == Awaiting::Nothing => Some(TurnEvent::ReplyOver),
            _ => None,
        }
    }

    /// Takes one transition, if the state knows it.
    pub(crate) fn fire(&mut self, event: TurnEvent) {
        let Some((to, effect)) = step(self.state, event) else { return };
        let from = std::mem::replace(&mut self.state, to);
        self.carry_out(effect);
        if from == State::Ducked && to != State::Speaking {
            self.gain = Gain::full();
        }
        if from != to {
            self.emit(SessionEvent::Turn { turn: self.exchange.turn(), from, to });
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::OpenUtterance => self.open_utterance(),
            Effect::JoinUtterance => self.join_utterance(),
            Effect::Duck => self.duck(),
            Effect::Unduck => self.unduck(),
            Effect::BargeIn => self.barge_in(),
            Effect::AwaitEndpoint => self.await_endpoint(),
            Effect::GoOnListening => self.timers.stop(Timer::Endpoint),
            Effect::CloseUtterance => self.close_utterance(),
            Effect::HushForKeys => self.hush_for_keys(),
            Effect::PutKeys => self.put_keys(),
            Effect::PutSilence => self.put_silence(),
            Effect::StartReply => self.start_reply(),
            Effect::AwaitMore => self.await_more(),
            Effect::FinishTurn => self.finish_turn(),
            Effect::Reprompt => self.reprompt(),
            Effect::SayGoodbye => self.drop_all_but_goodbye(),
        }
    }

    /// Ends the running turn and begins the next.
    pub(crate) fn begin_turn(&mut self, cause: Cause, outcome: Outcome) -> Exchange {
        self.drop_reply();
        self.drop_guesses();
        self.close_record(outcome);
        self.interrupted = None;
        for timer in TURN_TIMERS {
            self.timers.stop(timer);
        }
        // Speech that is listened to already has its number.
        let turn = self.probe.as_ref().map(|probe| probe.turn);
        let turn = turn.unwrap_or_else(|| self.next_turn());
        std::mem::replace(&mut self.exchange, Exchange::new(turn, cause, self.now))
    }

    /// A number that no turn has had.
    pub(crate) const fn next_turn(&mut self) -> TurnId {
        self.turns = self.turns.next();
        self.turns
    }

    /// Hands out the record of the running turn, once.
    pub(crate) fn close_record(&mut self, outcome: Outcome) {
        if std::mem::replace(&mut self.exchange.recorded, true) {
            return;
        }
        self.report_guesses();
        let (began, last_voiced) = (self.exchange.began, self.exchange.last_voiced);
        let (voiced, last_voiced) = (self.exchange.voiced, last_voiced.map(|at| self.exchange.since_start(at)));
        let record = &mut self.exchange.record;
        (record.outcome, record.voiced, record.last_voiced) = (outcome, voiced, last_voiced);
        record.at = began.saturating_duration_since(self.started);
        let record = Box::new(self.exchange.record.clone());
        self.emit(SessionEvent::TurnEnded(record));
    }

    /// Tells the dialogue something of the running turn and waits for what it answers.
    pub(crate) fn put(&mut self, event: CallEvent) {
        self.exchange.wait_for(self.now, Awaiting::Act);
        let (budget, turn) = (self.config.budget, &self.config.turn);
        self.timers.set(Timer::Nlu, self.now + budget.nlu);
        self.timers.set(Timer::NluHard, self.exchange.due(budget.nlu_hard));
        if self.exchange.record.cause != Cause::Started {
            self.timers.set(Timer::Filler, self.exchange.due(turn.filler_after));
        }
        self.tell(self.exchange.turn(), event);
    }

    /// Tells the dialogue something that needs no answer.
    pub(crate) fn tell(&mut self, turn: TurnId, event: CallEvent) {
        self.push(Output::Converse(CallInput { turn, budget: self.config.budget.nlu, event }));
    }

    pub(crate) fn recognize(&mut self, command: RecognizeCommand) {
        self.push(Output::Recognize(command));
    }

    pub(crate) fn emit(&mut self, event: SessionEvent) {
        self.push(Output::Event(event));
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.over |= matches!(output, Output::End(_));
        self.out.push_back(output);
    }

    /// The next clause's number.
    pub(crate) fn next_clause(&mut self) -> ClauseId {
        self.clauses = self.clauses.next();
        self.clauses
    }

    /// (Re)starts the wait for packets; on hold there is none.
    pub(crate) fn watch_media(&mut self) {
        let due = self.config.media.receives.then(|| self.now + self.config.turn.media_timeout);
        self.timers.set_or_stop(Timer::MediaTimeout, due);
    }

    /// Notes the time of a stage of the running turn.
    pub(crate) fn stage_done(&mut self, stage: Stage, spent: Duration) {
        if self.exchange.stage_done(self.now, stage, spent) {
            let (turn, budget) = (self.exchange.turn(), self.config.budget.limit(stage));
            self.emit(SessionEvent::StageDone { turn, stage, spent, budget });
            // Late behind something else that was being played: nothing had to be done, but it was late.
            let is_engine = matches!(stage, Stage::Asr | Stage::Nlu | Stage::Tts);
            if is_engine && spent > budget && !self.exchange.record.missed.iter().any(|missed| missed.stage == stage) {
                self.missed(stage, spent, Rung::Wait, None);
            }
        }
    }
}

impl std::fmt::Debug for CallSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CallSession({}, turn {}, {:?})", self.config.call, self.exchange.turn(), self.state)
    }
}
