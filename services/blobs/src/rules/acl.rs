//! Access control lists: canned ones, grants, the headers that say them; who owns what is put; and the blocks of public access.
//!
//! A list speaks of users by canonical id and of three groups by URI. E-mail addresses name nobody here. The owner of a bucket or object
//! may always read and write its list.

use serde::{Deserialize, Serialize};

use super::policy::Requester;
use super::setting::Setting;
use crate::error::{Code, Error, Result, shown};
use crate::limits::GRANTS_MAX;

/// Groups of users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Everyone, the anonymous included.
    AllUsers,
    /// Everyone with a user here, of whatever account.
    AuthenticatedUsers,
    /// Whoever writes access logs into buckets.
    LogDelivery,
}

impl Group {
    const ALL: [Self; 3] = [Self::AllUsers, Self::AuthenticatedUsers, Self::LogDelivery];

    /// Its name in grants.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::AllUsers => "http://acs.amazonaws.com/groups/global/AllUsers",
            Self::AuthenticatedUsers => "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
            Self::LogDelivery => "http://acs.amazonaws.com/groups/s3/LogDelivery",
        }
    }

    /// The group of that name.
    pub fn parse(uri: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|group| group.uri() == uri);
        found.ok_or_else(|| {
            Error::new(Code::InvalidArgument, format!("Invalid group uri: \"{}\"", shown(uri)))
        })
    }
}

/// To whom something is granted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Grantee {
    /// The user with this canonical id.
    User(String),
    /// A group.
    Group(Group),
}

/// What is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// All of the others.
    FullControl,
    /// To list a bucket; to read an object.
    Read,
    /// To put and delete a bucket's objects.
    Write,
    /// To read the list itself.
    ReadAcp,
    /// To write the list itself.
    WriteAcp,
}

impl Permission {
    const ALL: [(Self, &'static str); 5] = [
        (Self::FullControl, "FULL_CONTROL"),
        (Self::Read, "READ"),
        (Self::Write, "WRITE"),
        (Self::ReadAcp, "READ_ACP"),
        (Self::WriteAcp, "WRITE_ACP"),
    ];

    /// As documents say it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(known, _)| *known == self).map_or("", |(_, name)| name)
    }

    /// The permission of that name.
    pub fn parse(name: &str) -> Result<Self> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name).map(|(permission, _)| *permission);
        let wrong =
            || Error::new(Code::MalformedACLError, format!("\"{}\" is not a permission", shown(name)));
        found.ok_or_else(wrong)
    }
}

/// One line of a list. *Persisted.*
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// To whom.
    pub grantee: Grantee,
    /// What.
    pub permission: Permission,
}

/// The list of a bucket or an object. *Persisted.*
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acl {
    /// The canonical id of the owner.
    pub owner: String,
    /// At most [`GRANTS_MAX`].
    pub grants: Vec<Grant>,
}

impl Setting for Acl {
    const NAME: &'static str = "access control list";
    const VERSION: u32 = 1;
}

/// What a list grants a requester.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granted {
    /// Not this.
    Nothing,
    /// Only as to all users, or to all that have a user: what a block of public access ignores.
    Publicly,
    /// By name.
    ByName,
}

/// What a list is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// A bucket.
    Bucket,
    /// An object.
    Object,
}

/// Which list speaks of an action (without `s3:`), and what it must grant; nothing where no list does.
pub fn needed(action: &str) -> Option<(On, Permission)> {
    Some(match action {
        "ListBucket" | "ListBucketVersions" | "ListBucketMultipartUploads" => (On::Bucket, Permission::Read),
        "PutObject" | "DeleteObject" | "DeleteObjectVersion" => (On::Bucket, Permission::Write),
        "GetBucketAcl" => (On::Bucket, Permission::ReadAcp),
        "PutBucketAcl" => (On::Bucket, Permission::WriteAcp),
        "GetObject" | "GetObjectVersion" | "GetObjectTorrent" | "GetObjectVersionTorrent" => {
            (On::Object, Permission::Read)
        }
        "GetObjectAcl" | "GetObjectVersionAcl" => (On::Object, Permission::ReadAcp),
        "PutObjectAcl" | "PutObjectVersionAcl" => (On::Object, Permission::WriteAcp),
        _ => return None,
    })
}

impl Acl {
    /// Checks a list that a client sent: its bounds, and that it names the owner that there is.
    pub fn check(&self, owner: &str) -> Result<()> {
        if self.owner != owner {
            return Err(Error::new(
                Code::AccessDenied,
                format!(
                    "The owner of an access control list cannot be changed to \"{}\"",
                    shown(&self.owner)
                ),
            ));
        }
        check_grants(&self.grants)
    }

    /// What it grants.
    pub fn grants(&self, requester: Option<&Requester<'_>>, permission: Permission) -> Granted {
        let is_owner = requester.is_some_and(|requester| requester.canonical == self.owner);
        if is_owner && matches!(permission, Permission::ReadAcp | Permission::WriteAcp) {
            return Granted::ByName;
        }
        let suits = |grant: &&Grant| [permission, Permission::FullControl].contains(&grant.permission);
        let mut granted = Granted::Nothing;
        for grant in self.grants.iter().filter(suits) {
            match &grant.grantee {
                Grantee::User(id) if requester.is_some_and(|requester| requester.canonical == id) => {
                    return Granted::ByName;
                }
                Grantee::Group(Group::AllUsers) => granted = Granted::Publicly,
                Grantee::Group(Group::AuthenticatedUsers) if requester.is_some() => {
                    granted = Granted::Publicly;
                }
                Grantee::User(_) | Grantee::Group(_) => {}
            }
        }
        granted
    }

    /// Whether it grants anything to all users, or to all that have a user.
    pub fn is_public(&self) -> bool {
        self.grants
            .iter()
            .any(|grant| matches!(grant.grantee, Grantee::Group(Group::AllUsers | Group::AuthenticatedUsers)))
    }
}

fn check_grants(grants: &[Grant]) -> Result<()> {
    if grants.len() > GRANTS_MAX {
        let count = grants.len();
        return Err(Error::new(
            Code::MalformedACLError,
            format!("An access control list has {count} grants; {GRANTS_MAX} are allowed"),
        ));
    }
    let is_id = |id: &str| id.len() == 64 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let wrong = grants.iter().find_map(|grant| match &grant.grantee {
        Grantee::User(id) if !is_id(id) => Some(id),
        Grantee::User(_) | Grantee::Group(_) => None,
    });
    wrong.map_or(Ok(()), |id| {
        Err(Error::new(
            Code::InvalidArgument,
            format!(
                "Invalid id: \"{}\" is not a canonical id of 64 digits from 0 to 9 and a to f",
                shown(id)
            ),
        ))
    })
}

/// Lists with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canned {
    /// The owner alone.
    Private,
    /// Everyone may read.
    PublicRead,
    /// Everyone may read and write.
    PublicReadWrite,
    /// All that have a user may read.
    AuthenticatedRead,
    /// The bucket's owner may read; objects only.
    BucketOwnerRead,
    /// The bucket's owner may do everything; objects only.
    BucketOwnerFullControl,
    /// Logs may be written; buckets only.
    LogDeliveryWrite,
}

impl Canned {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Private, "private"),
        (Self::PublicRead, "public-read"),
        (Self::PublicReadWrite, "public-read-write"),
        (Self::AuthenticatedRead, "authenticated-read"),
        (Self::BucketOwnerRead, "bucket-owner-read"),
        (Self::BucketOwnerFullControl, "bucket-owner-full-control"),
        (Self::LogDeliveryWrite, "log-delivery-write"),
    ];

    /// Reads `x-amz-acl`.
    pub fn parse(name: &str) -> Result<Self> {
        if name == "aws-exec-read" {
            let text = "The canned ACL aws-exec-read grants to a service of AWS that does not exist here";
            return Err(Error::new(Code::NotImplemented, text));
        }
        let found = Self::ALL.iter().find(|(_, known)| *known == name).map(|(canned, _)| *canned);
        found.ok_or_else(|| {
            Error::new(Code::InvalidArgument, format!("\"{}\" is not the name of a canned ACL", shown(name)))
        })
    }

    /// The list that it stands for. Where it is not for what it is put on, S3 ignores it, and so it means the owner alone.
    pub fn acl(self, on: On, owner: &str, bucket_owner: &str) -> Acl {
        let to = |grantee, permission| Grant { grantee, permission };
        let user = |id: &str| Grantee::User(id.to_owned());
        let mut grants = vec![to(user(owner), Permission::FullControl)];
        match (self, on) {
            (Self::PublicRead, _) => grants.push(to(Grantee::Group(Group::AllUsers), Permission::Read)),
            (Self::PublicReadWrite, _) => grants.extend(
                [Permission::Read, Permission::Write].map(|what| to(Grantee::Group(Group::AllUsers), what)),
            ),
            (Self::AuthenticatedRead, _) => {
                grants.push(to(Grantee::Group(Group::AuthenticatedUsers), Permission::Read));
            }
            (Self::BucketOwnerRead, On::Object) if bucket_owner != owner => {
                grants.push(to(user(bucket_owner), Permission::Read));
            }
            (Self::BucketOwnerFullControl, On::Object) if bucket_owner != owner => {
                grants.push(to(user(bucket_owner), Permission::FullControl));
            }
            (Self::LogDeliveryWrite, On::Bucket) => grants.extend(
                [Permission::Write, Permission::ReadAcp]
                    .map(|what| to(Grantee::Group(Group::LogDelivery), what)),
            ),
            (
                Self::Private | Self::BucketOwnerRead | Self::BucketOwnerFullControl | Self::LogDeliveryWrite,
                _,
            ) => {}
        }
        Acl { owner: owner.to_owned(), grants }
    }
}

/// The ACL that a request's headers ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requested {
    /// None.
    Nothing,
    /// `x-amz-acl`.
    Canned(Canned),
    /// `x-amz-grant-…`.
    Grants(Vec<Grant>),
}

impl Requested {
    /// Reads the headers: `x-amz-acl`, and those of grants with what each grants.
    pub fn parse(canned: Option<&str>, headers: &[(Permission, &str)]) -> Result<Self> {
        match (canned, headers) {
            (None, []) => Ok(Self::Nothing),
            (Some(name), []) => Canned::parse(name).map(Self::Canned),
            (Some(_), _) => Err(Error::new(
                Code::InvalidRequest,
                "Specifying both Canned ACLs and Header Grants is not allowed",
            )),
            (None, headers) => {
                let mut grants = Vec::new();
                for (permission, value) in headers {
                    parse_grants(*permission, value, &mut grants)?;
                }
                check_grants(&grants)?;
                Ok(Self::Grants(grants))
            }
        }
    }

    /// The list that results.
    pub fn acl(&self, on: On, owner: &str, bucket_owner: &str) -> Acl {
        match self {
            Self::Nothing => Canned::Private.acl(on, owner, bucket_owner),
            Self::Canned(canned) => canned.acl(on, owner, bucket_owner),
            Self::Grants(grants) => Acl { owner: owner.to_owned(), grants: grants.clone() },
        }
    }
}

/// The name of the header that grants a permission.
pub const fn grant_header(permission: Permission) -> &'static str {
    match permission {
        Permission::FullControl => "x-amz-grant-full-control",
        Permission::Read => "x-amz-grant-read",
        Permission::Write => "x-amz-grant-write",
        Permission::ReadAcp => "x-amz-grant-read-acp",
        Permission::WriteAcp => "x-amz-grant-write-acp",
    }
}

/// Reads `id="…", uri="…"`.
fn parse_grants(permission: Permission, value: &str, grants: &mut Vec<Grant>) -> Result<()> {
    for member in value.split(',').map(str::trim).filter(|member| !member.is_empty()) {
        let wrong = || {
            let text = format!("\"{}\" is not a grantee: use id=\"…\" or uri=\"…\"", shown(member));
            Error::new(Code::InvalidArgument, text)
        };
        let (kind, value) = member.split_once('=').ok_or_else(wrong)?;
        let value = value.trim();
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        let grantee = match kind.trim().to_ascii_lowercase().as_str() {
            "id" => Grantee::User(value.to_owned()),
            "uri" => Grantee::Group(Group::parse(value)?),
            "emailaddress" => {
                let text = format!("The e-mail address \"{}\" names nobody here; use id=\"…\"", shown(value));
                return Err(Error::new(Code::UnresolvableGrantByEmailAddress, text));
            }
            _ => return Err(wrong()),
        };
        grants.push(Grant { grantee, permission });
    }
    Ok(())
}

/// Who owns what is put into a bucket. *Persisted.*
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ownership {
    /// The bucket's owner; there are no ACLs.
    #[default]
    BucketOwnerEnforced,
    /// The bucket's owner where the writer asks for `bucket-owner-full-control`, else the writer.
    BucketOwnerPreferred,
    /// The writer.
    ObjectWriter,
}

impl Setting for Ownership {
    const NAME: &'static str = "setting of ownership";
    const VERSION: u32 = 1;
}

impl Ownership {
    /// Reads `x-amz-object-ownership` and the document's element.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "BucketOwnerEnforced" => Ok(Self::BucketOwnerEnforced),
            "BucketOwnerPreferred" => Ok(Self::BucketOwnerPreferred),
            "ObjectWriter" => Ok(Self::ObjectWriter),
            _ => Err(Error::new(
                Code::InvalidArgument,
                format!("\"{}\" is not a setting of ownership", shown(name)),
            )),
        }
    }

    /// Refuses an ACL where there are none. What says the same as no ACL is accepted.
    pub fn check(self, acl: &Acl, bucket_owner: &str) -> Result<()> {
        let only_owner = acl.grants.iter().all(|grant| {
            grant.permission == Permission::FullControl
                && matches!(&grant.grantee, Grantee::User(id) if *id == acl.owner || id == bucket_owner)
        });
        if self != Self::BucketOwnerEnforced || (only_owner && !acl.grants.is_empty()) {
            return Ok(());
        }
        Err(Error::new(Code::AccessControlListNotSupported, "The bucket does not allow ACLs"))
    }

    /// The canonical id of the owner of an object that `writer` puts.
    pub fn owner<'a>(self, writer: &'a str, bucket_owner: &'a str, requested: &Requested) -> &'a str {
        match self {
            Self::BucketOwnerEnforced => bucket_owner,
            Self::BucketOwnerPreferred if *requested == Requested::Canned(Canned::BucketOwnerFullControl) => {
                bucket_owner
            }
            Self::BucketOwnerPreferred | Self::ObjectWriter => writer,
        }
    }
}

/// Blocks of public access. *Persisted.*
#[expect(clippy::struct_excessive_bools, reason = "S3's document has these four")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicAccessBlock {
    /// ACLs that are public are refused when they are put.
    pub block_public_acls: bool,
    /// What public ACLs grant publicly is ignored.
    pub ignore_public_acls: bool,
    /// Policies that are public are refused when they are put.
    pub block_public_policy: bool,
    /// A policy that is public allows nothing outside the bucket's account.
    pub restrict_public_buckets: bool,
}

impl Setting for PublicAccessBlock {
    const NAME: &'static str = "block of public access";
    const VERSION: u32 = 1;
}

impl PublicAccessBlock {
    /// Whether an ACL may be put.
    pub fn check_acl(self, acl: &Acl) -> Result<()> {
        if self.block_public_acls && acl.is_public() {
            return Err(Error::new(
                Code::AccessDenied,
                "Access Denied: the bucket blocks public access, and this ACL grants it",
            ));
        }
        Ok(())
    }

    /// Whether a policy may be put.
    pub fn check_policy(self, is_public: bool) -> Result<()> {
        if self.block_public_policy && is_public {
            return Err(Error::new(
                Code::AccessDenied,
                "Access Denied: the bucket blocks public access, and this policy gives it",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
