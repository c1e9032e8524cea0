//! What the commands that talk to streams share: where the service is, how they run, and how rows are printed.

mod node;
mod signal;
mod table;
mod time;

use std::future::Future;

use anyhow::{Context as _, Result};
use bole_streams::protocol::Text;

pub(super) use self::node::StreamsArgs;
pub(super) use self::signal::Stop;
pub(super) use self::table::{Align, table};
pub(super) use self::time::{now_ms, parse_instant};

/// Runs a command that waits for the network.
pub(super) fn run<T>(command: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("the runtime does not start")?.block_on(command)
}

/// Reads `KEY=VALUE`.
pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("it is not KEY=VALUE".to_owned()),
    }
}

/// A topic, and perhaps some of its partitions: `TOPIC` or `TOPIC:0,3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) topic: Text,
    /// Empty for all.
    pub(super) partitions: Vec<i32>,
}

/// Reads [`Places`].
pub(super) fn places(text: &str) -> Result<Places, String> {
    let (topic, list) = text.split_once(':').map_or((text, None), |(topic, list)| (topic, Some(list)));
    if topic.is_empty() {
        return Err("it has no topic; use TOPIC or TOPIC:0,3".to_owned());
    }
    let number = |word: &str| {
        let number = word.parse().ok().filter(|number: &i32| *number >= 0);
        number.ok_or_else(|| format!("\"{word}\" is not the number of a partition; use TOPIC or TOPIC:0,3"))
    };
    let partitions = list.map_or(Ok(Vec::new()), |list| list.split(',').map(number).collect())?;
    Ok(Places { topic: Text::from(topic), partitions })
}

/// `1 record`, `2 records`.
pub(super) fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_a_topic() {
        for (text, expected) in [
            ("t", Some(("t", vec![]))),
            ("t:0", Some(("t", vec![0]))),
            ("t:0,12", Some(("t", vec![0, 12]))),
            ("t:", None),
            (":1", None),
            ("t:-1", None),
            ("t:x", None),
        ] {
            let read = places(text).ok();
            let expected =
                expected.map(|(topic, partitions)| Places { topic: Text::from(topic), partitions });
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn pairs() {
        assert_eq!(key_value("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(key_value("a="), Ok(("a".to_owned(), String::new())));
        assert!(key_value("a").is_err() && key_value("=b").is_err());
        assert_eq!((count(1, "record"), count(0, "record")), ("1 record".to_owned(), "0 records".to_owned()));
    }
}
