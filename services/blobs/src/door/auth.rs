//! Who a request is from and whether it may be made: the library checks the signature with the secret that it gets here, and asks before it reads
//! a body.

use std::sync::Arc;

use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::path::S3Path;
use s3s::validation::NameValidation;
use s3s::{S3Error, S3Result, s3_error};

use super::trace::Seen;
use crate::access::request::{Arrived, Head, Source};
use crate::access::{self, Bucket, Caller, Object, facts};
use crate::error::{Code, Error, Result};
use crate::operations;
use crate::rows::VersionId;
use crate::rules::names;
use crate::rules::policy::operation::{Facts, Row, Target, find};
use crate::service::Service;
use crate::state::Plan;

/// The service as the library asks it.
#[derive(Clone)]
pub(super) struct Guard(pub(super) Arc<Service>);

#[async_trait::async_trait]
impl S3Auth for Guard {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        Ok(SecretKey::from(self.0.secret(access_key)?.expose()))
    }
}

/// Names are checked with the request, by the rules, which say what is wrong with them.
impl NameValidation for Guard {
    fn validate_bucket_name(&self, _: &str) -> bool {
        true
    }
}

/// What the state knows of a request's bucket, object and source.
#[derive(Default)]
struct Known {
    bucket: Option<Arc<facts::Known>>,
    object: Option<Object>,
    source_bucket: Option<Arc<facts::Known>>,
    source: Option<Object>,
}

impl Known {
    fn bucket(&self) -> Option<&Bucket> {
        self.bucket.as_ref().map(|known| &known.bucket)
    }

    fn source_bucket(&self) -> Option<&Bucket> {
        self.source_bucket.as_ref().map(|known| &known.bucket)
    }
}

/// What a request names.
pub(super) struct Named<'a> {
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
    pub(super) version: Option<VersionId>,
    pub(super) source: Option<Source>,
}

#[async_trait::async_trait]
impl S3Access for Guard {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let service = &*self.0;
        let arrived = context.extensions_mut().get::<Arrived>().cloned();
        let arrived = arrived.ok_or_else(|| s3_error!(InternalError, "the request has no arrival"))?;
        let seen = context.extensions_mut().get::<Seen>().cloned();
        let known = context.extensions_mut().get::<super::known::Known>().cloned();
        let operation = context.s3_op().name();
        let head = Head { uri: context.uri(), headers: context.headers() };
        let access_key = context.credentials().map(|credentials| credentials.access_key.as_str());
        let caller = match &known {
            Some(known) => service.known_caller(known, &head, &arrived),
            None => service.caller(access_key, head.token().as_deref(), &head, &arrived)?,
        };
        let (bucket, key) = match context.s3_path() {
            S3Path::Root => ("", ""),
            S3Path::Bucket { bucket } => (&**bucket, ""),
            S3Path::Object { bucket, key } => (&**bucket, &**key),
        };
        if let Some(seen) = &seen {
            seen.is(operation, caller.user.as_ref(), key);
        }
        if !bucket.is_empty() {
            names::check_bucket(bucket)?;
        }
        check_owners(&head, &service.config.account)?;
        let version = head.parameter("versionId").map(|text| VersionId::parse(&text)).transpose()?;
        let named = Named { bucket, key, version, source: head.source()? };
        service.check(operation, &head, &caller, &named).await?;
        // Said before a body is read that nothing would come of.
        operations::check_served(operation)?;
        context.extensions_mut().insert(Arc::new(caller));
        Ok(())
    }
}

/// There is one account, and buckets are in it.
pub(super) fn check_owners(head: &Head<'_>, account: &str) -> Result<()> {
    for name in ["x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"] {
        if head.header(name).is_some_and(|expected| expected != account) {
            return Err(Error::new(Code::AccessDenied, format!("{name} is not the account of the bucket")));
        }
    }
    Ok(())
}

/// Operations whose bodies name what they are on; they judge that themselves.
const BY_BODY: [&str; 1] = ["DeleteObjects"];

impl Service {
    /// A refusal shows what it was judged by, so it waits until that is durable (promise P2).
    pub(super) async fn check(
        &self,
        operation: &str,
        head: &Head<'_>,
        caller: &Caller,
        named: &Named<'_>,
    ) -> S3Result<()> {
        let row = find(operation).ok_or_else(|| s3_error!(NotImplemented, "{operation} is not known"))?;
        if BY_BODY.contains(&operation) {
            return Ok(());
        }
        if self.is_allowed_by_roles(row, head, caller, named)? {
            return Ok(());
        }
        let loaded = self.blobs.look(|plan| Ok(self.load(plan, named)))?;
        let judged = loaded.value.map_err(S3Error::from).and_then(|known| {
            let source_has_tags = known.source.as_ref().is_some_and(|source| !source.tags.0.is_empty());
            let facts = head.facts(named.source.as_ref(), source_has_tags);
            Ok(self.judge_known(row, facts, caller, named, &known)?)
        });
        if judged.is_err() {
            self.blobs.durable(loaded.position).await?;
        }
        judged
    }

    /// Whether the roles of the user allow it and nothing else has a say, so that the object need not be looked at: which is what most requests are. A refusal is
    /// left to those who see all.
    fn is_allowed_by_roles(
        &self,
        row: &'static Row,
        head: &Head<'_>,
        caller: &Caller,
        named: &Named<'_>,
    ) -> crate::state::Result<bool> {
        if named.source.is_some() || named.bucket.is_empty() {
            return Ok(false);
        }
        let look = |plan: &Plan<'_>| self.facts.bucket(&self.blobs, plan, named.bucket);
        let Some(known) = self.blobs.look(look)?.value else { return Ok(false) };
        let object = format!("{}/{}", named.bucket, named.key);
        let of = |(action, target): (&'static str, Target)| match target {
            Target::Account | Target::Source => (action, ""),
            Target::Bucket => (action, named.bucket),
            Target::Object => (action, object.as_str()),
        };
        // Who may not list a bucket is not told which keys there are not.
        let reads = matches!(row.operation, "GetObject" | "HeadObject");
        let lists = reads.then_some(("ListBucket", named.bucket));
        let needed = row.needed(head.facts(None, false)).map(of).chain(lists);
        Ok(access::roles_suffice(&*self.users, caller, &known.bucket, needed))
    }

    /// What the state says of all that a request names.
    fn load(&self, plan: &Plan<'_>, named: &Named<'_>) -> crate::state::Result<Known> {
        let bucket = |name: &str| self.facts.bucket(&self.blobs, plan, name);
        let mut known = Known::default();
        if !named.bucket.is_empty() {
            known.bucket = bucket(named.bucket)?;
        }
        if !named.key.is_empty() && known.bucket.is_some() {
            known.object = facts::object(plan, named.bucket, named.key, named.version)?;
        }
        if let Some(source) = &named.source {
            let version = source.version.as_deref().map(VersionId::parse).transpose()?;
            known.source_bucket = bucket(&source.bucket)?;
            known.source = facts::object(plan, &source.bucket, &source.key, version)?;
        }
        Ok(known)
    }

    fn judge_known(
        &self,
        row: &'static Row,
        facts: Facts,
        caller: &Caller,
        named: &Named<'_>,
        known: &Known,
    ) -> Result<()> {
        let operation = row.operation;
        // What is not there, the operation says; that a bucket does not exist is no secret.
        let is_missing = known.bucket.is_none() && !named.bucket.is_empty() && operation != "CreateBucket";
        let source_is_missing = named.source.is_some() && known.source_bucket.is_none();
        if is_missing || source_is_missing {
            return Ok(());
        }
        for (action, target) in row.needed(facts) {
            self.check_action(operation, caller, action, target, named, known)?;
        }
        let reads = known.object.is_none() && matches!(operation, "GetObject" | "HeadObject");
        if reads {
            // Who may not list a bucket is not told which keys there are not.
            self.judge(caller, "ListBucket", known.bucket(), named.bucket, None)?;
        }
        Ok(())
    }

    fn check_action(
        &self,
        operation: &str,
        caller: &Caller,
        action: &str,
        target: Target,
        named: &Named<'_>,
        known: &Known,
    ) -> Result<()> {
        let bucket = known.bucket().filter(|_| operation != "CreateBucket");
        match target {
            Target::Account => self.judge(caller, action, None, "", None),
            Target::Bucket => self.judge(caller, action, bucket, named.bucket, None),
            Target::Object => {
                let resource = format!("{}/{}", named.bucket, named.key);
                self.judge(caller, action, bucket, &resource, known.object.as_ref())
            }
            Target::Source => {
                let Some(source) = &named.source else { return Ok(()) };
                let resource = format!("{}/{}", source.bucket, source.key);
                self.judge(caller, action, known.source_bucket(), &resource, known.source.as_ref())
            }
        }
    }
}
