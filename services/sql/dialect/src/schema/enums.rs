//! Enum types: their labels and the places of these.

use bole_sql_types::{Error, Result, SqlState};

use super::change::Change;
use super::syntax::{AlterAction, Name};
use crate::catalog::temporary::is_temporary;
use crate::catalog::{Enum, Label, Object, Table, text};

/// How far places of new labels are apart, so that others fit between.
const GAP: i64 = 1 << 32;

fn exists(label: &str) -> Error {
    Error::new(SqlState::DUPLICATE_OBJECT, format!("enum label \"{label}\" already exists"))
}

fn missing(label: &str) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("\"{label}\" is not an existing enum label"))
}

fn check_label(label: &str) -> Result<()> {
    if label.len() <= 63 {
        return Ok(());
    }
    let error = Error::new(SqlState::INVALID_NAME, format!("invalid enum label \"{label}\""));
    Err(error.with_detail("Labels must be 63 bytes or less."))
}

impl Change<'_> {
    /// That a type, or a relation, whose rows have a type in PostgreSQL, may have this name.
    pub(super) fn check_type_name(&self, schema: u32, name: &str) -> Result<()> {
        let key = (schema, name.to_owned());
        let relation = self.catalog.relations.get(&key).and_then(|oid| self.catalog.object(*oid));
        let has_type = matches!(relation, Some(Object::Table(_) | Object::View(_)));
        if has_type || self.catalog.types.contains_key(&key) {
            return Err(Error::new(SqlState::DUPLICATE_OBJECT, format!("type \"{name}\" already exists")));
        }
        Ok(())
    }

    /// The same for a relation.
    pub(super) fn check_row_type(&self, schema: u32, name: &str) -> Result<()> {
        if !self.catalog.types.contains_key(&(schema, name.to_owned())) {
            return Ok(());
        }
        let error = Error::new(SqlState::DUPLICATE_OBJECT, format!("type \"{name}\" already exists"));
        let hint = "A relation has an associated type of the same name, so you must use a name that doesn't conflict with any existing type.";
        Err(error.with_hint(hint))
    }

    pub(super) fn create_enum(&mut self, name: &Name, labels: &[String]) -> Result<()> {
        let schema = self.schema_for(name)?;
        if is_temporary(schema) {
            return Err(Error::unsupported("a temporary type"));
        }
        self.check_type_name(schema, &name.name)?;
        let (oid, array_oid) = (self.catalog.allocate(schema), self.catalog.allocate(schema));
        let mut made: Vec<Label> = Vec::new();
        for label in labels {
            check_label(label)?;
            if made.iter().any(|other| other.name == *label) {
                let message = "duplicate key value violates unique constraint \"pg_enum_typid_label_index\"";
                return Err(Error::new(SqlState::UNIQUE_VIOLATION, message));
            }
            made.push(Label { name: label.clone(), place: GAP * (made.len() as i64 + 1) });
        }
        self.put(Object::Enum(Enum {
            oid,
            array_oid,
            schema,
            name: name.name.clone(),
            labels: made,
            comment: None,
        }));
        Ok(())
    }

    /// `ADD VALUE` and `RENAME VALUE`.
    pub(super) fn alter_labels(&mut self, oid: u32, action: &AlterAction) -> Result<()> {
        let Some(Object::Enum(mut it)) = self.catalog.object(oid).cloned() else { return Ok(()) };
        match action {
            AlterAction::AddValue { label, if_not_exists, beside } => {
                check_label(label)?;
                if it.labels.iter().any(|other| other.name == *label) {
                    if !if_not_exists {
                        return Err(exists(label));
                    }
                    let message = format!("enum label \"{label}\" already exists, skipping");
                    self.notice(SqlState::DUPLICATE_OBJECT, message);
                    return Ok(());
                }
                let at = match beside {
                    None => it.labels.len(),
                    Some((after, other)) => {
                        let place = it.labels.iter().position(|it| it.name == *other);
                        place.ok_or_else(|| missing(other))? + usize::from(*after)
                    }
                };
                let place = place_between(&it.labels, at)?;
                it.labels.insert(at, Label { name: label.clone(), place });
            }
            AlterAction::RenameValue { from, to } => {
                check_label(to)?;
                let at =
                    it.labels.iter().position(|label| label.name == *from).ok_or_else(|| missing(from))?;
                if it.labels.iter().any(|label| label.name == *to) {
                    return Err(exists(to));
                }
                it.labels[at].name.clone_from(to);
                self.rename_label(&it, from, to)?;
            }
            _ => return Err(Error::new(SqlState::INTERNAL_ERROR, "no change of an enum's labels")),
        }
        self.put(Object::Enum(it));
        Ok(())
    }

    /// Rewrites defaults that are the label. Where the string might be something else, the change is refused.
    fn rename_label(&mut self, it: &Enum, from: &str, to: &str) -> Result<()> {
        let types = [it.oid, it.array_oid];
        let refuse = |what: &str, name: &str| {
            Err(Error::unsupported(format!("renaming a label that {what} \"{name}\" may name")))
        };
        for view in self.catalog.queries().filter(|view| view.uses.contains(&it.oid)) {
            if text::has_string(&view.query, from) {
                return refuse("view", &view.name);
            }
        }
        let concerned: Vec<Table> = self
            .catalog
            .tables()
            .filter(|table| table.live().any(|column| types.contains(&column.type_oid)))
            .cloned()
            .collect();
        for mut table in concerned {
            let names_it = |text: &String| text::has_string(text, from);
            let checks = table.constraints.iter().any(|constraint| match &constraint.rule {
                crate::catalog::Rule::Check { expression } => names_it(expression),
                _ => false,
            });
            let generated = table.live().filter_map(|column| column.generated.as_ref()).any(names_it);
            let indexes = self.catalog.indexes_of(table.oid).any(|index| {
                index
                    .keys
                    .iter()
                    .filter_map(|key| key.expression.as_ref())
                    .chain(&index.predicate)
                    .any(names_it)
            });
            if checks || generated || indexes {
                return refuse("table", &table.name);
            }
            for column in table.columns.iter_mut().filter(|column| types.contains(&column.type_oid)) {
                column.default =
                    column.default.as_ref().map(|default| text::change_string(default, from, to));
            }
            self.put(Object::Table(table));
        }
        Ok(())
    }
}

/// A place for a label that becomes the one at `at`.
fn place_between(labels: &[Label], at: usize) -> Result<i64> {
    let before = at.checked_sub(1).map(|before| labels[before].place);
    let after = labels.get(at).map(|label| label.place);
    let place = match (before, after) {
        (None, None) => Some(GAP),
        (Some(before), None) => before.checked_add(GAP),
        (None, Some(after)) => after.checked_sub(GAP),
        (Some(before), Some(after)) if after - before > 1 => Some(before + (after - before) / 2),
        (Some(_), Some(_)) => None,
    };
    place.ok_or_else(|| {
        Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "there is no room for a label between these two")
    })
}
