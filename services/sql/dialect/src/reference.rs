//! The dialect as tables in Markdown, for the guide: types, functions, operators and casts, from the tables that the binder itself reads.
//!
//! Types have their short names (`int4`), which PostgreSQL takes as well; the table of types has the long ones.

use bole_sql_types::Type;
use bole_sql_types::types::Category;

use crate::builtins::{Cast, Context, FAMILIES, Function, Operator, all_casts, all_operators};

/// The name of a type as the tables have it: `int4`, `int4[]`.
fn name(of: Type) -> String {
    match of.element().and_then(Type::info) {
        Some(element) => format!("{}[]", element.name),
        None => of.info().map_or_else(String::new, |info| info.name.to_owned()),
    }
}

/// Code in a cell of a table.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

/// Rows that begin alike become one row: what they begin with, and what follows in each, in order of first sight.
fn grouped(rows: impl Iterator<Item = (String, String)>) -> Vec<(String, Vec<String>)> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for (key, value) in rows {
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, values)) => values.push(value),
            None => groups.push((key, vec![value])),
        }
    }
    groups
}

/// Types that columns and values can have. Enums, which users make, are not among them.
pub fn types() -> String {
    let mut table = "| type | also | its arrays |\n|---|---|---|\n".to_owned();
    for info in Type::built_in() {
        if info.element.is_some() || matches!(info.category, Category::Pseudo | Category::Unknown) {
            continue;
        }
        let also = if info.sql_name == info.name { String::new() } else { code(info.sql_name) };
        let array = info.array.map(|array| code(&name(array))).unwrap_or_default();
        table += &format!("| {} | {also} | {array} |\n", code(info.name));
    }
    table
}

/// What a function takes: `(text, [int4])`, where what stands in brackets may be left out, and `…` is repeated.
fn arguments(function: &Function) -> String {
    let needed = function.arguments.len() - function.optional;
    let mut names: Vec<String> = function.arguments.iter().map(|of| name(*of)).collect();
    names[needed..].iter_mut().for_each(|name| *name = format!("[{name}]"));
    let repeated = if function.variadic { "…" } else { "" };
    format!("({}{repeated})", names.join(", "))
}

fn result(function: &Function) -> String {
    if function.columns.is_empty() {
        return name(function.result);
    }
    let columns: Vec<String> =
        function.columns.iter().map(|(column, of)| format!("{column} {}", name(*of))).collect();
    columns.join(", ")
}

/// All functions, a table for each family, under headings of the third level.
pub fn functions() -> String {
    let mut page = String::new();
    for (family, functions) in FAMILIES {
        page += &format!("### {family}\n\n| function | arguments and result |\n|---|---|\n");
        let rows = functions.iter().map(|function| {
            (function.name.to_owned(), code(&format!("{} → {}", arguments(function), result(function))))
        });
        let mut groups = grouped(rows);
        groups.sort();
        for (name, forms) in groups {
            page += &format!("| {} | {} |\n", code(&name), forms.join(", "));
        }
        page.push('\n');
    }
    page
}

fn operands(operator: &Operator) -> String {
    let (right, result) = (name(operator.right), name(operator.result));
    match operator.left {
        Some(left) => format!("{} {} {right} → {result}", name(left), operator.name),
        None => format!("{} {right} → {result}", operator.name),
    }
}

/// All operators but comparisons, which are there for every type that has an order.
pub fn operators() -> String {
    let mut table = "| operator | operands and result |\n|---|---|\n".to_owned();
    let mut groups =
        grouped(all_operators().map(|operator| (operator.name.to_owned(), code(&operands(operator)))));
    groups.sort();
    for (name, forms) in groups {
        table += &format!("| {} | {} |\n", code(&name), forms.join(", "));
    }
    table
}

/// The types that a type is cast to in a context.
fn targets(casts: &[&Cast], from: &str, context: Context) -> String {
    let of_context = casts.iter().filter(|cast| cast.context == context && name(cast.from) == from);
    let names: Vec<String> = of_context.map(|cast| code(&name(cast.to))).collect();
    names.join(", ")
}

/// Casts between different types, but for those from and to text that every type has.
pub fn casts() -> String {
    let mut table =
        "| from | anywhere | on assignment | only where written |\n|---|---|---|---|\n".to_owned();
    let casts: Vec<&Cast> = all_casts().filter(|cast| cast.from != cast.to).collect();
    for (from, _) in grouped(casts.iter().map(|cast| (name(cast.from), String::new()))) {
        let cells = [Context::Implicit, Context::Assignment, Context::Explicit]
            .map(|context| targets(&casts, &from, context));
        table += &format!("| {} | {} |\n", code(&from), cells.join(" | "));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_rows() {
        let rows: &[(String, &str)] = &[
            (types(), "| `int4` | `integer` | `int4[]` |"),
            (functions(), "| `bole.cache_del` | `(text) → void`, `(bytea) → void`, "),
            (functions(), "`(jsonb, jsonpath, [jsonb], [bool]) → jsonb`"),
            (functions(), "| `json_each` | `(json) → key text, value json` |"),
            (operators(), "| `->>` | `json ->> int4 → text`, "),
            (operators(), "`\\|\\|`"),
            (casts(), "| `jsonb` |  | `json` | `bool`, `float4`, "),
        ];
        for (table, row) in rows {
            assert!(table.contains(row), "{row}:\n{table}");
        }
        assert!(!types().contains("anyelement"));
    }
}
