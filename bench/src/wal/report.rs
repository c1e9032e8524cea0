//! The table and the raw rounds.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Point;
use crate::stats::{Spread, cell};

impl Point {
    fn spread(&self, value: impl Fn(&super::Appended, super::Written) -> f64) -> Option<Spread> {
        Spread::of(self.rounds.iter().map(|(appended, written)| value(appended, *written)))
    }

    fn ratio(&self) -> Option<Spread> {
        self.spread(|a, w| (a.bytes as f64 / a.seconds) / (w.bytes as f64 / w.seconds))
    }

    fn fsyncs_per_append(&self) -> Option<Spread> {
        self.spread(|a, _| a.fsyncs as f64 / a.entries as f64)
    }
}

/// The table in Markdown.
pub(super) fn markdown(points: &[Point]) -> String {
    let mut out = "Journal, class sync, against write + fdatasync of the same sizes over an equally zero-filled file. Median (range) over \
                   the rounds; the ratio is bytes per second, journal to plain, round by round.\n\n"
        .to_owned();
    out.push_str("| entry | appenders | entries/s | MB/s of payload | journal MB/s | plain MB/s | ratio | fsyncs per append | journal fsync µs | plain write + fsync µs |\n");
    out.push_str("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    for point in points {
        let cells = [
            cell(point.spread(|a, _| a.entries as f64 / a.seconds), 0),
            cell(point.spread(|a, _| a.entries as f64 * point.size as f64 / a.seconds / 1e6), 1),
            cell(point.spread(|a, _| a.bytes as f64 / a.seconds / 1e6), 1),
            cell(point.spread(|_, w| w.bytes as f64 / w.seconds / 1e6), 1),
            cell(point.ratio(), 2),
            cell(point.fsyncs_per_append(), 4),
            cell(point.spread(|a, _| a.fsync_seconds * 1e6 / a.fsyncs as f64), 0),
            cell(point.spread(|_, w| w.seconds * 1e6 / w.fsyncs as f64), 0),
        ];
        // Writing to a string does not fail.
        let _ = writeln!(out, "| {} B | {} | {} |", point.size, point.appenders, cells.join(" | "));
    }
    out
}

/// Every round.
pub(super) fn json(points: &[Point]) -> Value {
    let point = |point: &Point| {
        let rounds: Vec<Value> = point
            .rounds
            .iter()
            .map(|(a, w)| {
                json!({
                    "journal": {"seconds": a.seconds, "entries": a.entries, "bytes": a.bytes, "fsyncs": a.fsyncs,
                        "fsync_seconds": a.fsync_seconds},
                    "plain": {"seconds": w.seconds, "bytes": w.bytes, "fsyncs": w.fsyncs},
                })
            })
            .collect();
        json!({
            "entry_bytes": point.size,
            "appenders": point.appenders,
            "ratio": point.ratio().map(Spread::json),
            "fsyncs_per_append": point.fsyncs_per_append().map(Spread::json),
            "rounds": rounds,
        })
    };
    json!({ "points": points.iter().map(point).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::super::{Appended, Written};
    use super::*;

    #[test]
    fn a_row_shows_rates_and_the_ratio() {
        let appended = Appended {
            seconds: 2.0,
            entries: 2_000,
            bytes: 400_000,
            fsyncs: 20,
            fsync_seconds: 1.0,
            groups: vec![],
        };
        let written = Written { seconds: 1.0, bytes: 250_000, fsyncs: 10 };
        let text = markdown(&[Point { size: 128, appenders: 256, rounds: vec![(appended, written)] }]);
        let row = "| 128 B | 256 | 1000 (1000–1000) | 0.1 (0.1–0.1) | 0.2 (0.2–0.2) | 0.2 (0.2–0.2) | 0.80 (0.80–0.80) | \
                   0.0100 (0.0100–0.0100) | 50000 (50000–50000) | 100000 (100000–100000) |";
        assert!(text.contains(row), "{text}");
    }
}
