//! Nodes that are reached by one label after the other. All trees share one table of edges, so that thousands of small
//! trees cost no more than one large.

use bole_edge_core::hash;
use hashbrown::HashTable;

/// A node of a [`Trie`].
pub(crate) type Node = u32;

struct Edge {
    from: Node,
    label: Box<str>,
    to: Node,
}

/// Edges from node to node. Only those who write documents put edges in, so a client cannot choose labels that collide.
#[derive(Default)]
pub(crate) struct Trie {
    edges: HashTable<Edge>,
    nodes: Node,
}

fn hashed(from: Node, label: &str) -> u64 {
    hash::of(from.into(), label.as_bytes())
}

impl Trie {
    /// A node that no edge leads to.
    pub(crate) fn root(&mut self) -> Node {
        self.nodes += 1;
        self.nodes - 1
    }

    /// The node that a label leads to, made if there was none.
    pub(crate) fn insert(&mut self, from: Node, label: &str) -> Node {
        if let Some(node) = self.child(from, label) {
            return node;
        }
        let to = self.root();
        let edge = Edge { from, label: label.into(), to };
        self.edges.insert_unique(hashed(from, label), edge, |edge| hashed(edge.from, &edge.label));
        to
    }

    /// The node that a label leads to.
    pub(crate) fn child(&self, from: Node, label: &str) -> Option<Node> {
        let same = |edge: &Edge| edge.from == from && *edge.label == *label;
        self.edges.find(hashed(from, label), same).map(|edge| edge.to)
    }

    /// How many nodes there are.
    pub(crate) fn nodes(&self) -> usize {
        self.nodes as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_lead_to_their_nodes() {
        let mut trie = Trie::default();
        let (one, other) = (trie.root(), trie.root());
        let a = trie.insert(one, "a");
        let ab = trie.insert(a, "b");
        assert_eq!(trie.insert(one, "a"), a);
        let far = trie.insert(other, "a");
        assert_ne!(far, a);
        assert_eq!(
            (trie.child(a, "b"), trie.child(one, "b"), trie.child(other, "a")),
            (Some(ab), None, Some(far))
        );
        assert_eq!(trie.nodes(), 5);
    }
}
