//! Classes of characters in PostgreSQL's regular expressions, as sets in the syntax of the crate `regex`, without their brackets.
//!
//! PostgreSQL takes most of them from the C library: here they are made as glibc makes its tables of Unicode's properties. Letters are those of Unicode with all digits
//! but ASCII's; what is shown and neither letter nor digit is punctuation, combining marks included; titles of digraphs are of both cases. `blank` and `cntrl` are short lists of
//! PostgreSQL's own. What Unicode has got since glibc's version is in the classes here and not yet there.

/// Digits, which are ASCII's.
pub(super) const DIGIT: &str = "0-9";
/// What `\w` is.
pub(super) const WORD: &str = r"\p{Alphabetic}\p{Nd}_";
/// What `\s` is: no non-breaking space.
pub(super) const SPACE: &str =
    r"\t-\r\x20\x{1680}\x{2000}-\x{2006}\x{2008}-\x{200a}\x{2028}\x{2029}\x{205f}\x{3000}";

/// The names between `[:` and `:]`.
const CLASSES: &[(&str, &str)] = &[
    ("alnum", r"\p{Alphabetic}\p{Nd}"),
    ("alpha", r"[\p{Alphabetic}\p{Nd}--[0-9]]"),
    ("blank", r"\t\x20"),
    ("cntrl", r"\x00-\x1f\x7f-\x{9f}"),
    ("digit", DIGIT),
    ("graph", r"[^\p{Cn}\p{Cc}\p{Z}]\x{a0}\x{2007}\x{202f}"),
    ("lower", r"\p{Lowercase}ǅǈǋǲ"),
    ("print", r"[^\p{Cn}\p{Cc}\p{Zl}\p{Zp}]"),
    ("punct", r"[^\p{Cn}\p{Cc}\p{Z}\p{Alphabetic}\p{Nd}]\x{a0}\x{2007}\x{202f}"),
    ("space", SPACE),
    ("upper", r"\p{Uppercase}\p{Lt}"),
    ("word", WORD),
    ("xdigit", "0-9A-Fa-f"),
];

/// The set of a class.
pub(super) fn named(name: &str) -> Option<&'static str> {
    CLASSES.iter().find(|(known, _)| *known == name).map(|(_, set)| *set)
}

/// Names of characters between `[.` and `.]` that are longer than the character.
const CHARACTERS: &[(&str, char)] = &[
    ("NUL", '\0'),
    ("tab", '\t'),
    ("newline", '\n'),
    ("carriage-return", '\r'),
    ("space", ' '),
    ("hyphen", '-'),
    ("period", '.'),
    ("comma", ','),
    ("left-square-bracket", '['),
    ("right-square-bracket", ']'),
    ("backslash", '\\'),
    ("circumflex", '^'),
];

/// The character of a name, which may be the character itself.
pub(super) fn character(name: &str) -> Option<char> {
    let mut characters = name.chars();
    match (characters.next(), characters.next()) {
        (Some(one), None) => Some(one),
        _ => CHARACTERS.iter().find(|(known, _)| *known == name).map(|(_, c)| *c),
    }
}
