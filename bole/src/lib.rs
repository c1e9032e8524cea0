//! The binary: command line, configuration, composition. The only crate that knows every service.
//!
//! Nothing here decides how a service works: a part of the node is opened with its section of the settings, put on
//! the list of parts, and stopped in reverse order.

pub mod config;
