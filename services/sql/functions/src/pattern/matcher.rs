//! A compiled regular expression, and where it matches.
//!
//! The crate `regex` takes the match that its branches and quantifiers prefer in order; PostgreSQL takes the longest that begins leftmost, or
//! the shortest if all quantifiers are reluctant. So the place where a match begins is asked of `regex`, and where it ends of a simulation of
//! the automaton that sees all ends. Groups are those of `regex`, if it ends there too and no two branches of an alternative can begin with
//! the same character; else the call is refused.

use std::cell::RefCell;
use std::rc::Rc;

use bole_sql_types::{Error, Result};
use regex::{Regex, RegexBuilder};
use regex_automata::nfa::thompson::pikevm::{self, PikeVM};
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange, Hir, HirKind};

use super::are::{Flags, Preference, translate};

/// From where to where in the text, in bytes.
pub(crate) type Span = (usize, usize);

/// A compiled pattern.
pub(crate) struct Matcher {
    ordered: Regex,
    ends: PikeVM,
    cache: RefCell<pikevm::Cache>,
    /// How many groups capture.
    pub(crate) groups: usize,
    preference: Preference,
    /// There is one way to match at a place, or the order of preference is that of length.
    is_plain: bool,
    alternatives: bool,
    pattern: String,
    /// What it takes at most, roughly: the automaton, in both directions for `regex`, and what these remember.
    bytes: usize,
}

/// Bytes of a pattern's text: reading it takes many times as many.
const PATTERN_BYTES_MAX: usize = 256 << 10;
/// Bytes that each compiled form of a pattern may take: 100 letters of any script are 5 MiB.
const COMPILED_BYTES_MAX: usize = 10 << 20;
/// Bytes that a pattern may remember of texts that it met, in each of two directions.
const REMEMBERED_BYTES_MAX: usize = 256 << 10;
/// Patterns that a thread keeps compiled.
const KEPT_MAX: usize = 16;
/// Bytes that they take. The one that was used last is kept even if it takes more.
const KEPT_BYTES_MAX: usize = 16 << 20;

thread_local! {
    static KEPT: RefCell<Kept> = const { RefCell::new(Kept(Vec::new())) };
}

/// Compiled patterns, the one that was used last first.
struct Kept(Vec<(String, Flags, Rc<Matcher>)>);

impl Kept {
    fn find(&mut self, pattern: &str, flags: Flags) -> Option<Rc<Matcher>> {
        let at = self.0.iter().position(|(known, with, _)| known == pattern && *with == flags)?;
        self.0[..=at].rotate_right(1);
        Some(Rc::clone(&self.0[0].2))
    }

    fn insert(&mut self, pattern: &str, flags: Flags, matcher: &Rc<Matcher>) {
        self.0.insert(0, (pattern.to_owned(), flags, Rc::clone(matcher)));
        let mut bytes = 0;
        let fit = self.0.iter().take(KEPT_MAX).take_while(|(_, _, matcher)| {
            bytes += matcher.bytes;
            bytes <= KEPT_BYTES_MAX
        });
        let fit = fit.count().max(1);
        self.0.truncate(fit);
    }
}

/// The compiled pattern; those used last are kept. Errors: 2201B, 0A000.
pub(crate) fn compiled(pattern: &str, flags: Flags) -> Result<Rc<Matcher>> {
    KEPT.with_borrow_mut(|kept| {
        if let Some(matcher) = kept.find(pattern, flags) {
            return Ok(matcher);
        }
        let matcher = Rc::new(Matcher::new(pattern, flags)?);
        kept.insert(pattern, flags, &matcher);
        Ok(matcher)
    })
}

fn too_complex() -> Error {
    Error::unsupported("a regular expression of this size")
}

impl Matcher {
    fn new(pattern: &str, flags: Flags) -> Result<Self> {
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(too_complex());
        }
        let translated = translate(pattern, flags)?;
        let ordered = RegexBuilder::new(&translated.pattern)
            .size_limit(COMPILED_BYTES_MAX)
            .dfa_size_limit(REMEMBERED_BYTES_MAX)
            .build()
            .map_err(|_| too_complex())?;
        let thompson = regex_automata::nfa::thompson::Config::new().nfa_size_limit(Some(COMPILED_BYTES_MAX));
        let ends = PikeVM::builder()
            .configure(PikeVM::config().match_kind(MatchKind::All))
            .thompson(thompson)
            .build(&translated.pattern)
            .map_err(|_| too_complex())?;
        let cache = ends.create_cache();
        let automata = 3 * ends.get_nfa().memory_usage() + cache.memory_usage();
        Ok(Self {
            ordered,
            bytes: automata + 2 * REMEMBERED_BYTES_MAX + pattern.len() + translated.pattern.len(),
            cache: RefCell::new(cache),
            ends,
            groups: translated.groups,
            preference: translated.preference,
            is_plain: translated.quantifiers <= 1 && !translated.alternatives,
            alternatives: translated.alternatives,
            pattern: translated.pattern,
        })
    }

    /// Whether it matches anywhere.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.ordered.is_match(text)
    }

    /// The first match that begins at a byte or after it. Errors: 0A000 where PostgreSQL's rule is not followed here.
    pub(crate) fn find(&self, text: &str, from: usize) -> Result<Option<Span>> {
        let Some(found) = self.ordered.find_at(text, from) else { return Ok(None) };
        self.whole(text, (found.start(), found.end())).map(Some)
    }

    /// The match that begins where one was found.
    fn whole(&self, text: &str, found: Span) -> Result<Span> {
        if self.preference == Preference::Mixed {
            return Err(Error::unsupported("a regular expression with greedy and reluctant quantifiers"));
        }
        if self.is_plain {
            return Ok(found);
        }
        let input = Input::new(text)
            .span(found.0..text.len())
            .anchored(Anchored::Yes)
            .earliest(self.preference == Preference::Shortest);
        let end = self.ends.find(&mut self.cache.borrow_mut(), input).map_or(found.1, |found| found.end());
        Ok((found.0, end))
    }

    /// The first match from a byte on, and its groups: first the whole.
    pub(crate) fn captures(&self, text: &str, from: usize) -> Result<Option<Vec<Option<Span>>>> {
        if self.groups == 0 {
            return Ok(self.find(text, from)?.map(|whole| vec![Some(whole)]));
        }
        let Some(found) = self.ordered.captures_at(text, from) else { return Ok(None) };
        let groups: Vec<_> =
            found.iter().map(|group| group.map(|group| (group.start(), group.end()))).collect();
        let Some(whole) = groups[0] else { return Ok(None) };
        if self.whole(text, whole)? != whole || (self.alternatives && !self.is_decided()) {
            return Err(Error::unsupported(
                "a regular expression whose groups depend on which alternative is preferred",
            ));
        }
        Ok(Some(groups))
    }

    /// Whether the next character decides between the branches of each alternative.
    fn is_decided(&self) -> bool {
        regex_syntax::parse(&self.pattern).is_ok_and(|tree| is_decided(&tree))
    }
}

fn is_decided(tree: &Hir) -> bool {
    match tree.kind() {
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => true,
        HirKind::Repetition(repetition) => is_decided(&repetition.sub),
        HirKind::Capture(capture) => is_decided(&capture.sub),
        HirKind::Concat(parts) => parts.iter().all(is_decided),
        HirKind::Alternation(branches) => {
            let mut seen = ClassUnicode::empty();
            branches.iter().all(|branch| {
                let Some(first) = first_characters(branch) else { return false };
                let mut both = first.clone();
                both.intersect(&seen);
                seen.union(&first);
                both.ranges().is_empty() && is_decided(branch)
            })
        }
    }
}

/// The characters that a match can begin with; none if it can be empty, or that is not known.
fn first_characters(tree: &Hir) -> Option<ClassUnicode> {
    match tree.kind() {
        HirKind::Literal(literal) => {
            let first = std::str::from_utf8(&literal.0).ok()?.chars().next()?;
            Some(ClassUnicode::new([ClassUnicodeRange::new(first, first)]))
        }
        HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => Some(class.clone()),
        HirKind::Capture(capture) => first_characters(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => first_characters(&repetition.sub),
        HirKind::Concat(parts) => first_characters(parts.first()?),
        HirKind::Alternation(branches) => {
            let mut all = ClassUnicode::empty();
            for branch in branches {
                all.union(&first_characters(branch)?);
            }
            Some(all)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_has_a_limit() {
        let mut kept = Kept(Vec::new());
        for n in 0..2 * KEPT_MAX {
            let pattern = format!("a{n}");
            kept.insert(
                &pattern,
                Flags::default(),
                &Rc::new(Matcher::new(&pattern, Flags::default()).unwrap()),
            );
        }
        assert_eq!(kept.0.len(), KEPT_MAX);
        assert!(kept.find("a31", Flags::default()).is_some() && kept.find("a1", Flags::default()).is_none());
        let large = Rc::new(Matcher::new("\\w{100}", Flags::default()).unwrap());
        assert!(large.bytes > KEPT_BYTES_MAX / 4, "{}", large.bytes);
        for n in 0..8 {
            kept.insert(&format!("large {n}"), Flags::default(), &large);
            let bytes: usize = kept.0.iter().map(|(_, _, matcher)| matcher.bytes).sum();
            assert!(kept.0.len() == 1 || bytes <= KEPT_BYTES_MAX, "{bytes}");
        }
    }

    #[test]
    fn patterns_have_a_size() {
        for pattern in ["\\w{250}".to_owned(), "(\\w{50}){50}".to_owned(), "a".repeat(PATTERN_BYTES_MAX + 1)]
        {
            let state = Matcher::new(&pattern, Flags::default()).err().map(|error| error.state);
            assert_eq!(state, Some(bole_sql_types::SqlState::FEATURE_NOT_SUPPORTED));
        }
    }
}
