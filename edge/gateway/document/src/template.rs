//! Templates: texts with `{placeholders}` for parts of the request, read once. `{{` and `}}` stand for braces.

use std::fmt;

/// What a placeholder stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// This text.
    Text(String),
    /// The client's address.
    ClientIp,
    /// Who the client is; nothing if nobody asked.
    Consumer,
    /// The route's name.
    Route,
    /// The request's id.
    RequestId,
    /// The request's host, as the client wrote it, without a port.
    Host,
    /// The request's path.
    Path,
    /// The request's query without `?`.
    Query,
    /// What the `*` of the route's path stood for, without the slash before it.
    Rest,
    /// A header of the request; nothing if it has none.
    Header(String),
    /// A group of the route's pattern.
    Group(usize),
}

/// A text with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its parts in order.
    pub parts: Vec<Part>,
}

/// Where a template stands, which says what it may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Changes of headers and of the query.
    Value,
    /// Where a redirect leads.
    Redirect,
    /// A new path.
    Path,
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A brace by itself.
    #[error("a {0} by itself; write {0}{0} for one that is meant")]
    Brace(char),
    /// Nothing is called so here.
    #[error("{{{name}}} stands for nothing here; there are {known}")]
    Unknown {
        /// As written.
        name: String,
        /// What there is.
        known: &'static str,
    },
}

/// Groups a pattern may have that a template names.
const GROUP_MAX: usize = 99;

/// The placeholders without an argument, and where each may stand.
const PLACEHOLDERS: &[(&str, Part, &[Use])] = &[
    ("client_ip", Part::ClientIp, &[Use::Value]),
    ("consumer", Part::Consumer, &[Use::Value]),
    ("route", Part::Route, &[Use::Value]),
    ("request_id", Part::RequestId, &[Use::Value]),
    ("host", Part::Host, &[Use::Value, Use::Redirect]),
    ("path", Part::Path, &[Use::Value, Use::Redirect, Use::Path]),
    ("query", Part::Query, &[Use::Value, Use::Redirect]),
    ("rest", Part::Rest, &[Use::Value, Use::Redirect, Use::Path]),
];

impl Use {
    fn known(self) -> &'static str {
        match self {
            Self::Value => {
                "{client_ip}, {consumer}, {route}, {request_id}, {host}, {path}, {query}, {rest}, {header.NAME} and {1}…"
            }
            Self::Redirect => "{host}, {path}, {query}, {rest} and {1}…",
            Self::Path => "{path}, {rest} and {1}…",
        }
    }
}

impl Template {
    /// Reads a template.
    pub fn parse(text: &str, used: Use) -> Result<Self, Error> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let brace = rest[at..].chars().next().unwrap_or_default();
            literal.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                literal.push(brace);
                rest = after;
                continue;
            }
            let end = if brace == '{' { rest.find('}') } else { None };
            let end = end.ok_or(Error::Brace(brace))?;
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(placeholder(&rest[..end], used)?);
            rest = &rest[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self { parts })
    }

    /// The highest group that it names; 0 for none.
    pub fn groups(&self) -> usize {
        let group = |part: &Part| if let Part::Group(number) = part { *number } else { 0 };
        self.parts.iter().map(group).max().unwrap_or(0)
    }

    /// Whether it names what `*` stood for.
    pub fn has_rest(&self) -> bool {
        self.parts.contains(&Part::Rest)
    }

    /// The text that it always gives, if it has no placeholder.
    pub fn fixed(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }
}

fn placeholder(name: &str, used: Use) -> Result<Part, Error> {
    let unknown = || Error::Unknown { name: name.to_owned(), known: used.known() };
    let row = PLACEHOLDERS.iter().find(|(known, _, uses)| *known == name && uses.contains(&used));
    if let Some((_, part, _)) = row {
        return Ok(part.clone());
    }
    if let Some(header) = name.strip_prefix("header.").filter(|_| used == Use::Value) {
        let header = header.to_ascii_lowercase();
        return if crate::check::is_token(&header) { Ok(Part::Header(header)) } else { Err(unknown()) };
    }
    let digits = !name.starts_with(['0', '+']) && name.len() <= 2;
    match name.parse() {
        Ok(number) if digits && number <= GROUP_MAX => Ok(Part::Group(number)),
        _ => Err(unknown()),
    }
}

impl fmt::Display for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(text) => {
                    formatter.write_str(&text.replace('{', "{{").replace('}', "}}"))?;
                }
                Part::Header(name) => write!(formatter, "{{header.{name}}}")?,
                Part::Group(number) => write!(formatter, "{{{number}}}")?,
                part => {
                    let row = PLACEHOLDERS.iter().find(|(_, known, _)| known == part);
                    let (name, ..) = row.expect("each part without an argument is in the table");
                    write!(formatter, "{{{name}}}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn templates_are_read() {
        let rows: &[(&str, Use, Result<&[Part], &str>)] = &[
            ("", Use::Value, Ok(&[])),
            ("a", Use::Value, Ok(&[Part::Text(String::new())])),
            ("{client_ip}", Use::Value, Ok(&[Part::ClientIp])),
            ("{1}{12}", Use::Path, Ok(&[Part::Group(1), Part::Group(12)])),
            ("{rest}", Use::Redirect, Ok(&[Part::Rest])),
            ("{header.X-A}", Use::Value, Ok(&[Part::Header(String::new())])),
            ("{client_ip}", Use::Path, Err("{client_ip} stands for nothing here")),
            ("{header.a}", Use::Redirect, Err("{header.a} stands for nothing here")),
            ("{header.}", Use::Value, Err("stands for nothing")),
            ("{header.a b}", Use::Value, Err("stands for nothing")),
            ("{0}", Use::Path, Err("stands for nothing")),
            ("{+1}", Use::Path, Err("stands for nothing")),
            ("{100}", Use::Path, Err("stands for nothing")),
            ("{", Use::Path, Err("a { by itself")),
            ("a}", Use::Path, Err("a } by itself")),
        ];
        for (text, used, expected) in rows {
            match (Template::parse(text, *used), expected) {
                (Ok(template), Ok(parts)) => {
                    let kinds = |parts: &[Part]| parts.iter().map(std::mem::discriminant).collect::<Vec<_>>();
                    assert_eq!(kinds(&template.parts), kinds(parts), "{text}");
                }
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{text}: {error}"),
                (read, _) => panic!("{text}: {read:?}"),
            }
        }
        let braces = Template::parse("{{{path}}}", Use::Path).expect("it is one");
        assert_eq!(braces.parts, [Part::Text("{".into()), Part::Path, Part::Text("}".into())]);
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_alike(text in "([a{}1. ]|\\{path\\}|\\{header\\.a\\}|\\{1\\}){0,12}") {
            if let Ok(template) = Template::parse(&text, Use::Value) {
                prop_assert_eq!(Template::parse(&template.to_string(), Use::Value), Ok(template));
            }
        }
    }
}
