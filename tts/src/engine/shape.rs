//! Shapes the decoder's features for the telephone: sharper formants, a little treble, a clear choice of voiced or not.

use super::spec::Shaping;
use super::vocoder::{FLOOR_LN, H_BANDS, N_BANDS, harmonic_axis_hz, noise_centres_hz};

/// ln amplitude of a noise band that is to be silent.
const SILENT_LN: f32 = -20.0;

/// The shaping of one voice with its per-band gains worked out.
#[derive(Debug)]
pub(super) struct Shaper {
    rules: Shaping,
    harmonic_tilt_ln: [f32; H_BANDS],
    noise_tilt_ln: [f32; N_BANDS],
}

impl Shaper {
    pub fn new(rules: &Shaping) -> Self {
        Self {
            harmonic_tilt_ln: harmonic_axis_hz().map(|hz| tilt_ln(hz, rules)),
            noise_tilt_ln: noise_centres_hz().map(|hz| tilt_ln(hz, rules)),
            rules: rules.clone(),
        }
    }

    /// Shapes one sub-frame in place: `H_BANDS` of the harmonics, `N_BANDS` of the noise, the voicing.
    ///
    /// `hold`, 0 to 1, is how firmly it must be voiced; see [`super::prosody::voiced_hold`].
    pub fn shape(&self, features: &mut [f32], hold: f32) {
        let (harmonic, rest) = features.split_at_mut(H_BANDS);
        let (noise, voicing) = rest.split_at_mut(N_BANDS);
        sharpen(harmonic, self.rules.harmonic_sharpen, self.rules.sharpen_reach);
        sharpen(noise, self.rules.noise_sharpen, self.rules.sharpen_reach);
        for (value, tilt) in harmonic.iter_mut().zip(&self.harmonic_tilt_ln) {
            *value += tilt;
        }
        let raised = (self.rules.hold * hold - voicing[0]).max(0.0);
        let share = (voicing[0] + raised - self.rules.voicing_low) / (self.rules.voicing_high - self.rules.voicing_low);
        let share = share.clamp(0.0, 1.0);
        voicing[0] = share * share * (3.0 - 2.0 * share);
        let gain_db = self.rules.noise_gain_db * (1.0 - voicing[0])
            + self.rules.breath_gain_db * voicing[0]
            + self.rules.hold_noise_db * raised;
        for (value, tilt) in noise.iter_mut().zip(&self.noise_tilt_ln) {
            *value += tilt + db_to_ln(gain_db);
            if *value < FLOOR_LN + 1.0 {
                *value = SILENT_LN;
            }
        }
    }
}

fn db_to_ln(db: f32) -> f32 {
    db * std::f32::consts::LN_10 / 20.0
}

fn tilt_ln(hz: f32, rules: &Shaping) -> f32 {
    let share = (hz - rules.tilt_from_hz) / (rules.tilt_to_hz - rules.tilt_from_hz);
    db_to_ln(share.clamp(0.0, 1.0) * rules.tilt_db)
}

/// Adds back `strength` times what a moving average over `2 reach + 1` bands takes away.
fn sharpen(bands: &mut [f32], strength: f32, reach: usize) {
    let mut old = [0.0; H_BANDS];
    let old = &mut old[..bands.len()];
    old.copy_from_slice(bands);
    let last = bands.len() - 1;
    for (at, band) in bands.iter_mut().enumerate() {
        let sum: f32 = (0..=2 * reach).map(|k| old[(at + k).saturating_sub(reach).min(last)]).sum();
        *band += strength * (*band - sum / (2 * reach + 1) as f32);
    }
}

/// Soft limit: straight to 0.5, never past 0.708 (−3 dBov).
pub(super) fn limit(x: f32) -> f32 {
    const KNEE: f32 = 0.5;
    const ROOM: f32 = 0.2079;
    if x.abs() <= KNEE { x } else { x.signum() * (KNEE + ROOM * ((x.abs() - KNEE) / ROOM).tanh()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_straight_then_soft() {
        assert_eq!(limit(0.3), 0.3);
        assert!(limit(5.0) < 0.708 && limit(-5.0) > -0.708);
        assert!((limit(0.5001) - 0.5001).abs() < 1e-4, "no step at the knee");
    }

    #[test]
    fn sharpening_deepens_valleys_and_leaves_slopes() {
        let mut slope: Vec<f32> = (0..N_BANDS).map(|n| n as f32).collect();
        sharpen(&mut slope, 0.5, 3);
        assert!((slope[10] - 10.0).abs() < 1e-5);
        let mut valley = [0.0; N_BANDS];
        valley[10] = -1.0;
        sharpen(&mut valley, 0.5, 3);
        assert!(valley[10] < -1.3);
    }
}
