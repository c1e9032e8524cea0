//! Tests of ordered stores and of states on them, with real files.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

mod format;
mod full;
mod model;
mod rebuild;
mod world;
