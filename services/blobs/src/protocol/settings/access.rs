//! ACLs, ownership and blocks of public access: what decides who may do what, beside policies, which stay the text that was sent.

use s3s::dto;

use super::malformed;
use crate::error::{Code, Error, Result};
use crate::rules::acl::{Acl, Grant, Grantee, Group, Ownership, Permission, PublicAccessBlock};

/// `AccessControlPolicy` as a client sent it. A missing owner is `owner`, who it must be.
pub fn read_acl(document: dto::AccessControlPolicy, owner: &str) -> Result<Acl> {
    let grants = document.grants.unwrap_or_default().into_iter().map(read_grant);
    let named = document.owner.and_then(|owner| owner.id);
    let acl =
        Acl { owner: named.unwrap_or_else(|| owner.to_owned()), grants: grants.collect::<Result<_>>()? };
    acl.check(owner)?;
    Ok(acl)
}

fn read_grant(grant: dto::Grant) -> Result<Grant> {
    let wrong = |text: &str| Error::new(Code::MalformedACLError, text);
    let permission = grant.permission.ok_or_else(|| wrong("A Grant has a Permission"))?;
    let grantee = grant.grantee.ok_or_else(|| wrong("A Grant has a Grantee"))?;
    let grantee = match (grantee.type_.as_str(), grantee.id, grantee.uri) {
        (dto::Type::CANONICAL_USER, Some(id), None) => Grantee::User(id),
        (dto::Type::GROUP, None, Some(uri)) => Grantee::Group(Group::parse(&uri)?),
        (dto::Type::AMAZON_CUSTOMER_BY_EMAIL, ..) => {
            let text = "E-mail addresses name nobody here; use the canonical id of a user";
            return Err(Error::new(Code::UnresolvableGrantByEmailAddress, text));
        }
        _ => return Err(wrong("A Grantee is a CanonicalUser with an ID or a Group with a URI")),
    };
    Ok(Grant { grantee, permission: Permission::parse(permission.as_str())? })
}

/// Who owns something, for a client.
pub fn show_owner(canonical: &str, name: Option<&str>) -> dto::Owner {
    dto::Owner { display_name: name.map(str::to_owned), id: Some(canonical.to_owned()) }
}

/// Grants for a client.
pub fn show_grants(acl: &Acl) -> Vec<dto::Grant> {
    let show = |grant: &Grant| {
        let (type_, id, uri) = match &grant.grantee {
            Grantee::User(id) => (dto::Type::CANONICAL_USER, Some(id.clone()), None),
            Grantee::Group(group) => (dto::Type::GROUP, None, Some(group.uri().to_owned())),
        };
        let type_ = dto::Type::from_static(type_);
        let grantee = dto::Grantee { display_name: None, email_address: None, id, type_, uri };
        dto::Grant {
            grantee: Some(grantee),
            permission: Some(dto::Permission::from_static(grant.permission.name())),
        }
    };
    acl.grants.iter().map(show).collect()
}

/// `OwnershipControls`.
pub fn read_ownership(document: &dto::OwnershipControls) -> Result<Ownership> {
    match &document.rules[..] {
        [rule] => Ownership::parse(rule.object_ownership.as_str()),
        rules => Err(malformed(format!("OwnershipControls has one Rule, not {}", rules.len()))),
    }
}

/// `OwnershipControls` for a client.
pub fn show_ownership(ownership: Ownership) -> dto::OwnershipControls {
    let name = match ownership {
        Ownership::BucketOwnerEnforced => dto::ObjectOwnership::BUCKET_OWNER_ENFORCED,
        Ownership::BucketOwnerPreferred => dto::ObjectOwnership::BUCKET_OWNER_PREFERRED,
        Ownership::ObjectWriter => dto::ObjectOwnership::OBJECT_WRITER,
    };
    let object_ownership = dto::ObjectOwnership::from_static(name);
    dto::OwnershipControls { rules: vec![dto::OwnershipControlsRule { object_ownership }] }
}

/// `PublicAccessBlockConfiguration`; what it does not say is off.
pub fn read_block(document: &dto::PublicAccessBlockConfiguration) -> PublicAccessBlock {
    PublicAccessBlock {
        block_public_acls: document.block_public_acls.unwrap_or(false),
        ignore_public_acls: document.ignore_public_acls.unwrap_or(false),
        block_public_policy: document.block_public_policy.unwrap_or(false),
        restrict_public_buckets: document.restrict_public_buckets.unwrap_or(false),
    }
}

/// `PublicAccessBlockConfiguration` for a client.
pub fn show_block(block: PublicAccessBlock) -> dto::PublicAccessBlockConfiguration {
    dto::PublicAccessBlockConfiguration {
        block_public_acls: Some(block.block_public_acls),
        ignore_public_acls: Some(block.ignore_public_acls),
        block_public_policy: Some(block.block_public_policy),
        restrict_public_buckets: Some(block.restrict_public_buckets),
    }
}
