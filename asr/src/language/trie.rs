//! The lexicon as a tree of units: words that sound alike at the start share the search through it.

use crate::units::UnitId;
use std::collections::VecDeque;

/// A place in the tree.
pub type NodeId = u32;

/// The beginning of every word.
pub const TOP: NodeId = 0;

/// A static tree in breadth-first order, so that the children of a node, and its words, lie side by side.
#[derive(Debug, Default)]
pub struct Trie {
    units: Vec<UnitId>,
    children: Vec<NodeId>,
    ends: Vec<u32>,
    readings: Vec<u32>,
}

/// One spelling for the tree. Readings with equal units keep the order of their rank, highest first.
#[derive(Clone, Debug)]
pub struct Spelling {
    /// The units from the first to the last.
    pub units: Box<[UnitId]>,
    /// Whose spelling it is.
    pub reading: u32,
    /// Its rank among those that sound the same.
    pub rank: f32,
}

impl Trie {
    /// Builds the tree. Of readings that sound the same only the `homophones_max` of highest rank are kept.
    #[must_use]
    pub fn build(mut spellings: Vec<Spelling>, homophones_max: usize) -> Self {
        spellings.sort_by(|a, b| a.units.cmp(&b.units).then_with(|| b.rank.total_cmp(&a.rank)));
        let mut trie = Self { units: vec![UnitId::MAX], ..Self::default() };
        let mut queue = VecDeque::from([(0, spellings.len(), 0)]);
        while let Some((start, end, depth)) = queue.pop_front() {
            trie.ends.push(trie.readings.len() as u32);
            let here = spellings[start..end].iter().take_while(|spelling| spelling.units.len() == depth).count();
            let kept = &spellings[start..start + here.min(homophones_max)];
            trie.readings.extend(kept.iter().map(|spelling| spelling.reading));
            trie.children.push(trie.units.len() as NodeId);
            let mut at = start + here;
            while at < end {
                let unit = spellings[at].units[depth];
                let len = spellings[at..end].iter().take_while(|spelling| spelling.units[depth] == unit).count();
                trie.units.push(unit);
                queue.push_back((at, at + len, depth + 1));
                at += len;
            }
        }
        trie.children.push(trie.units.len() as NodeId);
        trie.ends.push(trie.readings.len() as u32);
        trie
    }

    /// How many nodes there are, the top included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.units.len()
    }

    /// Whether there is nothing but the top.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.units.len() <= 1
    }

    /// The unit that leads to a node.
    #[must_use]
    pub fn unit(&self, node: NodeId) -> UnitId {
        self.units[node as usize]
    }

    /// The nodes below `node`, by rising unit.
    #[must_use]
    pub fn children(&self, node: NodeId) -> std::ops::Range<NodeId> {
        self.children[node as usize]..self.children[node as usize + 1]
    }

    /// The node below `node` that `unit` leads to.
    #[must_use]
    pub fn child(&self, node: NodeId, unit: UnitId) -> Option<NodeId> {
        let range = self.children(node);
        let units = &self.units[range.start as usize..range.end as usize];
        units.binary_search(&unit).ok().map(|at| range.start + at as NodeId)
    }

    /// The readings that end at `node`, best rank first.
    #[must_use]
    pub fn readings(&self, node: NodeId) -> &[u32] {
        &self.readings[self.ends[node as usize] as usize..self.ends[node as usize + 1] as usize]
    }

    /// The nodes along a spelling, or as many as there are.
    pub fn path<'a>(&'a self, units: impl IntoIterator<Item = UnitId> + 'a) -> impl Iterator<Item = NodeId> + 'a {
        let mut node = TOP;
        units.into_iter().map_while(move |unit| {
            node = self.child(node, unit)?;
            Some(node)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelling(units: &[UnitId], reading: u32, rank: f32) -> Spelling {
        Spelling { units: units.into(), reading, rank }
    }

    #[test]
    fn spellings_share_their_beginnings_and_homophones_keep_their_rank() {
        let trie = Trie::build(
            vec![
                spelling(&[3, 4, 1], 0, 1.0),
                spelling(&[3, 4], 1, 0.1),
                spelling(&[3, 4], 2, 0.9),
                spelling(&[3, 4], 3, 0.5),
                spelling(&[5], 4, 1.0),
            ],
            2,
        );
        assert_eq!(trie.len(), 5);
        let path: Vec<NodeId> = trie.path([3, 4, 1]).collect();
        assert_eq!(path.len(), 3);
        assert_eq!(trie.readings(path[1]), [2, 3]);
        assert_eq!(trie.readings(path[2]), [0]);
        assert_eq!(trie.children(path[2]).len(), 0);
        assert_eq!(trie.child(TOP, 5).map(|node| trie.readings(node).to_vec()), Some(vec![4]));
        assert_eq!(trie.path([3, 7]).count(), 1);
    }
}
