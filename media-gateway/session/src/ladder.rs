//! What is done when a stage is late or broken: rungs in the order in which they are taken.
//!
//! Some rungs stand in within the turn, each at its time: the last partial for the final hypothesis, a clause that was
//! spoken before for one that does not come, a filler for silence. The closing ones take the place of the reply, one for
//! each turn in a row that failed, and the last of them ends the matter.

use hualu_core::Stage;
use std::fmt;

/// What is done instead of what was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rung {
    /// Wait on: a later limit decides.
    Wait,
    /// The last partial stands for the final hypothesis.
    PromotePartial,
    /// The session itself understands the few words that always must be: a person, once more.
    LocalAnswer,
    /// The clause is played from what was spoken before.
    CachedClause,
    /// A filler is played.
    Filler,
    /// The clause is left out and the reply goes on.
    SkipClause,
    /// A prepared sentence asks the caller again.
    Reprompt,
    /// A prepared menu offers keys, of which some need no dialogue.
    Menu,
    /// The call goes to a person; with nobody to go to it ends.
    Person,
    /// Goodbye, and the call ends.
    Goodbye,
    /// Audio that is late is concealed.
    Conceal,
    /// The pacer goes on with the next slot.
    Resync,
}

impl Rung {
    /// Every rung.
    pub const ALL: [Self; 12] = [
        Self::Wait,
        Self::PromotePartial,
        Self::LocalAnswer,
        Self::CachedClause,
        Self::Filler,
        Self::SkipClause,
        Self::Reprompt,
        Self::Menu,
        Self::Person,
        Self::Goodbye,
        Self::Conceal,
        Self::Resync,
    ];

    /// The label used in metrics, records and configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::PromotePartial => "promote_partial",
            Self::LocalAnswer => "local_answer",
            Self::CachedClause => "cached_clause",
            Self::Filler => "filler",
            Self::SkipClause => "skip_clause",
            Self::Reprompt => "reprompt",
            Self::Menu => "menu",
            Self::Person => "person",
            Self::Goodbye => "goodbye",
            Self::Conceal => "conceal",
            Self::Resync => "resync",
        }
    }

    /// The rung with this label.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rung| rung.as_str() == label)
    }

    /// Whether it takes the place of the reply.
    #[must_use]
    pub const fn closes(self) -> bool {
        matches!(self, Self::Reprompt | Self::Menu | Self::Person | Self::Goodbye)
    }

    /// Whether the ladder of `stage` may hold it.
    const fn serves(self, stage: Stage) -> bool {
        match self {
            Self::Filler | Self::Reprompt | Self::Menu | Self::Person | Self::Goodbye => true,
            Self::PromotePartial => matches!(stage, Stage::Asr),
            Self::LocalAnswer => matches!(stage, Stage::Nlu),
            Self::CachedClause | Self::SkipClause => matches!(stage, Stage::Tts),
            // These are not chosen: a later limit, the concealer and the pacer are always there.
            Self::Wait | Self::Conceal | Self::Resync => false,
        }
    }
}

/// The rungs of one stage, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    rungs: Vec<Rung>,
}

/// Why a ladder is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LadderError {
    /// This stage has no ladder of its own.
    #[error("stage `{0}` has no ladder: only asr, nlu and tts have")]
    Stage(&'static str),
    /// A rung that does nothing for this stage.
    #[error("`{rung}` does not help stage `{stage}`; use some of {known}")]
    Foreign {
        /// The rung.
        rung: &'static str,
        /// The stage.
        stage: &'static str,
        /// The rungs that do.
        known: Labels,
    },
    /// A rung that stands in behind one that closes the turn.
    #[error("`{0}` stands behind a rung that ends the turn: put reprompt, menu, person and goodbye last")]
    Order(&'static str),
    /// A turn could end in silence, or for ever ask again.
    #[error("must end with `person` or `goodbye`, so that no call is asked again for ever")]
    Open,
}

/// Rungs as a list of labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels(Vec<Rung>);

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels: Vec<&str> = self.0.iter().map(|rung| rung.as_str()).collect();
        f.write_str(&labels.join(", "))
    }
}

impl Ladder {
    /// Checks the rungs of `stage`.
    ///
    /// # Errors
    /// [`LadderError`] when a rung does nothing there, stands in the wrong place, or the last one does not end the matter.
    pub fn new(stage: Stage, rungs: Vec<Rung>) -> Result<Self, LadderError> {
        if !matches!(stage, Stage::Asr | Stage::Nlu | Stage::Tts) {
            return Err(LadderError::Stage(stage.as_str()));
        }
        if let Some(foreign) = rungs.iter().find(|rung| !rung.serves(stage)) {
            let known = Labels(Rung::ALL.into_iter().filter(|rung| rung.serves(stage)).collect());
            return Err(LadderError::Foreign { rung: foreign.as_str(), stage: stage.as_str(), known });
        }
        let late = rungs.iter().skip_while(|rung| !rung.closes()).find(|rung| !rung.closes());
        if let Some(late) = late {
            return Err(LadderError::Order(late.as_str()));
        }
        if !matches!(rungs.last(), Some(Rung::Person | Rung::Goodbye)) {
            return Err(LadderError::Open);
        }
        Ok(Self { rungs })
    }

    /// Whether it holds `rung`.
    #[must_use]
    pub fn has(&self, rung: Rung) -> bool {
        self.rungs.contains(&rung)
    }

    /// What takes the place of the reply after so many failed turns in a row, this one included.
    #[must_use]
    pub fn closing(&self, failures: u32) -> Rung {
        let mut closing = self.rungs.iter().filter(|rung| rung.closes());
        let nth = closing.clone().nth(failures.saturating_sub(1) as usize);
        nth.or(closing.next_back()).copied().unwrap_or(Rung::Goodbye)
    }

    /// The rungs, in order.
    #[must_use]
    pub fn rungs(&self) -> &[Rung] {
        &self.rungs
    }
}

/// The ladders of the three stages that engines serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladders {
    /// For a final hypothesis that is late.
    pub asr: Ladder,
    /// For a first act, or the rest of a reply, that is late.
    pub nlu: Ladder,
    /// For audio that is late.
    pub tts: Ladder,
}

impl Ladders {
    /// The ladder of `stage`; those without an engine of their own fail with the dialogue.
    #[must_use]
    pub const fn of(&self, stage: Stage) -> &Ladder {
        match stage {
            Stage::Asr => &self.asr,
            Stage::Tts => &self.tts,
            Stage::Ingest | Stage::Endpoint | Stage::Nlu | Stage::Playout => &self.nlu,
        }
    }
}

impl Default for Ladders {
    fn default() -> Self {
        use Rung::{CachedClause, Filler, LocalAnswer, Menu, Person, PromotePartial, Reprompt, SkipClause};
        let with = |stand_ins: &[Rung]| Ladder {
            rungs: stand_ins.iter().copied().chain([Filler, Reprompt, Menu, Person]).collect(),
        };
        Self { asr: with(&[PromotePartial]), nlu: with(&[LocalAnswer]), tts: with(&[CachedClause, SkipClause]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_pass_their_own_check() {
        let ladders = Ladders::default();
        for stage in [Stage::Asr, Stage::Nlu, Stage::Tts] {
            let ladder = ladders.of(stage);
            assert_eq!(Ladder::new(stage, ladder.rungs().to_vec()).as_ref(), Ok(ladder));
        }
    }

    #[test]
    fn a_turn_cannot_end_in_silence_or_for_ever_ask_again() {
        let fault = |stage, rungs: &[Rung]| Ladder::new(stage, rungs.to_vec()).expect_err("faulty").to_string();
        assert!(fault(Stage::Nlu, &[]).contains("must end with"));
        assert!(fault(Stage::Nlu, &[Rung::Filler, Rung::Reprompt]).contains("must end with"));
        assert!(fault(Stage::Nlu, &[Rung::Reprompt, Rung::Filler, Rung::Person]).contains("`filler` stands behind"));
        let foreign = fault(Stage::Asr, &[Rung::SkipClause, Rung::Goodbye]);
        assert!(foreign.contains("`skip_clause` does not help stage `asr`; use some of promote_partial, filler"));
        assert!(fault(Stage::Playout, &[Rung::Goodbye]).contains("has no ladder"));
    }

    #[test]
    fn each_failure_in_a_row_takes_the_next_closing_rung() {
        let nlu = Ladders::default().nlu;
        let taken: Vec<Rung> = (1..6).map(|failures| nlu.closing(failures)).collect();
        assert_eq!(taken, [Rung::Reprompt, Rung::Menu, Rung::Person, Rung::Person, Rung::Person]);
    }

    #[test]
    fn labels_are_read_back() {
        for rung in Rung::ALL {
            assert_eq!(Rung::from_label(rung.as_str()), Some(rung));
        }
        assert_eq!(Rung::from_label("escape"), None);
    }
}
