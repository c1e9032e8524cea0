//! Whether a policy makes a bucket public, as "The meaning of public" in S3's guide to blocking public access has it: some statement
//! allows something to everyone, and no condition of it admits only fixed values of who or where somebody is.

use super::document::{Effect, Policy, Statement};
use super::principal::Principal;

/// Keys whose fixed values narrow who is meant.
const NARROWING: &[&str] =
    &["aws:principalaccount", "aws:principalarn", "aws:sourceip", "aws:userid", "aws:username"];

impl Policy {
    /// Whether it is public.
    pub fn is_public(&self) -> bool {
        self.statements.iter().any(Statement::is_public)
    }
}

impl Statement {
    fn is_public(&self) -> bool {
        let everyone = self
            .principals
            .as_ref()
            .is_some_and(|principals| principals.negated || principals.named.contains(&Principal::Everyone));
        let narrowed = self
            .conditions
            .iter()
            .any(|condition| NARROWING.contains(&condition.key.name()) && condition.names_values());
        self.effect == Effect::Allow && everyone && !narrowed
    }
}
