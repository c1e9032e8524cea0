//! Zones that are kept, on a journal in memory, and the API for them.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

mod control;
mod door;
mod support;
