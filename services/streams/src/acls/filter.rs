//! Which rules a request means.

use super::{Acl, LITERAL, PREFIXED};
use crate::Error;
use crate::protocol::{ErrorCode, Text};

/// The number that any value matches, and that of a pattern that matches whatever would apply.
const ANY: i8 = 1;
const MATCH: i8 = 2;

/// A filter, by Kafka's numbers: 1 is any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// See [`Acl`].
    pub resource_type: i8,
    /// `None`: any.
    pub resource_name: Option<Text>,
    /// 1 any, 2 those that apply to the name, 3 literal, 4 prefixed.
    pub pattern_type: i8,
    /// `None`: any.
    pub principal: Option<Text>,
    /// `None`: any.
    pub host: Option<Text>,
    /// See [`Acl`].
    pub operation: i8,
    /// See [`Acl`].
    pub permission_type: i8,
}

impl Filter {
    /// Errors: `InvalidRequest` where a number means nothing.
    pub fn check(&self) -> Result<(), Error> {
        let known = |number: i8, max: i8| (ANY..=max).contains(&number);
        let sound = known(self.resource_type, 7)
            && known(self.pattern_type, PREFIXED)
            && known(self.operation, 15)
            && known(self.permission_type, 3);
        if sound {
            Ok(())
        } else {
            Err(Error::refused(ErrorCode::InvalidRequest, format!("filter {self:?}")))
        }
    }

    /// Whether it means this rule.
    pub fn matches(&self, acl: &Acl) -> bool {
        let number = |asked: i8, has: i8| asked == ANY || asked == has;
        let text = |asked: &Option<Text>, has: &str| asked.as_ref().is_none_or(|asked| asked == has);
        number(self.resource_type, acl.resource_type)
            && number(self.operation, acl.operation)
            && number(self.permission_type, acl.permission_type)
            && text(&self.principal, &acl.principal)
            && text(&self.host, &acl.host)
            && self.matches_name(acl)
    }

    fn matches_name(&self, acl: &Acl) -> bool {
        let Some(name) = &self.resource_name else {
            return [ANY, MATCH, acl.pattern_type].contains(&self.pattern_type);
        };
        match self.pattern_type {
            ANY => *name == *acl.resource_name,
            MATCH if acl.pattern_type == LITERAL => *name == *acl.resource_name || acl.resource_name == "*",
            MATCH => name.starts_with(&acl.resource_name),
            asked => asked == acl.pattern_type && *name == *acl.resource_name,
        }
    }
}
