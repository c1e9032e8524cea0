//! Who a request is from, and whom a statement names.
//!
//! A user has an ARN, `arn:aws:iam::ACCOUNT:user/NAME`, and a canonical id of 64 hexadecimal digits, which ACLs name. A
//! statement that names an account means each of its users. Services of AWS, federated identities, roles and sessions do not exist here
//! and are refused by name.

use super::json::Json;
use super::{malformed, shown};
use crate::error::Result;

/// Who a request is from, where it is not anonymous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requester<'a> {
    /// The account: 12 digits.
    pub account: &'a str,
    /// The user's canonical id, as ACLs name it: 64 hexadecimal digits.
    pub canonical: &'a str,
    /// The user's name.
    pub user: &'a str,
}

/// The ARN of a user.
pub fn arn(account: &str, user: &str) -> String {
    format!("arn:aws:iam::{account}:user/{user}")
}

/// Whom a statement names.
#[derive(Clone, Debug, PartialEq)]
pub enum Principal {
    /// Everyone, the anonymous included.
    Everyone,
    /// All users of an account.
    Account(String),
    /// A user, of the account that it says or of any.
    User {
        /// 12 digits, or nothing.
        account: Option<String>,
        /// The user's name.
        name: String,
    },
    /// Whoever has this canonical id.
    Canonical(String),
}

/// A statement's `Principal` or `NotPrincipal`.
#[derive(Clone, Debug, PartialEq)]
pub struct Principals {
    /// Whether all others are meant.
    pub negated: bool,
    /// Whom it names.
    pub named: Vec<Principal>,
}

impl Principal {
    fn is(&self, requester: Option<&Requester<'_>>) -> bool {
        let Some(requester) = requester else { return *self == Self::Everyone };
        match self {
            Self::Everyone => true,
            Self::Account(account) => account == requester.account,
            Self::User { account, name } => {
                name == requester.user && account.as_ref().is_none_or(|account| account == requester.account)
            }
            Self::Canonical(id) => id == requester.canonical,
        }
    }

    /// A member of `{"AWS": …}`.
    fn parse_aws(text: &str) -> Result<Self> {
        let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        let invalid = || malformed(format!("Invalid principal in policy: \"AWS\" : \"{}\"", shown(text)));
        if text == "*" {
            return Ok(Self::Everyone);
        }
        if is_account(text) {
            return Ok(Self::Account(text.to_owned()));
        }
        let (account, resource) =
            text.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(':')).ok_or_else(invalid)?;
        if !account.is_empty() && !is_account(account) {
            return Err(invalid());
        }
        match resource.strip_prefix("user/") {
            None if resource == "root" && !account.is_empty() => Ok(Self::Account(account.to_owned())),
            Some(name) if !name.is_empty() && !name.contains(['*', '?']) => {
                let account = (!account.is_empty()).then(|| account.to_owned());
                Ok(Self::User { account, name: name.to_owned() })
            }
            _ => Err(invalid()),
        }
    }

    fn parse_canonical(text: &str) -> Result<Self> {
        if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self::Canonical(text.to_ascii_lowercase()));
        }
        Err(malformed(format!("Invalid principal in policy: \"CanonicalUser\" : \"{}\"", shown(text))))
    }
}

impl Principals {
    /// Whether they include the requester.
    pub fn include(&self, requester: Option<&Requester<'_>>) -> bool {
        self.named.iter().any(|principal| principal.is(requester)) != self.negated
    }

    pub(super) fn parse(value: &Json, negated: bool) -> Result<Self> {
        let mut named = Vec::new();
        match value {
            Json::Text(text) if text == "*" => named.push(Principal::Everyone),
            Json::Object(kinds) if !kinds.is_empty() => {
                for (kind, members) in kinds {
                    let parse = match kind.as_str() {
                        "AWS" => Principal::parse_aws,
                        "CanonicalUser" => Principal::parse_canonical,
                        _ => {
                            let text = format!(
                                "Invalid principal in policy: \"{}\" names nobody on this server; use \"AWS\" or \"CanonicalUser\"",
                                shown(kind)
                            );
                            return Err(malformed(text));
                        }
                    };
                    for member in super::document::texts(members, "Principal")? {
                        named.push(parse(&member)?);
                    }
                }
            }
            _ => return Err(malformed("Invalid principal in policy: it must be \"*\" or an object")),
        }
        Ok(Self { negated, named })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn principals_include_requesters() {
        let alice = Requester { account: "000000000000", canonical: ID, user: "alice" };
        let bob = Requester { account: "111111111111", canonical: &"f".repeat(64), user: "bob" };
        let canonical = format!(r#"{{"CanonicalUser":"{}"}}"#, ID.to_uppercase());
        for (json, to_alice, to_bob, to_anonymous) in [
            (r#""*""#, true, true, true),
            (r#"{"AWS":"*"}"#, true, true, true),
            (r#"{"AWS":["arn:aws:iam::000000000000:user/alice"]}"#, true, false, false),
            (r#"{"AWS":"arn:aws:iam:::user/alice"}"#, true, false, false),
            (r#"{"AWS":"arn:aws:iam::111111111111:user/alice"}"#, false, false, false),
            (r#"{"AWS":["000000000000","arn:aws:iam::111111111111:root"]}"#, true, true, false),
            (&canonical, true, false, false),
            (r#"{"AWS":[]}"#, false, false, false),
        ] {
            let value: Json = serde_json::from_str(json).unwrap();
            for negated in [false, true] {
                let Ok(principals) = Principals::parse(&value, negated) else {
                    assert_eq!(json, r#"{"AWS":[]}"#);
                    continue;
                };
                let found = [Some(&alice), Some(&bob), None].map(|who| principals.include(who));
                assert_eq!(
                    found,
                    [to_alice, to_bob, to_anonymous].map(|is| is != negated),
                    "{json} {negated}"
                );
            }
        }
        for json in [
            r#""a""#,
            "{}",
            "1",
            r#"["*"]"#,
            r#"{"AWS":"bob"}"#,
            r#"{"AWS":"arn:aws:iam::000000000000:user/*"}"#,
            r#"{"AWS":"arn:aws:iam::000000000000:role/x"}"#,
            r#"{"AWS":"arn:aws:iam::00:user/x"}"#,
            r#"{"AWS":"arn:aws:iam:::root"}"#,
            r#"{"AWS":1}"#,
            r#"{"Service":"logging.s3.amazonaws.com"}"#,
            r#"{"Federated":"x"}"#,
            r#"{"CanonicalUser":"12"}"#,
        ] {
            let value: Json = serde_json::from_str(json).unwrap();
            let error = Principals::parse(&value, false).unwrap_err();
            assert!(error.message.to_lowercase().contains("principal"), "{json}: {error}");
        }
    }
}
