//! `COPY`: what it says. How rows are read and written is in `session::copy`.

use std::sync::Arc;

use bole_sql_dialect::plan::Output;
use bole_sql_types::{Error, Result, SqlState};

use super::tokens::{Cursor, Token, quote};
use super::{Command, How};
use crate::session::copy::{Copy, Direction, Layout, Options, Subject};
use crate::session::{Done, Halt, Session, Statement};

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    cursor.expect(&["copy"])?;
    if cursor.accept(&["binary"]) {
        return Err(Error::unsupported("COPY BINARY").with_hint("Write WITH (FORMAT binary)."));
    }
    let subject = subject(cursor)?;
    let direction = if cursor.accept(&["from"]) { Direction::In } else { Direction::Out };
    if direction == Direction::Out {
        cursor.expect(&["to"])?;
    }
    if cursor.accept(&["program"]) || matches!(cursor.peek(), Some(Token::Text(_))) {
        let message = "COPY to or from a file or program of the server";
        return Err(Error::unsupported(message).with_hint("Use STDIN or STDOUT; psql's \\copy does."));
    }
    cursor.expect(&[if direction == Direction::In { "stdin" } else { "stdout" }])?;
    if direction == Direction::In && matches!(subject, Subject::Query(_)) {
        return Err(cursor.unexpected());
    }
    let options = options(cursor)?;
    check(&options, direction)?;
    if direction == Direction::In && cursor.accept(&["where"]) {
        return Err(Error::unsupported("WHERE in COPY FROM"));
    }
    Ok(Some(Arc::new(Copy { subject, direction, options })))
}

fn subject(cursor: &mut Cursor<'_>) -> Result<Subject> {
    if cursor.peek() == Some(&Token::Symbol('(')) {
        let (text, start) = cursor.group()?;
        return Ok(Subject::Query(Statement::part(cursor.text(), text, start)?));
    }
    let mut parts = vec![cursor.name()?];
    while cursor.accept_symbol('.') {
        parts.push(cursor.name()?);
    }
    let columns = if cursor.peek() == Some(&Token::Symbol('(')) { names(cursor)? } else { Vec::new() };
    let name = parts.last().cloned().unwrap_or_default();
    let path = parts.iter().map(|part| quote(part)).collect::<Vec<_>>().join(".");
    Ok(Subject::Table { name, path, columns })
}

fn names(cursor: &mut Cursor<'_>) -> Result<Vec<String>> {
    cursor.expect_symbol('(')?;
    let mut names = Vec::new();
    loop {
        names.push(cursor.name()?);
        if cursor.accept_symbol(')') {
            return Ok(names);
        }
        cursor.expect_symbol(',')?;
    }
}

fn options(cursor: &mut Cursor<'_>) -> Result<Options> {
    let mut options = Options::default();
    cursor.accept(&["with"]);
    if cursor.accept_symbol('(') {
        loop {
            let name = cursor.name()?;
            option(cursor, &mut options, &name)?;
            if cursor.accept_symbol(')') {
                return Ok(options);
            }
            cursor.expect_symbol(',')?;
        }
    }
    while !cursor.is_end() && cursor.peek_word() != Some("where") {
        old_option(cursor, &mut options)?;
    }
    Ok(options)
}

/// An option in parentheses.
fn option(cursor: &mut Cursor<'_>, options: &mut Options, name: &str) -> Result<()> {
    match name {
        "format" => {
            let layout = cursor.name().or_else(|_| text(cursor))?;
            options.layout = match layout.as_str() {
                "text" => Layout::Text,
                "csv" => Layout::Csv,
                "binary" => Layout::Binary,
                other => {
                    let message = format!("COPY format \"{other}\" not recognized");
                    return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
                }
            };
        }
        "delimiter" => options.delimiter = Some(text(cursor)?),
        "null" => options.null = Some(text(cursor)?),
        "quote" => options.quote = Some(text(cursor)?),
        "escape" => options.escape = Some(text(cursor)?),
        "encoding" => encoding(&text(cursor)?)?,
        "header" => {
            if cursor.accept(&["match"]) {
                return Err(Error::unsupported("HEADER MATCH"));
            }
            options.header = boolean(cursor)?;
        }
        // Rows have no age here: what it asks for is so anyway.
        "freeze" => drop(boolean(cursor)?),
        "force_quote" if cursor.accept_symbol('*') => options.force_quote_all = true,
        "force_quote" => options.force_quote = names(cursor)?,
        "force_not_null" => options.force_not_null = names(cursor)?,
        "force_null" => options.force_null = names(cursor)?,
        other => {
            let message = format!("option \"{other}\" not recognized");
            return Err(Error::new(SqlState::SYNTAX_ERROR, message));
        }
    }
    Ok(())
}

/// An option of the syntax before PostgreSQL 9.
fn old_option(cursor: &mut Cursor<'_>, options: &mut Options) -> Result<()> {
    if cursor.accept(&["csv"]) {
        options.layout = Layout::Csv;
    } else if cursor.accept(&["binary"]) {
        options.layout = Layout::Binary;
    } else if cursor.accept(&["header"]) {
        options.header = true;
    } else if let Some(name) =
        cursor.accept_any(&["delimiter", "delimiters", "null", "quote", "escape", "encoding"])
    {
        cursor.accept(&["as"]);
        option(cursor, options, if name == "delimiters" { "delimiter" } else { name })?;
    } else if cursor.accept(&["force", "quote"]) {
        if cursor.accept_symbol('*') {
            options.force_quote_all = true;
        } else {
            options.force_quote = listed(cursor)?;
        }
    } else if cursor.accept(&["force", "not", "null"]) {
        options.force_not_null = listed(cursor)?;
    } else if cursor.accept(&["force", "null"]) {
        options.force_null = listed(cursor)?;
    } else {
        return Err(cursor.unexpected());
    }
    Ok(())
}

fn listed(cursor: &mut Cursor<'_>) -> Result<Vec<String>> {
    let mut names = vec![cursor.name()?];
    while cursor.accept_symbol(',') {
        names.push(cursor.name()?);
    }
    Ok(names)
}

fn text(cursor: &mut Cursor<'_>) -> Result<String> {
    match cursor.take() {
        Some(Token::Text(text)) => Ok(text.clone()),
        _ => Err(cursor.unexpected()),
    }
}

fn boolean(cursor: &mut Cursor<'_>) -> Result<bool> {
    if matches!(cursor.peek(), Some(Token::Symbol(',' | ')'))) {
        return Ok(true);
    }
    match cursor.take() {
        Some(Token::Word(word) | Token::Text(word) | Token::Number(word)) => match word.as_str() {
            "true" | "on" | "1" => Ok(true),
            "false" | "off" | "0" => Ok(false),
            _ => Err(Error::new(SqlState::SYNTAX_ERROR, "header requires a Boolean value or \"match\"")),
        },
        _ => Err(cursor.unexpected()),
    }
}

fn encoding(name: &str) -> Result<()> {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    match plain.to_ascii_lowercase().as_str() {
        "utf8" | "unicode" => Ok(()),
        _ => Err(Error::unsupported(format!("ENCODING \"{name}\""))),
    }
}

/// What does not go together, in PostgreSQL's words.
fn check(options: &Options, direction: Direction) -> Result<()> {
    let refuse = |state, message: &str| Err(Error::new(state, message));
    let (syntax, feature, value) =
        (SqlState::SYNTAX_ERROR, SqlState::FEATURE_NOT_SUPPORTED, SqlState::INVALID_PARAMETER_VALUE);
    let (csv, binary) = (options.layout == Layout::Csv, options.layout == Layout::Binary);
    if binary && options.delimiter.is_some() {
        return refuse(syntax, "cannot specify DELIMITER in BINARY mode");
    }
    if binary && options.null.is_some() {
        return refuse(syntax, "cannot specify NULL in BINARY mode");
    }
    if binary && options.header {
        return refuse(feature, "cannot specify HEADER in BINARY mode");
    }
    let single = |text: &Option<String>| text.as_ref().is_none_or(|text| text.len() == 1);
    if !single(&options.delimiter) {
        return refuse(feature, "COPY delimiter must be a single one-byte character");
    }
    if options.delimiter.as_deref().is_some_and(|delimiter| "\r\n".contains(delimiter)) {
        return refuse(value, "COPY delimiter cannot be newline or carriage return");
    }
    if options.null.as_deref().is_some_and(|null| null.contains(['\r', '\n'])) {
        return refuse(value, "COPY null representation cannot use newline or carriage return");
    }
    let delimiter = options.delimiter();
    if options.layout == Layout::Text
        && (b"\\.".contains(&delimiter) || delimiter.is_ascii_lowercase() || delimiter.is_ascii_digit())
    {
        return refuse(value, &format!("COPY delimiter cannot be \"{}\"", delimiter as char));
    }
    for (given, message) in [
        (options.quote.is_some(), "COPY quote available only in CSV mode"),
        (options.escape.is_some(), "COPY escape available only in CSV mode"),
        (
            options.force_quote_all || !options.force_quote.is_empty(),
            "COPY force quote available only in CSV mode",
        ),
        (!options.force_not_null.is_empty(), "COPY force not null available only in CSV mode"),
        (!options.force_null.is_empty(), "COPY force null available only in CSV mode"),
    ] {
        if given && !csv {
            return refuse(feature, message);
        }
    }
    if !single(&options.quote) {
        return refuse(feature, "COPY quote must be a single one-byte character");
    }
    if !single(&options.escape) {
        return refuse(feature, "COPY escape must be a single one-byte character");
    }
    if csv && delimiter == options.quote() {
        return refuse(value, "COPY delimiter and quote must be different");
    }
    if direction == Direction::In && (options.force_quote_all || !options.force_quote.is_empty()) {
        return refuse(feature, "COPY force quote only available using COPY TO");
    }
    if direction == Direction::Out && !(options.force_not_null.is_empty() && options.force_null.is_empty()) {
        return refuse(feature, "COPY force null only available using COPY FROM");
    }
    if options.null().contains(&delimiter) {
        return refuse(value, "COPY delimiter must not appear in the NULL specification");
    }
    Ok(())
}

impl Command for Copy {
    fn columns(&self, _: &mut Session) -> Result<Option<Vec<Output>>> {
        Ok(None)
    }

    fn run(&self, session: &mut Session, _: &How) -> Result<Done, Halt> {
        match self.direction {
            Direction::In => session.begin_copy_in(self),
            Direction::Out => session.copy_out(self),
        }
    }
}
