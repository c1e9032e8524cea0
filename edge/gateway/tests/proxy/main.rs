//! The gateway in front of real sockets: a file for each part of what it promises.

mod plain;
mod strict;
mod support;
