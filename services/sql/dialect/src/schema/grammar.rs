//! Reads statements that change the schema, from the tokens of the parser library; expressions, types and queries are that library's.
//!
//! PostgreSQL's grammar is followed word by word. What it has and this does not is a [`Statement::Refused`] with its name.

mod alter;
mod create;
mod reader;
mod refused;
mod sequence;
mod table;

use bole_sql_types::Error;
use sqlparser::parser::{Parser, ParserError};

use super::syntax::{CommentTarget, Kind, Name, Statement};
use reader::Reader;

type Parse<T> = Result<T, ParserError>;

/// Reads a statement if it is one of those that change the schema, and stops before what follows it. `None` leaves the parser where it was.
pub fn statement(parser: &mut Parser<'_>) -> Result<Option<Statement>, ParserError> {
    let mut reader = Reader::new(parser);
    if let Some(error) = refused::refused(&reader) {
        reader.skip_statement();
        return Ok(Some(Statement::Refused(error)));
    }
    let readers: [(&str, fn(&mut Reader<'_, '_>) -> Parse<Statement>); 7] = [
        ("CREATE", create::create),
        ("ALTER", alter::alter),
        ("DROP", drop),
        ("COMMENT ON", comment),
        ("TRUNCATE", truncate),
        ("REINDEX", reindex),
        ("REFRESH MATERIALIZED VIEW", refresh),
    ];
    if reader.at("CREATE DATABASE") || reader.at("DROP DATABASE") || reader.at("ALTER DATABASE") {
        return Ok(None);
    }
    for (phrase, read) in readers {
        if reader.eat(phrase) {
            return read(&mut reader).map(Some);
        }
    }
    Ok(None)
}

const KINDS: [(&str, Kind); 7] = [
    ("SCHEMA", Kind::Schema),
    ("TABLE", Kind::Table),
    ("INDEX", Kind::Index),
    ("VIEW", Kind::View),
    ("MATERIALIZED VIEW", Kind::MaterializedView),
    ("SEQUENCE", Kind::Sequence),
    ("TYPE", Kind::Type),
];

fn kind(reader: &mut Reader<'_, '_>) -> Parse<Kind> {
    match KINDS.into_iter().find(|(word, _)| reader.eat(word)) {
        Some((_, kind)) => Ok(kind),
        None => reader.unexpected("a kind of object"),
    }
}

fn drop(reader: &mut Reader<'_, '_>) -> Parse<Statement> {
    let kind = kind(reader)?;
    if kind == Kind::Index {
        // Nobody waits for anybody here, so it is the same with and without it.
        reader.eat("CONCURRENTLY");
    }
    let if_exists = reader.eat("IF EXISTS");
    let names = reader.list(Reader::qualified)?;
    let cascade = behaviour(reader);
    Ok(Statement::Drop { kind, names, if_exists, cascade })
}

/// `CASCADE` or `RESTRICT`, or neither.
fn behaviour(reader: &mut Reader<'_, '_>) -> bool {
    let cascade = reader.eat("CASCADE");
    if !cascade {
        reader.eat("RESTRICT");
    }
    cascade
}

fn comment(reader: &mut Reader<'_, '_>) -> Parse<Statement> {
    let target = if reader.eat("COLUMN") {
        let (relation, column) = reader.column_name()?;
        CommentTarget::Column(relation, column)
    } else if reader.eat("CONSTRAINT") {
        let name = reader.identifier()?;
        reader.expect("ON")?;
        CommentTarget::Constraint(reader.qualified()?, name)
    } else if KINDS.iter().any(|(word, _)| reader.at(word)) {
        CommentTarget::Object(kind(reader)?, reader.qualified()?)
    } else {
        let what = reader.upper(0).unwrap_or_default();
        reader.skip_statement();
        return Ok(Statement::Refused(Error::unsupported(format!("COMMENT ON {what}"))));
    };
    reader.expect("IS")?;
    let text = if reader.eat("NULL") { None } else { Some(reader.string()?).filter(|text| !text.is_empty()) };
    Ok(Statement::Comment { target, text })
}

fn truncate(reader: &mut Reader<'_, '_>) -> Parse<Statement> {
    reader.eat("TABLE");
    reader.eat("ONLY");
    let tables = reader.list(Reader::qualified_star)?;
    let restart_identity = reader.eat("RESTART IDENTITY");
    if !restart_identity {
        reader.eat("CONTINUE IDENTITY");
    }
    let cascade = behaviour(reader);
    Ok(Statement::Truncate { tables, restart_identity, cascade })
}

fn refresh(reader: &mut Reader<'_, '_>) -> Parse<Statement> {
    let concurrently = reader.eat("CONCURRENTLY");
    let name = reader.qualified()?;
    Ok(Statement::Refresh { name, concurrently, with_data: table::with_data(reader) })
}

fn reindex(reader: &mut Reader<'_, '_>) -> Parse<Statement> {
    if reader.at_symbol('(') {
        reader.skip_statement();
        return Ok(Statement::Refused(Error::unsupported("REINDEX with options")));
    }
    let kinds = [("INDEX", Kind::Index), ("TABLE", Kind::Table), ("SCHEMA", Kind::Schema)];
    let kind = kinds.into_iter().find(|(word, _)| reader.eat(word)).map(|(_, kind)| kind);
    if kind.is_none() {
        let whole = reader.eat("DATABASE") || reader.eat("SYSTEM");
        if !whole {
            return reader.unexpected("DATABASE");
        }
    }
    reader.eat("CONCURRENTLY");
    let name: Name = reader.qualified()?;
    Ok(Statement::Reindex { kind, name })
}
