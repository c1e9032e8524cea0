//! `DROP`: what goes along, what stands in the way, and in which order it is done.

use std::collections::{BTreeMap, BTreeSet};

use bole_sql_types::{Error, Result, SqlState};

use super::change::{Change, SUCCESS, denied};
use super::constraint::index_of;
use super::storage::Form;
use super::syntax::{Kind, Name};
use crate::catalog::dependencies::{Dependent, Element};
use crate::catalog::temporary::{self, is_temporary};
use crate::catalog::{Index, Object, PUBLIC, Relation, Rule};

/// How an element came to be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reached {
    /// What it depends on; itself if it was asked for.
    from: Element,
    /// It goes without being spoken of.
    silent: bool,
}

fn is_kind(object: &Object, kind: Kind) -> bool {
    object.noun() == kind.noun()
}

fn wrong_drop(object: &Object, wanted: Kind) -> Error {
    let article = if wanted == Kind::Index { "an" } else { "a" };
    let message = format!("\"{}\" is not {article} {}", object.name(), wanted.noun());
    let hint = format!(
        "Use DROP {} to remove {} {}.",
        object.noun().to_uppercase(),
        if object.noun() == "index" { "an" } else { "a" },
        object.noun()
    );
    Error::new(SqlState::WRONG_OBJECT_TYPE, message).with_hint(hint)
}

impl Change<'_> {
    pub(super) fn drop(&mut self, kind: Kind, names: &[Name], if_exists: bool, cascade: bool) -> Result<()> {
        let mut targets = Vec::new();
        for name in names {
            if let Some(oid) = self.drop_target(kind, name, if_exists)? {
                let element = Element::Object(oid);
                if !targets.contains(&element) {
                    targets.push(element);
                }
            }
        }
        self.drop_elements(&targets, cascade)
    }

    fn drop_target(&mut self, kind: Kind, name: &Name, if_exists: bool) -> Result<Option<u32>> {
        let found = match kind {
            Kind::Schema => self.drop_schema_target(&name.name)?,
            Kind::Type => self.drop_type_target(name)?,
            Kind::Table | Kind::View | Kind::MaterializedView | Kind::Sequence | Kind::Index => {
                match self.catalog.find_relation(name, self.path()) {
                    Some(Relation::System(system)) => return Err(denied(system.name)),
                    Some(Relation::User(object)) if is_kind(object, kind) => Some(object.oid()),
                    Some(Relation::User(object)) => return Err(wrong_drop(object, kind)),
                    None => None,
                }
            }
        };
        if let Some(oid) = found {
            self.check_owned(oid)?;
            return Ok(found);
        }
        let schema = name.schema.as_ref().filter(|schema| !self.catalog.schemas.contains_key(*schema));
        let (state, missing) = match (schema, kind) {
            (Some(schema), _) => {
                (SqlState::INVALID_SCHEMA_NAME, format!("schema \"{schema}\" does not exist"))
            }
            (None, Kind::Schema) => {
                (SqlState::INVALID_SCHEMA_NAME, format!("schema \"{name}\" does not exist"))
            }
            (None, Kind::Table | Kind::View | Kind::MaterializedView | Kind::Sequence) => {
                (SqlState::UNDEFINED_TABLE, format!("{} \"{}\" does not exist", kind.noun(), name.name))
            }
            (None, Kind::Index | Kind::Type) => {
                (SqlState::UNDEFINED_OBJECT, format!("{} \"{}\" does not exist", kind.noun(), name))
            }
        };
        if !if_exists {
            return Err(Error::new(state, missing));
        }
        self.notice(SUCCESS, format!("{missing}, skipping"));
        Ok(None)
    }

    fn drop_schema_target(&self, name: &str) -> Result<Option<u32>> {
        let Some(oid) = self.catalog.schemas.get(name).copied() else { return Ok(None) };
        if oid == temporary::SCHEMA {
            return Err(Error::unsupported("dropping the schema of temporary objects"));
        }
        if oid < PUBLIC || self.catalog.object(oid).is_none() {
            let message = format!("cannot drop schema {name} because it is required by the database system");
            return Err(Error::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, message));
        }
        Ok(Some(oid))
    }

    fn drop_type_target(&self, name: &Name) -> Result<Option<u32>> {
        let Some(ty) = self.catalog.find_type(name, self.path()) else { return Ok(None) };
        if self.catalog.enum_of(ty).is_some() {
            return Ok(Some(ty.0));
        }
        let shown = self.catalog.type_name(ty);
        let state = SqlState::DEPENDENT_OBJECTS_STILL_EXIST;
        let Some(element) = self.catalog.enum_of_array(ty) else {
            return Err(Error::new(
                state,
                format!("cannot drop type {shown} because it is required by the database system"),
            ));
        };
        let element = self.catalog.type_name(bole_sql_types::Type(element.oid));
        let error = Error::new(state, format!("cannot drop type {shown} because type {element} requires it"));
        Err(error.with_hint(format!("You can drop type {element} instead.")))
    }

    /// That an object is not a part of another one, with which it must be dropped.
    fn check_owned(&self, oid: u32) -> Result<()> {
        let state = SqlState::DEPENDENT_OBJECTS_STILL_EXIST;
        match self.catalog.object(oid) {
            Some(Object::Index(index)) => {
                let Some(table) = self.catalog.table(index.table) else { return Ok(()) };
                let Some(constraint) = table.constraints.iter().find(|it| index_of(&it.rule) == Some(oid))
                else {
                    return Ok(());
                };
                let owner =
                    self.catalog.describe(Element::Constraint(table.oid, constraint.oid), self.path());
                let it = self.catalog.describe(Element::Object(oid), self.path());
                let error = Error::new(state, format!("cannot drop {it} because {owner} requires it"));
                Err(error.with_hint(format!("You can drop {owner} instead.")))
            }
            Some(Object::Sequence(sequence)) => {
                let Some((table, number)) = sequence.owner else { return Ok(()) };
                let identity = self
                    .catalog
                    .table(table)
                    .and_then(|it| it.numbered(number))
                    .is_some_and(|it| it.identity.is_some());
                if !identity {
                    return Ok(());
                }
                let owner = self.catalog.describe(Element::Column(table, number), self.path());
                let it = self.catalog.describe(Element::Object(oid), self.path());
                let error = Error::new(state, format!("cannot drop {it} because {owner} requires it"));
                Err(error.with_hint(format!("You can drop {owner} instead.")))
            }
            _ => Ok(()),
        }
    }

    /// The order in which PostgreSQL speaks of what depends on one thing: by OID, columns of an array of the type first.
    fn rank(&self, element: Element) -> (bool, u32, i16) {
        match element {
            Element::Object(oid) | Element::Constraint(_, oid) => (true, oid, 0),
            Element::Default(table, number) => (true, table, number),
            Element::Column(table, number) => (self.array_column(element).is_none(), table, number),
        }
    }

    /// The type of a column that is an array of an enum.
    fn array_column(&self, element: Element) -> Option<bole_sql_types::Type> {
        let Element::Column(table, number) = element else { return None };
        let ty = self.catalog.table(table)?.numbered(number)?.ty();
        self.catalog.enum_of_array(ty).map(|_| ty)
    }

    /// What depends on an element, in PostgreSQL's order.
    fn dependents(&self, element: Element) -> Vec<Dependent> {
        let mut dependents = self.catalog.dependents(element);
        dependents.sort_by_key(|dependent| self.rank(dependent.element));
        dependents
    }

    /// What goes with the targets in PostgreSQL's order of reporting, which is that of deleting backwards: it deletes target by target, what depends on
    /// an element before it, and of several the youngest first.
    fn order_of_report(&self, targets: &[Element]) -> Vec<Element> {
        let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
        for target in targets {
            let mut stack = vec![(*target, false)];
            while let Some((element, is_done)) = stack.pop() {
                if is_done {
                    order.push(element);
                } else if seen.insert(element) {
                    stack.push((element, true));
                    stack.extend(self.dependents(element).into_iter().map(|it| (it.element, false)));
                }
            }
        }
        order.reverse();
        order
    }

    /// Everything that goes with the targets, in PostgreSQL's order of reporting.
    fn reach(&self, targets: &[Element]) -> Vec<(Element, Reached)> {
        let mut seen: BTreeSet<Element> = BTreeSet::new();
        let mut reached: BTreeMap<Element, Reached> = BTreeMap::new();
        for target in targets {
            reached.insert(*target, Reached { from: *target, silent: true });
        }
        let mut stack: Vec<Element> = targets.iter().rev().copied().collect();
        while let Some(element) = stack.pop() {
            if !seen.insert(element) {
                continue;
            }
            for dependent in self.dependents(element).iter().rev() {
                let entry = reached
                    .entry(dependent.element)
                    .or_insert(Reached { from: element, silent: dependent.automatic });
                entry.silent |= dependent.automatic;
                stack.push(dependent.element);
            }
        }
        let order = self.order_of_report(targets);
        let gone = |oid: u32| reached.contains_key(&Element::Object(oid));
        order
            .into_iter()
            .map(|element| {
                let mut how = reached[&element];
                // A part of a table that goes is not spoken of.
                how.silent |= match element {
                    Element::Constraint(table, _)
                    | Element::Default(table, _)
                    | Element::Column(table, _) => gone(table),
                    Element::Object(_) => false,
                };
                (element, how)
            })
            .collect()
    }

    pub(super) fn drop_elements(&mut self, targets: &[Element], cascade: bool) -> Result<()> {
        let reached = self.reach(targets);
        let path = self.path();
        let spoken: Vec<&(Element, Reached)> = reached.iter().filter(|(_, how)| !how.silent).collect();
        if !spoken.is_empty() && !cascade {
            let lines: Vec<String> = spoken
                .iter()
                .map(|(element, how)| {
                    format!(
                        "{} depends on {}",
                        self.catalog.describe(*element, path),
                        self.depended_on(*element, how.from)
                    )
                })
                .collect();
            let message = match targets {
                [one] => format!(
                    "cannot drop {} because other objects depend on it",
                    self.catalog.describe(*one, path)
                ),
                _ => "cannot drop desired object(s) because other objects depend on them".to_owned(),
            };
            let error =
                Error::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, message).with_detail(lines.join("\n"));
            return Err(error.with_hint("Use DROP ... CASCADE to drop the dependent objects too."));
        }
        let lines: Vec<String> = spoken
            .iter()
            .map(|(element, _)| format!("drop cascades to {}", self.catalog.describe(*element, path)))
            .collect();
        match lines.as_slice() {
            [] => {}
            [line] => self.notice(SUCCESS, line.clone()),
            _ => {
                let notice = Error::new(SUCCESS, format!("drop cascades to {} other objects", lines.len()));
                self.notices.push(notice.with_detail(lines.join("\n")));
            }
        }
        let elements: Vec<Element> = reached.into_iter().map(|(element, _)| element).collect();
        self.take_out(&elements)
    }

    /// What a message says that an element depends on: a reference depends on the index of a key.
    fn depended_on(&self, element: Element, from: Element) -> String {
        if let (Some(ty), Element::Object(_)) = (self.array_column(element), from) {
            return format!("type {}", self.catalog.type_name(ty));
        }
        if let (Element::Constraint(..), Element::Constraint(table, oid)) = (element, from) {
            let constraint =
                self.catalog.table(table).and_then(|it| it.constraints.iter().find(|it| it.oid == oid));
            if let Some(index) = constraint.and_then(|it| index_of(&it.rule)) {
                return self.catalog.describe(Element::Object(index), self.path());
            }
        }
        self.catalog.describe(from, self.path())
    }

    /// Takes elements out of the catalog and SQLite: first what depends, last what is depended on.
    fn take_out(&mut self, elements: &[Element]) -> Result<()> {
        let tables: Vec<u32> = elements
            .iter()
            .filter_map(|element| match element {
                Element::Object(oid) if self.catalog.table(*oid).is_some() => Some(*oid),
                _ => None,
            })
            .collect();
        let mut changed: Vec<u32> = Vec::new();
        let mut rebuilt: Vec<u32> = Vec::new();
        for element in elements {
            let (table, rebuild) = match *element {
                Element::Object(_) => continue,
                Element::Constraint(table, _) | Element::Default(table, _) | Element::Column(table, _)
                    if tables.contains(&table) =>
                {
                    continue;
                }
                Element::Default(table, number) => {
                    self.update_column(table, number, |column| column.default = None);
                    continue;
                }
                Element::Constraint(table, oid) => (table, self.take_constraint(table, oid)),
                Element::Column(table, number) => (table, self.take_column(table, number)),
            };
            if rebuild {
                rebuilt.push(table);
            } else {
                changed.push(table);
            }
        }
        self.take_indexes(elements, &tables);
        changed.retain(|table| !rebuilt.contains(table));
        changed.sort_unstable();
        changed.dedup();
        rebuilt.sort_unstable();
        rebuilt.dedup();
        for table in changed {
            self.retext(table, Form::Full)?;
        }
        for table in rebuilt {
            self.rebuild(table)?;
        }
        self.take_tables(&tables)?;
        self.take_rest(elements);
        Ok(())
    }

    pub(super) fn update_column(
        &mut self,
        table: u32,
        number: i16,
        change: impl FnOnce(&mut crate::catalog::Column),
    ) {
        self.update_table(table, |table| {
            if let Some(column) = table.columns.iter_mut().find(|column| column.number == number) {
                change(column);
            }
        });
    }

    /// Takes a constraint off its table. Whether the table must be rebuilt because its rowid was the key.
    fn take_constraint(&mut self, table: u32, oid: u32) -> bool {
        let mut rebuild = false;
        self.update_table(table, |table| {
            let primary = table
                .constraints
                .iter()
                .any(|it| it.oid == oid && matches!(it.rule, Rule::PrimaryKey { .. }));
            if primary && table.rowid_column.take().is_some() {
                rebuild = true;
            }
            table.constraints.retain(|it| it.oid != oid);
        });
        rebuild
    }

    /// Marks a column as dropped. Whether the table must be rebuilt because the column was its rowid.
    fn take_column(&mut self, table: u32, number: i16) -> bool {
        let mut rebuild = false;
        self.update_table(table, |table| {
            if table.rowid_column == Some(number) {
                table.rowid_column = None;
                rebuild = true;
            }
            if let Some(column) = table.columns.iter_mut().find(|column| column.number == number) {
                column.dropped = true;
                column.not_null = false;
                column.default = None;
                column.generated = None;
                column.identity = None;
                column.comment = None;
            }
        });
        rebuild
    }

    fn take_indexes(&mut self, elements: &[Element], tables: &[u32]) {
        let indexes: Vec<Index> = elements
            .iter()
            .filter_map(|element| match element {
                Element::Object(oid) => self.catalog.index(*oid).cloned(),
                _ => None,
            })
            .collect();
        for index in indexes {
            if !tables.contains(&index.table) {
                self.ddl_of(index.oid, format!("DROP INDEX IF EXISTS i{}", index.oid));
            }
            self.remove(index.oid);
        }
    }

    fn take_tables(&mut self, tables: &[u32]) -> Result<()> {
        // SQLite deletes the rows of a table that it drops, and minds the references among those that go.
        for oid in tables {
            let references =
                |rule: &Rule| matches!(rule, Rule::ForeignKey { target, .. } if tables.contains(target));
            if self
                .catalog
                .table(*oid)
                .is_some_and(|table| table.constraints.iter().any(|it| references(&it.rule)))
            {
                self.retext(*oid, Form::Loose)?;
            }
        }
        for oid in tables {
            let table = self.table(*oid)?;
            self.ddl_of(*oid, format!("DROP TABLE {}", table.storage));
            self.remove(*oid);
        }
        Ok(())
    }

    /// Views, sequences, types and schemas.
    fn take_rest(&mut self, elements: &[Element]) {
        let mut oids: Vec<u32> = elements
            .iter()
            .filter_map(|element| match element {
                Element::Object(oid) => Some(*oid).filter(|oid| self.catalog.object(*oid).is_some()),
                _ => None,
            })
            .collect();
        oids.sort_by_key(|oid| matches!(self.catalog.object(*oid), Some(Object::Schema(_))));
        for oid in oids {
            if self.catalog.sequence(oid).is_some() && !is_temporary(oid) {
                self.rows(format!("DELETE FROM bole_sequence WHERE oid = {oid}"));
            }
            self.remove(oid);
        }
    }
}
