//! The functions `regexp_…`, `substring` by a pattern, and the operators `~` and `~*`.

use bole_sql_types::array::check_elements;
use bole_sql_types::length::check_length;
use bole_sql_types::{Error, Result, SqlState, Value};

use super::are::Flags;
use super::matcher::{Matcher, Span, compiled};
use super::similar::regular_expression;
use crate::array;
use crate::call::{Arguments, boolean, count, integer, text, text_or_null};
use crate::scalar::{Scalar, strict};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    strict(c"pg_regex", 2, |of| boolean(compiled(of.text(1)?, Flags::default())?.is_match(of.text(0)?))),
    strict(c"pg_regex_insensitive", 2, |of| {
        boolean(compiled(of.text(1)?, Flags::parse("i")?)?.is_match(of.text(0)?))
    }),
    strict(c"pg_regexp_like", 2, |of| {
        let flags = single(of, 2, "regexp_like()")?;
        boolean(compiled(of.text(1)?, flags)?.is_match(of.text(0)?))
    })
    .optional(1),
    strict(c"pg_substring_regex", 2, substring).optional(1),
    strict(c"pg_regexp_match", 2, |of| {
        let flags = flags(of, 2)?;
        if flags.global {
            let hint = "Use the regexp_matches function instead.";
            return Err(no_global("regexp_match()").with_hint(hint));
        }
        let (whole, matcher) = (of.text(0)?, compiled(of.text(1)?, flags)?);
        text_or_null(matcher.captures(whole, 0)?.map(|groups| array_of(whole, &groups)))
    })
    .optional(1),
    strict(c"pg_regexp_replace", 3, replace).optional(3),
    strict(c"pg_regexp_split_to_array", 2, |of| {
        let parts = split(of, "regexp_split_to_array()")?;
        text(array::of_texts(parts.into_iter().map(Some)))
    })
    .optional(1),
    strict(c"pg_regexp_count", 2, |of| {
        let (whole, from) = (of.text(0)?, start(of, 2)?);
        let matcher = compiled(of.text(1)?, single(of, 3, "regexp_count()")?)?;
        count(Matches::new(&matcher, whole, from).take_all()?)
    })
    .optional(2),
    strict(c"pg_regexp_instr", 2, position).optional(5),
    strict(c"pg_regexp_substr", 2, |of| {
        let matcher = compiled(of.text(1)?, single(of, 4, "regexp_substr()")?)?;
        let found = nth(of, &matcher, 5)?;
        text_or_null(found.map(|(from, to)| Ok::<_, Error>(of.text(0)?[from..to].to_owned())).transpose()?)
    })
    .optional(4),
];

fn flags(of: &Arguments<'_, '_>, at: usize) -> Result<Flags> {
    if of.len() > at { Flags::parse(of.text(at)?) } else { Ok(Flags::default()) }
}

fn no_global(function: &str) -> Error {
    let message = format!("{function} does not support the \"global\" option");
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

/// Flags of a function that has no use for `g`.
fn single(of: &Arguments<'_, '_>, at: usize, function: &str) -> Result<Flags> {
    let flags = flags(of, at)?;
    if flags.global { Err(no_global(function)) } else { Ok(flags) }
}

fn invalid_parameter(name: &str, value: i64) -> Error {
    let message = format!("invalid value for parameter \"{name}\": {value}");
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

/// A number that is at least `least`; what it is if it is left out.
fn number(of: &Arguments<'_, '_>, at: usize, name: &str, least: i64, default: i64) -> Result<i64> {
    let value = if of.len() > at { of.integer(at)? } else { default };
    if value < least { Err(invalid_parameter(name, value)) } else { Ok(value) }
}

/// The byte where the character begins that the argument `start` counts to; none beyond the end.
fn start(of: &Arguments<'_, '_>, at: usize) -> Result<Option<usize>> {
    let start = number(of, at, "start", 1, 1)? as usize - 1;
    let whole = of.text(0)?;
    Ok(byte_of(whole, start))
}

fn byte_of(whole: &str, character: usize) -> Option<usize> {
    whole.char_indices().map(|(at, _)| at).chain([whole.len()]).nth(character)
}

/// The byte after the character that begins at one; past the end, one more.
fn after(whole: &str, at: usize) -> usize {
    at + whole[at..].chars().next().map_or(1, char::len_utf8)
}

/// All matches from a place on.
struct Matches<'a> {
    matcher: &'a Matcher,
    whole: &'a str,
    from: Option<usize>,
}

impl<'a> Matches<'a> {
    const fn new(matcher: &'a Matcher, whole: &'a str, from: Option<usize>) -> Self {
        Self { matcher, whole, from }
    }

    /// Where the search for a next match begins.
    fn step(&mut self, (begin, end): Span) {
        let next = if begin == end { after(self.whole, end) } else { end };
        self.from = (next <= self.whole.len()).then_some(next);
    }

    fn next(&mut self) -> Result<Option<Span>> {
        let Some(from) = self.from else { return Ok(None) };
        let found = self.matcher.find(self.whole, from)?;
        if let Some(span) = found {
            self.step(span);
        }
        Ok(found)
    }

    fn next_groups(&mut self) -> Result<Option<Vec<Option<Span>>>> {
        let Some(from) = self.from else { return Ok(None) };
        let found = self.matcher.captures(self.whole, from)?;
        if let Some(span) = found.as_ref().and_then(|groups| groups[0]) {
            self.step(span);
        }
        Ok(found)
    }

    fn take_all(mut self) -> Result<usize> {
        let mut count = 0;
        while self.next()?.is_some() {
            count += 1;
        }
        Ok(count)
    }
}

/// The groups as an array, or the whole match if there are none.
fn array_of(whole: &str, groups: &[Option<Span>]) -> String {
    let shown = if groups.len() > 1 { &groups[1..] } else { groups };
    array::of_texts(shown.iter().map(|group| group.map(|(from, to)| &whole[from..to])))
}

/// `substring(text, pattern)`, and with an escape `SUBSTRING(text SIMILAR pattern ESCAPE escape)`.
fn substring(of: &Arguments<'_, '_>) -> Result<Value> {
    let whole = of.text(0)?;
    if of.len() > 2 {
        return similar_substring(whole, of.text(1)?, of.text(2)?);
    }
    let matcher = compiled(of.text(1)?, Flags::default())?;
    let found = matcher.captures(whole, 0)?;
    let part = found.and_then(|groups| if groups.len() > 1 { groups[1] } else { groups[0] });
    text_or_null(part.map(|(from, to)| whole[from..to].to_owned()))
}

/// Without separators the whole is the result. With them the first part takes as little as it can, which is not followed here.
fn similar_substring(whole: &str, pattern: &str, escape: &str) -> Result<Value> {
    let expression = regular_expression(pattern, escape)?;
    if expression.contains("){1,1}") {
        return Err(Error::unsupported("substring with a result that is part of an SQL pattern"));
    }
    let is_match = compiled(&expression, Flags::default())?.is_match(whole);
    text_or_null(is_match.then(|| whole.to_owned()))
}

/// `regexp_replace(text, pattern, replacement [, start [, n]] [, flags])`.
fn replace(of: &Arguments<'_, '_>) -> Result<Value> {
    let has_start = of.len() > 3 && matches!(of.value(3)?, bole_sql_types::ValueRef::Integer(_));
    let (from, nth, letters) =
        if has_start { (start(of, 3)?, number(of, 4, "n", 0, 1)?, 5) } else { (Some(0), 1, 3) };
    let flags = flags(of, letters)?;
    // A count that is given goes before the flag.
    let nth = if flags.global && !(has_start && of.len() > 4) { 0 } else { nth };
    let (whole, matcher) = (of.text(0)?, compiled(of.text(1)?, flags)?);
    text(replaced(whole, &matcher, of.text(2)?, from, nth as usize)?)
}

fn replaced(
    whole: &str,
    matcher: &Matcher,
    replacement: &str,
    from: Option<usize>,
    nth: usize,
) -> Result<String> {
    let wants_groups =
        replacement.as_bytes().windows(2).any(|pair| pair[0] == b'\\' && pair[1].is_ascii_digit());
    let mut out = String::new();
    let (mut copied, mut count) = (0, 0);
    let mut matches = Matches::new(matcher, whole, from);
    loop {
        let groups =
            if wants_groups { matches.next_groups()? } else { matches.next()?.map(|span| vec![Some(span)]) };
        let Some(groups) = groups else { break };
        let Some((begin, end)) = groups[0] else { break };
        count += 1;
        if nth > 0 && count != nth {
            continue;
        }
        check_length(out.len(), begin - copied)?;
        out.push_str(&whole[copied..begin]);
        put(&mut out, replacement, whole, &groups)?;
        copied = end;
        if nth > 0 {
            break;
        }
    }
    check_length(out.len(), whole.len() - copied)?;
    out.push_str(&whole[copied..]);
    Ok(out)
}

/// Appends a replacement: `\1` to `\9` are groups, `\&` the match, `\\` a backslash.
fn put(out: &mut String, replacement: &str, whole: &str, groups: &[Option<Span>]) -> Result<()> {
    check_length(out.len(), replacement.len())?;
    let mut rest = replacement.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let ahead = rest.clone().next();
        let group = match ahead {
            Some('&') => Some(0),
            Some(digit @ '1'..='9') => Some(digit as usize - '0' as usize),
            Some('\\') => None,
            // Anything else keeps its backslash.
            _ => {
                out.push('\\');
                continue;
            }
        };
        rest.next();
        match group {
            None => out.push('\\'),
            Some(group) => {
                if let Some((from, to)) = groups.get(group).copied().flatten() {
                    check_length(out.len(), to - from + rest.as_str().len())?;
                    out.push_str(&whole[from..to]);
                }
            }
        }
    }
    Ok(())
}

/// The parts between matches. Empty matches at the ends, and right after another, do not count.
pub(crate) fn split<'a>(of: &'a Arguments<'_, '_>, function: &str) -> Result<Vec<&'a str>> {
    let flags = single(of, 2, function)?;
    let (whole, matcher) = (of.text(0)?, compiled(of.text(1)?, flags)?);
    let mut parts = Vec::new();
    let (mut copied, mut previous_end) = (0, 0);
    let mut matches = Matches::new(&matcher, whole, Some(0));
    while let Some((begin, end)) = matches.next()? {
        if begin < whole.len() && end > previous_end {
            check_elements(parts.len())?;
            parts.push(&whole[copied..begin]);
            copied = end;
        }
        previous_end = end;
    }
    parts.push(&whole[copied..]);
    Ok(parts)
}

/// `regexp_matches`: the groups of the first match, or of all with `g`.
pub(crate) fn matches(of: &Arguments<'_, '_>) -> Result<Vec<String>> {
    let flags = flags(of, 2)?;
    let (whole, matcher) = (of.text(0)?, compiled(of.text(1)?, flags)?);
    let mut found = Vec::new();
    let mut matches = Matches::new(&matcher, whole, Some(0));
    let mut length = 0;
    while let Some(groups) = matches.next_groups()? {
        check_elements(found.len())?;
        let array = array_of(whole, &groups);
        check_length(length, array.len())?;
        length += array.len();
        found.push(array);
        if !flags.global {
            break;
        }
    }
    Ok(found)
}

/// The n-th match, or a group of it.
fn nth(of: &Arguments<'_, '_>, matcher: &Matcher, group_at: usize) -> Result<Option<Span>> {
    let from = start(of, 2)?;
    let nth = number(of, 3, "n", 1, 1)?;
    let group = number(of, group_at, "subexpr", 0, 0)? as usize;
    if group > matcher.groups {
        return Ok(None);
    }
    let mut matches = Matches::new(matcher, of.text(0)?, from);
    for _ in 1..nth {
        if matches.next()?.is_none() {
            return Ok(None);
        }
    }
    if group == 0 {
        return matches.next();
    }
    Ok(matches.next_groups()?.and_then(|groups| groups[group]))
}

/// `regexp_instr(text, pattern [, start [, n [, endoption [, flags [, subexpr]]]]])`.
fn position(of: &Arguments<'_, '_>) -> Result<Value> {
    let end = number(of, 4, "endoption", 0, 0)?;
    if end > 1 {
        return Err(invalid_parameter("endoption", end));
    }
    let matcher = compiled(of.text(1)?, single(of, 5, "regexp_instr()")?)?;
    let whole = of.text(0)?;
    match nth(of, &matcher, 6)? {
        None => integer(0),
        Some((from, to)) => count(whole[..if end == 1 { to } else { from }].chars().count() + 1),
    }
}
