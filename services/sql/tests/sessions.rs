//! Sessions through their door: frames in, frames out, as PostgreSQL 15 answers.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

#[path = "sessions/catalog.rs"]
mod catalog;
#[path = "sessions/client.rs"]
mod client;
#[path = "sessions/constraints.rs"]
mod constraints;
#[path = "sessions/copy.rs"]
mod copy;
#[path = "sessions/dialect_page.rs"]
mod dialect_page;
#[path = "sessions/durability.rs"]
mod durability;
#[path = "sessions/extended.rs"]
mod extended;
#[path = "sessions/feeds.rs"]
mod feeds;
#[path = "sessions/limits.rs"]
mod limits;
#[path = "sessions/login.rs"]
mod login;
#[path = "sessions/materialized.rs"]
mod materialized;
#[path = "sessions/server.rs"]
mod server;
#[path = "sessions/shapes.rs"]
mod shapes;
#[path = "sessions/simple.rs"]
mod simple;
#[path = "sessions/temporary.rs"]
mod temporary;
#[path = "sessions/upserts.rs"]
mod upserts;
