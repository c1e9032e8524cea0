//! How long to wait after accepting failed, and when that is worth a line in the log.

use std::io;
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(10);
const LAST: Duration = Duration::from_secs(1);

/// Failures in a row, as waiting times: 10 ms, doubled up to 1 s.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    /// What was waited last; zero while all is well.
    last: Duration,
}

/// Whether the state changed with what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It is as before.
    None,
    /// The first failure after success.
    Failing,
    /// The first success after failure.
    Recovered,
}

impl Backoff {
    pub(super) fn failed(&mut self) -> (Duration, Change) {
        let change = if self.last.is_zero() { Change::Failing } else { Change::None };
        self.last = (self.last * 2).clamp(FIRST, LAST);
        (self.last, change)
    }

    pub(super) fn succeeded(&mut self) -> Change {
        if std::mem::take(&mut self.last).is_zero() { Change::None } else { Change::Recovered }
    }
}

/// Whether an error of `accept` concerns only the connection that was about to be accepted (accept(2): such errors are
/// to be treated like a retry), so that the next may be accepted at once.
pub(super) fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(
        error.kind(),
        K::ConnectionAborted
            | K::ConnectionReset
            | K::ConnectionRefused
            | K::Interrupted
            | K::NetworkUnreachable
            | K::HostUnreachable
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_second_and_start_over() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.succeeded(), Change::None);
        for round in 0..2 {
            for (index, millis) in [10, 20, 40, 80, 160, 320, 640, 1_000, 1_000].into_iter().enumerate() {
                let (pause, change) = backoff.failed();
                assert_eq!(pause, Duration::from_millis(millis), "failure {index} of round {round}");
                assert_eq!(change == Change::Failing, index == 0, "failure {index} of round {round}");
            }
            assert_eq!(backoff.succeeded(), Change::Recovered);
            assert_eq!(backoff.succeeded(), Change::None);
        }
    }

    #[test]
    fn only_errors_of_the_node_are_waited_for() {
        for (code, of_one) in [(103, true), (104, true), (4, true), (24, false), (23, false), (12, false)] {
            assert_eq!(is_of_one_connection(&io::Error::from_raw_os_error(code)), of_one, "errno {code}");
        }
    }
}
