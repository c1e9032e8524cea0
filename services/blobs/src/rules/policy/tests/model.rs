//! Policies that are made up together with what they mean: a statement is a function of a request here, and the text that says the same is
//! read and evaluated by the real thing.

use proptest::collection::vec;

use super::*;

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
        let users: Vec<_> = self.users.iter().map(|user| principal::arn(ALICE.account, user)).collect();
        let principal =
            if users.is_empty() { serde_json::json!("*") } else { serde_json::json!({"AWS": users}) };
        let mut statement = serde_json::json!({
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
            statement["Condition"] = serde_json::json!({operator: {"s3:prefix": values}});
        }
        statement
    }
}

fn statement() -> impl Strategy<Value = Statement> {
    let pick = |range: usize, most: usize| vec(0..range, 1..=most);
    let condition = proptest::option::of((any::<bool>(), any::<bool>(), pick(2, 2)));
    let who = vec(0..USERS.len(), 0..2);
    (
        any::<(bool, bool, bool)>(),
        who,
        pick(ACTION_PATTERNS.len(), 2),
        pick(RESOURCE_PATTERNS.len(), 2),
        condition,
    )
        .prop_map(|((deny, other_actions, other_resources), users, actions, resources, condition)| {
            Statement {
                deny,
                users: users.into_iter().map(|index| USERS[index]).collect(),
                other_actions,
                actions: actions.into_iter().map(|index| ACTION_PATTERNS[index].0).collect(),
                other_resources,
                resources: resources.into_iter().map(|index| RESOURCE_PATTERNS[index].0).collect(),
                condition: condition.map(|(negated, if_exists, values)| {
                    (negated, if_exists, values.into_iter().map(|index| ["x", "y"][index]).collect())
                }),
            }
        })
}

fn asked() -> impl Strategy<Value = Asked> {
    let user = proptest::option::of(0..USERS.len());
    let prefix = proptest::option::of(0..3_usize);
    (user, 0..ACTIONS.len(), 0..RESOURCES.len(), prefix).prop_map(|(user, action, resource, prefix)| Asked {
        user: user.map(|index| USERS[index]),
        action: ACTIONS[action],
        resource: RESOURCES[resource],
        prefix: prefix.map(|index| ["x", "y", "z"][index]),
    })
}

proptest! {
    #[test]
    fn policies_decide_as_their_definition(statements in vec(statement(), 1..5), asked in vec(asked(), 1..8)) {
        let document = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": statements.iter().map(Statement::json).collect::<Vec<_>>(),
        });
        let policy = Policy::parse(&document.to_string(), BUCKET).unwrap();
        for asked in asked {
            let mut context = Context::default();
            asked.user.iter().for_each(|user| context.set("aws:username", *user));
            asked.prefix.iter().for_each(|prefix| context.set("s3:prefix", *prefix));
            let requester = asked.user.map(|user| Requester { user, ..ALICE });
            let request = Request {
                requester: requester.as_ref(),
                action: asked.action,
                resource: asked.resource,
                context: &context,
            };
            let says = |deny| statements.iter().any(|statement| statement.deny == deny && statement.applies(&asked));
            let expected = match (says(true), says(false)) {
                (true, _) => Verdict::Deny,
                (false, true) => Verdict::Allow,
                (false, false) => Verdict::Silent,
            };
            let decision = policy.decide(&request);
            prop_assert_eq!(decision.verdict, expected, "{:?} {}", asked, document);
            let named = decision.statement.map(|number| statements[number - 1].deny);
            prop_assert_eq!(named, (expected != Verdict::Silent).then_some(expected == Verdict::Deny));
        }
    }
}
