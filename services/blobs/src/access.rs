//! Who may do what: whom a request is from ([`users`], [`sessions`]), what it needs ([`request`]), and what roles, policies, ACLs and blocks say of it.
//!
//! The rules decide ([`crate::rules::policy::access::judge`]); this brings together what they ask for. Clients hear that they are denied, the log
//! says at debug level why.

pub mod facts;
pub mod request;
pub mod sessions;
pub mod users;

use std::borrow::Cow;

use crate::error::{Code, Error, Result};
use crate::events::Asker;
use crate::rules::acl::{self, Acl, Granted, On, Ownership, PublicAccessBlock};
use crate::rules::policy::access::{self, Answer, Question, identity_resource, judge};
use crate::rules::policy::{Context, Policy, Request, Requester, Verdict};
use crate::rules::tags::Tags;

pub use sessions::Limits;
pub use users::{User, Users};

/// Whom a request is from, and what it says for conditions.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// Nobody, for an anonymous request.
    pub user: Option<User>,
    /// Values for the keys of conditions.
    pub context: Context,
    /// What limits the user, where its credentials are temporary.
    pub limits: Option<Limits>,
    /// The address that the request came from.
    pub source_address: String,
    /// The request's id.
    pub request_id: String,
}

impl Caller {
    /// As events tell of who asks.
    pub fn asker(&self) -> Asker<'_> {
        Asker {
            requester: self.canonical(),
            source_address: &self.source_address,
            request_id: &self.request_id,
        }
    }

    /// As the rules have it.
    pub fn requester(&self) -> Option<Requester<'_>> {
        self.user.as_ref().map(|user| Requester {
            account: &user.account,
            canonical: &user.canonical,
            user: &user.name,
        })
    }

    /// The canonical id, nothing for an anonymous request.
    pub fn canonical(&self) -> Option<&str> {
        self.user.as_ref().map(|user| user.canonical.as_str())
    }
}

/// What is known of a bucket when it is asked who may do something to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// The account that it is in.
    pub account: String,
    /// The canonical id of its owner.
    pub owner: String,
    /// Its policy.
    pub policy: Option<Policy>,
    /// Whether that was put with the confirmation that its owner may lose access to it.
    pub owner_may_be_denied: bool,
    /// Who owns what is put into it, and with that whether ACLs have a say.
    pub ownership: Ownership,
    /// Its ACL.
    pub acl: Option<Acl>,
    /// Blocks of public access.
    pub block: PublicAccessBlock,
}

/// What is known of an object when it is asked who may do something to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    /// The canonical id of its owner.
    pub owner: String,
    /// Its ACL; nothing means that it is private.
    pub acl: Option<Acl>,
    /// Its tags.
    pub tags: Tags,
}

/// What an action is on.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its bucket; nothing for what is on the account, and for a bucket that is to be made.
    pub bucket: Option<&'a Bucket>,
    /// A bucket's name, or that, a slash and a key, or nothing for the account.
    pub resource: &'a str,
    /// The object, where the action is on one that is there.
    pub object: Option<&'a Object>,
}

/// Asks all that have a say about an action. Errors: `AccessDenied`.
pub fn check(users: &dyn Users, caller: &Caller, action: &str, subject: &Subject<'_>) -> Result<()> {
    let answer = decide(users, caller, action, subject);
    if answer.allowed {
        return Ok(());
    }
    let user = caller.user.as_ref().map_or("anonymous", |user| user.name.as_str());
    tracing::debug!(user, action, resource = subject.resource, reason = ?answer.reason, "a request is denied");
    Err(Error::new(Code::AccessDenied, "Access Denied"))
}

/// Whether the user's roles allow all of these without more being known of the objects that they are on: nothing but the roles has a say there. Otherwise it is to be
/// asked with all that is known.
pub fn roles_suffice<'a>(
    users: &dyn Users,
    caller: &Caller,
    bucket: &Bucket,
    mut needed: impl Iterator<Item = (&'a str, &'a str)>,
) -> bool {
    let (Some(user), None) = (&caller.user, &caller.limits) else { return false };
    let decides = bucket.policy.is_none() && bucket.account == user.account;
    let allows = |(action, resource): (&str, &str)| {
        users.verdict(&user.name, action, &identity_resource(resource)) == Verdict::Allow
    };
    decides && needed.all(allows)
}

/// The answer with its reason.
pub fn decide(users: &dyn Users, caller: &Caller, action: &str, subject: &Subject<'_>) -> Answer {
    let requester = caller.requester();
    // Only policies have conditions.
    let is_asked = caller.limits.is_some() || subject.bucket.is_some_and(|bucket| bucket.policy.is_some());
    let context = if is_asked {
        Cow::Owned(with_subject(&caller.context, subject))
    } else {
        Cow::Borrowed(&caller.context)
    };
    let request =
        Request { requester: requester.as_ref(), action, resource: subject.resource, context: &context };
    let resource = identity_resource(subject.resource);
    let limits = caller.limits.as_ref();
    let identity = requester.as_ref().map_or(Verdict::Silent, |requester| {
        match limits.and_then(|limits| limits.roles.as_deref()) {
            Some(roles) => users.verdict_of_roles(roles, action, &resource),
            None => users.verdict(requester.user, action, &resource),
        }
    });
    let bucket = subject.bucket.map(|bucket| access::Bucket {
        account: &bucket.account,
        owner: &bucket.owner,
        policy: bucket.policy.as_ref().map_or(Verdict::Silent, |policy| policy.decide(&request).verdict),
        policy_is_public: bucket.policy.as_ref().is_some_and(Policy::is_public),
        owner_may_be_denied: bucket.owner_may_be_denied,
        block: bucket.block,
    });
    judge(&Question {
        requester: requester.as_ref(),
        action,
        identity,
        session: limits.and_then(|limits| limits.verdict(users, &request, &resource)),
        bucket,
        object_owner: subject.object.map(|object| object.owner.as_str()),
        acl: granted(requester.as_ref(), action, subject),
    })
}

/// What the ACL that speaks of the action grants; nothing where the bucket's setting of ownership switches ACLs off.
fn granted(requester: Option<&Requester<'_>>, action: &str, subject: &Subject<'_>) -> Granted {
    let Some(bucket) = subject.bucket.filter(|bucket| bucket.ownership != Ownership::BucketOwnerEnforced)
    else {
        return Granted::Nothing;
    };
    let Some((on, permission)) = acl::needed(action) else { return Granted::Nothing };
    let (acl, owner) = match (on, subject.object) {
        (On::Bucket, _) => (&bucket.acl, &bucket.owner),
        (On::Object, Some(object)) => (&object.acl, &object.owner),
        (On::Object, None) => return Granted::Nothing,
    };
    let private = || acl::Canned::Private.acl(on, owner, &bucket.owner);
    acl.clone().unwrap_or_else(private).grants(requester, permission)
}

/// A request's context with what is known of the bucket and the object.
fn with_subject(context: &Context, subject: &Subject<'_>) -> Context {
    let mut context = context.clone();
    if let Some(bucket) = subject.bucket {
        context.set("s3:ResourceAccount", bucket.account.clone());
    }
    for tag in subject.object.iter().flat_map(|object| &object.tags.0) {
        context.set(&format!("s3:ExistingObjectTag/{}", tag.key), tag.value.clone());
    }
    context
}

#[cfg(test)]
mod tests;
