//! The table of a run, as Markdown.

use crate::table::Quantiles;
use std::fmt;
use std::time::Duration;

/// What a part of the benchmark has to say.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<Row>,
    details: Vec<String>,
    findings: Vec<String>,
}

/// One measure.
#[derive(Debug)]
struct Row {
    measure: String,
    target: String,
    got: String,
    met: bool,
    n: usize,
    times: Quantiles,
}

impl Report {
    /// Adds a measure of time: each limit is a share of all and what that share may take.
    pub fn times(&mut self, measure: &str, limits: &[(f64, u64)], times: Quantiles) {
        let name = |share: f64| format!("p{:.0}", share * 100.0);
        let target: Vec<_> = limits.iter().map(|(share, ms)| format!("{} {ms} ms", name(*share))).collect();
        let got: Vec<_> =
            limits.iter().map(|(share, _)| format!("{} {} ms", name(*share), times.at(*share).as_millis())).collect();
        let met = limits.iter().all(|(share, ms)| times.at(*share) <= Duration::from_millis(*ms)) && !times.is_empty();
        self.rows.push(Row {
            measure: measure.to_owned(),
            target: target.join(", "),
            got: got.join(", "),
            met,
            n: times.len(),
            times,
        });
    }

    /// Adds a share: `count` of `n`, which must be at most `most` percent.
    pub fn share(&mut self, measure: &str, most: f64, count: usize, n: usize) {
        let target = format!("at most {most} %");
        let met = n > 0 && percent(count, n) <= most;
        self.rows.push(Row {
            measure: measure.to_owned(),
            target,
            got: of(count, n),
            met,
            n,
            times: Quantiles::default(),
        });
    }

    /// Adds a count of what must never happen, among `n` cases.
    pub fn never(&mut self, measure: &str, count: usize, n: usize) {
        let (target, got) = ("0".to_owned(), count.to_string());
        self.rows.push(Row {
            measure: measure.to_owned(),
            target,
            got,
            met: count == 0 && n > 0,
            n,
            times: Quantiles::default(),
        });
    }

    /// Adds a condition to the last measure: what was wanted as well, what came of it, and whether that is enough.
    pub fn also(&mut self, target: &str, got: &str, met: bool) {
        if let Some(row) = self.rows.last_mut() {
            row.target = format!("{}, {target}", row.target);
            row.got = format!("{}, {got}", row.got);
            row.met &= met;
        }
    }

    /// Adds a line of explanation below the table.
    pub fn detail(&mut self, line: String) {
        self.details.push(line);
    }

    /// Adds something that looks like a fault of the bot, with the call in which it shows.
    pub fn finding(&mut self, line: String) {
        self.findings.push(line);
    }

    /// Appends another part.
    pub fn append(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.details.extend(other.details);
        self.findings.extend(other.findings);
    }
}

/// `count` of `n` in percent; 0 of none.
#[must_use]
pub fn percent(count: usize, n: usize) -> f64 {
    if n == 0 { 0.0 } else { 100.0 * count as f64 / n as f64 }
}

/// `count` of `n`, in percent and as it is.
#[must_use]
pub fn of(count: usize, n: usize) -> String {
    format!("{:.1} % ({count} of {n})", percent(count, n))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| measure | target | got | met | n | p50 | p95 | p99 |\n|---|---|---|---|---|---|---|---|")?;
        for Row { measure, target, got, met, n, times } in &self.rows {
            let met = if *met { "yes" } else { "no" };
            write!(f, "| {measure} | {target} | {got} | {met} | {n} ")?;
            for share in [0.5, 0.95, 0.99] {
                match times.is_empty() {
                    true => write!(f, "| ")?,
                    false => write!(f, "| {} ", times.at(share).as_millis())?,
                }
            }
            writeln!(f, "|")?;
        }
        for (title, lines) in [("In detail", &self.details), ("To look into", &self.findings)] {
            if !lines.is_empty() {
                writeln!(f, "\n{title}:\n")?;
                lines.iter().try_for_each(|line| writeln!(f, "- {line}"))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_was_wanted_and_whether_it_is_met() {
        let mut report = Report::default();
        let times = [100, 200, 600].map(Duration::from_millis).into_iter().collect();
        report.times("response", &[(0.5, 300), (0.95, 500)], times);
        report.share("cut-ins", 5.0, 1, 40);
        report.also("all forgiven", "none forgiven", false);
        report.never("dead air", 0, 12);
        report.never("nothing was tried", 0, 0);
        let text = report.to_string();
        for row in [
            "| response | p50 300 ms, p95 500 ms | p50 200 ms, p95 600 ms | no | 3 | 200 | 600 | 600 |",
            "| cut-ins | at most 5 %, all forgiven | 2.5 % (1 of 40), none forgiven | no | 40 | | | |",
            "| dead air | 0 | 0 | yes | 12 | | | |",
            "| nothing was tried | 0 | 0 | no | 0 | | | |",
        ] {
            assert!(text.contains(row), "{row}\nis not in\n{text}");
        }
    }
}
