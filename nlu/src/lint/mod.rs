//! What a bot's author should know before callers do: faults that refuse the bot, and warnings about what will annoy,
//! confuse or strand a caller.
//!
//! Faults come from compiling the bot ([`Bot::load`]); warnings need a bot without faults. A warning that was considered
//! and is meant is silenced where it stands: `# allow: keypad-twin` in its line or alone in the line above.

mod flows;
mod intents;
mod manners;
mod unused;

use crate::bot::fault::Place;
use crate::bot::sources::Sources;
use crate::bot::{Bot, Fault};
use crate::utterance::Pronouncer;
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The bot is refused.
    Error,
    /// The bot runs, but callers will notice.
    Warning,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The kind of finding, as `# allow:` names it; `fault` for errors.
    pub code: &'static str,
    /// Where it is, what it is and what to do.
    #[serde(flatten)]
    pub fault: Fault,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}[{}] {}", self.code, self.fault)
    }
}

/// Everything that was found in one bot.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The bot's id; empty when it is refused.
    pub bot: String,
    /// In the order of its files.
    pub findings: Vec<Finding>,
    /// How many warnings `# allow:` silences.
    pub allowed: usize,
}

impl Report {
    /// How many findings are errors.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error).count()
    }

    /// How many findings are warnings.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.findings.len() - self.errors()
    }
}

/// Checks the bot in a folder or file.
#[must_use]
pub fn check(path: &Path, pronouncer: &Pronouncer) -> Report {
    let (bot, sources) = match Bot::load_with_sources(path) {
        Ok(loaded) => loaded,
        Err(faults) => {
            let error = |fault| Finding { severity: Severity::Error, code: "fault", fault };
            return Report { bot: String::new(), findings: faults.0.into_iter().map(error).collect(), allowed: 0 };
        }
    };
    let mut linter = Linter { bot: &bot, sources: &sources, found: Vec::new(), allowed: 0 };
    linter.flows();
    linter.keypad();
    linter.notices();
    linter.person();
    linter.side_effects();
    linter.unused();
    linter.intents(pronouncer);
    linter.found.sort_by_key(|(place, _)| *place);
    let findings = linter.found.into_iter().map(|(_, finding)| finding).collect();
    Report { bot: bot.id().to_owned(), findings, allowed: linter.allowed }
}

struct Linter<'a> {
    bot: &'a Bot,
    sources: &'a Sources,
    found: Vec<(Place, Finding)>,
    allowed: usize,
}

impl Linter<'_> {
    fn warn(
        &mut self,
        code: &'static str,
        place: Place,
        field: impl Into<String>,
        reason: impl Into<String>,
        suggestion: impl Into<String>,
    ) {
        if self.sources.is_allowed(place, code) {
            self.allowed += 1;
            return;
        }
        let fault = self.sources.fault(place, field.into(), reason.into(), suggestion.into());
        self.found.push((place, Finding { severity: Severity::Warning, code, fault }));
    }
}
