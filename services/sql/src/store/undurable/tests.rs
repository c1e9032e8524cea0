use bole_sql_dialect::Type;
use bole_sql_dialect::catalog::{Column, Constraint, Object, PUBLIC, Rule, Table};
use proptest::prelude::*;

use super::*;

fn column(number: i16, ty: Type, dropped: bool) -> Column {
    Column {
        number,
        name: format!("c{number}"),
        type_oid: ty.0,
        typmod: -1,
        not_null: false,
        default: None,
        identity: None,
        generated: None,
        dropped,
        collation: None,
        comment: None,
    }
}

fn add(catalog: &mut Catalog, oid: u32, storage: &str, columns: Vec<Column>, key: Vec<i16>) {
    let rule = Rule::PrimaryKey { columns: key, index: oid + 1 };
    let name = format!("t{oid}");
    let (deferrable, deferred, not_valid) = (false, false, false);
    let key =
        Constraint { oid: oid + 2, name: name.clone(), rule, deferrable, deferred, not_valid, comment: None };
    catalog.put(Object::Table(Table {
        oid,
        schema: PUBLIC,
        name,
        storage: storage.to_owned(),
        columns,
        rowid_column: None,
        constraints: vec![key],
        temporary: false,
        on_commit: bole_sql_dialect::catalog::temporary::OnCommit::default(),
        materialized: None,
        comment: None,
    }));
}

/// `t100 (c1 dropped, c2 integer PRIMARY KEY)`, `t200 (c1 text PRIMARY KEY)`, both rewritten once or not.
fn catalog() -> Catalog {
    let mut catalog = Catalog::fresh("shop");
    let keyed = vec![column(1, Type::TEXT, true), column(2, Type::INT8, false)];
    add(&mut catalog, 100, "t100_1", keyed, vec![2]);
    add(&mut catalog, 200, "t200", vec![column(1, Type::TEXT, false)], vec![1]);
    catalog
}

const fn row(key: i64) -> [ValueRef<'static>; 2] {
    [ValueRef::Null, ValueRef::Integer(key)]
}

fn changes(write: impl FnOnce(&mut Vec<u8>)) -> Changes {
    let mut payload = Vec::new();
    write(&mut payload);
    Changes::of(&catalog(), &payload)
}

#[test]
fn an_entry_tells_its_keys() {
    let in_table = |out: &mut Vec<u8>| entry::put_table(out, b"t100_1");
    let found = changes(|out| {
        in_table(out);
        entry::put_insert(out, 1, &row(7));
        entry::put_delete(out, 2, &row(8));
        let text = |text: &'static [u8]| [ValueRef::Text(text), ValueRef::Integer(9)];
        entry::put_update(out, 3, 3, &text(b"a"), &text(b"b"));
        // Nobody tells these apart.
        entry::put_table(out, b"t200");
        entry::put_insert(out, 1, &[ValueRef::Text(b"x")]);
        entry::put_table(out, b"bole_sequence");
        entry::put_insert(out, 1, &row(1));
    });
    assert_eq!(found, Changes::Keys(vec![((100, 7), true), ((100, 8), true), ((100, 9), false)]));
    let everything: [&dyn Fn(&mut Vec<u8>); 7] = [
        &|out| entry::put_ddl(out, "CREATE TABLE t300 (c1 ANY)"),
        &|out| entry::put_truncate(out, "t200"),
        &|out| entry::put_table(out, CATALOG_TABLE.as_bytes()),
        // Another key.
        &|out| {
            in_table(out);
            entry::put_update(out, 3, 3, &row(1), &row(2));
        },
        // No integer where one should be.
        &|out| {
            in_table(out);
            entry::put_insert(out, 1, &[ValueRef::Null]);
        },
        &|out| out.push(99),
        &|out| {
            in_table(out);
            (0..=KEYS_MAX as i64).for_each(|key| entry::put_insert(out, key, &row(key)));
        },
    ];
    for (index, write) in everything.iter().enumerate() {
        assert_eq!(changes(write), Changes::Everything, "{index}");
    }
}

#[test]
fn what_came_or_went_is_more_than_what_changed() {
    let undurable = Undurable::default();
    let changed = Changes::Keys(vec![((1, 7), false), ((1, 8), true)]);
    undurable.note(changed, Position(10), Position(0));
    let needed = |key, values| undurable.needed([(1, key)], values).0;
    assert_eq!([needed(7, false), needed(7, true)], [0, 10]);
    assert_eq!([needed(8, false), needed(8, true)], [10, 10]);
    assert_eq!([needed(9, false), needed(9, true)], [0, 0]);
    assert_eq!(undurable.needed([(2, 7)], true).0, 0);
    undurable.note(Changes::Everything, Position(20), Position(0));
    assert_eq!([needed(9, false), undurable.needed([], false).0], [20, 20]);
}

#[test]
fn too_many_keys_are_everything() {
    let undurable = Undurable::default();
    for number in 1..=KEYS_MAX as i64 {
        undurable.note(Changes::Keys(vec![((1, number), true)]), Position(number as u64), Position(0));
    }
    assert_eq!(undurable.needed([], false).0, 0);
    undurable.note(Changes::Keys(vec![((1, -1), true)]), Position(5_000), Position(0));
    assert_eq!(undurable.needed([], false).0, 5_000);
    // What is durable makes room.
    undurable.note(Changes::Keys(vec![((1, -2), true)]), Position(5_001), Position(5_000));
    assert_eq!(undurable.noted.lock().keys.len(), 1);
}

proptest! {
    /// Of any commits, what is needed for a key is not less than the last one of them that is not durable and changed it.
    #[test]
    fn nothing_undurable_is_forgotten(commits in proptest::collection::vec(
        (proptest::collection::vec((0_i64..4, any::<bool>()), 0..3), 0_u64..3), 1..20)
    ) {
        let undurable = Undurable::default();
        let mut model: Vec<(u64, i64, bool)> = Vec::new();
        let mut durable = 0;
        for (index, (keys, behind)) in commits.into_iter().enumerate() {
            let position = index as u64 + 1;
            durable = durable.max((position - 1).saturating_sub(behind));
            let noted = keys.iter().map(|(key, moved)| ((1, *key), *moved)).collect();
            undurable.note(Changes::Keys(noted), Position(position), Position(durable));
            model.extend(keys.into_iter().map(|(key, moved)| (position, key, moved)));
            for key in 0..4 {
                for values in [false, true] {
                    let last = model.iter().rev().find(|(_, of, moved)| *of == key && (values || *moved));
                    let last = last.map_or(0, |(position, _, _)| *position);
                    let needed = undurable.needed([(1, key)], values).0;
                    prop_assert!(needed == last || last <= durable && needed <= durable, "{key} {values}");
                }
            }
        }
    }
}
