//! How far an import is: one line that changes on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// How often a terminal is told, and how often a file.
const ON_A_TERMINAL: Duration = Duration::from_millis(100);
const ELSEWHERE: Duration = Duration::from_secs(10);
const BAR_WIDTH: u64 = 24;

/// Tells on standard error.
pub(super) struct Meter {
    is_terminal: bool,
    told: Instant,
    started: Instant,
    /// Rows when the table began, which this run did not move.
    before: u64,
}

impl Meter {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { is_terminal: std::io::stderr().is_terminal(), told: now, started: now, before: 0 }
    }

    /// A table begins, or goes on after so many rows.
    pub(super) fn start(&mut self, before: u64) {
        self.started = Instant::now();
        self.before = before;
    }

    /// So many rows of a table are there, of about `estimate`.
    pub(super) fn show(&mut self, table: &str, rows: u64, estimate: Option<u64>) {
        let every = if self.is_terminal { ON_A_TERMINAL } else { ELSEWHERE };
        if self.told.elapsed() < every {
            return;
        }
        self.told = Instant::now();
        let line = line(table, rows, estimate, self.rate(rows));
        let mut out = std::io::stderr().lock();
        // What nobody can read is no reason to stop.
        let _ = if self.is_terminal {
            write!(out, "\r\x1b[K{line}").and_then(|()| out.flush())
        } else {
            writeln!(out, "{line}")
        };
    }

    fn rate(&self, rows: u64) -> u64 {
        let seconds = self.started.elapsed().as_secs_f64().max(0.001);
        (rows.saturating_sub(self.before) as f64 / seconds) as u64
    }

    /// Something is done.
    pub(super) fn done(&mut self, what: &str, rows: Option<u64>) {
        let clear = if self.is_terminal { "\r\x1b[K" } else { "" };
        let rows = rows.map_or(String::new(), |rows| format!(": {rows} rows, {}/s", self.rate(rows)));
        let _ = writeln!(std::io::stderr().lock(), "{clear}{what}{rows}");
    }
}

fn line(table: &str, rows: u64, estimate: Option<u64>, rate: u64) -> String {
    let Some(all) = estimate.filter(|all| *all > 0) else { return format!("{table}: {rows} rows, {rate}/s") };
    // The server's idea of a table is older than the table.
    let part = rows.min(all);
    let (full, percent) = (part * BAR_WIDTH / all, part * 100 / all);
    let bar = format!("{}{}", "#".repeat(full as usize), ".".repeat((BAR_WIDTH - full) as usize));
    format!("{table}: [{bar}] {percent} %, {rows} rows, {rate}/s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        for (rows, estimate, expected) in [
            (5, None, "t: 5 rows, 9/s"),
            (5, Some(0), "t: 5 rows, 9/s"),
            (0, Some(10), "t: [........................] 0 %, 0 rows, 9/s"),
            (5, Some(10), "t: [############............] 50 %, 5 rows, 9/s"),
            (15, Some(10), "t: [########################] 100 %, 15 rows, 9/s"),
        ] {
            assert_eq!(line("t", rows, estimate, 9), expected);
        }
    }
}
