//! Certificates from an authority that is played: what is asked of it, what becomes of each of its failures, what a crash at any point leaves, and a
//! year of renewals. Time stands still but when everybody waits.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

mod authority;
mod crashes;
mod failures;
mod life;
mod support;
