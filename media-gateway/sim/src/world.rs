//! One call and everything around it, in virtual time.

use crate::alphabet::{Alphabet, FRAMES_PER_CHARACTER, Loudness, Sound};
use crate::bot::{Bot, EchoBot};
use crate::engines::{AsrFaults, NluFaults, Recognizer, TtsFaults, speak};
use crate::network::Network;
use crate::rules::Rules;
use crate::script::{Script, Step};
use crate::setup::Setup;
use crate::view::PACKET_TIME;
use hualu_core::dialogue::{CallInput, TurnAct};
use hualu_core::speech::{RecognizeCommand, RecognizeEvent, SynthesizeCommand, SynthesizeEvent};
use hualu_core::{ClauseId, PcmFrame, Stage, TurnId};
use hualu_rtp::{DtmfSender, Key, Law, RtpPacket, RtpSender};
use hualu_session::{
    CallSession, EndReason, Failure, Input, MediaParams, Output, SessionEvent, State, StereoFrame, Termination,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Wake-ups at one moment of virtual time; more means that the session asks for a time that has come and does nothing.
const SPINS_MAX: u32 = 200;
/// How long a transfer takes.
const TRANSFER: Duration = Duration::from_millis(300);

/// Something that a call did, in the order in which it did it.
#[derive(Clone, Debug)]
pub enum Entry {
    /// It told the dialogue something.
    Told(CallInput),
    /// It opened an utterance.
    Opened(TurnId),
    /// It ordered a clause.
    Ordered(SynthesizeCommand),
    /// It cancelled a clause.
    Cancelled(ClauseId),
    /// It asked for a transfer.
    Transferred(String),
    /// It reported something.
    Event(SessionEvent),
}

enum Happening {
    Tick,
    Packet(Vec<u8>),
    Recognized(RecognizeEvent),
    Act(TurnAct),
    Spoken(SynthesizeEvent),
    Failed(Stage, TurnId, Option<ClauseId>, Failure),
    TransferDone,
}

/// A call in virtual time. Engine behaviour may be changed at any moment through the public fields.
pub struct World {
    /// How the recognizer behaves.
    pub asr: AsrFaults,
    /// How the dialogue behaves.
    pub nlu: NluFaults,
    /// How the voice behaves.
    pub tts: TtsFaults,
    /// What happens to the caller's packets.
    pub network: Network,
    /// Whether transfers are refused.
    pub refuses_transfer: bool,
    /// Whether the orders to transfer are lost.
    pub loses_transfer: bool,
    /// The payload type of the caller's audio, which is A-law whatever its number.
    pub payload_type: u8,
    /// The caller sends no packets at all.
    pub vanished: bool,
    /// The caller's loudspeaker brings back what the bot says, so much later.
    pub echo: Option<Duration>,
    /// The bot speaks softly.
    ducked: bool,
    pub(crate) session: CallSession,
    pub(crate) start: Instant,
    pub(crate) now: Instant,
    due: Instant,
    spins: u32,
    happenings: BTreeMap<(Instant, u64), Happening>,
    count: u64,
    rng: StdRng,
    caller: Alphabet,
    pub(crate) bot_voice: Alphabet,
    speech: VecDeque<Sound>,
    key: Option<DtmfSender>,
    sender: RtpSender,
    recognizer: Recognizer,
    bot: Box<dyn Bot>,
    pub(crate) heard: Vec<Sound>,
    pub(crate) last_payload_type: Option<u8>,
    pub(crate) log: Vec<(Duration, Entry)>,
    pub(crate) tape: Vec<StereoFrame>,
    ended: Option<(Duration, Termination)>,
    rules: Rules,
}

#[expect(clippy::disallowed_methods, reason = "virtual time needs one instant to count from")]
pub(crate) fn base() -> Instant {
    Instant::now()
}

impl World {
    /// A call with the defaults, an [`EchoBot`] and a perfect network.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with(Setup::new(seed), EchoBot::default())
    }

    /// A call of one's own making.
    #[must_use]
    pub fn with(setup: Setup, bot: impl Bot + 'static) -> Self {
        let start = base();
        let mut bot_voice = Alphabet::default();
        let config = setup.session_config(&mut bot_voice);
        let mut world = Self {
            asr: AsrFaults::default(),
            nlu: NluFaults::default(),
            tts: TtsFaults::default(),
            network: Network::PERFECT,
            refuses_transfer: false,
            loses_transfer: false,
            payload_type: Law::A.payload_type(),
            vanished: false,
            echo: None,
            ducked: false,
            session: CallSession::new(start, config, Box::new(Loudness)),
            start,
            now: start,
            due: start,
            spins: 0,
            happenings: BTreeMap::new(),
            count: 0,
            rng: StdRng::seed_from_u64(setup.seed),
            caller: Alphabet::default(),
            bot_voice,
            speech: VecDeque::new(),
            key: None,
            sender: RtpSender::new(0xca11, 1, 0),
            recognizer: Recognizer::default(),
            bot: Box::new(bot),
            heard: Vec::new(),
            last_payload_type: None,
            log: Vec::new(),
            tape: Vec::new(),
            ended: None,
            rules: Rules::new(setup.seed),
        };
        world.plan(PACKET_TIME / 2, Happening::Tick);
        world.drain();
        world
    }

    /// Lets `ms` milliseconds pass.
    pub fn run_ms(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        while self.ended.is_none() && self.step(until) {}
        self.now = until;
    }

    /// Lets time pass until the call is over, and tells why it is.
    ///
    /// # Panics
    /// Panics when the call does not end within an hour.
    pub fn finish(&mut self) -> Termination {
        if self.ended.is_none() {
            self.give(Input::HangUp(EndReason::CallerHungUp));
        }
        self.wait_for_end()
    }

    /// Lets time pass until the call ends by itself.
    ///
    /// # Panics
    /// Panics when the call does not end within an hour.
    pub fn wait_for_end(&mut self) -> Termination {
        let until = self.now + Duration::from_secs(3_600);
        while self.ended.is_none() && self.step(until) {}
        self.ended.clone().expect("every call ends within an hour").1
    }

    /// The caller begins to say `words`, after what was begun before. A space is a pause of 400 ms.
    pub fn say(&mut self, words: &str) {
        for character in words.chars() {
            let (sound, frames) =
                if character == ' ' { (Sound::Silence, 20) } else { (Sound::Voice(character), FRAMES_PER_CHARACTER) };
            self.speech.extend(std::iter::repeat_n(sound, frames));
        }
    }

    /// The caller says `words` and time passes until they are said.
    pub fn say_and_wait(&mut self, words: &str) {
        self.say(words);
        self.run_ms(self.speech.len() as u64 * 20);
    }

    /// The caller's side makes noise for `ms` milliseconds.
    pub fn make_noise(&mut self, ms: u64) {
        self.speech.extend(std::iter::repeat_n(Sound::Noise, (ms / 20) as usize));
    }

    /// The caller coughs for so long: a sound that has no pitch.
    pub fn cough(&mut self, ms: u64) {
        self.speech.extend(std::iter::repeat_n(Sound::Cough, (ms / 20) as usize));
    }

    /// The caller presses keys, 100 ms each and as much between them; time passes.
    ///
    /// # Panics
    /// Panics on a character that is on no key.
    pub fn press(&mut self, keys: &str) {
        for key in keys.chars() {
            let key = Key::from_char(key).expect("a character that is on a key");
            self.key = Some(DtmfSender::new(key, Duration::from_millis(100), self.sender.timestamp()));
            self.run_ms(240);
        }
    }

    /// Gives the call an input.
    pub fn give(&mut self, input: Input<'_>) {
        self.session.handle_input(self.now, input).expect("outputs are drained after each input");
        self.drain();
    }

    /// Offer and answer change the media.
    pub fn renegotiate(&mut self, change: impl FnOnce(&mut MediaParams)) {
        let mut media = MediaParams::new(Law::A, 0xb07, 100, 5_000);
        change(&mut media);
        self.give(Input::Media(media));
    }

    /// Lets the session report that it was silent for too long instead of taking that for a broken rule.
    pub const fn forgive_dead_air(&mut self) {
        self.rules.forgives_dead_air = true;
    }

    /// Plays a whole script, then lets the call end.
    pub fn play(&mut self, script: &Script) -> Termination {
        for step in &script.0 {
            if self.ended.is_some() {
                break;
            }
            match step {
                Step::Say(words) => self.say_and_wait(words),
                Step::Noise(length) => {
                    self.make_noise(length.as_millis() as u64);
                    self.run_ms(length.as_millis() as u64 + 700);
                }
                Step::Wait(length) => self.run_ms(length.as_millis() as u64),
                Step::Listen(silence) => self.listen(*silence),
                Step::Press(keys) => self.press(keys),
                Step::Vanish(length) => {
                    self.vanished = true;
                    self.run_ms(length.as_millis() as u64);
                    self.vanished = false;
                }
                Step::Hold(length) => {
                    self.renegotiate(|media| (media.sends, media.receives) = (false, false));
                    self.vanished = true;
                    self.run_ms(length.as_millis() as u64);
                    self.vanished = false;
                    self.renegotiate(|_| {});
                }
                Step::Drain => self.give(Input::Drain),
                Step::HangUp => self.give(Input::HangUp(EndReason::CallerHungUp)),
            }
        }
        self.wait_for_end()
    }

    /// Waits until the bot has been silent for `silence`, at most 30 s.
    pub fn listen(&mut self, silence: Duration) {
        let frames = (silence.as_millis() / 20) as usize;
        for _ in 0..1_500 {
            self.run_ms(20);
            let quiet = self.heard.iter().rev().take_while(|sound| **sound == Sound::Silence).count();
            if self.ended.is_some() || quiet >= frames {
                return;
            }
        }
    }

    fn plan(&mut self, after: Duration, happening: Happening) {
        self.count += 1;
        self.happenings.insert((self.now + after, self.count), happening);
    }

    /// Goes to the next thing that happens, if it does by `until`.
    fn step(&mut self, until: Instant) -> bool {
        let next = self.happenings.first_key_value().map(|((at, _), _)| *at);
        let at = next.map_or(self.due, |next| next.min(self.due)).max(self.now);
        if at > until {
            return false;
        }
        self.spins = if at == self.now { self.spins + 1 } else { 0 };
        assert!(self.spins < SPINS_MAX, "the session spins: it asks to be woken at a time that has come");
        self.now = at;
        if self.due <= at {
            self.give(Input::Timeout);
        } else if let Some((_, happening)) = self.happenings.pop_first() {
            self.happen(happening);
        }
        true
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Tick => self.tick(),
            Happening::Packet(bytes) => self.give(Input::Packet(&bytes)),
            Happening::Recognized(event) => self.give(Input::Recognized(event)),
            Happening::Act(act) => self.give(Input::Act(act)),
            Happening::Spoken(event) => self.give(Input::Spoken(event)),
            Happening::Failed(stage, turn, clause, reason) => self.give(Input::Failed { stage, turn, clause, reason }),
            Happening::TransferDone if self.refuses_transfer => self.give(Input::TransferFailed),
            Happening::TransferDone => self.give(Input::HangUp(EndReason::Transferred)),
        }
    }

    /// The caller's telephone sends its next packet.
    fn tick(&mut self) {
        self.plan(PACKET_TIME, Happening::Tick);
        let frame = self.speech.pop_front().unwrap_or_else(|| self.echoed());
        self.rules.see_caller(self.elapsed(), frame, self.vanished);
        let mut bytes = [0; 200];
        let event = self.key.as_mut().and_then(DtmfSender::next_packet);
        let len = match event {
            Some(event) => self.sender.write_event(101, &event, &mut bytes),
            None => {
                let payload = self.caller.frame(frame).map(|sample| Law::A.encode_sample(sample));
                self.sender.write_audio(self.payload_type, &payload, &mut bytes)
            }
        };
        if event.is_none() {
            self.key = None;
        }
        let packet = bytes[..len.expect("a packet fits into 200 bytes")].to_vec();
        if !self.vanished {
            for delay in self.network.deliveries(&mut self.rng) {
                self.plan(delay, Happening::Packet(packet.clone()));
            }
        }
    }

    /// What the loudspeaker brings back now.
    fn echoed(&mut self) -> Sound {
        let Some(delay) = self.echo else { return Sound::Silence };
        let behind = (delay.as_millis() / PACKET_TIME.as_millis()) as usize;
        match self.heard.len().checked_sub(behind + 1).and_then(|at| self.heard.get(at)) {
            Some(Sound::Voice(character)) => {
                // The caller's side has loudnesses of its own.
                self.caller.level(*character);
                Sound::Voice(*character)
            }
            _ => Sound::Silence,
        }
    }

    fn drain(&mut self) {
        loop {
            let output = self.session.poll_output();
            if let Output::Timeout(due) = output {
                self.due = due;
                return;
            }
            let at = self.elapsed();
            self.rules.see(at, &output);
            self.obey(at, output);
        }
    }

    fn obey(&mut self, at: Duration, output: Output) {
        let entry = match output {
            Output::Transmit(packet) => return self.hear(packet.as_bytes()),
            Output::Record(frame) => return self.tape.push(frame),
            Output::TransmitControl(_) | Output::Timeout(_) => return,
            Output::Recognize(command) => {
                self.recognize(&command);
                let RecognizeCommand::Start { turn, .. } = command else { return };
                Entry::Opened(turn)
            }
            Output::Converse(input) => {
                self.converse(&input);
                Entry::Told(input)
            }
            Output::Synthesize(order) => {
                self.synthesize(&order);
                Entry::Ordered(order)
            }
            Output::Cancel { clause, .. } => Entry::Cancelled(clause),
            Output::Transfer { target, .. } => {
                if !self.loses_transfer {
                    self.plan(TRANSFER, Happening::TransferDone);
                }
                Entry::Transferred(target)
            }
            Output::Event(event) => {
                if let SessionEvent::Turn { to, .. } = event {
                    self.ducked = to == State::Ducked;
                }
                Entry::Event(event)
            }
            Output::End(termination) => {
                self.ended = Some((at, termination));
                return;
            }
        };
        self.log.push((at, entry));
    }

    fn hear(&mut self, bytes: &[u8]) {
        let packet = RtpPacket::parse(bytes).expect("the rules have seen it");
        self.last_payload_type = Some(packet.payload_type);
        let law = if packet.payload_type == Law::Mu.payload_type() { Law::Mu } else { Law::A };
        let pcm: Vec<i16> = packet.payload.iter().map(|byte| law.decode_sample(*byte)).collect();
        let mut frame = PcmFrame::new(&pcm, MediaParams::RATE).expect("20 ms");
        if self.ducked {
            // A quarter of a loudness is two segments of A-law lower, so nothing is lost.
            frame.samples_mut().iter_mut().for_each(|sample| *sample = sample.saturating_mul(4));
        }
        let sound = self.bot_voice.read(frame.samples());
        self.rules.see_bot(self.elapsed(), sound);
        self.heard.push(sound);
    }

    fn recognize(&mut self, command: &RecognizeCommand) {
        let answer = self.recognizer.take(command, &self.caller, &self.asr);
        let stopped = self.asr.stopped_until.saturating_sub(self.elapsed());
        match answer.map(|(after, answer)| (after.max(stopped), answer)) {
            Some((after, Ok(event))) => self.plan(after, Happening::Recognized(event)),
            Some((after, Err((turn, failure)))) => self.plan(after, Happening::Failed(Stage::Asr, turn, None, failure)),
            None => {}
        }
    }

    fn converse(&mut self, input: &CallInput) {
        if let Some(failure) = self.nlu.broken {
            return self.plan(Duration::from_millis(5), Happening::Failed(Stage::Nlu, input.turn, None, failure));
        }
        for (after, act) in self.bot.hear(input) {
            if !self.nlu.silent {
                self.plan(after + self.nlu.delay, Happening::Act(act));
            }
        }
    }

    fn synthesize(&mut self, order: &SynthesizeCommand) {
        for (after, result) in speak(order, &mut self.bot_voice, &self.tts) {
            let happening = match result {
                Ok(event) => Happening::Spoken(event),
                Err(failure) => Happening::Failed(Stage::Tts, order.turn, Some(order.clause), failure),
            };
            self.plan(after, happening);
        }
    }
}
