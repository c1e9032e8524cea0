//! Texts of documents, JSON or YAML, as values; and references within them.

use crate::limits::{REFERENCES_MAX, TEXT_BYTES_MAX};
use serde_json::Value;

/// Reads a text. What begins with `{` is JSON, all else YAML, whose anchors and depth the reader bounds.
///
/// # Errors
/// Why it is neither, or too long.
pub fn read(text: &[u8]) -> Result<Value, String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("it has {} bytes; at most {TEXT_BYTES_MAX} are possible", text.len()));
    }
    let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"));
    }
    serde_saphyr::from_str(text).map_err(|error| format!("it is no YAML: {error}"))
}

/// What a value is once its references are followed.
///
/// # Errors
/// A reference that leads nowhere, or in a circle.
pub fn resolved<'v>(whole: &'v Value, mut value: &'v Value) -> Result<&'v Value, String> {
    for _ in 0..REFERENCES_MAX {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Ok(value) };
        let pointer = reference.strip_prefix('#').map(percent_decoded);
        let found = pointer.as_deref().and_then(|pointer| whole.pointer(pointer));
        value = found.ok_or_else(|| format!("the reference {reference:?} leads nowhere in this document"))?;
    }
    Err(format!("more than {REFERENCES_MAX} references lead to one another"))
}

/// Undoes the encoding of a fragment. What is no encoding stays.
pub(crate) fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let digit = |at: usize| bytes.get(at).and_then(|byte| (*byte as char).to_digit(16));
        if let (b'%', Some(high), Some(low)) = (bytes[at], digit(at + 1), digit(at + 2)) {
            out.push((high << 4 | low) as u8);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// References that lead out of the document, by their places.
pub fn foreign(value: &Value, place: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref")
                && !reference.starts_with("#/")
            {
                found.push(format!("{place}/$ref: {reference:?} leads out of the document; nothing is fetched, put it in here"));
            }
            for (name, member) in members {
                foreign(member, &format!("{place}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                foreign(item, &format!("{place}/{index}"), found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_and_yaml_are_the_same() {
        let expected =
            json!({ "openapi": "3.0.3", "paths": { "/a": { "get": {} } }, "n": [1, true, null, "x"] });
        let yaml = "openapi: 3.0.3\npaths:\n  /a:\n    get: {}\nn: [1, true, null, x]\n";
        assert_eq!(read(yaml.as_bytes()), Ok(expected.clone()));
        assert_eq!(read(expected.to_string().as_bytes()), Ok(expected));
        for wrong in [&b"{"[..], b"a: [", b"\xff", b"a: &a [*a]"] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
        let mut bomb = "a0: &a0 [x]\n".to_owned();
        for level in 1..40 {
            let before = level - 1;
            let line = format!("a{level}: &a{level} [*a{before}, *a{before}, *a{before}]\n");
            bomb.push_str(&line);
        }
        assert!(read(bomb.as_bytes()).is_err(), "anchors are bounded");
    }

    #[test]
    fn references_stay_within() {
        let whole = json!({ "a": { "$ref": "#/b~1c" }, "b/c": { "$ref": "#/d%20e" }, "d e": 7, "x": { "$ref": "#/x" }, "y": { "$ref": "z.json" } });
        assert_eq!(resolved(&whole, &whole["a"]), Ok(&json!(7)));
        assert!(resolved(&whole, &whole["x"]).is_err() && resolved(&whole, &whole["y"]).is_err());
        let mut found = Vec::new();
        foreign(&whole, "#", &mut found);
        assert!(found.len() == 1 && found[0].starts_with("#/y/$ref: \"z.json\""), "{found:?}");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[ -~\n]{0,120}") {
            let _ = read(text.as_bytes());
        }
    }
}
