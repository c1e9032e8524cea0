//! Functions in FROM, which give rows, and rows that travel as one value.

use std::rc::Rc;

use bole_sql_types::{Error, Result, Type};
use sqlparser::ast::{self, TableAlias};

use super::Binder;
use super::from::named_space;
use super::names::{Clause, Named, Space, name_of};
use super::resolve::spelled;
use super::tree::{Cell, Column, Comparison, Expr, Node, Place, Query, Source};
use super::walk;
use crate::builtins::{Kind, Spelling, Volatility};

/// Names of the columns of table-valued functions.
pub(super) const RESULTS: [&str; 32] = [
    "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16",
    "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31",
    "v32",
];

/// Arrays that `pg_unnest` takes.
const TOGETHER_MAX: usize = 8;

impl Binder<'_> {
    pub(super) fn unnest(
        &mut self,
        arrays: &[ast::Expr],
        ordinality: bool,
        alias: Option<&TableAlias>,
    ) -> Result<(Source, Space)> {
        let [array] = arrays else { return self.unnest_several(arrays, ordinality, alias) };
        let argument = self.within(Clause::From, |binder| binder.expr(array))?;
        self.function_source("unnest", vec![argument], ordinality, alias, Place::default())
    }

    /// Arrays side by side in one call; the shorter ones are filled with NULL.
    fn unnest_together(
        &mut self,
        arrays: &[ast::Expr],
        ordinality: bool,
        alias: Option<&TableAlias>,
    ) -> Result<(Source, Space)> {
        let relation = self.number();
        let cell = |name, ty| Expr::new(Node::Column { relation, column: Cell::Name(name) }, ty);
        let (mut columns, mut all) = (Vec::with_capacity(arrays.len() + 1), Vec::new());
        for (array, place) in arrays.iter().zip(RESULTS) {
            let argument = vec![self.within(Clause::From, |binder| binder.expr(array))?];
            let function = self.resolve("unnest", &argument, Place::default())?;
            let (argument, result) = self.convert_arguments(&function, argument, Place::default())?;
            all.extend(spelled(function.of.spelling, &function.types, argument).1);
            columns.push(Named { name: "unnest".to_owned(), expr: cell(place, result), origin: None });
        }
        if ordinality {
            let expr = cell("ordinality", Type::INT8).not_null();
            columns.push(Named { name: "ordinality".to_owned(), expr, origin: None });
        }
        let space = match alias {
            Some(alias) => self.aliased(columns, alias, None)?,
            None => named_space(None, "unnest".to_owned(), columns, None),
        };
        Ok((Source::Function { relation, name: "pg_unnest", arguments: all, last: false }, space))
    }

    /// More arrays than one call takes are joined by the numbers of their elements.
    fn unnest_several(
        &mut self,
        arrays: &[ast::Expr],
        ordinality: bool,
        alias: Option<&TableAlias>,
    ) -> Result<(Source, Space)> {
        if arrays.len() <= TOGETHER_MAX {
            return self.unnest_together(arrays, ordinality, alias);
        }
        let mut columns: Vec<Named> = Vec::with_capacity(arrays.len());
        let mut joined: Option<(Source, Expr)> = None;
        for array in arrays {
            let argument = self.within(Clause::From, |binder| binder.expr(array))?;
            let is_column = |expr: &Expr| matches!(expr.node, Node::Column { .. });
            if ordinality || walk::any(&argument, true, &is_column) {
                return Err(Error::unsupported("unnest of several arrays in this form"));
            }
            let (source, space) =
                self.function_source("unnest", vec![argument], true, None, Place::default())?;
            let [item, number] = space.columns.as_slice() else {
                return Err(Error::unsupported("unnest of several arrays in this form"));
            };
            let mut item = item.clone();
            item.expr.nullable = true;
            columns.push(item);
            let number = number.expr.clone();
            joined = Some(match joined {
                None => (source, number),
                Some((left, known)) => {
                    let on =
                        self.compare(Comparison::Equal, known.clone(), number.clone(), Place::default())?;
                    let number = Expr::new(Node::Coalesce(vec![known, number]), Type::INT8);
                    let (left, right) = (Box::new(left), Box::new(source));
                    (Source::Join { kind: " FULL JOIN ", left, right, on: Some(on) }, number)
                }
            });
        }
        let Some((source, _)) = joined else { return Err(Error::unsupported("unnest of nothing")) };
        let space = match alias {
            Some(alias) => self.aliased(columns, alias, None)?,
            None => named_space(None, "unnest".to_owned(), columns, None),
        };
        Ok((source, space))
    }

    pub(super) fn table_function(
        &mut self,
        name: &ast::ObjectName,
        arguments: &[ast::FunctionArg],
        ordinality: bool,
        alias: Option<&TableAlias>,
    ) -> Result<(Source, Space)> {
        let (name, place) = Self::function_name(name)?;
        let mut bound = Vec::with_capacity(arguments.len());
        for argument in arguments {
            match argument {
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => {
                    bound.push(self.within(Clause::From, |binder| binder.expr(expr))?);
                }
                _ => return Err(self.place(place, Error::unsupported("this form of an argument"))),
            }
        }
        self.function_source(&name, bound, ordinality, alias, place)
    }

    pub(super) fn function_source(
        &mut self,
        name: &str,
        arguments: Vec<Expr>,
        ordinality: bool,
        alias: Option<&TableAlias>,
        place: Place,
    ) -> Result<(Source, Space)> {
        let function = self.resolve(name, &arguments, place)?;
        let (arguments, result) = self.convert_arguments(&function, arguments, place)?;
        if function.of.volatility == Volatility::Writes {
            self.writes = true;
        }
        let relation = self.number();
        let label = alias.map_or_else(|| name.to_owned(), |alias| name_of(&alias.name));
        if function.of.kind != Kind::Set {
            return self.scalar_source(
                &function,
                arguments,
                result,
                (relation, ordinality, alias, &label),
                place,
            );
        }
        let (spelling, arguments) = spelled(function.of.spelling, &function.types, arguments);
        let Spelling::Function(call) = spelling else {
            return Err(self.place(place, Error::unsupported(format!("{name} in FROM"))));
        };
        let cell = |name, ty| Expr::new(Node::Column { relation, column: Cell::Name(name) }, ty);
        let mut columns: Vec<Named> = if function.of.columns.is_empty() {
            vec![Named { name: label.clone(), expr: cell(RESULTS[0], result), origin: None }]
        } else {
            let named = function.of.columns.iter().zip(RESULTS);
            named
                .map(|((name, ty), cell_name)| Named {
                    name: (*name).to_owned(),
                    expr: cell(cell_name, *ty),
                    origin: None,
                })
                .collect()
        };
        if ordinality {
            let expr = cell("ordinality", Type::INT8).not_null();
            columns.push(Named { name: "ordinality".to_owned(), expr, origin: None });
        }
        let space = match alias {
            Some(alias) => self.aliased(columns, alias, None)?,
            None => named_space(None, label, columns, None),
        };
        Ok((Source::Function { relation, name: call, arguments, last: false }, space))
    }

    /// A function of one value in FROM is a query of one row.
    fn scalar_source(
        &mut self,
        function: &super::resolve::Candidate<&'static crate::builtins::Function>,
        arguments: Vec<Expr>,
        result: Type,
        (relation, ordinality, alias, label): (u32, bool, Option<&TableAlias>, &str),
        place: Place,
    ) -> Result<(Source, Space)> {
        if function.of.kind != Kind::Scalar || ordinality {
            return Err(self.place(place, Error::unsupported(format!("{} in FROM", function.of.name))));
        }
        let correlated = arguments
            .iter()
            .any(|argument| walk::any(argument, true, &|e| matches!(e.node, Node::Column { .. })));
        let (spelling, arguments) = spelled(function.of.spelling, &function.types, arguments);
        let call = Expr::new(Node::Call { spelling, arguments, volatility: function.of.volatility }, result);
        let column = Column { name: label.to_owned(), ty: result, typmod: -1, nullable: true, origin: None };
        let select = super::tree::Select { items: vec![call], ..super::tree::Select::default() };
        let query: Query = super::query::plain(super::tree::Body::Select(Box::new(select)), vec![column]);
        let mut space = self.query_space(relation, &query.columns, label, alias)?;
        if correlated {
            packed(&mut space, 1)?;
        }
        let query = Box::new(query);
        Ok((
            if correlated {
                Source::Lateral { relation, query }
            } else {
                Source::Derived { relation, query }
            },
            space,
        ))
    }
}

/// The columns of rows that are unpacked have the names of a table-valued function's results.
pub(super) fn packed(space: &mut Space, width: usize) -> Result<()> {
    if width > RESULTS.len() {
        return Err(Error::unsupported("LATERAL with so many columns"));
    }
    let rename = |named: &mut Named| {
        if let Node::Column { column, .. } = &mut named.expr.node
            && let Cell::Number(number) = *column
        {
            *column = Cell::Name(RESULTS[number as usize - 1]);
        }
    };
    Rc::make_mut(&mut space.columns).iter_mut().for_each(rename);
    for table in &mut space.tables {
        Rc::make_mut(&mut table.columns).iter_mut().for_each(rename);
    }
    Ok(())
}
