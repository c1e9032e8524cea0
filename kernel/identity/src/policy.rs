//! Who may do what, as statements: an effect, a service, patterns of actions and of resources. A role is a named set of
//! policies. What any statement denies is denied, whatever else allows it; what none allows is denied.
//!
//! Resources are named `namespace/service/dataset`, with more parts where a service has finer things to name (a key, a
//! table). In a pattern, `*` stands for any text, `/` included, so `default/keyspace/*` is all of a service. Names are
//! compared byte by byte. Evaluation allocates nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::user::{check_name, check_role_name};

/// Bounds of what a role may hold.
pub const POLICIES_MAX: usize = 32;
/// Statements of a policy.
pub const STATEMENTS_MAX: usize = 64;
/// Patterns of a statement, of actions and of resources each.
pub const PATTERNS_MAX: usize = 64;
/// Bytes of a pattern.
pub const PATTERN_BYTES_MAX: usize = 512;

/// A named set of policies. *Persisted.*
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Unique among roles.
    pub name: String,
    /// In the order in which they are reported.
    pub policies: Vec<Policy>,
}

/// A named set of statements. *Persisted.*
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// For people.
    pub name: String,
    /// In the order in which they are reported.
    pub statements: Vec<Statement>,
}

/// Allows or denies actions of a service on resources. *Persisted.*
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// What follows when it applies.
    pub effect: Effect,
    /// A service's name, or `*` for all.
    pub service: String,
    /// Patterns of which one must match the action.
    pub actions: Vec<String>,
    /// Patterns of which one must match the resource.
    pub resources: Vec<String>,
}

/// What follows from a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// The action is allowed unless something denies it.
    Allow,
    /// The action is denied.
    Deny,
}

/// The answer to "may this user do that", and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'a> {
    /// Whether it may be done.
    pub allowed: bool,
    /// Why, in an operator's words. Not for clients: it tells of roles and policies.
    pub reason: Reason<'a>,
}

/// Why a [`Decision`] is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason<'a> {
    /// There is no such user.
    UnknownUser,
    /// The user may not do anything for now.
    Disabled,
    /// No statement allows it.
    NotAllowed,
    /// This statement allows or denies it.
    Statement {
        /// The role's name.
        role: &'a str,
        /// The policy's name.
        policy: &'a str,
        /// The statement's number, from 1.
        number: usize,
        /// What it says.
        effect: Effect,
    },
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownUser => formatter.write_str("the user does not exist"),
            Self::Disabled => formatter.write_str("the user is disabled"),
            Self::NotAllowed => formatter.write_str("no statement of the user's roles allows it"),
            Self::Statement { role, policy, number, effect } => {
                let verb = if *effect == Effect::Allow { "allows" } else { "denies" };
                write!(formatter, "statement {number} of policy \"{policy}\" in role \"{role}\" {verb} it")
            }
        }
    }
}

impl<'a> Decision<'a> {
    /// A refusal.
    pub const fn denied(reason: Reason<'a>) -> Self {
        Self { allowed: false, reason }
    }
}

/// Decides by all statements of `roles`.
pub fn decide<'a>(
    roles: impl IntoIterator<Item = &'a Role>,
    service: &str,
    action: &str,
    resource: &str,
) -> Decision<'a> {
    let mut decision = Decision::denied(Reason::NotAllowed);
    for role in roles {
        for policy in &role.policies {
            for (index, statement) in policy.statements.iter().enumerate() {
                let settled = statement.effect == Effect::Allow && decision.allowed;
                if settled || !statement.applies(service, action, resource) {
                    continue;
                }
                let (role, policy, effect) = (&role.name, &policy.name, statement.effect);
                let reason = Reason::Statement { role, policy, number: index + 1, effect };
                if effect == Effect::Deny {
                    return Decision::denied(reason);
                }
                decision = Decision { allowed: true, reason };
            }
        }
    }
    decision
}

/// Decides where some actions imply others: the action is allowed where it or one of `implied_by` is allowed, and denied
/// only where it itself is denied.
pub fn decide_implied<'a>(
    roles: impl IntoIterator<Item = &'a Role>,
    service: &str,
    action: &str,
    implied_by: &[&str],
    resource: &str,
) -> bool {
    let mut allowed = false;
    for statement in statements(roles).filter(|statement| statement.speaks_of(service, resource)) {
        let named = |action: &str| statement.actions.iter().any(|pattern| matches(pattern, action));
        match statement.effect {
            Effect::Deny if named(action) => return false,
            Effect::Deny => {}
            Effect::Allow => {
                allowed |= named(action) || implied_by.iter().any(|other| named(other));
            }
        }
    }
    allowed
}

/// Whether there may be a resource whose name begins with `prefix` on which `action` is allowed: some statement allows it on
/// such names, and none denies it on all of them.
pub fn decide_any<'a>(
    roles: impl IntoIterator<Item = &'a Role>,
    service: &str,
    action: &str,
    prefix: &str,
) -> bool {
    let mut allowed = false;
    for statement in statements(roles).filter(|statement| statement.acts(service, action)) {
        let reaches = |pattern: &String| {
            let head = pattern.split('*').next().unwrap_or_default();
            head.starts_with(prefix) || head.len() < pattern.len() && prefix.starts_with(head)
        };
        let covers = |pattern: &String| {
            let literal = pattern.strip_suffix('*').filter(|literal| !literal.contains('*'));
            literal.is_some_and(|literal| prefix.starts_with(literal))
        };
        match statement.effect {
            Effect::Deny if statement.resources.iter().any(covers) => return false,
            Effect::Deny => {}
            Effect::Allow => allowed |= statement.resources.iter().any(reaches),
        }
    }
    allowed
}

fn statements<'a>(roles: impl IntoIterator<Item = &'a Role>) -> impl Iterator<Item = &'a Statement> {
    roles.into_iter().flat_map(|role| &role.policies).flat_map(|policy| &policy.statements)
}

impl Statement {
    fn speaks_of(&self, service: &str, resource: &str) -> bool {
        (self.service == "*" || self.service == service)
            && self.resources.iter().any(|pattern| matches(pattern, resource))
    }

    fn acts(&self, service: &str, action: &str) -> bool {
        (self.service == "*" || self.service == service)
            && self.actions.iter().any(|pattern| matches(pattern, action))
    }

    /// Whether it speaks of this action on this resource.
    pub fn applies(&self, service: &str, action: &str, resource: &str) -> bool {
        (self.service == "*" || self.service == service)
            && self.actions.iter().any(|pattern| matches(pattern, action))
            && self.resources.iter().any(|pattern| matches(pattern, resource))
    }

    fn check(&self) -> Result<(), String> {
        let is_service = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.service != "*" && (self.service.is_empty() || !self.service.bytes().all(is_service)) {
            return Err(format!(
                "service \"{}\" is neither a service's name nor \"*\"",
                shown(&self.service)
            ));
        }
        check_patterns("action", &self.actions)?;
        check_patterns("resource", &self.resources)?;
        let unrooted = self.resources.iter().find(|resource| !resource.contains(['/', '*']));
        unrooted.map_or(Ok(()), |resource| {
            Err(format!(
                "resource \"{resource}\" is not of the form namespace/service/dataset, and has no \"*\" either"
            ))
        })
    }
}

fn check_patterns(what: &str, patterns: &[String]) -> Result<(), String> {
    if patterns.is_empty() || patterns.len() > PATTERNS_MAX {
        return Err(format!("it has {} {what}s; 1 to {PATTERNS_MAX} are allowed", patterns.len()));
    }
    for pattern in patterns {
        if pattern.is_empty() || pattern.len() > PATTERN_BYTES_MAX {
            let length = pattern.len();
            return Err(format!("a {what} has {length} bytes; 1 to {PATTERN_BYTES_MAX} are allowed"));
        }
        if pattern.chars().any(|character| character.is_control() || character.is_whitespace()) {
            return Err(format!("{what} \"{}\" has a space or control character", shown(pattern)));
        }
    }
    Ok(())
}

/// A value as far as it belongs into a message.
fn shown(value: &str) -> String {
    value.chars().take(80).flat_map(char::escape_default).collect()
}

impl Role {
    /// A role that may do everything.
    pub fn administrator() -> Self {
        let all = || vec!["*".to_owned()];
        let statement =
            Statement { effect: Effect::Allow, service: "*".to_owned(), actions: all(), resources: all() };
        let policy = Policy { name: "everything".to_owned(), statements: vec![statement] };
        Self { name: "administrator".to_owned(), policies: vec![policy] }
    }

    /// Reads a role from JSON and checks it.
    pub fn parse(json: &str) -> Result<Self> {
        let role: Self =
            serde_json::from_str(json).map_err(|error| Error::Invalid(format!("role: {error}")))?;
        role.check()?;
        Ok(role)
    }

    /// Checks names, bounds and patterns.
    pub fn check(&self) -> Result<()> {
        check_role_name(&self.name)?;
        if self.policies.len() > POLICIES_MAX {
            let (name, count) = (&self.name, self.policies.len());
            return Err(Error::Invalid(format!(
                "role \"{name}\" has {count} policies; {POLICIES_MAX} are allowed"
            )));
        }
        self.policies.iter().try_for_each(|policy| {
            check_name("policy", &policy.name)?;
            policy.check().map_err(|reason| {
                Error::Invalid(format!("role \"{}\", policy \"{}\": {reason}", self.name, policy.name))
            })
        })
    }
}

impl Policy {
    fn check(&self) -> Result<(), String> {
        if self.statements.len() > STATEMENTS_MAX {
            return Err(format!("{} statements; {STATEMENTS_MAX} are allowed", self.statements.len()));
        }
        for (index, statement) in self.statements.iter().enumerate() {
            statement.check().map_err(|reason| format!("statement {}: {reason}", index + 1))?;
        }
        Ok(())
    }
}

/// Whether `text` is what `pattern` says, `*` standing for any text. Takes at most the product of the lengths: when a
/// later part does not fit, only the last star is tried further along.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut position) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while position < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, position));
                at += 1;
            }
            Some(byte) if *byte == text[position] => {
                at += 1;
                position += 1;
            }
            _ => match &mut star {
                Some((after, begin)) => {
                    *begin += 1;
                    (at, position) = (*after, *begin);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Roles, service, action, resource; whether it is allowed, and a part of the reason.
    type Row<'a> = (&'a [&'a Role], &'a str, &'a str, &'a str, bool, &'a str);

    fn role(name: &str, statements: &[(Effect, &str, &str, &str)]) -> Role {
        let words = |text: &str| text.split(',').map(str::to_owned).collect();
        let statement = |(effect, service, actions, resources): &(Effect, &str, &str, &str)| Statement {
            effect: *effect,
            service: (*service).to_owned(),
            actions: words(actions),
            resources: words(resources),
        };
        let statements = statements.iter().map(statement).collect();
        Role { name: name.to_owned(), policies: vec![Policy { name: "p".to_owned(), statements }] }
    }

    #[test]
    fn decisions() {
        use Effect::{Allow, Deny};
        let reader = role("reader", &[(Allow, "keyspace", "get*,scan", "default/keyspace/*")]);
        let writer = role("writer", &[(Allow, "*", "*", "default/*/0")]);
        let guard = role(
            "guard",
            &[(Allow, "keyspace", "set", "default/keyspace/secret"), (Deny, "*", "*", "*/secret")],
        );
        let (reader, writer, guard) = (&reader, &writer, &guard);
        let admin = &Role::administrator();
        let rows: &[Row<'_>] = &[
            (&[], "keyspace", "get", "default/keyspace/0", false, "no statement"),
            (&[reader], "keyspace", "getrange", "default/keyspace/7", true, "role \"reader\" allows"),
            (&[reader], "keyspace", "set", "default/keyspace/7", false, "no statement"),
            (&[reader], "streams", "get", "default/keyspace/7", false, "no statement"),
            (&[reader], "keyspace", "GET", "default/keyspace/7", false, "no statement"),
            (&[reader, writer], "keyspace", "set", "default/keyspace/0", true, "role \"writer\" allows"),
            (&[writer], "sql", "select", "default/sql/0", true, "role \"writer\" allows"),
            (&[writer], "sql", "select", "other/sql/0", false, "no statement"),
            (&[guard], "keyspace", "set", "default/keyspace/secret", false, "statement 2"),
            (&[admin, guard], "keyspace", "get", "default/keyspace/secret", false, "role \"guard\" denies"),
            (&[guard, admin], "keyspace", "get", "default/keyspace/secret", false, "role \"guard\" denies"),
            (&[guard, admin], "keyspace", "get", "default/keyspace/open", true, "\"administrator\" allows"),
        ];
        for (roles, service, action, resource, allowed, reason) in rows {
            let decision = decide(roles.iter().copied(), service, action, resource);
            let text = decision.reason.to_string();
            assert_eq!(decision.allowed, *allowed, "{service}:{action} on {resource}: {text}");
            assert!(text.contains(reason), "{text} lacks {reason}");
        }
    }

    /// Statements; the action and what implies it; whether it is allowed.
    type Case<'a> = (&'a [(Effect, &'a str, &'a str, &'a str)], &'a str, &'a [&'a str], bool);

    #[test]
    fn actions_may_imply_others() {
        use Effect::{Allow, Deny};
        let topic = "default/streams/topic:a";
        let rows: &[Case<'_>] = &[
            (&[(Allow, "streams", "read", topic)], "describe", &["read", "write"], true),
            (&[(Allow, "streams", "read", topic)], "describe", &["write"], false),
            (&[(Allow, "streams", "read", topic)], "write", &[], false),
            (&[(Allow, "*", "*", "*"), (Deny, "streams", "describe", "*")], "describe", &["read"], false),
            (&[(Deny, "streams", "read", "*"), (Allow, "*", "*", "*")], "describe", &["read"], true),
            (&[(Deny, "streams", "*", "*"), (Allow, "*", "*", "*")], "describe", &["read"], false),
            (&[(Allow, "keyspace", "read", "*")], "describe", &["read"], false),
            (&[(Allow, "streams", "read", "default/streams/topic:b")], "describe", &["read"], false),
        ];
        for (statements, action, implied_by, expected) in rows {
            let role = role("r", statements);
            let decision = decide_implied([&role], "streams", action, implied_by, topic);
            assert_eq!(decision, *expected, "{statements:?} {action}");
        }
    }

    #[test]
    fn some_resource_may_be_allowed() {
        use Effect::{Allow, Deny};
        let prefix = "default/streams/topic:";
        for (statements, expected) in [
            (vec![(Allow, "streams", "write", "default/streams/topic:a")], true),
            (vec![(Allow, "streams", "write", "default/streams/topic:a*")], true),
            (vec![(Allow, "streams", "write", "default/streams/*")], true),
            (vec![(Allow, "streams", "write", "default/streams/group:*")], false),
            (vec![(Allow, "streams", "read", "*")], false),
            (
                vec![(Allow, "streams", "write", "*"), (Deny, "streams", "*", "default/streams/topic:*")],
                false,
            ),
            (
                vec![(Allow, "streams", "write", "*"), (Deny, "streams", "*", "default/streams/topic:a*")],
                true,
            ),
            (vec![], false),
        ] {
            let role = role("r", &statements);
            assert_eq!(decide_any([&role], "streams", "write", prefix), expected, "{statements:?}");
        }
    }

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "a/b", true),
            ("a*c", "abbc", true),
            ("a*c", "abbcd", false),
            ("*b*", "abc", true),
            ("a**c", "ac", true),
            ("", "", true),
            ("", "a", false),
            ("ab", "abc", false),
            ("abc", "ab", false),
            ("*ab*ab", "abab", true),
            ("*aab", "aaab", true),
            ("?", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    /// The definition, taken literally.
    fn matches_by_definition(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|skip| matches_by_definition(rest, &text[skip..])),
            Some((byte, rest)) => text.first() == Some(byte) && matches_by_definition(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn matching_is_as_defined(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            prop_assert_eq!(matches(&pattern, &text), matches_by_definition(pattern.as_bytes(), text.as_bytes()));
        }
    }

    #[test]
    fn roles_are_parsed_and_checked() {
        let with = |effect: &str, service: &str, actions: &str, resources: &str| {
            format!(
                r#"{{"name":"r","policies":[{{"name":"p","statements":[{{"effect":"{effect}","service":"{service}","actions":{actions},"resources":{resources}}}]}}]}}"#
            )
        };
        let long = format!("[\"{}\"]", "x".repeat(513));
        let many = format!("[{}\"x\"]", "\"x\",".repeat(64));
        let ok = r#"["get"]"#;
        for (json, expected) in [
            (with("allow", "keyspace", ok, r#"["default/keyspace/*"]"#), None),
            (with("deny", "*", ok, r#"["*"]"#), None),
            (r#"{"name":"empty","policies":[]}"#.to_owned(), None),
            (with("permit", "*", ok, ok), Some("unknown variant `permit`")),
            (with("allow", "Key space", ok, ok), Some("service \"Key space\"")),
            (with("allow", "", ok, ok), Some("service \"\"")),
            (with("allow", "*", "[]", ok), Some("statement 1: it has 0 actions")),
            (with("allow", "*", &many, ok), Some("65 actions")),
            (with("allow", "*", ok, &long), Some("513 bytes")),
            (with("allow", "*", ok, r#"["a b/c"]"#), Some("space or control")),
            (with("allow", "*", ok, r#"["orders"]"#), Some("namespace/service/dataset")),
            (r#"{"name":"a/b","policies":[]}"#.to_owned(), Some("role name \"a/b\"")),
            (r#"{"name":"streams-acl:CN=a b,O=c","policies":[]}"#.to_owned(), None),
            (r#"{"name":"r","policies":[],"x":1}"#.to_owned(), Some("unknown field `x`")),
            ("{".to_owned(), Some("EOF")),
        ] {
            let error = Role::parse(&json).err().map(|error| error.to_string());
            match (&error, expected) {
                (Some(text), Some(expected)) => assert!(text.contains(expected), "{text} lacks {expected}"),
                _ => assert_eq!(error.as_deref(), expected, "{json}"),
            }
        }
        Role::administrator().check().unwrap();
    }
}
