//! Sentence prosody by rule: citation durations and tone shapes from the encoder become a telephone sentence.
//!
//! The voice was recorded as single words, slow and with the melody of a list. Durations are compressed towards those
//! of speech, the last syllable before a pause is lengthened, pauses follow the punctuation, and the tones ride on a
//! line that falls through the clause, deeper at a full stop, and rises at the end of a question.

use super::phones::{is_unvoiced, phones_of};
use super::spec::{Rules, VoiceSpec};
use super::{Boundary, Syllable};
use std::collections::HashMap;

/// Phones of a clause, in the encoder's terms, with the silences around and between its phrases.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub ph: Vec<i64>,
    pub tone: Vec<i64>,
    /// 2 after a silence plus 1 before one, per syllable.
    pub pos: Vec<i64>,
    /// Index of the syllable, or `None` for silence.
    pub owner: Vec<Option<usize>>,
    /// Syllables that the voice has no phones for.
    pub skipped: usize,
}

impl Layout {
    /// Lays out a clause; `ids` are the voice's phones.
    pub fn new(syllables: &[Syllable], ids: &HashMap<String, i64>) -> Self {
        let mut layout = Self::default();
        let known: Vec<(usize, Vec<i64>)> = syllables
            .iter()
            .enumerate()
            .filter_map(|(at, syllable)| {
                let (initial, last) = phones_of(&syllable.pinyin);
                let phones = initial.iter().chain([&last]).map(|name| ids.get(name).copied());
                phones.collect::<Option<Vec<i64>>>().map(|phones| (at, phones))
            })
            .collect();
        layout.skipped = syllables.len() - known.len();
        layout.push(0, 0, 0, None);
        let mut first = true;
        for (nth, (at, phones)) in known.iter().enumerate() {
            let syllable = &syllables[*at];
            let pause = syllable.boundary >= Boundary::Phrase || nth + 1 == known.len();
            for &phone in phones {
                let pos = 2 * i64::from(first) + i64::from(pause);
                layout.push(phone, i64::from(syllable.tone.clamp(1, 5)), pos, Some(*at));
            }
            first = pause;
            if pause {
                layout.push(0, 0, 0, None);
            }
        }
        layout
    }

    fn push(&mut self, phone: i64, tone: i64, pos: i64, owner: Option<usize>) {
        self.ph.push(phone);
        self.tone.push(tone);
        self.pos.push(pos);
        self.owner.push(owner);
    }

    /// The boundary that the silence at `n` stands for.
    fn boundary_before(&self, n: usize, syllables: &[Syllable]) -> Option<Boundary> {
        let before = n.checked_sub(1)?;
        self.owner[before].map(|at| syllables[at].boundary)
    }
}

/// Frames of 10 ms per phone. Rounding carries over, so that the tempo holds.
pub(super) fn durations(
    layout: &Layout,
    syllables: &[Syllable],
    logdur: &[f32],
    rate: f64,
    spec: &VoiceSpec,
) -> Vec<usize> {
    let rules = &spec.prosody;
    let mut carry = 0.0;
    let frames = layout.owner.iter().enumerate().map(|(n, owner)| {
        let (ms, least) = match owner {
            None => (pause_ms(layout.boundary_before(n, syllables), rules) / rate, 2.0),
            Some(at) => {
                let phone = &spec.phones[layout.ph[n] as usize];
                (phone_ms(f64::from(logdur[n]), phone, &syllables[*at], rate, rules), 3.0)
            }
        };
        let wanted: f64 = ms / 10.0 + carry;
        let count = (wanted + 0.5).floor().max(least);
        carry = (wanted - count).clamp(-0.5, 0.5);
        count as usize
    });
    frames.collect()
}

fn pause_ms(after: Option<Boundary>, rules: &Rules) -> f64 {
    match after {
        None => rules.lead_ms,
        Some(Boundary::None | Boundary::Word) => rules.fragment_pause_ms,
        Some(Boundary::Phrase) => rules.phrase_pause_ms,
        Some(Boundary::Clause) => rules.clause_pause_ms,
        Some(Boundary::Sentence | Boundary::Question) => rules.sentence_pause_ms,
    }
}

/// A voiced initial has a minimum of its own: shorter murmurs of m, n and l are not told from each other. So has a final
/// with a tone: a shorter vowel after a vowel (余额) is lost in its neighbour.
fn phone_ms(logdur: f64, phone: &str, syllable: &Syllable, rate: f64, rules: &Rules) -> f64 {
    let citation_ms = logdur.clamp(0.7, 5.0).exp() * 10.0;
    let is_initial = phone.starts_with("i_");
    let (at_reference_ms, reference_ms, least_ms) = if is_initial {
        let least_ms = if is_unvoiced(phone) { rules.initial_min_ms } else { rules.voiced_initial_min_ms };
        (rules.initial_ms, rules.initial_ref_ms, least_ms)
    } else {
        let least_ms = if syllable.tone == 5 { rules.final_min_ms } else { rules.toned_final_min_ms };
        (rules.final_ms, rules.final_ref_ms, least_ms)
    };
    let mut stretch = match syllable.boundary {
        Boundary::None => 1.0,
        Boundary::Word => rules.word_stretch,
        Boundary::Phrase => rules.phrase_stretch,
        Boundary::Clause | Boundary::Sentence | Boundary::Question => rules.clause_stretch,
    };
    if is_initial {
        stretch = 1.0 + 0.5 * (stretch - 1.0);
    }
    if syllable.emphasis {
        stretch *= rules.emphasis_stretch;
    }
    let ms = at_reference_ms * (citation_ms / reference_ms).powf(rules.compression);
    (ms * stretch / rate).max(least_ms / rate.max(1.0))
}

/// Normalised log F0 per sub-frame of 5 ms: `(ln F0 - mean) / scale`.
///
/// `points` are the encoder's targets, `spec.f0_points` for each phone.
pub(super) fn f0_contour(
    layout: &Layout,
    syllables: &[Syllable],
    frames: &[usize],
    points: &[f32],
    spec: &VoiceSpec,
) -> Vec<f64> {
    let rules = &spec.prosody;
    let semitone = std::f64::consts::LN_2 / 12.0 / spec.f0_scale;
    let mut targets: Vec<(f64, f64)> = Vec::new();
    let (mut start, mut phrase_start, mut question) = (0, 0, false);
    for (n, owner) in layout.owner.iter().enumerate() {
        let Some(at) = owner else {
            if layout.boundary_before(n, syllables).is_none_or(|boundary| boundary >= Boundary::Clause) {
                phrase_start = start + frames[n];
                let later = layout.owner[n..].iter().flatten().map(|&at| syllables[at].boundary);
                question = later.into_iter().find(|&b| b >= Boundary::Clause) == Some(Boundary::Question);
            }
            start += frames[n];
            continue;
        };
        let syllable = &syllables[*at];
        for k in 0..spec.f0_points {
            if is_unvoiced(&spec.phones[layout.ph[n] as usize]) {
                break;
            }
            let share = (k as f64 + 0.5) / spec.f0_points as f64;
            let time = start as f64 + share * frames[n] as f64;
            let (size, shift_st) = line(syllable, share, (time - phrase_start as f64) / 100.0, question, rules);
            let point = f64::from(points[n * spec.f0_points + k]);
            targets.push((time * super::neural::SUB_FRAMES as f64, point * size + shift_st * semitone));
        }
        start += frames[n];
    }
    let floor = (rules.f0_floor_hz.ln() - spec.f0_mean_ln) / spec.f0_scale;
    let ceiling = (rules.f0_ceiling_hz.ln() - spec.f0_mean_ln) / spec.f0_scale;
    smooth(&interpolate(&targets, start * super::neural::SUB_FRAMES, floor, ceiling))
}

/// How firmly each sub-frame must be voiced, 0 to 1: the inside of a final is. Low tones were recorded with a creak,
/// which the voice learned as a loss of voice.
pub(super) fn voiced_hold(layout: &Layout, frames: &[usize], spec: &VoiceSpec) -> Vec<f32> {
    let mut hold = Vec::with_capacity(frames.iter().sum::<usize>() * super::neural::SUB_FRAMES);
    for (&phone, &count) in layout.ph.iter().zip(frames) {
        let count = count * super::neural::SUB_FRAMES;
        let is_final = spec.phones[phone as usize].starts_with("f_");
        hold.extend((0..count).map(|n| {
            let share = (n as f32 + 0.5) / count as f32;
            let inside = ((share - 0.10) / 0.08).clamp(0.0, 1.0) * ((0.85 - share) / 0.08).clamp(0.0, 1.0);
            if is_final { inside } else { 0.0 }
        }));
    }
    hold
}

/// Range factor and shift in semitones `share` through a phone, `elapsed_s` into its clause.
fn line(syllable: &Syllable, share: f64, elapsed_s: f64, question: bool, rules: &Rules) -> (f64, f64) {
    let slope = if question { 0.3 } else { 1.0 } * rules.declination_st_per_s;
    let mut shift = rules.declination_start_st + (slope * elapsed_s).max(rules.declination_min_st) + rules.f0_shift_st;
    let mut size = rules.f0_range;
    if syllable.emphasis {
        size *= rules.emphasis_range;
        shift += rules.emphasis_st;
    }
    match syllable.boundary {
        Boundary::Sentence => shift += rules.final_fall_st * share,
        Boundary::Question => shift += rules.question_rise_st * (0.5 + share),
        _ => {}
    }
    (size, shift)
}

/// Draws lines between the targets at the middle of each sub-frame; ends are held.
fn interpolate(targets: &[(f64, f64)], len: usize, floor: f64, ceiling: f64) -> Vec<f64> {
    let Some((first, last)) = targets.first().zip(targets.last()) else { return vec![0.0; len] };
    let mut at = 0;
    let values = (0..len).map(|m| {
        let time = m as f64 + 0.5;
        while at + 1 < targets.len() && targets[at + 1].0 <= time {
            at += 1;
        }
        let value = if time <= first.0 {
            first.1
        } else if time >= last.0 {
            last.1
        } else {
            let ((t0, v0), (t1, v1)) = (targets[at], targets[at + 1]);
            v0 + (v1 - v0) * (time - t0) / (t1 - t0)
        };
        value.clamp(floor, ceiling)
    });
    values.collect()
}

fn smooth(contour: &[f64]) -> Vec<f64> {
    const KERNEL: [f64; 7] = [1.0, 2.0, 3.0, 4.0, 3.0, 2.0, 1.0];
    let Some(last) = contour.len().checked_sub(1) else { return Vec::new() };
    let reach = KERNEL.len() / 2;
    (0..contour.len())
        .map(|m| {
            let taps = KERNEL.iter().enumerate();
            taps.map(|(k, weight)| weight / 16.0 * contour[(m + k).saturating_sub(reach).min(last)]).sum()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_joined_by_lines_and_held_at_the_ends() {
        let contour = interpolate(&[(2.5, 1.0), (4.5, 3.0)], 7, -10.0, 2.5);
        assert_eq!(contour, [1.0, 1.0, 1.0, 2.0, 2.5, 2.5, 2.5]);
        assert!(interpolate(&[], 3, 0.0, 1.0).iter().all(|&v| v == 0.0));
        assert!((smooth(&[2.0; 9])[4] - 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_clause_has_silence_around_it_and_skips_what_cannot_be_said() {
        let ids = ["sil", "i_m", "f_a"].iter().zip(0..).map(|(name, id)| ((*name).to_owned(), id)).collect();
        let say = |pinyin: &str, boundary| Syllable { pinyin: pinyin.into(), tone: 1, boundary, emphasis: false };
        let syllables = [say("ma", Boundary::Phrase), say("xyz", Boundary::None), say("a", Boundary::Word)];
        let layout = Layout::new(&syllables, &ids);
        assert_eq!(layout.ph, [0, 1, 2, 0, 2, 0]);
        assert_eq!(layout.pos, [0, 3, 3, 0, 3, 0]);
        assert_eq!(layout.skipped, 1);
    }
}
