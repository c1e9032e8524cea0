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
    let (mut wrong, mut refused, mut equal) = (String::new(), Vec::new(), 0);
    let mut lines = include_str!("clients.txt").lines().peekable();
    let mut client = "";
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("# ") {
            client = name;
            continue;
        }
        let mut expected = String::new();
        while let Some(line) = lines.next_if(|line| line.starts_with("> ")) {
            writeln!(expected, "{}", &line[2..]).unwrap();
        }
        let replace = |text: &str| oids.iter().fold(text.to_owned(), |text, (name, oid)| text.replace(&format!("{{{name}}}"), &oid.to_string()));
        let answer = database.run(&replace(line));
        let expected = replace(&expected);
        if answer.starts_with("ERROR") {
            refused.push(format!("{client}: {answer}    {line}"));
        } else if answer.trim_end() == expected.trim_end() {
            equal += 1;
        } else {
            writeln!(wrong, "# {client}\n{line}\n--- expected\n{expected}--- answered\n{answer}").unwrap();
        }
    }
    assert!(wrong.is_empty() && refused.is_empty(), "{equal} equal\n{wrong}\n{} refused\n{}", refused.len(), refused.join("\n"));
}
