//! What depends on what: the edges that `DROP` follows.

use bole_sql_types::Type;

use super::names::quote;
use super::text;
use super::{Catalog, Constraint, Index, Object, Rule, Table};

/// A thing that can be dropped, or lost because another one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Element {
    /// An object.
    Object(u32),
    /// A table's constraint: OIDs of both.
    Constraint(u32, u32),
    /// The default of a table's column.
    Default(u32, i16),
    /// A table's column.
    Column(u32, i16),
}

/// An edge to what depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dependent {
    /// What depends.
    pub element: Element,
    /// It goes without being asked about: an index of its table.
    pub automatic: bool,
}

const fn normal(element: Element) -> Dependent {
    Dependent { element, automatic: false }
}

const fn automatic(element: Element) -> Dependent {
    Dependent { element, automatic: true }
}

impl Catalog {
    /// What depends on an element directly, in the order of OIDs.
    pub fn dependents(&self, element: Element) -> Vec<Dependent> {
        match element {
            Element::Default(..) => Vec::new(),
            Element::Column(table, number) => {
                self.table(table).map(|it| self.on_column(it, number)).unwrap_or_default()
            }
            Element::Constraint(table, oid) => self.on_constraint(table, oid),
            Element::Object(oid) => match self.object(oid) {
                Some(Object::Schema(_)) => self.on_schema(oid),
                Some(Object::Table(table)) => self.on_table(table),
                Some(Object::View(_)) => self.views_on(oid, None),
                Some(Object::Sequence(_)) => self.on_sequence(oid),
                Some(Object::Enum(it)) => self.on_types(&[it.oid, it.array_oid]),
                Some(Object::Index(index)) => self.on_index(index),
                None => Vec::new(),
            },
        }
    }

    fn on_schema(&self, schema: u32) -> Vec<Dependent> {
        let goes_with_another = |object: &Object| match object {
            Object::Index(_) => true,
            Object::Sequence(sequence) => sequence.owner.is_some(),
            _ => false,
        };
        self.in_schema(schema)
            .filter(|object| !goes_with_another(object))
            .map(|it| normal(Element::Object(it.oid())))
            .collect()
    }

    fn on_table(&self, table: &Table) -> Vec<Dependent> {
        let mut found: Vec<_> =
            self.indexes_of(table.oid).map(|index| automatic(Element::Object(index.oid))).collect();
        let owned =
            self.sequences().filter(|sequence| sequence.owner.is_some_and(|(owner, _)| owner == table.oid));
        found.extend(owned.map(|sequence| automatic(Element::Object(sequence.oid))));
        found.extend(
            self.references_to(table.oid).map(|(from, it)| normal(Element::Constraint(from.oid, it.oid))),
        );
        found.extend(self.views_on(table.oid, None));
        found
    }

    fn views_on(&self, relation: u32, column: Option<i16>) -> Vec<Dependent> {
        let uses = |columns: &[(u32, i16)]| column.is_none_or(|number| columns.contains(&(relation, number)));
        let views = self.queries().filter(|view| view.uses.contains(&relation) && uses(&view.uses_columns));
        views.map(|view| normal(Element::Object(view.oid))).collect()
    }

    fn on_sequence(&self, oid: u32) -> Vec<Dependent> {
        let Some(object) = self.object(oid) else { return Vec::new() };
        let written = self.written_name(object);
        let mut found = Vec::new();
        for table in self.tables() {
            let names_it = |text: &Option<String>| {
                text.as_ref().is_some_and(|text| text::names_relation(text, &written))
            };
            let columns = table.live().filter(|column| names_it(&column.default));
            found.extend(columns.map(|column| normal(Element::Default(table.oid, column.number))));
        }
        found
    }

    /// An object's name with its schema, as the texts of expressions have it.
    pub(crate) fn written_name(&self, object: &Object) -> String {
        format!("{}.{}", quote(self.schema_name(object.schema()).unwrap_or_default()), quote(object.name()))
    }

    fn on_types(&self, types: &[u32]) -> Vec<Dependent> {
        let mut found = Vec::new();
        for table in self.tables().filter(|table| table.materialized.is_none()) {
            let columns = table.live().filter(|column| types.contains(&column.type_oid));
            found.extend(columns.map(|column| normal(Element::Column(table.oid, column.number))));
        }
        let views = self.queries().filter(|view| {
            view.uses.iter().any(|used| types.contains(used))
                || view.columns.iter().any(|column| types.contains(&column.type_oid))
        });
        found.extend(views.map(|view| normal(Element::Object(view.oid))));
        found
    }

    fn on_constraint(&self, table: u32, oid: u32) -> Vec<Dependent> {
        let constraint = self.table(table).and_then(|it| it.constraints.iter().find(|it| it.oid == oid));
        let Some(Constraint {
            rule: Rule::PrimaryKey { columns, index } | Rule::Unique { columns, index },
            ..
        }) = constraint
        else {
            return Vec::new();
        };
        let mut found = vec![automatic(Element::Object(*index))];
        let references = self.references_to(table).filter(|(_, it)| {
            matches!(&it.rule, Rule::ForeignKey { target_columns, .. } if same(target_columns, columns))
        });
        found.extend(references.map(|(from, it)| normal(Element::Constraint(from.oid, it.oid))));
        found
    }

    /// Foreign keys depend on the oldest unique index of the columns that they reference.
    fn on_index(&self, index: &Index) -> Vec<Dependent> {
        let columns = |index: &Index| index.keys.iter().map(|key| key.column).collect::<Vec<i16>>();
        let serves = |index: &Index| {
            index.unique && index.predicate.is_none() && index.keys.iter().all(|key| key.column > 0)
        };
        let keys = columns(index);
        let older = |other: &Index| other.oid < index.oid && serves(other) && same(&columns(other), &keys);
        if !serves(index) || self.indexes_of(index.table).any(older) {
            return Vec::new();
        }
        let references = self.references_to(index.table).filter(|(_, it)| {
            matches!(&it.rule, Rule::ForeignKey { target_columns, .. } if same(target_columns, &keys))
        });
        references.map(|(from, it)| normal(Element::Constraint(from.oid, it.oid))).collect()
    }

    fn on_column(&self, table: &Table, number: i16) -> Vec<Dependent> {
        let Some(column) = table.numbered(number) else { return Vec::new() };
        let mut found = Vec::new();
        let touches = |index: &&Index| index_names(index, number, &column.name);
        found.extend(
            self.indexes_of(table.oid).filter(touches).map(|index| automatic(Element::Object(index.oid))),
        );
        let owned = self.sequences().filter(|sequence| sequence.owner == Some((table.oid, number)));
        found.extend(owned.map(|sequence| automatic(Element::Object(sequence.oid))));
        let own = table.constraints.iter().filter(|it| constraint_names(it, number, &column.name));
        found.extend(own.map(|it| automatic(Element::Constraint(table.oid, it.oid))));
        let references = self.references_to(table.oid).filter(|(from, it)| {
            from.oid != table.oid && matches!(&it.rule, Rule::ForeignKey { target_columns, .. } if target_columns.contains(&number))
        });
        found.extend(references.map(|(from, it)| normal(Element::Constraint(from.oid, it.oid))));
        let names_it =
            |text: &Option<String>| text.as_ref().is_some_and(|text| text::names_column(text, &column.name));
        let generated = table.live().filter(|other| other.number != number && names_it(&other.generated));
        found.extend(generated.map(|other| normal(Element::Column(table.oid, other.number))));
        found.extend(self.views_on(table.oid, Some(number)));
        found
    }

    /// The foreign keys that reference a table, each with the table that has it.
    pub fn references_to(&self, target: u32) -> impl Iterator<Item = (&Table, &Constraint)> {
        let references =
            move |it: &&Constraint| matches!(&it.rule, Rule::ForeignKey { target: to, .. } if *to == target);
        self.tables()
            .flat_map(move |table| table.constraints.iter().filter(references).map(move |it| (table, it)))
    }

    /// What messages call an element: `constraint a on table t`.
    pub fn describe(&self, element: Element, path: &[u32]) -> String {
        let name = |oid: u32| self.object(oid).map(|object| self.qualified(object, path)).unwrap_or_default();
        let column = |table: u32, number: i16| {
            let column = self.table(table).and_then(|it| it.numbered(number));
            column.map(|column| column.name.clone()).unwrap_or_default()
        };
        match element {
            Element::Object(oid) => {
                format!("{} {}", self.object(oid).map(Object::noun).unwrap_or_default(), name(oid))
            }
            Element::Constraint(table, oid) => {
                let constraint =
                    self.table(table).and_then(|it| it.constraints.iter().find(|it| it.oid == oid));
                format!(
                    "constraint {} on table {}",
                    constraint.map(|it| it.name.as_str()).unwrap_or_default(),
                    name(table)
                )
            }
            Element::Default(table, number) => {
                format!("default value for column {} of table {}", column(table, number), name(table))
            }
            Element::Column(table, number) => {
                format!("column {} of table {}", column(table, number), name(table))
            }
        }
    }

    /// What a type is called in messages about what it contains: an enum's or built-in name.
    pub fn type_name(&self, ty: Type) -> String {
        super::definitions::format_type(self, ty, -1)
    }
}

/// Whether two lists of columns are the same but for their order.
pub(crate) fn same(left: &[i16], right: &[i16]) -> bool {
    left.len() == right.len() && left.iter().all(|number| right.contains(number))
}

fn index_names(index: &Index, number: i16, name: &str) -> bool {
    let names_it = |text: &Option<String>| text.as_ref().is_some_and(|text| text::names_column(text, name));
    index.include.contains(&number)
        || index.keys.iter().any(|key| key.column == number || names_it(&key.expression))
        || names_it(&index.predicate)
}

fn constraint_names(constraint: &Constraint, number: i16, name: &str) -> bool {
    match &constraint.rule {
        Rule::PrimaryKey { columns, .. }
        | Rule::Unique { columns, .. }
        | Rule::ForeignKey { columns, .. } => columns.contains(&number),
        Rule::Check { expression } => text::names_column(expression, name),
    }
}
