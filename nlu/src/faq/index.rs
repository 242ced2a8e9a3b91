//! BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009) over pairs of characters and of syllables.

use super::FaqEntry;
use crate::utterance::{Pronouncer, Utterance};
use std::collections::{BTreeMap, HashMap};

const K1: f32 = 1.2;
const B: f32 = 0.5;
/// Thresholds outside are not fitted but forced: below, chance decides; above, nothing is ever found.
const THRESHOLDS: std::ops::RangeInclusive<f32> = 0.35..=0.75;
/// The share of sentences for flows that may reach the threshold.
const FALSE_SHARE: f32 = 0.02;
/// A term that stands in no document weighs so much of what its rarity would make it: callers use many words.
const UNKNOWN: f32 = 0.4;
/// Fewer characters than this ask for nothing: 九点 is an answer, not a question.
const CHARS_MIN: usize = 4;
/// An answer weighs so much beside a question: it names more than it is asked for.
const ANSWER_WEIGHT: f32 = 0.6;

/// An entry that a caller may have asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Match {
    /// Index of the entry.
    pub entry: usize,
    /// `0.0..=1.0`, near enough.
    pub score: f32,
}

/// One paraphrase of a question, or an answer.
#[derive(Clone, Debug)]
struct Document {
    entry: usize,
    weight: f32,
    len: f32,
    is_question: bool,
}

/// The bot's questions, searchable.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    entries: Vec<FaqEntry>,
    documents: Vec<Document>,
    /// Term -> documents and how often it stands there.
    postings: HashMap<String, Vec<(usize, f32)>>,
    len_mean: f32,
    threshold: f32,
}

impl Index {
    /// Builds the index and fits its threshold; `others` are sentences that something else answers.
    pub fn new<'a>(entries: &[FaqEntry], others: impl Iterator<Item = &'a str>, pronouncer: &Pronouncer) -> Self {
        let mut index = Self { entries: entries.to_vec(), ..Self::default() };
        let mut questions = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            for question in &entry.questions {
                let utterance = Utterance::new(question, "", 1.0, pronouncer);
                questions.push((at, index.documents.len(), utterance.clone()));
                index.add(at, &utterance, 1.0, true);
            }
            index.add(at, &Utterance::new(&entry.answer, "", 1.0, pronouncer), ANSWER_WEIGHT, false);
        }
        if index.documents.is_empty() {
            return index;
        }
        #[expect(clippy::cast_precision_loss, reason = "at most some ten thousand documents")]
        let count = index.documents.len() as f32;
        index.len_mean = index.documents.iter().map(|document| document.len).sum::<f32>() / count;
        index.threshold = index.fit(&questions, others, pronouncer);
        index
    }

    /// The entries.
    pub fn entry(&self, at: usize) -> Option<&FaqEntry> {
        self.entries.get(at)
    }

    /// What the caller asks for, if that is surely among the questions.
    pub fn answer(&self, readings: &[Utterance]) -> Option<Match> {
        let of = |reading: &Utterance| {
            let asks = reading.content_len() >= CHARS_MIN;
            asks.then(|| self.search(reading, None).into_iter().next()).flatten()
        };
        let best = readings.iter().filter_map(of).max_by(|a, b| a.score.total_cmp(&b.score))?;
        (best.score >= self.threshold).then_some(best)
    }

    /// The entries that have anything to do with an utterance, best first.
    pub fn near(&self, utterance: &Utterance, most: usize) -> Vec<Match> {
        let mut found = self.search(utterance, None);
        found.truncate(most);
        found
    }

    fn add(&mut self, entry: usize, utterance: &Utterance, weight: f32, is_question: bool) {
        let at = self.documents.len();
        let terms = terms(utterance);
        let len: f32 = terms.values().sum();
        for (term, count) in terms {
            self.postings.entry(term).or_default().push((at, count));
        }
        self.documents.push(Document { entry, weight, len, is_question });
    }

    /// Entries with their best document's score; `without` is a document that does not count.
    fn search(&self, utterance: &Utterance, without: Option<usize>) -> Vec<Match> {
        let mut scores: BTreeMap<usize, f32> = BTreeMap::new();
        let mut most = 0.0;
        for (term, count) in terms(utterance) {
            let postings = self.postings.get(&term).map_or(&[][..], Vec::as_slice);
            let known = if postings.is_empty() { UNKNOWN } else { 1.0 };
            let weight = known * self.rarity(postings.len()) * count.min(2.0);
            // What a document of this length would get that has the term once.
            most += weight;
            for (at, count) in postings.iter().filter(|(at, _)| Some(*at) != without) {
                let document = &self.documents[*at];
                let norm = K1 * (1.0 - B + B * document.len / self.len_mean);
                let part = weight * count * (K1 + 1.0) / (count + norm);
                *scores.entry(*at).or_default() += part * document.weight;
            }
        }
        let mut best: BTreeMap<usize, f32> = BTreeMap::new();
        for (at, score) in scores {
            let score = (score / most.max(f32::EPSILON)).min(1.0);
            let known = best.entry(self.documents[at].entry).or_default();
            *known = known.max(score);
        }
        let mut found: Vec<Match> = best.into_iter().map(|(entry, score)| Match { entry, score }).collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.entry.cmp(&b.entry)));
        found
    }

    /// How much a term tells that stands in so many documents.
    #[expect(clippy::cast_precision_loss, reason = "at most some ten thousand documents")]
    fn rarity(&self, count: usize) -> f32 {
        let (all, count) = (self.documents.len() as f32, count as f32);
        (1.0 + (all - count + 0.5) / (count + 0.5)).ln()
    }

    /// The threshold that the fewest sentences for flows reach and that keeps most paraphrases: each question is searched
    /// without itself, as a caller's words stand in no document either.
    fn fit<'a>(
        &self,
        questions: &[(usize, usize, Utterance)],
        others: impl Iterator<Item = &'a str>,
        pronouncer: &Pronouncer,
    ) -> f32 {
        let best = |utterance: &Utterance, without| self.search(utterance, without).into_iter().next();
        let mut wrong: Vec<f32> = others
            .filter_map(|text| best(&Utterance::new(text, "", 1.0, pronouncer), None).map(|found| found.score))
            .collect();
        wrong.sort_by(f32::total_cmp);
        let right: Vec<f32> = questions
            .iter()
            .filter(|(_, at, _)| self.documents[*at].is_question)
            .filter_map(|(entry, at, utterance)| {
                best(utterance, Some(*at)).filter(|found| found.entry == *entry).map(|found| found.score)
            })
            .collect();
        let (low, high) = (*THRESHOLDS.start(), *THRESHOLDS.end());
        let steps = (0_u8..=40).map(|step| low + (high - low) * f32::from(step) / 40.0);
        #[expect(clippy::cast_precision_loss, reason = "counts of a bot's sentences")]
        let share = |scores: &[f32], at: f32| {
            scores.iter().filter(|score| **score >= at).count() as f32 / scores.len().max(1) as f32
        };
        let fits = |at: &f32| share(&wrong, *at) <= FALSE_SHARE;
        // Of those that hold the flows' sentences back the one that keeps the most paraphrases: the lowest.
        let lowest = steps.clone().find(fits).unwrap_or(high);
        let kept = share(&right, lowest);
        tracing::debug!(threshold = lowest, kept, "fitted the threshold of the bot's questions");
        lowest
    }
}

/// Pairs of characters and of syllables, single characters at a discount in count, and whole words of letters.
fn terms(utterance: &Utterance) -> BTreeMap<String, f32> {
    let utterance = utterance.content();
    let mut terms = BTreeMap::new();
    let mut add = |term: String, count: f32| *terms.entry(term).or_insert(0.0) += count;
    for pair in utterance.chars.windows(2) {
        add(pair.iter().collect(), 1.0);
    }
    for pair in utterance.syllables.windows(2).filter(|pair| pair.iter().all(|syllable| !syllable.is_empty())) {
        add(format!("~{} {}", pair[0], pair[1]), 0.5);
    }
    for c in utterance.chars.iter().filter(|c| !COMMON.contains(**c)) {
        add(c.to_string(), 0.3);
    }
    terms
}

/// Characters that stand in every sentence and tell nothing.
const COMMON: &str = "的了吗呢吧啊我你您是有在不要个这那";

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<FaqEntry> {
        let entry = |source: &str, questions: &[&str], answer: &str| FaqEntry {
            source: source.to_owned(),
            questions: questions.iter().map(|text| (*text).to_owned()).collect(),
            answer: answer.to_owned(),
        };
        vec![
            entry(
                "a",
                &["营业厅几点开门", "营业厅的上班时间", "你们营业厅什么时候下班"],
                "营业厅每天九点到十八点营业。",
            ),
            entry("b", &["手机卡丢了怎么补办", "补办手机卡要带什么", "补卡需要什么材料"], "请带身份证到营业厅补办。"),
            entry("c", &["发票怎么开", "在哪里打印发票", "电子发票怎么下载"], "电子发票可以在手机营业厅下载。"),
        ]
    }

    const OTHERS: [&str; 6] = ["查话费", "我要换套餐", "流量还剩多少", "宽带坏了", "转人工", "我要投诉你们乱扣费"];

    fn index() -> Index {
        Index::new(&entries(), OTHERS.into_iter(), &Pronouncer::default())
    }

    fn ask(text: &str) -> Option<usize> {
        let utterance = Utterance::new(text, "", 1.0, &Pronouncer::default());
        index().answer(&[utterance]).map(|found| found.entry)
    }

    #[test]
    fn paraphrases_and_homophones_find_their_question() {
        assert_eq!(ask("请问营业厅几点上班"), Some(0));
        assert_eq!(ask("补办手机卡需要带什么材料"), Some(1));
        assert_eq!(ask("我想问一下电子发票在哪里下载"), Some(2));
        assert_eq!(ask("店子发飘怎么下载"), Some(2), "by its sound");
    }

    #[test]
    fn what_flows_answer_and_what_nobody_asked_is_not_found() {
        for text in OTHERS.into_iter().chain(["今天天气怎么样", "嗯", "", "九点", "营业厅"]) {
            assert_eq!(ask(text), None, "{text}");
        }
    }

    #[test]
    fn an_empty_index_finds_nothing() {
        let empty = Index::new(&[], std::iter::empty(), &Pronouncer::default());
        assert_eq!(empty.answer(&[Utterance::new("发票怎么开", "", 1.0, &Pronouncer::default())]), None);
    }
}
