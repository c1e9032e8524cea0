//! Calls of functions and aggregates.

use std::sync::LazyLock;

use bole_sql_types::{Error, Result, SqlState, Type, Value};
use sqlparser::ast::{
    self, DuplicateTreatment, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList,
    FunctionArguments,
};

use super::Binder;
use super::ascii;
use super::distinct::{ascending, distinct_text};
use super::names::{Clause, name_of, place_of};
use super::resolve::{Candidate, Choice, spelled};
use super::tree::{Aggregate, Expr, Node, Place};
use super::walk;
use crate::builtins::{self, Function, Kind, Volatility};

/// What a call says besides its function's name, taken apart.
#[derive(Default)]
pub(super) struct Call<'a> {
    pub(super) arguments: Vec<&'a ast::Expr>,
    pub(super) star: bool,
    pub(super) distinct: bool,
    pub(super) order: &'a [ast::OrderByExpr],
    pub(super) filter: Option<&'a ast::Expr>,
    pub(super) within: &'a [ast::OrderByExpr],
    pub(super) over: Option<&'a ast::WindowType>,
}

impl Binder<'_> {
    pub(super) fn function(&mut self, function: &ast::Function) -> Result<Expr> {
        let ast::Function {
            name,
            uses_odbc_syntax,
            parameters,
            args,
            within_group,
            filter,
            null_treatment,
            over,
        } = function;
        if *uses_odbc_syntax || !matches!(parameters, FunctionArguments::None) {
            return Err(Error::unsupported("this form of a call"));
        }
        if null_treatment.is_some() {
            return Err(Error::unsupported("RESPECT NULLS or IGNORE NULLS"));
        }
        let (name, place) = Self::function_name(name)?;
        ascii::check_call(&name, args).map_err(|error| self.place(place, error))?;
        let mut call =
            Call { within: within_group, filter: filter.as_deref(), over: over.as_ref(), ..Call::default() };
        match args {
            FunctionArguments::None => return self.keyword_function(&name, place),
            FunctionArguments::Subquery(query) => {
                if name == "array" {
                    return self.array_of_query(query);
                }
                return Err(self.place(place, Error::unsupported("a subquery as the arguments of a call")));
            }
            FunctionArguments::List(list) => argument_list(&name, list, &mut call)?,
        }
        if let Some(expr) = self.syntax_function(&name, &call, place)? {
            return Ok(expr);
        }
        self.call(&name, &call, place)
    }

    /// A function's name, without the schema `pg_catalog`.
    pub(super) fn function_name(name: &ast::ObjectName) -> Result<(String, Place)> {
        let mut names = Vec::new();
        let mut place = Place::default();
        for part in &name.0 {
            match part {
                ast::ObjectNamePart::Identifier(ident) => {
                    if names.is_empty() {
                        place = place_of(ident.span);
                    }
                    names.push(name_of(ident));
                }
                ast::ObjectNamePart::Function(_) => return Err(Error::unsupported(format!("name {name}"))),
            }
        }
        if names.len() == 2 && names[0] == "pg_catalog" {
            names.remove(0);
        }
        Ok((names.join("."), place))
    }

    /// Functions that are written without parentheses.
    pub(super) fn keyword_function(&mut self, name: &str, place: Place) -> Result<Expr> {
        let (function, ty) = match name {
            "current_timestamp" => ("now", None),
            "localtimestamp" => ("now", Some(Type::TIMESTAMP)),
            "current_date" => ("now", Some(Type::DATE)),
            "localtime" => ("now", Some(Type::TIME)),
            "current_user" | "session_user" | "user" | "current_role" => {
                return Ok(Expr::literal(Value::Text(self.scope.user.clone()), Type::NAME).at(place));
            }
            "current_catalog" => ("current_database", None),
            "current_schema" => ("current_schema", None),
            _ => return Err(self.place(place, Error::unsupported(format!("{name} without arguments")))),
        };
        let value = self.call_named(function, Vec::new(), place)?;
        match ty {
            Some(ty) => self.coerce(value, ty, -1, builtins::Context::Explicit),
            None => Ok(value),
        }
    }

    fn array_of_query(&mut self, query: &ast::Query) -> Result<Expr> {
        let query = self.subquery(query)?;
        let [column] = query.columns.as_slice() else {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "subquery must return only one column"));
        };
        let element = column.ty;
        let ty = self
            .array_of(element)
            .ok_or_else(|| Error::unsupported(format!("an array of {}", self.type_name(element))))?;
        Ok(Expr::new(Node::ArrayOf { query: Box::new(query), element }, ty).not_null())
    }

    /// A call with values that are bound already, of a function that is no aggregate.
    pub(super) fn call_named(&mut self, name: &str, arguments: Vec<Expr>, place: Place) -> Result<Expr> {
        let function = self.resolve(name, &arguments, place)?;
        if function.of.kind != Kind::Scalar {
            return Err(self.place(place, Error::unsupported(format!("a call of {name} here"))));
        }
        self.finish_call(&function, arguments, place)
    }

    /// The function that a call means.
    pub(super) fn resolve(
        &mut self,
        name: &str,
        arguments: &[Expr],
        place: Place,
    ) -> Result<Candidate<&'static Function>> {
        let types: Vec<Type> = arguments.iter().map(|argument| argument.ty).collect();
        let candidates: Vec<Candidate<&'static Function>> =
            builtins::functions(name).filter_map(|function| candidate(function, types.len())).collect();
        match self.choose(&types, candidates) {
            Choice::One(candidate) => Ok(candidate),
            Choice::Ambiguous => {
                let message = format!("function {} is not unique", self.signature(name, &types));
                let hint =
                    "Could not choose a best candidate function. You might need to add explicit type casts.";
                Err(self.error_at(place, SqlState::AMBIGUOUS_FUNCTION, message).with_hint(hint))
            }
            Choice::None => Err(self.no_function(name, &types, place)),
        }
    }

    fn signature(&self, name: &str, types: &[Type]) -> String {
        let types: Vec<String> = types.iter().map(|ty| self.type_name(*ty)).collect();
        format!("{name}({})", types.join(", "))
    }

    fn no_function(&self, name: &str, types: &[Type], place: Place) -> Error {
        if builtins::lacks_function(name) {
            return self.place(place, Error::unsupported(format!("function {name}")));
        }
        let message = format!("function {} does not exist", self.signature(name, types));
        let hint = "No function matches the given name and argument types. You might need to add explicit type casts.";
        self.error_at(place, SqlState::UNDEFINED_FUNCTION, message).with_hint(hint)
    }

    /// Arguments converted to what the function takes, and the types that they and the result have.
    pub(super) fn convert_arguments(
        &mut self,
        function: &Candidate<&'static Function>,
        arguments: Vec<Expr>,
        place: Place,
    ) -> Result<(Vec<Expr>, Type)> {
        let types: Vec<Type> = arguments.iter().map(|argument| argument.ty).collect();
        let actual = self.actual(&function.types, &types).unwrap_or_default();
        let mut converted = Vec::with_capacity(arguments.len());
        for (argument, declared) in arguments.into_iter().zip(&function.types) {
            let target = if *declared == Type::ANY && !argument.is_unknown() {
                argument.ty
            } else if *declared == Type::ANY {
                Type::TEXT
            } else {
                self.concrete(*declared, actual).ok_or_else(|| self.undetermined(place))?
            };
            converted.push(self.implicit(argument, target)?);
        }
        let result = self.concrete(function.of.result, actual).ok_or_else(|| self.undetermined(place))?;
        Ok((converted, result))
    }

    pub(super) fn undetermined(&self, place: Place) -> Error {
        let message = "could not determine polymorphic type because input has type unknown";
        self.error_at(place, SqlState::DATATYPE_MISMATCH, message)
    }

    fn finish_call(
        &mut self,
        function: &Candidate<&'static Function>,
        arguments: Vec<Expr>,
        place: Place,
    ) -> Result<Expr> {
        let (arguments, result) = self.convert_arguments(function, arguments, place)?;
        if function.of.spelling == builtins::Spelling::Special {
            return self.special_call(function.of, place);
        }
        if function.of.volatility == Volatility::Writes {
            self.writes = true;
        }
        let volatility = function.of.volatility;
        let (spelling, arguments) = spelled(function.of.spelling, &function.types, arguments);
        Ok(Expr::new(Node::Call { spelling, arguments, volatility }, result).at(place))
    }

    fn special_call(&mut self, function: &Function, place: Place) -> Result<Expr> {
        match function.name {
            "current_user" | "session_user" => {
                Ok(Expr::literal(Value::Text(self.scope.user.clone()), Type::NAME).at(place))
            }
            name => Err(self.place(place, Error::unsupported(format!("function {name}")))),
        }
    }

    /// A call of any kind of function.
    fn call(&mut self, name: &str, call: &Call<'_>, place: Place) -> Result<Expr> {
        let kinds: Vec<Kind> = builtins::functions(name).map(|function| function.kind).collect();
        let grouped = kinds.contains(&Kind::Aggregate);
        let windowed = kinds.contains(&Kind::Window);
        if grouped || windowed {
            return self.aggregate(name, call, grouped, place);
        }
        if kinds.is_empty() && builtins::lacks_function(name) && Type::by_name(name).is_none() {
            return Err(self.place(place, Error::unsupported(format!("function {name}"))));
        }
        let wrong = [
            (call.star, "(*)"),
            (call.distinct, "DISTINCT"),
            (!call.order.is_empty(), "ORDER BY"),
            (call.filter.is_some(), "FILTER"),
            (!call.within.is_empty(), "WITHIN GROUP"),
            (call.over.is_some(), "OVER"),
        ];
        let is_known = !kinds.is_empty() || Type::by_name(name).is_some();
        if let (true, Some((_, what))) = (is_known, wrong.iter().find(|(is, _)| *is)) {
            let kind = if *what == "OVER" { "a window function nor an" } else { "an" };
            let message = format!("{what} specified, but {name} is not {kind} aggregate function");
            return Err(self.error_at(place, SqlState::WRONG_OBJECT_TYPE, message));
        }
        if kinds.contains(&Kind::Set) {
            return self.set_in_list(name, call, place);
        }
        let arguments: Result<Vec<Expr>> =
            call.arguments.iter().map(|argument| self.expr(argument)).collect();
        let arguments = arguments?;
        if kinds.is_empty() && arguments.len() == 1 {
            // `date(x)` is a cast if the type has that name.
            if let Some(ty) = Type::by_name(name) {
                let [argument] = <[Expr; 1]>::try_from(arguments).unwrap_or_else(|_| unreachable!());
                return self.coerce(argument, ty, -1, builtins::Context::Explicit);
            }
        }
        self.call_named(name, arguments, place)
    }

    fn aggregate(&mut self, name: &str, call: &Call<'_>, grouped: bool, place: Place) -> Result<Expr> {
        self.check_place(name, grouped, call, place)?;
        let over_window = call.over.is_some();
        let before = std::mem::replace(&mut self.level().in_aggregate, !over_window);
        let bound = self.aggregate_arguments(name, call);
        let level = self.level();
        level.in_aggregate = before;
        if over_window {
            level.has_windows = true;
        } else {
            level.has_aggregates = true;
        }
        let (arguments, order, filter) = bound?;
        if !call.within.is_empty() {
            return self.ordered_set(name, arguments, call, filter, place);
        }
        let function = self.resolve(name, &arguments, place)?;
        if function.of.spelling == builtins::Spelling::Special {
            let message = format!("WITHIN GROUP is required for ordered-set aggregate {name}");
            return Err(self.error_at(place, SqlState::WRONG_OBJECT_TYPE, message));
        }
        self.check_level(&arguments, place)?;
        self.refuse_sets_of_window(&arguments)?;
        let (arguments, result) = self.convert_arguments(&function, arguments, place)?;
        if call.distinct && !arguments.iter().all(|argument| self.is_comparable(argument.ty)) {
            let name = self.type_name(arguments[0].ty);
            let message = format!("could not identify an equality operator for type {name}");
            return Err(self.error_at(place, SqlState::UNDEFINED_FUNCTION, message));
        }
        let over = match call.over {
            Some(window) => Some(self.window(window)?),
            None => None,
        };
        if over.is_some() && (call.distinct || !order.is_empty()) {
            let what = if call.distinct { "DISTINCT" } else { "aggregate ORDER BY" };
            return Err(self.place(place, Error::unsupported(format!("{what} for window functions"))));
        }
        if call.distinct && name == "string_agg" && result == Type::TEXT {
            return Ok(distinct_text(arguments, order, filter).at(place));
        }
        if call.distinct && arguments.len() > 1 {
            return Err(
                self.place(place, Error::unsupported("DISTINCT in an aggregate of several arguments"))
            );
        }
        if filter.is_some() && function.of.kind == Kind::Window {
            let message = "FILTER is not implemented for non-aggregate window functions";
            return Err(self.error_at(place, SqlState::FEATURE_NOT_SUPPORTED, message));
        }
        let nullable = function.of.name != "count";
        // The others do not depend on the order.
        let listed = name.ends_with("_agg");
        let order = if call.distinct && listed && order.is_empty() { ascending(&arguments) } else { order };
        let (spelling, arguments) = spelled(function.of.spelling, &function.types, arguments);
        let aggregate =
            Aggregate { spelling, arguments, star: call.star, distinct: call.distinct, order, filter, over };
        Ok(Expr { nullable, ..Expr::new(Node::Aggregate(Box::new(aggregate)), result).at(place) })
    }

    /// An aggregate of an outer query's columns only would be the outer query's.
    fn check_level(&self, arguments: &[Expr], place: Place) -> Result<()> {
        let Some((own, outer)) = self.levels.split_last() else { return Ok(()) };
        if outer.is_empty() {
            return Ok(());
        }
        let own = own.space.relations();
        let is_column = |expr: &Expr| matches!(expr.node, Node::Column { .. });
        let is_own =
            |expr: &Expr| matches!(&expr.node, Node::Column { relation, .. } if own.contains(relation));
        let foreign = arguments.iter().any(|argument| walk::any(argument, false, &is_column))
            && !arguments.iter().any(|argument| walk::any(argument, true, &is_own));
        if foreign {
            return Err(self.place(place, Error::unsupported("an aggregate of an outer query's columns")));
        }
        Ok(())
    }

    fn aggregate_arguments(
        &mut self,
        name: &str,
        call: &Call<'_>,
    ) -> Result<(Vec<Expr>, Vec<super::tree::Order>, Option<Expr>)> {
        let arguments: Result<Vec<Expr>> = match call.arguments.as_slice() {
            // `json_agg` sets rows apart from each other as it does no other JSON.
            [argument] if name == "jsonb_agg" && !call.distinct => {
                let row = self.whole_row(argument)?;
                row.map_or_else(|| self.expr(argument), Ok).map(|argument| vec![argument])
            }
            arguments => arguments.iter().map(|argument| self.expr(argument)).collect(),
        };
        for ast::OrderByExpr { expr, .. } in call.order.iter().filter(|_| call.distinct) {
            // The argument is converted to text first, so that PostgreSQL finds it different.
            let key = self.expr(expr)?;
            if matches!(key.node, Node::Unknown(_)) {
                let message =
                    "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list";
                return Err(self.error_at(key.place, SqlState::INVALID_COLUMN_REFERENCE, message));
            }
        }
        let order = self.plain_order(call.order)?;
        let filter = match call.filter {
            Some(filter) => Some(self.within(Clause::Filter, |binder| {
                let filter = binder.expr(filter)?;
                binder.condition(filter, "FILTER")
            })?),
            None => None,
        };
        Ok((arguments?, order, filter))
    }

    /// Aggregates and window functions stand only where PostgreSQL has them.
    fn check_place(&mut self, name: &str, grouped: bool, call: &Call<'_>, place: Place) -> Result<()> {
        let level = self.level();
        let (clause, nested) = (level.clause, level.in_aggregate);
        let phrase = clause.phrase();
        if call.over.is_some() {
            if nested {
                let message = "aggregate function calls cannot contain window function calls";
                return Err(self.error_at(place, SqlState::GROUPING_ERROR, message));
            }
            if !clause.allows_windows() {
                let message = format!("window functions are not allowed in {phrase}");
                return Err(self.error_at(place, SqlState::WINDOWING_ERROR, message));
            }
            return Ok(());
        }
        if !grouped && call.within.is_empty() {
            let message = format!("window function {name} requires an OVER clause");
            return Err(self.error_at(place, SqlState::WRONG_OBJECT_TYPE, message));
        }
        if nested {
            let message = "aggregate function calls cannot be nested";
            return Err(self.error_at(place, SqlState::GROUPING_ERROR, message));
        }
        if !clause.allows_aggregates() {
            let message = format!("aggregate functions are not allowed in {phrase}");
            return Err(self.error_at(place, SqlState::GROUPING_ERROR, message));
        }
        Ok(())
    }
}

/// A function as a candidate for a call with so many arguments.
fn candidate(function: &'static Function, count: usize) -> Option<Candidate<&'static Function>> {
    let declared = function.arguments.len();
    let least = declared - function.optional;
    let mut types = function.arguments.to_vec();
    if count > declared {
        let last = *types.last().filter(|_| function.variadic)?;
        types.resize(count, last);
    } else if count >= least {
        types.truncate(count);
    } else {
        return None;
    }
    Some(Candidate { types, of: function })
}

/// What is left out of a call with names.
static ZERO: LazyLock<ast::Expr> =
    LazyLock::new(|| ast::Expr::Value(ast::Value::Number("0".to_owned(), false).with_empty_span()));

/// The arguments of a call that names some of them.
fn named_arguments<'a>(name: &str, list: &'a [FunctionArg], call: &mut Call<'a>) -> Result<()> {
    let names = ["years", "months", "weeks", "days", "hours", "mins", "secs"];
    let refused = || Error::unsupported("a named argument");
    if name != "make_interval" {
        return Err(refused());
    }
    call.arguments = vec![&ZERO; names.len()];
    let mut given = Vec::with_capacity(names.len());
    for (position, argument) in list.iter().enumerate() {
        let (place, expr) = match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) if given.len() == position => {
                (Some(position), expr)
            }
            FunctionArg::Named { name, arg: FunctionArgExpr::Expr(expr), .. }
            | FunctionArg::ExprNamed {
                name: ast::Expr::Identifier(name),
                arg: FunctionArgExpr::Expr(expr),
                ..
            } => (names.iter().position(|known| *known == name_of(name)), expr),
            _ => return Err(refused()),
        };
        let place =
            place.filter(|place| *place < names.len() && !given.contains(place)).ok_or_else(refused)?;
        call.arguments[place] = expr;
        given.push(place);
    }
    Ok(())
}

fn argument_list<'a>(name: &str, list: &'a FunctionArgumentList, call: &mut Call<'a>) -> Result<()> {
    let FunctionArgumentList { duplicate_treatment, args, clauses } = list;
    call.distinct = matches!(duplicate_treatment, Some(DuplicateTreatment::Distinct));
    let is_named = |argument: &FunctionArg| !matches!(argument, FunctionArg::Unnamed(_));
    if args.iter().any(is_named) && clauses.is_empty() && !call.distinct {
        return named_arguments(name, args, call);
    }
    for argument in args {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => call.arguments.push(expr),
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => call.star = true,
            FunctionArg::Unnamed(
                FunctionArgExpr::QualifiedWildcard(_) | FunctionArgExpr::WildcardWithOptions(_),
            ) => {
                return Err(Error::unsupported("a whole row as an argument"));
            }
            FunctionArg::Named { .. } | FunctionArg::ExprNamed { .. } => {
                return Err(Error::unsupported("a named argument"));
            }
        }
    }
    for clause in clauses {
        match clause {
            FunctionArgumentClause::OrderBy(order) => call.order = order,
            other => return Err(Error::unsupported(format!("{other} in a call"))),
        }
    }
    Ok(())
}
