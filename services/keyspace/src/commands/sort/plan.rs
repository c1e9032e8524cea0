//! What SORT's arguments ask for.

use std::ops::Range;

use super::pattern::Pattern;
use crate::commands::arguments::{Options, integer};
use crate::failure::{Failure, SYNTAX};

/// What elements are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By<'a> {
    Itself,
    /// What the pattern finds for an element.
    Pattern(Pattern<'a>),
    /// They stay in the order in which they are.
    Nothing,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) by: By<'a>,
    pub(super) descending: bool,
    pub(super) alpha: bool,
    /// LIMIT: how many to skip, how many to take; a negative number of them means all.
    limit: (i64, i64),
    pub(super) get: Vec<Pattern<'a>>,
    /// The argument that names the key to store the result in.
    pub(super) store: Option<usize>,
}

impl<'a> Plan<'a> {
    pub(super) fn parse(args: &'a [&'a [u8]], may_store: bool) -> Result<Self, Failure> {
        let mut plan = Self {
            by: By::Itself,
            descending: false,
            alpha: false,
            limit: (0, -1),
            get: Vec::new(),
            store: None,
        };
        let mut options = Options::new(args, 2);
        let mut sorts = true;
        while options.left() > 0 {
            if options.accept("asc") {
                plan.descending = false;
            } else if options.accept("desc") {
                plan.descending = true;
            } else if options.accept("alpha") {
                plan.alpha = true;
            } else if options.left() > 2 && options.accept("limit") {
                plan.limit = (integer(options.value()?)?, integer(options.value()?)?);
            } else if may_store && options.left() > 1 && options.accept("store") {
                plan.store = Some(args.len() - options.left());
                options.value()?;
            } else if options.accept("by") {
                let pattern = options.value()?;
                // Once a pattern without `*` was given, later ones do not bring the sorting back.
                sorts &= pattern.contains(&b'*');
                plan.by = By::Pattern(Pattern::parse(pattern));
            } else if options.accept("get") {
                plan.get.push(Pattern::parse(options.value()?));
            } else {
                return Err(SYNTAX.into());
            }
        }
        if !sorts {
            plan.by = By::Nothing;
        }
        Ok(plan)
    }

    /// Whether keys are read that no argument names.
    pub(super) fn reads_any_key(&self) -> bool {
        let reads = |pattern: &Pattern<'_>| matches!(pattern, Pattern::Key { .. });
        self.get.iter().any(reads) || matches!(&self.by, By::Pattern(pattern) if reads(pattern))
    }

    /// The part of `len` elements that LIMIT asks for.
    pub(super) fn window(&self, len: usize) -> Range<usize> {
        let (skip, take) = self.limit;
        let start = (skip.max(0) as usize).min(len);
        let end = if take < 0 { len } else { start.saturating_add(take as usize).min(len) };
        start..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_and_scopes() {
        for (text, may_store, expected) in [
            ("", true, Some((0..5, false, None))),
            ("limit 1 2", true, Some((1..3, false, None))),
            ("LIMIT -3 2", true, Some((0..2, false, None))),
            ("limit 2 -1", true, Some((2..5, false, None))),
            ("limit 9 2", true, Some((5..5, false, None))),
            ("limit 3 9223372036854775807", true, Some((3..5, false, None))),
            ("by nosort get #", true, Some((0..5, false, None))),
            ("by w_* desc", true, Some((0..5, true, None))),
            ("get w_*->f store to", true, Some((0..5, true, Some(5)))),
            ("store a store b", true, Some((0..5, false, Some(5)))),
            ("store a", false, None),
            ("store", true, None),
            ("limit 1", true, None),
            ("limit a 1", true, None),
            ("by", true, None),
            ("get", true, None),
            ("what", true, None),
        ] {
            let args: Vec<&[u8]> =
                ["sort", "key"].into_iter().chain(text.split_whitespace()).map(str::as_bytes).collect();
            let found = Plan::parse(&args, may_store).ok();
            let found = found.map(|plan| (plan.window(5), plan.reads_any_key(), plan.store));
            assert_eq!(found, expected, "{text}");
        }
    }
}
