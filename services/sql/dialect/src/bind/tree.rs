//! The typed tree: what a statement means once its names are resolved. It is printed by [`crate::print`].
//!
//! Each relation of a statement has a number of its own, so an outer and an inner one are never confused: it is printed as `r<number>`,
//! and its columns as `c<number>`.

use bole_sql_types::{Type, Value};

use crate::builtins::{Spelling, Volatility};

/// A place in the statement's text: line and column, both from 1 on, or 0 if it is not known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place(pub u32, pub u32);

/// An expression with its type.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub node: Node,
    pub ty: Type,
    pub typmod: i32,
    /// Where it is written.
    pub place: Place,
    /// Whether it can be NULL.
    pub nullable: bool,
}

/// Two expressions are equal if they mean the same, wherever they are written.
impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.ty == other.ty && self.node == other.node
    }
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// A value in the storage form of its type.
    Literal(Value),
    /// A quoted literal whose type is not known yet.
    Unknown(String),
    /// `$n`.
    Parameter(u32),
    /// A column of a relation.
    Column { relation: u32, column: Cell },
    /// A call of a function of one row's values, an operator or a cast.
    Call { spelling: Spelling, arguments: Vec<Expr>, volatility: Volatility },
    /// A call of a function that compares its arguments, which the collation of their type is told.
    Collated { spelling: Spelling, arguments: Vec<Expr> },
    /// The rows of a query as an array.
    ArrayOf { query: Box<Query>, element: Type },
    /// A call over a group or a window.
    Aggregate(Box<Aggregate>),
    /// `GROUPING(…)`, until the sets of grouping are known.
    Grouping(Vec<Expr>),
    /// All of them hold.
    And(Vec<Expr>),
    /// One of them holds.
    Or(Vec<Expr>),
    /// It does not hold.
    Not(Box<Expr>),
    /// Both sides are of one type, or rows of such.
    Compare { operator: Comparison, left: Box<Expr>, right: Box<Expr> },
    /// `IS NULL`; `negated`: `IS NOT NULL`.
    IsNull { operand: Box<Expr>, negated: bool },
    /// `IS TRUE` and `IS FALSE`, both may be negated.
    Is { operand: Box<Expr>, truth: bool, negated: bool },
    /// Branches of conditions and results.
    Case { branches: Vec<(Expr, Expr)>, otherwise: Option<Box<Expr>> },
    /// Branches of values and results: that of the first value which the operand is equal to. The operand is computed once.
    Switch { operand: Box<Expr>, branches: Vec<(Expr, Expr)>, otherwise: Option<Box<Expr>> },
    /// The first that is not NULL.
    Coalesce(Vec<Expr>),
    /// The left is one of the others, all of one type.
    InList { left: Box<Expr>, list: Vec<Expr>, negated: bool },
    /// The left is among the rows.
    InQuery { left: Box<Expr>, query: Box<Query>, negated: bool },
    /// There is a row.
    Exists(Box<Query>),
    /// The value of the only row.
    Scalar(Box<Query>),
    /// Several values.
    Row(Vec<Expr>),
    /// The condition holds for one of the rows, or for all of them.
    Quantified { condition: Box<Expr>, source: Box<Source>, all: bool },
}

/// A column's name in SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// `c<number>`.
    Number(u32),
    /// A name of its own: `rowid`, or those of table-valued functions and virtual tables.
    Name(&'static str),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Distinct,
    NotDistinct,
}

impl Comparison {
    /// PostgreSQL's operator, where there is one, and SQLite's.
    pub(crate) const ALL: [(Self, &'static str, &'static str); 8] = [
        (Self::Equal, "=", "="),
        (Self::NotEqual, "<>", "<>"),
        (Self::Less, "<", "<"),
        (Self::LessOrEqual, "<=", "<="),
        (Self::Greater, ">", ">"),
        (Self::GreaterOrEqual, ">=", ">="),
        (Self::Distinct, "IS DISTINCT FROM", "IS NOT"),
        (Self::NotDistinct, "IS NOT DISTINCT FROM", "IS"),
    ];

    /// SQLite's spelling.
    pub(crate) fn sqlite(self) -> &'static str {
        Self::ALL[self as usize].2
    }
}

/// An aggregate or window function's call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Aggregate {
    pub spelling: Spelling,
    pub arguments: Vec<Expr>,
    pub star: bool,
    pub distinct: bool,
    pub order: Vec<Order>,
    pub filter: Option<Expr>,
    pub over: Option<Window>,
}

/// What a window function is called over.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Window {
    pub partition: Vec<Expr>,
    pub order: Vec<Order>,
    pub frame: Option<Frame>,
}

/// The frame of a window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Frame {
    pub units: &'static str,
    pub start: Bound,
    pub end: Bound,
}

/// Where a frame begins or ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Bound {
    UnboundedPreceding,
    Preceding(Expr),
    CurrentRow,
    Following(Expr),
    UnboundedFollowing,
}

/// What is sorted by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Order {
    /// In place of `key`: a column of the result, from 1 on.
    pub ordinal: Option<usize>,
    pub key: Expr,
    pub descending: bool,
    pub nulls_first: bool,
}

/// A query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query {
    pub with: Vec<Cte>,
    pub body: Body,
    pub order: Vec<Order>,
    pub limit: Option<Expr>,
    pub offset: Option<Expr>,
    pub columns: Vec<Column>,
}

/// A query of `WITH`, printed as `w<number>`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cte {
    pub number: u32,
    pub query: Query,
    pub recursive: bool,
    pub materialized: Option<bool>,
}

/// A column of a query's result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    pub name: String,
    pub ty: Type,
    pub typmod: i32,
    pub nullable: bool,
    pub origin: Option<(u32, i16)>,
}

/// What a query's rows are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    Select(Box<Select>),
    Values(Vec<Vec<Expr>>),
    Set(Box<Set>),
    Nested(Box<Query>),
}

/// A set operation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Set {
    pub operator: SetOperator,
    pub all: bool,
    pub left: Query,
    pub right: Query,
}

/// Which set operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetOperator {
    Union,
    Except,
    Intersect,
}

/// A `SELECT`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Select {
    pub distinct: bool,
    pub items: Vec<Expr>,
    pub from: Vec<Source>,
    pub filter: Option<Expr>,
    /// `Some` if rows are grouped; empty for one group of all rows.
    pub group: Option<Vec<Expr>>,
    pub having: Option<Expr>,
}

/// Where rows come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// A table of SQLite's, or a virtual one.
    Table { relation: u32, name: String },
    /// A query.
    Derived { relation: u32, query: Box<Query> },
    /// A query that refers to the sources before it.
    Lateral { relation: u32, query: Box<Query> },
    /// A query of `WITH`.
    Cte { relation: u32, number: u32 },
    /// A table-valued function; `last`: its rows are made for each row of the sources before it, in their order.
    Function { relation: u32, name: &'static str, arguments: Vec<Expr>, last: bool },
    /// A join.
    Join { kind: &'static str, left: Box<Source>, right: Box<Source>, on: Option<Expr> },
}

impl Expr {
    /// An expression that has no place in the text.
    pub(crate) fn new(node: Node, ty: Type) -> Self {
        Self { node, ty, typmod: -1, place: Place::default(), nullable: true }
    }

    /// A literal.
    pub(crate) fn literal(value: Value, ty: Type) -> Self {
        let nullable = value.is_null();
        Self { nullable, ..Self::new(Node::Literal(value), ty) }
    }

    /// A call of a function of SQLite's or ours.
    pub(crate) fn call(spelling: Spelling, arguments: Vec<Self>, ty: Type) -> Self {
        Self::new(Node::Call { spelling, arguments, volatility: Volatility::Immutable }, ty)
    }

    /// The same at a place of the text.
    pub(crate) fn at(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// The same as a value that cannot be NULL.
    pub(crate) fn not_null(mut self) -> Self {
        self.nullable = false;
        self
    }

    /// Whether its type follows from where it is used.
    pub(crate) fn is_unknown(&self) -> bool {
        self.ty == Type::UNKNOWN
    }

    /// Whether it is, at any depth, a call that gives something else each time.
    pub(crate) fn is_fresh(&self) -> bool {
        super::walk::any(self, true, &super::walk::is_fresh_call)
    }

    /// Whether it is a constant.
    pub(crate) fn is_constant(&self) -> bool {
        matches!(self.node, Node::Literal(_) | Node::Unknown(_) | Node::Parameter(_))
    }
}
