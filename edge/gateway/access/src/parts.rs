//! What access asks of others: to fetch, to know the node's users and what they may do, time, randomness, secrets.

use crate::secret::Secrets;
use async_trait::async_trait;
use bole_base::Clock;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroize;

/// Why nothing was fetched: for operators. It must hold no header and no body.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(pub String);

/// Sends a request and gives the answer whole.
///
/// Whoever implements it bounds the time and the answer's size, checks certificates, and follows no redirect: an answer
/// of 3xx is an answer.
#[async_trait]
pub trait Fetch: Send + Sync + 'static {
    /// Sends `request`, whose URI is absolute.
    async fn fetch(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, FetchError>;
}

/// The users of this node.
#[async_trait]
pub trait Users: Send + Sync + 'static {
    /// Whether that is the user's password. What is unknown or disabled is `Ok(false)` and takes as long as a wrong password;
    /// `Err` if it cannot be said now. Whoever implements it bounds how much is hashed at a time.
    async fn verify(&self, user: &str, password: &str) -> Result<bool, FetchError>;
}

/// What users of this node may do.
pub trait Policies: Send + Sync + 'static {
    /// Whether `user` may do `action` (always `invoke`) to `resource` (`default/gateway/ROUTE`).
    fn allows(&self, user: &str, action: &str, resource: &str) -> bool;
}

/// A node without users.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

#[async_trait]
impl Users for Nobody {
    async fn verify(&self, _: &str, _: &str) -> Result<bool, FetchError> {
        Ok(false)
    }
}

impl Policies for Nobody {
    fn allows(&self, _: &str, _: &str, _: &str) -> bool {
        false
    }
}

/// Random bytes that nobody can guess.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's, by way of a generator in each thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        rand::RngCore::fill_bytes(&mut rand::rng(), bytes);
    }
}

/// `N` random bytes.
pub(crate) fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

/// Keys of session cookies. To change the key, the old one becomes `previous` until the sessions of its time have been renewed or ended.
#[derive(Clone)]
pub struct SessionKeys {
    /// Seals and opens.
    pub current: [u8; 32],
    /// Opens only.
    pub previous: Option<[u8; 32]>,
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SessionKeys(…)")
    }
}

impl Drop for SessionKeys {
    fn drop(&mut self) {
        self.current.zeroize();
        self.previous.zeroize();
    }
}

/// All of these.
#[derive(Clone)]
pub struct Parts {
    /// Sends requests.
    pub fetch: Arc<dyn Fetch>,
    /// The node's users.
    pub users: Arc<dyn Users>,
    /// What they may do.
    pub policies: Arc<dyn Policies>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Where references of secrets lead.
    pub secrets: Arc<dyn Secrets>,
    /// Keys of session cookies. All gateways of one site have the same.
    pub session_keys: SessionKeys,
    /// What is remembered from one document to the next.
    pub memory: Arc<crate::Memory>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Parts(…)")
    }
}

impl Parts {
    /// Milliseconds since the Unix epoch.
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now().0
    }
}
