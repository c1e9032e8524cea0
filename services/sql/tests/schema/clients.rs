//! What clients ask about the schema: psql, drivers, ORMs. OIDs stand in braces as the names of what they are of.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::database::Database;
use bole_sql_dialect::catalog::Object;

/// OIDs by the names that the file has for them.
fn oids(database: &Database) -> HashMap<String, u32> {
    let mut all = HashMap::new();
    let catalog = &database.catalog;
    for object in catalog.objects.values() {
        let schema = catalog.schema_name(object.schema()).unwrap_or_default();
        all.insert(format!("{schema}.{}", object.name()), object.oid());
        match object.as_ref() {
            Object::Table(table) => all.extend(table.constraints.iter().map(|it| (it.name.clone(), it.oid))),
            Object::Enum(it) => drop(all.insert(format!("{schema}._{}", it.name), it.array_oid)),
            _ => {}
        }
    }
    all
}

#[test]
fn clients_learn_what_they_learn_from_postgresql() {
    let mut database = Database::new();
    for statement in include_str!("shop.sql").lines() {
        let answer = database.run(statement);
        assert!(!answer.contains("ERROR"), "{statement}: {answer}");
    }
    let oids = oids(&database);
    let (mut wrong, mut equal) = (String::new(), 0);
    let mut lines = include_str!("clients.txt").lines().peekable();
    let mut client = "";
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("# ") {
            client = name;
            continue;
        }
        let (mut expected, mut ours) = (String::new(), String::new());
        while let Some(line) = lines.next_if(|line| line.starts_with("> ") || line.starts_with("! ")) {
            let into = if line.starts_with('>') { &mut expected } else { &mut ours };
            writeln!(into, "{}", &line[2..]).unwrap();
        }
        let expected = if ours.is_empty() { expected } else { ours };
        let replace = |text: &str| {
            oids.iter().fold(text.to_owned(), |text, (name, oid)| {
                text.replace(&format!("{{{name}}}"), &oid.to_string())
            })
        };
        let answer = database.run(&replace(line));
        let expected = replace(&expected);
        let answer = if answer.starts_with("ERROR") {
            answer.lines().next().unwrap_or_default()
        } else {
            answer.trim_end()
        };
        if answer == expected.trim_end() {
            equal += 1;
        } else {
            writeln!(wrong, "# {client}\n{line}\n--- expected\n{expected}--- answered\n{answer}\n---")
                .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{equal} equal\n{wrong}");
    assert!(equal > 100, "the file has only {equal} queries");
}
