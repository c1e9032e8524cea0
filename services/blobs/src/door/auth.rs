//! Who a request is from and whether it may be made: the library checks the signature with the secret that it gets here, and asks before it reads
//! a body.

use std::sync::Arc;

use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::path::S3Path;
use s3s::validation::NameValidation;
use s3s::{S3Result, s3_error};

use crate::access::request::{Arrived, Head, Source};
use crate::access::{Bucket, Caller, Object, User, facts};
use crate::error::{Code, Error, Result};
use crate::operations;
use crate::rows::VersionId;
use crate::rules::names;
use crate::rules::policy::operation::{Facts, Target, find};
use crate::service::Service;
use crate::state::Plan;

/// The service as the library asks it.
#[derive(Clone)]
pub(super) struct Guard(pub(super) Arc<Service>);

#[async_trait::async_trait]
impl S3Auth for Guard {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        Ok(self.0.secret(access_key)?.1)
    }
}

impl Service {
    fn secret(&self, access_key: &str) -> Result<(User, SecretKey)> {
        let found = self.users.secret(access_key).map_err(|error| {
            tracing::error!(error, "an access key cannot be looked up");
            Error::new(Code::InternalError, "We encountered an internal error. Please try again.")
        })?;
        let (name, secret) = found.ok_or_else(|| {
            let text = "The AWS Access Key Id you provided does not exist in our records.";
            Error::new(Code::InvalidAccessKeyId, text)
        })?;
        Ok((User::new(&self.config.account, &name), SecretKey::from(secret.expose())))
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
    bucket: Option<Bucket>,
    object: Option<Object>,
    source_bucket: Option<Bucket>,
    source: Option<Object>,
}

/// What a request names.
struct Named<'a> {
    bucket: &'a str,
    key: &'a str,
    version: Option<VersionId>,
    source: Option<Source>,
}

#[async_trait::async_trait]
impl S3Access for Guard {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let service = &*self.0;
        let arrived = context.extensions_mut().get::<Arrived>().cloned();
        let arrived = arrived.ok_or_else(|| s3_error!(InternalError, "the request has no arrival"))?;
        let user = context.credentials().map(|credentials| service.secret(&credentials.access_key));
        let user = user.transpose()?.map(|(user, _)| user);
        let operation = context.s3_op().name();
        let head = Head { uri: context.uri(), headers: context.headers() };
        let context_of = head.context(user.as_ref(), &arrived);
        let source_address = arrived.peer.ip().to_canonical().to_string();
        let caller = Caller { context: context_of, user, source_address, request_id: arrived.request_id };
        let (bucket, key) = match context.s3_path() {
            S3Path::Root => ("", ""),
            S3Path::Bucket { bucket } => (&**bucket, ""),
            S3Path::Object { bucket, key } => (&**bucket, &**key),
        };
        if !bucket.is_empty() {
            names::check_bucket(bucket)?;
        }
        check_owners(&head, &service.config.account)?;
        let version = head.parameter("versionId").map(|text| VersionId::parse(&text)).transpose()?;
        let named = Named { bucket, key, version, source: head.source()? };
        service.check(operation, &head, &caller, &named)?;
        // Said before a body is read that nothing would come of.
        operations::check_served(operation)?;
        context.extensions_mut().insert(Arc::new(caller));
        Ok(())
    }
}

/// There is one account, and buckets are in it.
fn check_owners(head: &Head<'_>, account: &str) -> Result<()> {
    for name in ["x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"] {
        if head.header(name).is_some_and(|expected| expected != account) {
            return Err(Error::new(Code::AccessDenied, format!("{name} is not the account of the bucket")));
        }
    }
    Ok(())
}

/// Operations whose bodies name what they are on; they judge that themselves.
const BY_BODY: [&str; 2] = ["DeleteObjects", "PostObject"];

impl Service {
    fn check(&self, operation: &str, head: &Head<'_>, caller: &Caller, named: &Named<'_>) -> S3Result<()> {
        let row = find(operation).ok_or_else(|| s3_error!(NotImplemented, "{operation} is not known"))?;
        if BY_BODY.contains(&operation) {
            return Ok(());
        }
        let known = self.blobs.look(|plan| load(plan, named))?.value;
        // What is not there, the operation says; that a bucket does not exist is no secret.
        let is_missing = known.bucket.is_none() && !named.bucket.is_empty() && operation != "CreateBucket";
        let source_is_missing = named.source.is_some() && known.source_bucket.is_none();
        if is_missing || source_is_missing {
            return Ok(());
        }
        let source_has_tags = known.source.as_ref().is_some_and(|source| !source.tags.0.is_empty());
        let facts: Facts = head.facts(named.source.as_ref(), source_has_tags);
        for (action, target) in row.needed(facts) {
            self.check_action(operation, caller, action, target, named, &known)?;
        }
        let reads = known.object.is_none() && matches!(operation, "GetObject" | "HeadObject");
        if reads {
            // Who may not list a bucket is not told which keys there are not.
            self.judge(caller, "ListBucket", known.bucket.as_ref(), named.bucket, None)?;
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
        let bucket = known.bucket.as_ref().filter(|_| operation != "CreateBucket");
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
                self.judge(caller, action, known.source_bucket.as_ref(), &resource, known.source.as_ref())
            }
        }
    }
}

fn load(plan: &Plan<'_>, named: &Named<'_>) -> crate::state::Result<Known> {
    let mut known = Known::default();
    if !named.bucket.is_empty() {
        known.bucket = facts::bucket(plan, named.bucket)?;
    }
    if !named.key.is_empty() && known.bucket.is_some() {
        known.object = facts::object(plan, named.bucket, named.key, named.version)?;
    }
    if let Some(source) = &named.source {
        let version = source.version.as_deref().map(VersionId::parse).transpose()?;
        known.source_bucket = facts::bucket(plan, &source.bucket)?;
        known.source = facts::object(plan, &source.bucket, &source.key, version)?;
    }
    Ok(known)
}
