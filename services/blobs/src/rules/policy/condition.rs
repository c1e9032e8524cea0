//! Conditions of statements: an operator, a key, values.
//!
//! Where the request has no value for the key, what an operator asks for is false, and what a negated one excludes is absent, so it
//! holds; `…IfExists` makes either hold. `ForAllValues:` asks it of each of the request's values (and so holds for none of them),
//! `ForAnyValue:` of at least one. Without either, an operator looks for one value of the request that is wanted, and a negated one
//! for none that is excluded.

use std::net::IpAddr;

use base64ct::{Base64, Encoding};
use bole_base::Timestamp;

use super::json::Json;
use super::key::{Context, Key};
use super::network::{self, Network};
use super::pattern::{Pattern, Syntax};
use super::{malformed, shown};
use crate::error::Result;
use crate::rules::calendar;

/// One line of a condition block.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    test: Test,
    /// Whether the values are excluded rather than wanted.
    pub(super) negated: bool,
    pub(super) scope: Scope,
    /// Whether it holds where the request has no value.
    pub(super) if_exists: bool,
    pub(super) key: Key,
    pub(super) values: Vec<Value>,
}

/// Which of the request's values are asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The one that there is.
    Plain,
    /// `ForAllValues:`.
    All,
    /// `ForAnyValue:`.
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Text { ignore_case: bool },
    Like,
    Arn,
    Number(Order),
    Date(Order),
    Bool,
    Binary,
    Address,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Equal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Order {
    fn holds<T: PartialOrd>(self, found: &T, wanted: &T) -> bool {
        match self {
            Self::Equal => found == wanted,
            Self::Less => found < wanted,
            Self::LessEqual => found <= wanted,
            Self::Greater => found > wanted,
            Self::GreaterEqual => found >= wanted,
        }
    }
}

/// A value of a condition, read as its operator needs it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(Pattern),
    /// The six components of an ARN.
    Arn(Vec<Pattern>),
    Number(f64),
    Date(Timestamp),
    Bool(bool),
    Binary(Vec<u8>),
    Network(Network),
}

/// Name, test, whether it is negated.
const OPERATORS: &[(&str, Test, bool)] = &[
    ("StringEquals", Test::Text { ignore_case: false }, false),
    ("StringNotEquals", Test::Text { ignore_case: false }, true),
    ("StringEqualsIgnoreCase", Test::Text { ignore_case: true }, false),
    ("StringNotEqualsIgnoreCase", Test::Text { ignore_case: true }, true),
    ("StringLike", Test::Like, false),
    ("StringNotLike", Test::Like, true),
    ("NumericEquals", Test::Number(Order::Equal), false),
    ("NumericNotEquals", Test::Number(Order::Equal), true),
    ("NumericLessThan", Test::Number(Order::Less), false),
    ("NumericLessThanEquals", Test::Number(Order::LessEqual), false),
    ("NumericGreaterThan", Test::Number(Order::Greater), false),
    ("NumericGreaterThanEquals", Test::Number(Order::GreaterEqual), false),
    ("DateEquals", Test::Date(Order::Equal), false),
    ("DateNotEquals", Test::Date(Order::Equal), true),
    ("DateLessThan", Test::Date(Order::Less), false),
    ("DateLessThanEquals", Test::Date(Order::LessEqual), false),
    ("DateGreaterThan", Test::Date(Order::Greater), false),
    ("DateGreaterThanEquals", Test::Date(Order::GreaterEqual), false),
    ("Bool", Test::Bool, false),
    ("BinaryEquals", Test::Binary, false),
    ("IpAddress", Test::Address, false),
    ("NotIpAddress", Test::Address, true),
    ("ArnEquals", Test::Arn, false),
    ("ArnLike", Test::Arn, false),
    ("ArnNotEquals", Test::Arn, true),
    ("ArnNotLike", Test::Arn, true),
    ("Null", Test::Null, false),
];

impl Condition {
    /// Reads a statement's `Condition`.
    pub(super) fn parse_all(block: &Json, variables: bool) -> Result<Vec<Self>> {
        let Json::Object(operators) = block else { return Err(malformed("Condition must be an object")) };
        let mut conditions = Vec::new();
        for (operator, lines) in operators {
            let Json::Object(lines) = lines else {
                return Err(malformed(format!("Condition {} must be an object", shown(operator))));
            };
            for (key, values) in lines {
                conditions.push(Self::parse(operator, key, values, variables)?);
            }
        }
        Ok(conditions)
    }

    fn parse(operator: &str, key: &str, values: &Json, variables: bool) -> Result<Self> {
        let unknown = || malformed(format!("Invalid Condition type : {}", shown(operator)));
        let (scope, name) = match operator.split_once(':') {
            None => (Scope::Plain, operator),
            Some(("ForAllValues", name)) => (Scope::All, name),
            Some(("ForAnyValue", name)) => (Scope::Any, name),
            Some(_) => return Err(unknown()),
        };
        let (name, if_exists) = name.strip_suffix("IfExists").map_or((name, false), |name| (name, true));
        let (_, test, negated) = *OPERATORS.iter().find(|(known, ..)| *known == name).ok_or_else(unknown)?;
        if test == Test::Null && (if_exists || scope != Scope::Plain) {
            return Err(unknown());
        }
        let key = Key::parse(key)
            .map_err(|key| malformed(format!("Policy has an invalid condition key: {}", shown(key))))?;
        let values = texts(values)?;
        let values = values.iter().map(|text| {
            Value::parse(test, text, variables).map_err(|why| {
                malformed(format!("Invalid value for {}: \"{}\" {why}", shown(operator), shown(text)))
            })
        });
        Ok(Self { test, negated, scope, if_exists, key, values: values.collect::<Result<_>>()? })
    }

    /// Whether it holds for a request.
    pub fn holds(&self, context: &Context) -> bool {
        let found = context.get(&self.key);
        if self.test == Test::Null {
            return self.values.iter().any(|value| *value == Value::Bool(found.is_none()));
        }
        let none = found.is_none_or(<[String]>::is_empty);
        if none && (self.if_exists || self.scope == Scope::All) {
            return true;
        }
        let Some(found) = found.filter(|_| !none) else { return self.negated && self.scope == Scope::Plain };
        let accepts = |text: &String| {
            self.values.iter().any(|value| value.accepts(self.test, text, context)) != self.negated
        };
        match self.scope {
            Scope::All => found.iter().all(accepts),
            Scope::Plain if self.negated => found.iter().all(accepts),
            Scope::Plain | Scope::Any => found.iter().any(accepts),
        }
    }

    /// Whether it admits only what is named in it: for deciding whether a policy is public.
    pub(super) fn names_values(&self) -> bool {
        let positive = !self.negated && !self.if_exists && self.scope != Scope::All;
        positive
            && self.values.iter().all(|value| match value {
                Value::Text(pattern) => !pattern.is_open(),
                Value::Arn(parts) => !parts.iter().any(Pattern::is_open),
                Value::Network(network) => !network.is_public(),
                _ => false,
            })
    }
}

/// One value or a list of at least one; truth values and numbers may stand without quotes.
fn texts(value: &Json) -> Result<Vec<String>> {
    let text = |value: &Json| match value {
        Json::Text(text) | Json::Number(text) => Ok(text.clone()),
        Json::Bool(value) => Ok(value.to_string()),
        _ => Err(malformed("A condition's value must be a string or a list of strings, and not empty")),
    };
    match value {
        Json::List(list) if !list.is_empty() => list.iter().map(text).collect(),
        value => Ok(vec![text(value)?]),
    }
}

fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b".-+eE".contains(&byte));
    text.parse().ok().filter(|value: &f64| plain && value.is_finite())
}

/// A time, as ISO 8601 or in seconds since 1970.
fn date(text: &str) -> Option<Timestamp> {
    let seconds = || text.parse::<u64>().ok().and_then(|seconds| seconds.checked_mul(1_000)).map(Timestamp);
    // Four digits are a year.
    if text.len() == 4 { calendar::parse_iso(text) } else { seconds().or_else(|| calendar::parse_iso(text)) }
}

fn truth(text: &str) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    is("true").then_some(true).or_else(|| is("false").then_some(false))
}

impl Value {
    fn parse(test: Test, text: &str, variables: bool) -> Result<Self, String> {
        let wrong = |what: &str| format!("is not {what}");
        let like = Syntax { wildcards: true, variables };
        match test {
            Test::Text { .. } => Pattern::parse(text, Syntax { wildcards: false, variables }).map(Self::Text),
            Test::Like => Pattern::parse(text, like).map(Self::Text),
            Test::Arn => {
                let parts: Vec<&str> = text.splitn(6, ':').collect();
                // A star alone is each of the six.
                let parts = if text == "*" { vec!["arn", "*", "*", "*", "*", "*"] } else { parts };
                if parts.len() != 6 || parts[0] != "arn" {
                    return Err(wrong("an ARN of six parts"));
                }
                parts.iter().map(|part| Pattern::parse(part, like)).collect::<Result<_, _>>().map(Self::Arn)
            }
            Test::Number(_) => number(text).map(Self::Number).ok_or_else(|| wrong("a number")),
            Test::Date(_) => date(text).map(Self::Date).ok_or_else(|| wrong("a date")),
            Test::Bool | Test::Null => truth(text).map(Self::Bool).ok_or_else(|| wrong("true or false")),
            Test::Binary => Base64::decode_vec(text).map(Self::Binary).map_err(|_| wrong("base64")),
            Test::Address => {
                Network::parse(text).map(Self::Network).ok_or_else(|| wrong("an address or a network"))
            }
        }
    }

    /// Whether a value of the request is what this one says.
    fn accepts(&self, test: Test, found: &str, context: &Context) -> bool {
        match (self, test) {
            (Self::Text(pattern), Test::Text { ignore_case: true }) => {
                pattern.text(context).is_some_and(|wanted| wanted.to_lowercase() == found.to_lowercase())
            }
            (Self::Text(pattern), _) => pattern.matches(found, context),
            (Self::Arn(patterns), _) => {
                let parts: Vec<&str> = found.splitn(6, ':').collect();
                parts.len() == 6
                    && patterns.iter().zip(parts).all(|(pattern, part)| pattern.matches(part, context))
            }
            (Self::Number(wanted), Test::Number(order)) => {
                number(found).is_some_and(|found| order.holds(&found, wanted))
            }
            (Self::Date(wanted), Test::Date(order)) => {
                date(found).is_some_and(|found| order.holds(&found, wanted))
            }
            (Self::Bool(wanted), _) => truth(found) == Some(*wanted),
            (Self::Binary(wanted), _) => Base64::decode_vec(found).is_ok_and(|found| found == *wanted),
            (Self::Network(network), _) => {
                network::address(found).is_some_and(|address: IpAddr| network.contains(address))
            }
            (Self::Number(_) | Self::Date(_), _) => false,
        }
    }
}
