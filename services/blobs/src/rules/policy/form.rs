//! The policy of a form: until when it may be sent, and what its fields and its file have to be. It comes with the form, signed ("Creating an HTML
//! form" and "POST policy" in S3's API reference).
//!
//! Each field has to be covered by a condition, but for those that carry the policy and its signature, and those that are to be ignored. Two
//! conditions on one field must both hold.

use bole_base::Timestamp;

use super::json::Json;
use crate::error::{Code, Error, Result, shown};
use crate::limits::{FORM_FIELD_BYTES_MAX, PUT_BYTES_MAX};
use crate::rules::calendar;

/// Fields that no condition has to cover.
const UNCOVERED: [&str; 5] = ["awsaccesskeyid", "file", "policy", "signature", "x-amz-signature"];
/// What names of fields begin with that mean nothing.
const IGNORED: &str = "x-ignore-";

/// A policy that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormPolicy {
    /// When it ends.
    expires: Timestamp,
    conditions: Vec<Condition>,
    /// Bytes of the file, the least and the most.
    length: (u64, u64),
}

/// Names are in lower case, without `$`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    Equals { field: String, value: String },
    StartsWith { field: String, prefix: String },
}

fn invalid(text: &str) -> Error {
    Error::new(Code::InvalidPolicyDocument, format!("Invalid Policy: {text}"))
}

fn denied(text: &str) -> Error {
    Error::new(Code::AccessDenied, format!("Invalid according to Policy: {text}"))
}

impl FormPolicy {
    /// Reads a policy. Errors: `InvalidPolicyDocument`.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > FORM_FIELD_BYTES_MAX {
            return Err(invalid("it is too long"));
        }
        let document: Json = serde_json::from_str(text).map_err(|_| invalid("Invalid JSON."))?;
        let Json::Object(members) = document else { return Err(invalid("it is no object")) };
        let (mut expires, mut conditions) = (None, None);
        for (name, value) in members {
            match (name.as_str(), value) {
                ("expiration", Json::Text(text)) => {
                    let time = calendar::parse_iso(&text);
                    expires = Some(time.ok_or_else(|| invalid("Invalid 'expiration' value"))?);
                }
                ("conditions", Json::List(list)) => conditions = Some(list),
                _ => return Err(invalid(&format!("Unexpected: '{}'", shown(&name)))),
            }
        }
        let mut policy = Self {
            expires: expires.ok_or_else(|| invalid("Policy missing expiration."))?,
            conditions: Vec::new(),
            length: (0, PUT_BYTES_MAX),
        };
        for condition in conditions.ok_or_else(|| invalid("Policy missing conditions."))? {
            policy.add(condition)?;
        }
        Ok(policy)
    }

    fn add(&mut self, condition: Json) -> Result<()> {
        match condition {
            Json::Object(members) if !members.is_empty() => {
                for (name, value) in members {
                    let Json::Text(value) = value else {
                        return Err(invalid("Invalid Simple-Condition: value must be a string."));
                    };
                    self.conditions.push(Condition::Equals { field: name.to_ascii_lowercase(), value });
                }
                Ok(())
            }
            Json::List(parts) => self.add_list(&parts),
            _ => Err(invalid(
                "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.",
            )),
        }
    }

    fn add_list(&mut self, parts: &[Json]) -> Result<()> {
        let [Json::Text(operator), first, second] = parts else {
            return Err(invalid("Invalid Condition: a condition is an operator and two operands."));
        };
        if operator.eq_ignore_ascii_case("content-length-range") {
            let (least, most) = (bytes(first)?, bytes(second)?);
            if least > most {
                return Err(invalid("Invalid content-length-range"));
            }
            self.length = (self.length.0.max(least), self.length.1.min(most));
            return Ok(());
        }
        let (Json::Text(field), Json::Text(value)) = (first, second) else {
            return Err(invalid("Invalid Condition: operands must be strings."));
        };
        let field =
            field.strip_prefix('$').ok_or_else(|| invalid("Invalid Condition: a field begins with $."))?;
        let (field, value) = (field.to_ascii_lowercase(), value.clone());
        self.conditions.push(match operator.to_ascii_lowercase().as_str() {
            "eq" => Condition::Equals { field, value },
            "starts-with" => Condition::StartsWith { field, prefix: value },
            other => {
                return Err(invalid(&format!("Invalid Condition: unknown operation '{}'.", shown(other))));
            }
        });
        Ok(())
    }

    /// Judges the fields of a form, their names in lower case, the bucket's among them. Errors: `AccessDenied`.
    pub fn check(&self, fields: &[(String, String)], now: Timestamp) -> Result<()> {
        if now >= self.expires {
            return Err(denied("Policy expired."));
        }
        for condition in &self.conditions {
            if !condition.holds(fields) {
                return Err(denied(&format!("Policy Condition failed: {condition}")));
            }
        }
        let is_covered = |name: &str| {
            UNCOVERED.contains(&name)
                || name.starts_with(IGNORED)
                || self.conditions.iter().any(|condition| condition.field() == name)
        };
        match fields.iter().find(|(name, _)| !is_covered(name)) {
            None => Ok(()),
            Some((name, _)) => Err(denied(&format!("Extra input fields: {}", shown(name)))),
        }
    }

    /// How long the file may be: the least and the most bytes.
    pub const fn length(&self) -> (u64, u64) {
        self.length
    }
}

fn bytes(value: &Json) -> Result<u64> {
    let (Json::Number(text) | Json::Text(text)) = value else {
        return Err(invalid("Invalid content-length-range: not a number"));
    };
    text.parse().map_err(|_| invalid("Invalid content-length-range: not a number"))
}

impl Condition {
    fn field(&self) -> &str {
        match self {
            Self::Equals { field, .. } | Self::StartsWith { field, .. } => field,
        }
    }

    fn holds(&self, fields: &[(String, String)]) -> bool {
        let found = fields.iter().find(|(name, _)| name == self.field()).map(|(_, value)| value.as_str());
        match self {
            Self::Equals { value, .. } => found == Some(value.as_str()),
            // Of a list of types each has to begin so.
            Self::StartsWith { field, prefix } if field == "content-type" => found
                .unwrap_or_default()
                .split(',')
                .all(|kind| kind.trim_start().starts_with(prefix.as_str())),
            Self::StartsWith { prefix, .. } => found.unwrap_or_default().starts_with(prefix.as_str()),
        }
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (operator, field, value) = match self {
            Self::Equals { field, value } => ("eq", field, value),
            Self::StartsWith { field, prefix } => ("starts-with", field, prefix),
        };
        write!(formatter, "[\"{operator}\", \"${}\", \"{}\"]", shown(field), shown(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(conditions: &str) -> String {
        format!(r#"{{"expiration":"2026-01-02T03:04:05Z","conditions":[{conditions}]}}"#)
    }

    fn now() -> Timestamp {
        calendar::parse_iso("2026-01-02T03:04:04Z").unwrap()
    }

    #[test]
    fn documents_are_read_or_refused() {
        for (text, expected) in [
            (with(""), Ok((0, PUT_BYTES_MAX))),
            (with(r#"["content-length-range", 1, 10],["content-length-range", "5", 20]"#), Ok((5, 10))),
            (with(r#"{"bucket":"b"},["eq","$key","k"],["starts-with","$Key",""]"#), Ok((0, PUT_BYTES_MAX))),
            (with("{}"), Err("exactly one property")),
            (with("7"), Err("exactly one property")),
            (with(r#"{"acl":1}"#), Err("must be a string")),
            (with(r#"["content-length-range", 0]"#), Err("two operands")),
            (with(r#"["content-length-range", -1, 0]"#), Err("not a number")),
            (with(r#"["content-length-range", 2, 1]"#), Err("content-length-range")),
            (with(r#"["eq","key","k"]"#), Err("begins with $")),
            (with(r#"["eq","$key",1]"#), Err("must be strings")),
            (with(r#"["ends-with","$key","k"]"#), Err("unknown operation")),
            (r#"{"conditions":[]}"#.to_owned(), Err("missing expiration")),
            (r#"{"EXPIRATION":"2026-01-02T03:04:05Z","conditions":[]}"#.to_owned(), Err("Unexpected")),
            (r#"{"expiration":"2026-01-02T03:04:05Z"}"#.to_owned(), Err("missing conditions")),
            (r#"{"expiration":"tomorrow","conditions":[]}"#.to_owned(), Err("'expiration'")),
            (r#"{"expiration":"2026-01-02T03:04:05Z","expiration":"2036-01-02T03:04:05Z","conditions":[]}"#.to_owned(), Err("JSON")),
            ("[]".to_owned(), Err("no object")),
            ("{".to_owned(), Err("JSON")),
        ] {
            match (FormPolicy::parse(&text).map(|policy| policy.length()), expected) {
                (Ok(length), Ok(expected)) => assert_eq!(length, expected, "{text}"),
                (Err(error), Err(part)) => {
                    assert_eq!(error.code, Code::InvalidPolicyDocument);
                    assert!(error.message.contains(part), "{text}: {error}");
                }
                (outcome, _) => panic!("{text}: {outcome:?}"),
            }
        }
    }

    #[test]
    fn fields_are_judged() {
        let policy = with(
            r#"{"Bucket":"b"},["starts-with","$KEY","user/"],{"acl":"private"},["starts-with","$x-amz-meta-a",""],["starts-with","$Content-Type","image/"]"#,
        );
        let policy = FormPolicy::parse(&policy).unwrap();
        let good = [("bucket", "b"), ("key", "user/a"), ("acl", "private"), ("content-type", "image/png")];
        let rows: &[(&[(&str, &str)], Option<&str>)] = &[
            (&[], None),
            (&[("x-amz-meta-a", "anything")], None),
            (
                &[("x-ignore-me", "1"), ("policy", "p"), ("x-amz-signature", "s"), ("awsaccesskeyid", "a")],
                None,
            ),
            (&[("content-type", "image/png, image/gif")], None),
            (&[("content-type", "image/png,text/html")], Some("Policy Condition failed")),
            (&[("bucket", "c")], Some("[\"eq\", \"$bucket\", \"b\"]")),
            (&[("key", "other/a")], Some("Policy Condition failed")),
            (&[("acl", "Private")], Some("Policy Condition failed")),
            (&[("x-amz-meta-b", "1")], Some("Extra input fields: x-amz-meta-b")),
            (&[("success_action_status", "200")], Some("Extra input fields")),
        ];
        for (changes, expected) in rows {
            let mut fields: Vec<(String, String)> =
                good.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            for (name, value) in *changes {
                fields.retain(|(known, _)| known != name);
                fields.push(((*name).to_owned(), (*value).to_owned()));
            }
            let error = policy.check(&fields, now()).err();
            match (&error, expected) {
                (Some(error), Some(part)) => assert!(error.message.contains(part), "{error} lacks {part}"),
                _ => assert_eq!(error.is_some(), expected.is_some(), "{changes:?} {error:?}"),
            }
        }
        let late = Timestamp(now().0 + 1_000);
        assert!(policy.check(&[], late).unwrap_err().message.contains("expired"));
        let missing = [("bucket".to_owned(), "b".to_owned())];
        assert!(policy.check(&missing, now()).is_err());
    }
}
