//! The gateway in front of real sockets: a file for each part of what it promises.

mod faults;
mod found;
mod http2;
mod plain;
mod protection;
mod strict;
mod support;
mod tls;
