//! `CREATE` of all but tables, and what is temporary.

use bole_sql_types::Error;

use super::reader::Reader;
use super::{Parse, sequence, table};
use crate::schema::syntax::{CreateIndex, CreateView, KeySpec, Role, Statement};

/// After `CREATE`.
pub(super) fn create(reader: &mut Reader<'_, '_>) -> Parse<Statement> {
    if TEMPORARY.iter().any(|words| reader.eat(words)) {
        return temporary(reader);
    }
    let readers: [(&str, fn(&mut Reader<'_, '_>) -> Parse<Statement>); 11] = [
        ("TABLE", |reader| table::create(reader, false)),
        ("SCHEMA", schema),
        ("UNIQUE INDEX", |reader| index(reader, true)),
        ("INDEX", |reader| index(reader, false)),
        ("OR REPLACE VIEW", |reader| view(reader, true, false)),
        ("OR REPLACE TEMP VIEW", |reader| view(reader, true, true)),
        ("OR REPLACE TEMPORARY VIEW", |reader| view(reader, true, true)),
        ("VIEW", |reader| view(reader, false, false)),
        ("MATERIALIZED VIEW", table::create_materialized),
        ("SEQUENCE", |reader| create_sequence(reader, false)),
        ("TYPE", create_type),
    ];
    match readers.into_iter().find(|(words, _)| reader.eat(words)) {
        Some((_, read)) => read(reader),
        None => reader.unexpected("a kind of object"),
    }
}

/// The words for it. GLOBAL and LOCAL mean nothing, as in PostgreSQL.
const TEMPORARY: [&str; 6] =
    ["TEMP", "TEMPORARY", "LOCAL TEMP", "LOCAL TEMPORARY", "GLOBAL TEMP", "GLOBAL TEMPORARY"];

fn temporary(reader: &mut Reader<'_, '_>) -> Parse<Statement> {
    if reader.at("RECURSIVE VIEW") {
        return refuse(reader, "CREATE RECURSIVE VIEW");
    }
    let readers: [(&str, fn(&mut Reader<'_, '_>) -> Parse<Statement>); 3] = [
        ("TABLE", |reader| table::create(reader, true)),
        ("VIEW", |reader| view(reader, false, true)),
        ("SEQUENCE", |reader| create_sequence(reader, true)),
    ];
    match readers.into_iter().find(|(words, _)| reader.eat(words)) {
        Some((_, read)) => read(reader),
        None => reader.unexpected("a kind of object"),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is what the readers give")]
fn refuse(reader: &mut Reader<'_, '_>, what: impl std::fmt::Display) -> Parse<Statement> {
    reader.skip_statement();
    Ok(Statement::Refused(Error::unsupported(what)))
}

/// A user's name, or a word for the current one.
pub(super) fn role(reader: &mut Reader<'_, '_>) -> Parse<Role> {
    let current = ["CURRENT_USER", "CURRENT_ROLE", "SESSION_USER"].into_iter().any(|word| reader.eat(word));
    if current { Ok(Role::Current) } else { reader.identifier().map(Role::Named) }
}

fn schema(reader: &mut Reader<'_, '_>) -> Parse<Statement> {
    let if_not_exists = reader.eat("IF NOT EXISTS");
    let name = if reader.at("AUTHORIZATION") { None } else { Some(reader.identifier()?) };
    let owner = if reader.eat("AUTHORIZATION") { Some(role(reader)?) } else { None };
    if !reader.at_end() {
        return refuse(reader, "CREATE SCHEMA with elements");
    }
    Ok(Statement::CreateSchema { name, if_not_exists, owner })
}

fn create_sequence(reader: &mut Reader<'_, '_>, temporary: bool) -> Parse<Statement> {
    let if_not_exists = reader.eat("IF NOT EXISTS");
    let name = reader.qualified()?;
    Ok(Statement::CreateSequence { name, temporary, if_not_exists, options: sequence::options(reader)? })
}

fn create_type(reader: &mut Reader<'_, '_>) -> Parse<Statement> {
    let name = reader.qualified()?;
    if reader.eat("AS RANGE") {
        return refuse(reader, "a range type");
    }
    if !reader.eat("AS ENUM") {
        let what = if reader.at("AS") { "a composite type" } else { "a base type" };
        return refuse(reader, what);
    }
    reader.expect_symbol('(')?;
    let labels = if reader.at_symbol(')') { Vec::new() } else { reader.list(Reader::string)? };
    reader.expect_symbol(')')?;
    Ok(Statement::CreateEnum { name, labels })
}

fn view(reader: &mut Reader<'_, '_>, replace: bool, temporary: bool) -> Parse<Statement> {
    let name = reader.qualified()?;
    let columns = reader.columns()?;
    if reader.at("WITH") {
        return refuse(reader, "a view's option");
    }
    reader.expect("AS")?;
    let query = reader.query()?;
    if reader.at("WITH") {
        return refuse(reader, "WITH CHECK OPTION");
    }
    Ok(Statement::CreateView(Box::new(CreateView { name, temporary, replace, columns, query })))
}

fn index(reader: &mut Reader<'_, '_>, unique: bool) -> Parse<Statement> {
    let concurrently = reader.eat("CONCURRENTLY");
    let if_not_exists = reader.eat("IF NOT EXISTS");
    let name = if reader.at("ON") { None } else { Some(reader.identifier()?) };
    reader.expect("ON")?;
    reader.eat("ONLY");
    let table = reader.qualified()?;
    let method = if reader.eat("USING") { reader.identifier()? } else { "btree".to_owned() };
    let keys = reader.enclosed(key)?;
    let include = if reader.eat("INCLUDE") { reader.columns()? } else { Vec::new() };
    let nulls_not_distinct = reader.eat("NULLS NOT DISTINCT");
    if !nulls_not_distinct {
        reader.eat("NULLS DISTINCT");
    }
    for (word, what) in [("WITH", "WITH of an index"), ("TABLESPACE", "a tablespace")] {
        if reader.at(word) {
            return refuse(reader, what);
        }
    }
    let predicate = if reader.eat("WHERE") { Some(reader.expression()?) } else { None };
    Ok(Statement::CreateIndex(Box::new(CreateIndex {
        name,
        table,
        unique,
        concurrently,
        if_not_exists,
        method,
        keys,
        include,
        nulls_not_distinct,
        predicate,
    })))
}

fn key(reader: &mut Reader<'_, '_>) -> Parse<KeySpec> {
    // Words after a key would be read as operators of the expression or its alias, so only a bare name or a call may go without parentheses.
    let expression = reader.parser.parse_prefix()?;
    let collation = if reader.eat("COLLATE") { Some(reader.qualified()?) } else { None };
    let ends = reader.at_symbol(',')
        || reader.at_symbol(')')
        || ["ASC", "DESC", "NULLS"].iter().any(|word| reader.at(word));
    let class = if ends { None } else { Some(reader.qualified()?) };
    if reader.at_symbol('(') {
        return reader.unexpected("the next key");
    }
    let descending = reader.eat("DESC");
    if !descending {
        reader.eat("ASC");
    }
    let nulls_first = if reader.eat("NULLS FIRST") {
        Some(true)
    } else if reader.eat("NULLS LAST") {
        Some(false)
    } else {
        None
    };
    Ok(KeySpec { expression, collation, class, descending, nulls_first })
}
