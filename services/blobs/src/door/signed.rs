//! What of a request's head its signature covers, as far as the library does not ask: a header that nobody signed says nothing, and what a presigned
//! URL says in place of headers is taken as headers.
//!
//! The library's signatures of version 2 cover all `x-amz-` headers there are; those of version 4 cover what the client lists. Without the check
//! here, who was given a URL to put one object could add `x-amz-copy-source` to it and read what the signer can read.

use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, RANGE};
use hyper::{HeaderMap, Uri};
use s3s::dto;

use crate::access::request::Head;
use crate::error::{Code, Error, Result, shown};
use crate::rules::checksums::{Algorithm, checksum};

/// Parameters that are about the signature of version 4 itself.
const OF_THE_SIGNATURE: [&str; 8] = [
    "x-amz-algorithm",
    "x-amz-content-sha256",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// How a request is signed.
enum Signature {
    /// Not at all, or by a form.
    None,
    /// Version 2, in the query.
    Old,
    /// Version 4, with the names of the headers that it covers.
    New { names: String, is_presigned: bool },
}

impl Signature {
    fn of(head: &Head<'_>) -> Self {
        if head.parameter("X-Amz-Signature").is_some() {
            let names = head.parameter("X-Amz-SignedHeaders").unwrap_or_default();
            return Self::New { names, is_presigned: true };
        }
        if head.parameter("Signature").is_some() {
            return Self::Old;
        }
        let named = head.header("authorization").and_then(|value| value.split_once("SignedHeaders="));
        named.map_or(Self::None, |(_, rest)| {
            let names = rest.split(',').next().unwrap_or_default().trim().to_owned();
            Self::New { names, is_presigned: false }
        })
    }

    fn covers(&self, name: &str) -> bool {
        match self {
            Self::None => false,
            Self::Old => name.starts_with("x-amz-"),
            Self::New { names, .. } => names.split(';').any(|signed| signed.eq_ignore_ascii_case(name)),
        }
    }
}

/// Errors: the request has a signature that leaves out its Host or one of its `x-amz-` headers.
pub(super) fn check(head: &Head<'_>) -> Result<()> {
    let signature = Signature::of(head);
    let Signature::New { is_presigned, .. } = signature else { return Ok(()) };
    let counts = |name: &&str| {
        // The body's digest is compared with the body, signed or not.
        let is_digest = is_presigned && *name == "x-amz-content-sha256";
        *name == "host" || (name.starts_with("x-amz-") && !is_digest)
    };
    let mut names = head.headers.keys().map(HeaderName::as_str).filter(counts);
    names.find(|name| !signature.covers(name)).map_or(Ok(()), |name| {
        let text = format!("There were headers present in the request which were not signed: {name}");
        Err(Error::new(Code::AccessDenied, text))
    })
}

/// Errors: the region that a header's signature is for cannot be one. Clients that make up a region, such as s3cmd its `US`, read the right one from
/// the error and sign again.
pub(super) fn check_region(head: &Head<'_>, ours: &str) -> Result<()> {
    let named = head.header("authorization").and_then(|value| value.split_once("Credential="));
    let region = named.and_then(|(_, rest)| rest.split(',').next()?.split('/').nth_back(2));
    let wrong = region.filter(|region| s3s::region::Region::new((*region).into()).is_err());
    wrong.map_or(Ok(()), |region| {
        let shown = shown(region);
        let text = format!(
            "The authorization header is malformed; the region '{shown}' is wrong; expecting '{ours}'"
        );
        Err(Error::new(Code::AuthorizationHeaderMalformed, text))
    })
}

/// Makes headers of what the URL says in their place, and takes away a `Range` that is none, unless it is signed: such a range is ignored (RFC 9110,
/// section 14.2), which the library does not know. Call it after [`check`].
pub(super) fn complete(uri: &Uri, headers: &mut HeaderMap) -> Result<()> {
    let head = Head { uri, headers };
    let signature = Signature::of(&head);
    let is_range = head.header(RANGE.as_str()).is_none_or(|range| dto::Range::parse(range).is_ok());
    let drops_range = !is_range && !signature.covers(RANGE.as_str());
    let said = match signature {
        Signature::New { is_presigned: true, .. } => {
            head.parameters(|name| name.starts_with("x-amz-") && !OF_THE_SIGNATURE.contains(&name))
        }
        Signature::Old => head.parameters(|name| {
            name.starts_with("x-amz-") || [CONTENT_TYPE.as_str(), "content-md5"].contains(&name)
        }),
        Signature::New { is_presigned: false, .. } | Signature::None => Vec::new(),
    };
    if drops_range {
        headers.remove(RANGE);
    }
    for (name, value) in said {
        let wrong = || {
            let text = format!("The parameter {} has a value that no header has", shown(&name));
            Error::new(Code::InvalidArgument, text)
        };
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        // The AWS SDK for JavaScript puts the digest of the body into a URL that it signs when there is none yet: it says nothing of what is sent.
        let is_of_nothing =
            Algorithm::of_header(&name).is_some_and(|algorithm| checksum(algorithm, b"").base64() == value);
        if !is_of_nothing && !headers.contains_key(&header) {
            headers.insert(header, HeaderValue::from_bytes(value.as_bytes()).map_err(|_| wrong())?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str = "X-Amz-Signature=0&X-Amz-SignedHeaders=host%3Bx-amz-acl";
    const OLD: &str = "AWSAccessKeyId=a&Expires=1&Signature=b";

    fn of(query: &str, pairs: &[(&'static str, &str)]) -> (Uri, HeaderMap) {
        let headers = pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap()));
        (format!("/b/k?{query}").parse().unwrap(), headers.collect())
    }

    #[test]
    fn what_is_not_signed_is_refused() {
        let in_header = "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host;x-amz-date, Signature=0";
        let rows: &[(&str, &[(&str, &str)], bool)] = &[
            ("", &[("host", "h"), ("x-amz-acl", "private")], true),
            ("", &[("host", "h"), ("authorization", in_header), ("x-amz-date", "0"), ("range", "x")], true),
            ("", &[("host", "h"), ("authorization", in_header), ("x-amz-acl", "private")], false),
            ("", &[("host", "h"), ("authorization", in_header), ("x-amz-content-sha256", "0")], false),
            (NEW, &[("host", "h"), ("x-amz-acl", "private"), ("content-type", "text/plain")], true),
            (NEW, &[("host", "h"), ("x-amz-content-sha256", "0")], true),
            (NEW, &[("host", "h"), ("x-amz-copy-source", "a/b")], false),
            ("X-Amz-Signature=0&X-Amz-SignedHeaders=range", &[("host", "h")], false),
            ("X-Amz-Signature=0", &[("host", "h")], false),
            (OLD, &[("host", "h"), ("x-amz-acl", "private")], true),
        ];
        for (query, pairs, expected) in rows {
            let (uri, headers) = of(query, pairs);
            let judged = check(&Head { uri: &uri, headers: &headers });
            assert_eq!(judged.is_ok(), *expected, "{query} {pairs:?}");
        }
    }

    #[test]
    fn regions_are_lower_case() {
        let rows = [("us-east-1", true), ("x", true), ("US", false), ("", false)];
        for (region, expected) in rows {
            let value = format!(
                "AWS4-HMAC-SHA256 Credential=a/20260102/{region}/s3/aws4_request, SignedHeaders=host, Signature=0"
            );
            let (uri, headers) = of("", &[("authorization", &value)]);
            assert_eq!(
                check_region(&Head { uri: &uri, headers: &headers }, "ours").is_ok(),
                expected,
                "{region}"
            );
        }
    }

    #[test]
    fn parameters_stand_for_headers() {
        let rows: &[(String, &[(&str, &str)], &[(&str, &str)])] = &[
            (
                format!("{NEW}&x-amz-meta-m=a%20b&X-Amz-Tagging=c%3Dd"),
                &[],
                &[("x-amz-meta-m", "a b"), ("x-amz-tagging", "c=d")],
            ),
            (
                format!("{NEW}&x-amz-acl=private"),
                &[("x-amz-acl", "public-read")],
                &[("x-amz-acl", "public-read")],
            ),
            (format!("{NEW}&content-type=a&x-id=PutObject&X-Amz-Content-Sha256=U"), &[], &[]),
            (format!("{NEW}&x-amz-checksum-crc32=AAAAAA%3D%3D"), &[], &[]),
            (
                format!("{NEW}&x-amz-checksum-crc32=NhCmhg%3D%3D"),
                &[],
                &[("x-amz-checksum-crc32", "NhCmhg==")],
            ),
            (format!("{OLD}&content-type=a&x-amz-acl=b"), &[], &[("content-type", "a"), ("x-amz-acl", "b")]),
            (OLD.to_owned(), &[("range", "bytes=1-2")], &[("range", "bytes=1-2")]),
            (OLD.to_owned(), &[("range", "bytes=1-2,4-5")], &[]),
            ("x-amz-acl=private".to_owned(), &[], &[]),
        ];
        for (query, pairs, expected) in rows {
            let (uri, mut headers) = of(query, pairs);
            complete(&uri, &mut headers).unwrap();
            let mut found: Vec<_> =
                headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
            found.sort_unstable();
            assert_eq!(found, *expected, "{query} {pairs:?}");
        }
        let (uri, mut headers) = of(&format!("{NEW}&x-amz-meta-m=a%0Ab"), &[]);
        assert_eq!(complete(&uri, &mut headers).unwrap_err().code, Code::InvalidArgument);
    }
}
