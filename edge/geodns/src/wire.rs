//! Bytes to queries and back (RFC 1035, 6891, 7871, 7873): no I/O, no state.
//!
//! A query is read without an allocation and never trusted: each length is checked against the bytes that are there, and
//! a name is followed at most to its bounds. A response is written straight into the buffer that is sent.
//!
//! Reading order: [`name`] → [`record_type`] → [`query`] → [`edns`] → [`response`].

pub mod edns;
pub mod name;
pub mod query;
pub mod record_type;
pub mod response;

pub use name::Name;
pub use query::{Query, Unanswerable};
pub use record_type::RecordType;
pub use response::{Owner, Response, Section};

/// How a response ends (RFC 1035 section 4.1.1; RFC 6895 section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum Rcode {
    /// An answer, which may be that there is no such type.
    NoError = 0,
    /// The query cannot be read.
    FormErr = 1,
    /// The server cannot say now.
    ServFail = 2,
    /// There is no such name.
    NxDomain = 3,
    /// The operation is not one of this server's.
    NotImp = 4,
    /// The server does not want to say: not its zone, or not for this client.
    Refused = 5,
    /// The request's signature is not accepted, or the server is not this zone's.
    NotAuth = 9,
    /// The EDNS version is not known (RFC 6891).
    BadVers = 16,
    /// The client shall come again with the cookie of this answer (RFC 7873).
    BadCookie = 23,
}

impl Rcode {
    /// Its mnemonic.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoError => "NOERROR",
            Self::FormErr => "FORMERR",
            Self::ServFail => "SERVFAIL",
            Self::NxDomain => "NXDOMAIN",
            Self::NotImp => "NOTIMP",
            Self::Refused => "REFUSED",
            Self::NotAuth => "NOTAUTH",
            Self::BadVers => "BADVERS",
            Self::BadCookie => "BADCOOKIE",
        }
    }
}

/// Bits of a header's second word.
pub mod flags {
    /// A response.
    pub const QR: u16 = 0x8000;
    /// The operation.
    pub const OPCODE: u16 = 0x7800;
    /// An authoritative answer.
    pub const AA: u16 = 0x0400;
    /// Cut short.
    pub const TC: u16 = 0x0200;
    /// Recursion desired: copied from the query.
    pub const RD: u16 = 0x0100;
    /// Checking disabled: copied from the query (RFC 4035 section 3.1.6).
    pub const CD: u16 = 0x0010;
}

/// The class of the Internet.
pub const CLASS_IN: u16 = 1;
/// Bytes of a message's header.
pub const HEADER_BYTES: usize = 12;
