//! What claims say: times, words, and values that become headers.

use crate::limits;
use http::header::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

/// The texts of a claim that is one or a list of them.
pub(crate) fn texts<'a>(claims: &'a Map<String, Value>, claim: &str) -> Vec<&'a str> {
    match claims.get(claim) {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Scopes: of `scope` and `scp`, words between spaces or a list.
pub(crate) fn scopes(claims: &Map<String, Value>) -> Vec<&str> {
    let both = texts(claims, "scope").into_iter().chain(texts(claims, "scp"));
    both.flat_map(|text| text.split(' ')).filter(|word| !word.is_empty()).collect()
}

/// A claim that is a time (`NumericDate`), in milliseconds since the Unix epoch; `Ok(None)` without it.
pub(crate) fn time_ms(claims: &Map<String, Value>, claim: &str) -> Result<Option<u64>, ()> {
    let Some(value) = claims.get(claim) else { return Ok(None) };
    let seconds = value.as_f64().filter(|seconds| seconds.is_finite() && *seconds >= 0.0).ok_or(())?;
    // A float beyond the integers becomes the largest one.
    Ok(Some((seconds * 1e3) as u64))
}

/// Whether a token is good at a time; until when. The error is for its sender.
pub(crate) fn timely(claims: &Map<String, Value>, now_ms: u64, skew_ms: u64) -> Result<u64, &'static str> {
    let time = |claim: &str| time_ms(claims, claim).map_err(|()| "a time of the token is no number");
    let until = time("exp")?.ok_or("the token does not say when it expires")?.saturating_add(skew_ms);
    if now_ms >= until {
        return Err("the token has expired");
    }
    for claim in ["nbf", "iat"] {
        if time(claim)?.is_some_and(|from| now_ms.saturating_add(skew_ms) < from) {
            return Err("the token is not good yet");
        }
    }
    Ok(until)
}

/// Whether a claim has a value: as its text, or as one of a list.
pub(crate) fn has(claims: &Map<String, Value>, claim: &str, wanted: &str) -> bool {
    let is = |value: &Value| match value {
        Value::String(text) => text == wanted,
        Value::Bool(value) => wanted == if *value { "true" } else { "false" },
        Value::Number(number) => number.to_string() == wanted,
        _ => false,
    };
    match claims.get(claim) {
        Some(Value::Array(list)) => list.iter().any(is),
        Some(value) => is(value),
        None => false,
    }
}

/// A claim as a header's value: a text as it is, lists with commas, objects as JSON. `None` where that cannot be a header.
pub(crate) fn header(value: &Value) -> Option<HeaderValue> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        Value::Array(list) if list.iter().all(Value::is_string) => {
            list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    };
    (text.len() <= limits::CLAIM_HEADER_BYTES_MAX).then(|| HeaderValue::from_bytes(text.as_bytes()).ok())?
}

/// The headers that claims become.
pub(crate) fn headers(
    wanted: &[(HeaderName, String)],
    claims: &Map<String, Value>,
) -> Vec<(HeaderName, HeaderValue)> {
    let row = |(name, claim): &(HeaderName, String)| Some((name.clone(), header(claims.get(claim)?)?));
    wanted.iter().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn times_have_an_end_and_a_beginning() {
        for (claims, expected) in [
            (json!({"exp": 101}), Ok(101_000)),
            (json!({"exp": 100.5}), Ok(100_500)),
            (json!({"exp": 100}), Err("expired")),
            (json!({}), Err("does not say")),
            (json!({"exp": "101"}), Err("no number")),
            (json!({"exp": -1}), Err("no number")),
            (json!({"exp": 1e300}), Ok(u64::MAX)),
            (json!({"exp": 200, "nbf": 101}), Err("not good yet")),
            (json!({"exp": 200, "iat": 101}), Err("not good yet")),
            (json!({"exp": 200, "iat": null}), Err("no number")),
            (json!({"exp": 200, "nbf": 100, "iat": 99}), Ok(200_000)),
        ] {
            let got = timely(&object(&claims), 100_000, 0);
            match expected {
                Ok(until) => assert_eq!(got, Ok(until), "{claims}"),
                Err(text) => assert!(got.unwrap_err().contains(text), "{claims}"),
            }
        }
        assert_eq!(timely(&object(&json!({"exp": 100, "nbf": 101})), 100_000, 2_000), Ok(102_000));
    }

    #[test]
    fn claims_become_headers_or_nothing() {
        for (value, expected) in [
            (json!("a b"), Some("a b")),
            (json!(["a", "b"]), Some("a,b")),
            (json!(7), Some("7")),
            (json!(true), Some("true")),
            (json!({"a": 1}), Some("{\"a\":1}")),
            (json!("a\r\nx: y"), None),
            (json!(null), None),
            (json!("x".repeat(5_000)), None),
        ] {
            assert_eq!(header(&value), expected.map(|text| HeaderValue::from_str(text).unwrap()), "{value}");
        }
        let claims = object(&json!({"scope": "a b", "scp": ["c"], "roles": ["x", 7], "admin": true}));
        assert_eq!(scopes(&claims), ["a", "b", "c"]);
        for (claim, value, is) in
            [("roles", "x", true), ("roles", "7", true), ("admin", "true", true), ("roles", "y", false)]
        {
            assert_eq!(has(&claims, claim, value), is);
        }
    }
}
