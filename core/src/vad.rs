//! Voice activity: what a detector answers, and the hysteresis that turns its answers into speech and silence.

use crate::frame::PcmFrame;
use std::time::Duration;

/// Judges 20 ms frames of one call. Detectors may keep state, so each call has its own.
pub trait VoiceActivity {
    /// The speech probability (or 0 and 1) of the next frame, in `0.0..=1.0`.
    fn score(&mut self, frame: &PcmFrame) -> f32;
}

/// When speech is taken to start and stop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HysteresisConfig {
    /// A frame at or above this counts as voiced.
    pub on_score: f32,
    /// While speech lasts, a frame below this counts as silent.
    pub off_score: f32,
    /// So much voice inside the onset window starts speech.
    pub speech_min: Duration,
    /// The window in which [`Self::speech_min`] must be met.
    pub onset_window: Duration,
}

impl Default for HysteresisConfig {
    fn default() -> Self {
        Self {
            on_score: 0.5,
            off_score: 0.35,
            speech_min: Duration::from_millis(80),
            onset_window: Duration::from_millis(160),
        }
    }
}

/// What one frame meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Silence goes on.
    Silence,
    /// Speech begins with this frame: it was voiced, and enough were before it.
    Started,
    /// Speech goes on and this frame is voiced.
    Voiced,
    /// Speech has not ended, but this frame is silent; the time since the last voiced frame.
    Pausing(Duration),
}

/// Start and pause of speech out of frame scores. It never ends speech by itself: how long a pause may be is decided by
/// the turn machine, which calls [`Hysteresis::end`].
#[derive(Clone, Debug)]
pub struct Hysteresis {
    config: HysteresisConfig,
    history: u64,
    speaking: bool,
    pause: Duration,
}

impl Hysteresis {
    /// Starts in silence.
    #[must_use]
    pub const fn new(config: HysteresisConfig) -> Self {
        Self { config, history: 0, speaking: false, pause: Duration::ZERO }
    }

    /// Takes the score of the next 20 ms frame.
    pub fn push(&mut self, score: f32) -> Activity {
        let voiced = score >= if self.speaking { self.config.off_score } else { self.config.on_score };
        self.history = (self.history << 1) | u64::from(voiced);
        if self.speaking {
            if voiced {
                self.pause = Duration::ZERO;
                return Activity::Voiced;
            }
            self.pause += PcmFrame::DURATION;
            return Activity::Pausing(self.pause);
        }
        let window = frames(self.config.onset_window).clamp(1, 63);
        let recent = self.history & ((1_u64 << window) - 1);
        if voiced && recent.count_ones() >= frames(self.config.speech_min).max(1) {
            self.speaking = true;
            self.pause = Duration::ZERO;
            return Activity::Started;
        }
        Activity::Silence
    }

    /// Ends speech: the next frames count as silence until speech starts anew.
    pub fn end(&mut self) {
        self.speaking = false;
        self.history = 0;
        self.pause = Duration::ZERO;
    }

    /// Whether speech has started and not been ended.
    #[must_use]
    pub const fn is_speaking(&self) -> bool {
        self.speaking
    }
}

fn frames(duration: Duration) -> u32 {
    (duration.as_millis() / PcmFrame::DURATION.as_millis()) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_is_not_speech_and_a_word_is() {
        let mut gate = Hysteresis::new(HysteresisConfig::default());
        assert_eq!(gate.push(1.0), Activity::Silence);
        for _ in 0..10 {
            assert_eq!(gate.push(0.0), Activity::Silence);
        }
        for _ in 0..3 {
            assert_eq!(gate.push(0.9), Activity::Silence);
        }
        assert_eq!(gate.push(0.9), Activity::Started);
        assert_eq!(gate.push(0.4), Activity::Voiced, "between off and on still counts while speaking");
        assert_eq!(gate.push(0.1), Activity::Pausing(Duration::from_millis(20)));
        assert_eq!(gate.push(0.1), Activity::Pausing(Duration::from_millis(40)));
        gate.end();
        assert_eq!(gate.push(0.4), Activity::Silence);
    }
}
