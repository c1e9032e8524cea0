//! Text to syntax trees, by sqlparser with PostgreSQL's dialect.
//!
//! Errors are PostgreSQL's: 42601 with the position of the token that was not expected, 54001 for what is nested too deeply.

use std::sync::Arc;

use bole_sql_types::{Error, Result, SqlState};
use sqlparser::ast::{Query, Statement};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, Tokenizer};

use crate::schema;

pub(crate) use dialect::Grammar;

mod depth;
mod dialect;
mod fetch;

/// How deeply parentheses, subqueries and the like may be nested. A level costs a few kilobytes of stack here and in SQLite's parser.
const DEPTH_MAX: usize = 50;

/// A statement and where it is in the text that was sent.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// Its syntax tree.
    pub statement: Syntax,
    /// The byte of the text where it starts.
    pub start: usize,
    /// The byte after its last one, without the semicolon.
    pub end: usize,
    /// All of the text, for positions in errors.
    pub text: Arc<str>,
}

impl Parsed {
    /// The query that it is, if it is one.
    pub fn query(&self) -> Option<&Query> {
        match &self.statement {
            Syntax::Rows(statement) => {
                if let Statement::Query(query) = statement.as_ref() {
                    Some(query)
                } else {
                    None
                }
            }
            Syntax::Schema(_) => None,
        }
    }
}

/// A syntax tree.
#[derive(Clone, Debug)]
pub enum Syntax {
    /// Of a statement that the parser library reads.
    Rows(Box<Statement>),
    /// Of one that changes the schema.
    Schema(Box<schema::Statement>),
}

/// Parses statements that are separated by semicolons; there may be none.
pub fn parse(text: &str) -> Result<Vec<Parsed>> {
    let dialect = Grammar;
    let shared: Arc<str> = Arc::from(text);
    let tokens = Tokenizer::new(&dialect, text)
        .tokenize_with_location()
        .map_err(|error| token_error(text, &error.message, error.location))?;
    depth::check_tokens(&tokens).map_err(|error| syntax_error(text, error))?;
    let tokens = fetch::as_limit(tokens).map_err(|error| syntax_error(text, error))?;
    let mut parser = Parser::new(&dialect).with_recursion_limit(DEPTH_MAX).with_tokens_with_locations(tokens);
    let mut statements = Vec::new();
    loop {
        while parser.consume_token(&Token::SemiColon) {}
        let first = parser.peek_token();
        if first.token == Token::EOF {
            return Ok(statements);
        }
        let start = byte_of(text, first.span.start);
        let schema = schema::parse(&mut parser).map_err(|error| syntax_error(text, error))?;
        let statement = match schema {
            Some(statement) => Syntax::Schema(Box::new(statement)),
            None => {
                Syntax::Rows(Box::new(parser.parse_statement().map_err(|error| syntax_error(text, error))?))
            }
        };
        let next = parser.peek_token();
        let end = match next.token {
            Token::EOF => text.len(),
            Token::SemiColon => byte_of(text, next.span.start),
            _ => return Err(unexpected(text, byte_of(text, next.span.start))),
        };
        let end = start + text[start..end].trim_end().len();
        statements.push(Parsed { statement, start, end, text: Arc::clone(&shared) });
    }
}

/// The byte of a place that the tokenizer gives as line and column, in characters from 1 on.
pub(crate) fn byte_of(text: &str, place: Location) -> usize {
    if place.line == 0 {
        return text.len();
    }
    let mut start = 0;
    for _ in 1..place.line {
        start += text[start..].find('\n').map_or(text.len() - start, |at| at + 1);
    }
    let column = usize::try_from(place.column.saturating_sub(1)).unwrap_or(usize::MAX);
    text[start..].char_indices().nth(column).map_or(text.len(), |(at, _)| start + at)
}

/// A byte of the text as a position for the client: in characters, from 1 on.
pub(crate) fn position_of(text: &str, byte: usize) -> u32 {
    u32::try_from(text[..byte.min(text.len())].chars().count() + 1).unwrap_or(u32::MAX)
}

/// The beginning of a message of the parser's that is one about what is not supported.
const REFUSED: &str = "not supported: ";

/// An error while parsing that becomes 0A000.
pub(crate) fn refused(what: &str) -> ParserError {
    ParserError::ParserError(format!("{REFUSED}{what}"))
}

fn syntax_error(text: &str, error: ParserError) -> Error {
    match error {
        ParserError::RecursionLimitExceeded => {
            Error::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded")
                .with_hint("The statement is nested too deeply.")
        }
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => {
            if let Some(what) = message.strip_prefix(REFUSED) {
                return Error::unsupported(what);
            }
            match place_in(&message) {
                Some(place) => unexpected(text, byte_of(text, place)),
                None if message.contains("EOF") => unexpected(text, text.len()),
                None => Error::new(SqlState::SYNTAX_ERROR, format!("syntax error: {message}")),
            }
        }
    }
}

/// The place at the end of a message of sqlparser's: ` at Line: 1, Column: 5`.
fn place_in(message: &str) -> Option<Location> {
    let (_, place) = message.rsplit_once(" at Line: ")?;
    let (line, column) = place.split_once(", Column: ")?;
    Some(Location { line: line.parse().ok()?, column: column.trim().parse().ok()? })
}

fn unexpected(text: &str, byte: usize) -> Error {
    let rest = &text[byte..];
    if token_at(rest).eq_ignore_ascii_case("exclude") {
        return Error::unsupported("EXCLUDE").at(position_of(text, byte));
    }
    let error = if rest.trim().is_empty() {
        Error::new(SqlState::SYNTAX_ERROR, "syntax error at end of input")
    } else {
        Error::new(SqlState::SYNTAX_ERROR, format!("syntax error at or near \"{}\"", token_at(rest)))
    };
    error.at(position_of(text, byte))
}

/// The token that a text begins with, as PostgreSQL would name it in an error.
fn token_at(rest: &str) -> &str {
    let mut characters = rest.char_indices();
    let Some((_, first)) = characters.next() else { return rest };
    let is_word = |character: char| character.is_alphanumeric() || character == '_' || character == '$';
    let end = if is_word(first) {
        rest.find(|character| !is_word(character))
    } else if first == '\'' || first == '"' {
        rest[1..].find(first).map(|at| at + 2)
    } else {
        Some(first.len_utf8())
    };
    &rest[..end.unwrap_or(rest.len())]
}

fn token_error(text: &str, message: &str, place: Location) -> Error {
    let byte = byte_of(text, place);
    let what = if message.contains("string literal") {
        "unterminated quoted string"
    } else if message.contains("comment") {
        "unterminated /* comment"
    } else if message.contains("dollar") {
        "unterminated dollar-quoted string"
    } else if message.contains("close delimiter") {
        "unterminated quoted identifier"
    } else {
        "syntax error"
    };
    let near = &text[byte..];
    Error::new(SqlState::SYNTAX_ERROR, format!("{what} at or near \"{near}\"")).at(position_of(text, byte))
}
