//! Media types: what bodies may be sent as, and what answers are sent as.

use crate::Error;

/// What answers are when the client does not say.
pub const VERSIONED: &str = "application/vnd.schemaregistry.v1+json";
/// The types of answers, the preferred first.
const ANSWERS: [&str; 3] = [VERSIONED, "application/vnd.schemaregistry+json", "application/json"];

/// The type of an answer for the value of an `Accept` header. Errors: `NotAcceptable`.
pub fn negotiate(accept: Option<&str>) -> Result<&'static str, Error> {
    let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else { return Ok(VERSIONED) };
    let mut best: Option<(f32, &'static str)> = None;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).and_then(|weight| weight.parse().ok());
        let weight: f32 = weight.unwrap_or(1.0);
        let fits =
            |known: &&&str| name == "*/*" || name == "application/*" || name.eq_ignore_ascii_case(known);
        let Some(found) = ANSWERS.iter().find(fits) else { continue };
        if weight > 0.0 && best.is_none_or(|(best, _)| weight > best) {
            best = Some((weight, found));
        }
    }
    best.map(|(_, found)| found).ok_or(Error::NotAcceptable)
}

/// Checks the value of a `Content-Type` header. Errors: `MediaType`.
pub fn check_content(content: Option<&str>) -> Result<(), Error> {
    let Some(content) = content else { return Ok(()) };
    let name = content.split(';').next().unwrap_or_default().trim();
    let known = ANSWERS.iter().chain(&["application/octet-stream"]);
    if name.is_empty() || known.into_iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return Ok(());
    }
    Err(Error::MediaType)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types() {
        for (accept, answer) in [
            (None, Some(VERSIONED)),
            (Some("*/*"), Some(VERSIONED)),
            (Some("application/json"), Some("application/json")),
            (
                Some(
                    "application/vnd.schemaregistry.v1+json, application/vnd.schemaregistry+json, application/json",
                ),
                Some(VERSIONED),
            ),
            (Some("text/html, application/json;q=0.9, */*;q=0.1"), Some("application/json")),
            (
                Some("application/vnd.schemaregistry+json; q=0.9, application/json; q=0.5"),
                Some("application/vnd.schemaregistry+json"),
            ),
            (Some("text/html"), None),
            (Some("application/json;q=0"), None),
        ] {
            assert_eq!(negotiate(accept).ok(), answer, "{accept:?}");
        }
        for (content, good) in [
            (None, true),
            (Some("application/json; charset=utf-8"), true),
            (Some(VERSIONED), true),
            (Some("application/octet-stream"), true),
            (Some("text/plain"), false),
            (Some("application/x-www-form-urlencoded"), false),
        ] {
            assert_eq!(check_content(content).is_ok(), good, "{content:?}");
        }
    }
}
