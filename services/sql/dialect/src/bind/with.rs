//! WITH: queries that others name, recursive ones among them.

use bole_sql_types::{Error, Result, SqlState};
use sqlparser::ast::{self, SetExpr, SetQuantifier};

use super::Binder;
use super::from::With;
use super::names::{name_of, place_of};
use super::query::plain;
use super::tree::{Body, Column, Cte, Query, Set, SetOperator};
use super::walk;
use crate::builtins::Context;

impl Binder<'_> {
    pub(super) fn with_clause(&mut self, with: &ast::With) -> Result<Vec<Cte>> {
        let ast::With { with_token: _, recursive, cte_tables } = with;
        let first = self.with.len();
        let mut bound = Vec::with_capacity(cte_tables.len());
        for cte in cte_tables {
            let ast::Cte { alias, query, from, materialized, closing_paren_token: _ } = cte;
            if from.is_some() {
                return Err(Error::unsupported("FROM after a query of WITH"));
            }
            let ast::TableAlias { explicit: _, name, columns, at } = alias;
            if at.is_some() || columns.iter().any(|column| column.data_type.is_some()) {
                return Err(Error::unsupported("this form of an alias"));
            }
            let names: Vec<String> = columns.iter().map(|column| name_of(&column.name)).collect();
            let name_place = place_of(name.span);
            let name = name_of(name);
            if self.with[first..].iter().any(|other| other.name == name) {
                let message = format!("WITH query name \"{name}\" specified more than once");
                return Err(self.error_at(name_place, SqlState::DUPLICATE_ALIAS, message));
            }
            let number = self.number();
            let (mut query, recursive) = if *recursive {
                self.recursive_query(&name, number, &names, query)?
            } else {
                (self.query(query)?, false)
            };
            Self::rename(&mut query.columns, &names, &name)?;
            let materialized = match materialized {
                Some(ast::CteAsMaterialized::Materialized) => Some(true),
                // As in PostgreSQL, whatever is said.
                _ if walk::any_in_query(&query, &walk::is_fresh_call) => Some(true),
                Some(ast::CteAsMaterialized::NotMaterialized) => Some(false),
                None => walk::any_in_query(&query, &walk::is_variable_call).then_some(true),
            };
            self.with.push(With { name, number, columns: query.columns.clone(), used: false });
            bound.push(Cte { number, query, recursive, materialized: materialized.filter(|_| !recursive) });
        }
        Ok(bound)
    }

    /// Columns under the names of an alias.
    pub(super) fn rename(columns: &mut [Column], names: &[String], table: &str) -> Result<()> {
        if names.len() > columns.len() {
            let message = format!(
                "table \"{table}\" has {} columns available but {} columns specified",
                columns.len(),
                names.len()
            );
            return Err(Error::new(SqlState::INVALID_COLUMN_REFERENCE, message));
        }
        for (column, name) in columns.iter_mut().zip(names) {
            column.name.clone_from(name);
        }
        Ok(())
    }

    fn recursive_query(
        &mut self,
        name: &str,
        number: u32,
        names: &[String],
        query: &ast::Query,
    ) -> Result<(Query, bool)> {
        let SetExpr::SetOperation { left, op: ast::SetOperator::Union, set_quantifier, right } =
            query.body.as_ref()
        else {
            return Ok((self.query(query)?, false));
        };
        if query.with.is_some()
            || query.order_by.is_some()
            || query.limit_clause.is_some()
            || query.fetch.is_some()
            || query.for_clause.is_some()
            || query.settings.is_some()
            || query.format_clause.is_some()
            || !query.pipe_operators.is_empty()
        {
            return Ok((self.query(query)?, false));
        }
        if !query.locks.is_empty() {
            return Err(Error::unsupported("a locking clause in a query of WITH RECURSIVE"));
        }
        let open = self.arm(left)?;
        let mut left = self.settle(open.clone())?;
        Self::rename(&mut left.columns, names, name)?;
        self.with.push(With { name: name.to_owned(), number, columns: left.columns.clone(), used: false });
        let right = self.arm(right);
        let used = self.with.pop().is_some_and(|with| with.used);
        let mut right = right?;
        if !used {
            let set = self.set_of_arms(open, ast::SetOperator::Union, *set_quantifier, right)?;
            return Ok((self.settle(set)?, false));
        }
        let all = match set_quantifier {
            SetQuantifier::All => true,
            SetQuantifier::Distinct | SetQuantifier::None => false,
            _ => return Err(Error::unsupported("a set operation BY NAME")),
        };
        if left.columns.len() != right.columns.len() {
            let message = "each UNION query must have the same number of columns";
            return Err(Error::new(SqlState::SYNTAX_ERROR, message));
        }
        for index in 0..left.columns.len() {
            let (first, second) = (left.columns[index].ty, right.columns[index].ty);
            if !self.can_coerce(second, first, Context::Implicit) {
                let message = format!(
                    "recursive query \"{name}\" column {} has type {} in non-recursive term but type {} overall",
                    index + 1,
                    self.type_name(first),
                    self.type_name(second)
                );
                return Err(Error::new(SqlState::DATATYPE_MISMATCH, message)
                    .with_hint("Cast the output of the non-recursive term to the correct type."));
            }
            right = self.convert_column(right, index, first)?;
            left.columns[index].nullable = true;
        }
        recursion_is_simple(&right, number)?;
        let columns = left.columns.clone();
        let set = Set { operator: SetOperator::Union, all, left, right };
        Ok((plain(Body::Set(Box::new(set)), columns), true))
    }
}

/// SQLite recurses over a plain SELECT with the query in its FROM once.
fn recursion_is_simple(right: &Query, number: u32) -> Result<()> {
    use super::tree::Source;
    fn count(source: &Source, number: u32) -> usize {
        match source {
            Source::Cte { number: of, .. } => usize::from(*of == number),
            Source::Join { left, right, .. } => count(left, number) + count(right, number),
            _ => 0,
        }
    }
    let direct = match &right.body {
        Body::Select(select) if !select.distinct && select.group.is_none() => {
            select.from.iter().map(|source| count(source, number)).sum::<usize>()
        }
        _ => 0,
    };
    if direct == 1 { Ok(()) } else { Err(Error::unsupported("this form of recursion")) }
}
