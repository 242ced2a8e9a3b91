//! What a caller hears, measured from the audio of a call alone.
//!
//! All times are the phone's: when a packet was really sent or received, plus where in it the voice begins or ends.

use hualu_gateway::phone::{LineReport, Voiced};
use std::time::Duration;

/// A bot that begins to speak so soon after the caller went on had made up its mind in the pause.
const DECIDED: Duration = Duration::from_millis(200);

/// A prompt is silent when nothing was heard for so long, and for clearly longer than it pauses by itself.
const SILENT: Duration = Duration::from_millis(300);
const MORE_THAN_A_PAUSE: Duration = Duration::from_millis(100);

/// After so long a prompt that was not resumed is not going to be.
const RESUMED_WITHIN: Duration = Duration::from_secs(4);

/// So much voice of a prompt that is not heard where it should be is a stop, and no packet that came late.
const LOST: Duration = Duration::from_millis(100);

/// A prompt that is so much later than undisturbed has said a part of it again.
const REPEATED: Duration = Duration::from_millis(200);

/// Parts of a prompt are nearer to each other than this.
const PROMPT_ENDS: Duration = Duration::from_millis(1_200);

/// A prompt that stops so near to its end has ended.
const NEARLY_OVER: Duration = Duration::from_millis(300);

/// Silence of the bot that is a defect.
pub const DEAD_AIR: Duration = Duration::from_millis(2_500);

/// How much of a prompt is enough to know it by, in samples.
const PROBE: usize = 2_000;

/// How alike two pieces of audio must be to be the same: 1 is the same but for loudness.
const ALIKE: f32 = 0.85;

/// The voice of clip `n`, packet by packet.
fn clip_voice(line: &LineReport, n: usize) -> &[Voiced] {
    let Some(exchange) = line.exchanges.get(n) else { return &[] };
    let next = line.exchanges.get(n + 1).map_or(usize::MAX, |next| next.clip_at);
    let from = line.sent_voice.partition_point(|voice| voice.place < exchange.clip_at);
    let to = line.sent_voice.partition_point(|voice| voice.place < next);
    line.sent_voice.get(from..to).unwrap_or(&[])
}

/// Whether the bot began to speak in the pause of clip `n`, whose middle is `middle` samples into the clip, or so soon
/// after it that it cannot have heard the caller go on. `None` when the clip was not played to its end.
#[must_use]
pub fn cut_in(line: &LineReport, n: usize, middle: usize) -> Option<bool> {
    let voice = clip_voice(line, n);
    let after = voice.partition_point(|voice| voice.place < line.exchanges[n].clip_at + middle);
    let (from, to) = (voice.get(after.checked_sub(1)?)?.to, voice.get(after)?.from + DECIDED);
    Some(line.heard_voice.iter().any(|heard| heard.from > from && heard.from < to))
}

/// A prompt as it sounds when nobody interrupts it.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// First to last voiced sample.
    len: Duration,
    /// Silence of this length is none of its own pauses.
    silent: Duration,
    /// A piece of it that comes after every interruption.
    probe: Vec<i16>,
    /// When that is heard, from the beginning of the prompt.
    probe_after: Duration,
    /// Its voice, from its beginning.
    voice: Vec<(Duration, Duration)>,
}

impl Prompt {
    /// Learns the prompt with which a call begins from one in which the caller kept silent. `probed` is where in it, as a
    /// share of its length, the piece lies by which it is known to have gone on.
    #[must_use]
    pub fn of(line: &LineReport, probed: f64) -> Option<Self> {
        let first = line.heard_voice.first()?;
        let end =
            line.heard_voice.windows(2).find(|pair| silence(&pair[0], &pair[1]) > PROMPT_ENDS).map(|pair| pair[0]);
        let end = end.or(line.heard_voice.last().copied())?;
        let parts = line.heard_voice.iter().take_while(|voice| voice.from <= end.from);
        let pause = parts.clone().zip(parts.skip(1)).map(|(one, next)| silence(one, next)).max().unwrap_or_default();
        let from = first.place + ((end.place - first.place) as f64 * probed) as usize;
        let energy = |at: usize| line.bot.get(at..at + PROBE).map_or(0.0, |piece| power(piece, piece));
        let at = (from..from + 4 * PROBE).step_by(PROBE / 4).max_by(|a, b| energy(*a).total_cmp(&energy(*b)))?;
        let probe = line.bot.get(at..at + PROBE)?.to_vec();
        let silent = SILENT.max(pause + MORE_THAN_A_PAUSE);
        let since = |at: Duration| at.saturating_sub(first.from);
        let parts = line.heard_voice.iter().take_while(|voice| voice.from <= end.from);
        let voice = parts.map(|voice| (since(voice.from), since(voice.to))).collect();
        let mut prompt = Self { len: since(end.to), silent, probe, probe_after: Duration::ZERO, voice };
        prompt.probe_after = prompt.probe_heard(line)?.saturating_sub(first.from);
        Some(prompt)
    }

    /// Its length.
    #[must_use]
    pub const fn len(&self) -> Duration {
        self.len
    }

    /// When the probe was heard in a call.
    fn probe_heard(&self, line: &LineReport) -> Option<Duration> {
        let place = find(&line.bot, &self.probe)?;
        let after = line.heard_voice.partition_point(|heard| heard.place <= place);
        line.heard_voice.get(after.saturating_sub(1)).map(|heard| heard.from)
    }

    /// How much of its voice lies between two times from its beginning.
    fn voice_between(&self, from: Duration, to: Duration) -> Duration {
        let part = |(begin, end): &(Duration, Duration)| (*end).min(to).saturating_sub((*begin).max(from));
        self.voice.iter().map(part).sum()
    }

    /// First voiced sample of clip `n` to the last sample of the prompt before it fell silent, with which the call began.
    /// `None` when it was played to its end, or went on after all.
    #[must_use]
    pub fn stopped_after(&self, line: &LineReport, n: usize) -> Option<Duration> {
        let spoke = clip_voice(line, n).first()?.from;
        if self.probe_heard(line).is_some_and(|probe| probe > spoke) {
            return None;
        }
        let before = line.heard_voice.partition_point(|heard| heard.from <= spoke).checked_sub(1)?;
        let heard = line.heard_voice.get(before..)?;
        // It is silent where it would have been heard; its own pauses are no stop, and a reply may follow at once.
        let began = line.heard_voice.first()?.from;
        let since = |at: Duration| at.saturating_sub(began);
        let lost = |pair: &&[Voiced]| self.voice_between(since(pair[0].to), since(pair[1].from)) >= LOST;
        let stop = heard.windows(2).find(lost).map(|pair| pair[0].to);
        let stop = stop.or(heard.last().map(|last| last.to))?;
        let end = began + self.len;
        (stop + NEARLY_OVER < end).then(|| stop.saturating_sub(spoke))
    }

    /// What clip `n`, which was not meant to interrupt, did to the prompt. `None` when the prompt had been stopped, or its
    /// probe heard, before the clip.
    #[must_use]
    pub fn disturbed(&self, line: &LineReport, n: usize) -> Option<Disturbed> {
        let spoke = clip_voice(line, n).first()?.from;
        let probe = self.probe_heard(line);
        if probe.is_some_and(|probe| probe < spoke) {
            return None;
        }
        let until = probe.unwrap_or(spoke + RESUMED_WITHIN);
        let before = line.heard_voice.partition_point(|heard| heard.from <= spoke).checked_sub(1)?;
        let heard = line.heard_voice.get(before..)?;
        let silence =
            heard.windows(2).take_while(|pair| pair[0].to < until).map(|pair| silence(&pair[0], &pair[1])).max();
        let is_last = heard.last().is_some_and(|last| last.to < until);
        // A clause that was begun anew moves all that follows it.
        let began = line.heard_voice.first()?.from;
        let is_later = probe.is_some_and(|probe| probe > began + self.probe_after + REPEATED);
        let stopped = is_last || is_later || silence.is_some_and(|silence| silence > self.silent);
        Some(Disturbed { stopped, went_on: probe.is_some() })
    }
}

/// What became of a prompt over which the caller made a sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disturbed {
    /// It fell silent for more than 300 ms, or said a part of it again.
    pub stopped: bool,
    /// The rest of it was heard.
    pub went_on: bool,
}

/// Bot silences longer than [`DEAD_AIR`] after clip `n` and before the next one.
///
/// The first silence always counts. One after words of the bot counts when the bot itself ended it before `no_input`: it
/// still owed something. A longer one may be a bot that had finished and asked again.
#[must_use]
pub fn dead_air(line: &LineReport, n: usize, no_input: Duration) -> Vec<Duration> {
    let Some(spoke) = clip_voice(line, n).last().map(|last| last.to) else { return Vec::new() };
    let until =
        line.exchanges.get(n + 1).and_then(|_| clip_voice(line, n + 1).first()).map_or(line.over, |one| one.from);
    let heard = || line.heard_voice.iter().filter(|heard| heard.from > spoke && heard.from < until);
    let first = heard().next().map_or(until, |heard| heard.from).saturating_sub(spoke);
    let later = heard().zip(heard().skip(1)).map(|(one, next)| silence(one, next));
    let later = later.filter(|silence| *silence < no_input);
    std::iter::once(first).chain(later).filter(|silence| *silence > DEAD_AIR).collect()
}

/// The silence between two voiced stretches; none when their packets came in one bunch.
fn silence(one: &Voiced, next: &Voiced) -> Duration {
    next.from.saturating_sub(one.to)
}

/// Where `needle` is heard in `track`, whatever its loudness.
fn find(track: &[i16], needle: &[i16]) -> Option<usize> {
    let own = power(needle, needle).sqrt();
    let mut best = (ALIKE, None);
    for (at, piece) in track.windows(needle.len()).enumerate() {
        // Every fourth sample is enough to see that two pieces are not alike.
        let coarse: f32 = piece.iter().zip(needle).step_by(4).map(|(a, b)| f32::from(*a) * f32::from(*b)).sum();
        if coarse <= 0.0 || coarse < own * own / 64.0 {
            continue;
        }
        let alike = power(piece, needle) / (own * power(piece, piece).sqrt()).max(1.0);
        if alike > best.0 {
            best = (alike, Some(at));
        }
    }
    best.1
}

/// The sum of the products of two pieces.
fn power(a: &[i16], b: &[i16]) -> f32 {
    a.iter().zip(b).map(|(a, b)| f32::from(*a) * f32::from(*b)).sum()
}

#[cfg(test)]
mod tests;
