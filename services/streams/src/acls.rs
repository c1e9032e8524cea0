//! Kafka's access rules as identity's policies: a role `streams-acl:NAME` for each principal `User:NAME`, one statement a rule.
//!
//! ```text
//! allow  User:ann  READ  topic  orders  literal    →  allow, streams, ["read"], ["default/streams/topic:orders"]
//! deny   User:*    ALL   topic  tmp-    prefixed   →  deny,  streams, ["*"],    ["default/streams/topic:tmp-*"]
//! allow  User:ann  READ  group  *       literal    →  allow, streams, ["read"], ["default/streams/group:*"]
//! ```
//!
//! Invariants: a statement that this file wrote reads back as the same rule; it leaves other statements of such roles alone.

pub mod filter;

use std::collections::BTreeMap;

use bole_identity::{Directory, Effect, Entry, Policy, Role, Statement};

use crate::Error;
use crate::access::{CLUSTER, RESOURCES, SERVICE, actions_of, escaped, unescaped};
use crate::protocol::ErrorCode;
pub use filter::Filter;

/// Roles of principals, before the name.
const ROLE_PREFIX: &str = "streams-acl:";
/// The role of the rules for everybody.
pub const EVERYBODY_ROLE: &str = "streams-acl:*";
/// Principals, before the name.
const USER_PREFIX: &str = "User:";
/// Any host: there is no other here.
const ANY_HOST: &str = "*";
/// The number of the operation that stands for all.
const ALL_OPERATIONS: i8 = 2;
/// The numbers of patterns and permissions.
const LITERAL: i8 = 3;
const PREFIXED: i8 = 4;
const DENY: i8 = 2;
const ALLOW: i8 = 3;
/// Kinds of resources, by number.
const KINDS: [(i8, &str); 4] = [(2, "topic"), (3, "group"), (4, "cluster"), (5, "transactional_id")];

/// The name of the role with the rules for a user.
pub fn role_name(user: &str) -> String {
    format!("{ROLE_PREFIX}{user}")
}

/// One rule, by Kafka's numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acl {
    /// 2 topic, 3 group, 4 cluster, 5 transactional id.
    pub resource_type: i8,
    /// The name, a prefix of names, or `*`.
    pub resource_name: String,
    /// 3 literal, 4 prefixed.
    pub pattern_type: i8,
    /// `User:NAME`, or `User:*`.
    pub principal: String,
    /// Always `*`.
    pub host: String,
    /// 2 all, 3 read, …
    pub operation: i8,
    /// 2 deny, 3 allow.
    pub permission_type: i8,
}

fn invalid(text: impl Into<String>) -> Error {
    Error::refused(ErrorCode::InvalidRequest, text)
}

impl Acl {
    /// Checks that the rule can be kept and enforced. Errors: `InvalidRequest`, `InvalidPrincipalType`.
    pub fn check(&self) -> Result<(), Error> {
        let kind = self.kind()?;
        if self.host != ANY_HOST {
            let text = format!("host \"{}\": rules hold for all hosts here; use *", self.host);
            return Err(invalid(text));
        }
        let user = self.principal.strip_prefix(USER_PREFIX).filter(|user| !user.is_empty());
        if user.is_none() {
            let text = format!("principal \"{}\"; use {USER_PREFIX}NAME or {USER_PREFIX}*", self.principal);
            return Err(Error::refused(ErrorCode::InvalidPrincipalType, text));
        }
        if self.resource_name.is_empty() {
            return Err(invalid("the resource's name is empty"));
        }
        match self.pattern_type {
            LITERAL | PREFIXED => {}
            other => return Err(invalid(format!("pattern type {other}; use {LITERAL} or {PREFIXED}"))),
        }
        if kind == "cluster" && (self.resource_name != CLUSTER || self.pattern_type != LITERAL) {
            return Err(invalid(format!("cluster \"{}\"; there is {CLUSTER}", self.resource_name)));
        }
        if ![DENY, ALLOW].contains(&self.permission_type) {
            let text = format!("permission {}; use {DENY} (deny) or {ALLOW} (allow)", self.permission_type);
            return Err(invalid(text));
        }
        self.action(kind).map(drop)
    }

    fn kind(&self) -> Result<&'static str, Error> {
        let known = KINDS.into_iter().find(|(number, _)| *number == self.resource_type);
        known.map(|(_, kind)| kind).ok_or_else(|| {
            let text =
                "there are rules for topics (2), groups (3), the cluster (4) and transactional ids (5)";
            invalid(format!("resource type {}; {text}", self.resource_type))
        })
    }

    fn action(&self, kind: &str) -> Result<&'static str, Error> {
        if self.operation == ALL_OPERATIONS {
            return Ok("*");
        }
        let known = actions_of(kind).iter().find(|(number, _)| *number == self.operation);
        known
            .map(|(_, action)| action.name())
            .ok_or_else(|| invalid(format!("operation {} cannot be done on a {kind}", self.operation)))
    }

    /// The rule as a statement. Errors as [`Acl::check`].
    pub fn statement(&self) -> Result<Statement, Error> {
        self.check()?;
        let kind = self.kind()?;
        let name = match self.pattern_type {
            LITERAL if self.resource_name == "*" => "*".to_owned(),
            LITERAL => escaped(&self.resource_name).into_owned(),
            _ => format!("{}*", escaped(&self.resource_name)),
        };
        Ok(Statement {
            effect: if self.permission_type == DENY { Effect::Deny } else { Effect::Allow },
            service: SERVICE.to_owned(),
            actions: vec![self.action(kind)?.to_owned()],
            resources: vec![format!("{RESOURCES}{kind}:{name}")],
        })
    }

    /// The rule that a statement of this user's role is; `None` if it is none that [`Acl::statement`] wrote.
    pub fn of(user: &str, statement: &Statement) -> Option<Self> {
        let ([action], [resource]) = (statement.actions.as_slice(), statement.resources.as_slice()) else {
            return None;
        };
        let (kind, name) = resource.strip_prefix(RESOURCES)?.split_once(':')?;
        let (resource_type, kind) = KINDS.into_iter().find(|(_, known)| *known == kind)?;
        let operation = if action == "*" {
            ALL_OPERATIONS
        } else {
            actions_of(kind).iter().find(|(_, known)| known.name() == action)?.0
        };
        let (pattern_type, resource_name) = match name.strip_suffix('*') {
            Some("") => (LITERAL, "*".to_owned()),
            Some(prefix) => (PREFIXED, unescaped(prefix)?),
            None => (LITERAL, unescaped(name)?),
        };
        let acl = Self {
            resource_type,
            resource_name,
            pattern_type,
            principal: format!("{USER_PREFIX}{user}"),
            host: ANY_HOST.to_owned(),
            operation,
            permission_type: if statement.effect == Effect::Deny { DENY } else { ALLOW },
        };
        acl.statement().is_ok_and(|again| again == *statement).then_some(acl)
    }
}

/// All rules, by principal.
pub fn all(directory: &Directory) -> Vec<Acl> {
    let roles = directory.roles().filter_map(|role| Some((role.name.strip_prefix(ROLE_PREFIX)?, role)));
    let acls = roles.flat_map(|(user, role)| statements(role).filter_map(move |one| Acl::of(user, one)));
    acls.collect()
}

fn statements(role: &Role) -> impl Iterator<Item = &Statement> {
    role.policies.iter().flat_map(|policy| &policy.statements)
}

/// The entries that add rules, all of one principal. Those that are there already are not added again. Errors: what identity says of a role that
/// is too large, as `PolicyViolation`.
pub fn add(directory: &Directory, acls: &[Acl]) -> Result<Vec<Entry>, Error> {
    let mut changed: BTreeMap<&str, Vec<Statement>> = BTreeMap::new();
    for acl in acls {
        let user = acl.principal.strip_prefix(USER_PREFIX).unwrap_or_default();
        let kept = changed.entry(user).or_insert_with(|| {
            directory
                .role(&role_name(user))
                .map(|role| statements(role).cloned().collect())
                .unwrap_or_default()
        });
        let statement = acl.statement()?;
        if !kept.contains(&statement) {
            kept.push(statement);
        }
    }
    changed.into_iter().map(|(user, statements)| put(user, &statements)).collect()
}

/// The entries that remove every rule that a filter matches, and those rules.
pub fn remove(directory: &Directory, filter: &Filter) -> Result<(Vec<Entry>, Vec<Acl>), Error> {
    let (mut entries, mut removed) = (Vec::new(), Vec::new());
    for role in directory.roles() {
        let Some(user) = role.name.strip_prefix(ROLE_PREFIX) else { continue };
        let before = removed.len();
        let mut kept = Vec::new();
        for statement in statements(role) {
            match Acl::of(user, statement).filter(|acl| filter.matches(acl)) {
                Some(acl) => removed.push(acl),
                None => kept.push(statement.clone()),
            }
        }
        if removed.len() == before {
            continue;
        }
        entries.push(match directory.delete_role(&role.name) {
            Ok(removed) if kept.is_empty() => removed,
            // Somebody was given the role by name: it stays, empty.
            _ => put(user, &kept)?,
        });
    }
    Ok((entries, removed))
}

fn put(user: &str, statements: &[Statement]) -> Result<Entry, Error> {
    let policies = statements.chunks(bole_identity::policy::STATEMENTS_MAX).enumerate();
    let policies = policies
        .map(|(number, some)| Policy { name: format!("acl-{number}"), statements: some.to_vec() })
        .collect();
    let role = Role { name: role_name(user), policies };
    Directory::put_role(role).map_err(|error| {
        Error::refused(ErrorCode::PolicyViolation, format!("rules of {USER_PREFIX}{user}: {error}"))
    })
}

#[cfg(test)]
mod tests;
