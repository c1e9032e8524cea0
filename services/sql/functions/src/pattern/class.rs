//! Classes of characters in PostgreSQL's regular expressions, as sets in the syntax of the crate `regex`, without their brackets.
//!
//! What PostgreSQL takes from the C library is given by Unicode's general categories here.

/// Digits, which are ASCII's.
pub(super) const DIGIT: &str = "0-9";
/// What `\w` is.
pub(super) const WORD: &str = r"\p{L}\p{Nl}\p{Nd}\p{M}_";
/// What `\s` is: no non-breaking space.
pub(super) const SPACE: &str =
    r"\t-\r\x20\x{1680}\x{2000}-\x{2006}\x{2008}-\x{200a}\x{2028}\x{2029}\x{205f}\x{3000}";

/// The names between `[:` and `:]`.
const CLASSES: &[(&str, &str)] = &[
    ("alnum", r"\p{L}\p{Nl}\p{Nd}\p{M}"),
    ("alpha", r"\p{L}\p{Nl}\p{M}"),
    ("blank", r"\t\x20\x{1680}\x{2000}-\x{2006}\x{2008}-\x{200a}\x{205f}\x{3000}"),
    ("cntrl", r"\x00-\x1f\x7f-\x{9f}\x{2028}\x{2029}"),
    ("digit", DIGIT),
    ("graph", r"\p{L}\p{N}\p{M}\p{P}\p{S}\p{Cf}\p{Co}"),
    ("lower", r"\p{Ll}"),
    ("print", r"\p{L}\p{N}\p{M}\p{P}\p{S}\p{Zs}\p{Cf}\p{Co}"),
    ("punct", r"\p{P}\p{S}"),
    ("space", SPACE),
    ("upper", r"\p{Lu}"),
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
