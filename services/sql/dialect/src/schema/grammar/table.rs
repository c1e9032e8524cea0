//! `CREATE TABLE`: columns and constraints.

use bole_sql_types::Error;

use super::reader::Reader;
use super::{Parse, sequence};
use crate::catalog::Action;
use crate::schema::syntax::{
    ColumnSpec, ConstraintSpec, CreateTable, CreateTableAs, Including, OnCommit, RuleSpec, Statement,
    TableElement,
};

/// After `CREATE TABLE` or `CREATE TEMPORARY TABLE`.
pub(super) fn create(reader: &mut Reader<'_, '_>, temporary: bool) -> Parse<Statement> {
    let if_not_exists = reader.eat("IF NOT EXISTS");
    let name = reader.qualified()?;
    for (words, what) in [("PARTITION OF", "partitioning"), ("OF", "a typed table")] {
        if reader.at(words) {
            return refuse(reader, what);
        }
    }
    // A list of bare names belongs to `CREATE TABLE … AS`.
    let columns = bare_names(reader);
    if columns.is_some() || reader.at("AS") || reader.at("ON COMMIT") {
        let columns = columns.unwrap_or_default();
        let on_commit = on_commit(reader)?;
        reader.expect("AS")?;
        return create_as(reader, |query, with_data| CreateTableAs {
            name,
            temporary,
            on_commit,
            if_not_exists,
            columns,
            query,
            with_data,
            materialized: false,
        });
    }
    reader.expect_symbol('(')?;
    let elements = if reader.at_symbol(')') { Vec::new() } else { reader.list(element)? };
    reader.expect_symbol(')')?;
    // How full pages are made changes no answer, and is SQLite's business.
    if reader.eat_fillfactor() {
        let _percent = reader.integer()?;
        reader.expect_symbol(')')?;
    }
    let clauses = [
        ("INHERITS", "inheritance"),
        ("PARTITION BY", "partitioning"),
        ("USING", "USING of a table"),
        ("WITH", "WITH of a table"),
        ("WITHOUT OIDS", "WITHOUT OIDS"),
    ];
    if let Some((_, what)) = clauses.iter().find(|(words, _)| reader.at(words)) {
        return refuse(reader, what);
    }
    let on_commit = on_commit(reader)?;
    if reader.at("TABLESPACE") {
        return refuse(reader, "a tablespace");
    }
    let create = CreateTable { name, temporary, on_commit, if_not_exists, elements };
    Ok(Statement::CreateTable(Box::new(create)))
}

fn on_commit(reader: &mut Reader<'_, '_>) -> Parse<Option<OnCommit>> {
    if !reader.eat("ON COMMIT") {
        return Ok(None);
    }
    let kinds = [
        ("PRESERVE ROWS", OnCommit::PreserveRows),
        ("DELETE ROWS", OnCommit::DeleteRows),
        ("DROP", OnCommit::Drop),
    ];
    match kinds.into_iter().find(|(words, _)| reader.eat(words)) {
        Some((_, kind)) => Ok(Some(kind)),
        None => reader.unexpected("PRESERVE, DELETE or DROP"),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is what the readers give")]
fn refuse(reader: &mut Reader<'_, '_>, what: &str) -> Parse<Statement> {
    reader.skip_statement();
    Ok(Statement::Refused(Error::unsupported(what)))
}

fn bare_names(reader: &mut Reader<'_, '_>) -> Option<Vec<String>> {
    let read = |parser: &mut sqlparser::parser::Parser<'_>| {
        let mut reader = Reader::new(parser);
        let names = reader.enclosed(Reader::identifier)?;
        if reader.at("AS") || reader.at("ON COMMIT") { Ok(names) } else { reader.unexpected("AS") }
    };
    reader.parser.maybe_parse(read).ok().flatten()
}

/// After `CREATE MATERIALIZED VIEW`.
pub(super) fn create_materialized(reader: &mut Reader<'_, '_>) -> Parse<Statement> {
    let if_not_exists = reader.eat("IF NOT EXISTS");
    let name = reader.qualified()?;
    let columns = reader.columns()?;
    for (words, what) in
        [("USING", "USING of a table"), ("WITH", "WITH of a table"), ("TABLESPACE", "a tablespace")]
    {
        if reader.at(words) {
            return refuse(reader, what);
        }
    }
    reader.expect("AS")?;
    create_as(reader, |query, with_data| CreateTableAs {
        name,
        temporary: false,
        on_commit: None,
        if_not_exists,
        columns,
        query,
        with_data,
        materialized: true,
    })
}

/// `WITH DATA`, `WITH NO DATA` or neither.
pub(super) fn with_data(reader: &mut Reader<'_, '_>) -> bool {
    let with_data = !reader.eat("WITH NO DATA");
    if with_data {
        reader.eat("WITH DATA");
    }
    with_data
}

fn create_as(
    reader: &mut Reader<'_, '_>,
    made: impl FnOnce(Box<sqlparser::ast::Query>, bool) -> CreateTableAs,
) -> Parse<Statement> {
    if reader.at("EXECUTE") {
        return refuse(reader, "CREATE TABLE AS EXECUTE");
    }
    let query = reader.query()?;
    let with_data = with_data(reader);
    Ok(Statement::CreateTableAs(Box::new(made(query, with_data))))
}

const CONSTRAINT_WORDS: [&str; 6] =
    ["CONSTRAINT", "CHECK", "UNIQUE", "PRIMARY KEY", "FOREIGN KEY", "EXCLUDE"];

fn element(reader: &mut Reader<'_, '_>) -> Parse<TableElement> {
    if reader.eat("LIKE") {
        let source = reader.qualified()?;
        return Ok(TableElement::Like { source, including: including(reader)? });
    }
    if CONSTRAINT_WORDS.iter().any(|words| reader.at(words)) {
        return table_constraint(reader).map(TableElement::Constraint);
    }
    column(reader).map(TableElement::Column)
}

fn including(reader: &mut Reader<'_, '_>) -> Parse<Including> {
    let mut all = Including::default();
    loop {
        let wanted = reader.eat("INCLUDING");
        if !wanted && !reader.eat("EXCLUDING") {
            return Ok(all);
        }
        match reader.identifier()?.as_str() {
            "comments" => all.comments = wanted,
            "constraints" => all.constraints = wanted,
            "defaults" => all.defaults = wanted,
            "generated" => all.generated = wanted,
            "identity" => all.identity = wanted,
            "indexes" => all.indexes = wanted,
            // How values are compressed and stored cannot be set here, so there is nothing to copy.
            "compression" | "statistics" | "storage" => {}
            "all" => {
                let every = wanted;
                all = Including {
                    comments: every,
                    constraints: every,
                    defaults: every,
                    generated: every,
                    identity: every,
                    indexes: every,
                };
            }
            _ => {
                reader.parser.prev_token();
                return reader.unexpected("a part of a table");
            }
        }
    }
}

/// A column's name, type and constraints.
pub(super) fn column(reader: &mut Reader<'_, '_>) -> Parse<ColumnSpec> {
    let name = reader.identifier()?;
    let ty = reader.parser.parse_data_type()?;
    let mut column = ColumnSpec { name, ty, collation: None, constraints: Vec::new() };
    loop {
        if reader.eat("COLLATE") {
            column.collation = Some(reader.qualified()?);
            continue;
        }
        let name = if reader.eat("CONSTRAINT") { Some(reader.identifier()?) } else { None };
        match column_rule(reader)? {
            Some(rule) => column.constraints.push(with_attributes(reader, name, rule)?),
            None if name.is_some() => return reader.unexpected("a constraint"),
            None => return Ok(column),
        }
    }
}

fn column_rule(reader: &mut Reader<'_, '_>) -> Parse<Option<RuleSpec>> {
    let rule = if reader.eat("NOT NULL") {
        RuleSpec::NotNull
    } else if reader.eat("NULL") {
        RuleSpec::Null
    } else if reader.eat("DEFAULT") {
        RuleSpec::Default(default(reader)?)
    } else if reader.eat("CHECK") {
        RuleSpec::Check(reader.enclosed_expression()?)
    } else if reader.eat("PRIMARY KEY") {
        RuleSpec::PrimaryKey { columns: Vec::new(), include: Vec::new() }
    } else if reader.eat("UNIQUE") {
        RuleSpec::Unique { columns: Vec::new(), include: Vec::new(), nulls_not_distinct: nulls(reader) }
    } else if reader.at("REFERENCES") {
        references(reader, Vec::new())?
    } else if reader.eat("GENERATED") {
        generated(reader)?
    } else {
        return Ok(None);
    };
    Ok(Some(rule))
}

/// A default ends before `NOT NULL` and the like, which only bind more loosely than what may stand in it without parentheses.
pub(super) fn default(reader: &mut Reader<'_, '_>) -> Parse<sqlparser::ast::Expr> {
    use sqlparser::dialect::{Dialect as _, PostgreSqlDialect, Precedence};
    reader.parser.parse_subexpr(PostgreSqlDialect {}.prec_value(Precedence::Like))
}

fn nulls(reader: &mut Reader<'_, '_>) -> bool {
    let not_distinct = reader.eat("NULLS NOT DISTINCT");
    if !not_distinct {
        reader.eat("NULLS DISTINCT");
    }
    not_distinct
}

fn generated(reader: &mut Reader<'_, '_>) -> Parse<RuleSpec> {
    if reader.eat("BY DEFAULT AS IDENTITY") {
        return Ok(RuleSpec::Identity { always: false, options: sequence::enclosed(reader)? });
    }
    reader.expect("ALWAYS AS")?;
    if reader.eat("IDENTITY") {
        return Ok(RuleSpec::Identity { always: true, options: sequence::enclosed(reader)? });
    }
    let expression = reader.enclosed_expression()?;
    reader.expect("STORED")?;
    Ok(RuleSpec::Generated(expression))
}

/// A constraint of a table, after `ADD` too.
pub(super) fn table_constraint(reader: &mut Reader<'_, '_>) -> Parse<ConstraintSpec> {
    let name = if reader.eat("CONSTRAINT") { Some(reader.identifier()?) } else { None };
    let rule = if reader.eat("CHECK") {
        RuleSpec::Check(reader.enclosed_expression()?)
    } else if reader.eat("PRIMARY KEY USING INDEX") {
        RuleSpec::UsingIndex { index: reader.identifier()?, primary: true }
    } else if reader.eat("UNIQUE USING INDEX") {
        RuleSpec::UsingIndex { index: reader.identifier()?, primary: false }
    } else if reader.eat("PRIMARY KEY") {
        let columns = reader.enclosed(Reader::identifier)?;
        RuleSpec::PrimaryKey { columns, include: include(reader)? }
    } else if reader.eat("UNIQUE") {
        let nulls_not_distinct = nulls(reader);
        let columns = reader.enclosed(Reader::identifier)?;
        RuleSpec::Unique { columns, include: include(reader)?, nulls_not_distinct }
    } else if reader.eat("FOREIGN KEY") {
        let columns = reader.enclosed(Reader::identifier)?;
        references(reader, columns)?
    } else {
        return reader.unexpected("a constraint");
    };
    with_attributes(reader, name, rule)
}

fn include(reader: &mut Reader<'_, '_>) -> Parse<Vec<String>> {
    if reader.eat("INCLUDE") { reader.columns() } else { Ok(Vec::new()) }
}

fn references(reader: &mut Reader<'_, '_>, columns: Vec<String>) -> Parse<RuleSpec> {
    reader.expect("REFERENCES")?;
    let target = reader.qualified()?;
    let target_columns = reader.columns()?;
    let match_full = reader.eat("MATCH FULL");
    if !match_full {
        reader.eat("MATCH SIMPLE");
    }
    let (mut on_update, mut on_delete) = (Action::NoAction, Action::NoAction);
    loop {
        if reader.eat("ON UPDATE") {
            on_update = action(reader)?;
        } else if reader.eat("ON DELETE") {
            on_delete = action(reader)?;
        } else {
            return Ok(RuleSpec::ForeignKey {
                columns,
                target,
                target_columns,
                on_update,
                on_delete,
                match_full,
            });
        }
    }
}

fn action(reader: &mut Reader<'_, '_>) -> Parse<Action> {
    let actions = [
        ("NO ACTION", Action::NoAction),
        ("RESTRICT", Action::Restrict),
        ("CASCADE", Action::Cascade),
        ("SET NULL", Action::SetNull),
        ("SET DEFAULT", Action::SetDefault),
    ];
    match actions.into_iter().find(|(words, _)| reader.eat(words)) {
        Some((_, action)) => Ok(action),
        None => reader.unexpected("an action"),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is what the readers give")]
fn with_attributes(
    reader: &mut Reader<'_, '_>,
    name: Option<String>,
    rule: RuleSpec,
) -> Parse<ConstraintSpec> {
    let mut constraint = ConstraintSpec { name, rule, deferrable: false, deferred: false, not_valid: false };
    attributes(reader, &mut constraint);
    Ok(constraint)
}

/// `DEFERRABLE` and its like after a constraint.
pub(super) fn attributes(reader: &mut Reader<'_, '_>, constraint: &mut ConstraintSpec) {
    loop {
        if reader.eat("NOT DEFERRABLE") {
            constraint.deferrable = false;
        } else if reader.eat("DEFERRABLE") {
            constraint.deferrable = true;
        } else if reader.eat("INITIALLY DEFERRED") {
            (constraint.deferrable, constraint.deferred) = (true, true);
        } else if reader.eat("INITIALLY IMMEDIATE") {
            constraint.deferred = false;
        } else if reader.eat("NOT VALID") {
            constraint.not_valid = true;
        } else {
            return;
        }
    }
}
