//! A catalog to translate against, and statements translated to one line.

use std::sync::Arc;

use bole_sql_dialect::catalog::{
    Catalog, Column, Constraint, Enum, Identity, Index, Key, Label, Object, PUBLIC, Rule, Sequence, Table,
    View,
};
use bole_sql_dialect::plan::{Action, Bound};
use bole_sql_dialect::{Error, Scope, Type};

/// The fixture's scope:
/// `t (id integer PRIMARY KEY, a integer, b text, n numeric(10,2), d date, j jsonb, arr integer[], m mood)`,
/// `u (id bigint PRIMARY KEY, t_id integer NOT NULL, v varchar(10), f double precision)`,
/// `s (id serial PRIMARY KEY, g integer GENERATED ALWAYS AS IDENTITY, k text UNIQUE DEFAULT 'x')`,
/// `v AS SELECT id, b FROM t WHERE a > 1`.
pub(crate) fn scope() -> Scope {
    let mut catalog = Catalog { next_oid: 20_000, ..Catalog::fresh("shop") };
    let labels = [("sad", 10), ("ok", 20), ("happy", 30)]
        .map(|(name, place)| Label { name: name.to_owned(), place })
        .to_vec();
    let mood = Enum {
        oid: 16_500,
        array_oid: 16_501,
        schema: PUBLIC,
        name: "mood".to_owned(),
        labels,
        comment: None,
    };
    catalog.types.insert((PUBLIC, "mood".to_owned()), 16_500);
    catalog.objects.insert(16_500, Arc::new(Object::Enum(mood)));
    let numeric = Column { typmod: (10 << 16 | 2) + 4, ..column("n", Type::NUMERIC) };
    add(
        &mut catalog,
        16_400,
        "t",
        vec![
            required(column("id", Type::INT4)),
            column("a", Type::INT4),
            column("b", Type::TEXT),
            numeric,
            column("d", Type::DATE),
            column("j", Type::JSONB),
            column("arr", Type(1_007)),
            column("m", Type(16_500)),
        ],
    );
    let short = Column { typmod: 14, ..column("v", Type::VARCHAR) };
    add(
        &mut catalog,
        16_410,
        "u",
        vec![
            required(column("id", Type::INT8)),
            required(column("t_id", Type::INT4)),
            short,
            column("f", Type::FLOAT8),
        ],
    );
    let serial =
        Column { default: Some("nextval('s_id_seq'::regclass)".to_owned()), ..column("id", Type::INT4) };
    let identity = Column { identity: Some(Identity::Always), ..column("g", Type::INT4) };
    let defaulted = Column { default: Some("'x'::text".to_owned()), ..column("k", Type::TEXT) };
    add(&mut catalog, 16_420, "s", vec![required(serial), required(identity), defaulted]);
    for (oid, name, column) in [(16_430, "s_id_seq", 1), (16_431, "s_g_seq", 2)] {
        catalog.relations.insert((PUBLIC, name.to_owned()), oid);
        catalog.objects.insert(oid, Arc::new(Object::Sequence(sequence(oid, name, column))));
    }
    unique(&mut catalog);
    catalog.relations.insert((PUBLIC, "v".to_owned()), 16_440);
    catalog.objects.insert(16_440, Arc::new(Object::View(view())));
    Scope {
        catalog: Arc::new(catalog),
        search_path: vec![PUBLIC],
        user: "ann".to_owned(),
        database: "shop".to_owned(),
        style: bole_sql_types::style::Style::default(),
    }
}

fn view() -> View {
    View {
        oid: 16_440,
        schema: PUBLIC,
        name: "v".to_owned(),
        query: "SELECT t.id, t.b FROM public.t WHERE t.a > 1".to_owned(),
        columns: vec![column("id", Type::INT4), column("b", Type::TEXT)],
        uses: vec![16_400],
        uses_columns: Vec::new(),
        comment: None,
    }
}

fn column(name: &str, ty: Type) -> Column {
    Column {
        number: 0,
        name: name.to_owned(),
        type_oid: ty.0,
        typmod: -1,
        not_null: false,
        default: None,
        identity: None,
        generated: None,
        dropped: false,
        collation: None,
        comment: None,
    }
}

fn required(column: Column) -> Column {
    Column { not_null: true, ..column }
}

/// Adds a table whose first column is its primary key and rowid.
fn add(catalog: &mut Catalog, oid: u32, name: &str, mut columns: Vec<Column>) {
    for (index, column) in columns.iter_mut().enumerate() {
        column.number = i16::try_from(index).unwrap() + 1;
    }
    let rule = Rule::PrimaryKey { columns: vec![1], index: oid + 1 };
    let primary = constraint(oid + 2, format!("{name}_pkey"), rule);
    let table = Table {
        oid,
        schema: PUBLIC,
        name: name.to_owned(),
        storage: format!("t{oid}"),
        columns,
        rowid_column: Some(1),
        constraints: vec![primary],
        temporary: false,
        on_commit: bole_sql_dialect::catalog::temporary::OnCommit::default(),
        materialized: None,
        comment: None,
    };
    catalog.relations.insert((PUBLIC, name.to_owned()), oid);
    catalog.objects.insert(oid, Arc::new(Object::Table(table)));
}

fn constraint(oid: u32, name: String, rule: Rule) -> Constraint {
    Constraint { oid, name, rule, deferrable: false, deferred: false, not_valid: false, comment: None }
}

fn sequence(oid: u32, name: &str, column: i16) -> Sequence {
    Sequence {
        oid,
        schema: PUBLIC,
        name: name.to_owned(),
        type_oid: Type::INT4.0,
        start: 1,
        increment: 1,
        min: 1,
        max: i64::from(i32::MAX),
        cache: 1,
        cycle: false,
        owner: Some((16_420, column)),
        comment: None,
    }
}

/// `s.k` is unique.
fn unique(catalog: &mut Catalog) {
    let Some(Object::Table(table)) = catalog.objects.get(&16_420).map(AsRef::as_ref) else { return };
    let mut table = table.clone();
    let rule = Rule::Unique { columns: vec![3], index: 16_425 };
    table.constraints.push(constraint(16_426, "s_k_key".to_owned(), rule));
    catalog.objects.insert(16_420, Arc::new(Object::Table(table)));
    let key = Key {
        column: 3,
        expression: None,
        descending: false,
        nulls_first: false,
        collation: None,
        class: None,
    };
    let index = Index {
        oid: 16_425,
        schema: PUBLIC,
        name: "s_k_key".to_owned(),
        table: 16_420,
        keys: vec![key],
        include: Vec::new(),
        unique: true,
        nulls_not_distinct: false,
        predicate: None,
        method: "btree".to_owned(),
        comment: None,
    };
    catalog.objects.insert(16_425, Arc::new(Object::Index(index)));
}

/// A statement's SQL for SQLite and the types of its parameters, or its error.
pub(crate) fn translate(scope: &Scope, sql: &str) -> String {
    let result =
        bole_sql_dialect::parse(sql).and_then(|parsed| bole_sql_dialect::bind(&parsed[0], scope, &[]));
    match result {
        Ok(bound) => printed(bound),
        Err(error) => failed(&error),
    }
}

fn printed(bound: Bound) -> String {
    let types: Vec<String> = bound.parameters.iter().map(|ty| ty.info().unwrap().name.to_owned()).collect();
    let sql = match bound.action {
        Action::Query(query) => query.sql,
        Action::Write(write) => write.sql,
        Action::Schema(change) => change.tag,
    };
    if types.is_empty() { sql } else { format!("{sql} [{}]", types.join(", ")) }
}

fn failed(error: &Error) -> String {
    let position = error.more.as_ref().and_then(|more| more.position);
    let at = position.map_or(String::new(), |position| format!(" at {position}"));
    format!("{} {}{at}", error.state.as_str(), error.message)
}
