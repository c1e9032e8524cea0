//! The gateway in front of real sockets: a file for each part of what it promises.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

mod cached;
mod described;
mod faults;
mod found;
mod http2;
mod logins;
mod plain;
mod protection;
mod straight;
mod strict;
mod support;
mod tls;
