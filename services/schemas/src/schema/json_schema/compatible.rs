//! Whether every document that an old schema takes is taken by a new one.
//!
//! A node is a conjunction: its own keywords, and what `allOf`, `anyOf`, `oneOf`, `not` and `$ref` add. The new node takes all that the old
//! one takes if each part of the new is implied by some part of the old. What cannot be shown in this way counts as incompatible, so the
//! answer errs on the safe side. Where a subschema stands on one side only, the other side is what its content model says of that
//! place: everything (open), nothing (closed), or the schema of `additionalProperties`.

mod keywords;

use std::collections::{HashMap, HashSet};

use super::{Keywords, Node, NodeId, Schema, Types};
use crate::schema::difference::{Difference, Differences, Effort};
use crate::schema::json::Json;

/// Why `new` does not take what `old` takes; empty if it does.
pub fn compare(new: &Schema, old: &Schema) -> Differences {
    let mut comparison = Comparison { new, old, known: HashMap::new(), effort: Effort::default() };
    let found = comparison.nodes(Some(new.root), Some(old.root), Types::ALL, "#");
    found.after(&comparison.effort)
}

/// The new side of a comparison and the old one; no node stands for everything.
type Pair = (Option<NodeId>, Option<NodeId>, Types);

struct Comparison<'a> {
    new: &'a Schema,
    old: &'a Schema,
    /// Pairs that were compared, or are being compared: those are taken as compatible, as recursion asks for.
    known: HashMap<Pair, Differences>,
    effort: Effort,
}

/// A part of a node.
#[derive(Clone, Copy)]
enum Part<'a> {
    /// Everything or nothing.
    Bool(bool),
    /// Its keywords without those below.
    Base(&'a Keywords),
    /// `anyOf`.
    Any(&'a [NodeId]),
    /// `oneOf`.
    One(&'a [NodeId]),
    /// `not`.
    Not(NodeId),
    /// A keyword that is compared as it is.
    Literal(&'a str, &'a Json),
}

/// The parts of a node, those behind `allOf` and `$ref` included.
fn parts(schema: &Schema, id: NodeId) -> Vec<Part<'_>> {
    let (mut found, mut open, mut seen) = (Vec::new(), vec![id], HashSet::new());
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        match schema.get(id) {
            Node::Bool(value) => found.push(Part::Bool(*value)),
            Node::Keywords(words) => {
                found.push(Part::Base(words));
                open.extend(words.reference);
                open.extend(words.all_of.iter().rev());
                if !words.any_of.is_empty() {
                    found.push(Part::Any(&words.any_of));
                }
                if !words.one_of.is_empty() {
                    found.push(Part::One(&words.one_of));
                }
                found.extend(words.not.map(Part::Not));
                found.extend(words.literal.iter().map(|(word, value)| Part::Literal(word, value)));
            }
        }
    }
    found
}

impl<'a> Comparison<'a> {
    fn nodes(&mut self, new: Option<NodeId>, old: Option<NodeId>, only: Types, path: &str) -> Differences {
        let Some(new_id) = new else { return Differences::default() };
        let pair = (new, old, only);
        if let Some(known) = self.known.get(&pair) {
            return known.clone();
        }
        let (wanted, given) =
            (parts(self.new, new_id), old.map_or_else(Vec::new, |old| parts(self.old, old)));
        if let Err(given_up) = self.effort.enter(1 + wanted.len() * given.len(), path) {
            return given_up;
        }
        self.known.insert(pair, Differences::default());
        let mut found = Differences::default();
        if !given.iter().any(|part| matches!(part, Part::Bool(false))) {
            for part in wanted {
                found.extend(self.part(part, &given, old, only, path));
            }
        }
        self.effort.leave();
        self.known.insert(pair, found.clone());
        found
    }

    /// Why no part of the old node implies `wanted`.
    fn part(
        &mut self,
        wanted: Part<'a>,
        given: &[Part<'a>],
        old: Option<NodeId>,
        only: Types,
        path: &str,
    ) -> Differences {
        match wanted {
            Part::Bool(true) => Differences::default(),
            Part::Bool(false) => one("SCHEMA_ADDED", path, "nothing is taken here any more"),
            Part::Base(words) => self.base(words, given, only, path),
            Part::Any(branches) => self.sum(branches, true, given, old, only, path),
            Part::One(branches) => self.sum(branches, false, given, old, only, path),
            Part::Not(inner) => {
                let mut excluded =
                    |part: &Part<'_>| matches!(part, Part::Not(other) if self.is_inside(inner, *other));
                if given.iter().any(&mut excluded) {
                    return Differences::default();
                }
                one("NOT_TYPE_EXTENDED", path, "\"not\" excludes more than before")
            }
            Part::Literal(word, value) => {
                let same = |part: &Part<'_>| matches!(part, Part::Literal(other, given) if *other == word && value.same(given));
                if given.iter().any(same) {
                    return Differences::default();
                }
                one("KEYWORD_CHANGED", path, &format!("\"{word}\" is new or has changed"))
            }
        }
    }

    /// Whether an old schema takes all that a new one takes: the comparison is turned around.
    fn is_inside(&mut self, new: NodeId, old: NodeId) -> bool {
        let effort = std::mem::take(&mut self.effort);
        let mut turned = Comparison { new: self.old, old: self.new, known: HashMap::new(), effort };
        let found = turned.nodes(Some(old), Some(new), Types::ALL, "#");
        self.effort = turned.effort;
        found.is_empty()
    }

    fn base(&mut self, words: &'a Keywords, given: &[Part<'a>], only: Types, path: &str) -> Differences {
        if is_empty(words) {
            return Differences::default();
        }
        let mut nearest: Option<Differences> = None;
        for part in given {
            let found = match part {
                Part::Base(old) if !(is_empty(old) && given.len() > 1) => {
                    self.keywords(words, old, only, path)
                }
                Part::Any(branches) | Part::One(branches) => {
                    // Each branch must imply it. Only the parts of this node are asked for, not its `anyOf` and the like.
                    self.branches_imply(words, branches, only, path)
                }
                _ => continue,
            };
            if found.is_empty() {
                return found;
            }
            let nearer = nearest.as_ref().is_none_or(|nearest| found.iter().len() < nearest.iter().len());
            if nearer {
                nearest = Some(found);
            }
        }
        nearest.unwrap_or_else(|| self.keywords(words, &Keywords::default(), only, path))
    }

    fn branches_imply(
        &mut self,
        words: &'a Keywords,
        branches: &'a [NodeId],
        only: Types,
        path: &str,
    ) -> Differences {
        let mut found = Differences::default();
        for branch in branches {
            let given = parts(self.old, *branch);
            if given.iter().any(|part| matches!(part, Part::Bool(false))) {
                continue;
            }
            if let Err(given_up) = self.effort.enter(1 + given.len(), path) {
                return given_up;
            }
            found.extend(self.base(words, &given, only, path));
            self.effort.leave();
            if !found.is_empty() {
                break;
            }
        }
        found
    }

    /// A new `anyOf` or `oneOf`: each branch of an old one must be taken by a branch, or all of the old node by one branch.
    fn sum(
        &mut self,
        branches: &'a [NodeId],
        any: bool,
        given: &[Part<'a>],
        old: Option<NodeId>,
        only: Types,
        path: &str,
    ) -> Differences {
        let mut reason = None;
        for part in given {
            let olds = match part {
                Part::One(olds) => olds,
                Part::Any(olds) if any => olds,
                Part::Any(_) => {
                    reason = Some(one("COMBINED_TYPE_CHANGED", path, "anyOf has become oneOf"));
                    continue;
                }
                _ => continue,
            };
            let lost =
                olds.iter().position(|old| self.some_branch(branches, Some(*old), only, path).is_none());
            match lost {
                None => return Differences::default(),
                Some(index) => {
                    let text = format!("no branch takes what branch {index} took");
                    reason = Some(one("SUM_TYPE_NARROWED", path, &text));
                }
            }
        }
        let of_old = old_types(given).both(only);
        let whole = self.some_branch(branches, old, only, path).is_some();
        if whole || of_old.each().all(|each| self.some_branch(branches, old, each, path).is_some()) {
            return Differences::default();
        }
        reason.unwrap_or_else(|| {
            one("COMBINED_TYPE_SUBSCHEMAS_CHANGED", path, "no branch takes what was taken before")
        })
    }

    fn some_branch(
        &mut self,
        branches: &[NodeId],
        old: Option<NodeId>,
        only: Types,
        path: &str,
    ) -> Option<usize> {
        branches.iter().position(|branch| self.nodes(Some(*branch), old, only, path).is_empty())
    }
}

/// The types that a node with these parts may take.
fn old_types(given: &[Part<'_>]) -> Types {
    let of = |part: &Part<'_>| match part {
        Part::Base(words) => types_of(words),
        _ => Types::ALL,
    };
    given.iter().map(of).fold(Types::ALL, |all, one| all.both(one.complete()))
}

/// The types that keywords take: those of `type`, or of the values that are listed.
fn types_of(words: &Keywords) -> Types {
    let named = words.types.unwrap_or(Types::ALL).complete();
    match &words.values {
        Some(values) => values.iter().map(Types::of).fold(Types(0), Types::union).both(named),
        None => named,
    }
}

/// Whether the keywords of a base say nothing.
fn is_empty(words: &Keywords) -> bool {
    words.types.is_none()
        && words.values.is_none()
        && words.bounds.is_empty()
        && words.pattern.is_none()
        && words.properties.is_empty()
        && words.patterns.is_empty()
        && words.additional.is_none()
        && words.required.is_empty()
        && words.dependent_required.is_empty()
        && words.dependent_schemas.is_empty()
        && words.property_names.is_none()
        && words.tuple.is_empty()
        && words.items.is_none()
        && !words.unique
        && words.contains.is_none()
}

fn one(rule: &'static str, path: &str, text: &str) -> Differences {
    Differences::one(Difference::new(rule, path, text))
}
