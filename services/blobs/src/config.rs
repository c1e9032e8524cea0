//! How the service behaves; what a node's settings decide.

use std::sync::Arc;
use std::time::Duration;

use bole_identity::jwt::Verifier;

/// The service's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Domains below which names are buckets; `localhost` is one always.
    pub domains: Vec<String>,
    /// Domains below which names are websites: their requests are anonymous and read only.
    pub website_domains: Vec<String>,
    /// Where buckets are when nobody says where.
    pub region: String,
    /// The account that all users and buckets are in: 12 digits.
    pub account: String,
    /// How far a signature's time may be from the node's.
    pub clock_skew: Duration,
    /// For how long temporary credentials may be asked for.
    pub session_max: Duration,
    /// Whose tokens are taken for temporary credentials; nothing: nobody's.
    pub web_identity: Option<WebIdentity>,
    /// Threads for what blocks.
    pub threads_max: usize,
}

/// An issuer of tokens.
#[derive(Clone, Debug)]
pub struct WebIdentity {
    /// Checks them.
    pub verifier: Arc<Verifier>,
    /// The claim that names roles.
    pub roles_claim: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            website_domains: Vec::new(),
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            clock_skew: Duration::from_mins(15),
            session_max: Duration::from_hours(12),
            web_identity: None,
            threads_max: crate::limits::THREADS_MAX,
        }
    }
}
