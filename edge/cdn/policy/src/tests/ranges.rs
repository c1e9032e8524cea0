//! RFC 9110 §14 and §15.3.7: ranges and parts.

use super::fields;
use crate::partial::combines;
use crate::range::{Asked, ContentRange, RANGES_MAX, ask, specs};

#[test]
fn asking() {
    use Asked::{One, Several, Unsatisfiable, Whole};
    let rows: &[(&str, &str, u64, Asked)] = &[
        ("14.1.2 first and last", "bytes=0-4", 10, One(0, 5)),
        ("14.1.2 last beyond the end", "bytes=5-99", 10, One(5, 10)),
        ("14.1.2 open", "bytes=5-", 10, One(5, 10)),
        ("14.1.2 suffix", "bytes=-3", 10, One(7, 10)),
        ("14.1.2 suffix longer than all", "bytes=-30", 10, One(0, 10)),
        ("14.1.2 suffix of nothing", "bytes=-0", 10, Unsatisfiable),
        ("14.1.2 beyond the end", "bytes=10-", 10, Unsatisfiable),
        ("14.1.2 of an empty one", "bytes=0-", 0, Unsatisfiable),
        ("14.1.1 last before first", "bytes=4-3", 10, Whole),
        ("14.1.1 not numbers", "bytes=a-b", 10, Whole),
        ("14.1.1 signs", "bytes=+1-2", 10, Whole),
        ("14.1.1 no dash", "bytes=1", 10, Whole),
        ("14.2 another unit", "lines=0-4", 10, Whole),
        ("14.1 unit without case", "Bytes=0-4", 10, One(0, 5)),
        ("14.1.2 several", "bytes=0-1, 4-5", 10, Several(vec![(0, 2), (4, 6)])),
        ("14.1.2 in the order asked", "bytes=4-5,0-1", 10, Several(vec![(4, 6), (0, 2)])),
        ("14.1.2 one of several has no byte", "bytes=0-1,20-", 10, One(0, 2)),
        ("14.2 overlapping", "bytes=0-5,3-7", 10, Whole),
        ("14.2 all twice", "bytes=0-,0-", 10, Whole),
        ("numbers too large", "bytes=0-99999999999999999999999", 10, One(0, 10)),
    ];
    for (name, range, length, expected) in rows {
        let specs = specs(&fields(&format!("range: {range}")));
        assert_eq!(ask(specs.as_deref(), *length), *expected, "{name}");
    }
    let flood = (0..=RANGES_MAX).map(|at| format!("{}-{}", at * 2, at * 2)).collect::<Vec<_>>().join(",");
    assert_eq!(
        ask(specs(&fields(&format!("range: bytes={flood}"))).as_deref(), 1_000),
        Whole,
        "17.15 a flood"
    );
    assert_eq!(specs(&fields("range: bytes=0-1\nrange: bytes=2-3")), None, "two fields");
}

#[test]
fn content_ranges() {
    let rows: &[(&str, Option<(u64, u64, Option<u64>)>)] = &[
        ("bytes 0-4/10", Some((0, 5, Some(10)))),
        ("bytes 0-4/*", Some((0, 5, None))),
        ("Bytes 5-9/10", Some((5, 10, Some(10)))),
        ("bytes 5-10/10", None),
        ("bytes 5-4/10", None),
        ("bytes */10", None),
        ("bytes 0-4", None),
        ("lines 0-4/10", None),
        ("bytes 0-18446744073709551615/*", None),
    ];
    for (text, expected) in rows {
        let read = ContentRange::read(&fields(&format!("content-range: {text}")));
        assert_eq!(read.map(|range| (range.start, range.end, range.whole)), *expected, "{text}");
    }
}

#[test]
fn combining() {
    const PART: &str = "content-range: bytes 5-9/10\ncontent-length: 5\n";
    let rows: &[(&str, &str, &str, bool)] = &[
        ("15.3.7.3 the same strong tag", "etag: \"a\"", "etag: \"a\"", true),
        ("15.3.7.3 another tag", "etag: \"a\"", "etag: \"b\"", false),
        ("15.3.7.3 weak tags", "etag: W/\"a\"", "etag: W/\"a\"", false),
        ("15.3.7.3 no validator", "", "", false),
        (
            "15.3.7.3 a strong date",
            "last-modified: {-90}\ndate: {+0}",
            "last-modified: {-90}\ndate: {+0}",
            true,
        ),
        ("15.3.7.3 one without", "etag: \"a\"", "", false),
    ];
    for (name, stored, news, expected) in rows {
        let news = fields(&format!("{PART}{news}"));
        assert_eq!(combines(&fields(stored), Some(10), &news).is_some(), *expected, "{name}");
        assert_eq!(combines(&fields(stored), Some(11), &news), None, "{name}: another length");
    }
    let short = fields("etag: \"a\"\ncontent-range: bytes 5-9/10\ncontent-length: 4");
    assert_eq!(
        combines(&fields("etag: \"a\""), Some(10), &short),
        None,
        "a length that contradicts the range"
    );
}
