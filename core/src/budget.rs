//! The latency budget: one table, read by session timers, `grpc-timeout`, queue limits and the benches.

use std::time::{Duration, Instant};

/// A stage of the response path, in the order in which a turn meets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Packet read to frame decoded and judged by the voice activity detector.
    Ingest,
    /// Last voiced frame to end of speech.
    Endpoint,
    /// End of speech to final hypothesis.
    Asr,
    /// Final hypothesis sent to first act received.
    Nlu,
    /// Text sent to first PCM received.
    Tts,
    /// First PCM to first packet of the reply.
    Playout,
}

impl Stage {
    /// Every stage in order.
    pub const ALL: [Self; 6] = [Self::Ingest, Self::Endpoint, Self::Asr, Self::Nlu, Self::Tts, Self::Playout];

    /// The label used in metrics and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Endpoint => "endpoint",
            Self::Asr => "asr",
            Self::Nlu => "nlu",
            Self::Tts => "tts",
            Self::Playout => "playout",
        }
    }
}

/// How long each stage may take, and how long the whole response may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatencyBudget {
    /// See [`Stage::Ingest`].
    pub ingest: Duration,
    /// See [`Stage::Endpoint`], for a finished sentence.
    pub endpoint: Duration,
    /// How long an unfinished utterance may pause, outside the response budget.
    pub endpoint_unfinished: Duration,
    /// See [`Stage::Asr`].
    pub asr: Duration,
    /// See [`Stage::Nlu`]: past this a filler phrase is spoken.
    pub nlu: Duration,
    /// Past this, counted like [`Self::nlu`], the caller is told that the system is slow and is asked again.
    pub nlu_hard: Duration,
    /// See [`Stage::Tts`].
    pub tts: Duration,
    /// See [`Stage::Playout`].
    pub playout: Duration,
    /// Last voiced frame in to first reply packet out.
    pub response: Duration,
}

impl Default for LatencyBudget {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self {
            ingest: ms(60),
            endpoint: ms(240),
            endpoint_unfinished: ms(2_000),
            asr: ms(60),
            nlu: ms(100),
            nlu_hard: ms(1_000),
            tts: ms(100),
            playout: ms(40),
            response: ms(600),
        }
    }
}

impl LatencyBudget {
    /// The limit of one stage.
    #[must_use]
    pub const fn limit(&self, stage: Stage) -> Duration {
        match stage {
            Stage::Ingest => self.ingest,
            Stage::Endpoint => self.endpoint,
            Stage::Asr => self.asr,
            Stage::Nlu => self.nlu,
            Stage::Tts => self.tts,
            Stage::Playout => self.playout,
        }
    }

    /// Whether the stages fit into the response budget.
    ///
    /// # Errors
    /// [`BudgetError::Sum`] when they do not, [`BudgetError::Zero`] when a stage has no time at all.
    pub fn check(&self) -> Result<(), BudgetError> {
        let mut sum = Duration::ZERO;
        for stage in Stage::ALL {
            let limit = self.limit(stage);
            if limit.is_zero() {
                return Err(BudgetError::Zero { stage: stage.as_str() });
            }
            sum += limit;
        }
        if sum > self.response {
            return Err(BudgetError::Sum { sum_ms: sum.as_millis(), response_ms: self.response.as_millis() });
        }
        Ok(())
    }
}

/// Why a budget is refused at start-up.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum BudgetError {
    /// The stages need more than the response may take.
    #[error(
        "the stages sum to {sum_ms} ms but the response budget is {response_ms} ms: lower a stage or raise `response_ms`"
    )]
    Sum {
        /// What the stages need together.
        sum_ms: u128,
        /// What they may take.
        response_ms: u128,
    },
    /// A stage without time would miss every turn.
    #[error("stage `{stage}` has a budget of 0 ms")]
    Zero {
        /// The stage's label.
        stage: &'static str,
    },
}

/// A point in time by which something must be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(pub Instant);

impl Deadline {
    /// The deadline `limit` after `now`.
    #[must_use]
    pub fn after(now: Instant, limit: Duration) -> Self {
        Self(now + limit)
    }

    /// What is left at `now`; zero when it has passed.
    #[must_use]
    pub fn left(self, now: Instant) -> Duration {
        self.0.saturating_duration_since(now)
    }

    /// Whether it has passed at `now`.
    #[must_use]
    pub fn is_over(self, now: Instant) -> bool {
        now >= self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_table_fits_and_an_overfull_one_is_refused() {
        let mut budget = LatencyBudget::default();
        assert_eq!(budget.check(), Ok(()));
        budget.tts = Duration::from_millis(101);
        assert_eq!(budget.check(), Err(BudgetError::Sum { sum_ms: 601, response_ms: 600 }));
        budget.tts = Duration::ZERO;
        assert_eq!(budget.check(), Err(BudgetError::Zero { stage: "tts" }));
    }
}
