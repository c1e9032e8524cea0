//! `CREATE TABLE`: columns, what `LIKE` copies, and the order in which constraints are made.

use bole_sql_types::{Error, Result, SqlState, Type};
use sqlparser::ast::{DataType, ObjectNamePart};

use super::binder::Use;
use super::change::Change;
use super::naming;
use super::syntax::{ColumnSpec, ConstraintSpec, CreateTable, Name, RuleSpec, SequenceOption, TableElement};
use super::temporary;
use crate::bind::name_of;
use crate::catalog::temporary::is_temporary;
use crate::catalog::{Column, Identity, Object, Table, collations};

/// The most columns that a table can have, as in PostgreSQL.
const COLUMNS_MAX: usize = 1_600;

/// A column that is being made: what it will be, and what is to be worked out once the table is known.
pub(super) struct NewColumn {
    pub(super) column: Column,
    pub(super) serial: bool,
    pub(super) default: Option<sqlparser::ast::Expr>,
    pub(super) generated: Option<sqlparser::ast::Expr>,
    pub(super) sequence: Vec<SequenceOption>,
    /// Constraints of the column that are the table's: keys, checks, references.
    pub(super) constraints: Vec<ConstraintSpec>,
}

/// The integer type that `serial` and its like stand for.
pub(super) fn serial(ty: &DataType) -> Option<Type> {
    let DataType::Custom(name, modifiers) = ty else { return None };
    let [ObjectNamePart::Identifier(ident)] = name.0.as_slice() else { return None };
    if !modifiers.is_empty() {
        return None;
    }
    match name_of(ident).as_str() {
        "smallserial" | "serial2" => Some(Type::INT2),
        "serial" | "serial4" => Some(Type::INT4),
        "bigserial" | "serial8" => Some(Type::INT8),
        _ => None,
    }
}

impl Change<'_> {
    pub(super) fn create_table(&mut self, statement: &CreateTable) -> Result<()> {
        let CreateTable { name, temporary, on_commit, if_not_exists, elements } = statement;
        let schema = self.place_for(name, *temporary)?;
        let on_commit = temporary::on_commit(schema, *on_commit)?;
        if !self.is_free(schema, &name.name, *if_not_exists)? {
            return Ok(());
        }
        self.check_row_type(schema, &name.name)?;
        let oid = self.catalog.allocate(schema);
        let mut table = Table {
            oid,
            schema,
            name: name.name.clone(),
            storage: format!("t{oid}"),
            columns: Vec::new(),
            rowid_column: None,
            constraints: Vec::new(),
            temporary: is_temporary(schema),
            on_commit,
            materialized: None,
            comment: None,
        };
        let (mut columns, mut constraints, mut copies) = (Vec::new(), Vec::new(), Vec::new());
        for element in elements {
            match element {
                TableElement::Column(spec) => columns.push(self.new_column(&name.name, spec)?),
                TableElement::Constraint(spec) => constraints.push(spec.clone()),
                TableElement::Like { source, including } => {
                    let source = self.like_columns(source, *including, &mut columns)?;
                    copies.push((source, *including));
                }
            }
        }
        number(&mut columns)?;
        table.columns = columns.iter().map(|new| new.column.clone()).collect();
        let own = columns.iter_mut().flat_map(|new| std::mem::take(&mut new.constraints));
        let constraints: Vec<ConstraintSpec> = own.chain(constraints).collect();
        self.catalog.put(Object::Table(table));
        for new in &columns {
            self.finish_column(oid, new)?;
        }
        self.make_constraints(oid, &constraints)?;
        for (source, including) in copies {
            self.like_rest(oid, source, including)?;
        }
        self.check_generated(oid)?;
        let table = self.table(oid)?;
        self.put(Object::Table(table));
        self.create_storage(oid)
    }

    /// A column without what needs the table: its type, and whether NULL is refused.
    pub(super) fn new_column(&self, table: &str, spec: &ColumnSpec) -> Result<NewColumn> {
        let ColumnSpec { name, ty, collation, constraints } = spec;
        let is_serial = serial(ty);
        let (ty, typmod) = match is_serial {
            Some(ty) => (ty, -1),
            None => self.data_type(ty)?,
        };
        self.check_column_type(name, ty)?;
        let collation = self.collation(collation.as_ref(), ty)?;
        let column = Column {
            number: 0,
            name: name.clone(),
            type_oid: ty.0,
            typmod,
            not_null: is_serial.is_some(),
            default: None,
            identity: None,
            generated: None,
            dropped: false,
            collation,
            comment: None,
        };
        let mut new = NewColumn {
            column,
            serial: is_serial.is_some(),
            default: None,
            generated: None,
            sequence: Vec::new(),
            constraints: Vec::new(),
        };
        let mut null = None;
        for spec in constraints {
            column_rule(&mut new, spec, table, &mut null)?;
        }
        let is_integer = [Type::INT2, Type::INT4, Type::INT8].contains(&ty);
        if new.column.identity.is_some() && !is_integer {
            let message = "identity column type must be smallint, integer, or bigint";
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
        }
        new.column.not_null |= null == Some(false);
        Ok(new)
    }

    pub(super) fn check_column_type(&self, name: &str, ty: Type) -> Result<()> {
        use bole_sql_types::types::Category;
        let category = ty.info().map(|info| info.category);
        if matches!(category, Some(Category::Pseudo | Category::Unknown)) {
            let message = format!("column \"{name}\" has pseudo-type {}", self.catalog.type_name(ty));
            return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message));
        }
        Ok(())
    }

    /// What a column has besides its type: default, generation, sequence. The table must be in the catalog with the column.
    pub(super) fn finish_column(&mut self, table: u32, new: &NewColumn) -> Result<()> {
        let owner = self.table(table)?;
        let column = &new.column;
        let mut finished = column.clone();
        if new.serial || column.identity.is_some() {
            let chosen = new
                .sequence
                .iter()
                .find_map(|option| if let SequenceOption::Called(name) = option { Some(name) } else { None });
            let schema = chosen.map_or(Ok(owner.schema), |name| self.schema_for(name))?;
            let name = match chosen {
                Some(name) => name.name.clone(),
                None => naming::relation(&self.catalog, owner.schema, &owner.name, Some(&column.name), "seq"),
            };
            self.is_free(schema, &name, false)?;
            let sequence =
                self.make_sequence((schema, name), column.ty(), &new.sequence, Some((table, column.number)))?;
            if let Some(object) = self.catalog.object(sequence).filter(|_| new.serial) {
                let text = self.catalog.written_name(object).replace('\'', "''");
                finished.default = Some(format!("nextval('{text}'::regclass)"));
            }
        }
        if let Some(default) = &new.default {
            finished.default = self.kept_default(default, (column.ty(), column.typmod))?;
        }
        if let Some(generated) = &new.generated {
            finished.generated = Some(self.resolved(generated, Some(&owner.name))?);
        }
        let place = |columns: &mut Vec<Column>| {
            if let Some(it) = columns.iter_mut().find(|it| it.number == finished.number) {
                *it = finished;
            }
        };
        let mut owner = owner;
        place(&mut owner.columns);
        self.catalog.put(Object::Table(owner));
        Ok(())
    }

    /// That the expressions of generated columns are what such may be.
    pub(super) fn check_generated(&self, table: u32) -> Result<()> {
        let table = self.table(table)?;
        for column in table.live() {
            let Some(text) = &column.generated else { continue };
            let bound = self.kept_expression(
                Some(table.oid),
                text,
                Use::Generated,
                Some((column.ty(), column.typmod)),
            )?;
            if !bound.immutable {
                return Err(Error::new(SqlState(*b"42P17"), "generation expression is not immutable"));
            }
            let other = bound
                .columns
                .iter()
                .filter_map(|number| table.numbered(*number))
                .find(|it| it.generated.is_some());
            if let Some(other) = other {
                let message =
                    format!("cannot use generated column \"{}\" in column generation expression", other.name);
                let error = Error::new(SqlState::SYNTAX_ERROR, message);
                return Err(
                    error.with_detail("A generated column cannot reference another generated column.")
                );
            }
        }
        Ok(())
    }
}

impl Change<'_> {
    /// The OID of a collation that is written, unless it is the type's own. Errors: 42704 if there is none of this name, 42804 if the type has none.
    pub(super) fn collation(&self, written: Option<&Name>, ty: Type) -> Result<Option<u32>> {
        let Some(name) = written else { return Ok(None) };
        let is_in_place = name.schema.as_deref().is_none_or(|schema| schema == "pg_catalog");
        let Some(oid) = collations::named(&name.name).filter(|_| is_in_place) else {
            let message = format!("collation \"{name}\" for encoding \"UTF8\" does not exist");
            let hint = "Text is ordered by code points: C, POSIX, C.UTF-8, ucs_basic and default are the collations.";
            return Err(Error::new(SqlState::UNDEFINED_OBJECT, message).with_hint(hint));
        };
        let element = self.catalog.element_of(ty).unwrap_or(ty);
        if ![Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME].contains(&element) {
            let message = format!("collations are not supported by type {}", self.catalog.type_name(ty));
            return Err(Error::new(SqlState::DATATYPE_MISMATCH, message));
        }
        Ok((oid != collations::DEFAULT).then_some(oid))
    }
}

/// Numbers the columns of a new table.
fn number(columns: &mut [NewColumn]) -> Result<()> {
    if columns.len() > COLUMNS_MAX {
        return Err(Error::new(
            SqlState::TOO_MANY_COLUMNS,
            format!("tables can have at most {COLUMNS_MAX} columns"),
        ));
    }
    for place in 0..columns.len() {
        let name = &columns[place].column.name;
        if columns[..place].iter().any(|other| other.column.name == *name) {
            return Err(Error::new(
                SqlState::DUPLICATE_COLUMN,
                format!("column \"{name}\" specified more than once"),
            ));
        }
        check_column_name(name)?;
        columns[place].column.number = place as i16 + 1;
    }
    Ok(())
}

/// PostgreSQL's system columns cannot be made.
pub(super) fn check_column_name(name: &str) -> Result<()> {
    if ["tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"].contains(&name) {
        let message = format!("column name \"{name}\" conflicts with a system column name");
        return Err(Error::new(SqlState::DUPLICATE_COLUMN, message));
    }
    Ok(())
}

/// Takes in one constraint of a column. `null` is what was said about NULL before.
fn column_rule(
    new: &mut NewColumn,
    spec: &ConstraintSpec,
    table: &str,
    null: &mut Option<bool>,
) -> Result<()> {
    let column = new.column.name.clone();
    let syntax = |message: String| {
        Err(Error::new(
            SqlState::SYNTAX_ERROR,
            format!("{message} for column \"{column}\" of table \"{table}\""),
        ))
    };
    match &spec.rule {
        RuleSpec::NotNull | RuleSpec::Null => {
            let nullable = spec.rule == RuleSpec::Null;
            if *null == Some(!nullable) || nullable && (new.serial || new.column.identity.is_some()) {
                return syntax("conflicting NULL/NOT NULL declarations".to_owned());
            }
            *null = Some(nullable);
        }
        RuleSpec::Default(expression) => {
            if new.serial || new.default.is_some() {
                return syntax("multiple default values specified".to_owned());
            }
            new.default = Some(expression.clone());
        }
        RuleSpec::Generated(expression) => {
            if new.generated.is_some() {
                return syntax("multiple generation clauses specified".to_owned());
            }
            new.generated = Some(expression.clone());
        }
        RuleSpec::Identity { always, options } => {
            if new.column.identity.is_some() {
                return syntax("multiple identity specifications".to_owned());
            }
            if *null == Some(true) {
                return syntax("conflicting NULL/NOT NULL declarations".to_owned());
            }
            new.column.identity = Some(if *always { Identity::Always } else { Identity::ByDefault });
            new.column.not_null = true;
            new.sequence.clone_from(options);
        }
        _ => new.constraints.push(of_column(spec, &column)),
    }
    let has_default = new.default.is_some() || new.serial;
    match (has_default, new.column.identity.is_some(), new.generated.is_some()) {
        (true, true, _) => syntax("both default and identity specified".to_owned()),
        (true, _, true) => syntax("both default and generation expression specified".to_owned()),
        (_, true, true) => syntax("both identity and generation expression specified".to_owned()),
        _ => Ok(()),
    }
}

/// A column's constraint as the table's.
fn of_column(spec: &ConstraintSpec, column: &str) -> ConstraintSpec {
    let mut spec = spec.clone();
    if let RuleSpec::PrimaryKey { columns, .. }
    | RuleSpec::Unique { columns, .. }
    | RuleSpec::ForeignKey { columns, .. } = &mut spec.rule
    {
        *columns = vec![column.to_owned()];
    }
    spec
}
