//! The cache around an origin that tests drive.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

mod collapsing;
mod manners;
mod poisoning;
mod purging;
mod ranges;
mod restarts;
mod support;
