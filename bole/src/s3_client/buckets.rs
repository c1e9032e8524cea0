//! What is asked of buckets.

use anyhow::{Context as _, Result};
use hyper::Method;

use super::{Client, Refusal, Request};

/// A bucket of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) created: String,
}

/// Nothing, where the server says that there is nothing of that kind.
pub(crate) fn or_none<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if Refusal::of(&error).is_some_and(|refusal| refusal.status == 404) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Client {
    /// The buckets of who asks.
    pub(crate) async fn buckets(&self) -> Result<Vec<Listed>> {
        let answer = self.send(Request::new(Method::GET, "", "")).await?.xml().await?;
        let buckets = answer.child("Buckets").context("the answer has no Buckets")?;
        let listed = buckets.children.iter().map(|bucket| Listed {
            name: bucket.text_of("Name").to_owned(),
            created: bucket.text_of("CreationDate").to_owned(),
        });
        Ok(listed.collect())
    }

    /// Whether a bucket is there.
    pub(crate) async fn has_bucket(&self, bucket: &str) -> Result<bool> {
        Ok(or_none(self.send(Request::new(Method::HEAD, bucket, "")).await)?.is_some())
    }

    pub(crate) async fn create_bucket(&self, bucket: &str, has_object_lock: bool) -> Result<()> {
        let mut request = Request::new(Method::PUT, bucket, "");
        if has_object_lock {
            request = request.headers([("x-amz-bucket-object-lock-enabled".to_owned(), "true".to_owned())]);
        }
        self.send(request).await?.done().await
    }

    pub(crate) async fn delete_bucket(&self, bucket: &str) -> Result<()> {
        self.send(Request::new(Method::DELETE, bucket, "")).await?.done().await
    }

    /// `Enabled`, `Suspended`, or empty for one that never had versions.
    pub(crate) async fn versioning(&self, bucket: &str) -> Result<String> {
        let answer = self.send(Request::new(Method::GET, bucket, "").query("versioning", "")).await?;
        Ok(answer.xml().await?.text_of("Status").to_owned())
    }

    pub(crate) async fn set_versioning(&self, bucket: &str, status: &str) -> Result<()> {
        let body = format!(
            "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>{status}</Status></VersioningConfiguration>"
        );
        let request = Request::new(Method::PUT, bucket, "").query("versioning", "").body(body);
        self.send(request).await?.done().await
    }

    /// A setting's document as the server has it, if there is one: `policy`, `cors`, `lifecycle` and their like.
    pub(crate) async fn setting(&self, bucket: &str, name: &'static str) -> Result<Option<String>> {
        let request = Request::new(Method::GET, bucket, "").query(name, "");
        let Some(answer) = or_none(self.send(request).await)? else { return Ok(None) };
        Ok(Some(String::from_utf8(answer.bytes().await?.to_vec()).context("the answer is not UTF-8")?))
    }

    pub(crate) async fn set_policy(&self, bucket: &str, policy: Vec<u8>) -> Result<()> {
        let request = Request::new(Method::PUT, bucket, "").query("policy", "").body(policy);
        self.send(request).await?.done().await
    }

    pub(crate) async fn delete_policy(&self, bucket: &str) -> Result<()> {
        self.send(Request::new(Method::DELETE, bucket, "").query("policy", "")).await?.done().await
    }
}
