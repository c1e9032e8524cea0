//! Where reading begins: `--from`.

use std::collections::BTreeMap;
use std::str::FromStr;

use anyhow::{Result, ensure};
use bole_streams::protocol::Text;

use crate::cli::streams::parse_instant;
use crate::streams_client::Connection;
use crate::streams_client::topics::{EARLIEST, Isolation, LATEST, offsets};

/// A place in every partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// The first record that is there.
    Earliest,
    /// After the last one.
    Latest,
    /// This offset.
    Offset(i64),
    /// So many before the end.
    Last(i64),
    /// The first record since a time, in milliseconds.
    Since(i64),
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().ok()).flatten()
        };
        let start = match text {
            "earliest" => Some(Self::Earliest),
            "latest" => Some(Self::Latest),
            _ => match (text.strip_prefix('@'), text.strip_prefix('-')) {
                (Some(time), _) => Some(Self::Since(parse_instant(time)?.max(0))),
                (_, Some(last)) => number(last).map(Self::Last),
                _ => number(text).map(Self::Offset),
            },
        };
        start.ok_or_else(|| "use earliest, latest, an offset, -N or @TIME".to_owned())
    }
}

impl Start {
    /// The offset in each of these partitions.
    ///
    /// Errors: those of the server; an offset that a partition does not have.
    pub(super) async fn find(
        self,
        connection: &mut Connection,
        topic: &Text,
        partitions: &[i32],
        isolation: Isolation,
    ) -> Result<BTreeMap<i32, i64>> {
        if partitions.is_empty() {
            return Ok(BTreeMap::new());
        }
        let starts = offsets(connection, topic, partitions, EARLIEST, isolation).await?;
        let ends = offsets(connection, topic, partitions, LATEST, isolation).await?;
        let since = match self {
            Self::Since(time) => offsets(connection, topic, partitions, time, isolation).await?,
            _ => BTreeMap::new(),
        };
        let mut found = BTreeMap::new();
        for (partition, start) in starts {
            let end = ends.get(&partition).copied().unwrap_or(start);
            let at = match self {
                Self::Earliest => start,
                Self::Latest => end,
                Self::Last(count) => end.saturating_sub(count).max(start),
                Self::Since(_) => since.get(&partition).copied().filter(|at| *at >= 0).unwrap_or(end),
                Self::Offset(at) => {
                    ensure!(
                        (start..=end).contains(&at),
                        "topic \"{topic}\" partition {partition} has offsets {start} to {end}; there is no offset {at}"
                    );
                    at
                }
            };
            found.insert(partition, at);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_to_begin() {
        for (text, start) in [
            ("earliest", Some(Start::Earliest)),
            ("latest", Some(Start::Latest)),
            ("0", Some(Start::Offset(0))),
            ("-5", Some(Start::Last(5))),
            ("@1700000000000", Some(Start::Since(1_700_000_000_000))),
            ("@2023-11-14T22:13:20Z", Some(Start::Since(1_700_000_000_000))),
            ("first", None),
            ("-", None),
            ("--5", None),
            ("@yesterday", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<Start>().ok(), start, "{text}");
        }
    }
}
