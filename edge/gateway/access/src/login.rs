//! Ways to log in, one file each: whether a request has a login's kind of credentials, and whose they are.

pub(crate) mod basic;
pub(crate) mod certificate;
pub(crate) mod forward;
pub(crate) mod jwt;
pub(crate) mod key;
pub(crate) mod link;

use crate::limits;
use crate::request::RequestFacts;
use crate::verdict::Refusal;
use http::header::{AUTHORIZATION, HeaderName};
use std::collections::BTreeMap;

/// What follows a scheme in `Authorization`; `None` without it, or if it is of another scheme.
pub(crate) fn authorization<'a>(facts: &RequestFacts<'a>, scheme: &str) -> Result<Option<&'a str>, Refusal> {
    let several = |_| Refusal::malformed("the request has several Authorization headers");
    let Some(value) = facts.one(&AUTHORIZATION).map_err(several)? else { return Ok(None) };
    let (found, rest) = value.split_at(value.len().min(scheme.len()));
    if !found.eq_ignore_ascii_case(scheme.as_bytes()) || rest.first() != Some(&b' ') {
        return Ok(None);
    }
    if value.len() > limits::CREDENTIAL_BYTES_MAX {
        return Err(Refusal::malformed("the Authorization header is too long"));
    }
    let text =
        std::str::from_utf8(rest).map_err(|_| Refusal::malformed("the Authorization header is no text"))?;
    Ok(Some(text.trim_matches(' ')))
}

/// Headers that a request may not have been given, nor be given by a document's login.
const RESERVED: [&str; 8] =
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "cookie"];

/// Reads the name of a header that a login sets.
pub(crate) fn header_name(name: &str) -> Result<HeaderName, String> {
    let read: HeaderName = name.parse().map_err(|_| format!("{name:?} is no name of a header"))?;
    if RESERVED.contains(&read.as_str()) {
        return Err(format!("the header {name:?} is the gateway's own and cannot be set by a login"));
    }
    Ok(read)
}

/// Reads `header = claim`.
pub(crate) fn claim_headers(rows: &BTreeMap<String, String>) -> Result<Vec<(HeaderName, String)>, String> {
    rows.iter().map(|(name, claim)| Ok((header_name(name)?, claim.clone()))).collect()
}
