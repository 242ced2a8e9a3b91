//! The recognizer's modelling units (pinyin initials and finals) and how syllables are made of them.

use crate::error::AsrError;
use std::collections::HashMap;
use std::path::Path;

/// Index of a unit in the model's output, blank included.
pub type UnitId = u8;

/// Index of a toneless syllable in [`Syllables`].
pub type SyllableId = u16;

/// The model's output symbols in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units {
    names: Vec<String>,
    blank: UnitId,
}

impl Units {
    /// Takes the symbols in the model's order.
    ///
    /// # Errors
    /// A sentence that says what does not fit: none, too many or repeated symbols, or a blank that is not among them.
    pub fn new(names: Vec<String>, blank: usize) -> Result<Self, String> {
        if names.len() < 2 || names.len() > usize::from(UnitId::MAX) {
            return Err(format!("has {} units, expected 2 to {}", names.len(), UnitId::MAX));
        }
        if blank >= names.len() {
            return Err(format!("`blank_id` is {blank} but there are {} units", names.len()));
        }
        for (at, name) in names.iter().enumerate() {
            if names[..at].contains(name) {
                return Err(format!("unit `{name}` is listed twice"));
            }
        }
        Ok(Self { names, blank: blank as UnitId })
    }

    /// How many symbols, blank included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.names.len()
    }

    /// Never: a model has at least blank and one unit.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The symbol that stands for no unit.
    #[must_use]
    pub const fn blank(&self) -> UnitId {
        self.blank
    }

    /// A unit's name; empty for an id that the model does not have.
    #[must_use]
    pub fn name(&self, id: UnitId) -> &str {
        self.names.get(usize::from(id)).map_or("", String::as_str)
    }

    /// A unit by its name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<UnitId> {
        self.names.iter().position(|other| other == name).map(|at| at as UnitId)
    }
}

/// Every toneless syllable that the model can spell, with its units.
#[derive(Clone, Debug)]
pub struct Syllables {
    units: Units,
    names: Vec<String>,
    spellings: Vec<Vec<UnitId>>,
    index: HashMap<String, SyllableId>,
    by_units: HashMap<Vec<UnitId>, SyllableId>,
}

impl Syllables {
    /// Reads `syllables.tsv`: syllable TAB units separated by spaces.
    ///
    /// # Errors
    /// [`AsrError::Io`] and [`AsrError::Table`] with the line that does not fit `units`.
    pub fn open(path: &Path, units: &Units) -> Result<Self, AsrError> {
        let text = std::fs::read_to_string(path).map_err(AsrError::io(path))?;
        Self::parse(&text, units).map_err(|(line, reason)| AsrError::Table { path: path.to_owned(), line, reason })
    }

    /// Parses the text of `syllables.tsv`.
    ///
    /// # Errors
    /// The line, counted from 1, and what is wrong with it.
    pub fn parse(text: &str, units: &Units) -> Result<Self, (usize, String)> {
        let mut table = Self {
            units: units.clone(),
            names: Vec::new(),
            spellings: Vec::new(),
            index: HashMap::new(),
            by_units: HashMap::new(),
        };
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            let fail = |reason| (at + 1, reason);
            let (name, spelling) =
                line.split_once('\t').ok_or_else(|| fail("expected syllable TAB units".to_owned()))?;
            let spelling = spelling
                .split_whitespace()
                .map(|unit| units.find(unit).ok_or_else(|| fail(format!("unit `{unit}` is not in the model"))))
                .collect::<Result<Vec<_>, _>>()?;
            if spelling.is_empty() {
                return Err(fail(format!("syllable `{name}` has no units")));
            }
            let id = SyllableId::try_from(table.names.len()).map_err(|_| fail("too many syllables".to_owned()))?;
            if table.index.insert(name.to_owned(), id).is_some() {
                return Err(fail(format!("syllable `{name}` is listed twice")));
            }
            table.by_units.entry(spelling.clone()).or_insert(id);
            table.names.push(name.to_owned());
            table.spellings.push(spelling);
        }
        if table.names.is_empty() {
            return Err((1, "the table is empty".to_owned()));
        }
        Ok(table)
    }

    /// A syllable by its toneless spelling; a tone digit at the end is ignored.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<SyllableId> {
        self.index.get(name.trim_end_matches(|c: char| c.is_ascii_digit())).copied()
    }

    /// The syllable that is spelt with exactly these units.
    #[must_use]
    pub fn find_units(&self, units: &[UnitId]) -> Option<SyllableId> {
        self.by_units.get(units).copied()
    }

    /// The toneless spelling.
    #[must_use]
    pub fn name(&self, id: SyllableId) -> &str {
        self.names.get(usize::from(id)).map_or("", String::as_str)
    }

    /// The units that the spellings are made of.
    #[must_use]
    pub const fn spelt_in(&self) -> &Units {
        &self.units
    }

    /// The units of a syllable.
    #[must_use]
    pub fn units(&self, id: SyllableId) -> &[UnitId] {
        self.spellings.get(usize::from(id)).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units() -> Units {
        Units::new(["<blk>", "h", "ua", "f", "ei", "i"].map(str::to_owned).to_vec(), 0).expect("fits")
    }

    #[test]
    fn syllables_are_found_by_spelling_with_or_without_tone_and_by_units() {
        let table = Syllables::parse("hua\th ua\nfei\tf ei\nyi\ti\n", &units()).expect("fits");
        let fei = table.find("fei4").expect("is there");
        assert_eq!(table.find("fei"), Some(fei));
        assert_eq!(table.units(fei), [3, 4]);
        assert_eq!(table.find_units(&[5]).map(|id| table.name(id)), Some("yi"));
        assert_eq!(table.find("hei"), None);
    }

    #[test]
    fn a_unit_that_the_model_lacks_is_refused_with_its_line() {
        let (line, reason) = Syllables::parse("hua\th ua\nxue\tx ve\n", &units()).expect_err("x is missing");
        assert_eq!((line, reason.as_str()), (2, "unit `x` is not in the model"));
    }

    #[test]
    fn repeated_units_and_a_blank_out_of_range_are_refused() {
        assert!(Units::new(vec!["a".to_owned(), "a".to_owned()], 0).is_err());
        assert!(Units::new(vec!["a".to_owned(), "b".to_owned()], 2).is_err());
    }
}
