//! Speech that can be read back: one loudness per character.

use hualu_core::{PcmFrame, SampleRate};
use hualu_rtp::Law;

/// A character lasts ten frames: 200 ms, as in unhurried Mandarin.
pub const FRAMES_PER_CHARACTER: usize = 10;
/// Loudness steps of A-law from 504 up: seven bits of code, without the quiet segments.
const LEVELS: usize = 80;
/// The loudness of voice without words.
const NOISE: usize = LEVELS - 1;
/// The loudness of a cough.
const COUGH: usize = LEVELS - 2;

/// Which loudness stands for which character.
#[derive(Clone, Debug, Default)]
pub struct Alphabet {
    characters: Vec<char>,
    noise: u32,
}

/// What one frame sounds like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    /// Nothing.
    Silence,
    /// A part of this character.
    Voice(char),
    /// Voice without words: humming, another language.
    Noise,
    /// Sound without a pitch: a cough, a keyboard.
    Cough,
}

impl Alphabet {
    /// The loudness of `character`, which is learnt when it is new.
    ///
    /// # Panics
    /// Panics when one world speaks more than 78 different characters.
    pub fn level(&mut self, character: char) -> i16 {
        let at = self.characters.iter().position(|known| *known == character).unwrap_or_else(|| {
            self.characters.push(character);
            self.characters.len() - 1
        });
        assert!(at < COUGH, "one world speaks at most {COUGH} different characters");
        level(at)
    }

    /// One frame of `sound`.
    pub fn frame(&mut self, sound: Sound) -> [i16; 160] {
        let level = match sound {
            Sound::Silence => 0,
            Sound::Voice(character) => self.level(character),
            Sound::Noise => level(NOISE),
            Sound::Cough => {
                let level = level(COUGH);
                return std::array::from_fn(|_| if self.is_up() { level } else { -level });
            }
        };
        // A pitch of 400 Hz with overtones, as a voice has.
        std::array::from_fn(|at| if at % 20 < 7 { level } else { -level })
    }

    /// The next bit of a noise: xorshift (Marsaglia 2003).
    fn is_up(&mut self) -> bool {
        let bits = &mut self.noise;
        *bits = bits.wrapping_add(1);
        *bits ^= *bits << 13;
        *bits ^= *bits >> 17;
        *bits ^= *bits << 5;
        bits.count_ones().is_multiple_of(2)
    }

    /// All of `text` as PCM at 8 kHz.
    pub fn speak(&mut self, text: &str) -> Vec<i16> {
        text.chars()
            .flat_map(|character| std::iter::repeat_n(self.frame(Sound::Voice(character)), FRAMES_PER_CHARACTER))
            .flatten()
            .collect()
    }

    /// What 20 ms of PCM sound like. Its last sample decides, because the first may be blended with what was before.
    #[must_use]
    pub fn read(&self, samples: &[i16]) -> Sound {
        let loudness = samples.last().map_or(0, |sample| sample.unsigned_abs());
        let nearest = (0..LEVELS).min_by_key(|at| level(*at).unsigned_abs().abs_diff(loudness)).unwrap_or(0);
        match loudness {
            0..400 => Sound::Silence,
            _ if nearest == NOISE => Sound::Noise,
            _ if nearest == COUGH => Sound::Cough,
            // A loudness that nobody was given, as concealment makes, says nothing.
            _ => self.characters.get(nearest).map_or(Sound::Noise, |character| Sound::Voice(*character)),
        }
    }

    /// The words in a run of frames: a character for each 200 ms of it, and none for less than half.
    #[must_use]
    pub fn words(&self, sounds: &[Sound]) -> String {
        sounds
            .chunk_by(|left, right| left == right)
            .filter_map(|run| match run.first() {
                Some(Sound::Voice(character)) => Some((*character, run.len())),
                _ => None,
            })
            .flat_map(|(character, frames)| {
                std::iter::repeat_n(character, (frames + FRAMES_PER_CHARACTER / 2) / FRAMES_PER_CHARACTER)
            })
            .collect()
    }
}

/// The loudness of step `at`: a value that A-law gives back unchanged.
fn level(at: usize) -> i16 {
    // Codes of positive samples, unmasked: 48 is the first step above 504 (G.711 table 1a).
    let code = (0x80 | (48 + at as u8)) ^ 0x55;
    Law::A.decode_sample(code)
}

/// Takes every frame for voice that is not silent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loudness;

impl hualu_core::VoiceActivity for Loudness {
    fn score(&mut self, frame: &PcmFrame) -> f32 {
        debug_assert_eq!(frame.rate(), SampleRate::HZ_8000);
        let loud = frame.samples().iter().filter(|sample| sample.unsigned_abs() > 300).count();
        loud as f32 / frame.samples().len().max(1) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spoken_can_be_read_back_through_a_law() {
        let mut alphabet = Alphabet::default();
        let words = "我要查一下话费零零";
        let wire: Vec<i16> = alphabet
            .speak(words)
            .into_iter()
            .map(|sample| Law::A.decode_sample(Law::A.encode_sample(sample)))
            .collect();
        let sounds: Vec<Sound> = wire.chunks(160).map(|frame| alphabet.read(frame)).collect();
        assert_eq!(alphabet.words(&sounds), words);
    }

    #[test]
    fn noise_and_silence_are_no_words() {
        let mut alphabet = Alphabet::default();
        alphabet.level('好');
        for sound in [Sound::Noise, Sound::Cough, Sound::Silence, Sound::Voice('好')] {
            let frame = alphabet.frame(sound);
            assert_eq!(alphabet.read(&frame), sound);
        }
        assert_eq!(alphabet.words(&[Sound::Noise; 40]), "");
        assert_eq!(alphabet.words(&[Sound::Voice('好'); 4]), "", "less than half of a character");
    }
}
