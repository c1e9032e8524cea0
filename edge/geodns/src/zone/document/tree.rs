//! A TOML text as tables that know their lines: what is wrong is told with its place, and nothing is passed over.

use crate::zone::rdata::seconds;
use crate::zone::source::Problems;
use std::ops::RangeInclusive;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A text, read.
pub(super) struct Tree<'t> {
    text: &'t str,
    root: DeTable<'t>,
}

/// A table in it; by default one that is empty.
#[derive(Clone, Default)]
pub(super) struct Table<'t> {
    text: &'t str,
    table: Option<&'t DeTable<'t>>,
}

/// A value in it.
#[derive(Clone)]
pub(super) struct Node<'t> {
    text: &'t str,
    pub(super) line: usize,
    pub(super) value: &'t DeValue<'t>,
}

fn line(text: &str, at: usize) -> usize {
    text[..text.floor_char_boundary(at)].matches('\n').count() + 1
}

impl<'t> Tree<'t> {
    pub(super) fn parse(text: &'t str, problems: &mut Problems) -> Option<Self> {
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let at = error.span().map_or(0, |span| line(text, span.start));
            problems.push(at, error.message().to_owned());
        }
        errors.is_empty().then(|| Self { text, root: root.into_inner() })
    }

    pub(super) fn root(&'t self) -> Table<'t> {
        Table { text: self.text, table: Some(&self.root) }
    }
}

impl<'t> Table<'t> {
    /// Keys, the lines of their values, and those.
    pub(super) fn values(&self) -> impl Iterator<Item = (String, usize, Node<'t>)> + use<'t> {
        let text = self.text;
        self.table.into_iter().flatten().map(move |(key, value)| {
            let node = node(text, value);
            (key.get_ref().to_string(), line(text, key.span().start), node)
        })
    }

    /// All tables in it.
    pub(super) fn tables(&self, problems: &mut Problems) -> Vec<(String, usize, Table<'t>)> {
        let mut tables = Vec::new();
        for (key, line, node) in self.values() {
            match node.value.as_table() {
                Some(table) => tables.push((key, line, Table { text: self.text, table: Some(table) })),
                None => problems.push(line, format!("`{key}` is no table")),
            }
        }
        tables
    }

    /// Complains of keys beyond `known`.
    pub(super) fn only(&self, known: &[&str], what: &str, problems: &mut Problems) {
        for (key, line, _) in self.values().filter(|(key, ..)| !known.contains(&key.as_str())) {
            problems.push(line, format!("{what} has no `{key}`; it has {}", known.join(", ")));
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<Node<'t>> {
        self.table?.get(key).map(|value| node(self.text, value))
    }

    pub(super) fn table(&self, key: &str, problems: &mut Problems) -> Option<Table<'t>> {
        let node = self.get(key)?;
        let table = node.value.as_table();
        if table.is_none() {
            problems.push(node.line, format!("`{key}` is no table"));
        }
        table.map(|table| Table { text: self.text, table: Some(table) })
    }

    pub(super) fn text(&self, key: &str, problems: &mut Problems) -> Option<(usize, String)> {
        let node = self.get(key)?;
        let text = node.value.as_str().map(str::to_owned);
        if text.is_none() {
            problems.push(node.line, format!("`{key}` is no text"));
        }
        text.map(|text| (node.line, text))
    }

    /// A span of time: a number of seconds or a text such as "1h30m".
    pub(super) fn seconds(&self, key: &str, problems: &mut Problems) -> Option<u32> {
        let node = self.get(key)?;
        let found = match node.value {
            DeValue::Integer(number) => seconds(number.as_str()),
            DeValue::String(text) => seconds(text),
            _ => None,
        };
        if found.is_none() {
            problems.push(node.line, format!("`{key}` is no span of time: seconds, or as \"1h30m\""));
        }
        found
    }

    pub(super) fn whole(
        &self,
        key: &str,
        bounds: RangeInclusive<u32>,
        problems: &mut Problems,
    ) -> Option<u32> {
        let node = self.get(key)?;
        let found = node
            .value
            .as_integer()
            .and_then(|number| u32::from_str_radix(number.as_str(), number.radix()).ok());
        let found = found.filter(|number| bounds.contains(number));
        if found.is_none() {
            problems.push(
                node.line,
                format!("`{key}` is no whole number from {} to {}", bounds.start(), bounds.end()),
            );
        }
        found
    }

    /// A text or a list of texts, with their lines.
    pub(super) fn texts(&self, key: &str, problems: &mut Problems) -> Vec<(usize, String)> {
        self.get(key).map_or_else(Vec::new, |node| node.texts(problems))
    }
}

fn node<'t>(text: &'t str, value: &'t Spanned<DeValue<'t>>) -> Node<'t> {
    Node { text, line: line(text, value.span().start), value: value.get_ref() }
}

impl<'t> Node<'t> {
    pub(super) fn as_table(&self) -> Option<Table<'t>> {
        self.value.as_table().map(|table| Table { text: self.text, table: Some(table) })
    }

    /// The parts of a list; one value is a list of one.
    pub(super) fn items(&self) -> Vec<Node<'t>> {
        match self.value {
            DeValue::Array(array) => array.iter().map(|value| node(self.text, value)).collect(),
            _ => vec![self.clone()],
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self.value {
            DeValue::Integer(number) => number.as_str().parse().ok(),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        }
    }

    pub(super) fn texts(&self, problems: &mut Problems) -> Vec<(usize, String)> {
        let mut texts = Vec::new();
        for item in self.items() {
            match item.value.as_str() {
                Some(text) => texts.push((item.line, text.to_owned())),
                None => {
                    problems.push(item.line, format!("a text is expected, not {}", item.value.type_str()));
                }
            }
        }
        texts
    }

    /// A record or several, or a table of `ttl` and `data`.
    pub(super) fn records(&self, ttl: u32, problems: &mut Problems) -> (u32, Vec<(usize, String)>) {
        let Some(table) = self.as_table() else { return (ttl, self.texts(problems)) };
        table.only(&["ttl", "data"], "a record", problems);
        if table.get("data").is_none() {
            problems.push(self.line, "`data` is missing");
        }
        (table.seconds("ttl", problems).unwrap_or(ttl), table.texts("data", problems))
    }
}
