//! The table and the raw rounds.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::contender::Kind;
use super::{Args, Round};
use crate::stats::{Spread, cell};

type Column = (&'static str, usize, fn(&Args, &Round) -> f64);

const COLUMNS: [Column; 9] = [
    ("puts/s", 0, |args, round| args.keys as f64 / round.put_seconds),
    ("longest put ms", 2, |_, round| round.put_max_seconds * 1e3),
    ("persists ms", 0, |_, round| round.persist_seconds * 1e3),
    ("longest persist ms", 0, |_, round| round.persist_max_seconds * 1e3),
    ("gets/s", 0, |args, round| args.keys as f64 / round.get_seconds),
    ("longest get while writing ms", 2, |_, round| round.get_max_seconds * 1e3),
    ("scanned/s", 0, |_, round| round.scanned as f64 / round.scan_seconds),
    ("written MB", 0, |_, round| round.written_bytes as f64 / 1e6),
    ("on disk MB", 0, |_, round| round.disk_bytes as f64 / 1e6),
];

/// The table in Markdown.
pub(super) fn markdown(args: &Args, rounds: &[(Kind, Vec<Round>)]) -> String {
    let mut out = format!(
        "{} keys of 20 B in random order, values of {} B, {} in a batch, made durable every {}; one thread. Median (range) over the rounds.\n\n| store |",
        args.keys, args.value_bytes, args.batch, args.persist_every
    );
    for (name, ..) in COLUMNS {
        // Writing to a string does not fail.
        let _ = write!(out, " {name} |");
    }
    out.push_str("\n|---|");
    out.push_str(&"---:|".repeat(COLUMNS.len()));
    out.push('\n');
    for (kind, rounds) in rounds {
        let _ = write!(out, "| {} |", kind.name());
        for (_, decimals, value) in COLUMNS {
            let spread = Spread::of(rounds.iter().map(|round| value(args, round)));
            let _ = write!(out, " {} |", cell(spread, decimals));
        }
        out.push('\n');
    }
    out
}

/// Every round.
pub(super) fn json(args: &Args, rounds: &[(Kind, Vec<Round>)]) -> Value {
    let one = |round: &Round| {
        let columns = COLUMNS.iter().map(|(name, _, value)| ((*name).to_owned(), json!(value(args, round))));
        Value::Object(columns.collect())
    };
    let store = |(kind, rounds): &(Kind, Vec<Round>)| {
        (kind.name().to_owned(), Value::Array(rounds.iter().map(one).collect()))
    };
    Value::Object(rounds.iter().map(store).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_rates_and_the_longest_waits() {
        let args = Args { keys: 1_000, value_bytes: 100, batch: 1, persist_every: 10, rounds: 1 };
        let round = Round {
            put_seconds: 0.5,
            put_max_seconds: 0.001,
            persist_seconds: 0.25,
            persist_max_seconds: 0.125,
            get_seconds: 0.1,
            get_max_seconds: 0.002,
            scan_seconds: 0.01,
            scanned: 1_000,
            written_bytes: 2_000_000,
            disk_bytes: 1_000_000,
        };
        let text = markdown(&args, &[(Kind::Redb, vec![round])]);
        let row = "| redb | 2000 (2000–2000) | 1.00 (1.00–1.00) | 250 (250–250) | 125 (125–125) | 10000 (10000–10000) | \
                   2.00 (2.00–2.00) | 100000 (100000–100000) | 2 (2–2) | 1 (1–1) |";
        assert!(text.contains(row), "{text}");
    }
}
