//! A geographic file (MMDB) in which every /16 of IPv4 is in a country, so that lookups are as deep as those of real files mostly are.

/// Countries with their continents.
pub(super) const COUNTRIES: [(&str, &str); 6] =
    [("DE", "EU"), ("FR", "EU"), ("US", "NA"), ("CA", "NA"), ("JP", "AS"), ("BR", "SA")];

/// Which of [`COUNTRIES`] a /16 is in: neighbours differ more often than not.
pub(super) fn place(network: u16) -> usize {
    usize::from(network.wrapping_mul(0x9E37) >> 8) % COUNTRIES.len()
}

fn text(text: &str, out: &mut Vec<u8>) {
    assert!(text.len() < 29, "short texts only");
    out.push(2 << 5 | text.len() as u8);
    out.extend_from_slice(text.as_bytes());
}

fn map(entries: u8, out: &mut Vec<u8>) {
    out.push(7 << 5 | entries);
}

/// A number of so many bytes: type 5 has two, 6 four, 9 eight.
fn number(kind: u8, bytes: &[u8], out: &mut Vec<u8>) {
    if kind < 8 {
        out.push(kind << 5 | bytes.len() as u8)
    } else {
        out.extend([bytes.len() as u8, kind - 7])
    }
    out.extend_from_slice(bytes);
}

/// The file's bytes: a full tree of 16 levels below the 96 of IPv4 within IPv6, records of 32 bits.
pub(super) fn write() -> Vec<u8> {
    let (mut data, mut offsets) = (Vec::new(), Vec::new());
    for (country, continent) in COUNTRIES {
        offsets.push(data.len());
        map(2, &mut data);
        text("continent", &mut data);
        map(1, &mut data);
        text("code", &mut data);
        text(continent, &mut data);
        text("country", &mut data);
        map(1, &mut data);
        text("iso_code", &mut data);
        text(country, &mut data);
    }
    // 96 nodes that lead to IPv4, then a heap of 2^16 - 1 nodes: node i has the children 2i and 2i + 1.
    let (path, inner) = (96_u32, (1_u32 << 16) - 1);
    let count = path + inner;
    let mut file = Vec::new();
    for node in 0..path {
        file.extend((node + 1).to_be_bytes());
        file.extend(count.to_be_bytes());
    }
    for heap in 1..=inner {
        for child in [2 * heap, 2 * heap + 1] {
            let link = if child <= inner {
                path + child - 1
            } else {
                let network = (child - (1 << 16)) as u16;
                count + 16 + offsets[place(network)] as u32
            };
            file.extend(link.to_be_bytes());
        }
    }
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    metadata(count, &mut file);
    file
}

fn metadata(nodes: u32, out: &mut Vec<u8>) {
    map(9, out);
    let short = |name: &str, value: u16, out: &mut Vec<u8>| {
        text(name, out);
        number(5, &value.to_be_bytes(), out);
    };
    short("binary_format_major_version", 2, out);
    short("binary_format_minor_version", 0, out);
    text("build_epoch", out);
    number(9, &1_800_000_000_u64.to_be_bytes(), out);
    text("database_type", out);
    text("GeoLite2-Country", out);
    text("description", out);
    map(1, out);
    text("en", out);
    text("made for a benchmark", out);
    short("ip_version", 6, out);
    text("languages", out);
    out.extend([1, 11 - 7]);
    text("en", out);
    text("node_count", out);
    number(6, &nodes.to_be_bytes(), out);
    short("record_size", 32, out);
}
