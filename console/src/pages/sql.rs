//! Databases, tables, columns, and statements that only read.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use maud::{Markup, html};

use crate::Console;
use crate::limits::{CELL_CHARS_MAX, ROWS_MAX, STATEMENT_ROWS_MAX};
use crate::node::Fault;
use crate::node::sql::Table;
use crate::page::{self, Section, alert, area, change, empty, facts, hidden, table};
use crate::request::{Sent, Visitor};
use crate::show::{count, link};

const SECTION: Section = Section::Sql;
/// The database whose catalog lists all of them.
const FIRST: &str = "bole";

pub(super) fn router() -> Router<Arc<Console>> {
    Router::new()
        .route("/sql", get(database))
        .route("/sql/table", get(relation))
        .route("/sql/query", post(query))
}

/// Text as it stands in a statement.
fn literal(text: &str) -> String {
    // A backslash means nothing in a string that has no E before it.
    format!("'{}'", text.replace('\'', "''"))
}

/// A name as it stands in a statement.
fn name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

async fn read(visitor: &Visitor, database: &str, statement: &str) -> Result<Table, Fault> {
    let _place = visitor.console.statements.try_acquire().map_err(|_| {
        Fault::new(StatusCode::SERVICE_UNAVAILABLE, "other statements run just now; try again in a moment")
    })?;
    visitor.console.node.read(visitor.by(), database, statement).await
}

fn database_link(database: &str) -> String {
    link("/sql", &[("database", database)])
}

/// The database that a query names.
fn chosen(visitor: &Visitor) -> &str {
    match visitor.query.get("database") {
        "" => FIRST,
        database => database,
    }
}

/// `GET /console/sql?database=`
async fn database(visitor: Visitor) -> Response {
    let body = database_body(&visitor).await;
    visitor.show(SECTION, &format!("Database {}", chosen(&visitor)), body)
}

/// Tables and views of users, with the rows that the catalog believes they have.
const RELATIONS: &str = "SELECT n.nspname, c.relname, c.relkind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'v', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1, 2";

async fn database_body(visitor: &Visitor) -> Result<Markup, Fault> {
    let database = chosen(visitor);
    let statement = "SELECT datname FROM pg_catalog.pg_database WHERE NOT datistemplate ORDER BY 1";
    let databases = read(visitor, database, statement).await?;
    let relations = read(visitor, database, RELATIONS).await?;
    let rows: Vec<_> = relations.rows.iter().map(|row| relation_row(database, row)).collect();
    let page = visitor.query.number("page", 0)?;
    let here = |page: usize| link("/sql", &[("database", database), ("page", &page.to_string())]);
    let cut = page::cut(&rows, page, here);
    Ok(html! {
        nav .tabs aria-label="Databases" {
            @for other in databases.rows.iter().filter_map(|row| row.first()?.as_deref()) {
                a href=(database_link(other)) aria-current=[(other == database).then_some("true")] { (other) }
            }
        }
        @if rows.is_empty() {
            (empty("There are no tables.", &format!("bole sql {database} -c \"create table notes (id int primary key, text text)\"")))
        } @else {
            (table("Tables and views", &["name", "schema", "kind"], cut.rows))
            (cut.links)
            @if relations.is_cut { p .soft { "There are more; these are the first " (rows.len()) "." } }
        }
        (query_form(visitor, database, ""))
    })
}

fn relation_row(database: &str, row: &[Option<String>]) -> Vec<Markup> {
    let of = |place: usize| row.get(place).and_then(Option::as_deref).unwrap_or_default();
    let to = link("/sql/table", &[("database", database), ("schema", of(0)), ("table", of(1))]);
    let kind = match of(2) {
        "v" => "view",
        "m" => "materialized view",
        _ => "table",
    };
    vec![html! { a href=(to) { (of(1)) } }, html! { (of(0)) }, html! { (kind) }]
}

fn query_form(visitor: &Visitor, database: &str, statement: &str) -> Markup {
    html! {
        h2 { "Ask" }
        (change(visitor, "/sql/query", &html! {
            (hidden("database", database))
            (area("One statement that only reads", "statement", statement, 4))
        }, "Run"))
        p .soft { "It runs as you, in a transaction that writes nothing, for 10 s at most; the first " (STATEMENT_ROWS_MAX) " rows are shown." }
    }
}

/// `GET /console/sql/table?database=&schema=&table=`
async fn relation(visitor: Visitor) -> Response {
    let body = relation_body(&visitor).await;
    let title = format!("{}.{}", visitor.query.get("schema"), visitor.query.get("table"));
    visitor.show(SECTION, &title, body)
}

async fn relation_body(visitor: &Visitor) -> Result<Markup, Fault> {
    let database = chosen(visitor);
    let (schema, relation) = (visitor.query.needed("schema")?, visitor.query.needed("table")?);
    let columns = format!(
        "SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns \
         WHERE table_schema = {} AND table_name = {} ORDER BY ordinal_position",
        literal(schema),
        literal(relation)
    );
    let columns = read(visitor, database, &columns).await?;
    if columns.rows.is_empty() {
        return Err(Fault::missing(format!(
            "database \"{database}\" has no table {schema}.{relation} that you may see"
        )));
    }
    let whole = format!("{}.{}", name(schema), name(relation));
    // A table that cannot be counted or read within the bounds still has columns to be shown.
    let counted = read(visitor, database, &format!("SELECT count(*) FROM {whole}")).await;
    let page: usize = visitor.query.number("page", 0)?;
    let statement =
        format!("SELECT * FROM {whole} LIMIT {} OFFSET {}", ROWS_MAX + 1, page.saturating_mul(ROWS_MAX));
    let found = read(visitor, database, &statement).await;
    let here = |page: usize| {
        link(
            "/sql/table",
            &[("database", database), ("schema", schema), ("table", relation), ("page", &page.to_string())],
        )
    };
    Ok(html! {
        p { a href=(database_link(database)) { "Database " (database) } }
        @match &counted {
            Ok(counted) => (facts(&[("Rows", html! { (number_of(counted)) })])),
            Err(fault) => (alert(fault)),
        }
        (table("Columns", &["column", "type", "may be NULL", "default"], &cells(&columns, ROWS_MAX)))
        h2 { "Rows" }
        @match &found {
            Ok(found) if found.rows.is_empty() => p .soft { "There are none here." },
            Ok(found) => (result(found, ROWS_MAX)),
            Err(fault) => (alert(fault)),
        }
        nav .pages aria-label="Pages" {
            @if page > 0 { a rel="prev" href=(here(page - 1)) { "Before" } }
            @if found.as_ref().is_ok_and(|found| found.rows.len() > ROWS_MAX) { a rel="next" href=(here(page + 1)) { "Next" } }
        }
    })
}

fn number_of(counted: &Table) -> String {
    let text =
        counted.rows.first().and_then(|row| row.first()).and_then(Option::as_deref).unwrap_or_default();
    text.parse().map_or_else(|_| text.to_owned(), count)
}

fn cells(found: &Table, rows_max: usize) -> Vec<Vec<Markup>> {
    let cell = |cell: &Option<String>| {
        html! {
            @match cell {
                None => span .soft { "NULL" },
                Some(text) => @if let Some((end, _)) = text.char_indices().nth(CELL_CHARS_MAX) { (text[..end]) "…" } @else { (text) },
            }
        }
    };
    found.rows.iter().take(rows_max).map(|row| row.iter().map(cell).collect()).collect()
}

fn result(found: &Table, rows_max: usize) -> Markup {
    let head: Vec<&str> = found.columns.iter().map(String::as_str).collect();
    table("Result", &head, &cells(found, rows_max))
}

/// `POST /console/sql/query`
async fn query(Sent { visitor, form }: Sent) -> Response {
    let (database, statement) = (form.get("database"), form.get("statement"));
    let found = match form.needed("statement") {
        Ok(statement) => read(&visitor, database, statement).await,
        Err(fault) => Err(fault),
    };
    let status = found.as_ref().map_or_else(|fault| fault.status, |_| StatusCode::OK);
    let body = html! {
        p { a href=(database_link(database)) { "Database " (database) } }
        @match &found {
            Err(fault) => (alert(fault)),
            Ok(found) if found.columns.is_empty() => p .note { "The statement has no result." },
            Ok(found) => {
                (result(found, STATEMENT_ROWS_MAX))
                p .soft { (found.rows.len()) " rows" @if found.is_cut { ", and there are more" } }
            }
        }
        (query_form(&visitor, database, statement))
    };
    let mut response = visitor.show(SECTION, "Result", Ok(body));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_names() {
        assert_eq!(literal("a'; drop table x; --"), "'a''; drop table x; --'");
        assert_eq!(name("a\"; drop table x; --"), "\"a\"\"; drop table x; --\"");
    }
}
