//! Quoting as identifiers and literals, and taking identifiers apart.

use bole_sql_types::{Error, Result, SqlState, Value};

use crate::array;
use crate::call::{Arguments, text};
use crate::scalar::{Scalar, lenient, strict};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    strict(c"pg_quote_ident", 1, |of| text(identifier(of.text(0)?))),
    strict(c"pg_quote_literal", 1, |of| text(literal(of.text(0)?))),
    lenient(c"pg_quote_nullable", 1, |of| text(of.text_or_null(0)?.map_or("NULL".to_owned(), literal))),
    strict(c"pg_parse_ident", 1, parse_ident).optional(1),
];

/// Keywords that are quoted where they are identifiers: all but the unreserved ones (`pg_get_keywords()`), in order.
const KEYWORDS: &str = "all analyse analyze and any array as asc asymmetric authorization between bigint binary bit \
    boolean both case cast char character check coalesce collate collation column concurrently \
    constraint create cross current_catalog current_date current_role current_schema \
    current_time current_timestamp current_user dec decimal default deferrable desc distinct do \
    else end except exists extract false fetch float for foreign freeze from full grant greatest \
    group grouping having ilike in initially inner inout int integer intersect interval into is \
    isnull join lateral leading least left like limit localtime localtimestamp national natural \
    nchar none normalize not notnull null nullif numeric offset on only or order out outer \
    overlaps overlay placing position precision primary real references returning right row \
    select session_user setof similar smallint some substring symmetric table tablesample then \
    time timestamp to trailing treat trim true union unique user using values varchar variadic \
    verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest \
    xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable";

/// A name, quoted if it must be.
pub(crate) fn identifier(name: &str) -> String {
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let plain = begins && name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_'));
    if plain && !KEYWORDS.split(' ').any(|keyword| keyword == name) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string as a literal.
pub(crate) fn literal(value: &str) -> String {
    let prefix = if value.contains('\\') { "E" } else { "" };
    format!("{prefix}'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

/// PostgreSQL's spaces between tokens.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c' | '\x0b')
}

fn is_identifier_start(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic() || !c.is_ascii()
}

fn is_identifier_part(c: char) -> bool {
    is_identifier_start(c) || c.is_ascii_digit() || c == '$'
}

fn parse_ident(of: &Arguments<'_, '_>) -> Result<Value> {
    let is_strict = of.len() < 2 || of.boolean(1)?;
    let parts = names(of.text(0)?, is_strict)?;
    text(array::of_texts(parts.iter().map(|part| Some(part.as_str()))))
}

fn not_an_identifier(whole: &str) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("string is not a valid identifier: \"{whole}\""))
}

/// The parts of a name with points: folded to lower case, or as they are quoted. `is_strict` refuses what follows.
pub(crate) fn names(whole: &str, is_strict: bool) -> Result<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = whole.trim_start_matches(is_space);
    loop {
        let (part, after) = one_name(rest, whole, parts.is_empty())?;
        parts.push(part);
        rest = after.trim_start_matches(is_space);
        match rest.strip_prefix('.') {
            Some(after) => rest = after.trim_start_matches(is_space),
            None if rest.is_empty() || !is_strict => return Ok(parts),
            None => return Err(not_an_identifier(whole)),
        }
    }
}

fn one_name<'a>(rest: &'a str, whole: &str, is_first: bool) -> Result<(String, &'a str)> {
    if let Some(quoted) = rest.strip_prefix('"') {
        let mut name = String::new();
        let mut characters = quoted.char_indices();
        while let Some((at, c)) = characters.next() {
            if c != '"' {
                name.push(c);
            } else if quoted[at + 1..].starts_with('"') {
                characters.next();
                name.push('"');
            } else if name.is_empty() {
                return Err(not_an_identifier(whole).with_detail("Quoted identifier must not be empty."));
            } else {
                return Ok((name, &quoted[at + 1..]));
            }
        }
        return Err(not_an_identifier(whole).with_detail("String has unclosed double quotes."));
    }
    let end = rest.find(|c| !is_identifier_part(c)).unwrap_or(rest.len());
    if end > 0 && rest.starts_with(is_identifier_start) {
        return Ok((rest[..end].to_ascii_lowercase(), &rest[end..]));
    }
    let detail = match (rest.starts_with('.'), is_first) {
        (true, _) => "No valid identifier before \".\".",
        (false, false) => "No valid identifier after \".\".",
        (false, true) => return Err(not_an_identifier(whole)),
    };
    Err(not_an_identifier(whole).with_detail(detail))
}
