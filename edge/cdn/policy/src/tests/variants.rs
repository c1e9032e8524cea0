//! RFC 9111 §4.1: Vary.

use super::fields;
use crate::vary::{Selection, Vary};

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn selections() {
    // Name, fields of the response, the request that it was stored for, another request, whether that selects it.
    let rows: &[(&str, &str, &str, &str, bool)] = &[
        ("alike", "vary: foo", "foo: 1", "foo: 1", true),
        ("different", "vary: foo", "foo: 1", "foo: 2", false),
        ("absent then", "vary: foo", "", "foo: 1", false),
        ("absent now", "vary: foo", "foo: 1", "", false),
        ("absent both times", "vary: foo", "", "", true),
        ("an empty value is a value", "vary: foo", "foo:", "", false),
        ("others do not matter", "vary: foo", "foo: 1\nbar: 1", "foo: 1\nbar: 2", true),
        ("each of several", "vary: foo, bar", "foo: 1\nbar: a", "foo: 1\nbar: b", false),
        ("names without case, over lines", "vary: FOO\nvary: bar", "foo: 1\nbar: a", "foo: 1\nbar: a", true),
        ("lines joined", "vary: foo", "foo: 1, 2", "foo: 1\nfoo: 2", true),
        ("spaces", "vary: foo", "foo: 1,2", "foo:  1 ,  2 ", true),
        ("order matters in unknown fields", "vary: foo", "foo: 1, 2", "foo: 2, 1", false),
        ("quoted commas", "vary: foo", "foo: \"a, b\"", "foo: \"a,b\"", false),
        (
            "order of languages",
            "vary: accept-language",
            "accept-language: en, de",
            "accept-language: de, en",
            true,
        ),
        (
            "case of languages",
            "vary: accept-language",
            "accept-language: en, de",
            "accept-language: eN, De",
            true,
        ),
        (
            "weights matter",
            "vary: accept-language",
            "accept-language: en, de",
            "accept-language: en;q=0.5, de",
            false,
        ),
        (
            "a weight of 1 is none",
            "vary: accept-encoding",
            "accept-encoding: gzip;q=1.0, br",
            "accept-encoding: br,gzip",
            true,
        ),
        (
            "forms of weights",
            "vary: accept-encoding",
            "accept-encoding: gzip;q=0.50",
            "accept-encoding: gzip; Q=0.5",
            true,
        ),
        (
            "the language liked best",
            "vary: accept-language\ncontent-language: de",
            "accept-language: en, de",
            "accept-language: fr;q=0.5, de;q=1.0",
            true,
        ),
        (
            "not one of two liked best",
            "vary: accept-language\ncontent-language: de",
            "accept-language: en",
            "accept-language: de, fr",
            false,
        ),
        (
            "not one that is refused",
            "vary: accept-language\ncontent-language: de",
            "accept-language: en",
            "accept-language: de;q=0",
            false,
        ),
        (
            "only where Vary names it alone or the rest agrees",
            "vary: accept-language, foo\ncontent-language: de",
            "accept-language: en\nfoo: 1",
            "accept-language: de\nfoo: 2",
            false,
        ),
    ];
    for (name, response, first, second, expected) in rows {
        let response = fields(response);
        let selection = Selection::of(&Vary::read(&response), &fields(first)).expect("no row varies by *");
        assert!(selection.matches(&fields(first), &response), "{name}: its own request");
        assert_eq!(selection.matches(&fields(second), &response), *expected, "{name}");
    }
}

#[test]
fn any_matches_nothing() {
    for vary in [
        "vary: *",
        "vary: *, *",
        "vary: , *",
        "vary:\nvary: *",
        "vary: *, foo",
        "vary: foo, *",
        "vary: (",
        "vary: \u{e9}",
    ] {
        let vary = Vary::read(&fields(vary));
        assert_eq!(vary, Vary::Any);
        assert_eq!(Selection::of(&vary, &fields("foo: 1")), None);
    }
}
