//! The pronunciation lexicon shared by the recognizer, the dialogue and the voice.
//!
//! `models/lexicon_zh/lexicon.tsv` holds one reading a line: `word TAB syllables TAB frequency`. Syllables carry their
//! citation tone as a digit (5 is neutral), `v` is ü, and there is one for each character. A word with several readings
//! has several lines. The text is kept as it was read, with one sorted index beside it, so that loading costs little
//! more than reading the file.
//!
//! ```
//! use hualu_models::lexicon::Lexicon;
//!
//! let lexicon = Lexicon::parse("example", "银行\tyin2 hang2\t20\n行\txing2\t75\n行\thang2\t25\n银\tyin2\t4\n")?;
//! assert_eq!(lexicon.segment("银行行"), ["银行", "行"]);
//! let tones: Vec<u8> = lexicon.pinyin("银行").iter().map(|s| s.tone).collect();
//! assert_eq!(tones, [2, 2]);
//! # Ok::<(), hualu_models::lexicon::LexiconError>(())
//! ```

use pinyin::ToPinyin;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Words with their readings and frequencies.
pub struct Lexicon {
    text: Box<str>,
    /// Sorted by word; the readings of a word by falling frequency.
    items: Box<[Item]>,
    /// Indices into `items`, sorted by toneless reading; made when first asked for.
    by_sound: OnceLock<Box<[u32]>>,
    word_chars_max: usize,
    frequency_sum: f64,
    base: Option<Arc<Lexicon>>,
}

/// Where a line's fields lie in the text. The reading starts one byte (the tab) after the word.
#[derive(Clone, Copy, Debug)]
struct Item {
    at: u32,
    word_len: u8,
    reading_len: u8,
    frequency: u32,
}

/// One reading of one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The word.
    pub word: &'a str,
    /// Its syllables with tone digits, separated by spaces: `yin2 hang2`.
    pub reading: &'a str,
    /// How often this reading of the word was counted.
    pub frequency: u32,
}

impl<'a> Entry<'a> {
    /// The syllables, one for each character of the word.
    pub fn syllables(&self) -> impl Iterator<Item = Syllable<'a>> + use<'a> {
        self.reading.split(' ').filter_map(Syllable::parse)
    }
}

/// A syllable with its citation tone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Syllable<'a> {
    /// Toneless pinyin, `v` for ü.
    pub base: &'a str,
    /// 1 to 4, or 5 for the neutral tone.
    pub tone: u8,
}

impl<'a> Syllable<'a> {
    /// Reads `hang2`; a syllable without digit is neutral. `None` unless letters come first and a tone digit last.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (base, tone) = match text.as_bytes().last()? {
            digit @ b'1'..=b'5' => (&text[..text.len() - 1], digit - b'0'),
            _ => (text, 5),
        };
        let is_pinyin = !base.is_empty() && base.bytes().all(|b| b.is_ascii_lowercase());
        is_pinyin.then_some(Self { base, tone })
    }
}

/// Why a lexicon cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LexiconError {
    /// The file cannot be read.
    #[error("cannot read the lexicon {file}: {source}")]
    Read {
        /// The file.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line is not a lexicon line.
    #[error("{file}:{line}: {reason}")]
    Line {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl fmt::Debug for Lexicon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lexicon({} readings)", self.len())
    }
}

impl Lexicon {
    /// Reads a lexicon file.
    ///
    /// # Errors
    /// [`LexiconError`] when the file cannot be read or a line does not fit the format.
    pub fn load(path: &Path) -> Result<Self, LexiconError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| LexiconError::Read { file: file.clone(), source })?;
        Self::build(&file, text.into_boxed_str(), None)
    }

    /// Reads lexicon text; `name` stands for the file in errors.
    ///
    /// # Errors
    /// [`LexiconError::Line`] when a line does not fit the format.
    pub fn parse(name: &str, text: &str) -> Result<Self, LexiconError> {
        Self::build(name, text.into(), None)
    }

    /// A lexicon whose words are looked up before those of `base`: a word in `text` hides all its readings in `base`.
    ///
    /// # Errors
    /// [`LexiconError::Line`] when a line does not fit the format.
    pub fn layered(base: Arc<Self>, name: &str, text: &str) -> Result<Self, LexiconError> {
        Self::build(name, text.into(), Some(base))
    }

    fn build(file: &str, text: Box<str>, base: Option<Arc<Self>>) -> Result<Self, LexiconError> {
        let mut items = Vec::with_capacity(text.len() / 24);
        let (mut word_chars_max, mut frequency_sum) = (0, 0.0);
        let mut at = 0;
        for (index, line) in text.split('\n').enumerate() {
            let content = line.strip_suffix('\r').unwrap_or(line);
            if !content.is_empty() && !content.starts_with('#') {
                let (item, chars) = parse_line(content, at).map_err(|reason| LexiconError::Line {
                    file: file.to_owned(),
                    line: index + 1,
                    reason,
                })?;
                word_chars_max = word_chars_max.max(chars);
                frequency_sum += f64::from(item.frequency);
                items.push(item);
            }
            at += line.len() + 1;
        }
        items.sort_unstable_by(|a, b| {
            let words = a.word(&text).cmp(b.word(&text));
            words.then(b.frequency.cmp(&a.frequency)).then(a.at.cmp(&b.at))
        });
        if let Some(base) = &base {
            word_chars_max = word_chars_max.max(base.word_chars_max);
            frequency_sum += base.frequency_sum;
        }
        let items = items.into_boxed_slice();
        Ok(Self { text, items, by_sound: OnceLock::new(), word_chars_max, frequency_sum, base })
    }

    /// How many readings this lexicon holds, without those of its base.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The number of characters of the longest word.
    #[must_use]
    pub const fn word_chars_max(&self) -> usize {
        self.word_chars_max
    }

    /// Every reading, sorted by word, without those of the base.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry<'_>> {
        self.items.iter().map(|item| item.entry(&self.text))
    }

    /// The readings of a word, the most frequent first; nothing when the word is unknown.
    pub fn lookup(&self, word: &str) -> impl ExactSizeIterator<Item = Entry<'_>> + use<'_> {
        let mut holder = self;
        let mut range = self.range_of(word);
        if let (true, Some(base)) = (range.is_empty(), self.base.as_deref()) {
            (holder, range) = (base, base.range_of(word));
        }
        holder.items[range].iter().map(|item| item.entry(&holder.text))
    }

    fn range_of(&self, word: &str) -> Range<usize> {
        let start = self.items.partition_point(|item| item.word(&self.text) < word);
        let len = self.items[start..].iter().take_while(|item| item.word(&self.text) == word).count();
        start..start + len
    }

    /// The words that sound like `reading`, tones ignored (`yu2 e2` and `yu e` ask the same), the most frequent first.
    /// The base is not searched.
    #[must_use]
    pub fn homophones(&self, reading: &str) -> Vec<Entry<'_>> {
        let by_sound = self.by_sound.get_or_init(|| {
            let mut order: Vec<u32> = (0..self.items.len() as u32).collect();
            order.sort_by(|&a, &b| {
                let (a, b) = (&self.items[a as usize], &self.items[b as usize]);
                compare_sounds(a.reading(&self.text), b.reading(&self.text)).then(b.frequency.cmp(&a.frequency))
            });
            order.into_boxed_slice()
        });
        let sound = |index: u32| compare_sounds(self.items[index as usize].reading(&self.text), reading);
        let start = by_sound.partition_point(|&index| sound(index) == Ordering::Less);
        let same = by_sound[start..].iter().take_while(|&&index| sound(index) == Ordering::Equal);
        same.map(|&index| self.items[index as usize].entry(&self.text)).collect()
    }

    /// Cuts text into the words of greatest joint probability. What is in no word comes out one character at a time,
    /// but a run of ASCII letters and digits stays whole. Concatenated, the pieces are the text again.
    #[must_use]
    pub fn segment<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let mut borders: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        borders.push(text.len());
        let count = borders.len() - 1;
        // best[i]: the log probability of the best path over the first i characters, and where its last word starts.
        let mut best = vec![(f64::NEG_INFINITY, 0_usize); count + 1];
        best[0].0 = 0.0;
        for start in 0..count {
            let so_far = best[start].0;
            if so_far == f64::NEG_INFINITY {
                continue;
            }
            let mut offer = |end: usize, score: f64| {
                if so_far + score > best[end].0 {
                    best[end] = (so_far + score, start);
                }
            };
            let run = ascii_run(&text[borders[start]..]);
            // An unknown character is rarer than any word that was counted once.
            offer(start + run.max(1), -self.frequency_sum.max(2.0).ln() - 2.0);
            if run > 0 {
                continue;
            }
            for len in 1..=self.word_chars_max.min(count - start) {
                let word = &text[borders[start]..borders[start + len]];
                if let Some(entry) = self.lookup(word).next() {
                    offer(start + len, (f64::from(entry.frequency.max(1)) / self.frequency_sum).ln());
                }
            }
        }
        let mut words = Vec::new();
        let mut end = count;
        while end > 0 {
            let start = best[end].1;
            words.push(&text[borders[start]..borders[end]]);
            end = start;
        }
        words.reverse();
        words
    }

    /// The syllables of running text in citation tones, by the most frequent reading of each of its words. Characters
    /// that have no reading (punctuation, Latin letters, digits, emoji) are left out.
    #[must_use]
    pub fn pinyin<'a>(&'a self, text: &str) -> Vec<Syllable<'a>> {
        let mut syllables = Vec::new();
        for word in self.segment(text) {
            if let Some(entry) = self.lookup(word).next() {
                syllables.extend(entry.syllables());
                continue;
            }
            for syllable in word.chars().filter_map(char_syllable) {
                syllables.push(syllable);
            }
        }
        syllables
    }
}

/// The usual reading of one character that the lexicon lacks; `None` when it has none (or is no character at all).
#[must_use]
pub fn char_syllable(character: char) -> Option<Syllable<'static>> {
    let numbered = character.to_pinyin()?.with_tone_num_end();
    let toneless = numbered.trim_end_matches(|c: char| c.is_ascii_digit());
    // The only syllables that are written with ü.
    let base = match toneless {
        "lü" => "lv",
        "lüe" => "lve",
        "nü" => "nv",
        "nüe" => "nve",
        other => other,
    };
    let tone = numbered[toneless.len()..].parse().ok().filter(|tone| (1..=5).contains(tone)).unwrap_or(5);
    Syllable::parse(base).map(|syllable| Syllable { tone, ..syllable })
}

impl Item {
    fn word<'a>(&self, text: &'a str) -> &'a str {
        let at = self.at as usize;
        &text[at..at + usize::from(self.word_len)]
    }

    fn reading<'a>(&self, text: &'a str) -> &'a str {
        let at = self.at as usize + usize::from(self.word_len) + 1;
        &text[at..at + usize::from(self.reading_len)]
    }

    fn entry<'a>(&self, text: &'a str) -> Entry<'a> {
        Entry { word: self.word(text), reading: self.reading(text), frequency: self.frequency }
    }
}

fn parse_line(line: &str, at: usize) -> Result<(Item, usize), &'static str> {
    let (word, rest) = line.split_once('\t').ok_or("expected `word TAB syllables TAB frequency`")?;
    let (reading, frequency) = rest.split_once('\t').ok_or("expected `word TAB syllables TAB frequency`")?;
    let frequency = frequency.parse().map_err(|_| "the frequency is not a whole number below 4,294,967,296")?;
    let chars = word.chars().count();
    if chars == 0 {
        return Err("the word is empty");
    }
    if chars != reading.bytes().filter(|&b| b == b' ').count() + 1 {
        return Err("the number of syllables differs from the number of characters");
    }
    let toned =
        |syllable: &str| syllable.ends_with(|c: char| c.is_ascii_digit()) && Syllable::parse(syllable).is_some();
    if !reading.split(' ').all(toned) {
        return Err("a syllable is not lower-case pinyin with a tone from 1 to 5");
    }
    let too_long = "a word or reading is longer than 255 bytes";
    Ok((
        Item {
            at: u32::try_from(at).map_err(|_| "the lexicon is larger than 4 GiB")?,
            word_len: u8::try_from(word.len()).map_err(|_| too_long)?,
            reading_len: u8::try_from(reading.len()).map_err(|_| too_long)?,
            frequency,
        },
        chars,
    ))
}

fn compare_sounds(a: &str, b: &str) -> Ordering {
    let toneless = |byte: &u8| !byte.is_ascii_digit();
    a.bytes().filter(toneless).cmp(b.bytes().filter(toneless))
}

fn ascii_run(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_alphanumeric).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "# words\n银行\tyin2 hang2\t200\n行\thang2\t25\n行\txing2\t75\n银\tyin2\t40\n人行\tren2 hang2\t30\n\
                          余额\tyu2 e2\t600\n鱼鹅\tyu2 e2\t1\n重\tzhong4\t60\n重庆\tchong2 qing4\t90\n庆\tqing4\t9\n";

    fn sample() -> Lexicon {
        Lexicon::parse("sample", SAMPLE).expect("the sample is well formed")
    }

    #[test]
    fn readings_come_most_frequent_first() {
        let lexicon = sample();
        let readings: Vec<&str> = lexicon.lookup("行").map(|entry| entry.reading).collect();
        assert_eq!(readings, ["xing2", "hang2"]);
        assert_eq!(lexicon.lookup("没有").len(), 0);
        assert_eq!(lexicon.word_chars_max(), 2);
    }

    #[test]
    fn segments_by_joint_frequency_and_loses_nothing() {
        let lexicon = sample();
        assert_eq!(lexicon.segment("银行行"), ["银行", "行"]);
        assert_eq!(lexicon.segment("用5GB,重庆😀"), ["用", "5GB", ",", "重庆", "😀"]);
        assert!(lexicon.segment("").is_empty());
    }

    #[test]
    fn reads_words_before_characters_and_falls_back_to_the_table() {
        let lexicon = sample();
        let spelled = |text| lexicon.pinyin(text).iter().map(|s| format!("{}{}", s.base, s.tone)).collect::<Vec<_>>();
        assert_eq!(spelled("重庆的银行"), ["chong2", "qing4", "de5", "yin2", "hang2"]);
        assert_eq!(spelled("绿A!"), ["lv4"], "the fallback writes ü as v and leaves letters out");
    }

    #[test]
    fn homophones_ignore_tones() {
        let lexicon = sample();
        let words: Vec<&str> = lexicon.homophones("yu e").iter().map(|entry| entry.word).collect();
        assert_eq!(words, ["余额", "鱼鹅"]);
        assert_eq!(lexicon.homophones("yu2 e4").len(), 2);
        assert!(lexicon.homophones("yu").is_empty());
    }

    #[test]
    fn a_layer_hides_the_readings_of_its_base() {
        let layered = Lexicon::layered(Arc::new(sample()), "layer", "行\thang2\t5\n").expect("well formed");
        let readings: Vec<&str> = layered.lookup("行").map(|entry| entry.reading).collect();
        assert_eq!(readings, ["hang2"]);
        assert_eq!(layered.lookup("银行").len(), 1);
    }

    #[test]
    fn errors_name_the_file_and_the_line() {
        let refuse = |text| Lexicon::parse("words.tsv", text).expect_err("must be refused").to_string();
        assert!(refuse("好\thao3\t1\n坏").starts_with("words.tsv:2: expected"));
        assert!(refuse("好\thao\t1").contains("tone from 1 to 5"));
        assert!(refuse("好\thao3 de5\t1").contains("number of syllables"));
        assert!(refuse("好\thao3\t-1").contains("frequency"));
        let missing = Lexicon::load(Path::new("/nowhere/lexicon.tsv")).expect_err("there is no such file");
        assert!(missing.to_string().contains("/nowhere/lexicon.tsv"));
    }

    #[test]
    fn the_shipped_lexicon_loads_and_reads_hotline_words() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("lexicon_zh/lexicon.tsv");
        if !path.exists() {
            println!("skipped: {} is missing", path.display());
            return;
        }
        let lexicon = Lexicon::load(&path).expect("the shipped lexicon is well formed");
        for (word, reading) in [("银行", "yin2 hang2"), ("重庆", "chong2 qing4"), ("还款", "huan2 kuan3")] {
            assert_eq!(lexicon.lookup(word).next().map(|entry| entry.reading), Some(reading), "{word}");
        }
        assert_eq!(lexicon.segment("查询话费余额"), ["查询", "话费余额"]);
    }
}
