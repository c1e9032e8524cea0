//! A policy as a document: its elements, and what S3 refuses in one.

use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::json::Json;
use super::pattern::{self, Syntax};
use super::principal::Principals;
use super::{action, malformed, shown};
use crate::error::Result;
use crate::limits::POLICY_BYTES_MAX;
use crate::rules::setting::Setting;

/// A bucket's policy as it is kept. *Persisted.*
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// As the client sent it, which is what it gets back.
    pub text: String,
    /// Whether the client confirmed that the bucket's owner may lose access to the policy
    /// (`x-amz-confirm-remove-self-bucket-access`).
    pub owner_may_be_denied: bool,
}

impl Setting for Stored {
    const NAME: &'static str = "bucket policy";
    const VERSION: u32 = 1;
}

/// What a policy is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// The bucket of this name: statements have principals, and speak of this bucket and its objects.
    Bucket(&'a str),
    /// A session: statements have no principals, and may speak of any bucket.
    Session,
}

/// What follows from a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The action is allowed unless something denies it.
    Allow,
    /// The action is denied.
    Deny,
}

/// A policy that was checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// In the order of the document.
    pub statements: Vec<Statement>,
}

/// A statement that was checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// `Sid`.
    pub sid: Option<String>,
    /// What follows when it applies.
    pub effect: Effect,
    /// To whom it applies; in the policy of a session, to its user.
    pub principals: Option<Principals>,
    /// Whether it applies to all other actions.
    pub other_actions: bool,
    /// Actions that it names.
    pub actions: Vec<action::Pattern>,
    /// Whether it applies to all other resources.
    pub other_resources: bool,
    /// Resources that it names: what follows `arn:aws:s3:::`, which is a bucket, a slash and a key.
    pub resources: Vec<pattern::Pattern>,
    /// All of them must hold.
    pub conditions: Vec<Condition>,
}

impl Policy {
    /// Reads and checks a policy.
    pub fn parse(text: &str, kind: Kind<'_>) -> Result<Self> {
        if text.len() > POLICY_BYTES_MAX {
            let length = text.len();
            return Err(malformed(format!(
                "Policy exceeds the maximum allowed document size: it has {length} bytes; {POLICY_BYTES_MAX} are allowed"
            )));
        }
        if !text.starts_with('{') {
            return Err(malformed("Policies must be valid JSON and the first byte must be '{'"));
        }
        let document: Json = serde_json::from_str(text).map_err(|error| {
            malformed(format!("Policies must be valid JSON and the first byte must be '{{': {error}"))
        })?;
        let Json::Object(fields) = &document else {
            return Err(malformed("Policies must be valid JSON and the first byte must be '{'"));
        };
        let mut variables = false;
        let mut list = None;
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("Version", Json::Text(version)) if version == "2012-10-17" => variables = true,
                ("Version", Json::Text(version)) if version == "2008-10-17" => {}
                ("Version", _) => {
                    return Err(malformed(
                        "The policy must contain a valid version string: \"2012-10-17\" or \"2008-10-17\"",
                    ));
                }
                ("Id", Json::Text(_)) => {}
                ("Id", _) => return Err(malformed("Id must be a single string")),
                ("Statement", Json::List(statements)) => list = Some(&statements[..]),
                ("Statement", statement @ Json::Object(_)) => list = Some(std::slice::from_ref(statement)),
                ("Statement", _) => {
                    return Err(malformed("Statement must be an object or a list of objects"));
                }
                _ => return Err(malformed(format!("Unknown field {}", shown(name)))),
            }
        }
        let list = list.ok_or_else(|| malformed("Missing required field Statement"))?;
        if list.is_empty() {
            return Err(malformed("Could not parse the policy: Statement is empty!"));
        }
        let statements = list.iter().map(|value| Statement::parse(value, kind, variables));
        Ok(Self { statements: statements.collect::<Result<_>>()? })
    }
}

/// A field with the names that it may have: `Action` or `NotAction`.
type Choice<'a> = Option<(&'a Json, bool)>;

impl Statement {
    fn parse(value: &Json, kind: Kind<'_>, variables: bool) -> Result<Self> {
        let Json::Object(fields) = value else { return Err(malformed("A statement must be an object")) };
        let (mut sid, mut effect, mut conditions) = (None, None, Vec::new());
        let (mut principal, mut actions, mut resources): (Choice<'_>, Choice<'_>, Choice<'_>) =
            (None, None, None);
        for (name, value) in fields {
            let slot = match name.as_str() {
                "Sid" => {
                    let Json::Text(text) = value else {
                        return Err(malformed("Sid must be a single string"));
                    };
                    sid = Some(text.clone());
                    continue;
                }
                "Effect" => {
                    effect = Some(parse_effect(value)?);
                    continue;
                }
                "Condition" => {
                    conditions = Condition::parse_all(value, variables)?;
                    continue;
                }
                "Principal" | "NotPrincipal" => &mut principal,
                "Action" | "NotAction" => &mut actions,
                "Resource" | "NotResource" => &mut resources,
                _ => return Err(malformed(format!("Unknown field {}", shown(name)))),
            };
            if slot.replace((value, name.starts_with("Not"))).is_some() {
                let plain = name.trim_start_matches("Not");
                return Err(malformed(format!("Statement has both {plain} and Not{plain}")));
            }
        }
        let missing = |name: &str| malformed(format!("Missing required field {name}"));
        let effect = effect.ok_or_else(|| missing("Effect"))?;
        let principals = parse_principals(principal, kind, effect)?;
        let (actions, other_actions) = actions.ok_or_else(|| missing("Action"))?;
        let actions: Vec<_> =
            texts(actions, "Action")?.iter().map(|text| parse_action(text)).collect::<Result<_>>()?;
        let (resources, other_resources) = resources.ok_or_else(|| missing("Resource"))?;
        let resources = texts(resources, "Resource")?;
        let resources: Vec<_> =
            resources.iter().map(|text| parse_resource(text, kind, variables)).collect::<Result<_>>()?;
        let statement =
            Self { sid, effect, principals, other_actions, actions, other_resources, resources, conditions };
        statement.check_levels()?;
        Ok(statement)
    }

    /// Each action that is named must be one on some resource that is named: else the statement says nothing, which its author did not
    /// mean.
    fn check_levels(&self) -> Result<()> {
        if self.other_actions || self.other_resources {
            return Ok(());
        }
        let applies = |level: action::Level| match level {
            action::Level::Account => true,
            action::Level::Bucket => self.resources.iter().any(|resource| resource.may_lack('/')),
            action::Level::Object => {
                self.resources.iter().any(|resource| !resource.may_lack('/') || resource.is_open())
            }
        };
        let all_apply = self.actions.iter().all(|pattern| {
            action::ACTIONS.iter().any(|(name, level)| pattern.matches(name) && applies(*level))
        });
        if all_apply {
            Ok(())
        } else {
            Err(malformed("Action does not apply to any resource(s) in statement"))
        }
    }
}

fn parse_effect(value: &Json) -> Result<Effect> {
    match value {
        Json::Text(text) if text == "Allow" => Ok(Effect::Allow),
        Json::Text(text) if text == "Deny" => Ok(Effect::Deny),
        Json::Text(text) => Err(malformed(format!("Invalid effect: {}", shown(text)))),
        _ => Err(malformed("Invalid effect: it must be \"Allow\" or \"Deny\"")),
    }
}

fn parse_principals(found: Choice<'_>, kind: Kind<'_>, effect: Effect) -> Result<Option<Principals>> {
    match (kind, found) {
        (Kind::Bucket(_), Some((_, true))) if effect == Effect::Allow => {
            Err(malformed("NotPrincipal with the effect Allow is not supported: name who is allowed"))
        }
        (Kind::Bucket(_), Some((value, negated))) => Principals::parse(value, negated).map(Some),
        (Kind::Bucket(_), None) => Err(malformed("Missing required field Principal")),
        (Kind::Session, None) => Ok(None),
        (Kind::Session, Some(_)) => Err(malformed("Policy document should not specify a principal")),
    }
}

fn parse_action(text: &str) -> Result<action::Pattern> {
    action::Pattern::parse(text)
        .ok_or_else(|| malformed(format!("Policy has invalid action: {}", shown(text))))
}

fn parse_resource(text: &str, kind: Kind<'_>, variables: bool) -> Result<pattern::Pattern> {
    let invalid = |why: &str| malformed(format!("Policy has invalid resource: {}{why}", shown(text)));
    let path = match text.strip_prefix("arn:aws:s3:::") {
        Some(path) if !path.is_empty() => path,
        None if text == "*" => text,
        _ => return Err(invalid("")),
    };
    let pattern = pattern::Pattern::parse(path, Syntax { wildcards: true, variables })
        .map_err(|why| invalid(&format!(": {why}")))?;
    if let Kind::Bucket(bucket) = kind {
        let within = pattern.may_begin(&format!("{bucket}/"));
        let itself = pattern.may_lack('/') && pattern.may_be(bucket);
        if !within && !itself {
            return Err(invalid(&format!(": it is not in the bucket \"{bucket}\"")));
        }
    }
    Ok(pattern)
}

/// One string or a list of at least one.
pub(super) fn texts(value: &Json, name: &str) -> Result<Vec<String>> {
    let wrong = || malformed(format!("{name} must be a string or a list of strings, and not empty"));
    let text = |value: &Json| match value {
        Json::Text(text) => Ok(text.clone()),
        _ => Err(wrong()),
    };
    match value {
        Json::List(list) if !list.is_empty() => list.iter().map(text).collect(),
        value => Ok(vec![text(value)?]),
    }
}
