//! What a relation's name means: a query of WITH, a table, a view, a sequence, or a relation of `pg_catalog`.

use sqlparser::ast::{self, TableAlias};

use bole_sql_types::{Error, Result, SqlState};

use super::Binder;
use super::from::named_space;
use super::names::{Named, Space, name_of, place_of};
use super::tree::{Cell, Expr, Node, Place, Source};
use crate::catalog::{Object, Sequence, View};

/// How many views may be nested.
const VIEWS_MAX: usize = 64;

impl Binder<'_> {
    /// The parts of a relation's name, without the database.
    pub(super) fn relation_name(&self, name: &ast::ObjectName) -> Result<(Option<String>, String, Place)> {
        let mut idents = Vec::new();
        for part in &name.0 {
            match part {
                ast::ObjectNamePart::Identifier(ident) => idents.push(ident),
                ast::ObjectNamePart::Function(_) => return Err(Error::unsupported(format!("name {name}"))),
            }
        }
        let place = idents.first().map(|ident| place_of(ident.span)).unwrap_or_default();
        let names: Vec<String> = idents.into_iter().map(name_of).collect();
        match names.as_slice() {
            [name] => Ok((None, name.clone(), place)),
            [schema, name] => Ok((Some(schema.clone()), name.clone(), place)),
            [database, schema, name] if *database == self.scope.database => {
                Ok((Some(schema.clone()), name.clone(), place))
            }
            _ => {
                let message = format!("cross-database references are not implemented: {}", names.join("."));
                Err(self.error_at(place, SqlState::FEATURE_NOT_SUPPORTED, message))
            }
        }
    }

    /// The object that a relation's name means.
    pub(super) fn find_relation(&self, schema: Option<&str>, name: &str) -> Option<&Object> {
        let found = |schema: u32| {
            let oid = self.catalog.relations.get(&(schema, name.to_owned()))?;
            self.catalog.objects.get(oid).map(AsRef::as_ref)
        };
        match schema {
            Some(schema) => found(*self.catalog.schemas.get(schema)?),
            None => self.catalog.with_temporary(&self.scope.search_path).into_iter().find_map(found),
        }
    }

    pub(super) fn no_relation(&self, schema: Option<&str>, name: &str, place: Place) -> Error {
        let full = schema.map_or_else(|| name.to_owned(), |schema| format!("{schema}.{name}"));
        self.error_at(place, SqlState::UNDEFINED_TABLE, format!("relation \"{full}\" does not exist"))
    }

    /// An item of FROM that is a name.
    pub(super) fn relation(
        &mut self,
        name: &ast::ObjectName,
        alias: Option<&TableAlias>,
    ) -> Result<(Source, Space)> {
        let (schema, name, place) = self.relation_name(name)?;
        if schema.is_none()
            && let Some(with) = self.with.iter_mut().rev().find(|with| with.name == name)
        {
            with.used = true;
            let with = with.clone();
            let relation = self.number();
            let space = self.query_space(relation, &with.columns, &name, alias)?;
            return Ok((Source::Cte { relation, number: with.number }, space));
        }
        if let Some(found) = self.system_relation(schema.as_deref(), &name, alias)? {
            return Ok(found);
        }
        let relation = self.number();
        let object = self.find_relation(schema.as_deref(), &name);
        match object {
            Some(Object::Table(table))
                if self.populated && table.materialized.as_ref().is_some_and(|it| !it.populated) =>
            {
                let message = format!("materialized view \"{name}\" has not been populated");
                let error = Error::new(SqlState(*b"55000"), message);
                Err(error.with_hint("Use the REFRESH MATERIALIZED VIEW command."))
            }
            Some(Object::Table(table)) => {
                let (oid, storage) = (table.oid, table.storage.clone());
                let space = self.table_space(oid, relation, alias)?;
                Ok((Source::Table { relation, name: storage }, space))
            }
            Some(Object::View(view)) => {
                let view = view.clone();
                self.view(&view, relation, alias)
            }
            Some(Object::Sequence(sequence)) => {
                let view = standing(sequence);
                self.view(&view, relation, alias)
            }
            Some(Object::Index(_)) => {
                let message = format!("cannot open relation \"{name}\"");
                Err(self
                    .error_at(place, SqlState::WRONG_OBJECT_TYPE, message)
                    .with_detail("This operation is not supported for indexes."))
            }
            _ => Err(self.no_relation(schema.as_deref(), &name, place)),
        }
    }

    /// A relation of `pg_catalog` or `information_schema`, whose rows a virtual table gives.
    fn system_relation(
        &mut self,
        schema: Option<&str>,
        name: &str,
        alias: Option<&TableAlias>,
    ) -> Result<Option<(Source, Space)>> {
        let written = crate::catalog::Name::new(schema, name);
        let found = self.catalog.find_relation(&written, &self.scope.search_path);
        let Some(crate::catalog::Relation::System(system)) = found else { return Ok(None) };
        let relation = self.number();
        let columns =
            system.columns.iter().zip(&system.not_null).enumerate().map(|(place, ((name, ty), not_null))| {
                let cell = Cell::Number(place as u32 + 1);
                let node = Node::Column { relation, column: cell };
                let expr = Expr { nullable: !not_null, ..Expr::new(node, *ty) };
                let origin = i16::try_from(place + 1).ok().map(|number| (system.oid, number));
                Named { name: (*name).to_owned(), expr, origin }
            });
        let columns = columns.collect();
        let space = match alias {
            Some(alias) => self.aliased(columns, alias, Some(system.oid))?,
            None => named_space(self.schema_name(system.schema), name.to_owned(), columns, Some(system.oid)),
        };
        Ok(Some((Source::Table { relation, name: system.storage() }, space)))
    }

    /// What a table makes visible.
    pub(super) fn table_space(
        &mut self,
        oid: u32,
        relation: u32,
        alias: Option<&TableAlias>,
    ) -> Result<Space> {
        let Some(Object::Table(table)) = self.catalog.objects.get(&oid).map(AsRef::as_ref) else {
            return Err(Error::new(SqlState::UNDEFINED_TABLE, format!("relation {oid} does not exist")));
        };
        let columns = table.columns.iter().filter(|column| !column.dropped).map(|column| {
            let cell = Cell::Number(column.number as u32);
            let expr = Expr {
                typmod: column.typmod,
                nullable: !column.not_null,
                ..Expr::new(Node::Column { relation, column: cell }, column.ty())
            };
            Named { name: column.name.clone(), expr, origin: Some((oid, column.number)) }
        });
        let columns = columns.collect();
        if let Some(alias) = alias {
            self.aliased(columns, alias, Some(oid))
        } else {
            let schema = self.schema_name(table.schema);
            Ok(named_space(schema, table.name.clone(), columns, Some(oid)))
        }
    }

    fn schema_name(&self, oid: u32) -> Option<String> {
        self.catalog.schema_name(oid).map(str::to_owned)
    }

    fn view(&mut self, view: &View, relation: u32, alias: Option<&TableAlias>) -> Result<(Source, Space)> {
        if self.views >= VIEWS_MAX {
            return Err(Error::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded"));
        }
        let parsed = crate::parse::parse(&view.query)?;
        let Some(query) = parsed.first().and_then(crate::parse::Parsed::query) else {
            return Err(Error::new(SqlState::DATA_CORRUPTED, format!("view {} has no query", view.name)));
        };
        // A view's names are its own: neither the levels around it nor their WITH are visible in it.
        let levels = std::mem::take(&mut self.levels);
        let with = std::mem::take(&mut self.with);
        let text = std::mem::take(&mut self.text);
        self.views += 1;
        let bound = self.query(query);
        self.views -= 1;
        self.levels = levels;
        self.with = with;
        self.text = text;
        let mut bound = bound?;
        for (column, known) in bound.columns.iter_mut().zip(&view.columns) {
            column.name.clone_from(&known.name);
            column.origin = Some((view.oid, known.number));
        }
        let mut space = self.query_space(relation, &bound.columns, &view.name, alias)?;
        if alias.is_none() {
            let schema = self.schema_name(view.schema);
            space.tables.iter_mut().for_each(|table| table.schema.clone_from(&schema));
        }
        Ok((Source::Derived { relation, query: Box::new(bound) }, space))
    }
}

/// What a sequence is as a relation: one row. How many values were logged ahead (`log_cnt`) is always 0 here.
fn standing(sequence: &Sequence) -> View {
    let query = format!(
        "SELECT CAST(pg_catalog.split_part(s, ' ', 1) AS bigint) AS last_value, CAST(0 AS bigint) AS log_cnt, \
         pg_catalog.split_part(s, ' ', 2) = 't' AS is_called \
         FROM (SELECT bole.sequence_standing(CAST(CAST({} AS oid) AS regclass)) AS s) AS standing",
        sequence.oid
    );
    View {
        oid: sequence.oid,
        schema: sequence.schema,
        name: sequence.name.clone(),
        query,
        columns: Vec::new(),
        uses: Vec::new(),
        uses_columns: Vec::new(),
        comment: None,
    }
}
