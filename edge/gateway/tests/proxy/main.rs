//! The gateway in front of real sockets: a file for each part of what it promises.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

mod authority;
mod cached;
mod collapse;
mod described;
mod direct;
mod faults;
mod found;
mod hedge;
mod http2;
mod images;
mod logins;
mod mirror;
mod otel;
mod plain;
mod prefetch;
mod protection;
mod shown;
mod straight;
mod strict;
mod support;
mod tls;
