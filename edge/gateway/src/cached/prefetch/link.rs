//! `Link` (RFC 8288): which resources of the same scheme and host an answer names as needed next.

use http::Uri;
use http::header::{self, HeaderMap};

/// Bytes of a URL; longer ones are passed over.
const URL_BYTES_MAX: usize = 2_048;

/// The URLs, absolute, each once, in their order.
pub(super) fn named(fields: &HeaderMap, base: &Uri) -> Vec<String> {
    let mut urls = Vec::new();
    let values = fields.get_all(header::LINK).iter().filter_map(|value| value.to_str().ok());
    for (reference, parameters) in values.flat_map(Links) {
        if !is_needed_next(parameters) {
            continue;
        }
        if let Some(url) = resolved(base, reference)
            && !urls.contains(&url)
        {
            urls.push(url);
        }
    }
    urls
}

/// Links of one value: reference and parameters. What is no link ends it.
struct Links<'a>(&'a str);

impl<'a> Iterator for Links<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let begun = self.0.trim_start_matches([' ', '\t', ',']).strip_prefix('<')?;
        let (reference, rest) = begun.split_once('>')?;
        let end = unquoted(rest, ',');
        self.0 = &rest[end..];
        Some((reference.trim(), &rest[..end]))
    }
}

/// The place of the first such character outside quotes, or the end.
fn unquoted(text: &str, wanted: char) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character == wanted && !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

/// Whether the first `rel` (only that counts: section 3.3) says so, and `as` does not name a document.
fn is_needed_next(parameters: &str) -> bool {
    let (mut rest, mut rel) = (parameters, None);
    while let Some(begun) = rest.trim_start().strip_prefix(';') {
        let end = unquoted(begun, ';');
        let (name, value) = begun[..end].split_once('=').unwrap_or((&begun[..end], ""));
        if name.trim().eq_ignore_ascii_case("rel") && rel.is_none() {
            rel = Some(value.trim().trim_matches('"'));
        }
        rest = &begun[end..];
    }
    let is = |word: &str| word.eq_ignore_ascii_case("preload") || word.eq_ignore_ascii_case("prefetch");
    rel.is_some_and(|rel| rel.split_ascii_whitespace().any(is))
}

/// A reference as an absolute URL (RFC 3986, section 5.2), if it is of the same scheme and host and asks for another resource.
fn resolved(base: &Uri, reference: &str) -> Option<String> {
    let (scheme, authority) = (base.scheme_str()?, base.authority()?.as_str());
    // Nothing but a fragment is a place in the answer itself.
    let reference = reference.split('#').next().filter(|reference| !reference.is_empty())?;
    let begins =
        |text: &str, with: &str| text.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with));
    let own = format!("{scheme}://{authority}");
    let relative = if begins(reference, &own) {
        &reference[own.len()..]
    } else if reference.starts_with("//") {
        reference.strip_prefix("//").filter(|rest| begins(rest, authority))?.split_at(authority.len()).1
    } else {
        // Another scheme has a colon before the first slash.
        let first = reference.split(['/', '?']).next().unwrap_or_default();
        if first.contains(':') {
            return None;
        }
        reference
    };
    let is_whole = relative.len() != reference.len();
    let (path, query) = match relative.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (relative, None),
    };
    let path = match path {
        "" if is_whole => "/".to_owned(),
        "" => base.path().to_owned(),
        path if path.starts_with('/') => path.to_owned(),
        // What goes on after the own authority is another one: `http://a.example.evil`.
        _ if is_whole => return None,
        path => format!("{}/{path}", base.path().rsplit_once('/').map_or("", |(folder, _)| folder)),
    };
    let path = without_dots(&path);
    let target = query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
    let is_own = base.path_and_query().is_some_and(|own| own.as_str() == target);
    let url = format!("{own}{target}");
    (!is_own && url.len() <= URL_BYTES_MAX && url.parse::<Uri>().is_ok()).then_some(url)
}

/// A path without `.` and `..` (section 5.2.4).
fn without_dots(path: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    out.pop();
                }
                if is_last {
                    out.push("");
                }
            }
            segment => out.push(segment),
        }
    }
    format!("/{}", out.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn found(link: &str) -> Vec<String> {
        let mut fields = HeaderMap::new();
        fields.insert(header::LINK, HeaderValue::from_str(link).expect("a value"));
        named(&fields, &Uri::from_static("http://a.example:8080/docs/page.html?x=1"))
    }

    #[test]
    fn what_is_needed_next_is_found_on_the_same_host() {
        for (link, expected) in [
            ("</a.css>; rel=preload; as=style", &["/a.css"][..]),
            ("<a.css>; rel=\"preload\"", &["/docs/a.css"]),
            ("<../b.js?v=2#top>; REL=Prefetch", &["/b.js?v=2"]),
            ("<./>; rel=prefetch", &["/docs/"]),
            ("<?y=2>; rel=prefetch", &["/docs/page.html?y=2"]),
            (
                "</a>; rel=preload, </b>; rel=next, </c>; title=\"x, <d>\"; rel=\"next prefetch\"",
                &["/a", "/c"],
            ),
            ("</a>; rel=preload, </a>; rel=prefetch", &["/a"]),
            ("<http://a.example:8080/x>; rel=preload", &["/x"]),
            ("<HTTP://A.example:8080>; rel=preload", &["/"]),
            ("<//a.example:8080/y>; rel=preload", &["/y"]),
            // Elsewhere, itself, and what is no link.
            ("<https://a.example:8080/x>; rel=preload", &[]),
            ("<http://a.example/x>; rel=preload", &[]),
            ("<http://a.example:8080.evil/x>; rel=preload", &[]),
            ("<//evil/x>; rel=preload", &[]),
            ("<data:text/css,x>; rel=preload", &[]),
            ("<page.html?x=1>; rel=preload", &[]),
            ("<#top>; rel=preload", &[]),
            ("</a>; rel=next; rel=preload", &[]),
            ("</a>", &[]),
            ("/a; rel=preload", &[]),
            ("</a; rel=preload", &[]),
            ("</a b>; rel=preload", &[]),
        ] {
            let expected: Vec<String> =
                expected.iter().map(|path| format!("http://a.example:8080{path}")).collect();
            assert_eq!(found(link), expected, "{link}");
        }
    }

    proptest! {
        #[test]
        fn nothing_leads_elsewhere(text in "[<>;,=\"\\\\a-c/.:?# relpload@-]{0,60}") {
            for url in found(&text).into_iter().chain(found(&format!("<{text}>;rel=preload"))) {
                let uri: Uri = url.parse().expect("a URL");
                prop_assert_eq!(uri.authority().map(http::uri::Authority::as_str), Some("a.example:8080"));
                prop_assert!(!uri.path().contains("/../"));
            }
        }
    }
}
