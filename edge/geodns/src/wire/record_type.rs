//! Types of records by number and name, one table.

use std::fmt;

/// A record's type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub u16);

macro_rules! types {
    ($($name:ident = $number:literal: $help:literal,)*) => {
        impl RecordType {
            $(#[doc = $help] pub const $name: Self = Self($number);)*
        }

        /// Number and name of each.
        const NAMES: &[(u16, &str)] = &[$(($number, stringify!($name))),*];
    };
}

types! {
    A = 1: "An IPv4 address.",
    NS = 2: "A name server.",
    CNAME = 5: "Another name.",
    SOA = 6: "The start of a zone.",
    PTR = 12: "A name for an address.",
    HINFO = 13: "Host information; answers ANY (RFC 8482).",
    MX = 15: "A mail exchange.",
    TXT = 16: "Text.",
    AAAA = 28: "An IPv6 address.",
    SRV = 33: "A service's place (RFC 2782).",
    NAPTR = 35: "A rewriting rule (RFC 3403).",
    OPT = 41: "EDNS (RFC 6891).",
    DS = 43: "The digest of a delegated zone's key (RFC 4034).",
    SSHFP = 44: "A host key's fingerprint (RFC 4255).",
    RRSIG = 46: "A signature (RFC 4034).",
    NSEC = 47: "What types a name has (RFC 4034).",
    DNSKEY = 48: "A zone's key (RFC 4034).",
    NSEC3PARAM = 51: "Parameters of hashed denial (RFC 5155).",
    TLSA = 52: "A certificate's association (RFC 6698).",
    SVCB = 64: "A service binding (RFC 9460).",
    HTTPS = 65: "A service binding for HTTP (RFC 9460).",
    NXNAME = 128: "In NSEC: the name does not exist (RFC 9824).",
    TSIG = 250: "A message's signature (RFC 8945).",
    IXFR = 251: "The changes of a zone (RFC 1995).",
    AXFR = 252: "A whole zone (RFC 5936).",
    ANY = 255: "All types.",
    CAA = 257: "Who may issue certificates (RFC 8659).",
}

impl RecordType {
    /// The type that `text` names: its mnemonic, or `TYPE` and its number (RFC 3597).
    pub fn parse(text: &str) -> Option<Self> {
        let named = NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
        named.map(|(number, _)| Self(*number)).or_else(|| {
            let number = text.get(..4).filter(|head| head.eq_ignore_ascii_case("TYPE"))?;
            text[number.len()..].parse().ok().map(Self)
        })
    }

    /// Whether this is a question or a frame, never a record of a zone (RFC 6895 section 3.1): 0, 41, and 128 to 255.
    pub const fn is_meta(self) -> bool {
        matches!(self.0, 0 | 41 | 128..=255)
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => formatter.write_str(name),
            None => write!(formatter, "TYPE{}", self.0),
        }
    }
}

impl fmt::Debug for RecordType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_names_and_numbers() {
        for (text, number, shown) in
            [("a", 1, "A"), ("HTTPS", 65, "HTTPS"), ("type65", 65, "HTTPS"), ("TYPE7000", 7_000, "TYPE7000")]
        {
            let found = RecordType::parse(text).unwrap();
            assert_eq!((found.0, found.to_string()), (number, shown.to_owned()));
        }
        for text in ["", "TYP", "TYPE", "TYPE70000", "ÄÄÄ"] {
            assert_eq!(RecordType::parse(text), None, "{text}");
        }
    }
}
