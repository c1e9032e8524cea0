//! An unexpected WARN or ERROR line fails the test. A test holds a [`Guard`]; what it expects to be logged, it says.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Dispatch, Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

/// Lines that are kept; more are counted only.
const LINES_MAX: usize = 1000;

#[derive(Default)]
struct Seen {
    lines: Vec<String>,
    dropped: usize,
    allowed: Vec<String>,
}

/// Collects the WARN and ERROR lines of this thread (and of threads that use [`Guard::dispatch`]) while it lives. When it
/// is dropped, a line that was not announced by [`Guard::allow`] and not taken by [`Guard::take`] fails the test.
#[must_use = "a guard that is dropped at once watches nothing"]
pub struct Guard {
    seen: Arc<Mutex<Seen>>,
    dispatch: Dispatch,
    _default: tracing::subscriber::DefaultGuard,
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Watches from here on.
pub fn guard() -> Guard {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let dispatch = Dispatch::new(Registry::default().with(Collector { seen: Arc::clone(&seen) }));
    let default = tracing::dispatcher::set_default(&dispatch);
    Guard { seen, dispatch, _default: default }
}

impl Guard {
    /// Lines that contain `text` are expected, from the beginning of the watch to its end.
    pub fn allow(&self, text: impl Into<String>) {
        lock(&self.seen).allowed.push(text.into());
    }

    /// Takes out the lines so far that contain `text`: to check that something was logged.
    pub fn take(&self, text: &str) -> Vec<String> {
        let mut seen = lock(&self.seen);
        let (taken, left) = std::mem::take(&mut seen.lines).into_iter().partition(|line| line.contains(text));
        seen.lines = left;
        taken
    }

    /// For other threads of the test: `tracing::dispatcher::with_default(&guard.dispatch(), …)`.
    pub fn dispatch(&self) -> Dispatch {
        self.dispatch.clone()
    }

    /// The lines that would fail the test now.
    pub fn unexpected(&self) -> Vec<String> {
        let seen = lock(&self.seen);
        let allowed = |line: &String| seen.allowed.iter().any(|text| line.contains(text));
        let mut lines: Vec<String> = seen.lines.iter().filter(|line| !allowed(line)).cloned().collect();
        if seen.dropped > 0 {
            lines.push(format!("and {} more lines", seen.dropped));
        }
        lines
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let lines = self.unexpected();
        let fine = lines.is_empty() || std::thread::panicking();
        assert!(fine, "unexpected log lines:\n{}", lines.join("\n"));
    }
}

struct Collector {
    seen: Arc<Mutex<Seen>>,
}

impl<S: Subscriber> Layer<S> for Collector {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() > Level::WARN {
            return;
        }
        let mut line = Line(format!("{} {}:", metadata.level(), metadata.target()));
        event.record(&mut line);
        let mut seen = lock(&self.seen);
        if seen.lines.len() < LINES_MAX {
            seen.lines.push(line.0);
        } else {
            seen.dropped += 1;
        }
    }
}

/// The text of an event: its message, then its fields.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unexpected_lines_fail_and_expected_ones_do_not() {
        let guard = guard();
        tracing::info!("of no interest");
        assert!(guard.unexpected().is_empty());
        tracing::warn!(shard = 7, "slow fsync");
        tracing::error!("disk failed");
        assert_eq!(guard.unexpected().len(), 2);
        guard.allow("slow fsync");
        assert_eq!(guard.take("disk"), ["ERROR bole_testing::logs::tests: disk failed"]);
        assert!(guard.unexpected().is_empty());
    }

    #[test]
    fn dropping_the_guard_panics() {
        let result = std::panic::catch_unwind(|| {
            let guard = guard();
            let dispatch = guard.dispatch();
            let thread = move || tracing::dispatcher::with_default(&dispatch, || tracing::error!("boom"));
            std::thread::spawn(thread).join().unwrap();
        });
        let text = *result.unwrap_err().downcast::<String>().unwrap();
        assert!(text.contains("unexpected log lines") && text.contains("boom"));
    }
}
