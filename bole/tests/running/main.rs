//! The commands that talk to streams, against a real node; and the guide's pages, whose examples run as they stand.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

mod blob_commands;
mod blobs;
mod cdn;
mod commands;
mod console;
mod dns;
mod expect;
mod faults;
mod feeds;
mod gateway;
mod gateway_bucket;
mod gateway_logins;
mod groups;
mod guide;
mod import;
mod large_group;
mod node;
mod restart;
mod retention;
mod secure;
mod share;
mod sink;
mod sink_sql;
mod sql;
mod transactions;
