//! A written call, resolved by the tables, said in SQLite and computed there.

use bole_sql_dialect::builtins::{self, Kind, Spelling};
use bole_sql_functions::Context;
use bole_sql_types::zone::Zone;
use bole_sql_types::{Style, Type, Value, ValueRef, text};
use rusqlite::Connection;

/// A literal and its type.
#[derive(Clone, Debug)]
struct Literal {
    ty: Type,
    value: Value,
}

/// The session's style.
fn style() -> Style {
    Style { zone: Zone::named("Europe/Berlin").unwrap(), ..Style::default() }
}

fn literal(ty: &str, written: Option<&str>) -> Literal {
    let ty = Type::by_name(ty).unwrap_or_else(|| panic!("no type {ty}"));
    let value = written.map_or(Value::Null, |written| {
        text::input(ty, -1, written, &style()).unwrap_or_else(|error| panic!("{written}: {error}"))
    });
    Literal { ty, value }
}

/// Reads `type 'literal'` or `NULL::type`; gives the rest.
fn read(from: &str) -> (Literal, &str) {
    let from = from.trim_start();
    if let Some(rest) = from.strip_prefix("NULL::") {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        return (literal(&rest[..end], None), &rest[end..]);
    }
    let (ty, rest) = from.split_once(" '").unwrap_or_else(|| panic!("no literal: {from}"));
    let mut written = String::new();
    let mut characters = rest.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        if c != '\'' {
            written.push(c);
        } else if characters.next_if(|(_, c)| *c == '\'').is_some() {
            written.push('\'');
        } else {
            return (literal(ty, Some(&written)), &rest[at + 1..]);
        }
    }
    panic!("an open literal: {from}")
}

/// Reads literals with commas between them, up to a bracket.
fn read_list(mut rest: &str) -> (Vec<Literal>, &str) {
    let mut all = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.starts_with([')', ']', ';']) {
            return (all, rest);
        }
        let (one, after) = read(rest.trim_start_matches(','));
        all.push(one);
        rest = after;
    }
}

fn in_sqlite(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(i64::MIN) => "(-9223372036854775807 - 1)".to_owned(),
        Value::Integer(value) => value.to_string(),
        Value::Real(value) if value.is_infinite() => if *value > 0.0 { "9e999" } else { "-9e999" }.to_owned(),
        Value::Real(value) => format!("{value:e}"),
        Value::Text(value) => format!("'{}'", value.replace('\'', "''")),
        Value::Blob(value) => {
            let digits: Vec<String> = value.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("x'{}'", digits.concat())
        }
    }
}

const ELEMENTS: [Type; 4] = [Type::ANYELEMENT, Type::ANYNONARRAY, Type::ANYCOMPATIBLE, Type::ANYENUM];
const ARRAYS: [Type; 2] = [Type::ANYARRAY, Type::ANYCOMPATIBLEARRAY];

/// How well a declared type takes a given one: exactly, or as a polymorphic one.
fn takes(declared: Type, given: Type) -> Option<u32> {
    if declared == given {
        return Some(2);
    }
    let is_array = given.element().is_some();
    let fits = declared == Type::ANY
        || ARRAYS.contains(&declared) && is_array
        || ELEMENTS.contains(&declared) && !(declared == Type::ANYNONARRAY && is_array);
    fits.then_some(1)
}

/// The result's type where it follows from the arguments.
fn resolved(result: Type, declared: &[Type], given: &[Literal]) -> Type {
    let pairs = || declared.iter().zip(given);
    let array = pairs().find(|(declared, _)| ARRAYS.contains(declared)).map(|(_, given)| given.ty);
    let element = pairs().find(|(declared, _)| ELEMENTS.contains(declared)).map(|(_, given)| given.ty);
    if ARRAYS.contains(&result) {
        return array.or_else(|| element.and_then(Type::array)).unwrap();
    }
    if ELEMENTS.contains(&result) {
        return element.or_else(|| array.and_then(Type::element)).unwrap();
    }
    result
}

/// The call in SQLite, with the texts of its arguments.
fn said(spelling: Spelling, declared: &[Type], given: &[(Type, String)]) -> String {
    let declared = |at: usize| *declared.get(at).or(declared.last()).unwrap();
    let pseudo = |at: usize| takes(declared(at), Type(1)) == Some(1) || ARRAYS.contains(&declared(at));
    let arguments = given.iter().enumerate();
    match spelling {
        Spelling::Function(name) => {
            format!("{name}({})", given.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>().join(", "))
        }
        Spelling::Typed(name) => {
            let typed = |(at, (ty, text)): (usize, &(Type, String))| {
                if pseudo(at) { format!("{}, {text}", ty.0) } else { text.clone() }
            };
            format!("{name}({})", arguments.map(typed).collect::<Vec<_>>().join(", "))
        }
        Spelling::Wrapped(name, by) => {
            let wrapped = |(at, (ty, text)): (usize, &(Type, String))| {
                if pseudo(at) { format!("{by}({}, {text})", ty.0) } else { text.clone() }
            };
            format!("{name}({})", arguments.map(wrapped).collect::<Vec<_>>().join(", "))
        }
        Spelling::Template(template) => arguments
            .rev()
            .fold(template.to_owned(), |sql, (at, (_, text))| sql.replace(&format!("${}", at + 1), text)),
        Spelling::Special => panic!("the binder says this by itself"),
    }
}

fn function(name: &str, given: &[Literal]) -> &'static builtins::Function {
    let fits = |function: &&builtins::Function| {
        let (most, least) = (function.arguments.len(), function.arguments.len() - function.optional);
        given.len() >= least && (given.len() <= most || function.variadic)
    };
    let score = |function: &&builtins::Function| {
        let declared = |at: usize| *function.arguments.get(at).or(function.arguments.last()).unwrap();
        given.iter().enumerate().map(|(at, given)| takes(declared(at), given.ty)).sum::<Option<u32>>()
    };
    let all =
        builtins::functions(name).filter(fits).filter_map(|function| Some((score(&function)?, function)));
    all.max_by_key(|(score, _)| *score).unwrap_or_else(|| panic!("no function {name} for {given:?}")).1
}

/// What a query of one column per type gives, as rows of text; an error begins with `!`.
fn run(sql: &str, types: &[Type], connection: &Connection, context: &Context) -> Result<Vec<String>, String> {
    let failed = |error: rusqlite::Error| match context.take_error() {
        Some(error) => format!("!{} {}", error.state.as_str(), error.message),
        None => format!("!SQLite {error} in {sql}"),
    };
    let mut statement = connection.prepare(sql).map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let shown = types.iter().enumerate().map(|(at, ty)| {
            let value = match row.get_ref(at).unwrap() {
                rusqlite::types::ValueRef::Null => return "NULL".to_owned(),
                rusqlite::types::ValueRef::Integer(value) => ValueRef::Integer(value),
                rusqlite::types::ValueRef::Real(value) => ValueRef::Real(value),
                rusqlite::types::ValueRef::Text(value) => ValueRef::Text(std::str::from_utf8(value).unwrap()),
                rusqlite::types::ValueRef::Blob(value) => ValueRef::Blob(value),
            };
            text::to_string(*ty, value, &style()).unwrap().replace('\n', "\\n")
        });
        all.push(shown.collect::<Vec<_>>().join(":"));
    }
    Ok(all)
}

fn texts(given: &[Literal]) -> Vec<(Type, String)> {
    given.iter().map(|literal| (literal.ty, in_sqlite(&literal.value))).collect()
}

/// The result of a call, or its error, as text.
pub(crate) fn evaluate(call: &str, connection: &Connection, context: &Context) -> String {
    let (sql, types, joined) = translate(call);
    match run(&sql, &types, connection, context) {
        Ok(rows) if rows.is_empty() => "no rows".to_owned(),
        Ok(rows) => rows.join(joined),
        Err(error) => error,
    }
}

fn translate(call: &str) -> (String, Vec<Type>, &'static str) {
    if let Some(rest) = call.strip_prefix("CAST(") {
        return cast(rest);
    }
    let first = call.find(['(', '[', '\'']).unwrap_or(call.len());
    match call[first..].chars().next() {
        Some('[') => aggregate(call, first),
        Some('(') => {
            let name = &call[..first];
            let given = read_list(&call[first + 1..]).0;
            let function = function(name, &given);
            let sql = said(function.spelling, function.arguments, &texts(&given));
            let result = resolved(function.result, function.arguments, &given);
            if function.kind != Kind::Set {
                return (format!("SELECT {sql}"), vec![result], "");
            }
            let columns: Vec<Type> = function.columns.iter().map(|(_, ty)| *ty).collect();
            let columns = if columns.is_empty() { vec![result] } else { columns };
            let names: Vec<String> = (1..=columns.len()).map(|at| format!("v{at}")).collect();
            (format!("SELECT {} FROM {sql} ORDER BY ordinality", names.join(", ")), columns, " / ")
        }
        _ => operator(call),
    }
}

fn operator(call: &str) -> (String, Vec<Type>, &'static str) {
    let is_prefix = !call.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let (left, rest) = if is_prefix {
        (None, call)
    } else {
        let (left, rest) = read(call);
        (Some(left), rest)
    };
    let (name, rest) = rest.trim_start().split_once(' ').unwrap();
    let right = read(rest).0;
    let given: Vec<Literal> = left.iter().cloned().chain([right.clone()]).collect();
    let score = |operator: &&builtins::Operator| match (operator.left, &left) {
        (Some(declared), Some(left)) => Some(takes(declared, left.ty)? + takes(operator.right, right.ty)?),
        (None, None) => takes(operator.right, right.ty),
        _ => None,
    };
    let all = builtins::operators(name).filter_map(|operator| Some((score(&operator)?, operator)));
    let operator = all.max_by_key(|(score, _)| *score).unwrap_or_else(|| panic!("no operator: {call}")).1;
    let declared: Vec<Type> = operator.left.into_iter().chain([operator.right]).collect();
    let sql = said(operator.spelling, &declared, &texts(&given));
    (format!("SELECT {sql}"), vec![resolved(operator.result, &declared, &given)], "")
}

/// `CAST(type 'literal' AS type)`: by the table, or by way of text.
fn cast(rest: &str) -> (String, Vec<Type>, &'static str) {
    let (given, rest) = read(rest);
    let to = Type::by_name(rest.trim().strip_prefix("AS ").unwrap().trim_end_matches(')')).unwrap();
    let call = |spelling: Option<Spelling>, ty: Type, value: String| match spelling {
        None => value,
        Some(Spelling::Typed(name)) => format!("{name}({}, {value})", ty.0),
        Some(spelling) => said(spelling, &[ty], &[(ty, value)]),
    };
    let value = in_sqlite(&given.value);
    let sql = match builtins::cast(given.ty, to) {
        Some(cast) => call(cast.spelling, given.ty, value),
        None => call(builtins::input(to), to, call(builtins::output(given.ty), given.ty, value)),
    };
    (format!("SELECT {sql}"), vec![to], "")
}

/// `name[row; row]`, and `moving name[…]`.
fn aggregate(call: &str, bracket: usize) -> (String, Vec<Type>, &'static str) {
    let (name, moving) = match call[..bracket].strip_prefix("moving ") {
        Some(name) => (name, true),
        None => (&call[..bracket], false),
    };
    let mut rows = Vec::new();
    let mut rest = &call[bracket + 1..];
    while !rest.starts_with(']') {
        let (row, after) = read_list(rest.trim_start_matches(';'));
        rows.push(row);
        rest = after;
    }
    let function = function(name, &rows[0]);
    let columns: Vec<(Type, String)> =
        rows[0].iter().enumerate().map(|(at, given)| (given.ty, format!("column{}", at + 1))).collect();
    let mut sql = said(function.spelling, function.arguments, &columns);
    let shown = |row: &Vec<Literal>| {
        format!("({})", row.iter().map(|literal| in_sqlite(&literal.value)).collect::<Vec<_>>().join(", "))
    };
    let values = rows.iter().map(shown).collect::<Vec<_>>().join(", ");
    let result = resolved(function.result, function.arguments, &rows[0]);
    if moving {
        if sql.starts_with("pg_") {
            let open = sql.find('(').unwrap();
            sql.insert_str(open, "_moving");
        }
        sql.push_str(" OVER (ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)");
    }
    let collation = rows[0].first().and_then(|first| first.ty.info()).and_then(|info| info.collation);
    if let (Some(collation), true) = (collation, sql.starts_with("min(") || sql.starts_with("max(")) {
        sql = sql.replace("column1", &format!("column1 COLLATE {}", collation.name()));
    }
    (format!("SELECT {sql} FROM (VALUES {values})"), vec![result], " / ")
}
