//! The binary: command line, configuration, composition. The only crate that knows every service.
//!
//! Nothing here decides how a service works: a part of the node is opened with its section of the settings, put on
//! the list of parts, and stopped in reverse order.
//!
//! Reading order: [`cli`] (the commands) → [`config`] → [`serve`] (how a node is put together) → [`parts`] and
//! [`shutdown`] → [`admin`] with [`console`], [`status`] and [`metrics`] → [`check`]; [`streams_client`] for the commands that talk to streams, `s3_client` for those that talk to blobs.

pub mod admin;
pub mod banner;
pub mod check;
pub mod cli;
pub mod config;
pub mod console;
pub mod http;
mod issuer;
pub mod kernel;
mod keyspace_client;
pub mod listen;
pub mod lock;
pub mod logging;
pub mod memory;
pub mod metrics;
pub mod node_meta;
pub mod open_files;
pub mod parts;
pub mod serve;
pub mod services;
pub mod shutdown;
pub mod status;
pub mod streams_client;

mod s3_client;
