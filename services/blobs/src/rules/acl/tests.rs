//! Lists, headers, ownership and blocks, as tables.

use proptest::prelude::*;

use super::*;
use crate::rules::setting;

const OWNER: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const BUCKET: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const OTHER: &str = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";

fn user(canonical: &str) -> Requester<'_> {
    Requester { account: "000000000000", canonical, user: "u" }
}

#[test]
fn canned_lists_grant() {
    use Granted::{ByName, Nothing, Publicly};
    use Permission::{Read, ReadAcp, Write, WriteAcp};
    // What the object's owner, the bucket's owner, another user and the anonymous may.
    for (name, on, permission, expected) in [
        ("private", On::Object, Read, [ByName, Nothing, Nothing, Nothing]),
        ("private", On::Object, WriteAcp, [ByName, Nothing, Nothing, Nothing]),
        ("public-read", On::Object, Read, [ByName, Publicly, Publicly, Publicly]),
        ("public-read", On::Bucket, Write, [ByName, Nothing, Nothing, Nothing]),
        ("public-read-write", On::Bucket, Write, [ByName, Publicly, Publicly, Publicly]),
        ("public-read-write", On::Bucket, ReadAcp, [ByName, Nothing, Nothing, Nothing]),
        ("authenticated-read", On::Object, Read, [ByName, Publicly, Publicly, Nothing]),
        ("bucket-owner-read", On::Object, Read, [ByName, ByName, Nothing, Nothing]),
        ("bucket-owner-read", On::Object, ReadAcp, [ByName, Nothing, Nothing, Nothing]),
        ("bucket-owner-full-control", On::Object, WriteAcp, [ByName, ByName, Nothing, Nothing]),
        ("bucket-owner-full-control", On::Bucket, Read, [ByName, Nothing, Nothing, Nothing]),
        ("log-delivery-write", On::Bucket, Write, [ByName, Nothing, Nothing, Nothing]),
        ("log-delivery-write", On::Object, Read, [ByName, Nothing, Nothing, Nothing]),
    ] {
        let acl = Canned::parse(name).unwrap().acl(on, OWNER, BUCKET);
        let who = [Some(user(OWNER)), Some(user(BUCKET)), Some(user(OTHER)), None];
        let found = who.map(|who| acl.grants(who.as_ref(), permission));
        assert_eq!(found, expected, "{name} {on:?} {permission:?}");
        acl.check(OWNER).unwrap();
        assert_eq!(setting::decode::<Acl>(&setting::encode(&acl)), Ok(acl));
    }
    // An owner without a grant still has the list itself.
    let bare = Acl { owner: OWNER.to_owned(), grants: Vec::new() };
    assert_eq!(bare.grants(Some(&user(OWNER)), WriteAcp), ByName);
    assert_eq!(bare.grants(Some(&user(OWNER)), Read), Nothing);
}

#[test]
fn headers_are_read() {
    let long = format!("id={OTHER},").repeat(GRANTS_MAX + 1);
    let id = format!("id=\"{OTHER}\"");
    let two = format!("{id}, uri=\"{}\",", Group::AllUsers.uri());
    let bare = format!("ID = {OTHER}");
    for (canned, header, expected) in [
        (None, None, Ok(0)),
        (Some("public-read"), None, Ok(2)),
        (None, Some(id.as_str()), Ok(1)),
        (None, Some(two.as_str()), Ok(2)),
        (None, Some(bare.as_str()), Ok(1)),
        (Some("public-read"), Some(id.as_str()), Err(Code::InvalidRequest)),
        (Some("public"), None, Err(Code::InvalidArgument)),
        (Some("aws-exec-read"), None, Err(Code::NotImplemented)),
        (None, Some("id=\"x\""), Err(Code::InvalidArgument)),
        (None, Some("uri=\"http://x\""), Err(Code::InvalidArgument)),
        (None, Some("emailAddress=\"a@b\""), Err(Code::UnresolvableGrantByEmailAddress)),
        (None, Some("name=\"a\""), Err(Code::InvalidArgument)),
        (None, Some("a"), Err(Code::InvalidArgument)),
        (None, Some(long.as_str()), Err(Code::MalformedACLError)),
    ] {
        let headers: Vec<_> = header.iter().map(|value| (Permission::Read, *value)).collect();
        let found = Requested::parse(canned, &headers);
        let found = match &found {
            Ok(Requested::Nothing) => Ok(0),
            Ok(requested) => Ok(requested.acl(On::Object, OWNER, BUCKET).grants.len()),
            Err(error) => Err(error.code),
        };
        assert_eq!(found, expected, "{canned:?} {header:?}");
    }
    for (permission, name) in Permission::ALL {
        assert_eq!((permission.name(), Permission::parse(name)), (name, Ok(permission)));
        assert_eq!(
            grant_header(permission),
            format!("x-amz-grant-{}", name.to_lowercase().replace('_', "-"))
        );
    }
    assert_eq!(Permission::parse("READ_ALL").unwrap_err().code, Code::MalformedACLError);
}

#[test]
fn ownership_decides_about_lists() {
    use Ownership::{BucketOwnerEnforced, BucketOwnerPreferred, ObjectWriter};
    for (ownership, canned, accepted, owner) in [
        (BucketOwnerEnforced, "private", true, BUCKET),
        (BucketOwnerEnforced, "bucket-owner-full-control", true, BUCKET),
        (BucketOwnerEnforced, "public-read", false, BUCKET),
        (BucketOwnerEnforced, "authenticated-read", false, BUCKET),
        (BucketOwnerPreferred, "public-read", true, OWNER),
        (BucketOwnerPreferred, "bucket-owner-full-control", true, BUCKET),
        (ObjectWriter, "bucket-owner-full-control", true, OWNER),
    ] {
        let requested = Requested::parse(Some(canned), &[]).unwrap();
        assert_eq!(ownership.owner(OWNER, BUCKET, &requested), owner, "{ownership:?} {canned}");
        let checked = ownership.check(&requested.acl(On::Object, owner, BUCKET), BUCKET);
        assert_eq!(checked.is_ok(), accepted, "{ownership:?} {canned}");
        assert!(checked.is_ok_and(|()| true) || !accepted);
    }
    let granted = Requested::parse(None, &[(Permission::Read, &format!("id={OTHER}"))]).unwrap();
    let refused = BucketOwnerEnforced.check(&granted.acl(On::Object, BUCKET, BUCKET), BUCKET).unwrap_err();
    assert_eq!(refused.code, Code::AccessControlListNotSupported);
    assert_eq!(Ownership::parse("BucketOwnerEnforced"), Ok(Ownership::default()));
    assert_eq!(Ownership::parse("Nobody").unwrap_err().code, Code::InvalidArgument);
}

#[test]
fn public_access_is_blocked() {
    let block = PublicAccessBlock { block_public_acls: true, ..PublicAccessBlock::default() };
    for (canned, public) in [
        ("private", false),
        ("public-read", true),
        ("authenticated-read", true),
        ("log-delivery-write", false),
    ] {
        let acl = Canned::parse(canned).unwrap().acl(On::Bucket, OWNER, OWNER);
        assert_eq!(acl.is_public(), public, "{canned}");
        assert_eq!(block.check_acl(&acl).is_err(), public, "{canned}");
        assert_eq!(PublicAccessBlock::default().check_acl(&acl), Ok(()));
    }
    let block = PublicAccessBlock { block_public_policy: true, ..PublicAccessBlock::default() };
    assert_eq!(block.check_policy(true).unwrap_err().code, Code::AccessDenied);
    assert_eq!(
        (block.check_policy(false), PublicAccessBlock::default().check_policy(true)),
        (Ok(()), Ok(()))
    );
    let stored = setting::decode::<PublicAccessBlock>(&setting::encode(&block));
    assert_eq!(stored, Ok(block));
}

#[test]
fn lists_that_clients_send_are_checked() {
    let grant = |id: &str| Grant { grantee: Grantee::User(id.to_owned()), permission: Permission::Read };
    for (owner, grants, expected) in [
        (OWNER, vec![grant(OTHER)], Ok(())),
        (OTHER, vec![grant(OTHER)], Err(Code::AccessDenied)),
        (OWNER, vec![grant("short")], Err(Code::InvalidArgument)),
        (OWNER, vec![grant(OTHER); 101], Err(Code::MalformedACLError)),
    ] {
        let checked = Acl { owner: owner.to_owned(), grants }.check(OWNER);
        assert_eq!(checked.map_err(|error| error.code), expected);
    }
}

proptest! {
    #[test]
    fn any_header_is_judged(value in "(id|uri|=|\"|,| |[a-f0-9]{64}|\\PC){0,12}") {
        if let Ok(requested) = Requested::parse(None, &[(Permission::Read, &value)]) {
            prop_assert!(requested.acl(On::Object, OWNER, BUCKET).check(OWNER).is_ok());
        }
    }
}
