//! Rules to statements and back, and what they allow: action × resource × principal.

use super::*;
use crate::access::allowed_by;
use crate::protocol::Text;
use crate::session::{Action, Principal};

fn acl(principal: &str, permission_type: i8, operation: i8, resource: (i8, &str, i8)) -> Acl {
    let (resource_type, resource_name, pattern_type) = resource;
    Acl {
        resource_type,
        resource_name: resource_name.to_owned(),
        pattern_type,
        principal: principal.to_owned(),
        host: "*".to_owned(),
        operation,
        permission_type,
    }
}

fn directory(acls: &[Acl]) -> Directory {
    let mut directory = Directory::new();
    directory.apply(Entry::RolePut(Box::new(Role::administrator())));
    for (name, roles, enabled) in [
        ("ann", vec![], true),
        ("bob", vec![], true),
        ("gone", vec![], false),
        ("root", vec!["administrator"], true),
    ] {
        let roles = roles.into_iter().map(str::to_owned).collect();
        let (verifiers, access_keys) = (None, Vec::new());
        let user = bole_identity::User {
            name: name.to_owned(),
            verifiers,
            roles,
            access_keys,
            enabled,
            created_ms: 0,
        };
        directory.apply(Entry::UserPut(Box::new(user)));
    }
    for entry in add(&directory, acls).unwrap() {
        directory.apply(entry);
    }
    directory
}

#[test]
fn rules_come_back_as_they_were_made() {
    let mut made = Vec::new();
    for (resource_type, kind) in KINDS {
        let names: &[(&str, i8)] = if kind == "cluster" {
            &[(CLUSTER, LITERAL)]
        } else {
            &[("orders", LITERAL), ("orders", PREFIXED), ("*", LITERAL), ("a b*%", LITERAL), ("a*", PREFIXED)]
        };
        let operations = actions_of(kind).iter().map(|(number, _)| *number).chain([ALL_OPERATIONS]);
        for operation in operations {
            for (name, pattern) in names {
                for (principal, permission) in
                    [("User:ann", ALLOW), ("User:*", DENY), ("User:CN=x,O=A b", ALLOW)]
                {
                    made.push(acl(principal, permission, operation, (resource_type, name, *pattern)));
                }
            }
        }
    }
    let mut there = all(&directory(&made));
    there.sort();
    made.sort();
    assert_eq!(there, made);
}

#[test]
fn rules_that_cannot_be_enforced_are_refused() {
    let good = acl("User:ann", ALLOW, 3, (2, "orders", LITERAL));
    good.check().unwrap();
    let with = |change: fn(&mut Acl)| {
        let mut acl = good.clone();
        change(&mut acl);
        acl
    };
    for (acl, part) in [
        (with(|acl| acl.host = "10.0.0.1".to_owned()), "use *"),
        (with(|acl| acl.principal = "ann".to_owned()), "User:NAME"),
        (with(|acl| acl.principal = "User:".to_owned()), "User:NAME"),
        (with(|acl| acl.principal = "Group:x".to_owned()), "User:NAME"),
        (with(|acl| acl.resource_name = String::new()), "empty"),
        (with(|acl| acl.resource_type = 6), "resource type 6"),
        (with(|acl| acl.resource_type = 4), "there is kafka-cluster"),
        (with(|acl| acl.pattern_type = 2), "pattern type 2"),
        (with(|acl| acl.permission_type = 1), "permission 1"),
        (with(|acl| acl.operation = 12), "operation 12 cannot be done on a topic"),
        (with(|acl| acl.operation = 1), "operation 1"),
    ] {
        let text = acl.check().unwrap_err().to_string();
        assert!(text.contains(part), "{text} lacks {part}");
    }
    let slash = acl("User:a/b", ALLOW, 3, (2, "orders", LITERAL));
    assert_eq!(add(&directory(&[]), &[slash]).unwrap_err().code(), ErrorCode::PolicyViolation);
}

#[test]
fn what_rules_allow() {
    let topic = |name| (2, name, LITERAL);
    let directory = directory(&[
        acl("User:ann", ALLOW, 3, topic("orders")),
        acl("User:ann", ALLOW, 4, (2, "log-", PREFIXED)),
        acl("User:ann", DENY, 4, topic("log-secret")),
        acl("User:ann", ALLOW, 3, (3, "*", LITERAL)),
        acl("User:bob", ALLOW, 2, (4, CLUSTER, LITERAL)),
        acl("User:*", ALLOW, 8, topic("public")),
        acl("User:*", DENY, 2, topic("locked")),
        acl("User:cert", ALLOW, 3, topic("orders")),
        acl("User:gone", ALLOW, 3, topic("orders")),
        acl("User:nobody", ALLOW, 3, topic("orders")),
    ]);
    let (ann, bob, root) = (Principal::user("ann"), Principal::user("bob"), Principal::user("root"));
    let (cert, gone) = (Principal::vouched("cert"), Principal::vouched("gone"));
    let nobody = Principal::user("nobody");
    for (principal, action, kind, name, expected) in [
        (&ann, Action::Read, "topic", "orders", true),
        (&ann, Action::Read, "topic", "orders2", false),
        (&ann, Action::Write, "topic", "orders", false),
        (&ann, Action::Describe, "topic", "orders", true),
        (&ann, Action::DescribeConfigs, "topic", "orders", false),
        (&ann, Action::Write, "topic", "log-1", true),
        (&ann, Action::Write, "topic", "log", false),
        (&ann, Action::Write, "topic", "log-secret", false),
        (&ann, Action::Describe, "topic", "log-secret", true),
        (&ann, Action::Read, "group", "any", true),
        (&ann, Action::Delete, "group", "any", false),
        (&ann, Action::Describe, "topic", "public", true),
        (&ann, Action::Read, "topic", "public", false),
        (&ann, Action::Create, "cluster", CLUSTER, false),
        (&bob, Action::Read, "topic", "orders", false),
        (&bob, Action::Create, "cluster", CLUSTER, true),
        (&bob, Action::IdempotentWrite, "cluster", CLUSTER, true),
        (&root, Action::Write, "topic", "anything", true),
        (&root, Action::Alter, "cluster", CLUSTER, true),
        (&root, Action::Read, "topic", "locked", false),
        (&cert, Action::Read, "topic", "orders", true),
        (&cert, Action::Describe, "topic", "public", true),
        (&cert, Action::Write, "topic", "orders", false),
        (&gone, Action::Read, "topic", "orders", false),
        (&nobody, Action::Read, "topic", "orders", false),
    ] {
        let decision = allowed_by(&directory, principal, action, kind, name);
        assert_eq!(decision, expected, "{principal:?} {} {kind} {name}", action.name());
    }
}

#[test]
fn filters_and_removal() {
    let made = [
        acl("User:ann", ALLOW, 3, (2, "orders", LITERAL)),
        acl("User:ann", ALLOW, 3, (2, "ord", PREFIXED)),
        acl("User:bob", DENY, 4, (2, "*", LITERAL)),
        acl("User:bob", ALLOW, 3, (3, "orders", LITERAL)),
    ];
    let any = Filter {
        resource_type: 1,
        resource_name: None,
        pattern_type: 1,
        principal: None,
        host: None,
        operation: 1,
        permission_type: 1,
    };
    let name = |name: &str, pattern_type| Filter {
        resource_type: 2,
        resource_name: Some(Text::from(name)),
        pattern_type,
        ..any.clone()
    };
    for (filter, expected) in [
        (any.clone(), [true, true, true, true]),
        (Filter { principal: Some(Text::from("User:ann")), ..any.clone() }, [true, true, false, false]),
        (Filter { host: Some(Text::from("h")), ..any.clone() }, [false; 4]),
        (Filter { operation: 4, ..any.clone() }, [false, false, true, false]),
        (Filter { permission_type: ALLOW, ..any.clone() }, [true, true, false, true]),
        (Filter { pattern_type: PREFIXED, ..any.clone() }, [false, true, false, false]),
        (name("orders", 1), [true, false, false, false]),
        (name("orders", 2), [true, true, true, false]),
        (name("orders", LITERAL), [true, false, false, false]),
        (name("ord", PREFIXED), [false, true, false, false]),
        (name("ordinal", 2), [false, true, true, false]),
    ] {
        filter.check().unwrap();
        let matched: Vec<bool> = made.iter().map(|acl| filter.matches(acl)).collect();
        assert_eq!(matched, expected, "{filter:?}");
        let mut directory = directory(&made);
        let (entries, removed) = remove(&directory, &filter).unwrap();
        entries.into_iter().for_each(|entry| directory.apply(entry));
        assert_eq!(removed.len(), matched.iter().filter(|matched| **matched).count());
        let left = all(&directory);
        let kept = made.iter().zip(matched).filter(|(_, matched)| !matched).map(|(acl, _)| acl);
        assert!(kept.clone().all(|acl| left.contains(acl)) && left.len() == kept.count(), "{filter:?}");
    }
    assert!(Filter { resource_type: 0, ..any.clone() }.check().is_err());
    assert!(Filter { pattern_type: 5, ..any }.check().is_err());
}
