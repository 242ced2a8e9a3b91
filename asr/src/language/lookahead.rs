//! What the language model expects of words that have only begun: the best word below each node of the tree.

use crate::language::ngram::{ContextId, NGram};
use crate::language::trie::{NodeId, TOP, Trie};
use crate::units::UnitId;

/// Per context of an n-gram model, the probability of its best word below each node that leads to one.
#[derive(Debug, Default)]
pub struct Lookahead {
    starts: Vec<u32>,
    best: Vec<(NodeId, f32)>,
}

impl Lookahead {
    /// Walks the tree for every word that the model has seen. `spellings` gives a word's units and their share.
    pub fn build<'a, S>(model: &NGram, trie: &Trie, spellings: impl Fn(u32) -> S) -> Self
    where
        S: Iterator<Item = (Vec<UnitId>, f32)> + 'a,
    {
        let mut lists: Vec<Vec<(NodeId, f32)>> = vec![Vec::new(); model.contexts()];
        for (context, word, probability) in model.seen() {
            for (units, share) in spellings(word) {
                let list = &mut lists[context as usize];
                list.extend(trie.path(units).map(|node| (node, probability * share)));
            }
        }
        let mut built = Self { starts: vec![0], best: Vec::new() };
        for mut list in lists {
            list.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.total_cmp(&a.1)));
            list.dedup_by_key(|(node, _)| *node);
            built.best.append(&mut list);
            built.starts.push(built.best.len() as u32);
        }
        built
    }

    /// The best that `model` can say in `context` of a word below `node`; 1 at the top, where anything is possible.
    #[must_use]
    pub fn probability(&self, model: &NGram, context: ContextId, node: NodeId) -> f32 {
        if node == TOP {
            return 1.0;
        }
        let (mut best, mut weight, mut context) = (0.0_f32, 1.0, context);
        loop {
            let list = self.starts.get(context as usize..context as usize + 2);
            let list = list.map_or(&[][..], |range| &self.best[range[0] as usize..range[1] as usize]);
            if let Ok(at) = list.binary_search_by_key(&node, |&(node, _)| node) {
                best = best.max(weight * list[at].1);
            }
            match model.fallback(context) {
                Some((shorter, left)) => {
                    weight *= left;
                    context = shorter;
                }
                None => return best,
            }
        }
    }
}
