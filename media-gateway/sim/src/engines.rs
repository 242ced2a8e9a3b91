//! Recognizer and voice, and how each engine misbehaves.

use crate::alphabet::{Alphabet, Sound};
use hualu_core::dialogue::Hypothesis;
use hualu_core::speech::{AudioSource, RecognizeCommand, RecognizeEvent, SynthesizeCommand, SynthesizeEvent};
use hualu_core::{Samples, TurnId};
use hualu_session::Failure;
use std::time::Duration;

/// How the recognizer behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AsrFaults {
    /// How far it trusts its words, 0 to 1.
    pub confidence: f32,
    /// How far partials are behind the audio.
    pub partial_delay: Duration,
    /// From the end of the utterance to the final.
    pub final_delay: Duration,
    /// It answers nothing at all.
    pub silent: bool,
    /// It gives no partials.
    pub no_partials: bool,
    /// It breaks at the start of each utterance.
    pub broken: Option<Failure>,
    /// It stands still until then, counted from the start of the call, and answers late what it was given.
    pub stopped_until: Duration,
}

impl Default for AsrFaults {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self {
            confidence: 0.9,
            partial_delay: ms(80),
            final_delay: ms(25),
            silent: false,
            no_partials: false,
            broken: None,
            stopped_until: Duration::ZERO,
        }
    }
}

/// How the dialogue misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NluFaults {
    /// Every act is so much later.
    pub delay: Duration,
    /// It answers nothing.
    pub silent: bool,
    /// Each event is answered by this failure, after 5 ms.
    pub broken: Option<Failure>,
}

/// How the voice behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TtsFaults {
    /// From the order to the first audio.
    pub delay: Duration,
    /// It answers nothing.
    pub silent: bool,
    /// Each order is answered by this failure, after 5 ms.
    pub broken: Option<Failure>,
    /// It stops for good after so much audio of a clause.
    pub stall_after: Option<Duration>,
}

impl Default for TtsFaults {
    fn default() -> Self {
        Self { delay: Duration::from_millis(60), silent: false, broken: None, stall_after: None }
    }
}

/// Reads words out of the audio that it is given.
#[derive(Debug, Default)]
pub(crate) struct Recognizer {
    turn: Option<TurnId>,
    sounds: Vec<Sound>,
    text: String,
    revision: u32,
}

/// What the recognizer answers, and when.
pub(crate) type RecognizerAnswer = (Duration, Result<RecognizeEvent, (TurnId, Failure)>);

impl Recognizer {
    pub(crate) fn take(
        &mut self,
        command: &RecognizeCommand,
        caller: &Alphabet,
        faults: &AsrFaults,
    ) -> Option<RecognizerAnswer> {
        match command {
            RecognizeCommand::Start { turn, .. } => {
                *self = Self { turn: Some(*turn), ..Self::default() };
                faults.broken.map(|failure| (Duration::from_millis(5), Err((*turn, failure))))
            }
            RecognizeCommand::Audio(frame) => {
                self.sounds.push(caller.read(frame.samples()));
                let text = caller.words(&self.sounds);
                if text == self.text || faults.silent || faults.no_partials || faults.broken.is_some() {
                    return None;
                }
                self.text = text;
                Some((faults.partial_delay, Ok(self.event(false, faults.confidence)?)))
            }
            RecognizeCommand::End { .. } => {
                self.text = caller.words(&self.sounds);
                let event = self.event(true, faults.confidence)?;
                self.turn = None;
                (!faults.silent && faults.broken.is_none()).then_some((faults.final_delay, Ok(event)))
            }
            RecognizeCommand::Cancel { .. } => {
                self.turn = None;
                None
            }
        }
    }

    fn event(&mut self, is_final: bool, confidence: f32) -> Option<RecognizeEvent> {
        self.revision += 1;
        let hypothesis = Hypothesis { text: self.text.clone().into(), confidence, ..Hypothesis::default() };
        let audio = Samples(self.sounds.len() as u64 * 160);
        Some(RecognizeEvent { turn: self.turn?, revision: self.revision, is_final, hypothesis, audio })
    }
}

/// What the voice answers to one order: pieces of 100 ms, twice as fast as they are heard.
pub(crate) fn speak(
    order: &SynthesizeCommand,
    bot: &mut Alphabet,
    faults: &TtsFaults,
) -> Vec<(Duration, Result<SynthesizeEvent, Failure>)> {
    let (turn, clause) = (order.turn, order.clause);
    if let Some(failure) = faults.broken {
        return vec![(Duration::from_millis(5), Err(failure))];
    }
    if faults.silent {
        return Vec::new();
    }
    let pcm = bot.speak(&order.say.text());
    let stall = faults.stall_after.map_or(usize::MAX, |after| after.as_millis() as usize * 8);
    let pieces = pcm.len().div_ceil(800);
    pcm.chunks(800)
        .enumerate()
        .take_while(|(n, _)| n * 800 < stall)
        .map(|(n, piece)| {
            let at = faults.delay + Duration::from_millis(50 * n as u64);
            let last = n + 1 == pieces;
            (at, Ok(SynthesizeEvent { turn, clause, pcm: piece.to_vec(), source: AudioSource::Engine, last }))
        })
        .collect()
}
