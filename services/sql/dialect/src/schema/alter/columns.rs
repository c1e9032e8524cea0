//! `ALTER TABLE`: columns.

use bole_sql_types::{Error, Result, SqlState, Type};
use sqlparser::ast::{DataType, Expr};

use super::super::binder::Use;
use super::super::change::Change;
use super::super::naming;
use super::super::resolved::ident;
use super::super::syntax::{ColumnSpec, Name, SequenceOption};
use super::super::table::check_column_name;
use super::Work;
use crate::catalog::dependencies::Element;
use crate::catalog::{Column, Identity, Index, Rule, Table, text};

fn missing(table: &Table, column: &str) -> Error {
    Error::new(
        SqlState::UNDEFINED_COLUMN,
        format!("column \"{column}\" of relation \"{}\" does not exist", table.name),
    )
}

fn wrong_state(column: &str, table: &Table, what: &str) -> Error {
    let message = format!("column \"{column}\" of relation \"{}\" {what}", table.name);
    Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
}

impl Change<'_> {
    fn table_column(&self, oid: u32, name: &str) -> Result<(Table, Column)> {
        let table = self.table(oid)?;
        let column = table.column(name).cloned().ok_or_else(|| missing(&table, name))?;
        Ok((table, column))
    }

    /// The check that a column has no NULL.
    pub(super) fn no_null(&self, oid: u32, number: i16) -> Result<(String, Error)> {
        let table = self.table(oid)?;
        let name = table.numbered(number).map(|column| column.name.clone()).unwrap_or_default();
        let message = format!("column \"{name}\" of relation \"{}\" contains null values", table.name);
        let mut error = Error::new(SqlState::NOT_NULL_VIOLATION, message);
        error.more().table = Some(table.name.clone());
        error.more().column = Some(name);
        error.more().schema = self.catalog.schema_name(table.schema).map(str::to_owned);
        Ok((format!("SELECT 1 FROM {} WHERE c{number} IS NULL LIMIT 1", table.storage), error))
    }

    pub(super) fn add_column(
        &mut self,
        work: &mut Work,
        spec: &ColumnSpec,
        if_not_exists: bool,
    ) -> Result<()> {
        let table = self.table(work.table)?;
        if table.column(&spec.name).is_some() {
            let message = format!("column \"{}\" of relation \"{}\" already exists", spec.name, table.name);
            if !if_not_exists {
                return Err(Error::new(SqlState::DUPLICATE_COLUMN, message));
            }
            self.notice(SqlState::DUPLICATE_COLUMN, format!("{message}, skipping"));
            return Ok(());
        }
        check_column_name(&spec.name)?;
        let mut new = self.new_column(&table.name, spec)?;
        new.column.number = table.columns.iter().map(|column| column.number).max().unwrap_or(0) + 1;
        if new.column.number > 1_600 {
            return Err(Error::new(SqlState::TOO_MANY_COLUMNS, "tables can have at most 1600 columns"));
        }
        let number = new.column.number;
        self.update_table(work.table, |table| table.columns.push(new.column.clone()));
        self.finish_column(work.table, &new)?;
        self.check_generated(work.table)?;
        let table = self.table(work.table)?;
        self.put(crate::catalog::Object::Table(table.clone()));
        work.changed = true;
        let column = table.numbered(number).cloned().ok_or_else(|| missing(&table, &spec.name))?;
        self.fill(work, &column)?;
        for constraint in std::mem::take(&mut new.constraints) {
            self.add_constraint(work, &constraint)?;
        }
        let not_null = self.table(work.table)?.numbered(number).is_some_and(|column| column.not_null);
        if not_null {
            work.checks.push(self.no_null(work.table, number)?);
        }
        Ok(())
    }

    /// The values of a new column in the rows that there are.
    fn fill(&mut self, work: &mut Work, column: &Column) -> Result<()> {
        let target = Some((column.ty(), column.typmod));
        if let Some(generated) = &column.generated {
            let bound = self.kept_expression(Some(work.table), generated, Use::Generated, target)?;
            work.generated.push((column.number, bound.sql));
        } else if let Some(default) = &column.default {
            let bound = self.kept_expression(None, default, Use::Default, target)?;
            work.updates.push((column.number, bound.sql));
        } else if column.identity.is_some() {
            let owner = Some((work.table, column.number));
            let sequence = self.catalog.sequences().find(|it| it.owner == owner).map(|it| it.oid);
            if let Some(object) = sequence.and_then(|oid| self.catalog.object(oid)) {
                let next =
                    format!("nextval('{}'::regclass)", self.catalog.written_name(object).replace('\'', "''"));
                let bound = self.kept_expression(None, &next, Use::Default, target)?;
                work.updates.push((column.number, bound.sql));
            }
        }
        Ok(())
    }

    pub(super) fn drop_column(
        &mut self,
        work: &mut Work,
        name: &str,
        if_exists: bool,
        cascade: bool,
    ) -> Result<()> {
        let table = self.table(work.table)?;
        let Some(column) = table.column(name) else {
            let error = missing(&table, name);
            if !if_exists {
                return Err(error);
            }
            self.skip(error.message);
            return Ok(());
        };
        let number = column.number;
        self.drop_elements(&[Element::Column(work.table, number)], cascade)?;
        work.updates.retain(|(column, _)| *column != number);
        work.generated.retain(|(column, _)| *column != number);
        let catalog = &self.catalog;
        work.indexes.retain(|index| catalog.index(index.oid).is_some());
        work.unique.retain(|index| catalog.index(index.oid).is_some());
        Ok(())
    }

    pub(super) fn rename_column(&mut self, oid: u32, from: &str, to: &str) -> Result<()> {
        let table = self.table(oid)?;
        let Some(column) = table.column(from) else {
            return Err(Error::new(SqlState::UNDEFINED_COLUMN, format!("column \"{from}\" does not exist")));
        };
        if table.column(to).is_some() {
            let message = format!("column \"{to}\" of relation \"{}\" already exists", table.name);
            return Err(Error::new(SqlState::DUPLICATE_COLUMN, message));
        }
        check_column_name(to)?;
        self.refuse_if_views_use(oid, column.number, "renaming")?;
        let number = column.number;
        let indexes: Vec<Index> = self.catalog.indexes_of(oid).cloned().collect();
        self.update_table(oid, |table| {
            for column in &mut table.columns {
                column.generated = column.generated.as_ref().map(|text| text::rename_column(text, from, to));
                if column.number == number {
                    to.clone_into(&mut column.name);
                }
            }
            for constraint in &mut table.constraints {
                if let Rule::Check { expression } = &mut constraint.rule {
                    *expression = text::rename_column(expression, from, to);
                }
            }
        });
        for mut index in indexes {
            let before = index.clone();
            let texts = index
                .keys
                .iter_mut()
                .filter_map(|key| key.expression.as_mut())
                .chain(index.predicate.as_mut());
            texts.for_each(|text| *text = text::rename_column(text, from, to));
            if index != before {
                self.put(crate::catalog::Object::Index(index));
            }
        }
        Ok(())
    }

    pub(super) fn set_default(&mut self, work: &mut Work, name: &str, default: Option<&Expr>) -> Result<()> {
        let (table, column) = self.table_column(work.table, name)?;
        if column.identity.is_some() {
            let error = Error::new(
                SqlState::SYNTAX_ERROR,
                format!("column \"{name}\" of relation \"{}\" is an identity column", table.name),
            );
            let hint = "Use ALTER TABLE ... ALTER COLUMN ... DROP IDENTITY instead.";
            return Err(if default.is_none() { error.with_hint(hint) } else { error });
        }
        if column.generated.is_some() {
            let message = format!("column \"{name}\" of relation \"{}\" is a generated column", table.name);
            let error = Error::new(SqlState::SYNTAX_ERROR, message);
            let hint = "Use ALTER TABLE ... ALTER COLUMN ... DROP EXPRESSION instead.";
            return Err(if default.is_none() { error.with_hint(hint) } else { error });
        }
        let kept = match default {
            Some(default) => self.kept_default(default, (column.ty(), column.typmod))?,
            None => None,
        };
        self.update_column(work.table, column.number, |column| column.default = kept);
        // SQLite has defaults only where a reference sets them.
        work.changed |= table.constraints.iter().any(|it| matches!(it.rule, Rule::ForeignKey { .. }));
        Ok(())
    }

    pub(super) fn set_not_null(&mut self, work: &mut Work, name: &str, not_null: bool) -> Result<()> {
        let (table, column) = self.table_column(work.table, name)?;
        if column.not_null == not_null {
            return Ok(());
        }
        if !not_null {
            if column.identity.is_some() {
                let message =
                    format!("column \"{name}\" of relation \"{}\" is an identity column", table.name);
                return Err(Error::new(SqlState::SYNTAX_ERROR, message));
            }
            if table.primary_key().is_some_and(|(columns, _)| columns.contains(&column.number)) {
                return Err(Error::new(
                    SqlState::INVALID_TABLE_DEFINITION,
                    format!("column \"{name}\" is in a primary key"),
                ));
            }
        }
        self.update_column(work.table, column.number, |column| column.not_null = not_null);
        work.changed = true;
        if not_null {
            work.checks.push(self.no_null(work.table, column.number)?);
        }
        // Keys in which NULLs are equal look different when there can be none.
        let terms = self
            .catalog
            .indexes_of(work.table)
            .filter(|index| index.nulls_not_distinct)
            .cloned()
            .collect::<Vec<_>>();
        work.indexes.extend(
            terms.into_iter().filter(|index| index.keys.iter().any(|key| key.column == column.number)),
        );
        Ok(())
    }

    pub(super) fn drop_expression(&mut self, work: &mut Work, name: &str, if_exists: bool) -> Result<()> {
        let (table, column) = self.table_column(work.table, name)?;
        if column.generated.is_none() {
            let error = wrong_state(name, &table, "is not a stored generated column");
            if !if_exists {
                return Err(error);
            }
            self.skip(error.message);
            return Ok(());
        }
        self.update_column(work.table, column.number, |column| column.generated = None);
        work.changed = true;
        Ok(())
    }

    pub(super) fn add_identity(
        &mut self,
        work: &Work,
        name: &str,
        always: bool,
        options: &[SequenceOption],
    ) -> Result<()> {
        let (table, column) = self.table_column(work.table, name)?;
        let problem = if !column.not_null {
            Some("must be declared NOT NULL before identity can be added")
        } else if column.identity.is_some() {
            Some("is already an identity column")
        } else if column.default.is_some() {
            Some("already has a default value")
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(wrong_state(name, &table, problem));
        }
        if ![Type::INT2, Type::INT4, Type::INT8].contains(&column.ty()) {
            let message = "identity column type must be smallint, integer, or bigint";
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
        }
        let sequence = naming::relation(&self.catalog, table.schema, &table.name, Some(name), "seq");
        self.make_sequence((table.schema, sequence), column.ty(), options, Some((table.oid, column.number)))?;
        let identity = if always { Identity::Always } else { Identity::ByDefault };
        self.update_column(work.table, column.number, |column| column.identity = Some(identity));
        Ok(())
    }

    pub(super) fn set_identity(
        &mut self,
        oid: u32,
        name: &str,
        always: Option<bool>,
        options: &[SequenceOption],
    ) -> Result<()> {
        let (table, column) = self.table_column(oid, name)?;
        if column.identity.is_none() {
            return Err(wrong_state(name, &table, "is not an identity column"));
        }
        if let Some(always) = always {
            let identity = if always { Identity::Always } else { Identity::ByDefault };
            self.update_column(oid, column.number, |column| column.identity = Some(identity));
        }
        let sequence =
            self.catalog.sequences().find(|it| it.owner == Some((oid, column.number))).map(|it| it.oid);
        match sequence {
            Some(sequence) if !options.is_empty() => self.alter_sequence(sequence, options),
            _ => Ok(()),
        }
    }

    pub(super) fn drop_identity(&mut self, oid: u32, name: &str, if_exists: bool) -> Result<()> {
        let (table, column) = self.table_column(oid, name)?;
        if column.identity.is_none() {
            let error = wrong_state(name, &table, "is not an identity column");
            if !if_exists {
                return Err(error);
            }
            self.skip(error.message);
            return Ok(());
        }
        self.update_column(oid, column.number, |column| column.identity = None);
        let sequence =
            self.catalog.sequences().find(|it| it.owner == Some((oid, column.number))).map(|it| it.oid);
        sequence.map_or(Ok(()), |sequence| self.drop_elements(&[Element::Object(sequence)], false))
    }

    pub(super) fn set_type(
        &mut self,
        work: &mut Work,
        name: &str,
        ty: &DataType,
        collation: Option<&Name>,
        using: Option<&Expr>,
    ) -> Result<()> {
        let (table, column) = self.table_column(work.table, name)?;
        let (ty, typmod) = self.data_type(ty)?;
        let collation = self.collation(collation, ty)?;
        self.check_column_type(name, ty)?;
        self.check_type_is_free(&table, &column)?;
        let trivial = using.is_none() && keeps_form((column.ty(), column.typmod), (ty, typmod));
        if !trivial {
            self.convert(work, &table, &column, (ty, typmod), using)?;
        }
        self.check_default(&column, (ty, typmod))?;
        self.update_column(work.table, column.number, |column| {
            (column.type_oid, column.typmod, column.collation) = (ty.0, typmod, collation);
        });
        let is_integer = [Type::INT2, Type::INT4, Type::INT8].contains(&ty);
        if table.rowid_column == Some(column.number) && !is_integer {
            // The copy that a rebuild makes is the one place where another kind of key can begin.
            return Err(Error::unsupported(
                "changing the type of an integer primary key to another than an integer",
            ));
        }
        if column.identity.is_some() {
            if !is_integer {
                let message = "identity column type must be smallint, integer, or bigint";
                return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
            }
            let sequence = self
                .catalog
                .sequences()
                .find(|it| it.owner == Some((table.oid, column.number)))
                .map(|it| it.oid);
            let name = ty.info().map_or("int8", |info| info.name);
            let ty = DataType::Custom(sqlparser::ast::ObjectName::from(vec![ident(name)]), Vec::new());
            if let Some(sequence) = sequence {
                self.alter_sequence(sequence, &[SequenceOption::As(ty)])?;
            }
        }
        work.changed = true;
        self.again(work, &table, &column)
    }

    /// Indexes and checks that name a column whose type has changed are made and checked again.
    fn again(&mut self, work: &mut Work, table: &Table, column: &Column) -> Result<()> {
        let names_it = |text: &String| text::names_column(text, &column.name);
        let indexes = self.catalog.indexes_of(table.oid).filter(|index| {
            let texts = index.keys.iter().filter_map(|key| key.expression.as_ref()).chain(&index.predicate);
            index.keys.iter().any(|key| key.column == column.number) || texts.into_iter().any(names_it)
        });
        let indexes: Vec<Index> =
            indexes.filter(|index| !work.indexes.iter().any(|it| it.oid == index.oid)).cloned().collect();
        work.indexes.extend(indexes);
        for constraint in &table.constraints {
            if let Rule::Check { expression } = &constraint.rule
                && names_it(expression)
            {
                work.checks.push(self.check_of(table, constraint, expression)?);
            }
        }
        Ok(())
    }

    /// What PostgreSQL says where something uses the column by its type, and what is refused here.
    fn check_type_is_free(&self, table: &Table, column: &Column) -> Result<()> {
        if let Some(view) =
            self.catalog.queries().find(|view| view.uses_columns.contains(&(table.oid, column.number)))
        {
            let message = "cannot alter type of a column used by a view or rule";
            let detail = format!("rule _RETURN on view {} depends on column \"{}\"", view.name, column.name);
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).with_detail(detail));
        }
        let names_it = |other: &&Column| {
            other.generated.as_ref().is_some_and(|text| text::names_column(text, &column.name))
        };
        if let Some(other) = table.live().find(names_it) {
            let error = Error::new(
                SqlState::SYNTAX_ERROR,
                "cannot alter type of a column used by a generated column",
            );
            let detail =
                format!("Column \"{}\" is used by generated column \"{}\".", column.name, other.name);
            return Err(error.with_detail(detail));
        }
        if column.generated.is_some() {
            return Err(Error::unsupported("changing the type of a generated column"));
        }
        Ok(())
    }

    /// The values of a column in its new type.
    fn convert(
        &mut self,
        work: &mut Work,
        table: &Table,
        column: &Column,
        to: (Type, i32),
        using: Option<&Expr>,
    ) -> Result<()> {
        let own = table.constraints.iter().any(
            |it| matches!(&it.rule, Rule::ForeignKey { columns, .. } if columns.contains(&column.number)),
        );
        let referenced = self.catalog.references_to(table.oid).any(|(_, it)| {
            matches!(&it.rule, Rule::ForeignKey { target_columns, .. } if target_columns.contains(&column.number))
        });
        if own || referenced {
            return Err(Error::unsupported("changing the form of a column that a foreign key has"));
        }
        if work.updates.iter().any(|(number, _)| *number == column.number) {
            let message = format!("cannot alter type of column \"{}\" twice", column.name);
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
        }
        let plain = Expr::Identifier(ident(&column.name));
        let bound = self
            .expression(Some(table.oid), using.unwrap_or(&plain), Use::Transform, Some(to))
            .map_err(|error| {
                let uncast = error.state == SqlState::CANNOT_COERCE && using.is_none();
                if error.state != SqlState::DATATYPE_MISMATCH && !uncast {
                    return error;
                }
                let shown = crate::catalog::definitions::format_type(&self.catalog, to.0, -1);
                let modified = crate::catalog::definitions::format_type(&self.catalog, to.0, to.1);
                let which = if using.is_some() { "result of USING clause for " } else { "" };
                let message =
                    format!("{which}column \"{}\" cannot be cast automatically to type {shown}", column.name);
                let hint = if using.is_some() {
                    "You might need to add an explicit cast.".to_owned()
                } else {
                    format!(
                        "You might need to specify \"USING {}::{modified}\".",
                        crate::catalog::names::quote(&column.name)
                    )
                };
                Error::new(SqlState::DATATYPE_MISMATCH, message).with_hint(hint)
            })?;
        work.updates.push((column.number, bound.sql));
        Ok(())
    }

    fn check_default(&self, column: &Column, to: (Type, i32)) -> Result<()> {
        let Some(default) = &column.default else { return Ok(()) };
        self.kept_expression(None, default, Use::Default, Some(to)).map(drop).map_err(|error| {
            if error.state != SqlState::DATATYPE_MISMATCH
                && error.state != SqlState::INVALID_TEXT_REPRESENTATION
            {
                return error;
            }
            let shown = crate::catalog::definitions::format_type(&self.catalog, to.0, -1);
            let message = format!(
                "default for column \"{}\" cannot be cast automatically to type {shown}",
                column.name
            );
            Error::new(SqlState::DATATYPE_MISMATCH, message)
        })
    }
}

/// Whether every value of a type is one of the other in the same form.
fn keeps_form(from: (Type, i32), to: (Type, i32)) -> bool {
    const WIDER: [(Type, Type); 3] =
        [(Type::INT2, Type::INT4), (Type::INT2, Type::INT8), (Type::INT4, Type::INT8)];
    let is_text = |ty: Type| ty == Type::TEXT || ty == Type::VARCHAR;
    if from == to || WIDER.contains(&(from.0, to.0)) {
        return true;
    }
    let fits = to.1 == -1 || from.1 != -1 && from.1 <= to.1;
    is_text(from.0) && is_text(to.0) && fits || from.0 == to.0 && from.0 == Type::NUMERIC && to.1 == -1
}
