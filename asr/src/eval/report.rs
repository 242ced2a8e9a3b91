//! What an evaluation found, as a table.

use super::score::{self, Errors, Rate};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// One recording.
#[derive(Clone, Debug)]
pub struct Utterance {
    /// Its file, relative to the folder.
    pub file: String,
    /// Its group: speaker, voice or kind.
    pub group: String,
    /// What was said.
    pub reference: String,
    /// What was recognized.
    pub hypothesis: String,
    /// Other readings, best first.
    pub alternatives: Vec<String>,
    /// How sure the decoder was.
    pub confidence: f32,
    /// Against the text.
    pub characters: Errors,
    /// Against the toneless pinyin.
    pub syllables: Errors,
    /// Of the acoustic model alone, without lexicon and language model.
    pub units: Errors,
    /// Whether the closed list's best entry was right, if there was a list.
    pub chosen: Option<bool>,
    /// How long it is.
    pub audio: Duration,
    /// CPU time for all of it.
    pub cpu: Duration,
    /// CPU time from the end of speech to the final text.
    pub final_cpu: Duration,
}

/// An evaluation of one folder. It prints as a table with one row per group and one for all.
#[derive(Clone, Debug)]
pub struct Report {
    /// Version of the acoustic model.
    pub model: String,
    /// What was evaluated.
    pub folder: PathBuf,
    /// Every recording, in the order of the transcripts.
    pub utterances: Vec<Utterance>,
}

impl Report {
    /// Syllable error of all recordings.
    #[must_use]
    pub fn syllable_error(&self) -> Rate {
        score::error_rate(self.utterances.iter().map(|utterance| utterance.syllables))
    }

    /// Character error of all recordings.
    #[must_use]
    pub fn character_error(&self) -> Rate {
        score::error_rate(self.utterances.iter().map(|utterance| utterance.characters))
    }

    /// The share of recordings whose text is exactly right.
    #[must_use]
    pub fn sentences_right(&self) -> Rate {
        let right = self.utterances.iter().filter(|utterance| utterance.characters.edits == 0).count();
        score::share(right, self.utterances.len())
    }

    /// CPU time over audio time.
    #[must_use]
    pub fn real_time_factor(&self) -> f64 {
        let sum = |time: fn(&Utterance) -> Duration| self.utterances.iter().map(time).sum::<Duration>().as_secs_f64();
        sum(|utterance| utterance.cpu) / sum(|utterance| utterance.audio).max(1e-9)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "model {}, {}: {} recordings", self.model, self.folder.display(), self.utterances.len())?;
        writeln!(
            f,
            "{:<16} {:>5} {:>14} {:>14} {:>14} {:>14} {:>14} {:>7} {:>7}",
            "group", "n", "units %", "syllables %", "characters %", "right %", "chosen %", "conf +", "conf -"
        )?;
        let mut groups: BTreeMap<&str, Vec<&Utterance>> = BTreeMap::new();
        for utterance in &self.utterances {
            groups.entry(&utterance.group).or_default().push(utterance);
        }
        if groups.len() > 1 {
            for (group, utterances) in &groups {
                row(f, group, utterances)?;
            }
        }
        row(f, "all", &self.utterances.iter().collect::<Vec<_>>())?;
        let mut finals: Vec<Duration> = self.utterances.iter().map(|utterance| utterance.final_cpu).collect();
        finals.sort_unstable();
        let at = |share: f64| {
            finals.get((share * finals.len() as f64) as usize).map_or(0.0, |time| 1e3 * time.as_secs_f64())
        };
        writeln!(
            f,
            "real-time factor {:.4} of one core; final after the end of speech: {:.1} ms median, {:.1} ms p95 of CPU time",
            self.real_time_factor(),
            at(0.5),
            at(0.95)
        )
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, utterances: &[&Utterance]) -> fmt::Result {
    let error =
        |errors: fn(&Utterance) -> Errors| score::error_rate(utterances.iter().map(|utterance| errors(utterance)));
    let is_right = |utterance: &&Utterance| utterance.characters.edits == 0;
    let right = score::share(utterances.iter().copied().filter(is_right).count(), utterances.len());
    let listed: Vec<bool> = utterances.iter().filter_map(|utterance| utterance.chosen).collect();
    let chosen = match listed.len() {
        0 => "-".to_owned(),
        count => cell(score::share(listed.iter().filter(|&&hit| hit).count(), count)),
    };
    let mean = |wanted: bool| {
        let picked: Vec<f32> = utterances
            .iter()
            .filter(|utterance| is_right(utterance) == wanted)
            .map(|utterance| utterance.confidence)
            .collect();
        if picked.is_empty() {
            "-".to_owned()
        } else {
            format!("{:.2}", picked.iter().sum::<f32>() / picked.len() as f32)
        }
    };
    writeln!(
        f,
        "{name:<16} {:>5} {:>14} {:>14} {:>14} {:>14} {chosen:>14} {:>7} {:>7}",
        utterances.len(),
        cell(error(|utterance| utterance.units)),
        cell(error(|utterance| utterance.syllables)),
        cell(error(|utterance| utterance.characters)),
        cell(right),
        mean(true),
        mean(false)
    )
}

fn cell(rate: Rate) -> String {
    format!("{:.1} ± {:.1}", rate.percent, rate.margin)
}
