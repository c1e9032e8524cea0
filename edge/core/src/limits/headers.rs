//! `RateLimit-Policy` and `RateLimit`, as draft-ietf-httpapi-ratelimit-headers-10 has them, and `Retry-After` (RFC 9110,
//! 10.2.3). Values only: structured fields (RFC 9651) as text.

use crate::limits::rule::{Decision, Rule};
use std::fmt::{self, Write as _};
use std::time::Duration;

/// What a quota counts, if it is not requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Requests.
    Requests,
    /// Bytes of bodies.
    ContentBytes,
    /// Requests at a time.
    ConcurrentRequests,
}

/// A policy under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    name: String,
    quota: u32,
    window: Option<Duration>,
    unit: Unit,
    partition: Option<Vec<u8>>,
}

/// A name that a header cannot carry.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("policy name {0:?} has characters that headers do not carry; use printable ASCII")]
pub struct BadName(pub String);

impl Policy {
    /// The policy that a rule is, under a name of printable ASCII.
    pub fn of(name: &str, rule: &Rule) -> Result<Self, BadName> {
        Self::new(name, rule.quota(), Some(rule.period()), Unit::Requests)
    }

    /// A policy of so much in a window, or at all.
    pub fn new(name: &str, quota: u32, window: Option<Duration>, unit: Unit) -> Result<Self, BadName> {
        if name.is_empty() || !name.bytes().all(|byte| (0x20..0x7F).contains(&byte)) {
            return Err(BadName(name.to_owned()));
        }
        Ok(Self { name: name.to_owned(), quota, window, unit, partition: None })
    }

    /// The same, told with the key that the quota is counted by. It is shown to the client: not for secrets.
    #[must_use]
    pub fn partition(mut self, key: &[u8]) -> Self {
        self.partition = Some(key.to_vec());
        self
    }

    /// Its member of `RateLimit`: what is left, and when all of it is there again.
    pub fn remaining(&self, decision: &Decision) -> String {
        let mut value = quoted(&self.name);
        let _ = write!(value, ";r={}", decision.remaining);
        let _ = write!(value, ";t={}", seconds(decision.full_after));
        self.write_partition(&mut value);
        value
    }

    fn write_partition(&self, value: &mut String) {
        if let Some(key) = &self.partition {
            let _ = write!(value, ";pk=:{}:", base64(key));
        }
    }
}

/// Its member of `RateLimit-Policy`. Several are joined by commas.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = format!("{};q={}", quoted(&self.name), self.quota);
        match self.unit {
            Unit::Requests => {}
            Unit::ContentBytes => value.push_str(";qu=\"content-bytes\""),
            Unit::ConcurrentRequests => value.push_str(";qu=\"concurrent-requests\""),
        }
        if let Some(window) = self.window {
            let _ = write!(value, ";w={}", seconds(window).max(1));
        }
        self.write_partition(&mut value);
        f.write_str(&value)
    }
}

/// `Retry-After` of a refusal that can be retried: whole seconds, at least one.
pub fn retry_after(decision: &Decision) -> Option<String> {
    decision.retry_after.map(|wait| seconds(wait).max(1).to_string())
}

/// Whole seconds, none too few.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |index| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit)) as usize & 63;
            text.push(if digit <= group.len() { DIGITS[value] as char } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_and_what_remains_are_told() {
        let minute = Duration::from_mins(1);
        let rule = Rule::bucket(100, minute, 20).unwrap();
        let plain = Policy::of("default", &rule).unwrap();
        let named =
            Policy::new("by \"user\"\\", 5, Some(Duration::from_millis(1_500)), Unit::ContentBytes).unwrap();
        let open = Policy::new("open", 9, None, Unit::ConcurrentRequests).unwrap();
        for (policy, expected) in [
            (&plain, r#""default";q=100;w=60"#),
            (&named, r#""by \"user\"\\";q=5;qu="content-bytes";w=2"#),
            (&open, r#""open";q=9;qu="concurrent-requests""#),
            (&plain.clone().partition(b"sdfjLJUOUH=="), r#""default";q=100;w=60;pk=:c2RmakxKVU9VSD09:"#),
        ] {
            assert_eq!(policy.to_string(), expected);
        }
        let (decision, _) = rule.decide(None, 15, Duration::from_secs(1));
        assert_eq!(plain.remaining(&decision), r#""default";r=5;t=9"#);
        assert_eq!(plain.partition(b"a").remaining(&decision), r#""default";r=5;t=9;pk=:YQ==:"#);
        assert_eq!(retry_after(&decision), None);
        for name in ["", "tab\t", "Grüße"] {
            assert_eq!(Policy::of(name, &rule), Err(BadName(name.to_owned())));
        }
    }

    #[test]
    fn retry_after_is_never_too_early() {
        let rule = Rule::bucket(10, Duration::from_secs(10), 2).unwrap();
        let state = rule.decide(None, 2, Duration::from_secs(1)).1;
        for (at_ms, cost, expected) in [
            (1_000, 1, Some("1")),
            (1_000, 2, Some("2")),
            (1_999, 2, Some("2")),
            (2_500, 2, Some("1")),
            (1_000, 3, None),
        ] {
            let (decision, _) = rule.decide(state.as_ref(), cost, Duration::from_millis(at_ms));
            assert_eq!(retry_after(&decision).as_deref(), expected, "{cost} at {at_ms} ms");
        }
    }

    #[test]
    fn base64_is_padded() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
