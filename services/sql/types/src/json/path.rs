//! The path language of SQL/JSON, as `jsonpath` has it: members, elements, wildcards, filters, arithmetic, and the methods `type`, `size`,
//! `double`, `ceiling`, `floor`, `abs`, `keyvalue`, and `.**`. Refused are `like_regex`, `datetime()`, `.**` where the path is strict or it
//! has limits, and `keyvalue()` of objects inside of others, whose `id` is a place in PostgreSQL's memory.

mod parse;
mod print;
mod run;

use super::Json;
use crate::{Error, Result, SqlState};

/// A path, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    strict: bool,
    root: Node,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    /// `$`.
    Root,
    /// `@`.
    Current,
    /// `$name`.
    Variable(String),
    /// `last`.
    Last,
    Literal(Json<'static>),
    Step(Box<Node>, Step),
    Binary(Operator, Box<Node>, Box<Node>),
    /// `-` or `+`.
    Signed(bool, Box<Node>),
    Not(Box<Node>),
    IsUnknown(Box<Node>),
    Exists(Box<Node>),
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Member(String),
    AnyMember,
    AnyElement,
    /// `.**`: the item, and what it contains at any depth.
    AnyLevel,
    /// `[a, b to c]`.
    Elements(Vec<(Node, Option<Node>)>),
    Filter(Box<Node>),
    Method(Method),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Type,
    Size,
    Double,
    Ceiling,
    Floor,
    Abs,
    KeyValue,
}

impl Method {
    const ALL: [(&'static str, Self); 7] = [
        ("type", Self::Type),
        ("size", Self::Size),
        ("double", Self::Double),
        ("ceiling", Self::Ceiling),
        ("floor", Self::Floor),
        ("abs", Self::Abs),
        ("keyvalue", Self::KeyValue),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|row| row.1 == self).map_or("", |row| row.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    StartsWith,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

impl Operator {
    const fn text(self) -> &'static str {
        match self {
            Self::Or => "||",
            Self::And => "&&",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::StartsWith => "starts with",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
        }
    }

    /// What binds closer is higher.
    const fn priority(self) -> u8 {
        match self {
            Self::Or => 0,
            Self::And => 1,
            Self::Add | Self::Subtract => 3,
            Self::Multiply | Self::Divide | Self::Modulo => 4,
            _ => 2,
        }
    }
}

impl Node {
    /// Whether it is true, false or unknown, rather than a sequence of items.
    const fn is_predicate(&self) -> bool {
        match self {
            Self::Not(_) | Self::IsUnknown(_) | Self::Exists(_) => true,
            Self::Binary(operator, ..) => operator.priority() <= 2,
            _ => false,
        }
    }
}

impl Path {
    /// Reads a path. Errors: 42601, 0A000.
    pub fn parse(text: &str) -> Result<Self> {
        parse::parse(text)
    }

    /// `jsonb_path_query`: the items that the path finds, in canonical text. `variables` is a jsonb object; without one all variables
    /// are null, as for operators. Errors: those of the path; if `silent`, it ends there.
    pub fn query(&self, target: &str, variables: Option<&str>, silent: bool) -> Result<Vec<String>> {
        run::query(self, target, variables, silent, false).map(|found| found.0)
    }

    /// `jsonb_path_exists`, and silently `@?`; `None` is NULL: an error that is kept silent.
    pub fn exists(&self, target: &str, variables: Option<&str>, silent: bool) -> Result<Option<bool>> {
        let (found, failed) = run::query(self, target, variables, silent, true)?;
        Ok((!failed).then_some(!found.is_empty()))
    }

    /// `jsonb_path_match`, and silently `@@`; `None` is NULL. Errors: 22038 if the result is not one boolean, unless `silent`.
    pub fn matches(&self, target: &str, variables: Option<&str>, silent: bool) -> Result<Option<bool>> {
        let (found, _) = run::query(self, target, variables, silent, false)?;
        match found.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["true"] => Ok(Some(true)),
            ["false"] => Ok(Some(false)),
            ["null"] => Ok(None),
            _ if silent => Ok(None),
            _ => {
                let message = "single boolean result is expected";
                Err(Error::new(SqlState::SINGLETON_SQL_JSON_ITEM_REQUIRED, message))
            }
        }
    }
}

/// The text of a path as PostgreSQL prints it. Errors: 42601, 0A000.
pub fn canonical(text: &str) -> Result<String> {
    Path::parse(text).map(|path| path.to_string())
}
