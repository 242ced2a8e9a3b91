//! The words of hypotheses as a tree: hypotheses that begin alike share their beginning, and equal ones are one.

use crate::hash::IntMap;
use crate::units::UnitId;

/// A sequence of readings since the beginning of the utterance.
pub type HistoryId = u32;

/// The empty sequence.
pub const EMPTY: HistoryId = 0;

/// One step of a sequence.
#[derive(Clone, Copy, Debug)]
pub struct History {
    /// The sequence before this step.
    pub parent: HistoryId,
    /// The reading that was added.
    pub reading: u32,
    /// The language model's state after it, as the search numbers them.
    pub state: u32,
    /// What the language model and the bonuses gave so far.
    pub score: f32,
    /// The unit that the sequence ends with.
    pub last: UnitId,
}

/// A sequence that was given up for one that ends alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rival {
    /// The loser.
    pub history: HistoryId,
    /// How far it was behind, acoustic and language score together.
    pub behind: f32,
    /// How far its acoustic score was behind.
    pub acoustic_behind: f32,
}

/// Every sequence that the search of one utterance has met.
#[derive(Debug, Default)]
pub struct Histories {
    nodes: Vec<History>,
    index: IntMap<u64, HistoryId>,
    rivals: IntMap<HistoryId, Vec<Rival>>,
}

impl Histories {
    /// Forgets everything; the empty sequence ends with `blank` in language state `state`.
    pub fn clear(&mut self, state: u32, blank: UnitId) {
        self.nodes.clear();
        self.index.clear();
        self.rivals.clear();
        self.nodes.push(History { parent: EMPTY, reading: u32::MAX, state, score: 0.0, last: blank });
    }

    /// The sequence's last step.
    #[must_use]
    pub fn node(&self, id: HistoryId) -> &History {
        &self.nodes[id as usize]
    }

    /// `parent` and one more reading; `make` is asked for the step only when it is new.
    pub fn extend(&mut self, parent: HistoryId, reading: u32, make: impl FnOnce() -> History) -> HistoryId {
        let nodes = &mut self.nodes;
        *self.index.entry(u64::from(parent) << 32 | u64::from(reading)).or_insert_with(|| {
            nodes.push(make());
            nodes.len() as HistoryId - 1
        })
    }

    /// Remembers that `rival` was dropped for `winner`.
    pub fn give_up(&mut self, winner: HistoryId, rival: Rival) {
        let rivals = self.rivals.entry(winner).or_default();
        match rivals.iter_mut().find(|known| known.history == rival.history) {
            // Given up once, it shares the winner's future; what reaches it later is only a remainder.
            Some(known) if known.behind <= rival.behind => {}
            Some(known) => *known = rival,
            None => rivals.push(rival),
        }
    }

    /// What was dropped for `winner`.
    #[must_use]
    pub fn rivals(&self, winner: HistoryId) -> &[Rival] {
        self.rivals.get(&winner).map_or(&[], Vec::as_slice)
    }

    /// The readings of a sequence, first to last.
    #[must_use]
    pub fn readings(&self, mut id: HistoryId) -> Vec<u32> {
        let mut readings = Vec::new();
        while id != EMPTY {
            let node = self.node(id);
            readings.push(node.reading);
            id = node.parent;
        }
        readings.reverse();
        readings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sequences_are_one_and_rivals_are_kept_once() {
        let mut histories = Histories::default();
        histories.clear(0, 0);
        let step = |parent, reading| History { parent, reading, state: 0, score: 0.0, last: 1 };
        let one = histories.extend(EMPTY, 7, || step(EMPTY, 7));
        let two = histories.extend(one, 8, || step(one, 8));
        assert_eq!(histories.extend(EMPTY, 7, || unreachable!("known")), one);
        assert_eq!(histories.readings(two), [7, 8]);
        let rival = |behind| Rival { history: one, behind, acoustic_behind: 0.0 };
        histories.give_up(two, rival(3.0));
        histories.give_up(two, rival(1.0));
        assert_eq!(histories.rivals(two), [rival(1.0)]);
    }
}
