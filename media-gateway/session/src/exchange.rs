//! The running turn: what it waits for, what it has so far, and the record that it leaves.

use crate::deadline::Timer;
use crate::guess::Meaning;
use crate::input::Failure;
use crate::record::{Cause, Guesses, Outcome, PartialNote, TurnRecord};
use crate::reply::Clause;
use hualu_core::dialogue::{Completeness, Hypothesis};
use hualu_core::{Pii, Stage, TurnId};
use std::time::{Duration, Instant};

/// The timers that mean nothing once their turn is over.
pub(crate) const TURN_TIMERS: [Timer; 8] = [
    Timer::Endpoint,
    Timer::Utterance,
    Timer::Asr,
    Timer::Nlu,
    Timer::NluHard,
    Timer::Tts,
    Timer::Filler,
    Timer::NoInput,
];

/// What a turn in [`State::Thinking`](crate::State::Thinking) waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaiting {
    /// The caller speaks or nothing is due.
    Nothing,
    /// The final hypothesis.
    Final,
    /// The first act.
    Act,
}

/// One turn while it lasts.
pub(crate) struct Exchange {
    pub(crate) record: TurnRecord,
    pub(crate) began: Instant,
    pub(crate) last_voiced: Option<Instant>,
    pub(crate) voiced: Duration,
    /// How far the last voiced frame was behind the fastest packets.
    pub(crate) ingest: Duration,
    pub(crate) ended: Option<Instant>,
    pub(crate) awaiting: Awaiting,
    /// When the thing that is waited for was asked for.
    pub(crate) asked: Instant,
    pub(crate) revision: u32,
    pub(crate) partial: Option<Hypothesis>,
    /// When the words last changed.
    pub(crate) changed: Instant,
    judged: Judgement,
    pub(crate) carry: Option<Carry>,
    /// The dialogue has begun to answer.
    pub(crate) acted: bool,
    /// By when the rest of the answer is due.
    pub(crate) busy_until: Option<Instant>,
    pub(crate) fillers: u32,
    /// The newest partial for whose answer a clause was spoken ahead.
    pub(crate) guessed: u32,
    /// A clause that was played on trust to its end and is not confirmed yet.
    pub(crate) trusted: Option<Clause>,
    pub(crate) first_pcm: Option<Instant>,
    /// The recognizer broke while the caller spoke.
    pub(crate) deaf: Option<Failure>,
    /// A prepared sentence took the place of the reply; what still comes is stale.
    pub(crate) given_up: bool,
    /// Its record was handed out.
    pub(crate) recorded: bool,
}

/// What the dialogue made of a partial.
#[derive(Debug, Default)]
struct Judgement {
    revision: u32,
    completeness: Completeness,
    meaning: Meaning,
}

/// Words of the turn before, which the caller went on with.
#[derive(Clone, Debug)]
pub(crate) struct Carry {
    /// The turn whose final hypothesis may still come.
    pub(crate) from: Option<TurnId>,
    before: Option<Hypothesis>,
    words: Option<Hypothesis>,
}

impl Carry {
    fn all(&self) -> Option<Hypothesis> {
        match (&self.before, &self.words) {
            (Some(before), Some(words)) => Some(join(before, words)),
            (one, other) => one.clone().or_else(|| other.clone()),
        }
    }

    /// The final hypothesis came after all.
    pub(crate) fn settle(&mut self, words: Hypothesis) {
        self.from = None;
        self.words = Some(words);
    }
}

impl Exchange {
    pub(crate) fn new(turn: TurnId, cause: Cause, now: Instant) -> Self {
        Self {
            record: TurnRecord {
                turn,
                at: Duration::ZERO,
                cause,
                voiced: Duration::ZERO,
                last_voiced: None,
                text: Pii::default(),
                confidence: 0.0,
                promoted: false,
                partials: Vec::new(),
                endpoint: None,
                ended: None,
                intent: String::new(),
                score: 0.0,
                slots: Vec::new(),
                said: Vec::new(),
                stages: [None; Stage::ALL.len()],
                done: [None; Stage::ALL.len()],
                response: None,
                missed: Vec::new(),
                guesses: Guesses::default(),
                dead_air: None,
                outcome: Outcome::Answered,
            },
            began: now,
            last_voiced: None,
            voiced: Duration::ZERO,
            ingest: Duration::ZERO,
            ended: None,
            awaiting: Awaiting::Nothing,
            asked: now,
            revision: 0,
            partial: None,
            changed: now,
            judged: Judgement::default(),
            carry: None,
            acted: false,
            busy_until: None,
            fillers: 0,
            guessed: 0,
            trusted: None,
            first_pcm: None,
            deaf: None,
            given_up: false,
            recorded: false,
        }
    }

    pub(crate) const fn turn(&self) -> TurnId {
        self.record.turn
    }

    /// What is to be waited for from now on.
    pub(crate) const fn wait_for(&mut self, now: Instant, awaiting: Awaiting) {
        self.awaiting = awaiting;
        self.asked = now;
    }

    /// What the dialogue made of the partial `revision`.
    pub(crate) fn judge(&mut self, revision: u32, completeness: Completeness, meaning: Meaning) {
        self.judged = Judgement { revision, completeness, meaning };
    }

    /// Whether the newest words sound finished; unknown while nobody has judged exactly these.
    pub(crate) fn completeness(&self) -> Completeness {
        if self.judged.revision == self.revision { self.judged.completeness } else { Completeness::Unknown }
    }

    /// What the words of `revision` mean, if it is the one that was judged last.
    pub(crate) fn meaning(&self, revision: u32) -> Option<&Meaning> {
        (self.judged.revision == revision && revision > 0).then_some(&self.judged.meaning)
    }

    /// Takes the newest words.
    pub(crate) fn take_words(&mut self, now: Instant, hypothesis: Hypothesis) {
        if self.partial.as_ref().is_none_or(|before| before.text != hypothesis.text) {
            self.changed = now;
        }
        let at = self.since_start(now);
        note_partial(&mut self.record.partials, at, &hypothesis.text);
        self.partial = Some(hypothesis);
    }

    /// A time as the record gives it.
    pub(crate) fn since_start(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.began)
    }

    /// `words` with those of the turn before in front.
    pub(crate) fn joined(&self, words: Hypothesis) -> Hypothesis {
        match self.carry.as_ref().and_then(Carry::all) {
            Some(before) => join(&before, &words),
            None => words,
        }
    }

    /// All words so far.
    pub(crate) fn words(&self) -> Hypothesis {
        self.joined(self.partial.clone().unwrap_or_default())
    }

    /// What the next turn carries on if the caller goes on speaking now.
    pub(crate) fn into_carry(self) -> Option<Carry> {
        let from = (self.awaiting == Awaiting::Final).then_some(self.record.turn);
        let before = self.carry.as_ref().and_then(Carry::all);
        let is_speech = self.record.cause == Cause::Speech;
        (is_speech && !self.given_up).then_some(Carry { from, before, words: self.partial })
    }

    /// From when the caller waits for us.
    pub(crate) fn silent_since(&self) -> Instant {
        self.last_voiced.unwrap_or(self.began)
    }

    /// When a limit that counts from the last voiced frame is reached. A long endpoint leaves at least half of it.
    pub(crate) fn due(&self, limit: Duration) -> Instant {
        (self.silent_since() + limit).max(self.ended.unwrap_or(self.began) + limit / 2)
    }

    /// The stage that is to blame if nothing can be heard now.
    pub(crate) const fn blame(&self) -> Stage {
        match self.awaiting {
            Awaiting::Final => Stage::Asr,
            Awaiting::Act => Stage::Nlu,
            Awaiting::Nothing if !self.acted => Stage::Nlu,
            Awaiting::Nothing => Stage::Tts,
        }
    }

    /// Notes the time of a stage, once.
    pub(crate) fn stage_done(&mut self, now: Instant, stage: Stage, spent: Duration) -> bool {
        let done = self.since_start(now);
        match (self.record.stages.get_mut(stage as usize), self.record.done.get_mut(stage as usize)) {
            (Some(slot @ None), Some(at)) => {
                (*slot, *at) = (Some(spent), Some(done));
                true
            }
            _ => false,
        }
    }
}

/// Keeps a partial for the record, if its words are new.
pub(crate) fn note_partial(partials: &mut Vec<PartialNote>, at: Duration, text: &Pii<String>) {
    if partials.last().is_some_and(|last| last.text == *text) {
        return;
    }
    if partials.len() == PartialNote::MAX {
        partials.pop();
    }
    partials.push(PartialNote { at, text: text.clone() });
}

/// Two pieces of one sentence as one. Readings of a part are none of the whole, so alternatives go.
fn join(first: &Hypothesis, second: &Hypothesis) -> Hypothesis {
    let (a, b) = (first.text.reveal(), second.text.reveal());
    if a.is_empty() || b.is_empty() {
        return if b.is_empty() { first.clone() } else { second.clone() };
    }
    Hypothesis {
        text: format!("{a}{b}").into(),
        pinyin: format!("{} {}", first.pinyin.reveal(), second.pinyin.reveal()).trim().to_owned().into(),
        confidence: first.confidence.min(second.confidence),
        alternatives: Vec::new(),
    }
}
