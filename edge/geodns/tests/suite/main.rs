//! The server against a second implementation of DNS (hickory's messages), against brute force, and through real sockets.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

mod answers;
mod dnssec;
mod doors;
mod limits;
mod malformed;
mod mmdb;
mod scope;
mod service;
mod support;
mod zones;
