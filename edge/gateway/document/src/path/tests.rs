//! Paths as they come, and what is made of them.

use super::*;
use proptest::prelude::*;

/// Paths as they come, and their spelling.
const SPELLINGS: &[(&str, Result<&str, Refused>)] = &[
    ("/", Ok("/")),
    ("/orders/7", Ok("/orders/7")),
    ("/orders/", Ok("/orders/")),
    ("/%41%7e%2D", Ok("/A~-")),
    ("/file%2etxt", Ok("/file.txt")),
    ("/%c3%a4", Ok("/%C3%A4")),
    ("/ä", Ok("/%C3%A4")),
    ("/a\"<>^`{|}[]b", Ok("/a%22%3C%3E%5E%60%7B%7C%7D%5B%5Db")),
    ("/a b", Ok("/a%20b")),
    ("/%20", Ok("/%20")),
    ("/a//b", Ok("/a/b")),
    ("//a", Ok("/a")),
    ("//", Ok("/")),
    ("/a//", Ok("/a/")),
    ("/a/./b", Ok("/a/b")),
    ("/a/.", Ok("/a/")),
    ("/a/..", Ok("/")),
    ("/a/../b", Ok("/b")),
    ("/a/b/../../c", Ok("/c")),
    ("/a//../b", Ok("/b")),
    ("/.well-known/x", Ok("/.well-known/x")),
    ("/...", Ok("/...")),
    ("/a/..b/.c", Ok("/a/..b/.c")),
    ("/a;x=1/b", Ok("/a;x=1/b")),
    ("/%252e%252e/b", Ok("/%252e%252e/b")),
    ("/caf%E9", Ok("/caf%E9")),
    ("/%E0%20", Ok("/%E0%20")),
    ("", Err(Refused::NotAbsolute)),
    ("*", Err(Refused::NotAbsolute)),
    ("orders", Err(Refused::NotAbsolute)),
    ("http://a/b", Err(Refused::NotAbsolute)),
    ("/..", Err(Refused::AboveRoot)),
    ("/a/../../b", Err(Refused::AboveRoot)),
    ("/%2e%2e/b", Err(Refused::HiddenDots)),
    ("/a/%2E./b", Err(Refused::HiddenDots)),
    ("/a/.%2e", Err(Refused::HiddenDots)),
    ("/a/%2e/b", Err(Refused::HiddenDots)),
    ("/a/..;/b", Err(Refused::HiddenDots)),
    ("/a/..;x=1/b", Err(Refused::HiddenDots)),
    ("/a/.;/b", Err(Refused::HiddenDots)),
    ("/a/..%3b/b", Err(Refused::HiddenDots)),
    ("/a%2f../b", Err(Refused::HiddenDots)),
    ("/a/..%2fb", Err(Refused::HiddenDots)),
    ("/a/x%5c..%5cb", Err(Refused::HiddenDots)),
    ("/a\\b", Err(Refused::Backslash)),
    ("/\\evil.example", Err(Refused::Backslash)),
    ("/a#b", Err(Refused::Fragment)),
    ("/%", Err(Refused::Encoding)),
    ("/%4", Err(Refused::Encoding)),
    ("/%zz", Err(Refused::Encoding)),
    ("/%u002f", Err(Refused::Encoding)),
    ("/%4/1", Err(Refused::Encoding)),
    ("/%00", Err(Refused::Control)),
    ("/a%0d%0ab", Err(Refused::Control)),
    ("/a\u{7f}", Err(Refused::Control)),
    ("/a\tb", Err(Refused::Control)),
    ("/%c0%ae%c0%ae/", Err(Refused::Overlong)),
    ("/%c0%af", Err(Refused::Overlong)),
    ("/%e0%80%af", Err(Refused::Overlong)),
    ("/%f0%80%80%af", Err(Refused::Overlong)),
    // What was left behind is not told of.
    ("/a%2Fb/../c", Ok("/c")),
    ("//%2F/%2F*/..//..", Ok("/")),
];

#[test]
fn each_path_has_one_spelling_or_none() {
    for (raw, expected) in SPELLINGS {
        let path = Path::of(raw);
        assert_eq!(path.as_ref().map(Path::as_str), expected.as_ref().copied(), "{raw}");
        if let Ok(path) = path {
            assert!(!path.has_encoded_slash(), "{raw}");
        }
    }
    let long = format!("/{}", "a".repeat(PATH_BYTES_MAX));
    assert_eq!(Path::of(&long), Err(Refused::TooLong));
}

#[test]
fn encoded_slashes_are_kept_and_told() {
    for (raw, spelled) in
        [("/a%2fb", "/a%2Fb"), ("/a%5Cb", "/a%5Cb"), ("/%2F", "/%2F"), ("/x/%2f%41", "/x/%2FA")]
    {
        let path = Path::of(raw).expect("it is a path");
        assert_eq!((path.as_str(), path.has_encoded_slash()), (spelled, true), "{raw}");
    }
}

#[test]
fn patterns_take_their_paths() {
    let rows: &[(&str, &[&str], &[&str])] = &[
        ("/orders", &["/orders"], &["/orders/", "/orders/7", "/order", "/"]),
        ("/orders/", &["/orders/"], &["/orders"]),
        ("/orders/*", &["/orders", "/orders/", "/orders/7/x"], &["/ordersx", "/"]),
        ("/*", &["/", "/a", "/a/b"], &[]),
        ("~^/orders/([0-9]+)$", &["/orders/7"], &["/orders/x", "/orders/7/"]),
        ("~/a|/b", &["/a", "/b"], &["/a/b", "/ab", "/x/a"]),
    ];
    for (text, taken, left) in rows {
        let pattern = PathPattern::parse(text).expect("it is one");
        assert!(taken.iter().all(|path| pattern.fits(path)), "{text}");
        assert!(!left.iter().any(|path| pattern.fits(path)), "{text}");
    }
    for text in
        ["", "orders", "/a/*/b", "/a*", "/a/../b", "/a//b", "/%41", "/ä", "/a//*", "~(", "/a?b#c", "*"]
    {
        assert!(PathPattern::parse(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn the_spelling_of_a_spelling_is_itself(raw in "/([a-c./%;\\\\2eE5FfCc0ä{ ]|%2[eEfF]|%5c|\\.\\.){0,24}") {
        let Ok(path) = Path::of(&raw) else { return Ok(()) };
        let text = path.as_str();
        prop_assert!(text.starts_with('/') && text.is_ascii());
        prop_assert!(!text.contains("//") && !text.contains('\\'));
        prop_assert_eq!(&Path::of(text).expect("it is settled"), &path);
        let decoded = text.replace("%2F", "/").replace("%5C", "/");
        prop_assert!(decoded.split('/').all(|segment| segment != "." && segment != ".."), "{}", text);
    }

    #[test]
    fn any_text_is_a_path_or_refused(raw in ".*") {
        if let Ok(path) = Path::of(&raw) {
            prop_assert!(path.as_str().bytes().all(|byte| PLAIN[byte as usize] || byte == b'%'));
        }
    }
}
