//! One turn as a waterfall: what was heard and when, each stage as a bar in time, what was done instead of what was late,
//! and what was said.

use hualu_gateway::records::{MissedEntry, SaidEntry, StageEntry, TurnEntry};
use std::fmt::Write;

/// Columns of the time axis.
const WIDTH: usize = 60;

/// Columns before the axis: the row's name and its milliseconds.
const MARGIN: usize = 18;

/// One turn as text that wants a monospaced font.
pub fn text(turn: &TurnEntry) -> String {
    let mut text = head(turn);
    let rows = rows(turn);
    let axis = Axis::over(&rows);
    text += &axis.ruler();
    for row in rows {
        text += &axis.row(&row);
    }
    text
}

/// What began the turn, what the caller said and what was understood.
fn head(turn: &TurnEntry) -> String {
    let mut head = format!("turn {}  {} → {}", turn.turn, turn.cause, turn.outcome);
    if let Some(response) = turn.response_ms {
        let _ = write!(head, "  response {response} ms");
    }
    if let Some(endpoint) = &turn.endpoint {
        let _ = write!(head, "  endpoint {endpoint}");
    }
    if let Some(silent) = turn.dead_air_ms {
        let _ = write!(head, "  DEAD AIR {silent} ms");
    }
    let _ = writeln!(head, "  at {:.1} s", turn.at_ms / 1_000.0);
    if !turn.text.reveal().is_empty() {
        let promoted = if turn.promoted { ", a partial that stood in" } else { "" };
        let _ = writeln!(head, "  caller  {}  (confidence {:.2}{promoted})", turn.text.reveal(), turn.confidence);
    }
    if !turn.intent.is_empty() || !turn.slots.is_empty() {
        let _ = write!(head, "  meant   {} {:.2}", turn.intent, turn.score);
        for slot in &turn.slots {
            let _ = write!(head, "  {}={}", slot.name, slot.value.reveal());
        }
        head.push('\n');
    }
    if let Some(guesses) = turn.guesses {
        let came = match (guesses.hit, guesses.trusted) {
            (true, true) => "the reply began with one, before the dialogue confirmed it",
            (true, false) => "the reply began with one",
            _ => "none was right",
        };
        let (made, wasted, ms) = (guesses.made, guesses.wasted, guesses.wasted_ms);
        let _ = writeln!(head, "  ahead   {made} spoken, {came}; {wasted} for nothing ({ms} ms)");
    }
    head
}

/// One line under the axis.
struct Row {
    name: String,
    /// Milliseconds from the start of the turn. A row without a length is a moment.
    from: f64,
    len: Option<f64>,
    /// What stands behind the axis.
    note: String,
    /// Whether the axis must hold it: what is said lasts much longer than what led to it.
    within: bool,
}

/// The rows in the order of time.
fn rows(turn: &TurnEntry) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    if let Some(last) = turn.last_voiced_ms {
        rows.push(Row { name: "caller".to_owned(), from: 0.0, len: Some(last), note: String::new(), within: true });
    }
    for partial in &turn.partials {
        let note = partial.text.reveal().clone();
        rows.push(Row { name: "partial".to_owned(), from: partial.at_ms, len: None, note, within: true });
    }
    rows.extend(turn.stages.iter().map(stage_row));
    rows.extend(turn.missed.iter().map(missed_row));
    rows.extend(turn.said.iter().map(said_row));
    rows.sort_by(|a, b| a.from.total_cmp(&b.from));
    rows
}

fn stage_row(stage: &StageEntry) -> Row {
    let from = stage.done_ms.map_or(0.0, |done| (done - stage.spent_ms).max(0.0));
    Row { name: stage.stage.clone(), from, len: Some(stage.spent_ms), note: String::new(), within: true }
}

fn missed_row(missed: &MissedEntry) -> Row {
    let (spent, budget) = (missed.spent_ms, missed.budget_ms);
    let why = missed.why.as_deref().unwrap_or("late");
    let note = format!("{} {why}: {spent} of {budget} ms → {}", missed.stage, missed.rung);
    Row { name: "! rung".to_owned(), from: missed.at_ms, len: None, note, within: true }
}

fn said_row(said: &SaidEntry) -> Row {
    let (all, heard) = (said.text.reveal(), said.heard.reveal());
    let unheard = if said.complete { "" } else { all.strip_prefix(heard.as_str()).unwrap_or(all) };
    let mut note = format!("{heard} ({})", said.source);
    if !unheard.is_empty() {
        let _ = write!(note, ", not heard: {unheard}");
    }
    Row { name: "said".to_owned(), from: said.at_ms, len: Some(said.played_ms), note, within: false }
}

/// Milliseconds to columns.
struct Axis {
    end: f64,
}

impl Axis {
    /// From the start of the turn to the last thing of interest, in steps that are easy to read.
    fn over(rows: &[Row]) -> Self {
        let first_said = rows.iter().find(|row| !row.within).map(|row| row.from);
        let ends = rows.iter().filter(|row| row.within).map(|row| row.from + row.len.unwrap_or_default());
        let longest = ends.chain(first_said).fold(0.0, f64::max);
        let end = [100.0, 200.0, 400.0, 600.0, 1_000.0, 2_000.0, 3_000.0, 4_000.0, 6_000.0, 10_000.0, 20_000.0];
        Self { end: end.into_iter().find(|end| *end > longest).unwrap_or(longest + 1.0) }
    }

    fn column(&self, ms: f64) -> usize {
        ((ms / self.end * WIDTH as f64).max(0.0) as usize).min(WIDTH - 1)
    }

    fn ruler(&self) -> String {
        let mut ruler = format!("{:>MARGIN$}", "ms  ");
        let marks = 4;
        for mark in 0..=marks {
            let label = (self.end * f64::from(mark) / f64::from(marks)).round().to_string();
            let _ = write!(ruler, "{label:<width$}", width = WIDTH / marks as usize);
        }
        ruler.trim_end().to_owned() + "\n"
    }

    fn row(&self, row: &Row) -> String {
        let from = self.column(row.from);
        let bar = match row.len {
            None => "│".to_owned(),
            Some(len) if row.from + len >= self.end => format!("{}→", "█".repeat(WIDTH - 1 - from)),
            Some(len) => {
                let columns = self.column(row.from + len) - from;
                if columns == 0 { "▏".to_owned() } else { "█".repeat(columns) }
            }
        };
        let ms = row.len.unwrap_or(row.from);
        let line = format!("  {:<8} {ms:>6.0} {:from$}{bar}", row.name, "");
        let pad = (MARGIN + WIDTH + 1).saturating_sub(line.chars().count());
        format!("{line}{:pad$}{}", "", row.note).trim_end().to_owned() + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hualu_core::Pii;
    use hualu_gateway::records::{GuessesEntry, PartialEntry};

    fn turn() -> TurnEntry {
        let stage =
            |name: &str, spent_ms, done_ms| StageEntry { stage: name.to_owned(), spent_ms, done_ms: Some(done_ms) };
        let partial = |at_ms, text: &str| PartialEntry { at_ms, text: Pii::new(text.to_owned()) };
        TurnEntry {
            turn: 2,
            at_ms: 12_345.0,
            cause: "speech".into(),
            last_voiced_ms: Some(1_000.0),
            text: Pii::new("我想换个套餐".into()),
            confidence: 0.93,
            partials: vec![partial(520.0, "我想"), partial(900.0, "我想换个套餐")],
            endpoint: Some("complete".into()),
            intent: "change_plan".into(),
            score: 1.65,
            stages: vec![
                stage("endpoint", 200.4, 1_200.4),
                stage("asr", 2.1, 1_202.5),
                stage("nlu", 130.0, 1_332.5),
                stage("tts", 0.4, 1_332.9),
            ],
            missed: vec![MissedEntry {
                stage: "nlu".into(),
                at_ms: 1_302.5,
                spent_ms: 100.0,
                budget_ms: 100.0,
                rung: "wait".into(),
                why: None,
            }],
            said: vec![SaidEntry {
                at_ms: 1_340.0,
                text: Pii::new("请问您想换每月多少钱的套餐？".into()),
                heard: Pii::new("请问您想换".into()),
                played_ms: 1_900.0,
                source: "cache".into(),
                ..SaidEntry::default()
            }],
            response_ms: Some(340.2),
            guesses: Some(GuessesEntry { made: 2, hit: true, trusted: false, wasted: 1, wasted_ms: 500.0 }),
            outcome: "interrupted".into(),
            ..TurnEntry::default()
        }
    }

    #[test]
    fn a_turn_reads_as_a_waterfall() {
        let expected = "\
turn 2  speech → interrupted  response 340.2 ms  endpoint complete  at 12.3 s
  caller  我想换个套餐  (confidence 0.93)
  meant   change_plan 1.65
  ahead   2 spoken, the reply began with one; 1 for nothing (500 ms)
              ms  0              500            1000           1500           2000
  caller     1000 ██████████████████████████████
  partial     520                │                                             我想
  partial     900                            │                                 我想换个套餐
  endpoint    200                               ██████
  asr           2                                     ▏
  nlu         130                                     ███
  ! rung     1302                                        │                     nlu late: 100 of 100 ms → wait
  tts           0                                        ▏
  said       1900                                         ███████████████████→ 请问您想换 (cache), not heard: 每月多少钱的套餐？
";
        assert_eq!(text(&turn()), expected, "\n{}", text(&turn()));
    }

    #[test]
    fn nothing_of_a_turn_lies_outside_the_axis() {
        let mut turn = turn();
        turn.last_voiced_ms = Some(1_000_000.0);
        turn.said[0].at_ms = 2_000_000.0;
        let text = text(&turn);
        assert!(
            text.lines().skip(5).all(|line| line.chars().take(MARGIN + WIDTH + 2).any(|c| "█▏│→".contains(c))),
            "{text}"
        );
    }
}
