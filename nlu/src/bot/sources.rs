//! What a bot was read from: its files and their trees, for tools that name places in them.

use super::fault::{Fault, Place};
use super::node::{Data, Node};

/// A comment that silences one kind of finding in its line: `# allow: keypad-twin`.
const ALLOW: &str = "# allow:";

/// The files of a bot.
#[derive(Debug)]
pub(crate) struct Sources {
    /// Name and text of each file.
    pub files: Vec<(String, String)>,
    /// The tree of each file.
    pub roots: Vec<Node>,
    /// The file of each flow, by index.
    pub flows: Vec<u16>,
}

impl Sources {
    /// Where the node at a path of keys stands, in whichever file it is; the place of the longest part of the path that
    /// exists.
    pub fn place(&self, path: &[&str]) -> Place {
        let found = self.roots.iter().map(|root| descend(root, path)).max_by_key(|(depth, _)| *depth);
        found.filter(|(depth, _)| *depth > 0).map(|(_, node)| node.place).unwrap_or_default()
    }

    /// The nodes at a path of keys, one for each file that has it.
    pub fn nodes(&self, path: &[&str]) -> Vec<&Node> {
        let at = |root| Some(descend(root, path)).filter(|(depth, _)| *depth == path.len()).map(|(_, node)| node);
        self.roots.iter().filter_map(at).collect()
    }

    /// The keys of every mapping at a path.
    pub fn keys(&self, path: &[&str]) -> Vec<&str> {
        let mut keys = Vec::new();
        for node in self.nodes(path) {
            if let Data::Map(entries) = &node.data {
                keys.extend(entries.iter().map(|(key, _)| key.as_str()));
            }
        }
        keys
    }

    /// Every text of every file, keys left out.
    pub fn texts(&self) -> Vec<&str> {
        let mut texts = Vec::new();
        let mut open: Vec<&Node> = self.roots.iter().collect();
        while let Some(node) = open.pop() {
            match &node.data {
                Data::Text(text) => texts.push(text.as_str()),
                Data::List(items) => open.extend(items),
                Data::Map(entries) => open.extend(entries.iter().map(|(_, node)| node)),
                _ => {}
            }
        }
        texts
    }

    /// Where a step of a flow stands.
    pub fn step(&self, flow: usize, line: u32) -> Place {
        Place { file: self.flows.get(flow).copied().unwrap_or_default(), line }
    }

    /// A fault at a place of these files.
    pub fn fault(&self, place: Place, field: String, reason: String, suggestion: String) -> Fault {
        let file = self.files.get(usize::from(place.file)).map(|(name, _)| name.clone()).unwrap_or_default();
        Fault { file, line: place.line, field, reason, suggestion }
    }

    /// Whether the line, or a comment that fills the line above it, says `# allow: code`.
    pub fn is_allowed(&self, place: Place, code: &str) -> bool {
        let Some((_, text)) = self.files.get(usize::from(place.file)) else { return false };
        let Some(at) = (place.line as usize).checked_sub(1) else { return false };
        let allows = |line: &str| {
            line.split_once(ALLOW).is_some_and(|(_, codes)| codes.split([',', ' ']).any(|allowed| allowed == code))
        };
        let above = at.checked_sub(1).and_then(|above| text.lines().nth(above));
        text.lines().nth(at).is_some_and(allows) || above.is_some_and(|above| is_about_next(above) && allows(above))
    }
}

/// Whether a comment in this line speaks of the next: it fills the line, or stands behind the key of what begins there.
fn is_about_next(line: &str) -> bool {
    line.split_once(ALLOW).is_some_and(|(before, _)| before.trim().is_empty() || before.trim_end().ends_with(':'))
}

/// The deepest node on the path below `root` and how many keys lead to it.
fn descend<'a>(root: &'a Node, path: &[&str]) -> (usize, &'a Node) {
    let mut node = root;
    for (depth, key) in path.iter().enumerate() {
        let Data::Map(entries) = &node.data else { return (depth, node) };
        let Some((_, inner)) = entries.iter().find(|(known, _)| known == key) else { return (depth, node) };
        node = inner;
    }
    (path.len(), node)
}
