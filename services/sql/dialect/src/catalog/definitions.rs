//! Definitions as PostgreSQL writes them: `pg_get_indexdef` and its like.
//!
//! The catalog keeps texts as they were written; here they are written again as PostgreSQL would: with parentheses around what is computed
//! and the types of literals.

mod expression;
mod query;

use std::fmt::Write as _;

use bole_sql_types::Type;

use super::dependencies::Element;
use super::names::quote;
use super::{Action, Catalog, Constraint, Index, Key, Object, PUBLIC, Rule, Table, collations};

pub use expression::expression;

/// A catalog, and the search path of who is shown something of it: what is found there by its name alone is written without its schema.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// The catalog.
    pub catalog: &'a Catalog,
    /// Schemas by OID.
    pub path: &'a [u32],
}

/// Shown to one who has the usual path.
impl<'a> From<&'a Catalog> for Shown<'a> {
    fn from(catalog: &'a Catalog) -> Self {
        Self { catalog, path: &[PUBLIC] }
    }
}

impl std::ops::Deref for Shown<'_> {
    type Target = Catalog;

    fn deref(&self) -> &Catalog {
        self.catalog
    }
}

impl Shown<'_> {
    /// An object's name, with its schema where that is needed.
    fn name(&self, object: &Object) -> String {
        self.catalog.qualified(object, self.path)
    }
}

/// A type's name as `format_type` gives it. A modifier of -1 is none.
pub fn format_type<'a>(catalog: impl Into<Shown<'a>>, ty: Type, typmod: i32) -> String {
    let catalog = catalog.into();
    if let Some(element) = catalog.element_of(ty) {
        return format!("{}[]", format_type(catalog, element, typmod));
    }
    let Some(info) = ty.info() else {
        return match catalog.object(ty.0) {
            Some(object @ Object::Enum(_)) => catalog.name(object),
            _ => "???".to_owned(),
        };
    };
    let name = info.sql_name;
    if typmod < 0 {
        return if ty == Type::BPCHAR { "bpchar".to_owned() } else { name.to_owned() };
    }
    match ty {
        Type::VARCHAR | Type::BPCHAR | Type::NUMERIC if typmod < 4 => name.to_owned(),
        Type::VARCHAR | Type::BPCHAR => format!("{name}({})", typmod - 4),
        Type::NUMERIC => {
            let modifier = typmod - 4;
            // The scale is a number of eleven bits with a sign.
            let scale = ((modifier & 0x7ff) ^ 1_024) - 1_024;
            format!("{name}({},{scale})", (modifier >> 16) & 0xffff)
        }
        Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ => match name.split_once(' ') {
            Some((first, rest)) => format!("{first}({typmod}) {rest}"),
            None => format!("{name}({typmod})"),
        },
        Type::INTERVAL => interval(typmod),
        Type::BOOL | Type::INT2 | Type::INT4 | Type::INT8 | Type::FLOAT4 | Type::FLOAT8 => name.to_owned(),
        // Types without modifiers show what they are given.
        _ => format!("{name}({typmod})"),
    }
}

/// Fields of intervals by their mask (`INTERVAL_MASK` of PostgreSQL's `timestamp.h`).
const FIELDS: [(i32, &str); 14] = [
    (0x7fff, ""),
    (1 << 2, " year"),
    (1 << 1, " month"),
    (1 << 3, " day"),
    (1 << 10, " hour"),
    (1 << 11, " minute"),
    (1 << 12, " second"),
    (1 << 2 | 1 << 1, " year to month"),
    (1 << 3 | 1 << 10, " day to hour"),
    (1 << 3 | 1 << 10 | 1 << 11, " day to minute"),
    (1 << 3 | 1 << 10 | 1 << 11 | 1 << 12, " day to second"),
    (1 << 10 | 1 << 11, " hour to minute"),
    (1 << 10 | 1 << 11 | 1 << 12, " hour to second"),
    (1 << 11 | 1 << 12, " minute to second"),
];

/// Whether a modifier of `interval` names fields that there are.
pub fn is_interval_modifier(typmod: i32) -> bool {
    FIELDS.iter().any(|(mask, _)| *mask == (typmod >> 16) & 0x7fff)
}

fn interval(typmod: i32) -> String {
    let (mask, precision) = ((typmod >> 16) & 0x7fff, typmod & 0xffff);
    let fields = FIELDS.iter().find(|(it, _)| *it == mask).map_or("", |(_, name)| name);
    if precision == 0xffff { format!("interval{fields}") } else { format!("interval{fields}({precision})") }
}

fn column_name(table: &Table, number: i16) -> String {
    table.numbered(number).map(|column| quote(&column.name)).unwrap_or_default()
}

fn columns(table: &Table, numbers: &[i16]) -> String {
    numbers.iter().map(|number| column_name(table, *number)).collect::<Vec<_>>().join(", ")
}

/// A key of an index without its order.
fn key(catalog: Shown<'_>, table: &Table, key: &Key, pretty: bool) -> String {
    let Some(text) = &key.expression else { return column_name(table, key.column) };
    let shown = expression(catalog, Some(table), text, pretty);
    let is_call = shown.ends_with(')')
        && shown.find('(').is_some_and(|open| {
            open > 0 && shown[..open].bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        });
    if is_call { shown } else { format!("({shown})") }
}

/// `pg_get_indexdef`: the whole definition, or with a column from 1 on just that key. `None`: there is no such index.
pub fn pg_get_indexdef<'a>(
    catalog: impl Into<Shown<'a>>,
    oid: u32,
    column: i32,
    pretty: bool,
) -> Option<String> {
    let catalog = catalog.into();
    let index = catalog.index(oid)?;
    let table = catalog.table(index.table)?;
    if let Ok(place) = usize::try_from(column)
        && place > 0
    {
        let shown = index.keys.get(place - 1).map(|it| key(catalog, table, it, pretty));
        let included = place.checked_sub(index.keys.len() + 1).and_then(|place| index.include.get(place));
        return Some(
            shown.or_else(|| included.map(|number| column_name(table, *number))).unwrap_or_default(),
        );
    }
    Some(index_definition(catalog, table, index, pretty))
}

fn index_definition(catalog: Shown<'_>, table: &Table, index: &Index, pretty: bool) -> String {
    let unique = if index.unique { "UNIQUE " } else { "" };
    let schema = quote(catalog.schema_name(table.schema).unwrap_or_default());
    let relation =
        if pretty { table_name(catalog, table) } else { format!("{schema}.{}", quote(&table.name)) };
    let keys: Vec<String> = index
        .keys
        .iter()
        .map(|it| {
            let of_column = table.numbered(it.column).and_then(|column| column.collation);
            let written = it.collation.filter(|oid| Some(*oid) != of_column).and_then(collations::name);
            let collation = written.map(|name| format!(" COLLATE {}", quote(name))).unwrap_or_default();
            let class = it.class.as_ref().map(|class| format!(" {class}")).unwrap_or_default();
            let order = match (it.descending, it.nulls_first) {
                (false, false) => "",
                (false, true) => " NULLS FIRST",
                (true, true) => " DESC",
                (true, false) => " DESC NULLS LAST",
            };
            format!("{}{collation}{class}{order}", key(catalog, table, it, pretty))
        })
        .collect();
    let mut text = format!(
        "CREATE {unique}INDEX {} ON {relation} USING {} ({})",
        quote(&index.name),
        index.method,
        keys.join(", ")
    );
    if !index.include.is_empty() {
        let _ = write!(text, " INCLUDE ({})", columns(table, &index.include));
    }
    if index.nulls_not_distinct {
        text.push_str(" NULLS NOT DISTINCT");
    }
    if let Some(predicate) = &index.predicate {
        let _ = write!(text, " WHERE {}", expression(catalog, Some(table), predicate, pretty));
    }
    text
}

/// A table's name.
fn table_name(catalog: Shown<'_>, table: &Table) -> String {
    match catalog.object(table.oid) {
        Some(object) => catalog.name(object),
        None => quote(&table.name),
    }
}

/// A constraint and its table.
pub fn find_constraint(catalog: &Catalog, oid: u32) -> Option<(&Table, &Constraint)> {
    catalog.tables().find_map(|table| Some((table, table.constraints.iter().find(|it| it.oid == oid)?)))
}

/// `pg_get_constraintdef`. `None`: there is no such constraint.
pub fn pg_get_constraintdef<'a>(catalog: impl Into<Shown<'a>>, oid: u32, pretty: bool) -> Option<String> {
    let catalog = catalog.into();
    let (table, constraint) = find_constraint(catalog.catalog, oid)?;
    let mut text = match &constraint.rule {
        Rule::PrimaryKey { columns: numbers, index } => {
            format!("PRIMARY KEY ({}){}", columns(table, numbers), include(catalog, table, *index))
        }
        Rule::Unique { columns: numbers, index } => {
            let nulls = catalog.index(*index).is_some_and(|index| index.nulls_not_distinct);
            let nulls = if nulls { " NULLS NOT DISTINCT" } else { "" };
            format!("UNIQUE{nulls} ({}){}", columns(table, numbers), include(catalog, table, *index))
        }
        Rule::Check { expression: text } => {
            format!("CHECK ({})", expression(catalog, Some(table), text, pretty))
        }
        Rule::ForeignKey { .. } => reference(catalog, table, &constraint.rule),
    };
    if constraint.deferrable {
        text.push_str(" DEFERRABLE");
    }
    if constraint.deferred {
        text.push_str(" INITIALLY DEFERRED");
    }
    if constraint.not_valid {
        text.push_str(" NOT VALID");
    }
    Some(text)
}

fn include(catalog: Shown<'_>, table: &Table, index: u32) -> String {
    match catalog.index(index) {
        Some(index) if !index.include.is_empty() => format!(" INCLUDE ({})", columns(table, &index.include)),
        _ => String::new(),
    }
}

fn reference(catalog: Shown<'_>, table: &Table, rule: &Rule) -> String {
    let Rule::ForeignKey { columns: numbers, target, target_columns, on_update, on_delete, match_full } =
        rule
    else {
        return String::new();
    };
    let Some(target) = catalog.table(*target) else { return String::new() };
    let mut text = format!(
        "FOREIGN KEY ({}) REFERENCES {}({})",
        columns(table, numbers),
        table_name(catalog, target),
        columns(target, target_columns)
    );
    if *match_full {
        text.push_str(" MATCH FULL");
    }
    for (what, action) in [("UPDATE", on_update), ("DELETE", on_delete)] {
        let action = match action {
            Action::NoAction => continue,
            Action::Restrict => "RESTRICT",
            Action::Cascade => "CASCADE",
            Action::SetNull => "SET NULL",
            Action::SetDefault => "SET DEFAULT",
        };
        let _ = write!(text, " ON {what} {action}");
    }
    text
}

/// `pg_get_viewdef`. `None`: there is no such view.
pub fn pg_get_viewdef<'a>(catalog: impl Into<Shown<'a>>, oid: u32, pretty: bool) -> Option<String> {
    let catalog = catalog.into();
    let view = match catalog.object(oid)? {
        Object::Table(table) => table.as_view()?,
        Object::View(view) => view.clone(),
        _ => return None,
    };
    Some(query::view(catalog, &view, pretty))
}

/// `pg_get_serial_sequence`'s answer: the sequence that a column owns.
pub fn pg_get_serial_sequence(catalog: &Catalog, table: u32, number: i16) -> Option<String> {
    let sequence = catalog.sequences().find(|sequence| sequence.owner == Some((table, number)))?;
    catalog.object(sequence.oid).map(|object| catalog.written_name(object))
}

/// The text of a column's default or generation as `pg_get_expr` shows it.
pub fn column_default<'a>(catalog: impl Into<Shown<'a>>, table: &Table, number: i16) -> Option<String> {
    let catalog = catalog.into();
    let column = table.numbered(number)?;
    match (&column.generated, &column.default) {
        (Some(text), _) => Some(expression(catalog, Some(table), text, false)),
        (None, Some(text)) => Some(expression::default(catalog, text, column.ty())),
        (None, None) => None,
    }
}

/// What a comment on an element says.
pub fn comment(catalog: &Catalog, element: Element) -> Option<String> {
    match element {
        Element::Object(oid) => catalog.object(oid)?.comment().cloned(),
        Element::Constraint(table, oid) => {
            catalog.table(table)?.constraints.iter().find(|it| it.oid == oid)?.comment.clone()
        }
        Element::Column(table, number) => match catalog.object(table)? {
            Object::Table(table) => table.numbered(number)?.comment.clone(),
            Object::View(view) => view.columns.iter().find(|column| column.number == number)?.comment.clone(),
            _ => None,
        },
        Element::Default(..) => None,
    }
}

/// A string with a type, as PostgreSQL writes constants.
pub(crate) fn typed(catalog: Shown<'_>, text: &str, ty: Type) -> String {
    format!("'{}'::{}", text.replace('\'', "''"), format_type(catalog, ty, -1))
}
