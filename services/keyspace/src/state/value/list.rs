//! A list: a deque of nodes, each of up to 8 KiB of packed elements or one larger element. Both ends are reached in constant
//! time, an index by walking over nodes from the nearer end.

mod node;

use std::collections::VecDeque;

use node::Node;

use super::Rules;
use crate::state::slot::allocated;

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct List {
    nodes: VecDeque<Node>,
    len: usize,
    /// Bytes of all nodes' elements.
    bytes: usize,
    /// Whether it was ever larger than one node: then it stays a `quicklist`.
    was_large: bool,
}

impl List {
    /// The number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an element at one end.
    pub fn push(&mut self, front: bool, element: &[u8], rules: &Rules) {
        let bytes_max = rules.limits.list_node_bytes_max;
        let end = if front { self.nodes.front_mut() } else { self.nodes.back_mut() };
        let before = end.as_ref().map_or(0, |node| node.live().len());
        self.len += 1;
        if let Some(node) = end.filter(|node| node.fits(element.len(), bytes_max)) {
            if front {
                node.push_front(element);
            } else {
                node.push_back(element);
            }
            self.bytes += node.live().len() - before;
            return;
        }
        let node = Node::of(element);
        self.bytes += node.live().len();
        self.was_large |= !self.nodes.is_empty() || node.live().len() > bytes_max;
        if front {
            self.nodes.push_front(node);
        } else {
            self.nodes.push_back(node);
        }
    }

    /// Drops up to `count` elements from one end.
    pub fn pop(&mut self, front: bool, count: usize) {
        let mut left = count.min(self.len);
        self.len -= left;
        while left > 0 {
            let end = if front { self.nodes.front_mut() } else { self.nodes.back_mut() };
            let Some(node) = end else { return };
            let before = node.live().len();
            if node.len() <= left {
                left -= node.len();
                self.bytes -= before;
                if front {
                    self.nodes.pop_front();
                } else {
                    self.nodes.pop_back();
                }
                continue;
            }
            for _ in 0..left {
                if front {
                    node.pop_front();
                } else {
                    node.pop_back();
                }
            }
            self.bytes -= before - node.live().len();
            left = 0;
        }
    }

    /// The element at `index`.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.iter_from(index).next()
    }

    /// The elements from `index` on.
    pub fn iter_from(&self, index: usize) -> impl Iterator<Item = &[u8]> {
        let (node, within) = self.locate(index.min(self.len));
        let first = self.nodes.get(node).map(|node| node.forward(within));
        let rest = self.nodes.range((node + 1).min(self.nodes.len())..);
        first.into_iter().flatten().chain(rest.flat_map(|node| node.forward(0)))
    }

    /// The elements before `index`, from behind.
    pub fn iter_back_from(&self, index: usize) -> impl Iterator<Item = &[u8]> {
        let (node, within) = self.locate(index.min(self.len));
        let first = self.nodes.get(node).map(|node| node.backward(within));
        let rest = self.nodes.range(..node.min(self.nodes.len())).rev();
        first.into_iter().flatten().chain(rest.flat_map(|node| node.backward(node.len())))
    }

    /// All elements.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.iter_from(0)
    }

    /// Replaces the element at `index`, if there is one.
    pub fn set(&mut self, index: usize, element: &[u8], rules: &Rules) {
        if index < self.len {
            self.splice(index, 1, element, rules);
        }
    }

    /// Inserts an element before the one at `index`; at the end if `index` is the length, not at all beyond.
    pub fn insert(&mut self, index: usize, element: &[u8], rules: &Rules) {
        if index == 0 || index == self.len {
            self.push(index == 0, element, rules);
        } else if index < self.len {
            self.splice(index, 0, element, rules);
            self.len += 1;
        }
    }

    /// Removes the elements at `indices`, which must rise; those that do not are ignored.
    pub fn remove(&mut self, indices: impl Iterator<Item = u64>, rules: &Rules) {
        let mut indices = indices.peekable();
        let old = std::mem::take(self);
        self.was_large = old.was_large;
        let mut begin = 0;
        for node in old.nodes {
            let end = begin + node.len() as u64;
            while indices.next_if(|index| *index < begin).is_some() {}
            if indices.peek().is_none_or(|index| *index >= end) {
                self.take_over(node, rules);
            } else {
                for (element, index) in node.forward(0).zip(begin..) {
                    while indices.next_if(|next| *next < index).is_some() {}
                    if indices.next_if_eq(&index).is_none() {
                        self.push(false, element, rules);
                    }
                }
            }
            begin = end;
        }
    }

    /// Keeps `len` elements from `start` on.
    pub fn trim(&mut self, start: usize, len: usize) {
        self.pop(true, start);
        self.pop(false, self.len.saturating_sub(len));
    }

    /// The name of the encoding, as Redis gives it.
    pub fn encoding(&self) -> &'static str {
        if self.was_large { "quicklist" } else { "listpack" }
    }

    /// About how many bytes this owns.
    pub fn heap_bytes(&self) -> usize {
        allocated(self.bytes) + self.nodes.capacity() * size_of::<Node>() + self.nodes.len() * 16
    }

    /// The node that an index falls into, and the index within. The end is behind the last element of the last node.
    fn locate(&self, index: usize) -> (usize, usize) {
        if index * 2 <= self.len {
            let mut left = index;
            for (number, node) in self.nodes.iter().enumerate() {
                if left < node.len() {
                    return (number, left);
                }
                left -= node.len();
            }
        }
        let mut end = self.len;
        for (number, node) in self.nodes.iter().enumerate().rev() {
            let begin = end - node.len();
            if begin <= index {
                return (number, index - begin);
            }
            end = begin;
        }
        (0, 0)
    }

    /// Puts a node of another list at the end.
    fn take_over(&mut self, node: Node, rules: &Rules) {
        let bytes_max = rules.limits.list_node_bytes_max;
        let last = self.nodes.back().map_or(usize::MAX, |last| last.live().len());
        if last < bytes_max && last + node.live().len() <= bytes_max {
            node.forward(0).for_each(|element| self.push(false, element, rules));
        } else {
            self.len += node.len();
            self.bytes += node.live().len();
            self.nodes.push_back(node);
        }
    }

    fn splice(&mut self, index: usize, removed: usize, element: &[u8], rules: &Rules) {
        let (number, within) = self.locate(index);
        let node = &mut self.nodes[number];
        let before = node.live().len();
        node.splice(within, removed, element);
        let after = node.live().len();
        self.bytes = self.bytes + after - before;
        if after <= rules.limits.list_node_bytes_max {
            return;
        }
        self.was_large = true;
        if node.len() > 1 {
            let mut parts = Self::default();
            node.forward(0).for_each(|element| parts.push(false, element, rules));
            let behind = self.nodes.split_off(number + 1);
            self.nodes.pop_back();
            self.nodes.extend(parts.nodes);
            self.nodes.extend(behind);
        }
    }
}
