//! The reply of a turn: clauses in order, their audio as it comes in, and exactly how much of it went out.

use crate::config::Clip;
use crate::mouth::share;
use hualu_core::dialogue::{Heard, Say};
use hualu_core::speech::AudioSource;
use hualu_core::{ClauseId, Pii, SampleRate, Samples, TurnId};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Clauses that may wait; further ones are refused and counted.
const CLAUSES_MAX: usize = 64;
/// Audio that one clause may have: a minute. More is dropped.
const CLAUSE_SAMPLES_MAX: u64 = 60 * 8_000;
/// How long a Mandarin character takes to say, for a clause whose audio has not all come.
const PER_CHARACTER: Duration = Duration::from_millis(200);

/// Who wants a clause to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The dialogue; it is told what was heard.
    Dialogue,
    /// The dialogue, while it works; given up if the real reply comes first.
    DialogueFiller,
    /// The session, while the reply is late.
    Filler,
    /// The session, in place of a reply.
    Fallback,
}

/// One clause on its way to the caller.
#[derive(Debug)]
pub(crate) struct Clause {
    pub(crate) id: ClauseId,
    pub(crate) turn: TurnId,
    /// The number under which the dialogue knows it.
    pub(crate) told: ClauseId,
    pub(crate) origin: Origin,
    pub(crate) words: Words,
    /// How many characters its words have, counted once.
    pub(crate) characters: u64,
    pub(crate) interruptible: bool,
    /// When synthesis was asked for.
    pub(crate) requested: Option<Instant>,
    /// When it began to be heard.
    pub(crate) began: Option<Instant>,
    /// Played on trust: the dialogue has not said yet that this is its reply.
    pub(crate) unconfirmed: bool,
    pub(crate) audio: ClauseAudio,
}

/// Where a clause's audio comes from.
#[derive(Clone, Debug)]
pub(crate) enum Words {
    /// From the voice.
    Say(Say),
    /// From a clip.
    Clip(Clip),
}

/// The audio of one clause.
///
/// What was played stays, so that a clause that was stopped for nothing begins anew without asking the voice again.
#[derive(Debug, Default)]
pub(crate) struct ClauseAudio {
    pieces: Vec<Piece>,
    /// The piece that is played, and where in it.
    at: usize,
    offset: usize,
    received: u64,
    sent: u64,
    complete: bool,
    pub(crate) source: AudioSource,
}

#[derive(Debug)]
enum Piece {
    Owned(Vec<i16>),
    Shared(Arc<[i16]>),
}

impl Piece {
    fn samples(&self) -> &[i16] {
        match self {
            Self::Owned(samples) => samples,
            Self::Shared(samples) => samples,
        }
    }
}

impl ClauseAudio {
    fn of_clip(clip: &Clip) -> Self {
        Self {
            received: clip.pcm().len() as u64,
            pieces: vec![Piece::Shared(Arc::clone(clip.pcm()))],
            complete: true,
            source: AudioSource::Recorded,
            ..Self::default()
        }
    }

    /// Takes the next piece; `false` if it does not fit.
    pub(crate) fn push(&mut self, pcm: Vec<i16>, last: bool) -> bool {
        let len = pcm.len() as u64;
        let fits = self.received + len <= CLAUSE_SAMPLES_MAX;
        if fits && !pcm.is_empty() && !self.complete {
            self.received += len;
            self.pieces.push(Piece::Owned(pcm));
        }
        self.complete |= last;
        fits
    }

    /// Copies samples out as they are sent; returns how many there were.
    pub(crate) fn read(&mut self, mut out: &mut [i16]) -> usize {
        let wanted = out.len();
        while let Some(piece) = self.pieces.get(self.at) {
            let rest = piece.samples().get(self.offset..).unwrap_or(&[]);
            let taken = rest.len().min(out.len());
            let (now, later) = out.split_at_mut(taken);
            now.copy_from_slice(rest.get(..taken).unwrap_or(&[]));
            out = later;
            if taken < rest.len() {
                self.offset += taken;
                break;
            }
            self.at += 1;
            self.offset = 0;
        }
        let read = wanted - out.len();
        self.sent += read as u64;
        read
    }

    /// Plays it from its start once more. Only for audio that is all there.
    const fn rewind(&mut self) {
        (self.at, self.offset, self.sent) = (0, 0, 0);
    }

    /// All samples that have come.
    pub(crate) fn all(&self) -> impl Iterator<Item = i16> {
        self.pieces.iter().flat_map(|piece| piece.samples().iter().copied())
    }

    /// Samples that have come.
    pub(crate) const fn received(&self) -> Samples {
        Samples(self.received)
    }

    /// Samples that wait to be sent.
    pub(crate) const fn waiting(&self) -> u64 {
        self.received - self.sent
    }

    pub(crate) const fn is_complete(&self) -> bool {
        self.complete
    }

    pub(crate) const fn has_come(&self) -> bool {
        self.received > 0 || self.complete
    }

    pub(crate) const fn sent(&self) -> Samples {
        Samples(self.sent)
    }

    /// Everything was sent and nothing more comes.
    pub(crate) const fn is_over(&self) -> bool {
        self.complete && self.sent == self.received
    }
}

impl Clause {
    /// A clause for the voice to speak.
    pub(crate) fn say(id: ClauseId, turn: TurnId, say: Say) -> Self {
        let origin = if say.filler { Origin::DialogueFiller } else { Origin::Dialogue };
        Self {
            id,
            turn,
            told: id,
            origin,
            interruptible: say.interruptible,
            characters: say.text().chars().count() as u64,
            words: Words::Say(say),
            requested: None,
            began: None,
            unconfirmed: false,
            audio: ClauseAudio::default(),
        }
    }

    /// A clip; its audio is all there.
    pub(crate) fn clip(id: ClauseId, turn: TurnId, clip: &Clip, origin: Origin, interruptible: bool) -> Self {
        Self {
            id,
            turn,
            told: id,
            origin,
            interruptible,
            audio: ClauseAudio::of_clip(clip),
            characters: clip.text().chars().count() as u64,
            words: Words::Clip(clip.clone()),
            requested: None,
            began: None,
            unconfirmed: false,
        }
    }

    /// The same words once more, from the start, under a new number.
    pub(crate) fn again(self, id: ClauseId, turn: TurnId) -> Self {
        let mut audio = self.audio;
        if audio.complete {
            audio.rewind();
        } else {
            audio = ClauseAudio::default();
        }
        let requested = self.requested.filter(|_| audio.complete);
        Self { id, turn, requested, audio, began: None, ..self }
    }

    /// Lets a clip stand in for audio that does not come.
    pub(crate) fn play_from(&mut self, clip: &Clip) {
        self.audio = ClauseAudio { source: AudioSource::Cache, ..ClauseAudio::of_clip(clip) };
    }

    /// How it sounds, if anybody said.
    pub(crate) fn pinyin(&self) -> &str {
        match &self.words {
            Words::Say(say) => &say.pinyin,
            Words::Clip(_) => "",
        }
    }

    /// How much of it went out: 0 to 1.
    pub(crate) fn share_sent(&self) -> f64 {
        share(self.audio.sent(), self.expected_samples())
    }

    pub(crate) fn text(&self) -> String {
        match &self.words {
            Words::Say(say) => say.text(),
            Words::Clip(clip) => clip.text().to_owned(),
        }
    }

    pub(crate) const fn is_from_dialogue(&self) -> bool {
        matches!(self.origin, Origin::Dialogue | Origin::DialogueFiller)
    }

    /// What of its words went out, by the share of its samples.
    pub(crate) fn heard(&self) -> Heard {
        let text = self.text();
        let complete = self.audio.is_over();
        let heard = if complete { text } else { self.prefix(&text) };
        Heard { clause: self.told, text: Pii::new(heard), complete }
    }

    /// The share of the characters that went out, rounded down.
    fn prefix(&self, text: &str) -> String {
        let heard = (self.characters * self.audio.sent).checked_div(self.expected_samples()).unwrap_or(0);
        text.chars().take(heard as usize).collect()
    }

    fn expected_samples(&self) -> u64 {
        if self.audio.complete {
            return self.audio.received;
        }
        let guess = PER_CHARACTER * self.characters as u32;
        SampleRate::HZ_8000.samples(guess).0.max(self.audio.received)
    }
}

/// What happens once everything was said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Finish {
    HangUp(crate::termination::Termination),
    Transfer { target: String, summary: Pii<String> },
}

/// The clauses of a reply that are not over yet, and what follows them.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    clauses: VecDeque<Clause>,
    /// Nothing more will be added.
    pub(crate) closed: bool,
    pub(crate) finish: Option<Finish>,
    /// A clause was left out, so the caller is to be told at the end.
    pub(crate) skipped: bool,
}

impl Reply {
    /// How many clauses are not over yet.
    pub(crate) fn len(&self) -> usize {
        self.clauses.len()
    }

    /// The clause that is played on trust.
    pub(crate) fn unconfirmed(&self) -> Option<&Clause> {
        self.clauses.iter().find(|clause| clause.unconfirmed)
    }

    /// Whether another clause may be added.
    pub(crate) fn has_room(&self) -> bool {
        self.clauses.len() < CLAUSES_MAX
    }

    /// Adds a clause at the end.
    pub(crate) fn push(&mut self, clause: Clause) {
        self.clauses.push_back(clause);
    }

    /// Puts a clause before all that have not begun. The one being played goes on.
    pub(crate) fn push_first(&mut self, clause: Clause) {
        let playing = self.clauses.front().is_some_and(|front| front.audio.sent > 0 || front.unconfirmed);
        self.clauses.insert(usize::from(playing).min(self.clauses.len()), clause);
    }

    pub(crate) fn front(&self) -> Option<&Clause> {
        self.clauses.front()
    }

    pub(crate) fn front_mut(&mut self) -> Option<&mut Clause> {
        self.clauses.front_mut()
    }

    pub(crate) fn pop(&mut self) -> Option<Clause> {
        self.clauses.pop_front()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.clauses.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Clause> {
        self.clauses.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Clause> {
        self.clauses.iter_mut()
    }

    pub(crate) fn find(&mut self, id: ClauseId) -> Option<&mut Clause> {
        self.clauses.iter_mut().find(|clause| clause.id == id)
    }

    pub(crate) fn remove(&mut self, id: ClauseId) -> Option<Clause> {
        let at = self.clauses.iter().position(|clause| clause.id == id)?;
        self.clauses.remove(at)
    }

    /// A filler of the dialogue that has not begun.
    pub(crate) fn idle_filler(&self) -> Option<ClauseId> {
        let idle = |clause: &&Clause| clause.origin == Origin::DialogueFiller && clause.audio.sent == 0;
        self.clauses.iter().find(idle).map(|clause| clause.id)
    }

    /// Whether the next slot has something to play.
    pub(crate) fn has_audio(&self) -> bool {
        self.front().is_some_and(|front| front.audio.waiting() > 0 || front.audio.is_over())
    }

    /// Whether the caller may interrupt now. A goodbye is heard to its end.
    pub(crate) fn is_interruptible(&self) -> bool {
        self.finish.is_none() && self.front().is_none_or(|front| front.interruptible)
    }

    /// How long the audio that waits will last.
    pub(crate) fn waiting(&self) -> Duration {
        Samples(self.clauses.iter().map(|clause| clause.audio.waiting()).sum()).duration(SampleRate::HZ_8000)
    }

    /// Empties it and returns the clauses.
    pub(crate) fn take(&mut self) -> VecDeque<Clause> {
        std::mem::take(self).clauses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(text: &str) -> Clause {
        Clause::say(ClauseId(7), TurnId(1), Say::plain(text))
    }

    #[test]
    fn samples_come_out_as_they_went_in() {
        let mut audio = ClauseAudio::default();
        assert!(audio.push(vec![1, 2, 3], false));
        assert!(audio.push(vec![4, 5], true));
        assert!(audio.push(vec![6], false), "what comes after the last piece is no fault");
        let mut out = [0; 4];
        assert_eq!((audio.read(&mut out), out), (4, [1, 2, 3, 4]));
        assert!(!audio.is_over());
        let mut out = [0; 4];
        assert_eq!((audio.read(&mut out), out), (1, [5, 0, 0, 0]));
        assert!(audio.is_over());
        assert_eq!(audio.sent(), Samples(5));
    }

    #[test]
    fn heard_is_exact_to_the_sample() {
        let mut clause = clause("您的余额是五十元");
        clause.audio.push(vec![0; 800], true);
        let mut out = [0; 399];
        clause.audio.read(&mut out);
        assert_eq!(clause.heard().text.reveal(), "您的余", "399 of 800 samples are not yet four of eight characters");
        clause.audio.read(&mut [0]);
        assert_eq!(clause.heard().text.reveal(), "您的余额");
        clause.audio.read(&mut [0; 400]);
        assert_eq!(
            clause.heard(),
            Heard { clause: ClauseId(7), text: "您的余额是五十元".to_owned().into(), complete: true }
        );
    }

    #[test]
    fn an_unfinished_clause_is_measured_against_its_length_in_words() {
        let mut clause = clause("您的余额是五十元");
        clause.audio.push(vec![0; 1_600], false);
        clause.audio.read(&mut [0; 1_600]);
        assert_eq!(clause.heard().text.reveal(), "您", "200 ms of what will be about 1.6 s");
    }

    #[test]
    fn a_clause_longer_than_a_minute_is_cut() {
        let mut audio = ClauseAudio::default();
        assert!(audio.push(vec![0; 480_000], false));
        assert!(!audio.push(vec![0; 1], false));
        assert_eq!(audio.waiting(), 480_000);
    }

    #[test]
    fn a_filler_goes_first_but_does_not_cut_in() {
        let mut reply = Reply::default();
        let clip = Clip::new("请稍等", vec![0; 160]);
        reply.push(clause("好的"));
        reply.push_first(Clause::clip(ClauseId(8), TurnId(1), &clip, Origin::Filler, false));
        assert_eq!(reply.front().map(|front| front.id), Some(ClauseId(8)));
        reply.front_mut().expect("a front").audio.read(&mut [0; 10]);
        reply.push_first(Clause::clip(ClauseId(9), TurnId(1), &clip, Origin::Filler, false));
        let order: Vec<_> = reply.iter().map(|clause| clause.id.0).collect();
        assert_eq!(order, [8, 9, 7]);
    }
}
