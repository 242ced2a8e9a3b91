//! Concealment of lost audio at 8 kHz, in the manner of G.711 Appendix I: the last pitch periods are repeated and faded
//! out within 60 ms, and below lies comfort noise as loud as the line was in its pauses.

/// The longest pitch period: 66 Hz.
const LAG_MAX: usize = 120;
/// The shortest: 200 Hz. Shorter ones are found as a multiple.
const LAG_MIN: usize = 40;
/// What the pitch is matched over: 20 ms.
const MATCH_LEN: usize = 160;
/// Three of the longest periods, and a quarter to cross-fade into the first.
const HISTORY_LEN: usize = 3 * LAG_MAX + LAG_MAX / 4;
/// The first 10 ms are repeated as they are, then the loudness falls to nothing at 60 ms.
const FADE_FROM: usize = 80;
const FADE_TO: usize = 480;
/// The return to real audio is blended over 5 ms, plus 4 ms for each 10 ms lost, at most 10 ms (Appendix I, I.2.7).
const BLEND_MIN: usize = 40;
const BLEND_MAX: usize = 80;
/// The noise floor before anything was heard, and its ceiling, as root mean square (-72 and -54 dBFS).
const FLOOR_FIRST: f32 = 8.0;
const FLOOR_MAX: f32 = 64.0;
/// How fast the floor may rise: 1 dB in a second.
const FLOOR_RISE_PER_SAMPLE: f32 = 1.000_014_4;

/// Fills what was lost in one stream. It keeps 49 ms of history and allocates nothing.
#[derive(Clone, Debug)]
pub struct Concealer {
    history: [f32; HISTORY_LEN],
    /// Samples invented since the last real one.
    lost: usize,
    pitch: Option<Pitch>,
    floor: f32,
    heard: bool,
    noise: u32,
}

#[derive(Clone, Copy, Debug)]
struct Pitch {
    lag: usize,
    /// Samples played of the repeated periods.
    phase: usize,
}

impl Concealer {
    /// `seed` starts the comfort noise.
    #[must_use]
    pub const fn new(seed: u32) -> Self {
        Self { history: [0.0; HISTORY_LEN], lost: 0, pitch: None, floor: FLOOR_FIRST, heard: false, noise: seed }
    }

    /// Takes audio that was received. After a loss its first milliseconds are blended with what was invented.
    pub fn good(&mut self, pcm: &mut [i16]) {
        if self.lost > 0 {
            let blend = (BLEND_MIN + self.lost * 2 / 5).min(BLEND_MAX).min(pcm.len());
            for (index, sample) in pcm.iter_mut().take(blend).enumerate() {
                let weight = (index + 1) as f32 / (blend + 1) as f32;
                let invented = self.invent();
                *sample = to_pcm(f32::from(*sample) * weight + invented * (1.0 - weight));
            }
            self.lost = 0;
            self.pitch = None;
        }
        self.track_floor(pcm);
        self.remember(pcm);
    }

    /// Fills `pcm` in place of audio that was lost.
    pub fn lost(&mut self, pcm: &mut [i16]) {
        if self.lost == 0 {
            self.pitch = self.find_pitch().map(|lag| Pitch { lag, phase: 0 });
        }
        for sample in pcm.iter_mut() {
            *sample = to_pcm(self.invent());
        }
    }

    /// Fills `pcm` with comfort noise in place of audio that the sender left out.
    pub fn silence(&mut self, pcm: &mut [i16]) {
        // Anything still fading from a loss before fades on; otherwise there is nothing to fade.
        if self.lost == 0 {
            self.pitch = None;
        }
        for sample in pcm.iter_mut() {
            *sample = to_pcm(self.invent());
        }
    }

    /// The next invented sample: the repeated periods as they fade, over comfort noise as it rises.
    fn invent(&mut self) -> f32 {
        let faded = self.lost.saturating_sub(FADE_FROM) as f32 / (FADE_TO - FADE_FROM) as f32;
        let loudness = if self.pitch.is_some() { (1.0 - faded).max(0.0) } else { 0.0 };
        let voice = if loudness > 0.0 { self.repeat() } else { 0.0 };
        self.lost = self.lost.saturating_add(1);
        voice * loudness + self.comfort_noise() * (1.0 - loudness)
    }

    /// The next sample of the repetition. One period is repeated for 10 ms, then two, then three, since a single one
    /// sounds like a beep (Appendix I, I.2.5).
    fn repeat(&mut self) -> f32 {
        let Some(pitch) = &mut self.pitch else { return 0.0 };
        let Pitch { lag, phase } = *pitch;
        pitch.phase += 1;
        let periods = (1 + self.lost / 80).min(3);
        let cycle = periods * lag;
        let at = phase % cycle;
        let sample = self.past(cycle - at);
        // The end of the cycle glides into what came before its start, so that the seam is smooth.
        let quarter = lag / 4;
        let left = cycle - at;
        if left <= quarter {
            let weight = (quarter + 1 - left) as f32 / (quarter + 1) as f32;
            return sample * (1.0 - weight) + self.past(cycle + left) * weight;
        }
        sample
    }

    /// The real sample `back` places before the loss, 1 being the last.
    fn past(&self, back: usize) -> f32 {
        HISTORY_LEN.checked_sub(back).and_then(|at| self.history.get(at)).copied().unwrap_or_default()
    }

    /// The lag at which the last 20 ms resemble what came before most; `None` when they are as quiet as the floor.
    fn find_pitch(&self) -> Option<usize> {
        let recent = self.history.get(HISTORY_LEN - MATCH_LEN..)?;
        let energy: f32 = recent.iter().map(|sample| sample * sample).sum();
        if energy / MATCH_LEN as f32 <= self.floor * self.floor {
            return None;
        }
        let score = |lag: usize| -> f32 {
            let start = HISTORY_LEN - MATCH_LEN - lag;
            let before = self.history.get(start..start + MATCH_LEN).unwrap_or(&[]);
            let product: f32 = recent.iter().zip(before).map(|(one, other)| one * other).sum();
            let power: f32 = before.iter().map(|sample| sample * sample).sum();
            product / power.max(1.0).sqrt()
        };
        let scored = (LAG_MIN..=LAG_MAX).map(|lag| (lag, score(lag)));
        scored.max_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(lag, _)| lag)
    }

    fn comfort_noise(&mut self) -> f32 {
        self.noise = self.noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Uniform in -1..1 has a root mean square of 1/√3.
        let uniform = (self.noise >> 8) as f32 / 8_388_608.0 - 1.0;
        uniform * self.floor * 1.732
    }

    fn track_floor(&mut self, pcm: &[i16]) {
        if pcm.is_empty() {
            return;
        }
        let energy: f32 = pcm.iter().map(|sample| f32::from(*sample) * f32::from(*sample)).sum();
        let level = (energy / pcm.len() as f32).sqrt();
        let risen = self.floor.max(1.0) * FLOOR_RISE_PER_SAMPLE.powi(pcm.len() as i32);
        let risen = if self.heard { risen } else { FLOOR_MAX };
        self.heard = true;
        self.floor = level.min(risen).min(FLOOR_MAX);
    }

    fn remember(&mut self, pcm: &[i16]) {
        let new = pcm.get(pcm.len().saturating_sub(HISTORY_LEN)..).unwrap_or(&[]);
        self.history.rotate_left(new.len());
        let start = HISTORY_LEN - new.len();
        for (slot, sample) in self.history.iter_mut().skip(start).zip(new) {
            *slot = f32::from(*sample);
        }
    }
}

fn to_pcm(sample: f32) -> i16 {
    // Float to integer saturates.
    sample.round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(period: f32, from: usize, len: usize) -> Vec<i16> {
        let sample = |n: usize| (8_000.0 * (n as f32 * std::f32::consts::TAU / period).sin()) as i16;
        (from..from + len).map(sample).collect()
    }

    fn rms(pcm: &[i16]) -> f32 {
        (pcm.iter().map(|sample| f32::from(*sample).powi(2)).sum::<f32>() / pcm.len() as f32).sqrt()
    }

    #[test]
    fn a_voice_goes_on_in_its_pitch() {
        for period in [40.0, 64.0, 80.0, 117.0] {
            let mut concealer = Concealer::new(1);
            concealer.good(&mut tone(period, 0, 800));
            let mut invented = [0; 80];
            concealer.lost(&mut invented);
            let truth = tone(period, 800, 80);
            let error: Vec<i16> = invented.iter().zip(&truth).map(|(one, other)| one - other).collect();
            assert!(rms(&error) < 0.15 * rms(&truth), "period {period}: {} of {}", rms(&error), rms(&truth));
        }
    }

    #[test]
    fn a_long_loss_fades_to_the_noise_of_the_line_within_60_ms() {
        let mut concealer = Concealer::new(1);
        let mut quiet: Vec<i16> = (0..8_000).map(|n| if n % 2 == 0 { 30 } else { -30 }).collect();
        concealer.good(&mut quiet);
        concealer.good(&mut tone(80.0, 0, 800));
        let mut loudness = Vec::new();
        for _ in 0..8 {
            let mut invented = [0; 80];
            concealer.lost(&mut invented);
            loudness.push(rms(&invented));
        }
        assert!(loudness.windows(2).take(6).all(|pair| pair[1] <= pair[0] * 1.05), "{loudness:?}");
        assert!((15.0..50.0).contains(&loudness[6]), "{loudness:?}");
        assert!((15.0..50.0).contains(&loudness[7]), "{loudness:?}");
    }

    #[test]
    fn neither_end_of_a_loss_clicks() {
        let mut concealer = Concealer::new(1);
        let mut line = tone(73.0, 0, 1_600);
        let step_max = line.windows(2).map(|pair| (pair[1] - pair[0]).abs()).max().expect("not empty");
        for (index, frame) in line.chunks_mut(160).enumerate() {
            if index == 4 || index == 5 {
                concealer.lost(frame);
            } else {
                concealer.good(frame);
            }
        }
        let step = line.windows(2).map(|pair| (pair[1] - pair[0]).abs()).max().expect("not empty");
        assert!(step <= step_max * 3, "{step} against {step_max}");
    }

    #[test]
    fn silence_is_never_louder_than_the_line_and_never_digital_zero() {
        let mut concealer = Concealer::new(1);
        let mut out = [0; 160];
        concealer.silence(&mut out);
        assert!(rms(&out) > 1.0 && rms(&out) < 20.0);
        concealer.good(&mut tone(80.0, 0, 8_000));
        concealer.silence(&mut out);
        assert!(rms(&out) <= FLOOR_MAX * 1.2, "speech must not raise the floor: {}", rms(&out));
    }

    #[test]
    fn any_length_is_filled() {
        let mut concealer = Concealer::new(1);
        concealer.good(&mut []);
        concealer.lost(&mut []);
        concealer.good(&mut tone(80.0, 0, 2_000));
        let mut out = vec![0; 5_000];
        concealer.lost(&mut out);
        concealer.good(&mut [0; 3]);
        concealer.good(&mut tone(80.0, 0, 2_000));
    }
}
