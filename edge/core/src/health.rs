//! Who is well: active checks, outliers among live requests, and what follows from both. Balancer, DNS and cache go by
//! the same [`Board`].
//!
//! A target is well unless its checks say that it is down or live requests have ejected it. Checks ask from outside and
//! see an idle target; outlier detection sees what clients see, within seconds, but only where there is traffic. The
//! probes themselves are I/O and done by others: the board says what is due and is told how it went.
//!
//! Reading order: [`active`] → [`outlier`] → [`board`].

pub mod active;
pub mod board;
pub mod outlier;

pub use board::{Board, Change};

/// How an endpoint is, for those who send it requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// It gets requests.
    Well,
    /// It gets none, except in panic.
    Unwell,
    /// It gets none, except of clients that are bound to it.
    Draining,
}

/// Whether so few of all are well that health should not be looked at: below `threshold` (0 to 1). Nobody at all is no
/// reason to panic.
pub fn panics(well: usize, all: usize, threshold: f64) -> bool {
    all > 0 && (well as f64 / all as f64) < threshold
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panic_begins_below_its_threshold() {
        let rows = [
            (0, 0, 0.5, false),
            (0, 1, 0.5, true),
            (5, 10, 0.5, false),
            (4, 10, 0.5, true),
            (0, 9, 0.0, false),
        ];
        for (well, all, threshold, expected) in rows {
            assert_eq!(panics(well, all, threshold), expected, "{well} of {all}");
        }
    }
}
