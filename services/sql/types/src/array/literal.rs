//! Array literals: `{1,NULL,"a b"}`, `[0:1]={1,2}`.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{Array, DIMENSIONS_MAX, Dimension};
use crate::text::is_space;
use crate::{Error, Result, SqlState};

/// Reads a literal. Errors: 22P02, 2202E, 54000.
pub fn parse(text: &str) -> Result<Array<'_>> {
    let mut reader = Reader { text, at: 0, lengths: [0; DIMENSIONS_MAX], depth: None, elements: Vec::new() };
    reader.skip_spaces();
    let bounds = reader.bounds()?;
    if reader.peek() != Some('{') {
        let detail = if bounds.is_empty() {
            "Array value must start with \"{\" or dimension information."
        } else {
            "Array contents must start with \"{\"."
        };
        return Err(reader.malformed(detail));
    }
    reader.at += 1;
    reader.level(0)?;
    reader.skip_spaces();
    if reader.peek().is_some() {
        return Err(reader.malformed("Junk after closing right brace."));
    }
    let Some(depth) = reader.depth else {
        let mismatch = "Specified array dimensions do not match array contents.";
        return if bounds.is_empty() { Ok(Array::default()) } else { Err(reader.malformed(mismatch)) };
    };
    let lengths = &reader.lengths[..=depth];
    if !bounds.is_empty() && bounds.iter().map(|bound| bound.length).ne(lengths.iter().copied()) {
        return Err(reader.malformed("Specified array dimensions do not match array contents."));
    }
    let dimensions = if bounds.is_empty() {
        lengths.iter().map(|&length| Dimension { lower: 1, length }).collect()
    } else {
        bounds
    };
    Ok(Array { dimensions, elements: reader.elements })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    lengths: [i32; DIMENSIONS_MAX],
    /// At which level the elements are.
    depth: Option<usize>,
    elements: Vec<Option<Cow<'a, str>>>,
}

impl<'a> Reader<'a> {
    fn malformed(&self, detail: &str) -> Error {
        let message = format!("malformed array literal: \"{}\"", self.text);
        Error::new(SqlState::INVALID_TEXT_REPRESENTATION, message).with_detail(detail)
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn skip_spaces(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches(is_space).len();
    }

    /// `[0:1][2]=`.
    fn bounds(&mut self) -> Result<Vec<Dimension>> {
        let mut bounds = Vec::new();
        while self.peek() == Some('[') {
            if bounds.len() == DIMENSIONS_MAX {
                return Err(too_many_dimensions(DIMENSIONS_MAX + 1));
            }
            self.at += 1;
            let mut lower = 1;
            let mut upper = self.bound()?;
            if self.peek() == Some(':') {
                self.at += 1;
                (lower, upper) = (upper, self.bound()?);
            }
            if self.peek() != Some(']') {
                return Err(self.malformed("Missing \"]\" after array dimensions."));
            }
            self.at += 1;
            if upper < lower {
                let message = "upper bound cannot be less than lower bound";
                return Err(Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message));
            }
            let length = i32::try_from(i64::from(upper) - i64::from(lower) + 1).ok();
            let length = length.filter(|_| upper < i32::MAX);
            bounds.push(Dimension { lower, length: length.ok_or_else(super::too_large)? });
            self.skip_spaces();
        }
        if !bounds.is_empty() {
            if self.peek() != Some('=') {
                return Err(self.malformed("Missing \"=\" after array dimensions."));
            }
            self.at += 1;
            self.skip_spaces();
        }
        Ok(bounds)
    }

    fn bound(&mut self) -> Result<i32> {
        let rest = &self.text[self.at..];
        let digits = rest.strip_prefix(['-', '+']).unwrap_or(rest);
        let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        if length == 0 {
            return Err(self.malformed("\"[\" must introduce explicitly-specified array dimensions."));
        }
        let end = rest.len() - digits.len() + length;
        self.at += end;
        rest[..end].parse().map_err(|_| super::too_large())
    }

    /// What is after `{`, to the end of its `}`.
    fn level(&mut self, level: usize) -> Result<()> {
        if level >= DIMENSIONS_MAX {
            return Err(too_many_dimensions(level + 1));
        }
        self.skip_spaces();
        let mut count = 0;
        if level == 0 && self.peek() == Some('}') {
            self.at += 1;
        } else {
            loop {
                self.item(level)?;
                count += 1;
                self.skip_spaces();
                let next = self.peek();
                self.at += 1;
                match next {
                    Some(',') => self.skip_spaces(),
                    Some('}') => break,
                    Some(c) => {
                        self.at -= 1;
                        return Err(self.malformed(&format!("Unexpected \"{c}\" character.")));
                    }
                    None => {
                        self.at -= 1;
                        return Err(self.malformed("Unexpected end of input."));
                    }
                }
            }
        }
        if self.lengths[level] != 0 && self.lengths[level] != count || (count == 0 && self.depth.is_some()) {
            let detail = "Multidimensional arrays must have sub-arrays with matching dimensions.";
            return Err(self.malformed(detail));
        }
        self.lengths[level] = count;
        Ok(())
    }

    fn item(&mut self, level: usize) -> Result<()> {
        if self.peek() == Some('{') {
            if self.depth == Some(level) {
                return Err(self.malformed("Unexpected \"{\" character."));
            }
            self.at += 1;
            return self.level(level + 1);
        }
        let element = self.element()?;
        if *self.depth.get_or_insert(level) != level {
            return Err(self.malformed("Unexpected array element."));
        }
        super::check_elements(self.elements.len())?;
        self.elements.push(element);
        Ok(())
    }

    fn element(&mut self) -> Result<Option<Cow<'a, str>>> {
        if self.peek() == Some('"') {
            let quoted = self.quoted()?;
            self.skip_spaces();
            return match self.peek() {
                Some(',' | '}') | None => Ok(Some(quoted)),
                Some('{') => Err(self.malformed("Unexpected \"{\" character.")),
                Some(_) => Err(self.malformed("Unexpected array element.")),
            };
        }
        let rest = &self.text[self.at..];
        let end = rest.find(['{', '}', ',', '"', '\\']).unwrap_or(rest.len());
        if rest[end..].starts_with('\\') {
            return self.escaped().map(Some);
        }
        let text = rest[..end].trim_end_matches(is_space);
        self.at += end;
        if text.is_empty() {
            let detail = match self.peek() {
                Some(c) => format!("Unexpected \"{c}\" character."),
                None => "Unexpected end of input.".to_owned(),
            };
            return Err(self.malformed(&detail));
        }
        if rest[end..].starts_with('"') {
            return Err(self.malformed("Unexpected array element."));
        }
        Ok((!text.eq_ignore_ascii_case("null")).then_some(Cow::Borrowed(text)))
    }

    fn quoted(&mut self) -> Result<Cow<'a, str>> {
        self.at += 1;
        let text = self.text;
        let rest = &text[self.at..];
        let end = rest.find(['"', '\\']).ok_or_else(|| self.malformed("Unexpected end of input."))?;
        self.at += end;
        if rest[end..].starts_with('"') {
            self.at += 1;
            return Ok(Cow::Borrowed(&rest[..end]));
        }
        let mut owned = rest[..end].to_owned();
        let mut chars = rest[end..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    return Ok(Cow::Owned(owned));
                }
                '\\' => owned.extend(chars.next().map(|(_, c)| c)),
                c => owned.push(c),
            }
        }
        Err(self.malformed("Unexpected end of input."))
    }

    /// Without quotes, but with escapes; spaces at the end go unless they are escaped.
    fn escaped(&mut self) -> Result<Cow<'a, str>> {
        let rest = &self.text[self.at..];
        let mut owned = String::new();
        let mut kept = 0;
        let mut chars = rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                ',' | '}' | '{' | '"' => {
                    self.at += at;
                    owned.truncate(kept);
                    return Ok(Cow::Owned(owned));
                }
                '\\' => {
                    owned.extend(chars.next().map(|(_, c)| c));
                    kept = owned.len();
                }
                c => {
                    owned.push(c);
                    if !is_space(c) {
                        kept = owned.len();
                    }
                }
            }
        }
        Err(self.malformed("Unexpected end of input."))
    }
}

pub(super) fn too_many_dimensions(count: usize) -> Error {
    let message =
        format!("number of array dimensions ({count}) exceeds the maximum allowed ({DIMENSIONS_MAX})");
    Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message)
}

/// Appends a literal, as PostgreSQL prints it.
pub fn write(array: &Array<'_>, out: &mut String) {
    if array.elements.is_empty() {
        out.push_str("{}");
        return;
    }
    if array.dimensions.iter().any(|dimension| dimension.lower != 1) {
        for dimension in &array.dimensions {
            let upper = i64::from(dimension.lower) + i64::from(dimension.length) - 1;
            let _ = write!(out, "[{}:{upper}]", dimension.lower);
        }
        out.push('=');
    }
    let inner = array.dimensions.iter().rev().scan(1, |size, dimension| {
        *size *= dimension.length as usize;
        Some(*size)
    });
    // How many elements a brace holds, from the innermost on.
    let sizes: Vec<usize> = inner.collect();
    for (n, element) in array.elements.iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        out.extend(sizes.iter().filter(|size| n.is_multiple_of(**size)).map(|_| '{'));
        match element {
            None => out.push_str("NULL"),
            Some(text) => push_element(text, out),
        }
        out.extend(sizes.iter().filter(|size| (n + 1).is_multiple_of(**size)).map(|_| '}'));
    }
}

fn push_element(text: &str, out: &mut String) {
    let special = |c: char| is_space(c) || matches!(c, '"' | '\\' | '{' | '}' | ',');
    if !text.is_empty() && !text.contains(special) && !text.eq_ignore_ascii_case("null") {
        out.push_str(text);
        return;
    }
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}
