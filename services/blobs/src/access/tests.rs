//! All that has a say, put together: the rules' own tests have the table of how they decide.

use std::collections::HashMap;

use bole_identity::secret::Plain;

use super::*;
use crate::rules::acl::{Canned, Grant, Grantee, Group, Permission};
use crate::rules::policy::Kind;
use crate::rules::tags::Tag;

const ACCOUNT: &str = "000000000000";

/// Users whose roles say what is here, by user and action.
#[derive(Default)]
struct Roles(HashMap<(&'static str, &'static str), Verdict>);

impl Users for Roles {
    fn secret(&self, _: &str) -> Result<Option<(String, Plain)>, String> {
        Ok(None)
    }

    fn verdict(&self, user: &str, action: &str, resource: &str) -> Verdict {
        assert!(resource.starts_with("default/blobs"), "{resource}");
        let found = self.0.iter().find(|((name, what), _)| *name == user && *what == action);
        found.map_or(Verdict::Silent, |(_, verdict)| *verdict)
    }
}

fn user(name: &str) -> Caller {
    Caller { user: Some(User::new(ACCOUNT, name)), ..Caller::default() }
}

fn bucket(policy: Option<&str>, ownership: Ownership) -> Bucket {
    let owner = User::new(ACCOUNT, "owner").canonical;
    Bucket {
        name: "b".to_owned(),
        account: ACCOUNT.to_owned(),
        acl: Some(Canned::PublicRead.acl(On::Bucket, &owner, &owner)),
        owner,
        policy: policy.map(|text| Policy::parse(text, Kind::Bucket("b")).unwrap()),
        owner_may_be_denied: false,
        ownership,
        block: PublicAccessBlock::default(),
    }
}

fn object(tags: &[(&str, &str)]) -> Object {
    let owner = User::new(ACCOUNT, "owner").canonical;
    let grantee = Grantee::Group(Group::AuthenticatedUsers);
    let grants = vec![Grant { grantee, permission: Permission::Read }];
    let tag = |(key, value): &(&str, &str)| Tag { key: (*key).to_owned(), value: (*value).to_owned() };
    let acl = Some(Acl { owner: owner.clone(), grants });
    Object { acl, owner, tags: Tags(tags.iter().map(tag).collect()) }
}

const TAGGED: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
    "Resource":"arn:aws:s3:::b/*","Condition":{"StringEquals":{"s3:ExistingObjectTag/public":"yes"}}},
    {"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::000000000000:user/mallory"},"Action":"s3:*","Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"]}]}"#;

#[test]
fn everything_has_its_say() {
    use Ownership::{BucketOwnerEnforced as Enforced, ObjectWriter as Writer};
    let mut roles = Roles::default();
    roles.0.insert(("reader", "GetObject"), Verdict::Allow);
    roles.0.insert(("banned", "ListBucket"), Verdict::Deny);
    roles.0.insert(("maker", "CreateBucket"), Verdict::Allow);
    let anonymous = Caller::default;
    let (plain, tagged) = (object(&[]), object(&[("public", "yes")]));
    let rows: Vec<(Caller, &str, &str, Option<Bucket>, Option<&Object>, bool)> = vec![
        (anonymous(), "GetObject", "b/k", Some(bucket(Some(TAGGED), Enforced)), Some(&plain), false),
        (anonymous(), "GetObject", "b/k", Some(bucket(Some(TAGGED), Enforced)), Some(&tagged), true),
        (anonymous(), "GetObject", "b/k", Some(bucket(None, Writer)), Some(&plain), false),
        (anonymous(), "ListBucket", "b", Some(bucket(None, Enforced)), None, false),
        (anonymous(), "ListBucket", "b", Some(bucket(None, Writer)), None, true),
        (anonymous(), "PutObject", "b/k", Some(bucket(None, Writer)), None, false),
        (user("any"), "GetObject", "b/k", Some(bucket(None, Writer)), Some(&plain), true),
        (user("any"), "GetObject", "b/k", Some(bucket(None, Enforced)), Some(&plain), false),
        (user("reader"), "GetObject", "b/k", Some(bucket(None, Enforced)), Some(&plain), true),
        (user("reader"), "PutObject", "b/k", Some(bucket(None, Enforced)), None, false),
        (user("owner"), "PutObject", "b/k", Some(bucket(None, Enforced)), None, true),
        (user("banned"), "ListBucket", "b", Some(bucket(None, Writer)), None, false),
        (user("mallory"), "GetObject", "b/k", Some(bucket(Some(TAGGED), Writer)), Some(&tagged), false),
        (user("maker"), "CreateBucket", "new", None, None, true),
        (user("reader"), "CreateBucket", "new", None, None, false),
        (anonymous(), "ListAllMyBuckets", "", None, None, false),
    ];
    for (caller, action, resource, bucket, object, allowed) in rows {
        let subject = Subject { bucket: bucket.as_ref(), resource, object };
        let shown = format!("{:?} {action} {resource}", caller.user);
        let checked = check(&roles, &caller, action, &subject).map_err(|error| error.code);
        assert_eq!(checked, if allowed { Ok(()) } else { Err(Code::AccessDenied) }, "{shown}");
    }
}

#[test]
fn canonical_ids_are_frozen() {
    // Persisted as owners: computed once with sha256sum.
    let user = User::new(ACCOUNT, "bole");
    assert_eq!(user.canonical, "ac9df05834106b0fcd7115c889262ab82ac1be4d8b509bc803932cbea70f6b4e");
    assert_ne!(User::new("111111111111", "bole").canonical, user.canonical);
}
