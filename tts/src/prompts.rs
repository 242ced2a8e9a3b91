//! Recorded prompts as a voice: a folder of WAV files and a `prompts.toml` that maps text to them.
//!
//! ```toml
//! same_speaker = false       # true: the engine may speak slots that have no pieces
//!
//! [prompts]
//! "您好，请问有什么可以帮您？" = "greeting.wav"
//! "您的余额是{amount}。" = ["balance.wav", "{amount}"]
//!
//! [pieces]                   # what slots are put together from
//! "五" = "digits/5.wav"
//! "元" = { initial = "yuan.wav", middle = "yuan.wav", final = "yuan_final.wav" }
//! ```
//!
//! Texts are compared after normalisation, so "5元" and "五元" are the same. What is not recorded falls to the engine.
//! Replies come clause by clause ([`hualu_core::clause`]), so a prompt is the text of a clause.

mod recording;

use crate::audio::soft_limit;
use crate::engine::Boundary;
use crate::text::{Normalized, Token, normalize};
use hualu_core::SampleRate;
use hualu_core::dialogue::Span;
use recording::{Recording, active_level_dbov};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

/// The active speech level of a prompt folder as a whole.
const LEVEL_DBOV: f32 = -20.0;

/// Why a prompt folder cannot be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PromptError {
    /// `prompts.toml` cannot be read or parsed.
    #[error("{file}: {reason}")]
    Table {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A recording cannot be used.
    #[error("recording {file}: {reason}")]
    Recording {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// The files of a prompt do not fit its text.
    #[error("{file}: prompt \"{text}\": {reason}")]
    Template {
        /// The table.
        file: String,
        /// The prompt's text.
        text: String,
        /// What is wrong.
        reason: &'static str,
    },
}

/// A piece of a clause, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    /// Recorded, with its pauses, at the asked rate.
    Recorded(Arc<[i16]>),
    /// Left to the engine, which is declared to be the same speaker.
    Speak(String),
}

/// The recorded prompts of a deployment.
#[derive(Debug, Default)]
pub struct Prompts {
    same_speaker: bool,
    whole: HashMap<String, Piece>,
    templates: Vec<Template>,
    pieces: HashMap<String, Variants>,
    piece_chars_max: usize,
}

/// A text with slots: the texts between them, one more than there are slots.
#[derive(Debug)]
struct Template {
    literals: Vec<Literal>,
}

#[derive(Debug)]
struct Literal {
    text: String,
    piece: Option<Piece>,
}

#[derive(Debug)]
struct Piece {
    recording: Arc<Recording>,
    pause_before_ms: u32,
    pause_after_ms: u32,
}

#[derive(Debug)]
struct Variants {
    initial: Arc<Recording>,
    middle: Arc<Recording>,
    last: Arc<Recording>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    same_speaker: bool,
    #[serde(default)]
    prompts: BTreeMap<String, Files>,
    #[serde(default)]
    pieces: BTreeMap<String, PieceFiles>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a file name or a list of file names and {slots}")]
enum Files {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a file name or { initial = .., middle = .., final = .. }")]
enum PieceFiles {
    One(String),
    Three {
        initial: String,
        middle: String,
        #[serde(rename = "final")]
        last: String,
    },
}

impl Prompts {
    /// Reads `prompts.toml` in `dir` and every recording that it names.
    ///
    /// # Errors
    /// [`PromptError`], which names the file and what is wrong with it.
    pub fn load(dir: &Path) -> Result<Self, PromptError> {
        let path = dir.join("prompts.toml");
        let file = path.display().to_string();
        let broken = |reason: String| PromptError::Table { file: file.clone(), reason };
        let text = std::fs::read_to_string(&path)
            .map_err(|error| broken(format!("{error}: a folder of prompts holds this table and its recordings")))?;
        let table: Table = toml::from_str(&text).map_err(|error| broken(error.to_string()))?;
        let library = Library::load(dir, &table)?;
        let mut prompts = Self { same_speaker: table.same_speaker, ..Self::default() };
        for (text, files) in &table.prompts {
            let files: Vec<&str> = match files {
                Files::One(file) => vec![file],
                Files::Many(files) => files.iter().map(String::as_str).collect(),
            };
            prompts.add(text, &files, &library).map_err(|reason| PromptError::Template {
                file: file.clone(),
                text: text.clone(),
                reason,
            })?;
        }
        for (text, files) in &table.pieces {
            let (initial, middle, last) = match files {
                PieceFiles::One(file) => (file, file, file),
                PieceFiles::Three { initial, middle, last } => (initial, middle, last),
            };
            let [initial, middle, last] = [initial, middle, last].map(|file| library.recording(file));
            let text = canonical(text);
            prompts.piece_chars_max = prompts.piece_chars_max.max(text.chars().count());
            prompts.pieces.insert(text, Variants { initial, middle, last });
        }
        Ok(prompts)
    }

    fn add(&mut self, text: &str, files: &[&str], library: &Library) -> Result<(), &'static str> {
        let (literals, slots) = split_template(text)?;
        if slots.is_empty() {
            let [file] = files else { return Err("a text without slots has exactly one file") };
            let piece = Piece::new(library.recording(file), text);
            let said = canonical(text).trim_end_matches(TRAILING).to_owned();
            if said.is_empty() {
                return Err("the text has nothing that is said: give it words or take it out");
            }
            if self.whole.insert(said, piece).is_some() {
                return Err("another prompt has the same text once digits are written out: keep one of them");
            }
            return Ok(());
        }
        let mut files = files.iter().peekable();
        let mut template = Template { literals: Vec::new() };
        for (index, literal) in literals.iter().enumerate() {
            let text = canonical(literal);
            let piece = if text.is_empty() {
                None
            } else {
                let file = files.next().filter(|file| !file.starts_with('{'));
                Some(Piece::new(
                    library.recording(file.ok_or("a text before, between or after slots has no file")?),
                    literal,
                ))
            };
            template.literals.push(Literal { text, piece });
            if let Some(slot) = slots.get(index)
                && files.next().and_then(|file| file.strip_prefix('{')?.strip_suffix('}')) != Some(slot)
            {
                return Err("the list must name files and {slots} in the order of the text");
            }
        }
        if files.next().is_some() {
            return Err("there are more files than texts");
        }
        self.templates.push(template);
        Ok(())
    }

    /// The recordings that say a clause; `None` when it is not recorded.
    pub(crate) fn find(&self, text: &Normalized, rate: SampleRate) -> Option<Vec<Part>> {
        if self.whole.is_empty() && self.templates.is_empty() {
            return None;
        }
        let text = text.text();
        if let Some(piece) = self.whole.get(text.trim_end_matches(TRAILING)) {
            let mut pcm = Vec::new();
            piece.append(rate, &mut pcm)?;
            return Some(vec![Part::Recorded(pcm.into())]);
        }
        self.templates.iter().find_map(|template| {
            let slots = template.slots(&text)?;
            self.splice(template, &slots, rate)
        })
    }

    fn splice(&self, template: &Template, slots: &[&str], rate: SampleRate) -> Option<Vec<Part>> {
        let mut parts = Vec::new();
        let mut pcm = Vec::new();
        for (index, literal) in template.literals.iter().enumerate() {
            if let Some(piece) = &literal.piece {
                piece.append(rate, &mut pcm)?;
            }
            let Some(slot) = slots.get(index) else { continue };
            match self.compose(slot, rate) {
                Some(spoken) => pcm.extend(spoken),
                None if self.same_speaker => {
                    if !pcm.is_empty() {
                        parts.push(Part::Recorded(std::mem::take(&mut pcm).into()));
                    }
                    parts.push(Part::Speak((*slot).to_owned()));
                }
                None => return None,
            }
        }
        if !pcm.is_empty() {
            parts.push(Part::Recorded(pcm.into()));
        }
        Some(parts)
    }

    /// Puts a slot's text together from pieces, the longest first.
    fn compose(&self, slot: &str, rate: SampleRate) -> Option<Vec<i16>> {
        let mut pcm = Vec::new();
        let mut rest = slot;
        while let Some(first) = rest.chars().next() {
            let pause_ms = pause_ms(first);
            if pause_ms > 0 {
                pcm.resize(pcm.len() + silence(rate, pause_ms), 0);
                rest = &rest[first.len_utf8()..];
                continue;
            }
            let lengths = rest.char_indices().map(|(at, c)| at + c.len_utf8()).take(self.piece_chars_max);
            let (len, variants) = lengths
                .collect::<Vec<_>>()
                .into_iter()
                .rev()
                .find_map(|len| Some((len, self.pieces.get(&rest[..len])?)))?;
            let variant = match (rest.len() == slot.len(), rest.len() == len) {
                (_, true) => &variants.last,
                (true, false) => &variants.initial,
                (false, false) => &variants.middle,
            };
            pcm.extend_from_slice(&variant.at(rate)?);
            rest = &rest[len..];
        }
        Some(pcm)
    }
}

/// Pauses at the end of a text do not distinguish prompts.
const TRAILING: [char; 3] = ['。', '，', '、'];

impl Template {
    /// The slots' texts, if the text fits.
    fn slots<'t>(&self, text: &'t str) -> Option<Vec<&'t str>> {
        let (first, later) = self.literals.split_first()?;
        let mut rest = text.strip_prefix(first.text.as_str())?;
        let mut slots = Vec::new();
        for (index, literal) in later.iter().enumerate() {
            let wanted = literal.text.as_str();
            let at = if index + 1 < later.len() {
                rest.find(wanted)?
            } else if wanted.trim_end_matches(TRAILING).is_empty() {
                rest.trim_end_matches(TRAILING).len()
            } else {
                let bare = rest.trim_end_matches(TRAILING);
                bare.strip_suffix(wanted.trim_end_matches(TRAILING))?.len()
            };
            let (slot, after) = rest.split_at(at);
            if slot.is_empty() {
                return None;
            }
            slots.push(slot);
            rest = after.strip_prefix(wanted).unwrap_or("");
        }
        Some(slots)
    }
}

impl Piece {
    fn new(recording: Arc<Recording>, text: &str) -> Self {
        let normalized = normalize(&[Span::plain(text)]);
        let after = match normalized.tokens.last() {
            Some(Token::Pause(boundary)) => boundary_ms(*boundary),
            _ => 0,
        };
        Self { recording, pause_before_ms: text.chars().next().map_or(0, pause_ms), pause_after_ms: after }
    }

    fn append(&self, rate: SampleRate, pcm: &mut Vec<i16>) -> Option<()> {
        pcm.resize(pcm.len() + silence(rate, self.pause_before_ms), 0);
        pcm.extend_from_slice(&self.recording.at(rate)?);
        pcm.resize(pcm.len() + silence(rate, self.pause_after_ms), 0);
        Some(())
    }
}

/// Every file that a table names, read once.
struct Library {
    recordings: HashMap<String, Arc<Recording>>,
}

impl Library {
    fn load(dir: &Path, table: &Table) -> Result<Self, PromptError> {
        let prompts = table.prompts.values().flat_map(|files| match files {
            Files::One(file) => vec![file],
            Files::Many(files) => files.iter().filter(|file| !file.starts_with('{')).collect(),
        });
        let pieces = table.pieces.values().flat_map(|files| match files {
            PieceFiles::One(file) => vec![file],
            PieceFiles::Three { initial, middle, last } => vec![initial, middle, last],
        });
        let mut loaded: HashMap<String, Recording> = HashMap::new();
        for file in prompts.chain(pieces) {
            if !loaded.contains_key(file) {
                loaded.insert(file.clone(), Recording::load(&dir.join(file))?);
            }
        }
        // One gain for the whole folder: a gain for each file would pump.
        if let Some(level) = active_level_dbov(loaded.values()) {
            let gain = 10_f32.powf((LEVEL_DBOV - level) / 20.0);
            for recording in loaded.values_mut() {
                recording.amplify(gain, soft_limit);
            }
        }
        Ok(Self { recordings: loaded.into_iter().map(|(file, recording)| (file, Arc::new(recording))).collect() })
    }

    fn recording(&self, file: &str) -> Arc<Recording> {
        Arc::clone(self.recordings.get(file).expect("every file that the table names was loaded"))
    }
}

fn split_template(text: &str) -> Result<(Vec<&str>, Vec<&str>), &'static str> {
    let (mut literals, mut slots) = (Vec::new(), Vec::new());
    let mut rest = text;
    while let Some((literal, more)) = rest.split_once('{') {
        let (slot, after) = more.split_once('}').ok_or("a `{` is never closed")?;
        if slot.is_empty() || literal.is_empty() && !slots.is_empty() {
            return Err("a slot needs a name, and text between it and the next slot");
        }
        literals.push(literal);
        slots.push(slot);
        rest = after;
    }
    literals.push(rest);
    Ok((literals, slots))
}

/// The normalised form, with a leading pause kept, because it matters inside a template.
fn canonical(text: &str) -> String {
    let normalized = normalize(&[Span::plain(text)]).text();
    match text.chars().next() {
        Some(first @ ('，' | '、' | '。')) => format!("{first}{normalized}"),
        _ => normalized,
    }
}

const fn boundary_ms(boundary: Boundary) -> u32 {
    match boundary {
        Boundary::None | Boundary::Word => 0,
        Boundary::Phrase => 80,
        Boundary::Clause => 180,
        Boundary::Sentence | Boundary::Question => 350,
    }
}

const fn pause_ms(c: char) -> u32 {
    match c {
        '、' => boundary_ms(Boundary::Phrase),
        '，' => boundary_ms(Boundary::Clause),
        '。' => boundary_ms(Boundary::Sentence),
        '？' => boundary_ms(Boundary::Question),
        _ => 0,
    }
}

const fn silence(rate: SampleRate, ms: u32) -> usize {
    (rate.hz() as usize / 1_000) * ms as usize
}

#[cfg(test)]
mod tests;
