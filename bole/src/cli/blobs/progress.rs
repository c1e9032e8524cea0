//! How far a move of bytes is: a line that is written over on a terminal, and a line now and then elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use bole_base::units::format_bytes;

const BAR_WIDTH: u64 = 24;
const ON_A_TERMINAL: Duration = Duration::from_millis(200);
const ELSEWHERE: Duration = Duration::from_secs(10);

/// Tells of one move on standard error.
pub(super) struct Progress {
    is_terminal: bool,
    told: Instant,
    started: Instant,
    /// What is counted, in the plural.
    what: &'static str,
}

/// How much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) things: u64,
    pub(super) bytes: u64,
}

impl Progress {
    pub(super) fn new(what: &'static str) -> Self {
        let now = Instant::now();
        Self { is_terminal: std::io::stderr().is_terminal(), told: now, started: now, what }
    }

    /// So much of `all` is done.
    pub(super) fn show(&mut self, done: Amount, all: Amount) {
        let every = if self.is_terminal { ON_A_TERMINAL } else { ELSEWHERE };
        if self.told.elapsed() < every {
            return;
        }
        self.told = Instant::now();
        let seconds = self.started.elapsed().as_secs_f64().max(0.001);
        let line = line(self.what, done, all, (done.bytes as f64 / seconds) as u64);
        let mut out = std::io::stderr().lock();
        // What nobody can read is no reason to stop.
        let _ = if self.is_terminal {
            write!(out, "\r\x1b[K{line}").and_then(|()| out.flush())
        } else {
            writeln!(out, "{line}")
        };
    }

    /// Makes room for other lines.
    pub(super) fn clear(&self) {
        if self.is_terminal {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}

fn line(what: &str, done: Amount, all: Amount, rate: u64) -> String {
    // Many small things are work, too, so both count.
    let part = |done: u64, all: u64| if all == 0 { 1.0 } else { (done.min(all)) as f64 / all as f64 };
    let part = f64::midpoint(part(done.things, all.things), part(done.bytes, all.bytes));
    let full = ((part * BAR_WIDTH as f64) as u64).min(BAR_WIDTH) as usize;
    let bar = "#".repeat(full) + &".".repeat(BAR_WIDTH as usize - full);
    let [bytes, all_bytes, rate] = [done.bytes, all.bytes, rate].map(format_bytes);
    format!(
        "[{bar}] {:.0} %, {} of {} {what}, {bytes} of {all_bytes}, {rate}/s",
        part * 100.0,
        done.things,
        all.things
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let amount = |things, bytes| Amount { things, bytes };
        assert_eq!(
            line("objects", amount(1, 1024), amount(2, 2048), 512),
            "[############............] 50 %, 1 of 2 objects, 1.0 KiB of 2.0 KiB, 512 B/s"
        );
        assert!(line("objects", amount(0, 0), amount(0, 0), 0).contains("100 %"));
        assert!(line("objects", amount(9, 9), amount(3, 3), 0).contains("100 %"));
    }
}
