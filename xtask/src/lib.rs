//! The developer commands of Bole, as a library.
//!
//! `main.rs` is the command line; each command is a file here. The library exists so that `bench/` starts servers and
//! speaks RESP through the same code as the conformance runs. What the product itself does is not here: this crate
//! only starts programs, compares what they say and prints what it starts.
//!
//! Reading order: [`process`] (how a program is run), [`server`] (how Bole is started), [`kafka`] and [`seaweedfs`] (how these peers are), [`tools`] (how clients get
//! here), then the commands: [`conformance`], [`tair`], [`bench`], [`study`], [`faults`], [`test`], [`check`].
#![expect(clippy::print_stdout, reason = "a command line tool speaks on stdout")]

pub mod bench;
pub mod check;
pub mod conformance;
pub mod faults;
pub mod kafka;
pub mod process;
pub mod resp;
pub mod seaweedfs;
pub mod server;
pub mod soak;
pub mod study;
pub mod tair;
pub mod test;
pub mod tools;
