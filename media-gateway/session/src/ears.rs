//! Judges what is heard: speech or not, since when, how much; and keeps the last second so that no first syllable is lost.

use crate::pitch;
use hualu_core::{Activity, Hysteresis, HysteresisConfig, PcmFrame, VoiceActivity};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Frames kept: 1.2 s, which holds the pre-roll and the longest undecided onset.
const KEPT: usize = 60;
/// Frames of silence that make a pause: 200 ms, more than between two words.
const PAUSE: usize = 10;

/// The detector of one call and what it has heard lately.
pub(crate) struct Ears {
    detector: Box<dyn VoiceActivity>,
    gate: Hysteresis,
    config: HysteresisConfig,
    kept: VecDeque<PcmFrame>,
    /// Frames since the onset of the present speech, the onset window included.
    since_onset: usize,
    voiced: Duration,
    last_voiced: Option<Instant>,
    onset: Option<Instant>,
    /// What is heard now does not count until it pauses.
    ignoring: bool,
    unvoiced_run: usize,
    /// Frames that no recognition has had yet.
    fresh: usize,
    /// Energy of the present speech's voiced frames, as mean squares, and how many they are.
    loudness: (f32, u32),
    /// How loud the caller's own words were, as a mean square.
    caller: Option<f32>,
}

impl Ears {
    pub(crate) fn new(config: HysteresisConfig, detector: Box<dyn VoiceActivity>) -> Self {
        Self {
            detector,
            gate: Hysteresis::new(config),
            config,
            kept: VecDeque::with_capacity(KEPT),
            since_onset: 0,
            voiced: Duration::ZERO,
            last_voiced: None,
            onset: None,
            ignoring: false,
            unvoiced_run: 0,
            fresh: 0,
            loudness: (0.0, 0),
            caller: None,
        }
    }

    /// Takes the next 20 ms.
    pub(crate) fn hear(&mut self, now: Instant, frame: &PcmFrame) -> Activity {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(*frame);
        let activity = self.gate.push(self.detector.score(frame));
        self.since_onset += 1;
        self.fresh = (self.fresh + 1).min(KEPT);
        match activity {
            Activity::Started => {
                self.since_onset = frames(self.config.onset_window);
                self.voiced = self.config.speech_min;
                self.last_voiced = Some(now);
                self.onset = now.checked_sub(self.config.speech_min);
                self.loudness = (mean_square(frame), 1);
            }
            Activity::Voiced => {
                self.loudness = (self.loudness.0 + mean_square(frame), self.loudness.1 + 1);
                self.voiced += PcmFrame::DURATION;
                self.last_voiced = Some(now);
            }
            Activity::Silence | Activity::Pausing(_) => {}
        }
        let voiced = matches!(activity, Activity::Started | Activity::Voiced);
        self.unvoiced_run = if voiced { 0 } else { self.unvoiced_run + 1 };
        self.ignoring &= self.unvoiced_run < PAUSE;
        activity
    }

    /// Speech has begun and was not dismissed.
    pub(crate) const fn is_speaking(&self) -> bool {
        self.gate.is_speaking() && !self.ignoring
    }

    /// Nothing counts as speech until there has been a pause.
    pub(crate) const fn ignore_until_pause(&mut self) {
        self.ignoring = true;
        self.unvoiced_run = 0;
    }

    /// How much voice the present speech holds.
    pub(crate) const fn voiced(&self) -> Duration {
        self.voiced
    }

    /// Whether the newest frame has a pitch.
    pub(crate) fn is_pitched(&self) -> bool {
        pitch::is_pitched(self.kept.iter())
    }

    /// How much has a pitch of the latest frames, so many as an onset is looked for in.
    pub(crate) fn pitched_lately(&self) -> Duration {
        let len = self.kept.len();
        let onset = len.saturating_sub(frames(self.config.onset_window))..len;
        onset.filter(|at| pitch::is_pitched(self.kept.range(..=*at))).map(|_| PcmFrame::DURATION).sum()
    }

    /// The present speech was the caller's own: whoever is much quieter from now on is somebody else in the room.
    pub(crate) fn know_caller(&mut self) {
        let Some(level) = self.level() else { return };
        self.caller = Some(self.caller.map_or(level, |known| f32::midpoint(known, level)));
    }

    /// Whether the present speech has less than `share` of the power of the caller's own words. Never, before the caller
    /// has said any.
    pub(crate) fn is_far(&self, share: f32) -> bool {
        self.caller.zip(self.level()).is_some_and(|(caller, level)| level < share * caller)
    }

    /// The mean square of the present speech.
    fn level(&self) -> Option<f32> {
        let (sum, frames) = self.loudness;
        (frames > 0).then(|| sum / frames as f32)
    }

    /// When the last voiced frame came.
    pub(crate) const fn last_voiced(&self) -> Option<Instant> {
        self.last_voiced
    }

    /// About when the present speech began.
    pub(crate) const fn onset(&self) -> Option<Instant> {
        self.onset
    }

    /// The present speech is over or was none.
    pub(crate) fn dismiss(&mut self) {
        self.gate.end();
        self.voiced = Duration::ZERO;
    }

    /// What was heard so far belongs to an utterance: no other one gets it again.
    pub(crate) const fn consume(&mut self) {
        self.fresh = 0;
    }

    /// The present speech from its onset, and `pre_roll` before it, oldest first.
    pub(crate) fn speech(&self, pre_roll: Duration) -> impl Iterator<Item = &PcmFrame> {
        let wanted = (self.since_onset + frames(pre_roll)).min(self.fresh);
        self.kept.iter().skip(self.kept.len().saturating_sub(wanted))
    }
}

/// The power of a frame, in squares of sample values.
fn mean_square(frame: &PcmFrame) -> f32 {
    let sum: f32 = frame.samples().iter().map(|sample| f32::from(*sample) * f32::from(*sample)).sum();
    sum / frame.samples().len().max(1) as f32
}

fn frames(duration: Duration) -> usize {
    (duration.as_millis() / PcmFrame::DURATION.as_millis()) as usize
}
