//! What must hold in every call, whatever the network, the engines and the caller do.

use crate::alphabet::Sound;
use crate::view::PACKET_TIME;
use hualu_core::speech::RecognizeCommand;
use hualu_core::{Stage, TurnId};
use hualu_rtp::{RtpPacket, SeqNum};
use hualu_session::{Output, SessionEvent, State};
use std::time::Duration;

/// The longest silence while the bot owes an answer.
pub const DEAD_AIR_MAX: Duration = Duration::from_millis(2_500);
/// The longest wait for an answer to words that can be made out: the longest pause of an unfinished sentence, and that.
const ANSWER_MAX: Duration = Duration::from_millis(2_000 + 2_500 + 500);
/// Words of so many frames are no noise.
const WORDS_MIN: u32 = 30;

/// Watches the outputs of one call and panics, with the seed, when a rule is broken.
#[derive(Debug)]
pub struct Rules {
    seed: u64,
    state: State,
    last_packet: Option<(Duration, SeqNum, u32)>,
    quiet: Duration,
    hearing: Option<TurnId>,
    /// The bot was interrupted: packets that may still fade out.
    hushed: Option<u32>,
    last_record: Option<TurnId>,
    ended: bool,
    /// How long the caller has been speaking.
    voiced: u32,
    /// When the caller stopped to say something that was not answered yet.
    unanswered: Option<Duration>,
    /// The caller's packets have all been sent, so words cannot be missing.
    all_sent: bool,
    /// Stages of the running turn that took more than they were given and of which no rung is known yet.
    late: Vec<(TurnId, Stage)>,
    rungs: Vec<(TurnId, Stage)>,
    /// The session may report that it was silent for too long.
    pub(crate) forgives_dead_air: bool,
}

impl Rules {
    /// Rules for the call of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            state: State::Thinking,
            last_packet: None,
            quiet: Duration::ZERO,
            hearing: None,
            hushed: None,
            last_record: None,
            ended: false,
            voiced: 0,
            unanswered: None,
            all_sent: true,
            late: Vec::new(),
            rungs: Vec::new(),
            forgives_dead_air: false,
        }
    }

    /// Looks at what the caller's telephone records, and whether it is cut off from the network.
    pub fn see_caller(&mut self, at: Duration, sound: Sound, vanished: bool) {
        self.all_sent &= !vanished;
        match sound {
            Sound::Voice(_) => self.voiced += 1,
            Sound::Silence | Sound::Noise | Sound::Cough => self.voiced = 0,
        }
        if self.voiced >= WORDS_MIN && self.all_sent {
            self.unanswered = Some(at);
        }
    }

    /// Looks at what the caller hears.
    ///
    /// # Panics
    /// Panics when the caller waits too long for an answer.
    pub fn see_bot(&mut self, at: Duration, sound: Sound) {
        if sound != Sound::Silence {
            self.unanswered = None;
        }
        let waited = self.unanswered.map_or(Duration::ZERO, |since| at.saturating_sub(since));
        self.hold(at, "words are answered, whatever is broken", waited <= ANSWER_MAX || !self.all_sent);
    }

    /// Looks at the next output, made at `at` after the start of the call.
    ///
    /// # Panics
    /// Panics when a rule is broken.
    pub fn see(&mut self, at: Duration, output: &Output) {
        self.hold(at, "nothing follows the end", !self.ended);
        match output {
            Output::Transmit(packet) => self.see_packet(at, packet.as_bytes()),
            Output::Recognize(command) => self.see_recognition(at, command),
            Output::Event(SessionEvent::Turn { from, to, .. }) => self.see_turn(at, *from, *to),
            Output::Event(SessionEvent::BargedIn { .. }) => self.hushed = Some(1),
            Output::Event(SessionEvent::DeadAir { .. }) => {
                self.hold(at, "no bot silence is a defect", self.forgives_dead_air);
            }
            Output::Event(SessionEvent::StageMissed(missed)) => self.rungs.push((missed.turn, missed.stage)),
            // Unfinished words may take longer than the stage has: that is patience.
            Output::Event(SessionEvent::StageDone { turn, stage, spent, budget })
                if spent > budget && *stage != Stage::Endpoint =>
            {
                self.late.push((*turn, *stage));
            }
            Output::Event(SessionEvent::TurnEnded(record)) => {
                let grows = self.last_record.is_none_or(|last| last < record.turn);
                self.hold(at, "each turn leaves one record, in order", grows);
                if let Some((turn, stage)) = self.late.iter().find(|late| !self.rungs.contains(late)) {
                    let rule = format!("a missed deadline has a rung ({} of turn {})", stage.as_str(), turn.0);
                    self.hold(at, &rule, false);
                }
                self.late.clear();
                self.rungs.clear();
                let heard_more =
                    record.said.iter().any(|said| !said.text.reveal().starts_with(said.heard.reveal().as_str()));
                self.hold(at, "what was heard is the beginning of what was said", !heard_more);
                self.last_record = Some(record.turn);
            }
            Output::End(_) => {
                self.hold(at, "every recognition that starts is ended or cancelled", self.hearing.is_none());
                self.ended = true;
            }
            _ => {}
        }
    }

    fn see_packet(&mut self, at: Duration, bytes: &[u8]) {
        let packet = RtpPacket::parse(bytes);
        self.hold(at, "what is sent is RTP", packet.is_ok());
        let Ok(packet) = packet else { return };
        if let Some((before, seq, timestamp)) = self.last_packet {
            // On hold whole packet times go unsent.
            let slots = ((at - before).as_millis() / PACKET_TIME.as_millis()) as u32;
            self.hold(at, "one packet every 20 ms", slots > 0 && at - before == PACKET_TIME * slots);
            self.hold(at, "a gap begins with the marker", (slots > 1) == packet.marker);
            self.hold(at, "sequence numbers have no gap", packet.seq == seq.next());
            let expected = timestamp.wrapping_add(160 * slots);
            self.hold(at, "timestamps follow the time", packet.timestamp.0 == expected);
        }
        self.last_packet = Some((at, packet.seq, packet.timestamp.0));
        // Zero, in A-law and in µ-law.
        let audible = packet.payload.iter().any(|byte| ![0xd5, 0xff].contains(byte));
        self.quiet = if audible || !self.owes() { Duration::ZERO } else { self.quiet + PACKET_TIME };
        self.hold(at, "the bot that owes an answer is not silent for 2.5 s", self.quiet <= DEAD_AIR_MAX);
        match &mut self.hushed {
            Some(0) => self.hold(at, "an interrupted bot is silent after one packet", !audible),
            Some(left) => *left -= 1,
            None => {}
        }
    }

    fn see_recognition(&mut self, at: Duration, command: &RecognizeCommand) {
        match command {
            RecognizeCommand::Start { turn, .. } => {
                self.hold(at, "one recognition at a time", self.hearing.is_none());
                self.hearing = Some(*turn);
            }
            RecognizeCommand::Audio(_) => self.hold(at, "audio only while recognition runs", self.hearing.is_some()),
            RecognizeCommand::End { turn, .. } | RecognizeCommand::Cancel { turn } => {
                self.hold(at, "an end or cancel names the recognition that runs", self.hearing == Some(*turn));
                self.hearing = None;
            }
        }
    }

    fn see_turn(&mut self, at: Duration, from: State, to: State) {
        self.hold(at, "a transition starts where the last one led", from == self.state);
        self.state = to;
        if to == State::Speaking {
            self.hushed = None;
        }
    }

    const fn owes(&self) -> bool {
        matches!(self.state, State::Thinking | State::Speaking | State::Ducked)
    }

    fn hold(&self, at: Duration, rule: &str, holds: bool) {
        assert!(holds, "SEED={} at {} ms: broken: {rule}", self.seed, at.as_millis());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alphabet::{Alphabet, Loudness};
    use crate::setup::Setup;
    use crate::world::base;
    use hualu_core::dialogue::Expect;
    use hualu_session::{CallSession, Clip, Input, Prompts};
    use std::collections::HashMap;
    use std::sync::Arc;

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn turn(from: State, to: State) -> Output {
        Output::Event(SessionEvent::Turn { turn: TurnId(1), from, to })
    }

    fn start(turn: u32) -> Output {
        Output::Recognize(RecognizeCommand::Start { turn: TurnId(turn), expect: Expect::Free })
    }

    /// Packets as a call sends them, without anything in them.
    fn silence(count: usize) -> Vec<Output> {
        let mut alphabet = Alphabet::default();
        let now = base();
        let mut config = Setup::new(0).session_config(&mut alphabet);
        let mute = Clip::new("", vec![0; 8_000]);
        let prompts = [mute.clone(), mute.clone(), mute.clone(), mute.clone(), mute];
        let [filler, slow, trouble, no_input, goodbye] = prompts;
        config.prompts =
            Arc::new(Prompts { filler, slow, trouble, no_input, goodbye, menu: None, clips: HashMap::new() });
        let mut session = CallSession::new(now, config, Box::new(Loudness));
        let mut packets = Vec::new();
        for slot in 0..count as u32 {
            session.handle_input(now + PACKET_TIME * slot, Input::Timeout).expect("drained");
            while let output @ (Output::Transmit(_)
            | Output::Converse(_)
            | Output::Event(_)
            | Output::TransmitControl(_)) = session.poll_output()
            {
                packets.extend(matches!(output, Output::Transmit(_)).then_some(output));
            }
        }
        packets
    }

    #[test]
    #[should_panic(expected = "SEED=9 at 20 ms: broken: one recognition at a time")]
    fn a_second_recognition_is_seen() {
        let mut rules = Rules::new(9);
        rules.see(at(0), &start(1));
        rules.see(at(20), &start(2));
    }

    #[test]
    #[should_panic(expected = "one packet every 20 ms")]
    fn a_burst_is_seen() {
        let mut rules = Rules::new(9);
        for packet in silence(2) {
            rules.see(at(0), &packet);
        }
    }

    #[test]
    #[should_panic(expected = "sequence numbers have no gap")]
    fn a_repeated_packet_is_seen() {
        let mut rules = Rules::new(9);
        let packets = silence(2);
        rules.see(at(0), &packets[0]);
        rules.see(at(20), &packets[1]);
        rules.see(at(40), &packets[1]);
    }

    #[test]
    #[should_panic(expected = "a transition starts where the last one led")]
    fn a_lost_transition_is_seen() {
        let mut rules = Rules::new(9);
        rules.see(at(0), &turn(State::Listening, State::UserSpeaking));
    }

    #[test]
    #[should_panic(expected = "is not silent for 2.5 s")]
    fn dead_air_is_seen() {
        let mut rules = Rules::new(9);
        for (slot, packet) in silence(200).iter().enumerate() {
            rules.see(at(20 * slot as u64), packet);
        }
    }

    #[test]
    #[should_panic(expected = "words are answered")]
    fn words_without_an_answer_are_seen() {
        let mut rules = Rules::new(9);
        for slot in 0..40 {
            rules.see_caller(at(20 * slot), Sound::Voice('好'), false);
        }
        rules.see_bot(at(6_000), Sound::Silence);
    }
}
