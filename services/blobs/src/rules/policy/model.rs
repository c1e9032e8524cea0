//! For fuzzing: policies that are made up together with what they mean. A statement is a function of a request here, and the text that says the same is
//! read and evaluated by the real thing. Fuzz targets and tests call [`check`].

use serde_json::json;

use super::principal::arn;
use super::{Context, Kind, Policy, Request, Requester, Verdict};

const ACCOUNT: &str = "000000000000";

const ACTIONS: [&str; 4] = ["GetObject", "GetObjectAcl", "PutObject", "DeleteObject"];
const RESOURCES: [&str; 5] = ["photos/a", "photos/ab", "photos/a/b", "photos/alice", "photos/*"];
const USERS: [&str; 2] = ["alice", "bob"];

#[derive(Clone, Debug)]
struct Statement {
    deny: bool,
    /// Nobody named is everybody.
    users: Vec<&'static str>,
    other_actions: bool,
    actions: Vec<&'static str>,
    other_resources: bool,
    resources: Vec<&'static str>,
    condition: Option<(bool, bool, Vec<&'static str>)>,
}

#[derive(Clone, Debug)]
struct Asked {
    user: Option<&'static str>,
    action: &'static str,
    resource: &'static str,
    prefix: Option<&'static str>,
}

/// Patterns of actions and of resources, with what they mean.
const ACTION_PATTERNS: [(&str, fn(&str) -> bool); 4] = [
    ("s3:GetObject", |action| action == "GetObject"),
    ("s3:GetObject*", |action| action.starts_with("GetObject")),
    ("s3:*Object", |action| action.ends_with("Object")),
    ("*", |_| true),
];
const RESOURCE_PATTERNS: [(&str, fn(&Asked) -> bool); 5] = [
    ("arn:aws:s3:::photos/a", |asked| asked.resource == "photos/a"),
    ("arn:aws:s3:::photos/a?", |asked| asked.resource == "photos/ab"),
    ("arn:aws:s3:::photos/a*", |asked| asked.resource.starts_with("photos/a")),
    ("arn:aws:s3:::photos/${aws:username}", |asked| {
        asked.user.is_some_and(|user| asked.resource.strip_prefix("photos/") == Some(user))
    }),
    ("arn:aws:s3:::photos/${*}", |asked| asked.resource == "photos/*"),
];

impl Statement {
    fn applies(&self, asked: &Asked) -> bool {
        let user = self.users.is_empty() || asked.user.is_some_and(|user| self.users.contains(&user));
        let named = |pattern: &&str| {
            ACTION_PATTERNS.iter().any(|(known, means)| known == pattern && means(asked.action))
        };
        let reached =
            |pattern: &&str| RESOURCE_PATTERNS.iter().any(|(known, means)| known == pattern && means(asked));
        let condition =
            self.condition.as_ref().is_none_or(|(negated, if_exists, values)| match asked.prefix {
                Some(prefix) => values.contains(&prefix) != *negated,
                None => *negated || *if_exists,
            });
        user && self.actions.iter().any(named) != self.other_actions
            && self.resources.iter().any(reached) != self.other_resources
            && condition
    }

    fn json(&self) -> serde_json::Value {
        let not = |other: bool, name: &str| format!("{}{name}", if other { "Not" } else { "" });
        let users: Vec<_> = self.users.iter().map(|user| arn(ACCOUNT, user)).collect();
        let principal = if users.is_empty() { json!("*") } else { json!({"AWS": users}) };
        let mut statement = json!({
            "Effect": if self.deny { "Deny" } else { "Allow" },
            "Principal": principal,
            not(self.other_actions, "Action"): self.actions,
            not(self.other_resources, "Resource"): self.resources,
        });
        if let Some((negated, if_exists, values)) = &self.condition {
            let operator = format!(
                "String{}Equals{}",
                if *negated { "Not" } else { "" },
                if *if_exists { "IfExists" } else { "" }
            );
            statement["Condition"] = json!({operator: {"s3:prefix": values}});
        }
        statement
    }
}

/// Decisions that are read off bytes, one after another; zeros when these are through.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn below(&mut self, bound: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first) % bound
    }

    fn flip(&mut self) -> bool {
        self.below(2) == 1
    }

    /// `least` to `most` of `all`.
    fn some<T: Copy>(&mut self, all: &[T], least: usize, most: usize) -> Vec<T> {
        let count = least + self.below(most - least + 1);
        (0..count).map(|_| all[self.below(all.len())]).collect()
    }

    fn statement(&mut self) -> Statement {
        Statement {
            deny: self.flip(),
            users: self.some(&USERS, 0, 1),
            other_actions: self.flip(),
            actions: self.some(&ACTION_PATTERNS.map(|(pattern, _)| pattern), 1, 2),
            other_resources: self.flip(),
            resources: self.some(&RESOURCE_PATTERNS.map(|(pattern, _)| pattern), 1, 2),
            condition: self.flip().then(|| (self.flip(), self.flip(), self.some(&["x", "y"], 1, 2))),
        }
    }

    fn asked(&mut self) -> Asked {
        Asked {
            user: self.some(&USERS, 0, 1).pop(),
            action: ACTIONS[self.below(ACTIONS.len())],
            resource: RESOURCES[self.below(RESOURCES.len())],
            prefix: self.some(&["x", "y", "z"], 0, 1).pop(),
        }
    }
}

/// Makes statements and requests of bytes, and compares what the policy decides with what the statements mean.
///
/// # Panics
/// Where that is not the same.
pub fn check(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let statements: Vec<_> = (0..=choices.below(4)).map(|_| choices.statement()).collect();
    let document = json!({
        "Version": "2012-10-17",
        "Statement": statements.iter().map(Statement::json).collect::<Vec<_>>(),
    });
    let policy = Policy::parse(&document.to_string(), Kind::Bucket("photos"));
    let policy = policy.unwrap_or_else(|error| panic!("{error}: {document}"));
    for _ in 0..8 {
        let asked = choices.asked();
        let mut context = Context::default();
        asked.user.iter().for_each(|user| context.set("aws:username", *user));
        asked.prefix.iter().for_each(|prefix| context.set("s3:prefix", *prefix));
        let requester = asked.user.map(|user| Requester { account: ACCOUNT, canonical: "a", user });
        let request = Request {
            requester: requester.as_ref(),
            action: asked.action,
            resource: asked.resource,
            context: &context,
        };
        let says =
            |deny| statements.iter().any(|statement| statement.deny == deny && statement.applies(&asked));
        let expected = match (says(true), says(false)) {
            (true, _) => Verdict::Deny,
            (false, true) => Verdict::Allow,
            (false, false) => Verdict::Silent,
        };
        let decision = policy.decide(&request);
        assert_eq!(decision.verdict, expected, "{asked:?} {document}");
        let named = decision.statement.map(|number| statements[number - 1].deny);
        assert_eq!(named, (expected != Verdict::Silent).then_some(expected == Verdict::Deny));
    }
}
