//! The cases: how they are read, how a command line becomes arguments, and when a reply is the expected one.
//!
//! The file is a list of objects: `command` and `result` are lists that belong together, `tags` is `standalone`,
//! `cluster` or absent, `command_binary` says that backslash escapes stand for bytes, and `sort_result` that the
//! order inside replies does not count. `skipped` is not honoured: what can be judged is judged.

use crate::resp::{Connection, Reply};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::Path;

/// One case of the suite.
#[derive(Debug, Clone)]
pub struct Case {
    /// Such as `zadd with GT / LT`; starts with the command that the case is about.
    pub name: String,
    /// The command lines and the reply that each must give.
    pub steps: Vec<(String, Value)>,
    /// Command lines hold backslash escapes that stand for bytes.
    pub binary: bool,
    /// The order inside a reply does not count.
    pub any_order: bool,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every reply was the expected one.
    Passed,
    /// The first reply that was not.
    Failed {
        /// The command line.
        command: String,
        /// The reply that the suite demands, as JSON.
        expected: String,
        /// What came instead.
        got: String,
    },
}

/// Reads the cases that are not for a cluster.
pub fn load(path: &Path) -> Result<Vec<Case>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let Value::Array(cases) = serde_json::from_str(&text)? else {
        bail!("{} is not a list of cases", path.display());
    };
    let standalone = cases.iter().filter(|case| case["tags"] != "cluster");
    standalone
        .map(|case| parse(case).with_context(|| format!("a case that is not understood: {case}")))
        .collect()
}

fn parse(case: &Value) -> Result<Case> {
    let name = case["name"].as_str().context("no name")?.to_owned();
    let commands = case["command"].as_array().context("no list of commands")?;
    let results = case["result"].as_array().context("no list of results")?;
    if commands.is_empty() || commands.len() > results.len() {
        bail!("{} commands, {} results", commands.len(), results.len());
    }
    let steps = commands.iter().zip(results).map(|(command, result)| {
        Ok((command.as_str().context("a command is not a string")?.to_owned(), result.clone()))
    });
    let flag = |name: &str| case[name].as_bool().unwrap_or(false);
    Ok(Case {
        name,
        steps: steps.collect::<Result<_>>()?,
        binary: flag("command_binary"),
        any_order: flag("sort_result"),
    })
}

impl Case {
    /// Sends the commands one by one and stops at the first reply that differs.
    pub fn run(&self, connection: &mut Connection) -> Outcome {
        for (command, expected) in &self.steps {
            let reply = connection.call(&split(command, self.binary));
            if reply.as_ref().is_ok_and(|reply| matches(reply, expected, self.any_order)) {
                continue;
            }
            let got = reply.map_or_else(|error| format!("{error:#}"), |reply| reply.to_string());
            return Outcome::Failed { command: command.clone(), expected: expected.to_string(), got };
        }
        Outcome::Passed
    }

    /// The command that the case is about, in lower case.
    pub fn subject(&self) -> String {
        first_word(&self.name)
    }

    /// Every command that it sends, in lower case.
    pub fn commands(&self) -> impl Iterator<Item = String> {
        self.steps.iter().map(|(command, _)| first_word(command))
    }
}

fn first_word(text: &str) -> String {
    text.split_whitespace().next().unwrap_or_default().to_lowercase()
}

/// Splits a command line at white space outside double quotes; decodes backslash escapes when `binary`.
fn split(command: &str, binary: bool) -> Vec<Vec<u8>> {
    let mut arguments: Vec<Vec<u8>> = Vec::new();
    let mut current: Option<Vec<u8>> = None;
    let mut quoted = false;
    let mut bytes = command.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                quoted = !quoted;
                current.get_or_insert_default();
            }
            b'\\' if binary => current.get_or_insert_default().push(unescape(&mut bytes)),
            byte if byte.is_ascii_whitespace() && !quoted => arguments.extend(current.take()),
            byte => current.get_or_insert_default().push(byte),
        }
    }
    arguments.extend(current);
    arguments
}

/// The byte that the escape behind a backslash stands for; an unknown escape stands for itself.
fn unescape(bytes: &mut std::str::Bytes<'_>) -> u8 {
    match bytes.next() {
        Some(b'a') => 0x07,
        Some(b'b') => 0x08,
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'x') => {
            let digits = [bytes.next().unwrap_or(b'0'), bytes.next().unwrap_or(b'0')];
            u8::from_str_radix(&String::from_utf8_lossy(&digits), 16).unwrap_or(b'?')
        }
        other => other.unwrap_or(b'\\'),
    }
}

/// Whether `reply` is what `expected` demands. The suite does not tell status replies from bulk strings.
fn matches(reply: &Reply, expected: &Value, any_order: bool) -> bool {
    match (reply, expected) {
        (Reply::Simple(got) | Reply::Bulk(got), Value::String(expected)) => got == expected.as_bytes(),
        (Reply::Integer(got), Value::Number(expected)) => expected.as_i64() == Some(*got),
        (Reply::Null, Value::Null) => true,
        (Reply::Array(got), Value::Array(expected)) if got.len() != expected.len() => false,
        (Reply::Array(got), Value::Array(expected)) if any_order => matches_in_any_order(got, expected),
        (Reply::Array(got), Value::Array(expected)) => {
            got.iter().zip(expected).all(|(got, expected)| matches(got, expected, false))
        }
        _ => false,
    }
}

/// Each expected item takes one item of the reply that nobody took before. Equal items are interchangeable, so the
/// first match is as good as any other.
fn matches_in_any_order(got: &[Reply], expected: &[Value]) -> bool {
    let mut left: Vec<&Reply> = got.iter().collect();
    expected.iter().all(|expected| {
        let found = left.iter().position(|got| matches(got, expected, true));
        found.map(|index| left.swap_remove(index)).is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn command_lines_become_arguments() {
        let rows: [(&str, bool, &[&[u8]]); 6] = [
            ("set k v", false, &[b"set", b"k", b"v"]),
            ("  get   k ", false, &[b"get", b"k"]),
            ("xadd s 1 m \" World!\"", false, &[b"xadd", b"s", b"1", b"m", b" World!"]),
            ("set k \"\"", false, &[b"set", b"k", b""]),
            ("set k \\x00", false, &[b"set", b"k", b"\\x00"]),
            ("restore k 0 \\x00\\a\\xe5] R", true, &[b"restore", b"k", b"0", b"\x00\x07\xe5]", b"R"]),
        ];
        for (line, binary, expected) in rows {
            assert_eq!(split(line, binary), expected, "{line}");
        }
    }

    #[test]
    fn replies_are_judged() {
        let text = |text: &str| Reply::Bulk(text.as_bytes().to_vec());
        let pair = Reply::Array(vec![text("0"), Reply::Array(vec![text("b"), text("a")])]);
        let rows = [
            (Reply::Simple(b"OK".to_vec()), json!("OK"), false, true),
            (Reply::Error("OK".into()), json!("OK"), false, false),
            (Reply::Integer(1), json!(1), false, true),
            (text("1"), json!(1), false, false),
            (Reply::Integer(1), json!("1"), false, false),
            (Reply::Null, json!(null), false, true),
            (Reply::Array(vec![]), json!(null), false, false),
            (pair.clone(), json!(["0", ["b", "a"]]), false, true),
            (pair.clone(), json!(["0", ["a", "b"]]), false, false),
            (pair.clone(), json!(["0", ["a", "b"]]), true, true),
            (pair.clone(), json!(["0", ["a", "a"]]), true, false),
            (pair, json!(["0", ["a", "b", "c"]]), true, false),
        ];
        for (reply, expected, any_order, verdict) in rows {
            assert_eq!(matches(&reply, &expected, any_order), verdict, "{reply} against {expected}");
        }
    }

    #[test]
    fn a_case_needs_a_result_for_each_command() {
        assert!(parse(&json!({"name": "x", "command": ["get k"], "result": []})).is_err());
        assert!(parse(&json!({"name": "x", "command": [], "result": []})).is_err());
        let case = parse(&json!({"name": "Get it", "command": ["GET k"], "result": [null, 1]})).unwrap();
        assert_eq!((case.subject(), case.commands().collect()), ("get".into(), vec!["get".to_owned()]));
    }
}
