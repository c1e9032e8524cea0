//! The dialect as tables in Markdown, for the guide: those of `bole_sql_dialect::reference`, and what this crate's own tables say.

use bole_sql_dialect::catalog::PG_CATALOG;
use bole_sql_dialect::catalog::system;
use bole_sql_dialect::reference;

use crate::pg_catalog::has_rows;
use crate::session::{Kind, SETTINGS};

/// The sections of the guide's page by the names of their markers.
pub fn sections() -> Vec<(&'static str, String)> {
    vec![
        ("types", reference::types()),
        ("functions", reference::functions()),
        ("operators", reference::operators()),
        ("casts", reference::casts()),
        ("settings", settings()),
        ("relations", relations()),
    ]
}

/// What values a setting takes; `None` for those that only the server sets.
fn values(kind: Kind) -> Option<String> {
    let words = |words: &[&str]| {
        let quoted: Vec<String> = words.iter().map(|word| code(word)).collect();
        quoted.join(", ")
    };
    Some(match kind {
        Kind::Internal => return None,
        Kind::Bool => words(&["on", "off"]),
        Kind::OneOf(known) => words(known),
        Kind::Fixed(known) => format!("only {}", words(known)),
        Kind::Integer(least, most) => format!("{least} to {most}"),
        Kind::Millis => "a time, in ms without a unit; 0: none".to_owned(),
        Kind::Text => "any text".to_owned(),
        Kind::Names => "names".to_owned(),
        Kind::DateStyle => "as in PostgreSQL".to_owned(),
        Kind::TimeZone => "a time zone".to_owned(),
        Kind::ClientEncoding => "only `UTF8`".to_owned(),
    })
}

fn code(text: &str) -> String {
    if text.is_empty() { "empty".to_owned() } else { format!("`{text}`") }
}

/// Settings that `SET` takes, then those that only the server sets.
fn settings() -> String {
    let mut table = "| setting | default | values | what it does |\n|---|---|---|---|\n".to_owned();
    for setting in SETTINGS {
        if let Some(values) = values(setting.kind) {
            let (name, default) = (setting.name, code(setting.default));
            table += &format!("| `{name}` | {default} | {values} | {} |\n", setting.description);
        }
    }
    let fixed = SETTINGS.iter().filter(|setting| values(setting.kind).is_none());
    let fixed: Vec<String> = fixed.map(|setting| code(setting.name)).collect();
    table + &format!("\nOnly `SHOW` knows: {}.\n", fixed.join(", "))
}

/// The relations of a schema that have rows, or those that have none.
fn names(schema_is_pg_catalog: bool, with_rows: bool) -> String {
    let of = system::all().iter().filter(|relation| {
        (relation.schema == PG_CATALOG) == schema_is_pg_catalog && has_rows(relation) == with_rows
    });
    let names: Vec<String> = of.map(|relation| code(relation.name)).collect();
    names.join(", ")
}

fn relations() -> String {
    let mut table = "| schema | with rows | always empty |\n|---|---|---|\n".to_owned();
    for (schema, is_pg_catalog) in [("pg_catalog", true), ("information_schema", false)] {
        let (full, empty) = (names(is_pg_catalog, true), names(is_pg_catalog, false));
        table += &format!("| `{schema}` | {full} | {empty} |\n");
    }
    table
}
