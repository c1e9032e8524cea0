//! A cluster by its S3 endpoint, and the mark that says whose it is.
//!
//! `PREFIX/owner` holds [`VERSION`] and the id of the node: two nodes with one prefix would take each other's chunks for what a crash left. It is written once, by a put that only makes
//! what is not there.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, PutMode, PutPayload, RetryConfig};
use tokio::runtime::Handle;

use super::Error;
use super::cluster::Cluster;

/// The first line of the mark.
const VERSION: &str = "BOLE CHUNKS 1";
/// How long a request that fails in passing is tried again.
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);
const RETRIES_MAX: usize = 6;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_mins(2);

/// Which cluster, and as whom.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `http://…` or `https://…`; requests name the bucket in their path.
    pub url: String,
    /// The bucket, which is there.
    pub bucket: String,
    /// What all names begin with; may be empty.
    pub prefix: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The access key.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
    /// The token of keys that expire.
    pub session_token: Option<String>,
}

/// Without the secrets.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.to_string()).finish()
    }
}

/// Without the keys.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.url.trim_end_matches('/'), self.bucket, self.prefix)
    }
}

impl Endpoint {
    /// The client of it; nothing is asked yet. Errors: `Failed`; it cannot be used as it is configured.
    pub fn store(&self) -> Result<Arc<dyn ObjectStore>, Error> {
        let options = ClientOptions::new()
            .with_allow_http(self.url.starts_with("http://"))
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_timeout(REQUEST_TIMEOUT);
        let retry = RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: RETRIES_MAX,
            retry_timeout: RETRY_TIMEOUT,
        };
        let mut builder = AmazonS3Builder::new()
            .with_endpoint(self.url.trim_end_matches('/'))
            .with_bucket_name(&self.bucket)
            .with_region(&self.region)
            .with_access_key_id(&self.access_key)
            .with_secret_access_key(&self.secret_key)
            .with_client_options(options)
            .with_retry(retry);
        if let Some(token) = &self.session_token {
            builder = builder.with_token(token);
        }
        let built = builder.build().map_err(|error| Error::Failed(format!("{self}: {error}")))?;
        Ok(Arc::new(built))
    }

    /// The home.
    pub fn open(&self, runtime: Handle) -> Result<Cluster, Error> {
        Ok(Cluster::new(self.store()?, &self.prefix, runtime))
    }
}

/// Makes sure that a cluster is `owner`'s: leaves the mark in one that nobody has, unless `is_known` says that it must be there. Blocks.
/// Errors: `Failed`, it is somebody else's or has lost the mark; `Io`.
pub fn claim(cluster: &Cluster, owner: &str, is_known: bool) -> Result<(), Error> {
    let path = cluster.mark();
    let mark = format!("{VERSION}\n{owner}\n");
    let io = |error: object_store::Error| Error::Io {
        what: format!("\"{path}\""),
        error: io::Error::other(error),
    };
    let at = path.clone();
    let found = cluster.ask("a look at the mark", |store| async move {
        match store.get(&at).await {
            Ok(found) => found.bytes().await.map(Some),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    })?;
    match found.map_err(io)? {
        Some(found) if found == mark.as_bytes() => Ok(()),
        Some(found) => {
            let said = String::from_utf8_lossy(&found[..found.len().min(64)]).replace('\n', " ");
            Err(Error::Failed(format!(
                "\"{path}\" says \"{}\", so another node keeps chunks there; this one is {owner}. Choose another prefix",
                said.trim()
            )))
        }
        None if is_known => Err(Error::Failed(format!(
            "\"{path}\" is not there, though this node keeps chunks in that place: is it the right bucket and prefix?"
        ))),
        None => {
            let (at, mark) = (path.clone(), PutPayload::from(mark.into_bytes()));
            let put = cluster.ask("the mark", |store| async move {
                store.put_opts(&at, mark, PutMode::Create.into()).await
            })?;
            match put {
                // Who was faster is found by the next look.
                Err(object_store::Error::AlreadyExists { .. }) => claim(cluster, owner, true),
                put => put.map(drop).map_err(io),
            }
        }
    }
}
