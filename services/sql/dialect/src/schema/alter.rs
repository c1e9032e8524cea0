//! `ALTER`: which object, and what all kinds of objects have. Tables' own actions are in [`columns`] and [`constraints`].
//!
//! The actions on a table change the catalog one after the other; what SQLite has to do is collected, and done at the end: indexes that
//! are in the way go, the table loses its constraints, one UPDATE writes what is new, rows are checked, then the table and its indexes get
//! their final form.

mod columns;
mod constraints;

use bole_sql_types::{Error, Result, SqlState};

use super::change::{Change, SUCCESS, wrong_kind};
use super::storage::Form;
use super::syntax::{AlterAction, Kind, Name, Role};
use crate::catalog::temporary::is_temporary;
use crate::catalog::{Index, Object, Rule, text};

/// What an `ALTER TABLE` has to do in SQLite.
pub(super) struct Work {
    /// The table.
    table: u32,
    /// Its text has changed.
    changed: bool,
    /// Columns that get a value: its SQL over the row as it was.
    updates: Vec<(i16, String)>,
    /// The same, over the row with the values of `updates`.
    generated: Vec<(i16, String)>,
    /// What must give no row.
    checks: Vec<(String, Error)>,
    /// Indexes that are made again.
    indexes: Vec<Index>,
    /// Indexes that are new and unique.
    unique: Vec<Index>,
}

impl Change<'_> {
    pub(super) fn alter(
        &mut self,
        kind: Kind,
        name: &Name,
        if_exists: bool,
        actions: &[AlterAction],
    ) -> Result<()> {
        if let Some(error) = actions
            .iter()
            .find_map(|action| if let AlterAction::Refused(error) = action { Some(error) } else { None })
        {
            return Err(error.clone());
        }
        let oid = match kind {
            Kind::Schema => self.alterable_schema(&name.name)?,
            Kind::Type => self.find_enum(name)?,
            _ => match self.find(name, if_exists)? {
                Some(object) => Self::check_kind(&object, kind, actions)?,
                None => return Ok(()),
            },
        };
        if kind == Kind::Table && self.catalog.table(oid).is_some_and(|table| table.materialized.is_none()) {
            return self.alter_table(oid, actions);
        }
        actions.iter().try_for_each(|action| self.alter_any(oid, action))
    }

    fn alterable_schema(&self, name: &str) -> Result<u32> {
        let oid = self.catalog.schema_oid(name)?;
        if self.catalog.object(oid).is_none() {
            return Err(Error::new(
                SqlState::INSUFFICIENT_PRIVILEGE,
                format!("permission denied for schema {name}"),
            ));
        }
        Ok(oid)
    }

    /// PostgreSQL takes `ALTER TABLE` for what all relations have.
    fn check_kind(object: &Object, kind: Kind, actions: &[AlterAction]) -> Result<u32> {
        let general = |action: &AlterAction| {
            matches!(
                action,
                AlterAction::Rename(_)
                    | AlterAction::SetSchema(_)
                    | AlterAction::Owner(_)
                    | AlterAction::RenameColumn { .. }
            )
        };
        let renames_index = matches!(object, Object::Index(_))
            && actions.iter().all(|action| matches!(action, AlterAction::Rename(_)));
        let fits = object.noun() == kind.noun()
            || kind == Kind::Table
                && (renames_index || !matches!(object, Object::Index(_)))
                && actions.iter().all(general);
        if fits { Ok(object.oid()) } else { Err(wrong_kind(object.name(), kind)) }
    }

    fn alter_any(&mut self, oid: u32, action: &AlterAction) -> Result<()> {
        match action {
            AlterAction::Rename(to) => self.rename(oid, to),
            AlterAction::SetSchema(schema) => self.move_to(oid, schema),
            AlterAction::Owner(role) => self.owner(role),
            AlterAction::Sequence(options) => self.alter_sequence(oid, options),
            AlterAction::AddValue { .. } | AlterAction::RenameValue { .. } => self.alter_labels(oid, action),
            AlterAction::RenameColumn { from, to } if self.catalog.view(oid).is_some() => {
                self.rename_view_column(oid, from, to)
            }
            AlterAction::RenameColumn { from, to } if self.catalog.table(oid).is_some() => {
                self.rename_column(oid, from, to)
            }
            _ => Err(Error::unsupported("this action on an object of its kind")),
        }
    }

    pub(super) fn owner(&self, role: &Role) -> Result<()> {
        match role {
            Role::Current => Ok(()),
            Role::Named(name) if *name == self.scope.user => Ok(()),
            Role::Named(name) => {
                Err(Error::unsupported(format!("an owner other than the current user, \"{name}\"")))
            }
        }
    }

    fn alter_table(&mut self, oid: u32, actions: &[AlterAction]) -> Result<()> {
        let mut work = Work {
            table: oid,
            changed: false,
            updates: Vec::new(),
            generated: Vec::new(),
            checks: Vec::new(),
            indexes: Vec::new(),
            unique: Vec::new(),
        };
        for action in actions {
            self.alter_table_action(&mut work, action)?;
        }
        self.finish(work)
    }

    fn alter_table_action(&mut self, work: &mut Work, action: &AlterAction) -> Result<()> {
        use AlterAction as A;
        match action {
            A::AddColumn { column, if_not_exists } => self.add_column(work, column, *if_not_exists),
            A::DropColumn { name, if_exists, cascade } => self.drop_column(work, name, *if_exists, *cascade),
            A::RenameColumn { from, to } => self.rename_column(work.table, from, to),
            A::SetType { column, ty, collation, using } => {
                self.set_type(work, column, ty, collation.as_ref(), using.as_ref())
            }
            A::SetDefault { column, default } => self.set_default(work, column, default.as_ref()),
            A::SetNotNull { column, not_null } => self.set_not_null(work, column, *not_null),
            A::DropExpression { column, if_exists } => self.drop_expression(work, column, *if_exists),
            A::AddIdentity { column, always, options } => self.add_identity(work, column, *always, options),
            A::SetIdentity { column, always, options } => {
                self.set_identity(work.table, column, *always, options)
            }
            A::DropIdentity { column, if_exists } => self.drop_identity(work.table, column, *if_exists),
            A::AddConstraint(spec) => self.add_constraint(work, spec),
            A::DropConstraint { name, if_exists, cascade } => {
                self.drop_constraint(work, name, *if_exists, *cascade)
            }
            A::AlterConstraint { name, deferrable, deferred } => {
                self.alter_constraint(work, name, *deferrable, *deferred)
            }
            A::RenameConstraint { from, to } => self.rename_constraint(work.table, from, to),
            A::ValidateConstraint(name) => self.validate_constraint(work, name),
            A::Rename(_) | A::SetSchema(_) | A::Owner(_) => self.alter_any(work.table, action),
            A::Refused(error) => Err(error.clone()),
            A::Sequence(_) | A::AddValue { .. } | A::RenameValue { .. } => {
                Err(Error::new(SqlState::INTERNAL_ERROR, "an action that tables do not have"))
            }
        }
    }

    /// Does in SQLite what was collected.
    fn finish(&mut self, work: Work) -> Result<()> {
        let Work { table, changed, updates, generated, checks, indexes, unique } = work;
        for index in &indexes {
            self.drop_index_storage(index);
        }
        let storage = self.table(table)?.storage;
        if !(updates.is_empty() && generated.is_empty()) {
            self.retext(table, Form::Loose)?;
        }
        for set in [updates, generated].iter().filter(|set| !set.is_empty()) {
            let set: Vec<String> = set.iter().map(|(number, sql)| format!("c{number} = {sql}")).collect();
            self.rows(format!("UPDATE {storage} SET {}", set.join(", ")));
        }
        if changed && !checks.is_empty() {
            // Columns that are new must be there before rows are checked.
            self.retext(table, Form::Loose)?;
        }
        for (sql, error) in checks {
            self.nothing(sql, error);
        }
        for index in &unique {
            self.check_unique(index)?;
        }
        if changed {
            self.retext(table, Form::Full)?;
        }
        for index in indexes.iter().chain(&unique) {
            if let Some(index) = self.catalog.index(index.oid).cloned() {
                self.create_index_storage(&index)?;
            }
        }
        Ok(())
    }

    /// Gives an object another name, and rewrites what names it.
    pub(super) fn rename(&mut self, oid: u32, to: &str) -> Result<()> {
        let Some(object) = self.catalog.object(oid).cloned() else { return Ok(()) };
        let schema = object.schema();
        match &object {
            Object::Schema(_) if self.catalog.schemas.contains_key(to) => {
                return Err(Error::new(
                    SqlState::DUPLICATE_SCHEMA,
                    format!("schema \"{to}\" already exists"),
                ));
            }
            Object::Schema(_) => {}
            Object::Enum(_) => self.check_type_name(schema, to)?,
            _ => {
                self.is_free(schema, to, false)?;
                self.check_row_type(schema, to)?;
            }
        }
        if let Object::Index(index) = &object {
            let owner = self.catalog.table(index.table).and_then(|table| {
                table
                    .constraints
                    .iter()
                    .find(|it| super::constraint::index_of(&it.rule) == Some(oid))
                    .map(|it| (table.oid, it.oid))
            });
            if let Some((table, constraint)) = owner {
                self.update_constraint(table, constraint, |it| to.clone_into(&mut it.name));
            }
        }
        let before = self.written(oid);
        self.update(oid, |object| object.set_name(to.to_owned()));
        self.rewrite(&object, &before);
        Ok(())
    }

    /// Every object in an object's place, or itself, by OID, with its schema's and its own name.
    fn written(&self, oid: u32) -> Vec<(u32, String, String)> {
        let objects: Vec<&Object> = match self.catalog.object(oid) {
            Some(Object::Schema(_)) => self.catalog.in_schema(oid).collect(),
            Some(object) => vec![object],
            None => Vec::new(),
        };
        let schema =
            |object: &Object| self.catalog.schema_name(object.schema()).unwrap_or_default().to_owned();
        objects.into_iter().map(|object| (object.oid(), schema(object), object.name().to_owned())).collect()
    }

    /// Rewrites texts that name an object, or those in a schema, by the names from before.
    fn rewrite(&mut self, object: &Object, before: &[(u32, String, String)]) {
        let after = self.written(object.oid());
        for (oid, schema, name) in before {
            let Some((_, to_schema, to_name)) = after.iter().find(|(other, ..)| other == oid) else {
                continue;
            };
            let (from, to) = ((schema.as_str(), name.as_str()), (to_schema.as_str(), to_name.as_str()));
            match self.catalog.object(*oid) {
                Some(Object::Enum(_)) => self.rewrite_texts(&|text| text::rename_type(text, from, to)),
                Some(Object::Sequence(_)) => self.rewrite_relations(from, to),
                Some(Object::Table(_) | Object::View(_)) => {
                    self.rewrite_relations(from, to);
                    self.rename_in_views(*oid, from, to);
                }
                _ => {}
            }
        }
    }

    fn rewrite_relations(&mut self, from: (&str, &str), to: (&str, &str)) {
        use crate::catalog::names::quote;
        let written = |(schema, name): (&str, &str)| format!("{}.{}", quote(schema), quote(name));
        let (from, to) = (written(from), written(to));
        self.rewrite_texts(&|text| {
            text::change_relations(text, |name| if name == from { to.clone() } else { name.to_owned() })
        });
    }

    /// Rewrites every text that the catalog keeps.
    fn rewrite_texts(&mut self, rewrite: &dyn Fn(&str) -> String) {
        let change = |text: &mut String| {
            let new = rewrite(text);
            let differs = new != *text;
            *text = new;
            differs
        };
        let objects: Vec<Object> =
            self.catalog.objects.values().map(|object| object.as_ref().clone()).collect();
        for mut object in objects {
            let mut differs = false;
            match &mut object {
                Object::Table(table) => {
                    for column in &mut table.columns {
                        column
                            .default
                            .iter_mut()
                            .chain(column.generated.as_mut())
                            .for_each(|text| differs |= change(text));
                    }
                    for constraint in &mut table.constraints {
                        if let Rule::Check { expression } = &mut constraint.rule {
                            differs |= change(expression);
                        }
                    }
                    if let Some(materialized) = &mut table.materialized {
                        differs |= change(&mut materialized.query);
                    }
                }
                Object::Index(index) => {
                    let keys = index.keys.iter_mut().filter_map(|key| key.expression.as_mut());
                    keys.chain(index.predicate.as_mut()).for_each(|text| differs |= change(text));
                }
                Object::View(view) => differs |= change(&mut view.query),
                Object::Schema(_) | Object::Sequence(_) | Object::Enum(_) => {}
            }
            if differs {
                self.put(object);
            }
        }
    }

    fn move_to(&mut self, oid: u32, schema: &str) -> Result<()> {
        let Some(object) = self.catalog.object(oid).cloned() else { return Ok(()) };
        let to =
            self.schema_for(&Name { schema: Some(schema.to_owned()), name: object.name().to_owned() })?;
        if let Object::Sequence(sequence) = &object
            && let Some((table, _)) = sequence.owner
        {
            let owner = self.catalog.table(table).map(|table| table.name.clone()).unwrap_or_default();
            let error = Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "cannot move an owned sequence into another schema",
            );
            return Err(
                error.with_detail(format!("Sequence \"{}\" is linked to table \"{owner}\".", sequence.name))
            );
        }
        if to == object.schema() {
            return Ok(());
        }
        if is_temporary(to) || is_temporary(oid) {
            let message = "cannot move objects into or out of temporary schemas";
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
        }
        let mut moved = vec![oid];
        if let Object::Table(_) = object {
            moved.extend(self.catalog.indexes_of(oid).map(|index| index.oid));
            moved.extend(
                self.catalog
                    .sequences()
                    .filter(|it| it.owner.is_some_and(|(table, _)| table == oid))
                    .map(|it| it.oid),
            );
        }
        for oid in moved {
            let Some(object) = self.catalog.object(oid).cloned() else { continue };
            if let Object::Enum(_) = object {
                self.check_type_name(to, object.name())?;
            } else if self.catalog.has_relation(to, object.name()) {
                let message = format!("relation \"{}\" already exists in schema \"{schema}\"", object.name());
                return Err(Error::new(SqlState::DUPLICATE_TABLE, message));
            }
            let before = self.written(oid);
            self.update(oid, |object| object.set_schema(to));
            self.rewrite(&object, &before);
        }
        Ok(())
    }

    fn rename_view_column(&mut self, oid: u32, from: &str, to: &str) -> Result<()> {
        let Some(view) = self.catalog.view(oid) else { return Ok(()) };
        let Some(number) = view.columns.iter().find(|column| column.name == from).map(|column| column.number)
        else {
            return Err(Error::new(SqlState::UNDEFINED_COLUMN, format!("column \"{from}\" does not exist")));
        };
        if view.columns.iter().any(|column| column.name == to) {
            let message = format!("column \"{to}\" of relation \"{}\" already exists", view.name);
            return Err(Error::new(SqlState::DUPLICATE_COLUMN, message));
        }
        self.refuse_if_views_use(oid, number, "renaming")?;
        self.update(oid, |object| {
            if let Object::View(view) = object {
                view.columns
                    .iter_mut()
                    .filter(|column| column.number == number)
                    .for_each(|column| to.clone_into(&mut column.name));
            }
        });
        Ok(())
    }

    fn refuse_if_views_use(&self, relation: u32, number: i16, what: &str) -> Result<()> {
        match self.catalog.queries().find(|view| view.uses_columns.contains(&(relation, number))) {
            Some(view) => {
                Err(Error::unsupported(format!("{what} a column that view \"{}\" may use", view.name)))
            }
            None => Ok(()),
        }
    }

    /// A notice that something is not there and nothing is done.
    fn skip(&mut self, message: impl std::fmt::Display) {
        self.notice(SUCCESS, format!("{message}, skipping"));
    }
}
