//! The figures of an evaluation and how they are shown.

use super::Verdict;
use crate::intent::Bands;
use serde::Serialize;
use std::fmt;

/// Sentences that are shown of one confusion.
const SHOWN: usize = 3;

/// What became of a set of sentences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// How many there were.
    pub all: usize,
    /// The right intent was the best, whatever its margin.
    pub best: usize,
    /// Accepted, and rightly.
    pub right: usize,
    /// Accepted for another intent.
    pub wrong: usize,
    /// Asked back with the right intent among the two.
    pub asked_right: usize,
    /// Asked back without it.
    pub asked_wrong: usize,
    /// Not understood.
    pub rejected: usize,
}

impl Counts {
    pub(super) fn add(&mut self, verdict: Verdict, is_best: bool) {
        self.all += 1;
        self.best += usize::from(is_best);
        *match verdict {
            Verdict::Right => &mut self.right,
            Verdict::Wrong => &mut self.wrong,
            Verdict::AskedRight => &mut self.asked_right,
            Verdict::AskedWrong => &mut self.asked_wrong,
            Verdict::Rejected => &mut self.rejected,
        } += 1;
    }
}

/// The counts of one intent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct IntentRow {
    /// The intent; `none` for sentences out of scope.
    pub intent: String,
    /// Its sentences.
    #[serde(flatten)]
    pub counts: Counts,
}

/// Sentences of one intent that were accepted for, or asked back about, another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Confusion {
    /// Their intent.
    pub intent: String,
    /// The intent that scored best.
    pub taken_for: String,
    /// The sentences.
    pub texts: Vec<String>,
}

/// Time to score one sentence, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Half of the sentences took at most this.
    pub p50_us: f64,
    /// 95 %.
    pub p95_us: f64,
    /// 99 %.
    pub p99_us: f64,
    /// The longest.
    pub max_us: f64,
}

impl Latency {
    pub(super) fn of(mut micros: Vec<f64>) -> Self {
        micros.sort_by(f64::total_cmp);
        // Nearest rank: the smallest time that at least this share does not exceed.
        let at = |percent: usize| {
            let rank = (micros.len() * percent).div_ceil(100).max(1);
            micros.get(rank - 1).copied().unwrap_or_default()
        };
        Self { p50_us: at(50), p95_us: at(95), p99_us: at(99), max_us: at(100) }
    }
}

/// How well a bot understood.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// The margins between the bands.
    pub bands: Bands,
    /// Sentences of the bot's intents.
    pub known: Counts,
    /// Sentences that belong to none.
    pub unknown: Counts,
    /// How many of all are examples of the bot, and so say nothing about sentences that it was not trained on.
    pub seen: usize,
    /// By intent.
    pub intents: Vec<IntentRow>,
    /// What was taken for what, the most frequent first.
    pub confusions: Vec<Confusion>,
    /// Time to score one sentence.
    pub latency: Latency,
}

impl Default for Evaluation {
    fn default() -> Self {
        Self {
            bands: Bands { accept: 0.0, clarify: 0.0, oos: 0.0 },
            known: Counts::default(),
            unknown: Counts::default(),
            seen: 0,
            intents: Vec::new(),
            confusions: Vec::new(),
            latency: Latency::default(),
        }
    }
}

fn share(part: usize, all: usize) -> String {
    #[expect(clippy::cast_precision_loss, reason = "counts of sentences")]
    let percent = 100.0 * part as f64 / all.max(1) as f64;
    format!("{percent:5.1} %  ({part} of {all})")
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { all, best, right, wrong, asked_right, asked_wrong, rejected } = self.known;
        let Bands { accept, clarify, oos } = self.bands;
        writeln!(f, "bands                       accept {accept:.2}, ask back {clarify:.2}, out of scope {oos:.2}")?;
        if all > 0 {
            writeln!(f, "accepted, right            {}", share(right, all))?;
            writeln!(f, "  with asking back         {}", share(right + asked_right, all))?;
            writeln!(f, "accepted, wrong            {}", share(wrong, all))?;
            writeln!(f, "asked back                 {}", share(asked_right + asked_wrong, all))?;
            writeln!(f, "rejected                   {}", share(rejected, all))?;
            writeln!(f, "best intent right          {}", share(best, all))?;
        }
        let none = self.unknown;
        if none.all > 0 {
            writeln!(f, "out of scope, not accepted {}", share(none.all - none.wrong, none.all))?;
            writeln!(f, "  rejected at once         {}", share(none.rejected, none.all))?;
        }
        let Latency { p50_us, p95_us, p99_us, max_us } = self.latency;
        writeln!(
            f,
            "time of one sentence        p50 {p50_us:.0} us, p95 {p95_us:.0} us, p99 {p99_us:.0} us, max {max_us:.0} us"
        )?;
        if self.seen > 0 {
            writeln!(f, "{} sentence(s) are examples of the bot itself: they are no test of it", self.seen)?;
        }
        writeln!(f, "\n{:>5} {:>6} {:>6} {:>6} {:>8}  intent", "all", "right", "wrong", "asked", "rejected")?;
        for IntentRow { intent, counts } in &self.intents {
            let asked = counts.asked_right + counts.asked_wrong;
            let Counts { all, right, wrong, rejected, .. } = counts;
            writeln!(f, "{all:>5} {right:>6} {wrong:>6} {asked:>6} {rejected:>8}  {intent}")?;
        }
        if !self.confusions.is_empty() {
            writeln!(f, "\nconfusions")?;
        }
        for Confusion { intent, taken_for, texts } in &self.confusions {
            let shown: Vec<String> = texts.iter().take(SHOWN).map(|text| format!("「{text}」")).collect();
            let more = if texts.len() > SHOWN { " …" } else { "" };
            writeln!(f, "{:>5}  {intent} -> {taken_for}: {}{more}", texts.len(), shown.join(" "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let latency = Latency::of((1..=100).rev().map(f64::from).collect());
        assert_eq!((latency.p50_us, latency.p95_us, latency.p99_us, latency.max_us), (50.0, 95.0, 99.0, 100.0));
        assert_eq!(Latency::of(Vec::new()), Latency::default());
    }
}
