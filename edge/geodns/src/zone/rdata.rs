//! Data of records between text and wire form. Each type is a row of fields; reading, showing and checking go by it.
//!
//! Names in data are folded like all names here, which is also their canonical form (RFC 4034 section 6.2).

mod fields;
mod service;

pub use fields::{decode_base64, encode_base64};
pub(crate) use fields::{encode_hex, seconds};

use crate::wire::{Name, RecordType};
use crate::zone::lexer::Token;

/// What a type's data consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    U8,
    U16,
    U32,
    /// A number of seconds, or as `1h30m`.
    Seconds,
    Name,
    Ipv4,
    Ipv6,
    /// One character string.
    Text,
    /// Character strings to the end, at least one.
    Texts,
    /// The tag of a CAA record.
    Tag,
    /// One text to the end, without a length.
    Rest,
    /// Hexadecimal digits to the end.
    Hex,
    /// Parameters of a service binding to the end.
    Parameters,
}

use Field::{Hex, Ipv4, Ipv6, Parameters, Rest, Seconds, Tag, Text, Texts, U8, U16, U32};

/// Types that are known and their fields.
const FIELDS: &[(RecordType, &[Field])] = &[
    (RecordType::A, &[Ipv4]),
    (RecordType::NS, &[Field::Name]),
    (RecordType::CNAME, &[Field::Name]),
    (RecordType::SOA, &[Field::Name, Field::Name, U32, Seconds, Seconds, Seconds, Seconds]),
    (RecordType::PTR, &[Field::Name]),
    (RecordType::HINFO, &[Text, Text]),
    (RecordType::MX, &[U16, Field::Name]),
    (RecordType::TXT, &[Texts]),
    (RecordType::AAAA, &[Ipv6]),
    (RecordType::SRV, &[U16, U16, U16, Field::Name]),
    (RecordType::NAPTR, &[U16, U16, Text, Text, Text, Field::Name]),
    (RecordType::DS, &[U16, U8, U8, Hex]),
    (RecordType::SSHFP, &[U8, U8, Hex]),
    (RecordType::TLSA, &[U8, U8, U8, Hex]),
    (RecordType::SVCB, &[U16, Field::Name, Parameters]),
    (RecordType::HTTPS, &[U16, Field::Name, Parameters]),
    (RecordType::CAA, &[U8, Tag, Rest]),
];

fn fields(kind: RecordType) -> Option<&'static [Field]> {
    FIELDS.iter().find(|row| row.0 == kind).map(|row| row.1)
}

/// Types that are known by their fields.
pub fn known() -> impl Iterator<Item = RecordType> {
    FIELDS.iter().map(|row| row.0)
}

/// Reads a record's data. `\# length hex` is understood for every type (RFC 3597); a type that is not known has no other
/// form.
pub fn parse(kind: RecordType, tokens: &[Token], origin: &Name) -> Result<Box<[u8]>, String> {
    if tokens.first().is_some_and(|token| token.text == "\\#" && !token.quoted) {
        return generic(kind, &tokens[1..]);
    }
    let fields = fields(kind).ok_or_else(|| {
        format!("data of type {kind} is not known by its fields: write it as \\# LENGTH HEX (RFC 3597)")
    })?;
    let mut data = Vec::new();
    let mut rest = tokens.iter();
    for field in fields {
        fields::read(*field, &mut rest, origin, &mut data).map_err(|problem| format!("{kind}: {problem}"))?;
    }
    match rest.next() {
        Some(token) => Err(format!("{kind}: nothing is expected at \"{}\"", token.text)),
        None if data.len() > u16::MAX as usize => Err(format!("{kind}: the data has more than 65535 bytes")),
        None => Ok(data.into()),
    }
}

fn generic(kind: RecordType, tokens: &[Token]) -> Result<Box<[u8]>, String> {
    let length: Option<usize> = tokens.first().and_then(|token| token.text.parse().ok());
    let digits: String = tokens.iter().skip(1).map(|token| token.text.as_str()).collect();
    let data = fields::decode_hex(&digits).filter(|data| Some(data.len()) == length);
    let data = data
        .ok_or_else(|| format!("{kind}: \\# wants the number of bytes, then as many bytes in hexadecimal"))?;
    match show(kind, &data) {
        None => Err(format!("{kind}: the bytes are no data of this type")),
        // Names are folded by writing them as text and reading that.
        Some(text) if fields(kind).is_some_and(|fields| fields.contains(&Field::Name)) => {
            parse(kind, &crate::zone::lexer::tokens(&text)?, &Name::root())
        }
        Some(_) => Ok(data.into()),
    }
}

/// A record's data as zone files have it; `None` if the bytes are no data of this type.
pub fn show(kind: RecordType, data: &[u8]) -> Option<String> {
    let Some(fields) = fields(kind) else {
        return Some(format!("\\# {} {}", data.len(), encode_hex(data)).trim_end().to_owned());
    };
    let mut reader = crate::wire::query::Reader { bytes: data, at: 0 };
    let mut words: Vec<String> = Vec::new();
    for field in fields {
        let word = fields::show(*field, &mut reader)?;
        if !word.is_empty() {
            words.push(word);
        }
    }
    (reader.at == data.len()).then(|| words.join(" "))
}

/// The name in a record's data that another record is looked up for: where a CNAME, NS, MX or SRV leads.
pub fn target(kind: RecordType, data: &[u8]) -> Option<Name> {
    let skip = match kind {
        RecordType::CNAME | RecordType::NS | RecordType::PTR => 0,
        RecordType::MX => 2,
        RecordType::SRV => 6,
        _ => return None,
    };
    Name::from_wire(data.get(skip..)?)
}

/// The name whose addresses a client needs next for a record's data, its owner being `owner`: where an MX or SRV leads, and an
/// SVCB or HTTPS whose target `.` is the owner itself (RFC 9460 section 2.5.2).
pub fn service_target(kind: RecordType, data: &[u8], owner: &[u8]) -> Option<Name> {
    match kind {
        RecordType::MX | RecordType::SRV => target(kind, data),
        RecordType::SVCB | RecordType::HTTPS => {
            let rest = data.get(2..)?;
            let mut end = 0;
            while *rest.get(end)? != 0 {
                end += usize::from(rest[end]) + 1;
            }
            let is_service = data[..2] != [0, 0];
            Name::from_wire(if end == 0 && is_service { owner } else { &rest[..=end] })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::lexer;
    use proptest::prelude::*;

    fn read(kind: RecordType, text: &str) -> Result<Box<[u8]>, String> {
        parse(kind, &lexer::tokens(text)?, &Name::absolute("example.com").unwrap())
    }

    #[test]
    fn data_is_read_and_shown() {
        let rows = [
            ("A", "192.0.2.1", "192.0.2.1"),
            ("AAAA", "2001:DB8::1", "2001:db8::1"),
            ("NS", "ns1", "ns1.example.com."),
            ("MX", "10 @", "10 example.com."),
            (
                "SOA",
                "ns1 host.Master. 1 2h 30m 1w1d 60",
                "ns1.example.com. host.master. 1 7200 1800 691200 60",
            ),
            ("TXT", "\"a b\" c\\\"d \\200", "\"a b\" \"c\\\"d\" \"\\200\""),
            ("SRV", "1 2 443 www", "1 2 443 www.example.com."),
            ("CAA", "0 ISSUE \"ca.example.net; x=1\"", "0 issue \"ca.example.net; x=1\""),
            ("CAA", "128 iodef mailto:a@b.example", "128 iodef \"mailto:a@b.example\""),
            ("DS", "1 13 2 aa bb CC", "1 13 2 AABBCC"),
            (
                "NAPTR",
                "100 50 s SIP+D2U \"\" _sip._udp",
                "100 50 \"s\" \"SIP+D2U\" \"\" _sip._udp.example.com.",
            ),
            ("HTTPS", "0 www", "0 www.example.com."),
            (
                "HTTPS",
                "1 . port=8443 alpn=\"h3,h2\" ipv4hint=192.0.2.1,192.0.2.2 ech=AAEC mandatory=alpn,port",
                "1 . mandatory=alpn,port alpn=h3,h2 port=8443 ipv4hint=192.0.2.1,192.0.2.2 ech=AAEC",
            ),
            (
                "SVCB",
                "16 a no-default-alpn alpn=x key667=\"h\\032i\" ipv6hint=::1",
                "16 a.example.com. alpn=x no-default-alpn ipv6hint=::1 key667=\"h i\"",
            ),
            ("TYPE7000", "\\# 3 0102 03", "\\# 3 010203"),
            ("A", "\\# 4 C0000201", "192.0.2.1"),
            ("NS", "\\# 3 014100", "a."),
            ("TLSA", "3 1 1 00ff", "3 1 1 00FF"),
        ];
        for (kind, text, shown) in rows {
            let kind = RecordType::parse(kind).unwrap();
            let data = read(kind, text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
            assert_eq!(show(kind, &data).as_deref(), Some(shown), "{text}");
            assert_eq!(read(kind, shown).unwrap(), data, "{shown}");
        }
    }

    #[test]
    fn wrong_data_is_refused() {
        let rows = [
            ("A", "1.2.3"),
            ("A", "1.2.3.4 5"),
            ("A", ""),
            ("AAAA", "1.2.3.4"),
            ("MX", "70000 a"),
            ("MX", "10"),
            ("NS", "a..b"),
            ("CAA", "0 is-sue \"x\""),
            ("DS", "1 13 2 AAB"),
            ("SOA", "a b 1 2 3 4"),
            ("SOA", "a b 1 2x 3 4 5"),
            ("HTTPS", "1 . port=x"),
            ("HTTPS", "1 . port=1 port=2"),
            ("HTTPS", "1 . alpn"),
            ("HTTPS", "1 . mandatory=port"),
            ("HTTPS", "0 a port=1"),
            ("HTTPS", "1 . nonsense=1"),
            ("TYPE7000", "abc"),
            ("TYPE7000", "\\# 2 01"),
            ("A", "\\# 3 010203"),
            ("TXT", ""),
        ];
        for (kind, text) in rows {
            assert!(read(RecordType::parse(kind).unwrap(), text).is_err(), "{kind} {text}");
        }
        assert!(read(RecordType::TXT, &format!("\"{}\"", "a".repeat(256))).is_err());
    }

    proptest! {
        #[test]
        fn bytes_of_any_type_are_shown_and_read_back_or_refused(
            index in 0..FIELDS.len(),
            data in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let kind = FIELDS[index].0;
            if let Some(text) = show(kind, &data) {
                let again = read(kind, &text).unwrap_or_else(|problem| panic!("{kind} {text}: {problem}"));
                prop_assert_eq!(again.to_ascii_lowercase(), data.to_ascii_lowercase(), "{} {}", kind, text);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(index in 0..FIELDS.len(), text in "[ -~]{0,60}") {
            let _ = read(FIELDS[index].0, &text);
        }
    }
}
