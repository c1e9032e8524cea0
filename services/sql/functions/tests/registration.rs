//! What the tables of `bole_sql_dialect::builtins` promise is registered, and nothing else.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

use std::collections::{BTreeMap, BTreeSet};

use bole_sql_dialect::builtins::{self, Kind, Spelling};
use bole_sql_functions::{Context, register};
use bole_sql_types::Type;
use rusqlite::Connection;

/// Names and numbers of arguments, -1 for any.
type Registered = BTreeMap<String, BTreeSet<i64>>;

fn listed(connection: &Connection) -> Registered {
    let mut found = Registered::new();
    let mut statement = connection.prepare("SELECT name, narg FROM pragma_function_list").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))).unwrap();
    for row in rows {
        let (name, arguments) = row.unwrap();
        found.entry(name).or_default().insert(arguments);
    }
    found
}

fn modules(connection: &Connection) -> BTreeSet<String> {
    let mut statement = connection.prepare("SELECT name FROM pragma_module_list").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn registered() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    register(&connection, &Context::default()).unwrap();
    connection
}

/// The commas up to the closing parenthesis that are in no other ones.
fn commas(inside: &str) -> i64 {
    let mut depth = 0;
    let mut found = 0;
    for c in inside.chars() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => break,
            ')' => depth -= 1,
            ',' if depth == 0 => found += 1,
            _ => {}
        }
    }
    found
}

/// The calls in a template: names and numbers of arguments.
fn calls(template: &str) -> Vec<(String, i64)> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find('(') {
        let before = &rest[..at];
        let name = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
        let inside = &rest[at + 1..];
        if !name.is_empty() && name != "AS" && name != "NOT" && name != "CAST" {
            let arguments = commas(inside) + 1;
            found.push((name.to_ascii_lowercase(), arguments));
        }
        rest = inside;
    }
    found
}

fn is_pseudo(ty: Type) -> bool {
    ty.info().is_some_and(|info| info.category == bole_sql_types::types::Category::Pseudo)
}

/// The functions that a spelling needs, with each number of arguments.
fn needs(spelling: Spelling, arguments: &[Type], optional: usize, variadic: bool) -> Vec<(String, i64)> {
    let counts = |doubled: usize| {
        let most = arguments.len() + doubled;
        let counts = (most - optional..=most).map(|count| count as i64);
        if variadic { vec![-1] } else { counts.collect() }
    };
    let pseudo = arguments.iter().filter(|ty| is_pseudo(**ty)).count();
    match spelling {
        Spelling::Function(name) => counts(0).into_iter().map(|count| (name.to_owned(), count)).collect(),
        Spelling::Typed(name) => counts(pseudo).into_iter().map(|count| (name.to_owned(), count)).collect(),
        Spelling::Wrapped(name, by) => {
            let calls = counts(0).into_iter().map(|count| (name.to_owned(), count));
            calls.chain([(by.to_owned(), 2)]).collect()
        }
        Spelling::Template(template) => calls(template),
        Spelling::Special => Vec::new(),
    }
}

/// Everything that scalar functions and aggregates of the tables need.
fn promised() -> BTreeSet<(String, i64)> {
    let functions = builtins::all_functions().filter(|function| function.kind != Kind::Set);
    let mut all: BTreeSet<(String, i64)> = functions
        .flat_map(|function| {
            needs(function.spelling, function.arguments, function.optional, function.variadic)
        })
        .collect();
    for operator in builtins::all_operators() {
        let arguments: Vec<Type> = operator.left.into_iter().chain([operator.right]).collect();
        all.extend(needs(operator.spelling, &arguments, 0, false));
    }
    for cast in builtins::all_casts() {
        let modifier: &[Type] = match (cast.from == cast.to, cast.to) {
            (false, _) => &[],
            (true, Type::VARCHAR | Type::BPCHAR) => &[Type::INT4, Type::BOOL],
            (true, _) => &[Type::INT4],
        };
        let arguments: Vec<Type> = [cast.from].into_iter().chain(modifier.iter().copied()).collect();
        all.extend(cast.spelling.map(|spelling| needs(spelling, &arguments, 0, false)).into_iter().flatten());
    }
    for info in Type::built_in() {
        for spelling in [builtins::output(info.of), builtins::input(info.of)].into_iter().flatten() {
            let arguments: &[Type] =
                if matches!(spelling, Spelling::Typed(_)) { &[Type::INT4, info.of] } else { &[info.of] };
            all.extend(needs(spelling, arguments, 0, false));
        }
    }
    all.extend(builtins::PRINTED.iter().map(|(name, arguments)| ((*name).to_owned(), *arguments)));
    all
}

#[test]
fn what_the_tables_promise_is_registered() {
    let connection = registered();
    let known = listed(&connection);
    let is_there = |name: &str, count: i64| {
        known.get(name).is_some_and(|counts| counts.contains(&count) || counts.contains(&-1))
    };
    let missing: Vec<String> = promised()
        .into_iter()
        .filter(|(name, count)| !is_there(name, *count))
        .map(|(name, count)| format!("{name}/{count}"))
        .collect();
    assert!(missing.is_empty(), "not registered: {}", missing.join(" "));
}

#[test]
fn sets_of_the_tables_are_modules() {
    let known = modules(&registered());
    let promised: BTreeSet<String> = builtins::all_functions()
        .filter(|function| function.kind == Kind::Set)
        .filter_map(|function| match function.spelling {
            Spelling::Function(name) | Spelling::Typed(name) => Some(name.to_owned()),
            _ => None,
        })
        .collect();
    let missing: Vec<_> = promised.difference(&known).collect();
    assert!(missing.is_empty(), "not registered: {missing:?}");
    let printed = ["pg_rows", "pg_in_step"];
    let unnamed: Vec<_> = known
        .iter()
        .filter(|name| {
            name.starts_with("pg_") && !promised.contains(*name) && !printed.contains(&name.as_str())
        })
        .collect();
    assert!(unnamed.is_empty(), "no table names: {unnamed:?}");
}

#[test]
fn what_is_registered_is_in_the_tables() {
    let promised = promised();
    let names: BTreeSet<&str> = promised.iter().map(|(name, _)| name.as_str()).collect();
    let unnamed: Vec<String> = listed(&registered())
        .into_iter()
        .filter(|(name, _)| {
            name.starts_with("pg_") && !names.contains(name.strip_suffix("_moving").unwrap_or(name))
        })
        .flat_map(|(name, counts)| counts.into_iter().map(move |count| format!("{name}/{count}")))
        .collect();
    assert!(unnamed.is_empty(), "no table names: {unnamed:?}");
}
