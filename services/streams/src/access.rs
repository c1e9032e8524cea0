//! Who may do what: a client's principal against identity's roles and the rules that Kafka's tools made.
//!
//! A topic `a` is the resource `default/streams/topic:a` of identity's policies, and so with `group:`, `transactional_id:` and
//! `cluster:kafka-cluster`. A client is judged by the roles of its user, and by those of [`crate::acls`] for its name and for everybody.

use std::borrow::Cow;
use std::fmt::Write as _;

use bole_identity::policy::{decide_any, decide_implied};
use bole_identity::{Directory, Identity};

use crate::acls::{EVERYBODY_ROLE, role_name};
use crate::session::{Action, Principal};

/// The name of the one cluster, as Kafka's rules call it.
pub const CLUSTER: &str = "kafka-cluster";
/// The name of this service in policies.
pub const SERVICE: &str = "streams";
/// The resources of this service, before kind and name.
pub const RESOURCES: &str = "default/streams/";

/// Actions that there are on a kind of resource, with the numbers that Kafka gives them.
pub const fn actions_of(kind: &str) -> &'static [(i8, Action)] {
    match kind.as_bytes() {
        b"topic" => &[
            (3, Action::Read),
            (4, Action::Write),
            (5, Action::Create),
            (6, Action::Delete),
            (7, Action::Alter),
            (8, Action::Describe),
            (10, Action::DescribeConfigs),
            (11, Action::AlterConfigs),
        ],
        b"group" => &[
            (3, Action::Read),
            (6, Action::Delete),
            (8, Action::Describe),
            (10, Action::DescribeConfigs),
            (11, Action::AlterConfigs),
        ],
        b"transactional_id" => &[(4, Action::Write), (8, Action::Describe)],
        b"cluster" => &[
            (5, Action::Create),
            (7, Action::Alter),
            (8, Action::Describe),
            (9, Action::ClusterAction),
            (10, Action::DescribeConfigs),
            (11, Action::AlterConfigs),
            (12, Action::IdempotentWrite),
        ],
        _ => &[],
    }
}

/// Whether `principal` may do `action` on `kind` of this name. A directory that cannot be read allows nothing.
pub fn allowed(identity: &Identity, principal: &Principal, action: Action, kind: &str, name: &str) -> bool {
    identity.read(|directory| allowed_by(directory, principal, action, kind, name)).unwrap_or(false)
}

/// [`allowed`], by a directory.
pub fn allowed_by(
    directory: &Directory,
    principal: &Principal,
    action: Action,
    kind: &str,
    name: &str,
) -> bool {
    let own = role_name(&principal.name);
    let roles = directory.roles_of(&principal.name, principal.is_vouched, &[&own, EVERYBODY_ROLE]);
    let Some(roles) = roles else { return false };
    let resource = format!("{RESOURCES}{kind}:{}", escaped(name));
    decide_implied(roles, SERVICE, action.name(), action.implied_by(), &resource)
}

/// Whether `principal` may do `action` on `dataset` (`namespace/service/dataset`), as that service asks.
pub fn may_on_dataset(identity: &Identity, principal: &Principal, action: Action, dataset: &str) -> bool {
    let service = dataset.split('/').nth(1).unwrap_or_default();
    let decide = |directory: &Directory| {
        let own = role_name(&principal.name);
        let roles = directory.roles_of(&principal.name, principal.is_vouched, &[&own, EVERYBODY_ROLE]);
        roles.is_some_and(|roles| decide_implied(roles, service, action.name(), &[], dataset))
    };
    identity.read(decide).unwrap_or(false)
}

/// Whether there may be a resource of this kind on which `principal` may do `action`.
pub fn allowed_any(identity: &Identity, principal: &Principal, action: Action, kind: &str) -> bool {
    let decide = |directory: &Directory| {
        let own = role_name(&principal.name);
        let roles = directory.roles_of(&principal.name, principal.is_vouched, &[&own, EVERYBODY_ROLE]);
        roles.is_some_and(|roles| decide_any(roles, SERVICE, action.name(), &format!("{RESOURCES}{kind}:")))
    };
    identity.read(decide).unwrap_or(false)
}

/// A name as it stands in resources: what patterns give a meaning to, or do not take, as `%` and two hexadecimal digits.
pub fn escaped(name: &str) -> Cow<'_, str> {
    let special = |c: char| matches!(c, '*' | '%') || c.is_control() || c.is_whitespace();
    if !name.contains(special) {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len() + 8);
    for c in name.chars() {
        if special(c) {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                write!(out, "%{byte:02X}").expect("writing to a string cannot fail");
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// The name that [`escaped`] wrote; `None` if it wrote no such thing.
pub fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok().filter(|name| escaped(name) == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_come_back() {
        for (name, expected) in [
            ("orders", "orders"),
            ("a b", "a%20b"),
            ("*", "%2A"),
            ("100%", "100%25"),
            ("ä\u{a0}", "ä%C2%A0"),
            ("a/b:c", "a/b:c"),
            ("", ""),
        ] {
            assert_eq!(escaped(name), expected);
            assert_eq!(unescaped(expected).as_deref(), Some(name));
        }
        for text in ["%", "%2", "%zz", "%41", "*", "%FF", "%2a"] {
            assert_eq!(unescaped(text), None, "{text}");
        }
    }
}
