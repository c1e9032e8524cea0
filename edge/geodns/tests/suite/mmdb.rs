//! Writes MMDB files, for tests: a binary tree of 32-bit records over IPv6, IPv4 in its lowest 2³² addresses.

use bole_geodns::geo::{Prefix, mmdb};
use std::net::IpAddr;

/// A value of a record.
pub(crate) enum Value {
    Text(&'static str),
    Double(f64),
    Short(u16),
    Number(u32),
    Long(u64),
    Map(Vec<(&'static str, Value)>),
    List(Vec<Value>),
}

use Value::{Double, List, Long, Map, Number, Short, Text};

#[derive(Clone, Copy, PartialEq)]
enum Link {
    Nothing,
    Node(usize),
    Data(usize),
}

fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    assert!(size < 285, "small values only");
    let (short, more) = if size < 29 { (size as u8, None) } else { (29, Some((size - 29) as u8)) };
    if kind < 8 {
        out.push(kind << 5 | short);
    } else {
        out.extend([short, kind - 7]);
    }
    out.extend(more);
}

fn text(text: &str, out: &mut Vec<u8>) {
    control(2, text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

fn value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Text(content) => text(content, out),
        Double(number) => {
            control(3, 8, out);
            out.extend(number.to_be_bytes());
        }
        Short(number) => {
            control(5, 2, out);
            out.extend(number.to_be_bytes());
        }
        Number(number) => {
            control(6, 4, out);
            out.extend(number.to_be_bytes());
        }
        Long(number) => {
            control(9, 8, out);
            out.extend(number.to_be_bytes());
        }
        Map(entries) => {
            control(7, entries.len(), out);
            for (key, inner) in entries {
                text(key, out);
                self::value(inner, out);
            }
        }
        List(items) => {
            control(11, items.len(), out);
            items.iter().for_each(|item| self::value(item, out));
        }
    }
}

fn bits(prefix: &str) -> (u128, u32) {
    let prefix = Prefix::parse(prefix).unwrap();
    match prefix.address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), u32::from(prefix.length) + 96),
        IpAddr::V6(address) => (address.to_bits(), u32::from(prefix.length)),
    }
}

/// A file's bytes. Of two prefixes the longer must come later.
pub(crate) fn write(rows: &[(&str, Value)]) -> Vec<u8> {
    let mut nodes = vec![[Link::Nothing; 2]];
    let mut data = Vec::new();
    for (prefix, row) in rows {
        let offset = data.len();
        value(row, &mut data);
        let (address, length) = bits(prefix);
        let mut at = 0;
        for depth in 0..length {
            let side = (address >> (127 - depth) & 1) as usize;
            if depth + 1 == length {
                nodes[at][side] = Link::Data(offset);
            } else if let Link::Node(next) = nodes[at][side] {
                at = next;
            } else {
                // What was said of the whole is said of both halves.
                nodes.push([nodes[at][side]; 2]);
                nodes[at][side] = Link::Node(nodes.len() - 1);
                at = nodes.len() - 1;
            }
        }
    }
    let mut file = Vec::new();
    for link in nodes.iter().flatten() {
        let number = match link {
            Link::Nothing => nodes.len(),
            Link::Node(index) => *index,
            Link::Data(offset) => nodes.len() + 16 + offset,
        };
        file.extend((number as u32).to_be_bytes());
    }
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    let metadata = Map(vec![
        ("binary_format_major_version", Short(2)),
        ("binary_format_minor_version", Short(0)),
        ("build_epoch", Long(1_800_000_000)),
        ("database_type", Text("Test")),
        ("description", Map(vec![("en", Text("made by a test"))])),
        ("ip_version", Short(6)),
        ("languages", List(vec![Text("en")])),
        ("node_count", Number(nodes.len() as u32)),
        ("record_size", Short(32)),
    ]);
    value(&metadata, &mut file);
    file
}

/// A row as City files have it.
pub(crate) fn city(
    country: &'static str,
    continent: &'static str,
    region: &'static str,
    at: (f64, f64),
) -> Value {
    Map(vec![
        ("continent", Map(vec![("code", Text(continent))])),
        ("country", Map(vec![("iso_code", Text(country))])),
        ("location", Map(vec![("latitude", Double(at.0)), ("longitude", Double(at.1))])),
        ("subdivisions", List(vec![Map(vec![("iso_code", Text(region))])])),
    ])
}

/// A row as ASN files have it.
pub(crate) fn asn(number: u32) -> Value {
    Map(vec![
        ("autonomous_system_number", Number(number)),
        ("autonomous_system_organization", Text("Example")),
    ])
}

/// A small world.
pub(crate) fn world() -> Vec<u8> {
    write(&[
        ("10.0.0.0/8", city("DE", "EU", "HE", (50.1, 8.7))),
        ("10.128.0.0/9", city("FR", "EU", "IDF", (48.9, 2.4))),
        ("20.0.0.0/8", city("US", "NA", "CA", (37.8, -122.4))),
        ("20.64.0.0/10", city("US", "NA", "NY", (40.7, -74.0))),
        ("30.0.0.0/8", city("JP", "AS", "13", (35.7, 139.7))),
        ("2001:db8::/32", city("DE", "EU", "HE", (50.1, 8.7))),
    ])
}

#[test]
fn a_file_is_read_into_facts() {
    let atlas = mmdb::read(world()).unwrap();
    let systems = mmdb::read(write(&[("10.0.0.0/9", asn(64_500)), ("2001:db8::/48", asn(64_501))])).unwrap();
    let flat = mmdb::read(write(&[("40.0.0.0/8", Map(vec![("country_code", Text("BR"))]))])).unwrap();
    let all = atlas.or(&systems).or(&flat);
    let rows = [
        ("9.255.255.255", "nothing known"),
        ("10.0.0.1", "country DE, continent EU, region DE-HE, asn 64500, at 50.1,8.7"),
        ("10.200.0.1", "country FR, continent EU, region FR-IDF, at 48.9,2.4"),
        ("20.65.0.1", "country US, continent NA, region US-NY, at 40.7,-74"),
        ("40.1.1.1", "country BR"),
        ("2001:db8::1", "country DE, continent EU, region DE-HE, asn 64501, at 50.1,8.7"),
        ("2001:db9::1", "nothing known"),
    ];
    for (address, expected) in rows {
        assert_eq!(all.facts(address.parse().unwrap()).to_string(), expected, "{address}");
    }
}

#[test]
fn a_broken_file_is_refused_and_never_panics() {
    let good = world();
    assert!(mmdb::read(Vec::new()).is_err());
    assert!(mmdb::read(b"not an mmdb".to_vec()).is_err());
    let mut random = bole_edge_core::Random::new(1);
    for cut in (0..good.len()).step_by(7) {
        assert!(mmdb::read(good[..cut].to_vec()).is_err(), "cut at {cut}");
    }
    for _ in 0..2_000 {
        let mut bytes = good.clone();
        for _ in 0..3 {
            let at = random.below(bytes.len());
            bytes[at] = random.bits() as u8;
        }
        let _ = mmdb::read(bytes);
    }
}
