//! Texts of policies with wildcards and variables: `*` stands for any characters, `?` for one, `${aws:username}` for what the request's
//! context says.
//!
//! What a variable stands for is literal: a star in it matches a star. `${*}`, `${?}` and `${$}` are those characters. A variable may
//! have a default: `${aws:username, 'nobody'}`. Without one, a text whose variable has no value, or several, matches nothing. Policies of
//! the version 2008-10-17 have no variables.

use std::borrow::Cow;

use super::key::{Context, Key};

/// A text with wildcards or variables.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Literal(char),
    One,
    Any,
    Variable(Box<Variable>),
}

#[derive(Clone, Debug, PartialEq)]
struct Variable {
    key: Key,
    default: Option<String>,
}

/// What is special in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syntax {
    /// Whether `*` and `?` are wildcards.
    pub wildcards: bool,
    /// Whether `${…}` is a variable.
    pub variables: bool,
}

impl Pattern {
    /// Reads a text; the error says what is wrong with a variable.
    pub fn parse(text: &str, syntax: Syntax) -> Result<Self, String> {
        let mut parts = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            if syntax.variables && rest.starts_with("${") {
                let (part, after) = variable(&rest[2..])?;
                parts.push(part);
                rest = after;
                continue;
            }
            parts.push(match character {
                '*' if syntax.wildcards => Part::Any,
                '?' if syntax.wildcards => Part::One,
                _ => Part::Literal(character),
            });
            rest = &rest[character.len_utf8()..];
        }
        Ok(Self { parts })
    }

    /// Whether it has wildcards or variables, and so may match more than one text.
    pub fn is_open(&self) -> bool {
        self.parts.iter().any(|part| !matches!(part, Part::Literal(_)))
    }

    /// Whether `text` is what it says.
    pub fn matches(&self, text: &str, context: &Context) -> bool {
        self.expanded(context).is_some_and(|parts| matches(&parts, text))
    }

    /// The text that it stands for, where it has no wildcards; nothing if a variable has no value.
    pub fn text(&self, context: &Context) -> Option<String> {
        let character = |part: &Part| match part {
            Part::Literal(character) => *character,
            Part::One => '?',
            Part::Any | Part::Variable(_) => '*',
        };
        self.expanded(context).map(|parts| parts.iter().map(character).collect())
    }

    /// Whether some text beginning with `beginning` matches, whatever the variables are.
    pub fn may_begin(&self, beginning: &str) -> bool {
        self.reached(beginning).contains(&true)
    }

    /// Whether `text` matches for some value of the variables.
    pub fn may_be(&self, text: &str) -> bool {
        self.reached(text).last().is_some_and(|end| *end)
    }

    /// The positions within the pattern that some reading of `text` leads to.
    fn reached(&self, text: &str) -> Vec<bool> {
        let mut reached = vec![false; self.parts.len() + 1];
        reached[0] = true;
        self.skip_empty(&mut reached);
        for character in text.chars() {
            let mut next = vec![false; self.parts.len() + 1];
            for (at, part) in self.parts.iter().enumerate().filter(|(at, _)| reached[*at]) {
                match part {
                    Part::Literal(literal) => next[at + 1] |= *literal == character,
                    Part::One => next[at + 1] = true,
                    Part::Any | Part::Variable(_) => next[at] = true,
                }
            }
            self.skip_empty(&mut next);
            reached = next;
        }
        reached
    }

    /// Whether some text without `stop` in it matches, whatever the variables are.
    pub fn may_lack(&self, stop: char) -> bool {
        !self.parts.contains(&Part::Literal(stop))
    }

    fn skip_empty(&self, reached: &mut [bool]) {
        for (at, part) in self.parts.iter().enumerate() {
            reached[at + 1] |= reached[at] && matches!(part, Part::Any | Part::Variable(_));
        }
    }

    fn expanded(&self, context: &Context) -> Option<Cow<'_, [Part]>> {
        if !self.parts.iter().any(|part| matches!(part, Part::Variable(_))) {
            return Some(Cow::Borrowed(&self.parts));
        }
        let mut expanded = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let Part::Variable(variable) = part else {
                expanded.push(part.clone());
                continue;
            };
            let value = match context.get(&variable.key) {
                Some([value]) => value,
                Some(_) => return None,
                None => variable.default.as_ref()?,
            };
            expanded.extend(value.chars().map(Part::Literal));
        }
        Some(Cow::Owned(expanded))
    }
}

/// What follows `${`, and the rest after its `}`.
fn variable(text: &str) -> Result<(Part, &str), String> {
    let (inside, rest) = text.split_once('}').ok_or("a variable has no closing \"}\"")?;
    if let "*" | "?" | "$" = inside {
        return Ok((Part::Literal(char::from(inside.as_bytes()[0])), rest));
    }
    let (name, default) = match inside.split_once(',') {
        None => (inside, None),
        Some((name, quoted)) => {
            let value = quoted.trim().strip_prefix('\'').and_then(|value| value.strip_suffix('\''));
            (name, Some(value.ok_or("the default of a variable is not in single quotes")?.to_owned()))
        }
    };
    let key =
        Key::parse(name.trim()).map_err(|_| format!("there is no variable \"{}\"", super::shown(name)))?;
    Ok((Part::Variable(Box::new(Variable { key, default })), rest))
}

/// Takes at most the product of the lengths: when a later part does not fit, only the last star is tried further along.
fn matches(parts: &[Part], text: &str) -> bool {
    let (mut at, mut position) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(character) = text[position..].chars().next() {
        match parts.get(at) {
            Some(Part::Any) => {
                star = Some((at + 1, position));
                at += 1;
            }
            Some(Part::One) => {
                at += 1;
                position += character.len_utf8();
            }
            Some(Part::Literal(literal)) if *literal == character => {
                at += 1;
                position += character.len_utf8();
            }
            _ => {
                let Some((after, begin)) = &mut star else { return false };
                *begin += text[*begin..].chars().next().map_or(1, char::len_utf8);
                (at, position) = (*after, *begin);
            }
        }
    }
    parts[at..].iter().all(|part| *part == Part::Any)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: Syntax = Syntax { wildcards: true, variables: true };

    fn context() -> Context {
        let mut context = Context::default();
        context.set("aws:username", "a*b");
        context.set_all("s3:RequestObjectTagKeys", ["x".to_owned(), "y".to_owned()]);
        context.set("s3:ExistingObjectTag/Team", "red");
        context
    }

    #[test]
    fn texts_match() {
        let plain = Syntax { wildcards: true, variables: false };
        let exact = Syntax { wildcards: false, variables: true };
        for (text, syntax, candidate, expected) in [
            ("a?c*", ALL, "abc", true),
            ("a?c*", ALL, "aéc/x", true),
            ("a?c", ALL, "ac", false),
            ("*é", ALL, "ééé", true),
            ("home/${aws:username}/*", ALL, "home/a*b/x", true),
            ("home/${AWS:UserName}/*", ALL, "home/a*b/x", true),
            ("home/${aws:username}/*", ALL, "home/axb/x", false),
            ("home/${aws:username}/*", plain, "home/${aws:username}/x", true),
            ("${*}${?}${$}", ALL, "*?$", true),
            ("${*}", ALL, "a", false),
            ("${aws:referer}", ALL, "", false),
            ("${aws:referer, 'no one'}", ALL, "no one", true),
            ("${aws:username,'no one'}", ALL, "a*b", true),
            ("${s3:RequestObjectTagKeys}", ALL, "x", false),
            ("${s3:ExistingObjectTag/Team}", ALL, "red", true),
            ("${s3:ExistingObjectTag/team}", ALL, "red", false),
            ("a*", exact, "ab", false),
            ("a*", exact, "a*", true),
            ("", ALL, "", true),
            ("", ALL, "a", false),
        ] {
            let pattern = Pattern::parse(text, syntax).unwrap();
            assert_eq!(pattern.matches(candidate, &context()), expected, "{text} {candidate}");
        }
        for (text, expected) in [
            ("${aws:username", "no closing"),
            ("${aws:nothing}", "no variable \"aws:nothing\""),
            ("${}", "no variable"),
            ("${aws:username, x}", "single quotes"),
        ] {
            let error = Pattern::parse(text, ALL).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn beginnings() {
        for (text, beginning, expected) in [
            ("b", "b", true),
            ("b/*", "b/", true),
            ("b", "b/", false),
            ("b*", "b/", true),
            ("*", "b/", true),
            ("c*", "b/", false),
            ("?/x", "b/", true),
            ("${aws:username}/x", "b/", true),
            ("b-${aws:username}", "b/", false),
        ] {
            let pattern = Pattern::parse(text, ALL).unwrap();
            assert_eq!(pattern.may_begin(beginning), expected, "{text} {beginning}");
        }
    }

    /// The definition, taken literally.
    fn by_definition(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, _) => text.is_empty(),
            (Some(('*', rest)), _) => (0..=text.len()).any(|skip| by_definition(rest, &text[skip..])),
            (Some(('?', rest)), Some((_, after))) => by_definition(rest, after),
            (Some((first, rest)), Some((found, after))) => first == found && by_definition(rest, after),
            (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn matching_is_as_defined(pattern in "[aé*?]{0,8}", text in "[aé]{0,9}") {
            let parsed = Pattern::parse(&pattern, ALL).unwrap();
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let expected = by_definition(&chars(&pattern), &chars(&text));
            prop_assert_eq!(parsed.may_be(&text), expected);
            prop_assert_eq!(parsed.matches(&text, &Context::default()), expected);
            // What matches begins like itself, and like each of its beginnings.
            for (end, _) in text.char_indices().filter(|_| expected) {
                prop_assert!(parsed.may_begin(&text[..end]) && parsed.may_begin(&text));
            }
        }

        #[test]
        fn any_text_is_judged(pattern in "(\\$\\{|\\}|,|'|[a*?]|\\PC){0,30}", text in "\\PC{0,30}") {
            if let Ok(parsed) = Pattern::parse(&pattern, ALL) {
                parsed.matches(&text, &context());
                parsed.may_begin(&text);
            }
        }
    }
}
