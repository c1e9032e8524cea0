//! What a policy says of a request. What any statement denies is denied, whatever else allows it.

use super::document::{Effect, Policy, Statement};
use super::key::Context;
use super::principal::Requester;

/// What is asked of a policy.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// From whom; nothing for an anonymous request.
    pub requester: Option<&'a Requester<'a>>,
    /// The action, as [`super::action::ACTIONS`] names it.
    pub action: &'a str,
    /// A bucket's name, or that with a slash and a key, or nothing for what is on an account.
    pub resource: &'a str,
    /// What the request says for conditions.
    pub context: &'a Context,
}

/// What a policy, or a set of policies, says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Denied by name.
    Deny,
    /// Allowed by name.
    Allow,
    /// Nothing speaks of it.
    Silent,
}

/// A verdict, and which statement it comes from, for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What the policy says.
    pub verdict: Verdict,
    /// The statement's number, from 1.
    pub statement: Option<usize>,
}

impl Policy {
    /// Decides a request.
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        let mut decision = Decision { verdict: Verdict::Silent, statement: None };
        for (index, statement) in self.statements.iter().enumerate() {
            let settled = statement.effect == Effect::Allow && decision.verdict == Verdict::Allow;
            if settled || !statement.applies(request) {
                continue;
            }
            let statement_number = Some(index + 1);
            if statement.effect == Effect::Deny {
                return Decision { verdict: Verdict::Deny, statement: statement_number };
            }
            decision = Decision { verdict: Verdict::Allow, statement: statement_number };
        }
        decision
    }
}

impl Statement {
    /// Whether it speaks of a request.
    pub fn applies(&self, request: &Request<'_>) -> bool {
        let names = self.actions.iter().any(|pattern| pattern.matches(request.action));
        let reaches =
            || self.resources.iter().any(|pattern| pattern.matches(request.resource, request.context));
        let includes = || self.principals.as_ref().is_none_or(|named| named.include(request.requester));
        names != self.other_actions
            && includes()
            && reaches() != self.other_resources
            && self.conditions.iter().all(|condition| condition.holds(request.context))
    }
}
