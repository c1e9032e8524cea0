//! Whether a request may be done, from what everything says that has a say: the policies of the user's roles, those of its session, the
//! bucket's policy, ACLs, ownership, and blocks of public access.
//!
//! What is denied anywhere is denied. Otherwise it is enough that one of them allows it: the user's roles (in the account of the bucket),
//! the bucket's policy, an ACL, or that the user owns the bucket. A session that has a policy may do at most what that allows. The
//! anonymous have only bucket policies and ACLs, and those of them that are public not where public access is blocked.
//!
//! Where an object belongs to somebody else than its bucket does, the bucket's owner and policy have no say in who sees it, beyond
//! denying; they still may allow to replace and delete it.

use bole_identity::policy::{Decision as Identity, Reason as IdentityReason};

use super::action::{Level, level};
use super::evaluate::Verdict;
use super::principal::Requester;
use crate::rules::acl::{Granted, PublicAccessBlock};

/// The service's name in the policies of roles.
pub const SERVICE: &str = "blobs";

/// What roles are asked about: `default/blobs/bucket` or `default/blobs/bucket/key`; `default/blobs` for an account's list of buckets. The
/// action is S3's, without `s3:`.
pub fn identity_resource(resource: &str) -> String {
    if resource.is_empty() { format!("default/{SERVICE}") } else { format!("default/{SERVICE}/{resource}") }
}

impl From<Identity<'_>> for Verdict {
    fn from(decision: Identity<'_>) -> Self {
        match (decision.allowed, decision.reason) {
            (true, _) => Self::Allow,
            (false, IdentityReason::NotAllowed) => Self::Silent,
            // A denying statement, and users who may do nothing at all.
            (false, _) => Self::Deny,
        }
    }
}

/// What is known of the bucket.
#[derive(Clone, Copy, Debug)]
pub struct Bucket<'a> {
    /// The account that it is in: 12 digits.
    pub account: &'a str,
    /// The canonical id of its owner.
    pub owner: &'a str,
    /// What its policy says; silent without one.
    pub policy: Verdict,
    /// Whether its policy is public ([`super::Policy::is_public`]).
    pub policy_is_public: bool,
    /// Whether its policy was put with the confirmation that its owner may lose access to it.
    pub owner_may_be_denied: bool,
    /// Blocks of public access.
    pub block: PublicAccessBlock,
}

/// All that has a say.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// From whom; nothing for an anonymous request.
    pub requester: Option<&'a Requester<'a>>,
    /// The action, without `s3:`.
    pub action: &'a str,
    /// What the user's roles say.
    pub identity: Verdict,
    /// What the session's policy says, if it has one.
    pub session: Option<Verdict>,
    /// The bucket; nothing for what is on an account, or for a bucket that is to be created.
    pub bucket: Option<Bucket<'a>>,
    /// The canonical id of the object's owner, where the action is on one that is there.
    pub object_owner: Option<&'a str>,
    /// What the ACL that speaks of the action grants: the object's or the bucket's ([`crate::rules::acl::needed`]). [`Granted::Nothing`] where the
    /// bucket's setting of ownership switches ACLs off.
    pub acl: Granted,
}

/// Why a request may or may not be done, for the operator; clients only hear that it is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The roles of the user deny it.
    DeniedByRoles,
    /// The session's policy denies it, or does not allow it.
    DeniedBySession,
    /// The bucket's policy denies it.
    DeniedByBucketPolicy,
    /// Only what is public would allow it, and that is blocked.
    PublicAccessBlocked,
    /// Nothing allows it.
    NotAllowed,
    /// The user owns the bucket.
    Owner,
    /// The roles of the user allow it.
    Roles,
    /// The bucket's policy allows it.
    BucketPolicy,
    /// An ACL grants it.
    Acl,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether it may be done.
    pub allowed: bool,
    /// Why.
    pub reason: Reason,
}

const fn allowed(reason: Reason) -> Answer {
    Answer { allowed: true, reason }
}

const fn denied(reason: Reason) -> Answer {
    Answer { allowed: false, reason }
}

/// Decides.
pub fn judge(question: &Question<'_>) -> Answer {
    if question.identity == Verdict::Deny {
        return denied(Reason::DeniedByRoles);
    }
    if question.session.is_some_and(|verdict| verdict != Verdict::Allow) {
        return denied(Reason::DeniedBySession);
    }
    let by_roles = question.requester.is_some() && question.identity == Verdict::Allow;
    let Some(bucket) = &question.bucket else {
        return if by_roles { allowed(Reason::Roles) } else { denied(Reason::NotAllowed) };
    };
    let is_inside = question.requester.is_some_and(|requester| requester.account == bucket.account);
    let is_owner = question.requester.is_some_and(|requester| requester.canonical == bucket.owner);
    if bucket.policy == Verdict::Deny && !(is_owner && saves_owner(question.action, bucket)) {
        return denied(Reason::DeniedByBucketPolicy);
    }
    if by_roles && is_inside {
        return allowed(Reason::Roles);
    }
    let is_foreign = question.object_owner.is_some_and(|owner| owner != bucket.owner);
    let bucket_decides = !is_foreign || !shows(question.action);
    if bucket_decides && is_owner {
        return allowed(Reason::Owner);
    }
    let policy_allows = bucket_decides && bucket.policy == Verdict::Allow;
    let policy_blocked = bucket.block.restrict_public_buckets && bucket.policy_is_public && !is_inside;
    if policy_allows && !policy_blocked {
        return allowed(Reason::BucketPolicy);
    }
    let acl_blocked = bucket.block.ignore_public_acls && question.acl == Granted::Publicly;
    if question.acl != Granted::Nothing && !acl_blocked {
        return allowed(Reason::Acl);
    }
    let blocked = acl_blocked || (policy_allows && policy_blocked);
    denied(if blocked { Reason::PublicAccessBlocked } else { Reason::NotAllowed })
}

/// Whether a bucket's owner may do this whatever its policy denies: who owns a bucket can take away a policy that locks everybody out.
fn saves_owner(action: &str, bucket: &Bucket<'_>) -> bool {
    !bucket.owner_may_be_denied
        && matches!(action, "GetBucketPolicy" | "PutBucketPolicy" | "DeleteBucketPolicy")
}

/// Whether an action shows or changes what only an object's owner decides about: its content, its tags, its ACL.
fn shows(action: &str) -> bool {
    let changes_place = matches!(
        action,
        "AbortMultipartUpload"
            | "BypassGovernanceRetention"
            | "DeleteObject"
            | "DeleteObjectVersion"
            | "ListMultipartUploadParts"
            | "PutObject"
            | "RestoreObject"
    );
    level(action) == Some(Level::Object) && !changes_place
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSIDE: &str = "000000000000";
    const OWNER: Requester<'_> = Requester { account: INSIDE, canonical: "owner", user: "owner" };
    const MEMBER: Requester<'_> = Requester { account: INSIDE, canonical: "member", user: "member" };
    const STRANGER: Requester<'_> = Requester { account: "111111111111", canonical: "stranger", user: "s" };

    fn bucket() -> Bucket<'static> {
        Bucket {
            account: INSIDE,
            owner: "owner",
            policy: Verdict::Silent,
            policy_is_public: false,
            owner_may_be_denied: false,
            block: PublicAccessBlock::default(),
        }
    }

    fn question(requester: Option<&'static Requester<'static>>, identity: Verdict) -> Question<'static> {
        Question {
            requester,
            action: "GetObject",
            identity,
            session: None,
            bucket: Some(bucket()),
            object_owner: Some("owner"),
            acl: Granted::Nothing,
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn everything_has_its_say() {
        use Verdict::{Allow, Deny, Silent};
        let with_policy = |policy, policy_is_public| Some(Bucket { policy, policy_is_public, ..bucket() });
        let blocked = PublicAccessBlock {
            ignore_public_acls: true,
            restrict_public_buckets: true,
            ..PublicAccessBlock::default()
        };
        let blocking = Some(Bucket { block: blocked, policy: Allow, policy_is_public: true, ..bucket() });
        let anonymous = question(None, Silent);
        let owner = question(Some(&OWNER), Silent);
        let member = question(Some(&MEMBER), Silent);
        let stranger = question(Some(&STRANGER), Silent);
        let by_roles = question(Some(&MEMBER), Allow);
        let foreign = Some("member");
        let locked = Some(Bucket { owner_may_be_denied: true, policy: Deny, ..bucket() });
        let rows: &[(Question<'_>, bool, Reason)] = &[
            (anonymous, false, Reason::NotAllowed),
            (owner, true, Reason::Owner),
            (member, false, Reason::NotAllowed),
            (by_roles, true, Reason::Roles),
            (question(Some(&STRANGER), Allow), false, Reason::NotAllowed),
            (question(None, Allow), false, Reason::NotAllowed),
            (question(Some(&OWNER), Deny), false, Reason::DeniedByRoles),
            (Question { bucket: with_policy(Deny, false), ..by_roles }, false, Reason::DeniedByBucketPolicy),
            (Question { bucket: with_policy(Deny, false), ..owner }, false, Reason::DeniedByBucketPolicy),
            (Question { bucket: with_policy(Allow, true), ..anonymous }, true, Reason::BucketPolicy),
            (Question { bucket: with_policy(Allow, false), ..stranger }, true, Reason::BucketPolicy),
            (Question { bucket: blocking, ..anonymous }, false, Reason::PublicAccessBlocked),
            (Question { bucket: blocking, ..stranger }, false, Reason::PublicAccessBlocked),
            (Question { bucket: blocking, ..member }, true, Reason::BucketPolicy),
            (Question { bucket: blocking, acl: Granted::ByName, ..stranger }, true, Reason::Acl),
            (
                Question { bucket: blocking, acl: Granted::Publicly, ..stranger },
                false,
                Reason::PublicAccessBlocked,
            ),
            (Question { acl: Granted::Publicly, ..anonymous }, true, Reason::Acl),
            (Question { acl: Granted::ByName, ..stranger }, true, Reason::Acl),
            (
                Question { acl: Granted::ByName, bucket: with_policy(Deny, false), ..stranger },
                false,
                Reason::DeniedByBucketPolicy,
            ),
            (Question { session: Some(Silent), ..owner }, false, Reason::DeniedBySession),
            (Question { session: Some(Deny), ..by_roles }, false, Reason::DeniedBySession),
            (Question { session: Some(Allow), ..member }, false, Reason::NotAllowed),
            (Question { session: Some(Allow), ..by_roles }, true, Reason::Roles),
            (Question { object_owner: foreign, ..owner }, false, Reason::NotAllowed),
            (Question { object_owner: foreign, action: "DeleteObject", ..owner }, true, Reason::Owner),
            (Question { object_owner: foreign, acl: Granted::ByName, ..owner }, true, Reason::Acl),
            (
                Question { object_owner: foreign, bucket: with_policy(Allow, true), ..anonymous },
                false,
                Reason::NotAllowed,
            ),
            (
                Question { action: "DeleteBucketPolicy", bucket: with_policy(Deny, false), ..owner },
                true,
                Reason::Owner,
            ),
            (
                Question { action: "DeleteBucketPolicy", bucket: locked, ..owner },
                false,
                Reason::DeniedByBucketPolicy,
            ),
            (
                Question { action: "DeleteBucketPolicy", bucket: with_policy(Deny, false), ..by_roles },
                false,
                Reason::DeniedByBucketPolicy,
            ),
            (Question { bucket: None, ..by_roles }, true, Reason::Roles),
            (Question { bucket: None, ..owner }, false, Reason::NotAllowed),
        ];
        for (number, (question, may, reason)) in rows.iter().enumerate() {
            let expected = Answer { allowed: *may, reason: *reason };
            assert_eq!(judge(question), expected, "row {number}: {question:?}");
        }
    }

    #[test]
    fn roles_are_asked_in_their_words() {
        use bole_identity::policy::{Effect, Policy, Role, Statement, decide};
        let statement = |effect, resource: &str| Statement {
            effect,
            service: SERVICE.to_owned(),
            actions: vec!["Get*".to_owned()],
            resources: vec![resource.to_owned()],
        };
        let statements =
            vec![statement(Effect::Allow, "default/blobs/photos/*"), statement(Effect::Deny, "*/secret")];
        let role = Role { name: "r".to_owned(), policies: vec![Policy { name: "p".to_owned(), statements }] };
        for (action, resource, expected) in [
            ("GetObject", "photos/a b", Verdict::Allow),
            ("GetObject", "photos/x/secret", Verdict::Deny),
            ("PutObject", "photos/a", Verdict::Silent),
            ("GetObject", "photos", Verdict::Silent),
            ("GetObject", "", Verdict::Silent),
        ] {
            let verdict = Verdict::from(decide([&role], SERVICE, action, &identity_resource(resource)));
            assert_eq!(verdict, expected, "{action} {resource}");
        }
        let disabled = Identity::denied(IdentityReason::Disabled);
        assert_eq!(Verdict::from(disabled), Verdict::Deny);
    }
}
