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
    /// Which of the latest frames have a pitch, a bit for each, the newest the lowest.
    pitched: u64,
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
            pitched: 0,
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

    /// Looks whether the frame just heard has a pitch, if it was heard as `activity`; at an onset also at those that led to
    /// it. To be called once for each frame, for it costs more than all else that is done for a packet.
    pub(crate) fn mark_pitch(&mut self, activity: Activity) {
        let new = match activity {
            Activity::Started => {
                self.pitched = 0;
                frames(self.config.onset_window)
            }
            Activity::Voiced | Activity::Pausing(_) => 1,
            Activity::Silence => 0,
        };
        let len = self.kept.len();
        for at in len.saturating_sub(new)..len {
            self.pitched = (self.pitched << 1) | u64::from(pitch::is_pitched(self.kept.range(..=at)));
        }
    }

    /// Whether the newest frame of the present speech has a pitch.
    pub(crate) const fn is_pitched(&self) -> bool {
        self.pitched & 1 == 1
    }

    /// How much has a pitch of the latest frames, so many as an onset is looked for in.
    pub(crate) fn pitched_lately(&self) -> Duration {
        let window = frames(self.config.onset_window).min(63);
        PcmFrame::DURATION * (self.pitched & ((1 << window) - 1)).count_ones()
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

#[cfg(test)]
mod tests {
    use super::*;
    use hualu_core::SampleRate;
    use std::f32::consts::TAU;

    /// Hears whatever is loud as voice.
    struct Loud;

    impl VoiceActivity for Loud {
        fn score(&mut self, frame: &PcmFrame) -> f32 {
            f32::from(u8::from(mean_square(frame) > 10_000.0))
        }
    }

    /// Frame `n` of a sound: a vowel's buzz, hiss, or silence.
    fn frame(n: usize, kind: char) -> PcmFrame {
        let sample = |k: usize| {
            let t = (n * 160 + k) as f32 / 8_000.0;
            let buzz: f32 = (1..20).map(|k| 3_000.0 / k as f32 * (TAU * 120.0 * k as f32 * t).sin()).sum();
            let mut bits = t.to_bits().wrapping_mul(0x9E37_79B9);
            bits = (bits ^ (bits >> 15)).wrapping_mul(0x85EB_CA6B);
            match kind {
                'v' => buzz as i16,
                'h' => ((bits ^ (bits >> 13)) >> 16) as i16 / 4,
                _ => 0,
            }
        };
        PcmFrame::new(&(0..160).map(sample).collect::<Vec<_>>(), SampleRate::HZ_8000).expect("fits")
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "virtual time needs one instant to count from")]
    fn the_count_of_pitched_frames_is_what_looking_at_each_of_them_gives() {
        let config = HysteresisConfig::default();
        let window = frames(config.onset_window);
        let (mut now, mut ears) = (Instant::now(), Ears::new(config, Box::new(Loud)));
        let mut seen = [false; 9];
        for (n, kind) in "....hhhhvvvvvvvvvvhhvvhh......hvhvvvvv......hhhhhhhhhh".chars().enumerate() {
            now += PcmFrame::DURATION;
            let activity = ears.hear(now, &frame(n, kind));
            ears.mark_pitch(activity);
            if !ears.is_speaking() {
                continue;
            }
            let len = ears.kept.len();
            let each = (len - window..len).filter(|at| pitch::is_pitched(ears.kept.range(..=*at))).count();
            assert_eq!(ears.pitched_lately(), PcmFrame::DURATION * each as u32, "frame {n}");
            assert_eq!(ears.is_pitched(), pitch::is_pitched(ears.kept.iter()), "frame {n}");
            seen[each] = true;
            if matches!(activity, Activity::Pausing(pause) if pause >= PcmFrame::DURATION * 5) {
                ears.dismiss();
            }
        }
        assert!(seen[0] && seen[3] && seen[8], "{seen:?}");
    }
}
