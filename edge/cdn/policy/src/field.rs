//! Fields of a message: lists and quoted strings (RFC 9110 §5.5, §5.6), and which fields are never stored (RFC 9111 §3.1).

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Fields that concern one connection only (RFC 9110 §7.6.1) or the next proxy (RFC 9111 §3.1): neither stored nor passed on.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Splits at `separator` outside of quoted strings; parts are trimmed, empty ones left out.
pub fn split(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (part, after) = cut(text, separator);
        rest = after;
        Some(part.trim_matches([' ', '\t']))
    })
    .filter(|part| !part.is_empty())
}

/// The text before the first `separator` that is in no quoted string, and what follows it.
fn cut(text: &str, separator: u8) -> (&str, Option<&str>) {
    let (mut quoted, mut escaped) = (false, false);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if byte == separator && !quoted => return (&text[..index], Some(&text[index + 1..])),
            _ => {}
        }
    }
    (text, None)
}

/// The members of a list that may be spread over lines. Lines that are not visible ASCII are passed over.
pub fn members<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).flat_map(|line| split(line, b','))
}

/// The content of a quoted string with its escapes undone; `None` when it is not one from the first to the last byte.
pub fn unquote(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return None,
            '\\' => plain.push(characters.next()?),
            _ => plain.push(character),
        }
    }
    Some(plain)
}

/// Whether `text` is a token (RFC 9110 §5.6.2).
pub fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Removes the fields that end at this hop: the fixed ones, and those that `Connection` names (RFC 9110 §7.6.1, RFC 9111 §3.1).
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<String> = members(headers, &header::CONNECTION).map(str::to_ascii_lowercase).collect();
    for name in named.iter().map(String::as_str).chain(HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// The one value of a field. `None` when it is absent or repeated.
pub fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// The `Content-Length` of a head: `None` when absent, not a number, or different values are given (RFC 9110 §8.6).
pub fn content_length(headers: &HeaderMap) -> Option<u64> {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter().map(|value| {
        let text = value.to_str().ok()?;
        if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse::<u64>().ok() } else { None }
    });
    let first = lengths.next()??;
    lengths.all(|other| other == Some(first)).then_some(first)
}
