//! The door on a socket, over a journal and chunks in memory: signatures, who may do what, bodies, ranges, CORS, and that each operation is served
//! or refused by name. Real clients are in `conformance/`.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

mod client;
mod denials;
mod encryption;
mod forms;
mod logs;
mod node;
mod requests;
mod settings;
mod signed;
mod sts;
mod table;
mod website;
