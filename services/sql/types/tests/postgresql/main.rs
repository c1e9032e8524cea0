//! What PostgreSQL 15 answered, row by row: `call`, arguments and answer, with tabs between. An answer is `=text`, `NULL`, or
//! `!SQLSTATE message | detail`. A row whose answer begins with `~` is refused here with 0A000; the rest of it is PostgreSQL's answer.
//! In fields, `\t`, `\n` and `\\` are escapes.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

mod arrays;
mod datetime;
mod formats;
mod json;
mod numbers;

use bole_sql_types::zone::Zone;
use bole_sql_types::{Error, Result, SqlState, Style, Type, Value, text};

fn unescape(field: &str) -> String {
    let mut out = String::new();
    let mut chars = field.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(match chars.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                other => other.unwrap(),
            }),
            c => out.push(c),
        }
    }
    out
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t")
}

/// The type that PostgreSQL's `format_type` calls so.
fn type_named(name: &str) -> Type {
    Type::built_in().find(|info| info.sql_name == name).unwrap_or_else(|| panic!("type {name}")).of
}

fn style() -> Style {
    Style { zone: Zone::named("Europe/Berlin").unwrap(), ..Style::default() }
}

/// The answer as it is written in the rows.
fn answer(result: Result<Option<String>>) -> String {
    match result {
        Ok(Some(text)) => format!("={}", escape(&text)),
        Ok(None) => "NULL".to_owned(),
        Err(Error { state, message, more }) => {
            let detail =
                more.and_then(|more| more.detail).map_or(String::new(), |d| format!(" | {}", escape(&d)));
            format!("!{} {}{detail}", state.as_str(), escape(&message))
        }
    }
}

fn check(rows: &str, least: usize, call: impl Fn(&str, &[String]) -> Result<Option<String>>) {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for row in rows.lines().filter(|row| !row.starts_with('#') && !row.is_empty()) {
        let fields: Vec<&str> = row.split('\t').collect();
        let (expected, arguments) = fields[1..].split_last().unwrap();
        let arguments: Vec<String> = arguments.iter().map(|field| unescape(field)).collect();
        let given = answer(call(fields[0], &arguments));
        count += 1;
        let refused = format!("!{}", SqlState::FEATURE_NOT_SUPPORTED.as_str());
        let good = if expected.starts_with('~') { given.starts_with(&refused) } else { given == *expected };
        if !good {
            wrong.push(format!("{row}\n    but here {given}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {count} rows differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= least, "{count} rows, {least} at least");
}

fn shown(ty: Type, value: &Value, style: &Style) -> Result<Option<String>> {
    if value.is_null() { Ok(None) } else { text::to_string(ty, value.as_ref(), style).map(Some) }
}

#[test]
fn text_forms() {
    let style = style();
    check(include_str!("text.txt"), 800, |_, arguments| {
        let [name, typmod, text] = arguments else { panic!("three arguments") };
        let ty = type_named(name);
        let value = text::input(ty, typmod.parse().unwrap(), text, &style)?;
        shown(ty, &value, &style)
    });
}
