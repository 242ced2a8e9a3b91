//! Reads `listen`: how patient the bot is with an answer, for the whole bot, a flow or one step.

use super::fault::Faults;
use super::read::Item;
use hualu_core::dialogue::Pauses;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Field and sensible limits in milliseconds. Shorter pauses cut people off, longer ones are dead air.
const COMPLETE: (&str, RangeInclusive<i64>) = ("complete_ms", 120..=1_500);
const UNKNOWN: (&str, RangeInclusive<i64>) = ("unknown_ms", 200..=3_000);
const UNFINISHED: (&str, RangeInclusive<i64>) = ("unfinished_ms", 500..=6_000);
const NO_INPUT: (&str, RangeInclusive<i64>) = ("no_input_ms", 1_500..=60_000);

/// How patient the bot is; absent values are those of the level above, at last the gateway's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listen {
    /// Silence that ends the answer.
    pub pauses: Pauses,
    /// Silence after which the question is asked again.
    pub no_input: Option<Duration>,
}

impl Listen {
    /// These settings, and where they are silent those of the level `above`.
    pub fn or(self, above: Self) -> Self {
        Self {
            pauses: Pauses {
                complete: self.pauses.complete.or(above.pauses.complete),
                unknown: self.pauses.unknown.or(above.pauses.unknown),
                unfinished: self.pauses.unfinished.or(above.pauses.unfinished),
            },
            no_input: self.no_input.or(above.no_input),
        }
    }

    /// What is wrong with the order of the pauses, if anything: words that are whole never wait longer than half ones.
    pub fn disorder(&self) -> Option<String> {
        let given = [
            (COMPLETE.0, self.pauses.complete),
            (UNKNOWN.0, self.pauses.unknown),
            (UNFINISHED.0, self.pauses.unfinished),
        ];
        let given: Vec<(&str, Duration)> =
            given.into_iter().filter_map(|(name, pause)| pause.map(|pause| (name, pause))).collect();
        given.windows(2).find_map(|pair| {
            let [(short, shorter), (long, longer)] = pair else { return None };
            (shorter > longer).then(|| {
                format!("`{short}` ({}) is longer than `{long}` ({})", shorter.as_millis(), longer.as_millis())
            })
        })
    }
}

/// Reads a `no_input_ms` that stands by itself, within the same limits as in `listen`.
pub(crate) fn no_input(item: &Item<'_>, faults: &mut Faults) -> Option<Duration> {
    let ms = item.whole(NO_INPUT.1, faults)?;
    Some(Duration::from_millis(ms.unsigned_abs()))
}

/// Reads one `listen` mapping.
pub(crate) fn listen(item: &Item<'_>, faults: &mut Faults) -> Listen {
    let Some(mut fields) = item.fields(faults) else { return Listen::default() };
    let mut take = |(name, range): (&'static str, RangeInclusive<i64>)| {
        let ms = fields.take(name)?.whole(range, faults)?;
        Some(Duration::from_millis(ms.unsigned_abs()))
    };
    let pauses = Pauses { complete: take(COMPLETE), unknown: take(UNKNOWN), unfinished: take(UNFINISHED) };
    let listen = Listen { pauses, no_input: take(NO_INPUT) };
    fields.finish(faults);
    if let Some(disorder) = listen.disorder() {
        item.fault(disorder, "complete_ms <= unknown_ms <= unfinished_ms", faults);
    }
    listen
}
