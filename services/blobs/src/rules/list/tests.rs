//! Pages against a list that is made whole and then cut.

use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

/// Entries in memory: keys and versions, newest (greatest) first.
struct Memory {
    entries: Vec<(String, u32)>,
    at: usize,
    lookups: usize,
}

impl Memory {
    fn new(keys: impl IntoIterator<Item = (String, u32)>) -> Self {
        let mut entries: Vec<_> = keys.into_iter().collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        entries.dedup();
        Self { entries, at: 0, lookups: 0 }
    }
}

impl Cursor for Memory {
    type Item = ();
    type Error = Infallible;

    fn seek(&mut self, from: &[u8]) -> Result<(), Infallible> {
        self.lookups += 1;
        self.at = self.entries.partition_point(|(key, _)| key.as_bytes() < from);
        Ok(())
    }

    fn seek_behind(&mut self, key: &str, sub: &str) -> Result<(), Infallible> {
        self.lookups += 1;
        let version: u32 = sub.parse().unwrap();
        let before =
            |(known, newer): &(String, u32)| (known.as_str() < key) || (known == key && *newer >= version);
        self.at = self.entries.partition_point(before);
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Listed<()>>, Infallible> {
        self.lookups += 1;
        let found = self.entries.get(self.at).cloned();
        self.at += 1;
        Ok(found.map(|(key, version)| Listed { key, sub: version.to_string(), item: () }))
    }
}

/// What a list shows, in order: a key with its version, or a common prefix.
type Shown = (String, Option<u32>);

/// The definition: everything under the prefix, grouped, and what is at or below the marker left out.
fn by_definition(memory: &Memory, prefix: &str, delimiter: &str, marker: Option<&Marker>) -> Vec<Shown> {
    let mut shown: Vec<Shown> = Vec::new();
    for (key, version) in &memory.entries {
        let Some(rest) = key.strip_prefix(prefix) else { continue };
        let common = rest.split_once(delimiter).filter(|_| !delimiter.is_empty());
        let entry = match common {
            Some((before, _)) => (format!("{prefix}{before}{delimiter}"), None),
            None => (key.clone(), Some(*version)),
        };
        if shown.last() != Some(&entry) {
            shown.push(entry);
        }
    }
    shown.retain(|(name, version)| {
        marker.is_none_or(|marker| match (&marker.sub, version) {
            (Some(sub), Some(version)) if *name == marker.key => *version < sub.parse().unwrap(),
            _ => *name > marker.key,
        })
    });
    shown
}

fn shown(page: &Page<()>) -> Vec<Shown> {
    let keys = page.entries.iter().map(|entry| (entry.key.clone(), Some(entry.sub.parse().unwrap())));
    let mut all: Vec<Shown> = keys.chain(page.prefixes.iter().map(|prefix| (prefix.clone(), None))).collect();
    // Newest versions first; a prefix has no version.
    all.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    all
}

fn keys() -> impl Strategy<Value = Vec<(String, u32)>> {
    proptest::collection::vec(("[ab/é\u{10ffff}\u{1}]{1,5}", 0_u32..3), 0..40)
}

proptest! {
    #[test]
    fn pages_are_the_list_in_pieces(
        keys in keys(),
        prefix in "[ab/é]{0,2}",
        delimiter in prop_oneof![Just(""), Just("/"), Just("b"), Just("a/"), Just("\u{10ffff}")],
        marker in proptest::option::of(("[ab/é]{1,4}", proptest::option::of(0_u32..3))),
        max in 1_usize..6,
    ) {
        let mut memory = Memory::new(keys);
        let mut marker = marker.map(|(key, sub)| Marker { key, sub: sub.map(|sub| sub.to_string()) });
        let mut expected = by_definition(&memory, &prefix, delimiter, marker.as_ref());
        loop {
            memory.lookups = 0;
            let query = Query { prefix: &prefix, delimiter, marker: marker.as_ref(), max };
            let Ok(page) = page(&mut memory, &query);
            let rest = expected.split_off(max.min(expected.len()));
            prop_assert_eq!(shown(&page), expected);
            prop_assert_eq!(page.next.is_some(), !rest.is_empty());
            prop_assert!(memory.lookups <= 2 + page.entries.len() + 2 * page.prefixes.len(), "{}", memory.lookups);
            expected = rest;
            match page.next {
                Some(next) => marker = Some(next),
                None => break,
            }
        }
    }

    #[test]
    fn tokens_are_read_again(key in "\\PC{0,200}", other in "[A-Za-z0-9_-]{0,40}|\\PC{0,20}", flip in any::<usize>()) {
        let made = token(&key);
        prop_assert_eq!(parse_token(&made), Ok(key));
        let _ = parse_token(&other);
        let mut bytes = made.into_bytes();
        let at = flip % bytes.len();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        // Bits of the last character that say no byte may not be set, so a changed token is never the same one.
        prop_assert!(parse_token(std::str::from_utf8(&bytes).unwrap()).is_err());
    }
}

#[test]
fn a_million_keys_below_one_prefix_cost_nothing() {
    let deep = (0..1_000_000).map(|number| (format!("a/{number:07}"), 0));
    let mut memory = Memory::new(deep.chain([("b".to_owned(), 0), ("c/d".to_owned(), 0)]));
    let query = Query { prefix: "", delimiter: "/", marker: None, max: 1_000 };
    let Ok(page) = page(&mut memory, &query);
    assert_eq!(
        (page.prefixes, page.entries.len(), page.next),
        (vec!["a/".to_owned(), "c/".to_owned()], 1, None)
    );
    assert!(memory.lookups <= 7, "{}", memory.lookups);
}

/// Prefix, delimiter, marker, most; keys and prefixes; the next marker.
type Row<'a> = (&'a str, &'a str, &'a str, usize, &'a [&'a str], Option<&'a str>);

#[test]
fn markers_and_bounds() {
    let list = |names: &[&str]| Memory::new(names.iter().map(|name| ((*name).to_owned(), 0)));
    let all: &[&str] = &["a", "asdf", "boo/bar", "boo/baz/xyzzy", "cquux/thud", "cquux/bla"];
    let rows: &[Row<'_>] = &[
        ("", "/", "", 1, &["a"], Some("a")),
        ("", "/", "asdf", 1, &["boo/"], Some("boo/")),
        ("", "/", "boo/", 1, &["cquux/"], None),
        ("", "/", "boo/bar", 9, &["cquux/"], None),
        ("boo/", "/", "", 9, &["boo/bar", "boo/baz/"], None),
        ("boo/", "/", "boo/bar", 9, &["boo/baz/"], None),
        ("boo/", "", "boo/bar", 9, &["boo/baz/xyzzy"], None),
        ("boo", "", "zzz", 9, &[], None),
        ("boo", "", "a", 9, &["boo/bar", "boo/baz/xyzzy"], None),
        ("", "uu", "", 9, &["a", "asdf", "boo/bar", "boo/baz/xyzzy", "cquu"], None),
        ("", "/", "", 0, &[], None),
        ("x", "/", "", 9, &[], None),
    ];
    for (prefix, delimiter, marker, max, expected, next) in rows {
        let marker = start(None, Some(marker)).unwrap();
        let query = Query { prefix, delimiter, marker: marker.as_ref(), max: *max };
        let Ok(page) = page(&mut list(all), &query);
        let found: Vec<String> = shown(&page).into_iter().map(|(name, _)| name).collect();
        assert_eq!(found, *expected, "{query:?}");
        assert_eq!(page.next.map(|marker| marker.key).as_deref(), *next, "{query:?}");
    }
}

#[test]
fn parameters() {
    for (text, expected) in [
        (None, Some(1_000)),
        (Some(""), Some(1_000)),
        (Some("0"), Some(0)),
        (Some("7"), Some(7)),
        (Some("1000"), Some(1_000)),
        (Some("2147483647"), Some(1_000)),
        (Some("2147483648"), None),
        (Some("-1"), None),
        (Some("+1"), None),
        (Some("blah"), None),
    ] {
        let found = max_keys("maxKeys", text);
        assert_eq!(found.as_ref().ok(), expected.as_ref(), "{text:?}");
        assert!(found.is_ok() || found.is_err_and(|error| error.message.contains("maxKeys")));
    }
    for (text, expected) in
        [(None, Some(false)), (Some("url"), Some(true)), (Some("URL"), None), (Some("x"), None)]
    {
        assert_eq!(is_url_encoded(text).ok(), expected, "{text:?}");
    }
    for (key, sub, expected) in [
        (None, None, Ok(None)),
        (Some(""), Some(""), Ok(None)),
        (Some("k"), None, Ok(Some(("k", None)))),
        (Some("k"), Some("v"), Ok(Some(("k", Some("v"))))),
        (None, Some("v"), Err(Code::InvalidArgument)),
    ] {
        let found = double_marker(key, sub, "version-id");
        let expected = expected.map(|marker| {
            marker.map(|(key, sub)| Marker { key: key.to_owned(), sub: sub.map(str::to_owned) })
        });
        assert_eq!(found.map_err(|error| error.code), expected, "{key:?} {sub:?}");
    }
    assert_eq!(start(Some("bad"), None).unwrap_err().code, Code::InvalidArgument);
    let both = start(Some(&token("k")), Some("other")).unwrap();
    assert_eq!(both, Some(Marker { key: "k".to_owned(), sub: None }));
    assert_eq!(parse_token(&"A".repeat(10_000)).unwrap_err().code, Code::InvalidArgument);
}
